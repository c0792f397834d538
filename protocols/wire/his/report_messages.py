"""Refunds, the daily trade list and e-bills at the HIS. Source: spec/services.md 2.1, operations 13 to 16, 2.2, 6."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from protocols.wire.his.fields import (
    Ask,
    Business,
    Count,
    Day,
    Fen,
    Id,
    IdOrNone,
    Moment,
    Must50,
    Must100,
    Must200,
    PayFen,
    Reference,
    Told,
    TradeNo,
)

__all__ = [
    "MOST_ROWS",
    "AskRefund",
    "AskStatus",
    "DayList",
    "DayRow",
    "EBill",
    "EBillList",
    "Eligibility",
    "ListDay",
    "ListEBills",
    "MarkEBill",
    "Refund",
    "RefundRequest",
    "RefundReturns",
    "RefundWithdrawn",
]

MOST_ROWS = 500


class AskStatus(Ask):
    """Of a trade, for its status or for whether it may be refunded."""

    trade_no: TradeNo


class Eligibility(Told):
    """``code`` says why not."""

    trade_no: TradeNo
    eligible: bool
    code: Annotated[str, Field(pattern=r"^[a-z-]*$", max_length=64)] = ""


class RefundRequest(Ask):
    """All of the trade goes back: ``amount_fen`` is what was settled. Sent again with the same content it answers the same."""

    refund_no: TradeNo
    trade_no: TradeNo
    amount_fen: PayFen
    reason: Must100 = "patient"
    terminal_id: IdOrNone = ""


class AskRefund(Ask):
    refund_no: TradeNo


class Refund(Told):
    """``PENDING`` is granted and not done yet; ``refunded_at`` and ``his_refund_id`` once it is. The parts are those of the
    settlement; ``setl_id`` and ``mdtrt_id`` what is to be taken back at the insurance."""

    refund_no: TradeNo
    trade_no: TradeNo
    state: Literal["PENDING", "DONE", "WITHDRAWN"]
    amount_fen: Fen = 0
    fund_fen: Fen = 0
    account_fen: Fen = 0
    cash_fen: Fen = 0
    reduction_fen: Fen = 0
    his_refund_id: IdOrNone = ""
    refunded_at: Moment | None = None
    setl_id: IdOrNone = ""
    mdtrt_id: IdOrNone = ""
    si_refund_id: Reference = ""
    cash_refund_id: Reference = ""


class RefundWithdrawn(Told):
    """``FENCED``: it was not known, and is refused if it comes late; ``WITHDRAWN``: it was granted and is not any more."""

    refund_no: TradeNo
    result: Literal["FENCED", "WITHDRAWN"]


class RefundReturns(Ask):
    """Under which numbers insurance and cash channel gave the money back: told to the HIS afterwards."""

    refund_no: TradeNo
    si_refund_id: Reference = ""
    cash_refund_id: Reference = ""


class ListDay(Ask):
    """``page`` counts from 1."""

    day: Day
    page: Annotated[int, Field(ge=1, le=100_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 200


class DayRow(Told):
    """Of an ``undo`` ``reference`` is the refund's number (of a cancellation the trade's own) and ``original`` the trade's; amounts
    are positive all the same. ``cash_kind`` is the payment kind of the cash part; ``terminal_type`` 3 is self-service."""

    reference: TradeNo
    kind: Literal["pay", "undo"]
    original: Annotated[str, Field(max_length=64)] = ""
    trade_no: TradeNo
    business: Business
    patient_id: Id
    amount_fen: Fen
    fund_fen: Fen = 0
    account_fen: Fen = 0
    cash_fen: Fen = 0
    reduction_fen: Fen = 0
    cash_kind: Annotated[str, Field(pattern=r"^([0-9]{2})?$")] = ""
    traded_at: Moment
    terminal_type: Literal["1", "3"] = "3"
    terminal_id: IdOrNone = ""
    reconciliation_no: Id


class DayList(Told):
    """``IN_PROGRESS``: the day is not over, or its list not made; ``NONE``: nothing happened. No rows come with either."""

    day: Day
    state: Literal["READY", "NONE", "IN_PROGRESS"]
    page: Annotated[int, Field(ge=1, le=100_000)] = 1
    pages: Count = 0
    rows_total: Count = 0
    rows: Annotated[tuple[DayRow, ...], Field(max_length=MOST_ROWS, strict=False)] = ()


class ListEBills(Ask):
    """``trade_no`` empty: all of the patient."""

    patient_id: Id
    trade_no: Annotated[str, Field(max_length=64, pattern=r"^[0-9A-Za-z_-]*$")] = ""


class EBill(Told):
    """A medical e-bill. ``type`` 1 normal, 2 red, which takes another one back. ``printed``: it was turned to paper."""

    ebill_id: Id
    code: Must50
    number: Must50
    check_code: Must50
    amount_fen: Fen
    type: Literal["1", "2"]
    issued_at: Moment
    trade_no: TradeNo
    qrcode: Must200
    url: Must200
    printed: bool = False


class EBillList(Told):
    patient_id: Id
    ebills: Annotated[tuple[EBill, ...], Field(strict=False)]


class MarkEBill(Ask):
    """``printed`` false: the paper was given back."""

    ebill_id: Id
    printed: bool
    terminal_id: IdOrNone = ""
