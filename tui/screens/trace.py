"""Trace: the records of a dossier or of the running run, decoded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Input, Static

from protocols.record import Record
from tui.characters import steady
from tui.screens.base import Pane
from tui.widgets.trace_list import TraceList

__all__ = ["TracePane"]

READ_EVERY_S = 0.5


class TracePane(Pane):
    """Left or above the list, right or below the tree of the selected record."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.records: list[Record] = []
        self.dialects: dict[str, str] = {}
        self._follow: Path | None = None
        self._offset = 0

    def compose(self) -> ComposeResult:
        yield Static(id="trace-head")
        yield Input(id="trace-filter", classes="filter")
        with Vertical(id="trace-body"):
            with Vertical(id="trace-list-box", classes="box"):
                yield TraceList(id="trace-list")
            with VerticalScroll(id="trace-tree-box", classes="box"):
                yield Static(id="trace-tree")

    def on_mount(self) -> None:
        self.query_one("#trace-filter").display = False
        self.set_interval(READ_EVERY_S, self._read_more)

    def shown(self) -> None:
        self.query_one("#trace-filter", Input).placeholder = self.t("filter.placeholder")
        self.query_one("#trace-tree-box").border_title = self.t("trace.tree")
        listed = self.query_one(TraceList)
        listed.show(listed.records, self.dialects, self.language, listed.cursor)
        self._head()
        self._tree()

    def focus_main(self) -> None:
        self.query_one(TraceList).focus()

    def context(self) -> dict[str, str]:
        return {"check": self._check_at(self.query_one(TraceList).selected)}

    # Content.

    def take(self, records: list[Record], dialects: dict[str, str]) -> None:
        """Show the records of a dossier."""
        self._follow = None
        self.records, self.dialects = list(records), dict(dialects)
        self._apply()

    def follow(self, history: Path, dialects: dict[str, str]) -> None:
        """Show a history that is being written."""
        self._follow, self._offset = history, 0
        self.records, self.dialects = [], dict(dialects)
        self._apply()

    def _read_more(self) -> None:
        if self._follow is None or self.onecard.mode != "trace":
            return
        try:
            with self._follow.open("rb") as source:
                source.seek(self._offset)
                chunk = source.read()
        except OSError:
            return
        whole, _, _ = chunk.rpartition(b"\n")
        if not whole:
            return
        self._offset += len(whole) + 1
        fresh = [Record.parse(line.decode()) for line in whole.split(b"\n")]
        self.records += fresh
        self.query_one(TraceList).extend([each for each in fresh if self._wanted(each)])
        self._head()

    def _words(self) -> list[str]:
        return self.query_one("#trace-filter", Input).value.lower().split()

    def _wanted(self, record: Record) -> bool:
        words = self._words()
        if not words:
            return True
        raw = record.data.hex()
        note = json.dumps(dict(record.note), ensure_ascii=False, default=str)
        text = f"{record.slot} {record.kind} {record.direction} {raw} {note} {self._summary(record)}".lower()
        return all(word in text for word in words)

    def _summary(self, record: Record) -> str:
        from conformance.service import show_record

        if not record.data:
            return ""
        summary = show_record(record, self.dialects.get(record.slot, "")).summary
        return f"{summary.zh} {summary.en}"

    def _apply(self) -> None:
        self.query_one(TraceList).show([e for e in self.records if self._wanted(e)], self.dialects, self.language)
        self._head()
        self._tree()

    def _head(self) -> None:
        listed = self.query_one(TraceList)
        if not self.records:
            line = Text(f" {self.t('trace.none')}", style="dim", no_wrap=True)
        else:
            line = Text(f" {self.t('trace.count', shown=len(listed.records), total=len(self.records))}", no_wrap=True)
            if self._follow is not None:
                line.append(f"   {self.t('trace.live')}", style="green")
            if self._words():
                line.append(f"   / {' '.join(self._words())}", style="yellow")
            line.append(f"   {self._check_at(listed.selected)}", style="bold")
        self.query_one("#trace-head", Static).update(line)

    def _tree(self) -> None:
        from conformance.service import show_record

        out = Text()
        record = self.query_one(TraceList).selected
        if record is not None:
            shown = show_record(record, self.dialects.get(record.slot, ""))
            out.append(f"#{record.seq}  {record.t:.6f} s  {record.slot}  {record.kind}  {shown.arrow}\n", style="bold")
            if shown.hexed:
                out.append(shown.hexed + "\n", style="cyan")
            if shown.tree is not None:
                out.append(steady(shown.tree.render(self.language)) + "\n")
            for key, value in record.note.items():
                out.append(f"{key}: ", style="dim")
                out.append(steady(json.dumps(value, ensure_ascii=False, default=str)) + "\n")
        self.query_one("#trace-tree", Static).update(out)
        self.query_one("#trace-tree-box").scroll_home(animate=False)

    def _check_at(self, record: Record | None) -> str:
        if record is None:
            return ""
        for number in range(min(record.seq, len(self.records) - 1), -1, -1):
            each = self.records[number]
            if each.kind == "check" and each.note.get("phase") == "begin":
                return str(each.note.get("id") or each.note.get("name") or "")
        return ""

    def on_trace_list_moved(self) -> None:
        self._head()
        self._tree()
        self.onecard.refresh_command()

    def on_input_changed(self) -> None:
        self._apply()

    def on_input_submitted(self) -> None:
        self.focus_main()

    def clear_filter(self) -> None:
        """Escape: everything again."""
        entry = self.query_one("#trace-filter", Input)
        entry.value = ""
        entry.display = False
        self.focus_main()

    # Actions.

    def do_filter(self) -> None:
        entry = self.query_one("#trace-filter", Input)
        entry.display = True
        entry.focus()

    def _jump(self, step: int) -> None:
        listed = self.query_one(TraceList)
        at = listed.cursor + step
        while 0 <= at < len(listed.records):
            each = listed.records[at]
            if each.kind == "check" and each.note.get("phase") == "begin":
                listed.action_jump(at)
                return
            at += step

    def do_next(self) -> None:
        self._jump(1)

    def do_previous(self) -> None:
        self._jump(-1)

    def do_first(self) -> None:
        self.query_one(TraceList).action_jump(0)

    def do_last(self) -> None:
        self.query_one(TraceList).action_jump(-1)

    def do_live(self) -> None:
        self.onecard.follow_run()
