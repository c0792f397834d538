"""My bookings, check-in, cancellation: operations 7 and 8 of spec/services.md 2.1.

Some bookings were made elsewhere (an app, the window) before the patient comes to a kiosk. They are there once somebody asks, always
the same for one seed: the first is of the next slot that is not over, its fee due for a patient with an odd number and paid for an
even one; the second was yesterday and has expired; further ones lie on the following days.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Literal

from protocols.wire.his.fields import day_text, moment_text
from protocols.wire.his.refusals import Refused
from protocols.wire.his.registration_messages import Booking as BookingRow
from protocols.wire.his.registration_messages import (
    BookingList,
    CancelBooking,
    CancelledBooking,
    CheckedIn,
    CheckIn,
    ListBookings,
)
from simulators.peer.his_clinic import SlotPlan
from simulators.peer.his_house import Asked, House
from simulators.peer.his_slots import DAY_S
from simulators.peer.his_tables import Booking

__all__ = ["cancel_booking", "check_in", "list_bookings"]

State = Literal["booked", "checked_in", "expired", "cancelled"]
USUAL_DEPARTMENT = "01"


def list_bookings(house: House, asked: Asked, message: ListBookings) -> BookingList:
    """7."""
    patient = house.patient(asked, message.patient_id)
    if not house.records.purse(asked.institution, patient.patient_id).bookings_asked:
        _from_elsewhere(house, asked, patient.patient_id, patient.number)
    numbers = house.records.purse(asked.institution, patient.patient_id).booking_ids
    return BookingList(
        patient_id=patient.patient_id,
        registrations=tuple(_row(house, house.records.bookings[each], asked.at) for each in numbers),
    )


def _from_elsewhere(house: House, asked: Asked, patient_id: str, resident: int) -> None:
    bookings: list[dict[str, Any]] = []
    booking_no, lock_no = house.records.peek("booking"), house.records.peek("lock")
    taken: dict[str, set[int]] = {}
    for order in range(house.terms.appointments):
        slot = _slot_elsewhere(house, asked, order, taken)
        if slot is None:
            continue
        number = next(n for n in house.free_numbers(slot, asked.at) if n not in taken.get(slot.slot_id, set()))
        taken.setdefault(slot.slot_id, set()).add(number)
        paid = (resident + order) % 2 == 0
        booking = Booking(
            booking_id=f"R{booking_no:08d}",
            institution=asked.institution,
            patient_id=patient_id,
            slot_id=slot.slot_id,
            number=number,
            fee_fen=slot.session.doctor.reg_fee_fen,
            at=asked.at,
            paid=paid,
            lock_id="" if paid else f"L{lock_no:08d}",
            elsewhere=True,
        )
        booking_no, lock_no = booking_no + 1, lock_no + (not paid)
        bookings.append(asdict(booking))
    event = {"e": "bookings", "inst": asked.institution, "patient": patient_id, "bookings": bookings}
    house.emit(asked, event)


def _slot_elsewhere(house: House, asked: Asked, order: int, taken: dict[str, set[int]]) -> SlotPlan | None:
    """The slot of the booking with that *order*: the first with room from a day on."""
    first_day = -1 if order == 1 else 0 if order == 0 else order - 1
    for ahead in range(first_day, house.terms.days + 1):
        for slot in _slots_of_day(house, asked, day_text(asked.at + ahead * DAY_S)):
            if order != 1 and slot.ends_at <= asked.at:
                continue
            free = set(house.free_numbers(slot, asked.at)) - taken.get(slot.slot_id, set())
            if free and slot.session.held:
                return slot
    return None


def _slots_of_day(house: House, asked: Asked, day: str) -> Iterator[SlotPlan]:
    found = [slot for each in house.clinic.sessions(asked.clinic, USUAL_DEPARTMENT, day) for slot in each.slots]
    return iter(sorted(found, key=lambda slot: (slot.starts_at, slot.slot_id)))


def _state(house: House, booking: Booking, at: float) -> State:
    if booking.cancelled:
        return "cancelled"
    if booking.checked_in_at:
        return "checked_in"
    return "expired" if house.slot_of(booking.slot_id).ends_at <= at else "booked"


def _row(house: House, booking: Booking, at: float) -> BookingRow:
    slot, state = house.slot_of(booking.slot_id), _state(house, booking, at)
    session = slot.session
    due = not booking.paid and state == "booked"
    return BookingRow(
        registration_id=booking.booking_id,
        slot_id=slot.slot_id,
        department_id=session.department.department_id,
        department=session.department.name,
        doctor_id=session.doctor.doctor_id,
        doctor=session.doctor.name,
        date=session.day,
        starts=slot.starts,
        ends=slot.ends,
        see_no=str(booking.number),
        state=state,
        due_fen=booking.fee_fen if due else 0,
        lock_id=booking.lock_id if due else "",
        trade_no=booking.trade_no,
        room=session.department.location,
    )


def check_in(house: House, asked: Asked, message: CheckIn) -> CheckedIn:
    """7: from some time before the slot until its end, once the fee is paid; a second time answers the same."""
    booking = house.booking(asked, message.registration_id)
    slot = house.slot_of(booking.slot_id)
    if not booking.checked_in_at or booking.cancelled:
        _may_check_in(house, asked, booking, slot)
        session = slot.session.schedule_id
        house.emit(asked, {"e": "checked-in", "booking": booking.booking_id, "session": session})
    before = house.records.sessions[slot.session.schedule_id].index(booking.booking_id)
    return CheckedIn(
        registration_id=booking.booking_id,
        see_no=str(booking.number),
        room=slot.session.department.location,
        checked_in_at=moment_text(booking.checked_in_at),
        waiting=before,
    )


def _may_check_in(house: House, asked: Asked, booking: Booking, slot: SlotPlan) -> None:
    trade = house.records.trades.get(booking.trade_no)
    if booking.cancelled or (trade is not None and trade.standing == "refunding"):
        raise Refused("booking-cancelled", "registration_id")
    if slot.ends_at <= asked.at:
        raise Refused("booking-expired", "registration_id")
    if not booking.paid:
        raise Refused("fee-due", "registration_id")
    if asked.at < slot.starts_at - house.terms.early_s:
        raise Refused("too-early", "registration_id")


def cancel_booking(house: House, asked: Asked, message: CancelBooking) -> CancelledBooking:
    """8: a booking that nothing was paid for; what was paid is cancelled by its refund (spec/services.md 2.2)."""
    booking = house.booking(asked, message.registration_id)
    if not booking.cancelled:
        _may_cancel(house, asked, booking)
        house.emit(asked, {"e": "booking-cancelled", "booking": booking.booking_id})
    return CancelledBooking(registration_id=booking.booking_id, state="cancelled")


def _may_cancel(house: House, asked: Asked, booking: Booking) -> None:
    if booking.checked_in_at:
        raise Refused("visit-began", "registration_id")
    if house.slot_of(booking.slot_id).ends_at <= asked.at:
        raise Refused("booking-expired", "registration_id")
    if booking.paid and booking.trade_no:
        raise Refused("refund-first", "registration_id")
    lock = house.records.locks.get(booking.lock_id)
    trade = house.records.trades.get(lock.trade_no) if lock is not None else None
    if trade is not None and house.trade_holds(trade, asked.at):
        raise Refused("lock-in-trade", "registration_id")
