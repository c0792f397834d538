"""Each oracle of money is silent on a good day and speaks on the one thing that it is about."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from conformance.oracles.money import ORACLES, judge_money, not_checked
from conformance.oracles.money_facts import (
    AttemptFact,
    BookFact,
    Claim,
    LockFact,
    MoneyFacts,
    PostingFact,
    TradeFact,
)

PAID = "DG2026112200001000001"
CLOSED = "DG2026112200001000002"

# 100.00: fund 60.00, account 10.00, bank 30.00. The second trade paid 5.00 by bank, which was taken back.
UNLOCK = AttemptFact("b15", CLOSED, "lock", "undo", "his", "L", 500, "success", "b0")

GOOD = MoneyFacts(
    trades=(
        TradeFact(PAID, "paid", 10_000, 6_000, 1_000, 3_000, "H1"),
        TradeFact(CLOSED, "closed", 500, 0, 0, 500, "H1"),
    ),
    attempts=(
        AttemptFact("a0", PAID, "lock", "do", "his", PAID, 10_000, "success"),
        AttemptFact("a1", PAID, "visit", "do", "insurance", "MSG0", 10_000, "success"),
        AttemptFact("a2", PAID, "insurance", "do", "insurance", "MSG1", 7_000, "success"),
        AttemptFact("a3", PAID, "cash", "do", "bank", "10000001/000001/000001", 3_000, "success"),
        AttemptFact("a4", PAID, "commit", "do", "his", f"{PAID}C", 10_000, "success"),
        AttemptFact("b0", CLOSED, "lock", "do", "his", CLOSED, 500, "success"),
        AttemptFact("b1", CLOSED, "cash", "do", "bank", "10000001/000001/000002", 500, "success"),
        AttemptFact("b2", CLOSED, "cash", "undo", "bank", "10000001/000001/000003", 500, "success", "b1"),
    ),
    postings=(
        PostingFact(PAID, "receivable:insurance:fund", 6_000, "a2"),
        PostingFact(PAID, "receivable:insurance:account", 1_000, "a2"),
        PostingFact(PAID, "clearing", -7_000, "a2"),
        PostingFact(PAID, "receivable:bank", 3_000, "a3"),
        PostingFact(PAID, "clearing", -3_000, "a3"),
        PostingFact(PAID, "clearing", 10_000, "a4"),
        PostingFact(PAID, "payable:H1", -10_000, "a4"),
        PostingFact(CLOSED, "receivable:bank", 500, "b1"),
        PostingFact(CLOSED, "clearing", -500, "b1"),
        PostingFact(CLOSED, "receivable:bank", -500, "b2"),
        PostingFact(CLOSED, "clearing", 500, "b2"),
    ),
    books=(
        BookFact("insurance", "MSG1", "pay", 7_000),
        BookFact("bank", "10000001/000001/000001", "pay", 3_000),
        BookFact("his", PAID, "pay", 10_000),
        BookFact("bank", "10000001/000001/000002", "pay", 500),
        BookFact("bank", "10000001/000001/000003", "undo", 500, "10000001/000001/000002"),
    ),
    claims=(Claim("KSK-1", PAID, "paid"), Claim("KSK-1", CLOSED, "not-paid"), Claim("KSK-2", PAID, "uncertain")),
    alarms=("reversal-unanswered",),
    presses={PAID: 1, CLOSED: 1},
)


def oracles_of(facts: MoneyFacts) -> set[str]:
    return {each.oracle for each in judge_money(facts)}


def test_a_good_day_has_no_finding() -> None:
    assert judge_money(GOOD) == []


def test_no_trade_is_no_proof() -> None:
    assert oracles_of(MoneyFacts()) == {"vacuous"}


def without_book(facts: MoneyFacts, reference: str) -> MoneyFacts:
    return replace(facts, books=tuple(each for each in facts.books if each.reference != reference))


def with_book(*rows: BookFact) -> MoneyFacts:
    return replace(GOOD, books=(*GOOD.books, *rows))


def booked_to(**accounts: str) -> MoneyFacts:
    """The good day with entries of one account made in another. Every sum of it is what it was."""
    renamed = {old.replace("_", ":"): new for old, new in accounts.items()}
    rows = tuple(replace(each, account=renamed.get(each.account, each.account)) for each in GOOD.postings)
    assert rows != GOOD.postings
    return replace(GOOD, postings=rows)


CLOSED_TWICE = tuple(each for each in GOOD.postings if each.trade_no == CLOSED)

CASES = {
    "the same reference twice": (with_book(GOOD.books[1]), "second-debit"),
    "a payment that no attempt explains": (with_book(BookFact("bank", "10000009/000001/000001", "pay", 1)), "lost"),
    "taken back twice": (
        with_book(BookFact("bank", "10000001/000001/000004", "undo", 500, "10000001/000001/000002")),
        "second-debit",
    ),
    "the bank lost it": (without_book(GOOD, "10000001/000001/000001"), "books-equal"),
    "closed but not given back": (without_book(GOOD, "10000001/000001/000003"), "books-equal"),
    "the HIS does not know": (without_book(GOOD, PAID), "books-equal"),
    "another amount": (
        replace(GOOD, books=(replace(GOOD.books[1], amount_fen=2_999), *GOOD.books[:1], *GOOD.books[2:])),
        "books-equal",
    ),
    "undecided": (replace(GOOD, trades=(replace(GOOD.trades[0], state="paying"), GOOD.trades[1])), "decided"),
    "an open attempt": (replace(GOOD, attempts=(*GOOD.attempts[:-1], replace(GOOD.attempts[-1], state="unknown"))), "decided"),
    "one entry missing": (replace(GOOD, postings=GOOD.postings[:-1]), "ledger"),
    "a whole pair missing": (replace(GOOD, postings=GOOD.postings[:-2]), "ledger"),
    "booked to the wrong channel": (
        replace(GOOD, postings=(*GOOD.postings[:3], replace(GOOD.postings[3], account="receivable:cheque"), *GOOD.postings[4:])),
        "ledger",
    ),
    "balanced in all, but not by itself": (
        replace(
            GOOD,
            postings=(PostingFact(PAID, "clearing", 1, "a3"), PostingFact(PAID, "clearing", -1, "a4"), *GOOD.postings),
        ),
        "ledger",
    ),
    "fund and account exchanged": (
        booked_to(
            receivable_insurance_fund="receivable:insurance:account",
            receivable_insurance_account="receivable:insurance:fund",
        ),
        "ledger",
    ),
    "owed to another institution": (booked_to(payable_H1="payable:H2"), "ledger"),
    "a card booked as a wallet": (booked_to(receivable_bank="receivable:wechat"), "ledger"),
    "borne by the institution, which bears nothing": (
        booked_to(receivable_insurance_account="borne:institution"), "ledger"
    ),
    "entered twice and taken back twice": (replace(GOOD, postings=(*GOOD.postings, *CLOSED_TWICE)), "ledger"),
    "entries of an attempt that there is not": (
        replace(GOOD, postings=(*GOOD.postings, PostingFact(PAID, "clearing", 1, "z"), PostingFact(PAID, "clearing", -1, "z"))),
        "ledger",
    ),
    "entries of a trade that there is not": (
        replace(GOOD, postings=(*GOOD.postings, PostingFact("DG0", "clearing", 1, "z"), PostingFact("DG0", "clearing", -1, "z"))),
        "ledger",
    ),
    "given back for a payment that nobody knows": (
        with_book(BookFact("bank", "10000001/000001/000009", "undo", 5_000, "10000009/000001/000001")),
        "lost",
    ),
    "given back for nothing": (with_book(BookFact("qr", "R1", "undo", 5_000)), "lost"),
    "given back by another bank than the one that was paid": (
        with_book(BookFact("qr", "R1", "undo", 500, "10000001/000001/000002")), "lost"
    ),
    "paid, and no kiosk said a word": (replace(GOOD, claims=()), "truthful"),
    "a lock": (replace(GOOD, locks=(LockFact("his", "bills", CLOSED),)), "stuck"),
    "cash before the insurance": (
        replace(GOOD, attempts=tuple(replace(e, attempt_id="a15") if e.leg == "cash" and e.trade_no == PAID else e for e in GOOD.attempts)),
        "ordered",
    ),
    "locked no more, but paid": (
        replace(GOOD, attempts=(*GOOD.attempts[:-1], UNLOCK, GOOD.attempts[-1])),
        "ordered",
    ),
    "asked for twice": (replace(GOOD, presses={PAID: 1, CLOSED: 0}), "pressed"),
    "told paid, was not": (replace(GOOD, claims=(Claim("KSK-1", CLOSED, "paid"),)), "truthful"),
    "told not paid, was": (replace(GOOD, claims=(Claim("KSK-1", PAID, "not-paid"),)), "truthful"),
    "a person is needed": (replace(GOOD, alarms=("peer-contradicts-itself",)), "alarms"),
    "a peer complains": (replace(GOOD, violations=("bank: field 11 used twice",)), "protocol"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_oracle_can_fail(name: str) -> None:
    facts, oracle = CASES[name]
    assert oracle in oracles_of(facts), judge_money(facts)


def test_every_oracle_is_seen_to_fail() -> None:
    found = {oracle for _, oracle in CASES.values()}
    assert found == set(ORACLES)


def test_what_nobody_counted_or_heard_is_said_to_be_not_checked() -> None:
    deaf = replace(GOOD, presses=None, listened=False, claims=())
    assert judge_money(deaf) == []
    assert [each.en for each in not_checked(deaf)] == ["one press, one payment", "what citizens were told is so"]
    assert [each.zh for each in not_checked(replace(GOOD, presses=None))] == ["按一次只扣一次"]
    assert not_checked(GOOD) == ()


def test_what_the_institution_bears_stands_in_an_account_of_its_own() -> None:
    """100.00 of which the institution bears 5.00: fund 60.00, account 5.00, bank 30.00."""
    trade = replace(GOOD.trades[0], account_fen=500)
    split = (
        PostingFact(PAID, "receivable:insurance:fund", 6_000, "a2"),
        PostingFact(PAID, "receivable:insurance:account", 500, "a2"),
        PostingFact(PAID, "borne:institution", 500, "a2"),
        PostingFact(PAID, "clearing", -7_000, "a2"),
    )
    insured = replace(GOOD.attempts[2], amount_fen=6_500)
    facts = replace(
        GOOD,
        trades=(trade, GOOD.trades[1]),
        attempts=(*GOOD.attempts[:2], insured, *GOOD.attempts[3:]),
        postings=(*split, *GOOD.postings[3:]),
        books=(replace(GOOD.books[0], amount_fen=6_500), *GOOD.books[1:]),
    )
    assert judge_money(facts) == []
    assert oracles_of(replace(facts, postings=GOOD.postings)) == {"ledger"}


def test_an_insurance_that_settled_otherwise_is_booked_both_ways_and_is_no_finding() -> None:
    """Agreed were 4.00 from the fund; settled were 3.00, which was taken back: the trade is closed and owes nobody."""
    trade = TradeFact(CLOSED, "closed", 500, 400, 0, 100, "H1", reason="amount-changed")
    attempts = (
        AttemptFact("b0", CLOSED, "lock", "do", "his", CLOSED, 500, "success"),
        AttemptFact("b1", CLOSED, "visit", "do", "insurance", "V", 500, "success"),
        AttemptFact("b2", CLOSED, "insurance", "do", "insurance", "S", 400, "success"),
        AttemptFact("b3", CLOSED, "insurance", "undo", "insurance", "U", 400, "success", "b2"),
    )
    postings = tuple(
        PostingFact(CLOSED, account, sign * fen, attempt_id)
        for attempt_id, sign in (("b2", 1), ("b3", -1))
        for account, fen in (("receivable:insurance:fund", 300), ("clearing", -300))
    )
    books = (BookFact("insurance", "S", "pay", 300), BookFact("insurance", "U", "undo", 300, "S"))
    facts = MoneyFacts((trade,), attempts, postings, books, presses={})
    assert judge_money(facts) == []
    assert oracles_of(replace(facts, postings=postings[:2])) == {"ledger"}


def test_entries_that_name_no_attempt_are_judged_by_their_trade() -> None:
    """As in the notes of early runs."""
    bare = replace(GOOD, postings=tuple(replace(each, attempt_id="") for each in GOOD.postings))
    assert judge_money(bare) == []
    wrong = tuple(
        replace(each, account="payable:H2") if each.account == "payable:H1" else each for each in bare.postings
    )
    assert oracles_of(replace(bare, postings=wrong)) == {"ledger"}


def test_facts_survive_as_a_note_of_a_record() -> None:
    for facts in (GOOD, replace(GOOD, presses=None, listened=False)):
        assert MoneyFacts.of_note(json.loads(json.dumps(facts.as_note()))) == facts


def test_the_note_of_an_early_run_is_still_read() -> None:
    note = json.loads(json.dumps(GOOD.as_note()))
    del note["listened"]
    assert MoneyFacts.of_note({**note, "differences": []}) == GOOD
