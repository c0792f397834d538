"""One HTTP/1.1 reply out of bytes, by httptools (llhttp), with limits. Pure: knows no socket."""

from __future__ import annotations

from collections.abc import Mapping

import httptools

from protocols.wire.http import MAX_BODY_BYTES, HttpReply, HttpRequest

__all__ = ["MalformedReply", "ReplyReader", "request_bytes"]

MOST_HEAD_BYTES = 32_768
HOP_BY_HOP = frozenset({"content-length", "host", "connection"})


class MalformedReply(Exception):
    """What came is no reply to one request; the connection is of no use any more. The text never quotes it."""


class ReplyReader:
    """Feed it until it gives the reply. Made for one reply: a second one that nobody has asked for is malformed."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._head_bytes = 0
        self._heads_done = False
        self._complete = False
        self._final = False
        self.begun = False
        self.keep_alive = False

    def feed(self, data: bytes) -> HttpReply | None:
        """The reply once it is whole. Raises :class:`MalformedReply`."""
        if self._complete:
            raise MalformedReply("bytes after the reply")
        self.begun = True
        if not self._heads_done:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except MalformedReply:
            raise
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            raise (
                cause if isinstance(cause, MalformedReply) else MalformedReply("a part that cannot be taken")
            ) from None
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise MalformedReply(f"no HTTP: {type(error).__name__}") from None
        if not self._heads_done and self._head_bytes > MOST_HEAD_BYTES:
            raise MalformedReply(f"more than {MOST_HEAD_BYTES} bytes of headers")
        if not self._complete:
            return None
        return HttpReply(self._parser.get_status_code(), dict(self._headers), bytes(self._body))

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self._complete:
            raise MalformedReply("a second reply to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._final = self._parser.get_status_code() >= 200
        self._heads_done = self._final
        self.keep_alive = self._parser.should_keep_alive()
        if not self._final:
            self._headers.clear()  # 100 Continue and the like come before the reply

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > MAX_BODY_BYTES:
            raise MalformedReply(f"more than {MAX_BODY_BYTES} bytes of body")

    def on_message_complete(self) -> None:
        self._complete = self._final


def request_bytes(request: HttpRequest, host: str) -> bytes:
    """*request* as it goes onto the wire. Raises ValueError for a header that would end the line."""
    lines = [f"{request.method} {request.target} HTTP/1.1", f"host: {host}"]
    for name, value in _checked(request.headers).items():
        if name.lower() not in HOP_BY_HOP:
            lines.append(f"{name}: {value}")
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        lines.append(f"content-length: {len(request.body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + request.body


def _checked(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if any(each in name or each in value for each in "\r\n\0"):
            raise ValueError(f"header {name!r} has a line end in it")
    return headers
