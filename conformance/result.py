"""What a run hands to its dossier: everything known about it besides the history itself.

All classes are frozen and JSON-serialisable; :func:`RunResult.from_json` refuses anything that does not fit. Dates and
times are ISO strings in UTC and only informative: no verdict depends on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from conformance.demands import UnmetDemand, unmet_demands
from conformance.model import Blame, Outcome, Verdict
from conformance.strict_json import StrictJsonError, from_plain, to_plain
from protocols.wire.base import Label
from scenarios.strict_yaml import FileError

__all__ = [
    "FAULT_PREFIX",
    "NO_TEXT",
    "BenchInventory",
    "BenchSlot",
    "EquivalentMutant",
    "KillMatrix",
    "Laboratory",
    "MutantRow",
    "NotRun",
    "Overall",
    "PreflightResult",
    "RunResult",
    "RunStatus",
    "WaiverUse",
]

NO_TEXT = Label("", "")

FAULT_PREFIX = "fault."
"""What the names of the results of injected faults begin with."""


class RunStatus(StrEnum):
    """How far the run came; says nothing about the device."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    STOPPED = "stopped"


class Overall(StrEnum):
    """The one word over the whole run. Only ``pass`` and ``pass_with_waivers`` are good news for everything planned."""

    PASS = "pass"
    PASS_WITH_WAIVERS = "pass_with_waivers"
    PASS_PARTIAL = "pass_partial"
    FAIL = "fail"
    UNDECIDED = "undecided"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class BenchSlot:
    """One slot of the bench. ``link`` is the link URL; ``self_description`` what the device said of itself."""

    slot: str
    device_class: str
    dialect: str
    link: str
    under_test: bool
    simulated: bool
    self_description: str = ""
    note: Label = NO_TEXT


@dataclass(frozen=True, slots=True)
class BenchInventory:
    """What stood on the bench. ``hand`` says who plays the citizen: ``simulator``, ``person`` or ``program``."""

    name: str
    under_test: str
    slots: tuple[BenchSlot, ...]
    hand: str = ""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class PreflightResult:
    """One thing that ``doctor`` looked at before any verdict, or, as ``fault.NAME``, what became of an injected fault."""

    name: str
    ok: bool
    text: Label
    remedy: Label = NO_TEXT


@dataclass(frozen=True, slots=True)
class NotRun:
    """A check that did not run. ``verdict`` is ``not_tested`` or ``not_applicable``."""

    check_id: str
    target: str
    verdict: Verdict
    reason: Label
    blame: Blame | None = None

    def __post_init__(self) -> None:
        if self.verdict not in (Verdict.NOT_TESTED, Verdict.NOT_APPLICABLE):
            raise ValueError(f"{self.check_id}: a check that did not run cannot be {self.verdict!r}")

    @property
    def key(self) -> str:
        return f"{self.check_id}[{self.target}]"


@dataclass(frozen=True, slots=True)
class WaiverUse:
    """A waiver of the plan. ``target`` empty: all. ``stale``: expired, or nothing to waive; it fails the run."""

    check_id: str
    owner: str
    expires: str
    reason: str
    used: bool
    stale: bool = False
    target: str = ""

    def covers(self, outcome: Outcome) -> bool:
        """True when this waiver excuses *outcome*: a fail of that check, on that target, by a waiver that stands."""
        same = self.check_id == outcome.check_id and self.target in ("", outcome.target)
        return same and self.used and not self.stale and outcome.verdict is Verdict.FAIL


@dataclass(frozen=True, slots=True)
class MutantRow:
    """One faulty device and the verdict of each check that met it. ``null``: a null device, no pass allowed."""

    mutant: str
    label: Label
    verdicts: Mapping[str, Verdict]
    null: bool = False

    @property
    def killers(self) -> tuple[str, ...]:
        """Ids of the checks that failed it, sorted."""
        return tuple(sorted(each for each, verdict in self.verdicts.items() if verdict is Verdict.FAIL))


@dataclass(frozen=True, slots=True)
class EquivalentMutant:
    """A mutant that nobody can tell from the reference, and why."""

    mutant: str
    reason: Label


@dataclass(frozen=True, slots=True)
class KillMatrix:
    """Which check notices which faulty device. ``source`` says when and with which suite it was measured."""

    rows: tuple[MutantRow, ...] = ()
    equivalents: tuple[EquivalentMutant, ...] = ()
    source: str = ""

    def lookalikes(self, check_id: str) -> tuple[MutantRow, ...]:
        """Mutants that the same check failed, those that few other checks failed first."""
        found = [each for each in self.rows if not each.null and check_id in each.killers]
        return tuple(sorted(found, key=lambda each: (len(each.killers), each.mutant)))


