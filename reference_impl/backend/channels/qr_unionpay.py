"""UnionPay QR through the bank for the QR channel: calls to requests, replies to outcomes. Pure.

Source: spec/services.md 4, 9 (U8). A reply repeats the nonce of its request; one that does not is about another call.
"""

from __future__ import annotations

from typing import Any

from protocols.clock import civil
from protocols.wire.base import WireError
from protocols.wire.http import JSON_TYPE, HttpReply, HttpRequest
from protocols.wire.qr import unionpay
from protocols.wire.qr.fields import read
from protocols.wire.qr.payment_codes import Family
from protocols.wire.qr.signing import Sealing
from reference_impl.backend.channels.qr_calls import Call, contradiction, done, refused, silence
from reference_impl.backend.channels.qr_rules import (
    CANCEL,
    NO_REFUND,
    PAY,
    QUERY,
    RECHECK,
    REFUND,
    REFUND_QUERY,
    TOO_LATE,
)
from reference_impl.backend.settlement.channel import Heard, Outcome

__all__ = ["UnionpayMessages"]

_PATHS = {
    PAY: unionpay.PAY,
    QUERY: unionpay.QUERY,
    RECHECK: unionpay.QUERY,
    CANCEL: unionpay.CANCEL,
    REFUND: unionpay.REFUND,
    REFUND_QUERY: unionpay.REFUND_QUERY,
}

DONE, UNKNOWN, NO_ORIGINAL, EXPIRED = "00", "98", "25", "22"
_UNCERTAIN = frozenset({UNKNOWN, "06", "68", "94", "96"})
"""After these nobody knows, or (94) the number was known already: the order is asked for."""


class UnionpayMessages:
    """*sealing* signs with the merchant's key and verifies with the gateway's, RSA2 or SM2."""

    family = Family.UNIONPAY
    cancel_after_s = 0.0

    def __init__(self, mer_id: str, sealing: Sealing) -> None:
        self._mer_id, self._sealing = mer_id, sealing

    def request(self, call: Call) -> HttpRequest:
        body = unionpay.sealed_body(self._message(call), self._sealing)
        return HttpRequest("POST", _PATHS[call.op], {"content-type": JSON_TYPE}, body)

    def _message(self, call: Call) -> unionpay.Request:
        common: dict[str, Any] = {
            "mer_id": self._mer_id,
            "txn_time": f"{civil(call.now):%Y%m%d%H%M%S}",
            "nonce": call.nonce,
        }
        if call.op == PAY:
            return unionpay.PayRequest(
                **common,
                order_id=call.order_no,
                txn_amt=call.fen,
                qr_no=call.auth_code,
                subject=call.subject,
                term_id=call.terminal,
                ins_code=call.institution,
            )
        if call.op == REFUND:
            return unionpay.RefundRequest(
                **common, order_id=call.refund_no, orig_order_id=call.order_no, txn_amt=call.fen
            )
        if call.op == REFUND_QUERY:
            return unionpay.RefundQueryRequest(**common, order_id=call.refund_no)
        if call.op == CANCEL:
            return unionpay.CancelRequest(**common, order_id=call.order_no)
        return unionpay.QueryRequest(**common, order_id=call.order_no)

    def heard(self, call: Call, reply: HttpReply) -> Outcome:
        """See :class:`reference_impl.backend.channels.qr_calls.QrMessages`."""
        fields = unionpay.text_fields(reply.body)
        unionpay.verify(fields, self._sealing)
        if (fields.get("mer_id"), fields.get("nonce")) != (self._mer_id, call.nonce):
            raise WireError("the reply is about another call")
        if call.op in (REFUND, REFUND_QUERY):
            return self._refund(call, read(unionpay.RefundReply, fields))
        answer = read(unionpay.OrderReply, fields)
        if answer.order_id not in ("", call.order_no):
            return silence("wrong-reference", "the reply is about another order")
        match call.op:
            case "pay":
                return self._pay(call, answer)
            case "cancel":
                return self._cancel(answer)
            case _:
                return self._query(call, answer)

    def _pay(self, call: Call, reply: unionpay.OrderReply) -> Outcome:
        if reply.resp_code in _UNCERTAIN:
            return silence(reply.resp_code, reply.resp_msg)
        if reply.resp_code != DONE:
            return refused(reply.resp_code, reply.resp_msg)
        if (reply.order_id, reply.order_status, reply.txn_amt) != (call.order_no, "SUCCESS", call.fen):
            return silence("wrong-reference", "the reply is about another order or amount")
        return done(channel_no=reply.txn_ref, paid_at=reply.pay_time)

    def _query(self, call: Call, reply: unionpay.OrderReply) -> Outcome:
        if reply.resp_code == NO_ORIGINAL:
            return refused(reply.resp_code, reply.resp_msg)
        if reply.resp_code != DONE or not reply.order_id:
            return silence(reply.resp_code, reply.resp_msg)
        match reply.order_status:
            case "SUCCESS":
                if reply.txn_amt != call.fen:
                    return contradiction("paid, but another amount", fen=reply.txn_amt)
                return done(channel_no=reply.txn_ref, paid_at=reply.pay_time)
            case "REFUND":
                return contradiction("refunded, but nobody asked for it")
            case "PROCESSING":
                return Outcome(Heard.BUSY, reply.order_status)
            case "FAILED" | "CLOSED" | "REVERSED":
                return refused(reply.order_status)
            case _:
                return silence(reply.resp_code, "no state of the order")

    def _cancel(self, reply: unionpay.OrderReply) -> Outcome:
        if reply.resp_code == NO_ORIGINAL or (reply.resp_code == DONE and reply.order_id):
            return done(action=reply.order_status)  # 25: there was no such order, and there will not be one
        if reply.resp_code == EXPIRED:
            return Outcome(Heard.REFUSED, TOO_LATE, reply.resp_msg)
        if reply.resp_code in _UNCERTAIN or reply.resp_code == DONE:
            return silence(reply.resp_code, reply.resp_msg)
        return refused(reply.resp_code, reply.resp_msg)

    def _refund(self, call: Call, reply: unionpay.RefundReply) -> Outcome:
        if reply.resp_code in _UNCERTAIN:
            return silence(reply.resp_code, reply.resp_msg)
        if reply.resp_code != DONE:
            if call.op == REFUND_QUERY:
                found = reply.resp_code == NO_ORIGINAL
                return refused(NO_REFUND, reply.resp_msg) if found else silence(reply.resp_code, reply.resp_msg)
            return refused(reply.resp_code, reply.resp_msg)
        if (reply.order_id, reply.orig_order_id) != (call.refund_no, call.order_no):
            return silence("wrong-reference", "the reply is about another refund")
        if reply.txn_amt != call.fen:
            return contradiction("refunded, but another amount", fen=reply.txn_amt)
        match reply.refund_status:
            case "SUCCESS":
                return done(channel_no=reply.txn_ref)
            case "PROCESSING":
                return Outcome(Heard.BUSY, reply.refund_status)
            case "FAILED" if call.op == REFUND_QUERY:
                return refused(reply.refund_status)
            case _:
                return silence(reply.refund_status or reply.resp_code)
