"""A pcscd of one's own for each bench: own socket, own ports, own folder; nothing of the machine's is touched.

``PrivatePcscd`` starts a keeper process (``pcscd_launcher.py``), which starts the daemon and takes it away with its
folder as soon as this process closes its pipe: at the end, after a failure, after Ctrl-C, and when it is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import select
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocols.link.base import LinkError
from protocols.link.pcsc_session import list_readers
from scenarios import pcscd_launcher as launcher

__all__ = ["MAX_CARDS", "PcscdError", "PortInUseError", "PrivatePcscd", "ReaderSlot", "missing", "port_in_use"]

MAX_CARDS = 16
"""Readers that one pcscd can have; it drops more without a word."""

START_LIMIT_S = 20.0
STOP_LIMIT_S = 5.0
LIST_PAUSE_S = 0.01
HOST = "127.0.0.1"
SLOTS_A_DRIVER = 2
LIBRARY_FOLDERS = ("/usr/lib", "/usr/lib64", "/lib")


class PcscdError(LinkError):
    """The private pcscd could not be started or has ended; the text says what to do."""


class PortInUseError(PcscdError):
    """A port that was asked for is taken; ``port`` is its number."""

    def __init__(self, why: str, port: int) -> None:
        super().__init__(why)
        self.port = port


@dataclass(frozen=True, slots=True)
class ReaderSlot:
    """One virtual reader: its PC/SC name, and where the driver waits for a card."""

    reader: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """The link URL of a card for this reader."""
        return f"vpcd://{self.host}:{self.port}"


def port_in_use(port: int) -> bool:
    """True when the vpcd driver could not listen on *port* now."""
    return not launcher.is_free(port)


def missing() -> list[str]:
    """What this machine lacks for the PC/SC tier: Debian packages by name, then rights. Empty when all is there."""
    lacks: list[str] = []
    if not launcher.PCSCD.exists():
        lacks.append("pcscd")
    if not launcher.DRIVER.exists():
        lacks.append("vsmartcard-vpcd")
    if not any(found for folder in LIBRARY_FOLDERS for found in Path(folder).glob("**/libpcsclite.so.1")):
        lacks.append("libpcsclite1")
    if importlib.util.find_spec("smartcard") is None:
        lacks.append("pyscard (apt-get install libpcsclite-dev gcc pkg-config; pip install 'onecard-hil[pcsc]')")
    if os.geteuid() != 0 and not launcher.RUN.is_dir():
        lacks.append(f"root, once, to make {launcher.RUN} (mkdir -m 755 {launcher.RUN})")
    return lacks


class PrivatePcscd:
    """A pcscd with *cards* virtual readers. ``async with`` or ``with``, or start and stop by hand.

    After the start, ``slots`` has one :class:`ReaderSlot` for each card, ``socket`` is the daemon's socket (for
    ``PCSCLITE_CSOCK_NAME`` of other programs, see :meth:`environment`), ``pid`` the daemon's process. A driver
    serves two readers on two ports in a row: *ports* has one entry a pair of cards, the first of its two ports, or 0 to
    choose free ones. The driver of Debian listens on all interfaces; the ports are closed with the daemon.
    """

    def __init__(self, cards: int = 2, *, ports: Sequence[int] = (), name: str = "Onecard") -> None:
        if not 1 <= cards <= MAX_CARDS:
            raise PcscdError(f"one pcscd has 1 to {MAX_CARDS} readers, not {cards}: start another one")
        pairs = -(-cards // SLOTS_A_DRIVER)
        if ports and len(ports) != pairs:
            raise PcscdError(f"{cards} cards need {pairs} first ports (one a pair, 0 to choose), not {len(ports)}")
        if not name.isascii() or '"' in name or not 0 < len(name) <= 40:
            raise PcscdError(f"{name!r} cannot be the name of a reader: up to 40 ASCII characters, no quotes")
        self._cards, self._name, self._first_ports = cards, name, list(ports) or [0] * pairs
        self._keeper: subprocess.Popen[bytes] | None = None
        self._unread = b""
        self.folder = Path()
        self.socket = ""
        self.pid = 0
        self.slots: tuple[ReaderSlot, ...] = ()

    @property
    def ports(self) -> list[int]:
        """The driver's port of each card."""
        return [slot.port for slot in self.slots]

    @property
    def readers(self) -> list[str]:
        """The PC/SC name of the reader of each card."""
        return [slot.reader for slot in self.slots]

    def environment(self) -> dict[str, str]:
        """What other programs (opensc-tool, a kiosk) need in their environment to speak to this daemon."""
        return {"PCSCLITE_CSOCK_NAME": self.socket}

    def start_blocking(self) -> None:
        """Start the daemon and wait until every reader answers. Raises PcscdError, PortInUseError."""
        if self._keeper is not None:
            raise PcscdError("this pcscd is already running")
        lacks = missing()
        if lacks:
            raise PcscdError(f"the PC/SC tier lacks: {', '.join(lacks)}")
        wish = json.dumps({"name": self._name, "ports": self._first_ports})
        self._unread = b""
        self._keeper = subprocess.Popen(  # noqa: S603 our own program, no shell
            [sys.executable, "-I", "-S", launcher.__file__, wish],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C of the terminal reaches this process only
        )
        try:
            self._await_ready()
        except BaseException:
            self.stop_blocking()
            raise

    def restart_blocking(self) -> None:
        """A new daemon with the same socket, ports and readers. Exchanges that hang end; cards come back."""
        if self._keeper is None or self._keeper.stdin is None:
            raise PcscdError("this pcscd is not running")
        try:
            self._keeper.stdin.write(b"restart\n")
            self._keeper.stdin.flush()
        except BrokenPipeError:
            pass  # the keeper has ended: what it said is read below
        self._await_ready()

    def stop_blocking(self) -> None:
        """Take daemon and folder away. Safe to call again."""
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        for pipe in (keeper.stdin, keeper.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # a line that a dead keeper has not read
                    pipe.close()
        try:
            keeper.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            keeper.kill()  # the daemon dies with it
            keeper.wait()
        if self.folder != Path():  # a keeper that was killed could not clean up
            shutil.rmtree(self.folder, ignore_errors=True)
        self.slots, self.pid = (), 0

    async def start(self) -> None:
        """See :meth:`start_blocking`. A cancelled start leaves nothing behind."""
        starting = asyncio.ensure_future(asyncio.to_thread(self.start_blocking))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait({starting})
            self.stop_blocking()
            raise

    async def restart(self) -> None:
        """See :meth:`restart_blocking`."""
        await asyncio.to_thread(self.restart_blocking)

    async def stop(self) -> None:
        """See :meth:`stop_blocking`."""
        await asyncio.shield(asyncio.to_thread(self.stop_blocking))

    async def __aenter__(self) -> PrivatePcscd:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    def __enter__(self) -> PrivatePcscd:
        self.start_blocking()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop_blocking()

    def _await_ready(self) -> None:
        report = self._hear()
        if report.get("port"):
            raise PortInUseError(report["error"], report["port"])
        if "error" in report:
            raise PcscdError(report["error"])
        self.folder = Path(report["folder"])
        self.socket = str(self.folder / "pcscd.comm")
        self.pid = report["pid"]
        self.slots = self._await_readers(report["ports"])

    def _hear(self) -> dict[str, Any]:
        """The next report of the keeper."""
        assert self._keeper is not None
        assert self._keeper.stdout is not None
        pipe = self._keeper.stdout.fileno()
        while b"\n" not in self._unread:
            ready, _, _ = select.select([pipe], [], [], START_LIMIT_S)
            if not ready:
                raise PcscdError(f"pcscd was not ready within {START_LIMIT_S:g} s")
            chunk = os.read(pipe, 65_536)
            if not chunk:
                raise PcscdError("the keeper of pcscd ended without a word: was it killed?")
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)

    def _await_readers(self, ports: list[int]) -> tuple[ReaderSlot, ...]:
        expected = SLOTS_A_DRIVER * len(ports)
        pause = threading.Event()
        names: list[str] = []
        for _ in range(int(START_LIMIT_S / LIST_PAUSE_S)):
            names = list_readers(self.socket)
            if len(names) == expected:
                break
            pause.wait(LIST_PAUSE_S)
        else:
            raise PcscdError(f"pcscd shows {len(names)} readers, not {expected}: {', '.join(names)}")
        slots: list[ReaderSlot] = []
        for index, port in enumerate(ports):
            own = sorted(name for name in names if name.startswith(f"{self._name} {launcher.letter(index)} "))
            slots += [ReaderSlot(name, HOST, port + number) for number, name in enumerate(own)]
        return tuple(slots[: self._cards])
