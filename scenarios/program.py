"""A program of somebody else that stands on the bench: a card or a device, started with its host and port filled in."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from scenarios.build import BenchError

__all__ = ["ForeignProgram"]

END_WAIT_S = 2.0


class ForeignProgram:
    """Start, restart and end *command*; nothing is started when it is empty (the program is then started elsewhere)."""

    def __init__(self, command: Sequence[str], folder: Path, *, host: str, port: int) -> None:
        self._command = [each.replace("{host}", host).replace("{port}", str(port)) for each in command]
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Raises :class:`BenchError` when the command cannot be started."""
        if not self._command:
            return
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, cwd=self._folder, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
            )
        except OSError as error:
            raise BenchError(f"program {self._command[0]!r} cannot be started: {error}") from error

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
                async with asyncio.timeout(END_WAIT_S):
                    await process.wait()
                return
            except TimeoutError:
                continue

    async def restart(self) -> None:
        await self.stop()
        await self.start()
