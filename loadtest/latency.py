"""Latencies, exact: every sample is kept. A run of this size has fewer than a million, eight bytes each
(measured-load 4: the cheapest structure, and the only one without an error)."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Latencies", "Series", "Summary"]


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

    def __init__(self) -> None:
        self._samples = array("d")

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
            return ordered[math.ceil(round(share * count, 6)) - 1] * 1000

        return Summary(count, rank(0.5), rank(0.9), rank(0.99), rank(0.999), ordered[-1] * 1000)


@dataclass(slots=True)
class Latencies:
    """What was measured of each call, by stage and name. ``intended`` counts from when the call was due, ``service`` from when it
    was sent, ``lag`` is how late the generator was."""

    intended: dict[tuple[str, str], Series] = field(default_factory=dict[tuple[str, str], Series])
    service: dict[tuple[str, str], Series] = field(default_factory=dict[tuple[str, str], Series])
    lag: Series = field(default_factory=Series)

    def note(self, stage: str, call: str, due_s: float, sent_s: float, done_s: float) -> None:
        """One call that was answered."""
        self.intended.setdefault((stage, call), Series()).add(done_s - due_s)
        self.service.setdefault((stage, call), Series()).add(done_s - sent_s)
        self.lag.add(sent_s - due_s)

    def merged(self, stage: str) -> Summary:
        """All calls of a stage together, from their intended instant."""
        whole = Series()
        for (of_stage, _), series in self.intended.items():
            if of_stage == stage:
                whole._samples.extend(series._samples)
        return whole.summary()

    def by_call(self, stage: str) -> Mapping[str, Summary]:
        return {
            call: series.summary() for (of_stage, call), series in sorted(self.intended.items()) if of_stage == stage
        }