@dataclass(frozen=True, slots=True)
class Laboratory:
    """Fields of ISO/IEC 17025:2017 7.8.2.1 (letters in brackets), 7.8.2.2, 7.8.3 and 7.8.6. Empty means not given."""

    laboratory_name: str = ""  # (b)
    laboratory_address: str = ""  # (b)
    location: str = ""  # (c)
    customer: str = ""  # (e)
    customer_contact: str = ""  # (e)
    method: str = ""  # (f)
    item: str = ""  # (g)
    item_condition: str = ""  # (g)
    received_on: str = ""  # (h)
    tested_on: str = ""  # (i)
    issued_on: str = ""  # (j)
    sampling: str = ""  # (k)
    deviations: str = ""  # (n)
    authorised_by: str = ""  # (o)
    external_results: str = ""  # (p)
    customer_supplied: str = ""  # 7.8.2.2
    test_conditions: str = ""  # 7.8.3.1 a
    uncertainty: str = ""  # 7.8.3.1 c
    decision_rule: str = ""  # 7.8.6


@dataclass(frozen=True, slots=True)
class RunResult:
    """The whole of a run. ``plan_lock`` is the resolved plan with its own hash inside.

    ``clock_class``: ``virtual`` or ``real``; ``bench_class``: ``in_process``, ``simulated`` (over the real stack) or
    ``real_device``.
    """

    run_id: str
    status: RunStatus
    plan_lock: Mapping[str, Any]
    suite_hash: str
    tool_version: str
    clock_class: str
    bench_class: str
    started: str
    ended: str
    profile: str
    bench: BenchInventory
    preflight: tuple[PreflightResult, ...]
    pics: Mapping[str, Any]
    pixit: Mapping[str, Any]
    outcomes: tuple[Outcome, ...]
    not_run: tuple[NotRun, ...] = ()
    waivers: tuple[WaiverUse, ...] = ()
    kill_matrix: KillMatrix = field(default_factory=KillMatrix)
    laboratory: Laboratory = field(default_factory=Laboratory)
    scope: Label = NO_TEXT
    statement: Label = NO_TEXT
    """A remark of whoever signs; the report's own statement is always computed from the outcomes."""

    def waiver_of(self, outcome: Outcome) -> WaiverUse | None:
        """The waiver that excuses *outcome*, or None. A waived fail stays a fail; it only does not fail the run."""
        return next((each for each in self.waivers if each.covers(outcome)), None)

    def counts(self) -> dict[Verdict, int]:
        """Every verdict and how many checks have it; waived fails are counted under fail."""
        seen = [each.verdict for each in self.outcomes] + [each.verdict for each in self.not_run]
        return {verdict: seen.count(verdict) for verdict in Verdict}

    @property
    def waived(self) -> int:
        return sum(self.waiver_of(each) is not None for each in self.outcomes)

    @property
    def unproven_faults(self) -> tuple[PreflightResult, ...]:
        """Injected faults that never fired, or were not undone: the run then did not do what its plan says."""
        return tuple(each for each in self.preflight if each.name.startswith(FAULT_PREFIX) and not each.ok)

    @property
    def unmet(self) -> tuple[UnmetDemand, ...]:
        """Mandatory items of the profile that are declared absent. A profile that is not installed here demands nothing."""
        slots = [(each.slot, each.device_class) for each in self.bench.slots if each.under_test]
        try:
            return unmet_demands(self.profile, slots, self.pics)
        except (KeyError, FileError):
            return ()

    @property
    def without_pass(self) -> tuple[str, ...]:
        """Slots under test of which nothing passed though the plan asked for it: a group with no pass is never a pass.

        A slot that the plan did not select, or whose tier was left out with its reason, is only *not tested*.
        """
        passed = {each.target for each in self.outcomes if each.verdict is Verdict.PASS}
        asked = {each.target for each in self.outcomes}
        left_out = {each.target for each in self.not_run if each.verdict is Verdict.NOT_TESTED}
        asked |= {each.target for each in self.not_run if each.verdict is Verdict.NOT_APPLICABLE} - left_out
        return tuple(sorted(asked - passed)) if passed else tuple(sorted(asked | left_out))

    @property
    def overall(self) -> Overall:
        """One word, pessimistic: without a single pass it is never a pass."""
        counts = self.counts()
        if counts[Verdict.FAIL] > self.waived or any(each.stale for each in self.waivers) or self.unmet:
            return Overall.FAIL
        if self.status is not RunStatus.COMPLETE:
            return Overall.INCOMPLETE
        undecided = counts[Verdict.ERROR] + counts[Verdict.INCONCLUSIVE] + counts[Verdict.NEEDS_REVIEW]
        if undecided or not counts[Verdict.PASS] or self.without_pass or self.unproven_faults:
            return Overall.UNDECIDED
        if counts[Verdict.NOT_TESTED]:
            return Overall.PASS_PARTIAL
        return Overall.PASS_WITH_WAIVERS if self.waived else Overall.PASS

    def to_json(self) -> dict[str, Any]:
        """This result as a JSON value."""
        return to_plain(self)

    @staticmethod
    def from_json(plain: Any) -> RunResult:
        """The result in *plain*. Raises :class:`StrictJsonError` with the path of what does not fit."""
        try:
            return from_plain(RunResult, plain)
        except ValueError as error:
            if isinstance(error, StrictJsonError):
                raise
            raise StrictJsonError("", str(error)) from error
