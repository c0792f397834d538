"""Calls to the HIS, heard strictly, and what the domains ask of it.

Whatever cannot be read or does not belong to the request counts as silence: the HIS may have done it. A refusal of the request
itself (its proof, its time) means that nothing was done; a nonce that was used before may mean that it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from protocols.clock import Clock
from protocols.wire.base import WireError
from protocols.wire.his import money_messages as money
from protocols.wire.his import people_messages as people
from protocols.wire.his import registration_messages as registration
from protocols.wire.his import report_messages as report
from protocols.wire.his.fields import Ask, Told
from protocols.wire.his.operations import OPERATIONS, Operation
from protocols.wire.his.refusals import NONCE_USED, REFUSALS, Refused
from reference_impl.backend.channels.his_vendors import HisCall, HisVendor
from reference_impl.backend.settlement.channel import Heard
from reference_impl.backend.transport import HttpTransport, NoAnswer, NotSent

__all__ = ["Answer", "DayNotReady", "HisClient", "HisNotAnswered", "RefusedByHis"]

T = TypeVar("T", bound=Told)

PEER = "his"
LIMIT_S = 15.0
ROWS_A_PAGE = 500
_SAME = ("trade_no", "refund_no", "patient_id", "lock_id", "registration_id", "ebill_id", "day")
"""Numbers that a reply repeats of its request."""


class HisNotAnswered(Exception):
    """No answer that can be used: ask again later. The text has no personal data."""


class RefusedByHis(Exception):
    """``code`` is stable (protocols.wire.his.refusals); the text is this project's own and has no personal data."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason or code)
        self.code = code


class DayNotReady(Exception):
    """The list of the day is not made yet: fetch it later."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``told`` is the reply of an answer that is done, under the model of its operation."""

    heard: Heard
    code: str = ""
    reason: str = ""
    told: Told | None = None

    @property
    def done(self) -> bool:
        return self.heard is Heard.DONE

    def of(self, model: type[T]) -> T:
        assert isinstance(self.told, model), "the client has read it under the model of the operation"
        return self.told


