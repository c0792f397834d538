"""Top bar with the modes, the line that shows the command, and the key bar: all from the action table."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import Static

from tui.actions import MODE_LABELS, MODES, Action, actions_of
from tui.characters import steady
from tui.language import Language
from tui.locale import text

__all__ = ["CommandBar", "KeyBar", "TopBar"]


class TopBar(Static):
    """``一卡通台架 | 1 首页 | 2 台架 ...`` with the mode that is shown in reverse; where not all would fit, without the name
    and closer together."""

    def show(self, mode: str, language: Language) -> None:
        labels = [f"{number} {MODE_LABELS[each][language]}" for number, each in enumerate(MODES, 1)]
        name = f" {text(language, 'app.title')} "
        wide = cell_len(name) + sum(cell_len(each) + 3 for each in labels) <= self.app.size.width
        line = Text(name if wide else "", style="bold", no_wrap=True)
        for each, label in zip(MODES, labels, strict=True):
            line.append(" " if wide else "")
            line.append(f" {label} " if wide else f" {label}", style="bold reverse" if each == mode else "")
        self.update(line)


class CommandBar(Static):
    """``命令: onecard run ...``: what would do the same in a shell."""

    line = ""

    def show(self, line: str, language: Language) -> None:
        self.line = line
        shown = Text(f" {text(language, 'app.command')}: ", style="dim", no_wrap=True, overflow="ellipsis")
        shown.append("$ " if line.startswith("onecard") else "", style="dim")
        shown.append(steady(line), style="bold")
        shown.overflow = "crop"
        self.update(shown)


class KeyBar(Static):
    """The keys of this mode, as many as fit."""

    def show(self, mode: str, language: Language) -> None:
        width = max(self.app.size.width - 1, 20)
        line = Text(" ", no_wrap=True, overflow="crop")
        used = 1
        for each in _ordered(mode):
            piece = f"{each.shown_key} {each.label[language]}"
            if used + cell_len(piece) + 2 > width:
                continue
            line.append(each.shown_key, style="bold reverse")
            line.append(f" {each.label[language]}  ")
            used += cell_len(piece) + 2
        self.update(line)


def _ordered(mode: str) -> list[Action]:
    """Help and quit first among those of everywhere: they must fit on the narrowest screen."""
    shown = [each for each in actions_of(mode) if each.bar]
    always = [each for each in shown if each.id in ("help", "quit", "language")]
    return always + [each for each in shown if each not in always]
