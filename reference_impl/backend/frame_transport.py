"""Frames to the bank's host over TCP: two bytes of length (big-endian), one connection an exchange (spec/services.md 3.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

from reference_impl.backend.transport import NoAnswer, NotSent

__all__ = ["StreamTransport"]

LENGTH_BYTES = 2
MOST_BYTES = 0xFFFF


class StreamTransport:
    """A :class:`~reference_impl.backend.transport.FrameTransport`. *peers* gives ``tcp://host:port`` of each by name."""

    def __init__(self, peers: Mapping[str, str]) -> None:
        self._peers = {name: _place(url) for name, url in peers.items()}

    async def exchange(self, peer: str, frame: bytes, limit_s: float) -> bytes:
        """Raises :class:`NoAnswer` or :class:`NotSent`; ValueError for a frame that no length can tell."""
        if not 0 < len(frame) <= MOST_BYTES:
            raise ValueError(f"a frame has 1 to {MOST_BYTES} bytes, not {len(frame)}")
        place = self._peers.get(peer)
        if place is None:
            raise NotSent(f"{peer} is not connected: name its address in the setting peers.{peer}")
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(limit_s):
                reader, writer = await asyncio.open_connection(*place)
                writer.write(len(frame).to_bytes(LENGTH_BYTES, "big") + frame)
                await writer.drain()
                length = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big")
                if length == 0:
                    raise NoAnswer(f"{peer}: an empty frame")
                return await reader.readexactly(length)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            kind = NotSent if writer is None else NoAnswer
            raise kind(f"{peer}: {type(error).__name__}") from error
        finally:
            if writer is not None:
                writer.transport.abort()  # what comes after the reply is for nobody


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme != "tcp" or not parts.hostname or parts.port is None:
        raise ValueError(f"{url}: write tcp://host:port")
    return parts.hostname, parts.port
