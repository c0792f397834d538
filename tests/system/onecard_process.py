"""``onecard`` as users start it: a process of its own, whose every trace on the machine can be found again."""

from __future__ import annotations

import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLANS = ROOT / "scenarios" / "plans"
BENCHES = ROOT / "scenarios" / "benches"
MARK = "ONECARD_TEST_MARK"
LIMIT_S = 30.0
PAUSE_S = 0.02


class Onecard:
    """One process of the command, in folders of its own below *home*; see ``left``."""

    def __init__(self, home: Path, *words: str, mark: str = "") -> None:
        self.mark = mark or secrets.token_hex(8)
        self.folder = home / "tmp"
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "TMPDIR": str(self.folder),
            MARK: self.mark,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tui.cli", *words],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.said: list[str] = []
        self._fresh: queue.Queue[str | None] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            self._fresh.put(line)
        self._fresh.put(None)

    def until(self, word: str) -> None:
        """Wait until it says *word*."""
        while True:
            line = self._fresh.get(timeout=LIMIT_S)
            assert line is not None, f"it ended without {word!r}: {self.text}"
            if word in line:
                return

    def signal(self, number: int) -> None:
        """To its whole group, as a terminal does."""
        os.killpg(self.process.pid, number)

    def finish(self, limit_s: float = LIMIT_S) -> int:
        code = self.process.wait(limit_s)
        self._listener.join(limit_s)
        return code

    @property
    def text(self) -> str:
        return "".join(self.said)

    def left(self) -> list[str]:
        """What remains of it: processes that carry its mark or work in its folder, and what lies in that folder."""
        return [*self._processes(), *(str(each) for each in self.folder.iterdir())]

    def _processes(self) -> Iterator[str]:
        for each in Path("/proc").iterdir():
            if not each.name.isdigit():
                continue
            try:
                state = (each / "stat").read_text().rpartition(")")[2].split()[0]
                environment, command = (each / "environ").read_bytes(), (each / "cmdline").read_bytes()
            except OSError:
                continue  # it has just ended, or is somebody else's
            mine = f"{MARK}={self.mark}".encode() in environment or str(self.folder).encode() in command
            if mine and state != "Z":
                yield f"{each.name}: {command.replace(bytes(1), b' ').decode(errors='replace')[:200]}"

    def left_after(self, limit_s: float = LIMIT_S) -> list[str]:
        """As ``left``, when nothing more goes away, or *limit_s* has passed."""
        pause = threading.Event()
        for _ in range(int(limit_s / PAUSE_S)):
            if not self.left():
                return []
            pause.wait(PAUSE_S)
        return self.left()

    def end(self) -> None:
        """However the test ended."""
        for number in (signal.SIGKILL,):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                pass
        self.process.wait(LIMIT_S)


@contextmanager
def onecard(home: Path, *words: str) -> Iterator[Onecard]:
    """Start it, and leave no process behind."""
    running = Onecard(home, *words)
    try:
        yield running
    finally:
        running.end()


def run_onecard(home: Path, *words: str) -> tuple[int, str]:
    """Exit code and everything that it said."""
    with onecard(home, *words) as running:
        return running.finish(), running.text
