"""One thread for calls that may never come back, and a limit on waiting for each."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from protocols.link.base import LinkTimeout

__all__ = ["BlockingLane"]

T = TypeVar("T")

Job = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return  # whoever asked has stopped waiting
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


class BlockingLane:
    """Runs calls one after another in a thread of its own.

    The thread is a daemon: a call that hangs for ever (a dead card in a C library) cannot be ended from outside, but
    it holds up neither the event loop nor the end of the program. A lane that is ``stuck`` is left to its fate.
    """

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self.stuck = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    async def call(self, work: Callable[[], T], limit_s: float, what: str) -> T:
        """What *work* gives or raises. Raises LinkTimeout, naming *what*, when that takes more than *limit_s*.

        When the caller is cancelled, a call that has begun goes on and its result is dropped.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put((work, loop, future))
        watch = loop.call_later(limit_s, self._give_up, future, limit_s, what)
        try:
            return await future
        finally:
            watch.cancel()

    def _give_up(self, future: asyncio.Future[Any], limit_s: float, what: str) -> None:
        if not future.done():
            self.stuck = True
            future.set_exception(LinkTimeout(f"{what}: no end within {limit_s:g} s"))

    def close(self) -> None:
        """Let the thread end after what it is doing."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, loop, future = job
            if future.cancelled():
                continue
            result: Any = None
            error: BaseException | None = None
            try:
                result = work()
            except Exception as raised:  # belongs to whoever asked
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile: nobody waits any more
                loop.call_soon_threadsafe(_settle, future, result, error)
