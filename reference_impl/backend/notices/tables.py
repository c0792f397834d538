"""Where citizens can be reached: sealed, under a token from which nobody finds the patient."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from reference_impl.backend.storage.metadata import METADATA

__all__ = ["CONTACTS"]

CONTACTS = Table(
    "contacts",
    METADATA,
    Column("patient", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("version", BigInteger, nullable=False),
)
