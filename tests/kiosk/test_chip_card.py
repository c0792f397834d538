"""Bank cards by their chip at a simulated motorised reader: what is signed, when the stripe may stand in, and that the reader's
line carries one exchange at a time (spec/cards.md 2, 3.5; DG-FIN-PAY-03)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from business_bench import NOON
from kiosk_bench import MemoryBay

from protocols.clock import LoopClock, run_virtual
from protocols.driver.card_reader import NoReply
from protocols.link.base import LinkClosed, LinkError
from protocols.wire.tlv import parse_tlv
from reference_impl.kiosk.bank_card import CardUnreadable, StripeReader
from reference_impl.kiosk.bays import NoBay
from reference_impl.kiosk.business.works import BankCard
from reference_impl.kiosk.chip_card import ChipReader
from scenarios.simulated import InProcessCardPort
from simulators.card.bank_card import BankCard as Chip
from simulators.card.bank_card import build_bank_card
from simulators.card.bank_image import BankProfile
from simulators.card.bodies import make_body
from simulators.card.body import CardBody
from simulators.card.chip import Apdu
from simulators.card.social_security import build_card
from simulators.device.base import Physical
from simulators.device.card_reader import build_reader
from simulators.peer.bank_chip import cryptogram_in, is_genuine, session_key

PAN, TRACK = "6299990000000000012", "6299990000000000012D30122010000000000"
ISSUER_KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
OTHER_TRACK = "6299990000000000012=30121200000000000"
"""Service code 120: the stripe knows of no chip."""


def read(
    body: CardBody,
    *,
    dialect: str = "crt310",
    amounts_fen: tuple[int, ...] = (1250,),
    meanwhile: Callable[[MemoryBay], Any] | None = None,
    let_in: bool = False,
    limit_s: float = 60.0,
) -> list[Any]:
    """What the provider gave for each amount: cards, or the errors in their place."""

    async def main() -> list[Any]:
        clock = LoopClock(NOON)
        bay = MemoryBay(build_reader(dialect=dialect), dialect, clock)
        await bay.recover()
        assert bay.host is not None
        host = bay.host
        if let_in:
            asyncio.get_running_loop().call_later(3.0, lambda: host.apply(Physical("insert", body)))
        else:
            await bay.open_entry()
            host.apply(Physical("insert", body))
            await asyncio.sleep(3.0)
            await bay.take_in()
        numbers = iter(range(1, 100))
        reader = ChipReader(bay, clock, lambda: next(numbers).to_bytes(4, "big"), StripeReader(bay, clock))
        beside = asyncio.create_task(meanwhile(bay)) if meanwhile is not None else None
        found: list[Any] = []
        for amount_fen in amounts_fen:
            try:
                async with asyncio.timeout(limit_s):
                    found.append(await reader.read(amount_fen))
            except (CardUnreadable, LinkError, TimeoutError) as error:
                found.append(error)
        if beside is not None:
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)
        await bay.give_back(False)
        await bay.aclose()
        await host.aclose()
        return found

    return run_virtual(main())


def genuine(card: BankCard, fen: int, counter: int) -> None:
    """The bank's own look at what the chip signed."""
    assert (card.pan, card.expiry, card.track2) == (PAN, "3012", TRACK)
    assert (card.entry_mode, card.sequence) == ("051", "001")
    found = cryptogram_in(card.chip_data)
    assert (found.amount_fen, found.counter) == (fen, counter)
    assert is_genuine(found, session_key(ISSUER_KEY, card.pan, card.sequence, found.counter))
    assert PAN not in repr(card)


@pytest.mark.parametrize("dialect", ["crt591", "crt310"])
@pytest.mark.parametrize("name", ["bank", "2.0", "3.0"])
def test_the_card_inside_signs_the_amount(dialect: str, name: str) -> None:
    first, second = read(make_body(name), dialect=dialect, amounts_fen=(1250, 99_999_999))
    genuine(first, 1250, 1)
    genuine(second, 99_999_999, 2)
    said = {each.tag: each.value.hex() for each in parse_tlv(bytes.fromhex(second.chip_data))}
    assert (said[0x9A], said[0x9F37]) == ("261122", "00000002")


def test_a_card_is_let_in_where_none_is_inside() -> None:
    [card] = read(make_body("bank"), let_in=True)
    genuine(card, 1250, 1)


@pytest.mark.parametrize("dialect", ["crt591", "crt310"])
def test_looks_at_the_reader_meanwhile_take_their_turn(dialect: str) -> None:
    """During a session by card the runtime asks where the card is: its question must not tear an answer of the chip away."""
    looks: list[bool] = []

    async def look(bay: MemoryBay) -> None:
        while True:
            looks.append((await bay.look()).in_reader)
            await asyncio.sleep(0.01)

    [card] = read(make_body("3.0"), dialect=dialect, meanwhile=look)
    genuine(card, 1250, 1)
    assert len(looks) > 3
    assert all(looks)


# The stripe in its place.


class Declining(Chip):
    """Refuses every request for an online transaction."""

    def generate_ac(self, apdu: Apdu) -> bytes:
        return super().generate_ac(replace(apdu, p1=0x00))


class Babbling(Chip):
    """Answers the selection of anything with bytes that are no TLV."""

    def select(self, apdu: Apdu) -> bytes:
        super().select(apdu)
        return b"\x6f\x7f\x01"


