"""Time and tasks of the generator as a seam: gevent's in a load, virtual ones in tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["Hub"]


class Hub(Protocol):
    """``now`` in seconds from an arbitrary zero, monotonic; ``failure`` is the first error that ended a task."""

    failure: BaseException | None

    def now(self) -> float: ...

    def cpu(self) -> float:
        """CPU seconds of this process so far."""
        ...

    def sleep_until(self, t: float) -> None: ...

    def spawn(self, work: Callable[[], object]) -> None:
        """Run *work* beside what is running now."""
        ...
