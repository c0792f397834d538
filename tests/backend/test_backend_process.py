"""The backend as it is started: one command line, one ready line, signals, exit codes, and a standby that takes over."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from forked_backend import ForkedProgram, forked

from reference_impl.backend.storage.postgres import PostgresStore
from reference_impl.backend.storage.sqlite import SqliteStore
from reference_impl.backend.storage.store import parsed_url

ROOT = Path(__file__).parent.parent.parent
PASSWORD = "Mountain-7-river"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


class Backend:
    """One process."""

    def __init__(self, process: asyncio.subprocess.Process | ForkedProgram) -> None:
        self.process = process
        self.ready: dict[str, Any] = {}

    async def wait_ready(self) -> None:
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            _, error = await self.process.communicate()
            pytest.fail(f"it ended with {self.process.returncode}: {error.decode()}")
        self.ready = json.loads(line)
        assert self.ready["ready"] is True

    async def end(self, number: int = signal.SIGTERM) -> tuple[int, list[dict[str, Any]]]:
        """Exit code and what it logged."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        _, error = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, [json.loads(line) for line in error.splitlines() if line.startswith(b"{")]


async def start(
    folder: Path, *arguments: str, stdin: bytes | None = None, anew: bool = False, **environment: str
) -> Backend:
    """*anew*: by its whole command line; forked from one that was loaded before otherwise."""
    if not anew:
        return Backend(await forked(folder, arguments, stdin, environment))
    return Backend(
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "reference_impl.backend", *arguments),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**ENVIRONMENT, **environment},
        )
    )


async def once(folder: Path, *arguments: str, **options: Any) -> tuple[int, str, str]:
    backend = await start(folder, *arguments, **options)
    out, error = await backend.process.communicate()
    assert backend.process.returncode is not None
    return backend.process.returncode, out.decode(), error.decode()


@asynccontextmanager
async def served(folder: Path, url: str, *arguments: str, anew: bool = False) -> AsyncIterator[Backend]:
    (folder / "password").write_text(PASSWORD + "\n")
    first = ("--first-administrator", "--password-file", "password")
    backend = await start(
        folder, "--database", url, "--keys-file", "keys", "--port", "0", *first, *arguments, anew=anew
    )
    try:
        await backend.wait_ready()
        yield backend
    finally:
        if backend.process.returncode is None:
            backend.process.kill()
            await backend.process.communicate()


async def asked(url: str, method: str, path: str, **options: Any) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.request(method, url + path, **options) as reply:
        return reply.status, await reply.json(content_type=None)


async def login(url: str) -> dict[str, str]:
    status, body = await asked(url, "POST", "/v1/admin/sessions", json={"user_id": "admin", "password": PASSWORD})
    assert status == 201, body
    return {"Authorization": f"Bearer {body['token']}"}


async def test_it_says_when_it_is_ready_serves_and_ends_when_told(tmp_path: Path, empty_database_url: str) -> None:
    async with served(tmp_path, empty_database_url, "--ready-file", "ready.json", anew=True) as backend:
        url = backend.ready["url"]
        assert url.startswith("http://127.0.0.1:")
        assert json.loads((tmp_path / "ready.json").read_text()) == backend.ready
        assert (await asked(url, "GET", "/healthz"))[1]["epoch"] == 1
        headers = await login(url)
        body = {"code": "441900001", "parent": "441900", "name": "模拟镇"}
        assert (await asked(url, "POST", "/v1/admin/institutions", json=body, headers=headers))[0] == 201
        code, logged = await backend.end()
        assert code == 0
        events = [line["event"] for line in logged]
        assert events[0] == "audit head"
        assert events[-1] == "stopped"
        assert PASSWORD not in json.dumps(logged)
        assert "模拟镇" not in json.dumps(logged, ensure_ascii=False)
    async with served(tmp_path, empty_database_url) as backend:
        headers = await login(backend.ready["url"])
        found = await asked(backend.ready["url"], "GET", "/v1/admin/institutions/441900001", headers=headers)
        assert found[1]["name"] == "模拟镇"
        assert backend.ready["epoch"] == 2


async def test_a_standby_serves_as_soon_as_the_first_is_killed(tmp_path: Path, database_url: str) -> None:
    async with served(tmp_path, database_url) as first:
        second = await start(tmp_path, "--database", database_url, "--keys-file", "keys", "--port", "0")
        assert second.process.stderr is not None
        line = json.loads(await second.process.stderr.readline())
        assert "standing by" in line["event"]
        refused = await once(tmp_path, "--database", database_url, "--keys-file", "keys", "--port", "0", "--no-wait")
        assert refused[0] == 1
        assert "another backend writes" in refused[2]
        first.process.send_signal(signal.SIGKILL)
        await second.wait_ready()
        assert second.ready["epoch"] == 2
        assert (await asked(second.ready["url"], "GET", "/healthz"))[1]["status"] == "ok"
        assert (await second.end(signal.SIGINT))[0] == 0


