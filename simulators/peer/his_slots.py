"""Departments, doctors, schedules, slots and their locks: operations 3 to 5 of spec/services.md 2.1.

A lock holds one visiting number of a slot for some minutes and then lets go by itself. Sent again with the same idempotency key
it is the same lock.
"""

from __future__ import annotations

from typing import Literal

from protocols.wire.his.fields import day_text, moment_text, unix_of_day
from protocols.wire.his.refusals import Refused
from protocols.wire.his.registration_messages import (
    Department,
    DepartmentList,
    Doctor,
    DoctorList,
    ListDepartments,
    ListDoctors,
    ListSchedules,
    ListSlots,
    LockSlot,
    Schedule,
    ScheduleList,
    Slot,
    SlotList,
    SlotLocked,
    SlotUnlocked,
    UnlockSlot,
)
from simulators.peer.his_clinic import SessionPlan, SlotPlan
from simulators.peer.his_house import Asked, House
from simulators.peer.his_tables import SlotLock

__all__ = [
    "list_departments",
    "list_doctors",
    "list_schedules",
    "list_slots",
    "lock_slot",
    "openness",
    "unlock_slot",
]

DAY_S = 86_400.0
Openness = Literal["open", "closed", "not_yet"]
SHOWN_DAYS = 14
"""Days that are shown as not open yet, beyond those that can be booked."""


def list_departments(house: House, asked: Asked, message: ListDepartments) -> DepartmentList:
    """3."""
    return DepartmentList(
        departments=tuple(
            Department(department_id=each.department_id, name=each.name, location=each.location)
            for each in house.clinic.departments(asked.clinic)
        )
    )


def _known_department(house: House, asked: Asked, department_id: str) -> None:
    if house.clinic.department(asked.clinic, department_id) is None:
        raise Refused("notfound", "department_id")


def list_doctors(house: House, asked: Asked, message: ListDoctors) -> DoctorList:
    """3."""
    _known_department(house, asked, message.department_id)
    return DoctorList(
        doctors=tuple(
            Doctor(
                doctor_id=each.doctor_id,
                department_id=each.department_id,
                name=each.name,
                title=each.title,
                reg_level=each.reg_level,
            )
            for each in house.clinic.doctors(asked.clinic, message.department_id)
        )
    )


def _sessions(house: House, asked: Asked, department_id: str, date: str, doctor_id: str) -> list[SessionPlan]:
    """Sessions of a day that is shown at all."""
    _known_department(house, asked, department_id)
    if doctor_id and house.clinic.doctor(asked.clinic, doctor_id) is None:
        raise Refused("notfound", "doctor_id")
    ahead = unix_of_day(date) - unix_of_day(day_text(asked.at))
    if not -DAY_S <= ahead <= (house.terms.days + SHOWN_DAYS) * DAY_S:
        return []
    found = house.clinic.sessions(asked.clinic, department_id, date)
    return [each for each in found if doctor_id in ("", each.doctor.doctor_id)]


def openness(house: House, slot: SlotPlan, at: float) -> Openness:
    """Whether *slot* can be had."""
    if not slot.session.held or slot.ends_at <= at:
        return "closed"
    ahead = unix_of_day(slot.session.day) - unix_of_day(day_text(at))
    return "open" if ahead <= house.terms.days * DAY_S else "not_yet"


def list_schedules(house: House, asked: Asked, message: ListSchedules) -> ScheduleList:
    """4: whole sessions."""
    found = _sessions(house, asked, message.department_id, message.date, message.doctor_id)
    return ScheduleList(schedules=tuple(_schedule(house, asked, each) for each in found))


