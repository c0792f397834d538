"""Two ends of a cable inside one process: the link of in-process benches."""

from __future__ import annotations

import asyncio

from protocols.link.base import LinkClosed

__all__ = ["MemoryLink", "memory_pair"]

MAX_QUEUED_CHUNKS = 4096


class MemoryLink:
    """One end of :func:`memory_pair`. Chunks keep their boundaries, so a split frame stays split."""

    def __init__(self, inbox: asyncio.Queue[bytes | None], outbox: asyncio.Queue[bytes | None]) -> None:
        self._inbox, self._outbox = inbox, outbox
        self._closed = False

    async def receive(self) -> bytes:
        if self._closed:
            raise LinkClosed("this end is closed")
        chunk = await self._inbox.get()
        if chunk is None:
            self._closed = True
            raise LinkClosed("the far end was closed")
        return chunk

    async def send(self, data: bytes) -> None:
        if self._closed:
            raise LinkClosed("this end is closed")
        self._outbox.put_nowait(data)

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._outbox.put_nowait(None)


def memory_pair() -> tuple[MemoryLink, MemoryLink]:
    """Two connected links."""
    a: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_QUEUED_CHUNKS)
    b: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_QUEUED_CHUNKS)
    return MemoryLink(a, b), MemoryLink(b, a)
