"""The one clock. Nothing else in the project reads the time or sleeps.

Real benches run on :class:`RealClock`. In-process benches run on a :class:`VirtualLoop`, an asyncio event loop
whose time jumps to the next timer as soon as nothing is ready, so minutes of motor movement cost milliseconds and
two runs of one seed see the same instants.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Protocol, TypeVar

__all__ = [
    "CHINA",
    "Clock",
    "LoopClock",
    "RealClock",
    "UnixClock",
    "VirtualLoop",
    "civil",
    "cpu_seconds",
    "run_virtual",
    "stopwatch_s",
    "wall_datetime",
]

T = TypeVar("T")

MICROSECOND_S = 1e-6
CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")


class Clock(Protocol):
    """Seconds since the start of the bench, as a float that never goes backwards."""

    @property
    def kind(self) -> str:
        """``virtual`` or ``real``: stamped on every claim about time."""
        ...

    def now(self) -> float: ...

    async def sleep_until(self, t: float) -> None: ...


class LoopClock:
    """Clock of the running event loop: virtual inside :func:`run_virtual`, otherwise see :class:`RealClock`.

    *origin_s* is what it shows when it is made: zero, or the Unix time at which a virtual day begins.
    """

    kind = "virtual"

    def __init__(self, origin_s: float = 0.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time() - origin_s

    def now(self) -> float:
        return self._loop.time() - self._start

    async def sleep_until(self, t: float) -> None:
        await asyncio.sleep(max(0.0, t - self.now()))


class RealClock:
    """Monotonic real time, zero when the clock is made."""

    kind = "real"

    def __init__(self) -> None:
        self._start = time.monotonic()

    def now(self) -> float:
        return time.monotonic() - self._start

    async def sleep_until(self, t: float) -> None:
        await asyncio.sleep(max(0.0, t - self.now()))


class UnixClock:
    """Unix time for parties that do business by the calendar: set once at the start, then monotonic.

    A step of the host's clock (NTP) does not reach it, so deadlines never run backwards.
    """

    kind = "real"

    def __init__(self) -> None:
        self._start = time.time() - time.monotonic()

    def now(self) -> float:
        return self._start + time.monotonic()

    async def sleep_until(self, t: float) -> None:
        await asyncio.sleep(max(0.0, t - self.now()))


class _JumpingSelector(selectors.SelectSelector):
    """Never waits: a wait of *timeout* seconds moves the virtual time instead."""

    def __init__(self, alone: bool) -> None:
        super().__init__()
        self._alone = alone
        self._exact_s = self.virtual_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = [] if self._alone else super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("virtual clock: every task waits and no timer is set, so nothing can ever happen")
        self._exact_s += max(0.0, timeout)
        # Rounded to the microsecond: sums of floats must not make two equal schedules differ. The exact sum is kept all
        # the same, or waits of less than half of that would never end.
        self.virtual_s = round(self._exact_s, 6)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Event loop under virtual time. Real file descriptors are polled but never waited for.

    *alone*: nothing outside of its one thread ever speaks to it. Then nothing is polled, and a timer is due within the
    microsecond to which the time is rounded; thousands of simulations are worth that.
    """

    def __init__(self, alone: bool = False) -> None:
        self._jumping = _JumpingSelector(alone)
        super().__init__(self._jumping)
        if alone:
            self._clock_resolution = MICROSECOND_S

    def time(self) -> float:
        return self._jumping.virtual_s


def run_virtual(main: Coroutine[Any, Any, T], *, alone: bool = False) -> T:
    """Run *main* to its end under virtual time and return its result. *alone* as in :class:`VirtualLoop`."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(alone)) as runner:
        return runner.run(main)


def civil(unix_s: float) -> datetime:
    """Date and time of day in China for a Unix time. China has one zone and no summer time."""
    return datetime.fromtimestamp(unix_s, CHINA)


def wall_datetime() -> datetime:
    """Date and time of day (UTC), for report headers only: never part of a history."""
    return datetime.now(UTC)


def stopwatch_s() -> float:
    """Seconds of a high-resolution counter with an arbitrary zero, for benchmarks."""
    return time.perf_counter()


def cpu_seconds() -> float:
    """CPU seconds of this process, for benchmarks."""
    return time.process_time()
