"""Closes the batches of the bank's terminals: each before the bank's day ends, and one that is nearly full at once.

A terminal with a payment under way is left for the next look. What is not closed when the day ends is closed after it: a batch belongs to
the bank's day on which it is closed, and reconciliation counts by the days of the bank's files.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import structlog

from protocols.clock import Clock, civil
from reference_impl.backend.banking.batch import BatchResult, TerminalEngaged
from reference_impl.backend.banking.host import BankUnavailable
from reference_impl.backend.banking.security_module import KeysRefused
from reference_impl.backend.banking.terminals import MOST_PURCHASES, BankTerminal, NoBankTerminal

__all__ = ["DailyBatches"]

LOOK_S = 30.0
NEARLY_FULL = MOST_PURCHASES - 100
_LATER = (TerminalEngaged, BankUnavailable, NoBankTerminal, KeysRefused)
_LOG = structlog.get_logger("backend.banking")


class DailyBatches:
    """:meth:`keep` goes on until it is cancelled. *minute* of the day from which batches are closed (1350 is 22:30);
    *settle* closes that of a terminal. A closing that was due before the start is made up for at the next one."""

    def __init__(
        self,
        terminals: Callable[[], Iterable[BankTerminal]],
        settle: Callable[[BankTerminal], Awaitable[BatchResult]],
        clock: Clock,
        minute: int,
    ) -> None:
        self._terminals, self._settle, self._clock, self._minute = terminals, settle, clock, minute
        self._began_after = self._last_closing()
        self._closed: dict[str, str] = {}
        self.settled = self.unequal = 0

    async def keep(self) -> None:
        while True:
            await self.round()
            await self._clock.sleep_until(self._clock.now() + LOOK_S)

    async def round(self) -> int:
        """Close every batch that is due now. Gives how many were."""
        closing, closed = self._last_closing(), 0
        for terminal in list(self._terminals()):
            if self._closed.get(terminal.number, self._began_after) == closing and terminal.trace < NEARLY_FULL:
                continue
            try:
                result = await self._settle(terminal)
            except _LATER as error:
                _LOG.info("batch is closed later", terminal=terminal.number, reason=type(error).__name__)
                continue
            self._closed[terminal.number] = closing
            closed += result.batch > 0
            self._note(terminal, result)
        return closed

    def _note(self, terminal: BankTerminal, result: BatchResult) -> None:
        if not result.batch:
            return
        self.settled += 1
        if not result.equal:
            self.unequal += 1
            _LOG.warning(
                "the bank had other totals", terminal=terminal.number, batch=result.batch, unknown=len(result.unknown)
            )

    def _last_closing(self) -> str:
        """The day of the last closing that is due: today's from :attr:`_minute` on, before that yesterday's."""
        return f"{civil(self._clock.now() - 60.0 * self._minute):%Y%m%d}"
