"""What can be asked of a HIS, whatever the vendor's wire: the neutral operations with their messages.

``number`` is the row of spec/services.md 2.1. Operations that are ``keyed`` make something new: they are sent with an idempotency
key, and sent again with the same key and content they are the same request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from protocols.wire.base import Label
from protocols.wire.his import money_messages as money
from protocols.wire.his import people_messages as people
from protocols.wire.his import registration_messages as registration
from protocols.wire.his import report_messages as report
from protocols.wire.his.fields import Ask, Told

__all__ = ["OPERATIONS", "Operation", "OperationKind"]


class Operation(StrEnum):
    FIND_PATIENT = "find_patient"
    CREATE_PATIENT = "create_patient"
    LIST_DEPARTMENTS = "list_departments"
    LIST_DOCTORS = "list_doctors"
    LIST_SCHEDULES = "list_schedules"
    LIST_SLOTS = "list_slots"
    LOCK_SLOT = "lock_slot"
    UNLOCK_SLOT = "unlock_slot"
    CONFIRM_REGISTRATION = "confirm_registration"
    LIST_BOOKINGS = "list_bookings"
    CHECK_IN = "check_in"
    CANCEL_BOOKING = "cancel_booking"
    LIST_BILLS = "list_bills"
    LOCK_TRADE = "lock_trade"
    SETTLE_TRADE = "settle_trade"
    UNLOCK_TRADE = "unlock_trade"
    CANCEL_TRADE = "cancel_trade"
    TRADE_STATUS = "trade_status"
    REFUND_ELIGIBILITY = "refund_eligibility"
    REQUEST_REFUND = "request_refund"
    REFUND_STATUS = "refund_status"
    WITHDRAW_REFUND = "withdraw_refund"
    REFUND_RETURNS = "refund_returns"
    LIST_DAY = "list_day"
    LIST_EBILLS = "list_ebills"
    MARK_EBILL = "mark_ebill"


@dataclass(frozen=True, slots=True)
class OperationKind:
    """``changes``: it may change something at the HIS."""

    operation: Operation
    number: int
    label: Label
    request: type[Ask]
    reply: type[Told]
    changes: bool = False
    keyed: bool = False


def _kinds(*kinds: OperationKind) -> Mapping[Operation, OperationKind]:
    return {each.operation: each for each in kinds}


_O = Operation

OPERATIONS: Mapping[Operation, OperationKind] = _kinds(
    OperationKind(_O.FIND_PATIENT, 1, Label("查询患者", "find a patient"), people.FindPatient, people.Patient),
    OperationKind(
        _O.CREATE_PATIENT,
        2,
        Label("实名建档", "make a real-name record"),
        people.CreatePatient,
        people.Patient,
        changes=True,
        keyed=True,
    ),
    OperationKind(
        _O.LIST_DEPARTMENTS,
        3,
        Label("科室列表", "departments"),
        registration.ListDepartments,
        registration.DepartmentList,
    ),
    OperationKind(_O.LIST_DOCTORS, 3, Label("医生列表", "doctors"), registration.ListDoctors, registration.DoctorList),
    OperationKind(
        _O.LIST_SCHEDULES, 4, Label("排班列表", "schedules"), registration.ListSchedules, registration.ScheduleList
    ),
    OperationKind(_O.LIST_SLOTS, 4, Label("号源列表", "slots"), registration.ListSlots, registration.SlotList),
    OperationKind(
        _O.LOCK_SLOT,
        5,
        Label("锁号", "lock a slot"),
        registration.LockSlot,
        registration.SlotLocked,
        changes=True,
        keyed=True,
    ),
    OperationKind(
        _O.UNLOCK_SLOT,
        5,
        Label("解锁号源", "unlock a slot"),
        registration.UnlockSlot,
        registration.SlotUnlocked,
        changes=True,
    ),
    OperationKind(
        _O.CONFIRM_REGISTRATION,
        6,
        Label("确认挂号", "confirm a registration"),
        registration.ConfirmRegistration,
        registration.RegistrationConfirmed,
        changes=True,
        keyed=True,
    ),
    OperationKind(
        _O.LIST_BOOKINGS, 7, Label("我的预约", "bookings"), registration.ListBookings, registration.BookingList
    ),
    OperationKind(
        _O.CHECK_IN, 7, Label("签到取号", "check in"), registration.CheckIn, registration.CheckedIn, changes=True
    ),
    OperationKind(
        _O.CANCEL_BOOKING,
        8,
        Label("取消预约", "cancel a booking"),
        registration.CancelBooking,
        registration.CancelledBooking,
        changes=True,
    ),
    OperationKind(_O.LIST_BILLS, 9, Label("待缴费账单", "unpaid bills"), money.ListBills, money.BillList),
    OperationKind(
        _O.LOCK_TRADE,
        10,
        Label("预结算（锁定）", "pre-settle and lock"),
        money.LockTrade,
        money.TradeLocked,
        changes=True,
        keyed=True,
    ),
    OperationKind(
        _O.SETTLE_TRADE,
        11,
        Label("结算确认", "confirm a settlement"),
        money.SettleTrade,
        money.TradeSettled,
        changes=True,
        keyed=True,
    ),
    OperationKind(
        _O.UNLOCK_TRADE,
        12,
        Label("取消预结算", "cancel a pre-settlement"),
        money.UnlockTrade,
        money.TradeCancelled,
        changes=True,
    ),
    OperationKind(
        _O.CANCEL_TRADE,
        12,
        Label("撤销交易", "cancel a trade"),
        money.CancelTrade,
        money.TradeCancelled,
        changes=True,
    ),
    OperationKind(_O.TRADE_STATUS, 13, Label("交易状态", "status of a trade"), report.AskStatus, money.TradeStatus),
    OperationKind(
        _O.REFUND_ELIGIBILITY, 14, Label("可否退费", "may a trade be refunded"), report.AskStatus, report.Eligibility
    ),
    OperationKind(
        _O.REQUEST_REFUND,
        14,
        Label("退费申请", "ask for a refund"),
        report.RefundRequest,
        report.Refund,
        changes=True,
        keyed=True,
    ),
    OperationKind(_O.REFUND_STATUS, 14, Label("退费状态", "status of a refund"), report.AskRefund, report.Refund),
    OperationKind(
        _O.WITHDRAW_REFUND,
        14,
        Label("撤回退费申请", "withdraw a refund"),
        report.AskRefund,
        report.RefundWithdrawn,
        changes=True,
    ),
    OperationKind(
        _O.REFUND_RETURNS,
        14,
        Label("退款结果同步", "tell how money went back"),
        report.RefundReturns,
        report.Refund,
        changes=True,
    ),
    OperationKind(_O.LIST_DAY, 15, Label("对账明细", "trades of a day"), report.ListDay, report.DayList),
    OperationKind(_O.LIST_EBILLS, 16, Label("电子票据列表", "e-bills"), report.ListEBills, report.EBillList),
    OperationKind(
        _O.MARK_EBILL,
        16,
        Label("票据打印状态", "print state of an e-bill"),
        report.MarkEBill,
        report.EBill,
        changes=True,
    ),
)
