"""Runs, differences, pooled rows and handlings as values; each field is a column of its table, by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from protocols.wire.base import Label
from reference_impl.backend.reconciliation.model import Code, Scope, Terms

__all__ = [
    "HANDLINGS",
    "Difference",
    "DifferenceState",
    "Handling",
    "HandlingAction",
    "Parameters",
    "PooledRow",
    "Run",
    "RunState",
    "TotalLine",
    "parameters_of",
]


class RunState(StrEnum):
    """Only a ``valid`` run counts. ``running``: its rows are being written; ``void``: another one has taken its place."""

    RUNNING = "running"
    VALID = "valid"
    VOID = "void"


class DifferenceState(StrEnum):
    """``open`` waits for a person, ``pooled`` for a later file. ``closed`` by a person, ``settled`` by a later file,
    ``replaced`` by what it became after the pool, ``void`` with its run."""

    OPEN = "open"
    POOLED = "pooled"
    CLOSED = "closed"
    SETTLED = "settled"
    REPLACED = "replaced"


class HandlingAction(StrEnum):
    """What a person does with a difference, in place."""

    NOTE = "note"
    CONFIRM_QUERY = "confirm-query"
    COMPLETE = "complete"
    REFUND = "refund"
    CANCEL_AT_HIS = "cancel-at-his"
    LATE_ENTRY = "late-entry"
    CORRECT_INSURANCE = "correct-insurance"
    ACCEPT = "accept"
    REOPEN = "reopen"


HANDLINGS: Mapping[HandlingAction, tuple[Label, DifferenceState | None]] = {
    HandlingAction.NOTE: (Label("备注", "note"), None),
    HandlingAction.CONFIRM_QUERY: (Label("已查证", "queried"), None),
    HandlingAction.COMPLETE: (Label("已在HIS补成", "completed in the HIS"), DifferenceState.CLOSED),
    HandlingAction.REFUND: (Label("已退款", "refunded"), DifferenceState.CLOSED),
    HandlingAction.CANCEL_AT_HIS: (Label("已在HIS撤销", "cancelled in the HIS"), DifferenceState.CLOSED),
    HandlingAction.LATE_ENTRY: (Label("已补录", "entered late"), DifferenceState.CLOSED),
    HandlingAction.CORRECT_INSURANCE: (
        Label("已冲正或撤销医保", "taken back at the insurance"),
        DifferenceState.CLOSED,
    ),
    HandlingAction.ACCEPT: (Label("确认差异，不再处理", "accepted as it is"), DifferenceState.CLOSED),
    HandlingAction.REOPEN: (Label("重新打开", "opened again"), DifferenceState.OPEN),
}
"""What each is called, and the state after it; None leaves it."""


@dataclass(frozen=True, slots=True)
class Run:
    """``day`` is ``2026-11-22``; an empty ``institution`` or ``channel`` means all. ``files`` and ``parameters`` are JSON.
    ``compared``: platform rows; ``carried``: rows out of the pool; ``found``: differences; ``pooled``: rows that wait on;
    ``settled``: rows that left the pool."""

    run_id: str
    day: str
    institution: str
    channel: str
    state: str
    started_by: str
    started_at: float
    ended_at: float = 0.0
    files: str = "[]"
    parameters: str = "{}"
    compared: int = 0
    carried: int = 0
    found: int = 0
    pooled: int = 0
    settled: int = 0
    reason: str = ""
    version: int = 1

    @property
    def scope(self) -> Scope:
        return Scope(date.fromisoformat(self.day), self.institution, self.channel)


@dataclass(frozen=True, slots=True)
class TotalLine:
    """A leaf of :mod:`reference_impl.backend.reconciliation.totals`, of one run."""

    total_id: str
    run_id: str
    book: str
    leg: str
    channel: str
    institution: str
    paid_count: int
    paid_fen: int
    returned_count: int
    returned_fen: int


@dataclass(frozen=True, slots=True)
class Difference:
    """``subject`` names what differs, the same in every run: ``CODE|book|reference|kind``. ``sides`` is JSON: for each book its
    reference, state, fen and fee, or nothing. ``gap_fen``: the channel (HIS, insurance) less the platform; above zero is
    长款, below zero 短款. ``ended_run``: the run whose files settled or replaced it."""

    difference_id: str
    run_id: str
    subject: str
    code: str
    underlying: str
    books: str
    institution: str
    channel: str
    day: str
    trade_no: str
    kind: str
    sides: str
    gap_fen: int
    pooled: bool
    state: str
    ended_run: str = ""
    handled_by: str = ""
    handled_at: float = 0.0
    reason: str = ""
    version: int = 1

    @property
    def rule_code(self) -> Code:
        return Code(self.code)

    @property
    def side(self) -> Mapping[str, Mapping[str, Any]]:
        return json.loads(self.sides)


@dataclass(frozen=True, slots=True)
class PooledRow:
    """A row that waits for a later file. ``run_id`` put it there, ``content`` is the row as JSON; ``state`` waiting or
    left."""

    pool_id: str
    run_id: str
    book: str
    institution: str
    channel: str
    day: str
    content: str
    state: str = "waiting"
    ended_run: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True)
class Handling:
    """One act of a person on a difference."""

    handling_id: str
    difference_id: str
    subject: str
    at: float
    user_id: str
    action: str
    reason: str
    state_before: str
    state_after: str


@dataclass(frozen=True, slots=True)
class Parameters:
    """What an operator sets (DG-FIN-SYS-01). Ends of day are seconds after midnight, fees millionths of the amount."""

    platform_cut_s: int = 86_400
    channel_cut_s: int = 86_400
    channel_cuts: tuple[tuple[str, int], ...] = (("bank", 82_800),)
    his_cut_s: int = 86_400
    insurance_cut_s: int = 86_400
    window_s: int = 600
    pool_days: int = 2
    fees_ppm: tuple[tuple[str, int], ...] = ()

    def terms(self, day: date) -> Terms:
        """Raises ValueError for values that cannot be."""
        return Terms(
            day,
            self.platform_cut_s,
            self.channel_cut_s,
            dict(self.channel_cuts),
            self.his_cut_s,
            self.insurance_cut_s,
            self.window_s,
            self.pool_days,
        )


def parameters_of(content: Mapping[str, Any]) -> Parameters:
    """The parameters of a JSON document; what it does not name is as it is by default. Raises TypeError for a name that
    there is not."""
    values: dict[str, Any] = {
        name: tuple((str(key), int(number)) for key, number in value) if name in _PAIRS else int(value)
        for name, value in content.items()
    }
    return Parameters(**values)


_PAIRS = ("channel_cuts", "fees_ppm")
