"""What operators and the backend say to each other about trades and alarms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import Field

from protocols.wire.platform.message import Message
from reference_impl.backend.paging import ScopeQuery
from reference_impl.backend.settlement.model import Trade

__all__ = [
    "AlarmQuery",
    "AlarmView",
    "AttemptDetail",
    "Balance",
    "Decision",
    "HandledNote",
    "Ledger",
    "LedgerQuery",
    "RefundOrder",
    "TradeDetail",
    "TradeQuery",
    "TradeRow",
]

Day = Annotated[str, Field(pattern=r"^([0-9]{8})?$", examples=["20261127"])]
Note = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,200}$", examples=["已与银行核对，款项未到账"])]
TradeState = Literal[
    "", "quoting", "awaiting", "paying", "paid", "cancelling", "closed", "refunding", "refunded", "manual"
]


class TradeQuery(ScopeQuery):
    """``day`` is the business day on which a trade was opened."""

    day: Day = ""
    state: TradeState = ""
    terminal_id: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{0,32}$")] = ""


class TradeRow(Message):
    """Without personal data."""

    trade_no: str
    kind: str
    institution: str
    terminal_id: str
    opened_at: float
    closed_at: float
    state: str
    method: str
    total_fen: int
    fund_fen: int
    account_fen: int
    mutual_aid_fen: int
    cash_fen: int
    hospital_fen: int
    reason: str

    @staticmethod
    def of(row: Mapping[str, Any]) -> TradeRow:
        values = {name: row[name] for name in TradeRow.model_fields}
        return TradeRow.model_validate({name: 0 if value is None else value for name, value in values.items()})


class AttemptDetail(Message):
    """One thing that was asked of another system; ``facts`` is what it told, ``reference`` our number there."""

    attempt_id: str
    leg: str
    act: str
    channel: str
    operation: str
    reference: str
    amount_fen: int
    state: str
    tries: int
    code: str
    reason: str
    created_at: float
    updated_at: float
    facts: dict[str, Any]


class TradeDetail(Message):
    """``patient`` is the number at the HIS; reading it is in the audit trail."""

    trade: TradeRow
    patient: str
    attempts: list[AttemptDetail]

    @staticmethod
    def of(trade: Trade) -> TradeDetail:
        parts = {} if trade.split is None else asdict(trade.split)
        known = {name: getattr(trade, name, parts.get(name, 0)) for name in TradeRow.model_fields}
        return TradeDetail(
            trade=TradeRow.of({**known, "kind": trade.kind.value, "state": trade.state.value}),
            patient=trade.patient_id,
            attempts=[
                AttemptDetail(
                    attempt_id=each.attempt_id,
                    leg=each.leg.value,
                    act=each.act.value,
                    channel=each.channel,
                    operation=each.operation,
                    reference=each.reference,
                    amount_fen=each.amount_fen,
                    state=each.state.value,
                    tries=each.tries,
                    code=each.code,
                    reason=each.reason,
                    created_at=each.created_at,
                    updated_at=each.updated_at,
                    facts=dict(each.facts),
                )
                for each in trade.attempts
            ],
        )


class RefundOrder(Message):
    """``note``: why; it stands in the audit trail."""

    note: Note


class Decision(Message):
    """What a person has found out about an attempt on which its peer contradicts itself."""

    outcome: Literal["success", "fail"]
    note: Note


class AlarmQuery(ScopeQuery):
    state: Literal["", "open", "handled"] = "open"


class AlarmView(Message):
    """``details`` holds what is needed to decide: channel, operation, our reference, amount, tries, what the peer said."""

    alarm_id: str
    code: str
    institution: str
    trade_no: str
    attempt_id: str
    raised_at: float
    state: str
    details: dict[str, Any]
    handled_by: str
    handled_at: float

    @staticmethod
    def of(row: Mapping[str, Any]) -> AlarmView:
        values = {name: row[name] for name in AlarmView.model_fields}
        return AlarmView.model_validate({**values, "details": json.loads(row["details"])})


class HandledNote(Message):
    note: Note


class LedgerQuery(Message):
    institution: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{0,32}$")] = ""
    day: Day = ""


class Balance(Message):
    account: str
    balance_fen: int
    postings: int


class Ledger(Message):
    """``sum_fen`` is 0, or the ledger is broken."""

    accounts: list[Balance]
    sum_fen: int
