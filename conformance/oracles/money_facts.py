"""What the oracles of money look at: the platform's rows, the peers' books and what citizens were told, as plain values.

Whoever has run something fills these in: a simulation from memory, a real run from the database and the peers' control
faces, a verification from the history, where they stand as one record of kind ``snapshot``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

__all__ = ["AttemptFact", "BookFact", "Claim", "Finding", "LockFact", "MoneyFacts", "PostingFact", "TradeFact"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TradeFact:
    """A row of the platform. The parts are those that the citizen agreed to, in fen; what they leave of the total is borne by the
    institution."""

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
    """One entry, a debit where it is positive. ``attempt_id`` is what it is about; notes of early runs do not say it."""

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
class Finding:
    """One violation. ``oracle`` is its stable id, ``subject`` the trade or reference, ``text`` what is wrong."""

    oracle: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class MoneyFacts:
    """Everything, once nothing moves any more. ``violations`` are what peers report of their clients, ``alarms`` the codes that were
    raised, ``presses`` how often pay was pressed on each trade (None: nobody has counted), ``listened`` whether somebody heard what
    terminals told (False: ``claims`` says nothing of them)."""

    trades: Sequence[TradeFact] = ()
    attempts: Sequence[AttemptFact] = ()
    postings: Sequence[PostingFact] = ()
    books: Sequence[BookFact] = ()
    locks: Sequence[LockFact] = ()
    claims: Sequence[Claim] = ()
    alarms: Sequence[str] = ()
    violations: Sequence[str] = ()
    presses: Mapping[str, int] | None = None
    listened: bool = True

    def as_note(self) -> dict[str, Any]:
        """As the note of a history record."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}

    @staticmethod
    def of_note(note: Mapping[str, Any]) -> MoneyFacts:
        """The facts of :meth:`as_note`, also of an early note, which has ``differences`` (always empty) and no ``listened``. Raises
        KeyError or TypeError for a note of another form."""
        return MoneyFacts(
            trades=_rows(TradeFact, note["trades"]),
            attempts=_rows(AttemptFact, note["attempts"]),
            postings=_rows(PostingFact, note["postings"]),
            books=_rows(BookFact, note["books"]),
            locks=_rows(LockFact, note["locks"]),
            claims=_rows(Claim, note["claims"]),
            alarms=tuple(note["alarms"]),
            violations=tuple(note["violations"]),
            presses=note.get("presses"),
            listened=note.get("listened", True),
        )


def _plain(rows: Any) -> Any:
    if rows is None or isinstance(rows, (bool, Mapping)):
        return rows
    return [each if isinstance(each, str) else asdict(each) for each in rows]


def _rows(kind: type[T], values: Sequence[Mapping[str, Any]]) -> tuple[T, ...]:
    return tuple(kind(**each) for each in values)
