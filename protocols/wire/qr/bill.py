"""One line of a channel's bill in words that are the same for the three families, and their sums.

The formats themselves are in ``bill_wechat``, ``bill_alipay`` and ``bill_unionpay``. Amounts are fen; times are texts
``yyyy-MM-dd HH:mm:ss`` in China, as the files have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from protocols.wire.base import WireError
from protocols.wire.qr.fields import MOST_FEN

__all__ = ["MOMENT", "BillFile", "BillLine", "BillTotals", "bill_number", "totals_of"]

MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_NUMBER = re.compile(r"[0-9]{1,12}")

Kind = Literal["pay", "refund", "cancel"]


@dataclass(frozen=True, slots=True)
class BillLine:
    """``kind``: ``pay``; ``refund`` under ``refund_no``; ``cancel``: an order reversed after it was paid, which stands
    under its own order number again. ``at`` is when it was paid, or when the refund was **initiated** (spec/services.md 4).

    ``amount_fen`` is positive in all kinds; ``fee_fen`` is what the channel keeps (negative where it gives back).
    ``channel_no`` and ``refund_channel_no`` are the channel's own numbers. ``done`` false: accepted, not finished.
    """

    kind: Kind
    at: str
    merchant: str
    order_no: str
    channel_no: str
    amount_fen: int
    fee_fen: int = 0
    refund_no: str = ""
    refund_channel_no: str = ""
    done: bool = True
    institution: str = ""
    terminal: str = ""
    payer: str = ""
    subject: str = ""

    @property
    def reference(self) -> str:
        """Under which the asker sent it: the refund's number, or the order's."""
        return self.refund_no if self.kind == "refund" else self.order_no

    @property
    def original(self) -> str:
        """The order that a refund or cancel takes back; empty for a payment."""
        return "" if self.kind == "pay" else self.order_no


@dataclass(frozen=True, slots=True)
class BillTotals:
    count: int
    paid_fen: int
    returned_fen: int
    fee_fen: int


@dataclass(frozen=True, slots=True)
class BillFile:
    """``day`` is ``yyyy-MM-dd``."""

    merchant: str
    day: str
    lines: tuple[BillLine, ...]

    @property
    def totals(self) -> BillTotals:
        return totals_of(self.lines)


def totals_of(lines: Iterable[BillLine]) -> BillTotals:
    count = paid = returned = fee = 0
    for line in lines:
        count += 1
        fee += line.fee_fen
        if line.kind == "pay":
            paid += line.amount_fen
        else:
            returned += line.amount_fen
    return BillTotals(count, paid, returned, fee)


def bill_number(text: str, name: str, row: int) -> int:
    """A count or an amount in fen of a bill. Raises :class:`WireError` naming row and column."""
    if not _NUMBER.fullmatch(text) or int(text) > MOST_FEN:
        raise WireError(f"row {row}, {name}: not a number of this file")
    return int(text)
