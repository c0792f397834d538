"""Kiosk: the reference kiosk as the citizen sees it, their hands on its devices, and what becomes of the money beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import RichLog, Static
from textual.worker import Worker

from protocols.record import Record
from tui.characters import steady
from tui.console import Console
from tui.dossiers import short_path
from tui.errors import describe
from tui.flow_lines import FlowLines, money_text
from tui.screens.base import Pane
from tui.widgets.ascii_parts import AsciiTable
from tui.widgets.dialogs import LineScreen

if TYPE_CHECKING:
    from scenarios.service import KioskDesk

__all__ = ["KioskPane", "page_text"]

LOOK_EVERY_S = 0.4
MOST_LINES = 400
SHOWN = frozenset({"http", "message", "bank", "hand", "fault", "leak"})
"""Kinds of lines for the log; frames and pages are seen elsewhere."""
FAMILIES = {"wechat": "wechat", "alipay": "alipay", "unionpay_qr": "unionpay_qr"}
OF_READER, OF_PAD = ("media", "card", "at_mouth", "entry"), ("keypad", "entered", "work_keys")


def page_text(page: Mapping[str, Any], language: str) -> Text:
    """The page without its choices: headline in both languages, rows, stars, notice, hint."""
    first, second = ("zh", "en") if language == "zh" else ("en", "zh")
    out = Text(no_wrap=False)
    headline: Mapping[str, str] = page.get("headline", {})
    out.append(steady(headline.get(first, "")) + "\n", style="bold")
    out.append(steady(headline.get(second, "")) + "\n", style="dim")
    rows: Sequence[Sequence[str]] = page.get("rows", ())
    widest = max((cell_len(each[0 if first == "zh" else 1]) for each in rows), default=0)
    if rows:
        out.append("\n")
    for zh, en, value in rows:
        caption = zh if first == "zh" else en
        out.append(" " * (widest - cell_len(caption)) + caption + "  ", style="dim")
        out.append(steady(str(value)) + "\n", style="bold")
    if page.get("stars") is not None:
        stars = int(page["stars"])
        out.append(f"\n[ {'* ' * stars}{'_ ' * max(0, 6 - stars)}]\n", style="bold")
    if page.get("notice"):
        out.append("\n" + steady(page["notice"].get(first, "")) + "\n", style="bold reverse")
    if page.get("hint"):
        out.append("\n" + steady(page["hint"].get(first, "")) + "\n", style="cyan")
    return out


class KioskPane(Pane):
    """One kiosk at a time, on the loop of the application; it ends with the application at the latest."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.desk: KioskDesk | None = None
        self.event: Mapping[str, Any] = {}
        self.file: Path | None = None
        self._starting = False
        self._down = asyncio.Event()
        self._worker: Worker[None] | None = None
        self._lines = FlowLines("zh")

    def compose(self) -> ComposeResult:
        yield Static(id="kiosk-head")
        with Horizontal(id="kiosk-upper"):
            with Vertical(id="kiosk-page-box", classes="box"):
                yield Static(id="kiosk-page")
                yield AsciiTable(id="kiosk-choices", show_header=False)
            with Vertical(id="kiosk-side"):
                with Vertical(id="kiosk-money-box", classes="box"):
                    yield Static(id="kiosk-money")
                with Vertical(id="kiosk-devices-box", classes="box"):
                    yield Static(id="kiosk-devices")
        with Vertical(id="kiosk-log-box", classes="box"):
            yield RichLog(id="kiosk-log", wrap=True, max_lines=MOST_LINES)

    def on_mount(self) -> None:
        from scenarios.service import flow_files

        self.file = self.file or next((each for each in flow_files() if each.stem == "pay-bill"), None)
        self.set_interval(LOOK_EVERY_S, self._look)

    def shown(self) -> None:
        for name in ("page", "money", "devices", "log"):
            self.query_one(f"#kiosk-{name}-box").border_title = self.t(f"kiosk.{name}")
        self._head()
        self._page()
        self._look()

    def focus_main(self) -> None:
        self.query_one("#kiosk-choices").focus()

    def context(self) -> dict[str, str]:
        return {"flow": short_path(self.file) if self.file else ""}

    # Showing.

    def _head(self) -> None:
        state = "kiosk.up" if self.desk else "kiosk.starting" if self._starting else "kiosk.down"
        line = Text(" ", no_wrap=True)
        line.append(self.t(state), style="green" if self.desk else "yellow")
        if self.desk is not None:
            line.append(f"   {self.desk.stand.services.filled_in.get('terminal', '')}", style="dim")
        self.query_one("#kiosk-head", Static).update(line)

    def _page(self) -> None:
        page: Mapping[str, Any] = self.event.get("page", {})
        shown = page_text(page, self.language) if page else Text(self.t("kiosk.nothing"), style="dim")
        self.query_one("#kiosk-page", Static).update(shown)
        table = self.query_one("#kiosk-choices", AsciiTable)
        row = table.cursor_row
        table.clear(columns=True)
        table.add_columns("", "")
        for number, zh, en, is_open in page.get("choices", ()):
            text = (zh if self.language == "zh" else en) or zh
            table.add_row(str(number), Text(steady(text), style="" if is_open else "dim"), key=str(number))
        table.display = bool(table.row_count)
        table.move_cursor(row=min(row, max(table.row_count - 1, 0)))
        self._money()

    def _money(self) -> None:
        trade: Any = self.event.get("trade")
        out = Text()
        if isinstance(trade, Mapping):
            out.append(f"{trade.get('trade_no', '')}\n", style="bold")
            out.append(f"{trade.get('state', '')}", style="yellow")
            out.append(f"  {self.event.get('told', '')}\n", style="green")
            out.append(money_text(trade, self.language).replace(" = ", "\n= ").replace(" + ", "\n+ "))
        else:
            out.append(self.t("kiosk.no_trade"), style="dim")
        self.query_one("#kiosk-money", Static).update(out)

    def _look(self) -> None:
        if not self.is_mounted or self.onecard.mode != "kiosk":
            return
        out = Text()
        for slot, device_class in self.desk.slots.items() if self.desk else ():
            state = self.desk.look(slot) if self.desk else {}
            names = OF_PAD if device_class == "pin_pad" else OF_READER
            out.append(f"{slot}\n", style="bold cyan")
            for name in names:
                if state.get(name) not in (None, "", []):
                    out.append(f"  {name:<9}", style="dim")
                    out.append(steady(str(state[name])) + "\n")
        self.query_one("#kiosk-devices", Static).update(out or Text(self.t("kiosk.down"), style="dim"))

    def note(self, message: str, style: str = "") -> None:
        """One line of what happened."""
        self.query_one("#kiosk-log", RichLog).write(Text(steady(message), style=style))

    # Up and down.

    def do_up(self) -> None:
        if self.desk or self._starting or self.file is None:
            return
        self._starting, self._down = True, asyncio.Event()
        self._lines = FlowLines(self.language)
        self._head()
        self._worker = self.run_worker(self._stand(self.file), exclusive=True, group="kiosk")

    async def _stand(self, file: Path) -> None:
        from scenarios.service import load_flow, stand_kiosk

        try:
            async with stand_kiosk(load_flow(file), self._heard, self._saw) as desk:
                self.desk, self._starting = desk, False
                self._head()
                await self._down.wait()
        except Exception as error:  # a kiosk that cannot be brought up is news for the person, not the end of the app
            problems = describe(error, Console(self.language)) or [{"where": type(error).__name__, "what": str(error)}]
            for each in problems:
                self.note(" ".join(filter(None, (each.get("where"), each["what"], each.get("remedy")))), "red")
        finally:
            self.desk, self._starting, self.event = None, False, {}
        self.shown()

    def _heard(self, record: Record) -> None:
        for line in self._lines(record):
            if line.kind in SHOWN:
                self.note(f"{line.who}  {line.text}", line.style)

    def _saw(self, event: Mapping[str, Any]) -> None:
        self.event = event
        self._page()

    async def take_down(self) -> None:
        """Take the kiosk down and wait until nothing of it is left."""
        self._down.set()
        if self._worker is not None and self._worker.is_running:
            await self._worker.wait()

    def do_down(self) -> None:
        self._down.set()

    # The citizen.

    def _do(self, word: str, **fields: Any) -> None:
        desk = self.desk
        if desk is None:
            self.app.notify(self.t("kiosk.not_up"), severity="warning")
            return

        async def act() -> None:
            if why := await desk.do(word, **fields):
                self.note(why, "yellow")

        self.run_worker(act(), group="citizen")

    def _say(self, line: str) -> None:
        desk = self.desk
        if desk is None:
            self.app.notify(self.t("kiosk.not_up"), severity="warning")
            return

        async def say() -> None:
            if why := await desk.say(line):
                self.note(why, "red")

        self.run_worker(say(), group="citizen")

    def _reader(self, number: int) -> str:
        readers = [name for name, each in self.desk.slots.items() if each == "card_reader"] if self.desk else []
        return readers[min(number, len(readers) - 1)] if readers else ""

    def _pad(self) -> str:
        return next((name for name, each in self.desk.slots.items() if each == "pin_pad"), "") if self.desk else ""

    def do_insert(self) -> None:
        self._do("insert-card", card="social", into=self._reader(0))

    def do_bank(self) -> None:
        self._do("insert-card", card="bank", into=self._reader(1))

    def do_take(self) -> None:
        """From whatever mouth a card looks out of."""
        slots = self.desk.slots if self.desk else {}
        at = [name for name in slots if self.desk and self.desk.look(name).get("media") == "gate"]
        self._do("remove-card", into=at[0] if at else self._reader(0))

    def do_pin(self) -> None:
        self._type("right")

    def do_wrong(self) -> None:
        self._type("wrong")

    def _type(self, pin: str) -> None:
        """The card's own PIN where the pad is open in the clear, the bank's where it is not."""
        plain = bool(self.desk) and self.desk is not None and self.desk.look(self._pad()).get("keypad") == "plain"
        self._do("identify" if plain else "type-pin", card="social" if plain else "bank", pin=pin)

    def do_keypad(self) -> None:
        """Keys by hand: digits, then enter, clear or cancel."""

        def typed(line: str | None) -> None:
            if line and self.desk is not None:
                self.run_worker(self._press(self.desk, line), group="citizen")

        self.app.push_screen(LineScreen(self.t("kiosk.keypad")), typed)

    async def _press(self, desk: KioskDesk, line: str) -> None:
        for word in line.split():
            for key in word if word.isdecimal() else (word,):
                if why := await desk.press(self._pad(), key):
                    self.note(f"{self._pad()}: {why}", "yellow")

    def do_scan(self) -> None:
        family = FAMILIES.get(str(self.event.get("method", "")), "wechat")
        self._do("show-code", code=family)

    def do_enter(self) -> None:
        """Confirm what the page asks; on a page with choices, the one at the cursor."""
        word = str(self.event.get("word", ""))
        table = self.query_one("#kiosk-choices", AsciiTable)
        if table.row_count and word:
            number = str(table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value)
            self._say(f"{word} {number}")
        else:
            self._say(word or "confirm")

    def on_data_table_row_selected(self) -> None:
        self.do_enter()

    def do_back(self) -> None:
        self._say("back")

    def do_cancel(self) -> None:
        self._say("cancel")

    def do_say(self) -> None:
        def said(line: str | None) -> None:
            if line:
                self._say(line.strip())

        self.app.push_screen(LineScreen(self.t("kiosk.say")), said)
