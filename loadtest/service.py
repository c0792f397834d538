"""What screens and commands may ask of a load: the only module of this package that ``tui`` imports.

One load is: stand the bench of its city, enrol the fleet, let Locust drive it, wait until every trade is decided, read all
books, judge. The oracles of money come from whoever calls: this package does not know them.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from loadtest.bench import LoadBench, ended_child, stand_load_bench
from loadtest.child import BenchFailed, Child
from loadtest.machine import MachineWatch
from loadtest.money import note_of_load
from loadtest.order import ORDER_VARIABLE, Order
from loadtest.rows import EDGES_MS, Tick, VisitRow, read_calls, read_visits
from loadtest.summary import GeneratorReport, LoadSummary, StageSummary, Summary, summarise
from loadtest.verdict import BROKEN, PASSED, UNDECIDED, Line, Verdict, judge
from protocols.clock import stopwatch_s
from protocols.wire.base import Label
from scenarios.books import BooksUnreadable, undecided
from scenarios.load_model import LoadFile, find_load_file, load_files, load_load_file

__all__ = [
    "BROKEN",
    "EDGES_MS",
    "PASSED",
    "UNDECIDED",
    "BenchFailed",
    "Line",
    "LoadFile",
    "LoadNews",
    "LoadResult",
    "LoadSummary",
    "MoneyJudge",
    "StageSummary",
    "Summary",
    "Tick",
    "Verdict",
    "chosen_stages",
    "find_load_file",
    "load_files",
    "load_load_file",
    "run_load",
]

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
FIRST_TICK_S = 60.0
SILENT_S = 20.0
"""A generator that says nothing for so long has died or hangs."""
DECIDE_LIMIT_S = 45.0
LOOK_S = 0.5

MoneyJudge = Callable[[Mapping[str, Any]], Sequence[str]]
"""Takes the note of ``MoneyFacts``; gives one text for each finding."""

OnNews = Callable[["LoadNews"], None]
Bench = Callable[[LoadFile, Path, Callable[[Label], None]], AbstractAsyncContextManager[LoadBench]]


@dataclass(frozen=True, slots=True)
class LoadNews:
    """While a load goes on: a ``step`` that begins, or a ``tick`` of the generator."""

    step: Label | None = None
    tick: Tick | None = None


@dataclass(frozen=True, slots=True)
class LoadResult:
    """``money``: what the oracles found; None where the books could not be read. ``took_s`` from nothing to the verdict."""

    load: LoadFile
    summary: LoadSummary
    verdict: Verdict
    money: tuple[str, ...] | None
    trades: int
    took_s: float

    def as_json(self) -> dict[str, Any]:
        return {
            "city": self.load.city,
            "kiosks": self.load.kiosks,
            "verdict": asdict(self.verdict),
            "money": self.money,
            "trades": self.trades,
            "took_s": round(self.took_s, 1),
            "summary": self.summary.as_json(),
        }


def chosen_stages(load: LoadFile, names: Sequence[str]) -> LoadFile:
    """*load* with the stages *names* alone, in the order of the file; all of them for no name. Raises ValueError naming
    the stages that there are."""
    if not names:
        return load
    known = [each.stage for each in load.stages]
    for name in names:
        if name not in known:
            raise ValueError(f"{load.city}: no stage {name!r}; there are: {', '.join(known)}")
    return load.model_copy(update={"stages": tuple(each for each in load.stages if each.stage in names)})


async def run_load(
    load: LoadFile,
    judge_money: MoneyJudge,
    on_news: OnNews = lambda news: None,
    *,
    keep: Path | None = None,
    stop: asyncio.Event | None = None,
    bench: Bench = stand_load_bench,
) -> LoadResult:
    """Carry out *load*. *stop* ends it early, with a verdict of what was seen; cancelling ends it without one. Everything that was
    started is ended either way. *keep*: a folder for rows, logs and result. Raises BenchFailed where nothing could be
    measured at all."""
    began = stopwatch_s()
    with ExitStack() as stack:
        if keep is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="onecard-load-")))
        else:
            folder = keep
            folder.mkdir(parents=True, exist_ok=True)
        run = _Run(load, folder, judge_money, on_news, stop or asyncio.Event())
        async with bench(load, folder, run.step) as standing:
            result = await run.carry_out(standing)
        result = replace(result, took_s=stopwatch_s() - began)
        if keep is not None:
            text = json.dumps(result.as_json(), ensure_ascii=False, indent=2) + "\n"
            (folder / "result.json").write_text(text, encoding="utf-8")
        return result


class _Run:
    """One load on a bench that stands."""

    def __init__(
        self, load: LoadFile, folder: Path, judge_money: MoneyJudge, on_news: OnNews, stop: asyncio.Event
    ) -> None:
        self._load, self._folder, self._judge_money, self._on_news, self._stop = (
            load,
            folder,
            judge_money,
            on_news,
            stop,
        )
        self._watch = MachineWatch({})

    def step(self, text: Label) -> None:
        self._on_news(LoadNews(step=text))

    async def carry_out(self, standing: LoadBench) -> LoadResult:
        report = await self._generate(standing)
        calls, visits = await asyncio.to_thread(self._rows)
        names = [each.stage for each in self._load.stages]
        broken = standing.broken()
        machine = {name: self._watch.shares(name) for name in names}
        summary = await asyncio.to_thread(summarise, names, calls, visits, report, machine)
        summary = replace(summary, broken=broken)
        money, trades = await self._money(standing, visits)
        return LoadResult(self._load, summary, judge(self._load, summary, money), money, trades, 0.0)

    def _rows(self) -> tuple[Sequence[Any], Sequence[VisitRow]]:
        return read_calls(self._folder / "calls.jsonl"), read_visits(self._folder / "visits.jsonl")

    # The generator.

    async def _generate(self, standing: LoadBench) -> GeneratorReport:
        self.step(Label("终端注册", "enrolling the fleet"))
        child = self._generator(standing)
        self._watch = MachineWatch({**standing.parts, "generator": child.pid, "harness": os.getpid()})
        async with ended_child(child):
            hung = False
            async for tick in self._ticks(child):
                if tick is None:
                    hung = True
                    break
                if tick.phase != "preparing":
                    self._watch.look(tick.stage)
                self._on_news(LoadNews(tick=tick))
            if not hung:
                await asyncio.to_thread(child.wait, SILENT_S)
        return self._report(child, hung)

    def _generator(self, standing: LoadBench) -> Child:
        order = Order(
            load=self._load,
            url=standing.url,
            codes=standing.codes,
            folder=self._folder,
            run_id=standing.run_id,
            peer_seed=standing.peer_seed,
        )
        path = self._folder / "order.json"
        path.touch(mode=0o600)
        path.write_text(order.model_dump_json(by_alias=True), encoding="utf-8")
        command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--users", "1"]
        command += ["--spawn-rate", "1", "--loglevel", "WARNING", "--exit-code-on-error", "0", "--only-summary"]
        log, environment = self._folder / "generator.log", {ORDER_VARIABLE: str(path)}
        return Child("generator", command, self._folder, log, takes_end=True, environment=environment)

    async def _ticks(self, child: Child) -> AsyncIterator[Tick | None]:
        """Every tick; None where it has been silent too long. A wish to stop is told to it once."""
        heard_at, limit_s, told = stopwatch_s(), FIRST_TICK_S, False
        documents = child.documents(LOOK_S)
        while (found := await asyncio.to_thread(next, documents, _END)) is not _END:
            if self._stop.is_set() and not told:
                told = True
                child.say("stop")
            if isinstance(found, dict):
                heard_at, limit_s = stopwatch_s(), SILENT_S
                yield Tick.of_json(found)
            elif stopwatch_s() - heard_at > limit_s:
                yield None
                return

    def _report(self, child: Child, hung: bool) -> GeneratorReport:
        try:
            values = json.loads((self._folder / "generator.json").read_text(encoding="utf-8"))
            return GeneratorReport(**values)
        except (OSError, ValueError, TypeError):
            planned = {each.stage: 0 for each in self._load.stages}
            why = "hung" if hung else f"ended with code {child.exit_code}"
            return GeneratorReport("died", f"{why}: {child.last_words()}", planned)

    # The books.

    async def _money(self, standing: LoadBench, visits: Sequence[VisitRow]) -> tuple[tuple[str, ...] | None, int]:
        self.step(
            Label("等待每笔交易有结果，核对各方账目", "waiting until every trade is decided, then reading all books")
        )
        try:
            until = stopwatch_s() + DECIDE_LIMIT_S
            while await undecided(standing.database) and stopwatch_s() < until:  # noqa: ASYNC110 no event tells of it
                await asyncio.sleep(LOOK_S)
            note = await note_of_load(standing.database, standing.control, visits)
        except BooksUnreadable as error:
            self.step(Label(f"账目无法读取：{error}", f"the books could not be read: {error}"))
            return None, 0
        return tuple(await asyncio.to_thread(self._judge_money, note)), len(note["trades"])


_END: Any = object()
