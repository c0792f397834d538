"""The rules of the difference codes as polars expressions, over the few rows that differ.

States are numbers in the order of :class:`State`; a leg that a platform row does not have is :data:`NO_LEG`. For each leg
(``channel``, ``his``, ``insurance``) a row has ``<leg>_mine`` and ``<leg>_theirs``, the states; ``<leg>_row``, the partner or
-1; ``<leg>_fen`` and ``<leg>_their_fen``; ``<leg>_at`` and ``<leg>_their_at``.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from reference_impl.backend.reconciliation.findings import FINDINGS_SCHEMA
from reference_impl.backend.reconciliation.model import DAY_S, LEGS, Book, BookMask, Code, State, Terms

__all__ = ["ABSENT", "DONE", "NO_LEG", "OPEN", "ROW_OF", "by_trade", "found", "judge_known", "judge_unknown"]

_STATES = tuple(State)
DONE, OPEN, FAILED, REVERSED, ABSENT = (_STATES.index(each) for each in _STATES)
NO_LEG = len(_STATES)
CHINA_OFFSET_S = 8 * 3600
ROW_OF = {Book.CHANNEL: "c_row", Book.HIS: "h_row", Book.INSURANCE: "i_row"}


def judge_known(rows: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """Differences of rows that the platform has. *rows* has besides ``p_row``, ``day``, ``channel``, ``fee_fen`` and
    ``channel_their_fee_fen``."""
    rows = rows.with_columns(pl.col(f"{leg}_row").alias(ROW_OF[leg]) for leg in LEGS)
    missing, differ = _compared()
    parts = [
        _missing(rows.filter(test), code, book, terms, [pl.col(f"{book}_at"), pl.col(f"{book}_their_at")])
        for code, (book, test) in missing.items()
    ]
    marked = rows.with_columns(
        states=_mask(differ),
        amounts=_mask({leg: _amounts_differ(leg, differ[leg]) for leg in LEGS}),
        fees=_mask({Book.CHANNEL: _fees_differ()}),
    )
    codes = {"states": Code.STATUS_MISMATCH, "amounts": Code.AMOUNT_MISMATCH, "fees": Code.FEE_MISMATCH}
    parts += [found(marked.filter(pl.col(name) > 0), code, pl.col(name)) for name, code in codes.items()]
    return pl.concat(parts)


def judge_unknown(book: Book, rows: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """Differences of done rows of one book that neither the platform nor a trade number explains: ``row``, ``day``,
    ``channel``, ``at``."""
    code = {Book.CHANNEL: Code.CHANNEL_ONLY, Book.HIS: Code.HIS_ONLY, Book.INSURANCE: Code.INS_ONLY}[book]
    return _missing(rows.rename({"row": ROW_OF[book]}), code, book, terms, [pl.col("at")])


def by_trade(channel: pl.DataFrame, his: pl.DataFrame) -> pl.DataFrame:
    """Rows of both books that carry one trade number and are of one kind, the first with the first: ``c_row``, ``h_row``."""
    turn = pl.int_range(pl.len()).over("kind", "trade_no").alias("turn")
    sides = [
        rows.filter(pl.col("trade_no") != "").sort("row").select("kind", "trade_no", turn, pl.col("row").alias(name))
        for rows, name in ((channel, "c_row"), (his, "h_row"))
    ]
    return sides[0].join(sides[1], on=["kind", "trade_no", "turn"], how="inner").select("c_row", "h_row")


def _compared() -> tuple[dict[Code, tuple[Book, pl.Expr]], dict[Book, pl.Expr]]:
    """What makes each code of a missing row, and in which books states differ."""
    equal: dict[Book, pl.Expr] = {}
    lacks: dict[Book, pl.Expr] = {}
    only: dict[Book, pl.Expr] = {}
    for leg in LEGS:
        mine, theirs = pl.col(f"{leg}_mine"), pl.col(f"{leg}_theirs")
        none_here, none_there = mine.is_in([FAILED, REVERSED]), theirs.is_in([FAILED, REVERSED, ABSENT])
        equal[leg] = (mine == NO_LEG) | (mine == theirs) | (none_here & none_there)
        lacks[leg] = (mine == DONE) & theirs.is_in([REVERSED, ABSENT])
        only[leg] = none_here & (theirs == DONE)
    other = {leg: ~equal[leg] & ~lacks[leg] & ~only[leg] for leg in LEGS}
    channel, his, insurance = LEGS
    in_channel, in_his = pl.col(f"{channel}_theirs") == DONE, pl.col(f"{his}_theirs") == DONE
    channel_only = only[channel] & ~in_his
    differ_channel = other[channel] | (only[channel] & in_his)
    his_only = only[his] & (pl.col(f"{his}_mine") == REVERSED) & ~in_channel
    ins_only = only[insurance] & (pl.col(f"{insurance}_mine") == REVERSED)
    missing = {
        Code.PLATFORM_ONLY: (channel, lacks[channel]),
        Code.CHANNEL_ONLY: (channel, channel_only),
        Code.HIS_MISSING: (his, lacks[his] & ~lacks[channel] & ~differ_channel),
        Code.HIS_ONLY: (his, his_only),
        Code.INS_MISSING: (insurance, lacks[insurance]),
        Code.INS_ONLY: (insurance, ins_only),
    }
    differ = {
        channel: differ_channel,
        his: other[his] | (only[his] & ~his_only),
        insurance: other[insurance] | (only[insurance] & ~ins_only),
    }
    return missing, differ


def _amounts_differ(leg: Book, states_differ: pl.Expr) -> pl.Expr:
    mine, theirs = pl.col(f"{leg}_mine"), pl.col(f"{leg}_theirs")
    both_done = (mine == DONE) & (theirs == DONE)
    both_there = (mine <= FAILED) & (theirs <= FAILED)
    unequal = (pl.col(f"{leg}_fen") != pl.col(f"{leg}_their_fen")).fill_null(False)
    return unequal & (both_done | (states_differ & both_there))


def _fees_differ() -> pl.Expr:
    both_done = (pl.col("channel_mine") == DONE) & (pl.col("channel_theirs") == DONE)
    return both_done & (pl.col("fee_fen") != pl.col("channel_their_fee_fen")).fill_null(False)


def _mask(tests: dict[Book, pl.Expr]) -> pl.Expr:
    return pl.sum_horizontal(test.cast(pl.Int64) * int(BookMask.of(book)) for book, test in tests.items())


def _missing(rows: pl.DataFrame, code: Code, book: Book, terms: Terms, moments: list[pl.Expr]) -> pl.DataFrame:
    """*code* for each of *rows*, or CUTOVER where one of its *moments* is near an end of day and the row is young."""
    first, last = _zone(book, terms)
    seconds = [(moment + CHINA_OFFSET_S) % DAY_S for moment in moments]
    near = pl.any_horizontal(
        (second.is_between(first, last) | (second + DAY_S <= last)).fill_null(False) for second in seconds
    )
    young = pl.col("day") > pl.lit(terms.day - timedelta(days=terms.pool_days))
    cut_over = young & near
    return found(
        rows,
        pl.when(cut_over).then(pl.lit(Code.CUTOVER.value)).otherwise(pl.lit(code.value)),
        pl.lit(int(BookMask.of(book))),
        pl.when(cut_over).then(pl.lit(code.value)).otherwise(pl.lit("")),
        cut_over | (young if code is Code.PLATFORM_ONLY else pl.lit(False)),
    )


def _zone(book: Book, terms: Terms) -> tuple[pl.Expr, pl.Expr]:
    first, last = (pl.lit(second) for second in terms.zone(book, ""))
    if book is Book.CHANNEL:
        for channel in terms.channel_cuts:
            here = pl.col("channel") == channel
            own_first, own_last = terms.zone(book, channel)
            first = pl.when(here).then(own_first).otherwise(first)
            last = pl.when(here).then(own_last).otherwise(last)
    return first, last


def found(
    rows: pl.DataFrame,
    code: Code | pl.Expr,
    books: pl.Expr,
    underlying: pl.Expr | None = None,
    pooled: pl.Expr | None = None,
) -> pl.DataFrame:
    def position(name: str) -> pl.Expr:
        return pl.col(name).cast(pl.Int64) if name in rows.columns else pl.lit(-1, dtype=pl.Int64)

    return rows.select(
        code=pl.lit(code.value) if isinstance(code, Code) else code,
        **{name: position(name).alias(name) for name in ("p_row", *ROW_OF.values())},
        books=books.cast(pl.Int64),
        underlying=pl.lit("") if underlying is None else underlying,
        pooled=pl.lit(False) if pooled is None else pooled,
    ).cast(FINDINGS_SCHEMA)
