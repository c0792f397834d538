"""How much somebody may do a second: token buckets by name. Pure."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Rates"]


@dataclass(slots=True)
class _Rate:
    tokens: float
    at: float


class Rates:
    """So many a second for each name, in bursts of at most *burst*."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second, self._burst = per_second, burst
        self._rates: dict[str, _Rate] = {}

    def take(self, name: str, now: float) -> bool:
        """False when *name* has had its share."""
        rate = self._rates.get(name)
        if rate is None:
            rate = self._rates[name] = _Rate(self._burst, now)
        rate.tokens = min(self._burst, rate.tokens + (now - rate.at) * self._per_second)
        rate.at = now
        if rate.tokens < 1:
            return False
        rate.tokens -= 1
        return True
