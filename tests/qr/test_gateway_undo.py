"""The simulated gateway: cancels and refunds, rule by rule of spec/services.md 4."""

from __future__ import annotations

from typing import Any

import pytest

from protocols.wire.qr.payment_codes import Family
from simulators.peer.base import PeerOptions
from simulators.peer.qr_codes import Behaviour

from .qr_bench import (
    DAY_S,
    MERCHANTS,
    MORNING,
    PAID,
    STATES,
    AlipayMerchant,
    Bench,
    WechatMerchant,
    hostile,
    outcome,
    realistic,
    state_of,
)

FAMILIES = pytest.mark.parametrize("family", list(Family))


@FAMILIES
class TestCancelEverywhere:
    def test_a_paid_order_is_given_back(self, family: Family) -> None:
        bench = Bench()
        merchant = MERCHANTS[family](bench)
        merchant.pay("DG1", 1250, bench.code(family))
        bench.now += 20
        assert outcome(family, merchant.cancel("DG1")) == PAID[family]
        assert state_of(family, merchant.query("DG1")) == STATES["reversed"][family]
        _pay, undo = bench.peer.book()
        assert (undo.kind, undo.reference, undo.original, undo.amount_fen) == ("undo", "DG1", "DG1", 1250)
        assert undo.at == MORNING + 20
        merchant.cancel("DG1")
        assert len(list(bench.peer.book())) == 2

    def test_a_cancel_of_nothing_keeps_a_late_pay_out(self, family: Family) -> None:
        bench = Bench()
        merchant = MERCHANTS[family](bench)
        assert outcome(family, merchant.cancel("DG1")) == {**PAID, Family.UNIONPAY: "25"}[family]
        words = {Family.WECHAT: "ORDERCLOSED", Family.ALIPAY: "ACQ.TRADE_HAS_CLOSE", Family.UNIONPAY: "12"}
        assert outcome(family, merchant.pay("DG1", 1250, bench.code(family))) == words[family]
        assert list(bench.peer.book()) == []
        absent = {Family.WECHAT: "ORDERNOTEXIST", Family.ALIPAY: "ACQ.TRADE_NOT_EXIST", Family.UNIONPAY: "25"}
        assert outcome(family, merchant.query("DG1")) == absent[family]

    def test_a_cancelled_order_cannot_be_refunded_too(self, family: Family) -> None:
        bench = Bench()
        merchant = MERCHANTS[family](bench)
        merchant.pay("DG1", 1250, bench.code(family))
        bench.now += 20
        merchant.cancel("DG1")
        assert outcome(family, merchant.refund("DG1", "R1", 1250, 1250)) != PAID[family]
        assert len(list(bench.peer.book())) == 2

    def test_a_refunded_order_cannot_be_cancelled_too(self, family: Family) -> None:
        bench = Bench()
        merchant = MERCHANTS[family](bench)
        merchant.pay("DG1", 1250, bench.code(family))
        merchant.refund("DG1", "R1", 1, 1250)
        bench.now += 20
        words = {
            Family.WECHAT: "TRADE_STATE_ERROR",
            Family.ALIPAY: "ACQ.REASON_TRADE_REFUND_FEE_ERR",
            Family.UNIONPAY: "12",
        }
        assert outcome(family, merchant.cancel("DG1")) == words[family]

    def test_not_after_the_gateways_own_time(self, family: Family) -> None:
        limit = {Family.WECHAT: 7 * DAY_S, Family.ALIPAY: DAY_S, Family.UNIONPAY: DAY_S}[family]
        words = {Family.WECHAT: "REVERSE_EXPIRE", Family.ALIPAY: "ACQ.TRADE_CANCEL_TIME_OUT", Family.UNIONPAY: "22"}
        for late, wanted in ((0, PAID[family]), (1, words[family])):
            bench = Bench()
            merchant = MERCHANTS[family](bench)
            merchant.pay("DG1", 1250, bench.code(family))
            bench.now += limit + late
            assert outcome(family, merchant.cancel("DG1")) == wanted

    def test_hostile_puts_the_first_cancel_off(self, family: Family) -> None:
        bench = hostile()
        merchant = MERCHANTS[family](bench)
        merchant.pay("DG1", 1250, bench.code(family))
        bench.now += 20
        first = merchant.cancel("DG1")
        words = {Family.WECHAT: "SYSTEMERROR", Family.ALIPAY: "ACQ.SYSTEM_ERROR", Family.UNIONPAY: "98"}
        assert outcome(family, first) == words[family]
        assert first.get("recall", "Y") == "Y"
        assert first.get("retry_flag", "Y") == "Y"
        assert len(list(bench.peer.book())) == 1
        assert outcome(family, merchant.cancel("DG1")) == PAID[family]


