"""Messages of WeChat Pay v2 that a code payment needs: micropay, orderquery, reverse, refund, refundquery, downloadbill.

A message is a mapping of texts on the wire (:mod:`protocols.wire.qr.wechat_xml`) and a model here. The signature is over
the mapping, so it is checked before a model is made. Source: spec/services.md 4; error words as the channel uses them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from protocols.wire.base import WireError
from protocols.wire.qr.fields import (
    Code,
    Day8,
    Fen,
    FenOrZero,
    Moment14,
    Must32,
    Must128,
    OrderNo32,
    QrMessage,
    Text16,
    Text32,
    Text64,
    Text128,
    Text256,
    write,
)
from protocols.wire.qr.signing import MD5, wechat_sign, wechat_verify
from protocols.wire.qr.wechat_xml import read_xml, write_xml

__all__ = [
    "BILL_ABSENT",
    "DOWNLOADBILL",
    "FAIL",
    "MICROPAY",
    "ORDERQUERY",
    "PATHS",
    "REFUND",
    "REFUNDQUERY",
    "REVERSE",
    "SUCCESS",
    "DownloadBillRequest",
    "MicropayReply",
    "MicropayRequest",
    "OrderQueryReply",
    "OrderRequest",
    "RefundQueryReply",
    "RefundQueryRequest",
    "RefundReply",
    "RefundRequest",
    "Result",
    "ReverseReply",
    "signed_body",
    "unsigned_failure",
    "verified_fields",
]

MICROPAY = "/pay/micropay"
ORDERQUERY = "/pay/orderquery"
REVERSE = "/secapi/pay/reverse"
REFUND = "/secapi/pay/refund"
REFUNDQUERY = "/pay/refundquery"
DOWNLOADBILL = "/pay/downloadbill"
PATHS = (MICROPAY, ORDERQUERY, REVERSE, REFUND, REFUNDQUERY, DOWNLOADBILL)

SUCCESS, FAIL = "SUCCESS", "FAIL"
BILL_ABSENT = "20002"
"""``error_code`` of a bill that is not there (yet)."""

SignType = Literal["", "MD5", "HMAC-SHA256"]


class _Request(QrMessage):
    appid: Must32
    mch_id: Must32
    sub_mch_id: Text32 = ""
    nonce_str: Must32
    sign_type: SignType = ""
    sign: Text64 = ""


class MicropayRequest(_Request):
    """``attach`` comes back in the bill as 商户数据包: this project puts the institution there; ``device_info`` is the
    terminal."""

    device_info: Text32 = ""
    body: Must128
    attach: Text128 = ""
    out_trade_no: OrderNo32
    total_fee: Fen
    fee_type: Literal["CNY"] = "CNY"
    spbill_create_ip: Annotated[str, Field(pattern=r"^[0-9A-Fa-f.:]{3,64}$")]
    auth_code: Code


class OrderRequest(_Request):
    """Of orderquery and reverse."""

    out_trade_no: OrderNo32


class RefundRequest(_Request):
    out_trade_no: OrderNo32
    out_refund_no: Annotated[str, Field(pattern=r"^[0-9A-Za-z_\-*|@]{1,64}$")]
    total_fee: Fen
    refund_fee: Fen


class RefundQueryRequest(_Request):
    out_refund_no: Annotated[str, Field(pattern=r"^[0-9A-Za-z_\-*|@]{1,64}$")]


class DownloadBillRequest(_Request):
    bill_date: Day8
    bill_type: Literal["ALL", "SUCCESS", "REFUND"] = "ALL"


class Result(QrMessage):
    """What every reply has. ``return_code`` FAIL: the request was not understood, nothing is signed and nothing else is
    there. ``result_code`` FAIL: understood and refused, or its outcome is not known: ``err_code`` says which."""

    return_code: Literal["SUCCESS", "FAIL"]
    return_msg: Text128 = ""
    appid: Text32 = ""
    mch_id: Text32 = ""
    nonce_str: Text32 = ""
    sign: Text64 = ""
    result_code: Literal["", "SUCCESS", "FAIL"] = ""
    err_code: Text32 = ""
    err_code_des: Text128 = ""
    error_code: Text16 = ""

    @property
    def ok(self) -> bool:
        return self.return_code == SUCCESS and self.result_code == SUCCESS


class MicropayReply(Result):
    """``time_end`` yyyyMMddHHmmss in China."""

    device_info: Text32 = ""
    openid: Text128 = ""
    trade_type: Text16 = ""
    bank_type: Text32 = ""
    total_fee: FenOrZero = 0
    fee_type: Text16 = ""
    cash_fee: FenOrZero = 0
    transaction_id: Text32 = ""
    out_trade_no: Text32 = ""
    attach: Text128 = ""
    time_end: Moment14 = ""


class OrderQueryReply(MicropayReply):
    """``trade_state`` SUCCESS, REFUND, NOTPAY, CLOSED, REVOKED, USERPAYING or PAYERROR; ``out_trade_no`` always, amounts
    once it was paid."""

    trade_state: Text32 = ""
    trade_state_desc: Text256 = ""


class ReverseReply(Result):
    """``recall`` Y: not done, call again."""

    out_trade_no: Text32 = ""
    recall: Annotated[str, Field(pattern=r"^[YN]?$")] = ""


class RefundReply(Result):
    """Accepted, which is not done."""

    transaction_id: Text32 = ""
    out_trade_no: Text32 = ""
    out_refund_no: Text64 = ""
    refund_id: Text32 = ""
    refund_fee: FenOrZero = 0
    total_fee: FenOrZero = 0


class RefundQueryReply(Result):
    """Of one refund, hence the 0 at the end of the names. ``refund_status_0`` SUCCESS, PROCESSING, CHANGE (the money could
    not be returned: a person has to) or REFUNDCLOSE (it never will be)."""

    transaction_id: Text32 = ""
    out_trade_no: Text32 = ""
    total_fee: FenOrZero = 0
    refund_count: Text16 = ""
    out_refund_no_0: Text64 = ""
    refund_id_0: Text32 = ""
    refund_fee_0: FenOrZero = 0
    refund_status_0: Text16 = ""
    refund_success_time_0: Text32 = ""


def signed_body(message: QrMessage, key: str, sign_type: str) -> bytes:
    """The XML of *message* with its signature. A default MD5 is not named on the wire, as in the published examples."""
    fields = write(message)
    fields.pop("sign", None)
    if sign_type != MD5:
        fields["sign_type"] = sign_type
    return write_xml({**fields, "sign": wechat_sign(fields, key, sign_type)})


def verified_fields(body: bytes, key: str, sign_type: str = "") -> dict[str, str]:
    """The fields of a signed *body*. *sign_type* empty: the message says it, MD5 if it does not (a request); otherwise
    that one is wanted (a reply is signed as its request was).

    Raises :class:`WireError`, with ``sign`` at the beginning of its text where the signature is wrong.
    """
    fields = read_xml(body)
    if not wechat_verify(fields, key, sign_type or fields.get("sign_type", "") or MD5):
        raise WireError("sign: the signature is wrong or missing")
    return fields


def unsigned_failure(message: str, error_code: str = "") -> bytes:
    """The reply to what was not understood: it bears no signature."""
    fields: Mapping[str, str] = {"return_code": FAIL, "return_msg": message, "error_code": error_code}
    return write_xml({name: value for name, value in fields.items() if value})
