"""Home: what this is, what this machine lacks, recent dossiers, what to do next."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from tui.characters import steady
from tui.dossiers import find_dossiers
from tui.screens.base import Pane
from tui.widgets.ascii_parts import AsciiTable

__all__ = ["HomePane"]

GROUPS = ("vendor", "acceptance", "integrator", "developer")


class HomePane(Pane):
    """The first thing that anybody sees."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._doctor: list[Any] | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="home-what")
        with Vertical(id="home-doctor", classes="box"):
            yield Static(id="home-doctor-text")
        with Vertical(id="home-recent", classes="box"):
            yield AsciiTable(id="home-dossiers")
            yield Static(id="home-none")
        with Vertical(id="home-next", classes="box"):
            yield Static(id="home-next-text")

    def on_mount(self) -> None:
        self.do_doctor()

    def shown(self) -> None:
        self.query_one("#home-what", Static).update(Text(self.t("home.what")))
        for name in ("doctor", "recent", "next"):
            self.query_one(f"#home-{name}").border_title = self.t(f"home.{name}")
        next_text = Text("\n".join(self.t(f"home.next.{each}") for each in GROUPS))
        self.query_one("#home-next-text", Static).update(next_text)
        self._show_doctor()
        self._show_dossiers()

    def focus_main(self) -> None:
        self.query_one("#home-dossiers").focus()

    def context(self) -> dict[str, str]:
        found = self._selected()
        return {"dossier": found} if found else {}

    def _selected(self) -> str:
        table = self.query_one("#home-dossiers", AsciiTable)
        if not table.row_count:
            return ""
        return str(table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value)

    def _show_dossiers(self) -> None:
        table = self.query_one("#home-dossiers", AsciiTable)
        table.clear(columns=True)
        table.add_columns(self.t("reports.written"), self.t("reports.overall"), self.t("reports.path"))
        found = find_dossiers(self.onecard.dossiers)[:20]
        for each in found:
            table.add_row(
                each.written, self.onecard.overall_text(each.overall), steady(str(each.path)), key=str(each.path)
            )
        table.display = bool(found)
        none = self.query_one("#home-none", Static)
        none.display = not found
        none.update(Text(self.t("home.recent.none")))

    def _show_doctor(self) -> None:
        out = Text(no_wrap=False)
        if self._doctor is None:
            out.append(self.t("home.doctor.wait"), style="dim")
        for number, each in enumerate(self._doctor or ()):
            word = self.t("home.ok") if each.ok else self.t("home.missing")
            out.append("\n" if number else "")
            out.append(f"[{'+' if each.ok else 'X'}] {word}  ", style="green" if each.ok else "bold red")
            out.append(steady(each.text[self.language]))
            if not each.ok:
                out.append(f"  -> {steady(each.remedy[self.language])}", style="yellow")
        self.query_one("#home-doctor-text", Static).update(out)

    # Actions.

    def do_doctor(self) -> None:
        """Look at this machine, in a thread: finding libraries reads the disk."""
        self._doctor = None

        def look() -> None:
            from conformance.service import doctor

            found = doctor()
            self.app.call_from_thread(self._took, found)

        self.run_worker(look, thread=True, exclusive=True, group="doctor")

    def _took(self, found: list[Any]) -> None:
        self._doctor = found
        self._show_doctor()

    def do_certify(self) -> None:
        self.onecard.show_mode("conformance")
        self.onecard.conformance.do_all()

    def do_open(self) -> None:
        if path := self._selected():
            self.onecard.open_dossier(path)
            self.onecard.show_mode("reports")

    def on_data_table_row_selected(self) -> None:
        self.do_open()
