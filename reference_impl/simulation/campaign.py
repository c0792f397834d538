"""Many seeds, many processes: play, judge, and say what was found; and hunt each planted mistake until an oracle finds it."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection

from conformance.oracles.money import Finding, judge_money
from conformance.oracles.money_facts import MoneyFacts
from reference_impl.simulation.mutant import NO_MUTANT, Mutant
from reference_impl.simulation.mutants import MUTANTS
from reference_impl.simulation.shrink import shrink
from reference_impl.simulation.story import Story
from reference_impl.simulation.story_maker import story_of_seed
from reference_impl.simulation.world import Played, play

__all__ = [
    "MOST_SEEDS_A_MUTANT",
    "Hunted",
    "Tried",
    "hunt",
    "hunts",
    "judge",
    "shortest",
    "sweep",
    "try_seed",
    "try_story",
]

MOST_SEEDS_A_MUTANT = 200
DEFECT = "defect"
"""The oracle's place is taken by this where our own code broke."""
COLLECT_EVERY = 50


@dataclass(frozen=True, slots=True)
class Tried:
    """One seed. ``struck``, ``asked`` and ``reached`` count what really happened: faults and crashes, messages, and how trades and
    attempts ended."""

    seed: int
    findings: tuple[Finding, ...] = ()
    struck: Mapping[str, int] = field(default_factory=dict[str, int])
    asked: Mapping[str, int] = field(default_factory=dict[str, int])
    reached: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Hunted:
    """A planted mistake: found by ``findings`` on ``seed``, or not at all (``seed`` 0) in ``tried`` seeds."""

    mutant: str
    seed: int
    findings: tuple[Finding, ...]
    tried: int

    @property
    def killed(self) -> bool:
        return bool(self.findings)


def judge(played: Played) -> tuple[Finding, ...]:
    """What is wrong with a play: a defect of ours first, for then its facts are those of the middle of it."""
    if played.defect:
        return (Finding(DEFECT, "-", played.defect),)
    return tuple(judge_money(MoneyFacts.of_note(played.facts)))


def try_story(story: Story, mutant: Mutant = NO_MUTANT) -> tuple[Finding, ...]:
    """Play *story* and judge it. A play that breaks off is a finding too."""
    return _tried(story, mutant)[0]


def _tried(story: Story, mutant: Mutant) -> tuple[tuple[Finding, ...], Played]:
    try:
        played = play(story, mutant)
    except Exception as error:  # whatever it is, it is what this seed has found
        return (Finding(DEFECT, "-", f"{type(error).__name__}: {error}"),), Played()
    return judge(played), played


def try_seed(seed: int) -> Tried:
    """Play the story of *seed* with the reference."""
    findings, played = _tried(story_of_seed(seed), NO_MUTANT)
    return Tried(seed, findings, dict(played.struck), dict(played.asked), dict(_reached(played)))


def _reached(played: Played) -> Counter[str]:
    reached: Counter[str] = Counter()
    for each in played.facts.get("trades", ()):
        reached[f"trade {each['state']}"] += 1
    for each in played.facts.get("attempts", ()):
        reached[f"attempt {each['channel']} {each['leg']} {each['act']} {each['state']}"] += 1
    for each in played.facts.get("claims", ()):
        reached[f"said {each['said']}"] += 1
    for each in played.facts.get("alarms", ()):
        reached[f"alarm {each}"] += 1
    return reached


def shortest(story: Story, mutant: Mutant = NO_MUTANT) -> Story:
    """The shortest story with a finding of the same oracles as *story* has."""
    wanted = {each.oracle for each in try_story(story, mutant)}
    return shrink(story, lambda shorter: bool(wanted & {each.oracle for each in try_story(shorter, mutant)}))


def hunt(mutant_id: str, most: int = MOST_SEEDS_A_MUTANT) -> Hunted:
    """Play *mutant_id* until something is found that the reference does not show on the same seed.

    The seed that found it before is tried first; only if that fails the seeds from 1 on are."""
    mutant = MUTANTS[mutant_id]
    tried = 0
    for seed in (*((mutant.seed,) if mutant.seed else ()), *range(1, most + 1)):
        tried += 1
        story = story_of_seed(seed)
        findings = try_story(story, mutant)
        if findings and not try_story(story):
            return Hunted(mutant_id, seed, findings, tried)
    return Hunted(mutant_id, 0, (), tried)


# Many processes.


def sweep(first: int, count: int, jobs: int) -> Iterator[Tried]:
    """Seeds *first* to *first* + *count* - 1, in order. Leave the iterator and the workers end."""
    chunk = max(1, min(20, count // (4 * jobs) or 1))
    with _pool(jobs) as pool:
        yield from pool.map(_one_of_many, range(first, first + count), chunksize=chunk)


def hunts(mutant_ids: Sequence[str], jobs: int, most: int = MOST_SEEDS_A_MUTANT) -> Iterator[Hunted]:
    """Every one of *mutant_ids*, in order."""
    with _pool(jobs) as pool:
        yield from pool.map(partial(hunt, most=most), mutant_ids)


def _one_of_many(seed: int) -> Tried:
    if seed % COLLECT_EVERY == 0:
        gc.collect()
    return try_seed(seed)


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Workers that end with their parent, however that ends, and that never hear a Ctrl-C meant for it."""
    context = get_context("spawn")
    held, leash = context.Pipe(duplex=False)
    with held, leash, ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(held,)) as pool:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        try:
            for _ in range(jobs):
                pool.submit(os.getpid)  # each starts a worker, which inherits the mask
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        try:
            yield pool
        except BaseException:
            leash.close()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _begin(leash: Connection) -> None:
    """Thousands of plays make garbage that needs no tracing: it is collected now and then, not all the time."""
    gc.disable()
    threading.Thread(target=_end_without, args=(leash,), daemon=True).start()


def _end_without(leash: Connection) -> None:
    leash.poll(None)  # nothing is ever sent: it wakes at the end of the pipe
    os._exit(1)
