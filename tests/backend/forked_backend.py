"""The backend's program, forked from a process that has loaded it once: a process like any other, with its own pipes, signals and
end, that costs a tenth of a start. Looks to its test like ``asyncio.subprocess.Process``."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PROGRAM, LOADED_ONCE = "reference_impl.backend.__main__", "reference_impl.backend.process"
LIMIT_S = 120


class _Zygote:
    """One for each worker of pytest. ``codes``: exit codes of what has ended."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        start = f"import os; os.dup2({theirs.fileno()}, 3); from scenarios.zygote import main; main()"
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", start, PROGRAM, LOADED_ONCE],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._orders, self._heard = ours, ours.makefile("rb")
        assert json.loads(self._heard.readline())["ready"]
        self._changed = threading.Condition()
        self._pids: list[int] = []
        self.codes: dict[int, int] = {}
        threading.Thread(target=self._listen, daemon=True).start()
        atexit.register(self._process.kill)

    def _listen(self) -> None:
        for line in self._heard:
            told = json.loads(line)
            with self._changed:
                if "pid" in told:
                    self._pids.append(told["pid"])
                else:
                    self.codes[told["ended"]] = told["code"]
                self._changed.notify_all()

    def fork(self, order: Mapping[str, object], descriptors: Sequence[int]) -> int:
        socket.send_fds(self._orders, [json.dumps(order).encode()], list(descriptors))
        with self._changed:
            assert self._changed.wait_for(lambda: self._pids, LIMIT_S), "the zygote does not answer"
            return self._pids.pop()

    def wait(self, pid: int) -> int:
        with self._changed:
            assert self._changed.wait_for(lambda: pid in self.codes, LIMIT_S), "it does not end"
            return self.codes[pid]


_ZYGOTES: list[_Zygote] = []


class ForkedProgram:
    """Made by :func:`forked`."""

    def __init__(self, zygote: _Zygote, pid: int, stdout: asyncio.StreamReader, stderr: asyncio.StreamReader) -> None:
        self._zygote, self.pid, self.stdout, self.stderr = zygote, pid, stdout, stderr

    @property
    def returncode(self) -> int | None:
        return self._zygote.codes.get(self.pid)

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def communicate(self) -> tuple[bytes, bytes]:
        said = await asyncio.gather(self.stdout.read(), self.stderr.read())
        await asyncio.to_thread(self._zygote.wait, self.pid)
        return said[0], said[1]


async def forked(
    folder: Path, arguments: Sequence[str], stdin: bytes | None, environment: Mapping[str, str]
) -> ForkedProgram:
    """``python -m reference_impl.backend`` with *arguments*, in *folder*. *stdin* is all that it can read."""
    if not _ZYGOTES:
        _ZYGOTES.append(await asyncio.to_thread(_Zygote))
    child_in, our_in = os.pipe()
    os.write(our_in, stdin or b"")
    os.close(our_in)
    (our_out, child_out), (our_error, child_error) = os.pipe(), os.pipe()
    order = {
        "module": PROGRAM,
        "arguments": list(arguments),
        "folder": str(folder),
        "environment": dict(environment),
    }
    pid = _ZYGOTES[0].fork(order, [child_in, child_out, child_error])
    for each in (child_in, child_out, child_error):
        os.close(each)
    return ForkedProgram(_ZYGOTES[0], pid, await _reader(our_out), await _reader(our_error))


async def _reader(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=1 << 22)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    return reader
