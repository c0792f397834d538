"""Keeper of one private PostgreSQL. Run as a program by ``scenarios.postgres``; standard library only.

It makes the cluster, starts the server, and stays with it. Its standard input is a pipe from the parent: the line ``crash``
kills every process of the server and starts it again, as a power cut would; the end of the pipe (the parent has closed it,
or is dead, however it died) takes server and folder away. Reports are JSON lines on standard output. The server itself dies
with the keeper. Started as root, it gives the server to the user ``postgres``: the server refuses to be root.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pwd
import re
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
FOLDERS = ("/usr/lib/postgresql", "/usr/pgsql", "/usr/local/pgsql", "/opt/homebrew/opt")
SERVICE_USER = "postgres"
ADMINISTRATOR = "onecard"
READY_LIMIT_S, PAUSE_S, WATCH_S = 30.0, 0.01, 0.5
STOP_LIMIT_S = 5.0


class RefusedError(Exception):
    """The server cannot be started; the text says why."""


class EndedError(Exception):
    """The parent is gone or asks for the end."""


def say(**report: Any) -> None:
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


def binaries() -> Path | None:
    """The folder with initdb and postgres of the newest version that is installed; None where there is none."""
    found = [
        each for folder in FOLDERS for each in Path(folder).glob("*/bin/initdb") if each.with_name("postgres").exists()
    ]
    found += [Path(each) for each in [shutil.which("initdb")] if each and Path(each).with_name("postgres").exists()]
    if not found:
        return None
    return max(found, key=lambda each: int((re.findall(r"\d+", str(each.parent)) or ["0"])[0])).parent


def service_user() -> pwd.struct_passwd | None:
    """Who the server runs as; None where root has nobody to give it to."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SERVICE_USER)
    return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Keeper:
    """One folder, one cluster, one server at a time."""

    def __init__(self, port: int, settings: dict[str, str]) -> None:
        found, user = binaries(), service_user()
        if found is None:
            raise RefusedError("PostgreSQL is not installed: apt-get install postgresql")
        if user is None:
            raise RefusedError(
                f"the server may not run as root and there is no user {SERVICE_USER}: apt-get install postgresql"
            )
        self.binaries, self.user, self.settings = found, user, settings
        self.port = port or free_port()
        self.parent = os.getppid()
        self.password = secrets.token_hex(16)
        self.child = 0
        self.folder = Path(tempfile.mkdtemp(prefix="onecard-postgres-"))
        self.data = self.folder / "data"
        if os.geteuid() == 0:
            os.chown(self.folder, user.pw_uid, user.pw_gid)

    def become_user(self) -> None:
        """In a child: be the server's user, and die with the keeper (the kernel forgets that wish when the user changes)."""
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)

    def environment(self) -> dict[str, str]:
        return {"PATH": f"{self.binaries}:/usr/bin:/bin", "HOME": str(self.folder), "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def make(self) -> None:
        """The cluster: anybody who can enter the folder may come by the socket, others need the password."""
        secret = self.folder / "password"
        secret.write_text(self.password, encoding="ascii")
        os.chown(secret, self.user.pw_uid, self.user.pw_gid)
        command = [str(self.binaries / "initdb"), "-D", str(self.data), "-U", ADMINISTRATOR, "-E", "UTF8", "--no-sync"]
        command += ["--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={secret}"]
        done = subprocess.run(  # noqa: S603 our own arguments, no shell
            command,
            env=self.environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            preexec_fn=self.become_user,
        )
        if done.returncode:
            raise RefusedError(f"initdb failed: {done.stderr.strip().splitlines()[-1:]}")
        secret.unlink()

    def spawn(self) -> None:
        wishes = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "max_connections": "100",
            "shared_buffers": "64MB",
            "logging_collector": "off",
            "autovacuum_naptime": "10s",
            **self.settings,
        }
        command = [str(self.binaries / "postgres"), "-D", str(self.data)]
        command += [part for name, value in wishes.items() for part in ("-c", f"{name}={value}")]
        self.child = os.fork()
        if self.child == 0:
            try:
                self.become_server(command)
            finally:
                os._exit(127)
        self.await_ready()

    def become_server(self, command: list[str]) -> None:
        os.setsid()  # one group: a crash reaches every process of the server
        log = os.open(self.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.closerange(3, 256)
        os.chdir("/")
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self.become_user()
        os.execve(command[0], command, self.environment())  # noqa: S606

    def await_ready(self) -> None:
        """The server writes its state into the eighth line of its pid file."""
        state = self.data / "postmaster.pid"
        for _ in range(int(READY_LIMIT_S / PAUSE_S)):
            if self.child_ended():
                raise RefusedError(f"the server ended at once: {self.log()}")
            with contextlib.suppress(OSError):
                lines = state.read_text(encoding="ascii").splitlines()
                if len(lines) >= 8 and lines[0] == str(self.child) and lines[7].strip() == "ready":
                    return
            self.pause()
        raise RefusedError(f"the server was not ready within {READY_LIMIT_S:g} s: {self.log()}")

    def pause(self) -> None:
        """A short wait that ends with the parent."""
        ready, _, _ = select.select([0], [], [], PAUSE_S)
        if ready and not os.read(0, 1):
            raise EndedError

    def log(self) -> str:
        try:
            lines = (self.folder / "log").read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return " / ".join(lines[-4:]) or "it said nothing"

    def child_ended(self) -> bool:
        if self.child and os.waitpid(self.child, os.WNOHANG)[0]:
            self.child = 0
        return self.child == 0

    def supervise(self) -> str:
        """Stay until the parent wants something: ``crash`` or ``end``; ``died`` when the server went by itself."""
        while True:
            ready, _, _ = select.select([0], [], [], WATCH_S)
            if ready:
                line = os.read(0, 64)
                return "crash" if line.startswith(b"crash") else "end"
            if os.getppid() != self.parent:  # another process holds the pipe open after the parent's death
                return "end"
            if self.child_ended():
                return "died"

    def crash(self) -> None:
        """Every process of the server at once, without a word."""
        group = self.child
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        if not self.child_ended():
            os.waitpid(self.child, 0)
            self.child = 0
        for _ in range(
            int(STOP_LIMIT_S / PAUSE_S)
        ):  # its children are orphans now: the next server waits for their end
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                break
            select.select([], [], [], PAUSE_S)

    def run(self) -> int:
        self.make()
        while True:
            self.spawn()
            say(ready=True, folder=str(self.folder), pid=self.child, port=self.port, password=self.password)
            wish = self.supervise()
            if wish == "end":
                return 0
            if wish == "died":
                say(error=f"the server ended by itself: {self.log()}")
                return 1
            self.crash()

    def clean(self) -> None:
        if not self.child_ended():
            os.kill(self.child, signal.SIGINT)  # fast: clients are cut off, nothing is lost
            for _ in range(int(STOP_LIMIT_S / PAUSE_S)):
                if self.child_ended():
                    break
                select.select([], [], [], PAUSE_S)
            else:
                self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)


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
        keeper = Keeper(wish["port"], wish["settings"])
        return keeper.run()
    except EndedError:
        return 0
    except RefusedError as refusal:
        say(error=str(refusal))
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
