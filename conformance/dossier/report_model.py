"""What the report says, as data: statement, exceptions, matrix, groups, depth. No markup here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from conformance.catalogue import METHOD_LABELS
from conformance.dossier.explain import FINDING_LABELS, Explanation, explain_outcome
from conformance.dossier.laboratory import LABORATORY_FIELDS, derived_fields
from conformance.dossier.read import Dossier
from conformance.dossier.remedies import what_to_do
from conformance.dossier.statement import BENCH_CLASS_LABELS, CLOCK_CLASS_LABELS, OVERALL_LABELS, caveats, statement
from conformance.dossier.trace import bilingual_tree
from conformance.matrix import ClauseMatrix, Evidence, GroupVerdict, MatrixRow, clause_matrix, group_verdict
from conformance.model import BLAME_LABELS, VERDICT_LABELS, Outcome, Verdict
from conformance.result import NO_TEXT, NotRun
from protocols.record import GENESIS
from protocols.wire.base import Label, Node

__all__ = ["CHECKS_OF_VERDICT", "SYMBOLS", "Group", "Report", "flatten", "verdict_class", "verdict_words"]

SYMBOLS: dict[Verdict, str] = {
    Verdict.PASS: "✓",
    Verdict.FAIL: "✗",
    Verdict.INCONCLUSIVE: "?",
    Verdict.ERROR: "!",
    Verdict.NOT_APPLICABLE: "–",
    Verdict.NOT_TESTED: "○",
    Verdict.NEEDS_REVIEW: "◇",
}
"""Colour is never alone: each verdict has a sign and a word too."""

CHECKS_OF_VERDICT = (
    Verdict.FAIL,
    Verdict.ERROR,
    Verdict.INCONCLUSIVE,
    Verdict.NEEDS_REVIEW,
    Verdict.PASS,
    Verdict.NOT_TESTED,
    Verdict.NOT_APPLICABLE,
)
"""Order of telling: bad news first."""

WAIVED = Label("不通过（已豁免）", "fail (waived)")
PARTIAL = Label("部分通过", "pass in part")
HEX_SHOWN = 96
QUIET = (Verdict.PASS, Verdict.NOT_TESTED, Verdict.NOT_APPLICABLE)

CheckEvidence = tuple[Evidence, list[Evidence]]
"""The first line of a check's evidence, and all of it."""


def verdict_class(verdict: Verdict, waived: bool = False) -> str:
    """CSS class of a verdict."""
    return f"v-{verdict.value}{' v-waived' if waived else ''}"


def verdict_words(verdict: Verdict, waived: bool = False, partial: bool = False) -> Label:
    """The words beside the sign."""
    if waived and verdict is Verdict.FAIL:
        return WAIVED
    return PARTIAL if partial and verdict is Verdict.PASS else VERDICT_LABELS[verdict]


@dataclass(frozen=True, slots=True)
class Group:
    """All checks of one target."""

    target: str
    device_class: str
    verdict: GroupVerdict
    counts: Mapping[Verdict, int]


@dataclass(frozen=True, slots=True)
class Depth:
    """One check in full. ``frames_left`` records are only in trace.txt."""

    anchor: str
    why: Explanation
    remedy: Label
    frames_left: int


@dataclass(frozen=True, slots=True)
class PicsTable:
    """Items declared for several slots: a row an item, a column a slot."""

    slots: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


