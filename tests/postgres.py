"""Databases for tests: every test that asks for ``database_url`` runs once on SQLite and once on PostgreSQL.

One private server a worker, a fresh database a test. Import the fixtures into the ``conftest.py`` of a folder:
``from postgres import database_url, postgres_server  # noqa: F401``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from scenarios.postgres import PrivatePostgres, missing

__all__ = ["database_url", "postgres_server"]

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PrivatePostgres]:
    """The worker's own server. Where PostgreSQL is not installed, its tests are reported as skipped."""
    lacks = missing()
    if lacks:
        pytest.skip(f"PostgreSQL is not tested on this machine: apt-get install {' '.join(lacks)}")
    with PrivatePostgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh, empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/backend.db"
        return
    server: PrivatePostgres = request.getfixturevalue("postgres_server")
    name = f"test_{next(_NUMBERS)}"
    yield asyncio.run(server.create(name))
    asyncio.run(server.drop(name))
