"""Bank cards by their chip: the bank application of the card inside, a social security card's own among them, signs the amount.

The stripe is read in its place only where the chip failed, or where the stripe itself knows of no chip (spec/cards.md 3.5). A
chip that answered and refused is believed. The platform does not hand the bank's answer on, so that the card is powered off
when it has signed; it reports the transaction as not ended when it is used the next time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from protocols.clock import Clock
from protocols.driver.card_channel import CardChannel, CardRefused
from protocols.driver.card_reader import NoReply
from protocols.driver.pboc import BankApplication, BankCardData, PbocTerminal
from protocols.driver.pboc_errors import ApplicationBlocked, NoBankApplication
from protocols.link.base import LinkClosed, LinkError
from protocols.wire.base import WireError
from reference_impl.kiosk.bank_card import BankCardReader, CardUnreadable, card_inside
from reference_impl.kiosk.bays import CardBay
from reference_impl.kiosk.business.works import BankCard

__all__ = ["ChipReader"]

CHIP_PRESENT = ("2", "6")
"""First digits of a service code that say: this card has a chip, and it goes first."""


class ChipReader:
    """The chip of the card in *bay*; *stripe* reads its stripe where there is a reader for it.

    *unpredictable* gives four bytes that nobody can foresee, new ones for every call; *clock* is one of Unix time.
    """

    def __init__(
        self,
        bay: CardBay,
        clock: Clock,
        unpredictable: Callable[[], bytes],
        stripe: BankCardReader | None = None,
        terminal: PbocTerminal | None = None,
    ) -> None:
        self._bay, self._clock, self._unpredictable = bay, clock, unpredictable
        self._stripe, self._terminal = stripe, terminal

    async def read(self, amount_fen: int) -> BankCard:
        await card_inside(self._bay, self._clock)
        application = BankApplication(CardChannel(self._bay.port), self._terminal)
        try:
            await application.open()
            data = await application.read()
        except (ApplicationBlocked, NoReply, LinkClosed) as error:
            raise _told(error) from error
        except (NoBankApplication, CardRefused) as error:
            return await self._by_stripe(amount_fen, error, chip_failed=False)
        except (LinkError, WireError) as error:
            return await self._by_stripe(amount_fen, error, chip_failed=True)
        return await self._signed(application, data, amount_fen)

    async def _signed(self, application: BankApplication, data: BankCardData, amount_fen: int) -> BankCard:
        """The chip has begun: from here on nothing else may stand for it."""
        try:
            chip_data = await application.authorise(
                amount_fen, at=self._clock.now(), unpredictable=self._unpredictable()
            )
        except (LinkError, WireError) as error:
            raise _told(error) from error
        with contextlib.suppress(LinkError):  # what it signed is here, whatever becomes of the card
            await self._bay.port.power_off()
        return BankCard(
            pan=data.pan,
            expiry=data.expiry,
            track2=data.track2,
            entry_mode="051",
            sequence=data.sequence,
            chip_data=chip_data.hex().upper(),
        )

    async def _by_stripe(self, amount_fen: int, why: Exception, *, chip_failed: bool) -> BankCard:
        if self._stripe is None:
            raise CardUnreadable(str(why)) from why
        try:
            card = await self._stripe.read(amount_fen)
        except CardUnreadable as error:
            raise CardUnreadable(f"{why}; {error}") from error
        if not chip_failed and card.track2.partition("D")[2][4:5] in CHIP_PRESENT:
            raise CardUnreadable(f"the stripe says that the chip goes first, and the chip works: {why}") from why
        return card


def _told(error: Exception) -> Exception:
    """A reader that is silent and a card that is gone stay what they are; all else is a card that cannot be used."""
    return error if isinstance(error, NoReply | LinkClosed) else CardUnreadable(str(error))
