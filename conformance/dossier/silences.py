"""Checks that did not run, and waivers: every one of them must follow from the plan lock and from what ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conformance.dossier.stamps import bench_of
from conformance.dossier.verification import Verification
from conformance.model import Check, Verdict
from conformance.result import NotRun, RunResult, RunStatus
from conformance.rulings import REAL_DEVICE_BUDGET, STOPPED, budget_reason, pcsc_reason, waiver_uses
from conformance.strict_json import to_plain
from protocols.record import Record
from protocols.wire.base import Label

__all__ = ["check_silences", "check_waivers"]


def check_silences(
    lock: Mapping[str, Any],
    result: RunResult,
    records: Sequence[Record],
    known: Mapping[str, Check],
    found: Verification,
) -> None:
    """Complain about checks that are told as not run for a reason that no engine gave, and about any left unmentioned."""
    planned = lock.get("checks")
    keys = [str(each) for each in planned] if isinstance(planned, list | tuple) else []
    outside = {str(each.get("check")): each for each in _rows(lock)}
    told = {each.key: each for each in result.not_run}
    for key in outside.keys() - told.keys():
        found.problem(
            "result.json", key, "计划未运行的检查项没有写出", "the plan leaves it out, the result is silent of it"
        )
    for key, each in told.items():
        if key not in keys:
            _check_outside(each, outside.get(key), found)
    for each in result.outcomes:
        if each.key not in keys:
            found.problem("result.json", each.key, "计划中没有这个检查项", "has a verdict, but is not in the plan")
    reasons = _Reasons(lock, result, records, known)
    for key in keys:
        if key in told and not reasons.allow(told[key]):
            zh = "计划了却没有运行，所写理由不成立"
            found.problem("result.json", key, zh, "was planned and did not run, for a reason that does not hold")


def _rows(lock: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = lock.get("not_run")
    return [each for each in rows if isinstance(each, Mapping)] if isinstance(rows, list | tuple) else []


def _check_outside(told: NotRun, planned: Mapping[str, Any] | None, found: Verification) -> None:
    if planned is None:
        found.problem("result.json", told.key, "计划中没有这个检查项", "is told as not run, but is not in the plan")
        return
    wanted = (planned.get("verdict"), planned.get("reason"), planned.get("reason_zh"))
    if wanted != (told.verdict.value, told.reason.en, told.reason.zh) or told.blame is not None:
        zh, en = "未运行的结论或理由与计划锁不同", "is told as not run otherwise than in the plan lock"
        found.problem("result.json", told.key, zh, en)


class _Reasons:
    """The reasons for which an engine leaves out a check that was planned."""

    def __init__(
        self, lock: Mapping[str, Any], result: RunResult, records: Sequence[Record], known: Mapping[str, Check]
    ) -> None:
        self._status, self._known = result.status, known
        self._pcsc = pcsc_reason(result.preflight) if lock.get("missing_pcsc", "not_tested") == "not_tested" else None
        bench = bench_of(lock)
        slots = bench.slots if bench is not None else {}
        used = {each.slot for each in records}
        self._out = {name for name, each in slots.items() if each.scheme in ("vpcd", "pcsc")} - used
        budget = dict(REAL_DEVICE_BUDGET) if result.bench_class == "real_device" else {}
        given = lock.get("damage_budget")
        budget.update({str(k): v for k, v in given.items() if isinstance(v, int)} if isinstance(given, Mapping) else {})
        self._over = self._walk(lock, budget)

    def _walk(self, lock: Mapping[str, Any], budget: Mapping[str, int]) -> dict[str, Label]:
        """The plan's checks in their order, target by target: which of them the budget no longer allowed, and why."""
        spent: dict[str, dict[str, int]] = {}
        over: dict[str, Label] = {}
        for key in lock.get("checks") or ():
            check_id, _, target = str(key).removesuffix("]").partition("[")
            damage = self._known[check_id].damage if check_id in self._known else {}
            mine = spent.setdefault(target, {})
            why = budget_reason(damage, mine, budget)
            if why is not None:
                over[str(key)] = why
                continue
            for what, cost in damage.items():
                mine[what] = mine.get(what, 0) + cost
        return over

    def allow(self, told: NotRun) -> bool:
        if told.verdict is not Verdict.NOT_TESTED or told.blame is not None:
            return False
        if told.reason == STOPPED:
            return self._status is RunStatus.STOPPED
        if told.target in self._out and told.reason == self._pcsc:
            return True
        return told.reason == self._over.get(told.key)


def check_waivers(lock: Mapping[str, Any], result: RunResult, found: Verification) -> None:
    """The waivers of the result must be those of the lock, and what is said of their use what the outcomes imply."""
    try:
        wanted = waiver_uses(lock.get("waivers") or (), result.outcomes, result.started)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"
        found.problem("plan.lock.json", "waivers", f"豁免不可读：{what}", f"the waivers cannot be read: {what}")
        return
    if len(wanted) != len(result.waivers):
        zh, en = "豁免的数目与计划锁不同", "there are not as many waivers as in the plan lock"
        found.problem("result.json", "waivers", zh, en)
    for index, told in enumerate(result.waivers):
        if index >= len(wanted) or to_plain(told) != to_plain(wanted[index]):
            zh, en = "豁免与计划锁及结论不符", "what is said of this waiver does not fit plan lock and verdicts"
            found.problem("result.json", f"waivers[{index}] {told.check_id}", zh, en)
