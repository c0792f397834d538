"""Faults of a card: mute, a wrong status word, torn in a write, taken away."""

from __future__ import annotations

import pytest

from protocols.clock import run_virtual
from protocols.link.base import LinkClosed, LinkTimeout
from scenarios.simulated import InProcessCardPort
from simulators.card.base import PowerLost
from simulators.card.bodies import MuteChip
from simulators.card.social_security import build_card
from simulators.fault.card import CardRemoved, FaultyCard
from simulators.fault.injection import FaultEvent, InjectedFault

SELECT_SSSE = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
VERIFY = bytes.fromhex("0020000003123456")
WRONG_PIN = bytes.fromhex("0020000003111111")
OK = b"\x90\x00"


def faulty(name: str, **given: object) -> tuple[FaultyCard, list[FaultEvent]]:
    told: list[FaultEvent] = []
    card = FaultyCard(build_card("3.0"), [InjectedFault("f", name, **given)], 7, on_event=told.append)  # type: ignore[arg-type]
    card.power_on()
    return card, told


def phases(told: list[FaultEvent]) -> list[str]:
    return [each.phase for each in told]


def test_mute_at_the_second_apdu_only() -> None:
    card, told = faulty("card-mute", after=1)
    assert card.transmit(SELECT_SSSE)[:1] == b"\x61"
    assert card.transmit(VERIFY) == b""
    assert card.transmit(VERIFY) == OK
    assert phases(told) == ["armed", "fired", "undone"]


def test_a_wrong_status_word_stands_for_the_answer() -> None:
    card, told = faulty("card-wrong-sw", times=2, options={"sw": "6985"})
    assert card.transmit(SELECT_SSSE) == bytes.fromhex("6985")
    assert card.transmit(VERIFY) == bytes.fromhex("6985")
    assert card.transmit(VERIFY) == OK
    assert [each.count for each in told] == [0, 1, 2, 2]


def test_torn_in_its_first_write_and_sound_again() -> None:
    card, told = faulty("card-tear")
    card.transmit(SELECT_SSSE)
    with pytest.raises(PowerLost):
        card.transmit(WRONG_PIN)
    assert phases(told) == ["armed", "fired", "undone"]
    card.power_on()
    card.transmit(SELECT_SSSE)
    assert card.transmit(WRONG_PIN)[:1] == b"\x63"


def test_a_tear_that_never_came_leaves_nothing_behind() -> None:
    card, told = faulty("card-tear", after=5)
    card.disarm()
    card.transmit(SELECT_SSSE)
    for _ in range(3):
        assert card.transmit(VERIFY) == OK
    assert phases(told) == ["armed", "undone"]
    assert card.faults[0].fired == 0


def test_a_card_that_cannot_be_torn_says_so() -> None:
    told: list[FaultEvent] = []
    FaultyCard(MuteChip(), [InjectedFault("f", "card-tear")], 7, on_event=told.append)
    assert phases(told) == ["armed", "refused", "undone"]


def test_taken_away_until_it_is_put_back() -> None:
    card, told = faulty("card-removed", after=1)
    card.transmit(SELECT_SSSE)
    with pytest.raises(CardRemoved):
        card.transmit(VERIFY)
    assert card.transmit(VERIFY) == b""
    assert card.reset() == b""
    assert phases(told) == ["armed", "fired"]
    assert card.power_on()
    assert phases(told) == ["armed", "fired", "undone"]
    assert card.transmit(SELECT_SSSE)[:1] == b"\x61"


def test_a_port_tells_a_removed_card_from_a_mute_one() -> None:
    async def main() -> None:
        away = InProcessCardPort(faulty("card-removed")[0])
        with pytest.raises(LinkClosed):
            await away.transmit(SELECT_SSSE)
        mute = InProcessCardPort(faulty("card-mute")[0])
        with pytest.raises(LinkTimeout):
            await mute.transmit(SELECT_SSSE)

    run_virtual(main())


def test_what_the_card_offers_besides_shows_through() -> None:
    card, _ = faulty("card-mute", after=100)
    card.tear_after(1)
    card.transmit(SELECT_SSSE)
    with pytest.raises(PowerLost):
        card.transmit(WRONG_PIN)
    with pytest.raises(AttributeError):
        _ = card.no_such_thing
