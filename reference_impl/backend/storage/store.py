"""What the rest of the backend knows of its database, whichever it is, and how one URL chooses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine

from reference_impl.backend.settlement.model import Trade
from reference_impl.backend.storage.errors import DatabaseUrlError
from reference_impl.backend.storage.groups import GroupStats
from reference_impl.backend.storage.writes import Write

__all__ = ["FORMS", "Store", "database_file", "parsed_url"]

FORMS = "sqlite:///folder/file.db or postgresql://user:password@host:port/database"


class Store(Protocol):
    """One writer process a database. Rows are written by :meth:`commit` alone, which groups commits and is fenced;
    ``engine`` is for administrative *queries*.

    ``epoch`` counts the processes that have written to this database, this one included. ``failed`` ends with the error
    that stopped the store (:class:`~reference_impl.backend.storage.errors.Fenced` when another process has taken over): the
    process must end then. ``away`` is true while commits wait because the database does not answer.
    """

    engine: AsyncEngine

    @property
    def epoch(self) -> int: ...

    @property
    def failed(self) -> asyncio.Future[None]: ...

    @property
    def away(self) -> bool: ...

    @property
    def stats(self) -> GroupStats: ...

    @property
    def waiting(self) -> int: ...

    async def commit(self, writes: Sequence[Write]) -> None:
        """Returns when all rows are durable. Raises RowRefused, Fenced, StoreClosed: then none is."""
        ...

    def submit(self, writes: Sequence[Write]) -> asyncio.Future[None]:
        """As ``commit``, but queued when this returns: rows submitted later are never durable earlier."""
        ...

    async def open_trades(self) -> list[Trade]: ...

    async def trade(self, trade_no: str) -> Trade | None: ...

    async def trade_by_key(self, terminal_id: str, key: str) -> Trade | None: ...

    async def aclose(self) -> None: ...


Standby = Callable[[], None]
"""Called once when another backend writes to the database and this one waits for its end."""


def parsed_url(text: str) -> URL:
    """The URL of a database. Raises :class:`DatabaseUrlError` with the two forms that are taken; shows no password."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise DatabaseUrlError(f"the database setting is no URL: write {FORMS}") from error
    name = url.get_backend_name()
    if name == "sqlite":
        if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
            raise DatabaseUrlError(
                "a SQLite database of the backend is a file, or nothing would survive: write " + FORMS
            )
        return url.set(drivername="sqlite")
    if name == "postgresql":
        if not url.database:
            raise DatabaseUrlError("the PostgreSQL URL names no database: write " + FORMS)
        return url.set(drivername="postgresql")
    raise DatabaseUrlError(f"the backend stands on SQLite or PostgreSQL, not {name!r}: write {FORMS}")


def database_file(url: URL) -> Path:
    """The file of a SQLite URL."""
    assert url.database is not None
    return Path(url.database)
