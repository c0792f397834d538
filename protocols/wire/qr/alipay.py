"""Calls of Alipay's open gateway that a code payment needs: trade pay, query, cancel, refund, refund query, bill address.

A request is a form whose ``biz_content`` is JSON; all its parameters but ``sign`` are signed RSA2. A reply is a JSON object
of one node, named after the method, and the signature over that node exactly as its bytes stand there. Amounts are yuan.
Source: spec/services.md 4.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, cast
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from pydantic import Field

from protocols.wire.base import WireError
from protocols.wire.insurance.json_text import read_object, write_json
from protocols.wire.qr.fields import (
    Code,
    Day10,
    Moment19,
    Must32,
    Must64,
    OrderNo64,
    QrMessage,
    Text32,
    Text64,
    Text128,
    Text256,
    YesNo,
    Yuan,
    YuanOrZero,
    read,
    write,
)
from protocols.wire.qr.signing import RSA2, rsa2_sign, rsa2_verify, sorted_text

__all__ = [
    "BILL",
    "BUSINESS_FAILED",
    "CANCEL",
    "FORM_TYPE",
    "GATEWAY",
    "METHODS",
    "PAY",
    "QUERY",
    "REFUND",
    "REFUND_QUERY",
    "SUCCESS",
    "UNKNOWN",
    "WAITING",
    "BillBiz",
    "BillNode",
    "Call",
    "CancelBiz",
    "CancelNode",
    "PayBiz",
    "PayNode",
    "QueryBiz",
    "QueryNode",
    "RefundBiz",
    "RefundNode",
    "RefundQueryBiz",
    "RefundQueryNode",
    "ReplyNode",
    "call_body",
    "form_fields",
    "node_name",
    "node_of",
    "read_biz",
    "read_call",
    "reply_body",
    "signature_right",
]

GATEWAY = "/gateway.do"
FORM_TYPE = "application/x-www-form-urlencoded; charset=utf-8"

PAY = "alipay.trade.pay"
QUERY = "alipay.trade.query"
CANCEL = "alipay.trade.cancel"
REFUND = "alipay.trade.refund"
REFUND_QUERY = "alipay.trade.fastpay.refund.query"
BILL = "alipay.data.dataservice.bill.downloadurl.query"
METHODS = (PAY, QUERY, CANCEL, REFUND, REFUND_QUERY, BILL)

SUCCESS, WAITING, UNKNOWN, BUSINESS_FAILED = "10000", "10003", "20000", "40004"
"""``code`` of a node: done, the payer is typing the password, nobody knows, refused (``sub_code`` says why)."""

ERROR_NODE = "error_response"
MOST_FIELDS = 40

M = TypeVar("M", bound=QrMessage)


class Call(QrMessage):
    """The common parameters. ``timestamp`` yyyy-MM-dd HH:mm:ss in China."""

    app_id: Must32
    method: Must64
    format: Literal["", "JSON", "json"] = "JSON"
    charset: Literal["utf-8", "UTF-8"] = "utf-8"
    sign_type: Literal["RSA2"] = "RSA2"
    sign: Annotated[str, Field(max_length=1024)] = ""
    timestamp: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$")]
    version: Literal["1.0"] = "1.0"
    biz_content: Annotated[str, Field(min_length=2, max_length=20_000)]


class PayBiz(QrMessage):
    """``store_id`` is the institution, ``terminal_id`` the terminal: both come back in the bill."""

    out_trade_no: OrderNo64
    scene: Literal["bar_code"] = "bar_code"
    auth_code: Code
    subject: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^/=&\x00-\x1f\x7f]+$")]
    total_amount: Yuan
    store_id: Text32 = ""
    terminal_id: Text32 = ""


class QueryBiz(QrMessage):
    out_trade_no: OrderNo64


class CancelBiz(QrMessage):
    out_trade_no: OrderNo64


class RefundBiz(QrMessage):
    out_trade_no: OrderNo64
    refund_amount: Yuan
    out_request_no: OrderNo64
    refund_reason: Text256 = ""


class RefundQueryBiz(QrMessage):
    out_trade_no: OrderNo64
    out_request_no: OrderNo64


class BillBiz(QrMessage):
    bill_type: Literal["trade", "signcustomer"] = "trade"
    bill_date: Day10


class ReplyNode(QrMessage):
    """What every node has."""

    code: Annotated[str, Field(pattern=r"^[0-9]{5}$")]
    msg: Text128 = ""
    sub_code: Text128 = ""
    sub_msg: Text256 = ""


class PayNode(ReplyNode):
    trade_no: Text64 = ""
    out_trade_no: Text64 = ""
    buyer_user_id: Text32 = ""
    total_amount: YuanOrZero = 0
    receipt_amount: YuanOrZero = 0
    gmt_payment: Moment19 = ""


class QueryNode(PayNode):
    """``trade_status`` WAIT_BUYER_PAY, TRADE_SUCCESS, TRADE_FINISHED or TRADE_CLOSED."""

    trade_status: Text32 = ""


class CancelNode(ReplyNode):
    """``action`` close or refund; absent where the order was not known. ``retry_flag`` Y: not done, call again."""

    trade_no: Text64 = ""
    out_trade_no: Text64 = ""
    retry_flag: YesNo = ""
    action: Annotated[str, Field(pattern=r"^(close|refund)?$")] = ""


class RefundNode(ReplyNode):
    """Accepted. ``fund_change`` Y: money has moved by this very call; N says nothing. ``refund_fee`` is all that was ever
    returned of this order."""

    trade_no: Text64 = ""
    out_trade_no: Text64 = ""
    fund_change: YesNo = ""
    refund_fee: YuanOrZero = 0


class RefundQueryNode(ReplyNode):
    """``refund_status`` REFUND_SUCCESS once the money is back; absent while it is not. Without ``out_request_no`` there is
    no such refund."""

    trade_no: Text64 = ""
    out_trade_no: Text64 = ""
    out_request_no: Text64 = ""
    total_amount: YuanOrZero = 0
    refund_amount: YuanOrZero = 0
    refund_status: Text32 = ""


class BillNode(ReplyNode):
    bill_download_url: Annotated[str, Field(max_length=1024)] = ""


def form_fields(body: bytes, query: str = "") -> dict[str, str]:
    """The parameters of a form, from its body and the query of its target. Raises :class:`WireError`."""
    pairs: list[tuple[str, str]] = []
    for text in (query, body):
        try:
            words = text.decode("ascii") if isinstance(text, bytes) else text
            if words:
                pairs += parse_qsl(
                    words, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MOST_FIELDS
                )
        except ValueError:  # not ASCII, no pairs, too many of them, or percent signs that are no UTF-8
            raise WireError("the form cannot be read: name=value pairs, percent-encoded UTF-8") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise WireError("a parameter occurs twice: send every one once")
    return found


def read_call(fields: Mapping[str, str]) -> Call:
    """Raises :class:`WireError` naming the wrong parameter."""
    return read(Call, fields)


def signature_right(fields: Mapping[str, str], key: RSAPublicKey) -> bool:
    """True where ``sign`` is the signature of the holder of *key* over the other parameters."""
    return rsa2_verify(sorted_text(fields).encode(), fields.get("sign", ""), key)


def read_biz(model: type[M], call: Call) -> M:
    """The business part of *call*. Raises :class:`WireError` naming the wrong field."""
    return read(model, read_object(call.biz_content.encode()))


def call_body(app_id: str, method: str, timestamp: str, biz: QrMessage, key: RSAPrivateKey) -> bytes:
    """The form of a signed call."""
    fields = {
        "app_id": app_id,
        "method": method,
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": RSA2,
        "timestamp": timestamp,
        "version": "1.0",
        "biz_content": write_json(write(biz)).decode(),
    }
    return urlencode({**fields, "sign": rsa2_sign(sorted_text(fields).encode(), key)}).encode()


def node_name(method: str) -> str:
    """``alipay.trade.pay`` answers in ``alipay_trade_pay_response``."""
    return f"{method.replace('.', '_')}_response"


def reply_body(method: str, node: QrMessage, key: RSAPrivateKey | None) -> bytes:
    """The reply to *method*; *key* None: unsigned, as the gateway answers who it does not know."""
    text = write_json(write(node))
    name = node_name(method) if method in METHODS else ERROR_NODE
    signed = b',"sign":"' + rsa2_sign(text, key).encode() + b'"' if key else b""
    return b'{"' + name.encode() + b'":' + text + signed + b"}"


@dataclass(frozen=True, slots=True)
class _Member:
    value: Any
    text: str


def _members(text: str) -> dict[str, _Member]:
    """The members of the object *text* with the very text of each value."""
    decoder, blank = json.JSONDecoder(), " \t\r\n"
    found: dict[str, _Member] = {}
    at = text.index("{") + 1
    while True:
        while text[at] in blank + ",":
            at += 1
        if text[at] == "}":
            return found
        name, at = decoder.raw_decode(text, at)
        while text[at] in blank + ":":
            at += 1
        value, end = decoder.raw_decode(text, at)
        found[name] = _Member(value, text[at:end])
        at = end


def node_of(body: bytes, method: str, key: RSAPublicKey) -> dict[str, Any]:
    """The node of the reply to *method*, if its signature is right.

    Raises :class:`WireError`, with ``sign`` at the beginning of its text where the signature is wrong or missing.
    """
    read_object(body)  # strict: one meaning only, so the scan below cannot see another
    members = _members(body.decode())
    node, sign = members.get(node_name(method)), members.get("sign")
    value: Any = node.value if node else None
    if node is None or not isinstance(value, dict):
        raise WireError(f"there is no {node_name(method)}")
    if sign is None or not isinstance(sign.value, str) or not rsa2_verify(node.text.encode(), sign.value, key):
        raise WireError("sign: the signature is wrong or missing")
    return cast("dict[str, Any]", value)
