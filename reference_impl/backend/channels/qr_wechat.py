"""WeChat Pay v2 for the QR channel: calls to requests, replies to outcomes. Pure. Source: spec/services.md 4."""

from __future__ import annotations

from protocols.wire.base import WireError
from protocols.wire.http import HttpReply, HttpRequest
from protocols.wire.qr import wechat
from protocols.wire.qr.fields import QrMessage, read
from protocols.wire.qr.payment_codes import Family
from protocols.wire.qr.signing import HMAC_SHA256, SIGN_TYPES
from protocols.wire.qr.wechat_xml import XML_TYPE, read_xml
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

__all__ = ["WechatMessages"]

_PATHS = {
    PAY: wechat.MICROPAY,
    QUERY: wechat.ORDERQUERY,
    RECHECK: wechat.ORDERQUERY,
    CANCEL: wechat.REVERSE,
    REFUND: wechat.REFUND,
    REFUND_QUERY: wechat.REFUNDQUERY,
}

_PAY_REFUSED = frozenset(
    {
        "AUTHCODEEXPIRE",
        "AUTH_CODE_ERROR",
        "AUTH_CODE_INVALID",
        "BUYER_MISMATCH",
        "INVALID_REQUEST",
        "NOAUTH",
        "NOTENOUGH",
        "NOTSUPORTCARD",
        "ORDERCLOSED",
        "ORDERREVERSED",
        "PARAM_ERROR",
        "TRADE_ERROR",
    }
)
"""Words of a pay call after which nothing was and nothing will be paid. After every other one the order is asked for."""

_REFUND_REFUSED = frozenset(
    {
        "ERROR",
        "INVALID_REQUEST",
        "INVALID_TRANSACTIONID",
        "NOTENOUGH",
        "ORDERNOTEXIST",
        "PARAM_ERROR",
        "REFUND_FEE_MISMATCH",
        "REVERSE_EXPIRE",
        "TRADE_ERROR",
        "TRADE_OVERDUE",
        "TRADE_STATE_ERROR",
        "USER_ACCOUNT_ABNORMAL",
    }
)
_NOT_PAID = frozenset({"REVOKED", "CLOSED", "NOTPAY", "PAYERROR"})
_CANCELLED = frozenset({"ORDERREVERSED", "ORDERCLOSED"})


