"""Reports: the dossiers, what they say, whether they are intact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from tui.characters import steady
from tui.console import STYLES
from tui.dossiers import find_dossiers
from tui.run_state import SYMBOLS
from tui.screens.base import Pane
from tui.widgets.ascii_parts import AsciiTable

if TYPE_CHECKING:
    from conformance.service import Dossier, RunResult

__all__ = ["ReportsPane"]

HEAD = "bold cyan"


class ReportsPane(Pane):
    """A list above, the selected dossier below."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._open: dict[str, Dossier] = {}
        self._drawing = False

    def compose(self) -> ComposeResult:
        with Vertical(id="reports-list-box", classes="box"):
            yield AsciiTable(id="reports-list")
        with VerticalScroll(id="reports-detail-box", classes="box"):
            yield Static(id="reports-detail")

    def shown(self) -> None:
        self.do_reload()

    def focus_main(self) -> None:
        self.query_one("#reports-list").focus()

    def context(self) -> dict[str, str]:
        path = self._selected()
        return {"dossier": str(path)} if path else {}

    def _selected(self) -> Path | None:
        table = self.query_one("#reports-list", AsciiTable)
        if not table.row_count:
            return None
        return Path(str(table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value))

    def _dossier(self) -> Dossier | None:
        """The selected dossier, read once; None when it cannot be read."""
        from conformance.service import DossierError, read_dossier

        path = self._selected()
        if path is None:
            return None
        if str(path) not in self._open:
            try:
                self._open[str(path)] = read_dossier(path)
            except DossierError as error:
                what = f"{error.where}: {error.what[self.language]}\n{error.remedy[self.language]}"
                self._say(Text(steady(what), style="yellow"))
                return None
        return self._open[str(path)]

    def _say(self, text: Text) -> None:
        self.query_one("#reports-detail", Static).update(text)
        self.query_one("#reports-detail-box").scroll_home(animate=False)

    def on_data_table_row_highlighted(self) -> None:
        if not self._drawing and self.onecard.mode == "reports":
            self._overview()
            self.onecard.refresh_command()

    def _overview(self) -> None:
        path = self._selected()
        if path is None:
            self._say(Text(self.t("reports.none"), style="dim"))
            return
        if not (path / "result.json").is_file():
            self._say(Text(self.t("reports.incomplete"), style="yellow"))
            return
        dossier = self._dossier()
        if dossier is None:
            return
        self.onecard.took_dossier(path, dossier)
        self._say(self._summary(dossier.result))

    def _summary(self, result: RunResult) -> Text:
        from conformance.service import VERDICT_LABELS

        out = Text()
        out.append(f"{self.t('reports.overall')}: {self.onecard.overall_text(result.overall)}\n", style="bold")
        out.append(f"{result.run_id}  {result.started} .. {result.ended}\n", style="dim")
        out.append(f"\n{self.t('reports.counts')}\n", style=HEAD)
        for verdict, count in result.counts().items():
            if count:
                label = VERDICT_LABELS[verdict][self.language]
                out.append(f"[{SYMBOLS[verdict.value]}] {count:>5}  {label}\n", style=STYLES.get(verdict.value, ""))
        out.append(
            f"\n{self.t('reports.bench')}  {result.bench.name}  {result.bench_class}  {result.clock_class}\n",
            style=HEAD,
        )
        for slot in result.bench.slots:
            out.append(f"{slot.slot:<12} {slot.dialect:<8} {steady(slot.link)}\n")
        out.append("\n")
        out.append_text(self._exceptions(result))
        return out

    def _exceptions(self, result: RunResult) -> Text:
        from conformance.service import VERDICT_LABELS

        wrong = [each for each in result.outcomes if each.verdict != "pass"]
        out = Text()
        if not wrong:
            out.append(self.t("reports.exceptions.none") + "\n", style="green")
        else:
            out.append(self.t("reports.exceptions", count=len(wrong)) + "\n", style=HEAD)
        for each in wrong:
            word = VERDICT_LABELS[each.verdict][self.language]
            out.append(f"[{SYMBOLS[each.verdict.value]}] {word}  ", style=STYLES[each.verdict.value])
            out.append(f"{each.key}\n")
            cause = each.cause or next((f.message for f in each.findings if f.kind != "observed"), None)
            if cause:
                out.append(f"    {steady(cause[self.language])}\n")
        left = [each for each in result.not_run if each.verdict == "not_tested"]
        if left:
            out.append("\n" + self.t("reports.not_tested", count=len(left)) + "\n", style=HEAD)
        for each in left:
            out.append(f"[.] {each.key}  ", style="dim")
            out.append(f"{steady(each.reason[self.language])}\n")
        return out

    # Actions.

    def do_reload(self) -> None:
        table = self.query_one("#reports-list", AsciiTable)
        chosen = str(self.onecard.dossier_path or "")
        self._drawing = True
        table.clear(columns=True)
        table.add_columns(*(self.t(f"reports.{each}") for each in ("written", "overall", "path")))
        found = find_dossiers(self.onecard.dossiers)
        paths = [str(each.path) for each in found]
        if chosen and chosen not in paths:
            table.add_row("-", "-", steady(chosen), key=chosen)
            paths.insert(0, chosen)
        for each in found:
            table.add_row(
                each.written, self.onecard.overall_text(each.overall), steady(str(each.path)), key=str(each.path)
            )
        if chosen in paths:
            table.move_cursor(row=paths.index(chosen))
        self._drawing = False
        self._overview()

    def do_exceptions(self) -> None:
        if dossier := self._dossier():
            self._say(self._exceptions(dossier.result))

    def do_verify(self) -> None:
        path = self._selected()
        if path is None:
            return
        self._say(Text(self.t("reports.verifying"), style="dim"))
        self.run_worker(lambda: self._verify(path), thread=True, exclusive=True, group="verify")

    def _verify(self, path: Path) -> None:
        from conformance.service import verify_dossier

        found = verify_dossier(path)
        shown = Text(steady(found.render(self.language)), style="green" if found.ok else "bold red")
        self.app.call_from_thread(self._say, shown)

    def do_matrix(self) -> None:
        from conformance.service import clause_matrix

        dossier = self._dossier()
        if dossier is None:
            return
        matrix = clause_matrix(dossier.result)
        out = Text()
        counts = {"rows": len(matrix.rows), "tested": len(matrix.tested), "untested": len(matrix.untested)}
        out.append(self.t("reports.matrix", **counts) + "\n\n", style=HEAD)
        for row in matrix.tested:
            verdict = row.group.verdict.value
            out.append(f"[{SYMBOLS[verdict]}] ", style=STYLES.get(verdict, ""))
            out.append(f"{row.clause_id:<12}", style="bold")
            out.append(f"{steady(row.text[self.language])}\n")
            out.append(f"    {', '.join(row.tested_by)}\n", style="dim")
        out.append("\n")
        for row in matrix.untested:
            out.append(f"[.] {row.clause_id:<12}", style="dim")
            out.append(f"{steady(row.reason[self.language])}\n", style="dim")
        self._say(out)

    def do_trace(self) -> None:
        if dossier := self._dossier():
            self.onecard.show_records(dossier)

    def do_path(self) -> None:
        path = self._selected()
        if path is None:
            return
        report = (path / "report.html").resolve()
        self.app.notify(self.t("reports.opened", path=report), timeout=15)
        if report.is_file():
            self.app.open_url(report.as_uri())
