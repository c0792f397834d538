"""A simulated card behind the real pcscd, with the bench's hand upon it."""

from __future__ import annotations

import asyncio
from typing import Any

from protocols.clock import Clock
from protocols.link.pcsc import PcscCardPort, wait_card
from protocols.link.vpcd import VpcdCard
from scenarios.pcscd import ReaderSlot

__all__ = ["HeldCardPort"]


class HeldCardPort:
    """Implements ``CardPort``. A chip that lost its supply in mid-command has left the reader, as vpcd knows no other
    way to say it; the hand puts it back before the next power-on."""

    def __init__(self, served: VpcdCard, card: Any, place: ReaderSlot, socket: str, clock: Clock) -> None:
        self._served, self._card, self._place, self._socket, self._clock = served, card, place, socket, clock
        self._port = PcscCardPort(place.reader, socket=socket)

    async def power_on(self, warm: bool = False) -> bytes:
        if self._served.left:
            await self._port.reopen()
            await self.insert()
        return await self._port.power_on(warm)

    @property
    def broken(self) -> str:
        """The exchange that hangs since; empty when all is well."""
        return self._port.broken

    async def power_off(self) -> None:
        await self._port.power_off()

    async def transmit(self, apdu: bytes) -> bytes:
        return await self._port.transmit(apdu)

    async def aclose(self) -> None:
        await self._port.aclose()

    async def reopen(self) -> None:
        await self._port.reopen()

    # The hand.

    async def insert(self) -> None:
        """Put the card in, once the reader has seen that it was out: the driver looks every 0.4 s only."""
        await wait_card(self._place.reader, False, self._clock, socket=self._socket)
        self._served.insert()
        await wait_card(self._place.reader, True, self._clock, socket=self._socket)

    async def act(self, action: str) -> None:
        """``remove``, ``insert`` or ``tear N``. Raises ValueError for anything else."""
        word, _, argument = action.partition(" ")
        if word == "remove":
            await asyncio.to_thread(self._served.remove)
            await wait_card(self._place.reader, False, self._clock, socket=self._socket)
        elif word == "insert":
            await self.insert()
        elif word == "tear" and hasattr(self._card, "tear_after"):
            self._card.tear_after(int(argument or "1"))
        else:
            raise ValueError(f"unknown action {action!r}")
