"""What became of a trade, the trades of a day, e-bills: operations 13, 15 and 16 of spec/services.md 2.1."""

from __future__ import annotations

import hashlib

from protocols.wire.his.fields import moment_text, unix_of_day
from protocols.wire.his.money_messages import TradeState, TradeStatus
from protocols.wire.his.refusals import Refused
from protocols.wire.his.report_messages import (
    AskStatus,
    DayList,
    DayRow,
    EBill,
    EBillList,
    ListDay,
    ListEBills,
    MarkEBill,
)
from simulators.peer.his_house import Asked, House
from simulators.peer.his_slots import DAY_S
from simulators.peer.his_tables import EBillRecord, Move, Trade

__all__ = ["list_day", "list_ebills", "mark_ebill", "trade_status"]

_STATES: dict[str, TradeState] = {
    "held": "LOCKED",
    "settled": "DONE",
    "released": "CANCELLED",
    "fenced": "CANCELLED",
    "undone": "CANCELLED",
    "refunding": "REFUNDING",
    "refunded": "REFUNDED",
}


def trade_status(house: House, asked: Asked, message: AskStatus) -> TradeStatus:
    """13."""
    trade = house.trade(asked, message.trade_no)
    if trade is None:
        raise Refused("notfound", "trade_no")
    state = _STATES[trade.standing]
    if trade.standing == "held" and not house.trade_holds(trade, asked.at):
        state = "EXPIRED"
    booking = house.records.bookings.get(trade.booking_id)
    fenced = trade.standing == "fenced"
    return TradeStatus(
        trade_no=trade.trade_no,
        state=state,
        business=None if fenced else trade.business,
        reconciliation_no=trade.reconciliation_no,
        amount_fen=trade.total_fen,
        settled_at=moment_text(trade.settled_at) if trade.settled_at else None,
        registration_id=trade.booking_id,
        see_no=str(booking.number) if booking else "",
    )


def list_day(house: House, asked: Asked, message: ListDay) -> DayList:
    """15: of a day that is over, in pages."""
    ready_at = unix_of_day(message.day) + DAY_S + house.terms.list_s
    if asked.at < ready_at:
        return DayList(day=message.day, state="IN_PROGRESS", page=message.page)
    numbers = house.records.moves_of_day.get(f"{asked.institution} {message.day}", [])
    if not numbers:
        return DayList(day=message.day, state="NONE", page=message.page)
    size, first = message.page_size, (message.page - 1) * message.page_size
    return DayList(
        day=message.day,
        state="READY",
        page=message.page,
        pages=(len(numbers) + size - 1) // size,
        rows_total=len(numbers),
        rows=tuple(_row(house, house.records.moves[each]) for each in numbers[first : first + size]),
    )


def _row(house: House, move: Move) -> DayRow:
    trade = house.records.trades[move.trade_no]
    fund, account, cash, reduction = trade.split
    return DayRow(
        reference=move.reference,
        kind=move.kind,
        original=trade.trade_no if move.kind == "undo" else "",
        trade_no=trade.trade_no,
        business=trade.business,
        patient_id=trade.patient_id,
        amount_fen=trade.total_fen,
        fund_fen=fund,
        account_fen=account,
        cash_fen=cash,
        reduction_fen=reduction,
        cash_kind=trade.cash_kind,
        traded_at=moment_text(move.at),
        terminal_type="3",
        terminal_id=trade.terminal_id,
        reconciliation_no=trade.reconciliation_no,
    )


def list_ebills(house: House, asked: Asked, message: ListEBills) -> EBillList:
    """16."""
    patient = house.patient(asked, message.patient_id)
    numbers = house.records.ebills_of.get(f"{asked.institution} {patient.patient_id}", [])
    found = [house.records.ebills[each] for each in numbers]
    return EBillList(
        patient_id=patient.patient_id,
        ebills=tuple(_ebill(house, each) for each in found if message.trade_no in ("", each.trade_no)),
    )


def mark_ebill(house: House, asked: Asked, message: MarkEBill) -> EBill:
    """16: turned to paper, or the paper given back. A bill that was taken back is not printed any more."""
    found = house.records.ebills.get(message.ebill_id)
    if found is None:
        raise Refused("notfound", "ebill_id")
    if found.institution != asked.institution:
        raise Refused("foreign-institution", "ebill_id")
    trade: Trade = house.records.trades[found.trade_no]
    if message.printed and (found.red or trade.standing != "settled"):
        raise Refused("trade-refunded", "ebill_id")
    if found.printed != message.printed:
        house.emit(asked, {"e": "ebill", "ebill": found.ebill_id, "printed": message.printed})
    return _ebill(house, found)


def _ebill(house: House, record: EBillRecord) -> EBill:
    code, number = record.ebill_id.split("-")
    check = hashlib.sha256(f"{house.seed} {record.ebill_id}".encode()).hexdigest()[:6]
    return EBill(
        ebill_id=record.ebill_id,
        code=code,
        number=number,
        check_code=check,
        amount_fen=record.amount_fen,
        type="2" if record.red else "1",
        issued_at=moment_text(record.at),
        trade_no=record.trade_no,
        qrcode=f"01,{code},{number},{record.amount_fen},{check}",
        url=f"https://ebill.invalid/{code}/{number}?c={check}",
        printed=record.printed,
    )
