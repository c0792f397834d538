"""What each reply of each family means to the backend: typed replies, signed by the gateway's key, and what is heard."""

from __future__ import annotations

import json
from typing import Any

import pytest

from protocols.wire.base import WireError
from protocols.wire.http import HttpReply
from protocols.wire.qr import alipay
from protocols.wire.qr.payment_codes import Family
from protocols.wire.qr.signing import HMAC_SHA256, rsa2_sign, sorted_text, wechat_sign
from protocols.wire.qr.wechat_xml import write_xml
from reference_impl.backend.channels.qr import qr_messages
from reference_impl.backend.channels.qr_calls import Call
from reference_impl.backend.channels.qr_rules import CONTRADICTION, NO_REFUND, TOO_LATE
from simulators.peer.qr_keys import WECHAT_KEY, gateway_key

from .qr_bench import APPID, MCH_ID, MER_ID, MORNING
from .world import config

MESSAGES = {each.family: each for each in qr_messages(config())}
METHODS = {
    "pay": alipay.PAY,
    "query": alipay.QUERY,
    "recheck": alipay.QUERY,
    "cancel": alipay.CANCEL,
    "refund": alipay.REFUND,
    "refund_query": alipay.REFUND_QUERY,
}


def call(op: str) -> Call:
    return Call(
        op, "A1", "R1", 1250, 1250, "门诊缴费", "H44190000001", "KSK-00001", MORNING, "N" * 32, "134567890123456789"
    )


def reply(family: Family, op: str, **fields: Any) -> HttpReply:
    match family:
        case Family.WECHAT:
            whole = {"return_code": "SUCCESS", "appid": APPID, "mch_id": MCH_ID, "nonce_str": "x", **fields}
            body = write_xml({**whole, "sign": wechat_sign(whole, WECHAT_KEY, HMAC_SHA256)})
        case Family.ALIPAY:
            node = json.dumps(fields, ensure_ascii=False)
            sign = rsa2_sign(node.encode(), gateway_key())
            body = f'{{"{alipay.node_name(METHODS[op])}":{node},"sign":"{sign}"}}'.encode()
        case Family.UNIONPAY:
            whole = {"mer_id": MER_ID, "nonce": "N" * 32, "sign_type": "RSA2", **fields}
            sign = rsa2_sign(sorted_text(whole).encode(), gateway_key())
            body = json.dumps({**whole, "sign": sign}).encode()
    return HttpReply(200, {}, body)


def wechat(**fields: str) -> dict[str, Any]:
    return {"result_code": "SUCCESS", **fields}


def wrong(code: str, **fields: str) -> dict[str, Any]:
    return {"result_code": "FAIL", "err_code": code, **fields}


def good(**fields: str) -> dict[str, Any]:
    return {"code": "10000", "msg": "Success", **fields}


def bad(sub_code: str, code: str = "40004", **fields: str) -> dict[str, Any]:
    return {"code": code, "msg": "x", "sub_code": sub_code, **fields}


def bank(code: str, **fields: str) -> dict[str, Any]:
    return {"resp_code": code, **fields}


W, A, U = Family.WECHAT, Family.ALIPAY, Family.UNIONPAY

