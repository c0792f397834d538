"""A host that takes frames over TCP: two bytes of length, then the frame; the reply on the same connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from simulators.serve.server import bind_loopback

__all__ = ["FrameServer"]

Handler = Callable[[bytes], Awaitable[bytes | None]]

IDLE_LIMIT_S = 120.0
LENGTH_BYTES = 2


class FrameServer:
    """Serves *handler*, which takes and gives frames without their length (None: no reply), on loopback.

    A connection may carry any number of frames; each is answered when it is done, so a slow one holds up no other.
    """

    def __init__(self, handler: Handler, port: int = 0) -> None:
        self._handler = handler
        self._socket = bind_loopback(port)
        self.port: int = self._socket.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, sock=self._socket)

    async def stop(self) -> None:
        """Stop listening and cut off every connection."""
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own = asyncio.current_task()
        assert own is not None
        self._tasks.add(own)
        exchanges: set[asyncio.Task[None]] = set()
        try:
            while True:
                async with asyncio.timeout(IDLE_LIMIT_S):
                    length = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big")
                    frame = await reader.readexactly(length)
                task = asyncio.create_task(self._exchange(frame, writer))
                for kept in (exchanges, self._tasks):
                    kept.add(task)
                    task.add_done_callback(kept.discard)
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            # The client has gone, or says nothing: what it asked for is still carried out (its reply goes nowhere).
            if exchanges:
                await asyncio.gather(*exchanges, return_exceptions=True)
        finally:
            self._tasks.discard(own)
            writer.close()

    async def _exchange(self, frame: bytes, writer: asyncio.StreamWriter) -> None:
        reply = await self._handler(frame)
        if reply is None:
            return
        with contextlib.suppress(ConnectionError):
            writer.write(len(reply).to_bytes(LENGTH_BYTES, "big") + reply)
            await writer.drain()
