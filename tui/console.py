"""What every command speaks through: text in one language, or one JSON document, and exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import rich.box
import rich.console
import rich.table
import rich.text

from protocols.wire.base import Label
from tui.language import Language
from tui.plain import as_json

__all__ = ["ASCII_TABLE", "EXIT_CONFIGURATION", "EXIT_FAILED", "EXIT_INTERRUPTED", "Console", "UserError"]

EXIT_FAILED = 1
"""A verdict went against the thing under test, or a gate is closed."""
EXIT_CONFIGURATION = 2
"""Usage, configuration, environment: nothing was said about the device."""
EXIT_INTERRUPTED = 130

# Box-drawing lines are two cells wide in many Chinese terminals: plain ASCII stays straight everywhere.
ASCII_TABLE = rich.box.Box("    \n    \n -- \n    \n    \n -- \n    \n    \n", ascii=True)

PIPE_COLUMNS = 240
UNFOLDED_CELLS = 40
LAST_CELLS = 24
"""Columns up to UNFOLDED_CELLS stay on one line; the last one folds, but never to less than LAST_CELLS."""

STYLES = {
    "pass": "green",
    "fail": "bold red",
    "error": "bold magenta",
    "inconclusive": "yellow",
    "needs_review": "yellow",
    "not_tested": "dim",
    "not_applicable": "dim",
}


NO_REMEDY = Label("", "")


class UserError(Exception):
    """Something that the person at the keyboard can mend. ``where`` is ``file:line`` or a name; may be empty."""

    def __init__(self, what: Label, remedy: Label = NO_REMEDY, where: str = "") -> None:
        super().__init__(what.en)
        self.what, self.remedy, self.where = what, remedy, where


class Console:
    """Output of one command. With ``as_json`` standard output carries :meth:`document` alone; text goes to the
    standard error when that is a terminal, and nowhere otherwise."""

    def __init__(self, language: Language = "zh", as_json: bool = False) -> None:
        self.language: Language = language
        self.as_json = as_json
        out = sys.stderr if as_json else sys.stdout
        # A pipe has no width: a record must not be folded there, another program reads it line by line.
        width = None if out.isatty() else PIPE_COLUMNS
        quiet = as_json and not out.isatty()
        self.rich = rich.console.Console(stderr=as_json, quiet=quiet, highlight=False, soft_wrap=True, width=width)

    @property
    def live(self) -> bool:
        """True on a terminal, where progress may be drawn."""
        return self.rich.is_terminal and not self.as_json

    def text(self, zh: str, en: str) -> str:
        return zh if self.language == "zh" else en

    def of(self, label: Label) -> str:
        return label[self.language]

    def say(self, text: str | rich.text.Text = "", style: str = "") -> None:
        """One line for people."""
        self.rich.print(text, style=style or None, markup=False)

    def verdict(self, verdict: str, label: str) -> rich.text.Text:
        return rich.text.Text(label, style=STYLES.get(verdict, ""))

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """A table whose last column takes what is left of the width and folds."""
        cells = [[e if isinstance(e, rich.text.Text) else rich.text.Text(str(e)) for e in row] for row in rows]
        table = rich.table.Table(box=ASCII_TABLE, header_style="bold", pad_edge=False, show_edge=False)
        for number, head in enumerate(heads):
            last = number == len(heads) - 1
            widest = max((row[number].cell_len for row in cells), default=0)
            keep = not last and widest <= UNFOLDED_CELLS
            table.add_column(head, overflow="fold", no_wrap=keep, min_width=min(widest, LAST_CELLS) if last else None)
        for row in cells:
            table.add_row(*row)
        self.rich.print(table, soft_wrap=False)

    def document(self, value: Any) -> None:
        """The one JSON document of this command; nothing unless ``--json`` was given."""
        if self.as_json:
            sys.stdout.write(json.dumps(as_json(value), ensure_ascii=False, indent=2) + "\n")
            sys.stdout.flush()

    def complain(self, problems: Sequence[dict[str, str]], exit_code: int) -> None:
        """Errors: ``where``, ``what`` and ``remedy`` of each, as text on standard error or as the document."""
        if self.as_json:
            self.document({"errors": list(problems), "exit_code": exit_code})
        errors = rich.console.Console(stderr=True, highlight=False, soft_wrap=True)
        head = self.text("错误：", "error: ")
        for each in problems:
            where = f"{each['where']}: " if each.get("where") else ""
            errors.print(f"{head}{where}{each['what']}", style="red", markup=False)
            if each.get("remedy"):
                errors.print(self.text("  办法：", "  remedy: ") + each["remedy"], markup=False)
