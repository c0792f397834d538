"""The seam of every simulated device, and the physical events that reach it other than through its cable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from simulators.card.body import CardBody

__all__ = ["Device", "Physical"]


@dataclass(frozen=True, slots=True)
class Physical:
    """Something that happens to a device in the room: the citizen's hand, the power, a jam.

    ``action`` is a word of the hand's vocabulary (docs/hand.md), such as ``insert``, ``press`` or ``poweroff``; every
    device class has its own. ``card`` is the body that ``insert`` brings, ``argument`` what stands behind another word.
    """

    action: str
    card: CardBody | None = None
    argument: str = field(default="", repr=False)
    """A digit that is pressed is nobody's business: it shows in no text."""


class Device(Protocol):
    """A simulated device: no I/O, no clock of its own, deterministic. ``now`` never goes backwards."""

    def receive(self, data: bytes, now: float) -> None:
        """Bytes arrive from the link."""
        ...

    def advance(self, now: float) -> None:
        """Run the timers that are due at *now*."""
        ...

    def deadline(self) -> float | None:
        """When :meth:`advance` is wanted next; None while only outside events can change anything."""
        ...

    def take(self) -> bytes:
        """Bytes for the link, and forget them."""
        ...

    def apply(self, event: Physical, now: float) -> None:
        """A physical event. Raises ValueError for an action that this device does not know."""
        ...

    def snapshot(self) -> Mapping[str, object]:
        """Inner state for panels. A suite that must run on real devices never looks here."""
        ...

    def violations(self) -> list[str]:
        """What the host did against the protocol since the last call: the simulator reports its peer."""
        ...
