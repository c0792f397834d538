"""Rows as frozen dataclasses whose fields are the columns of their table, by name."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Table, select
from sqlalchemy.ext.asyncio import AsyncEngine

from reference_impl.backend.storage.writes import Write

__all__ = ["load", "write_of"]

R = TypeVar("R")


def write_of(table: Table, record: object) -> Write:
    """The whole row of *record*. Raises AttributeError for a column that it lacks."""
    return Write(table, tuple(getattr(record, column.name) for column in table.columns))


async def load(
    engine: AsyncEngine,
    table: Table,
    kind: type[R],
    *where: ColumnElement[bool],
    order: ColumnElement[Any] | None = None,
    limit: int | None = None,
) -> list[R]:
    """The rows for which all of *where* hold, by primary key unless told otherwise."""
    question = select(table).where(*where)
    question = question.order_by(*([order] if order is not None else table.primary_key.columns))
    if limit is not None:
        question = question.limit(limit)
    async with engine.connect() as connection:
        return [kind(**row) for row in (await connection.execute(question)).mappings()]
