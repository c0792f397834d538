"""Registration from department to lock, and the citizen's appointments with check-in (DG-SVC-REG-01, -03)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from protocols.wire.base import Label
from protocols.wire.money import yuan_text
from protocols.wire.platform.models import Appointment
from reference_impl.kiosk.business.menu import SlipKind, Terms
from reference_impl.kiosk.business.notices import NOTICES
from reference_impl.kiosk.business.options import dates_from
from reference_impl.kiosk.business.outcome import Outcome
from reference_impl.kiosk.business.quote import Quotes
from reference_impl.kiosk.business.session import Booking, Purchase, Session, Stage, Step, act, ask, to_menu
from reference_impl.kiosk.business.steps import page_until
from reference_impl.kiosk.business.words import (
    AppointmentsListed,
    Back,
    Broken,
    BusinessEvent,
    Cancel,
    CheckedIn,
    Choose,
    DepartmentsListed,
    DoctorsListed,
    Locked,
    Refused,
    SlotsListed,
    Unanswered,
)
from reference_impl.kiosk.business.works import (
    CheckInAt,
    ListAppointments,
    ListDepartments,
    ListDoctors,
    ListSlots,
    LockSlot,
)

__all__ = ["Registration"]


class Registration:
    """Stages of registration and check-in. A handler that gives None has no use for the event."""

    def __init__(self, terms: Terms, quotes: Quotes, outcome: Outcome) -> None:
        self.terms, self._quotes, self._outcome = terms, quotes, outcome
        self.handlers: dict[Stage, Callable[[Session, BusinessEvent, float], Step | None]] = {
            Stage.DEPARTMENT: self._department,
            Stage.DOCTOR: self._doctor,
            Stage.DATE: self._date,
            Stage.SLOT: self._slot,
            Stage.LOCK: self._locked,
            Stage.APPOINTMENT: self._appointment,
            Stage.CHECK_IN: self._checked_in,
        }

    # A new registration.

    def begin(self, session: Session) -> Step:
        return act(replace(session, booking=Booking()), Stage.LOADING, ListDepartments())

    def begin_appointments(self, session: Session) -> Step:
        assert session.visitor is not None, "nobody has appointments before they are known"
        return act(replace(session, booking=Booking()), Stage.LOADING, ListAppointments(session.visitor.visitor_id))

    def listed(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        """A list that was asked for has come."""
        booking = session.booking
        if isinstance(event, DepartmentsListed):
            booking = replace(booking, departments=event.departments)
            return self._page(session, booking, Stage.DEPARTMENT, now, bool(event.departments))
        if isinstance(event, DoctorsListed):
            booking = replace(booking, doctors=event.doctors)
            return self._page(session, booking, Stage.DOCTOR, now, bool(event.doctors))
        if isinstance(event, SlotsListed):
            booking = replace(booking, slots=event.slots)
            return self._page(session, booking, Stage.SLOT, now, bool(event.slots))
        if isinstance(event, AppointmentsListed):
            booking = replace(booking, appointments=event.appointments)
            return self._page(session, booking, Stage.APPOINTMENT, now, bool(event.appointments))
        return None

    def _page(self, session: Session, booking: Booking, stage: Stage, now: float, anything: bool) -> Step:
        if not anything and stage is Stage.SLOT:
            # A day without a doctor is no dead end: another day may do.
            return self._ask(session, booking, Stage.DATE, now, NOTICES["nothing-there"], "nothing-there")
        if not anything:
            return to_menu(session, now, self.terms, NOTICES["nothing-there"], "nothing-there")
        return self._ask(session, booking, stage, now)

    def _ask(
        self, session: Session, booking: Booking, stage: Stage, now: float, notice: Label | None = None, code: str = ""
    ) -> Step:
        until = page_until(session, now, self.terms.choose_s)
        return ask(replace(session, booking=booking), stage, until, notice=notice, notice_code=code)

    def _department(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Back | Cancel):
            return to_menu(session, now, self.terms)
        if not isinstance(event, Choose):
            return None
        chosen = next(each for each in session.booking.departments if each.department_id == event.ids[0])
        booking = replace(session.booking, department=chosen)
        return act(replace(session, booking=booking), Stage.LOADING, ListDoctors(chosen.department_id))

    def _doctor(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Back):
            return self._ask(session, session.booking, Stage.DEPARTMENT, now)
        if not isinstance(event, Choose):
            return to_menu(session, now, self.terms) if isinstance(event, Cancel) else None
        chosen = next(each for each in session.booking.doctors if each.doctor_id == event.ids[0])
        booking = replace(session.booking, doctor=chosen, dates=dates_from(now, self.terms.days))
        return self._ask(session, booking, Stage.DATE, now)

    def _date(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        booking = session.booking
        if isinstance(event, Back):
            return self._ask(session, booking, Stage.DOCTOR, now)
        if not isinstance(event, Choose):
            return to_menu(session, now, self.terms) if isinstance(event, Cancel) else None
        assert booking.department is not None, "a department was chosen"
        assert booking.doctor is not None, "a doctor was chosen"
        work = ListSlots(booking.department.department_id, booking.doctor.doctor_id, event.ids[0])
        return act(session, Stage.LOADING, work)

    def _slot(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        booking = session.booking
        if isinstance(event, Back):
            return self._ask(session, booking, Stage.DATE, now)
        if not isinstance(event, Choose):
            return to_menu(session, now, self.terms) if isinstance(event, Cancel) else None
        visitor = session.visitor
        assert visitor is not None, "nobody registers before they are known"
        slot = next(each for each in booking.slots if each.slot_id == event.ids[0])
        if slot.left <= 0:
            return self._ask(session, booking, Stage.SLOT, now, NOTICES["slot-taken"], "slot-taken")
        session = replace(session, booking=replace(booking, slot=slot))
        return act(session, Stage.LOCK, LockSlot(slot.slot_id, visitor.visitor_id))

    def _locked(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        booking = session.booking
        if isinstance(event, Refused):
            return self._ask(session, booking, Stage.SLOT, now, event.label, event.code)
        if isinstance(event, Unanswered | Broken):
            # If it was locked all the same, the lock runs out by itself.
            return to_menu(session, now, self.terms, NOTICES["unreachable"], "silent")
        if not isinstance(event, Locked):
            return None
        assert booking.slot is not None, "a slot was chosen"
        lock, slot = event.lock, booking.slot
        rows = (
            (Label("科室", "Department"), booking.department.name if booking.department else ""),
            (Label("医生", "Doctor"), booking.doctor.name if booking.doctor else ""),
            (Label("时间", "Time"), f"{slot.date} {slot.starts}-{slot.ends}"),
            (Label("就诊序号", "Number"), lock.see_no),
            (Label("挂号费", "Fee"), f"{yuan_text(lock.fee_fen)} 元"),
        )
        purchase = Purchase("registration", lock.fee_fen, lock_id=lock.lock_id, until=lock.expires_at, rows=rows)
        return self._quotes.begin(replace(session, booking=replace(booking, lock=lock)), purchase, now)

    # Appointments.

    def _appointment(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        if isinstance(event, Back | Cancel):
            return to_menu(session, now, self.terms)
        if not isinstance(event, Choose):
            return None
        chosen = next(each for each in session.booking.appointments if each.appointment_id == event.ids[0])
        refusal = _why_not(chosen)
        if refusal:
            return self._ask(session, session.booking, Stage.APPOINTMENT, now, NOTICES[refusal], refusal)
        if chosen.due_fen:
            return self._prepay(session, chosen, now)
        return act(session, Stage.CHECK_IN, CheckInAt(chosen.appointment_id))

    def _prepay(self, session: Session, chosen: Appointment, now: float) -> Step:
        """What is due is paid first, under the lock that the appointment holds; where it holds none, as a bill."""
        if not chosen.lock_id:
            return self._ask(session, session.booking, Stage.APPOINTMENT, now, NOTICES["pay-first"], "pay-first")
        rows = (
            (Label("科室", "Department"), chosen.department),
            (Label("医生", "Doctor"), chosen.doctor),
            (Label("时间", "Time"), f"{chosen.date} {chosen.starts}-{chosen.ends}"),
        )
        return self._quotes.begin(session, Purchase("registration", chosen.due_fen, (), chosen.lock_id, rows=rows), now)

    def _checked_in(self, session: Session, event: BusinessEvent, now: float) -> Step | None:
        booking = session.booking
        if isinstance(event, Refused):
            return self._ask(session, booking, Stage.APPOINTMENT, now, event.label, event.code)
        if isinstance(event, Unanswered | Broken):
            # The list is asked for anew when the citizen comes back to it: it tells what became of this.
            return to_menu(session, now, self.terms, NOTICES["unreachable"], "silent")
        if not isinstance(event, CheckedIn):
            return None
        session = replace(session, booking=replace(booking, check_in=event.check_in))
        return self._outcome.print(session, SlipKind.CHECK_IN)


def _why_not(appointment: Appointment) -> str:
    """Why an appointment cannot be checked in; empty when it can."""
    reasons = {"expired": "expired", "checked_in": "checked-in"}
    return "" if appointment.state == "booked" else reasons.get(appointment.state, "not-booked")
