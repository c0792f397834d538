"""What operators ask of trades, alarms and the ledger: reading, page by page, of the institutions that are theirs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from reference_impl.backend.settlement.tables import ALARMS, POSTINGS, TRADES

__all__ = ["alarm_rows", "balances", "one_alarm", "trade_rows"]


async def trade_rows(
    engine: AsyncEngine,
    institutions: Collection[str],
    *,
    day: str = "",
    state: str = "",
    terminal_id: str = "",
    after: str = "",
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Rows of TRADES by number, beginning after *after*."""
    where: list[ColumnElement[bool]] = [TRADES.c.institution.in_(sorted(institutions)), TRADES.c.trade_no > after]
    for column, value in ((TRADES.c.day, day), (TRADES.c.state, state), (TRADES.c.terminal_id, terminal_id)):
        if value:
            where.append(column == value)
    return await _rows(engine, TRADES, and_(*where), TRADES.c.trade_no, limit)


async def alarm_rows(
    engine: AsyncEngine, institutions: Collection[str], *, state: str = "", after: str = "", limit: int = 100
) -> list[dict[str, Any]]:
    """Rows of ALARMS with the institution of their trade, by id."""
    where = [TRADES.c.institution.in_(sorted(institutions)), ALARMS.c.alarm_id > after]
    if state:
        where.append(ALARMS.c.state == state)
    question = (
        select(ALARMS, TRADES.c.institution)
        .join(TRADES, TRADES.c.trade_no == ALARMS.c.trade_no)
        .where(and_(*where))
        .order_by(ALARMS.c.alarm_id)
        .limit(limit)
    )
    async with engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(question)).mappings()]


async def one_alarm(engine: AsyncEngine, alarm_id: str) -> dict[str, Any] | None:
    """As :func:`alarm_rows`, of one."""
    question = (
        select(ALARMS, TRADES.c.institution)
        .join(TRADES, TRADES.c.trade_no == ALARMS.c.trade_no)
        .where(ALARMS.c.alarm_id == alarm_id)
    )
    async with engine.connect() as connection:
        row = (await connection.execute(question)).mappings().first()
    return dict(row) if row is not None else None


async def balances(engine: AsyncEngine, institutions: Collection[str], day: str = "") -> list[tuple[str, int, int]]:
    """Of each account of the ledger: its balance in fen and the number of its postings. All balances together are 0."""
    question = (
        select(POSTINGS.c.account, func.sum(POSTINGS.c.amount_fen), func.count())
        .join(TRADES, TRADES.c.trade_no == POSTINGS.c.trade_no)
        .where(TRADES.c.institution.in_(sorted(institutions)))
        .group_by(POSTINGS.c.account)
        .order_by(POSTINGS.c.account)
    )
    if day:
        question = question.where(POSTINGS.c.day == day)
    async with engine.connect() as connection:
        return [(account, int(total), int(count)) for account, total, count in await connection.execute(question)]


async def _rows(
    engine: AsyncEngine, table: Table, where: ColumnElement[bool], order: ColumnElement[Any], limit: int
) -> list[dict[str, Any]]:
    async with engine.connect() as connection:
        found = await connection.execute(select(table).where(where).order_by(order).limit(limit))
        return [dict(row) for row in found.mappings()]
