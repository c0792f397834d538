"""The line to a device as items with limits, whatever its dialect: what every driver of a framed device stands on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from protocols.clock import Clock
from protocols.link.base import Link, LinkTimeout
from protocols.wire.base import Framing, Item

__all__ = ["CLOCK_GRAIN_S", "DAMAGED", "MAX_ITEMS_AN_EXCHANGE", "Framed", "LinePort", "NoReply"]

CLOCK_GRAIN_S = 1e-6
"""A timer may fire so much early: what is nearer than that is now."""

DAMAGED = ("checksum", "length", "trailer", "truncated")
"""Noise that was a frame once, and not mere noise before a good one."""
MAX_ITEMS_AN_EXCHANGE = 64
"""A peer that babbles must not hold an exchange for ever."""


class NoReply(LinkTimeout):
    """The device kept silent. ``stage`` says what was waited for: ``ack``, ``reply`` or ``key``."""

    def __init__(self, stage: str, waited_s: float) -> None:
        super().__init__(f"no {stage} within {waited_s:g} s: check cable, power, speed and dialect")
        self.stage, self.waited_s = stage, waited_s


class Framed(Protocol):
    """What a port needs of a dialect."""

    def framing(self) -> Framing: ...


D = TypeVar("D", bound=Framed)


def _unheard(stage: str, waited_s: float) -> None:
    """Nobody wants to hear of limits."""


class LinePort(Generic[D]):
    """The line to a device. ``on_limit(stage, waited_s)`` hears of every limit that passed."""

    def __init__(
        self,
        link: Link,
        dialect: D,
        clock: Clock,
        on_limit: Callable[[str, float], None] = _unheard,
    ) -> None:
        self.link, self.dialect, self.clock = link, dialect, clock
        self._framing: Framing = dialect.framing()
        self._items: list[Item] = []
        self._on_limit = on_limit

    async def send(self, raw: bytes) -> None:
        await self.link.send(raw)

    async def next_item(self, limit_s: float, stage: str = "reply") -> Item:
        """The next frame, control byte or noise. Raises :class:`NoReply` after *limit_s*, LinkClosed when it is gone."""
        until = self.clock.now() + limit_s
        while not self._items:
            now = self.clock.now()
            if now >= until - CLOCK_GRAIN_S:
                self._on_limit(stage, limit_s)
                raise NoReply(stage, limit_s)
            due = self._framing.deadline()
            wait_s = until - now if due is None else min(until, max(due, now)) - now
            try:
                async with asyncio.timeout(max(wait_s, 0.0)):
                    chunk = await self.link.receive()
            except TimeoutError:
                # A timer may fire a grain of the clock early: without this the same instant would come back for ever.
                now = self.clock.now()
                self._items += self._framing.expire(now if due is None or due - now > CLOCK_GRAIN_S else max(now, due))
                continue
            self._items += self._framing.feed(chunk, self.clock.now())
        return self._items.pop(0)

    async def drain(self, quiet_s: float) -> list[Item]:
        """Everything that still comes until the line has been quiet for *quiet_s*: bounded, never raises NoReply."""
        seen: list[Item] = []
        hear, self._on_limit = self._on_limit, _unheard
        try:
            while len(seen) < MAX_ITEMS_AN_EXCHANGE:
                seen.append(await self.next_item(quiet_s))
        except NoReply:
            pass
        finally:
            self._on_limit = hear
        return seen
