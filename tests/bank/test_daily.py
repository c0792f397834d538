"""When batches are closed: once a day from the minute on, and at once where one is nearly full."""

from __future__ import annotations

from typing import Any, cast

from protocols.wire.bank.parts import Totals
from reference_impl.backend.banking.batch import BatchResult, TerminalEngaged
from reference_impl.backend.banking.daily import NEARLY_FULL, DailyBatches
from reference_impl.backend.banking.terminals import BankTerminal

NOON = 1_795_752_000.0
"""2026-11-27 12:00:00 in China."""
HOUR = 3_600.0


class Clock:
    kind = "virtual"
    time = NOON

    def now(self) -> float:
        return self.time

    async def sleep_until(self, t: float) -> None:
        self.time = t


async def test_each_batch_is_closed_once_a_day() -> None:
    clock, asked, engaged = Clock(), cast("list[str]", []), {"10000002"}
    terminals = [BankTerminal(f"1000000{n}", f"KSK-0000{n}", "898441900000001", batch=1) for n in (1, 2)]

    async def settle(terminal: BankTerminal) -> BatchResult:
        asked.append(terminal.number)
        if terminal.number in engaged:
            raise TerminalEngaged(terminal.number)
        terminal.begin_batch(terminal.batch + 1)
        return BatchResult(terminal.batch - 1, Totals(), equal=True)

    daily = DailyBatches(lambda: cast("Any", terminals), settle, clock, 22 * 60 + 30)
    assert await daily.round() == 0
    assert asked == []
    clock.time = NOON + 10.6 * HOUR  # 22:36
    assert await daily.round() == 1
    assert asked == ["10000001", "10000002"]
    engaged.clear()
    assert await daily.round() == 1
    assert await daily.round() == 0
    clock.time = NOON + 20 * HOUR  # 8:00 of the next day
    assert await daily.round() == 0
    terminals[0].trace = NEARLY_FULL
    assert await daily.round() == 1
    assert asked == ["10000001", "10000002", "10000002", "10000001"]
    clock.time = NOON + 35 * HOUR
    assert await daily.round() == 2
    assert daily.settled == 5
