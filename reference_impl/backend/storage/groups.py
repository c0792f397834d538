"""Group commit: many callers, one flusher, one transaction for all that has come together since the last one.

The flusher takes what is waiting as soon as the transaction before it is durable, so groups grow by themselves under load
and a single caller never waits for company. Order is kept: what was handed in first is never durable after what came later.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from reference_impl.backend.storage.errors import RowRefused, StoreClosed
from reference_impl.backend.storage.writes import Write

__all__ = ["GroupCommit", "GroupStats"]

MOST_COMMITS = 512
"""In one transaction. Beyond this a group gains nothing (measured-load: 256 rows a statement are within 15 % of the best)."""

MOST_WAITING = 20_000
"""Commits in the queue; the next caller waits before it is taken in."""


@dataclass(slots=True)
class GroupStats:
    """Since the start: commits asked for, transactions made for them, rows handed in, and the largest group."""

    commits: int = 0
    groups: int = 0
    rows: int = 0
    largest: int = 0


@dataclass(slots=True)
class _Pending:
    writes: Sequence[Write]
    durable: asyncio.Future[None]
    counted: bool
    settled: bool = False


class GroupCommit:
    """*apply* makes rows durable in one transaction or raises; :class:`RowRefused` blames a row, anything else the store.

    A group with a row that is refused is divided until the one commit that holds it is found: the others are written.
    After any other error nothing is written any more and ``failed`` ends with it.
    """

    def __init__(
        self,
        apply: Callable[[Sequence[Write]], Awaitable[None]],
        *,
        most_commits: int = MOST_COMMITS,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.stats = GroupStats()
        self.failed: asyncio.Future[None] = loop.create_future()
        self.failed.add_done_callback(
            lambda failed: failed.cancelled() or failed.exception()
        )  # seen, if by nobody else
        self._apply = apply
        self._most = most_commits
        self._room = asyncio.Semaphore(most_waiting)
        self._queue: deque[_Pending] = deque()
        self._filled = asyncio.Event()
        self._end: Exception | None = None
        self._flusher = loop.create_task(self._flush_for_ever(), name="group commit")

    @property
    def waiting(self) -> int:
        """Commits that no transaction has taken up yet."""
        return len(self._queue)

    async def commit(self, writes: Sequence[Write]) -> None:
        """Returns when all rows are durable. Raises and has written none: :class:`RowRefused`, Fenced, StoreClosed.

        A caller that is cancelled meanwhile does not know whether they were written.
        """
        if not writes:
            return
        await self._room.acquire()
        if self._end is not None:
            self._room.release()
            raise self._end.with_traceback(None)
        await self._put(writes, counted=True)

    def submit(self, writes: Sequence[Write]) -> asyncio.Future[None]:
        """As :meth:`commit`, but in the queue when this returns, even when that is full: for rows whose order is fixed
        already. The future ends when all are durable, or with the error."""
        if self._end is None:
            return self._put(writes, counted=False)
        refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        refused.set_exception(self._end.with_traceback(None))
        return refused

    def _put(self, writes: Sequence[Write], *, counted: bool) -> asyncio.Future[None]:
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(_Pending(writes, durable, counted))
        self._filled.set()
        return durable

    async def aclose(self, limit_s: float = 10.0) -> None:
        """Write what is waiting, then take nothing more. What is not written within *limit_s* is refused."""
        if self._end is None:
            self._end = StoreClosed("the store was closed")
        self._filled.set()
        await asyncio.wait({self._flusher}, timeout=limit_s)
        self._flusher.cancel()
        await asyncio.gather(self._flusher, return_exceptions=True)
        self._refuse_waiting(StoreClosed("the store was closed before this could be written"))

    async def _flush_for_ever(self) -> None:
        while True:
            if not self._queue:
                if self._end is not None:
                    return
                self._filled.clear()
                await self._filled.wait()
                continue
            group = [self._queue.popleft() for _ in range(min(self._most, len(self._queue)))]
            try:
                await self._write(group)
            except asyncio.CancelledError:
                self._settle(group, StoreClosed("the store was closed while this was being written"))
                raise
            except Exception as error:
                self._stop(error, group)
                return

    async def _write(self, group: Sequence[_Pending]) -> None:
        writes = [write for pending in group for write in pending.writes]
        try:
            await self._apply(writes)
        except RowRefused as refused:
            if len(group) == 1:
                self._settle(group, refused)
                return
            half = len(group) // 2
            await self._write(group[:half])
            await self._write(group[half:])
            return
        self.stats.groups += 1
        self.stats.commits += len(group)
        self.stats.rows += len(writes)
        self.stats.largest = max(self.stats.largest, len(group))
        self._settle(group, None)

    def _settle(self, group: Sequence[_Pending], error: Exception | None) -> None:
        for pending in group:
            if pending.settled:  # by an earlier half
                continue
            pending.settled = True
            if pending.counted:
                self._room.release()
            if pending.durable.done():  # the caller has gone
                continue
            if error is None:
                pending.durable.set_result(None)
            else:
                pending.durable.set_exception(error)

    def _stop(self, error: Exception, group: Sequence[_Pending]) -> None:
        """Fail stop: what is in the database is the truth, and nobody here may guess at it."""
        self._end = error
        self._settle(group, error)
        self._refuse_waiting(error)
        if not self.failed.done():
            self.failed.set_exception(error)

    def _refuse_waiting(self, error: Exception) -> None:
        waiting = list(self._queue)
        self._queue.clear()
        self._settle(waiting, error)
