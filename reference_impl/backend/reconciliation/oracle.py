"""The readable oracle: plain dictionaries, one row at a time. Slow on purpose; for sets up to a hundred thousand rows.

This is the definition of the difference codes in code. The other two engines must give the same findings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from reference_impl.backend.reconciliation.findings import findings_frame
from reference_impl.backend.reconciliation.frames import Books
from reference_impl.backend.reconciliation.model import (
    DAY_S,
    LEGS,
    POOLABLE,
    Book,
    BookMask,
    Code,
    Finding,
    Kind,
    State,
    Terms,
)

__all__ = ["reconcile"]

NO_BOOK = BookMask(0)
CHINA_OFFSET_S = 8 * 3600
NO_MONEY = (State.FAILED, State.REVERSED, State.ABSENT)
PREFERENCE = {state: place for place, state in enumerate(State)}
GONE = (State.REVERSED, State.ABSENT)


@dataclass(slots=True)
class Side:
    """One row of a book, or one leg of a platform row. ``state`` and ``at`` are as they are once pairs are removed."""

    row: int
    reference: str
    kind: Kind
    original: str
    state: State
    amount_fen: int
    fee_fen: int | None
    trade_no: str
    channel: str
    day: date
    at: int


@dataclass(slots=True)
class Movement:
    """A platform row: its legs, and which of them are further rows under a reference already taken."""

    row: int
    reference: str
    original: str
    day: date
    channel: str
    legs: dict[Book, Side] = field(default_factory=dict)
    duplicates: BookMask = NO_BOOK


def reconcile(books: Books, terms: Terms) -> pl.DataFrame:
    """All differences between the four files, in the form and order of :mod:`.findings`. Raises OSError,
    polars.exceptions.PolarsError for files that are none."""
    return findings_frame(_Reconciliation(books, terms).findings())


class _Reconciliation:
    def __init__(self, books: Books, terms: Terms) -> None:
        self.terms = terms
        self.sides = {book: [_side(row, at) for at, row in enumerate(_rows(books, book))] for book in LEGS}
        self.movements = [_movement(row, at) for at, row in enumerate(_rows(books, Book.PLATFORM))]

    def findings(self) -> Iterator[Finding]:
        self._remove_pairs()
        yield from self._take_out_platform_duplicates()
        index: dict[Book, dict[tuple[Kind, str], Side]] = {}
        for book in LEGS:
            index[book], further = _representatives(self.sides[book])
            for side in further:
                yield self._finding(Code.DUPLICATE, BookMask.of(book), {book: side})
        matched: dict[Book, set[int]] = {book: set() for book in LEGS}
        for movement in self.movements:
            partners = {
                book: partner
                for book, leg in movement.legs.items()
                if (partner := index[book].get((leg.kind, leg.reference))) is not None
            }
            for book, partner in partners.items():
                matched[book].add(partner.row)
            yield from self._judge(movement, partners)
        unmatched = {book: [side for side in index[book].values() if side.row not in matched[book]] for book in LEGS}
        yield from self._judge_unknown(unmatched)

    # Before anything is compared.

    def _remove_pairs(self) -> None:
        for book in LEGS:
            _remove_pairs([(side, side.reference, side.original) for side in self.sides[book]])
        for leg in LEGS:
            # The platform names the movement that it takes back, so its own references make the pairs.
            legs = [(each.legs[leg], each.reference, each.original) for each in self.movements if leg in each.legs]
            _remove_pairs(legs)

    def _take_out_platform_duplicates(self) -> Iterator[Finding]:
        for leg in LEGS:
            sides = [movement.legs[leg] for movement in self.movements if leg in movement.legs]
            first, _ = _representatives(sides)
            kept = {side.row for side in first.values()}
            for movement in self.movements:
                side = movement.legs.get(leg)
                if side is not None and side.row not in kept:
                    if side.state is State.DONE:
                        movement.duplicates |= BookMask.of(leg)
                    del movement.legs[leg]
        for movement in self.movements:
            if movement.duplicates:
                yield Finding(Code.DUPLICATE, movement.row, -1, -1, -1, int(movement.duplicates | BookMask.PLATFORM))

    # What the platform knows.

    def _judge(self, movement: Movement, partners: dict[Book, Side]) -> Iterator[Finding]:
        missing, differ = _verdicts(movement, partners)
        for code, book in missing:
            yield self._missing(code, book, movement, partners)
        if differ:
            yield self._finding(Code.STATUS_MISMATCH, _mask(differ), partners, movement)
        amounts = [leg for leg in LEGS if _amounts_differ(movement.legs.get(leg), partners.get(leg), leg in differ)]
        if amounts:
            yield self._finding(Code.AMOUNT_MISMATCH, _mask(amounts), partners, movement)
        if _fees_differ(movement.legs.get(Book.CHANNEL), partners.get(Book.CHANNEL)):
            yield self._finding(Code.FEE_MISMATCH, BookMask.CHANNEL, partners, movement)

    # What the platform does not know.

    def _judge_unknown(self, unmatched: dict[Book, list[Side]]) -> Iterator[Finding]:
        done = {book: [side for side in sides if side.state is State.DONE] for book, sides in unmatched.items()}
        for book, sides in unmatched.items():
            for side in sides:
                if side.state is State.OPEN:
                    yield self._finding(Code.STATUS_MISMATCH, BookMask.of(book), {book: side})
        linked = _by_trade(done[Book.CHANNEL], done[Book.HIS])
        for channel, his in linked:
            both = {Book.CHANNEL: channel, Book.HIS: his}
            yield self._finding(Code.STATUS_MISMATCH, BookMask.CHANNEL | BookMask.HIS, both)
        taken = {(Book.CHANNEL, channel.row) for channel, _ in linked} | {(Book.HIS, his.row) for _, his in linked}
        codes = {Book.CHANNEL: Code.CHANNEL_ONLY, Book.HIS: Code.HIS_ONLY, Book.INSURANCE: Code.INS_ONLY}
        for book, code in codes.items():
            for side in done[book]:
                if (book, side.row) not in taken:
                    yield self._missing(code, book, None, {book: side})

    # Findings.

    def _missing(self, code: Code, book: Book, movement: Movement | None, partners: dict[Book, Side]) -> Finding:
        """A row without its partner: for good, or for now."""
        assert code in POOLABLE
        leg = movement.legs[book] if movement else None
        partner = partners.get(book)
        witness = movement if movement is not None else partner
        assert witness is not None
        young = (self.terms.day - witness.day).days < self.terms.pool_days
        first, last = self.terms.zone(book, witness.channel)
        near = any(side is not None and _near(side.at, first, last) for side in (leg, partner))
        if young and near:
            return self._finding(Code.CUTOVER, BookMask.of(book), partners, movement, underlying=code, pooled=True)
        pooled = young and code is Code.PLATFORM_ONLY
        return self._finding(code, BookMask.of(book), partners, movement, pooled=pooled)

    @staticmethod
    def _finding(
        code: Code,
        books: BookMask,
        partners: dict[Book, Side],
        movement: Movement | None = None,
        *,
        underlying: Code | None = None,
        pooled: bool = False,
    ) -> Finding:
        c_row, h_row, i_row = (partners[book].row if book in partners else -1 for book in LEGS)
        p_row = movement.row if movement else -1
        return Finding(code, p_row, c_row, h_row, i_row, int(books), underlying.value if underlying else "", pooled)


def _verdicts(movement: Movement, partners: dict[Book, Side]) -> tuple[list[tuple[Code, Book]], list[Book]]:
    """The codes of missing rows, and the books in which states differ."""
    state = {leg: partners[leg].state if leg in partners else State.ABSENT for leg in LEGS}
    verdict = {leg: _compare(side.state, state[leg]) for leg, side in movement.legs.items()}
    mine = {leg: side.state for leg, side in movement.legs.items()}
    missing: list[tuple[Code, Book]] = []
    differ: list[Book] = []
    match verdict.get(Book.CHANNEL):
        case "missing":
            missing.append((Code.PLATFORM_ONLY, Book.CHANNEL))
        case "only" if state[Book.HIS] is not State.DONE:
            missing.append((Code.CHANNEL_ONLY, Book.CHANNEL))
        case "only" | "differ":
            differ.append(Book.CHANNEL)
    channel_explains = verdict.get(Book.CHANNEL) == "missing" or Book.CHANNEL in differ
    match verdict.get(Book.HIS):
        case "missing":
            if not channel_explains:
                missing.append((Code.HIS_MISSING, Book.HIS))
        case "only" if mine[Book.HIS] is State.REVERSED and state[Book.CHANNEL] is not State.DONE:
            missing.append((Code.HIS_ONLY, Book.HIS))
        case "only" | "differ":
            differ.append(Book.HIS)
    match verdict.get(Book.INSURANCE):
        case "missing":
            missing.append((Code.INS_MISSING, Book.INSURANCE))
        case "only" if mine[Book.INSURANCE] is State.REVERSED:
            missing.append((Code.INS_ONLY, Book.INSURANCE))
        case "only" | "differ":
            differ.append(Book.INSURANCE)
    return missing, differ


def _compare(mine: State, theirs: State) -> str:
    """``equal``; ``missing``: money here, nothing there; ``only``: money there, none here; ``differ``: both say something,
    and not the same."""
    if mine is theirs or (mine in NO_MONEY and theirs in NO_MONEY):
        return "equal"
    if mine is State.DONE and theirs in GONE:
        return "missing"
    if mine in NO_MONEY and theirs is State.DONE:
        return "only"
    return "differ"


def _amounts_differ(leg: Side | None, partner: Side | None, states_differ: bool) -> bool:
    if leg is None or partner is None or leg.amount_fen == partner.amount_fen:
        return False
    both_done = leg.state is State.DONE and partner.state is State.DONE
    both_there = leg.state is not State.REVERSED and partner.state is not State.REVERSED
    return both_done or (states_differ and both_there)


def _fees_differ(leg: Side | None, partner: Side | None) -> bool:
    if leg is None or partner is None or leg.state is not State.DONE or partner.state is not State.DONE:
        return False
    return leg.fee_fen is not None and partner.fee_fen is not None and leg.fee_fen != partner.fee_fen


def _near(at: int, first: int, last: int) -> bool:
    second = (at + CHINA_OFFSET_S) % DAY_S
    return first <= second <= last or second + DAY_S <= last


def _mask(books: Iterable[Book]) -> BookMask:
    mask = NO_BOOK
    for book in books:
        mask |= BookMask.of(book)
    return mask


def _representatives(sides: list[Side]) -> tuple[dict[tuple[Kind, str], Side], list[Side]]:
    """The one row of each kind and reference that is compared, and the further ones that are done."""
    first: dict[tuple[Kind, str], Side] = {}
    others: list[Side] = []
    for side in sides:
        best = first.setdefault((side.kind, side.reference), side)
        if best is side:
            continue
        if PREFERENCE[side.state] < PREFERENCE[best.state]:
            first[side.kind, side.reference] = side
            side = best
        others.append(side)
    return first, [side for side in others if side.state is State.DONE]


def _remove_pairs(sides: list[tuple[Side, str, str]]) -> None:
    """*sides* are (row, its name, the name of what it takes back). Of several rows of one name and amount the first undo
    takes back the first of them, the second the second. What takes an undo back goes first: the payment then stands."""
    for kind, parent_kind in ((Kind.REDO, Kind.UNDO), (Kind.UNDO, Kind.PAY)):
        wanted = {original for side, _, original in sides if side.kind is kind and original}
        waiting: dict[tuple[str, int], list[Side]] = defaultdict(list)
        for side, name, _ in sides:
            if name in wanted and side.kind is parent_kind and side.state is State.DONE:
                waiting[name, side.amount_fen].append(side)
        for side, _, original in sides:
            if side.kind is not kind or side.state is not State.DONE or not original:
                continue
            if candidates := waiting.get((original, -side.amount_fen)):
                parent = candidates.pop(0)
                parent.state = side.state = State.REVERSED
                parent.at = side.at


def _by_trade(channel: list[Side], his: list[Side]) -> list[tuple[Side, Side]]:
    """Rows of one kind and trade number, the first with the first."""
    waiting: dict[tuple[Kind, str], list[Side]] = defaultdict(list)
    for side in sorted(his, key=lambda each: each.row):
        waiting[side.kind, side.trade_no].append(side)
    return [
        (side, candidates.pop(0))
        for side in sorted(channel, key=lambda each: each.row)
        if side.trade_no and (candidates := waiting.get((side.kind, side.trade_no)))
    ]


def _rows(books: Books, book: Book) -> list[dict[str, Any]]:
    return pl.read_parquet(books.path(book)).to_dicts()


def _side(row: dict[str, Any], at: int) -> Side:
    return Side(
        at,
        row["reference"],
        Kind(row["kind"]),
        row["original"],
        State(row["state"]),
        row["amount_fen"],
        row["fee_fen"],
        row["trade_no"],
        row["channel"],
        row["day"],
        row["at"],
    )


def _movement(row: dict[str, Any], at: int) -> Movement:
    movement = Movement(at, row["reference"], row["original"], row["day"], row["channel"])
    for leg in LEGS:
        if reference := row[f"{leg.value}_ref"]:
            fee = row["fee_fen"] if leg is Book.CHANNEL else None
            movement.legs[leg] = Side(
                at,
                reference,
                Kind(row["kind"]),
                row["original"],
                State(row["state"]),
                row[f"{leg.value}_fen"],
                fee,
                row["trade_no"],
                row["channel"],
                row["day"],
                row["at"],
            )
    return movement
