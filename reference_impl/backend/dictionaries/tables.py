"""Entries of all dictionaries. ``version`` is that of all dictionaries together when the entry was last changed."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Table, Text

from reference_impl.backend.storage.metadata import METADATA

__all__ = ["DICTIONARY_ENTRIES"]

DICTIONARY_ENTRIES = Table(
    "dictionary_entries",
    METADATA,
    Column("dictionary", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("version", BigInteger, nullable=False),
)
