"""UnionPay QR through the bank's aggregated gateway: flat JSON, signed RSA2 or SM2. The layout is this project's own.

What the bank really uses is not public (assumption U8): field words follow ISO 8583 (amount in fen, response codes of
field 39), signatures are over the sorted fields. A reply repeats the nonce of its request, so an answer cannot be taken for
another one's. Source: spec/services.md 4 (code form, 98 unknown, final states of field 39, cancel), 9 (U8).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from protocols.wire.base import WireError
from protocols.wire.insurance.json_text import read_object, write_json
from protocols.wire.qr.fields import (
    Code,
    Day8,
    Fen,
    FenOrZero,
    Must32,
    Must128,
    OrderNo32,
    QrMessage,
    Text16,
    Text32,
    Text128,
    write,
)
from protocols.wire.qr.signing import Sealing, sorted_text

__all__ = [
    "BILL",
    "BILL_FILE",
    "CANCEL",
    "PATHS",
    "PAY",
    "QUERY",
    "REFUND",
    "REFUND_QUERY",
    "BillReply",
    "BillRequest",
    "CancelRequest",
    "OrderReply",
    "PayRequest",
    "QueryRequest",
    "RefundQueryRequest",
    "RefundReply",
    "RefundRequest",
    "Reply",
    "Request",
    "sealed_body",
    "text_fields",
    "verify",
]

PAY = "/unionpay/v1/pay"
QUERY = "/unionpay/v1/query"
CANCEL = "/unionpay/v1/cancel"
REFUND = "/unionpay/v1/refund"
REFUND_QUERY = "/unionpay/v1/refund-query"
BILL = "/unionpay/v1/bill"
BILL_FILE = "/unionpay/v1/bill/file"
PATHS = (PAY, QUERY, CANCEL, REFUND, REFUND_QUERY, BILL)

Moment = Annotated[str, Field(pattern=r"^[0-9]{14}$")]
OrderStatus = Literal["", "PROCESSING", "SUCCESS", "FAILED", "CLOSED", "REVERSED", "REFUND"]
RefundStatus = Literal["", "PROCESSING", "SUCCESS", "FAILED"]


class Request(QrMessage):
    """``txn_time`` yyyyMMddHHmmss in China, when the client sent it."""

    version: Literal["1.0"] = "1.0"
    mer_id: Must32
    txn_time: Moment
    nonce: Must32
    sign_type: Literal["RSA2", "SM2"] = "RSA2"
    sign: Annotated[str, Field(max_length=1024)] = ""


class PayRequest(Request):
    """``ins_code`` is the institution, ``term_id`` the terminal: both come back in the bill."""

    order_id: OrderNo32
    txn_amt: Fen
    ccy: Literal["156"] = "156"
    qr_no: Code
    subject: Must128
    term_id: Text32 = ""
    ins_code: Text32 = ""


class QueryRequest(Request):
    order_id: OrderNo32


class CancelRequest(Request):
    order_id: OrderNo32


class RefundRequest(Request):
    """``order_id`` is the refund's own number, ``orig_order_id`` the payment's."""

    order_id: OrderNo32
    orig_order_id: OrderNo32
    txn_amt: Fen


class RefundQueryRequest(Request):
    order_id: OrderNo32


class BillRequest(Request):
    settle_date: Day8


class Reply(QrMessage):
    """``resp_code`` as field 39: 00 done or accepted, 98 nobody knows, 25 no such original, others refused."""

    version: Literal["1.0"] = "1.0"
    mer_id: Text32 = ""
    nonce: Text32 = ""
    resp_code: Annotated[str, Field(pattern=r"^[0-9A-Z]{2}$")]
    resp_msg: Text128 = ""
    sign_type: Literal["RSA2", "SM2"] = "RSA2"
    sign: Annotated[str, Field(max_length=1024)] = ""


class OrderReply(Reply):
    """Of pay, query and cancel. ``settle_date`` is the bank's business day."""

    order_id: Text32 = ""
    order_status: OrderStatus = ""
    txn_amt: FenOrZero = 0
    txn_ref: Text32 = ""
    pay_time: Text16 = ""
    settle_date: Text16 = ""


class RefundReply(Reply):
    """Of refund and refund query. ``refund_status`` PROCESSING is accepted, SUCCESS is done."""

    order_id: Text32 = ""
    orig_order_id: Text32 = ""
    txn_amt: FenOrZero = 0
    txn_ref: Text32 = ""
    refund_status: RefundStatus = ""
    settle_date: Text16 = ""


class BillReply(Reply):
    download_url: Annotated[str, Field(max_length=1024)] = ""
    sha1: Text128 = ""


def text_fields(body: bytes) -> dict[str, str]:
    """The fields of *body*, all of them texts. Raises :class:`WireError` for anything else."""
    found: dict[str, Any] = read_object(body)
    if not all(isinstance(value, str) for value in found.values()):
        raise WireError("a field is something else than a text")
    try:
        "".join((*found, *found.values())).encode()
    except UnicodeEncodeError:
        raise WireError("half of a surrogate pair is no text") from None
    return found


def sealed_body(message: QrMessage, sealing: Sealing) -> bytes:
    """The JSON of *message*, signed."""
    fields = {**write(message), "sign_type": sealing.sign_type}
    fields.pop("sign", None)
    return write_json({**fields, "sign": sealing.sign(sorted_text(fields).encode())})


def verify(fields: dict[str, str], sealing: Sealing) -> None:
    """Raises :class:`WireError`, with ``sign`` at the beginning of its text, unless the other end has signed *fields*."""
    kind = fields.get("sign_type", "")
    if kind != sealing.sign_type or not sealing.verify(sorted_text(fields).encode(), fields.get("sign", "")):
        raise WireError("sign: the signature is wrong or missing")
