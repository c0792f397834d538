"""What is known of the citizen who is being served, between two steps; and the few moves that all rules share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from protocols.wire.base import Label
from protocols.wire.platform.models import (
    Appointment,
    Bill,
    CheckIn,
    Credential,
    Department,
    Doctor,
    ReceiptView,
    RefundEligibility,
    Slot,
    SlotLock,
    TradeView,
    Visitor,
)
from reference_impl.kiosk.business.menu import Method, SlipKind, Terms
from reference_impl.kiosk.business.told import Told
from reference_impl.kiosk.business.works import BankCard, BusinessWork, SendPay
from reference_impl.kiosk.words import Problem

__all__ = [
    "ACTS",
    "ASKS",
    "WATCHED",
    "Booking",
    "Paying",
    "Purchase",
    "Session",
    "Stage",
    "Step",
    "act",
    "ask",
    "end",
    "to_menu",
]


class Stage(StrEnum):
    """Where a session is. In :data:`ASKS` it waits for the citizen, in :data:`WATCHED` for a device or the platform while
    the citizen may still speak, in :data:`ACTS` something is carried through."""

    IDENTIFY = "identify"
    RECORD = "record"
    CREATE = "create"
    MENU = "menu"
    HOLDER = "holder"
    LOADING = "loading"
    BILLS = "bills"
    DETAIL = "detail"
    PAYER = "payer"
    ACCOUNT = "account"
    NOTE_TRADE = "note_trade"
    OPEN = "open"
    REOPEN = "reopen"
    SETTLE = "settle"
    QUOTING = "quoting"
    QUOTE = "quote"
    METHOD = "method"
    CARD = "card"
    PIN = "pin"
    CODE = "code"
    CONFIRM = "confirm"
    NOTE_PAY = "note_pay"
    SEND_PAY = "send_pay"
    PAYING = "paying"
    SEND_CANCEL = "send_cancel"
    CANCELLING = "cancelling"
    RECEIPT = "receipt"
    PRINT = "print"
    RESULT = "result"
    DEPARTMENT = "department"
    DOCTOR = "doctor"
    DATE = "date"
    SLOT = "slot"
    LOCK = "lock"
    APPOINTMENT = "appointment"
    CHECK_IN = "check_in"
    REFUND_NO = "refund_no"
    ELIGIBILITY = "eligibility"
    REFUND_CONFIRM = "refund_confirm"
    NOTE_REFUND = "note_refund"
    SEND_REFUND = "send_refund"
    REFUNDING = "refunding"
    ENDED = "ended"


ASKS = frozenset(
    {
        Stage.RECORD,
        Stage.MENU,
        Stage.HOLDER,
        Stage.BILLS,
        Stage.DETAIL,
        Stage.PAYER,
        Stage.ACCOUNT,
        Stage.REOPEN,
        Stage.QUOTE,
        Stage.METHOD,
        Stage.CONFIRM,
        Stage.RESULT,
        Stage.DEPARTMENT,
        Stage.DOCTOR,
        Stage.DATE,
        Stage.SLOT,
        Stage.APPOINTMENT,
        Stage.REFUND_CONFIRM,
    }
)
WATCHED = frozenset(
    {
        Stage.QUOTING,
        Stage.CARD,
        Stage.PIN,
        Stage.CODE,
        Stage.PAYING,
        Stage.CANCELLING,
        Stage.REFUND_NO,
        Stage.REFUNDING,
    }
)
ACTS = frozenset(Stage) - ASKS - WATCHED - {Stage.ENDED}


@dataclass(frozen=True, slots=True)
class Purchase:
    """What is to be paid: bills, or a slot lock that is good *until* (kiosk's clock). ``rows`` are for the screen."""

    kind: str
    total_fen: int
    bill_ids: tuple[str, ...] = ()
    lock_id: str = ""
    until: float | None = None
    rows: tuple[tuple[Label, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Paying:
    """One trade at this kiosk. ``key`` and ``pay_key`` are durable before they are used; ``answered``: the platform has
    said something to the press of ``pay_key`` (or to the wish for a refund), ``doubted``: a copy of it stayed unanswered, so
    that a refusal of another copy says nothing about it. ``until`` is when the kiosk stops waiting for the outcome; ``pressed`` counts
    presses; ``turned_back_at`` is when the kiosk first asked to turn back: from then on no press is sent again.
    ``code``, ``card`` and ``sending`` are kept only until the press is answered, the card also for a second PIN.
    """

    purchase: Purchase | None = None
    insured: bool = False
    use_account: bool = False
    key: str = ""
    trade: TradeView | None = None
    method: Method | None = None
    pay_key: str = ""
    pressed: int = 0
    answered: bool = True
    doubted: bool = False
    until: float = 0.0
    card: BankCard | None = field(default=None, repr=False)
    code: str = field(default="", repr=False)
    fresh_key: bool = False
    sending: SendPay | None = field(default=None, repr=False)
    receipt: ReceiptView | None = None
    refunding: bool = False
    turned_back_at: float | None = None
    eligibility: RefundEligibility | None = None

    @property
    def trade_no(self) -> str:
        return self.trade.trade_no if self.trade is not None else ""


@dataclass(frozen=True, slots=True)
class Booking:
    """What has been chosen of a registration so far, and the appointments of the citizen."""

    departments: tuple[Department, ...] = ()
    department: Department | None = None
    doctors: tuple[Doctor, ...] = ()
    doctor: Doctor | None = None
    dates: tuple[str, ...] = ()
    slots: tuple[Slot, ...] = ()
    slot: Slot | None = None
    lock: SlotLock | None = None
    appointments: tuple[Appointment, ...] = ()
    check_in: CheckIn | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A citizen at the kiosk, who showed a credential of *kind*. ``leaving`` says why the session winds up; ``told`` the
    last thing that was said about money, ``notice`` what went wrong on the way to this page (``notice_code`` for a
    harness). ``slip`` is the kind that was printed.
    """

    stage: Stage
    deadline: float | None = None
    by_card: bool = False
    kind: str = ""
    credential: Credential | None = field(default=None, repr=False)
    visitor: Visitor | None = field(default=None, repr=False)
    expires_at: float = 0.0
    page: int = 0
    notice: Label | None = None
    notice_code: str = ""
    bills: tuple[Bill, ...] = field(default=(), repr=False)
    detail_of: str = ""
    booking: Booking = Booking()
    paying: Paying = Paying()
    told: Told | None = None
    slip: SlipKind | None = None
    leaving: Problem | None = None
    wound_up: bool = False
    problem: Problem | None = None
    detail: str = ""

    @property
    def trade(self) -> TradeView | None:
        return self.paying.trade


Step = tuple[Session, BusinessWork | None]


def ask(session: Session, stage: Stage, until: float, **changes: object) -> Step:
    """Wait for the citizen on a page of its own, at most *until*. The notice is cleared unless it is among *changes*."""
    values: dict[str, object] = {"notice": None, "notice_code": "", "page": 0, **changes}
    return replace(session, stage=stage, deadline=until, **values), None  # type: ignore[arg-type]


def act(session: Session, stage: Stage, work: BusinessWork, until: float | None = None, **changes: object) -> Step:
    """Do *work*. With *until*, it is a watch that ends then."""
    values: dict[str, object] = {"notice": None, "notice_code": "", **changes}
    return replace(session, stage=stage, deadline=until, **values), work  # type: ignore[arg-type]


def to_menu(session: Session, now: float, terms: Terms, notice: Label | None = None, code: str = "") -> Step:
    """Back to the menu; what was chosen is forgotten. A visit that is over ends."""
    if now >= session.expires_at:
        return end(session, Problem.TIME_OUT)
    fresh = replace(session, bills=(), booking=Booking(), paying=Paying(), told=None, slip=None, credential=None)
    until = min(now + terms.menu_s, session.expires_at)
    return ask(fresh, Stage.MENU, until, notice=notice, notice_code=code)


def end(session: Session, problem: Problem | None, detail: str = "") -> Step:
    """The session is over and everything personal forgotten."""
    return Session(
        stage=Stage.ENDED, by_card=session.by_card, kind=session.kind, told=session.told, problem=problem, detail=detail
    ), None
