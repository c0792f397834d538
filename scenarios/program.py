"""A program of somebody else that stands on the bench: a card, a device or a kiosk, with its places filled in."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from scenarios.build import BenchError

__all__ = ["ForeignProgram"]

END_WAIT_S = 2.0


ROOT = Path(__file__).resolve().parents[1]
"""Programs find the packages that this one was started with."""


class ForeignProgram:
    """Start, restart and end *command*; nothing is started when it is empty (the program is then started elsewhere).

    ``{python}``, and each name of *filled_in* in braces, is replaced. *environment* is added to this process's. With
    *takes_lines* the program's standard input is a pipe, see :meth:`send_line`; its output goes where ours goes.
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
    ) -> None:
        self._command = [_fill_in(each, {"python": sys.executable, **filled_in}) for each in command]
        self._folder, self._takes_lines, self._end_wait_s = folder, takes_lines, end_wait_s
        path = os.pathsep.join(each for each in (str(ROOT), os.environ.get("PYTHONPATH", "")) if each)
        self._environment = {**os.environ, "PYTHONPATH": path, **(environment or {})}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Raises :class:`BenchError` when the command cannot be started."""
        if not self._command:
            return
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=asyncio.subprocess.PIPE if self._takes_lines else asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise BenchError(f"program {self._command[0]!r} cannot be started: {error}") from error

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

    async def restart(self) -> None:
        await self.stop()
        await self.start()


def _fill_in(text: str, filled_in: Mapping[str, str]) -> str:
    for name, value in filled_in.items():
        text = text.replace(f"{{{name}}}", value)
    return text
