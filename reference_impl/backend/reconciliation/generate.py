"""Four synthetic books of any size with a known share of differences in every class: for benchmarks, tests and trials.

Everything is arithmetic on the number of a trade, so the same arguments give the same rows everywhere. What was planted is
returned as counts, typed from the definition of the codes and not from what an engine finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl

from reference_impl.backend.reconciliation.frames import Books, schema_of, write_book
from reference_impl.backend.reconciliation.model import Book, Code

__all__ = ["PLANTED", "generate", "write_csv"]

INSTITUTIONS, TERMINALS = 389, 550
OPEN_S = 10 * 3600
"""The clinics are open from 08:00 to 18:00."""

PLANTED: Mapping[str, Code] = {
    "channel-only-absent": Code.CHANNEL_ONLY,
    "channel-only-failed": Code.CHANNEL_ONLY,
    "platform-only": Code.PLATFORM_ONLY,
    "his-missing": Code.HIS_MISSING,
    "his-only": Code.HIS_ONLY,
    "ins-missing": Code.INS_MISSING,
    "ins-only": Code.INS_ONLY,
    "amount-channel": Code.AMOUNT_MISMATCH,
    "amount-his": Code.AMOUNT_MISMATCH,
    "amount-insurance": Code.AMOUNT_MISMATCH,
    "status-channel": Code.STATUS_MISMATCH,
    "status-platform": Code.STATUS_MISMATCH,
    "fee": Code.FEE_MISMATCH,
    "duplicate-channel": Code.DUPLICATE,
    "duplicate-his": Code.DUPLICATE,
    "duplicate-insurance": Code.DUPLICATE,
    "duplicate-platform": Code.DUPLICATE,
    "cutover": Code.CUTOVER,
}
"""What is planted, and the code under which it must be found."""

_EQUAL, _PAIR, _REFUND, _NOBODY = "equal", "pair", "refund", "nobody"
_WITHOUT: Mapping[Book, tuple[str, ...]] = {
    Book.PLATFORM: ("channel-only-absent", "his-only", "ins-only"),
    Book.CHANNEL: ("platform-only", "his-only", "ins-only", "cutover", _NOBODY),
    Book.HIS: ("channel-only-absent", "channel-only-failed", "his-missing", "ins-only", _NOBODY),
    Book.INSURANCE: (
        "channel-only-absent",
        "channel-only-failed",
        "ins-missing",
        "his-only",
        "status-platform",
        _NOBODY,
    ),
}


def generate(
    folder: Path, rows: int, *, share: float = 0.01, seed: int = 1, day: date = date(2026, 11, 22)
) -> tuple[Books, dict[Code, int]]:
    """Write four Parquet files of at least *rows* rows each into *folder*; *share* of the trades differ.

    Gives the files and how many differences of each code are in them. Besides: one trade in a hundred is paid and taken back,
    one in two hundred is a refund of an earlier day, and one payment in a hundred failed and nobody has it. Each file is in
    an order of its own.
    """
    if rows < 0 or not 0 <= share <= 0.9:
        raise ValueError("rows must not be negative, and the share of differences is 0 to 0.9")
    trades = _trades(rows + rows // 100 + 20, share, seed, day)
    books = Books.under(folder)
    for number, book in enumerate(Book):
        frame = _book(trades, book)
        order = _mix(pl.int_range(pl.len(), dtype=pl.UInt64), seed * 16 + number)
        write_book(frame.sort(order).select(list(schema_of(book))), books.path(book))
    counts = dict(trades.group_by("what").len().iter_rows())
    found = dict.fromkeys(Code, 0)
    for what, code in PLANTED.items():
        found[code] += counts.get(what, 0)
    return books, found


def write_csv(books: Books, folder: Path) -> dict[Book, Path]:
    """The same rows as CSV files with a header line."""
    paths = {book: folder / f"{book.value}.csv" for book in Book}
    for book, path in paths.items():
        pl.scan_parquet(books.path(book)).sink_csv(path, date_format="%Y-%m-%d", quote_style="never")
    return paths


def _mix(number: pl.Expr, salt: int) -> pl.Expr:
    """SplitMix64: 64 well-mixed bits of *number*."""
    mixed = number.cast(pl.UInt64) + pl.lit(salt * 0x9E3779B97F4A7C15 % 2**64, dtype=pl.UInt64)
    for factor, shift in ((0xBF58476D1CE4E5B9, 30), (0x94D049BB133111EB, 27)):
        mixed = (mixed ^ (mixed // 2**shift)) * pl.lit(factor, dtype=pl.UInt64)
    return mixed ^ (mixed // 2**31)


def _trades(count: int, share: float, seed: int, day: date) -> pl.DataFrame:
    number = pl.col("number")
    lot = _mix(number, seed * 8 + 1) % 1_000_000
    planted = pl.Series(list(PLANTED))
    what = (
        pl.when(lot < int(share * 1_000_000))
        .then(pl.lit(planted).gather(_mix(number, seed * 8 + 2) % len(planted)))
        .when(lot >= 990_000)
        .then(pl.lit(_PAIR))
        .when(lot >= 985_000)
        .then(pl.lit(_REFUND))
        .when(lot >= 975_000)
        .then(pl.lit(_NOBODY))
        .otherwise(pl.lit(_EQUAL))
    )
    midnight = (day - date(1970, 1, 1)).days * 86_400 - 8 * 3600
    return (
        pl.DataFrame({"number": pl.int_range(1, count + 1, dtype=pl.Int64, eager=True)})
        .with_columns(
            what=what,
            cash=(_mix(number, seed * 8 + 3) % 50_000 + 1).cast(pl.Int64),
            insured=(_mix(number, seed * 8 + 4) % 50_000).cast(pl.Int64),
            lane=(_mix(number, seed * 8 + 5) % 10).cast(pl.Int64),
            at=(_mix(number, seed * 8 + 6) % OPEN_S).cast(pl.Int64) + midnight + 8 * 3600,
            day=pl.lit(day),
        )
        .with_columns(
            at=pl.when(pl.col("what") == "cutover").then(midnight + 23 * 3600 + 1800).otherwise(pl.col("at")),
            channel=pl.when((pl.col("lane") < 6) | (pl.col("what") == "cutover"))
            .then(pl.lit("bank"))
            .when(pl.col("lane") < 8)
            .then(pl.lit("wechat"))
            .when(pl.col("lane") < 9)
            .then(pl.lit("alipay"))
            .otherwise(pl.lit("unionpay_qr")),
            institution=pl.format("H441900{}", _digits(number % INSTITUTIONS + 1, 5)),
            trade_no=pl.format(f"DG{day:%Y%m%d}{{}}", _digits(number, 8)),
        )
        .with_columns(fee=pl.col("cash") * 6 // 1000)
    )


def _digits(value: pl.Expr, width: int) -> pl.Expr:
    return value.cast(pl.String).str.zfill(width)


def _references(back: bool) -> dict[str, pl.Expr]:
    """Under which reference each book has a trade, or its taking back."""
    number, turn = pl.col("number"), int(back)
    terminal = _digits(number % TERMINALS + 10_000_001, 8)
    trace = _digits(number // TERMINALS * 2 % 1_000_000 + turn, 6)
    batch = _digits(number // TERMINALS * 2 // 1_000_000 + 1, 6)
    stamp = pl.from_epoch(pl.col("at") + 8 * 3600).dt.strftime("%Y%m%d%H%M%S")
    serial = _digits(number // INSTITUTIONS * 2 % 10_000 + turn, 4)
    return {
        "channel": pl.when(pl.col("channel") == "bank")
        .then(pl.format("{}/{}/{}", terminal, batch, trace))
        .otherwise(pl.format(f"{{}}{turn + 1:02d}", pl.col("trade_no"))),
        "his": pl.format("R{}", pl.col("trade_no")) if back else pl.col("trade_no"),
        "insurance": pl.format("{}{}{}", pl.col("institution"), stamp, serial),
    }


def _book(trades: pl.DataFrame, book: Book) -> pl.DataFrame:
    pays = trades.filter(pl.col("what") != _REFUND, ~pl.col("what").is_in(_WITHOUT[book]))
    backs = trades.filter(pl.col("what").is_in((_PAIR, _REFUND)))
    twice = trades.filter(pl.col("what") == f"duplicate-{book.value}")
    shape = _platform if book is Book.PLATFORM else _other
    parts = [shape(pays, book, back=False), shape(backs, book, back=True), shape(twice, book, back=False)]
    return pl.concat(each.cast(schema_of(book)) for each in parts)


def _platform(trades: pl.DataFrame, book: Book, *, back: bool) -> pl.DataFrame:
    sign, own, first = -1 if back else 1, _references(back), "{}/1"
    failed = pl.col("what").is_in(("channel-only-failed", "status-platform", _NOBODY))
    amounts = {"channel": pl.col("cash"), "his": pl.col("cash") + pl.col("insured"), "insurance": pl.col("insured")}
    return trades.select(
        reference=pl.format("{}/2" if back else first, pl.col("trade_no")),
        kind=pl.lit("undo" if back else "pay"),
        original=pl.format(first, pl.col("trade_no")) if back else pl.lit(""),
        state=pl.when(failed).then(pl.lit("failed")).otherwise(pl.lit("done")),
        trade_no="trade_no",
        **{f"{leg}_ref": own[leg] for leg in own},
        **{f"{leg}_fen": sign * amounts[leg] for leg in own},
        fee_fen=sign * pl.col("fee"),
        institution="institution",
        channel="channel",
        day="day",
        at="at",
    ).select(list(schema_of(book)))


def _other(trades: pl.DataFrame, book: Book, *, back: bool) -> pl.DataFrame:
    sign, name = -1 if back else 1, book.value
    amount = {
        Book.CHANNEL: pl.col("cash"),
        Book.HIS: pl.col("cash") + pl.col("insured"),
        Book.INSURANCE: pl.col("insured"),
    }[book]
    wrong = (pl.col("what") == f"amount-{name}").cast(pl.Int64)
    fee = sign * pl.col("fee") + (pl.col("what") == "fee").cast(pl.Int64) if book is Book.CHANNEL else pl.lit(None)
    failed = pl.col("what") == f"status-{name}"
    return trades.select(
        reference=_references(back)[name],
        kind=pl.lit("undo" if back else "pay"),
        original=_references(False)[name] if back else pl.lit(""),
        state=pl.when(failed).then(pl.lit("failed")).otherwise(pl.lit("done")),
        # A bank's file knows nothing of the platform's numbers; the others carry them.
        trade_no=pl.when(pl.lit(book is Book.CHANNEL) & (pl.col("channel") == "bank"))
        .then(pl.lit(""))
        .otherwise(pl.col("trade_no")),
        amount_fen=sign * amount + wrong,
        fee_fen=fee,
        institution="institution",
        channel="channel",
        day="day",
        at="at",
    ).select(list(schema_of(book)))
