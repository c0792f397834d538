"""The fence (one row that says which process writes), and what a database knows of itself."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text

from reference_impl.backend.storage.metadata import METADATA

__all__ = ["INSTANCE", "WRITER"]

WRITER = Table(
    "writer",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
)

INSTANCE = Table(
    "instance",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
