"""Every planted mistake is found on the seed by which the suite knows it, where the reference shows nothing."""

from __future__ import annotations

from functools import cache

import pytest

from conformance.oracles.money import Finding
from reference_impl.simulation.campaign import hunt, try_story
from reference_impl.simulation.mutants import MUTANTS
from reference_impl.simulation.story_maker import story_of_seed

AT_LEAST = 28


@cache
def of_the_reference(seed: int) -> tuple[Finding, ...]:
    return try_story(story_of_seed(seed))


def test_there_are_enough_and_each_has_its_seed() -> None:
    assert len(MUTANTS) >= AT_LEAST
    assert [each.id for each in MUTANTS.values() if each.seed <= 0] == []


@pytest.mark.parametrize("name", MUTANTS)
def test_it_is_found(name: str) -> None:
    mutant = MUTANTS[name]
    assert try_story(story_of_seed(mutant.seed), mutant), "nothing was found on the seed that found it before"
    assert of_the_reference(mutant.seed) == (), "the reference shows something on that seed, so it proves nothing"


def test_a_hunt_tries_the_known_seed_first() -> None:
    found = hunt("ledger-twice", most=1)
    assert found.killed
    assert found.tried == 1
    assert found.seed == MUTANTS["ledger-twice"].seed
    assert {each.oracle for each in found.findings} == {"ledger"}
