"""The way to pay and the press of pay. One press has one key, durable before anything is sent, the same on every resend.

An unanswered press stays what it is: neither paid nor not. It is sent again under its key until the platform has said
something to it, or the citizen turns back, or the kiosk's patience ends and it says that it does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from protocols.wire.base import Label
from protocols.wire.platform.models import TradeView
from reference_impl.kiosk.business.menu import CODE_SHAPES, METHOD_LABELS, QR_METHODS, Method, Terms
from reference_impl.kiosk.business.notices import CARD_NOT_TAKEN, NOTICES
from reference_impl.kiosk.business.outcome import CITIZEN, Outcome
from reference_impl.kiosk.business.session import Session, Stage, Step, act, ask
from reference_impl.kiosk.business.steps import FINAL, cash_fen, follow, known, page_until, with_trade
from reference_impl.kiosk.business.told import last_cash, told_of
from reference_impl.kiosk.business.words import (
    Accept,
    Back,
    BlockEntered,
    Broken,
    BusinessEvent,
    Cancel,
    CardRead,
    Choose,
    CodeScanned,
    Noted,
    PadCancelled,
    PadTimedOut,
    Refused,
    TradeSeen,
    Unanswered,
)
from reference_impl.kiosk.business.works import EnterPin, NotePay, ReadBankCard, ScanCode, SendPay

__all__ = ["Methods"]

KEY_CHANGED = "pin-key-changed"
"""The terminal has signed in again since the PIN was entered."""
KEYPAD_MARGIN_S = 1.0
"""The keypad's own limit comes before the page's, so that it closes by itself."""


class Methods:
    """Card, PIN, code, the press and what comes of it. A handler that gives None has no use for the event."""

    def __init__(self, terms: Terms, outcome: Outcome) -> None:
        self.terms, self._outcome = terms, outcome
        self.handlers: dict[Stage, Callable[[Session, BusinessEvent, float], Step | None]] = {
            Stage.METHOD: self._method,
            Stage.CARD: self._card,
            Stage.PIN: self._pin,
            Stage.CODE: self._code,
            Stage.CONFIRM: self._confirm,
            Stage.NOTE_PAY: self._noted,
            Stage.SEND_PAY: self._sent,
            Stage.PAYING: self._paying,
        }

    # The way to pay.

    def ask_method(self, session: Session, now: float, notice: Label | None = None, code: str = "") -> Step:
        """Choose (again); nothing of an earlier way is kept."""
        if session.paying.pressed >= self.terms.presses:
            return self._outcome.cancel(session, "too-many-attempts", now)
        paying = replace(session.paying, method=None, card=None, code="", sending=None, pay_key="", fresh_key=False)
        until = page_until(session, now, self.terms.choose_s)
        return ask(replace(session, paying=paying), Stage.METHOD, until, notice=notice, notice_code=code)

    def _method(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Back):
            return ask(session, Stage.QUOTE, page_until(session, now, self.terms.quote_s))
        if not isinstance(event, Choose):
            return self._another_way(session, event, now)
        method = Method(event.ids[0])
        session = replace(session, paying=replace(session.paying, method=method))
        if method is Method.BANK_CARD:
            return self._read_card(session, now)
        return act(session, Stage.CODE, ScanCode(), until=page_until(session, now, self.terms.code_s))

    def _read_card(self, session: Session, now: float, notice: Label | None = None, code: str = "") -> Step:
        if session.paying.pressed >= self.terms.presses:
            return self._outcome.cancel(session, "too-many-attempts", now)
        until = page_until(session, now, self.terms.card_s)
        work = ReadBankCard(max(until - now, 1.0), cash_fen(known(session)))
        return act(session, Stage.CARD, work, until=until, notice=notice, notice_code=code)

    def _card(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, CardRead):
            session = replace(session, paying=replace(session.paying, card=event.card))
            return self._ask_pin(session, now, session.notice, session.notice_code)
        if isinstance(event, Broken):
            return self.ask_method(
                session, now, NOTICES[CARD_NOT_TAKEN if event.code == CARD_NOT_TAKEN else "card"], event.code
            )
        return self._another_way(session, event, now)

    def _ask_pin(self, session: Session, now: float, notice: Label | None = None, code: str = "") -> Step:
        paying = session.paying
        assert paying.card is not None, "a PIN belongs to a card"
        if paying.pressed >= self.terms.presses:
            return self._outcome.cancel(session, "too-many-attempts", now)
        until = page_until(session, now, self.terms.pin_s)
        work = EnterPin(paying.card.pan, max(until - now - KEYPAD_MARGIN_S, 1.0), paying.fresh_key)
        return act(session, Stage.PIN, work, until=until, notice=notice, notice_code=code)

    def _pin(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        paying = session.paying
        if isinstance(event, BlockEntered):
            sending = SendPay(paying.trade_no, "", Method.BANK_CARD, card=paying.card, pin=event.pin)
            return self._press(session, sending)
        if isinstance(event, PadCancelled):
            return self.ask_method(session, now)
        if isinstance(event, PadTimedOut):
            return self.ask_method(session, now, NOTICES["pin-time-out"], "pin-time-out")
        if isinstance(event, Broken | Refused):
            return self.ask_method(session, now, NOTICES["keypad"], event.code)
        if isinstance(event, Unanswered):
            return self.ask_method(session, now, NOTICES["unreachable"], "silent")
        return self._another_way(session, event, now)

    def _code(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        method = session.paying.method
        assert method is not None, "a code is scanned for a method"
        until = page_until(session, now, self.terms.code_s)
        if isinstance(event, CodeScanned):
            if not CODE_SHAPES[method].fits(event.text):
                wrong = Label(
                    f"这不是{METHOD_LABELS[method].zh}付款码", f"No payment code of {METHOD_LABELS[method].en}"
                )
                return act(session, Stage.CODE, ScanCode(), until=until, notice=wrong, notice_code="wrong-code")
            session = replace(session, paying=replace(session.paying, code=event.text))
            return ask(session, Stage.CONFIRM, until)
        if isinstance(event, Broken):
            return self.ask_method(session, now, NOTICES["scanner"], event.code)
        return self._another_way(session, event, now)

    def _confirm(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        paying = session.paying
        assert paying.method is not None, "a method is confirmed"
        if isinstance(event, Accept):
            return self._press(session, SendPay(paying.trade_no, "", paying.method, auth_code=paying.code))
        if isinstance(event, Back) and paying.method not in QR_METHODS:
            return ask(session, Stage.QUOTE, page_until(session, now, self.terms.quote_s))
        return self._another_way(session, event, now)

    def _another_way(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Back):
            return self.ask_method(session, now)
        return self._outcome.cancel(session, CITIZEN, now) if isinstance(event, Cancel) else None

    # The press.

    def _press(self, session: Session, sending: SendPay) -> Step:
        paying = replace(session.paying, sending=sending, code="", pressed=session.paying.pressed + 1)
        work = NotePay(session.paying.key, sending.method)
        return act(replace(session, paying=paying), Stage.NOTE_PAY, work, told=None)

    def _noted(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Broken):
            return self._outcome.cancel(session, "kiosk-fault", now)
        if not isinstance(event, Noted):
            return None
        sending = session.paying.sending
        assert sending is not None, "what is noted is what will be sent"
        sending = replace(sending, key=event.key)
        until = now + self.terms.paying_s
        paying = replace(session.paying, pay_key=event.key, sending=sending, answered=False, doubted=False, until=until)
        return act(replace(session, paying=paying), Stage.SEND_PAY, sending)

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

    def _paying(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, TradeSeen):
            return self._judge(with_trade(session, event.trade), now)
        if isinstance(event, Unanswered | Refused | Broken):
            return self._go_on(session, now, session.notice, session.notice_code)
        return self._outcome.cancel(session, CITIZEN, now) if isinstance(event, Cancel | Back) else None

    def _judge(self, session: Session, now: float) -> Step:
        """What the platform says of a trade on which pay was pressed."""
        trade, paying = known(session), session.paying
        if trade.state in FINAL:
            return self._outcome.finish(session, now)
        if trade.state == "awaiting" and paying.turned_back_at is not None and now < paying.until:
            return self._outcome.cancel(session, CITIZEN, now)
        if trade.state == "awaiting" and paying.answered:
            return self._try_again(session, trade, now)
        if trade.state == "awaiting" and now < paying.until:
            # It has not heard of the press, or not yet: the same press again, under the same key.
            assert paying.sending is not None, "an unanswered press is kept"
            return act(session, Stage.SEND_PAY, paying.sending)
        return self._go_on(session, now, session.notice, session.notice_code)

    def _go_on(self, session: Session, now: float, notice: Label | None = None, code: str = "") -> Step:
        """Follow the trade until it is decided or the kiosk's patience ends."""
        until = session.paying.until
        if now >= until:
            return self._outcome.uncertain(session, now)
        work = follow(session, self.terms, slowly=not session.paying.answered)
        return act(session, Stage.PAYING, work, until=until, notice=notice, notice_code=code)

    def _try_again(self, session: Session, trade: TradeView, now: float) -> Step:
        """The press came to nothing: the platform says what the terminal should do about it."""
        attempt = last_cash(trade)
        action = attempt.action if attempt is not None else ""
        code = (attempt.code if attempt is not None else trade.reason) or session.notice_code or action
        notice = NOTICES.get(action) or session.notice or NOTICES["not-paid"]
        session = replace(session, told=told_of(trade))
        card = session.paying.card
        if action in ("ask_pin_again", "sign_in") and card is not None:
            fresh_key = action == "sign_in" or code == KEY_CHANGED
            session = replace(session, paying=replace(session.paying, sending=None, pay_key="", fresh_key=fresh_key))
            if card.chip_data:
                # What a chip signed is good for one message: it signs again before the PIN is asked again.
                return self._read_card(session, now, notice, code)
            return self._ask_pin(session, now, notice, code)
        return self.ask_method(session, now, notice, code)
