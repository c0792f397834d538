"""Clause to check to evidence: which clause is tested by what, with which verdict, shown by which records.

A clause is only as good as the worst of its checks, a group without a single pass is never a pass, and a clause that
nobody tests stands in the list with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from conformance.catalogue import catalogue
from conformance.model import Check, Outcome, Verdict, discover_checks
from conformance.result import NO_TEXT, NotRun, RunResult, WaiverUse
from protocols.wire.base import Label

__all__ = [
    "CheckLike",
    "ClauseLike",
    "ClauseMatrix",
    "Evidence",
    "GroupVerdict",
    "MatrixRow",
    "clause_matrix",
    "group_verdict",
]

UNKNOWN_CLAUSE = Label("（条款目录中没有此条）", "(not in the clause catalogue)")
AUTOMATIC = frozenset("TMH")
"""Methods that a program carries out: test, measurement, host probe (spec/requirements.md)."""

_WORST_FIRST = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NEEDS_REVIEW)


class CheckLike(Protocol):
    """What the matrix needs of a check."""

    @property
    def id(self) -> str: ...

    @property
    def title(self) -> Label: ...

    @property
    def clauses(self) -> tuple[str, ...]: ...


class ClauseLike(Protocol):
    """What the matrix needs of a clause."""

    @property
    def id(self) -> str: ...

    @property
    def text(self) -> Label: ...

    @property
    def methods(self) -> Sequence[str]: ...

    @property
    def reason_not_tested(self) -> Label: ...


@dataclass(frozen=True, slots=True)
class _Named:
    """A check, or its card in a dossier: only what the matrix shows of it."""

    id: str
    title: Label
    clauses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupVerdict:
    """One word for several verdicts.

    ``partial``: a part was not tested, or needs an inspection or a paper besides. ``waived``: every fail is waived.
    """

    verdict: Verdict
    partial: bool = False
    waived: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """One check on one target. ``records`` are the first and last record numbers, None when there are none.

    ``verdict`` is None in a matrix without a run.
    """

    check_id: str
    title: Label
    target: str = ""
    verdict: Verdict | None = None
    records: tuple[int, int] | None = None
    waived: bool = False
    reason: Label | None = None


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One clause and everything that speaks of it. ``reason`` says why no check decides it, when none does."""

    clause_id: str
    text: Label
    limit: Label
    methods: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    reason: Label

    @property
    def tested_by(self) -> tuple[str, ...]:
        """Ids of the checks, each once."""
        return tuple(dict.fromkeys(each.check_id for each in self.evidence))

    @property
    def automatic(self) -> bool:
        """False for a clause that only an inspection or a paper can decide: checks are then mere support."""
        return not self.methods or bool(AUTOMATIC & set(self.methods))

    @property
    def tested(self) -> bool:
        return self.automatic and bool(self.evidence)

    @property
    def group(self) -> GroupVerdict:
        """A clause that needs more than a program is at best passed in part."""
        group = group_verdict(self.evidence)
        if group.verdict is not Verdict.PASS:
            return group
        if not self.automatic:
            return GroupVerdict(Verdict.NOT_TESTED)
        return GroupVerdict(Verdict.PASS, group.partial or not AUTOMATIC.issuperset(self.methods))


@dataclass(frozen=True, slots=True)
class ClauseMatrix:
    """All rows in the order of the catalogue; ``tested`` are decided by checks, ``untested`` have a reason instead."""

    rows: tuple[MatrixRow, ...]

    @property
    def tested(self) -> tuple[MatrixRow, ...]:
        return tuple(each for each in self.rows if each.tested)

    @property
    def untested(self) -> tuple[MatrixRow, ...]:
        return tuple(each for each in self.rows if not each.tested)


def group_verdict(group: Iterable[Evidence]) -> GroupVerdict:
    """The worst verdict of *group*; a pass only when there is one, and marked partial beside anything not tested."""
    members = list(group)
    seen = {each.verdict for each in members if each.verdict is not None}
    for verdict in _WORST_FIRST:
        if verdict in seen:
            fails = [each for each in members if each.verdict is Verdict.FAIL]
            return GroupVerdict(verdict, Verdict.NOT_TESTED in seen, bool(fails) and all(each.waived for each in fails))
    if Verdict.PASS in seen:
        return GroupVerdict(Verdict.PASS, Verdict.NOT_TESTED in seen)
    return GroupVerdict(Verdict.NOT_APPLICABLE if seen == {Verdict.NOT_APPLICABLE} else Verdict.NOT_TESTED)


def clause_matrix(
    run: RunResult | None = None,
    *,
    checks: Iterable[CheckLike | Check] | None = None,
    clauses: Iterable[ClauseLike] | None = None,
) -> ClauseMatrix:
    """The matrix of *run*, or of the bare suite when None. *checks* and *clauses* default to the installed ones."""
    known = [_Named(each.id, each.title, each.clauses) for each in (discover_checks() if checks is None else checks)]
    rows: list[MatrixRow] = []
    wanted = {clause: [each for each in known if clause in each.clauses] for each in known for clause in each.clauses}
    evidence = _evidence(run)
    for clause in installed_clauses() if clauses is None else clauses:
        found = _of_clause(wanted.pop(clause.id, []), evidence, run)
        limit = as_label(getattr(clause, "limit", None))
        row = MatrixRow(clause.id, clause.text, limit, tuple(clause.methods), found, NO_TEXT)
        rows.append(row if row.tested else replace(row, reason=clause.reason_not_tested))
    for clause_id in sorted(wanted):
        found = _of_clause(wanted[clause_id], evidence, run)
        rows.append(MatrixRow(clause_id, UNKNOWN_CLAUSE, Label("", ""), (), found, NO_TEXT))
    return ClauseMatrix(tuple(rows))


def installed_clauses() -> tuple[ClauseLike, ...]:
    """The clause catalogue that is installed."""
    return tuple(catalogue().values())


def as_label(value: Any) -> Label:
    """A label as it is, a text in both languages, nothing as two empty texts."""
    if isinstance(value, Label):
        return value
    text = "" if value is None else str(value)
    return Label(text, text)


def _evidence(run: RunResult | None) -> dict[str, list[Outcome | NotRun]]:
    found: dict[str, list[Outcome | NotRun]] = {}
    for each in (*run.outcomes, *run.not_run) if run else ():
        found.setdefault(each.check_id, []).append(each)
    return found


def _of_clause(
    checks: Sequence[_Named], evidence: dict[str, list[Outcome | NotRun]], run: RunResult | None
) -> tuple[Evidence, ...]:
    found: list[Evidence] = []
    for check in checks:
        if run is None:
            found.append(Evidence(check.id, check.title))
            continue
        shown = evidence.get(check.id)
        if shown is None:
            why = Label("未列入本次计划", "not part of this plan")
            found.append(Evidence(check.id, check.title, "", Verdict.NOT_TESTED, reason=why))
        found.extend(_show(check, each, run) for each in shown or ())
    return tuple(found)


def _show(check: _Named, each: Outcome | NotRun, run: RunResult) -> Evidence:
    if isinstance(each, NotRun):
        return Evidence(check.id, check.title, each.target, each.verdict, reason=each.reason)
    waiver: WaiverUse | None = run.waiver_of(each)
    records = (each.first_record, each.last_record) if each.first_record >= 0 else None
    return Evidence(check.id, check.title, each.target, each.verdict, records, waiver is not None, each.cause)
