"""The HIS channel in the real engine against the HIS's core, behind both doors, with every fault (spec/services.md 1.7, 8)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.wire.http import HttpReply, HttpRequest, json_reply
from protocols.wire.insurance.fields import read as read_insurance
from protocols.wire.insurance.visit_messages import Diagnosis as Diseinfo
from protocols.wire.insurance.visit_messages import FeeDetail
from reference_impl.backend.settlement.channel import Secrets
from reference_impl.backend.settlement.model import Act, AttemptState, Leg, Split, TradeState
from simulators.peer.faults import PEER_FAULTS

from .bench import BILL_1, BILL_2, BILL_3, CLINIC, MORNING, PATIENT, TOTAL_1
from .world import FACES, World, fault, leg, pay_and_check, play, refund_and_check

STRIKES = [each for each in PEER_FAULTS if each != "file-not-ready"]
face = pytest.mark.parametrize("face", FACES)


# A good day.


@face
def test_a_self_pay_bill(face: str) -> None:
    async def story(world: World) -> None:
        trade = await pay_and_check(world)
        assert trade.state is TradeState.PAID
        assert world.line.sent == ["list_bills", "lock_trade", "settle_trade"]
        lock, commit = leg(trade, Leg.LOCK)[0], leg(trade, Leg.COMMIT)[0]
        assert lock.facts["his_lock"] == {"expires_at": "2026-11-22T08:15:00+08:00", "slot_lock": ""}
        assert commit.reference == trade.trade_no
        assert commit.facts["reconciliation_no"] == "HIS20261122000001"
        (row,) = world.line.peer.book()
        assert (row.reference, row.channel, row.parts["cash_fen"]) == (trade.trade_no, "02", TOTAL_1)
        assert world.alarms == []

    play(story, face=face)


@face
def test_an_insured_bill_tells_the_his_who_paid_what(face: str) -> None:
    async def story(world: World) -> None:
        trade = await pay_and_check(world, insured=True, method="wechat")
        assert trade.state is TradeState.PAID
        (row,) = world.line.peer.book()
        assert row.parts == {"fund_fen": 8_295, "account_fen": 3_000, "cash_fen": 1_265}
        assert row.channel == "11"
        held = world.line.peer.house.records.trades[trade.trade_no]
        assert (held.setl_id, held.mdtrt_id) == ("44190026112200000001", "4419M0001")
        lines = leg(trade, Leg.LOCK)[0].facts["feedetail"]
        numbers = {"mdtrt_id": "1", "psn_no": "1", "chrg_bchno": "1"}
        read = [read_insurance(FeeDetail, {**each, **numbers}) for each in lines]
        assert sum(each.det_item_fee_sumamt for each in read) == TOTAL_1
        (diagnosis,) = leg(trade, Leg.LOCK)[0].facts["diagnoses"]
        assert read_insurance(Diseinfo, diagnosis).diag_code == "J00.x00"

    play(story, face=face)


@pytest.mark.parametrize(
    ("method", "kind"), [("bank_card", "02"), ("wechat", "11"), ("alipay", "12"), ("unionpay_qr", "13")]
)
def test_each_method_has_its_payment_kind(method: str, kind: str) -> None:
    async def story(world: World) -> None:
        await pay_and_check(world, method=method)
        assert [row.channel for row in world.line.peer.book()] == [kind]

    play(story)


def test_what_the_institution_bears_is_told_as_a_reduction() -> None:
    async def story(world: World) -> None:
        world.insurance.split = Split(fund_fen=9_000, account_fen=3_000, hospital_fen=560)
        trade = await pay_and_check(world, insured=True, method="account")
        assert trade.state is TradeState.PAID
        assert world.line.peer.house.records.trades[trade.trade_no].split == (9_000, 3_000, 0, 560)

    play(story)


@face
def test_several_bills_together(face: str) -> None:
    async def story(world: World) -> None:
        bills = await world.client.unpaid_bills(CLINIC, PATIENT)
        total = sum(each.total_fen for each in bills[:2])
        terms = {"bill_ids": [BILL_1, BILL_2], "med_type": "11"}
        trade = await pay_and_check(world, total_fen=total, terms=terms)
        assert trade.state is TradeState.PAID
        assert [each.bill_id for each in await world.client.unpaid_bills(CLINIC, PATIENT)] == [BILL_3]

    play(story, face=face)


@face
def test_a_registration_is_locked_paid_and_confirmed(face: str) -> None:
    async def story(world: World) -> None:
        trade = await world.registration()
        trade = await world.finish(trade.trade_no)
        await world.line.settle_down()
        world.check(trade)
        assert trade.state is TradeState.PAID
        facts = leg(trade, Leg.COMMIT)[0].facts
        assert (facts["registration_id"], facts["reconciliation_no"]) == ("R00000001", "HIS20261122000001")
        codes = [each["med_list_codg"] for each in leg(trade, Leg.LOCK)[0].facts["feedetail"]]
        assert codes == ["0SIM00000000000REG01", "0SIM00000000000EXM01"]
        (booking,) = await world.client.bookings(CLINIC, PATIENT)
        assert (booking.see_no, booking.trade_no, booking.state) == (facts["see_no"], trade.trade_no, "booked")

    play(story, face=face, appointments=0)


@face
def test_a_registration_that_is_not_paid_frees_its_slot(face: str) -> None:
    async def story(world: World) -> None:
        before = await world.client.slots(CLINIC, "01", "2026-11-23", "0101")
        trade = await world.registration()
        await world.until(trade.trade_no, lambda each: each.state is TradeState.AWAITING)
        await world.engine.cancel(trade.trade_no, "citizen")
        trade = await world.until(trade.trade_no, lambda each: each.state.final)
        assert trade.state is TradeState.CLOSED
        world.check(trade)
        assert await world.client.slots(CLINIC, "01", "2026-11-23", "0101") == before
        assert world.line.peer.locks(world.clock.now()) == ()

    play(story, face=face)


@face
def test_the_dues_of_a_booking_are_paid(face: str) -> None:
    async def story(world: World) -> None:
        (booking,) = await world.client.bookings(CLINIC, PATIENT)
        terms = {"slot_lock": booking.lock_id, "slot_id": booking.slot_id, "med_type": "12"}
        trade = await pay_and_check(world, total_fen=booking.due_fen, terms=terms)
        assert trade.state is TradeState.PAID
        assert leg(trade, Leg.COMMIT)[0].facts["registration_id"] == booking.registration_id
        assert (await world.client.check_in(CLINIC, booking.registration_id, "KSK-00001")).see_no == booking.see_no

    play(story, face=face)


@face
def test_a_refund_takes_it_back(face: str) -> None:
    async def story(world: World) -> None:
        trade = await refund_and_check(world, insured=True)
        assert trade.state is TradeState.REFUNDED
        undo = leg(trade, Leg.COMMIT, Act.UNDO)[0]
        pay, back = world.line.peer.book()
        assert (back.kind, back.reference, back.original) == ("undo", undo.reference, pay.reference)
        assert undo.facts["his_refund_id"] == "RF20261122000001"
        assert world.line.sent[-1] == "request_refund"
        assert "unlock_trade" not in world.line.sent, "what the HIS has settled holds no lock any more"

    play(story, face=face)


@face
def test_a_refund_that_takes_its_time_is_asked_for(face: str) -> None:
    async def story(world: World) -> None:
        trade = await refund_and_check(world)
        assert trade.state is TradeState.REFUNDED
        assert world.line.sent.count("request_refund") == 1
        assert world.line.sent.count("refund_status") >= 3

    play(story, face=face, his_refund_s=20)


# What the HIS refuses.


@face
def test_a_bill_that_has_changed_is_let_go_at_once(face: str) -> None:
    async def story(world: World) -> None:
        trade = await pay_and_check(world, total_fen=TOTAL_1 - 1)
        assert trade.state is TradeState.CLOSED
        lock = leg(trade, Leg.LOCK)[0]
        assert (lock.state, lock.code) == (AttemptState.FAIL, "amount-changed")
        assert world.line.sent[-1] == "unlock_trade"
        assert trade.reason == "lock-failed:amount-changed"

    play(story, face=face)


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"bill_ids": ["B00001-00000001-0009"], "med_type": "11"}, "notfound"),
        ({"bill_ids": [BILL_1], "med_type": "14"}, "med-type-differs"),
        ({"bill_ids": [BILL_1, BILL_3], "med_type": "11"}, "not-mergeable"),
        ({"bill_ids": ["B00001-00000002-0001"], "med_type": "11"}, "notfound"),
        ({"bill_ids": ["B00002-00000001-0001"], "med_type": "11"}, "notfound"),
        ({"slot_lock": "L99999999", "slot_id": "x", "med_type": "12"}, "notfound"),
    ],
)
def test_a_refused_lock_fails_at_once(terms: dict[str, Any], code: str) -> None:
    async def story(world: World) -> None:
        await world.client.unpaid_bills(CLINIC, PATIENT)
        trade = await world.finish((await world.open(terms=terms)).trade_no)
        assert trade.state is TradeState.CLOSED
        lock = leg(trade, Leg.LOCK)[0]
        assert (lock.state, lock.code) == (AttemptState.FAIL, code)
        assert world.line.sent == ["list_bills", "lock_trade"]
        assert world.line.peer.locks(world.clock.now()) == ()

    play(story)


@pytest.mark.parametrize(
    "terms",
    [
        {"med_type": "11"},
        {"bill_ids": [], "med_type": "11"},
        {"bill_ids": [BILL_1]},
        {"bill_ids": "B1", "med_type": "11"},
        {"bill_ids": [BILL_1], "slot_lock": "L1", "med_type": "11"},
        {"bill_ids": ["no bill"], "med_type": "11"},
    ],
)
def test_a_trade_that_lacks_something_sends_nothing(terms: dict[str, Any]) -> None:
    async def story(world: World) -> None:
        trade = await world.finish((await world.open(terms=terms)).trade_no)
        assert trade.state is TradeState.CLOSED
        assert leg(trade, Leg.LOCK)[0].code == "terms-incomplete"
        assert world.line.sent == []

    play(story)


@face
def test_a_settlement_after_the_lock_has_expired_is_taken_back(face: str) -> None:
    async def story(world: World) -> None:
        world.cash["bank"].slow_s = 1_000.0
        trade = await pay_and_check(world, insured=True)
        assert trade.state is TradeState.CLOSED
        commit = leg(trade, Leg.COMMIT)[0]
        assert (commit.state, commit.code) == (AttemptState.FAIL, "lock-expired")
        assert world.cash["bank"].asked == ["purchase", "undo-purchase"]
        assert world.insurance.asked == ["visit", "settle", "undo-settle", "undo-visit"]

    play(story, face=face)


def test_a_realistic_his_takes_it_late() -> None:
    async def story(world: World) -> None:
        world.cash["bank"].slow_s = 1_000.0
        assert (await pay_and_check(world)).state is TradeState.PAID

    play(story, temper="realistic")


@face
@pytest.mark.parametrize("reason", ["drug-issued", "ebill-printed"])
def test_a_refund_that_is_refused_leaves_the_trade_paid(face: str, reason: str) -> None:
    async def story(world: World) -> None:
        trade = await world.pay()
        (ebill,) = await world.client.e_bills(CLINIC, PATIENT, trade.trade_no)
        if reason == "drug-issued":
            await world.clock.sleep_until(world.clock.now() + 3_600)
        else:
            await world.client.mark_e_bill(CLINIC, ebill.ebill_id, "KSK-00001", printed=True)
        assert (await world.client.refund_eligibility(CLINIC, trade.trade_no)).code == reason
        await world.engine.refund(trade.trade_no, "citizen")
        trade = await world.until(trade.trade_no, lambda each: each.reason == "refund-refused" and each.state.final)
        assert trade.state is TradeState.PAID
        world.check(trade)
        assert leg(trade, Leg.COMMIT, Act.UNDO)[0].code == reason
        await world.client.mark_e_bill(CLINIC, ebill.ebill_id, "KSK-00001", printed=False)
        if reason == "ebill-printed":
            await world.engine.refund(trade.trade_no, "citizen")
            trade = await world.until(trade.trade_no, lambda each: each.state is TradeState.REFUNDED)
            world.check(trade)

    play(story, face=face)


# A HIS that is down.


@face
def test_a_his_that_is_down_fails_the_lock_at_once(face: str) -> None:
    async def story(world: World) -> None:
        world.line.down = True
        trade = await world.finish((await world.open()).trade_no)
        assert trade.state is TradeState.CLOSED
        assert leg(trade, Leg.LOCK)[0].code == "not-sent"
        assert world.clock.now() < MORNING + 1

    play(story, face=face)


@pytest.mark.parametrize(("down_s", "state"), [(3.0, TradeState.PAID), (30.0, TradeState.CLOSED)])
def test_a_settlement_waits_a_little_for_a_his_that_is_down(down_s: float, state: TradeState) -> None:
    async def story(world: World) -> None:
        trade = await world.open_quoted()
        await world.engine.pay(trade.trade_no, "bank_card", "p1", Secrets({"pin": "x"}))
        world.line.down = True
        asyncio.get_running_loop().call_later(down_s, setattr, world.line, "down", False)
        trade = await world.until(trade.trade_no, lambda each: each.state.final)
        await world.line.settle_down()
        world.check(trade)
        assert trade.state is state

    play(story)


# One fault at a time, at every message.


@face
@pytest.mark.parametrize("operation", ["lock_trade", "settle_trade"])
@pytest.mark.parametrize("strike", STRIKES)
def test_one_fault_on_the_way_forward(face: str, strike: str, operation: str) -> None:
    async def story(world: World) -> None:
        trade = await pay_and_check(world)
        assert world.line.switch.struck[0][1] == 1, "the fault did not strike"
        assert trade.state in (TradeState.PAID, TradeState.CLOSED)
        if strike in ("commit-then-drop-reply", "drop-request", "duplicate", "malformed", "wrong-reference"):
            assert trade.state is TradeState.PAID, "what was not heard is asked for or sent again"
        if strike == "refuse":
            assert trade.state is TradeState.CLOSED
        assert "peer-contradicts-itself" not in world.alarms

    play(story, face=face, faults=[f"{strike}:{operation}"])


@face
@pytest.mark.parametrize("strike", STRIKES)
def test_one_fault_at_a_registration(face: str, strike: str) -> None:
    async def story(world: World) -> None:
        trade = await world.registration()
        trade = await world.finish(trade.trade_no)
        await world.line.settle_down()
        world.check(trade)
        assert world.line.switch.struck[0][1] == 1
        assert trade.state is (TradeState.CLOSED if strike == "refuse" else TradeState.PAID)

    play(story, face=face, faults=[f"{strike}:confirm_registration"])


@face
@pytest.mark.parametrize("strike", STRIKES)
def test_one_fault_at_the_unlock(face: str, strike: str) -> None:
    async def story(world: World) -> None:
        trade = await world.open_quoted()
        await world.engine.cancel(trade.trade_no, "citizen")
        trade = await world.until(trade.trade_no, lambda each: each.state.final)
        await world.line.settle_down()
        world.check(trade)
        assert world.line.switch.struck[0][1] == 1
        assert trade.state is TradeState.CLOSED

    play(story, face=face, faults=[f"{strike}:unlock_trade"])


@face
@pytest.mark.parametrize("strike", STRIKES)
def test_one_fault_at_the_refund(face: str, strike: str) -> None:
    async def story(world: World) -> None:
        trade = await refund_and_check(world)
        assert world.line.switch.struck[0][1] == 1
        assert trade.state is (TradeState.PAID if strike == "refuse" else TradeState.REFUNDED)

    play(story, face=face, faults=[f"{strike}:request_refund"])


@face
@pytest.mark.parametrize("first", ["drop-request", "commit-then-drop-reply", "delay-then-commit", "malformed"])
@pytest.mark.parametrize(
    ("operation", "second"),
    [
        (operation, second)
        for operation in ("lock_trade", "settle_trade", "trade_status", "unlock_trade")
        for second in STRIKES
    ],
)
def test_a_second_fault_while_the_first_is_looked_into(face: str, first: str, operation: str, second: str) -> None:
    """The second strikes what is sent after the first: another settlement, the query, the fence."""

    async def story(world: World) -> None:
        trade = await world.open_quoted()
        world.line.switch.add(fault(face, f"{first}:settle_trade"))
        after = ",after=1" if operation == "settle_trade" else ""
        world.line.switch.add(fault(face, f"{second}:{operation}{after}"))
        trade = await world.finish(trade.trade_no)
        await world.line.settle_down()
        world.check(trade)
        assert trade.state in (TradeState.PAID, TradeState.CLOSED)
        assert "peer-contradicts-itself" not in world.alarms

    play(story, face=face)


@face
@pytest.mark.parametrize("first", ["drop-request", "commit-then-drop-reply", "delay-then-commit", "malformed"])
@pytest.mark.parametrize("operation", ["request_refund", "refund_status", "withdraw_refund"])
@pytest.mark.parametrize("second", STRIKES)
def test_a_second_fault_while_a_refund_is_looked_into(face: str, first: str, operation: str, second: str) -> None:
    async def story(world: World) -> None:
        after = ",after=1" if operation == "request_refund" else ""
        world.line.switch.add(fault(face, f"{first}:request_refund"))
        world.line.switch.add(fault(face, f"{second}:{operation}{after}"))
        trade = await refund_and_check(world)
        assert trade.state in (TradeState.PAID, TradeState.REFUNDED)

    play(story, face=face)


def test_a_refused_settlement_is_fenced_while_a_copy_may_still_come() -> None:
    """The first is delayed for 90 s, the second refused: before the money goes back the HIS is made to let go, and the first
    comes too late."""

    async def story(world: World) -> None:
        trade = await pay_and_check(world)
        assert trade.state is TradeState.CLOSED
        commit = leg(trade, Leg.COMMIT)[0]
        assert (commit.state, commit.code) == (AttemptState.FAIL, "refused")
        assert commit.facts["his_let_go"] == "RELEASED"
        assert world.line.sent[2:] == [
            "settle_trade",
            "trade_status",
            "settle_trade",
            "unlock_trade",
            "unlock_trade",
        ]
        assert list(world.line.peer.book()) == []

    play(story, faults=["delay-then-commit:settle_trade", "refuse:settle_trade,after=1"])


def test_a_refused_lock_is_fenced_while_a_copy_may_still_come() -> None:
    async def story(world: World) -> None:
        trade = await pay_and_check(world)
        assert trade.state is TradeState.CLOSED
        assert leg(trade, Leg.LOCK)[0].code == "refused"
        assert world.line.sent[1:] == ["lock_trade", "lock_trade", "unlock_trade"]

    play(story, faults=["delay-then-commit:lock_trade", "refuse:lock_trade,after=1"])


def test_a_refused_refund_is_withdrawn_while_a_copy_may_still_come() -> None:
    async def story(world: World) -> None:
        trade = await refund_and_check(world)
        assert trade.state is TradeState.PAID
        undo = leg(trade, Leg.COMMIT, Act.UNDO)[0]
        assert (undo.state, undo.code, undo.facts["his_let_go"]) == (AttemptState.FAIL, "refused", "FENCED")
        assert world.line.sent[3:] == ["request_refund", "refund_status", "request_refund", "withdraw_refund"]

    play(story, faults=["delay-then-commit:request_refund", "refuse:request_refund,after=1"])


def test_a_settlement_that_never_gets_through_says_so() -> None:
    async def story(world: World) -> None:
        trade = await pay_and_check(world)
        assert trade.state is TradeState.PAID
        assert world.alarms == ["commit-unanswered"]

    play(story, faults=["drop-request:settle_trade,times=5"])


def test_an_unlock_that_never_gets_through_says_so_and_goes_on() -> None:
    async def story(world: World) -> None:
        trade = await world.open_quoted()
        await world.engine.cancel(trade.trade_no, "citizen")
        trade = await world.until(trade.trade_no, lambda each: each.state.final)
        assert trade.state is TradeState.CLOSED
        assert world.line.sent.count("unlock_trade") == 8
        assert world.alarms == ["lock-unreleased"]

    play(story, faults=["drop-request:unlock_trade,times=7"])


# A HIS that contradicts itself.


def test_another_amount_than_was_sent_needs_a_person() -> None:
    async def story(world: World) -> None:
        def lie(operation: str, request: HttpRequest) -> HttpReply | None:
            if operation != "trade_status":
                return None
            nonce = {"x-his-nonce": request.headers["x-his-nonce"]}
            trade_no = request.target.rsplit("/", 1)[-1]
            told = {"trade_no": trade_no, "state": "DONE", "business": "charge", "amount_fen": 1}
            return json_reply(told, 200, nonce)

        world.line.on_request = lie
        trade = await world.pay()
        assert trade.state is TradeState.MANUAL
        assert world.alarms == ["peer-contradicts-itself"]

    play(story, faults=["drop-request:settle_trade"])


def test_a_lock_that_is_said_to_be_settled_needs_a_person() -> None:
    async def story(world: World) -> None:
        def lie(operation: str, request: HttpRequest) -> HttpReply | None:
            if operation != "unlock_trade":
                return None
            nonce = {"x-his-nonce": request.headers["x-his-nonce"]}
            return json_reply({"code": "trade-settled", "message": ""}, 409, nonce)

        world.line.on_request = lie
        trade = await world.open_quoted()
        await world.engine.cancel(trade.trade_no, "citizen")
        trade = await world.until(trade.trade_no, lambda each: each.state is TradeState.MANUAL)
        assert world.alarms == ["peer-contradicts-itself"]

    play(story)


def test_a_settlement_that_the_window_took_back_is_taken_back_here_too() -> None:
    """The reply is lost, and until it is asked for somebody at the counter has refunded it."""

    async def story(world: World) -> None:
        def counter(operation: str, request: HttpRequest) -> HttpReply | None:
            if operation == "trade_status" and world.line.sent.count("trade_status") == 1:
                trade_no = request.target.rsplit("/", 1)[-1]
                house = world.line.peer.house
                refund = {"refund_no": "COUNTER1", "institution": CLINIC, "trade_no": trade_no, "mark": "",
                          "done_at": world.clock.now(), "his_refund_id": "RF20261122000001"}  # fmt: skip
                house.write({"e": "refund", "at": world.clock.now(), "refund": refund})
            return None

        world.line.on_request = counter
        trade = await world.pay()
        assert trade.state is TradeState.CLOSED
        assert leg(trade, Leg.COMMIT)[0].state is AttemptState.REVERSED
        assert world.cash["bank"].asked == ["purchase", "undo-purchase"]
        assert [row.kind for row in world.line.peer.book()] == ["pay", "undo"]
        assert world.balance() == {}

    play(story, faults=["commit-then-drop-reply:settle_trade"])


# Any faults.


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(STRIKES),
            st.sampled_from(
                ["*", "lock_trade", "settle_trade", "trade_status", "unlock_trade", "request_refund", "refund_status",
                 "withdraw_refund", "confirm_registration"]
            ),
            st.integers(0, 3),
            st.integers(1, 3),
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(["strict", "realistic", "hostile"]),
    st.sampled_from(list(FACES)),
    st.sampled_from(["bill", "insured", "registration"]),
    st.booleans(),
    st.sampled_from([MORNING, MORNING + 16 * 3600 - 40]),
)  # fmt: skip
def test_any_faults_end_well(
    faults: list[tuple[str, str, int, int]], temper: str, face: str, what: str, refunds: bool, at: float
) -> None:
    async def story(world: World) -> None:
        await world.client.unpaid_bills(CLINIC, PATIENT)
        trade = await (world.registration() if what == "registration" else world.open(insured=what == "insured"))
        for strike, operation, after, times in faults:
            world.line.switch.add(fault(face, f"{strike}:{operation},after={after},times={times}"))
        trade = await world.finish(trade.trade_no)
        if refunds and trade.state is TradeState.PAID:
            await world.engine.refund(trade.trade_no, "citizen")
            trade = await world.until(trade.trade_no, lambda each: each.state.final)
        await world.line.settle_down()
        world.check(trade)
        assert "peer-contradicts-itself" not in world.alarms

    play(story, face=face, temper=temper, at=at, his_dispense_s=0)
