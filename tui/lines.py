"""Lines from standard input beside a running event loop, and the signals that end a long command."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

__all__ = ["StdinLines", "until_signalled"]

STDIN = 0
CHUNK_BYTES = 4096


class StdinLines:
    """``async for line in StdinLines()``: stripped lines until end of file.

    A daemon thread reads the descriptor itself: a thread that holds Python's own buffer of standard input would stop
    the interpreter from ending.
    """

    def __init__(self, descriptor: int = STDIN) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._descriptor = descriptor
        threading.Thread(target=self._read, name="standard input", daemon=True).start()

    def _read(self) -> None:
        rest = b""
        while True:
            try:
                chunk = os.read(self._descriptor, CHUNK_BYTES)
            except OSError:
                chunk = b""
            *whole, rest = (rest + chunk).split(b"\n")
            if not chunk and rest:
                whole.append(rest)
            try:
                for each in whole:
                    self._loop.call_soon_threadsafe(self._queue.put_nowait, each.decode("utf-8", "replace").strip())
                if not chunk:
                    self._loop.call_soon_threadsafe(self._queue.put_nowait, None)
                    return
            except RuntimeError:
                return  # the loop has ended meanwhile

    async def next(self) -> str | None:
        """The next line; None at the end of the input."""
        return await self._queue.get()

    async def __aiter__(self) -> AsyncIterator[str]:
        while (line := await self.next()) is not None:
            yield line


@contextmanager
def until_signalled() -> Iterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set, instead of ending the program in the middle of something."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, ended.set)
    try:
        yield ended
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
