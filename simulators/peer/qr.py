"""The aggregated QR gateway: WeChat Pay, Alipay and UnionPay behind one address, each in its own format.

WeChat under ``/pay/`` and ``/secapi/pay/`` (v2, XML) and ``/v3/`` (bill address), Alipay under ``/gateway.do``, UnionPay
under ``/unionpay/v1/``. Bills are fetched from the addresses that the gateway gives. Source: spec/services.md 4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from protocols.wire.base import Label
from protocols.wire.http import HttpReply, HttpRequest
from protocols.wire.qr import alipay, unionpay, wechat, wechat_v3
from simulators.peer.base import BookRow, Journal, PeerKind, PeerOptions, Twist
from simulators.peer.city import City
from simulators.peer.qr_alipay import BILL_FILE, AlipayFace, method_of
from simulators.peer.qr_bills import Bills
from simulators.peer.qr_orders import Orders
from simulators.peer.qr_terms import SETTINGS, gateway_terms
from simulators.peer.qr_unionpay import UnionpayFace
from simulators.peer.qr_wechat import WechatFace

__all__ = ["PEER", "QrGateway", "path_of"]

FILES = (wechat_v3.BILL_FILE, BILL_FILE, unionpay.BILL_FILE)
MOST_VIOLATIONS = 1_000


def path_of(request: HttpRequest) -> str:
    """The path; empty for a target that has none (``//[`` is one)."""
    try:
        return request.path
    except ValueError:
        return ""


class QrGateway:
    """Addresses for faults: the path of WeChat and UnionPay calls (``/pay/micropay``, ``/unionpay/v1/pay``), the method of
    Alipay's (``alipay.trade.pay``), ``file`` for a bill."""

    def __init__(self, options: PeerOptions, journal: Journal, events: Iterable[Mapping[str, Any]]) -> None:
        self._violations: list[str] = []
        self._orders = Orders(gateway_terms(options), City(), options.seed, journal, events, self._report)
        self._bills = Bills(self._orders, options.seed)
        self._wechat = WechatFace(self._orders, self._bills, self._report)
        self._alipay = AlipayFace(self._orders, self._bills, self._report)
        self._unionpay = UnionpayFace(self._orders, self._bills, self._report)

    def address(self, request: HttpRequest) -> str:
        path = path_of(request)
        if path in FILES:
            return "file"
        if path == alipay.GATEWAY:
            method = method_of(request)
            return method if method in alipay.METHODS else "?"
        known = (*wechat.PATHS, wechat_v3.TRADEBILL, *unionpay.PATHS)
        return path if path in known else "?"

    def handle(self, request: HttpRequest, now: float, twist: Twist = "") -> HttpReply:
        self._orders.advance(now)
        path = path_of(request)
        fetches = path in FILES or path == wechat_v3.TRADEBILL
        if request.method != ("GET" if fetches else "POST"):
            return HttpReply(405, {}, b"")
        if path in wechat.PATHS:
            return self._wechat.handle(request, now, twist)
        host = request.headers.get("host", "")
        base = f"http://{host}" if host else ""
        if path == alipay.GATEWAY:
            return self._alipay.handle(request, now, twist, base)
        if path in unionpay.PATHS:
            return self._unionpay.handle(request, now, twist, base)
        if path == wechat_v3.TRADEBILL:
            return self._wechat.tradebill(request, now, twist, base)
        if path in FILES:
            return self._file(request, now, twist)
        self._report("no such path")
        return HttpReply(404, {}, b"")

    def spoil(self, reply: HttpReply) -> HttpReply:
        """Cut in half, and no text of any encoding at the end."""
        return HttpReply(reply.status, reply.headers, reply.body[: len(reply.body) // 2] + b"\xff\x00<{")

    def book(self) -> Iterable[BookRow]:
        return tuple(self._orders.book.rows)

    def violations(self) -> list[str]:
        found, self._violations = self._violations, []
        return found

    def snapshot(self) -> Mapping[str, object]:
        book = self._orders.book
        orders = Counter(f"{order.family}:{order.state}" for order in book.orders.values() if not order.fence)
        return {
            "orders": dict(sorted(orders.items())),
            "fences": sum(order.fence for order in book.orders.values()),
            "refunds": {"done": sum(each.done for each in book.refunds.values()), "all": len(book.refunds)},
            "codes_used": len(book.codes),
            "paid_fen": sum(row.amount_fen for row in book.rows if row.kind == "pay"),
            "returned_fen": sum(row.amount_fen for row in book.rows if row.kind == "undo"),
            "temper": self._orders.terms.temper,
        }

    def _file(self, request: HttpRequest, now: float, twist: Twist) -> HttpReply:
        body = None if twist in ("refuse", "file-not-ready") else self._bills.fetch(request.query.get("token", ""), now)
        if body is None:
            return HttpReply(403, {}, b"")
        return HttpReply(200, {"content-type": "application/octet-stream"}, body)

    def _report(self, what: str) -> None:
        if len(self._violations) < MOST_VIOLATIONS:
            self._violations.append(what)


def _make(options: PeerOptions, journal: Journal, events: Iterable[Mapping[str, Any]]) -> QrGateway:
    return QrGateway(options, journal, events)


PEER = PeerKind("qr", Label("扫码支付聚合网关", "aggregated QR payment gateway"), "http", _make, SETTINGS)
