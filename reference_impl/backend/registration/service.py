"""Registration at a terminal: what can be had, the lock on a slot, appointments and the check-in (DG-SVC-REG-01, 03)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from protocols.clock import Clock
from protocols.wire.his.fields import unix_of_moment
from protocols.wire.platform.models import (
    Appointment,
    AppointmentList,
    CheckIn,
    Department,
    DepartmentList,
    Doctor,
    DoctorList,
    Slot,
    SlotList,
    SlotLock,
)
from reference_impl.backend.bills.service import must_have_record
from reference_impl.backend.channels.his_client import HisClient
from reference_impl.backend.identity.teller import Teller
from reference_impl.backend.identity.visitors import VisitorRecord, Visitors
from reference_impl.backend.peers import answers
from reference_impl.backend.problems import ProblemError, ProblemKind

__all__ = ["REGISTRATION_PROBLEMS", "KeptLock", "RegistrationService"]

LOCK_UNKNOWN = ProblemKind("lock-unknown", 409, "锁号已失效，请重新选号", "Lock a slot again.")
REGISTRATION_PROBLEMS = (LOCK_UNKNOWN,)
MOST_LOCKS = 50_000


@dataclass(frozen=True, slots=True)
class KeptLock:
    """What must be paid for a lock: of a slot, or of a booking with dues."""

    lock_id: str
    slot_id: str
    patient_id: str
    fee_fen: int
    expires_at: float
    see_no: str


class RegistrationService:
    """Locks are remembered while this process lives: one that is forgotten expires at the HIS by itself."""

    def __init__(self, visitors: Visitors, his: HisClient, clock: Clock) -> None:
        self._visitors, self._his, self._clock = visitors, his, clock
        self._locks: OrderedDict[str, KeptLock] = OrderedDict()

    async def departments(self, teller: Teller) -> DepartmentList:
        with answers():
            found = await self._his.departments(teller.institution)
        return DepartmentList(departments=tuple(Department(department_id=e.department_id, name=e.name) for e in found))

    async def doctors(self, teller: Teller, department_id: str) -> DoctorList:
        with answers():
            found = await self._his.doctors(teller.institution, department_id)
        return DoctorList(doctors=tuple(Doctor(doctor_id=e.doctor_id, name=e.name, title=e.title) for e in found))

    async def slots(self, teller: Teller, department_id: str, doctor_id: str, date: str) -> SlotList:
        """What can be had now; closed sessions and those that are not given out yet are left out."""
        with answers():
            found = await self._his.slots(teller.institution, department_id, date, doctor_id)
        return SlotList(
            slots=tuple(
                Slot(
                    slot_id=each.slot_id,
                    department_id=each.department_id,
                    doctor_id=each.doctor_id,
                    date=each.date,
                    period=each.period,
                    starts=each.starts,
                    ends=each.ends,
                    total=each.total,
                    left=each.left,
                    fee_fen=each.reg_fee_fen,
                )
                for each in found
                if each.state == "open"
            )
        )

    async def lock(self, teller: Teller, slot_id: str, visitor_id: str) -> SlotLock:
        """The same visitor asking again for the same slot gets the same lock."""
        visitor = self._visitors.at(teller.terminal_id, visitor_id)
        patient_id = must_have_record(visitor)
        with answers():
            locked = await self._his.lock_slot(
                teller.institution, f"{visitor_id}-{slot_id}"[-64:], slot_id, patient_id, teller.terminal_id
            )
        kept = KeptLock(
            locked.lock_id, slot_id, patient_id, locked.reg_fee_fen, unix_of_moment(locked.expires_at), locked.see_no
        )
        self._keep(kept)
        await teller.noted("patient.slot-locked", patient_id, {"slot": slot_id})
        return SlotLock(lock_id=kept.lock_id, see_no=kept.see_no, fee_fen=kept.fee_fen, expires_at=kept.expires_at)

    def kept(self, visitor: VisitorRecord, lock_id: str) -> KeptLock:
        """Raises :class:`ProblemError` for a lock that is not this patient's, or over."""
        lock = self._locks.get(lock_id)
        if lock is None or lock.patient_id != visitor.patient_id or lock.expires_at <= self._clock.now():
            raise ProblemError(LOCK_UNKNOWN, where="lock_id")
        return lock

    async def appointments(self, teller: Teller, visitor_id: str) -> AppointmentList:
        visitor = self._visitors.at(teller.terminal_id, visitor_id)
        patient_id = must_have_record(visitor)
        with answers():
            found = await self._his.bookings(teller.institution, patient_id)
        for each in found:
            if each.lock_id and each.due_fen:
                until = self._clock.now() + 86_400.0  # dues have no limit of their own: the check-in has
                self._keep(KeptLock(each.lock_id, each.slot_id, patient_id, each.due_fen, until, each.see_no))
        await teller.noted("patient.appointments-listed", patient_id, {})
        return AppointmentList(
            appointments=tuple(
                Appointment(
                    appointment_id=each.registration_id,
                    department=each.department,
                    doctor=each.doctor,
                    date=each.date,
                    starts=each.starts,
                    ends=each.ends,
                    state=each.state,
                    due_fen=each.due_fen,
                    lock_id=each.lock_id,
                )
                for each in found
            )
        )

    async def check_in(self, teller: Teller, appointment_id: str) -> CheckIn:
        with answers():
            done = await self._his.check_in(teller.institution, appointment_id, teller.terminal_id)
        await teller.noted("registration.checked-in", appointment_id, {})
        return CheckIn(appointment_id=done.registration_id, see_no=done.see_no, room=done.room)

    def _keep(self, lock: KeptLock) -> None:
        self._locks[lock.lock_id] = lock
        self._locks.move_to_end(lock.lock_id)
        while len(self._locks) > MOST_LOCKS:
            self._locks.popitem(last=False)
