"""The same seed is the same story with the same end, in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SEEDS = (3, 7, 12)

PROGRAM = """
import hashlib, json, sys
from reference_impl.simulation.story_maker import story_of_seed
from reference_impl.simulation.world import play
for seed in map(int, sys.argv[1:]):
    played = play(story_of_seed(seed), traced=True)
    told = json.dumps([played.facts, played.defect, played.trace, dict(sorted(played.struck.items()))], sort_keys=True)
    print(seed, len(played.trace), hashlib.sha256(told.encode()).hexdigest())
"""


def told(hash_seed: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, SEEDS)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_two_processes_with_other_hashes_tell_the_same() -> None:
    first = told("1")
    assert [line.split()[0] for line in first] == [str(seed) for seed in SEEDS]
    assert all(int(line.split()[1]) > 20 for line in first)
    assert told("2") == first
