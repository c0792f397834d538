"""Registration at the HIS: departments, doctors, schedules, slots and their locks, bookings, check-in, cancellation.

Source: spec/services.md 2.1, operations 3 to 8, and 2.2. A slot is a stretch of a doctor's session that takes several patients.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from protocols.wire.his.fields import (
    Ask,
    Count,
    Day,
    Fen,
    Id,
    IdOrNone,
    Moment,
    Must50,
    Must100,
    Text16,
    Text50,
    Text100,
    Time,
    Told,
    TradeNo,
)
from protocols.wire.his.money_messages import Insurance, Pays, Split

__all__ = [
    "Booking",
    "BookingList",
    "CancelBooking",
    "CancelledBooking",
    "CheckIn",
    "CheckedIn",
    "ConfirmRegistration",
    "Department",
    "DepartmentList",
    "Doctor",
    "DoctorList",
    "ListBookings",
    "ListDepartments",
    "ListDoctors",
    "ListSchedules",
    "ListSlots",
    "LockSlot",
    "RegistrationConfirmed",
    "Schedule",
    "ScheduleList",
    "Slot",
    "SlotList",
    "SlotLocked",
    "SlotUnlocked",
    "UnlockSlot",
]

Period = Literal["morning", "noon", "afternoon", "evening"]
Source = Literal["common", "family_doctor"]
Openness = Literal["open", "closed", "not_yet"]
MaybePeriod = Literal["", "morning", "noon", "afternoon", "evening"]
MaybeSource = Literal["", "common", "family_doctor"]
Channel = Annotated[str, Field(pattern=r"^[A-Z]{1,16}$")]
"""Where the request came from: KIOSK, WINDOW, APP."""


class ListDepartments(Ask):
    pass


class Department(Told):
    department_id: Id
    name: Must50
    location: Text100 = ""


class DepartmentList(Told):
    departments: Annotated[tuple[Department, ...], Field(strict=False)]


class ListDoctors(Ask):
    department_id: Id


class Doctor(Told):
    doctor_id: Id
    department_id: Id
    name: Must50
    title: Text50 = ""
    reg_level: Text16 = ""


class DoctorList(Told):
    doctors: Annotated[tuple[Doctor, ...], Field(strict=False)]


class ListSchedules(Ask):
    department_id: Id
    date: Day
    doctor_id: IdOrNone = ""


class Schedule(Told):
    """One session of a doctor. ``total`` and ``left`` add up those of its slots. ``treat_fee_fen`` is inside
    ``reg_fee_fen``, which is all that is due at registration."""

    schedule_id: Id
    department_id: Id
    doctor_id: Id
    date: Day
    period: Period
    source: Source
    state: Openness
    total: Count
    left: Count
    reg_fee_fen: Fen
    treat_fee_fen: Fen
    reg_level: Text16 = ""


class ScheduleList(Told):
    schedules: Annotated[tuple[Schedule, ...], Field(strict=False)]


class ListSlots(Ask):
    """Empty: any doctor, period or source."""

    department_id: Id
    date: Day
    doctor_id: IdOrNone = ""
    period: MaybePeriod = ""
    source: MaybeSource = ""


class Slot(Told):
    slot_id: Id
    schedule_id: Id
    department_id: Id
    doctor_id: Id
    date: Day
    period: Period
    starts: Time
    ends: Time
    source: Source
    state: Openness
    total: Count
    left: Count
    reg_fee_fen: Fen
    treat_fee_fen: Fen


class SlotList(Told):
    slots: Annotated[tuple[Slot, ...], Field(strict=False)]


class LockSlot(Ask):
    slot_id: Id
    patient_id: Id
    channel: Channel = "KIOSK"
    terminal_id: IdOrNone = ""


class SlotLocked(Told):
    """``see_no`` is the number under which the patient will be called; ``reg_fee_fen`` what is due."""

    lock_id: Id
    expires_at: Moment
    see_no: Id
    reg_fee_fen: Fen


class UnlockSlot(Ask):
    slot_id: Id
    lock_id: Id


class SlotUnlocked(Told):
    lock_id: Id
    state: Literal["RELEASED"]


class ConfirmRegistration(Ask):
    """The slot of ``lock_id`` becomes a booking that is paid. ``lock_id`` is that of a slot, or that under which a booking
    names its dues. ``split`` absent: as the kinds of the pays say."""

    lock_id: Id
    trade_no: TradeNo
    pays: Pays
    split: Split | None = None
    insurance: Insurance | None = None
    terminal_id: IdOrNone = ""


class RegistrationConfirmed(Told):
    registration_id: Id
    reconciliation_no: Id
    see_no: Id


class ListBookings(Ask):
    patient_id: Id


class Booking(Told):
    """``due_fen`` is what must be paid before check-in, by a trade for ``lock_id``."""

    registration_id: Id
    slot_id: Id
    department_id: Id
    department: Must50
    doctor_id: Id
    doctor: Must50
    date: Day
    starts: Time
    ends: Time
    see_no: Id
    state: Literal["booked", "checked_in", "expired", "cancelled"]
    due_fen: Fen = 0
    lock_id: IdOrNone = ""
    trade_no: Annotated[str, Field(max_length=64)] = ""
    room: Text50 = ""


class BookingList(Told):
    patient_id: Id
    registrations: Annotated[tuple[Booking, ...], Field(strict=False)]


class CheckIn(Ask):
    registration_id: Id
    terminal_id: IdOrNone = ""


class CheckedIn(Told):
    """``waiting``: how many have checked in for the same session before."""

    registration_id: Id
    see_no: Id
    room: Must50
    checked_in_at: Moment
    waiting: Count = 0


class CancelBooking(Ask):
    """Of a booking that nothing was paid for; one that was paid is cancelled by its refund."""

    registration_id: Id
    reason: Must100 = "patient"


class CancelledBooking(Told):
    registration_id: Id
    state: Literal["cancelled"]
