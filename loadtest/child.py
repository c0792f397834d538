"""Processes of a load bench: started from a command line, heard line by line, and ended whatever happens to us.

Our own programs end when their standard input does. A program that knows nothing of that is started through
``ends_with_parent.py``: the kernel kills it when this process is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest import ends_with_parent
from protocols.clock import stopwatch_s

__all__ = ["BenchFailed", "Child", "python_environment"]

ROOT = Path(__file__).resolve().parents[1]
END_LIMIT_S = 12.0
LAST_WORDS = 4


class BenchFailed(RuntimeError):
    """A part of the bench could not be brought up or has ended; the text names it, with its last words."""


def python_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, with the packages that this process has, and nothing that was meant for Locust."""
    path = os.pathsep.join(each for each in (str(ROOT), os.environ.get("PYTHONPATH", "")) if each)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **(extra or {})}


class Child:
    """One process. *log* takes its standard error. *takes_end*: it ends when its standard input does."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        log: Path,
        *,
        takes_end: bool,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self._log, self._takes_end = name, log, takes_end
        words = list(command)
        if not takes_end:
            words = [sys.executable, "-I", "-S", ends_with_parent.__file__, str(os.getpid()), *words]
        with log.open("ab") as errors:
            try:
                self._process = subprocess.Popen(  # noqa: S603 our own arguments, no shell
                    words,
                    cwd=folder,
                    env=python_environment(environment),
                    stdin=subprocess.PIPE if takes_end else subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,  # Ctrl-C of the terminal reaches us alone
                )
            except OSError as error:
                raise BenchFailed(f"{name}: {command[0]} cannot be started: {error.strerror}") from error
        self._heard: queue.Queue[bytes | None] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True, name=f"hears {name}")
        self._listener.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._heard.put(line)
        self._heard.put(None)

    def documents(self, limit_s: float) -> Iterator[dict[str, Any] | None]:
        """JSON objects from its standard output, one a line, until it ends; None whenever it was silent for *limit_s*.
        Other lines are passed over."""
        while True:
            try:
                line = self._heard.get(timeout=limit_s)
            except queue.Empty:
                yield None
                continue
            if line is None:
                return
            with contextlib.suppress(ValueError):
                value = json.loads(line)
                if isinstance(value, dict):
                    yield value

    def first_document(self, limit_s: float) -> dict[str, Any]:
        """The first one. Raises BenchFailed when it does not come in time."""
        until = stopwatch_s() + limit_s
        for found in self.documents(min(limit_s, 0.5)):
            if found is not None:
                return found
            if stopwatch_s() > until:
                raise BenchFailed(f"{self.name}: not ready within {limit_s:g} s: {self.last_words()}")
        raise BenchFailed(f"{self.name} ended at once with code {self._process.wait()}: {self.last_words()}")

    def output(self, limit_s: float) -> str:
        """Everything that it says until it ends by itself. Raises BenchFailed for an exit code that is not 0, and for one
        that does not end."""
        parts: list[bytes] = []
        until = stopwatch_s() + limit_s
        while True:
            try:
                line = self._heard.get(timeout=max(until - stopwatch_s(), 0.01))
            except queue.Empty:
                raise BenchFailed(f"{self.name}: did not end within {limit_s:g} s: {self.last_words()}") from None
            if line is None:
                break
            parts.append(line)
        code = self._process.wait()
        if code:
            raise BenchFailed(f"{self.name} ended with code {code}: {self.last_words()}")
        return b"".join(parts).decode("utf-8", "replace")

    def wait(self, limit_s: float) -> int | None:
        """Its exit code; None when it still runs after *limit_s*."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(limit_s)
        return None

    def say(self, line: str) -> None:
        """A line to its standard input; nothing where it has ended."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.write(line.encode() + b"\n")
                self._process.stdin.flush()

    def last_words(self) -> str:
        """The end of what it wrote to its standard error."""
        try:
            lines = self._log.read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return " / ".join(lines[-LAST_WORDS:]) or "it said nothing"

    def end(self, limit_s: float = END_LIMIT_S) -> None:
        """Ask it to end, then make it end, with everything that it started. Safe to call again."""
        process = self._process
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        if process.poll() is None and not self._takes_end:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            pass
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._listener.join(limit_s)
        if process.stdout is not None:
            process.stdout.close()
