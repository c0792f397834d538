"""From a purchase to a quote that the citizen agrees to. The trade's key is durable before the first byte is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from protocols.wire.platform.models import OpenTradeRequest
from reference_impl.kiosk.business.menu import Terms
from reference_impl.kiosk.business.method import Methods
from reference_impl.kiosk.business.notices import NOTICES
from reference_impl.kiosk.business.options import covering_method
from reference_impl.kiosk.business.outcome import CITIZEN, Outcome
from reference_impl.kiosk.business.session import Paying, Purchase, Session, Stage, Step, act, ask, to_menu
from reference_impl.kiosk.business.steps import FINAL, follow, known, page_until, with_trade
from reference_impl.kiosk.business.words import (
    Accept,
    Back,
    Broken,
    BusinessEvent,
    Cancel,
    Choose,
    Noted,
    Refused,
    Settled,
    TradeSeen,
    Unanswered,
)
from reference_impl.kiosk.business.works import NoteTrade, OpenTrade, Settle

__all__ = ["Quotes"]


class Quotes:
    """Who pays, opening the trade, the quote. A handler that gives None has no use for the event."""

    def __init__(self, terms: Terms, methods: Methods, outcome: Outcome) -> None:
        self.terms, self._methods, self._outcome = terms, methods, outcome
        self.handlers: dict[Stage, Callable[[Session, BusinessEvent, float], Step | None]] = {
            Stage.PAYER: self._payer,
            Stage.ACCOUNT: self._account,
            Stage.NOTE_TRADE: self._noted,
            Stage.OPEN: self._opened,
            Stage.REOPEN: self._reopen,
            Stage.SETTLE: self._settled,
            Stage.QUOTING: self._quoting,
            Stage.QUOTE: self._quote,
        }

    def begin(self, session: Session, purchase: Purchase, now: float) -> Step:
        """Ask what must be asked, then open the trade."""
        session = replace(session, paying=Paying(purchase))
        assert session.visitor is not None, "nobody pays before they are known"
        if session.visitor.insured:
            return ask(session, Stage.PAYER, page_until(session, now, self.terms.choose_s))
        return self._note(session)

    def _payer(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Back | Cancel):
            return to_menu(session, now, self.terms)
        if not isinstance(event, Choose):
            return None
        if event.ids == ("self",):
            return self._note(session)
        session = replace(session, paying=replace(session.paying, insured=True))
        return ask(session, Stage.ACCOUNT, page_until(session, now, self.terms.choose_s))

    def _account(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Back | Cancel):
            return to_menu(session, now, self.terms)
        if not isinstance(event, Choose):
            return None
        return self._note(replace(session, paying=replace(session.paying, use_account=event.ids == ("yes",))))

    def _note(self, session: Session) -> Step:
        assert session.paying.purchase is not None, "a trade is opened for a purchase"
        return act(session, Stage.NOTE_TRADE, NoteTrade(session.paying.purchase.kind))

    def _noted(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Broken):
            return to_menu(session, now, self.terms, NOTICES["outbox"], event.code)
        if not isinstance(event, Noted):
            return None
        return self._open(replace(session, paying=replace(session.paying, key=event.key)))

    def _open(self, session: Session) -> Step:
        paying, visitor = session.paying, session.visitor
        assert paying.purchase is not None, "a trade is opened for a purchase"
        assert visitor is not None, "nobody pays before they are known"
        request = OpenTradeRequest(
            visitor_id=visitor.visitor_id,
            bill_ids=paying.purchase.bill_ids,
            lock_id=paying.purchase.lock_id,
            insured=paying.insured,
            use_account=paying.use_account,
        )
        return act(session, Stage.OPEN, OpenTrade(paying.key, request))

    def _opened(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, TradeSeen):
            return self._judge(with_trade(session, event.trade, until=now + self.terms.quoting_s), now)
        if isinstance(event, Refused):
            return to_menu(session, now, self.terms, event.label, event.code)
        if isinstance(event, Broken):
            return to_menu(session, now, self.terms, NOTICES["outbox"], event.code)
        if isinstance(event, Unanswered):
            until = page_until(session, now, self.terms.choose_s)
            return ask(session, Stage.REOPEN, until, notice=NOTICES["silent"], notice_code="silent")
        return None

    def _reopen(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        """The platform kept silent: the same key again, or leave it to be settled."""
        if isinstance(event, Choose) and event.ids == ("yes",):
            return self._open(session)
        if isinstance(event, Choose | Back | Cancel):
            return act(session, Stage.SETTLE, Settle())
        return None

    def _settled(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Settled | Unanswered | Refused | Broken):
            return to_menu(session, now, self.terms)
        return None

    def _quoting(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, TradeSeen):
            return self._judge(with_trade(session, event.trade), now)
        if isinstance(event, Unanswered | Refused | Broken):
            return self._keep_quoting(session, now)
        if isinstance(event, Cancel | Back):
            return self._outcome.cancel(session, CITIZEN, now)
        return None

    def _judge(self, session: Session, now: float) -> Step:
        trade = known(session)
        if trade.state == "awaiting" and trade.split is not None:
            return ask(session, Stage.QUOTE, page_until(session, now, self.terms.quote_s))
        if trade.state in FINAL:
            return self._outcome.finish(session, now)
        if trade.state == "cancelling":
            session = replace(session, paying=replace(session.paying, until=now + self.terms.cancelling_s))
            return self._outcome.keep_cancelling(session, now)
        return self._keep_quoting(session, now)

    def _keep_quoting(self, session: Session, now: float) -> Step:
        if now >= session.paying.until:
            return self._outcome.cancel(session, "quote-time-out", now)
        return act(session, Stage.QUOTING, follow(session, self.terms), until=session.paying.until)

    def _quote(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Back | Cancel):
            return self._outcome.cancel(session, CITIZEN, now)
        if not isinstance(event, Accept):
            return None
        trade = known(session)
        assert trade.split is not None, "a quote is shown when it is there"
        if trade.split.cash_fen:
            return self._methods.ask_method(session, now)
        paying = replace(session.paying, method=covering_method(session.kind))
        return ask(replace(session, paying=paying), Stage.CONFIRM, page_until(session, now, self.terms.quote_s))
