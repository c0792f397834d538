"""The simulated gateway: payment codes and pay calls, rule by rule of spec/services.md 4, in each family."""

from __future__ import annotations

import pytest

from protocols.wire.qr.payment_codes import Family, family_of
from simulators.peer.base import PeerOptions
from simulators.peer.qr_codes import Behaviour, payer_of, payment_code

from .qr_bench import (
    MERCHANTS,
    MORNING,
    PAID,
    STATES,
    Bench,
    outcome,
    state_of,
)

FAMILIES = pytest.mark.parametrize("family", list(Family))


class TestCodes:
    @FAMILIES
    def test_a_code_leads_back_to_its_payer(self, family: Family) -> None:
        for behaviour in Behaviour:
            code = payment_code(family, 26_000_000, 999_999, behaviour)
            assert family_of(code) is family
            payer = payer_of(code)
            assert payer is not None
            assert (payer.family, payer.number, payer.behaviour) == (family, 26_000_000, behaviour)

    def test_a_code_that_was_mistyped_is_nobodys(self) -> None:
        code = payment_code(Family.WECHAT, 1, 1)
        wrong = code[:-1] + str((int(code[-1]) + 1) % 10)
        assert payer_of(wrong) is None
        assert payer_of("134567890123456789") is None
        assert payer_of("") is None

    @pytest.mark.parametrize(("number", "nonce"), [(0, 0), (100_000_000, 0), (1, 1_000_000), (1, -1)])
    def test_what_has_no_code(self, number: int, nonce: int) -> None:
        with pytest.raises(ValueError):
            payment_code(Family.WECHAT, number, nonce)


