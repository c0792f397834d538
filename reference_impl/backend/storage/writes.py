"""A row to be written, and the SQL that writes many of one table at once on either database.

Hot rows are written whole, by primary key, as they are in memory: one statement a table and group of commits, whatever
the number of trades in it. A row that has a ``version`` is only ever overwritten by its own version or a later one, so a
group whose commit went unanswered can be written again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, LargeBinary, Table, Text

__all__ = ["TableSql", "Write", "grouped", "postgres_sql", "sqlite_sql"]

Value = str | int | float | bytes | bool | None

_ARRAY_OF = {Text: "text", BigInteger: "int8", Integer: "int4", Double: "float8", LargeBinary: "bytea", Boolean: "bool"}


@dataclass(frozen=True, slots=True)
class Write:
    """One whole row of *table*, its values in the order of the table's columns."""

    table: Table
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class TableSql:
    """``upsert`` writes rows; ``versioned``: each of them must be taken, or somebody else has written since."""

    upsert: str
    versioned: bool


def grouped(writes: Iterable[Write]) -> list[tuple[Table, list[tuple[Value, ...]]]]:
    """Rows by table in the order of first mention; of several writes of one row the last one counts."""
    tables: dict[Table, dict[tuple[Value, ...], tuple[Value, ...]]] = {}
    for write in writes:
        rows = tables.setdefault(write.table, {})
        rows[tuple(write.values[at] for at in _key_places(write.table))] = write.values
    return [(table, list(rows.values())) for table, rows in tables.items()]


@lru_cache
def _key_places(table: Table) -> tuple[int, ...]:
    return tuple(at for at, column in enumerate(table.columns) if column.primary_key)


def _on_conflict(table: Table) -> str:
    keys = [column.name for column in table.primary_key.columns]
    rest = [column.name for column in table.columns if column.name not in keys]
    sets = ", ".join(f"{name} = excluded.{name}" for name in rest)
    if "version" not in table.columns:
        return (
            f"ON CONFLICT ({', '.join(keys)}) DO NOTHING"
            if table.info.get("append_only")
            else (f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sets}")
        )
    return f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sets} WHERE {table.name}.version <= excluded.version"


@lru_cache
def sqlite_sql(table: Table) -> TableSql:
    """For ``executemany``: one question mark a column."""
    names = ", ".join(column.name for column in table.columns)
    marks = ", ".join("?" for _ in table.columns)
    text = f"INSERT INTO {table.name} ({names}) VALUES ({marks}) {_on_conflict(table)}"
    return TableSql(text, "version" in table.columns)


@lru_cache
def postgres_sql(table: Table) -> TableSql:
    """One array a column: any number of rows in one statement."""
    names = ", ".join(column.name for column in table.columns)
    arrays = ", ".join(f"${at}::{_array_type(column)}[]" for at, column in enumerate(table.columns, 1))
    text = f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays}) {_on_conflict(table)}"
    return TableSql(text, "version" in table.columns)


def _array_type(column: Column[object]) -> str:
    for kind, name in _ARRAY_OF.items():
        if isinstance(column.type, kind):
            return name
    raise TypeError(f"{column}: a hot table has columns of {', '.join(sorted(_ARRAY_OF.values()))} only")


def columns_of(rows: Sequence[tuple[Value, ...]]) -> list[list[Value]]:
    """The arrays of :func:`postgres_sql`."""
    return [list(values) for values in zip(*rows, strict=True)]
