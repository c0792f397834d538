"""Forged replies say something else under the old signature: whoever checks it does not believe them."""

from __future__ import annotations

import json

import pytest

from protocols.wire.bank.fields import MAC_FIELD
from protocols.wire.bank.message import Message, decode, encode
from protocols.wire.base import WireError
from protocols.wire.http import HttpReply
from protocols.wire.qr import alipay, unionpay, wechat
from reference_impl.simulation.forgery import forged
from simulators.peer.qr_keys import WECHAT_KEY, gateway_key, gateway_sealings, merchant_key, merchant_sealing

TURNED = (("0210", "00", "51"), ("0210", "51", "00"), ("0410", "00", "06"), ("0410", "06", "00"))


@pytest.mark.parametrize(("mti", "code", "turned"), TURNED)
def test_a_reply_of_the_bank_keeps_its_mac(mti: str, code: str, turned: str) -> None:
    fields = {3: "000000", 11: "000001", 39: code, 41: "10000001", 42: "898441900000001", MAC_FIELD: "0123456789ABCDEF"}
    changed = decode(forged("bank", "0200/000000", encode(Message(mti, fields))))
    assert changed[39] == turned
    assert changed[MAC_FIELD] == "0123456789ABCDEF"


def test_a_reply_of_wechat_is_turned_and_no_more_signed() -> None:
    message = wechat.MicropayReply(
        return_code="SUCCESS", result_code="SUCCESS", nonce_str="n", out_trade_no="DG1", total_fee=100, time_end="20261122080000"
    )  # fmt: skip
    right = wechat.signed_body(message, WECHAT_KEY, "HMAC-SHA256")
    assert wechat.verified_fields(right, WECHAT_KEY)["result_code"] == "SUCCESS"
    wrong = forged("qr", wechat.MICROPAY, HttpReply(200, {}, right)).body
    assert b"NOTENOUGH" in wrong
    with pytest.raises(WireError, match="sign"):
        wechat.verified_fields(wrong, WECHAT_KEY)


def test_a_reply_of_alipay_is_turned_and_no_more_signed() -> None:
    right = alipay.reply_body(
        alipay.PAY, alipay.PayNode(code="10000", msg="Success", out_trade_no="DG1"), gateway_key()
    )
    assert alipay.node_of(right, alipay.PAY, gateway_key().public_key())["code"] == "10000"
    wrong = forged("qr", alipay.PAY, HttpReply(200, {}, right)).body
    assert json.loads(wrong)["alipay_trade_pay_response"]["code"] == "40004"
    with pytest.raises(WireError, match="sign"):
        alipay.node_of(wrong, alipay.PAY, gateway_key().public_key())


def test_a_reply_of_unionpay_is_turned_and_no_more_signed() -> None:
    sealing = gateway_sealings(merchant_key().public_key())["RSA2"]
    right = unionpay.sealed_body(unionpay.OrderReply(mer_id="898441900000001", resp_code="00", order_id="DG1"), sealing)
    unionpay.verify(unionpay.text_fields(right), merchant_sealing())
    wrong = unionpay.text_fields(forged("qr", unionpay.PAY, HttpReply(200, {}, right)).body)
    assert wrong["resp_code"] == "51"
    with pytest.raises(WireError, match="sign"):
        unionpay.verify(wrong, merchant_sealing())


def test_what_cannot_be_read_cannot_be_forged() -> None:
    assert forged("bank", "0200/000000", b"\x00\x01") == b"\x00\x01"


@pytest.mark.parametrize("address", [wechat.MICROPAY, alipay.PAY, unionpay.PAY])
def test_what_was_broken_on_its_way_is_given_as_it_is(address: str) -> None:
    broken = HttpReply(200, {}, b'{"alipay_trade_pay_resp\xff{')
    assert forged("qr", address, broken) == broken
