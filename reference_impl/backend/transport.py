"""The seam to the network: one request out, one reply in, or a word on why there is none.

The shells (aiohttp, asyncio streams) and the simulated network implement the same two protocols.
"""

from __future__ import annotations

from typing import Protocol

from protocols.wire.http import HttpReply, HttpRequest

__all__ = ["FrameTransport", "HttpTransport", "NoAnswer", "NotSent"]


class NoAnswer(Exception):
    """No reply within the limit, or the connection broke: the peer may have carried it out, or not."""


class NotSent(NoAnswer):
    """Certainly not one byte has reached the peer: nobody accepted the connection."""


class HttpTransport(Protocol):
    """*peer* is the name of a service in the settings: his, insurance, qr, credential, notify."""

    async def exchange(self, peer: str, request: HttpRequest, limit_s: float, /) -> HttpReply:
        """Raises :class:`NoAnswer` or :class:`NotSent`. Any status is a reply."""
        ...


class FrameTransport(Protocol):
    """One connection an exchange, as point-of-sale hosts take them: a frame out, a frame in (both without their
    two-byte length)."""

    async def exchange(self, peer: str, frame: bytes, limit_s: float, /) -> bytes:
        """Raises :class:`NoAnswer` or :class:`NotSent`."""
        ...
