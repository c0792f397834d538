"""A program of somebody else that stands on the bench: a card, a device or a kiosk, with its places filled in."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from scenarios.build import BenchError

__all__ = ["ForeignProgram"]

END_WAIT_S = 2.0
MOST_LINE_BYTES = 1 << 20
PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None, use_errno=True).prctl


ROOT = Path(__file__).resolve().parents[1]
"""Programs find the packages that this one was started with."""


class ForeignProgram:
    """Start, restart and end *command*; nothing is started when it is empty (the program is then started elsewhere).

    ``{python}``, and each name of *filled_in* in braces, is replaced. *environment* is added to this process's. With
    *takes_lines* the program's standard input is a pipe, see :meth:`send_line`. Its output goes where ours goes, unless
    *on_line* is there to hear it, line by line; *errors* is a file for its standard error. With *ends_with_us* the kernel
    kills it as soon as the thread that started it is gone, however that came.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        filled_in: Mapping[str, str],
        environment: Mapping[str, str] | None = None,
        takes_lines: bool = False,
        end_wait_s: float = END_WAIT_S,
        on_line: Callable[[str], None] | None = None,
        errors: Path | None = None,
        ends_with_us: bool = False,
    ) -> None:
        self._command = [_fill_in(each, {"python": sys.executable, **filled_in}) for each in command]
        self._folder, self._takes_lines, self._end_wait_s = folder, takes_lines, end_wait_s
        path = os.pathsep.join(each for each in (str(ROOT), os.environ.get("PYTHONPATH", "")) if each)
        self._environment = {**os.environ, "PYTHONPATH": path, **_compiled_once(), **(environment or {})}
        self._process: asyncio.subprocess.Process | None = None
        self._on_line, self.errors, self._ends_with_us = on_line, errors, ends_with_us
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises :class:`BenchError` when the command cannot be started."""
        if not self._command:
            return
        try:
            with contextlib.ExitStack() as stack:
                errors = None if self.errors is None else stack.enter_context(self.errors.open("ab"))
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    cwd=self._folder,
                    env=self._environment,
                    stdin=asyncio.subprocess.PIPE if self._takes_lines else asyncio.subprocess.DEVNULL,
                    stdout=None if self._on_line is None else asyncio.subprocess.PIPE,
                    stderr=errors,
                    limit=MOST_LINE_BYTES,
                    start_new_session=True,
                    preexec_fn=_end_with_parent if self._ends_with_us else None,
                )
        except OSError as error:
            raise BenchError(f"program {self._command[0]!r} cannot be started: {error}") from error
        if self._on_line is not None:
            self._reading = asyncio.create_task(self._read(self._process, self._on_line))

    @staticmethod
    async def _read(process: asyncio.subprocess.Process, hear: Callable[[str], None]) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            hear(line.decode(errors="replace").rstrip("\r\n"))

    async def send_line(self, text: str) -> bool:
        """One line to the program's standard input. False when it has ended, or takes none."""
        if self._process is None or self._process.stdin is None or self.ended:
            return False
        try:
            self._process.stdin.write(text.encode() + b"\n")
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    async def wait(self) -> int:
        """Until the program ends by itself; its exit code, 0 when none was started."""
        return 0 if self._process is None else await self._process.wait()

    @property
    def ended(self) -> bool:
        """True when a started program is no longer running."""
        return self._process is not None and self._process.returncode is not None

    async def stop(self) -> None:
        """End the program and all that it started."""
        process, self._process = self._process, None
        reading, self._reading = self._reading, None
        try:
            await self._end(process)
        finally:
            if reading is not None:
                await asyncio.wait({reading}, timeout=self._end_wait_s)
                reading.cancel()

    async def _end(self, process: asyncio.subprocess.Process | None) -> None:
        if process is None or process.returncode is not None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
            except ProcessLookupError:
                pass
            try:
                async with asyncio.timeout(self._end_wait_s):
                    await process.wait()
                return
            except TimeoutError:
                continue

    async def kill(self) -> None:
        """SIGKILL, to it and all that it started: it is given no moment to wind up."""
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        await self.stop()

    async def restart(self) -> None:
        await self.stop()
        await self.start()


def _compiled_once() -> dict[str, str]:
    """Where this Python was told not to keep what it compiles, programs keep it elsewhere: half of a start is compiling."""
    if not os.environ.get("PYTHONDONTWRITEBYTECODE"):
        return {}
    kept = os.environ.get("PYTHONPYCACHEPREFIX") or str(Path(sys.prefix) / "pycache")
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": kept}


def _end_with_parent() -> None:
    """Runs in the child, between fork and exec: one call that was looked up before."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _fill_in(text: str, filled_in: Mapping[str, str]) -> str:
    for name, value in filled_in.items():
        text = text.replace(f"{{{name}}}", value)
    return text
