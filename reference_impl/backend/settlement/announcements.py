"""The rows by which people learn of a trade: alarms for operators, notices for the citizen."""

from __future__ import annotations

import json

from reference_impl.backend.settlement.model import Attempt, Trade, TradeState
from reference_impl.backend.settlement.tables import ALARMS, OUTBOX
from reference_impl.backend.storage.writes import Write

__all__ = ["alarm_write", "notice_write"]


def alarm_write(trade: Trade, attempt: Attempt, code: str, now: float) -> Write:
    """The row by which an operator learns of *attempt*, with everything needed to decide. The same alarm is raised once."""
    details = {
        "channel": attempt.channel,
        "operation": attempt.operation,
        "op": attempt.op,
        "reference": attempt.reference,
        "amount_fen": attempt.amount_fen,
        "tries": attempt.tries,
        "code": attempt.code,
        "reason": attempt.reason,
    }
    text = json.dumps(details, ensure_ascii=False, sort_keys=True)
    alarm_id = f"{attempt.attempt_id}:{code}"
    return Write(ALARMS, (alarm_id, code, trade.trade_no, attempt.attempt_id, now, "open", text, "", 0.0, 1))


def notice_write(trade: Trade, state: TradeState, now: float) -> Write:
    """The row by which the citizen is told what became of *trade*."""
    message_id = f"{trade.trade_no}:{state.value}:{trade.version}"
    payload = json.dumps({"patient_id": trade.patient_id, "kind": trade.kind.value, "total_fen": trade.total_fen})
    return Write(OUTBOX, (message_id, trade.trade_no, state.value, payload, "waiting", now, 0, now, 1))
