"""The one source of randomness: numbers from a seed, the same on every machine and in every run. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["SeededChoice"]

T = TypeVar("T")


class SeededChoice:
    """Draws for one *purpose*. Two purposes of one seed do not disturb each other, however often each draws."""

    def __init__(self, seed: int, purpose: str) -> None:
        self._seed = f"{seed}:{purpose}:"
        self._count = 0

    def below(self, limit: int) -> int:
        """A number from 0 to *limit* - 1."""
        self._count += 1
        digest = hashlib.sha256(f"{self._seed}{self._count}".encode()).digest()
        return int.from_bytes(digest[:4], "big") % limit

    def bytes(self, length: int) -> bytes:
        return bytes(self.below(256) for _ in range(length))

    def chance(self, probability: float) -> bool:
        """True in so many of all cases."""
        return self.below(1_000_000) < probability * 1_000_000

    def one_of(self, values: Sequence[T]) -> T:
        return values[self.below(len(values))]

    def between(self, low: float, high: float) -> float:
        """A number from *low* to *high*, in a million steps."""
        return low + (high - low) * self.below(1_000_000) / 1_000_000