class TestCancelOfOneFamily:
    def test_wechat_not_within_15_seconds_of_the_pay_call(self) -> None:
        bench = Bench()
        merchant = WechatMerchant(bench)
        merchant.pay("DG1", 1250, bench.code(Family.WECHAT))
        bench.now += 14.9
        reply = merchant.cancel("DG1")
        assert (reply["result_code"], reply["recall"]) == ("FAIL", "Y")
        assert any("15 s" in each for each in bench.peer.violations())
        bench.now += 0.2
        assert merchant.cancel("DG1")["result_code"] == "SUCCESS"

    def test_wechat_may_refuse_while_the_payer_is_typing(self) -> None:
        bench = Bench()
        merchant = WechatMerchant(bench)
        merchant.pay("DG1", 1250, bench.code(Family.WECHAT, Behaviour.NEVER))
        bench.now += 20
        reply = merchant.cancel("DG1")
        assert (reply["err_code"], reply["recall"]) == ("USERPAYING", "Y")
        bench.now += 25.1
        assert merchant.query("DG1")["trade_state"] == "REVOKED"  # by itself, at 45 s
        assert merchant.cancel("DG1")["err_code"] == "ORDERREVERSED"

    def test_wechat_of_the_field_closes_it(self) -> None:
        bench = realistic()
        merchant = WechatMerchant(bench)
        merchant.pay("DG1", 1250, bench.code(Family.WECHAT, Behaviour.PASSWORD))
        bench.now += 6
        assert merchant.cancel("DG1")["err_code"] == "TRADE_ERROR"
        bench.now = MORNING + 7.99
        bench.options = PeerOptions(temper="realistic")
        merchant.pay("DG2", 1250, bench.code(Family.WECHAT, Behaviour.NEVER))
        bench.now += 16
        assert merchant.cancel("DG2")["result_code"] == "SUCCESS"
        bench.now += 60
        assert merchant.query("DG2")["trade_state"] == "CLOSED"

    def test_wechat_a_cancel_succeeds_once(self) -> None:
        bench = Bench()
        merchant = WechatMerchant(bench)
        merchant.pay("DG1", 1250, bench.code(Family.WECHAT))
        bench.now += 20
        assert merchant.cancel("DG1")["result_code"] == "SUCCESS"
        again = merchant.cancel("DG1")
        assert (again["err_code"], again["recall"]) == ("ORDERREVERSED", "N")

    def test_alipay_says_what_it_did(self) -> None:
        bench = Bench()
        merchant = AlipayMerchant(bench)
        merchant.pay("DG1", 1250, bench.code(Family.ALIPAY))
        merchant.pay("DG2", 1250, bench.code(Family.ALIPAY, Behaviour.NEVER))
        for no, action in (("DG1", "refund"), ("DG2", "close"), ("DG3", None)):
            for _ in range(2):
                reply = merchant.cancel(no)
                assert (reply["code"], reply["retry_flag"], reply.get("action")) == ("10000", "N", action)
        assert merchant.query("DG2")["trade_status"] == "TRADE_CLOSED"

    def test_alipay_the_payer_is_too_late_after_a_close(self) -> None:
        bench = Bench(PeerOptions(settings={"password_s": 10}))
        merchant = AlipayMerchant(bench)
        merchant.pay("DG1", 1250, bench.code(Family.ALIPAY, Behaviour.PASSWORD))
        bench.now += 5
        assert merchant.cancel("DG1")["action"] == "close"
        bench.now += 60
        assert merchant.query("DG1")["trade_status"] == "TRADE_CLOSED"
        assert list(bench.peer.book()) == []


