"""Registration at a terminal: departments, doctors, slots, the lock on one, appointments, check-in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from protocols.wire.platform.message import Id
from protocols.wire.platform.models import (
    AppointmentList,
    CheckIn,
    DepartmentList,
    DoctorList,
    LockRequest,
    SlotList,
    SlotLock,
)
from reference_impl.backend.bills.router import VisitorQuery
from reference_impl.backend.bills.service import NO_RECORD
from reference_impl.backend.identity.visitors import VISITOR_UNKNOWN
from reference_impl.backend.peers import NOT_CONNECTED, PEER_PROBLEMS
from reference_impl.backend.problems import responses
from reference_impl.backend.terminals.callers import TERMINAL_DENIED
from reference_impl.backend.terminals.tellers import SERVICE_OFF, CallerOf

__all__ = ["ROUTER"]

ROUTER = APIRouter(prefix="/v1", tags=["registration 挂号"])

_ENDS = responses(*TERMINAL_DENIED, *PEER_PROBLEMS, NOT_CONNECTED)
_OF_A_VISITOR = responses(*TERMINAL_DENIED, *PEER_PROBLEMS, NOT_CONNECTED, VISITOR_UNKNOWN, NO_RECORD)
_LOCK = responses(*TERMINAL_DENIED, SERVICE_OFF, *PEER_PROBLEMS, NOT_CONNECTED, VISITOR_UNKNOWN, NO_RECORD)

DepartmentId = Annotated[Id, Path(examples=["D01"])]
SlotId = Annotated[Id, Path(examples=["S20261127-0101-0830"])]
AppointmentId = Annotated[Id, Path(examples=["R00000001"])]
DateQuery = Annotated[str, Query(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", examples=["2026-11-27"])]


@ROUTER.get("/departments", summary="科室列表 / Departments", responses=_ENDS)
async def departments(caller: CallerOf) -> DepartmentList:
    return await caller.business.registration.departments(caller.teller)


@ROUTER.get("/departments/{department_id}/doctors", summary="医生列表 / Doctors", responses=_ENDS)
async def doctors(caller: CallerOf, department_id: DepartmentId) -> DoctorList:
    return await caller.business.registration.doctors(caller.teller, department_id)


@ROUTER.get("/slots", summary="号源列表 / Slots", responses=_ENDS)
async def slots(
    caller: CallerOf,
    department_id: Annotated[Id, Query(examples=["D01"])],
    doctor_id: Annotated[Id, Query(examples=["DOC0101"])],
    date: DateQuery,
) -> SlotList:
    """What can be had now."""
    return await caller.business.registration.slots(caller.teller, department_id, doctor_id, date)


@ROUTER.post("/slots/{slot_id}/lock", summary="锁号 / Lock a slot", responses=_LOCK)
async def lock(
    caller: CallerOf,
    slot_id: SlotId,
    body: LockRequest,
) -> SlotLock:
    """Held for the visitor until it is paid for or the lock expires (DG-SVC-REG-01). Asking again gives the same lock."""
    caller.must_offer("registration")
    return await caller.business.registration.lock(caller.teller, slot_id, body.visitor_id)


@ROUTER.get("/appointments", summary="预约列表 / Appointments", responses=_OF_A_VISITOR)
async def appointments(caller: CallerOf, visitor_id: VisitorQuery) -> AppointmentList:
    return await caller.business.registration.appointments(caller.teller, visitor_id)


@ROUTER.post("/appointments/{appointment_id}/check-in", summary="签到取号 / Check in", responses=_ENDS)
async def check_in(caller: CallerOf, appointment_id: AppointmentId) -> CheckIn:
    """On the day, in time, once what is due is paid (DG-SVC-REG-03). Done twice, it gives the same number."""
    return await caller.business.registration.check_in(caller.teller, appointment_id)
