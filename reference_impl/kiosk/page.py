"""What one screen shows, as values: pure. ``screen.py`` draws it, the pages of the flow and of business make it."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.wire.base import Label

__all__ = ["Choice", "Page"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One option with the number under which it is chosen. ``open`` False: shown, not to be had."""

    number: int
    label: Label
    open: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """The content of one screen. ``rows`` are pairs of a caption and a value; ``notice`` is what went wrong; ``entry`` what
    has been typed so far, ``more`` which page of the choices this is (``2/3``)."""

    headline: Label
    hint: Label | None = None
    notice: Label | None = None
    rows: tuple[tuple[Label, str], ...] = ()
    stars: int | None = None
    stage: int | None = None
    seconds_left: int | None = None
    picture: str = ""
    choices: tuple[Choice, ...] = ()
    more: str = ""
    entry: str = ""
    stages: tuple[Label, ...] = ()
