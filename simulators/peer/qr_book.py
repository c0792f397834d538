"""What the QR gateway remembers: orders and refunds, changed by events and by nothing else.

An event is a JSON object with ``e`` its kind. No payment code, name or citizen number is in one: a code stands there as a
keyed token, a payer as the number of a resident.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from protocols.wire.qr.payment_codes import Family
from simulators.peer.base import BookRow

__all__ = ["Order", "QrBook", "Refund", "State"]

State = Literal["waiting", "paid", "failed", "unpaid", "closed", "reversed"]
"""``failed``: refused, the payer's money was not touched; ``unpaid``: the gateway lost track of it, and it was not paid;
``closed``: ended without money; ``reversed``: paid, then cancelled."""


@dataclass(slots=True)
class Order:
    """``print`` is the keyed fingerprint of what was asked with it; ``amount_fen`` 0: a fence, no order was ever placed.
    ``acts`` is what the payer will do at ``acts_at`` (Unix time). ``why`` says why it failed or was closed."""

    family: Family
    no: str
    channel_no: str
    amount_fen: int
    print: str
    payer: int
    institution: str
    terminal: str
    subject: str
    asked_at: float
    state: State
    acts: str = ""
    acts_at: float = 0.0
    closes_at: float = 0.0
    paid_at: float = 0.0
    day: str = ""
    ended_at: float = 0.0
    end_day: str = ""
    why: str = ""
    put_off: bool = False
    refunds: list[Refund] = field(default_factory=list["Refund"])

    @property
    def fence(self) -> bool:
        return self.amount_fen == 0

    @property
    def returned_fen(self) -> int:
        """Taken back by refunds, done or accepted."""
        return sum(each.amount_fen for each in self.refunds)


@dataclass(slots=True)
class Refund:
    """``day`` is that on which it was initiated: the bill's day (spec/services.md 4)."""

    family: Family
    no: str
    channel_no: str
    order_no: str
    amount_fen: int
    asked_at: float
    day: str
    done_at: float
    done: bool = False


class QrBook:
    """:meth:`apply` takes each event once, in order; everything else reads."""

    def __init__(self) -> None:
        self.orders: dict[tuple[Family, str], Order] = {}
        self.refunds: dict[tuple[Family, str], Refund] = {}
        self.codes: set[str] = set()
        self.refund_times: dict[Family, deque[float]] = {family: deque(maxlen=256) for family in Family}
        self.refused_times: deque[float] = deque(maxlen=64)
        self.rows: list[BookRow] = []
        self.by_day: dict[tuple[Family, str], list[tuple[str, str]]] = {}
        self.count = 0
        self._timers: list[tuple[float, int, Family, str, str]] = []

    def apply(self, event: Mapping[str, Any]) -> None:
        """Raises KeyError or ValueError for what is no event of this peer."""
        self.count += 1
        family = Family(event["family"])
        match event["e"]:
            case "order":
                self._ordered(family, event)
            case "paid":
                self._paid(self.orders[family, event["no"]], event["at"], event["day"])
            case "ended":
                order = self.orders[family, event["no"]]
                order.state, order.ended_at, order.why = event["state"], event["at"], event["why"]
                if order.state == "reversed":
                    self._reversed(order, event["day"])
            case "put-off":
                self.orders[family, event["no"]].put_off = True
            case "refund":
                self._refund(family, event)
            case "refunded":
                self._refunded(self.refunds[family, event["no"]])
            case "refund-refused":
                self.refused_times.append(event["at"])
            case _:
                raise ValueError(f"no event {event['e']!r} of the qr peer")

    def _ordered(self, family: Family, event: Mapping[str, Any]) -> None:
        order = Order(
            family=family,
            no=event["no"],
            channel_no=event["ch"],
            amount_fen=event["fen"],
            print=event["print"],
            payer=event["payer"],
            institution=event["inst"],
            terminal=event["term"],
            subject=event["text"],
            asked_at=event["at"],
            state=event["state"],
            acts=event["acts"],
            acts_at=event["acts_at"],
            closes_at=event["closes_at"],
            why=event["why"],
        )
        self.orders[family, order.no] = order
        if event["code"]:
            self.codes.add(event["code"])
        if order.state == "waiting":
            self._timer(
                min(order.acts_at, order.closes_at) if order.acts else order.closes_at, family, "order", order.no
            )

    def _paid(self, order: Order, at: float, day: str) -> None:
        order.state, order.paid_at, order.day = "paid", at, day
        self.by_day.setdefault((order.family, day), []).append(("pay", order.no))
        self._row(order, order.no, "pay", order.amount_fen, at, day)

    def _reversed(self, order: Order, day: str) -> None:
        order.end_day = day
        self.by_day.setdefault((order.family, day), []).append(("cancel", order.no))
        self._row(order, order.no, "undo", order.amount_fen, order.ended_at, day)

    def _refund(self, family: Family, event: Mapping[str, Any]) -> None:
        order = self.orders[family, event["order"]]
        refund = Refund(
            family, event["no"], event["ch"], order.no, event["fen"], event["at"], event["day"], event["done_at"]
        )
        self.refunds[family, refund.no] = refund
        order.refunds.append(refund)
        self.refund_times[family].append(refund.asked_at)
        self.by_day.setdefault((family, refund.day), []).append(("refund", refund.no))
        self._timer(refund.done_at, family, "refund", refund.no)

    def _refunded(self, refund: Refund) -> None:
        refund.done = True
        order = self.orders[refund.family, refund.order_no]
        self._row(order, refund.no, "undo", refund.amount_fen, refund.done_at, refund.day)

    def _row(
        self, order: Order, reference: str, kind: Literal["pay", "undo"], amount_fen: int, at: float, day: str
    ) -> None:
        original = order.no if kind == "undo" else ""
        self.rows.append(
            BookRow("qr", reference, kind, amount_fen, at, day, order.institution, order.family.value, original)
        )

    def _timer(self, at: float, family: Family, what: str, no: str) -> None:
        heapq.heappush(self._timers, (at, self.count, family, what, no))

    def due(self, now: float) -> Iterator[tuple[float, Family, str, str]]:
        """What was to happen until *now*, in order: time, family, ``order`` or ``refund``, number. Each is given once."""
        while self._timers and self._timers[0][0] <= now:
            at, _, family, what, no = heapq.heappop(self._timers)
            yield at, family, what, no
