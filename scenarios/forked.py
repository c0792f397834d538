"""Programs of a bench that are started and killed again and again: forked from a process that has loaded them once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from scenarios.build import BenchError
from scenarios.program import ROOT
from scenarios.zygote import ORDERS_FD

__all__ = ["Forked", "Nursery"]

LOAD_LIMIT_S = 120.0
END_LIMIT_S = 10.0


class Forked:
    """A process that runs. ``ended`` is its exit code once it has one; negative: the signal that ended it."""

    def __init__(self, pid: int, stdin: int, errors: Path) -> None:
        self.pid, self._stdin, self._errors = pid, stdin, errors
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def say(self, line: str) -> None:
        """A line to its standard input; nothing where it has ended."""
        with contextlib.suppress(OSError):
            os.write(self._stdin, line.encode() + b"\n")

    def kill(self, number: int = signal.SIGKILL) -> None:
        if not self.ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def end(self) -> int:
        """SIGTERM, and SIGKILL for one that does not go."""
        self.kill(signal.SIGTERM)
        try:
            return await asyncio.wait_for(asyncio.shield(self.ended), END_LIMIT_S)
        except TimeoutError:
            self.kill()
            return await self.ended

    def closed(self, code: int) -> None:
        with contextlib.suppress(OSError):
            os.close(self._stdin)
        if not self.ended.done():
            self.ended.set_result(code)

    def last_words(self) -> str:
        """The end of what it wrote to its standard error."""
        lines = self._errors.read_text(errors="replace").strip().splitlines() if self._errors.exists() else []
        return " / ".join(lines[-3:])[-600:] or "it said nothing"


class Nursery:
    """``async with Nursery(modules)``: each module has ``main(arguments) -> int``. At the end all that was forked is gone."""

    def __init__(self, modules: Sequence[str], errors: Path) -> None:
        self._modules, self._errors = tuple(modules), errors
        self._process: asyncio.subprocess.Process | None = None
        self._orders: socket.socket | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None  # its end would close the socket
        self._turn = asyncio.Lock()
        self._pids: asyncio.Queue[int] = asyncio.Queue()
        self._children: dict[int, Forked] = {}
        self._early: dict[int, int] = {}
        self._listening: asyncio.Task[None] | None = None
        self._outputs: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Nursery:
        ours, theirs = socket.socketpair()
        path = os.pathsep.join(each for each in (str(ROOT), os.environ.get("PYTHONPATH", "")) if each)
        with theirs, self._errors.open("ab") as errors:
            os.set_inheritable(theirs.fileno(), True)
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _START.format(fd=theirs.fileno(), orders=ORDERS_FD), *self._modules),
                env={**os.environ, "PYTHONPATH": path},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._orders = ours
        ours.setblocking(True)
        self._reader, self._writer = await asyncio.open_connection(sock=ours.dup())
        try:
            async with asyncio.timeout(LOAD_LIMIT_S):
                if not await self._reader.readline():
                    raise BenchError(f"{', '.join(self._modules)} cannot be loaded: see {self._errors.name}")
        except TimeoutError:
            await self.aclose()
            raise BenchError(f"{', '.join(self._modules)} were not loaded within {LOAD_LIMIT_S:g} s") from None
        self._listening = asyncio.create_task(self._listen(self._reader))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def fork(
        self,
        module: str,
        arguments: Sequence[str],
        folder: Path,
        errors: Path,
        hear: Callable[[str], None],
        environment: Mapping[str, str] | None = None,
    ) -> Forked:
        """A new process of *module*, in *folder*; *hear* gets the lines of its standard output."""
        assert self._orders is not None
        child_in, our_in = os.pipe()
        our_out, child_out = os.pipe()
        log = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        order = {
            "module": module,
            "arguments": list(arguments),
            "folder": str(folder),
            "environment": environment or {},
        }
        async with self._turn:
            try:
                socket.send_fds(self._orders, [json.dumps(order).encode()], [child_in, child_out, log])
            finally:
                for each in (child_in, child_out, log):
                    os.close(each)
            pid = await self._pids.get()
        child = self._children[pid] = Forked(pid, our_in, errors)
        if pid in self._early:
            child.closed(self._early.pop(pid))
        task = asyncio.create_task(_hear(our_out, hear))
        self._outputs.add(task)
        task.add_done_callback(self._outputs.discard)
        return child

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            told = json.loads(line)
            if "pid" in told:
                self._pids.put_nowait(told["pid"])
                continue
            child = self._children.pop(told["ended"], None)
            if child is None:
                self._early[told["ended"]] = told["code"]  # it ended before its order was answered
            else:
                child.closed(told["code"])

    async def aclose(self) -> None:
        """SIGKILL to whatever still runs."""
        for each in list(self._children.values()):
            each.kill()
        if self._writer is not None:
            self._writer.close()
        if self._orders is not None:
            self._orders.close()
            self._orders = None
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        for each in (self._listening, *self._outputs):
            if each is not None:
                each.cancel()
        for child in list(self._children.values()):
            child.closed(-signal.SIGKILL)
        self._children.clear()


_START = """
import os, sys
os.dup2({fd}, {orders})
if {fd} != {orders}: os.close({fd})
from scenarios.zygote import main
sys.exit(main())
"""


async def _hear(descriptor: int, hear: Callable[[str], None]) -> None:
    reader = asyncio.StreamReader(limit=1 << 20)
    pipe = os.fdopen(descriptor, "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        while line := await reader.readline():
            hear(line.decode(errors="replace").rstrip("\r\n"))
    finally:
        transport.close()
