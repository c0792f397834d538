"""The whole in-process plan twice, in two processes with different hash seeds: the same bytes of history."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from protocols.record import read_history

ROOT = Path(__file__).resolve().parents[2]
PLAN = ROOT / "scenarios" / "plans" / "in-process.yaml"
LIMIT_S = 300  # for a machine that does much else

RUN = """
import sys
from pathlib import Path
from conformance.engine import RunOptions, run
from conformance.service import load
plan, history, seed = sys.argv[1:]
result = run(load(Path(plan), {"seed": int(seed)} if seed else {}), RunOptions(Path(history), "0" * 16))
print(result.overall, len(result.outcomes))
"""


def start(history: Path, hash_seed: int, seed: str = "", plan: Path = PLAN) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", RUN, str(plan), str(history), seed]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0
    return said


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    history = tmp_path_factory.mktemp("first") / "history.jsonl"
    return finish(start(history, 1)), history


def test_same_seed_same_bytes(first: tuple[str, Path], tmp_path: Path) -> None:
    said, history = first
    again = tmp_path / "history.jsonl"
    assert finish(start(again, 20_261_122)) == said
    assert history.stat().st_size > 1_000_000
    assert again.read_bytes() == history.read_bytes()


def test_another_seed_gives_another_history_and_the_same_verdicts(first: tuple[str, Path], tmp_path: Path) -> None:
    said, history = first
    other = tmp_path / "history.jsonl"
    assert finish(start(other, 1, seed="8")) == said
    assert other.read_bytes() != history.read_bytes()
    # Not only the hash of the lock and the pseudonyms: the cards drew other challenges.
    assert challenges(other) != challenges(history) != []


def challenges(history: Path) -> list[bytes]:
    """Every answer of 8 bytes to GET CHALLENGE of the cards."""
    records = [each for each in read_history(history) if each.slot.startswith("card-") and each.kind == "apdu"]
    pairs = itertools.pairwise(records)
    return [answer.data for ask, answer in pairs if ask.data.startswith(b"\0\x84") and len(answer.data) == 10]
