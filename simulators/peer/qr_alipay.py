"""The gateway's face for Alipay: one address, the method in the form, a signed node in the reply.

Source: spec/services.md 4. Who is not known, or has not signed, gets an unsigned ``error_response``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from protocols.clock import civil
from protocols.wire.base import WireError
from protocols.wire.http import JSON_TYPE, HttpReply, HttpRequest
from protocols.wire.qr import alipay
from protocols.wire.qr.fields import QrMessage
from protocols.wire.qr.payment_codes import Family
from simulators.peer.base import Twist
from simulators.peer.qr_bills import Bills
from simulators.peer.qr_book import Order
from simulators.peer.qr_keys import gateway_key
from simulators.peer.qr_orders import Asked, Orders, Refused
from simulators.peer.qr_wechat import other_number

__all__ = ["BILL_FILE", "AlipayFace", "method_of"]

BILL_FILE = "/alipay/billdownload"
_FAMILY = Family.ALIPAY

_ERRORS: Mapping[str, tuple[str, str]] = {
    "bad-code": ("ACQ.PAYMENT_AUTH_CODE_INVALID", "支付失败，获取顾客账户信息失败，请顾客刷新付款码后重新收款"),
    "code-used": ("ACQ.PAYMENT_AUTH_CODE_INVALID", "付款码已使用，请顾客刷新付款码"),
    "code-expired": ("ACQ.PAYMENT_AUTH_CODE_INVALID", "付款码已过期，请顾客刷新付款码"),
    "poor": ("ACQ.BUYER_BALANCE_NOT_ENOUGH", "买家余额不足"),
    "over-limit": ("ACQ.TOTAL_FEE_EXCEED", "订单总金额超过限额"),
    "declined": ("ACQ.PAYMENT_FAIL", "买家取消支付"),
    "closed": ("ACQ.TRADE_HAS_CLOSE", "交易已经关闭"),
    "other-content": ("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改"),
    "no-order": ("ACQ.TRADE_NOT_EXIST", "查询的交易不存在"),
    "busy": ("ACQ.SYSTEM_ERROR", "系统错误"),
    "has-refunds": ("ACQ.REASON_TRADE_REFUND_FEE_ERR", "已经发起过退款，不能撤销"),
    "too-late": ("ACQ.TRADE_CANCEL_TIME_OUT", "超过撤销或退款的时间范围"),
    "not-paid": ("ACQ.TRADE_STATUS_ERROR", "交易状态不合法"),
    "too-much": ("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限"),
    "too-many": ("ACQ.REFUND_COUNT_EXCEED", "退款次数超限"),
    "too-soon": ("ACQ.SYSTEM_ERROR", "请稍后重试"),
    "too-fast": ("ACQ.SYSTEM_ERROR", "请稍后重试"),
}

_STATUS: Mapping[str, str] = {
    "waiting": "WAIT_BUYER_PAY",
    "paid": "TRADE_SUCCESS",
    "closed": "TRADE_CLOSED",
    "failed": "TRADE_CLOSED",
    "reversed": "TRADE_CLOSED",
}


def method_of(request: HttpRequest) -> str:
    """The method that *request* calls; empty where it cannot be read."""
    try:
        return alipay.form_fields(request.body, request.target.partition("?")[2]).get("method", "")
    except WireError:
        return ""


class AlipayFace:
    """*report* takes what clients do against the protocol, without personal data."""

    def __init__(self, orders: Orders, bills: Bills, report: Callable[[str], None]) -> None:
        self._orders, self._bills, self._report = orders, bills, report
        self._calls: Mapping[str, tuple[type[QrMessage], Callable[[Any, float, Twist], QrMessage]]] = {
            alipay.PAY: (alipay.PayBiz, self._pay),
            alipay.QUERY: (alipay.QueryBiz, self._query),
            alipay.CANCEL: (alipay.CancelBiz, self._cancel),
            alipay.REFUND: (alipay.RefundBiz, self._refund),
            alipay.REFUND_QUERY: (alipay.RefundQueryBiz, self._refund_query),
        }

    def handle(self, request: HttpRequest, now: float, twist: Twist, base: str) -> HttpReply:
        """The reply to any call of the gateway."""
        try:
            fields = alipay.form_fields(request.body, request.target.partition("?")[2])
            call = alipay.read_call(fields)
        except WireError as error:
            return self._unknown("isv.invalid-parameter", error.why)
        if call.app_id != self._orders.terms.alipay_app_id:
            return self._unknown("isv.invalid-app-id", "not the application of this bench")
        if not alipay.signature_right(fields, self._orders.terms.merchant_key):
            return self._unknown("isv.invalid-signature", "the signature is wrong")
        if call.method not in alipay.METHODS:
            return self._unknown("isv.invalid-method", "no such method")
        return _json(alipay.reply_body(call.method, self._answer(call, now, twist, base), gateway_key()))

    def _answer(self, call: alipay.Call, now: float, twist: Twist, base: str) -> QrMessage:
        if twist == "sign-in-expired":
            return alipay.ReplyNode(code="20001", msg="授权权限不足", sub_code="aop.app-auth-token-time-out")
        if call.method == alipay.BILL:
            return self._bill(call, now, twist, base)
        model, answer = self._calls[call.method]
        try:
            biz = alipay.read_biz(model, call)
        except WireError as error:
            self._report(f"{call.method}: {error.why}")
            return self._failed("ACQ.INVALID_PARAMETER", f"参数无效: {error.why.partition(':')[0]}")
        if twist == "refuse":
            return self._failed("ACQ.PAYMENT_FAIL" if call.method == alipay.PAY else "ACQ.INVALID_PARAMETER", "拒绝")
        try:
            return answer(biz, now, twist)
        except Refused as refused:
            if refused.why in ("other-content", "code-used"):
                self._report(f"{call.method}: {refused.why}: a new attempt needs a new number and a new code")
            return self._failed(*_ERRORS[refused.why])

    # Calls.

    def _pay(self, biz: alipay.PayBiz, now: float, twist: Twist) -> QrMessage:
        asked = Asked(
            no=biz.out_trade_no,
            fen=biz.total_amount,
            code=biz.auth_code,
            subject=biz.subject,
            institution=biz.store_id,
            terminal=biz.terminal_id,
        )
        placed = self._orders.pay(_FAMILY, asked, now)
        order = placed.order
        if order.state == "waiting":
            return alipay.PayNode(
                code=alipay.WAITING,
                msg="order success pay inprocess",
                trade_no=order.channel_no,
                out_trade_no=self._no(order, twist),
                total_amount=order.amount_fen,
            )
        if not placed.told:
            return self._failed("ACQ.SYSTEM_ERROR", "系统错误", alipay.UNKNOWN)
        if placed.repeated and self._orders.terms.temper == "hostile":
            return self._failed("ACQ.TRADE_HAS_SUCCESS", "交易已被支付")
        return alipay.PayNode(code=alipay.SUCCESS, msg="Success", **self._paid(order, twist))

    def _paid(self, order: Order, twist: Twist) -> dict[str, Any]:
        return {
            "trade_no": order.channel_no,
            "out_trade_no": self._no(order, twist),
            "buyer_user_id": f"2088{order.payer:012d}",
            "total_amount": order.amount_fen,
            "receipt_amount": order.amount_fen,
            "gmt_payment": f"{civil(order.paid_at):%Y-%m-%d %H:%M:%S}",
        }

    def _query(self, biz: alipay.QueryBiz, now: float, twist: Twist) -> QrMessage:
        order = self._orders.query(_FAMILY, biz.out_trade_no)
        if order.state == "unpaid":
            raise Refused("no-order")  # the gateway never got as far as making a trade of it
        status = _STATUS[order.state]
        if order.state == "paid" and order.returned_fen == order.amount_fen:
            status = "TRADE_CLOSED"
        known: dict[str, Any] = self._paid(order, twist) if order.paid_at else {"out_trade_no": self._no(order, twist)}
        known |= {"trade_no": order.channel_no, "total_amount": order.amount_fen, "trade_status": status}
        return alipay.QueryNode(code=alipay.SUCCESS, msg="Success", **known)

    def _cancel(self, biz: alipay.CancelBiz, now: float, twist: Twist) -> QrMessage:
        no = biz.out_trade_no
        try:
            cancelled = self._orders.cancel(_FAMILY, no, now)
        except Refused as refused:
            sub_code, sub_msg = _ERRORS[refused.why]
            code = alipay.UNKNOWN if refused.why == "busy" else alipay.BUSINESS_FAILED
            return alipay.CancelNode(
                code=code,
                msg="Business Failed",
                sub_code=sub_code,
                sub_msg=sub_msg,
                out_trade_no=no,
                retry_flag="Y" if refused.again else "N",
            )
        return alipay.CancelNode(
            code=alipay.SUCCESS,
            msg="Success",
            trade_no=cancelled.order.channel_no,
            out_trade_no=other_number(no) if twist == "wrong-reference" else no,
            retry_flag="N",
            action=cancelled.action,
        )

    def _refund(self, biz: alipay.RefundBiz, now: float, twist: Twist) -> QrMessage:
        known = (_FAMILY, biz.out_request_no) in self._orders.book.refunds
        refund = self._orders.refund(_FAMILY, biz.out_trade_no, biz.out_request_no, biz.refund_amount, now)
        order = self._orders.book.orders[_FAMILY, biz.out_trade_no]
        return alipay.RefundNode(
            code=alipay.SUCCESS,
            msg="Success",
            trade_no=order.channel_no,
            out_trade_no=self._no(order, twist),
            fund_change="Y" if refund.done and not known else "N",
            refund_fee=order.returned_fen,
        )

    def _refund_query(self, biz: alipay.RefundQueryBiz, now: float, twist: Twist) -> QrMessage:
        order = self._orders.query(_FAMILY, biz.out_trade_no)
        refund = self._orders.book.refunds.get((_FAMILY, biz.out_request_no))
        if refund is None or refund.order_no != order.no:
            # A refund that is not known is no error to this gateway: it answers without one.
            return alipay.RefundQueryNode(code=alipay.SUCCESS, msg="Success", out_trade_no=order.no)
        return alipay.RefundQueryNode(
            code=alipay.SUCCESS,
            msg="Success",
            trade_no=order.channel_no,
            out_trade_no=self._no(order, twist),
            out_request_no=refund.no,
            total_amount=order.amount_fen,
            refund_amount=refund.amount_fen,
            refund_status="REFUND_SUCCESS" if refund.done else "",
        )

    def _bill(self, call: alipay.Call, now: float, twist: Twist, base: str) -> QrMessage:
        try:
            biz = alipay.read_biz(alipay.BillBiz, call)
        except WireError as error:
            self._report(f"{alipay.BILL}: {error.why}")
            return self._failed("isp.invalid-parameter", "参数无效")
        standing = "making" if twist == "file-not-ready" else self._bills.standing(_FAMILY, biz.bill_date, now)
        if standing != "ready" or twist == "refuse":
            return self._failed("isp.bill_not_exist", "账单不存在或尚未生成")
        address = f"{base}{BILL_FILE}?token={self._bills.token(_FAMILY, biz.bill_date, now)}"
        return alipay.BillNode(code=alipay.SUCCESS, msg="Success", bill_download_url=address)

    # Words.

    @staticmethod
    def _no(order: Order, twist: Twist) -> str:
        return other_number(order.no) if twist == "wrong-reference" else order.no

    @staticmethod
    def _failed(sub_code: str, sub_msg: str, code: str = alipay.BUSINESS_FAILED) -> QrMessage:
        return alipay.ReplyNode(code=code, msg="Business Failed", sub_code=sub_code, sub_msg=sub_msg)

    def _unknown(self, sub_code: str, why: str) -> HttpReply:
        self._report(f"{alipay.GATEWAY}: {why}")
        node = alipay.ReplyNode(code="40002", msg="Invalid Arguments", sub_code=sub_code)
        return _json(alipay.reply_body("", node, None))


def _json(body: bytes) -> HttpReply:
    return HttpReply(200, {"content-type": JSON_TYPE}, body)
