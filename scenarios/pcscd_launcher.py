"""Keeper of one private pcscd. Run as a program by ``scenarios.pcscd``; standard library only.

It makes the folder, reserves the ports, starts the daemon, and stays with it. Its standard input is a pipe from the
parent: a line ``restart`` asks for a new daemon, the end of the pipe (the parent has closed it, or is dead, however it
died) takes daemon and folder away. Reports are JSON lines on standard output. The daemon itself dies with the keeper.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

PCSCD = Path("/usr/sbin/pcscd")
DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
USB_DRIVERS = Path("/usr/lib/pcsc/drivers")
RUN = Path("/run/pcscd")

FIRST_PORT, LAST_PORT = 20_000, 32_766
"""Below the ephemeral range of the kernel, where a port can be taken by any outgoing connection."""

PR_SET_PDEATHSIG, CLONE_NEWNS, MS_REC, MS_PRIVATE = 1, 0x0002_0000, 0x4000, 0x4_0000
READY_LIMIT_S, PAUSE_S = 10.0, 0.005
TERM_LIMIT_S = 1.0
WATCH_S = 0.5


class RefusedError(Exception):
    """The daemon cannot be started; ``port`` is the one in use, if that is why."""

    def __init__(self, why: str, port: int = 0) -> None:
        super().__init__(why)
        self.why, self.port = why, port


class EndedError(Exception):
    """The parent is gone or asks for the end."""


def say(**report: Any) -> None:
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the driver does: TIME_WAIT is no hindrance
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104 the driver binds all interfaces
        except OSError:
            return False
    return True


def letter(index: int) -> str:
    """The readers of one driver are told apart from those of the others by this letter."""
    return chr(ord("A") + index)


def reserve(port: int) -> socket.socket | None:
    """Hold *port* against other keepers on this machine: an abstract name vanishes with its process."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0onecard-hil-vpcd-{port}")
    except OSError:
        name.close()
        return None
    return name


