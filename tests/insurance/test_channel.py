"""The insurance channel in the real engine against the centre, with every fault of spec/services.md 1.7."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.wire.http import HttpReply, HttpRequest, json_reply
from reference_impl.backend.settlement.model import Act, AttemptState, Leg, Split, Trade, TradeState
from simulators.peer.faults import PEER_FAULTS, PeerFault

from .clinic import MORNING
from .world import World, check, leg, pay_and_check, play, refund_and_check

FAULTS = [each for each in PEER_FAULTS if each != "file-not-ready"]
QUOTE = Split(fund_fen=8_295, account_fen=3_000, cash_fen=1_265)


# A good day.


def test_a_bill_is_quoted_settled_and_paid() -> None:
    async def story(world: World) -> None:
        trade = await pay_and_check(world)
        assert trade.state is TradeState.PAID
        assert trade.split == QUOTE
        assert [infno for infno, _ in world.line.sent] == ["9001", "2201", "2203A", "2204", "2206", "2207"]
        settled = leg(trade, Leg.INSURANCE)[0]
        assert settled.reference == world.line.sent[-1][1]["msgid"]
        assert settled.facts["setl_id"] == "44190026112200000001"
        assert settled.facts["setl_time"].startswith("2026-11-22 08:00")
        assert settled.facts["balance_fen"] == 17_000
        assert world.line.peer.violations() == []
        assert world.rows.alarms == []

    play(story)


def test_a_paid_bill_is_refunded() -> None:
    async def story(world: World) -> None:
        trade = await refund_and_check(world)
        assert trade.state is TradeState.REFUNDED
        assert [infno for infno, _ in world.line.sent[6:]] == ["2208", "2205", "2202"]
        undone = next(each for each in leg(trade, Leg.INSURANCE) if each.act is Act.UNDO)
        assert undone.facts["reversal_setl_id"] == "44190026112200000002"
        assert undone.reference == world.line.sent[6][1]["msgid"]
        assert [row.kind for row in world.line.peer.book()] == ["pay", "undo"]
        assert world.line.peer.violations() == []

    play(story)


def test_the_account_stays_untouched_when_it_is_not_wanted() -> None:
    async def story(world: World) -> None:
        trade = await world.pay(use_account=False)
        assert trade.split == Split(fund_fen=8_295, cash_fen=4_265)

    play(story)


def test_a_card_that_does_not_pay_takes_everything_back() -> None:
    async def story(world: World) -> None:
        trade = await world.open()
        await world.until(trade.trade_no, lambda each: each.state is TradeState.AWAITING)
        await world.engine.cancel(trade.trade_no, "citizen")
        trade = await world.until(trade.trade_no, lambda each: each.state.final)
        assert trade.state is TradeState.CLOSED
        check(world, trade)
        assert world.line.peer.violations() == []

    play(story)


def test_a_his_that_refuses_the_commit_takes_the_settlement_back() -> None:
    async def story(world: World) -> None:
        trade = await pay_and_check(world)
        assert trade.state is TradeState.CLOSED
        assert [row.kind for row in world.line.peer.book()] == ["pay", "undo"]

    play(story, commit_refused=True)


# One fault at a time, at every message.


@pytest.mark.parametrize("infno", ["9001", "2201", "2203A", "2204", "2206", "2207"])
@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_on_the_way_forward(fault: str, infno: str) -> None:
    async def story(world: World) -> None:
        trade = await pay_and_check(world)
        assert world.line.switch.struck[0][1] == 1, "the fault did not strike"
        assert trade.state in (TradeState.PAID, TradeState.CLOSED)
        blamed = [each for each in world.line.peer.violations() if "gateway" not in each]
        assert blamed == []
        assert "peer-contradicts-itself" not in world.rows.alarms
        if infno == "2207" and fault in ("commit-then-drop-reply", "duplicate", "malformed", "wrong-reference"):
            assert trade.state is TradeState.PAID, "what was carried out and is found is not taken back"
        if infno == "2207" and fault in ("drop-request", "delay-then-commit"):
            assert leg(trade, Leg.INSURANCE)[0].state is AttemptState.REVERSED

    play(story, faults=[f"{fault}:{infno}"])


@pytest.mark.parametrize("infno", ["2208", "2205", "2202"])
@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_on_the_way_back(fault: str, infno: str) -> None:
    async def story(world: World) -> None:
        trade = await refund_and_check(world)
        assert world.line.switch.struck[0][1] == 1
        assert trade.state is TradeState.REFUNDED
        assert [each for each in world.line.peer.violations() if "gateway" not in each] == []

    play(story, faults=[f"{fault}:{infno}"])


@pytest.mark.parametrize("infno", ["5203", "2601"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("first", ["drop-request", "commit-then-drop-reply", "delay-then-commit"])
def test_a_second_fault_while_the_first_is_looked_into(first: str, fault: str, infno: str) -> None:
    async def story(world: World) -> None:
        trade = await pay_and_check(world)
        assert world.line.switch.struck[0][1] == 1
        assert trade.state in (TradeState.PAID, TradeState.CLOSED)
        assert "peer-contradicts-itself" not in world.rows.alarms
        corrected = [infno for infno, _ in world.line.sent if infno == "2601"]
        if corrected:
            assert leg(trade, Leg.INSURANCE)[0].state is AttemptState.REVERSED

    play(story, faults=[f"{first}:2207", f"{fault}:{infno}"])


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(FAULTS),
            st.sampled_from(
                ["*", "9001", "2201", "2203A", "2204", "2206", "2207", "2208", "2601", "5203", "2205", "2202"]
            ),
            st.integers(0, 3),
            st.integers(1, 3),
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(["strict", "realistic", "hostile"]),
    st.booleans(),
    st.sampled_from([MORNING, MORNING + 16 * 3600 - 40]),
)
def test_any_faults_end_well(
    faults: list[tuple[str, str, int, int]], temper: str, commit_refused: bool, at: float
) -> None:
    async def story(world: World) -> None:
        trade = await pay_and_check(world)
        assert trade.state in (TradeState.PAID, TradeState.CLOSED), trade
        assert "peer-contradicts-itself" not in world.rows.alarms

    texts = [f"{fault}:{message},after={after},times={times}" for fault, message, after, times in faults]
    play(story, faults=texts, temper=temper, commit_refused=commit_refused, at=at)


# Alarms and contradictions.


def test_a_correction_that_is_never_answered_goes_on_and_says_so() -> None:
    async def story(world: World) -> None:
        trade = await pay_and_check(world)
        assert trade.state is TradeState.CLOSED
        assert leg(trade, Leg.INSURANCE)[0].state is AttemptState.REVERSED
        assert world.rows.alarms.count("correction-unanswered") == 1
        assert [infno for infno, _ in world.line.sent].count("2601") == 6
        numbers = {whole["msgid"] for infno, whole in world.line.sent if infno == "2601"}
        assert len(numbers) == 1, "the correction has one number, fixed before it was sent"

    play(story, faults=["drop-request:2207", "drop-request:2601,times=5"])


def test_a_used_settlement_is_taken_back_by_2208() -> None:
    """The 2601 is refused because a later visit builds on the settlement (hostile): 2208, then proof."""

    async def story(world: World) -> None:
        trade = await world.open()
        await world.until(trade.trade_no, lambda each: each.state is TradeState.AWAITING)
        world.line.switch.add(PeerFault.parse("malformed:2207"))
        world.line.switch.add(PeerFault.parse("malformed:5203,times=1"))

        def refuse(infno: str, request: HttpRequest) -> HttpReply | None:
            if infno == "2601":
                return _reply("-1", "[settlement-used] x")
            if infno == "5203" and not any(each == "2601" for each, _ in world.line.sent):
                return _absent()
            return None

        world.line.on_request = refuse
        trade = await world.finish(trade.trade_no)
        await world.line.settle_down()
        check(world, trade)
        settled = leg(trade, Leg.INSURANCE)[0]
        assert settled.state is AttemptState.REVERSED
        assert "2208" in [infno for infno, _ in world.line.sent]
        assert settled.facts["setl_id"]

    play(story)


_COUNT = [0]


def _reply(infcode: str, err_msg: str = "", output: Any = None) -> HttpReply:
    _COUNT[0] += 1
    value = {
        "infcode": infcode,
        "inf_refmsgid": f"44190020261122080000{_COUNT[0] + 5_000_000_000}",
        "err_msg": err_msg,
    }
    return json_reply(value if output is None else {**value, "output": output})


def _absent() -> HttpReply:
    return _reply("0", output={"setlinfo": None, "setldetail": []})


def test_a_centre_that_contradicts_itself_needs_a_person() -> None:
    """It says that it has corrected, and shows the settlement as valid."""

    async def story(world: World) -> None:
        trade = await world.open()
        await world.until(trade.trade_no, lambda each: each.state is TradeState.AWAITING)
        world.line.switch.add(PeerFault.parse("malformed:2207"))

        def lie(infno: str, request: HttpRequest) -> HttpReply | None:
            if infno == "2601":
                return _reply("0")
            if infno == "5203" and not any(each == "2601" for each, _ in world.line.sent):
                return _absent()
            return None

        world.line.on_request = lie
        trade = await world.finish(trade.trade_no)
        assert trade.state is TradeState.MANUAL
        assert leg(trade, Leg.INSURANCE)[0].state is AttemptState.MANUAL
        assert world.rows.alarms == ["peer-contradicts-itself"]

    play(story)


def test_a_refused_query_is_no_proof_of_absence() -> None:
    async def story(world: World) -> None:
        trade = await pay_and_check(world)
        assert trade.state is TradeState.PAID
        assert "2601" not in [infno for infno, _ in world.line.sent]

    play(story, faults=["commit-then-drop-reply:2207", "refuse:5203,times=4"])


def test_a_refused_reversal_is_tried_again_and_then_needs_a_person() -> None:
    async def story(world: World) -> None:
        trade = await _pay_and_refund_refused(world)
        assert trade.state is TradeState.MANUAL
        assert "undo-refused" in world.rows.alarms

    async def _pay_and_refund_refused(world: World) -> Trade:
        trade = await world.pay()
        await world.engine.refund(trade.trade_no, "citizen")
        return await world.until(trade.trade_no, lambda each: each.state in (TradeState.REFUNDED, TradeState.MANUAL))

    play(story, faults=["refuse:2208,times=100"])


def test_two_refusals_of_a_reversal_need_nobody() -> None:
    async def story(world: World) -> None:
        assert (await refund_and_check(world)).state is TradeState.REFUNDED
        assert world.rows.alarms == []

    play(story, faults=["refuse:2208,times=2"])


# Nothing sent, nothing owed.


def test_a_centre_that_is_down_fails_the_visit_at_once() -> None:
    async def story(world: World) -> None:
        world.line.down = True
        trade = await world.pay()
        assert trade.state is TradeState.CLOSED
        visit = leg(trade, Leg.VISIT)[0]
        assert (visit.state, visit.code) == (AttemptState.FAIL, "sign-in-failed")
        assert world.line.sent == []

    play(story)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"psn_no": ""}, "terms-incomplete"),
        ({"mdtrt_cert_no": None}, "terms-incomplete"),
        ({"fixmedins_code": "short"}, "terms-incomplete"),
    ],
)
def test_a_trade_that_lacks_something_sends_nothing(changes: dict[str, Any], code: str) -> None:
    async def story(world: World) -> None:
        trade = await world.pay(**changes)
        assert trade.state is TradeState.CLOSED
        assert leg(trade, Leg.VISIT)[0].code == code
        assert world.line.sent == []

    play(story)


def test_the_code_of_a_refusal_stays_with_the_visit() -> None:
    async def story(world: World) -> None:
        trade = await world.pay(insutype="390")
        visit = leg(trade, Leg.VISIT)[0]
        assert (visit.state, visit.code) == (AttemptState.FAIL, "not-insured")
        assert "2202" in [infno for infno, _ in world.line.sent]
        assert trade.state is TradeState.CLOSED

    play(story, faults=["refuse:2202,times=2"])


# Days and sign-ins.


def test_a_new_day_needs_a_new_sign_in() -> None:
    async def story(world: World) -> None:
        await world.pay("k1")
        await world.clock.sleep_until(MORNING + 86_400)
        second = await world.pay("k2")
        assert second.state is TradeState.PAID
        assert [infno for infno, _ in world.line.sent].count("9001") == 2
        assert world.line.peer.violations() == []

    play(story)


def test_a_settlement_over_midnight_is_signed_in_anew() -> None:
    async def story(world: World) -> None:
        trade = await world.open()
        await world.until(trade.trade_no, lambda each: each.state is TradeState.AWAITING)
        await world.clock.sleep_until(MORNING + 16 * 3600 + 1)
        trade = await world.finish(trade.trade_no)
        assert trade.state is TradeState.PAID
        assert leg(trade, Leg.INSURANCE)[0].facts["setl_time"].startswith("2026-11-23 00:00")

    play(story, at=MORNING + 16 * 3600 - 60)
