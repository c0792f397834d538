"""Pages beside the events of :class:`EventView`, for a harness that shows what the citizen sees.

A page holds what stands on the screen, on the page of the holder the name in full: whoever asks for pages must not keep them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TextIO

from protocols.wire.base import Label
from reference_impl.kiosk.business.answers import WORD_OF
from reference_impl.kiosk.business.menu import Terms
from reference_impl.kiosk.events import EventView, facts_of
from reference_impl.kiosk.page import Page
from reference_impl.kiosk.screen import page_of
from reference_impl.kiosk.state import State

__all__ = ["PageView", "plain_page"]


def plain_page(page: Page) -> dict[str, Any]:
    """*page* as JSON; what is not there is left out. ``rows`` are [zh, en, value], ``choices`` [number, zh, en, open]."""
    plain: dict[str, Any] = {"headline": _both(page.headline)}
    for name in ("hint", "notice"):
        label: Label | None = getattr(page, name)
        if label is not None:
            plain[name] = _both(label)
    if page.rows:
        plain["rows"] = [[caption.zh, caption.en, value] for caption, value in page.rows]
    if page.choices:
        plain["choices"] = [[each.number, each.label.zh, each.label.en, each.open] for each in page.choices]
    for name in ("more", "entry", "picture"):
        if getattr(page, name):
            plain[name] = getattr(page, name)
    if page.stars is not None:
        plain["stars"] = page.stars
    if page.stage is not None and page.stages:
        plain |= {"stage": page.stage, "stages": [_both(each) for each in page.stages]}
    return plain


class PageView(EventView):
    """Every event with its ``page``, and the ``word`` with which a line for that page begins. ``entered`` tells how many
    digits of a PIN stand at the keypad. ``left_s`` is how long the page stands, when it says so; it does not count down."""

    def __init__(
        self, out: TextIO, start: float = 0.0, terms: Terms | None = None, entered: Callable[[], int] = lambda: 0
    ) -> None:
        super().__init__(out, start, terms)
        self._entered = entered

    def show(self, state: State, now: float) -> None:
        page = page_of(state, now, self._entered(), "", self._terms)
        facts = {**facts_of(state, self._terms), "page": plain_page(page)}
        word = WORD_OF.get(state.session.stage) if state.session is not None else None
        if word is not None:
            facts["word"] = word
        if facts != self._last:
            self._last = facts
            left = {} if page.seconds_left is None else {"left_s": page.seconds_left}
            self._write(now, {**facts, **left})


def _both(label: Label) -> dict[str, str]:
    return {"zh": label.zh, "en": label.en}