class Keeper:
    """One folder, one set of ports, one daemon at a time."""

    def __init__(self, name: str, ports: list[int]) -> None:
        self.name = name
        self.parent = os.getppid()
        self.child = 0
        self.made_run = False
        self.holds: list[socket.socket] = []
        self.ports = [self.check(port) if port else port for port in ports]
        self.ports = [port or self.choose() for port in self.ports]
        self.folder = Path(tempfile.mkdtemp(prefix="onecard-pcscd-"))

    def choose(self) -> int:
        """The first of a pair of free ports; the search begins at a place of its own for each process."""
        span = (LAST_PORT - FIRST_PORT) // 2
        for step in range(span):
            port = FIRST_PORT + 2 * ((os.getpid() * 16 + step) % span)
            hold = reserve(port)
            if hold is None:
                continue
            if is_free(port) and is_free(port + 1):
                self.holds.append(hold)
                return port
            hold.close()
        raise RefusedError(f"no pair of free ports between {FIRST_PORT} and {LAST_PORT}")

    def check(self, port: int) -> int:
        """*port*, if it and its neighbour (the driver's second reader) are free."""
        hold = reserve(port)
        for each in (port, port + 1):
            if hold is None or not is_free(each):
                raise RefusedError(f"port {each} is in use on this machine: name another one, or none to choose", each)
        if hold is not None:
            self.holds.append(hold)
        return port

    def prepare(self) -> None:
        """The configuration: one copy of the driver for each pair, because copies of one file share their slots."""
        config = self.folder / "conf"
        config.mkdir()
        for index, port in enumerate(self.ports):
            driver = self.folder / f"libifdvpcd-{index}.so"
            shutil.copyfile(DRIVER, driver)
            driver.chmod(0o755)
            (config / f"{index}").write_text(
                f'FRIENDLYNAME "{self.name} {letter(index)}"\nDEVICENAME /dev/null:0x{port:04X}\n'
                f"LIBPATH {driver}\nCHANNELID 0x{port:04X}\n",
                encoding="ascii",
            )
        self.folder.chmod(0o755)  # clients of other users may reach the socket

    def spawn(self) -> None:
        public = self.folder / "pcscd.comm"
        public.unlink(missing_ok=True)
        door = socket.socket(socket.AF_UNIX)
        os.chdir(self.folder)
        door.bind(public.name)  # relative: a long temporary folder must not exceed the 107 bytes of a socket's name
        os.chdir("/")
        public.chmod(0o666)
        door.listen(16)
        if not RUN.is_dir():
            try:
                RUN.mkdir(mode=0o755)
                self.made_run = True
            except FileExistsError:
                pass
            except OSError as error:
                raise RefusedError(
                    f"{RUN} does not exist and cannot be made ({error.strerror}): run once as root"
                ) from error
        self.child = os.fork()
        if self.child == 0:
            try:
                self.become_daemon(door)
            finally:
                os._exit(127)
        door.close()
        self.await_ports()

    def become_daemon(self, door: socket.socket) -> None:
        """In the child: tie its life to the keeper's, hide what it must not touch, become pcscd."""
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # the keeper has one thread: no thread-death trap
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        self.hide(libc)
        log = os.open(self.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        null = os.open("/dev/null", os.O_RDONLY)
        socket_fd = os.dup(door.fileno())
        os.dup2(null, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.dup2(socket_fd, 3)  # dup2 makes it inheritable
        os.closerange(4, 256)
        environment = {"PATH": "/usr/sbin:/usr/bin", "LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
        os.execve(PCSCD, ["pcscd", "-f", "--error", "-c", str(self.folder / "conf")], environment)  # noqa: S606

    def hide(self, libc: ctypes.CDLL) -> None:
        """Where the machine allows it: the daemon's pid file is its own, and real USB readers stay with the system."""
        if libc.unshare(CLONE_NEWNS) != 0:
            return
        if libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
            return
        for place in (RUN, USB_DRIVERS):
            libc.mount(b"tmpfs", str(place).encode(), b"tmpfs", 0, b"mode=755,size=64k")

    def await_ports(self) -> None:
        wanted = {each for port in self.ports for each in (port, port + 1)}
        for _ in range(int(READY_LIMIT_S / PAUSE_S)):
            if self.child_ended():
                raise RefusedError(f"pcscd ended at once: {self.log()}")
            if wanted <= listening():
                return
            self.pause()
        missing = ", ".join(str(port) for port in sorted(wanted - listening()))
        raise RefusedError(f"pcscd does not serve port {missing}: {self.log()}")

    def pause(self) -> None:
        """A short wait that ends with the parent."""
        ready, _, _ = select.select([0], [], [], PAUSE_S)
        if ready and not os.read(0, 1):
            raise EndedError

    def log(self) -> str:
        lines = (self.folder / "log").read_text(errors="replace").splitlines()
        return " / ".join(lines[-4:]) or "it said nothing"

    def child_ended(self) -> bool:
        if self.child and os.waitpid(self.child, os.WNOHANG)[0]:
            self.child = 0
        return self.child == 0

    def supervise(self) -> str:
        """Stay until the parent wants something: ``restart`` or ``end``; ``died`` when the daemon went by itself."""
        while True:
            ready, _, _ = select.select([0], [], [], WATCH_S)
            if ready:
                line = os.read(0, 64)
                return "restart" if line.startswith(b"restart") else "end"
            if os.getppid() != self.parent:  # another process holds the pipe open after the parent's death
                return "end"
            if self.child_ended():
                return "died"

    def kill(self, gently: bool) -> None:
        if self.child_ended():
            return
        if gently:
            os.kill(self.child, signal.SIGTERM)
            for _ in range(int(TERM_LIMIT_S / PAUSE_S)):
                if self.child_ended():
                    return
                select.select([], [], [], PAUSE_S)
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)
        self.child = 0

    def run(self) -> int:
        self.prepare()
        while True:
            self.spawn()
            say(ready=True, folder=str(self.folder), pid=self.child, ports=self.ports)
            wish = self.supervise()
            if wish == "end":
                return 0
            if wish == "died":
                say(error=f"pcscd ended by itself: {self.log()}")
                return 1
            self.kill(gently=False)  # it may hang in an exchange, and then hears nothing

    def clean(self) -> None:
        self.kill(gently=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.made_run:
            with contextlib.suppress(OSError):  # somebody else may use it now
                RUN.rmdir()


def listening() -> set[int]:
    """TCP ports that somebody listens on (proc(5), state 0A)."""
    rows = Path("/proc/self/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return {int(row.split()[1].rpartition(":")[2], 16) for row in rows if row.split()[3] == "0A"}


def end_by_signal(number: int, frame: object) -> None:
    raise EndedError


def main() -> int:
    # The terminal's Ctrl-C is the parent's business: it closes the pipe when it has finished.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end_by_signal)
    wish = json.loads(sys.argv[1])
    keeper: Keeper | None = None
    try:
        keeper = Keeper(wish["name"], wish["ports"])
        return keeper.run()
    except EndedError:
        return 0
    except RefusedError as refusal:
        say(error=refusal.why, port=refusal.port)
        return 1
    except Exception:  # reported to the parent, which alone can show it
        say(error=traceback.format_exc())
        return 1
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if keeper is not None:
            keeper.clean()


if __name__ == "__main__":
    sys.exit(main())
