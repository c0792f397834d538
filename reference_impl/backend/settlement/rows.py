"""Trades and attempts to rows and back. The order of values is the order of the columns in ``tables.py``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reference_impl.backend.settlement.model import (
    Act,
    Attempt,
    AttemptState,
    Goal,
    Leg,
    Split,
    Trade,
    TradeKind,
    TradeState,
)
from reference_impl.backend.settlement.tables import ATTEMPTS, TRADES
from reference_impl.backend.storage.writes import Write

__all__ = ["attempt_of", "attempt_write", "trade_of", "trade_write", "with_attempts"]


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")) if value else "{}"


def trade_write(trade: Trade) -> Write:
    split = trade.split
    return Write(
        TRADES,
        (
            trade.trade_no,
            trade.kind.value,
            trade.key,
            trade.request_hash,
            trade.terminal_id,
            trade.institution,
            trade.patient_id,
            trade.total_fen,
            trade.opened_at,
            trade.deadline,
            trade.day,
            trade.insured,
            _text(trade.terms),
            split.fund_fen if split else None,
            split.account_fen if split else None,
            split.cash_fen if split else None,
            split.mutual_aid_fen if split else None,
            split.hospital_fen if split else None,
            trade.state.value,
            trade.goal.value,
            trade.goal_since,
            trade.agreed,
            trade.method,
            " ".join(trade.pay_keys),
            trade.reason,
            trade.closed_at,
            trade.updated_at,
            trade.version,
        ),
    )


def attempt_write(attempt: Attempt) -> Write:
    return Write(
        ATTEMPTS,
        (
            attempt.attempt_id,
            attempt.trade_no,
            attempt.seq,
            attempt.leg.value,
            attempt.act.value,
            attempt.channel,
            attempt.operation,
            attempt.reference,
            attempt.amount_fen,
            attempt.created_at,
            attempt.original,
            attempt.state.value,
            attempt.op,
            attempt.due,
            attempt.tries,
            attempt.code,
            attempt.reason,
            _text(attempt.facts),
            attempt.sealed,
            attempt.updated_at,
            attempt.version,
        ),
    )


def trade_of(row: Sequence[Any]) -> Trade:
    """A trade without its attempts; *row* has the columns of TRADES in their order."""
    split = None if row[13] is None else Split(row[13], row[14], row[15], row[16], row[17])
    return Trade(
        trade_no=row[0],
        kind=TradeKind(row[1]),
        key=row[2],
        request_hash=row[3],
        terminal_id=row[4],
        institution=row[5],
        patient_id=row[6],
        total_fen=row[7],
        opened_at=row[8],
        deadline=row[9],
        day=row[10],
        insured=bool(row[11]),
        terms=json.loads(row[12]),
        split=split,
        state=TradeState(row[18]),
        goal=Goal(row[19]),
        goal_since=row[20],
        agreed=bool(row[21]),
        method=row[22],
        pay_keys=tuple(row[23].split()),
        reason=row[24],
        closed_at=row[25],
        updated_at=row[26],
        version=row[27],
    )


def attempt_of(row: Sequence[Any]) -> Attempt:
    """*row* has the columns of ATTEMPTS in their order."""
    return Attempt(
        attempt_id=row[0],
        trade_no=row[1],
        seq=row[2],
        leg=Leg(row[3]),
        act=Act(row[4]),
        channel=row[5],
        operation=row[6],
        reference=row[7],
        amount_fen=row[8],
        created_at=row[9],
        original=row[10],
        state=AttemptState(row[11]),
        op=row[12],
        due=row[13],
        tries=row[14],
        code=row[15],
        reason=row[16],
        facts=json.loads(row[17]),
        sealed=bytes(row[18]),
        updated_at=row[19],
        version=row[20],
    )


def with_attempts(trade: Trade, attempts: Sequence[Attempt]) -> Trade:
    return replace(trade, attempts=tuple(sorted(attempts, key=lambda each: each.seq)))
