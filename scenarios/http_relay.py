"""A relay between a kiosk and its backend: bytes go through as they are, and every exchange is heard beside them.

Neither side notices it: a backend that is gone is a connection refused, a reply that breaks off breaks off.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httptools

from simulators.serve.server import bind_loopback

__all__ = ["HttpRelay", "Relayed"]

CHUNK_BYTES = 65_536


@dataclass(slots=True)
class Relayed:
    """One exchange. ``status`` 0: no reply came. Headers are in lower case."""

    method: str
    target: str
    started: float
    ended: float = 0.0
    status: int = 0
    request_headers: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    reply_headers: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    request_body: bytes = field(default=b"", repr=False)
    reply_body: bytes = field(default=b"", repr=False)


class _Side:
    """One direction of a connection, cut into messages by llhttp."""

    def __init__(self, request: bool, done: Callable[[_Side], None]) -> None:
        self._done = done
        self.parser: Any = httptools.HttpRequestParser(self) if request else httptools.HttpResponseParser(self)
        self.clear()

    def clear(self) -> None:
        self.target, self.headers, self.body = b"", dict[str, str](), bytearray()

    def on_message_begin(self) -> None:
        self.clear()

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self._done(self)


class HttpRelay:
    """Stands at ``url``; :attr:`target` is ``(host, port)`` of the backend and may change. *heard* is told of every exchange
    once its reply is whole, or once the connection has broken without one."""

    def __init__(self, target: tuple[str, int], heard: Callable[[Relayed], None], now: Callable[[], float]) -> None:
        self.target, self._heard, self._now = target, heard, now
        self._socket = bind_loopback(0)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, sock=self._socket)

    async def aclose(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            onward, back = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        ear = _Ear(self._heard, self._now)
        ways = [
            asyncio.create_task(_pump(reader, back, ear.request)),
            asyncio.create_task(_pump(onward, writer, ear.reply)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            ear.broke()
            for each in (writer, back):
                each.close()


class _Ear:
    """Pairs requests and replies of one connection, which come in order."""

    def __init__(self, heard: Callable[[Relayed], None], now: Callable[[], float]) -> None:
        self._heard, self._now = heard, now
        self._waiting: deque[Relayed] = deque()
        self._requests, self._replies = _Side(True, self._asked), _Side(False, self._answered)
        self._deaf = False

    def request(self, data: bytes) -> None:
        self._feed(self._requests, data)

    def reply(self, data: bytes) -> None:
        self._feed(self._replies, data)

    def _feed(self, side: _Side, data: bytes) -> None:
        """What is no HTTP goes through unheard."""
        if not self._deaf:
            try:
                side.parser.feed_data(data)
            except httptools.HttpParserError:
                self._deaf = True

    def _asked(self, side: _Side) -> None:
        method = side.parser.get_method().decode()
        self._waiting.append(
            Relayed(
                method,
                side.target.decode("latin-1"),
                self._now(),
                request_headers=side.headers,
                request_body=bytes(side.body),
            )
        )

    def _answered(self, side: _Side) -> None:
        if self._waiting:
            exchange = self._waiting.popleft()
            exchange.status, exchange.ended = side.parser.get_status_code(), self._now()
            exchange.reply_headers, exchange.reply_body = side.headers, bytes(side.body)
            self._heard(exchange)

    def broke(self) -> None:
        while self._waiting:
            exchange = self._waiting.popleft()
            exchange.ended = self._now()
            self._heard(exchange)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tap: Callable[[bytes], None]) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(CHUNK_BYTES):
            tap(data)
            writer.write(data)
            await writer.drain()
