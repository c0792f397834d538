"""Unpaid bills, the lock of a trade and its cancellation: operations 9, 10 and 12 of spec/services.md 2.1.

A trade number is used for one trade, and its lock is idempotent. A cancellation of a number that was never heard of succeeds and is
remembered, so that a lock or a settlement that comes late is refused (section 8: fence).
"""

from __future__ import annotations

from typing import Any

from protocols.clock import civil
from protocols.wire.his.fields import moment_text
from protocols.wire.his.money_messages import (
    Bill,
    BillItem,
    BillList,
    CancelTrade,
    ListBills,
    LockTrade,
    TradeCancelled,
    TradeLocked,
    UnlockTrade,
)
from protocols.wire.his.refusals import Refused
from simulators.peer.his_bills import BillPlan, diagnosis_values, line_values, registration_items
from simulators.peer.his_house import Asked, House
from simulators.peer.his_returns import why_not_refundable
from simulators.peer.his_tables import SlotLock, Trade

__all__ = ["cancel_trade", "list_bills", "lock_trade", "slot_lock", "unlock_trade"]

REGISTRATION = "12"
WRITTEN_BEFORE_S = 300


# 9: unpaid bills.


def list_bills(house: House, asked: Asked, message: ListBills) -> BillList:
    """9. Bills are there once somebody asks; with the setting ``endless`` a new one comes when none is left."""
    patient = house.patient(asked, message.patient_id)
    purse = house.records.purse(asked.institution, patient.patient_id)
    written = len(purse.bill_ids)
    unpaid = any(house.records.bills[each].state == "unpaid" for each in purse.bill_ids)
    if not written or (house.terms.endless and not unpaid):
        fresh = house.terms.bills if not written else 1
        _write_bills(house, asked, patient.number, written, max(fresh, int(house.terms.endless)))
    records = house.records
    waiting = [
        records.bills[each]
        for each in records.purse(asked.institution, patient.patient_id).bill_ids
        if records.bills[each].state == "unpaid"
    ]
    return BillList(
        patient_id=patient.patient_id,
        bills=tuple(
            _bill(house, house.plan(each.bill_id), each.at, _held(house, asked, each.holder)) for each in waiting
        ),
    )


def _write_bills(house: House, asked: Asked, resident: int, first: int, count: int) -> None:
    if not count:
        return
    bills = [
        [house.bills.number(asked.clinic, resident, first + order), asked.at - WRITTEN_BEFORE_S - 60 * (count - order)]
        for order in range(count)
    ]
    patient = f"P{resident:08d}"
    house.emit(asked, {"e": "bills", "inst": asked.institution, "patient": patient, "bills": bills})


def _held(house: House, asked: Asked, holder: str) -> bool:
    trade = house.records.trades.get(holder)
    return trade is not None and house.trade_holds(trade, asked.at)


def _bill(house: House, plan: BillPlan, at: float, held: bool) -> Bill:
    return Bill(
        bill_id=plan.bill_id,
        register_no=plan.register_no,
        department_id=plan.department.department_id,
        department=plan.department.name,
        doctor_id=plan.doctor.doctor_id,
        doctor=plan.doctor.name,
        billed_at=moment_text(at),
        total_fen=plan.total_fen,
        fee_category=plan.items[0].kind,
        med_type=plan.med_type,
        pay_merge=plan.pay_merge,
        held=held,
        items=tuple(
            BillItem(
                item_id=each.code,
                name=each.name,
                kind=each.kind,
                spec=each.spec,
                unit=each.unit,
                quantity=str(each.quantity),
                price_fen=each.price_fen,
                amount_fen=each.amount_fen,
            )
            for each in plan.items
        ),
    )


# 10: the lock.


def lock_trade(house: House, asked: Asked, message: LockTrade) -> TradeLocked:
    """10."""
    house.made_before(asked)
    known = house.trade(asked, message.trade_no)
    if known is not None:
        return _locked_before(house, asked, known)
    patient = house.patient(asked, message.patient_id)
    at, terms = asked.at, house.terms
    if message.slot_lock:
        lock = slot_lock(house, asked, message.slot_lock, patient.patient_id)
        if message.med_type != REGISTRATION:
            raise Refused("med-type-differs", "med_type")
        expires_at = lock.expires_at or float(int(at) + int(terms.lock_s))
        total_fen, bill_ids = lock.fee_fen, list[str]()
    else:
        plans = _lockable(house, asked, message, patient.number)
        expires_at = float(int(at) + int(terms.lock_s))
        total_fen, bill_ids = sum(each.total_fen for each in plans), [each.bill_id for each in plans]
    trade = {
        "trade_no": message.trade_no,
        "institution": asked.institution,
        "business": "register" if message.slot_lock else "charge",
        "patient_id": patient.patient_id,
        "bill_ids": bill_ids,
        "lock_id": message.slot_lock,
        "total_fen": total_fen,
        "expires_at": expires_at,
        "mark": asked.mark,
        "terminal_id": message.terminal_id,
    }
    house.emit(asked, {"e": "locked", "trade": trade}, message.trade_no)
    return _trade_locked(house, house.records.trades[message.trade_no])


