"""Each oracle of money is silent on a good day and speaks on the one thing that it is about."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from conformance.oracles.money import ORACLES, judge_money
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
        TradeFact(PAID, "paid", 10_000, 6_000, 1_000, 3_000),
        TradeFact(CLOSED, "closed", 500, 0, 0, 500),
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
        PostingFact(PAID, "receivable:insurance:fund", 6_000),
        PostingFact(PAID, "receivable:insurance:account", 1_000),
        PostingFact(PAID, "clearing", -7_000),
        PostingFact(PAID, "receivable:bank", 3_000),
        PostingFact(PAID, "clearing", -3_000),
        PostingFact(PAID, "clearing", 10_000),
        PostingFact(PAID, "payable:H1", -10_000),
        PostingFact(CLOSED, "receivable:bank", 500),
        PostingFact(CLOSED, "clearing", -500),
        PostingFact(CLOSED, "receivable:bank", -500),
        PostingFact(CLOSED, "clearing", 500),
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
    "a difference": (replace(GOOD, differences=("CHANNEL_ONLY 10000001/000001/000001",)), "reconciled"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_oracle_can_fail(name: str) -> None:
    facts, oracle = CASES[name]
    assert oracle in oracles_of(facts), judge_money(facts)


def test_every_oracle_is_seen_to_fail() -> None:
    found = {oracle for _, oracle in CASES.values()}
    assert found >= set(ORACLES) - {"peaceful"}


def test_presses_that_nobody_counted_prove_nothing() -> None:
    assert judge_money(replace(GOOD, presses=None)) == []


def test_facts_survive_as_a_note_of_a_record() -> None:
    assert MoneyFacts.of_note(json.loads(json.dumps(GOOD.as_note()))) == GOOD
