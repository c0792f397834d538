"""The bench of a load: a private PostgreSQL, all peers in one process, and the backend, for one city; taken down with
everything that it started, however the load ends."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.child import BenchFailed, Child
from protocols.wire.base import Label
from scenarios.backend import backend_peers, stand_backend
from scenarios.build import BenchError
from scenarios.load_model import LoadFile
from scenarios.postgres import PostgresError, PrivatePostgres
from simulators.peer.city import City

__all__ = ["LoadBench", "city_of", "ended_child", "stand_load_bench"]

PEERS = ("his", "insurance", "bank", "qr", "credential", "notify")
PEERS_LIMIT_S = 40.0
PEER_SEED = 1
"""Of the simulated services: their bills, balances and behaviour, which the drawing of guests computes too."""


@dataclass(frozen=True, slots=True)
class LoadBench:
    """A bench that stands. ``codes``: one-time enrolment codes by terminal; ``control``: the peers' control face;
    ``run_id`` tells this run's idempotency keys from those of any other; ``parts``: the first process of each part;
    ``broken()`` names a part that has ended before its time, with its last words."""

    url: str
    codes: Mapping[str, str]
    database: str
    control: str
    run_id: str
    parts: Mapping[str, int]
    broken: Callable[[], str] = lambda: ""
    peer_seed: int = PEER_SEED


def city_of(load: LoadFile) -> City:
    """The synthetic city of *load*."""
    return City(towns=load.towns, clinics=load.clinics, kiosks=load.kiosks)


@asynccontextmanager
async def ended_child(child: Child) -> AsyncIterator[Child]:
    """*child* as long as the block lasts; it is ended even while this task is being cancelled."""
    try:
        yield child
    finally:
        await asyncio.shield(asyncio.to_thread(child.end))


@asynccontextmanager
async def stand_load_bench(load: LoadFile, folder: Path, step: Callable[[Label], None]) -> AsyncIterator[LoadBench]:
    """Bring the bench of *load* up, and down again. *folder* gets settings and logs. Raises BenchFailed."""
    city = city_of(load)
    terminals = [each for each in (city.terminal(number) for number in range(1, load.kiosks + 1)) if each is not None]
    try:
        step(Label("立起 PostgreSQL", "PostgreSQL is coming up"))
        async with PrivatePostgres() as server:
            database = await server.create("onecard")
            step(Label("立起对端仿真", "the simulated peers are coming up"))
            async with ended_child(_peers(load, folder)) as child:
                said = await asyncio.to_thread(child.first_document, PEERS_LIMIT_S)
                peers = backend_peers(said["places"], said["files"])
                step(Label("立起后台，登记机构与终端", "the backend is coming up with institutions and terminals"))
                async with stand_backend(folder / "backend", peers, terminals, database=database, city=city) as (
                    backend,
                    codes,
                ):
                    parts = {"backend": backend.pid, "peers": child.pid, "postgres": server.pid}

                    def broken() -> str:
                        words = [] if backend.running else [f"backend: {backend.last_words()}"]
                        words += [] if child.exit_code is None else [f"peers: {child.last_words()}"]
                        return "; ".join(words)

                    yield LoadBench(backend.url, codes, database, said["control"], secrets.token_hex(4), parts, broken)
    except (BenchError, PostgresError) as error:
        raise BenchFailed(str(error)) from error


def _peers(load: LoadFile, folder: Path) -> Child:
    settings: dict[str, Any] = {"towns": load.towns, "clinics": load.clinics, "kiosks": load.kiosks}
    wish = json.dumps({"names": PEERS, "settings": settings, "seed": PEER_SEED})
    command = [sys.executable, "-m", "scenarios.peer_program", wish]
    return Child("peers", command, folder, folder / "peers.log", takes_end=True)
