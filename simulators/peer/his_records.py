"""The state of the HIS, changed by events and by nothing else: the same events make the same state.

An event is a JSON object: ``e`` its kind, ``at`` the time of the HIS's clock, ``key`` (institution, idempotency key, keyed
fingerprint of the content, what it made) where the request carried one. Nothing is decided here: an event says what was decided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, cast

from protocols.wire.his.fields import day_text
from simulators.peer.his_tables import BillRecord, Booking, EBillRecord, Move, Purse, RefundRecord, SlotLock, Trade

__all__ = ["Records"]

Event = Mapping[str, Any]
MOST_KEYS = 500_000


class Records:
    """Every table. Compare two by :meth:`as_dict`."""

    def __init__(self) -> None:
        self.patients: set[str] = set()
        self.purses: dict[str, Purse] = {}
        self.bills: dict[str, BillRecord] = {}
        self.slots: dict[str, dict[int, str]] = {}
        """Slot to visiting number to the lock or booking that holds it."""
        self.locks: dict[str, SlotLock] = {}
        self.bookings: dict[str, Booking] = {}
        self.sessions: dict[str, list[str]] = {}
        """Session to its bookings that have checked in, in order."""
        self.trades: dict[str, Trade] = {}
        self.refunds: dict[str, RefundRecord] = {}
        self.pending: dict[str, float] = {}
        """Refunds that are granted and not done, with when they will be."""
        self.ebills: dict[str, EBillRecord] = {}
        self.ebills_of: dict[str, list[str]] = {}
        self.moves: list[Move] = []
        self.moves_of_day: dict[str, list[int]] = {}
        self.keys: dict[str, tuple[str, str]] = {}
        self.counters: dict[str, int] = defaultdict(int)
        self.held: set[str] = set()
        """Trades in standing ``held``, expired ones too."""
        self.free_locks: set[str] = set()
        """Slot locks that are live and in no trade, expired ones too."""
        self._changes: dict[str, Callable[[Event, float], None]] = {
            "patient": self._patient,
            "bills": self._billed,
            "bookings": self._booked_elsewhere,
            "slot-locked": self._slot_locked,
            "slot-released": self._slot_released,
            "checked-in": self._checked_in,
            "booking-cancelled": self._booking_cancelled,
            "locked": self._locked,
            "released": self._released,
            "fenced": self._fenced,
            "settled": self._settled,
            "undone": self._undone,
            "refund": self._refund,
            "refund-done": self._refund_done,
            "refund-withdrawn": self._refund_withdrawn,
            "refund-fenced": self._refund_fenced,
            "returns": self._returns,
            "ebill": self._ebill_marked,
        }

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {name: _plain(value) for name, value in vars(self).items() if name != "_changes"}

    def apply(self, event: Event) -> None:
        """Raises KeyError or TypeError for what no HIS has written."""
        at: float = event["at"]
        if "key" in event:
            institution, key, mark, made = event["key"]
            self.keys[f"{institution} {key}"] = (mark, made)
            if len(self.keys) > MOST_KEYS:
                del self.keys[next(iter(self.keys))]
        self._changes[event["e"]](event, at)

    def peek(self, counter: str) -> int:
        """The next number; the event that takes it raises the counter."""
        return self.counters[counter] + 1 if counter in self.counters else 1

    def purse(self, institution: str, patient_id: str) -> Purse:
        """What that patient has at that clinic; empty for who was never asked about."""
        return self.purses.get(f"{institution} {patient_id}") or Purse()

    def _own_purse(self, event: Event) -> Purse:
        return self.purses.setdefault(f"{event['inst']} {event['patient']}", Purse())

    # Patients, bills and bookings from elsewhere.

    def _patient(self, event: Event, at: float) -> None:
        self.patients.add(f"{event['inst']} {event['patient']}")

    def _billed(self, event: Event, at: float) -> None:
        purse = self._own_purse(event)
        for bill_id, written_at in event["bills"]:
            self.bills[bill_id] = BillRecord(bill_id, written_at)
            purse.bill_ids.append(bill_id)

    def _booked_elsewhere(self, event: Event, at: float) -> None:
        purse = self._own_purse(event)
        purse.bookings_asked = True
        for values in event["bookings"]:
            booking = Booking(**values)
            self.counters["booking"] += 1
            self._book(booking, purse)
            if booking.lock_id:
                self.counters["lock"] += 1
                self.locks[booking.lock_id] = SlotLock(
                    booking.lock_id,
                    booking.institution,
                    booking.patient_id,
                    booking.slot_id,
                    booking.number,
                    booking.fee_fen,
                    at,
                    0.0,
                    booking_id=booking.booking_id,
                )

    def _book(self, booking: Booking, purse: Purse) -> None:
        self.bookings[booking.booking_id] = booking
        purse.booking_ids.append(booking.booking_id)
        self._hold(booking.slot_id, booking.number, booking.booking_id)

    def _hold(self, slot_id: str, number: int, holder: str) -> None:
        """Whoever held the number before has lost it: it had expired, or nobody would have been given it."""
        before = self.slots.setdefault(slot_id, {}).get(number, "")
        self.slots[slot_id][number] = holder
        lost = self.locks.get(before)
        if lost is not None and lost.state == "live" and lost.booking_id != holder:
            lost.state = "expired"
            self.free_locks.discard(before)

    def _let_go(self, slot_id: str, number: int, holder: str) -> None:
        held = self.slots.get(slot_id, {})
        if held.get(number) == holder:
            del held[number]

    # Slots.

    def _slot_locked(self, event: Event, at: float) -> None:
        self.counters["lock"] += 1
        lock = SlotLock(at=at, **event["lock"])
        self._hold(lock.slot_id, lock.number, lock.lock_id)
        self.locks[lock.lock_id] = lock
        self.free_locks.add(lock.lock_id)

    def _slot_released(self, event: Event, at: float) -> None:
        self._free(self.locks[event["lock"]])

    def _free(self, lock: SlotLock) -> None:
        if lock.booking_id:
            lock.trade_no = ""
            return
        if lock.state == "live":
            lock.state = "released"
        self.free_locks.discard(lock.lock_id)
        self._let_go(lock.slot_id, lock.number, lock.lock_id)

    def _checked_in(self, event: Event, at: float) -> None:
        booking = self.bookings[event["booking"]]
        booking.checked_in_at = at
        self.sessions.setdefault(event["session"], []).append(booking.booking_id)

    def _booking_cancelled(self, event: Event, at: float) -> None:
        self._cancel(self.bookings[event["booking"]])

    def _cancel(self, booking: Booking) -> None:
        booking.cancelled = True
        self._let_go(booking.slot_id, booking.number, booking.booking_id)
        lock = self.locks.get(booking.lock_id)
        if lock is not None and lock.state == "live":
            lock.state = "released"

    # Trades.

    def _locked(self, event: Event, at: float) -> None:
        values: dict[str, Any] = {**event["trade"], "bill_ids": tuple(event["trade"]["bill_ids"])}
        trade = Trade(at=at, standing="held", **values)
        self.trades[trade.trade_no] = trade
        self.held.add(trade.trade_no)
        for bill_id in trade.bill_ids:
            self.bills[bill_id].holder = trade.trade_no
        if trade.lock_id:
            self.locks[trade.lock_id].trade_no = trade.trade_no
            self.free_locks.discard(trade.lock_id)

    def _released(self, event: Event, at: float) -> None:
        trade = self.trades[event["trade"]]
        trade.standing = "released"
        self.held.discard(trade.trade_no)
        for bill_id in trade.bill_ids:
            self._unhold(bill_id, trade.trade_no)
        lock = self.locks.get(trade.lock_id)
        if lock is not None and lock.trade_no == trade.trade_no:
            self._free(lock)

    def _unhold(self, bill_id: str, trade_no: str) -> None:
        if self.bills[bill_id].holder == trade_no:
            self.bills[bill_id].holder = ""

    def _fenced(self, event: Event, at: float) -> None:
        self.trades[event["trade"]] = Trade(event["trade"], event["inst"], "charge", "", "fenced", at)

    def _settled(self, event: Event, at: float) -> None:
        """One event for all of it: a HIS that dies has done everything of a settlement, or nothing."""
        told = event["trade"]
        trade = self.trades.get(told["trade_no"])
        if trade is None:  # a registration that went straight from its slot lock to the payment
            trade = Trade(
                told["trade_no"],
                event["inst"],
                "register",
                event["patient"],
                "held",
                at,
                lock_id=event["lock"],
                total_fen=event["fee_fen"],
            )
            self.trades[trade.trade_no] = trade
        for name, value in told.items():
            setattr(trade, name, tuple(value) if name == "split" else value)
        trade.standing, trade.settled_at = "settled", at
        self.held.discard(trade.trade_no)
        self.counters[f"reconciliation {day_text(at)}"] += 1
        for bill_id in trade.bill_ids:
            self.bills[bill_id].state = "paid"
            self.bills[bill_id].holder = trade.trade_no
        if trade.business == "register":
            self._registered(trade, at)
        self._issue(trade, at, red=False)
        self._move(Move("pay", trade.trade_no, trade.trade_no, at, day_text(at)), trade)

    def _registered(self, trade: Trade, at: float) -> None:
        lock = self.locks[trade.lock_id]
        lock.state, lock.trade_no = "used", trade.trade_no
        self.free_locks.discard(lock.lock_id)
        if lock.booking_id:
            booking = self.bookings[lock.booking_id]
            booking.paid, booking.trade_no = True, trade.trade_no
            return
        self.counters["booking"] += 1
        booking = Booking(
            trade.booking_id,
            lock.institution,
            lock.patient_id,
            lock.slot_id,
            lock.number,
            lock.fee_fen,
            at,
            paid=True,
            lock_id=lock.lock_id,
            trade_no=trade.trade_no,
        )
        self._book(booking, self.purses.setdefault(f"{lock.institution} {lock.patient_id}", Purse()))

    def _issue(self, trade: Trade, at: float, *, red: bool) -> None:
        self.counters["ebill"] += 1
        number = f"44060126-{self.counters['ebill']:010d}"
        ebill = EBillRecord(number, trade.institution, trade.patient_id, trade.trade_no, trade.total_fen, at, red)
        self.ebills[number] = ebill
        self.ebills_of.setdefault(f"{trade.institution} {trade.patient_id}", []).append(number)
        if not red:
            trade.ebill_id = number

    def _move(self, move: Move, trade: Trade) -> None:
        self.moves_of_day.setdefault(f"{trade.institution} {move.day}", []).append(len(self.moves))
        self.moves.append(move)

    def _take_back(self, trade: Trade, reference: str, at: float, *, bills: str) -> None:
        """The settlement of *trade* is undone: its bills become *bills*, its booking is cancelled."""
        for bill_id in trade.bill_ids:
            self.bills[bill_id].state = bills  # pyright: ignore[reportAttributeAccessIssue]
            self.bills[bill_id].holder = ""
        booking = self.bookings.get(trade.booking_id)
        if booking is not None:
            self._cancel(booking)
        self._issue(trade, at, red=True)
        self._move(Move("undo", reference, trade.trade_no, at, day_text(at)), trade)

    def _undone(self, event: Event, at: float) -> None:
        trade = self.trades[event["trade"]]
        trade.standing = "undone"
        self._take_back(trade, trade.trade_no, at, bills="unpaid")

    # Refunds.

    def _refund(self, event: Event, at: float) -> None:
        refund = RefundRecord(at=at, standing="pending", **event["refund"])
        self.counters[f"refund {day_text(at)}"] += 1
        self.refunds[refund.refund_no] = refund
        self.pending[refund.refund_no] = refund.done_at
        trade = self.trades[refund.trade_no]
        trade.standing, trade.refund_no = "refunding", refund.refund_no

    def _refund_done(self, event: Event, at: float) -> None:
        refund = self.refunds[event["refund"]]
        refund.standing, refund.done_at = "done", at
        del self.pending[refund.refund_no]
        trade = self.trades[refund.trade_no]
        trade.standing = "refunded"
        self._take_back(trade, refund.refund_no, at, bills="void")

    def _refund_withdrawn(self, event: Event, at: float) -> None:
        refund = self.refunds[event["refund"]]
        refund.standing = "withdrawn"
        del self.pending[refund.refund_no]
        trade = self.trades[refund.trade_no]
        trade.standing, trade.refund_no = "settled", ""

    def _refund_fenced(self, event: Event, at: float) -> None:
        self.refunds[event["refund"]] = RefundRecord(event["refund"], event["inst"], "fenced", at)

    def _returns(self, event: Event, at: float) -> None:
        refund = self.refunds[event["refund"]]
        refund.si_refund_id, refund.cash_refund_id = event["si"], event["cash"]

    def _ebill_marked(self, event: Event, at: float) -> None:
        self.ebills[event["ebill"]].printed = event["printed"]


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(each) for name, each in asdict(value).items()}
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in cast("list[Any]", value)]
    return sorted(cast("set[Any]", value)) if isinstance(value, set) else value
