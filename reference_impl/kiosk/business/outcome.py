"""How a payment ends: turned back, decided, or not known yet; its slip, and what the citizen is told.

What is told comes from :func:`told_of` and from there alone; where the platform has not spoken, the page says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from protocols.wire.base import Label
from reference_impl.kiosk.business.menu import SlipKind, Terms
from reference_impl.kiosk.business.notices import NOTICES
from reference_impl.kiosk.business.session import Session, Stage, Step, act, ask
from reference_impl.kiosk.business.steps import FINAL, follow, known, with_trade
from reference_impl.kiosk.business.told import Told, told_of
from reference_impl.kiosk.business.words import (
    Broken,
    BusinessEvent,
    Printed,
    ReceiptGiven,
    Refused,
    TradeSeen,
    Unanswered,
)
from reference_impl.kiosk.business.works import GetReceipt, PrintSlip, SendCancel

__all__ = ["CITIZEN", "Outcome"]

CITIZEN = "citizen"


class Outcome:
    """Cancelling, receipt, slip and result. A handler that gives None has no use for the event."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.handlers: dict[Stage, Callable[[Session, BusinessEvent, float], Step | None]] = {
            Stage.SEND_CANCEL: self._cancel_sent,
            Stage.CANCELLING: self._cancelling,
            Stage.RECEIPT: self._receipt,
            Stage.PRINT: self._printed,
        }

    # The way back.

    def cancel(self, session: Session, reason: str, now: float) -> Step:
        """Ask the platform to turn back; what becomes of it, the platform says."""
        since = now if session.paying.turned_back_at is None else session.paying.turned_back_at
        paying = replace(session.paying, code="", turned_back_at=since, until=since + self.terms.cancelling_s)
        return act(replace(session, paying=paying), Stage.SEND_CANCEL, SendCancel(paying.trade_no, reason))

    def _cancel_sent(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, TradeSeen):
            return self._judge(with_trade(session, event.trade), now, again=False)
        if isinstance(event, Refused):
            # Too late, or gone already: what the trade is now decides.
            since = session.paying.turned_back_at or now
            session = replace(session, paying=replace(session.paying, until=since + self.terms.paying_s))
            work, until = follow(session, self.terms, slowly=True), session.paying.until
            return act(session, Stage.PAYING, work, until=until, notice=event.label, notice_code=event.code)
        if isinstance(event, Unanswered | Broken):
            return self.keep_cancelling(session, now)
        return None

    def _cancelling(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, TradeSeen):
            return self._judge(with_trade(session, event.trade), now, again=True)
        if isinstance(event, Unanswered | Refused | Broken):
            return self.keep_cancelling(session, now)
        return None

    def _judge(self, session: Session, now: float, *, again: bool) -> Step:
        state = known(session).state
        if state in FINAL:
            return self.finish(session, now)
        if again and state in ("awaiting", "quoting") and now < session.paying.until:
            return act(session, Stage.SEND_CANCEL, SendCancel(session.paying.trade_no, CITIZEN))
        return self.keep_cancelling(session, now)

    def keep_cancelling(self, session: Session, now: float) -> Step:
        """Follow the trade on its way back, until the kiosk's patience ends."""
        if now >= session.paying.until:
            return self.uncertain(session, now)
        work = follow(session, self.terms, slowly=True)
        return act(session, Stage.CANCELLING, work, until=session.paying.until)

    # The end.

    def finish(self, session: Session, now: float) -> Step:
        """The platform has said how it ended."""
        trade = known(session)
        told = told_of(trade)
        paying = replace(session.paying, sending=None, card=None, code="", answered=True)
        session = replace(session, paying=paying, told=told)
        if told is Told.PAID:
            return act(session, Stage.RECEIPT, GetReceipt(trade.trade_no))
        if told is Told.MANUAL:
            return self.print(session, SlipKind.UNCERTAIN)
        if told is Told.REFUNDED:
            return self.print(session, SlipKind.REFUND)
        return self.result(session, now)

    def uncertain(self, session: Session, now: float) -> Step:
        """The kiosk does not wait any longer, and does not know. Where nothing was ever pressed it can say at least
        that, and there is nothing to keep a slip for."""
        pressed = session.paying.pressed > 0 or session.paying.refunding
        paying = replace(session.paying, sending=None, card=None, code="")
        session = replace(session, paying=paying, told=Told.UNCERTAIN if pressed else Told.ABANDONED)
        return self.print(session, SlipKind.UNCERTAIN) if pressed else self.result(session, now)

    def _receipt(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, ReceiptGiven):
            session = replace(session, paying=replace(session.paying, receipt=event.receipt))
        elif not isinstance(event, Refused | Unanswered | Broken):
            return None
        registration = known(session).kind == "registration"
        return self.print(session, SlipKind.REGISTRATION if registration else SlipKind.PAYMENT)

    def print(self, session: Session, kind: SlipKind) -> Step:
        work = PrintSlip(kind, session.paying.trade, session.paying.receipt, session.booking.check_in)
        return act(replace(session, slip=kind), Stage.PRINT, work)

    def _printed(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Broken):
            return self.result(replace(session, slip=None), now, NOTICES["printer"], event.code)
        return self.result(session, now) if isinstance(event, Printed) else None

    def result(self, session: Session, now: float, notice: Label | None = None, code: str = "") -> Step:
        """The page that says how it ended."""
        return ask(session, Stage.RESULT, now + self.terms.result_s, notice=notice, notice_code=code)
