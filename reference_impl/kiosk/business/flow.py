"""The rules of business at a kiosk: a session and an event go in, the next session and what to do go out. Pure.

Four promises hold in every path:

- **Never more than the platform has said.** What a citizen reads about money comes from a durable state of the trade
  (``told.py``); where there is none, the kiosk says that it does not know, and gives a slip with the trade number.
- **One press, one key.** A key is durable before the first byte is sent, and every resend carries the same one.
- **Nothing is left behind.** Whoever leaves with a trade open turns it back, or leaves it noted for the next start.
- **Nothing personal stays** once the session has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from protocols.wire.platform.endpoints import Refused as RefusedCode
from protocols.wire.platform.models import Bill, Credential
from reference_impl.kiosk.business.menu import Service, Terms
from reference_impl.kiosk.business.method import Methods
from reference_impl.kiosk.business.notices import NOTICES
from reference_impl.kiosk.business.options import options_of
from reference_impl.kiosk.business.outcome import Outcome
from reference_impl.kiosk.business.quote import Quotes
from reference_impl.kiosk.business.refund import Refunds
from reference_impl.kiosk.business.registration import Registration
from reference_impl.kiosk.business.session import (
    ACTS,
    WATCHED,
    Purchase,
    Session,
    Stage,
    Step,
    act,
    ask,
    end,
    to_menu,
)
from reference_impl.kiosk.business.steps import FINAL, cash_fen, follow, known, page_until
from reference_impl.kiosk.business.words import (
    Accept,
    Back,
    BillsListed,
    Broken,
    BusinessEvent,
    Cancel,
    Choose,
    Identified,
    Misread,
    Refused,
    ShowDetail,
    TurnPage,
    Unanswered,
)
from reference_impl.kiosk.business.works import (
    BusinessWork,
    CreateRecord,
    EnterPin,
    Identify,
    ListBills,
    ReadBankCard,
    ScanCode,
    SendCancel,
)
from reference_impl.kiosk.words import Problem, Tick

__all__ = ["Business"]

SEVERAL = frozenset({Stage.BILLS})
"""Pages on which more than one option may be chosen."""

OF_TERMINAL = frozenset(RefusedCode)
"""Codes that are about this kiosk, not about the citizen."""
FREE_TEXT = frozenset({Stage.REFUND_NO})
ROUNDING_S = 0.001


class Business:
    """The rules under :class:`Terms`. :meth:`begin` once a citizen has shown who they are, then :meth:`step` with every
    event, :meth:`leave` when the kiosk has to end it. The session is over when its stage is ``ended``."""

    def __init__(self, terms: Terms | None = None) -> None:
        self.terms = terms or Terms()
        self.outcome = Outcome(self.terms)
        methods = Methods(self.terms, self.outcome)
        quotes = Quotes(self.terms, methods, self.outcome)
        registration = Registration(self.terms, quotes, self.outcome)
        refunds = Refunds(self.terms, self.outcome)
        self._quotes, self._registration, self._refunds, self._methods = quotes, registration, refunds, methods
        self._handlers: dict[Stage, Callable[[Session, BusinessEvent, float], Step | None]] = {
            Stage.IDENTIFY: self._identified,
            Stage.CREATE: self._identified,
            Stage.RECORD: self._record,
            Stage.MENU: self._menu,
            Stage.HOLDER: self._holder,
            Stage.LOADING: self._loaded,
            Stage.BILLS: self._bills,
            Stage.DETAIL: self._detail,
            Stage.RESULT: self._result,
            **self.outcome.handlers,
            **methods.handlers,
            **quotes.handlers,
            **registration.handlers,
            **refunds.handlers,
        }

    def begin(self, credential: Credential, by_card: bool) -> Step:
        """A citizen has shown *credential*: ask the platform who they are."""
        session = Session(Stage.IDENTIFY, by_card=by_card, kind=credential.kind, credential=credential)
        return session, Identify(credential)

    def step(self, session: Session, event: BusinessEvent | Tick, now: float) -> Step:
        """What *event* leads to. An event that means nothing on this page changes nothing."""
        if session.stage is Stage.ENDED:
            return session, None
        if isinstance(event, Tick):
            due = session.deadline is not None and now >= session.deadline - ROUNDING_S
            return self._settle_leaving(self._time_out(session, now) if due else self._stay(session, now), now)
        taken = self._citizen(session, event, now) if isinstance(event, Choose | TurnPage | Misread) else None
        if taken is None:
            taken = self._handlers[session.stage](session, event, now)
        if taken is None:
            taken = self._fallback(session, event, now)
        return self._settle_leaving(taken, now)

    def leave(self, session: Session, problem: Problem, now: float) -> Step:
        """The citizen is gone, or the kiosk must stop: wind up. An act under way is carried through first."""
        session = replace(session, leaving=session.leaving or problem)
        return self._settle_leaving((session, None), now)

    # Entries that do not fit, events that nobody waits for, time.

    def _citizen(self, session: Session, event: Choose | TurnPage | Misread, now: float) -> Step | None:
        if session.stage in ACTS:
            return session, None
        if isinstance(event, TurnPage):
            last = max(0, (len(options_of(session, self.terms)) - 1) // self.terms.page)
            page = min(max(session.page + event.by, 0), last)
            return self._stay(replace(session, page=page), now)
        if isinstance(event, Choose) and self._can_choose(session, event):
            return None
        misread = replace(session, notice=NOTICES["choose"], notice_code="choose")
        return self._stay(misread, now)

    def _can_choose(self, session: Session, event: Choose) -> bool:
        if session.stage in FREE_TEXT:
            return len(event.ids) == 1
        known = {each.id for each in options_of(session, self.terms)}
        most = 20 if session.stage in SEVERAL else 1
        distinct = len(set(event.ids)) == len(event.ids)
        return distinct and 1 <= len(event.ids) <= most and set(event.ids) <= known

    def _fallback(self, session: Session, event: BusinessEvent, now: float) -> Step:
        """What no handler wanted: an act that failed leads back to the menu, anything else changes nothing."""
        if session.stage not in ACTS or not isinstance(event, Refused | Unanswered | Broken):
            return self._stay(session, now)
        if isinstance(event, Refused):
            return to_menu(session, now, self.terms, event.label, event.code)
        code = event.code if isinstance(event, Broken) else "silent"
        return to_menu(session, now, self.terms, NOTICES["unreachable"], code)

    def _stay(self, session: Session, now: float) -> Step:
        """The same page; what is watched there is watched on."""
        return session, self._watch(session, now)

    def _watch(self, session: Session, now: float) -> BusinessWork | None:
        if session.stage not in WATCHED:
            return None
        left = max((session.deadline or now) - now, 1.0)
        match session.stage:
            case Stage.CODE | Stage.REFUND_NO:
                return ScanCode()
            case Stage.CARD:
                return ReadBankCard(left, cash_fen(known(session)))
            case Stage.PIN:
                assert session.paying.card is not None, "a PIN belongs to a card"
                return EnterPin(session.paying.card.pan, left)
            case _:
                return follow(session, self.terms)

    def _time_out(self, session: Session, now: float) -> Step:
        match session.stage:
            case Stage.RESULT:
                return end(session, None)
            case Stage.HOLDER:
                return to_menu(session, now, self.terms)
            case Stage.CARD | Stage.CODE | Stage.PIN if now < page_until(session, now, 1.0):
                return self._methods.ask_method(session, now, NOTICES["time-out"], "time-out")
            case Stage.QUOTING:
                return self.outcome.cancel(session, "quote-time-out", now)
            case Stage.PAYING | Stage.CANCELLING | Stage.REFUNDING:
                return self.outcome.uncertain(session, now)
            case _:
                return self.leave(session, Problem.TIME_OUT, now)

    # Winding up.

    def _settle_leaving(self, step: Step, now: float) -> Step:
        """Where the session is to end, go on winding up as soon as no act is under way."""
        session, _ = step
        if session.leaving is None or session.stage in ACTS or session.stage is Stage.ENDED:
            return step
        return self._wind_up(session, now)

    def _wind_up(self, session: Session, now: float) -> Step:
        problem, paying = session.leaving, session.paying
        undecided = paying.trade is not None and paying.trade.state not in FINAL
        if not undecided or session.wound_up or session.stage is Stage.RESULT:
            return end(session, problem)
        session = replace(session, wound_up=True)
        under_way = session.stage in (Stage.PAYING, Stage.CANCELLING, Stage.REFUNDING)
        if under_way or paying.refunding:
            return self.outcome.uncertain(session, now)
        # Nothing is under way that the citizen could be waiting for: free what the trade holds.
        return act(session, Stage.SEND_CANCEL, SendCancel(paying.trade_no, "citizen-left"))

    # Who it is.

    def _identified(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Refused):
            of_terminal = event.code in OF_TERMINAL
            return end(session, Problem.PLATFORM_REFUSED if of_terminal else Problem.NOT_RECOGNISED, event.code)
        if isinstance(event, Unanswered):
            return end(session, Problem.PLATFORM_SILENT, event.detail)
        if isinstance(event, Broken):
            return end(session, Problem.PLATFORM_SILENT, event.code)
        if not isinstance(event, Identified):
            return None
        visitor = event.visitor
        session = replace(session, visitor=visitor, credential=None, expires_at=visitor.expires_at)
        if not visitor.record:
            return ask(session, Stage.RECORD, min(now + self.terms.choose_s, visitor.expires_at))
        return to_menu(session, now, self.terms)

    def _record(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        """The HIS does not know them yet: create a record (DG-SVC-ID-07), or end."""
        if isinstance(event, Choose) and event.ids == ("yes",):
            assert session.visitor is not None, "a record is created for a visitor"
            return act(session, Stage.CREATE, CreateRecord(session.visitor.visitor_id))
        if isinstance(event, Choose | Back | Cancel):
            return end(session, Problem.CANCELLED)
        return None

    # The menu.

    def _menu(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Cancel | Back):
            return end(session, None)
        if not isinstance(event, Choose):
            return None
        assert session.visitor is not None, "the menu is for a visitor"
        match event.ids[0]:
            case Service.PAY:
                return act(session, Stage.LOADING, ListBills(session.visitor.visitor_id))
            case Service.REGISTER:
                return self._registration.begin(session)
            case Service.APPOINTMENTS:
                return self._registration.begin_appointments(session)
            case Service.REFUND:
                return self._refunds.begin(session, now)
            case Service.HOLDER:
                return ask(session, Stage.HOLDER, min(now + self.terms.menu_s, session.expires_at))
            case _:
                return end(session, None)

    def _holder(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        return to_menu(session, now, self.terms) if isinstance(event, Accept | Back | Cancel) else None

    def _loaded(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, BillsListed):
            if not event.bills:
                return to_menu(session, now, self.terms, NOTICES["no-bills"], "no-bills")
            until = page_until(session, now, self.terms.choose_s)
            return ask(replace(session, bills=event.bills), Stage.BILLS, until)
        return self._registration.listed(session, event, now)

    def _bills(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Back | Cancel):
            return to_menu(session, now, self.terms)
        if isinstance(event, ShowDetail) and any(each.bill_id == event.id for each in session.bills):
            until = page_until(session, now, self.terms.choose_s)
            return ask(session, Stage.DETAIL, until, detail_of=event.id)
        if not isinstance(event, Choose):
            return None
        chosen = tuple(each for each in session.bills if each.bill_id in event.ids)
        if not _together(chosen):
            notice = NOTICES["not-together"]
            return replace(session, notice=notice, notice_code="not-together"), None
        purchase = Purchase("bill", sum(each.total_fen for each in chosen), tuple(each.bill_id for each in chosen))
        return self._quotes.begin(session, purchase, now)

    def _detail(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        """What is in one bill (DG-SVC-PAY-01); from here back to the list."""
        if not isinstance(event, Back | Cancel | Accept):
            return None
        return ask(session, Stage.BILLS, page_until(session, now, self.terms.choose_s), detail_of="")

    def _result(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Choose) and event.ids == ("menu",):
            return to_menu(session, now, self.terms)
        return end(session, None) if isinstance(event, Choose | Accept | Back | Cancel) else None


def _together(bills: tuple[Bill, ...]) -> bool:
    """The rule of spec/services.md 2.2: several bills only where each may be merged and all are of one kind."""
    return len(bills) == 1 or (all(each.mergeable for each in bills) and len({each.med_type for each in bills}) == 1)
