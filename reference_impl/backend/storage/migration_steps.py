"""The steps of the database through Alembic: running them, finding what they miss, drafting the next one.

On both databases a step is one transaction: a start that is killed half way leaves what was there. A new step:
``python -m reference_impl.backend.storage.migration_steps 0002 "what it brings"``, then read what it wrote.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.config import Config
from alembic.operations.ops import CreateTableOp, UpgradeOps
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import CheckConstraint, Connection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.elements import conv

from reference_impl.backend.storage.errors import StoreUnavailable
from reference_impl.backend.storage.metadata import all_tables
from reference_impl.backend.storage.migrate import FOLDER, newest

__all__ = ["BASE", "differences", "draft", "run"]

BASE = "base"
"""The revision of a database without tables."""

_TEMPLATE = '''"""{title}"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reference_impl.backend.storage.migrations.guards import guard, unguard

revision = "{revision}"
down_revision = {before!r}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards."""
    {upgrade}
{guards}


def downgrade() -> None:
    """Back, with all that is in it."""
{unguards}
    {downgrade}
'''


def _config() -> Config:
    """Alembic's settings, without a file."""
    settings = Config()
    settings.set_main_option("script_location", str(FOLDER))
    settings.set_main_option("path_separator", "os")
    return settings


async def run(engine: AsyncEngine, revision: str, *, back: bool = False) -> None:
    """Bring the database to *revision* (``head``, :data:`BASE`, or a number), forwards or *back*.

    Raises StoreUnavailable for a database of a later version.
    """
    steps = ScriptDirectory.from_config(_config())

    def go(connection: Connection) -> None:
        plan = steps._downgrade_revs if back else steps._upgrade_revs  # what alembic's own commands do
        with EnvironmentContext(
            _config(),
            steps,
            fn=lambda current, _: plan(revision, current),  # type: ignore[arg-type]
            destination_rev=revision,
        ) as environment:
            environment.configure(connection=connection, transaction_per_migration=True)
            environment.run_migrations()

    try:
        async with engine.connect() as connection:
            await connection.run_sync(go)
    except CommandError as error:
        raise StoreUnavailable(
            f"this database was made by a later version of the backend ({error}): use that one"
        ) from error


async def differences(engine: AsyncEngine) -> list[object]:
    """What the code's tables are and the database is not: empty when the steps tell the whole story."""

    def compare(connection: Connection) -> list[object]:
        with EnvironmentContext(_config(), ScriptDirectory.from_config(_config())) as environment:
            environment.configure(connection=connection, compare_type=True, compare_server_default=True)
            return list(compare_metadata(environment.get_context(), all_tables()))

    async with engine.connect() as connection:
        return await connection.run_sync(compare)


async def draft(engine: AsyncEngine, revision: str, before: str | None, title: str) -> str:
    """The text of a step from what the database is to what the code's tables are, for a person to read and keep."""

    def produce(connection: Connection) -> tuple[str, str, set[str]]:
        with EnvironmentContext(_config(), ScriptDirectory.from_config(_config())) as environment:
            environment.configure(connection=connection, compare_type=True)
            context = environment.get_context()
            script = produce_migrations(context, all_tables())
            assert script.upgrade_ops is not None
            assert script.downgrade_ops is not None
            _keep_checks(script.upgrade_ops)
            made = {each[1].name for each in compare_metadata(context, all_tables()) if each[0] == "add_table"}
            return render_python_code(script.upgrade_ops), render_python_code(script.downgrade_ops), made

    async with engine.connect() as connection:
        upgrade, downgrade, made = await connection.run_sync(produce)
    guarded = [
        each.name
        for each in all_tables().sorted_tables
        if each.name in made and each.info.get("append_only") and not each.info.get("prunable")
    ]
    return _TEMPLATE.format(
        title=title,
        revision=revision,
        before=before,
        upgrade=upgrade,
        downgrade=downgrade,
        guards="\n".join(f'    guard("{name}")' for name in guarded),
        unguards="\n".join(f'    unguard("{name}")' for name in guarded),
    )


def _keep_checks(step: UpgradeOps) -> None:
    """Alembic leaves out the checks that are written beside a column: give them to the table."""
    for made in step.ops:
        if not isinstance(made, CreateTableOp):
            continue
        for column in all_tables().tables[made.table_name].columns:
            for check in column.constraints:
                assert isinstance(check, CheckConstraint)
                made.columns = [*made.columns, CheckConstraint(str(check.sqltext), name=conv(str(check.name)))]


async def _draft_file(revision: str, title: str) -> Path:
    from reference_impl.backend.storage.sqlite import sqlite_engine

    with tempfile.TemporaryDirectory() as folder:
        engine = sqlite_engine(Path(folder) / "draft.db")
        before = [each for each in (FOLDER / "versions").glob("[0-9]*_*.py") if each.name < revision]
        if before:
            await run(engine, newest())
        text = await draft(engine, revision, newest() if before else None, title)
        await engine.dispose()
    file = FOLDER / "versions" / f"{revision}_{'_'.join(title.lower().split())[:40].strip('._')}.py"
    file.write_text(text, encoding="utf-8")
    return file


def main(arguments: Sequence[str]) -> int:
    """REVISION TITLE"""
    if len(arguments) != 2:
        sys.stderr.write('name the number and the title of the step: 0002 "What it brings."\n')
        return 2
    sys.stdout.write(f"{asyncio.run(_draft_file(*arguments))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
