"""TCP links: ``tcp://127.0.0.1:4001?wait_s=5`` for a client, :func:`listen_tcp` to host a device on a port."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import cast

from protocols.clock import Clock
from protocols.link.base import LinkClosed, LinkError, LinkUrl
from protocols.link.inbox import Inbox, closed_here

__all__ = ["SCHEMES", "TcpLink", "TcpListener", "connect", "listen_tcp"]

SCHEMES = ("tcp",)

DEFAULT_WAIT_S = 5.0
RETRY_PAUSE_S = 0.05
DRAIN_LIMIT_S = 10.0
CLOSE_LIMIT_S = 2.0


class _Wire(asyncio.Protocol):
    """One TCP connection; bytes go to the inbox that the owner gives when the connection is made."""

    def __init__(self, owner: TcpListener | None = None) -> None:
        self._owner = owner
        self.transport: asyncio.Transport | None = None
        self.inbox = owner.inbox if owner else Inbox(self.pause, self.resume)
        self._drained = asyncio.Event()
        self._drained.set()
        self.lost = asyncio.Event()

    def pause(self) -> None:
        if self.transport is not None:
            self.transport.pause_reading()

    def resume(self) -> None:
        if self.transport is not None and not self.lost.is_set():
            self.transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        peer = self.transport.get_extra_info("socket")
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._owner is not None and not self._owner.admit(self):
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._owner is None or self._owner.wire is self:
            self.inbox.put(data)

    def pause_writing(self) -> None:
        self._drained.clear()

    def resume_writing(self) -> None:
        self._drained.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        self._drained.set()
        if self._owner is not None:
            self._owner.left(self)
        else:
            self.inbox.end(LinkClosed(f"the far end closed the connection{f': {exc}' if exc else ''}"))

    async def send(self, data: bytes) -> None:
        if self.lost.is_set() or self.transport is None or self.transport.is_closing():
            raise LinkClosed("the far end closed the connection")
        self.transport.write(data)
        if not self._drained.is_set():
            try:
                async with asyncio.timeout(DRAIN_LIMIT_S):
                    await self._drained.wait()
            except TimeoutError:
                self.transport.abort()
                raise LinkClosed(f"the far end took no bytes for {DRAIN_LIMIT_S:g} s") from None

    async def aclose(self) -> None:
        """Send what is left, then close; a peer that takes nothing is cut off."""
        if self.transport is None:
            return
        self.transport.close()
        try:
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await self.lost.wait()
        except TimeoutError:
            self.transport.abort()


class TcpLink:
    """The client's end of a TCP connection."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire
        self._closed = False

    async def receive(self) -> bytes:
        return await self._wire.inbox.get()

    async def send(self, data: bytes) -> None:
        if self._closed:
            raise closed_here()
        await self._wire.send(data)

    async def aclose(self) -> None:
        self._closed = True
        self._wire.inbox.end(closed_here())
        await self._wire.aclose()


class TcpListener:
    """A port on loopback behind which a device lives, like a serial device behind a terminal server.

    It is itself a link: clients come and go, one at a time (another one is turned away while one is connected), and
    bytes that are sent while nobody is connected are lost and counted in ``dropped_bytes``.
    """

    def __init__(self) -> None:
        self.wire: _Wire | None = None
        self.inbox = Inbox(self._pause, self._resume)
        self.dropped_bytes = 0
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The link URL for the other end."""
        return f"tcp://127.0.0.1:{self.port}"

    async def start(self, port: int) -> None:
        """Listen on 127.0.0.1:*port*; 0 lets the system choose. Raises LinkError naming a port that is in use."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Wire(self), "127.0.0.1", port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise LinkError(f"port {port} is in use on this machine: name another one, or 0 to choose") from error
            raise LinkError(f"cannot listen on port {port}: {error.strerror}") from error
        self.port = self._server.sockets[0].getsockname()[1]

    def admit(self, wire: _Wire) -> bool:
        """A client has connected. False turns it away."""
        if self.wire is not None or self.inbox.ended:
            return False
        self.wire = wire
        return True

    def left(self, wire: _Wire) -> None:
        """A client has gone."""
        if self.wire is wire:
            self.wire = None

    def _pause(self) -> None:
        if self.wire is not None:
            self.wire.pause()

    def _resume(self) -> None:
        if self.wire is not None:
            self.wire.resume()

    async def receive(self) -> bytes:
        return await self.inbox.get()

    async def send(self, data: bytes) -> None:
        if self.inbox.ended:
            raise closed_here()
        try:
            if self.wire is None:
                raise LinkClosed("nobody is connected")
            await self.wire.send(data)
        except LinkClosed:
            self.dropped_bytes += len(data)

    async def aclose(self) -> None:
        """Stop listening and drop the client."""
        self.inbox.end(closed_here())
        if self._server is not None:
            self._server.close()
        if self.wire is not None:
            await self.wire.aclose()


async def listen_tcp(port: int = 0) -> TcpListener:
    """A listener on loopback that is ready for a client."""
    listener = TcpListener()
    await listener.start(port)
    return listener


async def connect(url: LinkUrl, clock: Clock) -> TcpLink:
    """Connect, retrying until ``wait_s`` has passed. Raises LinkError with the last reason and the remedy."""
    if not url.host or not url.port:
        raise LinkError(f"link {url}: write host and port, such as tcp://127.0.0.1:4001")
    for key in url.options:
        if key != "wait_s":
            raise LinkError(f"link {url}: unknown option {key!r}; known: wait_s")
    try:
        wait_s = float(url.options.get("wait_s", DEFAULT_WAIT_S))
    except ValueError as error:
        raise LinkError(f"link {url}: wait_s is no number of seconds") from error
    until = clock.now() + wait_s
    loop = asyncio.get_running_loop()
    while True:
        try:
            async with asyncio.timeout(max(until - clock.now(), RETRY_PAUSE_S)):
                _, wire = await loop.create_connection(_Wire, url.host, url.port)
            return TcpLink(wire)
        except socket.gaierror as error:
            raise LinkError(f"link {url}: the name {url.host!r} is not known here: {error.strerror}") from error
        except OSError as error:  # TimeoutError is one
            if clock.now() + RETRY_PAUSE_S >= until:
                why = error.strerror or "no answer"
                raise LinkError(
                    f"link {url}: nobody accepted within {wait_s:g} s ({why}); start the device first, check the port"
                ) from error
        await clock.sleep_until(clock.now() + RETRY_PAUSE_S)