async def test_a_standby_can_be_stopped(tmp_path: Path, database_url: str) -> None:
    async with served(tmp_path, database_url):
        second = await start(tmp_path, "--database", database_url, "--keys-file", "keys", "--port", "0")
        assert second.process.stderr is not None
        await second.process.stderr.readline()
        assert (await second.end())[0] == 0


async def test_one_that_was_replaced_ends_by_itself(tmp_path: Path, database_url: str) -> None:
    async with served(tmp_path, database_url) as backend:
        parsed = parsed_url(database_url)
        kind = SqliteStore if parsed.get_backend_name() == "sqlite" else PostgresStore
        other = await kind.open(parsed, locked=False)
        status, body = await asked(
            backend.ready["url"], "POST", "/v1/admin/sessions", json={"user_id": "admin", "password": PASSWORD}
        )
        assert (status, body["code"], body["retry"]) == (503, "unavailable", True)
        _, error = await backend.process.communicate()
        assert backend.process.returncode == 3
        assert '"error": "Fenced"' in error.decode()
        await other.aclose()


async def test_a_reply_that_is_under_way_is_given_before_the_end(tmp_path: Path) -> None:
    body = json.dumps({"user_id": "admin", "password": PASSWORD}).encode()
    head = f"POST /v1/admin/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    async with served(tmp_path, f"sqlite:///{tmp_path}/x.db") as backend:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(backend.ready["url"]).port)
        writer.write(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert b" 100 " in await reader.readuntil(b"\r\n\r\n"), "from here on the request is being worked on"
        ending = asyncio.create_task(backend.end())
        await door_closed(backend.ready["url"])
        writer.write(body)
        assert b" 201 " in await reader.readline()
        assert (await ending)[0] == 0
        writer.close()


async def door_closed(url: str) -> None:
    """Until nobody is let in any more: the process has begun to end."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
        except ConnectionError:
            return
        writer.close()
        await asyncio.sleep(0.01)


async def test_an_administrator_is_made_and_restored_at_the_console(tmp_path: Path, database_url: str) -> None:
    place = ("--database", database_url, "--keys-file", "keys")
    code, out, _ = await once(tmp_path, "administrator", "--user", "chief", *place)
    made = json.loads(out)
    assert (code, made["user_id"], made["institution"]) == (0, "chief", "441900")
    assert len(made["first_password"]) > 20
    given = ("administrator", "--user", "chief", *place, "--password-file", "-")
    code, out, _ = await once(tmp_path, *given, stdin=f"{PASSWORD}\n".encode())
    assert (code, json.loads(out)) == (0, {"user_id": "chief", "institution": "441900"})
    code, out, error = await once(tmp_path, *given, stdin=b"weak\n")
    assert (code, out) == (1, "")
    assert "10 to 128 characters" in error
    code, out, _ = await once(tmp_path, "verify-audit", *place)
    assert (code, json.loads(out)["broken_at"]) == (0, 0)


async def test_the_document_is_printed(tmp_path: Path) -> None:
    code, out, _ = await once(tmp_path, "openapi", "--database", "sqlite:///x.db", "--keys-file", "keys")
    assert code == 0
    assert json.loads(out)["openapi"].startswith("3.")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--settings", "absent.yaml"), 2, "absent.yaml"),
        (("--settings", "wrong.yaml"), 2, "listen.prot"),
        (("--database", "mysql://u:geheim@h/d"), 2, "sqlite:///"),
        (("--port", "70000"), 2, "listen.port"),
        (("--first-administrator",), 2, "--password-file"),
        (("fly",), 2, "serve"),
        (("--database", "postgresql://u:geheim@127.0.0.1:1/d"), 1, "127.0.0.1:1"),
        (("--keys-file", "open.keys"), 1, "chmod 600"),
        (("--database", "sqlite:///wrong.yaml"), 1, "wrong.yaml"),
    ],
)
async def test_what_cannot_be_is_refused_with_the_remedy(
    tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    (tmp_path / "wrong.yaml").write_text("listen: {prot: 1}\n" * 1 + "# " + "x" * 200)
    (tmp_path / "open.keys").write_text("{}")
    (tmp_path / "open.keys").chmod(0o644)
    found = await once(tmp_path, *arguments)
    assert found[0] == code
    assert found[1] == ""
    assert words in found[2]
    assert "geheim" not in found[2]
    assert "Traceback" not in found[2]


async def test_a_database_written_with_other_keys_is_refused(tmp_path: Path, database_url: str) -> None:
    place = ("verify-audit", "--database", database_url, "--keys-file")
    assert (await once(tmp_path, *place, "keys"))[0] == 0
    code, _, error = await once(tmp_path, *place, "other.keys")
    assert code == 1
    assert "keys_file" in error


async def test_settings_come_from_file_and_environment(tmp_path: Path) -> None:
    (tmp_path / "backend.yaml").write_text("database: sqlite:///file.db\nkeys_file: k\nlisten: {port: 1}\n")
    backend = await start(tmp_path, "--settings", "backend.yaml", ONECARD_BACKEND_LISTEN__PORT="0")
    await backend.wait_ready()
    assert (await backend.end())[0] == 0
    assert [(tmp_path / name).stat().st_size > 0 for name in ("file.db", "k")] == [True, True]