@FAMILIES
class TestRefund:
    def bench(self, family: Family, **settings: int) -> tuple[Bench, Any]:
        bench = Bench(PeerOptions(settings=settings))
        merchant = MERCHANTS[family](bench)
        merchant.pay("DG1", 1250, bench.code(family))
        return bench, merchant

    def status(self, family: Family, merchant: Any, no: str, refund_no: str) -> str:
        if family is Family.ALIPAY:
            found = merchant.refund_query(no, refund_no)
            return str(found.get("refund_status", "ABSENT" if "out_request_no" not in found else "PROCESSING"))
        found = merchant.refund_query(refund_no)
        if outcome(family, found) in ("REFUNDNOTEXIST", "25"):
            return "ABSENT"
        return str(found["refund_status_0" if family is Family.WECHAT else "refund_status"])

    def test_accepted_is_not_done(self, family: Family) -> None:
        bench, merchant = self.bench(family, refund_s=3)
        assert outcome(family, merchant.refund("DG1", "R1", 1250, 1250)) == PAID[family]
        assert self.status(family, merchant, "DG1", "R1") == "PROCESSING"
        assert len(list(bench.peer.book())) == 1
        bench.now += 3
        assert self.status(family, merchant, "DG1", "R1") in ("SUCCESS", "REFUND_SUCCESS")
        _, undo = bench.peer.book()
        assert (undo.reference, undo.original, undo.amount_fen, undo.kind) == ("R1", "DG1", 1250, "undo")

    def test_the_same_number_again_is_the_same_refund(self, family: Family) -> None:
        bench, merchant = self.bench(family)
        for _ in range(3):
            assert outcome(family, merchant.refund("DG1", "R1", 100, 1250)) == PAID[family]
            bench.now += 61
        assert sum(row.amount_fen for row in bench.peer.book() if row.kind == "undo") == 100

    def test_the_same_number_with_another_amount_is_refused(self, family: Family) -> None:
        bench, merchant = self.bench(family)
        merchant.refund("DG1", "R1", 100, 1250)
        bench.now += 61
        assert outcome(family, merchant.refund("DG1", "R1", 101, 1250)) != PAID[family]

    def test_no_more_than_was_paid(self, family: Family) -> None:
        bench, merchant = self.bench(family)
        words = {
            Family.WECHAT: "REFUND_FEE_MISMATCH",
            Family.ALIPAY: "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL",
            Family.UNIONPAY: "64",
        }
        assert outcome(family, merchant.refund("DG1", "R0", 1251, 1250)) == words[family]
        for number, fen in enumerate((1000, 250)):
            bench.now += 61
            assert outcome(family, merchant.refund("DG1", f"R{number + 1}", fen, 1250)) == PAID[family]
        bench.now += 61
        assert outcome(family, merchant.refund("DG1", "R3", 1, 1250)) == words[family]
        assert sum(row.amount_fen for row in bench.peer.book() if row.kind == "undo") == 1250

    def test_at_most_fifty_parts(self, family: Family) -> None:
        bench, merchant = self.bench(family)
        for number in range(50):
            bench.now += 61
            assert outcome(family, merchant.refund("DG1", f"R{number}", 1, 1250)) == PAID[family]
        bench.now += 61
        assert outcome(family, merchant.refund("DG1", "R50", 1, 1250)) != PAID[family]

    def test_not_of_what_was_not_paid(self, family: Family) -> None:
        bench, merchant = self.bench(family)
        merchant.pay("DG2", 1250, bench.code(family, Behaviour.NEVER))
        assert outcome(family, merchant.refund("DG2", "R1", 100, 1250)) != PAID[family]
        assert outcome(family, merchant.refund("DG9", "R2", 100, 1250)) != PAID[family]
        assert self.status(family, merchant, "DG1", "R1") == "ABSENT"

    def test_not_after_a_year(self, family: Family) -> None:
        bench, merchant = self.bench(family)
        bench.now += 365 * DAY_S + 1
        assert outcome(family, merchant.refund("DG1", "R1", 100, 1250)) != PAID[family]

    def test_a_storm_of_failing_refunds_is_turned_away(self, family: Family) -> None:
        bench, merchant = self.bench(family)
        told = [outcome(family, merchant.refund("DG1", f"R{number}", 9999, 1250)) for number in range(8)]
        assert told[5] != told[6]
        assert outcome(family, merchant.refund("DG1", "R99", 100, 1250)) == told[6]
        bench.now += 2
        assert outcome(family, merchant.refund("DG1", "R99", 100, 1250)) == PAID[family]


class TestWechatRefunds:
    def test_two_parts_a_minute_apart(self) -> None:
        bench = Bench()
        merchant = WechatMerchant(bench)
        merchant.pay("DG1", 1250, bench.code(Family.WECHAT))
        merchant.refund("DG1", "R1", 100, 1250)
        bench.now += 59
        assert merchant.refund("DG1", "R2", 100, 1250)["err_code"] == "FREQUENCY_LIMITED"
        bench.now += 1
        assert merchant.refund("DG1", "R2", 100, 1250)["result_code"] == "SUCCESS"
        bench.now += 10
        assert merchant.query("DG1")["trade_state"] == "REFUND"

    def test_the_total_must_be_the_orders(self) -> None:
        bench = Bench()
        merchant = WechatMerchant(bench)
        merchant.pay("DG1", 1250, bench.code(Family.WECHAT))
        assert merchant.refund("DG1", "R1", 100, 1200)["err_code"] == "PARAM_ERROR"

    def test_at_most_150_a_second(self) -> None:
        bench = Bench()
        merchant = WechatMerchant(bench)
        for number in range(151):
            merchant.pay(f"DG{number}", 100, bench.code(Family.WECHAT))
        bench.now += 1
        told = [merchant.refund(f"DG{number}", f"R{number}", 100, 100)["result_code"] for number in range(151)]
        assert told == ["SUCCESS"] * 150 + ["FAIL"]
