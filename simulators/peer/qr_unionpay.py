"""The gateway's face for UnionPay QR: the bank's aggregated interface, in the layout that this project assumes (U8).

Source: spec/services.md 4 and 9 (U8); response codes as field 39.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from protocols.clock import civil
from protocols.wire.base import WireError
from protocols.wire.http import JSON_TYPE, HttpReply, HttpRequest
from protocols.wire.qr import unionpay
from protocols.wire.qr.fields import QrMessage, read
from protocols.wire.qr.payment_codes import Family
from protocols.wire.qr.signing import RSA2, Sealing
from simulators.peer.base import Twist
from simulators.peer.qr_bills import Bills
from simulators.peer.qr_book import Order, Refund
from simulators.peer.qr_keys import gateway_sealings
from simulators.peer.qr_orders import Asked, Orders, Refused
from simulators.peer.qr_wechat import other_number

__all__ = ["UnionpayFace"]

_FAMILY = Family.UNIONPAY

_ERRORS: Mapping[str, tuple[str, str]] = {
    "bad-code": ("14", "付款码无效"),
    "code-used": ("14", "付款码已使用"),
    "code-expired": ("54", "付款码已过期"),
    "poor": ("51", "余额不足"),
    "over-limit": ("61", "超过单笔限额"),
    "declined": ("05", "付款人取消"),
    "closed": ("12", "订单已关闭"),
    "other-content": ("94", "订单号重复，内容不一致"),
    "no-order": ("25", "订单不存在"),
    "no-refund": ("25", "退款不存在"),
    "busy": ("98", "处理中，请查询"),
    "has-refunds": ("12", "订单已发生退款"),
    "too-late": ("22", "超过可撤销或可退款的期限"),
    "not-paid": ("12", "订单未支付"),
    "too-much": ("64", "退款金额大于可退金额"),
    "too-many": ("65", "退款次数超限"),
    "too-soon": ("98", "请稍后重试"),
    "too-fast": ("98", "请稍后重试"),
}

_STATUS: Mapping[str, str] = {
    "waiting": "PROCESSING",
    "unpaid": "CLOSED",
    "paid": "SUCCESS",
    "failed": "FAILED",
    "closed": "CLOSED",
    "reversed": "REVERSED",
}


class UnionpayFace:
    """*report* takes what clients do against the protocol, without personal data."""

    def __init__(self, orders: Orders, bills: Bills, report: Callable[[str], None]) -> None:
        self._orders, self._bills, self._report = orders, bills, report
        self._sealings = gateway_sealings(orders.terms.merchant_key)
        self._calls: Mapping[str, tuple[type[unionpay.Request], Callable[[Any, float, Twist], dict[str, Any]]]] = {
            unionpay.PAY: (unionpay.PayRequest, self._pay),
            unionpay.QUERY: (unionpay.QueryRequest, self._query),
            unionpay.CANCEL: (unionpay.CancelRequest, self._cancel),
            unionpay.REFUND: (unionpay.RefundRequest, self._refund),
            unionpay.REFUND_QUERY: (unionpay.RefundQueryRequest, self._refund_query),
            unionpay.BILL: (unionpay.BillRequest, self._bill),
        }

    def handle(self, request: HttpRequest, now: float, twist: Twist, base: str) -> HttpReply:
        """The reply to any call; it is signed as the request was, RSA2 where that cannot be told."""
        path, nonce = request.path, ""
        sealing = self._sealings[RSA2]
        try:
            fields = unionpay.text_fields(request.body)
            nonce = fields.get("nonce", "")[:32]
            nonce = nonce if nonce.isprintable() else ""
            sealing = self._sealings.get(fields.get("sign_type", ""), sealing)
            unionpay.verify(fields, sealing)
            if fields.get("mer_id") != self._orders.terms.unionpay_mer_id:
                raise WireError("mer_id: not the merchant of this bench")
        except WireError as error:
            self._report(f"{path}: {error.why}")
            forged = error.why.startswith(("sign:", "mer_id:"))
            return self._told(
                {"resp_code": "63" if forged else "30", "resp_msg": "报文或签名错误"}, nonce, sealing, path
            )
        return self._told(self._answer(path, fields, now, twist, base), nonce, sealing, path)

    def _answer(self, path: str, fields: Mapping[str, str], now: float, twist: Twist, base: str) -> dict[str, Any]:
        if twist == "sign-in-expired":
            return {"resp_code": "63", "resp_msg": "商户证书已过期"}
        model, call = self._calls[path]
        try:
            message = read(model, fields)
        except WireError as error:
            self._report(f"{path}: {error.why}")
            return {"resp_code": "30", "resp_msg": f"报文格式错误: {error.why.partition(':')[0]}"[:64]}
        if twist == "refuse":
            return {"resp_code": "05", "resp_msg": "不予承兑"}
        try:
            told = call(message, now, twist)
        except Refused as refused:
            if refused.why in ("other-content", "code-used"):
                self._report(f"{path}: {refused.why}: a new attempt needs a new number and a new code")
            code, text = _ERRORS[refused.why]
            return {"resp_code": code, "resp_msg": text, "order_id": fields.get("order_id", "")}
        if "download_url" in told:
            told["download_url"] = base + told["download_url"]
        return {"resp_code": "00", "resp_msg": "成功", **told}

    def _told(self, values: dict[str, Any], nonce: str, sealing: Sealing, path: str) -> HttpReply:
        if path == unionpay.BILL:
            model: type[QrMessage] = unionpay.BillReply
        else:
            model = unionpay.RefundReply if path in (unionpay.REFUND, unionpay.REFUND_QUERY) else unionpay.OrderReply
        reply = model(mer_id=self._orders.terms.unionpay_mer_id, nonce=nonce, **values)  # pyright: ignore[reportCallIssue]
        return HttpReply(200, {"content-type": JSON_TYPE}, unionpay.sealed_body(reply, sealing))

    # Calls.

    def _pay(self, message: unionpay.PayRequest, now: float, twist: Twist) -> dict[str, Any]:
        asked = Asked(
            no=message.order_id,
            fen=message.txn_amt,
            code=message.qr_no,
            subject=message.subject,
            institution=message.ins_code,
            terminal=message.term_id,
        )
        placed = self._orders.pay(_FAMILY, asked, now)
        order = placed.order
        if order.state == "waiting" or not placed.told:
            # This family has no word for a password: nobody knows yet, ask.
            return {"resp_code": "98", "resp_msg": "处理中，请查询", "order_id": self._no(order.no, twist)}
        if placed.repeated and self._orders.terms.temper == "hostile":
            return {"resp_code": "94", "resp_msg": "订单号重复", "order_id": self._no(order.no, twist)}
        return self._order(order, twist)

    def _order(self, order: Order, twist: Twist) -> dict[str, Any]:
        status = _STATUS[order.state]
        if order.state == "paid" and order.refunds:
            status = "REFUND"
        paid = order.paid_at > 0
        return {
            "order_id": self._no(order.no, twist),
            "order_status": status,
            "txn_amt": order.amount_fen,
            "txn_ref": order.channel_no,
            "pay_time": f"{civil(order.paid_at):%Y%m%d%H%M%S}" if paid else "",
            "settle_date": order.day.replace("-", ""),
        }

    def _query(self, message: unionpay.QueryRequest, now: float, twist: Twist) -> dict[str, Any]:
        return self._order(self._orders.query(_FAMILY, message.order_id), twist)

    def _cancel(self, message: unionpay.CancelRequest, now: float, twist: Twist) -> dict[str, Any]:
        cancelled = self._orders.cancel(_FAMILY, message.order_id, now)
        if cancelled.order.fence:
            # As a reversal whose original is not known: answered 25, and the late original is refused.
            told = {"resp_code": "25", "resp_msg": "无此订单，已登记撤销"}
            return {**told, "order_id": self._no(message.order_id, twist), "order_status": "CLOSED"}
        return self._order(cancelled.order, twist)

    def _refund(self, message: unionpay.RefundRequest, now: float, twist: Twist) -> dict[str, Any]:
        return self._refunded(
            self._orders.refund(_FAMILY, message.orig_order_id, message.order_id, message.txn_amt, now), twist
        )

    def _refund_query(self, message: unionpay.RefundQueryRequest, now: float, twist: Twist) -> dict[str, Any]:
        return self._refunded(self._orders.refund_query(_FAMILY, message.order_id), twist)

    def _refunded(self, refund: Refund, twist: Twist) -> dict[str, Any]:
        return {
            "order_id": self._no(refund.no, twist),
            "orig_order_id": refund.order_no,
            "txn_amt": refund.amount_fen,
            "txn_ref": refund.channel_no,
            "refund_status": "SUCCESS" if refund.done else "PROCESSING",
            "settle_date": refund.day.replace("-", ""),
        }

    def _bill(self, message: unionpay.BillRequest, now: float, twist: Twist) -> dict[str, Any]:
        text = message.settle_date
        day = f"{text[:4]}-{text[4:6]}-{text[6:]}"
        standing = "making" if twist == "file-not-ready" else self._bills.standing(_FAMILY, day, now)
        if standing != "ready":
            return {"resp_code": "25", "resp_msg": "对账文件尚未生成" if standing == "making" else "无此对账文件"}
        digest = hashlib.sha1(self._bills.bill(_FAMILY, day), usedforsecurity=False).hexdigest()
        return {
            "download_url": f"{unionpay.BILL_FILE}?token={self._bills.token(_FAMILY, day, now)}",
            "sha1": digest,
        }

    @staticmethod
    def _no(no: str, twist: Twist) -> str:
        return other_number(no) if twist == "wrong-reference" else no
