"""A reader of its own for bank cards, beside the one that keeps the social security card during the visit.

A card is let in for one payment and brought back to the mouth as soon as it was read: nobody has to think of two cards at the
end. A card that still stands at the mouth is never drawn in again, for nobody knows any more whose it is.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

from protocols.driver.card_reader import NoReply
from protocols.link.base import LinkClosed, LinkError
from protocols.wire.card_reader import Media
from reference_impl.kiosk.bank_card import BankCardReader, CardNotTaken
from reference_impl.kiosk.business.works import BankCard
from reference_impl.kiosk.state import AT_MOUTH

__all__ = ["SecondReader"]

RETURN_TRIES = 3


class _Bay(Protocol):
    async def recover(self) -> Media: ...

    async def look(self) -> Media: ...

    async def give_back(self, forcibly: bool) -> Media: ...

    async def aclose(self) -> None: ...


class SecondReader:
    """A :class:`BankCardReader` over *reader*, which reads the card in *bay*; *bay* is opened when it is first wanted."""

    def __init__(self, bay: _Bay, reader: BankCardReader) -> None:
        self._bay, self._reader = bay, reader
        self._open = False

    async def read(self, amount_fen: int) -> BankCard:
        media = await self._where()
        if media in AT_MOUTH:
            raise CardNotTaken("a card still stands at the mouth of the bank card reader: it has to be taken first")
        try:
            if media.in_reader:
                await self._return()  # left by a kiosk that lost its power: it belongs to somebody else
                raise CardNotTaken("a card was still inside the bank card reader: it has to be taken first")
            return await self._reader.read(amount_fen)
        except (NoReply, LinkClosed):
            self._open = False
            raise
        finally:
            with contextlib.suppress(LinkError):
                await asyncio.shield(self._return())

    async def aclose(self) -> None:
        """A card that is inside comes to the mouth, then the line is closed."""
        if self._open:
            with contextlib.suppress(LinkError):
                await self._return()
        await self._bay.aclose()

    async def _where(self) -> Media:
        """Where a card is; the line is opened, and a reader that had fallen silent gets to a known state."""
        if self._open:
            return await self._bay.look()
        media = await self._bay.recover()
        self._open = True
        return media

    async def _return(self) -> None:
        """Bring a card that is inside to the mouth. Raises LinkError of the last try."""
        for left in reversed(range(RETURN_TRIES)):
            try:
                if (await self._bay.look()).in_reader:
                    await self._bay.give_back(forcibly=left == 0)
                return
            except LinkError:
                if not left:
                    raise