def _locked_before(house: House, asked: Asked, trade: Trade) -> TradeLocked:
    if trade.standing in ("released", "fenced", "undone"):
        raise Refused("trade-cancelled", "trade_no")
    if trade.mark != asked.mark:
        raise Refused("trade-differs", "trade_no")
    if trade.standing != "held":
        raise Refused("trade-settled", "trade_no")
    if not house.trade_holds(trade, asked.at):
        raise Refused("lock-expired", "trade_no")
    return _trade_locked(house, trade)


def _lockable(house: House, asked: Asked, message: LockTrade, resident: int) -> list[BillPlan]:
    plans = [_lockable_bill(house, asked, each, resident) for each in message.bill_ids]
    if len(plans) > 1 and not all(each.pay_merge for each in plans):
        raise Refused("not-mergeable", "bill_ids")
    kinds = {each.med_type for each in plans}
    if len(kinds) > 1:
        raise Refused("not-mergeable", "bill_ids")
    if kinds != {message.med_type}:
        raise Refused("med-type-differs", "med_type")
    return plans


def _lockable_bill(house: House, asked: Asked, bill_id: str, resident: int) -> BillPlan:
    plan, record = house.bills.plan(bill_id), house.records.bills.get(bill_id)
    if plan is None or record is None:
        raise Refused("notfound", "bill_ids")
    if plan.clinic != asked.clinic:
        raise Refused("foreign-institution", "bill_ids")
    if plan.resident != resident:
        raise Refused("patient-differs", "bill_ids")
    if record.state != "unpaid":
        raise Refused("bill-paid" if record.state == "paid" else "bill-void", "bill_ids")
    if _held(house, asked, record.holder):
        raise Refused("bill-held", "bill_ids")
    return plan


def slot_lock(house: House, asked: Asked, lock_id: str, patient_id: str) -> SlotLock:
    """A lock that a trade may take over, or be paid under."""
    lock = house.lock(asked, lock_id, "slot_lock")
    if lock.patient_id != patient_id:
        raise Refused("patient-differs", "slot_lock")
    if lock.state == "used":
        raise Refused("bill-paid", "slot_lock")
    if not house.lock_lives(lock, asked.at):
        raise Refused("lock-expired", "slot_lock")
    if lock.booking_id and house.slot_of(lock.slot_id).ends_at <= asked.at:
        raise Refused("booking-expired", "slot_lock")
    holder = house.records.trades.get(lock.trade_no)
    if holder is not None and house.trade_holds(holder, asked.at):
        raise Refused("lock-taken", "slot_lock")
    return lock


def _trade_locked(house: House, trade: Trade) -> TradeLocked:
    lines: list[Any] = []
    plans = [house.plan(each) for each in trade.bill_ids]
    for plan in plans:
        at = f"{civil(int(house.records.bills[plan.bill_id].at)):%Y-%m-%d %H:%M:%S}"
        lines += line_values(plan.bill_id, plan.items, plan.department, plan.doctor, at)
    if trade.lock_id:
        session = house.slot_of(house.records.locks[trade.lock_id].slot_id).session
        at = f"{civil(int(trade.at)):%Y-%m-%d %H:%M:%S}"
        lines += line_values(trade.lock_id, registration_items(session.doctor), session.department, session.doctor, at)
    return TradeLocked.model_validate(
        {
            "trade_no": trade.trade_no,
            "business": trade.business,
            "total_fen": trade.total_fen,
            "expires_at": moment_text(trade.expires_at),
            "diagnoses": diagnosis_values(plans),
            "feedetail": lines,
        }
    )


# 12: cancellation.


def unlock_trade(house: House, asked: Asked, message: UnlockTrade) -> TradeCancelled:
    """12: the lock goes. A trade that is settled is not touched."""
    trade = house.trade(asked, message.trade_no)
    if trade is not None and trade.standing in ("settled", "refunding"):
        raise Refused("trade-settled", "trade_no")
    return _let_go(house, asked, message.trade_no, trade)


def cancel_trade(house: House, asked: Asked, message: CancelTrade) -> TradeCancelled:
    """12: the lock goes, and a settlement with it, by the rules of a refund; its bills are unpaid again."""
    trade = house.trade(asked, message.trade_no)
    if trade is None or trade.standing in ("held", "released", "fenced"):
        return _let_go(house, asked, message.trade_no, trade)
    if trade.standing in ("refunding", "refunded"):
        raise Refused("trade-refunded", "trade_no")
    if trade.standing == "settled":
        why = why_not_refundable(house, trade, asked.at)
        if why:
            raise Refused(why, "trade_no")
        house.emit(asked, {"e": "undone", "trade": trade.trade_no})
    return TradeCancelled(trade_no=trade.trade_no, result="UNDONE")


def _let_go(house: House, asked: Asked, trade_no: str, trade: Trade | None) -> TradeCancelled:
    if trade is None:
        house.emit(asked, {"e": "fenced", "inst": asked.institution, "trade": trade_no})
    elif trade.standing == "held":
        house.emit(asked, {"e": "released", "trade": trade_no})
    fenced = trade is None or trade.standing == "fenced"
    return TradeCancelled(trade_no=trade_no, result="FENCED" if fenced else "RELEASED")
