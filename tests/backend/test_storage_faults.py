"""Storage when things break: processes are killed, servers crash, connections go, files are locked."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from test_storage import attempt, trade, unlocked

from reference_impl.backend.settlement.rows import attempt_write, trade_write
from reference_impl.backend.storage import open_store
from reference_impl.backend.storage.errors import Fenced, StoreUnavailable
from reference_impl.backend.storage.store import Store, database_file, parsed_url
from scenarios.postgres import PrivatePostgres

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parent.parent}"}


async def until(condition: Callable[[], bool]) -> None:
    """Fails after a time that no machine needs."""
    for _ in range(6_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    pytest.fail("it never came about")


def ended(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


async def writer(url: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "writer_process.py"), url, stdout=subprocess.PIPE, env=ENVIRONMENT
    )


async def rows_of(store: Store) -> tuple[set[str], dict[str, int]]:
    """All trade numbers, and how many attempts each has."""
    async with store.engine.connect() as connection:
        trades = {row[0] for row in await connection.execute(text("SELECT trade_no FROM trades"))}
        counts = await connection.execute(text("SELECT trade_no, count(*) FROM attempts GROUP BY trade_no"))
        return trades, {row[0]: row[1] for row in counts}


async def heard(process: asyncio.subprocess.Process, lines: int) -> list[str]:
    assert process.stdout is not None
    return [(await process.stdout.readline()).decode().strip() for _ in range(lines)]


async def test_whatever_was_acknowledged_before_a_kill_is_there_and_nothing_is_half_there(database_url: str) -> None:
    acknowledged: set[str] = set()
    for round_number in range(1, 4):
        process = await writer(database_url)
        first, *numbers = await heard(process, 1 + 300 * round_number)
        assert first == f"epoch {round_number}"
        process.send_signal(signal.SIGKILL)
        assert process.stdout is not None
        rest = (await process.stdout.read()).decode()
        await process.wait()
        numbers += rest[: rest.rfind("\n") + 1].split()
        acknowledged.update(numbers)

    store = await open_store(database_url)
    trades, attempts = await rows_of(store)
    await store.aclose()
    assert store.epoch == 4
    assert len(acknowledged) >= 1800
    assert acknowledged <= trades
    assert attempts == dict.fromkeys(trades, 2)


async def test_a_standby_takes_over_from_a_killed_backend_and_from_no_living_one(database_url: str) -> None:
    first = await writer(database_url)
    assert await heard(first, 200)
    second = await writer(database_url)
    assert second.stdout is not None
    told = asyncio.create_task(second.stdout.readline())
    assert await heard(first, 2_000)
    assert not told.done()
    first.send_signal(signal.SIGKILL)
    await first.communicate()
    assert (await told).decode().strip() == "epoch 2"
    assert all(number.startswith("DG") for number in await heard(second, 100))
    second.send_signal(signal.SIGKILL)
    await second.communicate()


async def beside_a_sleeper(url: str) -> tuple[asyncio.subprocess.Process, Store]:
    """A writer that is asleep between two transactions, and a second one: within a transaction it would hold the database."""
    for _ in range(20):
        sleeper = await writer(url)
        await heard(sleeper, 300)
        sleeper.send_signal(signal.SIGSTOP)
        try:
            return sleeper, await unlocked(url)
        except StoreUnavailable:
            sleeper.kill()
            await sleeper.communicate()
    pytest.fail("it was within a transaction twenty times")


async def test_a_backend_that_was_asleep_during_the_takeover_writes_nothing_more(
    database_url: str, monkeypatch
) -> None:
    monkeypatch.setattr("reference_impl.backend.storage.sqlite.BUSY_LIMIT_S", 0.2)
    sleeper, other = await beside_a_sleeper(database_url)
    before, _ = await rows_of(other)
    sleeper.send_signal(signal.SIGCONT)
    assert sleeper.stdout is not None
    rest = (await sleeper.stdout.read()).decode().split()  # it ends by itself: fenced
    assert await sleeper.wait() == 1
    after, _ = await rows_of(other)
    await other.aclose()
    assert after == before
    assert set(rest) <= before


async def test_sqlite_waits_for_a_file_that_somebody_else_has_locked(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("reference_impl.backend.storage.sqlite.BUSY_LIMIT_S", 0.01)
    url = f"sqlite:///{tmp_path}/backend.db"
    store = await open_store(url)
    intruder = sqlite3.connect(database_file(parsed_url(url)), isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    commit = asyncio.create_task(store.commit([trade_write(trade(1))]))
    await until(lambda: store.away)
    assert not commit.done()
    intruder.execute("COMMIT")
    await commit
    assert not store.away
    assert await store.trade(trade(1).trade_no) == trade(1)
    intruder.close()
    await store.aclose()


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    server: PrivatePostgres = request.getfixturevalue("postgres_server")
    name = f"faults_{tmp_path.name}"
    return asyncio.run(server.create(name))


async def load(store: Store, first: int, count: int) -> None:
    async def one(number: int) -> None:
        made = trade(number)
        await store.commit([trade_write(made), attempt_write(attempt(made, 1))])

    await asyncio.gather(*(one(number) for number in range(first, first + count)))


async def test_commits_outlive_connections_that_are_cut(postgres_url: str) -> None:
    """All connections are cut again and again under load: every commit is answered, and is there once."""
    store = await open_store(postgres_url)
    cutter = await asyncpg.connect(postgres_url)
    loading = asyncio.create_task(load(store, 1, 400))
    for round_number in range(8):
        await cutter.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        await load(store, 1000 + 50 * round_number, 50)
        assert await store.trade(trade(1000 + 50 * round_number).trade_no) is not None
    await loading
    trades, attempts = await rows_of(store)
    assert len(trades) == 800
    assert set(attempts.values()) == {1}
    assert store.epoch == 1
    await cutter.close()
    await store.aclose()


async def test_commits_outlive_a_crash_of_the_server() -> None:
    with PrivatePostgres() as server:
        store = await open_store(await server.create("crashed"))
        loading = asyncio.create_task(load(store, 1, 3_000))
        await until(lambda: store.stats.commits >= 500)
        await server.crash()
        await loading
        trades, attempts = await rows_of(store)
        await store.aclose()
    assert len(trades) == 3_000
    assert set(attempts.values()) == {1}


async def test_a_writer_that_lost_its_connection_does_not_come_back_over_its_successor(postgres_url: str) -> None:
    first = await open_store(postgres_url)
    await load(first, 1, 1)
    standby = asyncio.create_task(open_store(postgres_url))
    cutter = await asyncpg.connect(postgres_url)
    await cutter.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", f"{first._name}-writer"
    )
    second = await standby
    with pytest.raises(Fenced):
        await load(first, 2, 1)
    await load(second, 3, 1)
    trades, _ = await rows_of(second)
    assert trades == {trade(1).trade_no, trade(3).trade_no}
    await cutter.close()
    await first.aclose()
    await second.aclose()


@pytest.mark.parametrize("whom", ["parent", "keeper"])
async def test_no_server_is_left_behind_by_a_kill(postgres_server: PrivatePostgres, whom: str) -> None:
    """*postgres_server* is asked for only so that this is skipped where there is none."""
    program = (
        "import sys, time\nfrom scenarios.postgres import PrivatePostgres\n"
        "with PrivatePostgres() as server:\n"
        "    print(server.pid, server._keeper.pid, flush=True)\n    sys.stdin.read()\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT
    )
    assert process.stdout is not None
    server, keeper = map(int, (await process.stdout.readline()).split())
    os.kill(process.pid if whom == "parent" else keeper, signal.SIGKILL)
    await until(lambda: ended(server))
    if whom == "keeper":
        process.stdin.close()  # type: ignore[union-attr]
    await process.wait()
