"""One leg of the polars engine: every platform row beside its partner in one other book, and which of them are not equal.

What tells equal rows from others is compared as numbers and let go again, so that a run holds little more than the one leg
it is at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import polars as pl

from reference_impl.backend.reconciliation.frames import Books
from reference_impl.backend.reconciliation.judge import ABSENT, DONE, NO_LEG
from reference_impl.backend.reconciliation.keys import integer_keys, link
from reference_impl.backend.reconciliation.model import LEGS, Book
from reference_impl.backend.reconciliation.pairs import remove_pairs

Rows = TypeVar("Rows", pl.DataFrame, pl.LazyFrame)

PAIRED = ("reference", "kind", "original", "state", "at")

__all__ = ["Matched", "Side", "match", "undone_movements"]


@dataclass(frozen=True, slots=True)
class Side:
    """One book's part in a leg. ``state``: of every row, pairs removed, as a number. ``moved``: ``row`` and new ``at`` of
    rows in pairs. ``again``: positions of done rows under a reference already taken."""

    state: pl.Series
    moved: pl.DataFrame
    again: pl.Series


@dataclass(frozen=True, slots=True)
class Matched:
    """``partner``: for each platform row its row in the book, or null. ``suspect``: true where the two are not certainly
    equal. ``unmatched``: rows of the book that no platform row names."""

    leg: Book
    platform: Side
    book: Side
    partner: pl.Series
    suspect: pl.Series
    unmatched: pl.Series


def undone_movements(books: Books) -> pl.DataFrame:
    """Platform rows that take another back, and those that are taken back."""
    columns = [*PAIRED, *(f"{leg}_fen" for leg in LEGS)]
    return _undone(_numbers(pl.scan_parquet(books.platform).select(columns)))


def match(books: Books, leg: Book, undone: pl.DataFrame) -> Matched:
    """*undone* is that of :func:`undone_movements`."""
    mine, moved_here = _mine(books, leg, undone)
    theirs, moved_there = _theirs(books, leg)
    keys = integer_keys(mine["reference"], theirs["reference"])
    mine, theirs = _keyed(mine, keys[0]), _keyed(theirs, keys[1])
    linked = link(mine, theirs)
    here = Side(_with_leg(mine, linked.further_here), moved_here, _done(mine, linked.further_here))
    there = Side(theirs["state"], moved_there, _done(theirs, linked.further_there))
    suspect = _suspect(mine.with_columns(here.state), theirs, linked.partner)
    unmatched = pl.Series([True]).new_from_index(0, theirs.height)
    unmatched = unmatched.scatter(linked.partner.drop_nulls(), False).scatter(linked.further_there, False)
    return Matched(leg, here, there, linked.partner, suspect, unmatched.arg_true())


def _mine(books: Books, leg: Book, undone: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    names = {f"{leg}_ref": "reference", f"{leg}_fen": "amount_fen"}
    rows = pl.read_parquet(books.platform, columns=[*names, "kind", "state", *_fee(leg)]).rename(names)
    has_leg = rows["reference"].gather(undone["row"]) != ""
    with_leg = undone.filter(has_leg).rename({"reference": "name", f"{leg}_fen": "amount_fen"})
    return _without_pairs(_numbers(rows), with_leg)


def _theirs(books: Books, leg: Book) -> tuple[pl.DataFrame, pl.DataFrame]:
    book = _numbers(pl.scan_parquet(books.path(leg)))
    undone = _undone(book.select(*PAIRED, "amount_fen")).rename({"reference": "name"})
    return _without_pairs(book.select("reference", "amount_fen", "kind", "state", *_fee(leg)).collect(), undone)


def _fee(leg: Book) -> list[str]:
    return ["fee_fen"] if leg is Book.CHANNEL else []


def _numbers(rows: Rows) -> Rows:
    return rows.with_columns(pl.col("kind", "state").to_physical())


def _undone(book: pl.LazyFrame) -> pl.DataFrame:
    """Rows that take another back, and those that are taken back: few."""
    book = book.with_row_index("row")
    back = book.filter(pl.col("original") != "").select(pl.col("original").unique()).collect()
    if back.is_empty():
        return book.clear().collect()
    named = pl.col("reference").is_in(back["original"].implode())
    return book.filter((pl.col("original") != "") | named).collect(engine="streaming")


def _without_pairs(rows: pl.DataFrame, undone: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """*rows* with their states once pairs are removed, and the rows in pairs."""
    pairs = remove_pairs(undone)
    state = rows["state"].clone().scatter(pairs["row"], pairs["state"])
    return rows.with_columns(state), pairs.select("row", "at")


def _keyed(rows: pl.DataFrame, key: pl.Series) -> pl.DataFrame:
    """Two bits of the key are the kind: a reversal may stand under the reference of what it reverses."""
    rows = rows.drop("reference").with_columns(key=key)
    return rows.with_columns(pl.col("key") * 4 + pl.col("kind")).drop("kind")


def _with_leg(mine: pl.DataFrame, further: pl.Series) -> pl.Series:
    state = mine["state"].clone()
    return state.scatter(mine["key"].is_null().arg_true(), NO_LEG).scatter(further, NO_LEG)


def _done(rows: pl.DataFrame, positions: pl.Series) -> pl.Series:
    return positions.filter(rows["state"].gather(positions) == DONE)


def _suspect(mine: pl.DataFrame, theirs: pl.DataFrame, partner: pl.Series) -> pl.Series:
    compared = [name for name in theirs.columns if name != "key"]
    both = mine.select(compared).with_columns(theirs[name].gather(partner).alias(f"their_{name}") for name in compared)
    differs = (pl.col("state") != pl.col("their_state").fill_null(ABSENT)) & (pl.col("state") != NO_LEG)
    for name in compared:
        if name != "state":
            differs |= (pl.col(name) != pl.col(f"their_{name}")).fill_null(False)
    return both.select(differs).to_series()
