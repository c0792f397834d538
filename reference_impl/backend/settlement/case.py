"""One trade in the hands of the engine: what it is, what of it is durable, and what has still to be written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from reference_impl.backend.settlement.channel import Secrets
from reference_impl.backend.settlement.model import Attempt, Trade
from reference_impl.backend.settlement.rows import attempt_write, trade_write
from reference_impl.backend.storage.writes import Write

__all__ = ["Case"]

SHORTEST_SLEEP_S = 0.001
"""Timers may fire a grain of the clock early: without this the same instant would come back for ever."""


class Case:
    """``trade`` is what is known, ``shown`` what is durable: nobody outside is told more than the database holds."""

    def __init__(self, trade: Trade, stored: bool) -> None:
        self.trade = trade
        self.shown: Trade | None = trade if stored else None
        self.secrets = Secrets()
        self.task: asyncio.Task[None] | None = None
        self._written: Trade | None = trade if stored else None
        self._more: list[Write] = []
        self._wake = asyncio.Event()
        self._watchers: list[asyncio.Future[None]] = []

    @property
    def dirty(self) -> bool:
        return bool(self._more) or self.trade is not self._written

    def add(self, writes: Sequence[Write]) -> None:
        """Rows that must be durable together with the next change of the trade."""
        self._more.extend(writes)

    def put_attempt(self, attempt: Attempt) -> None:
        """A new attempt, or a newer state of one."""
        known = any(each.attempt_id == attempt.attempt_id for each in self.trade.attempts)
        if known:
            attempts = tuple(attempt if each.attempt_id == attempt.attempt_id else each for each in self.trade.attempts)
        else:
            attempts = (*self.trade.attempts, attempt)
        self.trade = replace(self.trade, attempts=attempts)

    def take_writes(self, now: float) -> list[Write]:
        """Everything that changed since the last time, as rows; the trade gets its next version."""
        before = {each.attempt_id: each for each in self._written.attempts} if self._written else {}
        if self.trade is not self._written:
            version = self.trade.version + 1 if self._written else self.trade.version
            self.trade = replace(self.trade, version=version, updated_at=now)
        writes = [trade_write(self.trade)] if self.trade is not self._written else []
        writes += [attempt_write(each) for each in self.trade.attempts if before.get(each.attempt_id) is not each]
        writes += self._more
        self._written, self._more = self.trade, []
        return writes

    def durable(self, trade: Trade) -> None:
        """*trade* is in the database now."""
        if self.shown is None or trade.version >= self.shown.version:
            self.shown = trade
        watchers, self._watchers = self._watchers, []
        for each in watchers:
            if not each.done():
                each.set_result(None)

    def wake(self) -> None:
        """Something outside the driver has changed: it looks again."""
        self._wake.set()

    async def sleep(self, seconds: float | None) -> None:
        """Until woken, or *seconds* have passed."""
        try:
            async with asyncio.timeout(None if seconds is None else max(seconds, SHORTEST_SLEEP_S)):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def until(self, wanted: Callable[[Trade], bool], limit_s: float) -> None:
        """Until the durable trade is as wanted, or *limit_s* have passed."""
        try:
            async with asyncio.timeout(limit_s):
                while self.shown is None or not wanted(self.shown):
                    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                    self._watchers.append(future)
                    await future
        except TimeoutError:
            return
