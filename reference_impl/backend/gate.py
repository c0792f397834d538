"""Before any route: an id for every request, limits on what comes in, and one log line for what goes out.

The log line has the route's template and never the address itself: identifiers may be in it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import structlog
from fastapi import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from protocols.clock import stopwatch_s
from reference_impl.backend.metrics import Metrics
from reference_impl.backend.problems import (
    INTERNAL,
    MALFORMED_JSON,
    NOT_JSON,
    OVERLOADED,
    TOO_LARGE,
    TOO_SLOW,
    problem_reply,
)
from reference_impl.backend.request_context import REQUEST_ID
from reference_impl.backend.settings import Limits

__all__ = ["Gate"]

REQUEST_ID_HEADER = b"x-request-id"
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_QUIET = frozenset({"/healthz", "/metrics"})
_LOG = structlog.get_logger("backend.http")
_PLAIN = logging.getLogger("backend.http")


class _Gone(Exception):
    """The caller went away before its request was whole."""


class Gate:
    """ASGI middleware. *entropy* tells the request ids of two processes apart; *limits* say what a request may be."""

    def __init__(self, app: ASGIApp, limits: Limits, metrics: Metrics, entropy: Callable[[int], bytes]) -> None:
        self._app, self._limits, self._metrics = app, limits, metrics
        # It begins with a letter: digits alone look like a number of somebody, which no log line shows.
        self._prefix, self._count = f"r{entropy(4).hex()}", 0
        self.serving = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._count += 1
        request_id = f"{self._prefix}{self._count:08x}"
        token = REQUEST_ID.set(request_id)
        started, status = stopwatch_s(), 0
        begun = False

        async def answer(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                message["headers"] = [*message.get("headers", ()), (REQUEST_ID_HEADER, request_id.encode())]
            await send(message)

        self.serving += 1
        try:
            await self._serve(scope, receive, answer)
        except _Gone:
            status = 499
        except Exception:
            _LOG.exception("request failed")
            if begun:
                raise
            await problem_reply(INTERNAL)(scope, receive, answer)
        finally:
            self.serving -= 1
            self._note(scope, status, stopwatch_s() - started)
            REQUEST_ID.reset(token)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.serving > self._limits.requests and scope["path"] not in _QUIET:
            await problem_reply(OVERLOADED)(scope, receive, send)
            return
        body = await self._body(scope, receive)
        if isinstance(body, Response):
            await body(scope, receive, send)
            return
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, again, send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | Response:
        """The whole body, or the reply that refuses it."""
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self._limits.body_bytes:
            return problem_reply(TOO_LARGE, headers={"connection": "close"})
        if not (length.strip(b"0") or b"transfer-encoding" in headers):
            return b""
        if not _is_json(headers.get(b"content-type", b"")):
            return problem_reply(NOT_JSON)
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._limits.body_s):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self._limits.body_bytes:
                        return problem_reply(TOO_LARGE, headers={"connection": "close"})
                    more = message.get("more_body", False)
        except TimeoutError:
            return problem_reply(TOO_SLOW, headers={"connection": "close"})
        body = b"".join(parts)
        return body if _is_utf8(body) else problem_reply(MALFORMED_JSON)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route: Any = scope.get("route")
        template = getattr(route, "path", "-")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.served(method, template, status, seconds)
        failed = status >= 500
        wanted = failed or _PLAIN.isEnabledFor(logging.DEBUG)  # asked first: nearly all lines are dropped
        if wanted and template not in _QUIET:
            level = _LOG.warning if failed else _LOG.debug
            level("request", method=method, route=template, status=status, duration_ms=round(seconds * 1000, 2))


def _is_utf8(body: bytes) -> bool:
    """Parsers of JSON guess at UTF-16 and UTF-32 too; nobody agreed on those."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\x00" not in body


def _is_json(content_type: bytes) -> bool:
    kind, _, parameters = content_type.decode("latin-1").lower().partition(";")
    name, _, value = parameters.strip().partition("=")
    return kind.strip() == "application/json" and (not name or (name == "charset" and value.strip(' "') == "utf-8"))
