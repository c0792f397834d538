"""The table of bank terminals: what must survive the process so that a trace is never used twice."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text

from reference_impl.backend.storage.metadata import METADATA

__all__ = ["BANK_TERMINALS"]

BANK_TERMINALS = Table(
    "bank_terminals",
    METADATA,
    Column("bank_terminal", Text, primary_key=True),
    Column("terminal_id", Text, nullable=False),
    Column("merchant", Text, nullable=False),
    Column("batch", BigInteger, nullable=False),
    Column("trace", BigInteger, nullable=False),
    Column("keys", Text, nullable=False),
    Column("key_version", Text, nullable=False),
    Column("signed_day", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
)
"""One row a number of the bank (field 41), also of one that its kiosk no longer has: old attempts are known by it.
``keys`` is field 62 of the last sign-in: enciphered under the terminal's master key, which is not in this database."""
