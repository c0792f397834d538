"""The clause matrix: worst verdict first, no pass out of nothing, and a reason for every clause without a check."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conformance.catalogue import catalogue
from conformance.matrix import Evidence, clause_matrix, group_verdict
from conformance.model import Verdict
from protocols.wire.base import Label

P, F, INC, E, NA, NT, NR = (
    Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR,
    Verdict.NOT_APPLICABLE, Verdict.NOT_TESTED, Verdict.NEEDS_REVIEW,
)  # fmt: skip


def seen(*verdicts: Verdict, waived: bool = False) -> list[Evidence]:
    return [Evidence("c", Label("", ""), "t", each, waived=waived and each is F) for each in verdicts]


@pytest.mark.parametrize(
    ("verdicts", "wanted", "partial"),
    [
        ((), NT, False),
        ((P, P), P, False),
        ((P, NT), P, True),
        ((P, NA), P, False),
        ((NA, NA), NA, False),
        ((NA, NT), NT, False),
        ((P, F, E), F, False),
        ((P, E, INC), E, False),
        ((P, INC, NR), INC, False),
        ((P, NR), NR, False),
    ],
)
def test_group_verdict(verdicts: tuple[Verdict, ...], wanted: Verdict, partial: bool) -> None:
    group = group_verdict(seen(*verdicts))
    assert (group.verdict, group.partial, group.waived) == (wanted, partial, False)


def test_a_waived_fail_stays_a_fail() -> None:
    group = group_verdict(seen(P, F, waived=True))
    assert (group.verdict, group.waived) == (F, True)
    assert not group_verdict([*seen(F, waived=True), *seen(F)]).waived


def test_rows_of_a_run(master: Any) -> None:
    matrix = clause_matrix(master.result, checks=master.catalogue.checks, clauses=master.catalogue.clauses)
    rows = {each.clause_id: each for each in matrix.rows}
    assert rows["DG-W20-11"].tested_by == ("fake.answers", "fake.empty")
    assert [(each.target, each.verdict, each.records) for each in rows["DG-W20-14"].evidence] == [
        ("reader", F, (9, 16)),
        ("card", NA, None),
    ]
    assert {each.clause_id for each in matrix.untested} == {"DG-GEN-01", "BJ-INS-02"}
    assert all(each.reason.zh and each.reason.en for each in matrix.untested)


def test_a_check_that_was_not_planned_is_not_tested(master: Any) -> None:
    nothing = replace(master.result, outcomes=(), not_run=(), waivers=())
    matrix = clause_matrix(nothing, checks=master.catalogue.checks, clauses=master.catalogue.clauses)
    assert {row.group.verdict for row in matrix.tested} == {NT}


def test_a_clause_that_the_catalogue_lacks_is_shown_all_the_same(master: Any) -> None:
    matrix = clause_matrix(master.result, checks=master.catalogue.checks, clauses=())
    assert [each.clause_id for each in matrix.rows] == ["DG-W20-11", "DG-W20-14", "DG-WXC-14"]


def test_the_installed_suite_covers_the_whole_catalogue() -> None:
    matrix = clause_matrix()
    assert [each.clause_id for each in matrix.rows][: len(catalogue())] == list(catalogue())
    assert len(matrix.tested) + len(matrix.untested) == len(matrix.rows)
    assert all(each.reason.zh and each.reason.en for each in matrix.untested)
