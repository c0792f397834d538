"""Alipay for the QR channel: calls to requests, replies to outcomes. Pure. Source: spec/services.md 4."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from protocols.clock import civil
from protocols.wire.http import HttpReply, HttpRequest
from protocols.wire.qr import alipay
from protocols.wire.qr.fields import QrMessage, read
from protocols.wire.qr.payment_codes import Family
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

__all__ = ["AlipayMessages"]

_METHODS = {
    PAY: alipay.PAY,
    QUERY: alipay.QUERY,
    RECHECK: alipay.QUERY,
    CANCEL: alipay.CANCEL,
    REFUND: alipay.REFUND,
    REFUND_QUERY: alipay.REFUND_QUERY,
}

_UNCERTAIN = frozenset(
    {"ACQ.SYSTEM_ERROR", "AQC.SYSTEM_ERROR", "ACQ.CONTEXT_INCONSISTENT", "ACQ.TRADE_HAS_SUCCESS", "isp.unknow-error"}
)
"""Business refusals after which an order may be paid all the same: it is asked for."""


class AlipayMessages:
    """*private* signs calls; *public* is the gateway's."""

    family = Family.ALIPAY
    cancel_after_s = 0.0

    def __init__(self, app_id: str, private: RSAPrivateKey, public: RSAPublicKey) -> None:
        self._app_id, self._private, self._public = app_id, private, public

    def request(self, call: Call) -> HttpRequest:
        timestamp = f"{civil(call.now):%Y-%m-%d %H:%M:%S}"
        body = alipay.call_body(self._app_id, _METHODS[call.op], timestamp, self._biz(call), self._private)
        return HttpRequest("POST", alipay.GATEWAY, {"content-type": alipay.FORM_TYPE}, body)

    @staticmethod
    def _biz(call: Call) -> QrMessage:
        if call.op == PAY:
            return alipay.PayBiz(
                out_trade_no=call.order_no,
                auth_code=call.auth_code,
                subject=call.subject,
                total_amount=call.fen,
                store_id=call.institution,
                terminal_id=call.terminal,
            )
        if call.op == REFUND:
            return alipay.RefundBiz(out_trade_no=call.order_no, refund_amount=call.fen, out_request_no=call.refund_no)
        if call.op == REFUND_QUERY:
            return alipay.RefundQueryBiz(out_trade_no=call.order_no, out_request_no=call.refund_no)
        return alipay.CancelBiz(out_trade_no=call.order_no)

    def heard(self, call: Call, reply: HttpReply) -> Outcome:
        """See :class:`reference_impl.backend.channels.qr_calls.QrMessages`."""
        node = alipay.node_of(reply.body, _METHODS[call.op], self._public)
        if node.get("out_trade_no", call.order_no) not in ("", call.order_no):
            # Of a refusal too: what became of another order says nothing of this one.
            return silence("wrong-reference", "the reply is about another order")
        match call.op:
            case "pay":
                return self._pay(call, node)
            case "cancel":
                return self._cancel(call, node)
            case "refund":
                return self._refund(call, node)
            case "refund_query":
                return self._refund_query(call, node)
            case _:
                return self._query(call, node)

    @staticmethod
    def _not_done(node: alipay.ReplyNode) -> Outcome:
        """Code 20000 says that nobody knows; 4xxxx and 20001 that the gateway has not done it."""
        code = node.sub_code or node.code
        if node.code == alipay.UNKNOWN or node.sub_code in _UNCERTAIN:
            return silence(code, node.sub_msg)
        return refused(code, node.sub_msg)

    def _pay(self, call: Call, values: dict[str, Any]) -> Outcome:
        node = read(alipay.PayNode, values)
        if node.code == alipay.WAITING:
            return Outcome(Heard.BUSY, node.code)
        if node.code != alipay.SUCCESS:
            return self._not_done(node)
        if (node.out_trade_no, node.total_amount) != (call.order_no, call.fen):
            return silence("wrong-reference", "the reply is about another order or amount")
        return done(channel_no=node.trade_no, paid_at=node.gmt_payment)

    def _query(self, call: Call, values: dict[str, Any]) -> Outcome:
        node = read(alipay.QueryNode, values)
        if node.code != alipay.SUCCESS:
            if node.sub_code == "ACQ.TRADE_NOT_EXIST":
                return refused(node.sub_code, node.sub_msg)
            return silence(node.sub_code or node.code, node.sub_msg)
        if node.out_trade_no != call.order_no:
            return silence("wrong-reference", "the reply is about another order")
        match node.trade_status:
            case "TRADE_SUCCESS" | "TRADE_FINISHED":
                if node.total_amount != call.fen:
                    return contradiction("paid, but another amount", fen=node.total_amount)
                return done(channel_no=node.trade_no, paid_at=node.gmt_payment)
            case "WAIT_BUYER_PAY":
                return Outcome(Heard.BUSY, node.trade_status)
            case "TRADE_CLOSED":
                return refused(node.trade_status)
            case other:
                return silence(other)

    def _cancel(self, call: Call, values: dict[str, Any]) -> Outcome:
        node = read(alipay.CancelNode, values)
        if node.code == alipay.SUCCESS:
            if node.out_trade_no != call.order_no:
                return silence("wrong-reference", "the reply is about another order")
            return refused("retry") if node.retry_flag == "Y" else done(action=node.action)
        if node.code == alipay.UNKNOWN:
            return silence(node.sub_code or node.code, node.sub_msg)
        if node.sub_code == "ACQ.TRADE_CANCEL_TIME_OUT":
            return Outcome(Heard.REFUSED, TOO_LATE, node.sub_msg)
        return refused(node.sub_code or node.code, node.sub_msg)

    def _refund(self, call: Call, values: dict[str, Any]) -> Outcome:
        node = read(alipay.RefundNode, values)
        if node.code != alipay.SUCCESS:
            return self._not_done(node)
        if node.out_trade_no != call.order_no:
            return silence("wrong-reference", "the reply is about another order")
        # Even with fund_change Y: the query names the refund and its amount, this reply does not.
        return Outcome(Heard.BUSY, node.code, facts={"channel_no": node.trade_no})

    def _refund_query(self, call: Call, values: dict[str, Any]) -> Outcome:
        node = read(alipay.RefundQueryNode, values)
        if node.code != alipay.SUCCESS:
            return silence(node.sub_code or node.code, node.sub_msg)
        if node.out_trade_no != call.order_no:
            return silence("wrong-reference", "the reply is about another order")
        if not node.out_request_no:
            return refused(NO_REFUND)
        if node.out_request_no != call.refund_no:
            return silence("wrong-reference", "the reply is about another refund")
        if node.refund_status not in ("REFUND_SUCCESS", ""):
            return silence(node.refund_status)
        if node.refund_amount != call.fen:
            return contradiction("refunded, but another amount", fen=node.refund_amount)
        return done(channel_no=node.trade_no) if node.refund_status else Outcome(Heard.BUSY, "PROCESSING")
