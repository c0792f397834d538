"""What the HIS keeps: one class a table. No name, no citizen number: a patient stands here under the HIS's own number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["BillRecord", "Booking", "EBillRecord", "Move", "RefundRecord", "SlotLock", "Trade"]

LockState = Literal["live", "used", "released", "expired"]
TradeStanding = Literal["held", "released", "fenced", "settled", "refunding", "refunded", "undone"]
RefundStanding = Literal["pending", "done", "withdrawn", "fenced"]


@dataclass(slots=True)
class BillRecord:
    """``holder`` is the trade that has locked it last, alive or not; ``at`` when it was written."""

    bill_id: str
    at: float
    state: Literal["unpaid", "paid", "void"] = "unpaid"
    holder: str = ""


@dataclass(slots=True)
class SlotLock:
    """``number`` is the visiting number; ``booking_id`` names the booking whose dues are paid under this lock, which then
    does not expire by itself (``expires_at`` 0). ``trade_no``: the trade that has taken it over."""

    lock_id: str
    institution: str
    patient_id: str
    slot_id: str
    number: int
    fee_fen: int
    at: float
    expires_at: float
    terminal_id: str = ""
    booking_id: str = ""
    trade_no: str = ""
    state: LockState = "live"


@dataclass(slots=True)
class Booking:
    """A registration. ``elsewhere``: it was not made through this interface."""

    booking_id: str
    institution: str
    patient_id: str
    slot_id: str
    number: int
    fee_fen: int
    at: float
    paid: bool
    lock_id: str = ""
    trade_no: str = ""
    elsewhere: bool = False
    cancelled: bool = False
    checked_in_at: float = 0.0


@dataclass(slots=True)
class Trade:
    """``mark`` and ``settle_mark`` are keyed fingerprints of what it was locked and settled with. The parts of ``split`` are
    fund, account, cash and reduction, in fen."""

    trade_no: str
    institution: str
    business: Literal["charge", "register"]
    patient_id: str
    standing: TradeStanding
    at: float
    bill_ids: tuple[str, ...] = ()
    lock_id: str = ""
    total_fen: int = 0
    expires_at: float = 0.0
    mark: str = ""
    settle_mark: str = ""
    settled_at: float = 0.0
    reconciliation_no: str = ""
    split: tuple[int, int, int, int] = (0, 0, 0, 0)
    cash_kind: str = ""
    terminal_id: str = ""
    setl_id: str = ""
    mdtrt_id: str = ""
    booking_id: str = ""
    ebill_id: str = ""
    refund_no: str = ""


@dataclass(slots=True)
class RefundRecord:
    refund_no: str
    institution: str
    standing: RefundStanding
    at: float
    trade_no: str = ""
    mark: str = ""
    done_at: float = 0.0
    his_refund_id: str = ""
    si_refund_id: str = ""
    cash_refund_id: str = ""


@dataclass(slots=True)
class EBillRecord:
    """``red``: it takes back the e-bill of the same trade."""

    ebill_id: str
    institution: str
    patient_id: str
    trade_no: str
    amount_fen: int
    at: float
    red: bool = False
    printed: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """One movement of money, in the order of the clock. ``reference`` of an undo is the refund's number, or the trade's."""

    kind: Literal["pay", "undo"]
    reference: str
    trade_no: str
    at: float
    day: str


@dataclass(slots=True)
class Purse:
    """What one patient has at one clinic."""

    bill_ids: list[str] = field(default_factory=list[str])
    booking_ids: list[str] = field(default_factory=list[str])
    bookings_asked: bool = False
