"""PostgreSQL through asyncpg: one flusher connection, which also holds the lock that makes this process the writer.

Lock and writer are one session: when it ends, for whatever reason, a standby may take over. A group is one transaction:
the fence (the ``writer`` row is locked against a take-over until the commit), then one statement a table. When the
connection breaks on the way, nobody knows whether the commit was carried out; the group is written again, which the
version rule of :mod:`reference_impl.backend.storage.writes` makes harmless.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from reference_impl.backend.settlement.model import OPEN, Trade, TradeState
from reference_impl.backend.settlement.rows import attempt_of, trade_of, with_attempts
from reference_impl.backend.settlement.tables import ATTEMPTS, TRADES
from reference_impl.backend.storage.errors import Fenced, RowRefused, StoreUnavailable, WriterBusy
from reference_impl.backend.storage.groups import GroupCommit, GroupStats
from reference_impl.backend.storage.migrate import upgrade
from reference_impl.backend.storage.writes import Write, columns_of, grouped, postgres_sql

__all__ = ["PostgresStore", "postgres_engine"]

T = TypeVar("T")

LOCK_KEY = 0x4F6E65636172  # "Onecar": one advisory lock a database
CONNECT_LIMIT_S = 10
STATEMENT_LIMIT_S = 20.0
FIRST_PAUSE_S, MOST_PAUSE_S = 0.05, 2.0
STANDBY_LOOK_S = 0.2
READ_TRIES = 5

_SESSION = {
    "jit": "off",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "idle_in_transaction_session_timeout": "60000",
}
"""Keep-alives: the server must notice a backend whose machine has gone, or no standby would ever get the lock."""

_FENCE = "SELECT 1 FROM writer WHERE id = 1 AND epoch = $1 FOR SHARE"
_TAKE_OVER = "INSERT INTO writer (id, epoch) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET epoch = writer.epoch + 1 RETURNING epoch"

_LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
)
"""The connection, or the server, is gone or will not go on: another one may."""

_AGAIN = (asyncpg.exceptions.TransactionRollbackError, asyncpg.exceptions.LockNotAvailableError)

_REFUSED: dict[type[asyncpg.PostgresError], str] = {
    asyncpg.UniqueViolationError: "unique",
    asyncpg.CheckViolationError: "check",
    asyncpg.NotNullViolationError: "null",
}

_COLUMNS = ", ".join(
    [f"t.{column.name}" for column in TRADES.columns] + [f"a.{column.name}" for column in ATTEMPTS.columns]
)
_WIDTH = len(TRADES.columns)
_UNENDED = [state.value for state in TradeState if not state.final]
_OPEN = [state.value for state in OPEN]


class PostgresStore:
    """A :class:`~reference_impl.backend.storage.store.Store`. Made by :meth:`open`."""

    def __init__(
        self, dsn: str, name: str, connection: asyncpg.Connection, pool: asyncpg.Pool, engine: AsyncEngine, epoch: int
    ) -> None:
        self.engine = engine
        self._dsn, self._name, self._epoch = dsn, name, epoch
        self._connection: asyncpg.Connection | None = connection
        self._pool = pool
        self._away = self._closed = False
        self._group = GroupCommit(self._apply)

    @classmethod
    async def open(
        cls, url: URL, *, wait: bool = True, on_standby: Callable[[], None] | None = None, locked: bool = True
    ) -> PostgresStore:
        """See :func:`reference_impl.backend.storage.open_store`. *locked* false leaves the advisory lock aside."""
        dsn, name = url.render_as_string(hide_password=False), f"onecard-backend-{secrets.token_hex(6)}"
        engine, connection = postgres_engine(dsn), None
        try:
            connection = await _connect(dsn, name)
            if locked:
                await _take_lock(connection, wait, on_standby)
            await upgrade(engine)
            epoch = int(await connection.fetchval(_TAKE_OVER) or 0)
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=4,
                command_timeout=STATEMENT_LIMIT_S,
                server_settings={**_SESSION, "application_name": name},
            )
            return cls(dsn, name, connection, pool, engine, epoch)
        except BaseException as error:
            if connection is not None:
                connection.terminate()
            await engine.dispose()
            if isinstance(
                error, (*_LOST, asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)
            ):
                place = url.render_as_string(hide_password=True)
                raise StoreUnavailable(
                    f"{place} cannot be used ({_said(error)}): is it running, is the URL right?"
                ) from None
            raise

    @property
    def epoch(self) -> int:
        return self._epoch

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
        return await self._trades(
            "t.state = ANY($1::text[]) OR t.trade_no IN (SELECT trade_no FROM attempts WHERE state = ANY($2::text[]))",
            _UNENDED,
            _OPEN,
        )

    async def trade(self, trade_no: str) -> Trade | None:
        return next(iter(await self._trades("t.trade_no = $1", trade_no)), None)

    async def trade_by_key(self, terminal_id: str, key: str) -> Trade | None:
        return next(iter(await self._trades("t.terminal_id = $1 AND t.idempotency_key = $2", terminal_id, key)), None)

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._group.aclose()
        await self.engine.dispose()
        connection, self._connection = self._connection, None
        for closing in (self._pool, connection):
            if closing is None:
                continue
            try:
                await asyncio.wait_for(closing.close(), CONNECT_LIMIT_S)
            except (*_LOST, asyncpg.InterfaceError):
                closing.terminate()

    # Reading.

    async def _trades(self, where: str, *values: object) -> list[Trade]:
        sql = (  # one statement, so that trade and attempts are of one moment
            f"SELECT {_COLUMNS} FROM trades t LEFT JOIN attempts a ON a.trade_no = t.trade_no "
            f"WHERE {where} ORDER BY t.trade_no, a.seq"
        )
        rows = await self._asked(lambda: self._pool.fetch(sql, *values))
        trades: dict[str, tuple[Any, list[Any]]] = {}
        for row in rows:
            values_of_row = tuple(row)
            _, attempts = trades.setdefault(values_of_row[0], (values_of_row[:_WIDTH], []))
            if values_of_row[_WIDTH] is not None:
                attempts.append(attempt_of(values_of_row[_WIDTH:]))
        return [with_attempts(trade_of(row), attempts) for row, attempts in trades.values()]

    async def _asked(self, question: Callable[[], Awaitable[T]]) -> T:
        """Ask again when the connection broke: a question changes nothing."""
        for pause_s in _pauses(READ_TRIES):
            try:
                return await question()
            except (*_LOST, asyncpg.InterfaceError):
                await asyncio.sleep(pause_s)
        return await question()

    # Writing.

    async def _apply(self, writes: Sequence[Write]) -> None:
        groups = [(postgres_sql(table), table.name, columns_of(rows)) for table, rows in grouped(writes)]

        async def transaction(connection: asyncpg.Connection) -> None:
            async with connection.transaction():
                if await connection.fetchval(_FENCE, self._epoch) is None:
                    raise Fenced("another backend has taken over this database")
                for sql, name, columns in groups:
                    status = await connection.execute(sql.upsert, *columns)
                    missing = len(columns[0]) - int(status.rpartition(" ")[2])
                    if sql.versioned and missing:
                        raise Fenced(f"{name}: {missing} rows were written by somebody else")

        pauses = _pauses()
        while True:
            connection = None
            try:
                connection = await self._connected()
                await transaction(connection)
            except _AGAIN:
                continue
            except (*_LOST, asyncpg.InterfaceError) as error:
                if isinstance(error, asyncpg.DataError):
                    raise RowRefused("value", type(error).__name__) from None
                self._away = True
                self._drop(connection)
                await asyncio.sleep(next(pauses))
            except asyncpg.PostgresError as error:
                raise _refusal(error) from None
            except (UnicodeError, TypeError, OverflowError) as error:
                raise RowRefused("value", type(error).__name__) from None
            else:
                self._away = False
                return

    def _drop(self, connection: asyncpg.Connection | None) -> None:
        self._connection = None
        if connection is not None:
            connection.terminate()

    async def _connected(self) -> asyncpg.Connection:
        """The flusher's connection, made anew if it broke. Raises :class:`Fenced` when somebody else writes by now."""
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        connection = await _connect(self._dsn, self._name)
        try:
            # The server may not have noticed that our old session is dead: nobody else bears its name.
            sql = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND pid <> ALL($2)"
            )
            await connection.execute(sql, f"{self._name}-writer", [connection.get_server_pid()])
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK_KEY):
                if await connection.fetchval(_FENCE, self._epoch) is None:
                    raise Fenced("another backend has taken over this database")
                await asyncio.sleep(STANDBY_LOOK_S)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection
        return connection


