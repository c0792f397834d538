"""What screens and commands may ask of the conformance package: the only module of it that ``tui`` imports."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import RootModel

from conformance.catalogue import Clause, catalogue
from conformance.dossier.explain import Explanation, explain
from conformance.dossier.read import Dossier, read_dossier
from conformance.dossier.seal import DossierError
from conformance.dossier.statement import caveats, statement
from conformance.dossier.trace import TraceLine, dialect_of, show_record
from conformance.dossier.verify import Verification
from conformance.dossier.verify import verify_dossier as verify_run
from conformance.dossier.write import begin_dossier, write_dossier
from conformance.engine import Progress, RunOptions, run
from conformance.flow.dossier import is_flow_dossier, verify_flow
from conformance.flow.judge import FlowVerdict, judge_flow
from conformance.flow.leaks import FlowLeaks, flow_leaks, newest_flow
from conformance.flow.run import FlowDone, certify_flow
from conformance.matrix import clause_matrix
from conformance.model import BLAME_LABELS, VERDICT_LABELS, Check, Outcome, Verdict, discover_checks
from conformance.mutation import Gate, cached_matrix, gate, kill_matrix, reference_verdicts
from conformance.pixit_secrets import KCV_SUFFIX, secret_literals, secret_values
from conformance.plan import WITHHELD, PlanError, Resolved, lock_of, resolve, suite_hash, tool_version
from conformance.preflight import environment
from conformance.result import KillMatrix, NotRun, Overall, PreflightResult, RunResult, RunStatus
from conformance.rules import rule_of
from protocols.clock import wall_datetime
from protocols.wire.base import Label, Privacy
from scenarios.build import BenchError, build_slot_card, build_slot_device
from scenarios.models import CARD, Bench, Plan, load_bench, load_plan
from scenarios.pcscd import missing
from scenarios.profiles import device_class_names
from scenarios.runtime import AskPerson
from scenarios.strict_yaml import load_model

__all__ = [
    "BLAME_LABELS",
    "VERDICT_LABELS",
    "Certified",
    "Check",
    "Clause",
    "Dossier",
    "DossierError",
    "Explanation",
    "FlowDone",
    "FlowLeaks",
    "FlowVerdict",
    "Gate",
    "KillMatrix",
    "NotRun",
    "Outcome",
    "Overall",
    "PlanError",
    "PreflightResult",
    "Progress",
    "Resolved",
    "RunResult",
    "RunStatus",
    "TraceLine",
    "Verdict",
    "Verification",
    "cache_folder",
    "cached_matrix",
    "catalogue",
    "caveats",
    "certify",
    "certify_flow",
    "clause_matrix",
    "default_plan",
    "dialect_of",
    "discover_checks",
    "doctor",
    "explain",
    "flow_leaks",
    "gate",
    "is_flow_dossier",
    "judge_flow",
    "kill_matrix",
    "load",
    "load_pixit",
    "lock_of",
    "narrow",
    "newest_flow",
    "pixit_literals",
    "read_dossier",
    "reference_verdicts",
    "rule_of",
    "show_record",
    "statement",
    "suite_hash",
    "tool_version",
    "verify_dossier",
    "write_lock",
]

PLANS = Path(__file__).resolve().parent.parent / "scenarios" / "plans"


@dataclass(frozen=True, slots=True)
class Certified:
    """A finished run: its result, where its dossier is, and what a fresh verification of it says."""

    result: RunResult
    folder: Path
    verification: Verification

    @property
    def exit_code(self) -> int:
        """0 only when everything planned passed and the dossier verifies; 1 for the device, 2 for everything else."""
        if not self.verification.ok:
            return 2
        good = (Overall.PASS, Overall.PASS_WITH_WAIVERS, Overall.PASS_PARTIAL)
        if self.result.overall in good:
            return 0
        return 1 if self.result.overall is Overall.FAIL else 2


def verify_dossier(
    path: Path, *, pinned: str | None = None, secrets: Mapping[str, Mapping[str, str]] | None = None
) -> Verification:
    """Check the dossier of a run or of a flow in *path*. Never raises on what it holds; ValueError for a *pinned* that is no
    fingerprint. *secrets*: PIXIT values by slot that no dossier holds."""
    if is_flow_dossier(path):
        return verify_flow(path, pinned=pinned)
    return verify_run(path, pinned=pinned, secrets=secrets)


def default_plan() -> Path:
    """The plan of ``onecard certify``: a simulated reader in both dialects and three generations of cards.

    Where the PC/SC stack is missing, the cards run in process and the PC/SC tier is reported as not tested.
    """
    return PLANS / ("certify-without-pcsc.yaml" if missing() else "certify.yaml")


def cache_folder() -> Path:
    """Where measured kill matrices are kept, by suite hash."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "onecard"


