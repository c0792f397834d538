"""Bringing a database up to this version: done by the process that has just become the writer, before it writes.

Alembic does the work (:mod:`reference_impl.backend.storage.migration_steps`); it is loaded only where there is some, because
most starts find nothing to do.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["FOLDER", "newest", "revision_of", "upgrade"]

FOLDER = Path(__file__).parent / "migrations"


def newest() -> str:
    """The revision of this version: steps are numbered, and their files begin with their number."""
    return max(each.name.partition("_")[0] for each in (FOLDER / "versions").glob("[0-9]*_*.py"))


async def upgrade(engine: AsyncEngine) -> None:
    """Bring the database up to the newest revision. Raises StoreUnavailable for a database of a later version."""
    if await revision_of(engine) == newest():
        return
    from reference_impl.backend.storage.migration_steps import run

    await run(engine, "head")


async def revision_of(engine: AsyncEngine) -> str:
    """Where the database stands; empty for one without tables."""

    def read(connection: Connection) -> str:
        if not inspect(connection).has_table("alembic_version"):
            return ""
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""

    async with engine.connect() as connection:
        return await connection.run_sync(read)
