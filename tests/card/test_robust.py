"""No bytes may break a card: every answer has a status word, and the card still works afterwards."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.card.base import Card
from simulators.card.psam import build_psam
from simulators.card.social_security import build_card

from .helpers_card import SELECT_SSSE, ask

INS = st.sampled_from(bytes.fromhex("A4B2B0848882 20DCD65E241E16282C2A262E56C0DEECFA70721A".replace(" ", "")))
CLA = st.sampled_from(b"\x00\x04\x80\x84\xb0\xbf\xff")
LIKELY = st.builds(
    lambda cla, ins, p1, p2, data: bytes((cla, ins, p1, p2, len(data))) + data,
    CLA,
    INS,
    st.sampled_from(b"\x00\x01\x02\x04\x80\x67\xff"),
    st.integers(0, 255),
    st.binary(max_size=60),
)
COMMANDS = st.lists(st.one_of(st.binary(min_size=1, max_size=300), LIKELY), max_size=25)
CARDS = {
    "1.0": lambda: build_card("1.0"),
    "2.0": lambda: build_card("2.0"),
    "3.0": build_card,
    "contactless": lambda: build_card(contactless=True),
    "psam": build_psam,
}


@pytest.mark.parametrize("name", CARDS)
@settings(max_examples=40, deadline=None)
@given(commands=COMMANDS)
def test_any_bytes_are_answered_with_a_status_word(name: str, commands: list[bytes]) -> None:
    card: Card = CARDS[name]()
    atr = card.power_on()
    for command in commands:
        answer = card.transmit(command)
        assert 2 <= len(answer) <= 258
        assert answer[-2] >> 4 in (6, 9)
    assert card.reset() == atr
    card.power_off()
    assert all(card.transmit(command) == b"" for command in commands)


@settings(max_examples=60, deadline=None)
@given(commands=COMMANDS)
def test_same_seed_same_answers(commands: list[bytes]) -> None:
    first, second = build_card(seed=3), build_card(seed=3)
    first.power_on()
    second.power_on()
    ask(first, SELECT_SSSE)
    ask(second, SELECT_SSSE)
    assert [first.transmit(each) for each in commands] == [second.transmit(each) for each in commands]