def doctor(bench_file: Path | None = None) -> list[PreflightResult]:
    """What this machine (and the bench in *bench_file*) lacks. Raises FileError for a bad file."""
    return environment(load_bench(bench_file) if bench_file else None)


def load(plan_file: Path, changes: Mapping[str, Any] | None = None) -> Resolved:
    """Read a plan (or a plan lock) and resolve it. *changes* replace fields of the plan (``select``, ``seed``).

    Raises FileError, PlanError.
    """
    plan = _plan_of_lock(plan_file) if plan_file.name.endswith("lock.json") else load_plan(plan_file)
    update = dict(changes or {})
    if "seed" in update and isinstance(plan.bench, Bench):  # the seed of a run is also that of its devices
        update["bench"] = plan.bench.model_copy(update={"seed": update["seed"]})
    try:
        resolved = resolve(plan.model_copy(update=update))
    except PlanError as error:
        raise PlanError([f"{plan_file}:{_line_of(each, plan_file)}: {each}" for each in error.problems]) from error
    _buildable(resolved.bench, _bench_file(plan_file))
    return resolved


def _bench_file(plan_file: Path) -> Path:
    """The file that holds the bench of *plan_file*: itself when it is inside."""
    named = None if plan_file.name.endswith("lock.json") else load_model(plan_file, Plan).bench
    return plan_file.parent / named if isinstance(named, str) else plan_file


def _buildable(bench: Bench, path: Path) -> None:
    """What is simulated can be built: found out before a dossier is begun. Raises PlanError with the place in *path*."""
    lines = path.read_text(encoding="utf-8").splitlines()
    problems: list[str] = []
    for name, slot in bench.slots.items():
        if not slot.simulated:
            continue
        try:
            (build_slot_card if slot.device_class == CARD else build_slot_device)(slot, name, bench.seed)
        except BenchError as error:
            line = next((n for n, text in enumerate(lines, 1) if re.match(rf'\s*"?{re.escape(name)}"?\s*:', text)), 1)
            problems.append(f"{path}:{line}: {error}")
    if problems:
        raise PlanError(problems)


def _line_of(problem: str, path: Path) -> int:
    """The line of *path* that *problem* speaks of: where the most particular of its words stands."""
    lines = path.read_text(encoding="utf-8").splitlines()
    words = re.findall(r"[\w*?-]+(?:\.[\w*?-]+)*", problem.partition(": ")[2])
    for word in sorted(words, key=lambda each: -each.count(".")):
        if "." not in word and "-" not in word:
            continue
        if found := next((n for n, line in enumerate(lines, 1) if re.search(rf"{re.escape(word)}(?![\w-])", line)), 0):
            return found
    return 1


def narrow(resolved: Resolved, targets: Collection[str]) -> Resolved:
    """The same plan on some of its slots only; what is left out is recorded as not tested. Raises PlanError."""
    why = Label("命令行只选择了其他槽位", "the command line selected other slots only")
    left = [each for each in resolved.selected if each.target not in targets]
    if len(left) == len(resolved.selected):
        raise PlanError([f"plan {resolved.plan.plan}: nothing is selected on {', '.join(targets)}"])
    return replace(
        resolved,
        selected=tuple(each for each in resolved.selected if each.target in targets),
        not_run=(
            *resolved.not_run,
            *(NotRun(each.check.id, each.target, Verdict.NOT_TESTED, why) for each in left),
        ),
    )


