"""A link that writes what crosses it into the history, cut into frames, control bytes and noise."""

from __future__ import annotations

from collections.abc import Callable

from protocols.clock import Clock
from protocols.link.base import CardPort, Link, LinkClosed, LinkTimeout
from protocols.record import Direction, History
from protocols.wire.base import Control, Frame, Framing, Item

__all__ = ["RecordedCardPort", "RecordedLink"]

GRAIN_S = 1e-6
"""A timer may fire so much early: what is due nearer than that has had its time."""


class RecordedLink:
    """Wraps *link*; every item of both directions becomes one record of *slot* at the time its last byte was seen."""

    def __init__(self, link: Link, history: History, slot: str, framing: Callable[[], Framing], clock: Clock) -> None:
        self._link, self._history, self._slot, self._clock = link, history, slot, clock
        self._tx, self._rx = framing(), framing()

    async def send(self, data: bytes) -> None:
        now = self._clock.now()
        self._keep("tx", self._tx.expire(now) + self._tx.feed(data, now))
        await self._link.send(data)

    async def receive(self) -> bytes:
        try:
            data = await self._link.receive()
        except LinkClosed:
            self._history.append(self._slot, "-", "link", state="closed")
            raise
        now = self._clock.now()
        self._keep("rx", self._rx.expire(now) + self._rx.feed(data, now))
        return data

    async def aclose(self) -> None:
        await self._link.aclose()

    def flush(self) -> None:
        """Record unfinished frames whose time has passed, so that a truncated frame shows where it happened."""
        now = self._clock.now() + GRAIN_S
        self._keep("tx", self._tx.expire(now))
        self._keep("rx", self._rx.expire(now))

    def _keep(self, direction: Direction, items: list[Item]) -> None:
        for item in items:
            if isinstance(item, Frame):
                self._history.append(self._slot, direction, "frame", item.raw)
            elif isinstance(item, Control):
                self._history.append(self._slot, direction, "control", item.raw)
            else:
                self._history.append(self._slot, direction, "noise", item.raw, why=item.why)


class RecordedCardPort:
    """Wraps a card port; every ATR, APDU and limit becomes one record of *slot*."""

    def __init__(self, port: CardPort, history: History, slot: str) -> None:
        self._port, self._history, self._slot = port, history, slot

    async def power_on(self, warm: bool = False) -> bytes:
        try:
            atr = await self._port.power_on(warm)
        except LinkTimeout:
            self._history.append(self._slot, "-", "limit", stage="atr")
            raise
        self._history.append(self._slot, "rx", "atr", atr, warm=warm)
        return atr

    async def power_off(self) -> None:
        await self._port.power_off()
        self._history.append(self._slot, "tx", "power", state="off")

    async def transmit(self, apdu: bytes) -> bytes:
        self._history.append(self._slot, "tx", "apdu", apdu)
        try:
            answer = await self._port.transmit(apdu)
        except LinkTimeout:
            self._history.append(self._slot, "-", "limit", stage="apdu")
            raise
        except LinkClosed:
            self._history.append(self._slot, "-", "link", state="closed")
            raise
        self._history.append(self._slot, "rx", "apdu", answer)
        return answer

    async def aclose(self) -> None:
        await self._port.aclose()