@FAMILIES
class TestPay:
    def test_paid_at_once(self, family: Family) -> None:
        bench = Bench()
        merchant = MERCHANTS[family](bench)
        reply = merchant.pay("DG1", 1250, bench.code(family))
        assert outcome(family, reply) == PAID[family]
        assert state_of(family, merchant.query("DG1")) == STATES["paid"][family]
        (row,) = bench.peer.book()
        assert (row.reference, row.kind, row.amount_fen, row.channel) == ("DG1", "pay", 1250, family.value)
        assert (row.book, row.day, row.institution, row.at) == ("qr", "2026-11-22", "H44190000001", MORNING)

    def test_the_same_again_is_the_same_order(self, family: Family) -> None:
        bench = Bench()
        merchant = MERCHANTS[family](bench)
        code = bench.code(family)
        first = merchant.pay("DG1", 1250, code)
        again = merchant.pay("DG1", 1250, code)
        assert outcome(family, again) == PAID[family]
        for name in ("transaction_id", "trade_no", "txn_ref"):
            assert first.get(name) == again.get(name)
        assert len(list(bench.peer.book())) == 1

    @pytest.mark.parametrize("change", ["amount", "code", "subject"])
    def test_the_same_number_with_other_content_is_refused(self, family: Family, change: str) -> None:
        bench = Bench()
        merchant = MERCHANTS[family](bench)
        code = bench.code(family)
        merchant.pay("DG1", 1250, code)
        name = "body" if family is Family.WECHAT else "subject"
        reply = merchant.pay(
            "DG1",
            1251 if change == "amount" else 1250,
            bench.code(family) if change == "code" else code,
            **({name: "挂号"} if change == "subject" else {}),
        )
        words = {Family.WECHAT: "OUT_TRADE_NO_USED", Family.ALIPAY: "ACQ.CONTEXT_INCONSISTENT", Family.UNIONPAY: "94"}
        assert outcome(family, reply) == words[family]
        assert len(list(bench.peer.book())) == 1
        assert any("other-content" in each for each in bench.peer.violations())

    def test_a_code_is_used_once(self, family: Family) -> None:
        bench = Bench()
        merchant = MERCHANTS[family](bench)
        code = bench.code(family)
        merchant.pay("DG1", 1250, code)
        reply = merchant.pay("DG2", 1250, code)
        words = {Family.WECHAT: "AUTHCODEEXPIRE", Family.ALIPAY: "ACQ.PAYMENT_AUTH_CODE_INVALID", Family.UNIONPAY: "14"}
        assert outcome(family, reply) == words[family]
        assert len(list(bench.peer.book())) == 1
        assert any("code-used" in each for each in bench.peer.violations())

    def test_codes_of_others_are_refused(self, family: Family) -> None:
        bench = Bench()
        merchant = MERCHANTS[family](bench)
        words = {
            Family.WECHAT: "AUTH_CODE_INVALID",
            Family.ALIPAY: "ACQ.PAYMENT_AUTH_CODE_INVALID",
            Family.UNIONPAY: "14",
        }
        others = [bench.code(each) for each in Family if each is not family]
        nobody = payment_code(family, 26_000_001, 1)
        for number, code in enumerate([*others, nobody, "134567890123456789", "1", "１３４５"]):
            reply = merchant.pay(f"DG{number}", 1250, code)
            assert outcome(family, reply) == words[family], code
        assert list(bench.peer.book()) == []

    def test_a_poor_payer(self, family: Family) -> None:
        bench = Bench()
        merchant = MERCHANTS[family](bench)
        code = bench.code(family, Behaviour.POOR)
        words = {Family.WECHAT: "NOTENOUGH", Family.ALIPAY: "ACQ.BUYER_BALANCE_NOT_ENOUGH", Family.UNIONPAY: "51"}
        assert outcome(family, merchant.pay("DG1", 1250, code)) == words[family]
        assert outcome(family, merchant.pay("DG1", 1250, code)) == words[family]
        assert state_of(family, merchant.query("DG1")) == STATES["failed"][family]
        assert list(bench.peer.book()) == []

    def test_an_expired_code(self, family: Family) -> None:
        bench = Bench()
        reply = MERCHANTS[family](bench).pay("DG1", 1250, bench.code(family, Behaviour.EXPIRED))
        words = {Family.WECHAT: "AUTHCODEEXPIRE", Family.ALIPAY: "ACQ.PAYMENT_AUTH_CODE_INVALID", Family.UNIONPAY: "54"}
        assert outcome(family, reply) == words[family]

    def test_more_than_a_code_may_pay(self, family: Family) -> None:
        bench = Bench(PeerOptions(settings={"most_fen": 1000}))
        reply = MERCHANTS[family](bench).pay("DG1", 1001, bench.code(family))
        words = {Family.WECHAT: "TRADE_ERROR", Family.ALIPAY: "ACQ.TOTAL_FEE_EXCEED", Family.UNIONPAY: "61"}
        assert outcome(family, reply) == words[family]

    @pytest.mark.parametrize("behaviour", [Behaviour.UNKNOWN_PAID, Behaviour.UNKNOWN_UNPAID])
    def test_unknown_which_may_have_paid(self, family: Family, behaviour: Behaviour) -> None:
        bench = Bench()
        merchant = MERCHANTS[family](bench)
        reply = merchant.pay("DG1", 1250, bench.code(family, behaviour))
        words = {Family.WECHAT: "SYSTEMERROR", Family.ALIPAY: "ACQ.SYSTEM_ERROR", Family.UNIONPAY: "98"}
        assert outcome(family, reply) == words[family]
        if family is Family.ALIPAY:
            assert reply["code"] == "20000"
        found = merchant.query("DG1")
        if behaviour is Behaviour.UNKNOWN_PAID:
            assert state_of(family, found) == STATES["paid"][family]
        else:
            absent = {Family.WECHAT: "NOTPAY", Family.UNIONPAY: "CLOSED"}.get(family)
            assert state_of(family, found) == absent or outcome(family, found) == "ACQ.TRADE_NOT_EXIST"
        assert len(list(bench.peer.book())) == (behaviour is Behaviour.UNKNOWN_PAID)

    def test_password_typed_after_a_while(self, family: Family) -> None:
        bench = Bench(PeerOptions(settings={"password_s": 8}))
        merchant = MERCHANTS[family](bench)
        code = bench.code(family, Behaviour.PASSWORD)
        words = {Family.WECHAT: "USERPAYING", Family.ALIPAY: "10003", Family.UNIONPAY: "98"}
        assert outcome(family, merchant.pay("DG1", 1250, code)) == words[family]
        assert outcome(family, merchant.pay("DG1", 1250, code)) == words[family]
        bench.now += 7.9
        assert state_of(family, merchant.query("DG1")) == STATES["waiting"][family]
        bench.now += 0.2
        assert state_of(family, merchant.query("DG1")) == STATES["paid"][family]
        (row,) = bench.peer.book()
        assert row.at == MORNING + 8

    def test_password_never_typed(self, family: Family) -> None:
        closes = {Family.WECHAT: 45, Family.ALIPAY: 180, Family.UNIONPAY: 60}[family]
        bench = Bench()
        merchant = MERCHANTS[family](bench)
        merchant.pay("DG1", 1250, bench.code(family, Behaviour.NEVER))
        bench.now += closes - 0.1
        assert state_of(family, merchant.query("DG1")) == STATES["waiting"][family]
        bench.now += 0.2
        assert state_of(family, merchant.query("DG1")) == STATES["timeout"][family]
        assert list(bench.peer.book()) == []

    def test_payer_declines(self, family: Family) -> None:
        bench = Bench()
        merchant = MERCHANTS[family](bench)
        merchant.pay("DG1", 1250, bench.code(family, Behaviour.DECLINES))
        bench.now += 9
        assert state_of(family, merchant.query("DG1")) == STATES["failed"][family]

    def test_a_setting_overrules_the_code(self, family: Family) -> None:
        bench = Bench(PeerOptions(settings={"payer": "poor"}))
        reply = MERCHANTS[family](bench).pay("DG1", 1250, bench.code(family))
        assert outcome(family, reply) != PAID[family]

    def test_numbers_of_one_family_are_not_those_of_another(self, family: Family) -> None:
        bench = Bench()
        for each in Family:
            assert outcome(each, MERCHANTS[each](bench).pay("DG1", 1250, bench.code(each))) == PAID[each]
        assert len(list(bench.peer.book())) == 3
