"""References as 64-bit integers, so that a join compares numbers and not texts. Exact: no hashes, so no collisions.

A reference is cut into its last digits, which are a number as they stand, and what is before them, of which a book has few:
terminal and batch, institution, a date. Those are numbered by a dictionary, and the two numbers are packed into one. A
reference without those digits is numbered as a whole, and a book of such references costs a dictionary of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

__all__ = ["Link", "integer_keys", "link"]

MOST_DIGITS = 18
"""The digits of any 64-bit integer."""

MOST_KEYS = 2**61
"""Two bits are left for the kind."""

SAMPLE, ODD = 4096, 0.02
"""How many references are looked at, and which share of them may lack the digits that the others have."""


@dataclass(frozen=True, slots=True)
class Link:
    """``partner``: for each row of the first book its row in the second, or null. ``further_here`` and ``further_there``:
    positions of rows under a key that a better row has; they have no partner."""

    partner: pl.Series
    further_here: pl.Series
    further_there: pl.Series


def integer_keys(here: pl.Series, there: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Equal texts get equal numbers (Int64, below 2**61), different texts different ones, an empty text null."""
    texts = [each.alias("reference").to_frame() for each in (here, there)]
    for digits in (_digits(texts), 0):
        keys = _packed(texts, digits)
        if keys is not None:
            return keys[0], keys[1]
    raise AssertionError("a dictionary alone cannot overflow")


def link(here: pl.DataFrame, there: pl.DataFrame) -> Link:
    """Who belongs to whom. Both have ``key`` (null: takes no part) and ``state``, numbers; of several rows under one key
    the one of the lowest state is taken, and of those the first."""
    further_here, further_there = _further(here), _further(there)
    left, right = _taking_part(here, further_here), _taking_part(there, further_there)
    # Without an order to keep, the streaming engine joins in a third of the time.
    pairs = left.join(right, on="key", how="inner").select("row", "row_right").collect(engine="streaming")
    nobody = pl.Series([None], dtype=pl.UInt32).new_from_index(0, here.height)
    return Link(nobody.scatter(pairs["row"], pairs["row_right"]), further_here, further_there)


def _taking_part(rows: pl.DataFrame, further: pl.Series) -> pl.LazyFrame:
    keys = rows.select("key").with_row_index("row")
    if not further.is_empty() or keys["key"].has_nulls():
        keys = keys.filter(pl.col("key").is_not_null() & ~pl.col("row").is_in(further.implode()))
    return keys.lazy()


def _digits(texts: list[pl.DataFrame]) -> int:
    """How many last digits nearly all references have."""
    some = pl.concat(each.gather_every(max(1, each.height // SAMPLE)) for each in texts)
    run = pl.col("reference").str.extract(r"([0-9]*)$").str.len_bytes()
    most = some.filter(pl.col("reference") != "").select(run.quantile(ODD, "lower")).item()
    return min(int(most or 0), MOST_DIGITS)


def _packed(texts: list[pl.DataFrame], digits: int) -> list[pl.Series] | None:
    """None where prefix and number together need more bits than there are."""
    numbers = pl.collect_all(each.lazy().select(_number(digits)) for each in texts)
    categories = pl.Categories.random()
    # Both are cut before either becomes plain numbers: the dictionary lives as long as a column of it.
    cut = pl.collect_all(
        pl.concat([text, number], how="horizontal").lazy().select(_prefix(digits, number, categories), "number")
        for text, number in zip(texts, numbers, strict=True)
    )
    cut = [each.with_columns(pl.col("prefix").to_physical()) for each in cut]
    lowest = min((low for each in cut if (low := each["number"].min()) is not None), default=0)
    highest = max((high for each in cut if (high := each["number"].max()) is not None), default=0)
    prefixes = max((most + 1 for each in cut if (most := each["prefix"].max()) is not None), default=0)
    span = highest - lowest + 2
    if prefixes * span >= MOST_KEYS:
        return None
    # A reference without the digits takes the place behind the last number of its prefix, which is its whole text.
    place = (pl.col("number") - lowest).fill_null(span - 1)
    return [each.select(pl.col("prefix").cast(pl.Int64) * span + place).to_series() for each in cut]


def _number(digits: int) -> pl.Expr:
    """The last *digits* of a reference, null where they are none."""
    if digits == 0:
        return pl.repeat(None, pl.len(), dtype=pl.Int64).alias("number")
    text = pl.col("reference")
    last = text.cast(pl.Binary).bin.slice(-digits).cast(pl.String, strict=False)
    # A number may be written with a sign, but no sign sorts behind a digit.
    wanted = (text.str.len_bytes() >= digits) & (last >= "0")
    return pl.when(wanted).then(last.cast(pl.Int64, strict=False)).alias("number")


def _prefix(digits: int, numbers: pl.DataFrame, categories: pl.Categories) -> pl.Expr:
    """What is before those digits; the whole text where there are none."""
    prefix = pl.col("reference").str.head(-digits) if digits else pl.col("reference")
    if numbers["number"].has_nulls():
        whole = pl.when(pl.col("reference") != "").then("reference")
        prefix = pl.when(pl.col("number").is_not_null()).then(prefix).otherwise(whole)
    return prefix.cast(pl.Categorical(categories)).alias("prefix")


def _further(rows: pl.DataFrame) -> pl.Series:
    """Positions of rows that are not the best of their key."""
    ranked = rows["key"].drop_nulls().sort()
    several = ranked.filter(ranked == ranked.shift(1)).unique()
    if several.is_empty():
        return pl.Series(dtype=pl.UInt32)
    some = rows.with_row_index("row").filter(pl.col("key").is_in(several.implode())).sort("key", "state", "row")
    return some.filter(pl.col("key") == pl.col("key").shift(1))["row"]
