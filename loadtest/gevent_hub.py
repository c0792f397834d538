"""Time and tasks of the generator: gevent's. Only the generator's process imports this."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent

from protocols.clock import cpu_seconds, stopwatch_s

__all__ = ["GeventHub"]


class GeventHub:
    """Sleeps have gevent's grain of a millisecond. Spinning would be finer and starve the sockets (measured-load 3): the lag is
    recorded instead."""

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self._tasks: set[Any] = set()

    def now(self) -> float:
        return stopwatch_s()

    def cpu(self) -> float:
        return cpu_seconds()

    def sleep_until(self, t: float) -> None:
        gevent.sleep(max(0.0, t - stopwatch_s()))

    def spawn(self, work: Callable[[], object]) -> None:
        task = gevent.spawn(work)
        self._tasks.add(task)
        task.link(self._ended)

    def kill(self) -> None:
        """End every task."""
        gevent.killall(list(self._tasks), block=True, timeout=5)

    def _ended(self, task: Any) -> None:
        self._tasks.discard(task)
        if task.exception is not None and self.failure is None:
            self.failure = task.exception
