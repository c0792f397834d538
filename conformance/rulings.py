"""What an engine decides besides verdicts, as pure functions: a verifier makes every ruling again from the same facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from conformance.model import Outcome, Verdict
from conformance.result import PreflightResult, WaiverUse
from protocols.wire.base import Label

__all__ = ["PCSC_TIER", "REAL_DEVICE_BUDGET", "STOPPED", "budget_reason", "pcsc_reason", "waiver_uses"]

PCSC_TIER = ("pyscard", "pcscd")
"""Names of the preflight results that speak of the PC/SC stack."""

REAL_DEVICE_BUDGET: Mapping[str, int] = {
    "pin_tries": 60,
    "key_tries": 10,
    "card_writes": 200,
    "captured_cards": 10,
    "wiped_keys": 20,
}
"""What a real device or card may lose in one run unless the plan says otherwise; simulated ones are free."""

STOPPED = Label("运行被停止", "the run was stopped")
"""Why a check did not run after somebody stopped the run."""


def waiver_uses(
    planned: Sequence[Mapping[str, Any]], outcomes: Sequence[Outcome], started: str
) -> tuple[WaiverUse, ...]:
    """What became of each waiver of a plan lock in a run that began at *started* (ISO 8601).

    A waiver that had expired on that day, or that nothing needed, is stale. Raises KeyError, TypeError or ValueError
    for a lock that is none.
    """
    day = date.fromisoformat(started[:10])
    return tuple(_waiver_use(each, outcomes, day) for each in planned)


def _waiver_use(waiver: Mapping[str, Any], outcomes: Iterable[Outcome], day: date) -> WaiverUse:
    check, target = str(waiver["check"]), str(waiver["target"])
    hit = any(
        each.verdict is Verdict.FAIL and each.check_id == check and target in ("", each.target) for each in outcomes
    )
    expired = date.fromisoformat(str(waiver["expires"])) < day
    reason = f"{waiver['reason']['zh']} / {waiver['reason']['en']}"
    return WaiverUse(check, str(waiver["owner"]), str(waiver["expires"]), reason, hit, expired or not hit, target)


def pcsc_reason(preflight: Iterable[PreflightResult]) -> Label | None:
    """Why the PC/SC tier is left out: what *preflight* found missing of it. None: nothing is missing."""
    lacking = [each for each in preflight if each.name in PCSC_TIER and not each.ok]
    if not lacking:
        return None
    wants = "; ".join(each.remedy.en for each in lacking)
    return Label(f"PC/SC 层未测试：{wants}", f"the PC/SC tier was not tested: {wants}")


def budget_reason(damage: Mapping[str, int], spent: Mapping[str, int], budget: Mapping[str, int]) -> Label | None:
    """Why a check that costs *damage* may not run when *spent* is gone of *budget*; None when it may."""
    for what, cost in damage.items():
        used = spent.get(what, 0)
        if what in budget and used + cost > budget[what]:
            return Label(
                f"超出损耗预算 {what}：已用 {used}，还需 {cost}，上限 {budget[what]}",
                f"beyond the damage budget of {what}: {used} spent, {cost} more needed, limit {budget[what]}",
            )
    return None
