"""One whole service at a kiosk as a machine of calls and answers: identify, bills, open, quote, pin-key where it is wanted, pay,
decision, receipt. Pure: it says what to ask next and when, and is told what came back.

It keeps the kiosk's promises: one press has one key, an unanswered request is sent again with the same key, and whoever
leaves with a trade open turns it back.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel

from loadtest.guests import Guest
from loadtest.pad import Pad
from protocols.wire.platform.models import (
    BillList,
    OpenTradeRequest,
    PinKey,
    Problem,
    ReceiptView,
    TradeView,
    Visitor,
)
from simulators.card.bank_holder import EXPIRY

__all__ = ["WAITING_CALLS", "Answer", "Ask", "Manners", "Outcome", "Visit"]

M = TypeVar("M", bound=BaseModel)

WAITING_CALLS = frozenset({"quote", "decide"})
"""Calls that ask the platform to answer once there is news."""

ENDS = frozenset({"paid", "closed", "refunded", "manual"})
SAID = {"paid": "paid", "closed": "not-paid", "refunded": "refunded", "manual": "uncertain"}


@dataclass(frozen=True, slots=True)
class Manners:
    """How kiosk and citizen behave, in seconds: the pauses of the citizen before bills, opening, pressing pay and the receipt;
    ``follow_s``: how long one look at a trade may wait for news; ``pause_s``: looks come no faster; ``again_s``: before something
    unanswered is sent again, at most ``resends`` times; ``patience_s``: how long a quote or decision is waited for."""

    bills_s: float = 1.0
    open_s: float = 2.0
    pay_s: float = 4.0
    receipt_s: float = 1.0
    follow_s: float = 5.0
    pause_s: float = 0.5
    again_s: float = 1.0
    resends: int = 3
    patience_s: float = 60.0
    presses: int = 2


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that is due ``after_s`` after the last answer, or at ``at_s`` where that is given and later. ``sealed`` makes
    the plaintext of the sealed part from Unix time; ``key`` is the idempotency key; the reply is read as ``reads`` and may take
    ``wait_s`` on purpose."""

    call: str
    method: str
    target: str
    reads: type[BaseModel]
    body: Mapping[str, object] | None = None
    sealed: Callable[[float], Mapping[str, object]] | None = None
    key: str = ""
    after_s: float = 0.0
    at_s: float | None = None
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """``value`` a reply that is what was asked for, ``problem`` a refusal, neither: silence. Times as in CallRow."""

    due_s: float
    heard_s: float
    value: BaseModel | None = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """``said`` is what the citizen was told of ``trade_no``: paid, not-paid, refunded, uncertain; empty where no trade was
    opened. ``why`` what ended a service that was not paid. ``quoted_s`` from opening to the quote, ``decided_s`` from the press to
    the decision, both from intended instants; ``pressed_s`` when pay was due."""

    trade_no: str = ""
    said: str = ""
    why: str = ""
    method: str = ""
    quoted_s: float | None = None
    decided_s: float | None = None
    pressed_s: float | None = None


class _GaveUp(Exception):
    """The service cannot go on; the text is a code. ``silent``: nobody knows what became of the last request."""

    def __init__(self, code: str, *, silent: bool = False) -> None:
        super().__init__(code)
        self.silent = silent


Steps = Generator[Ask, Answer, M]


