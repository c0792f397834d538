"""A reader of its own for bank cards: a card comes back at once, and one at the mouth is never drawn in again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from business_bench import NOON
from kiosk_bench import MemoryBay

from protocols.clock import LoopClock, run_virtual
from protocols.link.base import LinkError
from protocols.wire.card_reader import Media
from reference_impl.kiosk.bank_card import CardNotTaken, CardUnreadable
from reference_impl.kiosk.business.works import BankCard
from reference_impl.kiosk.chip_card import ChipReader
from reference_impl.kiosk.second_reader import SecondReader
from reference_impl.kiosk.state import AT_MOUTH
from simulators.card.bodies import make_body
from simulators.device.base import Physical
from simulators.device.card_reader import build_reader


class Desk:
    """A second reader with a simulated device, and the hand at its mouth."""

    def __init__(self) -> None:
        clock = LoopClock(NOON)
        self.bay = MemoryBay(build_reader(dialect="crt310"), "crt310", clock)
        self.reader = SecondReader(self.bay, ChipReader(self.bay, clock, lambda: bytes(4)))

    def hand(self, after_s: float, word: str, body: Any = None) -> None:
        def act() -> None:
            assert self.bay.host is not None
            self.bay.host.apply(Physical(word, body))

        asyncio.get_running_loop().call_later(after_s, act)

    async def end(self) -> None:
        await self.reader.aclose()
        assert self.bay.host is not None
        await self.bay.host.aclose()


def test_the_card_is_read_and_comes_to_the_mouth_at_once() -> None:
    async def main() -> tuple[BankCard, Media, Media]:
        desk = Desk()
        desk.hand(4.0, "insert", make_body("bank"))
        card = await desk.reader.read(1250)
        after = await desk.bay.look()
        desk.hand(0.0, "remove")
        await asyncio.sleep(1.0)
        taken = await desk.bay.look()
        await desk.end()
        return card, after, taken

    card, after, taken = run_virtual(main())
    assert card.pan == "6299990000000000012"
    assert card.entry_mode == "051"
    assert after in AT_MOUTH
    assert taken is Media.NONE


def test_a_card_at_the_mouth_is_nobody_s_and_is_not_drawn_in() -> None:
    async def main() -> tuple[Exception | None, Media, BankCard]:
        desk = Desk()
        desk.hand(4.0, "insert", make_body("bank"))
        await desk.reader.read(1250)
        refused: Exception | None = None
        try:
            await desk.reader.read(1250)
        except CardNotTaken as error:
            refused = error
        where = await desk.bay.look()
        desk.hand(0.0, "remove")
        desk.hand(3.0, "insert", make_body("bank/7"))
        await asyncio.sleep(1.0)
        card = await desk.reader.read(1250)
        await desk.end()
        return refused, where, card

    refused, where, card = run_virtual(main())
    assert "has to be taken first" in str(refused)
    assert where in AT_MOUTH
    assert card.pan != "6299990000000000012"


@pytest.mark.parametrize("body", ["mute", "long"])
def test_a_card_that_cannot_be_read_comes_back_too(body: str) -> None:
    async def main() -> tuple[Exception | None, Media]:
        desk = Desk()
        desk.hand(4.0, "insert", make_body(body))
        told: Exception | None = None
        try:
            async with asyncio.timeout(40):
                await desk.reader.read(1250)
        except (CardUnreadable, LinkError, TimeoutError) as error:
            told = error
        where = await desk.bay.look()
        await desk.end()
        return told, where

    told, where = run_virtual(main())
    assert told is not None
    assert not where.in_reader


def test_a_citizen_who_turns_away_gets_the_card_back() -> None:
    async def main() -> Media:
        desk = Desk()
        desk.hand(4.0, "insert", make_body("bank"))
        reading = asyncio.create_task(desk.reader.read(1250))
        async with asyncio.timeout(60):
            while desk.bay.device.snapshot()["media"] != "ic":  # noqa: ASYNC110 the device has no event for it
                await asyncio.sleep(0.01)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await asyncio.sleep(3.0)
        where = await desk.bay.look()
        await desk.end()
        return where

    assert run_virtual(main()) in AT_MOUTH
