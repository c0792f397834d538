"""Terminals, what was last heard of them, what happened to their modules, and what they were told to do."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKey, Index, Table, Text

from reference_impl.backend.storage.metadata import METADATA

__all__ = ["COMMANDS", "EARLY_NONCES", "MODULE_EVENTS", "TERMINALS", "TERMINAL_STATES", "TERMINAL_VERSIONS"]

TERMINALS = Table(
    "terminals",
    METADATA,
    Column("terminal_id", Text, primary_key=True),
    Column("institution", Text, ForeignKey("institutions.code"), nullable=False),
    Column("name", Text, nullable=False),
    Column("bank_terminal", Text),
    Column("merchant", Text, nullable=False),
    Column("services", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("public_key", Text, nullable=False),
    Column("code_hash", Text, nullable=False),
    Column("code_expires_at", Double, nullable=False),
    Column("code_failures", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("config_version", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("enrolled_at", Double, nullable=False),
    Column("ended_at", Double, nullable=False),
    Index("uq_terminals_bank", "merchant", "bank_terminal", unique=True),
)

TERMINAL_STATES = Table(
    "terminal_states",
    METADATA,
    Column("terminal_id", Text, primary_key=True),
    Column("heard_at", Double, nullable=False),
    Column("boot_id", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("sent_at", Double, nullable=False),
    Column("uptime_s", Double, nullable=False),
    Column("app_version", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("queue", BigInteger, nullable=False),
    Column("queue_oldest_s", Double, nullable=False),
    Column("open_session", Boolean, nullable=False),
    Column("config_version", BigInteger, nullable=False),
    Column("clock_offset_ms", BigInteger, nullable=False),
    Column("network_ms", BigInteger, nullable=False),
    Column("disk_free_mb", BigInteger, nullable=False),
    Column("modules", Text, nullable=False),
)

TERMINAL_VERSIONS = Table(
    "terminal_versions",
    METADATA,
    Column("terminal_id", Text, primary_key=True),
    Column("app_version", Text, primary_key=True),
    Column("first_heard_at", Double, nullable=False),
    info={"append_only": True},
)

MODULE_EVENTS = Table(
    "module_events",
    METADATA,
    Column("event_id", Text, primary_key=True),
    Column("terminal_id", Text, nullable=False),
    Column("module", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("at", Double, nullable=False),
    Index("ix_module_events_terminal", "terminal_id", "at"),
    info={"append_only": True},
)

COMMANDS = Table(
    "commands",
    METADATA,
    Column("command_id", Text, primary_key=True),
    Column("terminal_id", Text, ForeignKey("terminals.terminal_id"), nullable=False),
    Column("verb", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("issued_by", Text, nullable=False),
    Column("issued_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("sent_at", Double, nullable=False),
    Column("ended_at", Double, nullable=False),
    Index("ix_commands_terminal", "terminal_id", "issued_at"),
)

EARLY_NONCES = Table(
    "early_nonces",
    METADATA,
    Column("nonce", Text, primary_key=True),
    Column("timestamp", BigInteger, nullable=False),
    info={"append_only": True, "prunable": True},
)
