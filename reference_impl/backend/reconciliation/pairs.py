"""Removes payments with what took them back, for the polars engine: on the few rows that are, or name, an undo."""

from __future__ import annotations

import polars as pl

from reference_impl.backend.reconciliation.model import State

__all__ = ["DONE", "REVERSED", "remove_pairs"]

_STATES = tuple(State)
DONE, REVERSED = _STATES.index(State.DONE), _STATES.index(State.REVERSED)
"""States as numbers, in the order of :class:`State`."""

_PAY, _UNDO, _REDO = 0, 1, 2


def remove_pairs(rows: pl.DataFrame) -> pl.DataFrame:
    """*rows* has ``row``, ``name``, ``original``, ``kind`` (number), ``state`` (number), ``amount_fen``, ``at``.

    Gives ``row``, ``state`` and ``at`` of those that change: both of a pair are reversed, and the earlier one's ``at`` is
    that of the later, because near which end of day a pair was broken up depends on its second half.
    """
    rows = rows.sort("row")
    changed: list[pl.DataFrame] = []
    for kind, parent_kind in ((_REDO, _UNDO), (_UNDO, _PAY)):
        done = rows.filter(pl.col("state") == DONE)
        parents = _numbered(done.filter(pl.col("kind") == parent_kind), "name", pl.col("amount_fen"))
        children = _numbered(
            done.filter(pl.col("kind") == kind, pl.col("original") != ""), "original", -pl.col("amount_fen")
        )
        pairs = parents.join(children, on=["name", "fen", "turn"], how="inner", suffix="_child")
        later = pl.col("at_child").alias("at")
        taken = pl.concat([pairs.select("row", later), pairs.select(pl.col("row_child").alias("row"), later)])
        changed.append(taken)
        reversed_rows = pl.col("row").is_in(taken["row"].implode())
        rows = rows.with_columns(state=pl.when(reversed_rows).then(REVERSED).otherwise(pl.col("state")))
    return pl.concat(changed).with_columns(state=pl.lit(REVERSED, dtype=pl.UInt8)).select("row", "state", "at")


def _numbered(rows: pl.DataFrame, name: str, fen: pl.Expr) -> pl.DataFrame:
    """The first of a name and amount is number 0, the second number 1."""
    named = rows.select(name=pl.col(name), fen=fen, row="row", at="at")
    if named.select("name", "fen").n_unique() == named.height:
        return named.with_columns(turn=pl.lit(0, dtype=pl.Int64))
    return named.with_columns(turn=pl.int_range(pl.len(), dtype=pl.Int64).over("name", "fen"))
