"""The seam to bank cards, and the provider that reads the magnetic stripe of the card in a motorised reader.

A social security card with financial function is a bank card too. The provider that reads its chip is in ``chip_card.py``.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from protocols.clock import Clock
from protocols.link.base import LinkError
from protocols.wire.base import WireError
from reference_impl.kiosk.bays import CardBay, MotorBay
from reference_impl.kiosk.business.answers import bank_card_of
from reference_impl.kiosk.business.works import BankCard

__all__ = ["BankCardReader", "CardNotTaken", "CardUnreadable", "StripeReader", "card_inside"]

LOOK_EVERY_S = 0.2


class CardUnreadable(Exception):
    """There is a card, and no bank data on it that this provider can read."""


class CardNotTaken(CardUnreadable):
    """An earlier card is still in the way: it has to be taken first."""


class BankCardReader(Protocol):
    async def read(self, amount_fen: int) -> BankCard:
        """The bank data of the card inside, for a payment of *amount_fen*; where none is inside, one is let in and waited
        for. May be cancelled.

        Raises :class:`CardUnreadable`, and LinkError and its kinds of the reader.
        """
        ...


class StripeReader:
    """Track 2 of the card in *bay*. The card stays inside: it goes back with the session."""

    def __init__(self, bay: MotorBay, clock: Clock) -> None:
        self._bay, self._clock = bay, clock

    async def read(self, amount_fen: int) -> BankCard:
        await card_inside(self._bay, self._clock)
        try:
            text = await self._bay.track_2()
        except WireError as error:
            raise CardUnreadable(f"the reader's track data have not their form: {error}") from error
        card = bank_card_of(text) if text else None
        if card is None:
            raise CardUnreadable("track 2 holds no bank card")
        return card


async def card_inside(bay: CardBay, clock: Clock) -> None:
    """Wait until a card is inside *bay*, letting one in where there is none. May be cancelled."""
    if (await bay.look()).in_reader:
        return
    await bay.open_entry()
    try:
        while not (await bay.look()).in_reader:
            await clock.sleep_until(clock.now() + LOOK_EVERY_S)
        await bay.take_in()
    finally:
        # Also when the citizen turned away: the entry does not stay open for the next one's card.
        await asyncio.shield(_shut(bay))


async def _shut(bay: CardBay) -> None:
    try:
        await bay.close_entry()
    except LinkError:
        return  # the next look at the reader says what is wrong with it