class Refusing(Chip):
    def get_processing_options(self, apdu: Apdu) -> bytes:
        return super().get_processing_options(replace(apdu, p1=1))


def chip(kind: type[Chip]) -> Chip:
    made = build_bank_card()
    return kind(made.memory, 0, made.image, made.profile)


def with_stripe(body: CardBody, track: str = TRACK.replace("D", "=")) -> CardBody:
    return replace(body, tracks={2: track})


FAILED = {
    "mute": make_body("mute"),
    "no chip": make_body("long"),
    "short circuit": make_body("short-circuit"),
    "babbling": CardBody("babbling", chip(Babbling)),
}


@pytest.mark.parametrize("name", ["mute", "babbling"])
def test_a_chip_that_failed_leaves_the_stripe(name: str) -> None:
    [card] = read(with_stripe(FAILED[name]))
    assert (card.pan, card.entry_mode, card.chip_data, card.sequence) == (PAN, "021", "", "")


def test_a_stripe_without_any_chip_is_read() -> None:
    [card] = read(make_body("magstripe"))
    assert (card.pan, card.entry_mode) == (PAN, "021")


REFUSING: dict[str, Callable[[], CardBody]] = {
    "blocked": lambda: CardBody("blocked", build_bank_card(profile=BankProfile(blocked=True))),
    "declined": lambda: CardBody("declined", chip(Declining)),
    "options refused": lambda: CardBody("refused", chip(Refusing)),
    "no application": lambda: CardBody("1.0", build_card("1.0")),
}


@pytest.mark.parametrize("name", REFUSING)
def test_a_chip_that_works_is_not_passed_over(name: str) -> None:
    [refused] = read(with_stripe(REFUSING[name]()))
    assert isinstance(refused, CardUnreadable), refused
    assert PAN not in str(refused)


@pytest.mark.parametrize("name", ["no application", "options refused"])
def test_a_stripe_that_knows_of_no_chip_stands_for_itself(name: str) -> None:
    [card] = read(with_stripe(REFUSING[name](), OTHER_TRACK))
    assert (card.pan, card.entry_mode) == (PAN, "021")


@pytest.mark.parametrize("name", ["blocked", "declined"])
def test_what_was_refused_is_refused_whatever_the_stripe_says(name: str) -> None:
    [refused] = read(with_stripe(REFUSING[name](), OTHER_TRACK))
    assert isinstance(refused, CardUnreadable)


def test_neither_chip_nor_stripe() -> None:
    for dialect in ("crt591", "crt310"):
        [refused] = read(make_body("1.0"), dialect=dialect)
        assert isinstance(refused, CardUnreadable)
        assert "no bank application" in str(refused)


def test_an_entry_that_is_abandoned_leaves_a_reader_that_works() -> None:
    late, card = read(make_body("3.0"), amounts_fen=(1250, 1300), limit_s=0.0001)
    assert isinstance(late, TimeoutError)
    assert isinstance(card, TimeoutError)
    [card] = read(make_body("3.0"))
    genuine(card, 1250, 1)


@pytest.mark.parametrize("after_s", [0.02, 0.05, 0.1, 0.2, 0.3, 0.5])
def test_abandoned_at_any_moment_the_next_reading_is_whole(after_s: float) -> None:
    """The first is cut off in the middle of an exchange: its late answer must not be taken for one of the second."""

    async def read_for_ever(reader: ChipReader) -> None:
        while True:
            await reader.read(1250)

    async def main() -> None:
        clock = LoopClock(NOON)
        bay = MemoryBay(build_reader(dialect="crt310"), "crt310", clock)
        await bay.recover()
        assert bay.host is not None
        await bay.open_entry()
        bay.host.apply(Physical("insert", make_body("bank")))
        await asyncio.sleep(3.0)
        await bay.take_in()
        reader = ChipReader(bay, clock, lambda: bytes(4))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read_for_ever(reader), after_s)
        card = await reader.read(700)
        assert cryptogram_in(card.chip_data).amount_fen == 700
        await bay.aclose()
        await bay.host.aclose()

    run_virtual(main())


# Without a motor.


class OneCard(NoBay):
    """A place where a card lies; *problem* is what the reader says instead."""

    def __init__(self, card: Any, problem: LinkError | None = None) -> None:
        self._port, self._problem = InProcessCardPort(card), problem

    @property
    def port(self) -> Any:
        if self._problem is not None:
            raise self._problem
        return self._port

    async def look(self) -> Any:
        from protocols.wire.card_reader import Media

        return Media.IC


async def test_a_reader_without_stripe() -> None:
    clock = LoopClock(NOON)
    genuine(await ChipReader(OneCard(build_bank_card()), clock, lambda: bytes(4)).read(1250), 1250, 1)
    with pytest.raises(CardUnreadable, match="no bank application"):
        await ChipReader(OneCard(build_card("1.0")), clock, lambda: bytes(4)).read(1250)


@pytest.mark.parametrize("problem", [NoReply("reply", 5.0), LinkClosed("gone")])
async def test_a_silent_reader_and_a_card_that_is_gone_are_said_as_they_are(problem: LinkError) -> None:
    reader = ChipReader(OneCard(build_bank_card(), problem), LoopClock(NOON), lambda: bytes(4))
    with pytest.raises(type(problem)):
        await reader.read(1250)
