"""Whatever ends a run, nothing stays behind, and the dossier says honestly how far it came."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from onecard_process import BENCHES, PLANS, Onecard, onecard, run_onecard

from conformance.service import load
from protocols.clock import RealClock
from scenarios.models import load_bench
from scenarios.runtime import LiveBench

pytestmark = pytest.mark.pcsc

SHORT = "select: [reader.line.ack-first, card.atr.form]"


def write_plan(home: Path, extra: str = "") -> Path:
    """The plan of ``make certify``, from a folder of its own, with *extra* lines."""
    text = (PLANS / "certify.yaml").read_text(encoding="utf-8")
    text = text.replace("../benches/certify.yaml", str(BENCHES / "certify.yaml"))
    path = home / "plan.yaml"
    path.write_text(f"{text}\n{extra}\n", encoding="utf-8")
    return path


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def verify(home: Path) -> tuple[int, dict[str, Any]]:
    """Exit code and document of ``onecard dossier verify``."""
    code, said = run_onecard(home, "dossier", "verify", "dossier", "--json")
    return code, json.loads(said)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Onecard]:
    """The whole certification, kill matrix beside it, in full swing."""
    plan = write_plan(tmp_path)
    with onecard(tmp_path, "certify", str(plan), "--out", "dossier", "--lang", "en") as process:
        process.until("pass  card.")
        process.until("pass  reader.")
        assert any("multiprocessing" in each for each in process.left()), "the kill matrix has no workers yet"
        yield process


def test_a_run_that_finishes(tmp_path: Path) -> None:
    plan = write_plan(tmp_path, SHORT)
    with onecard(tmp_path, "certify", str(plan), "--out", "dossier", "--no-matrix", "--lang", "en") as process:
        assert process.finish() == 0, process.text
        assert process.left_after() == []
    assert manifest(tmp_path / "dossier")["status"] == "complete"
    assert [each.name for each in tmp_path.glob(".dossier*")] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_run_that_is_asked_to_stop(running: Onecard, tmp_path: Path, number: signal.Signals) -> None:
    running.signal(number)
    assert running.finish() == 2
    assert running.left_after() == []
    assert "Traceback" not in running.text
    assert "overall: incomplete" in running.text
    told = json.loads((tmp_path / "dossier" / "result.json").read_text(encoding="utf-8"))
    assert told["status"] == "stopped"
    cut = [each for each in told["not_run"] if each["reason"]["en"] == "the run was stopped"]
    planned = len(load(write_plan(tmp_path)).selected)
    assert len(told["outcomes"]) + len(cut) == planned
    assert {each["verdict"] for each in cut} == {"not_tested"}
    assert {each["verdict"] for each in told["outcomes"]} == {"pass"}
    code, document = verify(tmp_path)
    assert code == 2  # sealed and recomputed, but never called valid: it says only how far the run came
    assert document["recomputed"] == len(told["outcomes"])
    assert [each["where"] for each in document["problems"]] == ["status"]


def test_a_run_that_is_killed(running: Onecard, tmp_path: Path) -> None:
    os.kill(running.process.pid, signal.SIGKILL)  # this process only: the others must notice by themselves
    assert running.finish() == -signal.SIGKILL
    assert running.left_after() == []
    assert manifest(tmp_path / "dossier")["status"] == "incomplete"
    assert manifest(tmp_path / "dossier")["early"] is True
    assert (tmp_path / "dossier" / "history.jsonl").stat().st_size > 0
    code, document = verify(tmp_path)
    assert code == 2
    assert "the run did not finish" in json.dumps(document)


def test_ctrl_c_twice_ends_at_once(running: Onecard, tmp_path: Path) -> None:
    os.kill(running.process.pid, signal.SIGINT)
    running.until("Ctrl-C again")
    os.kill(running.process.pid, signal.SIGINT)
    assert running.finish() in (2, 130)
    assert running.left_after() == []
    assert "Traceback" not in running.text
    assert manifest(tmp_path / "dossier")["overall"] == "incomplete"


async def test_a_bench_gives_everything_back() -> None:
    """In one process, twice: the second time shows what a first use leaves open for good reasons (caches, loops)."""
    bench = load_bench(BENCHES / "certify.yaml")
    counts: list[tuple[int, int, int]] = []
    for _ in range(3):
        async with LiveBench(bench, RealClock()) as live:
            folder = live.pcscd.folder if live.pcscd else Path()
            assert folder.is_dir()
        assert not folder.exists()
        counts.append((_own_files(), threading.active_count(), _own_ptys()))
    assert counts[1] == counts[2]
    assert counts[2][2] == 0


def _own_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _own_ptys() -> int:
    """How many masters of pseudo terminals this process holds."""
    names = []
    for each in Path("/proc/self/fd").iterdir():
        try:
            names.append(str(each.readlink()))
        except OSError:
            continue
    return sum(each.endswith("/ptmx") for each in names)
