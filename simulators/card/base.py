"""The seam of every virtual card: the same object answers through vpcd, a reader's contact socket, and in process."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Card", "PowerLost"]


class PowerLost(Exception):
    """The supply failed in the middle of a command: what was not committed is gone (tests of torn cards raise it)."""


class Card(Protocol):
    """A chip. Pure and deterministic; its random numbers come from its own seed.

    ``transmit`` takes one T=0 command (header, Lc and data or Le) and gives data and status word: case 4 answers
    ``61xx`` and waits for GET RESPONSE. An unpowered card answers nothing (empty bytes).
    """

    def power_on(self) -> bytes:
        """Cold reset: security state and selection are lost. Gives the ATR; empty for a mute chip."""
        ...

    def reset(self) -> bytes:
        """Warm reset: like :meth:`power_on`, without the supply going away."""
        ...

    def power_off(self) -> None: ...

    def transmit(self, apdu: bytes) -> bytes: ...
