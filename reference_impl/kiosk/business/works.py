"""What the kiosk can do for a citizen who is being served. Plain frozen values.

A work is an *act*, which is carried through to its end whatever else happens, or a *watch*, which may be abandoned at any
moment because it changes nothing: a look at a trade, or a question to a device in front of the citizen.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.wire.platform.models import (
    CheckIn,
    Credential,
    OpenTradeRequest,
    ReceiptView,
    TradeView,
)
from reference_impl.kiosk.business.menu import Method, SlipKind

__all__ = [
    "WATCHES",
    "BankCard",
    "BusinessWork",
    "CheckEligibility",
    "CheckInAt",
    "CreateRecord",
    "EnterPin",
    "FollowTrade",
    "GetReceipt",
    "Identify",
    "ListAppointments",
    "ListBills",
    "ListDepartments",
    "ListDoctors",
    "ListSlots",
    "LockSlot",
    "NotePay",
    "NoteRefund",
    "NoteTrade",
    "OpenTrade",
    "PinBlock",
    "PrintSlip",
    "ReadBankCard",
    "ScanCode",
    "SendCancel",
    "SendPay",
    "SendRefund",
    "Settle",
]


@dataclass(frozen=True, slots=True)
class BankCard:
    """What the reader gave of a bank card: the fields of CardData without the PIN. ``pan`` is digits, ``expiry`` YYMM,
    ``track2`` with ``D`` or ``=`` and without sentinels, ``chip_data`` the TLV of field 55 in hexadecimal."""

    pan: str = field(repr=False)
    expiry: str = field(default="", repr=False)
    track2: str = field(default="", repr=False)
    entry_mode: str = "021"
    sequence: str = ""
    chip_data: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PinBlock:
    """An enciphered PIN block, 8 bytes, and the version of the key that made it."""

    block: bytes = field(repr=False)
    key_version: str


# Acts.


@dataclass(frozen=True, slots=True)
class Identify:
    credential: Credential = field(repr=False)


@dataclass(frozen=True, slots=True)
class CreateRecord:
    visitor_id: str
    phone: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ListBills:
    visitor_id: str


@dataclass(frozen=True, slots=True)
class ListDepartments:
    pass


@dataclass(frozen=True, slots=True)
class ListDoctors:
    department_id: str


@dataclass(frozen=True, slots=True)
class ListSlots:
    """*date* is ``YYYY-MM-DD``."""

    department_id: str
    doctor_id: str
    date: str


@dataclass(frozen=True, slots=True)
class LockSlot:
    slot_id: str
    visitor_id: str


@dataclass(frozen=True, slots=True)
class ListAppointments:
    visitor_id: str


@dataclass(frozen=True, slots=True)
class CheckInAt:
    appointment_id: str


@dataclass(frozen=True, slots=True)
class NoteTrade:
    """Make a key for one new trade and make it durable. Nothing has been sent."""

    kind: str


@dataclass(frozen=True, slots=True)
class OpenTrade:
    """Send what was noted under *key*; the same key however often."""

    key: str
    request: OpenTradeRequest


@dataclass(frozen=True, slots=True)
class NotePay:
    """The citizen has pressed pay: make a key for this one press and make it durable. Nothing has been sent."""

    trade_key: str
    method: Method


@dataclass(frozen=True, slots=True)
class SendPay:
    """Send the press that was noted under *key*; the same key however often."""

    trade_no: str
    key: str
    method: Method
    auth_code: str = field(default="", repr=False)
    card: BankCard | None = field(default=None, repr=False)
    pin: PinBlock | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SendCancel:
    trade_no: str
    reason: str


@dataclass(frozen=True, slots=True)
class Settle:
    """Ask the platform about every open key, and turn back what nobody waits for any more."""


@dataclass(frozen=True, slots=True)
class CheckEligibility:
    trade_no: str


@dataclass(frozen=True, slots=True)
class NoteRefund:
    trade_no: str


@dataclass(frozen=True, slots=True)
class SendRefund:
    trade_no: str
    reason: str


@dataclass(frozen=True, slots=True)
class GetReceipt:
    trade_no: str


@dataclass(frozen=True, slots=True)
class PrintSlip:
    """``trade`` and ``receipt`` as far as they are known; ``check_in`` for the slip of a check-in."""

    kind: SlipKind
    trade: TradeView | None = None
    receipt: ReceiptView | None = None
    check_in: CheckIn | None = None


# Watches.


@dataclass(frozen=True, slots=True)
class FollowTrade:
    """Ask what has become of a trade; the platform may take *wait_s* for news. The answer is wanted no sooner than after
    *least_s*, where what follows it would be asking again."""

    trade_no: str
    wait_s: float
    least_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ReadBankCard:
    """The bank data of the card inside, which signs *amount_fen* if it has a chip; where none is inside, let one in."""

    limit_s: float
    amount_fen: int = 0


@dataclass(frozen=True, slots=True)
class EnterPin:
    """PIN of *pan* at the keypad. ``fresh_key``: fetch the PIN key anew before."""

    pan: str = field(repr=False)
    limit_s: float
    fresh_key: bool = False


@dataclass(frozen=True, slots=True)
class ScanCode:
    """The next code that the scanner reads."""


WATCHES = (FollowTrade, ReadBankCard, EnterPin, ScanCode)

BusinessWork = (
    Identify
    | CreateRecord
    | ListBills
    | ListDepartments
    | ListDoctors
    | ListSlots
    | LockSlot
    | ListAppointments
    | CheckInAt
    | NoteTrade
    | OpenTrade
    | NotePay
    | SendPay
    | SendCancel
    | Settle
    | CheckEligibility
    | NoteRefund
    | SendRefund
    | GetReceipt
    | PrintSlip
    | FollowTrade
    | ReadBankCard
    | EnterPin
    | ScanCode
)
