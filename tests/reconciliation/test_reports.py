"""Totals from the leaves to the city, the report of a day, causes, exports."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from pathlib import Path

import polars as pl
import pytest

from reference_impl.backend.reconciliation.causes import probable_cause
from reference_impl.backend.reconciliation.generate import generate
from reference_impl.backend.reconciliation.model import CODE_RULES, LEGS, Action, Book, Code
from reference_impl.backend.reconciliation.records import Difference, TotalLine
from reference_impl.backend.reconciliation.report import (
    LONG_SHORT,
    daily_report,
    differences_csv,
    report_csv,
    report_json,
)
from reference_impl.backend.reconciliation.totals import Total, leaves, rolled_up

from .books import Four, paid, platform, row

PARENTS = {
    "441900": None,
    "441900001": "441900",
    "441900002": "441900",
    "H1": "441900001",
    "H2": "441900001",
    "H3": "441900002",
}


def test_leaves(tmp_path: Path) -> None:
    part = platform("T1/2", channel_leg=("V1", -265), kind="undo", original="T1", institution="H1")
    four = Four(
        [paid("T1", institution="H1"), part, platform("T2/1", channel_leg=("C2", 9), state="failed")],
        [row("C-T1", 1265, institution="H1"), row("V1", -265, kind="undo", original="C-T1", institution="H1")],
        [row("T1", 12560, institution="H1", channel="")],
        [row("M1", 5), row("M2", -5, kind="undo", original="M1"), row("M3", 5, kind="redo", original="M2")],
    )
    shown = [
        (each.book, each.leg, each.channel, each.paid_count, each.paid_fen, each.returned_count, each.returned_fen)
        for each in leaves(four.write(tmp_path))
    ]
    assert shown == [
        ("platform", "channel", "bank", 1, 1265, 1, -265),
        ("platform", "his", "bank", 1, 12560, 0, 0),
        ("platform", "insurance", "bank", 1, 11295, 0, 0),
        ("channel", "channel", "bank", 1, 1265, 1, -265),
        ("his", "his", "", 1, 12560, 0, 0),
        ("insurance", "insurance", "bank", 1, 5, 0, 0),
    ]


def test_leaves_are_the_sums_of_plain_python(tmp_path: Path) -> None:
    books, _ = generate(tmp_path, 5_000, share=0.2)
    net: dict[tuple[str, str, str], int] = defaultdict(int)
    for book in LEGS:
        for each in pl.read_parquet(books.path(book)).iter_rows(named=True):
            if each["state"] == "done":
                net[book, each["channel"], each["institution"]] += each["amount_fen"]
    found = {(t.book, t.channel, t.institution): t.net_fen for t in leaves(books) if t.book is not Book.PLATFORM}
    assert found == dict(net)


def test_rows_of_the_pool_are_left_out(tmp_path: Path) -> None:
    four = Four(channel=[row("C1", 5), row("C2", 7)])
    (line,) = leaves(four.write(tmp_path), {**dict.fromkeys(Book, 0), Book.CHANNEL: 1})
    assert line.paid_fen == 5


def total(institution: str, fen: int, channel: str = "bank") -> Total:
    return Total(Book.CHANNEL, Book.CHANNEL, channel, institution, 1, fen)


def test_totals_add_up_to_town_and_city() -> None:
    rolled = rolled_up([total("H1", 1), total("H2", 10), total("H3", 100), total("H3", 1000, "wechat")], PARENTS)
    shown = {
        place: [(line.channel, line.paid_count, line.paid_fen) for line in lines] for place, lines in rolled.items()
    }
    assert shown == {
        "441900": [("bank", 3, 111), ("wechat", 1, 1000)],
        "441900001": [("bank", 2, 11)],
        "441900002": [("bank", 1, 100), ("wechat", 1, 1000)],
        "H1": [("bank", 1, 1)],
        "H2": [("bank", 1, 10)],
        "H3": [("bank", 1, 100), ("wechat", 1, 1000)],
    }
    one = rolled_up([total("H3", 100), total("H3", 1000, "wechat")], PARENTS, by_channel=False)
    assert [line.paid_fen for line in one["441900"]] == [1100]


def test_an_unknown_institution_stands_by_itself_and_a_circle_ends() -> None:
    assert set(rolled_up([total("H9", 1)], PARENTS)) == {"H9"}
    assert set(rolled_up([total("A", 1)], {"A": "B", "B": "A"})) == {"A", "B"}


def difference(code: Code, gap: int, state: str = "open", **fields: object) -> Difference:
    values = {
        "difference_id": f"R1/{gap}",
        "run_id": "R1",
        "subject": f"{code}|platform|T1|pay",
        "code": code.value,
        "underlying": "",
        "books": "channel",
        "institution": "H1",
        "channel": "bank",
        "day": "2026-11-22",
        "trade_no": "T1",
        "kind": "pay",
        "sides": "{}",
        "gap_fen": gap,
        "pooled": False,
        "state": state,
    }
    return Difference(**(values | fields))  # type: ignore[arg-type]


def lines() -> list[TotalLine]:
    return [
        TotalLine("R1/1", "R1", "channel", "channel", "bank", "H1", 2, 300, 1, -100),
        TotalLine("R1/2", "R1", "channel", "channel", "bank", "H3", 1, 50, 0, 0),
    ]


def test_the_report_of_a_day() -> None:
    found = [
        difference(Code.CHANNEL_ONLY, 500),
        difference(Code.CHANNEL_ONLY, -20, "closed"),
        difference(Code.PLATFORM_ONLY, -30, "pooled"),
    ]
    report = daily_report("2026-11-22", [], lines(), found, PARENTS)
    by_code = {line.code: line for line in report.codes}
    assert list(by_code) == [code.value for code in Code]
    channel_only = by_code["CHANNEL_ONLY"]
    assert (channel_only.count, channel_only.long_fen, channel_only.short_fen) == (2, 500, -20)
    assert channel_only.states == {"closed": 1, "open": 1}
    assert by_code["PLATFORM_ONLY"].states == {"pooled": 1}
    assert by_code["DUPLICATE"].count == 0
    assert list(report.places) == ["441900", "441900001", "441900002", "H1", "H3"]
    assert [line.net_fen for line in report.places["441900"]] == [250]


def test_a_report_shows_what_its_reader_may_see() -> None:
    report = daily_report("2026-11-22", [], lines(), [], PARENTS, frozenset({"H3"}))
    assert list(report.places) == ["H3"]


def test_every_export_says_at_its_head_what_long_and_short_mean() -> None:
    report = daily_report("2026-11-22", [], lines(), [difference(Code.CHANNEL_ONLY, 500)], PARENTS)
    document = json.loads(report_json(report))
    assert document["definition"] == {"zh": LONG_SHORT.zh, "en": LONG_SHORT.en}
    text = report_csv(report).decode("utf-8-sig")
    assert text.splitlines()[0] == "对账日报 / daily reconciliation,2026-11-22"
    assert "长款" in text.splitlines()[1]
    assert LONG_SHORT.zh in differences_csv([]).decode("utf-8-sig").splitlines()[0]
    for word in ("长款", "短款"):
        assert word in LONG_SHORT.zh
        assert word in LONG_SHORT.en


def test_codes_are_neutral() -> None:
    """Neither a code nor a name of one says long or short (spec/services.md 5)."""
    for rule in CODE_RULES.values():
        for text in (rule.code.value, rule.label.zh, rule.label.en):
            assert not {"长", "短", "LONG", "SHORT"} & {
                text[at : at + size] for at in range(len(text)) for size in (1, 4, 5)
            }


def test_csv_has_amounts_in_yuan_and_no_formulas() -> None:
    evil = difference(Code.CHANNEL_ONLY, -1250, reason="=1+2", trade_no="-7A", handled_by="@li")
    rows = list(csv.reader(io.StringIO(differences_csv([evil]).decode("utf-8-sig"))))
    values = dict(zip(rows[2], rows[3], strict=True))
    assert values["差额 gap 元"] == "-12.50"
    assert values["处理说明 reason"] == "'=1+2"
    assert values["交易号 trade_no"] == "'-7A"
    assert values["处理人 by"] == "'@li"


@pytest.mark.parametrize(
    ("code", "sides", "words"),
    [
        (Code.CHANNEL_ONLY, {"channel": {"state": "done"}}, "has no such payment"),
        (Code.CHANNEL_ONLY, {"platform": {"state": "failed"}}, "the reply was lost"),
        (Code.CHANNEL_ONLY, {"platform": {"state": "reversed"}}, "taken it back"),
        (Code.PLATFORM_ONLY, {"platform": {"state": "done"}}, "missing or late"),
        (Code.PLATFORM_ONLY, {"channel": {"state": "reversed"}}, "the platform does not know"),
        (Code.STATUS_MISMATCH, {"platform": {"state": "open"}}, "query first"),
        (Code.FEE_MISMATCH, {"platform": {"state": "done"}}, "rate"),
        (Code.CUTOVER, {"platform": {"state": "done"}}, "end of a day"),
    ],
)
def test_the_probable_cause_is_read_off_the_books(code, sides, words) -> None:
    cause = probable_cause(difference(code, 1, sides=json.dumps(sides)))
    assert words in cause.en
    assert cause.zh


def test_no_machine_changes_what_the_table_leaves_to_people() -> None:
    """spec/services.md 5, last column."""
    assert {code: (rule.action, rule.automatic) for code, rule in CODE_RULES.items()} == {
        Code.CHANNEL_ONLY: (Action.QUERY_COMPLETE_OR_REFUND, True),
        Code.PLATFORM_ONLY: (Action.POOL_QUERY_PERSON, True),
        Code.HIS_MISSING: (Action.TRADE_CHECK_RECOMMIT_OR_REFUND, True),
        Code.HIS_ONLY: (Action.PERSON_CANCEL_OR_LATE_ENTRY, False),
        Code.INS_MISSING: (Action.INSURANCE_QUERY_THEN_PERSON, True),
        Code.INS_ONLY: (Action.INSURANCE_QUERY_THEN_PERSON, True),
        Code.AMOUNT_MISMATCH: (Action.NONE, False),
        Code.STATUS_MISMATCH: (Action.NONE, False),
        Code.FEE_MISMATCH: (Action.NONE, False),
        Code.DUPLICATE: (Action.NONE, False),
        Code.CUTOVER: (Action.NEXT_DAY_FILE, True),
    }
