"""What a check is, what it may conclude, and how it is found.

A check is a stimulus and an oracle, kept apart: the stimulus talks to the device and marks steps in the history; the
oracle is a pure function over the records of that stimulus. The verdict comes from the oracle alone, so it can be
computed again, from the history, on another machine (design.md 5).
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Literal

from protocols.wire.base import Label

__all__ = ["Blame", "Check", "Finding", "NoObservation", "Outcome", "Verdict", "conclude", "discover_checks"]


class Verdict(StrEnum):
    """ISO/IEC 9646 and TTCN-3, with the three that acceptance work needs besides."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    NOT_APPLICABLE = "not_applicable"
    NOT_TESTED = "not_tested"
    NEEDS_REVIEW = "needs_review"


VERDICT_LABELS: dict[Verdict, Label] = {
    Verdict.PASS: Label("通过", "pass"),
    Verdict.FAIL: Label("不通过", "fail"),
    Verdict.INCONCLUSIVE: Label("无法判定", "inconclusive"),
    Verdict.ERROR: Label("测试错误", "error"),
    Verdict.NOT_APPLICABLE: Label("不适用", "not applicable"),
    Verdict.NOT_TESTED: Label("未测试", "not tested"),
    Verdict.NEEDS_REVIEW: Label("待复核", "needs review"),
}


class Blame(StrEnum):
    """Who has to act on a verdict that is not pass."""

    DEVICE = "device"
    HARNESS = "harness"
    ENVIRONMENT = "environment"
    CONFIGURATION = "configuration"
    SPECIFICATION = "specification"


BLAME_LABELS: dict[Blame, Label] = {
    Blame.DEVICE: Label("被测设备", "device under test"),
    Blame.HARNESS: Label("测试台", "harness"),
    Blame.ENVIRONMENT: Label("环境", "environment"),
    Blame.CONFIGURATION: Label("配置", "configuration"),
    Blame.SPECIFICATION: Label("规范", "specification"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing an oracle saw. ``records`` are the sequence numbers of the records that show it."""

    kind: Literal["observed", "violation", "inconclusive", "error", "review"]
    message: Label
    records: tuple[int, ...] = ()
    blame: Blame = Blame.DEVICE


class NoObservation(Exception):
    """The oracle looked for something that the history does not hold."""

    def __init__(self, what: Label, records: tuple[int, ...] = ()) -> None:
        super().__init__(what.en)
        self.what, self.records = what, records


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict of one check on one target, with everything needed to explain it."""

    check_id: str
    target: str
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    blame: Blame | None = None
    cause: Label | None = None
    first_record: int = -1
    last_record: int = -1
    notes: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def key(self) -> str:
        return f"{self.check_id}[{self.target}]"


class Check:
    """Base of every check. A subclass is found by being in a module of ``conformance.suites``.

    Its docstring begins with the clause id and says what would break it.
    """

    id: ClassVar[str]
    title: ClassVar[Label]
    clauses: ClassVar[tuple[str, ...]]
    device_class: ClassVar[str]
    kills: ClassVar[tuple[str, ...]]
    """Ids of mutants that this check must turn to fail."""

    needs: ClassVar[tuple[str, ...]] = ()
    """PICS items that must be declared true (or >= n, written ``reader.sam_sockets>=2``), else not applicable."""
    variants: ClassVar[tuple[str, ...]] = ()
    """Dialects or generations for which it exists; empty: all."""
    hand: ClassVar[tuple[str, ...]] = ()
    """First words of the hand actions without which it cannot be run."""
    control: ClassVar[str] = ""
    """Name of the step that is the positive control: a negative check passes only if that step succeeded."""
    damage: ClassVar[Mapping[str, int]] = {}
    """What it uses up: ``pin_tries``, ``card_writes``, ``captured_cards``."""
    claims_time: ClassVar[bool] = False
    """True when the verdict depends on a measured time: it then needs a real clock on a real device."""
    from_home: ClassVar[bool] = True
    """False: needs no start state, so it is run even on a device that does not get through preflight."""
    source: ClassVar[str] = ""

    async def stimulus(self, t: Any) -> None:
        """Drive the device through *t*, the tester of this device class."""
        raise TypeError(f"{type(self).__name__} has no stimulus")

    def oracle(self, v: Any) -> None:
        """Judge through *v*, the view of the history: ``v.must(...)``, ``v.step(...)``."""
        raise TypeError(f"{type(self).__name__} has no oracle")


def discover_checks(package_name: str = "conformance.suites") -> tuple[Check, ...]:
    """One instance of every concrete check below *package_name*, in order of id. Raises ValueError on a doubled id."""
    package = importlib.import_module(package_name)
    found: dict[str, Check] = {}
    for info in pkgutil.walk_packages(package.__path__, package_name + "."):
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if not (inspect.isclass(value) and issubclass(value, Check) and "id" in value.__dict__):
                continue
            if value.__module__ != module.__name__:
                continue
            if value.id in found:
                raise ValueError(f"two checks are called {value.id!r}")
            found[value.id] = value()
    return tuple(found[each] for each in sorted(found))


def conclude(findings: Sequence[Finding], control_seen: bool = True) -> tuple[Verdict, Blame | None]:
    """The verdict that *findings* allow. Nothing observed is never a pass; a violation outweighs all but errors."""
    kinds = [each.kind for each in findings]
    for kind, verdict in (
        ("error", Verdict.ERROR),
        ("violation", Verdict.FAIL),
        ("inconclusive", Verdict.INCONCLUSIVE),
        ("review", Verdict.NEEDS_REVIEW),
    ):
        if kind in kinds:
            return verdict, next(each.blame for each in findings if each.kind == kind)
    if "observed" not in kinds or not control_seen:
        return Verdict.INCONCLUSIVE, Blame.HARNESS
    return Verdict.PASS, None


def observations(findings: Iterable[Finding]) -> int:
    """How many things were seen of the device."""
    return sum(each.kind == "observed" for each in findings)
