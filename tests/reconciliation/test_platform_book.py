"""The platform's own rows out of trades and attempts, typed by hand; and out of a real database."""

from __future__ import annotations

from datetime import date

import pytest

from reference_impl.backend.reconciliation.frames import check_rows
from reference_impl.backend.reconciliation.model import Book, Scope, Terms
from reference_impl.backend.reconciliation.platform_book import movements, platform_rows, trades_of_day
from reference_impl.backend.settlement.ledger import postings
from reference_impl.backend.settlement.model import Act, Attempt, AttemptState, Leg, Trade, TradeKind
from reference_impl.backend.settlement.rows import attempt_write, trade_write

from .books import DAY, LATE, NOON
from .conftest import World

TERMS = Terms(DAY)
DAY_S = 86_400
SPLIT = {"fund_fen": 8_295, "account_fen": 3_000, "cash_fen": 1_265, "mutual_aid_fen": 0, "hospital_fen": 0}

CHANNEL = {Leg.INSURANCE: "insurance", Leg.CASH: "bank", Leg.COMMIT: "his"}
AMOUNT = {Leg.INSURANCE: 11_295, Leg.CASH: 1_265, Leg.COMMIT: 12_560}


def attempt(seq: int, leg: Leg, state: AttemptState = AttemptState.SUCCESS, **fields: object) -> Attempt:
    values = {
        "attempt_id": f"T1-{seq}",
        "trade_no": "T1",
        "seq": seq,
        "leg": leg,
        "act": Act.DO,
        "channel": CHANNEL.get(leg, "his"),
        "operation": "",
        "reference": f"REF{seq}",
        "amount_fen": AMOUNT.get(leg, 12_560),
        "created_at": float(NOON + seq),
        "updated_at": float(NOON + seq),
        "state": state,
        "facts": {"split": SPLIT} if leg is Leg.INSURANCE else {},
    }
    return Attempt(**(values | fields))  # type: ignore[arg-type]


def undo(seq: int, leg: Leg, original: int, state: AttemptState = AttemptState.SUCCESS, **fields: object) -> Attempt:
    return attempt(seq, leg, state, act=Act.UNDO, original=f"T1-{original}", facts={}, **fields)


def trade(*attempts: Attempt) -> Trade:
    return Trade(
        trade_no="T1",
        kind=TradeKind.BILL,
        key="K",
        request_hash="",
        terminal_id="KSK-00001",
        institution="H44190000001",
        patient_id="P1",
        total_fen=12_560,
        opened_at=float(NOON),
        deadline=0.0,
        day="20261122",
        attempts=attempts,
    )


def shown(*attempts: Attempt) -> list[tuple[object, ...]]:
    """Reference, kind, original, state, legs."""
    return [
        (each.reference, each.kind.value, each.original, each.state.value, dict(each.legs))
        for each in movements(trade(*attempts), TERMS)
    ]


LOCK = attempt(1, Leg.LOCK)
PAID = (LOCK, attempt(2, Leg.VISIT), attempt(3, Leg.INSURANCE), attempt(4, Leg.CASH), attempt(5, Leg.COMMIT))
WHOLE = {"insurance": ("REF3", 11_295), "channel": ("REF4", 1_265), "his": ("T1", 12_560)}


def test_a_trade_that_was_paid_is_one_movement() -> None:
    assert shown(*PAID) == [("T1/3", "pay", "", "done", WHOLE)]
    (only,) = movements(trade(*PAID), TERMS)
    assert (only.institution, only.channel, only.day, only.at) == ("H44190000001", "bank", DAY, NOON + 3)


def test_a_trade_that_moved_nothing_has_no_movement() -> None:
    assert shown(LOCK, attempt(2, Leg.VISIT)) == []


def test_a_refund_takes_it_back_leg_by_leg() -> None:
    back = (undo(6, Leg.COMMIT, 5), undo(7, Leg.CASH, 4, AttemptState.UNKNOWN), undo(8, Leg.INSURANCE, 3))
    assert shown(*PAID, *back) == [
        ("T1/3", "pay", "", "done", WHOLE),
        ("T1/6", "undo", "T1/3", "done", {"his": ("REF6", -12_560)}),
        ("T1/7", "undo", "T1/3", "open", {"channel": ("REF7", -1_265)}),
        ("T1/8", "undo", "T1/3", "done", {"insurance": ("REF8", -11_295)}),
    ]
    assert {each.channel for each in movements(trade(*PAID, *back), TERMS)} == {"bank"}


def test_a_payment_that_failed_is_asked_for_at_the_his_too() -> None:
    assert shown(LOCK, attempt(4, Leg.CASH, AttemptState.FAIL)) == [
        ("T1/4", "pay", "", "failed", {"channel": ("REF4", 1_265), "his": ("T1", 12_560)})
    ]


def test_a_second_try_that_was_paid_leaves_the_first_one_failed() -> None:
    found = shown(attempt(3, Leg.CASH, AttemptState.FAIL), attempt(4, Leg.CASH), attempt(5, Leg.COMMIT))
    assert found == [
        ("T1/4", "pay", "", "done", {"channel": ("REF4", 1_265), "his": ("T1", 12_560)}),
        ("T1/3", "pay", "", "failed", {"channel": ("REF3", 1_265)}),
    ]


