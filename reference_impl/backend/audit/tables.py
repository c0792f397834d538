"""The trail. ``object`` of a personal kind is a token of the person, not the person."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Table, Text

from reference_impl.backend.storage.metadata import METADATA

__all__ = ["AUDIT"]

AUDIT = Table(
    "audit",
    METADATA,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object_kind", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("institution", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("prev", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Index("ix_audit_actor", "actor_kind", "actor", "seq"),
    Index("ix_audit_object", "object_kind", "object", "seq"),
    Index("ix_audit_institution", "institution", "seq"),
    info={"append_only": True},
)
