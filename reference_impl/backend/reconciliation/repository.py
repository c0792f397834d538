"""Questions to the database, and rows to be written. What is written goes through the one writer of the backend; who gives
``commit`` decides which that is."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, Table, and_, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from reference_impl.backend.reconciliation.model import Scope
from reference_impl.backend.reconciliation.records import (
    Difference,
    Handling,
    Parameters,
    PooledRow,
    Run,
    RunState,
    TotalLine,
    parameters_of,
)
from reference_impl.backend.reconciliation.tables import DIFFERENCES, HANDLINGS, PARAMETERS, POOL, RUNS, TOTALS
from reference_impl.backend.storage.records import load, write_of
from reference_impl.backend.storage.writes import Write

__all__ = ["Commit", "DifferenceQuestion", "Repository", "writes_of"]

Commit = Callable[[Sequence[Write]], Awaitable[None]]
"""All rows in one transaction, or none; returns when they are durable."""

ROWS_A_COMMIT = 1_000
"""A long transaction would keep the payments waiting that share the writer."""

PARAMETERS_ID = "current"

Record = Run | TotalLine | Difference | PooledRow | Handling
_TABLES: dict[type[Record], Table] = {
    Run: RUNS,
    TotalLine: TOTALS,
    Difference: DIFFERENCES,
    PooledRow: POOL,
    Handling: HANDLINGS,
}


def writes_of(records: Iterable[Record]) -> list[Write]:
    """Their rows."""
    return [write_of(_TABLES[type(each)], each) for each in records]


@dataclass(frozen=True, slots=True)
class DifferenceQuestion:
    """What is asked for; an empty or missing part asks for everything. Days are ``2026-11-22``, both included.
    ``institutions``: whose data may be seen, None for all."""

    first_day: str = ""
    last_day: str = ""
    run_id: str = ""
    code: str = ""
    state: str = ""
    channel: str = ""
    institutions: frozenset[str] | None = None
    after: str = ""
    limit: int = 100


class Repository:
    """*engine* is asked, *commit* writes. Stateless."""

    def __init__(self, engine: AsyncEngine, commit: Commit) -> None:
        self._engine, self._commit = engine, commit

    # Writing.

    async def add(self, records: Sequence[Record]) -> None:
        """Any number of rows, a thousand a transaction: what they belong to must not be visible yet."""
        for at in range(0, len(records), ROWS_A_COMMIT):
            await self._commit(writes_of(records[at : at + ROWS_A_COMMIT]))

    async def change(self, records: Sequence[Record]) -> None:
        """All of them at once, or none."""
        await self._commit(writes_of(records))

    async def set_parameters(self, parameters: Parameters, user_id: str, now: float) -> None:
        _, version = await self._parameters()
        content = json.dumps(asdict(parameters), sort_keys=True)
        await self._commit([Write(PARAMETERS, (PARAMETERS_ID, content, user_id, now, version + 1))])

    # Reading.

    async def parameters(self) -> Parameters:
        return (await self._parameters())[0]

    async def _parameters(self) -> tuple[Parameters, int]:
        async with self._engine.connect() as connection:
            row = (
                await connection.execute(select(PARAMETERS).where(PARAMETERS.c.parameters_id == PARAMETERS_ID))
            ).first()
        if row is None:
            return Parameters(), 0
        return parameters_of(json.loads(row.content)), row.version

    async def run(self, run_id: str) -> Run | None:
        return next(iter(await load(self._engine, RUNS, Run, RUNS.c.run_id == run_id)), None)

    async def runs(self, first_day: str, last_day: str, *states: RunState) -> list[Run]:
        """Runs of those days in order of their ids; without *states* all."""
        where: list[ColumnElement[bool]] = [RUNS.c.day >= first_day, RUNS.c.day <= last_day]
        if states:
            where.append(RUNS.c.state.in_([each.value for each in states]))
        return await load(self._engine, RUNS, Run, *where)

    async def interrupted(self) -> list[Run]:
        """Runs that a process began and never ended."""
        return await load(self._engine, RUNS, Run, RUNS.c.state == RunState.RUNNING.value)

    async def totals(self, run_ids: Sequence[str]) -> list[TotalLine]:
        return await load(self._engine, TOTALS, TotalLine, TOTALS.c.run_id.in_(run_ids))

    async def difference(self, difference_id: str) -> Difference | None:
        """Of a valid run."""
        found = await self._differences([DIFFERENCES.c.difference_id == difference_id], limit=1)
        return found[0] if found else None

    async def differences(self, question: DifferenceQuestion) -> list[Difference]:
        """Those of valid runs that *question* asks for, by id, one more than its limit."""
        where: list[ColumnElement[bool]] = []
        if question.institutions is not None:
            where.append(DIFFERENCES.c.institution.in_(sorted(question.institutions)))
        if question.first_day:
            where.append(DIFFERENCES.c.day >= question.first_day)
        if question.last_day:
            where.append(DIFFERENCES.c.day <= question.last_day)
        equal = {name: getattr(question, name) for name in ("run_id", "code", "state", "channel")}
        where += [DIFFERENCES.c[name] == value for name, value in equal.items() if value]
        if question.after:
            where.append(DIFFERENCES.c.difference_id > question.after)
        return await self._differences(where, limit=question.limit + 1)

    async def _differences(self, where: Sequence[ColumnElement[bool]], limit: int | None = None) -> list[Difference]:
        valid = DIFFERENCES.c.run_id.in_(select(RUNS.c.run_id).where(RUNS.c.state == RunState.VALID.value))
        return await load(self._engine, DIFFERENCES, Difference, valid, *where, limit=limit)

    async def of_runs(self, run_ids: Sequence[str]) -> list[Difference]:
        """All differences of those runs, valid or not."""
        return await load(self._engine, DIFFERENCES, Difference, DIFFERENCES.c.run_id.in_(run_ids))

    async def standing(self, before_day: str, days: int, gone: Sequence[str]) -> list[Difference]:
        """Differences of valid runs of the *days* before that day, but for the runs *gone*, which may have been ended by
        those."""
        first = f"{date.fromisoformat(before_day) - timedelta(days=days):%Y-%m-%d}"
        ended_by_others = and_(DIFFERENCES.c.ended_run != "", DIFFERENCES.c.ended_run.not_in(gone))
        return await self._differences(
            [
                DIFFERENCES.c.day >= first,
                DIFFERENCES.c.day < before_day,
                DIFFERENCES.c.run_id.not_in(gone),
                not_(ended_by_others),
            ]
        )

    async def ended_by(self, run_ids: Sequence[str]) -> tuple[list[Difference], list[PooledRow]]:
        """What those runs have ended: differences, and rows that have left the pool."""
        return (
            await load(self._engine, DIFFERENCES, Difference, DIFFERENCES.c.ended_run.in_(run_ids)),
            await load(self._engine, POOL, PooledRow, POOL.c.ended_run.in_(run_ids)),
        )

    async def waiting(self, scope: Scope, gone: Sequence[str]) -> list[PooledRow]:
        """The pool as it was before the runs *gone*: rows put there by valid runs of earlier days, in *scope*."""
        runs = select(RUNS.c.run_id).where(RUNS.c.state == RunState.VALID.value, RUNS.c.day < f"{scope.day:%Y-%m-%d}")
        where: list[ColumnElement[bool]] = [
            POOL.c.run_id.in_(runs),
            POOL.c.run_id.not_in(gone),
            or_(POOL.c.ended_run == "", POOL.c.ended_run.in_(gone)),
        ]
        if scope.institution:
            where.append(POOL.c.institution == scope.institution)
        if scope.channel:
            where.append(POOL.c.channel.in_([scope.channel, ""]))
        return await load(self._engine, POOL, PooledRow, *where)

    async def handlings(self, subject: str) -> list[Handling]:
        """Everything that was ever done about a subject, oldest first, whichever run it was found in."""
        return await load(self._engine, HANDLINGS, Handling, HANDLINGS.c.subject == subject, order=HANDLINGS.c.at)
