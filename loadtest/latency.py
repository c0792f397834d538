"""Latencies, exact: every sample is kept. A run of this size has fewer than a million, eight bytes each
(measured-load 4: the cheapest structure, and the only one without an error)."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["CallRow", "Series", "Summary", "histogram"]


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call of a kiosk; times in seconds from the beginning of the load. ``due_s``: when it was to be sent; ``sent_s``:
    when it was; ``heard_s``: when its reply had arrived at this machine (the kernel's stamp where there is one); ``done_s``:
    when the generator had read it. ``status`` 0: never answered, then ``heard_s`` is when it was given up. ``code`` is that of
    a refusal. ``waits``: the reply was asked to come with news, so its time says nothing of the server's speed."""

    stage: str
    call: str
    kiosk: int
    due_s: float
    sent_s: float
    heard_s: float
    done_s: float
    status: int
    code: str = ""
    waits: bool = False

    @property
    def latency_s(self) -> float:
        """From the intended instant: what a citizen feels, whatever held the call up."""
        return self.heard_s - self.due_s

    @property
    def service_s(self) -> float:
        """From the instant at which it was sent: what a closed model would report."""
        return self.heard_s - self.sent_s

    @property
    def lag_s(self) -> float:
        """How late the generator sent."""
        return self.sent_s - self.due_s

    @property
    def late_s(self) -> float:
        """How late the generator read the reply."""
        return self.done_s - self.heard_s

    @property
    def answered(self) -> bool:
        return self.status != 0

    @property
    def refused(self) -> bool:
        return self.status >= 300

    def as_json(self) -> dict[str, Any]:
        return {name: round(value, 6) if isinstance(value, float) else value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Summary:
    """In milliseconds; ``count`` samples."""

    count: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    most_ms: float


EMPTY = Summary(0, 0.0, 0.0, 0.0, 0.0, 0.0)


class Series:
    """Samples of one kind, in seconds."""

    def __init__(self, seconds: Iterable[float] = ()) -> None:
        self._samples = array("d", seconds)

    def add(self, seconds: float) -> None:
        self._samples.append(seconds)

    def __len__(self) -> int:
        return len(self._samples)

    def summary(self) -> Summary:
        """Nearest-rank percentiles: a figure that was really measured, never an interpolation."""
        count = len(self._samples)
        if not count:
            return EMPTY
        ordered = sorted(self._samples)

        def rank(share: float) -> float:
            return round(ordered[math.ceil(round(share * count, 6)) - 1] * 1000, 3)

        return Summary(count, rank(0.5), rank(0.9), rank(0.99), rank(0.999), round(ordered[-1] * 1000, 3))


def histogram(seconds: Sequence[float], edges_ms: Sequence[float]) -> list[int]:
    """How many samples are below each edge and not below the one before; the last count is of all beyond."""
    counts = [0] * (len(edges_ms) + 1)
    for each in seconds:
        at = next((number for number, edge in enumerate(edges_ms) if each * 1000 < edge), len(edges_ms))
        counts[at] += 1
    return counts
