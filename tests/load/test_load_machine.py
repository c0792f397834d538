"""Whose processor time it was, from counters typed by hand (100 a second, as everywhere on Linux)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from loadtest import machine
from loadtest.machine import MachineWatch

HZ = os.sysconf("SC_CLK_TCK")


def _stat(proc: Path, pid: int, parent: int, user: float, system: float, name: str = "python") -> None:
    """As proc(5) says: pid (comm) state ppid ..., utime is field 14, stime 15, cutime 16, cstime 17."""
    (proc / str(pid)).mkdir(exist_ok=True)
    before = " ".join(["0"] * 9)
    text = f"{pid} ({name}) S {parent} {before} {round(user * HZ)} {round(system * HZ)} 0 0 20 0 1\n"
    (proc / str(pid) / "stat").write_text(text)


def _machine(proc: Path, user: float, idle: float, steal: float = 0.0) -> None:
    values = [user, 0, 0, idle, 50, 0, 0, steal, 0, 0]
    (proc / "stat").write_text("cpu  " + " ".join(str(round(each * HZ)) for each in values) + "\ncpu0 1 2 3\n")


def test_parts_count_with_their_children_and_others_are_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([100.0, 102.0, 104.0])
    monkeypatch.setattr(machine, "stopwatch_s", lambda: next(times))
    watch = MachineWatch({"backend": 10, "postgres": 20}, tmp_path)
    _stat(tmp_path, 10, 5, 1.0, 0.0)
    _stat(tmp_path, 20, 5, 1.0, 0.0)
    _stat(tmp_path, 21, 20, 1.0, 0.0, "postgres: (a) b")
    _stat(tmp_path, 99, 1, 1.0, 0.0)
    _machine(tmp_path, 100.0, 100.0)
    watch.look("steady")
    _stat(tmp_path, 10, 5, 1.8, 0.2)  # 1.0 s
    _stat(tmp_path, 21, 20, 1.3, 0.1, "postgres: (a) b")  # 0.4 s
    _stat(tmp_path, 99, 1, 2.0, 0.0)
    _machine(tmp_path, 102.4, 100.0, steal=0.2)  # 2.6 s in all
    watch.look("steady")
    watch.look("barrier")
    assert watch.shares("steady") == {"backend": 0.25, "postgres": 0.1, "others": 0.3}
    assert watch.shares("barrier") == {}


def test_a_stage_keeps_its_own_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 1.0, 3.0])
    monkeypatch.setattr(machine, "stopwatch_s", lambda: next(times))
    watch = MachineWatch({"peers": 7}, tmp_path)
    for stage, own, whole in (("a", 0.0, 0.0), ("b", 0.5, 1.0), ("b", 1.5, 2.0)):
        _stat(tmp_path, 7, 1, own, 0.0)
        _machine(tmp_path, whole, 0.0)
        watch.look(stage)
    assert watch.shares("a") == {"peers": 0.5, "others": 0.5}
    assert watch.shares("b") == {"peers": 0.5, "others": 0.0}


def test_without_proc_nothing_is_claimed(tmp_path: Path) -> None:
    watch = MachineWatch({"peers": 7}, tmp_path / "none")
    watch.look("a")
    watch.look("a")
    assert watch.shares("a") == {}


def test_this_machine_has_counters() -> None:
    watch = MachineWatch({"own": os.getpid()})
    assert watch._counters()["own"] > 0
