"""Injected faults in a run: what the history says of them, and what becomes of a run in which one never struck."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from conformance.dossier.verification import Verification
from conformance.result import FAULT_PREFIX, NO_TEXT, PreflightResult, RunResult, RunStatus
from protocols.record import History, Record
from protocols.wire.base import Label
from scenarios.faults import Fault, injected_faults
from scenarios.injection import FaultReport
from simulators.fault.injection import CATALOGUE, FaultEvent

__all__ = ["check_faults", "fault_results", "record_fault"]


def record_fault(history: History, slot: str, event: FaultEvent) -> None:
    """Write *event* into the history, as kind ``fault``."""
    history.append(
        slot, "-", "fault", id=event.key, fault=event.id, phase=event.phase, text=event.text, count=event.count
    )


def fault_results(reports: Sequence[FaultReport]) -> list[PreflightResult]:
    """One result a fault. One that never struck, or is not undone, is not in order, and the run is then undecided."""
    return [_result(each) for each in reports]


def _result(report: FaultReport) -> PreflightResult:
    kind = CATALOGUE[report.id]
    text = Label(
        f"故障注入 {report.key}（{kind.label.zh}）：触发 {report.fired} 次，{'已撤销' if report.undone else '未撤销'}",
        f"injected fault {report.key} ({kind.label.en}): fired {report.fired} times,"
        f" {'undone' if report.undone else 'not undone'}",
    )
    good = report.fired > 0 and report.undone
    remedy = Label(
        "该故障从未触发，本次运行没有证明任何耐受性：减小 after，或选中会用到它的检查项",
        "it never fired, so this run proves nothing about it: lower `after`, or select checks that reach it",
    )
    return PreflightResult(FAULT_PREFIX + report.key, good, text, NO_TEXT if good else remedy)


def check_faults(lock: Mapping[str, Any], result: RunResult, records: Sequence[Record], found: Verification) -> None:
    """Complain where result and history disagree about a planned fault: whether it fired, and whether it is undone."""
    told = {each.name: each.ok for each in result.preflight if each.name.startswith(FAULT_PREFIX)}
    seen = Counter((str(each.note.get("id")), str(each.note.get("phase"))) for each in records if each.kind == "fault")
    tested = {each.slot for each in records if each.kind == "check"}  # a slot without PC/SC is left out, faults and all
    planned = {key for key, slot in _planned(lock) if slot in tested}
    for key in sorted(planned | {name.removeprefix(FAULT_PREFIX) for name in told}):
        proven = seen[key, "fired"] > 0 and seen[key, "armed"] == seen[key, "undone"] == 1
        stated = told.get(FAULT_PREFIX + key)
        if stated is None and result.status is RunStatus.COMPLETE:
            zh, en = "计划注入的故障没有结果", "a planned fault without a result"
            found.problem("result.json", f"preflight {FAULT_PREFIX}{key}", zh, en)
        elif stated is not None and stated is not proven:
            zh, en = "与历史中的故障记录不符", "does not agree with the fault records of the history"
            found.problem("result.json", f"preflight {FAULT_PREFIX}{key}", zh, en)


def _planned(lock: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Key and slot of every fault that the lock names."""
    bench = lock.get("bench")
    try:
        listed = [*(bench.get("faults") or () if isinstance(bench, Mapping) else ()), *(lock.get("faults") or ())]
        faults = [Fault.model_validate(each) for each in listed]
    except (TypeError, ValueError):
        return []  # a forged lock; its hash and the bench in it are judged elsewhere
    return [(each.key, slot) for slot, mine in injected_faults(faults).items() for each in mine]
