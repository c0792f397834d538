"""The tables of reconciliation. Column by column what :mod:`reference_impl.backend.reconciliation.records` says."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Table, Text

from reference_impl.backend.storage.metadata import METADATA

__all__ = ["DIFFERENCES", "HANDLINGS", "PARAMETERS", "POOL", "RUNS", "TOTALS"]

RUNS = Table(
    "reconciliation_runs",
    METADATA,
    Column("run_id", Text, primary_key=True),
    Column("day", Text, nullable=False),
    Column("institution", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("started_by", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double, nullable=False),
    Column("files", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("compared", BigInteger, nullable=False),
    Column("carried", BigInteger, nullable=False),
    Column("found", BigInteger, nullable=False),
    Column("pooled", BigInteger, nullable=False),
    Column("settled", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index("ix_reconciliation_runs_day", "day"),
)

TOTALS = Table(
    "reconciliation_totals",
    METADATA,
    Column("total_id", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("leg", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("institution", Text, nullable=False),
    Column("paid_count", BigInteger, nullable=False),
    Column("paid_fen", BigInteger, nullable=False),
    Column("returned_count", BigInteger, nullable=False),
    Column("returned_fen", BigInteger, nullable=False),
    Index("ix_reconciliation_totals_run", "run_id"),
    info={"append_only": True},
)

DIFFERENCES = Table(
    "reconciliation_differences",
    METADATA,
    Column("difference_id", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("underlying", Text, nullable=False),
    Column("books", Text, nullable=False),
    Column("institution", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("trade_no", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("sides", Text, nullable=False),
    Column("gap_fen", BigInteger, nullable=False),
    Column("pooled", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("ended_run", Text, nullable=False),
    Column("handled_by", Text, nullable=False),
    Column("handled_at", Double, nullable=False),
    Column("reason", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index("ix_reconciliation_differences_run", "run_id", "code"),
    Index("ix_reconciliation_differences_subject", "subject"),
    Index("ix_reconciliation_differences_state", "state", "day"),
)

POOL = Table(
    "reconciliation_pool",
    METADATA,
    Column("pool_id", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("institution", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("ended_run", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index("ix_reconciliation_pool_state", "state", "day"),
    Index("ix_reconciliation_pool_run", "run_id"),
    Index("ix_reconciliation_pool_ended", "ended_run"),
)

HANDLINGS = Table(
    "reconciliation_handlings",
    METADATA,
    Column("handling_id", Text, primary_key=True),
    Column("difference_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state_before", Text, nullable=False),
    Column("state_after", Text, nullable=False),
    Index("ix_reconciliation_handlings_difference", "difference_id"),
    Index("ix_reconciliation_handlings_subject", "subject"),
    info={"append_only": True},
)

PARAMETERS = Table(
    "reconciliation_parameters",
    METADATA,
    Column("parameters_id", Text, primary_key=True),
    Column("content", Text, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_at", Double, nullable=False),
    Column("version", BigInteger, nullable=False),
)
