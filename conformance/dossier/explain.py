"""Why a check came out as it did: clause, rule, findings, observed frames decoded, the mutant that looks like it, and
the one line that runs it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from conformance.dossier.read import Dossier, read_dossier, records_of
from conformance.dossier.seal import DossierError
from conformance.dossier.snapshot import CheckCard, ClauseCard
from conformance.dossier.trace import TraceLine, bilingual_tree, dialect_of, show_record
from conformance.model import BLAME_LABELS, VERDICT_LABELS, Finding, Outcome, Verdict
from conformance.result import MutantRow, NotRun, WaiverUse
from conformance.strict_json import to_plain
from protocols.record import Record
from protocols.wire.base import Label

__all__ = ["FINDING_LABELS", "Explanation", "explain", "explain_outcome"]

FINDING_LABELS: dict[str, Label] = {
    "observed": Label("符合", "as required"),
    "violation": Label("违反", "violation"),
    "inconclusive": Label("无法判定", "undecided"),
    "error": Label("测试错误", "harness error"),
    "review": Label("须复核", "needs review"),
}

LOOKALIKES_SHOWN = 3
EXCHANGE_SPAN = 12
"""Records between two that a finding names, at most, to be taken for one exchange."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """``told`` is the outcome, or why there is none; ``shown`` the records that matter, of ``total`` records."""

    check: CheckCard
    told: Outcome | NotRun
    clauses: tuple[ClauseCard, ...]
    waiver: WaiverUse | None
    shown: tuple[TraceLine, ...]
    cited: frozenset[int]
    total: int
    lookalikes: tuple[MutantRow, ...]
    command: str

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.told.findings if isinstance(self.told, Outcome) else ()

    @property
    def cause(self) -> Label | None:
        return self.told.cause if isinstance(self.told, Outcome) else self.told.reason

    def to_json(self) -> dict[str, Any]:
        """As a JSON value; frames as decoded lines in both languages."""
        return {
            "check": to_plain(self.check),
            "target": self.told.target,
            "verdict": self.told.verdict.value,
            "waived": self.waiver is not None,
            "cause": to_plain(self.cause),
            "clauses": to_plain(self.clauses),
            "findings": to_plain(self.findings),
            "records": [
                {
                    "seq": each.record.seq,
                    "t": each.record.t,
                    "direction": each.record.direction,
                    "kind": each.record.kind,
                    "data": each.hexed,
                    "summary": to_plain(each.summary),
                    "tree": list(bilingual_tree(each.tree)) if each.tree else [],
                }
                for each in self.shown
            ],
            "records_total": self.total,
            "lookalikes": [{"mutant": each.mutant, "label": to_plain(each.label)} for each in self.lookalikes],
            "command": self.command,
        }

    def render(self, language: str = "zh") -> str:
        """Text for a terminal."""
        zh = language.startswith("zh")
        told, verdict = self.told, VERDICT_LABELS[self.told.verdict][language]
        waived = ("（已豁免）" if zh else " (waived)") if self.waiver else ""
        rows = [f"{self.check.id} [{told.target}]  {self.check.title[language]}", ""]
        rows.append(("结论：" if zh else "verdict: ") + verdict + waived)
        if told.blame:
            rows.append(("责任方：" if zh else "blame: ") + BLAME_LABELS[told.blame][language])
        if self.cause:
            rows.append(("原因：" if zh else "cause: ") + self.cause[language])
        rows += ["", "条款" if zh else "clauses", *_clause_rows(self.check, self.clauses, language)]
        rows += ["", "规则" if zh else "rule", f"  {self.check.rule[language] or '-'}"]
        rows += ["", "观察" if zh else "findings", *_finding_rows(self.findings, language)]
        shown = len(self.shown)
        rows += ["", f"记录（{shown}/{self.total}）" if zh else f"records ({shown} of {self.total})"]
        rows += [row for each in self.shown for row in _record_rows(each, each.record.seq in self.cited, language)]
        rows += ["", "像它的变异体" if zh else "mutants that look like it"]
        rows += [f"  {each.mutant}  {each.label[language]}" for each in self.lookalikes] or ["  -"]
        rows += ["", "重现命令" if zh else "run it again", f"  {self.command}"]
        return "\n".join(rows)


def explain(source: Dossier | Path, check_id: str, target: str | None = None) -> Explanation:
    """Explain *check_id* of a dossier (opened, or its folder).

    Without *target*: where it did not pass, else where it ran first. Raises :class:`DossierError` when there is no
    such check.
    """
    dossier = read_dossier(source) if isinstance(source, Path) else source
    everything: Sequence[Outcome | NotRun] = (*dossier.result.outcomes, *dossier.result.not_run)
    found = [each for each in everything if each.check_id == check_id and target in (None, each.target)]
    if not found:
        name = check_id if target is None else f"{check_id}[{target}]"
        stem = check_id.partition(".")[0]
        near = sorted({each.key for each in everything if each.check_id.partition(".")[0] == stem})
        listed = ", ".join(near[:5]) or ", ".join(each.key for each in everything[:5])
        what = Label(f"档案中没有检查项 {name}", f"the dossier has no check {name}")
        raise DossierError(check_id, what, Label(f"可用的有：{listed}", f"it has, for example: {listed}"))
    told = next((each for each in found if each.verdict is not Verdict.PASS), found[0])
    return explain_outcome(dossier, told)


def explain_outcome(dossier: Dossier, told: Outcome | NotRun, frames: int = 24) -> Explanation:
    """Explain one outcome, showing at most *frames* records: those that findings cite, then the first ones."""
    check = dossier.catalogue.check(told.check_id)
    mine = records_of(dossier.records, told) if isinstance(told, Outcome) else ()
    cited = _cited(told, mine)
    chosen = _choose(mine, cited, frames)
    dialect = dialect_of(mine)
    texts = dossier.catalogue.clause_of
    return Explanation(
        check=check,
        told=told,
        clauses=tuple(texts[each] for each in check.clauses if each in texts),
        waiver=dossier.result.waiver_of(told) if isinstance(told, Outcome) else None,
        shown=tuple(show_record(each, dialect) for each in chosen),
        cited=cited,
        total=len(mine),
        lookalikes=dossier.result.kill_matrix.lookalikes(told.check_id)[:LOOKALIKES_SHOWN],
        command=shlex.join(
            ["onecard", "run", "--check", told.check_id, "--target", told.target, "--plan", dossier.lock]
        ),
    )


def _cited(told: Outcome | NotRun, mine: Sequence[Record]) -> frozenset[int]:
    """Records that a finding names; of a check with something wrong only what shows the wrong."""
    findings = told.findings if isinstance(told, Outcome) else ()
    wrong = [each for each in findings if each.kind != "observed"] or findings
    inside = {each.seq for each in mine}
    return frozenset(seq for each in wrong for seq in _spread(each.records) if seq in inside)


def _spread(seqs: Sequence[int]) -> Iterator[int]:
    """A finding names the first and the last record of an exchange: what is between them belongs to it."""
    yield from seqs
    for first, last in pairwise(sorted(seqs)):
        if last - first <= EXCHANGE_SPAN:
            yield from range(first + 1, last)


def _choose(mine: Sequence[Record], cited: frozenset[int], frames: int) -> list[Record]:
    """Cited records, then the ones nearest to them, in order of time."""

    def rank(record: Record) -> tuple[int, int]:
        near = min((abs(record.seq - each) for each in cited), default=0)
        return near, record.seq

    return sorted(sorted(mine, key=rank)[:frames], key=lambda each: each.seq)


def _clause_rows(check: CheckCard, clauses: Iterable[ClauseCard], language: str) -> list[str]:
    known = {each.id: each for each in clauses}
    rows: list[str] = []
    for clause_id in check.clauses:
        clause = known.get(clause_id)
        limit = f" ({clause.limit[language]})" if clause and clause.limit[language] else ""
        rows.append(f"  {clause_id}  {clause.text[language] if clause else ''}{limit}".rstrip())
    return rows


def _finding_rows(findings: Sequence[Finding], language: str) -> list[str]:
    rows: list[str] = []
    for each in findings:
        where = f"  #{', #'.join(map(str, each.records))}" if each.records else ""
        rows.append(f"  [{FINDING_LABELS[each.kind][language]}] {each.message[language]}{where}")
    return rows or ["  -"]


def _record_rows(line: TraceLine, cited: bool, language: str) -> list[str]:
    record, mark = line.record, ">" if cited else " "
    rows = [f"{mark} #{record.seq} {record.t:.6f} s {line.arrow} {line.summary[language]}"]
    if line.hexed:
        rows.append(f"      {line.hexed}")
    if cited and line.tree is not None and line.tree.children:
        rows += [f"      | {row}" for row in line.tree.render(language).splitlines()]
    return rows
