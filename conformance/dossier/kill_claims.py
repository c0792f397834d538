"""The kill matrix of a dossier is a claim of whoever measured it: held against the catalogue, and measured again in part."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol

from conformance.dossier.verification import Verification
from conformance.model import Verdict
from conformance.result import KillMatrix, MutantRow, RunResult
from conformance.strict_json import to_plain

__all__ = ["SAMPLED_CHECKS", "SAMPLED_ROWS", "MutantBench", "check_kill_matrix", "sample"]

KILL_MATRIX = "kill-matrix.json"
SAMPLED_ROWS, SAMPLED_CHECKS = 12, 3
"""How many rows are measured again, and at most how many checks of each: a few seconds in all."""


class MutantBench(Protocol):
    """Where mutants can be tried again."""

    def empty_matrix(self) -> KillMatrix:
        """Rows, equivalents and source as this suite has them, without verdicts."""
        ...

    def check_ids(self) -> frozenset[str]:
        """Every check of the suite."""
        ...

    def verdicts(self, row: MutantRow, checks: Sequence[str]) -> Mapping[str, Verdict]:
        """What *checks* say of the device of *row*, measured now."""
        ...


def sample(run_id: str, matrix: KillMatrix) -> list[tuple[MutantRow, list[str]]]:
    """Rows to measure again, and checks of each. Hashes of *run_id* choose, so that every verifier takes the same."""

    def draw(*words: str) -> str:
        return hashlib.sha256("\0".join((run_id, *words)).encode()).hexdigest()

    rows = sorted(matrix.rows, key=lambda row: draw(row.mutant))[:SAMPLED_ROWS]
    return [(row, sorted(row.verdicts, key=lambda check: draw(row.mutant, check))[:SAMPLED_CHECKS]) for row in rows]


def check_kill_matrix(result: RunResult, bench: MutantBench | None, found: Verification, same_suite: bool) -> None:
    """Complain about a matrix that this suite cannot have given. A run may have none."""
    matrix = result.kill_matrix
    if not matrix.rows and not matrix.equivalents:
        return
    if not same_suite:
        found.note("变异矩阵未重算：套件不同", "the kill matrix was not recomputed: another suite")
        return
    if bench is None:
        from conformance.mutation import InstalledMutants

        bench = InstalledMutants()
    if not _check_names(matrix, bench, found):
        return
    chosen = sample(result.run_id, matrix)
    for row, checks in chosen:
        made = bench.verdicts(row, checks)
        for check in checks:
            if made.get(check) is not row.verdicts[check]:
                seen = made[check].value if check in made else "-"
                zh = f"写为 {row.verdicts[check].value}，重新测得 {seen}"
                en = f"is given as {row.verdicts[check].value}, measured again it is {seen}"
                found.problem(KILL_MATRIX, f"{row.mutant} {check}", zh, en)
    listed = ", ".join(row.mutant for row, _ in chosen)
    cells = sum(len(checks) for _, checks in chosen)
    found.note(
        f"变异矩阵是声明：共 {len(matrix.rows)} 行，抽样重测 {len(chosen)} 行 {cells} 格（{listed}）",
        f"the kill matrix is a claim: {cells} cells in {len(chosen)} of its {len(matrix.rows)} rows"
        f" were measured again ({listed})",
    )


def _check_names(matrix: KillMatrix, bench: MutantBench, found: Verification) -> bool:
    """Every mutant and check that the matrix names must be the suite's, and no mutant may be left out."""
    wanted, before = bench.empty_matrix(), len(found.problems)
    known = {row.mutant: row for row in wanted.rows}
    told = [row.mutant for row in matrix.rows]
    for row in matrix.rows:
        ours = known.get(row.mutant)
        if ours is None or (row.label, row.null) != (ours.label, ours.null):
            zh, en = "本套件没有这个变异体，或称呼不同", "this suite has no such mutant, or calls it otherwise"
            found.problem(KILL_MATRIX, row.mutant, zh, en)
        if strange := sorted(row.verdicts.keys() - bench.check_ids()):
            zh, en = f"本套件没有检查项 {strange[0]}", f"this suite has no check {strange[0]}"
            found.problem(KILL_MATRIX, row.mutant, zh, en)
    if sorted(told) != sorted(known):
        zh, en = "变异体的清单与本套件不同", "the list of mutants is not that of this suite"
        found.problem(KILL_MATRIX, "rows", zh, en)
    if to_plain(matrix.equivalents) != to_plain(wanted.equivalents) or matrix.source != wanted.source:
        zh, en = "等价变异体或来源与本套件不同", "equivalent mutants or source are not those of this suite"
        found.problem(KILL_MATRIX, "source", zh, en)
    return len(found.problems) == before