class Report:
    """Everything the templates ask for."""

    finding_labels = FINDING_LABELS
    blame_labels = BLAME_LABELS
    verdict_labels = VERDICT_LABELS
    overall_labels = OVERALL_LABELS
    genesis = GENESIS

    def __init__(self, dossier: Dossier, fingerprint: str, *, frames_wrong: int, frames_passed: int) -> None:
        self.result, self.records, self.catalogue = dossier.result, dossier.records, dossier.catalogue
        self.dossier, self.fingerprint = dossier, fingerprint
        self._frames = (frames_wrong, frames_passed)
        self.head = dossier.records[-1].digest() if dossier.records else GENESIS

    @property
    def fingerprint_grouped(self) -> str:
        return " ".join(self.fingerprint[at : at + 4] for at in range(0, len(self.fingerprint), 4))

    @cached_property
    def statement(self) -> Label:
        return statement(self.result)

    @cached_property
    def caveats(self) -> tuple[Label, ...]:
        return caveats(self.result)

    @property
    def bench_class(self) -> Label:
        return BENCH_CLASS_LABELS.get(self.result.bench_class, Label(self.result.bench_class, self.result.bench_class))

    @property
    def clock_class(self) -> Label:
        return CLOCK_CLASS_LABELS.get(self.result.clock_class, Label(self.result.clock_class, self.result.clock_class))

    @cached_property
    def matrix(self) -> ClauseMatrix:
        return clause_matrix(self.result, checks=self.catalogue.checks, clauses=self.catalogue.clauses)

    @staticmethod
    def by_check(row: MatrixRow) -> tuple[list[CheckEvidence], list[CheckEvidence]]:
        """The evidence of a clause, the targets of each check together: those with bad news, and the others."""
        found: dict[str, list[Evidence]] = {}
        for each in row.evidence:
            found.setdefault(each.check_id, []).append(each)
        bad: list[CheckEvidence] = []
        good: list[CheckEvidence] = []
        for members in found.values():
            quiet = all(each.verdict in QUIET for each in members)
            (good if quiet else bad).append((members[0], members))
        return bad, good

    @staticmethod
    def methods(row: MatrixRow) -> Label:
        """How the clause is verified, in words."""
        labels = [METHOD_LABELS.get(each, Label(each, each)) for each in row.methods]
        return Label("、".join(each.zh for each in labels), ", ".join(each.en for each in labels))

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """One group a target, in order of first mention. Without a pass a group is never a pass."""
        found: dict[str, list[Outcome | NotRun]] = {}
        for each in (*self.result.outcomes, *self.result.not_run):
            found.setdefault(each.target, []).append(each)
        return tuple(self._group(target, members) for target, members in found.items())

    def _group(self, target: str, members: list[Outcome | NotRun]) -> Group:
        evidence = [
            Evidence(each.check_id, Label("", ""), target, each.verdict, waived=self.waived(each)) for each in members
        ]
        seen = [each.verdict for each in members]
        slot = next((each.device_class for each in self.result.bench.slots if each.slot == target), "")
        return Group(target, slot, group_verdict(evidence), {verdict: seen.count(verdict) for verdict in Verdict})

    def waived(self, each: Outcome | NotRun) -> bool:
        return isinstance(each, Outcome) and self.result.waiver_of(each) is not None

    @cached_property
    def depths(self) -> tuple[Depth, ...]:
        """Every check that ran, bad news first."""
        rank = {verdict: at for at, verdict in enumerate(CHECKS_OF_VERDICT)}
        ordered = sorted(self.result.outcomes, key=lambda each: (rank[each.verdict], each.target, each.check_id))
        return tuple(self._depth(each) for each in ordered)

    def _depth(self, outcome: Outcome) -> Depth:
        frames = self._frames[1] if outcome.verdict is Verdict.PASS else self._frames[0]
        why = explain_outcome(self.dossier, outcome, frames)
        anchor = self.anchor(outcome.check_id, outcome.target)
        return Depth(anchor, why, what_to_do(outcome), why.total - len(why.shown))

    @property
    def exceptions(self) -> tuple[Depth, ...]:
        """Everything that ran and is not a pass."""
        return tuple(each for each in self.depths if each.why.told.verdict is not Verdict.PASS)

    @cached_property
    def left_out(self) -> tuple[tuple[Verdict, Label, tuple[NotRun, ...]], ...]:
        """Checks that did not run, those with the same reason together."""
        found: dict[tuple[Verdict, Label], list[NotRun]] = {}
        for each in self.result.not_run:
            found.setdefault((each.verdict, each.reason), []).append(each)
        return tuple((verdict, reason, tuple(members)) for (verdict, reason), members in found.items())

    @staticmethod
    def anchor(check_id: str, target: str) -> str:
        """Link target of a check's depth."""
        return f"check-{check_id}-{target}"

    @cached_property
    def shown_records(self) -> frozenset[int]:
        """Numbers of the records that the depth shows: only these can be linked to."""
        return frozenset(line.record.seq for each in self.depths for line in each.why.shown)

    @staticmethod
    def tree_rows(tree: Node) -> list[str]:
        return list(bilingual_tree(tree))

    @staticmethod
    def short_hex(hexed: str) -> str:
        """At most :data:`HEX_SHOWN` bytes."""
        limit = HEX_SHOWN * 3
        return hexed if len(hexed) <= limit else f"{hexed[:limit]} …（共 {(len(hexed) + 1) // 3} 字节 bytes）"

    @cached_property
    def pics_tables(self) -> tuple[PicsTable, ...]:
        """One table for all slots that declare the same items."""
        found: dict[tuple[str, ...], list[str]] = {}
        for slot, items in self.result.pics.items():
            found.setdefault(tuple(items) if isinstance(items, Mapping) else (), []).append(slot)
        return tuple(
            PicsTable(
                tuple(slots),
                tuple((item, tuple(show_value(self.result.pics[slot][item]) for slot in slots)) for item in items),
            )
            for items, slots in found.items()
        )

    @property
    def pixit_rows(self) -> tuple[tuple[str, str], ...]:
        """Path and value of each parameter that is set."""
        return tuple(flatten(self.result.pixit))

    @property
    def laboratory(self) -> tuple[tuple[str, Label, Label], ...]:
        """Reference, name and content of each field of ISO/IEC 17025 7.8; empty where only the laboratory knows."""
        given, known = self.result.laboratory, derived_fields(self.result)
        rows: list[tuple[str, Label, Label]] = []
        for name, where, label in LABORATORY_FIELDS:
            said = str(getattr(given, name))
            rows.append((where, label, Label(said, said) if said else known.get(name, NO_TEXT)))
        return tuple(rows)


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Nested declarations as rows of path and value; empty parts give no row."""
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from flatten(value[key], f"{path} › {key}" if path else str(key))
    else:
        yield path, show_value(value)


def show_value(value: Any) -> str:
    """A declared value as people read it."""
    if value is True or value is False:
        return "是 yes" if value else "否 no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "–"
    return "–" if value in (None, "") else str(value)
