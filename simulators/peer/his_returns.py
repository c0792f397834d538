"""Refunds: operation 14 of spec/services.md 2.1. Granted or refused at once, done at once or some seconds later.

The order of 2.2 is kept: the refund here first, which cancels a registration, then the money. Refused is what was used: the visit has
begun, the medicine is handed out, the e-bill was turned to paper. A withdrawal of a number that was never heard of is remembered.
"""

from __future__ import annotations

from typing import Any

from protocols.wire.his.fields import day_text, moment_text
from protocols.wire.his.refusals import Refused
from protocols.wire.his.report_messages import (
    AskRefund,
    AskStatus,
    Eligibility,
    Refund,
    RefundRequest,
    RefundReturns,
    RefundWithdrawn,
)
from simulators.peer.his_house import Asked, House
from simulators.peer.his_tables import RefundRecord, Trade

__all__ = [
    "complete_refunds",
    "refund_eligibility",
    "refund_returns",
    "refund_status",
    "request_refund",
    "why_not_refundable",
    "withdraw_refund",
]


def why_not_refundable(house: House, trade: Trade, at: float) -> str:
    """The code of a refusal; empty for a trade that may be taken back."""
    ebill = house.records.ebills.get(trade.ebill_id)
    if ebill is not None and ebill.printed:
        return "ebill-printed"
    terms = house.terms
    if trade.business == "charge":
        late = bool(terms.dispense_s) and at >= trade.settled_at + terms.dispense_s
        return "drug-issued" if late and any(house.plan(each).drugs for each in trade.bill_ids) else ""
    booking = house.records.bookings[trade.booking_id]
    if booking.checked_in_at:
        return "visit-began" if at >= booking.checked_in_at + terms.visit_s else ""
    return "booking-expired" if house.slot_of(booking.slot_id).ends_at <= at else ""


def _settled(house: House, asked: Asked, trade_no: str) -> Trade:
    trade = house.trade(asked, trade_no)
    if trade is None:
        raise Refused("notfound", "trade_no")
    if trade.standing in ("held", "released", "fenced", "undone"):
        raise Refused("not-settled", "trade_no")
    return trade


def refund_eligibility(house: House, asked: Asked, message: AskStatus) -> Eligibility:
    """14: would a refund be granted now."""
    trade = _settled(house, asked, message.trade_no)
    code = "trade-refunded" if trade.standing != "settled" else why_not_refundable(house, trade, asked.at)
    return Eligibility(trade_no=trade.trade_no, eligible=not code, code=code)


def request_refund(house: House, asked: Asked, message: RefundRequest) -> Refund:
    """14."""
    house.made_before(asked)
    known = _known(house, asked, message.refund_no)
    if known is not None:
        if known.standing in ("withdrawn", "fenced"):
            raise Refused("refund-withdrawn", "refund_no")
        if known.mark != asked.mark:
            raise Refused("refund-differs", "refund_no")
        return _refund(house, known)
    trade = _settled(house, asked, message.trade_no)
    if trade.standing != "settled":
        raise Refused("trade-refunded", "trade_no")
    if message.amount_fen != trade.total_fen:
        raise Refused("amount-differs", "amount_fen")
    why = why_not_refundable(house, trade, asked.at)
    if why:
        raise Refused(why, "trade_no")
    day = day_text(asked.at)
    refund: dict[str, Any] = {
        "refund_no": message.refund_no,
        "institution": asked.institution,
        "trade_no": trade.trade_no,
        "mark": asked.mark,
        "done_at": asked.at + house.terms.refund_s,
        "his_refund_id": f"RF{day.replace('-', '')}{house.records.peek(f'refund {day}'):06d}",
    }
    house.emit(asked, {"e": "refund", "refund": refund}, message.refund_no)
    complete_refunds(house, asked.at)
    return _refund(house, house.records.refunds[message.refund_no])


def _known(house: House, asked: Asked, refund_no: str) -> RefundRecord | None:
    found = house.records.refunds.get(refund_no)
    if found is not None and found.institution != asked.institution:
        raise Refused("foreign-institution", "refund_no")
    return found


def complete_refunds(house: House, now: float) -> None:
    """Do what was granted and is due; the HIS works on without being asked."""
    due = [number for number, at in house.records.pending.items() if at <= now]
    for number in due:
        house.write({"e": "refund-done", "at": house.records.refunds[number].done_at, "refund": number})


def _refund(house: House, refund: RefundRecord) -> Refund:
    trade = house.records.trades[refund.trade_no]
    fund, account, cash, reduction = trade.split
    done = refund.standing == "done"
    return Refund(
        refund_no=refund.refund_no,
        trade_no=trade.trade_no,
        state="DONE" if done else "WITHDRAWN" if refund.standing == "withdrawn" else "PENDING",
        amount_fen=trade.total_fen,
        fund_fen=fund,
        account_fen=account,
        cash_fen=cash,
        reduction_fen=reduction,
        his_refund_id=refund.his_refund_id if done else "",
        refunded_at=moment_text(refund.done_at) if done else None,
        setl_id=trade.setl_id,
        mdtrt_id=trade.mdtrt_id,
        si_refund_id=refund.si_refund_id,
        cash_refund_id=refund.cash_refund_id,
    )


def refund_status(house: House, asked: Asked, message: AskRefund) -> Refund:
    """14."""
    known = _known(house, asked, message.refund_no)
    if known is None or known.standing == "fenced":
        raise Refused("notfound", "refund_no")
    return _refund(house, known)


def withdraw_refund(house: House, asked: Asked, message: AskRefund) -> RefundWithdrawn:
    """14: what is not done yet is not done any more; an unknown number is fenced."""
    known = _known(house, asked, message.refund_no)
    if known is None:
        house.emit(asked, {"e": "refund-fenced", "inst": asked.institution, "refund": message.refund_no})
    elif known.standing == "done":
        raise Refused("refund-done", "refund_no")
    elif known.standing == "pending":
        house.emit(asked, {"e": "refund-withdrawn", "refund": message.refund_no})
    fenced = known is None or known.standing == "fenced"
    return RefundWithdrawn(refund_no=message.refund_no, result="FENCED" if fenced else "WITHDRAWN")


def refund_returns(house: House, asked: Asked, message: RefundReturns) -> Refund:
    """14: the platform tells how the money went back."""
    known = _known(house, asked, message.refund_no)
    if known is None or known.standing != "done":
        raise Refused("notfound", "refund_no")
    told = (message.si_refund_id, message.cash_refund_id)
    if told != (known.si_refund_id, known.cash_refund_id):
        house.emit(asked, {"e": "returns", "refund": known.refund_no, "si": told[0], "cash": told[1]})
    return _refund(house, known)
