"""A PIN that the laboratory declared wrongly costs a card no more than it can spare, and is not the card's fault."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from card_checks import GENERATIONS, card_checks, check_of, exists_for, run_with

from conformance.inprocess import run_card_check
from conformance.model import Blame, Verdict
from conformance.preflight import look_at_card
from scenarios.simulated import SimulatedCardSlot
from simulators.card.people import make_person
from simulators.card.social_security import build_card

OTHER_PIN = replace(make_person(0), pin="654321")


@pytest.mark.parametrize("generation", GENERATIONS)
def test_wrong_declared_pin_never_locks_the_card(generation: str):
    card = build_card(generation, person=OTHER_PIN)
    for check in card_checks():
        if exists_for(check, generation) and "card.pin" in check.needs:
            outcome, _ = run_card_check(check, generation, lambda **options: card)
            assert (outcome.verdict, outcome.blame) == (Verdict.INCONCLUSIVE, Blame.CONFIGURATION), check.id
    assert card.security.pin_tries() >= 2


def test_no_pin_is_guessed_on_a_real_device():
    outcome, history = run_with(check_of("card.pin.near_misses"), "3.0", {"bench_class": "real_device"})
    assert outcome.blame is Blame.CONFIGURATION
    assert not any(each.data[1:2] == b"\x20" and len(each.data) > 5 for each in history if each.direction == "tx")


@pytest.mark.parametrize(("pin", "good"), [("123456", True), ("654321", False)])
def test_preflight_tries_the_pin_once(pin: str, good: bool):
    slot = SimulatedCardSlot("3.0")
    seen = asyncio.run(look_at_card("card", slot.port, pin))
    assert seen.ok is good
    assert "card.pin" in seen.remedy.en or good
    assert slot.card.security.pin_tries() == (6 if good else 5)


def test_checks_that_present_a_pin_declare_it():
    assert all(each.damage.get("pin_tries") for each in card_checks() if "card.pin" in each.needs)
