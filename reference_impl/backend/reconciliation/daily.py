"""The run of each day by itself: on the next morning, when every other system has closed its books and made its files.

Days go in order, because what one leaves open the next may close. A day whose files cannot be had yet is tried again until it is
done; days that a stopped backend missed are made up for. A day that has a valid run of everything, by whomever, is left alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Literal

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from protocols.clock import CHINA, Clock, civil
from reference_impl.backend.audit.trail import SYSTEM, Act, Trail
from reference_impl.backend.reconciliation.frames import FileFault
from reference_impl.backend.reconciliation.intake import MissingFiles
from reference_impl.backend.reconciliation.model import Scope
from reference_impl.backend.reconciliation.records import RunState
from reference_impl.backend.reconciliation.service import Reconciliation, Refused
from reference_impl.backend.reconciliation.sources import Source
from reference_impl.backend.settings import DailyRun
from reference_impl.backend.settlement.tables import TRADES

__all__ = ["DailyRuns", "first_day_of"]

STARTED_BY = "system"
_LOG = structlog.get_logger("backend.reconciliation")
Ending = Literal["run", "not-yet", "refused"]


def first_day_of(engine: AsyncEngine) -> Callable[[], Awaitable[date | None]]:
    """The day of the oldest trade; None before there is one."""

    async def first() -> date | None:
        async with engine.connect() as connection:
            text = (await connection.execute(select(func.min(TRADES.c.day)))).scalar()
        return date.fromisoformat(text) if text else None

    return first


class DailyRuns:
    """:meth:`keep` goes on until it is cancelled. ``overdue``: days whose time has come and that have no run."""

    def __init__(
        self,
        service: Reconciliation,
        source: Source,
        first_day: Callable[[], Awaitable[date | None]],
        trail: Trail,
        clock: Clock,
        settings: DailyRun,
    ) -> None:
        self._service, self._source, self._first_day = service, source, first_day
        self._trail, self._clock, self._settings = trail, clock, settings
        self.overdue = 0

    async def keep(self) -> None:
        while True:
            try:
                whole = await self.catch_up()
            except Exception:  # a defect here must not end payments: it is told, counted and tried again
                _LOG.exception("daily reconciliation failed")
                whole = False
            now = self._clock.now()
            await self._clock.sleep_until(self._next(now) if whole else now + self._settings.retry_s)

    async def catch_up(self) -> bool:
        """Run what is due, oldest first; false where something remains to be tried again."""
        due = await self._due()
        self.overdue = len(due)
        for day in due:
            if await self._run(day) == "not-yet":
                return False
            self.overdue -= 1
        return True

    async def _run(self, day: date) -> Ending:
        act = Act("reconciliation.run", "day", f"{day}", details={"by": "timer"})
        try:
            scope = Scope(day)
            report = await self._service.run(scope, await self._source.files(scope), STARTED_BY)
        except (FileFault, MissingFiles) as error:
            _LOG.warning("the books of a day are not all there", day=f"{day}", why=error.text.en)
            return "not-yet"
        except Refused as error:
            _LOG.warning("a day was not run", day=f"{day}", why=str(error))
            return "refused"
        await self._trail.record(SYSTEM, act)
        run = report.run
        _LOG.info("day run", run_id=run.run_id, compared=run.compared, found=run.found, pooled=run.pooled)
        return "run"

    async def _due(self) -> list[date]:
        first = await self._first_day()
        if first is None:
            return []
        last = self._last(self._clock.now())
        first = max(first, last - timedelta(days=self._settings.catch_up_days - 1))
        runs = await self._service.repository.runs(f"{first}", f"{last}", RunState.VALID)
        done = {each.scope for each in runs}
        days = (first + timedelta(days=number) for number in range((last - first).days + 1))
        return [day for day in days if Scope(day) not in done]

    def _last(self, now: float) -> date:
        """The newest day whose time has come."""
        moment = civil(now)
        return moment.date() - timedelta(days=1 if now >= self._at(moment.date()) else 2)

    def _next(self, now: float) -> float:
        today = civil(now).date()
        return self._at(today) if now < self._at(today) else self._at(today + timedelta(days=1))

    def _at(self, day: date) -> float:
        hour, minute = map(int, self._settings.at.split(":"))
        return datetime(day.year, day.month, day.day, hour, minute, tzinfo=CHINA).timestamp()
