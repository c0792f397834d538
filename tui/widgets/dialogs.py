"""Small screens over the others: help, palette, one line of input, and the request for a person's hand."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui.actions import ACTIONS, MODE_LABELS, actions_of, command_line
from tui.characters import steady
from tui.language import Language
from tui.locale import text

__all__ = ["HelpScreen", "LineScreen", "PaletteScreen", "PromptScreen"]

ESCAPE: list[BindingType] = [Binding("escape", "dismiss(None)", show=False)]


class HelpScreen(ModalScreen[None]):
    """Every key of every mode, the current mode first."""

    BINDINGS: ClassVar[list[BindingType]] = [*ESCAPE, Binding("question_mark,h,q", "dismiss(None)", show=False)]

    def __init__(self, mode: str, language: Language) -> None:
        super().__init__()
        self._mode, self._language = mode, language

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog big") as box:
            box.border_title = text(self._language, "help.title")
            with VerticalScroll(can_focus=True):
                yield Static(self._table())

    def _table(self) -> Text:
        language = self._language
        rows = Text()
        modes = dict.fromkeys([self._mode, "all", *MODE_LABELS])
        for mode in modes:
            rows.append(f"{MODE_LABELS[mode][language]}\n", style="bold")
            for each in ACTIONS:
                if each.mode == mode:
                    keys = " ".join((each.shown_key, *each.also))
                    rows.append(f"  {keys:<9}", style="bold cyan")
                    rows.append(f"{each.label[language]}: {each.help[language]}\n")
                    rows.append(f"           {steady(command_line(each, {}))}\n", style="dim")
            rows.append("\n")
        return rows


class PaletteScreen(ModalScreen[str | None]):
    """Find an action by its name, in either language; gives its id."""

    BINDINGS: ClassVar[list[BindingType]] = [*ESCAPE, Binding("down", "focus_list", show=False)]

    def __init__(self, mode: str, language: Language) -> None:
        super().__init__()
        self._mode, self._language = mode, language

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Input(placeholder=text(self._language, "palette.placeholder"))
            yield OptionList(*self._options(""))

    def _options(self, wanted: str) -> list[Option]:
        found: list[Option] = []
        for each in actions_of(self._mode):
            searched = f"{each.id} {each.label.zh} {each.label.en} {each.help.zh} {each.help.en}".lower()
            if wanted.lower() in searched:
                name = f"{each.label[self._language]}: {each.help[self._language]}  ({each.shown_key})"
                found.append(Option(name, each.id))
        return found

    def on_input_changed(self, event: Input.Changed) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(self._options(event.value))

    def on_input_submitted(self) -> None:
        options = self.query_one(OptionList)
        if options.option_count:
            self.dismiss(options.get_option_at_index(options.highlighted or 0).id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_focus_list(self) -> None:
        self.query_one(OptionList).focus()


class LineScreen(ModalScreen[str | None]):
    """One line of input."""

    BINDINGS: ClassVar[list[BindingType]] = ESCAPE

    def __init__(self, placeholder: str, value: str = "") -> None:
        super().__init__()
        self._placeholder, self._value = placeholder, value

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog small"):
            yield Input(self._value, placeholder=self._placeholder)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)


class PromptScreen(ModalScreen[bool]):
    """Asks a person to do something; gives True when it was done. Not closed by Escape: an answer is needed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", show=False),
        Binding("n", "dismiss(False)", show=False),
    ]

    def __init__(self, prompt: str, request: str, language: Language) -> None:
        super().__init__()
        self.prompt, self._request, self._language = prompt, request, language

    def compose(self) -> ComposeResult:
        language = self._language
        with Vertical(classes="dialog small prompt") as box:
            box.border_title = text(language, "prompt.title")
            yield Static(Text(steady(self._request), style="bold"))
            yield Static(Text(text(language, "prompt.id", prompt=self.prompt), style="dim"))
            yield Static(Text(f"\n{text(language, 'prompt.done')}     {text(language, 'prompt.cannot')}", style="bold"))
