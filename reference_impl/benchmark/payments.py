"""``python -m reference_impl.benchmark.payments``: settled payments a second on both databases, beside the same invariants
written the textbook way and beside what the database commits by itself. Prints; asserts nothing.

All candidates get the same requests through the same ASGI application server, without a socket, so what is compared is what each
makes of them. A payment is opened, quoted, pressed and paid: five legs, each durable before it is sent and after it was heard. The
textbook runs with the number of connections that is best for it. The rate of the database is that of the least durable thing that one
could do: one small row in a transaction of its own, again with the best number of connections.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import asyncpg
from fastapi import FastAPI, Header
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from protocols.clock import UnixClock, cpu_seconds, stopwatch_s
from reference_impl.backend.numbers import TradeNumbers
from reference_impl.backend.settlement.channel import Secrets
from reference_impl.backend.settlement.engine import Engine
from reference_impl.backend.settlement.model import TradeKind, TradeState
from reference_impl.backend.settlement.rules import Rules
from reference_impl.backend.settlement.trade_store import OpenTrade
from reference_impl.backend.storage import open_store
from reference_impl.backend.storage.store import parsed_url
from reference_impl.benchmark.asgi import call
from reference_impl.benchmark.instant import instant_channels
from reference_impl.benchmark.textbook import OpenRequest, PayRequest, TradeReply, build_textbook

__all__ = ["main", "measure"]

AT_ONCE = 64
CONNECTIONS = (1, 4, 16)
COMMITS = 1_500
WAIT_S = 30.0
COMMIT_TABLE = "CREATE TABLE IF NOT EXISTS benchmark_rows (id INTEGER PRIMARY KEY, value TEXT)"


def build_engine_app(engine: Engine) -> FastAPI:
    """The engine behind the two requests that the textbook takes."""
    app = FastAPI()

    @app.post("/trades", status_code=201)
    async def open_trade(wanted: OpenRequest, idempotency_key: Annotated[str, Header()]) -> TradeReply:
        terms = {"bill_ids": wanted.bill_ids}
        trade = await engine.open(
            OpenTrade(
                kind=TradeKind.BILL,
                key=idempotency_key,
                request_hash="",
                terminal_id=wanted.terminal_id,
                institution=wanted.institution,
                patient_id=wanted.patient_id,
                total_fen=wanted.total_fen,
                insured=True,
                terms=terms,
            )
        )
        return await _until(engine, trade.trade_no, TradeState.AWAITING)

    @app.post("/trades/{trade_no}/pay", status_code=202)
    async def pay(trade_no: str, wanted: PayRequest) -> TradeReply:
        await engine.pay(trade_no, wanted.method, f"{trade_no}-1", Secrets())
        return await _until(engine, trade_no, TradeState.PAID)

    return app


async def _until(engine: Engine, trade_no: str, state: TradeState) -> TradeReply:
    trade = await engine.wait(trade_no, lambda each: each.state is state, WAIT_S)
    assert trade is not None
    cash = trade.split.cash_fen if trade.split else None
    return TradeReply(trade_no=trade_no, state=trade.state.value, total_fen=trade.total_fen, cash_fen=cash)


async def _paid(app: FastAPI, count: int) -> float:
    """Payments a second through *app*. Raises AssertionError for one that is not paid."""
    numbers = iter(range(count))

    async def citizen() -> None:
        for number in numbers:
            body = {
                "terminal_id": f"KSK-{number % 550:05d}",
                "institution": "H44190000001",
                "patient_id": f"P{number:08d}",
                "total_fen": 12_560,
                "bill_ids": [f"B{number}"],
            }
            status, told = await call(app, "POST", "/trades", body, {"idempotency-key": f"key-{number:08d}"})
            assert (status, told["state"]) == (201, "awaiting"), told
            status, told = await call(app, "POST", f"/trades/{told['trade_no']}/pay", {"method": "wechat"})
            assert (status, told["state"]) == (202, "paid"), told

    begun = stopwatch_s()
    await asyncio.gather(*(citizen() for _ in range(AT_ONCE)))
    return count / (stopwatch_s() - begun)


async def engine_rate(url: str, count: int) -> dict[str, float]:
    """Of our engine, with its CPU time a payment and how many commits shared a transaction."""
    store = await open_store(url)
    engine = Engine(store, instant_channels(), Rules(), UnixClock(), TradeNumbers(store.epoch))
    try:
        cpu = cpu_seconds()
        rate = await _paid(build_engine_app(engine), count)
        return {
            "per_s": rate,
            "cpu_ms": (cpu_seconds() - cpu) * 1000 / count,
            "commits_a_transaction": store.stats.commits / max(store.stats.groups, 1),
        }
    finally:
        await engine.aclose()
        await store.aclose()


async def textbook_rate(url: str, count: int, connections: int) -> float:
    engine = _orm_engine(url, connections)
    try:
        return await _paid(build_textbook(engine, UnixClock(), f"{connections:05d}"), count)
    finally:
        await engine.dispose()


def _orm_engine(url: str, connections: int) -> AsyncEngine:
    """With the durability of the engine's own store."""
    parsed = parsed_url(url)
    if parsed.get_backend_name() == "postgresql":
        return create_async_engine(
            parsed.set(drivername="postgresql+asyncpg"), pool_size=connections, max_overflow=0, pool_timeout=WAIT_S
        )
    engine = create_async_engine(
        parsed.set(drivername="sqlite+aiosqlite"),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=10 * WAIT_S,
        connect_args={"timeout": WAIT_S, "isolation_level": None},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _durable(connection: Any, _: Any) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            connection.cursor().execute(f"PRAGMA {pragma}")

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # two readers that become writers would stop each other

    return engine


async def commit_rate(url: str, connections: int) -> float:
    """One small row a transaction, through the plain driver."""
    if url.startswith("sqlite"):
        return await asyncio.to_thread(_sqlite_commits, url.removeprefix("sqlite:///")) if connections == 1 else 0.0
    pool = await asyncpg.create_pool(url, min_size=connections, max_size=connections)
    try:
        await pool.execute(COMMIT_TABLE)
        await pool.execute("TRUNCATE benchmark_rows")
        numbers = iter(range(COMMITS))

        async def writer() -> None:
            async with pool.acquire() as connection:
                for number in numbers:
                    await connection.execute("INSERT INTO benchmark_rows VALUES ($1, $2)", number, "row")

        begun = stopwatch_s()
        await asyncio.gather(*(writer() for _ in range(connections)))
        return COMMITS / (stopwatch_s() - begun)
    finally:
        await pool.close()


def _sqlite_commits(file: str) -> float:
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(COMMIT_TABLE)
        connection.execute("DELETE FROM benchmark_rows")
        begun = stopwatch_s()
        for number in range(COMMITS):
            connection.execute("INSERT INTO benchmark_rows VALUES (?, ?)", (number, "row"))
        return COMMITS / (stopwatch_s() - begun)
    finally:
        connection.close()


async def measure(fresh: Callable[[str], Awaitable[str]], count: int) -> dict[str, Any]:
    """*fresh* gives the URL of a new, empty database for a name. The textbook gets a third of the payments."""
    ours = await engine_rate(await fresh("ours"), count)
    textbook: dict[int, float] = {}
    for connections in CONNECTIONS:
        url = await fresh(f"textbook{connections}")
        await _migrated(url)
        textbook[connections] = await textbook_rate(url, max(count // 3, 1), connections)
    url = await fresh("commits")
    commits = {connections: await commit_rate(url, connections) for connections in CONNECTIONS}
    best = max(textbook, key=lambda each: textbook[each])
    return {
        "payments_per_s": round(ours["per_s"], 1),
        "cpu_ms_a_payment": round(ours["cpu_ms"], 2),
        "commits_a_transaction": round(ours["commits_a_transaction"], 1),
        "textbook_per_s": round(textbook[best], 1),
        "textbook_connections": best,
        "database_commits_per_s": round(max(commits.values()), 1),
        "times_the_textbook": round(ours["per_s"] / textbook[best], 2),
        "payments_per_commit": round(ours["per_s"] / max(commits.values()), 3),
    }


async def _migrated(url: str) -> None:
    """The tables as every backend has them."""
    await (await open_store(url)).aclose()


async def _main(options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="onecard-payments-") as folder:

        async def on_sqlite(name: str) -> str:
            return f"sqlite:///{Path(folder) / name}.db"

        found["sqlite"] = await measure(on_sqlite, options.payments)
    if options.postgresql:
        administrator = options.postgresql

        async def on_postgresql(name: str) -> str:
            connection = await asyncpg.connect(administrator)
            try:
                await connection.execute(f'DROP DATABASE IF EXISTS "payments_{name}"')
                await connection.execute(f'CREATE DATABASE "payments_{name}"')
            finally:
                await connection.close()
            return str(parsed_url(administrator).set(database=f"payments_{name}").render_as_string(hide_password=False))

        found["postgresql"] = await measure(on_postgresql, options.payments)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m reference_impl.benchmark.payments", description=__doc__)
    parser.add_argument("--payments", type=int, default=2_000, help="多少笔 / how many")
    parser.add_argument(
        "--postgresql", metavar="URL", help="可建库的 PostgreSQL / a server on which databases may be made"
    )
    sys.stdout.write(json.dumps(asyncio.run(_main(parser.parse_args(arguments))), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
