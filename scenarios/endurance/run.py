"""Stands everything, kills at random, waits until nothing is open any more, reads all books.

Each peer, the backend and each kiosk is a process of its own, killed with SIGKILL and started again at once by its keeper, as an
operator's supervisor would. Who dies next, and when, comes from the seed; what they are doing then does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from protocols.clock import UnixClock
from protocols.seeded import SeededChoice
from scenarios.backend import backend_peers, write_backend_files
from scenarios.books import BooksUnreadable, money_note, undecided
from scenarios.build import BenchError
from scenarios.endurance.kiosk import EnduranceKiosk
from scenarios.endurance.model import PARTIES, EnduranceNews, EnduranceResult, EnduranceWish
from scenarios.forked import Forked, Nursery
from simulators.peer.city import City, Terminal

__all__ = ["run_endurance"]

PEER_PROGRAM, BACKEND_PROGRAM, KIOSK_PROGRAM = (
    "scenarios.peer_program",
    "reference_impl.backend.__main__",
    "reference_impl.kiosk.__main__",
)
LOADED_ONCE = "reference_impl.backend.process"
"""What the backend's command line loads when it has made sense of itself, and every fork would load again."""
PEERS = ("his", "insurance", "bank", "qr", "credential", "notify")
LIMIT_S = 6.0
"""How long bank and insurance are waited for: shorter than in the field, so that a run sees many waits end."""
START_LIMIT_S = 60.0
LOOK_S = 0.5
WEIGHTS = {"backend": 3, "kiosk": 3}
POLICY = {"citizen_s": 25.0}


class _Standing:
    """A server process under a keeper: killed, it comes back to the same ports. ``said`` is its first line."""

    def __init__(self, name: str, start: Callable[[_Standing], Any]) -> None:
        self.name, self._start = name, start
        self.said: dict[str, Any] = {}
        self.ready = asyncio.Event()
        self.process: Forked | None = None
        self.starts = 0
        self.stopping = False

    def hear(self, line: str) -> None:
        if self.ready.is_set():
            return
        with contextlib.suppress(ValueError):
            said = json.loads(line)
            if "places" in said or said.get("ready"):
                self.said = said
                self.ready.set()

    async def keep(self) -> None:
        while not self.stopping:
            self.ready.clear()
            self.starts += 1
            process = self.process = await self._start(self)
            code = await asyncio.shield(process.ended)
            if not self.stopping and code >= 0:
                raise BenchError(f"{self.name} ended by itself with code {code}: {process.last_words()}")

    def kill(self) -> bool:
        if self.process is None or self.process.ended.done():
            return False
        self.process.kill()
        return True


