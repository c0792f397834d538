"""A short endurance run with real processes, and what its judge must not overlook."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from scenarios.endurance.model import EnduranceResult, EnduranceWish
from scenarios.endurance.service import findings_of

CLEAN = EnduranceResult(
    wish=EnduranceWish(3),
    note={"trades": [{"state": "paid"}]},
    struck={"backend": 3},
    midway=2,
    visits=4,
    told={"paid": 1},
    undecided=0,
    open_at_kiosks=0,
    recovered_s=1.0,
    took_s=9.0,
)


def test_a_clean_run_has_no_finding_and_each_fault_is_one() -> None:
    assert findings_of(CLEAN, lambda note: []) == []
    assert findings_of(CLEAN, lambda note: ["second-debit"]) == ["second-debit"]
    faults = {
        "undecided": replace(CLEAN, undecided=1),
        "undecided:": replace(CLEAN, open_at_kiosks=1),
        "vacuous": replace(CLEAN, told={}),
        "vacuous:": replace(CLEAN, midway=0),
        "manual": replace(CLEAN, note={"trades": [{"state": "manual"}]}),
        "device": replace(CLEAN, complaints=("pad: a frame that nobody knows",)),
    }
    for word, result in faults.items():
        assert [each.startswith(word.rstrip(":")) for each in findings_of(result, lambda note: [])] == [True], word


def test_payments_of_which_no_kiosk_told_anybody_are_not_called_none() -> None:
    found = findings_of(replace(CLEAN, told={}), lambda note: [])
    assert found == ["vacuous: 1 trades were paid, and no kiosk told a citizen so"]
    found = findings_of(replace(CLEAN, told={}, note={"trades": [{"state": "closed"}]}), lambda note: [])
    assert found == ["vacuous: not one payment was made"]


def test_processes_die_and_the_books_are_equal(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tui.cli",
            "endure",
            "--kills",
            "6",
            "--kiosks",
            "2",
            "--json",
            "--keep",
            str(tmp_path / "run"),
        ],
        capture_output=True,
        timeout=300,
        check=False,
    )
    told = json.loads(done.stdout)
    assert done.returncode == 0, told
    assert (told["passed"], sum(told["kills"].values()), told["findings"]) == (True, 6, [])
    assert told["trades"] >= told["told"]["paid"] > 0
    assert (tmp_path / "run" / "backend" / "backend.db").stat().st_size > 0


def test_nothing_outlives_a_run_that_is_killed(tmp_path: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "tui.cli", "endure", "--kills", "9", "--kiosks", "1", "--keep", str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert running.stdout is not None
    while line := running.stdout.readline():
        if b"killing" in line or "随机".encode() in line:
            break
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    left = _standing(tmp_path)
    for _ in range(200):  # the kernel needs a moment from one end to the next
        if not left:
            break
        time.sleep(0.1)
        left = _standing(tmp_path)
    assert left == []


def _standing(folder: Path) -> list[str]:
    return [each.name for each in Path("/proc").iterdir() if each.name.isdecimal() and _stands_in(each, folder)]


def _stands_in(process: Path, folder: Path) -> bool:
    """True for one whose working folder is below *folder*, as that of every process of a run is."""
    try:
        return (process / "cwd").readlink().is_relative_to(folder)
    except OSError:
        return False
