"""A list of records that decodes only what is on the screen: a run has tens of thousands."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from protocols.record import Record
from tui.characters import steady
from tui.language import Language

__all__ = ["TraceList"]

CACHED_LINES = 4096
COLOURS = {"tx": "cyan", "rx": "green", "-": ""}
PAGE_MARGIN = 2
SELECTED = Style(bgcolor="#2f5468", color="#ffffff")


class TraceList(ScrollView, can_focus=True):
    """Shows ``records``; the row at ``cursor`` is the selected one. Posts :class:`Moved`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "jump(0)", show=False),
        Binding("end", "jump(-1)", show=False),
    ]

    cursor: reactive[int] = reactive(0)

    class Moved(Message):
        """Another record is selected."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.records: list[Record] = []
        self.dialects: dict[str, str] = {}
        self.language: Language = "zh"
        self._line = lru_cache(CACHED_LINES)(self._make_line)

    # Content.

    def show(self, records: Sequence[Record], dialects: dict[str, str], language: Language, cursor: int = 0) -> None:
        """Replace everything."""
        self.records, self.dialects, self.language = list(records), dict(dialects), language
        self._line.cache_clear()
        self.virtual_size = Size(self.size.width, len(self.records))
        self.cursor = max(0, min(cursor, len(self.records) - 1))
        self._keep_in_view()
        self.refresh()

    def extend(self, records: Sequence[Record]) -> None:
        """More records of a running run; the cursor follows when it is at the end."""
        follow = self.cursor >= len(self.records) - 1
        self.records.extend(records)
        self.virtual_size = Size(self.size.width, len(self.records))
        if follow:
            self.cursor = max(0, len(self.records) - 1)
            self._keep_in_view()
        self.refresh()

    @property
    def selected(self) -> Record | None:
        return self.records[self.cursor] if 0 <= self.cursor < len(self.records) else None

    # Drawing.

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        index = y + self.scroll_offset.y
        if index >= len(self.records):
            return Strip.blank(width, self.rich_style)
        line = self._line(index).copy()
        line.truncate(width, pad=True)
        if index == self.cursor:
            line.stylize(SELECTED)
        segments = list(Segment.apply_style(line.render(self.app.console), self.rich_style))
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def _make_line(self, index: int) -> Text:
        from conformance.service import show_record

        record = self.records[index]
        shown = show_record(record, self.dialects.get(record.slot, ""))
        line = Text(no_wrap=True, overflow="crop", end="")
        line.append(f"{record.seq:>6} {record.t:>11.6f}  ", style="dim")
        line.append(f"{record.slot[:11]:<11} ")
        line.append(shown.arrow + " ", style=COLOURS[record.direction])
        summary = " ".join(steady(shown.summary[self.language]).split())
        line.append(summary, style="bold" if record.kind in ("check", "step") else COLOURS[record.direction])
        return line

    # Moving.

    def watch_cursor(self) -> None:
        self._keep_in_view()
        self.refresh()
        self.post_message(self.Moved())

    def _keep_in_view(self) -> None:
        height = self.scrollable_content_region.height or self.size.height
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif height and self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, force=True)

    def action_move(self, by: int) -> None:
        self.action_jump(max(0, self.cursor + by))

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.size.height - PAGE_MARGIN))

    def action_jump(self, to: int) -> None:
        last = len(self.records) - 1
        self.cursor = max(0, last if to < 0 else min(to, last))

    def on_click(self, event: Any) -> None:
        self.action_jump(self.scroll_offset.y + event.y)
