"""``onecard simulate money``: exit codes, replay, what it says and keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from reference_impl.simulation.mutants import MUTANTS
from reference_impl.simulation.story import Story
from reference_impl.simulation.story_file import read_story, story_text
from reference_impl.simulation.story_maker import story_of_seed
from tui.cli import build_app

APP = build_app()


def onecard(*words: str) -> Any:
    return CliRunner().invoke(APP, ["simulate", "money", *words], env={"ONECARD_LANG": "en"})


def kept(folder: Path, story: Story, mutant: str = "") -> Path:
    path = folder / "story.yaml"
    path.write_text(story_text(story, "a story", (), mutant), encoding="utf-8")
    return path


def test_seeds_without_a_finding_are_exit_code_0_and_say_what_happened(tmp_path: Path) -> None:
    done = onecard("--seeds", "4", "--first", "5", "--jobs", "2", "--save", str(tmp_path), "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["first"], told["seeds"], told["found"], told["stories"]) == (5, 4, [], [])
    assert sum(told["asked"].values()) > 100
    assert told["reached"]["trade paid"] >= 4
    assert list(tmp_path.iterdir()) == []


def test_a_kept_story_is_played_again_with_its_trace(tmp_path: Path) -> None:
    done = onecard("--story", str(kept(tmp_path, story_of_seed(1))), "--lang", "en")
    assert done.exit_code == 0, done.output
    assert "send backend open" in done.output
    assert "nothing was found" in done.output


def test_a_kept_story_of_a_planted_mistake_finds_it_again(tmp_path: Path) -> None:
    mutant = MUTANTS["ledger-twice"]
    done = onecard("--story", str(kept(tmp_path, story_of_seed(mutant.seed), mutant.id)), "--json")
    assert done.exit_code == 1, done.output
    assert {each["oracle"] for each in json.loads(done.stdout)["findings"]} == {"ledger"}


def test_what_is_found_is_made_shorter_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference finds nothing, so a planted mistake stands in for it."""
    from reference_impl.simulation import campaign

    mutant = MUTANTS["his-not-told"]
    seed = mutant.seed
    monkeypatch.setattr(campaign, "sweep", lambda first, count, jobs: iter([campaign.Tried(seed, found)]))
    found = campaign.try_story(story_of_seed(seed), mutant)
    reference, shortest = campaign.try_story, campaign.shortest
    monkeypatch.setattr(campaign, "try_story", lambda story, _=None: reference(story, mutant))
    monkeypatch.setattr(campaign, "shortest", lambda story: shortest(story, mutant))
    done = onecard("--seeds", "1", "--first", str(seed), "--save", str(tmp_path), "--lang", "en")
    assert done.exit_code == 1, done.output
    (path,) = tmp_path.iterdir()
    assert f"--story {path}" in done.output.replace("\n", "")
    short = read_story(path)
    assert short.found
    assert len(short.payments) == 1
    assert short.to_story().size < story_of_seed(seed).size
    assert reference(short.to_story(), mutant)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--seeds", "0"), "seeds"),
        (("--mutants", "--story", "x.yaml"), "--mutants"),
        (("--story", "there-is-no-such.yaml"), "no such file"),
    ],
)
def test_usage(words: tuple[str, ...], says: str) -> None:
    done = onecard(*words)
    assert done.exit_code == 2
    assert says in done.output + (done.stderr if done.stderr_bytes else "")


def test_a_story_of_a_mistake_that_nobody_knows_is_a_usage_error(tmp_path: Path) -> None:
    assert onecard("--story", str(kept(tmp_path, story_of_seed(1), "not-planted"))).exit_code == 2
