"""Loopback servers under uvicorn: several in one process, stopped by their owner and never by a signal of their own."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import uvicorn

from protocols.link.base import LinkError
from protocols.wire.http import MAX_BODY_BYTES, HttpReply, HttpRequest

__all__ = ["AsgiServer", "asgi", "bind_loopback"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Handler = Callable[[HttpRequest], Awaitable[HttpReply | None]]

HOST = "127.0.0.1"
BACKLOG = 2048
"""A whole city may connect in one second."""
STOP_LIMIT_S = 2.0


def bind_loopback(port: int) -> socket.socket:
    """A listening socket on loopback; port 0 lets the system choose. Raises LinkError naming a port in use."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise LinkError(f"port {port} is in use on this machine: name another one, or 0 to choose") from error
        raise LinkError(f"cannot listen on port {port}: {error.strerror}") from error
    return listener


class _Server(uvicorn.Server):
    """The owner's signals stay the owner's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class AsgiServer:
    """Serves *application* on loopback from :meth:`start` to :meth:`stop`."""

    def __init__(self, application: Any, port: int = 0) -> None:
        self._socket = bind_loopback(port)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan="off",
            http="httptools",
            ws="none",
            timeout_graceful_shutdown=1,
            server_header=False,
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]), name=f"server on {self.port}")
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise LinkError(f"the server on port {self.port} ended before it began")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Stop listening; requests under way get a moment, then they are cut off."""
        self._server.should_exit = True
        if self._task is not None:
            done, _ = await asyncio.wait({self._task}, timeout=STOP_LIMIT_S)
            if not done:
                self._server.force_exit = True
                self._task.cancel()
                await asyncio.wait({self._task})
        self._socket.close()


def asgi(handler: Handler) -> Any:
    """An ASGI application over plain values. *handler* gives None where no reply is to be sent: the client then waits
    until its own limit, as it does for a reply that was lost."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = bytearray()
        more = True
        while more:
            part = await receive()
            if part["type"] == "http.disconnect":
                return
            body += part.get("body", b"")
            more = part.get("more_body", False)
            if len(body) > MAX_BODY_BYTES:
                await _answer(send, HttpReply(413, {}, b"the body is too large"))
                return
        reply = await handler(_request_of(scope, bytes(body)))
        if reply is None:
            while (await receive())["type"] != "http.disconnect":
                continue
            return
        await _answer(send, reply)

    return application


def _request_of(scope: Scope, body: bytes) -> HttpRequest:
    target = scope["raw_path"].decode("latin-1") if scope.get("raw_path") else scope["path"]
    if scope["query_string"]:
        target += "?" + scope["query_string"].decode("latin-1")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return HttpRequest(scope["method"], target, headers, body)


async def _answer(send: Send, reply: HttpReply) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers.items()]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
