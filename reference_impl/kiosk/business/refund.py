"""Refund on request: the trade number, whether it can be, the wish, and what became of it (DG-FIN-REF-01)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from protocols.wire.base import Label
from reference_impl.kiosk.business.menu import Terms
from reference_impl.kiosk.business.notices import NOTICES
from reference_impl.kiosk.business.outcome import CITIZEN, Outcome
from reference_impl.kiosk.business.session import Paying, Session, Stage, Step, act, ask, to_menu
from reference_impl.kiosk.business.steps import follow, known, page_until, with_trade
from reference_impl.kiosk.business.told import Told
from reference_impl.kiosk.business.words import (
    Accept,
    Back,
    Broken,
    BusinessEvent,
    Cancel,
    Choose,
    CodeScanned,
    EligibilityKnown,
    Noted,
    Refused,
    TradeSeen,
    Unanswered,
)
from reference_impl.kiosk.business.works import CheckEligibility, NoteRefund, ScanCode, SendRefund

__all__ = ["Refunds"]

TRADE_NO = re.compile(r"[\w.:@/+-]{1,64}", re.ASCII)


class Refunds:
    """Stages of a refund. A handler that gives None has no use for the event."""

    def __init__(self, terms: Terms, outcome: Outcome) -> None:
        self.terms, self._outcome = terms, outcome
        self.handlers: dict[Stage, Callable[[Session, BusinessEvent, float], Step | None]] = {
            Stage.REFUND_NO: self._number,
            Stage.ELIGIBILITY: self._known,
            Stage.REFUND_CONFIRM: self._confirm,
            Stage.NOTE_REFUND: self._noted,
            Stage.SEND_REFUND: self._sent,
            Stage.REFUNDING: self._refunding,
        }

    def begin(self, session: Session, now: float, notice: Label | None = None, code: str = "") -> Step:
        """The number is on the slip, as digits and as a code."""
        until = page_until(session, now, self.terms.choose_s)
        return act(session, Stage.REFUND_NO, ScanCode(), until=until, notice=notice, notice_code=code)

    def _number(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Back | Cancel):
            return to_menu(session, now, self.terms)
        if isinstance(event, Broken):
            return to_menu(session, now, self.terms, NOTICES["scanner"], event.code)
        if not isinstance(event, Choose | CodeScanned):
            return None
        number = event.ids[0] if isinstance(event, Choose) else event.text
        if TRADE_NO.fullmatch(number) is None:
            return self.begin(session, now, NOTICES["bad-number"], "bad-number")
        return act(session, Stage.ELIGIBILITY, CheckEligibility(number))

    def _known(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Refused):
            return self.begin(session, now, event.label, event.code)
        if isinstance(event, Unanswered | Broken):
            return to_menu(session, now, self.terms, NOTICES["unreachable"], "silent")
        if not isinstance(event, EligibilityKnown):
            return None
        paying = Paying(trade=event.trade, eligibility=event.eligibility, refunding=True)
        session = replace(session, paying=paying)
        if not event.eligibility.eligible:
            why = NOTICES["not-refundable"]
            return self.begin(replace(session, paying=Paying()), now, why, event.eligibility.code or "not-refundable")
        return ask(session, Stage.REFUND_CONFIRM, page_until(session, now, self.terms.quote_s))

    def _confirm(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Accept) or (isinstance(event, Choose) and event.ids == ("yes",)):
            return act(session, Stage.NOTE_REFUND, NoteRefund(session.paying.trade_no))
        if isinstance(event, Back | Cancel | Choose):
            return to_menu(session, now, self.terms)
        return None

    def _noted(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Broken):
            return to_menu(session, now, self.terms, NOTICES["outbox"], event.code)
        if not isinstance(event, Noted):
            return None
        paying = replace(session.paying, answered=False, until=now + self.terms.refunding_s)
        return self._send(replace(session, paying=paying))

    def _send(self, session: Session) -> Step:
        return act(session, Stage.SEND_REFUND, SendRefund(session.paying.trade_no, CITIZEN))

    def _sent(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, TradeSeen):
            return self._judge(with_trade(session, event.trade, answered=True), now)
        if isinstance(event, Refused):
            answered = event.certain and not session.paying.doubted
            session = replace(session, paying=replace(session.paying, answered=answered))
            return self._go_on(session, now, event.label, event.code)
        if isinstance(event, Unanswered | Broken):
            return self._go_on(replace(session, paying=replace(session.paying, doubted=True)), now)
        return None

    def _refunding(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, TradeSeen):
            return self._judge(with_trade(session, event.trade), now)
        if isinstance(event, Unanswered | Refused | Broken):
            return self._go_on(session, now, session.notice, session.notice_code)
        return None

    def _judge(self, session: Session, now: float) -> Step:
        state = known(session).state
        if state == "paid" and not session.paying.answered and now < session.paying.until:
            return self._send(session)  # it has not heard: asking again changes nothing that was done
        if state == "paid" and session.paying.answered:
            told = replace(session, told=Told.REFUND_REFUSED)
            return self._outcome.result(told, now, session.notice, session.notice_code)
        if state in ("refunded", "manual"):
            return self._outcome.finish(session, now)
        return self._go_on(session, now, session.notice, session.notice_code)

    def _go_on(self, session: Session, now: float, notice: Label | None = None, code: str = "") -> Step:
        until = session.paying.until
        if now >= until:
            return self._outcome.uncertain(session, now)
        work = follow(session, self.terms, slowly=not session.paying.answered)
        return act(session, Stage.REFUNDING, work, until=until, notice=notice, notice_code=code)