def _plan_of_lock(path: Path) -> Plan:
    """The plan that a lock was made from: everything is inside."""
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
        claimed = lock.pop("sha256", "")
    except (ValueError, AttributeError, TypeError) as error:
        raise PlanError([f"{path}:{getattr(error, 'lineno', 1)}: not a plan lock: {error}; make it anew"]) from error
    from protocols.record import canonical

    if hashlib.sha256(canonical(lock).encode()).hexdigest() != claimed:
        raise PlanError([f"{path}: the lock does not have the hash that it states: it was edited"])
    for name, slot in lock["bench"]["slots"].items():
        if slot.get("person") == WITHHELD:
            raise PlanError([f"{path}: slot {name!r}: no lock says who the holder is: run the plan, or name a file"])
    order = lock.get("slot_order") or list(lock["bench"]["slots"])
    for name, items in lock["pixit"].items():
        if withheld := [each for each in items if each.endswith(KCV_SUFFIX)]:
            what = withheld[0].removesuffix(KCV_SUFFIX)
            raise PlanError([f"{path}: slot {name!r}: no lock holds {what}: run the plan itself"])
    pixit = {name: {**lock["pixit"].get(name, {}), **items} for name, items in lock["parameters"].items()}
    return Plan.model_validate(
        {
            "plan": lock["plan"],
            "title": lock.get("title"),
            "bench": {**lock["bench"], "slots": {name: lock["bench"]["slots"][name] for name in order}},
            "missing_pcsc": lock.get("missing_pcsc", "error"),
            "profile": lock["profile"],
            "select": lock["select"],
            "exclude": lock.get("exclude", ()),
            "pics": lock["pics"],
            "pixit": {name: items for name, items in pixit.items() if items or name in lock["pixit"]},
            "waivers": lock["waivers"],
            "faults": lock.get("faults", ()),
            "damage_budget": lock["damage_budget"],
            "story": lock["story"],
            "seed": lock["seed"],
            "laboratory": lock["laboratory"],
        }
    ).model_copy(update={"folder": path.resolve().parent})


def write_lock(resolved: Resolved, path: Path) -> dict[str, Any]:
    """Write the lock of *resolved* beside nothing half-written; give it."""
    lock = lock_of(resolved)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(lock, ensure_ascii=False, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    draft.replace(path)
    return lock


class _PixitFile(RootModel[dict[str, dict[str, str]]]):
    """Slot to PIXIT values."""


def load_pixit(path: Path) -> dict[str, dict[str, str]]:
    """PIXIT values by slot from a YAML file: what a dossier withholds, and a verifier may need. Raises FileError."""
    return load_model(path, _PixitFile).root


def pixit_literals(pixit: Mapping[str, Mapping[str, str]]) -> list[tuple[Privacy, bytes]]:
    """What of *pixit* must not be found in a dossier. Values of unknown items and published ones are let through."""
    return [
        literal
        for values in pixit.values()
        for device_class in device_class_names()
        for literal in secret_literals(device_class, values)
    ]


def certify(
    resolved: Resolved,
    folder: Path,
    *,
    progress: Callable[[Progress], None] = lambda message: None,
    ask_person: AskPerson | None = None,
    with_matrix: bool = True,
    matrix_progress: Callable[[int, int, str], None] = lambda done, of, what: None,
    stop_requested: Callable[[], bool] = lambda: False,
) -> Certified:
    """Run, write the dossier to *folder*, and verify it anew. Raises DossierError when *folder* is taken.

    The dossier exists from the first moment, as ``incomplete``: a killed run leaves that, never something better.
    """
    started = wall_datetime().isoformat(timespec="microseconds")
    run_id = hashlib.sha256(f"{lock_of(resolved)['sha256']} {started}".encode()).hexdigest()[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    history = begin_dossier(folder, run_id, suite_hash=suite_hash(), tool_version=tool_version())
    with _MatrixAside(with_matrix, matrix_progress) as matrix:
        result = run(resolved, RunOptions(history, run_id, progress, ask_person, stop_requested=stop_requested))
        if result.status is RunStatus.COMPLETE:
            try:
                result = replace(result, kill_matrix=matrix.wait())
            except (KeyboardInterrupt, InterruptedError, CancelledError):  # what the run found is kept all the same
                result = replace(result, status=RunStatus.STOPPED)
    write_dossier(folder, result, history)
    progress(Progress("done"))
    slots = resolved.bench.slots
    own = {name: secret_values(slots[name].device_class, values) for name, values in resolved.pixit.items()}
    return Certified(result, folder, verify_dossier(folder, secrets=own))


class _MatrixAside:
    """Measures the kill matrix beside the run, which mostly waits for motors; one that is no longer wanted ends soon."""

    def __init__(self, wanted: bool, progress: Callable[[int, int, str], None]) -> None:
        self._wanted, self._progress = wanted, progress
        self._cancelled = threading.Event()
        self._pool = ThreadPoolExecutor(1, "kill matrix")

    def __enter__(self) -> _MatrixAside:
        if self._wanted:
            self._found = self._pool.submit(cached_matrix, cache_folder(), self._step)
        return self

    def wait(self) -> KillMatrix:
        """The matrix; empty when it was not wanted."""
        return self._found.result() if self._wanted else KillMatrix()

    def __exit__(self, *exc: object) -> None:
        self._cancelled.set()
        self._pool.shutdown(wait=True)

    def _step(self, done: int, total: int, what: str) -> None:
        if self._cancelled.is_set():
            raise CancelledError
        self._progress(done, total, what)
