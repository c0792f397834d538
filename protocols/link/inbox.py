"""Bytes that have arrived on a link and that nobody has received yet: bounded, and safe to cancel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from protocols.link.base import LinkClosed, LinkError

__all__ = ["INBOX_LIMIT_BYTES", "Inbox"]

INBOX_LIMIT_BYTES = 1 << 16
"""Above this the source is paused, so that a peer that babbles fills its own buffers and not our memory."""


class Inbox:
    """One producer (callbacks of the event loop) and one consumer (``get``).

    ``pause`` and ``resume`` are called when the inbox is full and when it has been emptied. A cancelled ``get`` loses
    nothing: bytes stay here until a ``get`` returns them.
    """

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self._pause, self._resume = pause, resume
        self._bytes = bytearray()
        self._end: LinkError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._paused = False

    @property
    def ended(self) -> bool:
        return self._end is not None

    def put(self, data: bytes) -> None:
        """Bytes from the source."""
        self._bytes += data
        if len(self._bytes) >= INBOX_LIMIT_BYTES and not self._paused:
            self._paused = True
            self._pause()
        self._wake()

    def end(self, error: LinkError) -> None:
        """Nothing more will come. What is here can still be received, then *error* is raised, every time."""
        if self._end is None:
            self._end = error
            self._wake()

    async def get(self) -> bytes:
        """At least one byte. Raises the error of :meth:`end`, and LinkError when two tasks receive at once."""
        while not self._bytes:
            if self._end is not None:
                raise type(self._end)(*self._end.args)
            if self._waiter is not None:
                raise LinkError("two tasks receive from one link: only one of them may")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = bytes(self._bytes)
        self._bytes.clear()
        if self._paused:
            self._paused = False
            if self._end is None:
                self._resume()
        return data

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def closed_here() -> LinkClosed:
    """What ``receive`` and ``send`` raise after this end was closed."""
    return LinkClosed("this end is closed")
