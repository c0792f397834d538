"""The rows of settlement in a SQLite connection: groups of writes in, trades out. Synchronous; who calls it owns the thread.

Durability is SQLite's own: WAL with ``synchronous=FULL``, one transaction a group.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from reference_impl.backend.settlement.model import OPEN, Trade, TradeState
from reference_impl.backend.settlement.rows import attempt_of, trade_of, with_attempts
from reference_impl.backend.settlement.tables import ATTEMPTS, TRADES
from reference_impl.backend.storage.errors import Fenced
from reference_impl.backend.storage.writes import Write, grouped, sqlite_sql

__all__ = ["Fenced", "SqliteBook"]

_TRADES = ", ".join(f"{TRADES.name}.{column.name}" for column in TRADES.columns)
_ATTEMPTS = ", ".join(f"{ATTEMPTS.name}.{column.name}" for column in ATTEMPTS.columns)
_UNENDED = tuple(state.value for state in TradeState if not state.final)
_OPEN = tuple(state.value for state in OPEN)


class SqliteBook:
    """*connection* must be in autocommit mode (``isolation_level=None``); transactions are begun and ended here."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.epoch = 0

    def take_over(self) -> int:
        """Become the one writer: whoever was it before is fenced from now on. Gives the new epoch."""
        sql = "INSERT INTO writer (id, epoch) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET epoch = epoch + 1 RETURNING epoch"
        self.epoch = self._connection.execute(sql).fetchall()[0][0]
        return self.epoch

    def apply(self, writes: Iterable[Write]) -> None:
        """All of *writes* in one transaction, or none. Raises :class:`Fenced`, sqlite3.Error."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            held = connection.execute("SELECT 1 FROM writer WHERE id = 1 AND epoch = ?", (self.epoch,)).fetchone()
            if held is None:
                raise Fenced("another backend has taken over this database")
            for table, rows in grouped(writes):
                sql = sqlite_sql(table)
                cursor = connection.executemany(sql.upsert, rows)
                if sql.versioned and cursor.rowcount != len(rows):
                    raise Fenced(f"{table.name}: {len(rows) - cursor.rowcount} rows were written by somebody else")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has ended it already
                connection.execute("ROLLBACK")
            raise

    def open_trades(self) -> list[Trade]:
        """Every trade that has not ended, and every ended one with an attempt that has not, oldest first."""
        unended, opens = ", ".join("?" * len(_UNENDED)), ", ".join("?" * len(_OPEN))
        return self._trades(
            f"state IN ({unended}) OR trade_no IN (SELECT trade_no FROM attempts WHERE state IN ({opens}))",
            (*_UNENDED, *_OPEN),
        )

    def trade(self, trade_no: str) -> Trade | None:
        return next(iter(self._trades("trade_no = ?", (trade_no,))), None)

    def trade_by_key(self, terminal_id: str, key: str) -> Trade | None:
        return next(iter(self._trades("terminal_id = ? AND idempotency_key = ?", (terminal_id, key))), None)

    def _trades(self, where: str, values: Sequence[Any]) -> list[Trade]:
        execute = self._connection.execute
        execute("BEGIN")  # both questions see one state of the database
        try:
            trades = execute(f"SELECT {_TRADES} FROM trades WHERE {where} ORDER BY trade_no", values).fetchall()
            sql = f"SELECT {_ATTEMPTS} FROM attempts WHERE trade_no IN (SELECT trade_no FROM trades WHERE {where})"
            rows = execute(sql, values).fetchall() if trades else []
        finally:
            execute("COMMIT")
        attempts: dict[str, list[Any]] = {row[0]: [] for row in trades}
        for row in rows:
            attempts[row[1]].append(attempt_of(row))
        return [with_attempts(trade_of(row), attempts[row[0]]) for row in trades]
