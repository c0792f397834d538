"""``onecard load``: a whole city of kiosks against the reference backend, with a verdict."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import rich.progress
import typer

from tui.command import command, option_help
from tui.console import Console
from tui.loads import STAGE_HEADS, exit_code_of, load_of, run_one, stage_row, tick_text
from tui.progress import seconds_bar

if TYPE_CHECKING:
    from loadtest.service import LoadFile, LoadNews, LoadResult

__all__ = ["register"]

PLAIN_EVERY_S = 5.0
"""Where nothing can be drawn, one line for so many seconds of load."""
MOST_FINDINGS = 10
KINDS = ("money", "fact", "generator", "machine", "time", "run")


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "load",
        "负载：一座城市的全部自助机、真实后台、PostgreSQL 与对端；以通俗结论结束。",
        "Load: all kiosks of a city on the real backend, PostgreSQL and peers; ends with a plain verdict.",
        epilog="退出码：0 通过，1 不通过，2 未测得 / exit codes: 0 passed, 1 broken, 2 not measured. "
        "例 / example: onecard load dongguan beijing",
    )
    def load(
        console: Console,
        cities: Annotated[
            list[str] | None,
            typer.Argument(metavar="CITY|FILE ...", help=option_help("城市或负载文件", "cities or load files")),
        ] = None,
        stages: Annotated[
            list[str] | None,
            typer.Option(
                "--stage", metavar="STAGE", help=option_help("只跑此阶段，可重复", "this stage only; repeatable")
            ),
        ] = None,
        keep: Annotated[
            Path | None,
            typer.Option(
                "--keep", metavar="DIR", help=option_help("保留明细、日志与结果", "keep rows, logs and result")
            ),
        ] = None,
    ) -> int:
        loads = [load_of(name, stages or ()) for name in cities or ["dongguan"]]
        results = asyncio.run(_run_all(console, loads, keep))
        console.document([each.as_json() for each in results] if len(results) > 1 else results[0].as_json())
        return exit_code_of(results)


async def _run_all(console: Console, loads: list[LoadFile], keep: Path | None) -> list[LoadResult]:
    results: list[LoadResult] = []
    for load in loads:
        folder = keep / load.city if keep is not None and len(loads) > 1 else keep
        result = await _run_one(console, load, folder)
        _show(console, result)
        results.append(result)
        if result.summary.generator.status == "stopped":
            break
    return results


async def _run_one(console: Console, load: LoadFile, keep: Path | None) -> LoadResult:
    """Ctrl-C ends the load early, with what was seen; while nothing runs yet, and the second time, it ends everything at once."""
    stop = asyncio.Event()
    total = sum(each.for_s + each.rest_s for each in load.stages)
    title = console.text(load.title.zh, load.title.en)
    console.say(f"{title}  {load.kiosks} {console.text('台', 'kiosks')}, {total:.0f} s", style="bold")
    with _progress(console, total) as progress:
        running = asyncio.ensure_future(run_one(load, progress.hear, keep=keep, stop=stop))

        def signalled() -> None:
            if progress.loading and not stop.is_set():
                stop.set()
                console.say(console.text("正在停止；再按一次立即结束", "stopping; once more ends it at once"))
            else:
                running.cancel()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, signalled)
        try:
            return await running
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


class _Progress:
    """News of one load, on a terminal as a bar, elsewhere as lines."""

    def __init__(self, console: Console, bar: rich.progress.Progress | None, total_s: float) -> None:
        self._console, self._bar, self._total_s = console, bar, total_s
        self._task: rich.progress.TaskID | None = None
        self._said_at = -PLAIN_EVERY_S
        self.loading = False

    def hear(self, news: LoadNews) -> None:
        if news.step is not None:
            self.loading = False
            self._console.say(f"  {self._console.of(news.step)}", style="dim")
        tick = news.tick
        if tick is None:
            return
        self.loading = tick.phase == "running"
        text = tick_text(tick, self._console.language)
        if self._bar is None:
            if tick.phase == "running" and tick.t_s >= 0 and tick.t_s - self._said_at >= PLAIN_EVERY_S:
                self._said_at = tick.t_s
                self._console.say(f"  {tick.t_s:>4.0f} s  {text}")
            return
        if self._task is None:
            self._task = self._bar.add_task(text, total=self._total_s)
        self._bar.update(self._task, completed=min(max(tick.t_s, 0.0), self._total_s), description=text)


@contextmanager
def _progress(console: Console, total_s: float) -> Iterator[_Progress]:
    if not console.live:
        yield _Progress(console, None, total_s)
        return
    with seconds_bar(console) as bar:
        yield _Progress(console, bar, total_s)


def _show(console: Console, result: LoadResult) -> None:
    seconds = {each.stage: each.for_s for each in result.load.stages}
    console.table(
        [console.of(each) for each in STAGE_HEADS],
        [stage_row(each, seconds[each.stage]) for each in result.summary.stages],
    )
    for stage in result.summary.stages:
        if stage.machine:
            shares = ", ".join(f"{name} {share:.2f}" for name, share in stage.machine.items())
            console.say(f"  {stage.stage}: {console.text('处理器', 'processors')}  {shares}", style="dim")
    for line in sorted(result.verdict.told, key=lambda each: KINDS.index(each.kind)):
        where = f"{line.stage}: " if line.stage else ""
        limit = f"  ({console.text('限值', 'limit')} {line.limit})" if line.limit else ""
        mark = "?" if line.holds is None else "X"
        console.say(f"  {mark} {where}{console.of(line.what)}: {line.measured}{limit}", style="yellow")
    for finding in (result.money or ())[:MOST_FINDINGS]:
        console.say(f"    {finding}", style="red")
    good = result.verdict.exit_code == 0
    style = "bold green" if good else "bold red" if result.verdict.exit_code == 1 else "bold yellow"
    took = console.text(f"用时 {result.took_s:.0f} 秒", f"in {result.took_s:.0f} s")
    trades = console.text(f"{result.trades} 笔交易核对", f"{result.trades} trades audited")
    console.say(f"{console.of(result.verdict.text)}  ({trades}, {took})", style=style)
