"""The stateful search finds faulty readers, shrinks what it found, and its plan file replays by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.model import Verdict
from conformance.stateful import find_counterexample, replay_story, save_plan, shorten
from scenarios.models import load_plan
from simulators.fault.base import mutants

MUTANTS = {each.id: each for each in mutants("card_reader")}


@pytest.mark.parametrize("dialect", ["crt591", "crt310"])
def test_the_reference_agrees_with_the_model(dialect: str) -> None:
    assert find_counterexample(dialect, examples=40) is None


@pytest.mark.parametrize(
    ("mutant_id", "shortest"),
    [
        ("reader.eject-noop", ["entry on", "insert 3.0", "move eject"]),
        ("reader.power-forgets-card", ["entry on", "insert 3.0", "power", "initialise"]),
    ],
)
def test_a_faulty_reader_is_found_and_the_story_is_short(mutant_id: str, shortest: list[str], tmp_path: Path) -> None:
    make = MUTANTS[mutant_id].make
    story = find_counterexample("crt591", make)
    assert story == shortest
    path = tmp_path / "found.yaml"
    save_plan(path, story, fault=mutant_id)
    plan = load_plan(path)
    assert plan.bench.slots["reader"].fault == mutant_id
    assert replay_story(plan.story, "crt591", make)[0].verdict is Verdict.FAIL
    assert replay_story(plan.story, "crt591")[0].verdict is Verdict.PASS


def test_shorten_leaves_only_what_is_needed() -> None:
    assert shorten(["a", "b", "c", "d"], lambda lines: "b" in lines and "d" in lines) == ["b", "d"]


def test_a_story_with_an_unknown_line_is_refused() -> None:
    with pytest.raises(ValueError, match="no story line 'jump'"):
        replay_story(["jump"])
