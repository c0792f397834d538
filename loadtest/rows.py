"""What a load leaves behind, as plain rows and their JSON: visits, ticks, and the report of the generator."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from loadtest.latency import CallRow
from loadtest.visit import Outcome

__all__ = ["EDGES_MS", "Tick", "VisitRow", "read_calls", "read_visits"]

EDGES_MS = (2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000)
"""Upper edges of the small histogram that is shown while a load runs."""


@dataclass(frozen=True, slots=True)
class VisitRow:
    """One service; times in seconds from the beginning of the load, ``at_s`` the intended beginning."""

    stage: str
    kiosk: int
    terminal_id: str
    at_s: float
    ended_s: float
    payer: str
    credential: str
    press_s: float | None
    outcome: Outcome

    def as_json(self) -> dict[str, Any]:
        values = asdict(self)
        values |= values.pop("outcome")
        return {name: round(value, 6) if isinstance(value, float) else value for name, value in values.items()}

    @staticmethod
    def of_json(values: Mapping[str, Any]) -> VisitRow:
        """The row of :meth:`as_json`. Raises TypeError for another form."""
        told = {each.name for each in fields(Outcome)}
        outcome = Outcome(**{name: value for name, value in values.items() if name in told})
        return VisitRow(**{name: value for name, value in values.items() if name not in told}, outcome=outcome)


@dataclass(frozen=True, slots=True)
class Tick:
    """How the load stands, once a second. ``phase``: preparing, running, ending. Rates and percentiles are of the last
    seconds, the other numbers of the whole load so far. ``cpu``: of one core, of the generator."""

    phase: str
    t_s: float = 0.0
    of_s: float = 0.0
    stage: str = ""
    ready: int = 0
    kiosks: int = 0
    offered: int = 0
    ended: int = 0
    paid: int = 0
    serving: int = 0
    in_flight: int = 0
    calls: int = 0
    services_per_s: float = 0.0
    calls_per_s: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    lag_p99_ms: float = 0.0
    refused: int = 0
    unanswered: int = 0
    dropped: int = 0
    cpu: float = 0.0
    histogram: tuple[int, ...] = field(default=(0,) * (len(EDGES_MS) + 1))

    def as_json(self) -> dict[str, Any]:
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(self).items()}

    @staticmethod
    def of_json(values: Mapping[str, Any]) -> Tick:
        """Raises TypeError for another form."""
        return Tick(**{**values, "histogram": tuple(values.get("histogram", ()))})


def read_calls(path: Path) -> list[CallRow]:
    """The rows of a file of calls; none where there is no file, because the generator died before it wrote."""
    return [CallRow(**each) for each in _lines(path)]


def read_visits(path: Path) -> list[VisitRow]:
    """As :func:`read_calls`, of services."""
    return [VisitRow.of_json(each) for each in _lines(path)]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)
    except FileNotFoundError:
        return
