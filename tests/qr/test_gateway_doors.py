"""The simulated gateway: who may ask, what nobody may send, and what it remembers."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from protocols.wire.http import HttpRequest
from protocols.wire.qr import alipay, unionpay, wechat
from protocols.wire.qr.payment_codes import Family
from protocols.wire.qr.wechat_xml import read_xml
from simulators.peer.base import PeerOptions
from simulators.peer.qr_codes import Behaviour
from simulators.peer.qr_keys import gateway_key
from simulators.serve.peers import peer_kinds

from .qr_bench import (
    MERCHANTS,
    PAID,
    AlipayMerchant,
    Bench,
    UnionpayMerchant,
    WechatMerchant,
    outcome,
)

FAMILIES = pytest.mark.parametrize("family", list(Family))


class TestWhoAsks:
    def test_wechat_wrong_key(self) -> None:
        bench = Bench()
        reply = WechatMerchant(bench, key="0" * 32).call(wechat.ORDERQUERY, out_trade_no="DG1")
        assert reply == {"return_code": "FAIL", "return_msg": "签名错误"}
        assert bench.peer.violations() == ["/pay/orderquery: the signature is wrong"]

    @pytest.mark.parametrize("sign_type", ["MD5", "HMAC-SHA256"])
    def test_wechat_answers_in_the_way_it_was_asked(self, sign_type: str) -> None:
        bench = Bench()
        merchant = WechatMerchant(bench, sign_type=sign_type)
        assert merchant.pay("DG1", 1250, bench.code(Family.WECHAT))["result_code"] == "SUCCESS"

    def test_wechat_without_a_sign_type_is_md5(self) -> None:
        bench = Bench()
        merchant = WechatMerchant(bench, sign_type="MD5")
        assert merchant.call(wechat.ORDERQUERY, out_trade_no="DG1", sign_type="")["err_code"] == "ORDERNOTEXIST"

    def test_wechat_another_merchant(self) -> None:
        bench = Bench()
        merchant = WechatMerchant(bench)
        for fields in ({"mch_id": "1900000002"}, {"appid": "wx2"}):
            assert merchant.call(wechat.ORDERQUERY, out_trade_no="DG1", **fields)["return_code"] == "FAIL"

    def test_alipay_strangers_get_an_unsigned_answer(self) -> None:
        bench = Bench()
        merchant = AlipayMerchant(bench)
        right = merchant.request(alipay.QUERY, {"out_trade_no": "DG1"})
        bodies = {
            b"isv.invalid-signature": right.body.replace(b"DG1", b"DG2"),
            b"isv.invalid-app-id": merchant.request(alipay.QUERY, {"out_trade_no": "DG1"}, app_id="2021").body,
            b"isv.invalid-method": merchant.request("alipay.trade.create", {"out_trade_no": "DG1"}).body,
            b"isv.invalid-parameter": b"a=1",
        }
        for word, body in bodies.items():
            reply = bench.send(HttpRequest("POST", alipay.GATEWAY, {}, body))
            assert reply.body.startswith(b'{"error_response":')
            assert word in reply.body
            assert b'"sign"' not in reply.body
        assert len(bench.peer.violations()) == 4

    def test_unionpay_strangers_get_63(self) -> None:
        bench = Bench()
        merchant = UnionpayMerchant(bench)
        right = merchant.request(unionpay.QUERY, order_id="DG1")
        for body in (
            right.body.replace(b"DG1", b"DG2"),
            merchant.request(unionpay.QUERY, order_id="DG1", mer_id="1").body,
        ):
            reply = json.loads(bench.send(HttpRequest("POST", unionpay.QUERY, {}, body)).body)
            assert reply["resp_code"] == "63"
            unionpay.verify(reply, __import__("simulators.peer.qr_keys", fromlist=["x"]).merchant_sealing())
        assert json.loads(bench.send(HttpRequest("POST", unionpay.QUERY, {}, b"{")).body)["resp_code"] == "30"

    @pytest.mark.parametrize("sign_type", ["RSA2", "SM2"])
    def test_unionpay_answers_in_the_way_it_was_asked(self, sign_type: str) -> None:
        bench = Bench()
        reply = UnionpayMerchant(bench, sign_type).pay("DG1", 1250, bench.code(Family.UNIONPAY))
        assert (reply["resp_code"], reply["sign_type"]) == ("00", sign_type)

    def test_a_replayed_request_is_the_same_order(self) -> None:
        """Byte for byte, long after: the answer is of today, the money of then."""
        bench = Bench()
        merchant = WechatMerchant(bench)
        code = bench.code(Family.WECHAT)
        request = merchant.request(
            wechat.MICROPAY,
            out_trade_no="DG1",
            total_fee="1250",
            auth_code=code,
            body="b",
            spbill_create_ip="127.0.0.1",
        )
        first = read_xml(bench.send(request).body)
        bench.now += 3600
        assert read_xml(bench.send(request).body)["transaction_id"] == first["transaction_id"]
        merchant.cancel("DG1")
        bench.now += 3600
        assert read_xml(bench.send(request).body)["err_code"] == "ORDERCLOSED"
        assert len(list(bench.peer.book())) == 2


class TestTwists:
    @FAMILIES
    def test_refuse_does_nothing(self, family: Family) -> None:
        bench = Bench()
        merchant = MERCHANTS[family](bench)
        bench.twist = "refuse"
        assert outcome(family, merchant.pay("DG1", 1250, bench.code(family))) != PAID[family]
        bench.twist = ""
        absent = {Family.WECHAT: "ORDERNOTEXIST", Family.ALIPAY: "ACQ.TRADE_NOT_EXIST", Family.UNIONPAY: "25"}
        assert outcome(family, merchant.query("DG1")) == absent[family]

    @FAMILIES
    def test_wrong_reference_is_carried_out_and_signed(self, family: Family) -> None:
        bench = Bench()
        merchant = MERCHANTS[family](bench)
        name = {Family.WECHAT: "out_trade_no", Family.ALIPAY: "out_trade_no", Family.UNIONPAY: "order_id"}[family]
        bench.twist = "wrong-reference"
        reply = merchant.pay("DG1", 1250, bench.code(family))
        assert outcome(family, reply) == PAID[family]
        assert reply[name] not in ("", "DG1")
        assert merchant.query("DG1")[name] != "DG1"
        bench.now += 20
        assert merchant.refund("DG1", "R1", 1, 1250) is not None
        assert len(list(bench.peer.book())) == 1

    @FAMILIES
    def test_sign_in_expired_does_nothing(self, family: Family) -> None:
        bench = Bench()
        merchant = MERCHANTS[family](bench)
        bench.twist = "sign-in-expired"
        assert outcome(family, merchant.pay("DG1", 1250, bench.code(family))) != PAID[family]
        assert bench.events == []


class TestBadInput:
    @FAMILIES
    def test_negative_overflowing_and_absurd_amounts(self, family: Family) -> None:
        bench = Bench()
        merchant = MERCHANTS[family](bench)
        for text in ("-1", "0", "1e9", "99999999999999999999", "1.001", "", "１２", "0x10"):
            name = {Family.WECHAT: "total_fee", Family.ALIPAY: "total_amount", Family.UNIONPAY: "txn_amt"}[family]
            fields = {
                Family.WECHAT: {"out_trade_no": "DG1", "auth_code": "1", "body": "b", "spbill_create_ip": "127.0.0.1"},
                Family.ALIPAY: {"out_trade_no": "DG1", "scene": "bar_code", "auth_code": "1", "subject": "s"},
                Family.UNIONPAY: {"order_id": "DG1", "qr_no": "1", "subject": "s", "ccy": "156"},
            }[family]
            path = {Family.WECHAT: wechat.MICROPAY, Family.ALIPAY: alipay.PAY, Family.UNIONPAY: unionpay.PAY}[family]
            reply = merchant.call(path, **{**fields, name: text})
            words = {Family.WECHAT: "PARAM_ERROR", Family.ALIPAY: "ACQ.INVALID_PARAMETER", Family.UNIONPAY: "30"}
            assert outcome(family, reply) == words[family], text
        assert bench.events == []
        assert all(name in each for each in bench.peer.violations())

    @pytest.mark.parametrize("path", [*wechat.PATHS, *unionpay.PATHS, alipay.GATEWAY])
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"\x00",
            b"\xff" * 100,
            b"<xml>",
            b"<xml></xml>",
            b"{}",
            b"[1]",
            b'{"a":' * 3000,
            b"a=" + b"%ff" * 100,
            b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><xml><a>&b;</a></xml>',
            b'{"nonce":"\\u0000\\u0001","sign_type":"RSA2","sign":"x"}',
            b'{"nonce":"' + b"n" * 5000 + b'","sign_type":"SM2","sign":"' + b"A" * 88 + b'"}',
            b'{"sign":"\\ud83d","nonce":"x"}',
        ],
    )
    def test_nothing_makes_it_fall_over_and_nothing_changes(self, path: str, body: bytes) -> None:
        bench = Bench()
        reply = bench.send(HttpRequest("POST", path, {"content-type": "x"}, body))
        assert reply.status == 200
        assert bench.events == []
        assert bench.peer.violations()
        bench.peer.address(HttpRequest("POST", path, {}, body))

    @pytest.mark.parametrize(
        ("method", "target", "status"),
        [
            ("GET", "/pay/micropay", 405),
            ("POST", "/nothing", 404),
            ("POST", "//[", 404),
            ("DELETE", "/gateway.do", 405),
            ("GET", "/v3/billdownload/file", 403),
            ("GET", "/v3/billdownload/file?token=a.b.c.d.e", 403),
            ("GET", "/unionpay/v1/bill/file?token=%ff%00", 403),
            ("POST", "/v3/bill/tradebill", 405),
            ("GET", "/v3/bill/tradebill?bill_date=x", 401),
        ],
    )
    def test_wrong_doors(self, method: str, target: str, status: int) -> None:
        bench = Bench()
        request = HttpRequest(method, target)
        assert bench.send(request).status == status
        assert isinstance(bench.peer.address(request), str)

    def test_a_name_in_the_description_is_not_kept(self) -> None:
        bench = Bench()
        WechatMerchant(bench).pay("DG1", 1250, bench.code(Family.WECHAT), body="测试甲 44190019900101001X 门诊")
        assert any("names its payer" in each for each in bench.peer.violations())
        assert "测试甲" not in json.dumps(bench.events, ensure_ascii=False)

    def test_a_spoiled_reply_is_no_reply_of_any_family(self) -> None:
        bench = Bench()
        reply = bench.send(WechatMerchant(bench).request(wechat.ORDERQUERY, out_trade_no="DG1"))
        with pytest.raises(ValueError):
            read_xml(bench.peer.spoil(reply).body)
        reply = bench.send(AlipayMerchant(bench).request(alipay.QUERY, {"out_trade_no": "DG1"}))
        with pytest.raises(ValueError):
            alipay.node_of(bench.peer.spoil(reply).body, alipay.QUERY, gateway_key().public_key())


class TestMemory:
    def story(self, bench: Bench) -> None:
        for family in Family:
            merchant = MERCHANTS[family](bench)
            for number, behaviour in enumerate(Behaviour):
                merchant.pay(f"DG{number}", 1000 + number, bench.code(family, behaviour, 7))
            merchant.cancel("DG99")
            bench.now += 20
            merchant.cancel("DG0")
            merchant.pay("DG50", 5000, bench.code(family))
            merchant.refund("DG50", "R1", 200, 5000)
            merchant.refund("DG50", "R2", 99999, 5000)

    def test_a_gateway_that_was_killed_comes_back_with_all_it_had_answered_for(self) -> None:
        bench = Bench()
        self.story(bench)
        twin = bench.reborn()
        assert list(twin.book()) == list(bench.peer.book())
        assert twin.snapshot() == bench.peer.snapshot()
        # And goes on as the other one does: timers, used codes, fences.
        old, kept = bench.peer, list(bench.events)
        bench.now += 300
        for peer in (old, twin):
            bench.peer, bench.events = peer, list(kept)
            assert WechatMerchant(bench).query("DG1")["trade_state"] == "SUCCESS"
            assert WechatMerchant(bench).pay("DG99", 1, bench.code(Family.WECHAT))["err_code"] == "ORDERCLOSED"
        assert list(twin.book()) == list(old.book())
        assert len([row for row in twin.book() if row.kind == "undo"]) == 6

    def test_no_code_name_or_citizen_number_is_kept_or_shown(self) -> None:
        bench = Bench()
        codes: list[str] = []
        for family in Family:
            merchant = MERCHANTS[family](bench)
            for number, behaviour in enumerate(Behaviour):
                codes.append(bench.code(family, behaviour))
                merchant.pay(f"DG{number}", 1000, codes[-1])
                merchant.pay(f"DX{number}", 1000, codes[-1])
                merchant.pay(f"DG{number}", 1001, codes[-1])
        kept = json.dumps([bench.events, bench.peer.snapshot(), bench.peer.violations()], ensure_ascii=False)
        rows = str(list(bench.peer.book()))
        assert codes
        for secret in (*codes, "测试甲", "44190019900101001X"):
            assert secret not in kept
            assert secret not in rows

    def test_the_token_of_a_code_needs_the_gateways_key(self) -> None:
        """Codes are few: a plain hash of one would be as good as the code."""
        bench = Bench()
        code = bench.code(Family.WECHAT)
        WechatMerchant(bench).pay("DG1", 1000, code)
        kept = json.dumps(bench.events)
        for name in ("md5", "sha1", "sha256", "blake2s", "blake2b"):
            assert hashlib.new(name, code.encode()).hexdigest()[:16] not in kept

    def test_the_kind_is_found(self) -> None:
        kind = peer_kinds()["qr"]
        assert (kind.transport, kind.files) == ("http", False)
        for setting in kind.settings:
            assert setting.label.zh
            assert setting.label.en

    @pytest.mark.parametrize(
        "settings",
        [
            {"payer": "rich"},
            {"no-such": 1},
            {"password_s": -1},
            {"cutover_hour": 3},
            {"merchant_key": "x"},
            {"fee_bp": "a"},
        ],
    )
    def test_a_setting_that_cannot_be_is_named(self, settings: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(settings))):
            Bench(PeerOptions(settings=settings))

    def test_a_clock_that_goes_back_after_a_skewed_call(self) -> None:
        bench = Bench()
        merchant = WechatMerchant(bench)
        bench.now += 400
        merchant.pay("DG1", 1250, bench.code(Family.WECHAT))
        bench.now -= 395
        assert merchant.query("DG1")["trade_state"] == "SUCCESS"
        assert merchant.cancel("DG1")["result_code"] == "SUCCESS"
