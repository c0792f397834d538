"""The kill matrix: every check against every catalogued faulty device, and against the null devices.

A check that kills nothing proves nothing; a mutant that nothing kills is a hole in the suite; a null device that passes
anything shows a check that cannot fail. All three are gates (``onecard mutants``).
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from conformance.inprocess import run_card_check, run_device_check
from conformance.model import Check, Verdict, discover_checks
from conformance.plan import suite_hash
from conformance.result import EquivalentMutant, KillMatrix, MutantRow
from conformance.roles.discovery import line_classes
from conformance.strict_json import from_plain, to_plain
from protocols.wire.base import Label
from scenarios.models import CARD
from simulators.device.classes import device_classes
from simulators.fault.base import Mutant, mutants, null_devices

__all__ = ["Gate", "InstalledMutants", "cached_matrix", "gate", "kill_matrix", "reference_verdicts"]

CARD_GENERATIONS = ("1.0", "2.0", "3.0")

VARIANTS = {name: tuple(sorted(device_classes()[name].dialects)) for name in line_classes()} | {CARD: CARD_GENERATIONS}
"""Device class to what its devices can be: dialects of those behind a line, generations of cards."""

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Job:
    """One device, built in each variant in which it exists, against the checks of its class."""

    name: str
    device_class: str
    null: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """What the matrix allows to be said. All lists empty: the gate is open."""

    survivors: tuple[str, ...]
    """Mutants that no check fails and that no reason declares equivalent."""
    toothless: tuple[str, ...]
    """Checks that fail no mutant."""
    missed: tuple[str, ...]
    """``check: mutant`` where a check names a mutant that it does not fail."""
    null_passes: tuple[str, ...]
    """``check: device`` where a null device passes."""
    reference_failures: tuple[str, ...]
    """``check[variant]: verdict`` where the reference device does not pass."""

    @property
    def open(self) -> bool:
        return not (self.survivors or self.toothless or self.missed or self.null_passes or self.reference_failures)


@cache
def _checks() -> dict[str, tuple[Check, ...]]:
    found = discover_checks()
    return {name: tuple(each for each in found if each.device_class == name) for name in VARIANTS}


@cache
def _mutants() -> dict[str, Mutant]:
    return {each.id: each for each in mutants()}


def _run(check: Check, device_class: str, variant: str, make: Callable[..., object] | None) -> Verdict:
    run = run_card_check if device_class == CARD else run_device_check
    return run(check, variant, make)[0].verdict


def _worse(a: Verdict | None, b: Verdict) -> Verdict:
    """Over the variants of one device: a fail anywhere is a fail; a pass anywhere outweighs the undecided."""
    order = (Verdict.FAIL, Verdict.PASS)
    for wanted in order:
        if wanted in (a, b):
            return wanted
    return b


def run_job(job: Job, full: bool = False) -> tuple[Job, dict[str, Verdict]]:
    """All verdicts of one device. Runs in a worker process.

    A mutant meets the checks that name it; one that none of them fails (or that nobody names) meets all of its class.
    A null device always meets all.
    """
    everything = _checks()[job.device_class]
    if job.null or full:
        return job, _verdicts(job, everything)
    named = [each for each in everything if job.name in each.kills]
    verdicts = _verdicts(job, named)
    if Verdict.FAIL not in verdicts.values():
        verdicts |= _verdicts(job, [each for each in everything if each not in named])
    return job, verdicts


def _verdicts(job: Job, checks: Sequence[Check]) -> dict[str, Verdict]:
    verdicts: dict[str, Verdict] = {}
    for variant in VARIANTS[job.device_class]:
        make = _maker(job, variant)
        if make is None:
            continue
        for check in checks:
            if check.variants and variant not in check.variants:
                continue
            if not job.null and verdicts.get(check.id) is Verdict.FAIL:
                continue  # one variant in which the check finds it is enough
            seen = _run(check, job.device_class, variant, make)
            if job.null and Verdict.PASS in (seen, verdicts.get(check.id)):
                verdicts[check.id] = Verdict.PASS
            else:
                verdicts[check.id] = _worse(verdicts.get(check.id), seen)
    return verdicts


def _maker(job: Job, variant: str) -> Callable[..., object] | None:
    if job.null:
        return null_devices(job.device_class)[job.name]
    mutant = _mutants()[job.name]
    if mutant.variants and variant not in mutant.variants:
        return None
    return mutant.make


def _jobs(device_classes: Iterable[str]) -> list[Job]:
    jobs: list[Job] = []
    for device_class in device_classes:
        jobs += [Job(each.id, device_class) for each in mutants(device_class)]
        jobs += [Job(name, device_class, null=True) for name in null_devices(device_class)]
    return jobs


def _begin_worker(leash: Connection) -> None:
    """A run on the real clock may go on beside the matrix: it goes first. A worker ends at once when the parent lets go
    of *leash*: when it gives up, and however it dies."""
    os.nice(19)
    threading.Thread(target=_end_without, args=(leash,), daemon=True).start()


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Workers that start in here never hear a stop meant for the whole group, not even while they import: the parent
    does, and they end with it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_without(leash: Connection) -> None:
    leash.poll(None)  # nothing is ever sent: it wakes at the end of the pipe
    os._exit(1)


def kill_matrix(
    device_classes: Sequence[str] = tuple(VARIANTS),
    workers: int = 2,
    progress: Progress = lambda done, of, what: None,
    full: bool = False,
) -> KillMatrix:
    """Run every job; rows in order of mutant id. Deterministic: the number of workers changes nothing but the time.

    *full* runs every check against every mutant (minutes), not only those that name it (seconds).
    """
    jobs = _jobs(device_classes)
    results: dict[tuple[str, str], dict[str, Verdict]] = {}
    # Not forkserver: its socket is a file that a killed parent leaves behind.
    context = get_context("spawn")
    held, leash = context.Pipe(duplex=False)
    with (
        held,
        leash,
        ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker, initargs=(held,)) as pool,
    ):
        with _deaf_children():
            answers = pool.map(partial(run_job, full=full), jobs)
        try:
            for done, (job, verdicts) in enumerate(answers, 1):
                results[job.device_class, job.name] = verdicts
                progress(done, len(jobs), job.name)
        except BaseException:
            leash.close()  # what the workers are at is not wanted any more
            raise
    return _matrix(jobs, results)


def _matrix(jobs: Sequence[Job], results: Mapping[tuple[str, str], Mapping[str, Verdict]]) -> KillMatrix:
    rows: list[MutantRow] = []
    for job in jobs:
        label = Label(job.name, job.name) if job.null else _mutants()[job.name].label
        rows.append(MutantRow(_row_name(job), label, results.get((job.device_class, job.name), {}), job.null))
    equivalents = tuple(
        EquivalentMutant(each.id, Label(each.equivalent, each.equivalent)) for each in mutants() if each.equivalent
    )
    return KillMatrix(tuple(rows), equivalents, f"suite {suite_hash()[:16]}")


def _row_name(job: Job) -> str:
    return f"null.{job.device_class}.{job.name}" if job.null else job.name


class InstalledMutants:
    """The mutants of this installation, one cell of the matrix at a time and in this process (for a verifier)."""

    def __init__(self) -> None:
        self._jobs = {_row_name(each): each for each in _jobs(VARIANTS)}

    def empty_matrix(self) -> KillMatrix:
        """Rows, equivalents and source of :func:`kill_matrix`, without a verdict."""
        return _matrix(tuple(self._jobs.values()), {})

    def check_ids(self) -> frozenset[str]:
        """Every check of the suite."""
        return frozenset(each.id for checks in _checks().values() for each in checks)

    def verdicts(self, row: MutantRow, checks: Sequence[str]) -> dict[str, Verdict]:
        """What *checks* say of the device of *row*, measured now."""
        job = self._jobs[row.mutant]
        return _verdicts(job, [each for each in _checks()[job.device_class] if each.id in checks])


def reference_verdicts(device_classes: Sequence[str] = tuple(VARIANTS)) -> dict[str, Verdict]:
    """``check[variant]`` to its verdict on the reference device: all must pass."""
    seen: dict[str, Verdict] = {}
    for device_class in device_classes:
        for variant in VARIANTS[device_class]:
            for check in _checks()[device_class]:
                if not check.variants or variant in check.variants:
                    seen[f"{check.id}[{variant}]"] = _run(check, device_class, variant, None)
    return seen


def gate(matrix: KillMatrix, reference: dict[str, Verdict]) -> Gate:
    """Judge the matrix."""
    excused = {each.mutant for each in matrix.equivalents}
    real = [each for each in matrix.rows if not each.null]
    killed_by: dict[str, set[str]] = {each.mutant: set(each.killers) for each in real}
    teeth = set().union(*killed_by.values()) if killed_by else set[str]()
    classes = {_mutants()[each.mutant].device_class for each in real}
    checks = [each for name in sorted(classes) for each in _checks()[name]]
    missed = [
        f"{check.id}: {mutant}"
        for check in checks
        for mutant in check.kills
        if check.id not in killed_by.get(mutant, set[str]())
    ]
    return Gate(
        survivors=tuple(each.mutant for each in real if not each.killers and each.mutant not in excused),
        toothless=tuple(each.id for each in checks if each.id not in teeth),
        missed=tuple(missed),
        null_passes=tuple(
            f"{check}: {each.mutant}"
            for each in matrix.rows
            if each.null
            for check, verdict in each.verdicts.items()
            if verdict is Verdict.PASS
        ),
        reference_failures=tuple(f"{key}: {v}" for key, v in reference.items() if v is not Verdict.PASS),
    )


def _stamp() -> str:
    """Changes with the suites and with the simulators that the mutants are made of."""
    root = Path(__file__).resolve().parent.parent / "simulators"
    digest = hashlib.sha256(suite_hash().encode())
    for path in sorted(root.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def cached_matrix(folder: Path, progress: Progress = lambda done, of, what: None) -> KillMatrix:
    """The matrix of this very suite: from *folder* when it was measured before, else measured now and kept there."""
    path = folder / f"kill-matrix-{_stamp()[:24]}.json"
    if path.is_file():
        try:
            return from_plain(KillMatrix, json.loads(path.read_text(encoding="utf-8")))
        except ValueError:
            path.unlink()  # half-written by a killed run: measure again
    matrix = kill_matrix(progress=progress)
    folder.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps(to_plain(matrix), ensure_ascii=False), encoding="utf-8")
    fresh.replace(path)
    return matrix
