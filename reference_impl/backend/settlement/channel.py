"""The seam between the engine and the outside world.

A channel has two halves. Its *rules* are pure: what an answer, or the lack of one, means for an attempt, and what is due
next. Its *wire* half sends one operation and gives back what was heard. The engine knows neither bank nor HIS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from reference_impl.backend.settlement.model import Attempt, AttemptState, Split, Trade
from reference_impl.backend.storage.writes import Write

__all__ = ["Channel", "ChannelRules", "Heard", "Opening", "Outcome", "Ruling", "Secrets", "backoff_s"]

BACKOFF_FIRST_S = 1.0
BACKOFF_MOST_S = 60.0


class Heard(StrEnum):
    """What came back. ``silence``: no reply in time, a broken connection, an unreadable or unauthentic reply: the peer
    may have done it or not. ``unsent``: the request certainly never left. ``busy``: the peer has it and is not done."""

    DONE = "done"
    REFUSED = "refused"
    BUSY = "busy"
    SILENCE = "silence"
    UNSENT = "unsent"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one operation. ``code`` and ``reason`` are the peer's, without personal data; ``facts`` what it told;
    ``split`` where it told who pays what."""

    heard: Heard
    code: str = ""
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    split: Split | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """What an outcome means. With an open ``state``, ``op`` is due in ``delay_s``. ``alarm`` is a stable id of what an
    operator must know (``reversal-unanswered``, ``peer-contradicts-itself``); the attempt goes on all the same."""

    state: AttemptState
    op: str = ""
    delay_s: float = 0.0
    alarm: str = ""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the citizen gave for this one attempt: held in memory until it was sent, never stored, never shown."""

    values: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


@dataclass(frozen=True, slots=True)
class Opening:
    """What a channel fixes before an attempt exists: its reference, facts, sealed data, first op, and rows that must be
    durable together with it (a bank terminal's trace counter)."""

    reference: str
    op: str
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sealed: bytes = b""
    writes: Sequence[Write] = ()


class ChannelRules(Protocol):
    """Pure. ``after`` and ``interrupted`` are the only places where an attempt's state is decided."""

    def after(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        """*attempt* had ``op`` tried once more (``tries`` counts it) and *outcome* is what came of it."""
        ...

    def interrupted(self, attempt: Attempt) -> Ruling:
        """The process ended while ``op`` was under way: nobody knows whether it was sent."""
        ...


class Channel(Protocol):
    """One way out: his, insurance, bank, or a QR family. One instance serves all trades."""

    name: str

    @property
    def rules(self) -> ChannelRules: ...

    def undo_of(self, attempt: Attempt) -> str:
        """The operation that takes *attempt* back now (bank: void in the same batch, refund later)."""
        ...

    def open(
        self, trade: Trade, operation: str, original: Attempt | None, seq: int, secrets: Secrets, now: float
    ) -> Opening:
        """Fix what the attempt will be sent as. Raises :class:`ValueError` when *secrets* lack something."""
        ...

    def engaged(self, trade: Trade) -> bool:
        """True while this trade must wait because an attempt of another one comes first (a bank terminal's reversal)."""
        ...

    async def perform(self, trade: Trade, attempt: Attempt, secrets: Secrets) -> Outcome:
        """Send ``attempt.op`` and give what was heard. Never raises for anything that a peer can do."""
        ...

    def settled(self, attempt: Attempt) -> None:
        """*attempt* has reached a final state."""
        ...

    def resume(self, attempt: Attempt) -> None:
        """After a start: *attempt* was open when the process ended. Called before anything is sent."""
        ...


def backoff_s(tries: int) -> float:
    """Pause before try *tries* + 1: 1, 2, 4 ... 60 s. A reversal is repeated for ever, but not in a storm."""
    return min(BACKOFF_MOST_S, BACKOFF_FIRST_S * 2.0 ** min(max(tries - 1, 0), 10))
