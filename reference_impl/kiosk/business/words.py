"""What can happen while a citizen is served: what comes of works, and what the citizen does. Plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.wire.base import Label
from protocols.wire.platform.models import (
    Appointment,
    Bill,
    CheckIn,
    Department,
    Doctor,
    ReceiptView,
    RefundEligibility,
    Slot,
    SlotLock,
    TradeView,
    Visitor,
)
from reference_impl.kiosk.business.works import BankCard, PinBlock

__all__ = [
    "Accept",
    "AppointmentsListed",
    "Back",
    "BillsListed",
    "BlockEntered",
    "Broken",
    "BusinessEvent",
    "Cancel",
    "CardRead",
    "CheckedIn",
    "Choose",
    "CodeScanned",
    "DepartmentsListed",
    "DoctorsListed",
    "EligibilityKnown",
    "Identified",
    "Locked",
    "Misread",
    "Noted",
    "PadCancelled",
    "PadTimedOut",
    "Printed",
    "ReceiptGiven",
    "Refused",
    "Settled",
    "ShowDetail",
    "SlotsListed",
    "TradeSeen",
    "TurnPage",
    "Unanswered",
]


# What comes of works.


@dataclass(frozen=True, slots=True)
class Identified:
    visitor: Visitor = field(repr=False)


@dataclass(frozen=True, slots=True)
class BillsListed:
    bills: tuple[Bill, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class DepartmentsListed:
    departments: tuple[Department, ...]


@dataclass(frozen=True, slots=True)
class DoctorsListed:
    doctors: tuple[Doctor, ...]


@dataclass(frozen=True, slots=True)
class SlotsListed:
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Locked:
    lock: SlotLock


@dataclass(frozen=True, slots=True)
class AppointmentsListed:
    appointments: tuple[Appointment, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckedIn:
    check_in: CheckIn


@dataclass(frozen=True, slots=True)
class Noted:
    """What was to be noted is durable under *key*."""

    key: str


@dataclass(frozen=True, slots=True)
class TradeSeen:
    """What the platform has said, durably, about a trade."""

    trade: TradeView


@dataclass(frozen=True, slots=True)
class EligibilityKnown:
    eligibility: RefundEligibility
    trade: TradeView


@dataclass(frozen=True, slots=True)
class ReceiptGiven:
    receipt: ReceiptView


@dataclass(frozen=True, slots=True)
class Printed:
    pass


@dataclass(frozen=True, slots=True)
class Settled:
    """Every open key was asked about; *still_open* of them are not decided yet."""

    still_open: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The platform said no. ``certain``: it also cannot have said yes to an earlier copy of the same request."""

    code: str
    label: Label
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The platform kept silent: it may have done what was asked, or not."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """Something of this kiosk failed before anything was sent: its disk, keypad, reader, printer."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CardRead:
    card: BankCard = field(repr=False)


@dataclass(frozen=True, slots=True)
class BlockEntered:
    pin: PinBlock


@dataclass(frozen=True, slots=True)
class PadCancelled:
    """The citizen pressed cancel on the keypad."""


@dataclass(frozen=True, slots=True)
class PadTimedOut:
    """Nobody pressed a key on the keypad for too long."""


# What the citizen does.


@dataclass(frozen=True, slots=True)
class Choose:
    """Ids of options, or the one text that was asked for."""

    ids: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accept:
    """Yes, go on, pay: what the page asks."""


@dataclass(frozen=True, slots=True)
class Back:
    """One page back; nothing was agreed to."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Give up what is under way; on the menu: end."""


@dataclass(frozen=True, slots=True)
class TurnPage:
    by: int


@dataclass(frozen=True, slots=True)
class ShowDetail:
    """What is in the bill of that id."""

    id: str


@dataclass(frozen=True, slots=True)
class CodeScanned:
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Misread:
    """What was entered answers no question of this page."""


BusinessEvent = (
    Identified
    | BillsListed
    | DepartmentsListed
    | DoctorsListed
    | SlotsListed
    | Locked
    | AppointmentsListed
    | CheckedIn
    | Noted
    | TradeSeen
    | EligibilityKnown
    | ReceiptGiven
    | Printed
    | Settled
    | Refused
    | Unanswered
    | Broken
    | CardRead
    | BlockEntered
    | PadCancelled
    | PadTimedOut
    | Choose
    | Accept
    | Back
    | Cancel
    | TurnPage
    | ShowDetail
    | CodeScanned
    | Misread
)
