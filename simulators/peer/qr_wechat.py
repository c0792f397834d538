"""The gateway's face for WeChat Pay v2, and the one call of v3: what comes in, and the words for what comes of it.

Source: spec/services.md 4. A request that cannot be read or whose signature is wrong gets ``return_code`` FAIL, which
bears no signature: nobody knows whose key to use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from protocols.clock import civil
from protocols.wire.base import WireError
from protocols.wire.http import HttpReply, HttpRequest, json_reply
from protocols.wire.qr import wechat, wechat_v3
from protocols.wire.qr.fields import QrMessage, read
from protocols.wire.qr.payment_codes import Family
from protocols.wire.qr.signing import MD5, wechat_verify
from protocols.wire.qr.wechat_xml import XML_TYPE, read_xml
from simulators.peer.base import Twist
from simulators.peer.qr_bills import Bills
from simulators.peer.qr_book import Order
from simulators.peer.qr_keys import gateway_key
from simulators.peer.qr_orders import Asked, Orders, Refused

__all__ = ["PLATFORM_SERIAL", "WechatFace", "other_number"]

PLATFORM_SERIAL = "SIM0000000000000000000000000000000000002"
WINDOW_S = 300
_FAMILY = Family.WECHAT

_ERRORS: Mapping[str, tuple[str, str]] = {
    "bad-code": ("AUTH_CODE_INVALID", "付款码无效，请出示微信付款码"),
    "code-used": ("AUTHCODEEXPIRE", "付款码已使用，请刷新"),
    "code-expired": ("AUTHCODEEXPIRE", "付款码已过期，请刷新"),
    "poor": ("NOTENOUGH", "余额不足"),
    "over-limit": ("TRADE_ERROR", "超过单笔限额"),
    "declined": ("TRADE_ERROR", "用户取消支付"),
    "closed": ("ORDERCLOSED", "订单已关闭"),
    "other-content": ("OUT_TRADE_NO_USED", "商户订单号重复，内容不一致"),
    "no-order": ("ORDERNOTEXIST", "订单不存在"),
    "no-refund": ("REFUNDNOTEXIST", "退款订单不存在"),
    "too-early": ("TRADE_ERROR", "支付后15秒内不能撤销"),
    "waiting": ("USERPAYING", "用户支付中"),
    "busy": ("SYSTEMERROR", "系统繁忙，请重试"),
    "has-refunds": ("TRADE_STATE_ERROR", "订单已发生退款，不能撤销"),
    "too-late": ("REVERSE_EXPIRE", "超过可撤销或可退款的期限"),
    "not-paid": ("TRADE_STATE_ERROR", "订单未支付，不能退款"),
    "too-much": ("REFUND_FEE_MISMATCH", "退款金额大于可退金额"),
    "too-many": ("INVALID_REQUEST", "退款次数超过50次"),
    "too-soon": ("FREQUENCY_LIMITED", "同一订单两次退款须间隔1分钟"),
    "too-fast": ("FREQUENCY_LIMITED", "频率限制，请稍后用原单号重试"),
    "total-differs": ("PARAM_ERROR", "订单金额与原订单不一致"),
}

_STATES: Mapping[str, tuple[str, str]] = {
    "waiting": ("USERPAYING", "用户支付中"),
    "paid": ("SUCCESS", "支付成功"),
    "failed": ("PAYERROR", "支付失败"),
    "unpaid": ("NOTPAY", "订单未支付"),
    "closed": ("CLOSED", "订单已关闭"),
    "reversed": ("REVOKED", "订单已撤销"),
}


def other_number(no: str) -> str:
    """A number of the same form that is not *no*: the twist ``wrong-reference``."""
    return ("B" if no[:1] == "A" else "A") + no[1:]


class WechatFace:
    """*report* takes what clients do against the protocol, without personal data."""

    def __init__(self, orders: Orders, bills: Bills, report: Callable[[str], None]) -> None:
        self._orders, self._bills, self._report = orders, bills, report
        self._calls: Mapping[str, tuple[type[QrMessage], Callable[[Any, float, Twist], QrMessage]]] = {
            wechat.MICROPAY: (wechat.MicropayRequest, self._micropay),
            wechat.ORDERQUERY: (wechat.OrderRequest, self._orderquery),
            wechat.REVERSE: (wechat.OrderRequest, self._reverse),
            wechat.REFUND: (wechat.RefundRequest, self._refund),
            wechat.REFUNDQUERY: (wechat.RefundQueryRequest, self._refundquery),
        }

    def handle(self, request: HttpRequest, now: float, twist: Twist) -> HttpReply:
        """The reply to a call of v2."""
        terms = self._orders.terms
        try:
            fields = read_xml(request.body)
        except WireError as error:
            return self._unread(request.path, "XML格式错误", error.why)
        if (fields.get("appid"), fields.get("mch_id")) != (terms.wechat_appid, terms.wechat_mch_id):
            return self._unread(request.path, "appid和mch_id不匹配", "not the merchant of this bench")
        sign_type = fields.get("sign_type", "") or MD5
        if not wechat_verify(fields, terms.wechat_key, sign_type):
            return self._unread(request.path, "签名错误", "the signature is wrong")
        if twist == "sign-in-expired":
            return _xml(wechat.unsigned_failure("商户证书已过期"))
        if request.path == wechat.DOWNLOADBILL:
            return self._downloadbill(fields, now, twist)
        model, call = self._calls[request.path]
        try:
            message = read(model, fields)
        except WireError as error:
            self._report(f"{request.path}: {error.why}")
            return self._signed(self._failed("PARAM_ERROR", f"参数错误: {error.why.partition(':')[0]}"), sign_type)
        if twist == "refuse":
            return self._signed(self._failed("TRADE_ERROR", "交易错误"), sign_type)
        return self._signed(call(message, now, twist), sign_type)

    # Calls.

    def _micropay(self, message: wechat.MicropayRequest, now: float, twist: Twist) -> QrMessage:
        asked = Asked(
            no=message.out_trade_no,
            fen=message.total_fee,
            code=message.auth_code,
            subject=message.body,
            institution=message.attach,
            terminal=message.device_info,
        )
        try:
            placed = self._orders.pay(_FAMILY, asked, now)
        except Refused as refused:
            if refused.why in ("other-content", "code-used"):
                self._report(f"{wechat.MICROPAY}: {refused.why}: a new attempt needs a new number and a new code")
            return self._refusal(refused)
        order = placed.order
        if order.state == "waiting":
            return self._failed("USERPAYING", "需要用户输入支付密码")
        if not placed.told:
            return self._failed("SYSTEMERROR", "系统超时")
        if placed.repeated and self._orders.terms.temper == "hostile":
            return self._failed("ORDERPAID", "订单已支付")
        return wechat.MicropayReply(**self._paid(order, twist))

    def _paid(self, order: Order, twist: Twist) -> dict[str, Any]:
        resident_openid = f"oSIM{order.payer:012d}"
        return {
            **self._result(),
            "device_info": order.terminal,
            "openid": resident_openid,
            "trade_type": "MICROPAY",
            "bank_type": "OTHERS",
            "total_fee": order.amount_fen,
            "fee_type": "CNY",
            "cash_fee": order.amount_fen,
            "transaction_id": order.channel_no,
            "out_trade_no": other_number(order.no) if twist == "wrong-reference" else order.no,
            "attach": order.institution,
            "time_end": f"{civil(order.paid_at):%Y%m%d%H%M%S}",
        }

    def _orderquery(self, message: wechat.OrderRequest, now: float, twist: Twist) -> QrMessage:
        try:
            order = self._orders.query(_FAMILY, message.out_trade_no)
        except Refused as refused:
            return self._refusal(refused)
        state, text = _STATES[order.state]
        if order.why == "timeout":
            state, text = "REVOKED", "订单已撤销"  # by itself, at 45 s
        if order.state == "paid" and order.refunds:
            state, text = "REFUND", "转入退款"
        no = other_number(order.no) if twist == "wrong-reference" else order.no
        known = self._paid(order, twist) if order.state in ("paid", "reversed") else self._result()
        told: dict[str, Any] = {**known, "out_trade_no": no, "trade_state": state, "trade_state_desc": text}
        return wechat.OrderQueryReply(**told)

    def _reverse(self, message: wechat.OrderRequest, now: float, twist: Twist) -> QrMessage:
        no = message.out_trade_no
        try:
            cancelled = self._orders.cancel(_FAMILY, no, now)
        except Refused as refused:
            if refused.why == "too-early":
                self._report(f"{wechat.REVERSE}: less than 15 s after the pay call")
            recall = "Y" if refused.again else "N"
            return wechat.ReverseReply(**self._refusal(refused).model_dump(), out_trade_no=no, recall=recall)
        if cancelled.repeated:
            reversed_ = cancelled.action == "refund" or cancelled.order.why == "timeout"
            failure = self._failed(
                "ORDERREVERSED" if reversed_ else "ORDERCLOSED", "订单已撤销" if reversed_ else "订单已关闭"
            )
            return wechat.ReverseReply(**failure.model_dump(), out_trade_no=no, recall="N")
        told = other_number(no) if twist == "wrong-reference" else no
        return wechat.ReverseReply(**self._result(), out_trade_no=told, recall="N")

    def _refund(self, message: wechat.RefundRequest, now: float, twist: Twist) -> QrMessage:
        no, refund_no = message.out_trade_no, message.out_refund_no
        order = self._orders.book.orders.get((_FAMILY, no))
        if order is not None and not order.fence and order.amount_fen != message.total_fee:
            return self._refusal(Refused("total-differs"))
        try:
            refund = self._orders.refund(_FAMILY, no, refund_no, message.refund_fee, now)
        except Refused as refused:
            return self._refusal(refused)
        assert order is not None
        return wechat.RefundReply(
            **self._result(),
            transaction_id=order.channel_no,
            out_trade_no=no,
            out_refund_no=other_number(refund_no) if twist == "wrong-reference" else refund_no,
            refund_id=refund.channel_no,
            refund_fee=refund.amount_fen,
            total_fee=order.amount_fen,
        )

    def _refundquery(self, message: wechat.RefundQueryRequest, now: float, twist: Twist) -> QrMessage:
        refund_no = message.out_refund_no
        try:
            refund = self._orders.refund_query(_FAMILY, refund_no)
        except Refused as refused:
            return self._refusal(refused)
        order = self._orders.book.orders[_FAMILY, refund.order_no]
        return wechat.RefundQueryReply(
            **self._result(),
            transaction_id=order.channel_no,
            out_trade_no=order.no,
            total_fee=order.amount_fen,
            refund_count="1",
            out_refund_no_0=other_number(refund_no) if twist == "wrong-reference" else refund_no,
            refund_id_0=refund.channel_no,
            refund_fee_0=refund.amount_fen,
            refund_status_0="SUCCESS" if refund.done else "PROCESSING",
            refund_success_time_0=f"{civil(refund.done_at):%Y-%m-%d %H:%M:%S}" if refund.done else "",
        )

    # Bills.

    def _downloadbill(self, fields: Mapping[str, str], now: float, twist: Twist) -> HttpReply:
        try:
            message = read(wechat.DownloadBillRequest, fields)
        except WireError as error:
            return self._unread(wechat.DOWNLOADBILL, "参数错误", error.why)
        text = message.bill_date
        day = f"{text[:4]}-{text[4:6]}-{text[6:]}"
        standing = "making" if twist == "file-not-ready" else self._bills.standing(_FAMILY, day, now)
        if standing != "ready" or twist == "refuse":
            said = "Bill Creating" if standing == "making" else "No Bill Exist"
            return _xml(wechat.unsigned_failure(said, wechat.BILL_ABSENT))
        return HttpReply(
            200, {"content-type": "text/plain; charset=utf-8"}, self._bills.bill(_FAMILY, day, message.bill_type)
        )

    def tradebill(self, request: HttpRequest, now: float, twist: Twist, base: str) -> HttpReply:
        """The reply to the call of v3: where the bill is, for 30 s."""
        terms = self._orders.terms
        try:
            asker = wechat_v3.authorization_of(request, terms.merchant_key)
        except WireError as error:
            self._report(f"{wechat_v3.TRADEBILL}: {error.why}")
            return json_reply({"code": "SIGN_ERROR", "message": "签名错误"}, 401)
        if asker.merchant != terms.wechat_mch_id or abs(now - asker.timestamp) > WINDOW_S:
            self._report(f"{wechat_v3.TRADEBILL}: not the merchant of this bench, or a time outside of {WINDOW_S} s")
            return json_reply({"code": "SIGN_ERROR", "message": "商户号或时间戳错误"}, 401)
        day, wanted = request.query.get("bill_date", ""), request.query.get("bill_type", "ALL")
        if wanted not in ("ALL", "SUCCESS", "REFUND"):
            return self._v3({"code": "PARAM_ERROR", "message": "bill_type"}, now, 400)
        standing = "making" if twist == "file-not-ready" else self._bills.standing(_FAMILY, day, now)
        if standing != "ready" or twist == "refuse":
            code = wechat_v3.NOT_MADE if standing == "making" else wechat_v3.NO_BILL
            return self._v3({"code": code, "message": "账单未生成或不存在"}, now, 400)
        digest = hashlib.sha1(self._bills.bill(_FAMILY, day, wanted), usedforsecurity=False).hexdigest()
        address = f"{base}{wechat_v3.BILL_FILE}?token={self._bills.token(_FAMILY, day, now, wanted)}"
        return self._v3({"hash_type": "SHA1", "hash_value": digest, "download_url": address}, now)

    def _v3(self, value: object, now: float, status: int = 200) -> HttpReply:
        plain = json_reply(value, status)
        nonce = hashlib.sha256(plain.body + str(now).encode()).hexdigest()[:32]
        signed = wechat_v3.reply_headers(plain.body, int(now), nonce, PLATFORM_SERIAL, gateway_key())
        return HttpReply(status, {**plain.headers, **signed}, plain.body)

    # Words.

    def _result(self) -> dict[str, Any]:
        terms = self._orders.terms
        nonce = hashlib.sha256(f"{self._orders.book.count}".encode()).hexdigest()[:32]
        return {
            "return_code": wechat.SUCCESS,
            "return_msg": "OK",
            "appid": terms.wechat_appid,
            "mch_id": terms.wechat_mch_id,
            "nonce_str": nonce,
            "result_code": wechat.SUCCESS,
        }

    def _failed(self, code: str, text: str) -> wechat.Result:
        told: dict[str, Any] = {"result_code": wechat.FAIL, "err_code": code, "err_code_des": text}
        return wechat.Result(**(self._result() | told))

    def _refusal(self, refused: Refused) -> wechat.Result:
        return self._failed(*_ERRORS[refused.why])

    def _signed(self, message: QrMessage, sign_type: str) -> HttpReply:
        return _xml(wechat.signed_body(message, self._orders.terms.wechat_key, sign_type))

    def _unread(self, path: str, told: str, why: str) -> HttpReply:
        self._report(f"{path}: {why}")
        return _xml(wechat.unsigned_failure(told))


def _xml(body: bytes) -> HttpReply:
    return HttpReply(200, {"content-type": XML_TYPE}, body)
