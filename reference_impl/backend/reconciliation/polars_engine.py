"""The engine that is shipped: polars, joins on 64-bit integer keys, everything else on the few rows that differ.

One join a leg finds for each platform row its partner. The books are then compared position by position, and only the rows
that are not equal, a percent or two, meet the rules of :mod:`reference_impl.backend.reconciliation.judge`.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from reference_impl.backend.reconciliation.findings import in_order
from reference_impl.backend.reconciliation.frames import Books
from reference_impl.backend.reconciliation.judge import (
    ABSENT,
    DONE,
    OPEN,
    ROW_OF,
    by_trade,
    found,
    judge_known,
    judge_unknown,
)
from reference_impl.backend.reconciliation.model import LEGS, Book, BookMask, Code, Terms
from reference_impl.backend.reconciliation.polars_leg import Matched, Side, match, undone_movements

__all__ = ["reconcile"]


def reconcile(books: Books, terms: Terms) -> pl.DataFrame:
    """All differences between the four files, in the form and order of :mod:`.findings`. Raises OSError,
    polars.exceptions.PolarsError for files that are none."""
    undone = undone_movements(books)
    legs = [match(books, leg, undone) for leg in LEGS]
    suspect = (legs[0].suspect | legs[1].suspect | legs[2].suspect).arg_true()
    details = {each.leg: _details(books, each, suspect) for each in legs}
    return in_order(
        pl.concat(
            [
                judge_known(_side_by_side(books, suspect, legs, details), terms),
                _platform_duplicates(legs),
                *(_duplicates(each) for each in legs),
                *_unknown(legs, details, terms),
            ]
        )
    )


def _rows_at(path: Path, columns: list[str], positions: pl.Series) -> pl.DataFrame:
    """Those rows of a file, in its order, with their position as ``row``."""
    rows = pl.scan_parquet(path).select(columns).with_row_index("row")
    return rows.filter(pl.col("row").is_in(positions.implode())).collect(engine="streaming")


def _moved(rows: pl.DataFrame, side: Side) -> pl.DataFrame:
    """*rows* with the times that count for an end of day."""
    return rows.join(side.moved, on="row", how="left", suffix="_moved", maintain_order="left").with_columns(
        pl.coalesce("at_moved", "at").alias("at")
    )


def _details(books: Books, matched: Matched, suspect: pl.Series) -> pl.DataFrame:
    """The rows of a book that stand beside a suspect, and those that stand alone."""
    positions = matched.partner.gather(suspect).drop_nulls().append(matched.unmatched)
    columns = ["kind", "trade_no", "amount_fen", "fee_fen", "day", "channel", "at"]
    rows = _moved(_rows_at(books.path(matched.leg), columns, positions), matched.book)
    return rows.with_columns(state=matched.book.state.gather(rows["row"]))


def _side_by_side(
    books: Books, suspect: pl.Series, legs: list[Matched], details: dict[Book, pl.DataFrame]
) -> pl.DataFrame:
    """The suspect platform rows with all that the rules want to know of their legs."""
    columns = ["day", "channel", "fee_fen", "at", *(f"{leg}_fen" for leg in LEGS)]
    rows = _rows_at(books.platform, columns, suspect)
    for each in legs:
        leg = each.leg
        theirs = details[leg].select(
            pl.col("row").alias(f"{leg}_row"),
            pl.col("state").alias(f"{leg}_theirs"),
            pl.col("amount_fen").alias(f"{leg}_their_fen"),
            pl.col("at").alias(f"{leg}_their_at"),
            pl.col("fee_fen").alias(f"{leg}_their_fee_fen"),
        )
        rows = rows.with_columns(
            each.partner.gather(rows["row"]).alias(f"{leg}_row"),
            each.platform.state.gather(rows["row"]).alias(f"{leg}_mine"),
            _moved(rows.select("row", "at"), each.platform)["at"].alias(f"{leg}_at"),
        )
        rows = rows.join(theirs, on=f"{leg}_row", how="left", maintain_order="left")
        rows = rows.with_columns(
            pl.col(f"{leg}_theirs").fill_null(ABSENT), pl.col(f"{leg}_row").cast(pl.Int64).fill_null(-1)
        )
    return rows.rename({"row": "p_row"})


def _platform_duplicates(legs: list[Matched]) -> pl.DataFrame:
    """One difference a row, whatever the number of its legs that another row claims first."""
    claims = pl.concat(
        pl.DataFrame({"p_row": each.platform.again}).with_columns(books=int(BookMask.of(each.leg))) for each in legs
    )
    rows = claims.group_by("p_row").agg(pl.col("books").sum() + int(BookMask.PLATFORM))
    return found(rows, Code.DUPLICATE, pl.col("books"))


def _duplicates(each: Matched) -> pl.DataFrame:
    return found(pl.DataFrame({ROW_OF[each.leg]: each.book.again}), Code.DUPLICATE, pl.lit(int(BookMask.of(each.leg))))


def _unknown(legs: list[Matched], details: dict[Book, pl.DataFrame], terms: Terms) -> list[pl.DataFrame]:
    """Rows of the other books that no platform row names."""
    parts: list[pl.DataFrame] = []
    done: dict[Book, pl.DataFrame] = {}
    for each in legs:
        rows = details[each.leg].filter(pl.col("row").is_in(each.unmatched.implode()))
        done[each.leg] = rows.filter(pl.col("state") == DONE)
        undecided = rows.filter(pl.col("state") == OPEN).select(pl.col("row").alias(ROW_OF[each.leg]))
        parts.append(found(undecided, Code.STATUS_MISMATCH, pl.lit(int(BookMask.of(each.leg)))))
    pairs = by_trade(done[Book.CHANNEL], done[Book.HIS])
    parts.append(found(pairs, Code.STATUS_MISMATCH, pl.lit(int(BookMask.CHANNEL | BookMask.HIS))))
    for leg, rows in done.items():
        alone = rows
        if ROW_OF[leg] in pairs.columns:
            alone = rows.filter(~pl.col("row").is_in(pairs[ROW_OF[leg]].implode()))
        parts.append(judge_unknown(leg, alone, terms))
    return parts