class WechatMessages:
    """*address* is the terminals' own, as the gateway wants to know it."""

    family = Family.WECHAT
    cancel_after_s = 16.0
    """15 s after the gateway has seen the pay call, which is a little later than this end has sent it."""

    def __init__(
        self, appid: str, mch_id: str, key: str, sign_type: str = HMAC_SHA256, address: str = "127.0.0.1"
    ) -> None:
        if sign_type not in SIGN_TYPES:
            raise ValueError(f"sign_type: one of {', '.join(SIGN_TYPES)}")
        self._appid, self._mch_id, self._key = appid, mch_id, key
        self._sign_type, self._address = sign_type, address

    def request(self, call: Call) -> HttpRequest:
        body = wechat.signed_body(self._message(call), self._key, self._sign_type)
        return HttpRequest("POST", _PATHS[call.op], {"content-type": XML_TYPE}, body)

    def _message(self, call: Call) -> QrMessage:
        if call.op == PAY:
            return wechat.MicropayRequest(
                appid=self._appid,
                mch_id=self._mch_id,
                nonce_str=call.nonce,
                device_info=call.terminal,
                body=call.subject,
                attach=call.institution,
                out_trade_no=call.order_no,
                total_fee=call.fen,
                spbill_create_ip=self._address,
                auth_code=call.auth_code,
            )
        if call.op == REFUND:
            return wechat.RefundRequest(
                appid=self._appid,
                mch_id=self._mch_id,
                nonce_str=call.nonce,
                out_trade_no=call.order_no,
                out_refund_no=call.refund_no,
                total_fee=call.total_fen,
                refund_fee=call.fen,
            )
        if call.op == REFUND_QUERY:
            return wechat.RefundQueryRequest(
                appid=self._appid, mch_id=self._mch_id, nonce_str=call.nonce, out_refund_no=call.refund_no
            )
        return wechat.OrderRequest(
            appid=self._appid, mch_id=self._mch_id, nonce_str=call.nonce, out_trade_no=call.order_no
        )

    def heard(self, call: Call, reply: HttpReply) -> Outcome:
        """See :class:`reference_impl.backend.channels.qr_calls.QrMessages`. A ``return_code`` FAIL bears no signature, so
        it is no answer: anybody could have sent it."""
        unsigned = read(wechat.Result, read_xml(reply.body))
        if unsigned.return_code != wechat.SUCCESS:
            return silence("return-code-fail", unsigned.return_msg)
        fields = wechat.verified_fields(reply.body, self._key, self._sign_type)
        if (fields.get("appid"), fields.get("mch_id")) != (self._appid, self._mch_id):
            raise WireError("the reply is for another merchant")
        if fields.get("out_trade_no", call.order_no) not in ("", call.order_no):
            # Of a refusal too: what became of another order says nothing of this one.
            return silence("wrong-reference", "the reply is about another order")
        match call.op:
            case "pay":
                return self._pay(call, read(wechat.MicropayReply, fields))
            case "cancel":
                return self._cancel(call, read(wechat.ReverseReply, fields))
            case "refund":
                return self._refund(call, read(wechat.RefundReply, fields))
            case "refund_query":
                return self._refund_query(call, read(wechat.RefundQueryReply, fields))
            case _:
                return self._query(call, read(wechat.OrderQueryReply, fields))

    def _pay(self, call: Call, reply: wechat.MicropayReply) -> Outcome:
        if reply.ok:
            if (reply.out_trade_no, reply.total_fee) != (call.order_no, call.fen):
                return silence("wrong-reference", "the reply is about another order or amount")
            return done(channel_no=reply.transaction_id, paid_at=reply.time_end)
        if reply.err_code == "USERPAYING":
            return Outcome(Heard.BUSY, reply.err_code, reply.err_code_des)
        if reply.err_code in _PAY_REFUSED:
            return refused(reply.err_code, reply.err_code_des)
        return silence(reply.err_code, reply.err_code_des)

    def _query(self, call: Call, reply: wechat.OrderQueryReply) -> Outcome:
        if not reply.ok:
            if reply.err_code == "ORDERNOTEXIST":
                return refused(reply.err_code, reply.err_code_des)
            return silence(reply.err_code, reply.err_code_des)
        if reply.out_trade_no != call.order_no:
            return silence("wrong-reference", "the reply is about another order")
        state = reply.trade_state
        if state == "SUCCESS":
            if reply.total_fee != call.fen:
                return contradiction("paid, but another amount", fen=reply.total_fee)
            return done(channel_no=reply.transaction_id, paid_at=reply.time_end)
        if state == "REFUND":
            return contradiction("refunded, but nobody asked for it")
        if state in ("USERPAYING", "ACCEPT"):
            return Outcome(Heard.BUSY, state)
        return refused(state) if state in _NOT_PAID else silence(state)

    def _cancel(self, call: Call, reply: wechat.ReverseReply) -> Outcome:
        if reply.ok:
            if reply.out_trade_no not in ("", call.order_no):
                return silence("wrong-reference", "the reply is about another order")
            return refused("recall") if reply.recall == "Y" else done()
        if reply.err_code in _CANCELLED:
            return done()
        if reply.err_code == "REVERSE_EXPIRE":
            return Outcome(Heard.REFUSED, TOO_LATE, reply.err_code_des)
        if reply.err_code == "SYSTEMERROR":
            return silence(reply.err_code, reply.err_code_des)
        return refused(reply.err_code, reply.err_code_des)

    def _refund(self, call: Call, reply: wechat.RefundReply) -> Outcome:
        if reply.ok:
            if (reply.out_refund_no, reply.refund_fee) != (call.refund_no, call.fen):
                return silence("wrong-reference", "the reply is about another refund")
            return Outcome(Heard.BUSY, facts={"channel_no": reply.refund_id})
        if reply.err_code in _REFUND_REFUSED:
            return refused(reply.err_code, reply.err_code_des)
        return silence(reply.err_code, reply.err_code_des)

    def _refund_query(self, call: Call, reply: wechat.RefundQueryReply) -> Outcome:
        if not reply.ok:
            if reply.err_code == "REFUNDNOTEXIST":
                return refused(NO_REFUND, reply.err_code_des)
            return silence(reply.err_code, reply.err_code_des)
        if reply.out_refund_no_0 != call.refund_no:
            return silence("wrong-reference", "the reply is about another refund")
        match reply.refund_status_0:
            case "SUCCESS":
                if reply.refund_fee_0 != call.fen:
                    return contradiction("refunded, but another amount", fen=reply.refund_fee_0)
                return done(channel_no=reply.refund_id_0, paid_at=reply.refund_success_time_0)
            case "PROCESSING":
                return Outcome(Heard.BUSY, "PROCESSING")
            case "CHANGE":
                return contradiction("the refund could not be returned to the payer")
            case "REFUNDCLOSE":
                return refused("REFUNDCLOSE")
            case other:
                return silence(other)
