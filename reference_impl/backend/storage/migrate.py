"""Migrations, run by the process that has just become the writer, before it writes.

The steps are in ``migrations/versions``, one file each, made by comparing the tables in the code with a database
(:func:`draft`). On both databases a step is one transaction: a start that is killed half way leaves what was there.
"""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from reference_impl.backend.storage.errors import StoreUnavailable
from reference_impl.backend.storage.metadata import all_tables

__all__ = ["FOLDER", "differences", "downgrade", "revision_of", "upgrade"]

FOLDER = Path(__file__).parent / "migrations"


def scripts() -> ScriptDirectory:
    """All steps."""
    return ScriptDirectory.from_config(config())


def config() -> Config:
    """Alembic's settings, without a file."""
    settings = Config()
    settings.set_main_option("script_location", str(FOLDER))
    settings.set_main_option("path_separator", "os")
    return settings


async def upgrade(engine: AsyncEngine, revision: str = "head") -> None:
    """Bring the database up to *revision*. Raises :class:`StoreUnavailable` for a database of a later version."""
    steps = scripts()
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run, steps, revision, True)
    except CommandError as error:
        raise StoreUnavailable(
            f"this database was made by a later version of the backend ({error}): use that one"
        ) from error


async def downgrade(engine: AsyncEngine, revision: str) -> None:
    """Bring the database back to *revision*; ``base`` removes every table, with what is in it."""
    steps = scripts()
    async with engine.connect() as connection:
        await connection.run_sync(_run, steps, revision, False)


async def revision_of(engine: AsyncEngine) -> str:
    """Where the database stands; empty for one without tables."""

    def read(connection: Connection) -> str:
        with EnvironmentContext(config(), scripts()) as environment:
            environment.configure(connection=connection)
            return environment.get_context().get_current_revision() or ""

    async with engine.connect() as connection:
        return await connection.run_sync(read)


async def differences(engine: AsyncEngine) -> list[object]:
    """What a database is not that the code's tables are: empty when the steps tell the whole story."""

    def compare(connection: Connection) -> list[object]:
        with EnvironmentContext(config(), scripts()) as environment:
            environment.configure(connection=connection, compare_type=True, compare_server_default=True)
            return list(compare_metadata(environment.get_context(), all_tables()))

    async with engine.connect() as connection:
        return await connection.run_sync(compare)


def _run(connection: Connection, steps: ScriptDirectory, revision: str, up: bool) -> None:
    def plan(current: object, _: object) -> object:
        if up:
            return steps._upgrade_revs(revision, current)  # type: ignore[arg-type]
        return steps._downgrade_revs(revision, current)  # type: ignore[arg-type]

    with EnvironmentContext(config(), steps, fn=plan, destination_rev=revision) as environment:  # type: ignore[arg-type]
        environment.configure(connection=connection, transaction_per_migration=True)
        environment.run_migrations()