class _Run:
    def __init__(self, wish: EnduranceWish, folder: Path, on_news: Callable[[EnduranceNews], None]) -> None:
        self.wish, self.folder, self._on_news = wish, folder, on_news
        self.city, self.clock = City(), UnixClock()
        self.begun = self.clock.now()
        self.database = f"sqlite:///{folder / 'backend' / 'backend.db'}" if wish.database == "sqlite" else wish.database
        self.servers: dict[str, _Standing] = {}
        self.kiosks: list[EnduranceKiosk] = []
        self.struck: Counter[str] = Counter()
        self.midway = 0
        self.news = EnduranceNews("starting", of=wish.kills)

    def tell(self, step: str = "", last: str = "") -> None:
        self.news = replace(
            self.news,
            step=step or self.news.step,
            t_s=self.clock.now() - self.begun,
            kills=sum(self.struck.values()),
            visits=sum(each.visits for each in self.kiosks),
            paid=sum(said == "paid" for each in self.kiosks for _, said in each.claims),
            undecided=sum(each.undecided for each in self.kiosks),
            last=last or self.news.last,
        )
        self._on_news(self.news)

    # Standing.

    async def peer(self, nursery: Nursery, name: str) -> _Standing:
        ports: dict[str, int] = {}

        async def start(standing: _Standing) -> Forked:
            if standing.said and not ports:
                ports.update(_ports(standing.said))
            wish = {
                "names": [name],
                "ports": {key: port for key, port in ports.items() if key != "control"},
                "control_port": ports.get("control", 0),
                "journal": str(self.folder / "peers"),
                "settings": {"endless": True} if name == "his" else {},
                "seed": self.wish.seed,
            }
            log = self.folder / f"{name}.log"
            return await nursery.fork(PEER_PROGRAM, [json.dumps(wish)], self.folder, log, standing.hear)

        return _Standing(name, start)

    async def backend(self, nursery: Nursery, terminals: list[Terminal]) -> _Standing:
        home = self.folder / "backend"
        places = {name: self.servers[name].said["places"][name] for name in PEERS}
        files = {name: url for each in self.servers.values() for name, url in each.said["files"].items()}
        await write_backend_files(
            home,
            backend_peers(places, files),
            terminals,
            database=self.database,
            limit_s=LIMIT_S,
            settings={"policy": POLICY},
        )

        async def start(standing: _Standing) -> Forked:
            port = standing.said["url"].rpartition(":")[2] if standing.said else "0"
            arguments = ["serve", "--settings", str(home / "settings.yaml"), "--port", port]
            if not standing.said:
                arguments += ["--plan", str(home / "plan.json"), "--codes", str(home / "codes.json")]
            return await nursery.fork(BACKEND_PROGRAM, arguments, home, self.folder / "backend.log", standing.hear)

        return _Standing("backend", start)

    # Killing.

    async def kill_all(self, nursery: Nursery) -> None:
        choice = SeededChoice(self.wish.seed, "endurance")
        async with asyncio.timeout(START_LIMIT_S):
            await asyncio.gather(*(each.served.wait() for each in self.kiosks))
        table = [party for party in PARTIES for _ in range(WEIGHTS.get(party, 1))]
        self.tell("killing")
        while sum(self.struck.values()) < self.wish.kills:
            await asyncio.sleep(choice.between(self.wish.pause_s, 2 * self.wish.pause_s))
            party = choice.one_of(table)
            busy = sum(not each.idle and not each.ended for each in self.kiosks)
            if party == "kiosk":
                kiosk = choice.one_of(self.kiosks)
                if kiosk.ended:
                    continue
                kiosk.kill()
            elif not self.servers[party].kill():
                continue
            self.struck[party] += 1
            self.midway += busy > 0
            self.tell(last=party)

    async def keep_kiosk(self, kiosk: EnduranceKiosk, nursery: Nursery) -> None:
        backend = self.servers["backend"]
        while True:
            await backend.ready.wait()
            await kiosk.start(nursery, backend.said["url"])
            code = await kiosk.wait()
            if code not in (-9, 3):  # 3: the platform did not answer when it started
                raise BenchError(f"{kiosk.terminal.terminal_id} ended by itself with code {code}: {kiosk.last_words}")
            if code == 3:
                await asyncio.sleep(0.5)

    # Settling.

    async def settle(self) -> tuple[int, int, float]:
        """Until nothing is open any more: trades and attempts left, promises of kiosks left, seconds."""
        for each in self.kiosks:
            each.stopping = True
        begun = self.clock.now()
        self.tell("settling")
        left, promised = 1, 1
        while self.clock.now() - begun < self.wish.settle_limit_s:
            await asyncio.sleep(LOOK_S)
            if any(not each.idle for each in self.kiosks):
                self._wake_idle()
                self.tell()
                continue
            with contextlib.suppress(BooksUnreadable):
                left = await undecided(self.database)
            promised = sum(each.undecided for each in self.kiosks)
            self.news = replace(self.news, undecided=left)
            self.tell()
            if left == 0 and promised == 0:
                break
        return left, promised, self.clock.now() - begun

    def _wake_idle(self) -> None:
        for each in self.kiosks:
            each.tell_to_leave()


def _ports(said: dict[str, Any]) -> dict[str, int]:
    ports = {name: int(url.rpartition(":")[2]) for name, url in said["places"].items()}
    ports |= {f"{name}-files": int(url.rpartition(":")[2]) for name, url in said["files"].items()}
    return ports | {"control": int(said["control"].rpartition(":")[2])}


