"""The rules of the QR gateway, the same for the three families but for their terms: pay, query, cancel, refund.

One order number is one order: asked again it is the same order, and never a second payment. A payment code is used once. A
cancel of an order that is not known is remembered, and a pay call that comes late is refused. Source: spec/services.md 4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from protocols.clock import civil
from protocols.wire.base import WireError
from protocols.wire.qr.payment_codes import Family, family_of
from simulators.peer.base import Journal
from simulators.peer.city import City
from simulators.peer.qr_book import Order, QrBook, Refund
from simulators.peer.qr_codes import Behaviour, payer_of
from simulators.peer.qr_terms import GatewayTerms

__all__ = ["Asked", "Cancelled", "Orders", "Placed", "Refused"]


class Refused(Exception):
    """The gateway does not do it. ``why`` is this project's word, which every family has another one for; ``again``: it may
    be asked again later."""

    def __init__(self, why: str, again: bool = False) -> None:
        super().__init__(why)
        self.why, self.again = why, again


@dataclass(frozen=True, slots=True)
class Asked:
    """A pay call, whatever its family."""

    no: str
    fen: int
    code: str
    subject: str
    institution: str
    terminal: str


@dataclass(frozen=True, slots=True)
class Placed:
    """``told`` false: the gateway says that it does not know. ``repeated``: the order was there already."""

    order: Order
    told: bool = True
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Cancelled:
    """``action`` close or refund; empty where there was no such order, which is fenced now."""

    action: str
    order: Order
    repeated: bool = False


class Orders:
    """*seed* keys the tokens under which codes are remembered; *report* takes what clients do against the protocol."""

    def __init__(
        self,
        terms: GatewayTerms,
        city: City,
        seed: int,
        journal: Journal,
        events: Iterable[Mapping[str, Any]],
        report: Callable[[str], None],
    ) -> None:
        self.terms, self.book = terms, QrBook()
        self._city, self._journal, self._report = city, journal, report
        self._key = hashlib.sha256(f"qr gateway {seed}".encode()).digest()
        for event in events:
            self.book.apply(event)

    # Time.

    def advance(self, now: float) -> None:
        """Let happen what payers and the gateway itself were to do until *now*."""
        for at, family, what, no in self.book.due(now):
            # After a restart all timers are there again, those that have struck before among them.
            if what == "refund":
                if not self.book.refunds[family, no].done:
                    self._emit({"e": "refunded", "family": family, "no": no})
                continue
            order = self.book.orders[family, no]
            if order.state != "waiting":
                continue
            if order.acts == "pays" and order.acts_at <= order.closes_at:
                self._emit({"e": "paid", "family": family, "no": no, "at": at, "day": self.day(family, at)})
            else:
                why = "declined" if order.acts == "declines" and order.acts_at <= order.closes_at else "timeout"
                state = "failed" if why == "declined" else "closed"
                self._emit({"e": "ended", "family": family, "no": no, "at": at, "state": state, "why": why, "day": ""})

    def day(self, family: Family, at: float) -> str:
        """The business day of *family* at that time, ``yyyy-MM-dd``."""
        ends = self.terms.families[family].day_ends
        return f"{(civil(at) + timedelta(hours=24 - ends)).date():%Y-%m-%d}"

    # Calls.

    def pay(self, family: Family, asked: Asked, now: float) -> Placed:
        """Raises :class:`Refused`."""
        known = self.book.orders.get((family, asked.no))
        fingerprint = self._token(f"{asked.fen}|{asked.code}|{asked.subject}|{asked.institution}|{asked.terminal}")
        if known is not None:
            return self._again(known, fingerprint)
        behaviour, number, why = self._look_at(family, asked)
        states = {Behaviour.PASSWORD: "waiting", Behaviour.NEVER: "waiting", Behaviour.DECLINES: "waiting"}
        state = "failed" if why else states.get(behaviour, "unpaid")
        acts = {Behaviour.PASSWORD: "pays", Behaviour.DECLINES: "declines"}.get(behaviour, "")
        terms = self.terms.families[family]
        self._emit(
            {
                "e": "order",
                "family": family,
                "no": asked.no,
                "ch": self._channel_no(family, now),
                "fen": asked.fen,
                "print": fingerprint,
                "code": "" if why in ("bad-code", "code-used") else self._token(asked.code),
                "payer": number,
                "inst": self._without_person(asked.institution, number),
                "term": self._without_person(asked.terminal, number),
                "text": self._without_person(asked.subject, number),
                "at": now,
                "state": state,
                "acts": acts,
                "acts_at": now + self.terms.password_s,
                "closes_at": now + terms.close_s,
                "why": why,
            }
        )
        order = self.book.orders[family, asked.no]
        if why:
            raise Refused(why)
        if behaviour in (Behaviour.PAYS, Behaviour.UNKNOWN_PAID):
            self._emit({"e": "paid", "family": family, "no": asked.no, "at": now, "day": self.day(family, now)})
        return Placed(order, told=behaviour not in (Behaviour.UNKNOWN_PAID, Behaviour.UNKNOWN_UNPAID))

    def query(self, family: Family, no: str) -> Order:
        """Raises :class:`Refused` ``no-order``; a fence is no order."""
        order = self.book.orders.get((family, no))
        if order is None or order.fence:
            raise Refused("no-order")
        return order

    def cancel(self, family: Family, no: str, now: float) -> Cancelled:
        """Raises :class:`Refused`."""
        terms = self.terms.families[family]
        order = self.book.orders.get((family, no))
        if order is None:
            return Cancelled("", self._fence(family, no, now))
        if order.state in ("closed", "reversed"):
            action = "" if order.fence else "refund" if order.state == "reversed" else "close"
            return Cancelled(action, order, repeated=True)
        if 0 <= now - order.asked_at < terms.cancel_after_s:
            raise Refused("too-early", again=True)
        if order.state == "waiting" and terms.refuse_waiting:
            raise Refused("waiting", again=True)
        if self.terms.temper == "hostile" and not order.put_off:
            self._emit({"e": "put-off", "family": family, "no": no})
            raise Refused("busy", again=True)
        if order.state == "paid" and order.refunds:
            raise Refused("has-refunds")
        if order.state == "paid" and now - order.asked_at > terms.cancel_within_s:
            raise Refused("too-late")
        paid = order.state == "paid"
        self._emit(
            {
                "e": "ended",
                "family": family,
                "no": no,
                "at": now,
                "state": "reversed" if paid else "closed",
                "why": "cancelled",
                "day": self.day(family, now),
            }
        )
        return Cancelled("refund" if paid else "close", order)

    def refund(self, family: Family, no: str, refund_no: str, fen: int, now: float) -> Refund:
        """Accepted, or accepted before. Raises :class:`Refused`."""
        known = self.book.refunds.get((family, refund_no))
        if known is not None and (known.order_no, known.amount_fen) == (no, fen):
            return known
        try:
            self._not_too_fast(family, now)
            if known is not None:
                raise Refused("other-content")
            self._refundable(family, self.query(family, no), fen, now)
        except Refused:
            self._emit({"e": "refund-refused", "family": family, "at": now})
            raise
        self._emit(
            {
                "e": "refund",
                "family": family,
                "no": refund_no,
                "ch": self._channel_no(family, now),
                "order": no,
                "fen": fen,
                "at": now,
                "day": self.day(family, now),
                "done_at": now + self.terms.refund_s,
            }
        )
        self.advance(now)
        return self.book.refunds[family, refund_no]

    def refund_query(self, family: Family, refund_no: str) -> Refund:
        """Raises :class:`Refused` ``no-refund``."""
        refund = self.book.refunds.get((family, refund_no))
        if refund is None:
            raise Refused("no-refund")
        return refund

    # Inside.

    @staticmethod
    def _again(known: Order, fingerprint: str) -> Placed:
        if known.fence:
            raise Refused("closed")
        if known.print != fingerprint:
            raise Refused("other-content")
        if known.state == "failed":
            raise Refused(known.why)
        if known.state in ("closed", "reversed"):
            raise Refused("closed")
        return Placed(known, told=known.state != "unpaid", repeated=True)

    def _look_at(self, family: Family, asked: Asked) -> tuple[Behaviour, int, str]:
        """How the payer will behave, who it is, and why the gateway refuses before anybody is asked."""
        try:
            right = family_of(asked.code) is family
        except WireError:
            right = False
        payer = payer_of(asked.code) if right else None
        if payer is None or self._city.resident(payer.number) is None:
            return Behaviour.PAYS, 0, "bad-code"
        if self._token(asked.code) in self.book.codes:
            return Behaviour.PAYS, payer.number, "code-used"
        if asked.fen > self.terms.most_fen:
            return Behaviour.PAYS, payer.number, "over-limit"
        behaviour = self.terms.payer or payer.behaviour
        refusals = {Behaviour.POOR: "poor", Behaviour.EXPIRED: "code-expired"}
        return behaviour, payer.number, refusals.get(behaviour, "")

    def _without_person(self, text: str, number: int) -> str:
        """*text* as it may be kept: a description that names the payer is the client's mistake, not the bill's."""
        resident = self._city.resident(number)
        private = (resident.person.name, resident.person.id_number) if resident else ()
        for each in private:
            if each in text:
                self._report("the description of an order names its payer")
                text = text.replace(each, "*")
        return text

    def _not_too_fast(self, family: Family, now: float) -> None:
        accepted = sum(now - 1.0 < at <= now for at in self.book.refund_times[family])
        refused = sum(now - 1.0 < at <= now for at in self.book.refused_times)
        if accepted >= self.terms.refunds_a_second or refused >= self.terms.refused_a_second:
            raise Refused("too-fast", again=True)

    def _refundable(self, family: Family, order: Order, fen: int, now: float) -> None:
        terms = self.terms.families[family]
        if order.state != "paid":
            raise Refused("not-paid")
        if now - order.paid_at > terms.refund_within_s:
            raise Refused("too-late")
        if order.returned_fen + fen > order.amount_fen:
            raise Refused("too-much")
        if len(order.refunds) >= terms.most_refunds:
            raise Refused("too-many")
        if self.terms.strict and order.refunds and 0 <= now - order.refunds[-1].asked_at < terms.refund_gap_s:
            raise Refused("too-soon", again=True)

    def _fence(self, family: Family, no: str, now: float) -> Order:
        self._emit(
            {
                "e": "order",
                "family": family,
                "no": no,
                "ch": "",
                "fen": 0,
                "print": "",
                "code": "",
                "payer": 0,
                "inst": "",
                "term": "",
                "text": "",
                "at": now,
                "state": "closed",
                "acts": "",
                "acts_at": 0.0,
                "closes_at": 0.0,
                "why": "fenced",
            }
        )
        return self.book.orders[family, no]

    def _channel_no(self, family: Family, now: float) -> str:
        day, count = f"{civil(now):%Y%m%d}", self.book.count + 1
        if family is Family.WECHAT:
            return f"42000000{day}{count:012d}"
        return f"{day}22001{count:015d}" if family is Family.ALIPAY else f"{day}{count:012d}"

    def _token(self, text: str) -> str:
        return hashlib.blake2s(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=12).hexdigest()

    def _emit(self, event: dict[str, Any]) -> None:
        event = {name: str(value) if isinstance(value, Family) else value for name, value in event.items()}
        self._journal(event)
        self.book.apply(event)