class Visit:
    """*keys* gives a fresh idempotency key; *press_s* is when pay is pressed, None for as soon as the citizen can."""

    def __init__(
        self, guest: Guest, pad: Pad, keys: Callable[[], str], manners: Manners, press_s: float | None = None
    ) -> None:
        self._guest, self._pad, self._keys, self._manners, self._press_s = guest, pad, keys, manners, press_s
        self._outcome = Outcome()
        self._codes = 0

    def run(self) -> Generator[Ask, Answer, Outcome]:
        """The whole service; it always ends with an outcome."""
        try:
            yield from self._serve()
        except _GaveUp as end:
            self._note(why=str(end))
            if self._outcome.trade_no and self._outcome.said == "":
                yield from self._turn_back()
        return self._outcome

    def _note(self, **changes: object) -> None:
        self._outcome = replace(self._outcome, **changes)  # type: ignore[arg-type]

    def _serve(self) -> Generator[Ask, Answer, None]:
        manners = self._manners
        visitor, _ = yield from self._ask(
            Ask("identify", "POST", "/v1/identity", Visitor, sealed=lambda unix_s: self._guest.shown(unix_s)), Visitor
        )
        if not visitor.record:
            raise _GaveUp("no-record")
        target = f"/v1/bills?{urlencode({'visitor_id': visitor.visitor_id})}"
        bills, _ = yield from self._ask(Ask("bills", "GET", target, BillList, after_s=manners.bills_s), BillList)
        if not bills.bills:
            raise _GaveUp("no-bill")
        trade = yield from self._quote(visitor, bills.bills[0].bill_id)
        if trade.state != "awaiting":
            self._end(trade, "no-quote")
            return
        trade = yield from self._pay(trade)
        self._end(trade, "not-paid")
        if trade.state == "paid":
            receipt = Ask("receipt", "GET", self._path("/receipt"), ReceiptView, after_s=manners.receipt_s)
            yield from self._ask(receipt, ReceiptView)

    def _end(self, trade: TradeView, why: str) -> None:
        """What the citizen is told, from a state that is durable."""
        said = SAID.get(trade.state, "uncertain")
        reason = next((each.code for each in reversed(trade.attempts) if each.code), trade.reason)
        self._note(said=said, why="" if said == "paid" else f"{why} {trade.state} {reason}".strip())

    # Opening and quote.

    def _quote(self, visitor: Visitor, bill_id: str) -> Steps[TradeView]:
        wanted = OpenTradeRequest(
            visitor_id=visitor.visitor_id, bill_ids=(bill_id,), insured=self._guest.insured and visitor.insured
        )
        key = self._keys()
        opened = Ask(
            "open", "POST", "/v1/trades", TradeView, wanted.model_dump(), key=key, after_s=self._manners.open_s
        )
        try:
            trade, answer = yield from self._ask(opened, TradeView)
        except _GaveUp as end:
            if end.silent:  # it may be open all the same: whoever leaves asks for it by its key, and turns it back
                yield from self._find(key)
            raise
        self._note(trade_no=trade.trade_no)
        trade, heard_s = yield from self._follow("quote", trade, answer, lambda each: each.state != "quoting")
        if trade.state == "awaiting" and trade.split is not None:
            self._note(quoted_s=heard_s - answer.due_s)
        return trade

    def _find(self, key: str) -> Generator[Ask, Answer, None]:
        target = f"/v1/trades?{urlencode({'key': key})}"
        try:
            trade, _ = yield from self._ask(Ask("find", "GET", target, TradeView), TradeView)
        except _GaveUp:
            return  # none, or silence again: the platform closes it when its time is over
        self._note(trade_no=trade.trade_no)

    def _follow(
        self, call: str, trade: TradeView, answer: Answer, done: Callable[[TradeView], bool]
    ) -> Generator[Ask, Answer, tuple[TradeView, float]]:
        """Look at the trade until *done*, or patience ends; when that was heard."""
        began_s, manners = answer.due_s, self._manners
        last = answer
        while not done(trade):
            if last.heard_s - began_s > manners.patience_s:
                raise _GaveUp(f"{call}-too-long")
            look = f"?{urlencode({'wait_s': f'{manners.follow_s:g}'})}"
            # A look that was answered soon is followed by the next one after a pause, one that waited by the next at once.
            pause = max(0.0, manners.pause_s - (last.heard_s - last.due_s)) if last is not answer else 0.0
            asked = Ask(call, "GET", self._path(look), TradeView, after_s=pause, wait_s=manners.follow_s)
            trade, last = yield from self._ask(asked, TradeView)
        return trade, last.heard_s

    # Paying.

    def _pay(self, trade: TradeView) -> Steps[TradeView]:
        for press in range(self._manners.presses):
            covered = trade.split is not None and trade.split.cash_fen == 0
            method = self._covering() if covered else self._guest.method
            self._note(method=method)
            if method == "bank_card" and (not self._pad.ready or press):
                yield from self._load_key()
            trade, pressed = yield from self._ask(self._press(method, first=press == 0), TradeView)
            trade, heard_s = yield from self._follow("decide", trade, pressed, _settled)
            # Of a second press it is still the first one from which the citizen waits.
            first_s = self._outcome.pressed_s if self._outcome.pressed_s is not None else pressed.due_s
            self._note(pressed_s=first_s)
            if trade.decided or trade.state in ENDS:
                self._note(decided_s=heard_s - first_s)
                return trade
            action = trade.attempts[-1].action if trade.attempts else ""
            if action not in ("sign_in", "ask_pin_again"):
                break
        code = next((each.code for each in reversed(trade.attempts) if each.code), trade.reason)
        raise _GaveUp(f"not-paid {code}".strip())

    def _press(self, method: str, *, first: bool) -> Ask:
        body: dict[str, object] = {"method": method}
        sealed: Callable[[float], Mapping[str, object]] | None = None
        if method == "bank_card":
            card = self._card()
            sealed = lambda _: card  # noqa: E731 the seam takes a maker
        elif method == self._guest.method:
            self._codes += 1
            body["auth_code"] = self._guest.auth_code(self._codes)
        at_s = self._press_s if first else None
        after_s = self._manners.pay_s if first and at_s is None else 0.0
        return Ask(
            "pay", "POST", self._path("/pay"), TradeView, body, sealed, key=self._keys(), after_s=after_s, at_s=at_s
        )

    def _card(self) -> dict[str, object]:
        resident = self._guest.resident
        return {
            "pan": resident.pan,
            "expiry": EXPIRY,
            "track2": resident.track2,
            "entry_mode": "021",
            "pin_block": self._pad.block(resident.bank_pin, resident.pan),
            "pin_key": self._pad.version,
        }

    def _load_key(self) -> Generator[Ask, Answer, None]:
        key, _ = yield from self._ask(Ask("pin-key", "POST", "/v1/terminals/pin-key", PinKey), PinKey)
        if not self._pad.load(key):
            raise _GaveUp("pin-key-check-value")

    def _covering(self) -> str:
        return "e_credential" if self._guest.credential == "e_credential" else "account"

    # Leaving.

    def _turn_back(self) -> Generator[Ask, Answer, None]:
        """Ask the platform to undo it; what it says then is what the citizen hears."""
        try:
            body = {"reason": "load-visit-failed"}
            trade, answer = yield from self._ask(
                Ask("cancel", "POST", self._path("/cancel"), TradeView, body), TradeView
            )
            trade, _ = yield from self._follow("decide", trade, answer, lambda each: each.decided or each.state in ENDS)
            self._note(said=SAID.get(trade.state, "uncertain"))
        except _GaveUp:
            self._note(said="uncertain")

    # One call.

    def _path(self, rest: str) -> str:
        return f"/v1/trades/{quote(self._outcome.trade_no, safe='')}{rest}"

    def _ask(self, ask: Ask, model: type[M]) -> Generator[Ask, Answer, tuple[M, Answer]]:
        """Ask until there is an answer; the time of the first asking is the one that counts."""
        asked, first_due_s = ask, None
        for _ in range(self._manners.resends + 1):
            answer = yield asked
            first_due_s = answer.due_s if first_due_s is None else first_due_s
            if answer.value is not None:
                assert isinstance(answer.value, model), "the runner reads replies as they were asked for"
                return answer.value, replace(answer, due_s=first_due_s)
            if answer.problem is not None and not answer.problem.retry:
                raise _GaveUp(f"{ask.call}: {answer.problem.code}")
            asked = replace(ask, after_s=self._manners.again_s, at_s=None)
        raise _GaveUp(f"{ask.call}: silent", silent=True)


def _settled(trade: TradeView) -> bool:
    """Nothing is under way on a trade that was pressed."""
    return trade.decided or trade.state in ENDS or trade.state == "awaiting"
