"""The kiosk as lines for a harness: one JSON object for each change, in which nobody can be recognised."""

from __future__ import annotations

import json
from typing import Any, TextIO

from reference_impl.kiosk.business.facts import facts_of_session
from reference_impl.kiosk.business.menu import Terms
from reference_impl.kiosk.masking import mask_name, mask_number
from reference_impl.kiosk.state import Phase, State

__all__ = ["EventView", "facts_of"]


def facts_of(state: State, terms: Terms | None = None) -> dict[str, Any]:
    """What may be told about *state*. ``event`` is the phase; the rest only where it says something."""
    facts: dict[str, Any] = {"event": state.phase.value}
    if state.phase in (Phase.PIN, Phase.CONFIRM):
        facts |= {"ask": "pin" if state.phase is Phase.PIN else "confirm", "tries_left": state.tries_left}
        facts |= {"wrong": state.pin_wrong, "malformed": state.pin_malformed}
    if state.identity is not None:
        facts |= {"version": state.identity.version, "algorithm": state.identity.algorithm.value}
    if state.phase is Phase.HOLDER and state.holder is not None and state.identity is not None:
        facts["holder"] = {
            "name": mask_name(state.holder.name),
            "id_number": mask_number(state.holder.id_number),
            "card_number": mask_number(state.identity.card_number),
        }
    if state.problem is not None:
        facts |= {"problem": state.problem.value, "detail": state.detail}
    if state.session is not None:
        facts |= facts_of_session(state.session, terms or Terms())
    if state.undecided:
        facts["undecided"] = state.undecided
    facts |= {name: True for name in ("reminded", "stopping") if getattr(state, name)}
    if state.stuck and state.phase in (Phase.FAULT, Phase.STOPPED):
        facts["stuck"] = True
    return facts


class EventView:
    """Writes ``{"t": seconds since *start*, "event": phase, ...}``, one line for each change."""

    def __init__(self, out: TextIO, start: float = 0.0, terms: Terms | None = None) -> None:
        self._out, self._start, self._terms = out, start, terms
        self._last: dict[str, Any] | None = None

    def show(self, state: State, now: float) -> None:
        facts = facts_of(state, self._terms)
        if facts != self._last:
            self._last = facts
            self._write(now, facts)

    def ignored(self, word: str, now: float) -> None:
        """An entry that belongs to no question of this page; *word* is how it began, where that is a word of the kiosk."""
        self._write(now, {"event": "ignored", "word": word})

    def _write(self, now: float, facts: dict[str, Any]) -> None:
        self._out.write(json.dumps({"t": round(now - self._start, 3), **facts}, ensure_ascii=False) + "\n")
        self._out.flush()
