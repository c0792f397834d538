"""A PostgreSQL of one's own for tests, benches and load: own cluster, own socket and port, own folder.

``PrivatePostgres`` starts a keeper process (``postgres_launcher.py``), which makes and starts the server and takes it away
with its folder as soon as this process closes its pipe: at the end, after a failure, after Ctrl-C, and when it is killed.
The server runs with its own defaults for durability: what it says it has committed is on the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scenarios import postgres_launcher as launcher

__all__ = ["PostgresError", "PrivatePostgres", "missing"]

START_LIMIT_S = 60.0
STOP_LIMIT_S = 15.0
FIRST_DATABASE = "postgres"
HOST = "127.0.0.1"


class PostgresError(RuntimeError):
    """The private PostgreSQL could not be started or has ended; the text says what to do."""


def missing() -> list[str]:
    """What this machine lacks for a private PostgreSQL, as Debian packages. Empty when all is there."""
    return [] if launcher.binaries() is not None and launcher.service_user() is not None else ["postgresql"]


class PrivatePostgres:
    """A PostgreSQL server on 127.0.0.1. ``async with`` or ``with``, or start and stop by hand.

    *port* 0 chooses a free one. *settings* are parameters of the server (``{"max_connections": "300"}``). After the start,
    ``pid`` is the server's process and :meth:`url` leads to a database of it. Raises :class:`PostgresError`.
    """

    def __init__(self, *, port: int = 0, settings: Mapping[str, str] | None = None) -> None:
        self._wish = json.dumps({"port": port, "settings": dict(settings or {})})
        self._keeper: subprocess.Popen[bytes] | None = None
        self._unread = b""
        self._password = ""
        self.folder = Path()
        self.port = 0
        self.pid = 0

    def url(self, database: str = FIRST_DATABASE, *, tcp: bool = False) -> str:
        """Where *database* is: by the socket in the private folder, or over TCP with the password."""
        if tcp:
            return f"postgresql://{launcher.ADMINISTRATOR}:{self._password}@{HOST}:{self.port}/{database}"
        return f"postgresql://{launcher.ADMINISTRATOR}@/{database}?host={quote(str(self.folder), safe='')}&port={self.port}"

    async def create(self, database: str, *, template: str = "") -> str:
        """A new database, empty or a copy of the database *template*, to which nobody may be connected; gives its URL."""
        # Copying files takes a fifth of the time that logging every page does (measured).
        source = f' TEMPLATE "{template}" STRATEGY FILE_COPY' if template else ""
        await self._administer(f'CREATE DATABASE "{database}"{source}')
        return self.url(database)

    async def drop(self, database: str) -> None:
        """Remove a database, with whoever is connected to it."""
        await self._administer(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def start_blocking(self) -> None:
        """Make the cluster, start the server and wait until it takes connections."""
        if self._keeper is not None:
            raise PostgresError("this PostgreSQL is already running")
        lacks = missing()
        if lacks:
            raise PostgresError(f"no PostgreSQL on this machine: apt-get install {' '.join(lacks)}")
        self._unread = b""
        self._keeper = subprocess.Popen(  # noqa: S603 our own program, no shell
            [sys.executable, "-I", "-S", launcher.__file__, self._wish],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C of the terminal reaches this process only
        )
        try:
            self._await_ready()
        except BaseException:
            self.stop_blocking()
            raise

    def crash_blocking(self) -> None:
        """Kill every process of the server at once and start it again on the same files, port and socket."""
        if self._keeper is None or self._keeper.stdin is None:
            raise PostgresError("this PostgreSQL is not running")
        with contextlib.suppress(BrokenPipeError):  # the keeper has ended: what it said is read below
            self._keeper.stdin.write(b"crash\n")
            self._keeper.stdin.flush()
        self._await_ready()

    def stop_blocking(self) -> None:
        """Take server and folder away. Safe to call again."""
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
            keeper.kill()  # the server dies with it
            keeper.wait()
        if self.folder != Path():  # a keeper that was killed could not clean up
            shutil.rmtree(self.folder, ignore_errors=True)
        self.pid = 0

    async def start(self) -> None:
        """See :meth:`start_blocking`. A cancelled start leaves nothing behind."""
        starting = asyncio.ensure_future(asyncio.to_thread(self.start_blocking))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait({starting})
            self.stop_blocking()
            raise

    async def crash(self) -> None:
        """See :meth:`crash_blocking`."""
        await asyncio.to_thread(self.crash_blocking)

    async def stop(self) -> None:
        """See :meth:`stop_blocking`."""
        await asyncio.shield(asyncio.to_thread(self.stop_blocking))

    async def __aenter__(self) -> PrivatePostgres:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    def __enter__(self) -> PrivatePostgres:
        self.start_blocking()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop_blocking()

    async def _administer(self, statement: str) -> None:
        import asyncpg  # costly to import, and most users of benches never get here

        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _await_ready(self) -> None:
        report = self._hear()
        if "error" in report:
            raise PostgresError(report["error"])
        self.folder = Path(report["folder"])
        self.pid, self.port, self._password = report["pid"], report["port"], report["password"]

    def _hear(self) -> dict[str, Any]:
        """The next report of the keeper."""
        assert self._keeper is not None
        assert self._keeper.stdout is not None
        pipe = self._keeper.stdout.fileno()
        while b"\n" not in self._unread:
            ready, _, _ = select.select([pipe], [], [], START_LIMIT_S)
            if not ready:
                raise PostgresError(f"PostgreSQL was not ready within {START_LIMIT_S:g} s")
            chunk = os.read(pipe, 65_536)
            if not chunk:
                raise PostgresError("the keeper of PostgreSQL ended without a word: was it killed?")
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)
