"""The tables of settlement. Column by column what :mod:`reference_impl.backend.settlement.model` says; amounts in fen."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Double, Index, LargeBinary, Table, Text

from reference_impl.backend.storage.metadata import METADATA

__all__ = ["ALARMS", "ATTEMPTS", "OUTBOX", "POSTINGS", "TRADES"]

TRADES = Table(
    "trades",
    METADATA,
    Column("trade_no", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("request_hash", Text, nullable=False),
    Column("terminal_id", Text, nullable=False),
    Column("institution", Text, nullable=False),
    Column("patient_id", Text, nullable=False),
    Column("total_fen", BigInteger, CheckConstraint("total_fen > 0", name="total_positive"), nullable=False),
    Column("opened_at", Double, nullable=False),
    Column("deadline", Double, nullable=False),
    Column("day", Text, nullable=False),
    Column("insured", Boolean, nullable=False),
    Column("terms", Text, nullable=False),
    Column("fund_fen", BigInteger),
    Column("account_fen", BigInteger),
    Column("cash_fen", BigInteger),
    Column("mutual_aid_fen", BigInteger),
    Column("hospital_fen", BigInteger),
    Column("state", Text, nullable=False),
    Column("goal", Text, nullable=False),
    Column("goal_since", Double, nullable=False),
    Column("agreed", Boolean, nullable=False),
    Column("method", Text, nullable=False),
    Column("pay_keys", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("closed_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index("uq_trades_key", "terminal_id", "idempotency_key", unique=True),
    Index("ix_trades_state", "state"),
    Index("ix_trades_day", "day", "institution"),
    Index("ix_trades_patient", "patient_id"),
)

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("attempt_id", Text, primary_key=True),
    Column("trade_no", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("leg", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("amount_fen", BigInteger, CheckConstraint("amount_fen >= 0", name="amount_not_negative"), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("original", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("op", Text, nullable=False),
    Column("due", Double, nullable=False),
    Column("tries", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index("uq_attempts_reference", "channel", "reference", unique=True),
    Index("uq_attempts_seq", "trade_no", "seq", unique=True),
    Index("ix_attempts_state", "state"),
)

POSTINGS = Table(
    "postings",
    METADATA,
    Column("posting_id", Text, primary_key=True),
    Column("trade_no", Text, nullable=False),
    Column("attempt_id", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("amount_fen", BigInteger, CheckConstraint("amount_fen <> 0", name="amount_not_zero"), nullable=False),
    Column("at", Double, nullable=False),
    Column("day", Text, nullable=False),
    Index("ix_postings_trade", "trade_no"),
    Index("ix_postings_account", "account", "day"),
    info={"append_only": True},
)

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("message_id", Text, primary_key=True),
    Column("trade_no", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("due", Double, nullable=False),
    Column("tries", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index("ix_outbox_state", "state", "due"),
)

ALARMS = Table(
    "alarms",
    METADATA,
    Column("alarm_id", Text, primary_key=True),
    Column("code", Text, nullable=False),
    Column("trade_no", Text, nullable=False),
    Column("attempt_id", Text, nullable=False),
    Column("raised_at", Double, nullable=False),
    Column("state", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("handled_by", Text, nullable=False),
    Column("handled_at", Double, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index("ix_alarms_state", "state"),
)