@asynccontextmanager
async def _kept(group: set[asyncio.Task[None]], work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    group.add(task)
    try:
        yield
    finally:
        group.discard(task)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def run_endurance(
    wish: EnduranceWish, folder: Path, on_news: Callable[[EnduranceNews], None] = lambda news: None
) -> EnduranceResult:
    """Carry out *wish* in the empty *folder*. Everything that was started is ended, whatever happens. Raises BenchError when
    something could not be started or ended by itself, BooksUnreadable."""
    run = _Run(wish, folder, on_news)
    run.tell()
    keepers: set[asyncio.Task[None]] = set()
    async with AsyncExitStack() as stack:
        modules = (PEER_PROGRAM, BACKEND_PROGRAM, KIOSK_PROGRAM, LOADED_ONCE)
        nursery = await stack.enter_async_context(Nursery(modules, folder / "nursery.log"))
        for name in PEERS:
            run.servers[name] = await run.peer(nursery, name)
            await stack.enter_async_context(_kept(keepers, run.servers[name].keep()))
        await _until_ready(run.servers.values(), keepers)
        terminals = [each for n in range(1, wish.kiosks + 1) if (each := run.city.terminal(n)) is not None]
        run.servers["backend"] = await run.backend(nursery, terminals)
        await stack.enter_async_context(_kept(keepers, run.servers["backend"].keep()))
        await _until_ready(run.servers.values(), keepers)
        codes = json.loads((folder / "backend" / "codes.json").read_text())
        for each in terminals:
            kiosk = EnduranceKiosk(
                each, codes[each.terminal_id], folder / each.terminal_id, run.city, run.clock, wish.seed
            )
            run.kiosks.append(await stack.enter_async_context(kiosk))
            await stack.enter_async_context(_kept(keepers, run.keep_kiosk(kiosk, nursery)))
        await _with_keepers(run.kill_all(nursery), keepers)
        left, promised, recovered_s = await _with_keepers(run.settle(), keepers)
        run.tell("judging")
        controls = {name: each.said["control"] for name, each in run.servers.items() if name in PEERS}
        claims = [
            {"terminal_id": each.terminal.terminal_id, "trade_no": trade_no, "said": said}
            for each in run.kiosks
            for trade_no, said in sorted(each.claims)
        ]
        presses: Counter[str] = sum((each.presses for each in run.kiosks), Counter())
        note = await money_note(run.database, controls, claims, presses)
        for each in run.servers.values():
            each.stopping = True
    run.tell("done")
    return EnduranceResult(
        wish=wish,
        note=note,
        struck=dict(run.struck),
        midway=run.midway,
        visits=sum(each.visits for each in run.kiosks),
        told=dict(Counter(said for each in run.kiosks for _, said in each.claims)),
        undecided=left,
        open_at_kiosks=promised,
        recovered_s=recovered_s,
        took_s=run.clock.now() - run.begun,
        complaints=tuple(text for each in run.kiosks for text in each.complaints),
    )


async def _until_ready(servers: Any, keepers: set[asyncio.Task[None]]) -> None:
    waiting = [each.ready.wait() for each in servers]
    try:
        async with asyncio.timeout(START_LIMIT_S):
            await _with_keepers(asyncio.gather(*waiting), keepers)
    except TimeoutError:
        late = [each.name for each in servers if not each.ready.is_set()]
        raise BenchError(f"not ready within {START_LIMIT_S:g} s: {', '.join(late)}") from None


async def _with_keepers(work: Any, keepers: set[asyncio.Task[None]]) -> Any:
    """The result of *work*, or the error of a keeper, whichever comes first."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task, *keepers}, return_when=asyncio.FIRST_COMPLETED)
        for each in keepers:
            if each.done() and not each.cancelled() and (error := each.exception()) is not None:
                raise error
        return await task
    finally:
        task.cancel()
