"""What the oracles of money look at: the platform's rows, the peers' books and what citizens were told, as plain values.

Whoever has run something fills these in: a simulation from memory, a real run from the database and the peers' control
faces, a verification from the history, where they stand as one record of kind ``snapshot``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

__all__ = ["AttemptFact", "BookFact", "Claim", "LockFact", "MoneyFacts", "PostingFact", "TradeFact"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TradeFact:
    """A row of the platform. The parts are those that the citizen agreed to, in fen."""

    trade_no: str
    state: str
    total_fen: int
    fund_fen: int = 0
    account_fen: int = 0
    cash_fen: int = 0
    institution: str = ""
    terminal_id: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AttemptFact:
    """One thing asked of one channel; ``reference`` is the id under which it was sent."""

    attempt_id: str
    trade_no: str
    leg: str
    act: str
    channel: str
    reference: str
    amount_fen: int
    state: str
    original: str = ""


@dataclass(frozen=True, slots=True)
class PostingFact:
    """One entry. ``attempt_id`` is what it is about, where the ledger says it."""

    trade_no: str
    account: str
    amount_fen: int
    attempt_id: str = ""


@dataclass(frozen=True, slots=True)
class BookFact:
    """One movement in the book of a peer: ``bank``, ``qr``, ``his`` or ``insurance``."""

    book: str
    reference: str
    kind: str
    amount_fen: int
    original: str = ""


@dataclass(frozen=True, slots=True)
class LockFact:
    """Something that a peer still keeps for a trade: a slot, bills, an open visit."""

    peer: str
    what: str
    trade_no: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a terminal told its citizen of a trade: ``paid``, ``not-paid``, ``uncertain``, ``refunded``."""

    terminal_id: str
    trade_no: str
    said: str


@dataclass(frozen=True, slots=True)
class MoneyFacts:
    """Everything, once nothing moves any more. ``violations`` are what peers report of their clients, ``differences`` what
    the platform's own reconciliation found, ``alarms`` the codes that were raised, ``held`` trades whose terminal had its
    power cut and has not come back, ``presses`` how often pay was pressed on each trade (None: nobody has counted)."""

    trades: Sequence[TradeFact] = ()
    attempts: Sequence[AttemptFact] = ()
    postings: Sequence[PostingFact] = ()
    books: Sequence[BookFact] = ()
    locks: Sequence[LockFact] = ()
    claims: Sequence[Claim] = ()
    alarms: Sequence[str] = ()
    violations: Sequence[str] = ()
    differences: Sequence[str] = field(default_factory=tuple)
    presses: Mapping[str, int] | None = None

    def as_note(self) -> dict[str, Any]:
        """As the note of a history record."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}

    @staticmethod
    def of_note(note: Mapping[str, Any]) -> MoneyFacts:
        """The facts of :meth:`as_note`. Raises TypeError for a note of another form."""
        return MoneyFacts(
            trades=_rows(TradeFact, note["trades"]),
            attempts=_rows(AttemptFact, note["attempts"]),
            postings=_rows(PostingFact, note["postings"]),
            books=_rows(BookFact, note["books"]),
            locks=_rows(LockFact, note["locks"]),
            claims=_rows(Claim, note["claims"]),
            alarms=tuple(note["alarms"]),
            violations=tuple(note["violations"]),
            differences=tuple(note["differences"]),
            presses=note.get("presses"),
        )


def _plain(rows: Any) -> Any:
    if rows is None or isinstance(rows, Mapping):
        return rows
    return [each if isinstance(each, str) else asdict(each) for each in rows]


def _rows(kind: type[T], values: Sequence[Mapping[str, Any]]) -> tuple[T, ...]:
    return tuple(kind(**each) for each in values)
