"""The fence: one row that says which process writes."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table

from reference_impl.backend.storage.metadata import METADATA

__all__ = ["WRITER"]

WRITER = Table(
    "writer",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
)
