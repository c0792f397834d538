"""Scenario: the flows that there are, one of them while it runs step by step, its verdict, and the way to its history."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import RichLog, Static
from textual.worker import Worker

from protocols.record import Record
from tui.characters import steady
from tui.commands.certify import default_folder
from tui.console import Console
from tui.dossiers import short_path
from tui.errors import describe
from tui.flow_lines import FlowLines, flow_dialects
from tui.flow_run import BOOK_HEADS, STYLE, VERDICT_LABELS, book_rows
from tui.screens.base import Pane
from tui.screens.trace import TracePane
from tui.widgets.ascii_parts import AsciiTable

if TYPE_CHECKING:
    from conformance.service import FlowDone
    from scenarios.service import Flow

__all__ = ["ScenarioPane"]

MOST_LINES = 600
HIDDEN = frozenset({"step", "met", "unmet", "frame"})
"""Steps stand beside; frames are in the trace."""
SYMBOLS = {
    "waiting": ("[ ]", "dim"),
    "running": ("[>]", "yellow"),
    "met": ("[+]", "green"),
    "unmet": ("[X]", "bold red"),
}


class ScenarioPane(Pane):
    """One flow at a time, on the loop of the application; it ends with the application at the latest."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.files: list[Path] = []
        self.flows: dict[str, Flow] = {}
        self.done: dict[str, FlowDone] = {}
        self.records: list[Record] = []
        self._under_way = ""
        self._states: dict[int, tuple[str, str]] = {}
        self._lines = FlowLines("zh")
        self._worker: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="scenario-head")
        with Vertical(id="scenario-flows-box", classes="box"):
            yield AsciiTable(id="scenario-flows")
        with Horizontal(id="scenario-lower"):
            with VerticalScroll(id="scenario-steps-box", classes="box"):
                yield Static(id="scenario-steps")
            with Vertical(id="scenario-log-box", classes="box"):
                yield RichLog(id="scenario-log", wrap=True, max_lines=MOST_LINES)

    def on_mount(self) -> None:
        from scenarios.service import FileError, flow_files, load_flow

        self.files = self.files or flow_files()
        for each in self.files:
            try:
                self.flows[str(each)] = load_flow(each)
            except FileError as error:
                self.note(str(error), "red")

    def shown(self) -> None:
        for name in ("flows", "steps", "log"):
            self.query_one(f"#scenario-{name}-box").border_title = self.t(f"scenario.{name}")
        self._flows()
        self._head()
        self._steps()

    def focus_main(self) -> None:
        self.query_one("#scenario-flows").focus()

    def context(self) -> dict[str, str]:
        chosen = self._chosen()
        folder = self.done[chosen].folder if chosen in self.done else ""
        return {"flow": short_path(Path(chosen)) if chosen else "", **({"dossier": str(folder)} if folder else {})}

    @property
    def running(self) -> bool:
        return self._worker is not None and self._worker.is_running

    # Showing.

    def _chosen(self) -> str:
        table = self.query_one("#scenario-flows", AsciiTable)
        return str(table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value) if table.row_count else ""

    def _flows(self) -> None:
        table = self.query_one("#scenario-flows", AsciiTable)
        row = table.cursor_row
        table.clear(columns=True)
        table.add_columns(*(self.t(f"scenario.{each}") for each in ("flow", "title", "steps", "verdict")))
        for name, flow in self.flows.items():
            done = self.done.get(name)
            verdict = Text("-", style="dim")
            if name == self._under_way:
                verdict = Text(self.t("scenario.running"), style="yellow")
            elif done is not None:
                verdict = self._verdict(done)
            title = flow.title.zh if self.language == "zh" else flow.title.en
            table.add_row(flow.flow, steady(title), str(len(flow.steps)), verdict, key=name)
        table.move_cursor(row=min(row, max(table.row_count - 1, 0)))

    def _verdict(self, done: FlowDone) -> Text:
        zh, en = VERDICT_LABELS[done.verdict.verdict]
        word = zh if self.language == "zh" else en
        return Text(f"{word}  {done.verdict.seconds:.1f} s", style=STYLE.get(done.verdict.verdict, "yellow"))

    def _head(self) -> None:
        line = Text(" ", no_wrap=True)
        done = self.done.get(self._chosen())
        if self._under_way:
            line.append(self.t("scenario.running") + f": {self.flows[self._under_way].flow}", style="yellow")
        elif done is not None:
            line.append(self._verdict(done))
            line.append(f"   {steady(done.verification.render(self.language).splitlines()[0])}")
        else:
            line.append(self.t("scenario.idle"), style="dim")
        self.query_one("#scenario-head", Static).update(line)

    def _steps(self) -> None:
        chosen = self._chosen()
        flow = self.flows.get(self._under_way or chosen)
        out = Text(no_wrap=False)
        states = self._states
        done = self.done.get(chosen)
        if not self._under_way:
            verdicts = done.verdict.steps if done is not None else ()
            begun = [each for each in verdicts if each.first_record >= 0]
            states = {each.number: ("met" if each.met else "unmet", each.why) for each in begun}
        from scenarios.service import step_label

        for number, step in enumerate(flow.steps if flow is not None else (), 1):
            state, why = states.get(number, ("waiting", ""))
            symbol, style = SYMBOLS[state]
            out.append(f"{symbol} {number:>2} {steady(step_label(step.do)[self.language])}\n", style=style)
            if why and state == "unmet":
                out.append(f"       {steady(why)}\n", style="red")
        if done is not None and not self._under_way:
            self._books(done, out)
        self.query_one("#scenario-steps", Static).update(out)

    def _books(self, done: FlowDone, out: Text) -> None:
        for row in book_rows(done.verdict):
            out.append("\n")
            for (zh, en), value in zip(BOOK_HEADS, row, strict=True):
                out.append(f"{zh if self.language == 'zh' else en}: ", style="dim")
                out.append(f"{value}\n", style="bold")
        for each in done.verdict.findings:
            out.append(f"[X] {each.kind}: {steady(each.text[self.language])}\n", style="red")

    def note(self, message: str, style: str = "") -> None:
        """One line of what happened."""
        self.query_one("#scenario-log", RichLog).write(Text(steady(message), style=style))

    def on_data_table_row_highlighted(self) -> None:
        self._head()
        self._steps()
        self.onecard.refresh_command()

    # Actions.

    def do_run(self) -> None:
        chosen = self._chosen()
        if self.running:
            self.app.notify(self.t("scenario.busy"), severity="warning")
            return
        if chosen:
            self._under_way, self._states, self.records = chosen, {}, []
            self._lines = FlowLines(self.language)
            self.query_one("#scenario-log", RichLog).clear()
            self.done.pop(chosen, None)
            self.shown()
            self._worker = self.run_worker(self._run(chosen), exclusive=True, group="scenario")

    async def _run(self, name: str) -> None:
        from conformance.service import certify_flow

        flow = self.flows[name]
        folder = self.onecard.dossiers / default_folder(flow.flow).name
        try:
            self.done[name] = await certify_flow(flow, folder, hear=self._heard)
        except Exception as error:  # a flow that cannot be run is news for the person, not the end of the app
            problems = describe(error, Console(self.language)) or [{"where": type(error).__name__, "what": str(error)}]
            for each in problems:
                self.note(" ".join(filter(None, (each.get("where"), each["what"], each.get("remedy")))), "red")
        finally:
            self._under_way = ""
            if self.is_mounted:
                self.shown()
                self.onecard.refresh_command()

    def _heard(self, record: Record) -> None:
        self.records.append(record)
        note = record.note
        if record.kind == "step":
            number = int(note.get("number", 0))
            met = "running" if note.get("phase") == "begin" else "met" if note.get("met") else "unmet"
            self._states[number] = (met, str(note.get("why", "")))
            self._steps()
        for line in self._lines(record):
            if line.kind not in HIDDEN:
                self.note(f"{record.t:7.3f}  {line.who}  {line.text}", line.style)

    def do_stop(self) -> None:
        if not self.running:
            self.app.notify(self.t("scenario.not_running"))
            return
        self.note(self.t("scenario.stopping"), "yellow")
        assert self._worker is not None
        self._worker.cancel()

    async def take_down(self) -> None:
        """End a flow that runs and wait until nothing of it is left."""
        if self._worker is not None and self._worker.is_running:
            self._worker.cancel()
            while self._worker.is_running:  # noqa: ASYNC110 the worker tells nobody that it has ended
                await asyncio.sleep(0.05)

    def on_data_table_row_selected(self) -> None:
        self.do_run()

    def do_history(self) -> None:
        """Open the records of the flow that ran last, or runs, in the trace."""
        if not self.records:
            self.app.notify(self.t("scenario.no_history"))
            return
        self.onecard.query_one(TracePane).take(list(self.records), flow_dialects(self.records[0]))
        self.onecard.show_mode("trace")

    def do_verify(self) -> None:
        """Verify the dossier of the chosen flow again, from its files."""
        done = self.done.get(self._chosen())
        if done is None:
            self.app.notify(self.t("scenario.no_history"))
            return

        def look() -> None:
            from conformance.service import verify_dossier

            found = verify_dossier(done.folder)
            self.app.call_from_thread(self.note, found.render(self.language), "green" if found.ok else "bold red")

        self.run_worker(look, thread=True, group="verify")
