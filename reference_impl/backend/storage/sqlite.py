"""SQLite: one file, one writer thread, WAL with ``synchronous=FULL``.

The writer is whoever holds the lock on ``<file>.lock``; the kernel gives it back when its holder dies, however that dies.
Should two processes ever both believe they write (a copied lock, a file system without locks), the epoch in the database
decides: the older one is fenced in its next transaction.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from reference_impl.backend.settlement.model import Trade
from reference_impl.backend.storage.book import SqliteBook
from reference_impl.backend.storage.errors import RowRefused, StoreUnavailable, WriterBusy
from reference_impl.backend.storage.groups import GroupCommit, GroupStats
from reference_impl.backend.storage.migrate import upgrade
from reference_impl.backend.storage.store import database_file
from reference_impl.backend.storage.writes import Write

__all__ = ["SqliteStore", "sqlite_engine"]

T = TypeVar("T")

BUSY_LIMIT_S = 5.0
"""SQLite itself waits so long for somebody else's transaction; then we ask again, for as long as it takes."""

BUSY_PAUSE_S = 0.05
STANDBY_LOOK_S = 0.2

_PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "trusted_schema = OFF")
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_KINDS = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: "unique",
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: "unique",
    sqlite3.SQLITE_CONSTRAINT_CHECK: "check",
    sqlite3.SQLITE_CONSTRAINT_NOTNULL: "null",
}


class SqliteStore:
    """A :class:`~reference_impl.backend.storage.store.Store`. Made by :meth:`open`."""

    def __init__(self, file: Path, lock: int, engine: AsyncEngine) -> None:
        self.engine = engine
        self._lock = lock
        self._writing = ThreadPoolExecutor(1, "sqlite-writer")
        self._reading = ThreadPoolExecutor(1, "sqlite-reader")
        self._written = _connect(file)
        self._read = _connect(file)
        self._book = SqliteBook(self._written)
        self._reader = SqliteBook(self._read)
        self._away = False
        self._book.take_over()
        self._closed = False
        self._group = GroupCommit(self._apply)

    @classmethod
    async def open(
        cls, url: URL, *, wait: bool = True, on_standby: Callable[[], None] | None = None, locked: bool = True
    ) -> SqliteStore:
        """See :func:`reference_impl.backend.storage.open_store`. *locked* false leaves the lock file aside."""
        file = database_file(url)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(f"{file}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailable(
                f"{file} cannot be used: {error.strerror}; name a file in a folder of yours"
            ) from error
        engine = sqlite_engine(file)
        try:
            if locked:
                await _take_lock(lock, file, wait, on_standby)
            await upgrade(engine)
            return cls(file, lock, engine)
        except BaseException as error:
            os.close(lock)
            await engine.dispose()
            cause = error.orig if isinstance(error, DBAPIError) else error
            if isinstance(cause, sqlite3.DatabaseError):
                raise StoreUnavailable(f"{file} is no usable SQLite database: {cause}; name another file") from error
            raise

    @property
    def epoch(self) -> int:
        return self._book.epoch

    @property
    def failed(self) -> asyncio.Future[None]:
        return self._group.failed

    @property
    def away(self) -> bool:
        return self._away

    @property
    def stats(self) -> GroupStats:
        return self._group.stats

    @property
    def waiting(self) -> int:
        return self._group.waiting

    async def commit(self, writes: Sequence[Write]) -> None:
        await self._group.commit(writes)

    def submit(self, writes: Sequence[Write]) -> asyncio.Future[None]:
        return self._group.submit(writes)

    async def open_trades(self) -> list[Trade]:
        return await self._asked(self._reader.open_trades)

    async def trade(self, trade_no: str) -> Trade | None:
        return await self._asked(lambda: self._reader.trade(trade_no))

    async def trade_by_key(self, terminal_id: str, key: str) -> Trade | None:
        return await self._asked(lambda: self._reader.trade_by_key(terminal_id, key))

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._group.aclose()
        await self.engine.dispose()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._reading, self._read.close)
        await loop.run_in_executor(self._writing, self._written.close)
        self._reading.shutdown()
        self._writing.shutdown()
        os.close(self._lock)

    async def _asked(self, question: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reading, question)

    async def _apply(self, writes: Sequence[Write]) -> None:
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(self._writing, self._book.apply, writes)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in _BUSY:
                    raise
                self._away = True
                await asyncio.sleep(BUSY_PAUSE_S)
            except sqlite3.IntegrityError as error:
                raise RowRefused(_KINDS.get(error.sqlite_errorcode, "value"), str(error).rpartition(": ")[2]) from None
            except (
                sqlite3.DataError,
                sqlite3.InterfaceError,
                sqlite3.ProgrammingError,
                OverflowError,
                UnicodeError,
            ) as error:
                raise RowRefused("value", type(error).__name__) from None
            else:
                self._away = False
                return


def sqlite_engine(file: Path) -> AsyncEngine:
    """SQLAlchemy's asynchronous engine on *file*, for questions; transactions begin when SQLAlchemy says so, and with
    them those of migrations."""
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(file)),
        connect_args={"isolation_level": None, "timeout": BUSY_LIMIT_S},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: object) -> None:
        connection.exec_driver_sql("BEGIN")  # type: ignore[attr-defined]

    return engine


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=BUSY_LIMIT_S, isolation_level=None, check_same_thread=False)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


async def _take_lock(lock: int, file: Path, wait: bool, on_standby: Callable[[], None] | None) -> None:
    """Raises :class:`WriterBusy` when somebody else has it and *wait* is false."""
    told = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise WriterBusy(f"another backend writes to {file}: stop it first") from None
            if not told and on_standby is not None:
                on_standby()
            told = True
            await asyncio.sleep(STANDBY_LOOK_S)
        else:
            return
