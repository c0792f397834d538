"""From rows to figures: what each stage offered, what came of it, how long it took, and how the generator fared. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from loadtest.latency import CallRow, Series, Summary
from loadtest.rows import VisitRow

__all__ = ["GeneratorReport", "LoadSummary", "StageSummary", "summarise"]

SAME_SECOND_S = 1.0
GIVEN_UP = (": silent", "-too-long")
"""How the reason of a service ends whose kiosk gave up for want of an answer."""
BACKWARDS = frozenset({"cancel", "find"})
"""Calls by which a kiosk looks after a trade that went wrong: being refused there is an answer, not a defect."""


@dataclass(frozen=True, slots=True)
class GeneratorReport:
    """What the generator says of itself. ``status``: complete, stopped, not-ready (the terminals could not be brought up), defect,
    died. ``planned`` and ``offered`` arrivals by stage, ``dropped`` those that found their kiosk busy; ``unfinished`` services and
    ``in_flight`` calls at the end; ``cpu`` of one core in the busiest second of each stage that was measured."""

    status: str
    error: str = ""
    planned: Mapping[str, int] = field(default_factory=dict[str, int])
    offered: Mapping[str, int] = field(default_factory=dict[str, int])
    dropped: Mapping[str, int] = field(default_factory=dict[str, int])
    unfinished: int = 0
    in_flight: int = 0
    cpu: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class StageSummary:
    """One stage. ``api`` are calls that are answered at once (heartbeats among them), from the intended instant; ``sent`` the same
    calls from the instant of sending; ``quoted`` and ``decided`` as in StageLimits; ``lag`` how late the generator sent, ``late``
    how late it read. A call that was never answered counts with the time after which it was given up.

    ``not_paid`` services, ``given_up`` of them for want of an answer. ``pressed`` citizens pressed pay, ``undecided`` of them
    never heard a decision; ``in_one_second`` pressed in the instant of a barrier or the second after it; ``refusals`` counts by
    call and code; ``cpu`` of the generator in the busiest second, None where nobody measured it; ``machine``: what each part of the
    bench, and all others, used of one processor. ``told`` services whose citizen was told something of their trade.
    """

    stage: str
    planned: int
    offered: int
    dropped: int
    ended: int
    paid: int
    not_paid: int
    given_up: int
    told: int
    pressed: int
    undecided: int
    in_one_second: int
    calls: int
    refused: int
    unanswered: int
    cpu: float | None
    api: Summary
    sent: Summary
    quoted: Summary
    decided: Summary
    lag: Summary
    late: Summary
    by_call: Mapping[str, Summary]
    refusals: Mapping[str, int]
    reasons: Mapping[str, int]
    machine: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def calls_per_service(self) -> float:
        """Calls of services alone, over the services that ended."""
        beats = self.by_call["heartbeat"].count if "heartbeat" in self.by_call else 0
        return (self.calls - beats) / self.ended if self.ended else 0.0


@dataclass(frozen=True, slots=True)
class LoadSummary:
    """The whole load. ``broken`` names a part of the system that did not live to its end."""

    generator: GeneratorReport
    stages: tuple[StageSummary, ...]
    broken: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def total(self, name: str) -> int:
        """The sum of a count over all stages."""
        return sum(getattr(each, name) for each in self.stages)


def summarise(
    names: Sequence[str],
    rows: Sequence[CallRow],
    visits: Sequence[VisitRow],
    report: GeneratorReport,
    machine: Mapping[str, Mapping[str, float]] | None = None,
) -> LoadSummary:
    """*names*: the stages in their order; *machine*: shares of a processor by stage and part."""
    shares = machine or {}
    return LoadSummary(report, tuple(_stage(name, rows, visits, report, shares.get(name, {})) for name in names))


def _stage(
    name: str,
    all_rows: Sequence[CallRow],
    all_visits: Sequence[VisitRow],
    report: GeneratorReport,
    machine: Mapping[str, float],
) -> StageSummary:
    rows = [each for each in all_rows if each.stage == name]
    visits = [each for each in all_visits if each.stage == name]
    outcomes = [each.outcome for each in visits]
    pressed = [each for each in visits if each.outcome.pressed_s is not None]
    api = [each for each in rows if not each.waits]
    calls = sorted({each.call for each in rows})
    return StageSummary(
        stage=name,
        planned=report.planned.get(name, 0),
        offered=report.offered.get(name, 0),
        dropped=report.dropped.get(name, 0),
        ended=len(visits),
        paid=sum(each.said == "paid" for each in outcomes),
        not_paid=sum(each.said != "paid" for each in outcomes),
        given_up=sum(each.said != "paid" and each.why.endswith(GIVEN_UP) for each in outcomes),
        told=sum(bool(each.trade_no and each.said) for each in outcomes),
        pressed=len(pressed),
        undecided=sum(each.outcome.decided_s is None for each in pressed),
        in_one_second=sum(_in_time(each) for each in pressed),
        calls=len(rows),
        refused=sum(each.answered and bool(each.code) and each.call not in BACKWARDS for each in rows),
        unanswered=sum(not each.answered for each in rows),
        cpu=report.cpu.get(name),
        api=Series(each.latency_s for each in api).summary(),
        sent=Series(each.service_s for each in api).summary(),
        quoted=Series(each.quoted_s for each in outcomes if each.quoted_s is not None).summary(),
        decided=Series(each.decided_s for each in outcomes if each.decided_s is not None).summary(),
        lag=Series(each.lag_s for each in rows).summary(),
        late=Series(each.late_s for each in rows).summary(),
        by_call={call: Series(each.latency_s for each in rows if each.call == call).summary() for call in calls},
        refusals=dict(Counter(f"{each.call} {each.status} {each.code}" for each in rows if each.code)),
        reasons=dict(Counter(each.why for each in outcomes if each.why)),
        machine=dict(machine),
    )


def _in_time(visit: VisitRow) -> bool:
    """Pressed together with the others of a barrier; False where there is none."""
    pressed_s = visit.outcome.pressed_s
    if visit.press_s is None or pressed_s is None:
        return False
    return visit.press_s <= pressed_s < visit.press_s + SAME_SECOND_S
