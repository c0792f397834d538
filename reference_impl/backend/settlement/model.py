"""What the database knows of a settlement: a trade and its attempts. Frozen values, no behaviour beyond reading them.

A *trade* is one thing that a citizen pays for. It consists of *legs* in a fixed order; a leg is done and undone by
*attempts*. Every attempt is a row of its own with an id of its own, written before anything is sent (spec/services.md 8).
Which leg is done is not stored a second time: it is read off the attempts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = [
    "LEGS",
    "OPEN",
    "Act",
    "Attempt",
    "AttemptState",
    "Goal",
    "Leg",
    "LegStatus",
    "Split",
    "Trade",
    "TradeKind",
    "TradeState",
]


class Leg(StrEnum):
    """Lock at the HIS, visit at the insurance, insurance settlement, cash, commit at the HIS: in this order.

    Cash is last before the HIS so that what is hardest to take back is open for the shortest time.
    """

    LOCK = "lock"
    VISIT = "visit"
    INSURANCE = "insurance"
    CASH = "cash"
    COMMIT = "commit"


LEGS = tuple(Leg)


class Act(StrEnum):
    DO = "do"
    UNDO = "undo"


class AttemptState(StrEnum):
    """``unknown`` is a state of its own: it ends by an answer, never by a timer. ``reversed``: unknown, then certainly
    taken back. ``manual``: the peer contradicts itself, a person has to decide."""

    PENDING = "pending"
    SUCCESS = "success"
    FAIL = "fail"
    UNKNOWN = "unknown"
    REVERSED = "reversed"
    MANUAL = "manual"


OPEN = frozenset({AttemptState.PENDING, AttemptState.UNKNOWN})
"""States in which the outside world has not had its last word."""


class TradeKind(StrEnum):
    BILL = "bill"
    REGISTRATION = "registration"


class Goal(StrEnum):
    """Where a trade is going. ``refund`` takes back a trade that was paid."""

    PAY = "pay"
    CANCEL = "cancel"
    REFUND = "refund"


class TradeState(StrEnum):
    QUOTING = "quoting"
    AWAITING = "awaiting"
    PAYING = "paying"
    PAID = "paid"
    CANCELLING = "cancelling"
    CLOSED = "closed"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    MANUAL = "manual"

    @property
    def final(self) -> bool:
        """True where nothing more happens unless somebody asks for it."""
        return self in (TradeState.PAID, TradeState.CLOSED, TradeState.REFUNDED)


class LegStatus(StrEnum):
    NONE = "none"
    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Split:
    """Who pays what, in fen. ``mutual_aid_fen`` is inside ``account_fen`` (spec/services.md 1.5)."""

    fund_fen: int = 0
    account_fen: int = 0
    cash_fen: int = 0
    mutual_aid_fen: int = 0
    hospital_fen: int = 0

    @property
    def total_fen(self) -> int:
        return self.fund_fen + self.account_fen + self.cash_fen + self.hospital_fen


@dataclass(frozen=True, slots=True)
class Attempt:
    """One thing that was asked of one channel.

    ``reference`` is the id under which it was sent (unique in the channel, stored before the send, never rebuilt);
    ``original`` the attempt that an undo takes back. ``op`` is what is due next and ``due`` when (Unix time); both empty
    once the state is final. ``tries`` counts how often ``op`` was tried. ``facts`` are what later messages need, without
    secrets; ``sealed`` what they need and nobody may read.
    """

    attempt_id: str
    trade_no: str
    seq: int
    leg: Leg
    act: Act
    channel: str
    operation: str
    reference: str
    amount_fen: int
    created_at: float
    original: str = ""
    state: AttemptState = AttemptState.PENDING
    op: str = ""
    due: float = 0.0
    tries: int = 0
    code: str = ""
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sealed: bytes = b""
    updated_at: float = 0.0
    version: int = 1

    @property
    def open(self) -> bool:
        return self.state in OPEN


@dataclass(frozen=True, slots=True)
class Trade:
    """One payment from the first quote to its end, with all its attempts in order.

    ``key`` is the terminal's idempotency key and ``request_hash`` the fingerprint of what it asked with it. ``terms``
    are what HIS and insurance need (bill numbers, slot lock, credential), fixed when the trade is opened; ``insured`` says
    whether the insurance takes part. ``agreed``: the citizen has seen the quote and pressed pay; ``method`` is how they
    pay the cash part, empty while they have not chosen. ``deadline``: until when the citizen is waited for (Unix time).
    ``day`` is the business day on which it was opened.
    """

    trade_no: str
    kind: TradeKind
    key: str
    request_hash: str
    terminal_id: str
    institution: str
    patient_id: str
    total_fen: int
    opened_at: float
    deadline: float
    day: str
    insured: bool = False
    terms: Mapping[str, Any] = field(default_factory=dict[str, Any])
    split: Split | None = None
    state: TradeState = TradeState.QUOTING
    goal: Goal = Goal.PAY
    goal_since: float = 0.0
    agreed: bool = False
    method: str = ""
    pay_keys: tuple[str, ...] = ()
    reason: str = ""
    closed_at: float = 0.0
    updated_at: float = 0.0
    version: int = 1
    attempts: tuple[Attempt, ...] = ()

    @property
    def open_attempt(self) -> Attempt | None:
        """The attempt whose outcome is not known yet. There is one at most: legs go one after another."""
        for attempt in reversed(self.attempts):
            if attempt.open:
                return attempt
        return None

    def attempt(self, attempt_id: str) -> Attempt:
        """Raises KeyError for an id that is none of this trade's."""
        for attempt in reversed(self.attempts):
            if attempt.attempt_id == attempt_id:
                return attempt
        raise KeyError(attempt_id)

    def last_done(self, leg: Leg) -> Attempt | None:
        """The attempt by which *leg* stands now: done, and not undone since."""
        for attempt in reversed(self.attempts):
            if attempt.leg is leg and attempt.state is AttemptState.SUCCESS:
                return attempt if attempt.act is Act.DO else None
        return None

    def last_failed(self, leg: Leg) -> Attempt | None:
        """The newest attempt at *leg*, if it came to nothing."""
        for attempt in reversed(self.attempts):
            if attempt.leg is leg:
                return attempt if attempt.state in (AttemptState.FAIL, AttemptState.REVERSED) else None
        return None

    def status(self, leg: Leg) -> LegStatus:
        """Where *leg* stands, read off its attempts. An undo that failed leaves it done."""
        status = LegStatus.NONE
        for attempt in self.attempts:
            if attempt.leg is not leg:
                continue
            if attempt.open:
                return LegStatus.OPEN
            if attempt.state is AttemptState.MANUAL:
                return LegStatus.MANUAL
            if attempt.state is AttemptState.SUCCESS:
                status = LegStatus.DONE if attempt.act is Act.DO else LegStatus.UNDONE
            elif attempt.act is Act.DO:
                status = LegStatus.FAILED
        return status
