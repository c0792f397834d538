"""What the application asks of every mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.containers import Container

from tui.language import Language
from tui.locale import text

if TYPE_CHECKING:
    from tui.app import OnecardApp

__all__ = ["Pane"]


class Pane(Container):
    """One mode. Subclasses define ``do_<action>`` for their actions, with dots after the mode turned to underscores."""

    @property
    def onecard(self) -> OnecardApp:
        return cast("OnecardApp", self.app)

    @property
    def language(self) -> Language:
        return self.onecard.language

    def t(self, key: str, **values: object) -> str:
        """The text *key* in the language of the screen."""
        return text(self.language, key, **values)

    def shown(self) -> None:
        """The mode was entered, or the language changed: draw everything anew."""

    def context(self) -> dict[str, str]:
        """What the command lines of this mode may name: ``check``, ``slot``, ``bench`` ..."""
        return {}

    def focus_main(self) -> None:
        """Put the focus where keys are wanted first."""
