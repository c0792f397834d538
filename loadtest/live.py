"""How a load stands, second by second: what a person watches. Pure; verdicts come from the rows and not from here."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import pairwise

from loadtest.fleet import Fleet
from loadtest.latency import CallRow, Series
from loadtest.rows import EDGES_MS, Tick
from loadtest.schedule import total_s

__all__ = ["Live"]

WINDOW_S = 5.0
"""Rates and percentiles are of so many last seconds."""


class Live:
    """Hears every call; :meth:`tick` once a second. ``cpu_of`` tells the generator's CPU share in each stage afterwards."""

    def __init__(self) -> None:
        self._recent: deque[CallRow] = deque()
        self._histogram = [0] * (len(EDGES_MS) + 1)
        self._calls = self._refused = self._unanswered = 0
        self._cpu: list[tuple[float, float]] = []
        self._ended: deque[tuple[float, int]] = deque()

    def on_call(self, row: CallRow) -> None:
        self._calls += 1
        self._refused += row.answered and bool(row.code)
        self._unanswered += not row.answered
        self._recent.append(row)
        if not row.waits and row.answered:
            at = next((number for number, edge in enumerate(EDGES_MS) if row.latency_s * 1000 < edge), len(EDGES_MS))
            self._histogram[at] += 1

    def tick(self, fleet: Fleet, phase: str, cpu_s: float) -> Tick:
        """*cpu_s* is the CPU time that this process has used so far."""
        now = fleet.now()
        while self._recent and self._recent[0].done_s < now - WINDOW_S:
            self._recent.popleft()
        self._cpu.append((now, cpu_s))
        ended = len(fleet.visits)
        self._ended.append((now, ended))
        while len(self._ended) > 1 and self._ended[0][0] < now - WINDOW_S:
            self._ended.popleft()
        span = min(WINDOW_S, max(now, 1.0))
        latency = Series(each.latency_s for each in self._recent if not each.waits).summary()
        lag = Series(each.lag_s for each in self._recent).summary()
        return Tick(
            phase=phase,
            t_s=now,
            of_s=total_s(fleet.stages),
            stage=fleet.stage_at(now),
            ready=len(fleet.kiosks),
            kiosks=len(fleet.kiosks),
            offered=sum(fleet.offered.values()),
            ended=ended,
            paid=sum(each.outcome.said == "paid" for each in fleet.visits),
            serving=fleet.serving,
            in_flight=fleet.in_flight,
            calls=self._calls,
            services_per_s=(ended - self._ended[0][1]) / max(now - self._ended[0][0], 1.0),
            calls_per_s=len(self._recent) / span,
            p50_ms=latency.p50_ms,
            p99_ms=latency.p99_ms,
            lag_p99_ms=lag.p99_ms,
            refused=self._refused,
            unanswered=self._unanswered,
            dropped=sum(fleet.dropped.values()),
            cpu=_share(self._cpu[-2:]),
            histogram=tuple(self._histogram),
        )

    def cpu_of(self, fleet: Fleet) -> Mapping[str, float]:
        """Of one core: the busiest second of each stage."""
        most: dict[str, float] = {}
        for before, after in pairwise(self._cpu):
            stage = fleet.stage_at(before[0])
            most[stage] = max(most.get(stage, 0.0), _share([before, after]))
        return most


def _share(samples: list[tuple[float, float]]) -> float:
    if len(samples) < 2 or samples[1][0] <= samples[0][0]:
        return 0.0
    return (samples[1][1] - samples[0][1]) / (samples[1][0] - samples[0][0])