class HisClient:
    """*random_bytes* gives nonces, never the same twice; *limit_s* is how long a reply is waited for."""

    def __init__(
        self,
        vendor: HisVendor,
        transport: HttpTransport,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        limit_s: float = LIMIT_S,
    ) -> None:
        self.clock = clock
        self._vendor, self._transport, self._random, self._limit_s = vendor, transport, random_bytes, limit_s

    async def call(self, operation: Operation, institution: str, message: Ask, key: str = "") -> Answer:
        """One exchange. Never raises for what a HIS can do. A keyed operation needs its *key*."""
        assert bool(key) == OPERATIONS[operation].keyed, (
            f"{operation}: a key for what makes something, and for nothing else"
        )
        call = HisCall(operation, message, institution, key, self._random(16).hex(), self.clock.now())
        try:
            request = self._vendor.request(call)
        except WireError as error:
            return Answer(Heard.UNSENT, "unsendable", error.why)
        try:
            reply = await self._transport.exchange(PEER, request, self._limit_s)
        except NotSent as error:
            return Answer(Heard.UNSENT, "not-sent", str(error))
        except NoAnswer as error:
            return Answer(Heard.SILENCE, reason=str(error))
        try:
            told = self._vendor.heard(call, reply)
            _same_numbers(message, told)
        except Refused as refused:
            return _refusal(refused.code)
        except WireError as error:
            return Answer(Heard.SILENCE, reason=f"the reply cannot be taken: {error.why}")
        return Answer(Heard.DONE, told=told)

    # What the domains ask. Each raises HisNotAnswered and RefusedByHis.

    async def find_patient(
        self, institution: str, by: Literal["patient_id", "id_no", "card_no"], value: str
    ) -> people.Patient | None:
        """None for who has no record there."""
        message = people.FindPatient(by=by, value=value)
        answer = await self.call(Operation.FIND_PATIENT, institution, message)
        return None if answer.code == "patient-unknown" else _done(answer, people.Patient)

    async def create_patient(
        self, institution: str, key: str, *, id_no: str, name: str, phone: str = "", card_no: str = ""
    ) -> people.Patient:
        """A real-name record, or the one that is there."""
        message = people.CreatePatient(id_no=id_no, name=name, phone=phone, card_no=card_no)
        return await self._ask(Operation.CREATE_PATIENT, institution, message, people.Patient, key)

    async def departments(self, institution: str) -> tuple[registration.Department, ...]:
        message = registration.ListDepartments()
        found = await self._ask(Operation.LIST_DEPARTMENTS, institution, message, registration.DepartmentList)
        return found.departments

    async def doctors(self, institution: str, department_id: str) -> tuple[registration.Doctor, ...]:
        message = registration.ListDoctors(department_id=department_id)
        return (await self._ask(Operation.LIST_DOCTORS, institution, message, registration.DoctorList)).doctors

    async def schedules(
        self, institution: str, department_id: str, date: str, doctor_id: str = ""
    ) -> tuple[registration.Schedule, ...]:
        message = registration.ListSchedules(department_id=department_id, date=date, doctor_id=doctor_id)
        return (await self._ask(Operation.LIST_SCHEDULES, institution, message, registration.ScheduleList)).schedules

    async def slots(
        self, institution: str, department_id: str, date: str, doctor_id: str = ""
    ) -> tuple[registration.Slot, ...]:
        message = registration.ListSlots(department_id=department_id, date=date, doctor_id=doctor_id)
        return (await self._ask(Operation.LIST_SLOTS, institution, message, registration.SlotList)).slots

    async def lock_slot(
        self, institution: str, key: str, slot_id: str, patient_id: str, terminal_id: str
    ) -> registration.SlotLocked:
        """The same *key* gives the same lock, however often it is asked."""
        message = registration.LockSlot(slot_id=slot_id, patient_id=patient_id, terminal_id=terminal_id)
        return await self._ask(Operation.LOCK_SLOT, institution, message, registration.SlotLocked, key)

    async def unlock_slot(self, institution: str, slot_id: str, lock_id: str) -> None:
        message = registration.UnlockSlot(slot_id=slot_id, lock_id=lock_id)
        await self._ask(Operation.UNLOCK_SLOT, institution, message, registration.SlotUnlocked)

    async def bookings(self, institution: str, patient_id: str) -> tuple[registration.Booking, ...]:
        message = registration.ListBookings(patient_id=patient_id)
        return (await self._ask(Operation.LIST_BOOKINGS, institution, message, registration.BookingList)).registrations

    async def check_in(self, institution: str, registration_id: str, terminal_id: str) -> registration.CheckedIn:
        message = registration.CheckIn(registration_id=registration_id, terminal_id=terminal_id)
        return await self._ask(Operation.CHECK_IN, institution, message, registration.CheckedIn)

    async def cancel_booking(self, institution: str, registration_id: str) -> None:
        """Of a booking that nothing was paid for; the other is cancelled by its refund."""
        message = registration.CancelBooking(registration_id=registration_id)
        await self._ask(Operation.CANCEL_BOOKING, institution, message, registration.CancelledBooking)

    async def unpaid_bills(self, institution: str, patient_id: str) -> tuple[money.Bill, ...]:
        message = money.ListBills(patient_id=patient_id)
        return (await self._ask(Operation.LIST_BILLS, institution, message, money.BillList)).bills

    async def trade_status(self, institution: str, trade_no: str) -> money.TradeStatus | None:
        """None for a number that the HIS never heard of."""
        answer = await self.call(Operation.TRADE_STATUS, institution, report.AskStatus(trade_no=trade_no))
        return None if answer.code == "notfound" else _done(answer, money.TradeStatus)

    async def refund_eligibility(self, institution: str, trade_no: str) -> report.Eligibility:
        message = report.AskStatus(trade_no=trade_no)
        return await self._ask(Operation.REFUND_ELIGIBILITY, institution, message, report.Eligibility)

    async def refund_returns(
        self, institution: str, refund_no: str, *, si_refund_id: str = "", cash_refund_id: str = ""
    ) -> report.Refund:
        """Tell the HIS under which numbers the money went back."""
        message = report.RefundReturns(refund_no=refund_no, si_refund_id=si_refund_id, cash_refund_id=cash_refund_id)
        return await self._ask(Operation.REFUND_RETURNS, institution, message, report.Refund)

    async def daily_trades(self, institution: str, day: str) -> tuple[report.DayRow, ...]:
        """All rows of that day (``2026-11-22``). Raises :class:`DayNotReady` while the HIS is not done with it."""
        rows: list[report.DayRow] = []
        page = 1
        while True:
            message = report.ListDay(day=day, page=page, page_size=ROWS_A_PAGE)
            found = await self._ask(Operation.LIST_DAY, institution, message, report.DayList)
            if found.state == "IN_PROGRESS":
                raise DayNotReady(f"the HIS has not made the list of {day} yet: fetch it later")
            rows += found.rows
            if page >= found.pages or not found.rows:
                break
            page += 1
        if len(rows) != found.rows_total:
            raise HisNotAnswered(f"the list of {day} has {len(rows)} rows, the HIS speaks of {found.rows_total}")
        return tuple(rows)

    async def e_bills(self, institution: str, patient_id: str, trade_no: str = "") -> tuple[report.EBill, ...]:
        message = report.ListEBills(patient_id=patient_id, trade_no=trade_no)
        return (await self._ask(Operation.LIST_EBILLS, institution, message, report.EBillList)).ebills

    async def mark_e_bill(self, institution: str, ebill_id: str, terminal_id: str, *, printed: bool) -> report.EBill:
        message = report.MarkEBill(ebill_id=ebill_id, printed=printed, terminal_id=terminal_id)
        return await self._ask(Operation.MARK_EBILL, institution, message, report.EBill)

    async def _ask(self, operation: Operation, institution: str, message: Ask, model: type[T], key: str = "") -> T:
        return _done(await self.call(operation, institution, message, key), model)


def _same_numbers(message: Ask, told: Told) -> None:
    for name in _SAME:
        asked: Any = getattr(message, name, None)
        if asked is not None and getattr(told, name, asked) != asked:
            raise WireError(f"the reply is of another {name}")


def _refusal(code: str) -> Answer:
    known = REFUSALS[code]
    heard = Heard.REFUSED if known.about_request else Heard.SILENCE if code == NONCE_USED else Heard.UNSENT
    return Answer(heard, code, str(known.label))


def _done(answer: Answer, model: type[T]) -> T:
    if answer.heard is Heard.REFUSED:
        raise RefusedByHis(answer.code, answer.reason)
    if not answer.done:
        raise HisNotAnswered(answer.reason or answer.code or answer.heard.value)
    return answer.of(model)
