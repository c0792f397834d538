"""Bench: slots and links, live state of the simulated devices, and the hand."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import RichLog, Static
from textual.worker import Worker

from tui.characters import steady
from tui.console import Console
from tui.dossiers import short_path
from tui.errors import describe
from tui.screens.base import Pane
from tui.widgets.ascii_parts import AsciiTable
from tui.widgets.dialogs import LineScreen

if TYPE_CHECKING:
    from scenarios.service import Bench, Standing

__all__ = ["BenchPane"]

LOOK_EVERY_S = 0.4


class BenchPane(Pane):
    """One bench at a time, on the loop of the application."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.files: list[Path] = []
        self.bench: Bench | None = None
        self.up: Standing | None = None
        self._chosen = 0
        self._starting = False
        self._down = asyncio.Event()
        self._worker: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="bench-head")
        with Vertical(id="bench-slots-box", classes="box"):
            yield AsciiTable(id="bench-slots")
        with Horizontal(id="bench-lower"):
            with VerticalScroll(id="bench-state-box", classes="box"):
                yield Static(id="bench-state")
            with Vertical(id="bench-log-box", classes="box"):
                yield RichLog(id="bench-log", wrap=True, max_lines=500)

    def on_mount(self) -> None:
        from scenarios.service import bench_files

        self.files = self.onecard.bench_files or bench_files()
        self._load()
        self.set_interval(LOOK_EVERY_S, self._look)

    def shown(self) -> None:
        for name in ("state", "log"):
            self.query_one(f"#bench-{name}-box").border_title = self.t(f"bench.{name}")
        self._show_slots()
        self._head()
        self._look()

    def focus_main(self) -> None:
        self.query_one("#bench-slots").focus()

    def context(self) -> dict[str, str]:
        powered = self._state().get("powered", True)
        file = short_path(self.files[self._chosen]) if self.files else ""
        return {"bench": file, "slot": self._slot(), "power": "poweroff" if powered else "poweron"}

    # Showing.

    def _load(self) -> None:
        from scenarios.service import FileError, load_bench

        if not self.files:
            return
        try:
            self.bench = load_bench(self.files[self._chosen])
        except FileError as error:
            self.bench = None
            self.note(str(error), "red")

    def _head(self) -> None:
        name = self.bench.bench if self.bench else "-"
        state = "bench.up" if self.up else "bench.starting" if self._starting else "bench.down"
        line = Text(f" {self.t('bench.file')}: ", no_wrap=True)
        line.append(name, style="bold")
        line.append(f"   {self.t(state)}", style="green" if self.up else "yellow")
        if self.up and self.up.pcsc_socket:
            line.append(f"   PCSCLITE_CSOCK_NAME={self.up.pcsc_socket}", style="dim")
        self.query_one("#bench-head", Static).update(line)

    def _show_slots(self) -> None:
        table = self.query_one("#bench-slots", AsciiTable)
        row = table.cursor_row
        table.clear(columns=True)
        table.add_columns(*(self.t(f"bench.{each}") for each in ("slot", "class", "dialect", "link")))
        places = {each.slot: each for each in self.up.places} if self.up else {}
        for name, slot in self.bench.slots.items() if self.bench else ():
            place = places.get(name)
            link = (place.link + (f"  ({place.reader})" if place.reader else "")) if place else slot.link
            table.add_row(name, slot.device_class, slot.dialect or slot.image, steady(link), key=name)
        table.styles.height = table.row_count + 1
        self.query_one("#bench-slots-box").styles.height = table.row_count + 3
        table.move_cursor(row=min(row, max(table.row_count - 1, 0)))

    def _slot(self) -> str:
        table = self.query_one("#bench-slots", AsciiTable)
        if not table.row_count:
            return ""
        return str(table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value)

    def _state(self) -> dict[str, object]:
        return dict(self.up.look(self._slot())) if self.up and self._slot() else {}

    def _look(self) -> None:
        if not self.is_mounted or self.onecard.mode != "bench":
            return
        state = self._state()
        out = Text()
        if not state:
            out.append(self.t("bench.no_state"), style="dim")
        for number, (key, value) in enumerate(state.items()):
            out.append("\n" if number else "")
            out.append(f"{key:<18}", style="cyan")
            out.append(steady(str(value)))
        self.query_one("#bench-state", Static).update(out)

    def note(self, message: str, style: str = "") -> None:
        """One line of what happened."""
        self.query_one("#bench-log", RichLog).write(Text(steady(message), style=style))

    def on_data_table_row_highlighted(self) -> None:
        self._look()
        self.onecard.refresh_command()

    # Up and down.

    def do_up(self) -> None:
        if self.bench is None or self.up or self._starting:
            return
        self._starting, self._down = True, asyncio.Event()
        self._head()
        self._worker = self.run_worker(self._stand(self.bench), exclusive=True, group="bench")

    async def _stand(self, bench: Bench) -> None:
        from scenarios.service import stand_bench

        def violated(slot: str, what: str) -> None:
            self.note(f"{slot}: " + self.t("bench.violation", text=what), "yellow")

        try:
            async with stand_bench(bench, self.onecard.ask_person, violated) as up:
                self.up, self._starting = up, False
                self.shown()
                await self._down.wait()
        except Exception as error:  # a bench that cannot be brought up is news for the person, not the end of the app
            problems = describe(error, Console(self.language)) or [{"where": type(error).__name__, "what": str(error)}]
            for each in problems:
                self.note(" ".join(filter(None, (each.get("where"), each["what"], each.get("remedy")))), "red")
        finally:
            self.up, self._starting = None, False
        self.shown()

    async def take_down(self) -> None:
        """Take the bench down and wait until nothing of it is left."""
        self._down.set()
        if self._worker is not None and self._worker.is_running:
            await self._worker.wait()

    def do_down(self) -> None:
        self._down.set()

    def do_next(self) -> None:
        if self.up or self._starting or not self.files:
            return
        self._chosen = (self._chosen + 1) % len(self.files)
        self._load()
        self.shown()

    # The hand.

    def _act(self, action: str) -> None:
        if self.up is None:
            self.app.notify(self.t("bench.not_up"), severity="warning")
            return
        slot, up = self._slot(), self.up

        async def act() -> None:
            answer = await up.do(slot, action)
            style = "green" if answer == "done" else "yellow"
            self.note(self.t("bench.did", action=f"{slot} {action}", answer=self.t(f"bench.answer.{answer}")), style)
            self._look()
            self.onecard.refresh_command()

        self.run_worker(act(), group="hand")

    def do_insert(self) -> None:
        self._act("insert 3.0")

    def do_remove(self) -> None:
        self._act("remove")

    def do_power(self) -> None:
        self._act(self.context()["power"])

    def do_jam(self) -> None:
        self._act("jam")

    def do_clear(self) -> None:
        self._act("clear-jam")

    def do_short(self) -> None:
        self._act("short-circuit")

    def do_bin(self) -> None:
        self._act("bin-full")

    def do_say(self) -> None:
        def said(line: str | None) -> None:
            if line:
                self._act(line.strip())

        self.app.push_screen(LineScreen(self.t("bench.say")), said)