def _schedule(house: House, asked: Asked, session: SessionPlan) -> Schedule:
    slots = session.slots
    states: list[Openness] = [openness(house, each, asked.at) for each in slots]
    openings = [each for each, state in zip(slots, states, strict=True) if state == "open"]
    return Schedule(
        schedule_id=session.schedule_id,
        department_id=session.department.department_id,
        doctor_id=session.doctor.doctor_id,
        date=session.day,
        period=session.period,
        source=session.source,
        state="open" if openings else states[-1],
        total=session.each * len(slots),
        left=sum(len(house.free_numbers(each, asked.at)) for each in openings),
        reg_fee_fen=session.doctor.reg_fee_fen,
        treat_fee_fen=session.doctor.treat_fee_fen,
        reg_level=session.doctor.reg_level,
    )


def list_slots(house: House, asked: Asked, message: ListSlots) -> SlotList:
    """4: slots one by one."""
    found = _sessions(house, asked, message.department_id, message.date, message.doctor_id)
    return SlotList(
        slots=tuple(
            _slot(house, asked, slot)
            for session in found
            if message.period in ("", session.period) and message.source in ("", session.source)
            for slot in session.slots
        )
    )


def _slot(house: House, asked: Asked, slot: SlotPlan) -> Slot:
    session, state = slot.session, openness(house, slot, asked.at)
    return Slot(
        slot_id=slot.slot_id,
        schedule_id=session.schedule_id,
        department_id=session.department.department_id,
        doctor_id=session.doctor.doctor_id,
        date=session.day,
        period=session.period,
        starts=slot.starts,
        ends=slot.ends,
        source=session.source,
        state=state,
        total=session.each,
        left=len(house.free_numbers(slot, asked.at)) if state == "open" else 0,
        reg_fee_fen=session.doctor.reg_fee_fen,
        treat_fee_fen=session.doctor.treat_fee_fen,
    )


def lock_slot(house: House, asked: Asked, message: LockSlot) -> SlotLocked:
    """5."""
    slot = house.slot(asked, message.slot_id)
    patient = house.patient(asked, message.patient_id)
    before = house.made_before(asked)
    if before is not None:
        return _locked(house.records.locks[before])
    if openness(house, slot, asked.at) != "open":
        raise Refused("slot-closed", "slot_id")
    free = house.free_numbers(slot, asked.at)
    if not free:
        raise Refused("slot-full", "slot_id")
    lock_id = f"L{house.records.peek('lock'):08d}"
    lock = {
        "lock_id": lock_id,
        "institution": asked.institution,
        "patient_id": patient.patient_id,
        "slot_id": slot.slot_id,
        "number": free[0],
        "fee_fen": slot.session.doctor.reg_fee_fen,
        "expires_at": float(int(asked.at) + int(house.terms.lock_s)),
        "terminal_id": message.terminal_id,
    }
    house.emit(asked, {"e": "slot-locked", "lock": lock}, lock_id)
    return _locked(house.records.locks[lock_id])


def _locked(lock: SlotLock) -> SlotLocked:
    return SlotLocked(
        lock_id=lock.lock_id,
        expires_at=moment_text(lock.expires_at),
        see_no=str(lock.number),
        reg_fee_fen=lock.fee_fen,
    )


def unlock_slot(house: House, asked: Asked, message: UnlockSlot) -> SlotUnlocked:
    """5: a lock that is not there, or not any more, is unlocked already."""
    slot = house.slot(asked, message.slot_id)
    lock = house.records.locks.get(message.lock_id)
    if lock is not None:
        lock = house.lock(asked, message.lock_id)
        if lock.slot_id != slot.slot_id:
            raise Refused("notfound", "lock_id")
        if lock.booking_id or lock.state == "used":
            raise Refused("lock-in-trade", "lock_id")
        trade = house.records.trades.get(lock.trade_no)
        if trade is not None and house.trade_holds(trade, asked.at):
            raise Refused("lock-in-trade", "lock_id")
        if lock.state == "live":
            house.emit(asked, {"e": "slot-released", "lock": lock.lock_id})
    return SlotUnlocked(lock_id=message.lock_id, state="RELEASED")
