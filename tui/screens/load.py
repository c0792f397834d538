"""Load: a city's kiosks against the real backend, live figures, what happened, and the verdict."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import RichLog, Static
from textual.worker import Worker

from tui.characters import steady
from tui.console import Console
from tui.dossiers import short_path
from tui.errors import describe
from tui.loads import STAGE_HEADS, load_of, run_one, stage_row
from tui.screens.base import Pane
from tui.widgets.ascii_parts import AsciiTable, bar

if TYPE_CHECKING:
    from loadtest.service import LoadFile, LoadNews, LoadResult, Tick

__all__ = ["LoadPane"]

BAR_CELLS = 24
MOST_LINES = 200
"""The list of what happened holds so many lines; older ones go."""
MOST_FINDINGS = 10
NOTE_EVERY_S = 5.0


class LoadPane(Pane):
    """One load at a time, on the loop of the application; it ends with the application at the latest."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.files: list[Path] = []
        self.load: LoadFile | None = None
        self.tick: Tick | None = None
        self.result: LoadResult | None = None
        self.run_load = run_one
        self._chosen = 0
        self._step = ""
        self._noted_at = 0.0
        self._stop = asyncio.Event()
        self._worker: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="load-head")
        with Horizontal(id="load-upper"):
            with Vertical(id="load-live-box", classes="box"):
                yield Static(id="load-live")
            with Vertical(id="load-histogram-box", classes="box"):
                yield Static(id="load-histogram")
        with Vertical(id="load-stages-box", classes="box"):
            yield AsciiTable(id="load-stages")
        with Vertical(id="load-log-box", classes="box"):
            yield RichLog(id="load-log", wrap=True, max_lines=MOST_LINES)

    def on_mount(self) -> None:
        from loadtest.service import load_files

        self.files = self.files or load_files()
        self._choose()

    def shown(self) -> None:
        for name in ("live", "histogram", "stages", "log"):
            self.query_one(f"#load-{name}-box").border_title = self.t(f"load.{name}")
        self._head()
        self._live()
        self._stages()

    def focus_main(self) -> None:
        self.query_one("#load-stages").focus()

    def context(self) -> dict[str, str]:
        return {"load": short_path(self.files[self._chosen]) if self.files else ""}

    @property
    def running(self) -> bool:
        return self._worker is not None and self._worker.is_running

    # Showing.

    def _choose(self) -> None:
        """Read the file that is chosen, the one of Dongguan first."""
        from scenarios.service import FileError

        if not self.files:
            return
        if self.load is None:
            self._chosen = next((at for at, each in enumerate(self.files) if each.stem == "dongguan"), 0)
        try:
            self.load = load_of(str(self.files[self._chosen]))
        except FileError as error:
            self.load = None
            self.note(str(error), "red")

    def _head(self) -> None:
        line = Text(" ", no_wrap=True)
        if self.load is not None:
            line.append(self.load.title.zh if self.language == "zh" else self.load.title.en, style="bold")
            line.append("   " + self.t("load.kiosks", count=self.load.kiosks))
        if self.running:
            line.append(f"   {self._step or self.t('load.running')}", style="yellow")
        elif self.result is not None:
            verdict = self.result.verdict
            style = {0: "bold green", 1: "bold red"}.get(verdict.exit_code, "bold yellow")
            line.append(f"   {steady(verdict.text[self.language])}", style=style)
        else:
            line.append(f"   {self.t('load.idle')}", style="dim")
        self.query_one("#load-head", Static).update(line)

    def _live(self) -> None:
        tick = self.tick
        out, histogram = Text(no_wrap=True), Text(no_wrap=True)
        if tick is None:
            out.append(self.t("load.nothing"), style="dim")
        else:
            done, of = (
                (tick.ready, tick.kiosks) if tick.phase == "preparing" else (round(max(tick.t_s, 0)), round(tick.of_s))
            )
            out.append(f"{bar(done, of, BAR_CELLS)} {done}/{of}  {tick.stage}\n", style="cyan")
            for name, value in self._figures(tick):
                out.append(f"{self.t(name)}  ", style="dim")
                out.append(f"{value}\n", style="bold")
            self._bars(tick, histogram)
        self.query_one("#load-live", Static).update(out)
        self.query_one("#load-histogram", Static).update(histogram)

    @staticmethod
    def _figures(tick: Tick) -> list[tuple[str, str]]:
        wrong = f"{tick.refused} / {tick.unanswered} / {tick.dropped}"
        return [
            ("load.rate", f"{tick.services_per_s:.1f}/s   {tick.calls_per_s:.0f}/s"),
            ("load.latency", f"{tick.p50_ms:.1f} / {tick.p99_ms:.1f} ms"),
            ("load.own", f"{tick.lag_p99_ms:.1f} ms   {tick.cpu:.0%}"),
            ("load.services", f"{tick.offered} / {tick.serving} / {tick.paid}"),
            ("load.wrong", wrong),
        ]

    @staticmethod
    def _bars(tick: Tick, out: Text) -> None:
        from loadtest.service import EDGES_MS

        most = max(tick.histogram, default=0)
        for number, count in enumerate(tick.histogram):
            label = f"< {EDGES_MS[number]} ms" if number < len(EDGES_MS) else f">= {EDGES_MS[-1]} ms"
            out.append(f"{label:>10} ", style="dim")
            out.append(f"{bar(count, most, BAR_CELLS)} {count}\n")

    def _stages(self) -> None:
        table = self.query_one("#load-stages", AsciiTable)
        table.clear(columns=True)
        table.add_columns(*(each[self.language] for each in STAGE_HEADS))
        if self.result is not None:
            seconds = {each.stage: each.for_s for each in self.result.load.stages}
            for stage in self.result.summary.stages:
                table.add_row(*stage_row(stage, seconds[stage.stage]), key=stage.stage)
        else:
            for spec in self.load.stages if self.load else ():
                what = f"{spec.rate_per_s:g}/s" if spec.rate_per_s else f"{spec.count}"
                table.add_row(spec.stage, what, *[""] * (len(STAGE_HEADS) - 2), key=spec.stage)

    def note(self, message: str, style: str = "") -> None:
        """One line of what happened."""
        self.query_one("#load-log", RichLog).write(Text(steady(message), style=style))

    # A load.

    def hear(self, news: LoadNews) -> None:
        """The one way in for everything that a load says."""
        if news.step is not None:
            self._step = news.step[self.language]
            self.note(self._step, "dim")
        if news.tick is not None:
            self.tick = news.tick
            self._step = "" if news.tick.phase == "running" else self._step
            self._list(news.tick)
        self._head()
        self._live()

    def _list(self, tick: Tick) -> None:
        from tui.loads import tick_text

        if (
            tick.phase == "running"
            and tick.t_s >= 0
            and (tick.t_s < self._noted_at or tick.t_s - self._noted_at >= NOTE_EVERY_S)
        ):
            self._noted_at = tick.t_s
            self.note(f"{tick.t_s:>4.0f} s  {tick_text(tick, self.language)}")

    def finished(self, result: LoadResult) -> None:
        """The verdict is there."""
        self.result = result
        for line in result.verdict.told:
            where = f"{line.stage}: " if line.stage else ""
            mark, limit = "?" if line.holds is None else "X", f"  ({line.limit})" if line.limit else ""
            self.note(f"{mark} {where}{line.what[self.language]}: {line.measured}{limit}", "yellow")
        for finding in (result.money or ())[:MOST_FINDINGS]:
            self.note(finding, "red")
        style = {0: "bold green", 1: "bold red"}.get(result.verdict.exit_code, "bold yellow")
        self.note(result.verdict.text[self.language], style)

    async def _carry_out(self, load: LoadFile) -> None:
        try:
            self.finished(await self.run_load(load, self.hear, keep=None, stop=self._stop))
        except Exception as error:  # a load that cannot be made is news for the person, not the end of the application
            problems = describe(error, Console(self.language)) or [{"where": type(error).__name__, "what": str(error)}]
            for each in problems:
                self.note(" ".join(filter(None, (each.get("where"), each["what"], each.get("remedy")))), "red")
        self._worker = None
        self.shown()

    async def take_down(self) -> None:
        """End the load at once and wait until nothing of it is left."""
        worker = self._worker
        if worker is not None and worker.is_running:
            worker.cancel()
            await asyncio.wait({asyncio.ensure_future(_ended(worker))})

    # Actions.

    def do_start(self) -> None:
        if self.running:
            self.app.notify(self.t("load.busy"), severity="warning")
            return
        if self.load is None:
            return
        self._stop, self.tick, self.result, self._step = asyncio.Event(), None, None, ""
        self._worker = self.run_worker(self._carry_out(self.load), group="load", exit_on_error=False)
        self.shown()

    def do_stop(self) -> None:
        if not self.running:
            self.app.notify(self.t("load.not_running"))
        elif self.tick is None or self.tick.phase != "running" or self._stop.is_set():
            assert self._worker is not None
            self._worker.cancel()
            self.note(self.t("load.ended_at_once"), "yellow")
        else:
            self._stop.set()
            self.note(self.t("load.stopping"), "yellow")

    def do_next(self) -> None:
        if self.running or not self.files:
            return
        self._chosen = (self._chosen + 1) % len(self.files)
        self.load = self.load or load_of("dongguan")
        self.result, self.tick = None, None
        self._choose()
        self.shown()
        self.onecard.refresh_command()


async def _ended(worker: Worker[None]) -> None:
    """Until *worker* is over, however it ended."""
    try:
        await worker.wait()
    except Exception:  # what went wrong is in its log already; here only its end counts
        return
