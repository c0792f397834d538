"""Databases for tests: every test that asks for ``database_url`` runs once on SQLite and once on PostgreSQL.

One private server a worker, a fresh database a test. The tables are made once a worker and copied, because their making is
what costs; ``empty_database_url`` is for the tests of that making. Import the fixtures into the ``conftest.py`` of a folder:
``from postgres import database_url, empty_database_url, migrated, postgres_server  # noqa: F401``.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from reference_impl.backend.storage.migrate import upgrade
from reference_impl.backend.storage.postgres import postgres_engine
from reference_impl.backend.storage.sqlite import sqlite_engine
from scenarios.postgres import PrivatePostgres, missing

__all__ = ["database_url", "empty_database_url", "migrated", "postgres_server"]

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PrivatePostgres]:
    """The worker's own server. Where PostgreSQL is not installed, its tests are reported as skipped."""
    lacks = missing()
    if lacks:
        pytest.skip(f"PostgreSQL is not tested on this machine: apt-get install {' '.join(lacks)}")
    # No test cuts the power: a server that is killed loses nothing of what the operating system has already been given.
    with PrivatePostgres(settings={"fsync": "off", "full_page_writes": "off"}) as server:
        yield server


@pytest.fixture(scope="session")
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Name or path of a database with all tables and nothing in them, by kind of database; made at the first call."""
    made: dict[str, str] = {}

    async def make(kind: str) -> str:
        if kind == "sqlite":
            file = tmp_path_factory.mktemp("migrated") / "backend.db"
            name, engine = str(file), sqlite_engine(file)
        else:
            server: PrivatePostgres = request.getfixturevalue("postgres_server")
            name = "migrated"
            engine = postgres_engine(await server.create(name))
        await upgrade(engine)
        await engine.dispose()
        return name

    def of(kind: str) -> str:
        if kind not in made:
            made[kind] = asyncio.run(make(kind))
        return made[kind]

    return of


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, migrated: Callable[[str], str]) -> Iterator[str]:
    """A fresh database of each kind, its tables made."""
    if request.param == "sqlite":
        shutil.copyfile(migrated("sqlite"), tmp_path / "backend.db")
        yield f"sqlite:///{tmp_path}/backend.db"
    else:
        yield from _on_server(request.getfixturevalue("postgres_server"), migrated("postgresql"))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh database of each kind, as it is before the backend's first start."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/backend.db"
    else:
        yield from _on_server(request.getfixturevalue("postgres_server"))


def _on_server(server: PrivatePostgres, template: str = "") -> Iterator[str]:
    name = f"test_{next(_NUMBERS)}"
    yield asyncio.run(server.create(name, template=template))
    asyncio.run(server.drop(name))