CASES: list[tuple[Family, str, dict[str, Any], str, str]] = [
    # Pay.
    (W, "pay", wechat(out_trade_no="A1", total_fee="1250", transaction_id="42", time_end="20261122083015"), "done", ""),
    (W, "pay", wechat(out_trade_no="A2", total_fee="1250"), "silence", "wrong-reference"),
    (W, "pay", wechat(out_trade_no="A1", total_fee="1251"), "silence", "wrong-reference"),
    (W, "pay", wechat(total_fee="1250"), "silence", "wrong-reference"),
    (W, "pay", wrong("NOTENOUGH", out_trade_no="A2"), "silence", "wrong-reference"),
    (W, "refund", wrong("NOTENOUGH", out_trade_no="A2"), "silence", "wrong-reference"),
    (W, "pay", wrong("USERPAYING"), "busy", "USERPAYING"),
    (W, "pay", wrong("NOTENOUGH"), "refused", "NOTENOUGH"),
    (W, "pay", wrong("AUTHCODEEXPIRE"), "refused", "AUTHCODEEXPIRE"),
    (W, "pay", wrong("ORDERREVERSED"), "refused", "ORDERREVERSED"),
    (W, "pay", wrong("SYSTEMERROR"), "silence", "SYSTEMERROR"),
    (W, "pay", wrong("BANKERROR"), "silence", "BANKERROR"),
    (W, "pay", wrong("ORDERPAID"), "silence", "ORDERPAID"),
    (W, "pay", wrong("OUT_TRADE_NO_USED"), "silence", "OUT_TRADE_NO_USED"),
    (W, "pay", wrong("A_WORD_NOBODY_KNOWS"), "silence", "A_WORD_NOBODY_KNOWS"),
    (A, "pay", good(out_trade_no="A1", total_amount="12.50", trade_no="20"), "done", ""),
    (A, "pay", good(out_trade_no="A2", total_amount="12.50"), "silence", "wrong-reference"),
    (A, "pay", good(out_trade_no="A1", total_amount="12.51"), "silence", "wrong-reference"),
    (A, "pay", {"code": "10003", "msg": "x", "out_trade_no": "A1"}, "busy", "10003"),
    (A, "pay", bad("ACQ.BUYER_BALANCE_NOT_ENOUGH"), "refused", "ACQ.BUYER_BALANCE_NOT_ENOUGH"),
    (A, "pay", bad("ACQ.BUYER_BALANCE_NOT_ENOUGH", out_trade_no="A2"), "silence", "wrong-reference"),
    (A, "refund", bad("ACQ.TRADE_NOT_EXIST", out_trade_no="A2"), "silence", "wrong-reference"),
    (A, "pay", bad("ACQ.SYSTEM_ERROR", "20000"), "silence", "ACQ.SYSTEM_ERROR"),
    (A, "pay", bad("ACQ.SYSTEM_ERROR"), "silence", "ACQ.SYSTEM_ERROR"),
    (A, "pay", bad("ACQ.TRADE_HAS_SUCCESS"), "silence", "ACQ.TRADE_HAS_SUCCESS"),
    (A, "pay", bad("isv.missing-parameter", "40001"), "refused", "isv.missing-parameter"),
    (U, "pay", bank("00", order_id="A1", order_status="SUCCESS", txn_amt="1250", txn_ref="7"), "done", ""),
    (U, "pay", bank("00", order_id="A2", order_status="SUCCESS", txn_amt="1250"), "silence", "wrong-reference"),
    (U, "pay", bank("00", order_id="A1", order_status="SUCCESS", txn_amt="1"), "silence", "wrong-reference"),
    (U, "pay", bank("00", order_id="A1", order_status="PROCESSING", txn_amt="1250"), "silence", "wrong-reference"),
    (U, "pay", bank("51", order_id="A2"), "silence", "wrong-reference"),
    (U, "pay", bank("98"), "silence", "98"),
    (U, "pay", bank("94"), "silence", "94"),
    (U, "pay", bank("51"), "refused", "51"),
    # Query.
    (W, "query", wechat(out_trade_no="A1", trade_state="SUCCESS", total_fee="1250"), "done", ""),
    (W, "query", wechat(out_trade_no="A2", trade_state="SUCCESS", total_fee="1250"), "silence", "wrong-reference"),
    (W, "query", wechat(out_trade_no="A1", trade_state="SUCCESS", total_fee="1249"), "silence", CONTRADICTION),
    (W, "query", wechat(out_trade_no="A1", trade_state="REFUND", total_fee="1250"), "silence", CONTRADICTION),
    (W, "query", wechat(out_trade_no="A1", trade_state="USERPAYING"), "busy", "USERPAYING"),
    (W, "query", wechat(out_trade_no="A1", trade_state="REVOKED"), "refused", "REVOKED"),
    (W, "query", wechat(out_trade_no="A1", trade_state="CLOSED"), "refused", "CLOSED"),
    (W, "query", wechat(out_trade_no="A1", trade_state="NOTPAY"), "refused", "NOTPAY"),
    (W, "query", wechat(out_trade_no="A1", trade_state="PAYERROR"), "refused", "PAYERROR"),
    (W, "query", wechat(out_trade_no="A1", trade_state="ODD"), "silence", "ODD"),
    (W, "query", wrong("ORDERNOTEXIST"), "refused", "ORDERNOTEXIST"),
    (W, "query", wrong("SYSTEMERROR"), "silence", "SYSTEMERROR"),
    (W, "query", wrong("TRADE_ERROR"), "silence", "TRADE_ERROR"),
    (A, "query", good(out_trade_no="A1", trade_status="TRADE_SUCCESS", total_amount="12.50"), "done", ""),
    (A, "query", good(out_trade_no="A1", trade_status="TRADE_FINISHED", total_amount="12.50"), "done", ""),
    (A, "query", good(out_trade_no="A1", trade_status="TRADE_SUCCESS", total_amount="1.00"), "silence", CONTRADICTION),
    (A, "query", good(out_trade_no="A1", trade_status="WAIT_BUYER_PAY"), "busy", "WAIT_BUYER_PAY"),
    (A, "query", good(out_trade_no="A1", trade_status="TRADE_CLOSED"), "refused", "TRADE_CLOSED"),
    (A, "query", good(out_trade_no="A2", trade_status="TRADE_CLOSED"), "silence", "wrong-reference"),
    (A, "query", bad("ACQ.TRADE_NOT_EXIST"), "refused", "ACQ.TRADE_NOT_EXIST"),
    (A, "query", bad("ACQ.SYSTEM_ERROR"), "silence", "ACQ.SYSTEM_ERROR"),
    (A, "query", bad("ACQ.INVALID_PARAMETER"), "silence", "ACQ.INVALID_PARAMETER"),
    (U, "query", bank("00", order_id="A1", order_status="SUCCESS", txn_amt="1250"), "done", ""),
    (U, "query", bank("00", order_id="A1", order_status="SUCCESS", txn_amt="2"), "silence", CONTRADICTION),
    (U, "query", bank("00", order_id="A1", order_status="REFUND", txn_amt="1250"), "silence", CONTRADICTION),
    (U, "query", bank("00", order_id="A1", order_status="PROCESSING"), "busy", "PROCESSING"),
    (U, "query", bank("00", order_id="A1", order_status="CLOSED"), "refused", "CLOSED"),
    (U, "query", bank("00", order_id="A1"), "silence", "00"),
    (U, "query", bank("00", order_status="SUCCESS", txn_amt="1250"), "silence", "00"),
    (U, "query", bank("00", order_id="A2", order_status="CLOSED"), "silence", "wrong-reference"),
    (U, "query", bank("25", order_id="A1"), "refused", "25"),
    (U, "query", bank("98"), "silence", "98"),
    (U, "query", bank("05"), "silence", "05"),
    # Cancel.
    (W, "cancel", wechat(recall="N"), "done", ""),
    (W, "cancel", wechat(out_trade_no="A1", recall="Y"), "refused", "recall"),
    (W, "cancel", wechat(out_trade_no="A2", recall="N"), "silence", "wrong-reference"),
    (W, "cancel", wrong("ORDERREVERSED", recall="N"), "done", ""),
    (W, "cancel", wrong("ORDERCLOSED", recall="N"), "done", ""),
    (W, "cancel", wrong("USERPAYING", recall="Y"), "refused", "USERPAYING"),
    (W, "cancel", wrong("TRADE_ERROR", recall="Y"), "refused", "TRADE_ERROR"),
    (W, "cancel", wrong("SYSTEMERROR", recall="Y"), "silence", "SYSTEMERROR"),
    (W, "cancel", wrong("REVERSE_EXPIRE", recall="N"), "refused", TOO_LATE),
    (A, "cancel", good(out_trade_no="A1", retry_flag="N", action="close"), "done", ""),
    (A, "cancel", good(out_trade_no="A1", retry_flag="N"), "done", ""),
    (A, "cancel", good(out_trade_no="A1", retry_flag="Y"), "refused", "retry"),
    (A, "cancel", good(out_trade_no="A2", retry_flag="N", action="close"), "silence", "wrong-reference"),
    (A, "cancel", bad("ACQ.SYSTEM_ERROR", "20000", retry_flag="Y"), "silence", "ACQ.SYSTEM_ERROR"),
    (A, "cancel", bad("ACQ.TRADE_CANCEL_TIME_OUT"), "refused", TOO_LATE),
    (A, "cancel", bad("ACQ.REASON_TRADE_REFUND_FEE_ERR"), "refused", "ACQ.REASON_TRADE_REFUND_FEE_ERR"),
    (U, "cancel", bank("00", order_id="A1", order_status="REVERSED"), "done", ""),
    (U, "cancel", bank("25", order_id="A1", order_status="CLOSED"), "done", ""),
    (U, "cancel", bank("00"), "silence", "00"),
    (U, "cancel", bank("00", order_id="A2", order_status="REVERSED"), "silence", "wrong-reference"),
    (U, "cancel", bank("98"), "silence", "98"),
    (U, "cancel", bank("22"), "refused", TOO_LATE),
    (U, "cancel", bank("12"), "refused", "12"),
    # Refund.
    (W, "refund", wechat(out_refund_no="R1", refund_fee="1250", refund_id="5"), "busy", ""),
    (W, "refund", wechat(out_refund_no="R2", refund_fee="1250"), "silence", "wrong-reference"),
    (W, "refund", wechat(out_refund_no="R1", refund_fee="1"), "silence", "wrong-reference"),
    (W, "refund", wrong("NOTENOUGH"), "refused", "NOTENOUGH"),
    (W, "refund", wrong("BIZERR_NEED_RETRY"), "silence", "BIZERR_NEED_RETRY"),
    (W, "refund", wrong("FREQUENCY_LIMITED"), "silence", "FREQUENCY_LIMITED"),
    (A, "refund", good(out_trade_no="A1", fund_change="Y", refund_fee="12.50"), "busy", "10000"),
    (A, "refund", good(out_trade_no="A1", fund_change="N"), "busy", "10000"),
    (A, "refund", good(out_trade_no="A2", fund_change="Y"), "silence", "wrong-reference"),
    (A, "refund", bad("ACQ.TRADE_STATUS_ERROR"), "refused", "ACQ.TRADE_STATUS_ERROR"),
    (A, "refund", bad("ACQ.SYSTEM_ERROR"), "silence", "ACQ.SYSTEM_ERROR"),
    (
        U,
        "refund",
        bank("00", order_id="R1", orig_order_id="A1", txn_amt="1250", refund_status="PROCESSING"),
        "busy",
        "PROCESSING",
    ),
    (U, "refund", bank("00", order_id="R1", orig_order_id="A1", txn_amt="1250", refund_status="SUCCESS"), "done", ""),
    (
        U,
        "refund",
        bank("00", order_id="R1", orig_order_id="A2", txn_amt="1250", refund_status="SUCCESS"),
        "silence",
        "wrong-reference",
    ),
    (
        U,
        "refund",
        bank("00", order_id="R1", orig_order_id="A1", txn_amt="3", refund_status="SUCCESS"),
        "silence",
        CONTRADICTION,
    ),
    (U, "refund", bank("64"), "refused", "64"),
    (U, "refund", bank("98"), "silence", "98"),
    # Refund query.
    (W, "refund_query", wechat(out_refund_no_0="R1", refund_status_0="SUCCESS", refund_fee_0="1250"), "done", ""),
    (
        W,
        "refund_query",
        wechat(out_refund_no_0="R1", refund_status_0="SUCCESS", refund_fee_0="1"),
        "silence",
        CONTRADICTION,
    ),
    (W, "refund_query", wechat(out_refund_no_0="R1", refund_status_0="PROCESSING"), "busy", "PROCESSING"),
    (W, "refund_query", wechat(out_refund_no_0="R1", refund_status_0="CHANGE"), "silence", CONTRADICTION),
    (W, "refund_query", wechat(out_refund_no_0="R1", refund_status_0="REFUNDCLOSE"), "refused", "REFUNDCLOSE"),
    (
        W,
        "refund_query",
        wechat(out_refund_no_0="R2", refund_status_0="SUCCESS", refund_fee_0="1250"),
        "silence",
        "wrong-reference",
    ),
    (W, "refund_query", wrong("REFUNDNOTEXIST"), "refused", NO_REFUND),
    (W, "refund_query", wrong("SYSTEMERROR"), "silence", "SYSTEMERROR"),
    (
        A,
        "refund_query",
        good(out_trade_no="A1", out_request_no="R1", refund_amount="12.50", refund_status="REFUND_SUCCESS"),
        "done",
        "",
    ),
    (A, "refund_query", good(out_trade_no="A1", out_request_no="R1", refund_amount="12.50"), "busy", "PROCESSING"),
    (
        A,
        "refund_query",
        good(out_trade_no="A1", out_request_no="R1", refund_amount="1.00", refund_status="REFUND_SUCCESS"),
        "silence",
        CONTRADICTION,
    ),
    (
        A,
        "refund_query",
        good(out_trade_no="A1", out_request_no="R2", refund_amount="12.50"),
        "silence",
        "wrong-reference",
    ),
    (A, "refund_query", good(out_trade_no="A1"), "refused", NO_REFUND),
    (A, "refund_query", bad("ACQ.TRADE_NOT_EXIST"), "silence", "ACQ.TRADE_NOT_EXIST"),
    (
        U,
        "refund_query",
        bank("00", order_id="R1", orig_order_id="A1", txn_amt="1250", refund_status="SUCCESS"),
        "done",
        "",
    ),
    (
        U,
        "refund_query",
        bank("00", order_id="R1", orig_order_id="A1", txn_amt="1250", refund_status="FAILED"),
        "refused",
        "FAILED",
    ),
    (U, "refund_query", bank("25", order_id="R1"), "refused", NO_REFUND),
    (U, "refund_query", bank("05"), "silence", "05"),
]


