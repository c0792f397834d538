"""Migrations on both databases: the steps tell the whole story of the tables, forwards and back, and a killed step leaves what
was there."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from reference_impl.backend.storage import migration_steps as steps
from reference_impl.backend.storage import open_store
from reference_impl.backend.storage.errors import StoreUnavailable
from reference_impl.backend.storage.metadata import all_tables
from reference_impl.backend.storage.migrate import FOLDER, newest, revision_of, upgrade
from reference_impl.backend.storage.postgres import postgres_engine
from reference_impl.backend.storage.sqlite import sqlite_engine
from reference_impl.backend.storage.store import database_file, parsed_url

REMEDY = (
    "the tables in the code are not those of the migrations: draft the next step with "
    '`python -m reference_impl.backend.storage.migration_steps NNNN "what it brings"` and read it'
)


@pytest.fixture
async def engine(empty_database_url: str) -> AsyncIterator[AsyncEngine]:
    url = parsed_url(empty_database_url)
    made = (
        sqlite_engine(database_file(url)) if url.get_backend_name() == "sqlite" else postgres_engine(empty_database_url)
    )
    yield made
    await made.dispose()


async def tables_of(engine: AsyncEngine) -> set[str]:
    async with engine.connect() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


async def test_a_fresh_database_has_the_tables_of_the_code(engine: AsyncEngine) -> None:
    await upgrade(engine)
    assert await steps.differences(engine) == [], REMEDY
    assert await tables_of(engine) == set(all_tables().tables) | {"alembic_version"}
    assert await revision_of(engine) == newest()
    await upgrade(engine)  # again: nothing to do


async def everything_of(engine: AsyncEngine) -> dict[str, object]:
    """What Alembic's own comparison does not look at, too: checks, keys, and what may be null."""

    def look(connection: Connection) -> dict[str, object]:
        inspector = inspect(connection)
        found: dict[str, object] = {}
        for table in sorted(set(inspector.get_table_names()) - {"alembic_version"}):
            checks = sorted((each["name"] or "", each["sqltext"]) for each in inspector.get_check_constraints(table))
            columns = [(each["name"], str(each["type"]), each["nullable"]) for each in inspector.get_columns(table)]
            indexes = sorted(
                (each["name"] or "", each["unique"], tuple(each["column_names"]))
                for each in inspector.get_indexes(table)
            )
            foreign = sorted((each["name"] or "", each["referred_table"]) for each in inspector.get_foreign_keys(table))
            found[table] = (columns, inspector.get_pk_constraint(table), checks, indexes, foreign)
        return found

    async with engine.connect() as connection:
        return await connection.run_sync(look)


async def test_the_steps_make_what_the_code_would_make_at_once(engine: AsyncEngine) -> None:
    await upgrade(engine)
    by_steps = await everything_of(engine)
    await steps.run(engine, steps.BASE, back=True)
    async with engine.begin() as connection:
        await connection.run_sync(all_tables().create_all)
    at_once = await everything_of(engine)
    assert by_steps == at_once, REMEDY
    assert "total_fen > 0" in str(by_steps["trades"])


async def test_a_missing_table_is_seen_as_a_difference(engine: AsyncEngine) -> None:
    await upgrade(engine)
    async with engine.begin() as connection:
        await connection.execute(text("DROP TABLE instance"))
        await connection.execute(text("ALTER TABLE alarms DROP COLUMN handled_by"))
    found = {each[0] for each in await steps.differences(engine)}  # type: ignore[index]
    assert found == {"add_table", "add_column"}


async def test_the_way_back_leaves_nothing_and_the_way_forth_is_open_again(engine: AsyncEngine) -> None:
    await upgrade(engine)
    await steps.run(engine, steps.BASE, back=True)
    assert await tables_of(engine) == {"alembic_version"}
    assert await revision_of(engine) == ""
    await upgrade(engine)
    assert await steps.differences(engine) == []


async def test_the_steps_are_one_line_and_numbered(tmp_path: Path) -> None:
    line = [each.revision for each in ScriptDirectory.from_config(steps._config()).walk_revisions()]
    assert line == sorted(line, reverse=True)
    assert line[0] == newest()
    assert {each.name.partition("_")[0] for each in (FOLDER / "versions").glob("*.py")} == set(line)


async def test_a_step_that_breaks_leaves_what_was_there(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that is killed in the middle of a step: on both databases a step is a transaction."""
    from alembic.operations import Operations

    before, made = Operations.create_table, []

    def breaking(self: Operations, name: str, *columns: object, **options: object) -> object:
        made.append(name)
        if len(made) > 5:
            raise KeyboardInterrupt
        return before(self, name, *columns, **options)

    monkeypatch.setattr(Operations, "create_table", breaking)
    with pytest.raises(KeyboardInterrupt):
        await upgrade(engine)
    monkeypatch.undo()
    assert len(made) == 6
    assert await tables_of(engine) <= {"alembic_version"}
    await upgrade(engine)
    assert await steps.differences(engine) == []


async def test_a_database_of_a_later_version_is_refused_and_left_alone(
    engine: AsyncEngine, empty_database_url: str
) -> None:
    await upgrade(engine)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreUnavailable, match="later version"):
        await open_store(empty_database_url)
    assert await revision_of(engine) == "9999"


@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["audit", "postings", "module_events"])
async def test_what_is_append_only_is_so_for_everybody(engine: AsyncEngine, table: str, statement: str) -> None:
    await upgrade(engine)
    columns = all_tables().tables[table].columns
    values = {each.name: 1 if each.type.python_type in (int, float) else "x" for each in columns}
    async with engine.begin() as connection:
        await connection.execute(all_tables().tables[table].insert().values(**values))
    first = next(iter(columns)).name
    with pytest.raises(DBAPIError, match="append-only"):
        async with engine.begin() as connection:
            await connection.execute(text(statement.format(table, first, first)))
    async with engine.connect() as connection:
        assert (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 1


async def test_a_drafted_step_from_nothing_is_a_step_that_works(engine: AsyncEngine, tmp_path: Path) -> None:
    """What the next author of a step will start from."""
    drafted = await steps.draft(engine, "0001", None, "Everything.")
    file = tmp_path / "drafted.py"
    file.write_text(drafted)
    spec = importlib.util.spec_from_file_location("drafted", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.revision == "0001"
    assert 'guard("audit")' in drafted
    assert "early_nonces" not in drafted.split("def upgrade")[1].split("guard(")[1]
    assert drafted.count("op.create_table(") == len(all_tables().tables)
