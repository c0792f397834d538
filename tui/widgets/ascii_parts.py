"""Textual's parts without the characters that Chinese terminals draw two cells wide."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.widgets import DataTable, Tree

__all__ = ["AsciiScrollBarRender", "AsciiTable", "AsciiTree", "bar", "install"]


class AsciiScrollBarRender(ScrollBarRender):
    """Blocks of colour, without the eighth-block characters at their ends."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


def install() -> None:
    """Make every scroll bar of this process an ASCII one."""
    ScrollBar.renderer = AsciiScrollBarRender


_LINES = ("    ", "|   ", "`-- ", "|-- ")


class AsciiTree(Tree[Any]):
    """A tree drawn with ``|-- `` and ``+``."""

    ICON_NODE = "+ "
    ICON_NODE_EXPANDED = "- "
    LINES: ClassVar[dict[str, tuple[str, str, str, str]]] = dict.fromkeys(("default", "bold", "double"), _LINES)


class AsciiTable(DataTable[Any]):
    """A table whose cursor is a whole row."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(cursor_type="row", zebra_stripes=False, **kwargs)


def bar(done: int, total: int, cells: int) -> str:
    """``[####....]`` of *cells* characters inside."""
    full = min(cells, int(cells * done / total)) if total else 0
    return "[" + "#" * full + "." * (cells - full) + "]"