@pytest.mark.parametrize(("family", "op", "fields", "heard", "code"), CASES)
def test_what_is_heard(family: Family, op: str, fields: dict[str, Any], heard: str, code: str) -> None:
    found = MESSAGES[family].heard(call(op), reply(family, op, **fields))
    assert (found.heard.value, found.code) == (heard, code)


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize("op", list(METHODS))
def test_a_recheck_is_asked_as_a_query_and_no_request_shows_the_code_but_pay(family: Family, op: str) -> None:
    request = MESSAGES[family].request(call(op))
    assert (b"134567890123456789" in request.body) is (op == "pay")
    assert "134567890123456789" not in repr(call(op))
    if op == "recheck":
        assert MESSAGES[family].request(call("query")) == request


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize("op", list(METHODS))
def test_a_reply_that_is_not_the_gateways_is_not_believed(family: Family, op: str) -> None:
    paid = {
        W: wechat(out_trade_no="A1", total_fee="1250", trade_state="SUCCESS"),
        A: good(out_trade_no="A1", total_amount="12.50", trade_status="TRADE_SUCCESS"),
        U: bank("00", order_id="A1", order_status="SUCCESS", txn_amt="1250"),
    }[family]
    right = reply(family, op, **paid)
    for body in (
        right.body.replace(b"A1", b"A9"),
        right.body[:-9] + b"AAAA" + right.body[-5:],
        b"",
        b"<xml></xml>",
        b"{}",
        b"\xff\xfe",
        right.body[: len(right.body) // 2],
    ):
        with pytest.raises(WireError):
            MESSAGES[family].heard(call(op), HttpReply(200, {}, body))


def test_wechat_failures_without_signature_are_no_answer() -> None:
    for body in (
        b"<xml><return_code>FAIL</return_code><return_msg>x</return_msg></xml>",
        b"<xml><return_code>FAIL</return_code><result_code>FAIL</result_code><err_code>NOTENOUGH</err_code></xml>",
    ):
        found = MESSAGES[W].heard(call("pay"), HttpReply(200, {}, body))
        assert (found.heard.value, found.code) == ("silence", "return-code-fail")


def test_a_reply_for_another_merchant_or_call_is_not_believed() -> None:
    fields = {
        "return_code": "SUCCESS",
        "appid": "wx2",
        "mch_id": MCH_ID,
        "result_code": "SUCCESS",
        "out_trade_no": "A1",
    }
    body = write_xml({**fields, "sign": wechat_sign(fields, WECHAT_KEY, HMAC_SHA256)})
    with pytest.raises(WireError, match="another merchant"):
        MESSAGES[W].heard(call("query"), HttpReply(200, {}, body))
    old = reply(U, "pay", nonce="M" * 32, resp_code="00", order_id="A1", order_status="SUCCESS", txn_amt="1250")
    with pytest.raises(WireError, match="another call"):
        MESSAGES[U].heard(call("pay"), old)
    md5 = write_xml({**fields, "appid": APPID, "sign": wechat_sign({**fields, "appid": APPID}, WECHAT_KEY, "MD5")})
    with pytest.raises(WireError, match=r"^sign"):
        MESSAGES[W].heard(call("query"), HttpReply(200, {}, md5))


def test_settings_that_cannot_be_used_are_named() -> None:
    from dataclasses import replace

    for name in ("merchant_private_key", "gateway_public_key"):
        with pytest.raises(ValueError, match="keys of the QR gateway"):
            qr_messages(replace(config(), **{name: "x"}))
    with pytest.raises(ValueError, match="sign_type"):
        qr_messages(replace(config(), wechat_sign_type="RSA"))
