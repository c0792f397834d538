"""Institutions, roles, users and grants. Nothing is deleted: what has ended says so, and the audit trail can still name it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKey, Index, Table, Text

from reference_impl.backend.storage.metadata import METADATA

__all__ = ["GRANTS", "INSTITUTIONS", "ROLES", "USERS"]

INSTITUTIONS = Table(
    "institutions",
    METADATA,
    Column("code", Text, primary_key=True),
    Column("parent", Text, ForeignKey("institutions.code")),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("updated_at", Double, nullable=False),
)

ROLES = Table(
    "roles",
    METADATA,
    Column("role_id", Text, primary_key=True),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("permissions", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("updated_at", Double, nullable=False),
)

USERS = Table(
    "users",
    METADATA,
    Column("user_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("institution", Text, ForeignKey("institutions.code"), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("must_change", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("locked_until", Double, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
)

GRANTS = Table(
    "grants",
    METADATA,
    Column("grant_id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.user_id"), nullable=False),
    Column("role_id", Text, ForeignKey("roles.role_id"), nullable=False),
    Column("institution", Text, ForeignKey("institutions.code"), nullable=False),
    Column("state", Text, nullable=False),
    Column("granted_by", Text, nullable=False),
    Column("granted_at", Double, nullable=False),
    Column("ended_at", Double, nullable=False),
    Index("ix_grants_user", "user_id"),
)