def postgres_engine(dsn: str) -> AsyncEngine:
    """SQLAlchemy's asynchronous engine on the same database, for questions and migrations."""

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(dsn, timeout=CONNECT_LIMIT_S, command_timeout=60.0, server_settings={"jit": "off"})

    return create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, pool_size=4, max_overflow=4, pool_pre_ping=True
    )


async def _connect(dsn: str, name: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(
        dsn,
        timeout=CONNECT_LIMIT_S,
        command_timeout=STATEMENT_LIMIT_S,
        server_settings={**_SESSION, "application_name": f"{name}-writer"},
    )
    if await connection.fetchval("SELECT current_setting('synchronous_commit')") == "off":
        await connection.execute(
            "SET synchronous_commit = on"
        )  # a commit that is told is durable, whatever the site's default
    return connection


async def _take_lock(connection: asyncpg.Connection, wait: bool, on_standby: Callable[[], None] | None) -> None:
    """Raises :class:`WriterBusy` when somebody else has it and *wait* is false.

    Asked again and again instead of waited for: a statement that waits holds back the server's clean-up.
    """
    told = False
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK_KEY):
        if not wait:
            raise WriterBusy("another backend writes to this database: stop it first")
        if not told and on_standby is not None:
            on_standby()
        told = True
        await asyncio.sleep(STANDBY_LOOK_S)


def _refusal(error: asyncpg.PostgresError) -> Exception:
    """What a row did wrong, without its values; any other error is the store's own and comes back as it is."""
    for kind, name in _REFUSED.items():
        if isinstance(error, kind):
            told = error.as_dict()
            return RowRefused(
                name, told.get("constraint_name") or f"{told.get('table_name')}.{told.get('column_name')}"
            )
    if isinstance(error, (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)):
        return RowRefused("value", type(error).__name__)
    return error


def _pauses(count: int | None = None) -> Iterator[float]:
    """1, 2, 4 ... times the first pause; for ever, or *count* of them."""
    pause_s, left = FIRST_PAUSE_S, count
    while left is None or left > 0:
        yield pause_s
        pause_s = min(2 * pause_s, MOST_PAUSE_S)
        left = None if left is None else left - 1


def _said(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
