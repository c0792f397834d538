"""The gateway's bills: of each family in its own format, made on the next morning, behind an address that lives 30 s.

An address is signed and says all that it stands for, so it survives a restart of the gateway. Source: spec/services.md 4
(T+1, made 09:00, fetched after 10:00, kept three months, 30 s, SHA-1).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from protocols.clock import CHINA, civil
from protocols.wire.qr.bill import BillLine
from protocols.wire.qr.bill_alipay import build_alipay_bill
from protocols.wire.qr.bill_unionpay import build_unionpay_bill
from protocols.wire.qr.bill_wechat import build_wechat_bill
from protocols.wire.qr.payment_codes import Family
from simulators.peer.qr_book import Order
from simulators.peer.qr_orders import Orders

__all__ = ["Bills"]

Standing = Literal["ready", "making", "absent"]

ADDRESS_S = 30.0
KEPT_DAYS = 92


class Bills:
    """Reads what *orders* remembers. Days are ``yyyy-MM-dd``."""

    def __init__(self, orders: Orders, seed: int) -> None:
        self._orders = orders
        self._key = hashlib.sha256(f"qr bills {seed}".encode()).digest()

    def standing(self, family: Family, day: str, now: float) -> Standing:
        """Whether the bill of *day* can be had: ``making`` is too soon, ``absent`` never was or is no more."""
        try:
            midnight = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=CHINA)
            opens = midnight + timedelta(days=1, hours=self._orders.terms.bill_hour)
            ends = opens + timedelta(days=KEPT_DAYS)
        except (ValueError, OverflowError):
            return "absent"
        if civil(now) < opens:
            return "making" if midnight <= civil(now) else "absent"
        kept = civil(now) < ends
        return "ready" if kept and self._orders.book.by_day.get((family, day)) else "absent"

    def bill(self, family: Family, day: str, wanted: str = "ALL") -> bytes:
        """The file of *day*; *wanted* ALL, SUCCESS or REFUND is a choice that only WeChat offers."""
        terms = self._orders.terms
        lines = sorted(self._lines(family, day), key=lambda line: (line.at, line.kind, line.reference))
        match family:
            case Family.WECHAT:
                rate = f"{terms.fee_bp / 100:.2f}%"
                return build_wechat_bill(terms.wechat_appid, terms.wechat_mch_id, lines, rate, wanted)
            case Family.ALIPAY:
                return build_alipay_bill(terms.alipay_app_id, day, lines)
            case Family.UNIONPAY:
                return build_unionpay_bill(terms.unionpay_mer_id, day, lines)

    def token(self, family: Family, day: str, now: float, wanted: str = "ALL") -> str:
        """What the address of a bill ends with."""
        text = f"{family}.{day}.{wanted}.{int(now * 1000)}"
        return f"{text}.{self._mac(text)}"

    def fetch(self, token: str, now: float) -> bytes | None:
        """The file behind *token*; None where it is not one of ours or older than 30 s."""
        text, _, mac = token.rpartition(".")
        if not hmac.compare_digest(self._mac(text).encode(), mac.encode("utf-8", "replace")):
            return None
        family, day, wanted, issued = text.split(".")
        if now - int(issued) / 1000 > ADDRESS_S:
            return None
        return self.bill(Family(family), day, wanted)

    def _mac(self, text: str) -> str:
        return hashlib.blake2s(text.encode("utf-8", "replace"), key=self._key, digest_size=16).hexdigest()

    def _lines(self, family: Family, day: str) -> Iterator[BillLine]:
        book = self._orders.book
        for kind, no in book.by_day.get((family, day), ()):
            if kind == "refund":
                refund = book.refunds[family, no]
                order = book.orders[family, refund.order_no]
                yield self._line(
                    order,
                    "refund",
                    refund.asked_at,
                    refund.amount_fen,
                    refund_no=refund.no,
                    refund_channel_no=refund.channel_no,
                    done=refund.done,
                )
            else:
                order = book.orders[family, no]
                if kind == "pay":
                    yield self._line(order, "pay", order.paid_at, order.amount_fen)
                else:
                    yield self._line(
                        order, "cancel", order.ended_at, order.amount_fen, refund_channel_no=order.channel_no
                    )

    def _line(
        self,
        order: Order,
        kind: Literal["pay", "refund", "cancel"],
        at: float,
        amount_fen: int,
        *,
        refund_no: str = "",
        refund_channel_no: str = "",
        done: bool = True,
    ) -> BillLine:
        terms = self._orders.terms
        fee = (amount_fen * terms.fee_bp + 5_000) // 10_000
        merchant = {
            Family.WECHAT: terms.wechat_mch_id,
            Family.ALIPAY: terms.alipay_app_id,
            Family.UNIONPAY: terms.unionpay_mer_id,
        }[order.family]
        return BillLine(
            kind=kind,
            at=f"{civil(at):%Y-%m-%d %H:%M:%S}",
            merchant=merchant,
            order_no=order.no,
            channel_no=order.channel_no,
            amount_fen=amount_fen,
            fee_fen=fee if kind == "pay" else -fee,
            refund_no=refund_no,
            refund_channel_no=refund_channel_no,
            done=done,
            institution=order.institution,
            terminal=order.terminal,
            payer=f"SIM***{order.payer % 10_000:04d}",
            subject=order.subject,
        )
