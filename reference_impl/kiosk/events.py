"""The kiosk as lines for a harness: one JSON object for each change, in which nobody can be recognised."""

from __future__ import annotations

import json
from typing import Any, TextIO

from reference_impl.kiosk.masking import mask_name, mask_number
from reference_impl.kiosk.state import Phase, State

__all__ = ["EventView", "facts_of"]


def facts_of(state: State) -> dict[str, Any]:
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
    facts |= {name: True for name in ("reminded", "stopping") if getattr(state, name)}
    if state.stuck and state.phase in (Phase.FAULT, Phase.STOPPED):
        facts["stuck"] = True
    return facts


class EventView:
    """Writes ``{"t": seconds since the start, "event": phase, ...}``, one line for each change."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last: dict[str, Any] | None = None

    def show(self, state: State, now: float) -> None:
        facts = facts_of(state)
        if facts != self._last:
            self._last = facts
            self._out.write(json.dumps({"t": round(now, 3), **facts}, ensure_ascii=False) + "\n")
            self._out.flush()