def test_an_attempt_that_was_reversed_is_a_payment_and_its_undo() -> None:
    late = attempt(4, Leg.CASH, AttemptState.REVERSED, updated_at=float(NOON + DAY_S))
    pay, back = movements(trade(late), TERMS)
    assert (pay.state.value, pay.kind.value, dict(pay.legs), pay.day) == (
        "done",
        "pay",
        {"channel": ("REF4", 1_265)},
        DAY,
    )
    assert (back.kind.value, back.original, dict(back.legs)) == ("undo", "T1/4", {"channel": ("REF4", -1_265)})
    assert (back.day, back.at) == (date(2026, 11, 23), NOON + DAY_S)


def test_a_settlement_that_was_revoked_went_back_under_another_number() -> None:
    revoked = attempt(3, Leg.INSURANCE, AttemptState.REVERSED, facts={"split": SPLIT, "revoke_msgid": "MR"})
    assert [each[4] for each in shown(revoked)] == [{"insurance": ("REF3", 11_295)}, {"insurance": ("MR", -11_295)}]


def test_a_void_that_was_reversed_leaves_the_payment() -> None:
    found = shown(*PAID, undo(6, Leg.CASH, 4, AttemptState.REVERSED))
    assert [(each[0], each[1], each[2]) for each in found] == [
        ("T1/3", "pay", ""),
        ("T1/6", "undo", "T1/3"),
        ("T1/6r", "redo", "T1/6"),
    ]


def test_what_was_settled_and_taken_back_before_the_confirmation() -> None:
    found = shown(attempt(3, Leg.INSURANCE), undo(4, Leg.INSURANCE, 3))
    assert found == [
        ("T1/3", "pay", "", "done", {"insurance": ("REF3", 11_295)}),
        ("T1/4", "undo", "T1/3", "done", {"insurance": ("REF4", -11_295)}),
    ]


@pytest.mark.parametrize("state", [AttemptState.PENDING, AttemptState.UNKNOWN, AttemptState.MANUAL])
def test_what_nobody_knows_is_undecided(state: AttemptState) -> None:
    assert [each[3] for each in shown(attempt(4, Leg.CASH, state))] == ["open"]


def test_what_was_settled_is_what_the_insurance_said() -> None:
    other = attempt(3, Leg.INSURANCE, facts={"split": {**SPLIT, "fund_fen": 9_000}})
    assert shown(other)[0][4] == {"insurance": ("REF3", 12_000)}


@pytest.mark.parametrize(
    ("sent", "known", "at"),
    [
        (NOON, NOON + 60, NOON),
        (LATE - 1860, LATE, LATE - 1800),  # open across 23:00, the bank's end of day
        (LATE, LATE + 3600, LATE + 1800),  # open across midnight
        (LATE, LATE + 60, LATE),
    ],
)
def test_what_was_open_across_an_end_of_day_stands_at_it(sent: int, known: int, at: int) -> None:
    (only,) = movements(trade(attempt(4, Leg.CASH, created_at=float(sent), updated_at=float(known))), TERMS)
    assert (only.at, only.day) == (at, DAY)


def test_rows_are_in_the_neutral_form() -> None:
    frame = platform_rows([trade(*PAID, undo(6, Leg.CASH, 4))], Scope(DAY), TERMS, {"bank": 6_000})
    check_rows(frame, Book.PLATFORM, "platform", 1)
    assert frame["fee_fen"].to_list() == [8, -8]  # 0.6 % of 12.65 is 7.59 fen


@pytest.mark.parametrize(
    ("scope", "count"),
    [
        (Scope(DAY), 1),
        (Scope(date(2026, 11, 23)), 0),
        (Scope(DAY, "H44190000001", "bank"), 1),
        (Scope(DAY, "H44190000002"), 0),
        (Scope(DAY, channel="wechat"), 0),
    ],
)
def test_a_scope_has_its_own_rows(scope: Scope, count: int) -> None:
    assert platform_rows([trade(*PAID)], scope, TERMS, {}).height == count


async def test_a_day_out_of_the_database(world: World) -> None:
    """A trade of long ago that was refunded on this day is there, with the payment of its own day left out."""
    old = trade(*PAID, undo(6, Leg.CASH, 4, created_at=float(NOON + 30 * DAY_S), updated_at=float(NOON + 30 * DAY_S)))
    booked = postings(old, old.attempts[-1], NOON + 30 * DAY_S, "20261222")
    await world.store.commit([trade_write(old), *map(attempt_write, old.attempts), *booked])
    day = date(2026, 12, 22)
    (found,) = await trades_of_day(world.store.engine, day, 2)
    assert found == old
    frame = platform_rows([found], Scope(day), Terms(day), {})
    assert frame.select("reference", "kind", "channel_ref", "channel_fen").rows() == [("T1/6", "undo", "REF6", -1_265)]
    assert await trades_of_day(world.store.engine, date(2026, 12, 21), 2) == []
    assert len(await trades_of_day(world.store.engine, date(2026, 11, 24), 2)) == 1
