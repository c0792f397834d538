"""Totals of the books: leaves by channel and institution, and the sums above them: town, city.

Only rows that are done count. Money taken back counts on its own day, so ``net`` is what moved (spec/services.md 1.9, 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from reference_impl.backend.reconciliation.frames import Books
from reference_impl.backend.reconciliation.model import LEGS, Book

__all__ = ["Total", "leaves", "rolled_up"]


@dataclass(frozen=True, slots=True)
class Total:
    """``book`` and ``leg`` say whose figures these are: the platform has one line for each leg, another book one for itself
    (``leg`` is then its own name). ``paid_fen`` is positive, ``returned_fen`` negative."""

    book: Book
    leg: Book
    channel: str
    institution: str
    paid_count: int = 0
    paid_fen: int = 0
    returned_count: int = 0
    returned_fen: int = 0

    @property
    def net_fen(self) -> int:
        return self.paid_fen + self.returned_fen

    @property
    def net_count(self) -> int:
        return self.paid_count - self.returned_count

    def plus(self, other: Total) -> Total:
        """Both together, under the name of this one."""
        return Total(
            self.book,
            self.leg,
            self.channel,
            self.institution,
            self.paid_count + other.paid_count,
            self.paid_fen + other.paid_fen,
            self.returned_count + other.returned_count,
            self.returned_fen + other.returned_fen,
        )


def leaves(books: Books, own: Mapping[Book, int] | None = None) -> list[Total]:
    """One line for each book, leg, channel and institution that has a row that is done, in that order.

    *own*: how many rows at the beginning of each file are of the day itself; the others were counted on theirs.
    """

    def rows(book: Book) -> pl.LazyFrame:
        frame = pl.scan_parquet(books.path(book))
        return frame if own is None else frame.head(own[book])

    lines: list[Total] = []
    for leg in LEGS:
        mine = rows(Book.PLATFORM).filter(pl.col(f"{leg}_ref") != "")
        lines += _leaves(Book.PLATFORM, leg, mine.rename({f"{leg}_fen": "amount_fen"}))
    for leg in LEGS:
        lines += _leaves(leg, leg, rows(leg))
    return lines


def _leaves(book: Book, leg: Book, rows: pl.LazyFrame) -> Iterable[Total]:
    back = pl.col("kind") == "undo"
    fen = pl.col("amount_fen")
    # A redo takes back an undo: it counts where the undo did.
    again = pl.col("kind") == "redo"
    grouped = (
        rows.filter(pl.col("state") == "done")
        .group_by("channel", "institution")
        .agg(
            (~back & ~again).sum().cast(pl.Int64).alias("paid_count"),
            fen.filter(~back & ~again).sum().alias("paid_fen"),
            (back.sum().cast(pl.Int64) - again.sum().cast(pl.Int64)).alias("returned_count"),
            fen.filter(back | again).sum().alias("returned_fen"),
        )
        .sort("channel", "institution")
        .collect(engine="streaming")
    )
    return [Total(book, leg, *row) for row in grouped.iter_rows()]


def rolled_up(
    lines: Iterable[Total], parents: Mapping[str, str | None], *, by_channel: bool = True
) -> dict[str, list[Total]]:
    """The totals of every place: institution code to its lines, each with everything below it.

    *parents* names for each institution the one above it, None for the root. An institution that is not known there stands
    by itself. Without *by_channel* all channels are one.
    """
    places: dict[str, dict[tuple[Book, Book, str], Total]] = {}
    for line in lines:
        channel = line.channel if by_channel else ""
        for place in _upwards(line.institution, parents):
            table = places.setdefault(place, {})
            key = (line.book, line.leg, channel)
            so_far = table.get(key, Total(line.book, line.leg, channel, place))
            table[key] = so_far.plus(line)
    return {place: [table[key] for key in sorted(table)] for place, table in sorted(places.items())}


def _upwards(institution: str, parents: Mapping[str, str | None]) -> Iterable[str]:
    seen: list[str] = []
    place: str | None = institution
    while place is not None and place not in seen:
        seen.append(place)
        place = parents.get(place)
    return seen
