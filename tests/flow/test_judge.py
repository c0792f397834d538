"""The verdict on a flow comes from its history alone, and turns with every fact that it stands on."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from flow_histories import SPLIT, TRADE, Story, money, paid_story, short_flow, trade

from conformance.flow.judge import judge_flow
from scenarios.flow.expect import lacking
from scenarios.flow.model import Expect, QuoteExpect

PAID = {"event": "business", "stage": "result", "trade": trade("paid"), "told": "paid", "slip": "payment"}


def test_a_bill_that_was_paid_passes_and_its_books_are_told() -> None:
    verdict = judge_flow(paid_story().end())
    assert (verdict.verdict, verdict.findings) == ("pass", ())
    (row,) = verdict.books
    assert (row.his_fen, row.insurance_fen, row.bank_fen, row.qr_fen) == (11_000, 8_985, 2_015, 0)
    assert row.fund_fen + row.account_fen + row.cash_fen == row.total_fen
    assert [each.met for each in verdict.steps] == [True] * 3


def _change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(note: dict[str, Any]) -> None:
        *way, last = path.split(".")
        at: Any = note
        for part in way:
            at = at[int(part)] if part.isdecimal() else at[part]
        at[int(last) if last.isdecimal() else last] = value

    return change


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (_change("books.2.amount_fen", 2_016), "second-debit"),
        (_change("books.2.amount_fen", 2_014), "books-equal"),
        (_change("books.0.amount_fen", 10_999), "books-equal"),
        (_change("books.1.reference", "I2"), "lost"),
        (lambda note: note["books"].append(dict(note["books"][2])), "second-debit"),
        (lambda note: note["books"].pop(2), "books-equal"),
        (_change("postings.1.amount_fen", 2_016), "ledger"),
        (_change("trades.0.state", "closed"), "outcome"),
        (_change("trades.0.state", "paying"), "decided"),
        (_change("attempts.3.state", "unknown"), "decided"),
        (_change("attempts.1.state", "failed"), "ordered"),
        (_change("claims.0.said", "not-paid"), "history"),
        (_change("violations", ["bank: the MAC is wrong"]), "protocol"),
        (_change("alarms", ["undo-refused"]), "alarms"),
        (_change("locks", [{"peer": "his", "what": "bill", "trade_no": TRADE}]), "stuck"),
        (_change("trades", []), "vacuous"),
    ],
)
def test_a_book_that_differs_turns_the_verdict(change: Callable[[dict[str, Any]], None], kind: str) -> None:
    note = copy.deepcopy(money())
    change(note)
    verdict = judge_flow(paid_story().end(note))
    assert verdict.verdict == "fail"
    assert kind in {each.kind for each in verdict.findings}


@pytest.mark.parametrize(
    ("search", "kind"),
    [
        ({"leaks": 1}, "leak"),
        ({"found": 113}, "vacuous"),
        ({"planted": 0, "found": 0}, "vacuous"),
        ({"bytes": {}}, "vacuous"),
        ({"keys_known": False}, "vacuous"),
    ],
)
def test_a_leak_or_a_blind_search_turns_the_verdict(search: dict[str, Any], kind: str) -> None:
    verdict = judge_flow(paid_story().end(**search))
    assert [each.kind for each in verdict.findings] == [kind]


def test_a_step_is_judged_by_its_pages_and_not_by_what_the_runner_believed() -> None:
    story = Story()
    story.step(1, {"event": "business", "stage": "method", "trade": trade("awaiting")})
    story.step(2, {"event": "business", "stage": "result", "trade": trade("paying"), "told": "uncertain"})
    story.step(3, PAID)
    verdict = judge_flow(story.end())
    assert [each.met for each in verdict.steps] == [True, False, True]
    assert verdict.verdict == "fail"


def test_only_what_comes_after_a_deed_counts_for_it_but_a_wait_may_find_it_there() -> None:
    story = Story()
    story.add("kiosk", "page", event="business", stage="method", trade=trade("awaiting"))
    story.step(1)
    story.step(2, PAID)
    story.step(3)
    assert [each.met for each in judge_flow(story.end()).steps] == [False, True, True]


def test_a_step_that_was_never_begun_is_not_met() -> None:
    story = Story()
    story.step(1, {"event": "business", "stage": "method", "trade": trade("awaiting")})
    verdict = judge_flow(story.end())
    assert [each.why for each in verdict.steps[1:]] == ["not begun", "not begun"]
    assert verdict.findings[0].kind == "step"


def test_parts_that_do_not_make_up_the_total_are_found_on_any_page() -> None:
    story = paid_story()
    story.add(
        "kiosk", "page", event="business", stage="quote", trade=trade("awaiting", split={**SPLIT, "cash_fen": 2_016})
    )
    story.add("kiosk", "page", **PAID)
    assert [each.kind for each in judge_flow(story.end()).findings] == ["quote"]


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (("bank", "fault", {"id": "refuse", "message": "*", "struck": 0}), "vacuous"),
        (("http", "leak", {"privacy": "pin", "form": "ascii"}), "leak"),
        (("his", "message", {"withheld": ["name"]}), "leak"),
        (("kiosk", "violation", {"text": "no event"}), "protocol"),
    ],
)
def test_what_else_turns_the_verdict(record: tuple[str, str, dict[str, Any]], kind: str) -> None:
    story = paid_story()
    story.add(record[0], record[1], **record[2])
    assert [each.kind for each in judge_flow(story.end()).findings] == [kind]


def test_what_a_device_says_of_its_host_is_a_remark() -> None:
    story = paid_story()
    story.add("reader", "violation", text="command while the last one is still running")
    verdict = judge_flow(story.end())
    assert verdict.passed
    assert verdict.remarks == ("reader: command while the last one is still running",)


def test_a_debit_without_a_press_of_its_own_is_found() -> None:
    assert [each.kind for each in judge_flow(paid_story(presses=0).end()).findings] == ["pressed"]


def test_a_history_without_an_end_is_incomplete_and_one_without_books_proves_nothing() -> None:
    records = paid_story().end()
    assert judge_flow(records[:-1]).verdict == "incomplete"
    unread = judge_flow(paid_story().end({}))
    assert [each.kind for each in unread.findings] == ["vacuous"]
    with pytest.raises(ValueError, match="does not begin with a flow"):
        judge_flow(records[1:])


@pytest.mark.parametrize(
    ("expect", "facts", "lacks"),
    [
        (Expect(page=("quote",)), {"event": "business", "stage": "quote"}, []),
        (Expect(page=("idle", "take")), {"event": "take"}, []),
        (Expect(page=("quote",)), {"event": "quote", "stage": "menu"}, []),
        (Expect(page=("menu",)), {"event": "read", "stage": "menu"}, ["page menu"]),
        (Expect(told=("paid",)), {"event": "business"}, ["told paid"]),
        (Expect(trade=("paid",)), {"event": "business", "trade": trade("paying")}, ["trade paid"]),
        (Expect(presses=2), {"event": "business", "presses": 1}, ["presses 2"]),
        (Expect(quote=QuoteExpect(cash_fen=1)), {"event": "business", "trade": trade("awaiting")}, ["cash_fen 1"]),
        (Expect(quote=QuoteExpect()), {"event": "business"}, ["a quote"]),
    ],
)
def test_what_a_page_lacks_is_said_in_words(expect: Expect, facts: dict[str, Any], lacks: list[str]) -> None:
    assert lacking(expect, facts) == lacks


def test_the_flow_of_these_histories_has_the_steps_that_they_tell() -> None:
    assert [each.do for each in short_flow().steps] == ["confirm-quote", "decided", "receipt"]
