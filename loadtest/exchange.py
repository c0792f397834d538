"""The seam between a kiosk of the fleet and whatever carries its requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from protocols.wire.http import HttpReply, HttpRequest

__all__ = ["Exchange", "NoReply", "Received"]


class NoReply(Exception):
    """Nothing usable came back: refused or broken connection, malformed reply, or silence beyond the limit. The text says
    which, and nothing of what was sent."""


@dataclass(frozen=True, slots=True)
class Received:
    """A reply, and for how long it had lain in this machine when it was read."""

    reply: HttpReply
    late_s: float = 0.0


class Exchange(Protocol):
    """One request out, one reply in."""

    def exchange(self, request: HttpRequest, limit_s: float) -> Received:
        """Raises :class:`NoReply`. Any status is a reply."""
        ...

    def close(self) -> None: ...
