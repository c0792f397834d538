"""The neutral form of a book: its columns, and what a row must be. Files are Parquet; one file a book and run.

A row's *position* in its file (from 0) is its identity for the engines. Amounts are fen, ``at`` is Unix seconds, ``day`` the
business day of the book itself. Empty text means "there is none"; only ``fee_fen`` may be null: the book does not say.

Platform: ``reference`` is its own id of the movement, ``original`` that of the movement which an undo takes back; a leg that
a movement does not have is empty, with amount 0. Other books: ``trade_no`` is the platform's, where the book carries it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from protocols.wire.base import Label
from protocols.wire.money import MAX_FEN
from reference_impl.backend.reconciliation.model import Book, Kind, State

__all__ = [
    "BOOK_SCHEMA",
    "FILE_STATES",
    "PLATFORM_SCHEMA",
    "Books",
    "FileFault",
    "check_rows",
    "empty",
    "schema_of",
    "write_book",
]

FILE_STATES = (State.DONE.value, State.OPEN.value, State.FAILED.value)
KIND = pl.Enum([each.value for each in Kind])
STATE = pl.Enum(list(FILE_STATES))

_HEAD: dict[str, pl.DataType] = {
    "reference": pl.String(),
    "kind": KIND,
    "original": pl.String(),
    "state": STATE,
    "trade_no": pl.String(),
}
_TAIL: dict[str, pl.DataType] = {
    "fee_fen": pl.Int64(),
    "institution": pl.String(),
    "channel": pl.String(),
    "day": pl.Date(),
    "at": pl.Int64(),
}

BOOK_SCHEMA = pl.Schema({**_HEAD, "amount_fen": pl.Int64(), **_TAIL})
PLATFORM_SCHEMA = pl.Schema(
    {
        **_HEAD,
        "channel_ref": pl.String(),
        "channel_fen": pl.Int64(),
        "his_ref": pl.String(),
        "his_fen": pl.Int64(),
        "insurance_ref": pl.String(),
        "insurance_fen": pl.Int64(),
        **_TAIL,
    }
)

REFERENCE = r"^[A-Za-z0-9_*|/.:@-]{1,64}$"
REFERENCE_OR_EMPTY = r"^[A-Za-z0-9_*|/.:@-]{0,64}$"
NAME = r"^[A-Za-z0-9_.-]{0,32}$"
EARLIEST_S, LATEST_S = 946_656_000, 4_102_416_000
"""The years 2000 to 2099 in China."""

PARQUET_ROWS = 131_072


class FileFault(ValueError):
    """A file that cannot be taken. ``line`` counts from 1 and includes a header; 0: the file as a whole.

    ``text`` says in two languages what is wrong and what to do. Values of the file are not repeated in it, except a field
    name: a file may hold anything.
    """

    def __init__(self, file: str, line: int, text: Label) -> None:
        place = f"{file}:{line}" if line else file
        super().__init__(f"{place}: {text.zh} / {text.en}")
        self.file, self.line, self.text = file, line, text


@dataclass(frozen=True, slots=True)
class Books:
    """The four files of a run."""

    platform: Path
    channel: Path
    his: Path
    insurance: Path

    def path(self, book: Book) -> Path:
        return {
            Book.PLATFORM: self.platform,
            Book.CHANNEL: self.channel,
            Book.HIS: self.his,
            Book.INSURANCE: self.insurance,
        }[book]

    @staticmethod
    def under(folder: Path) -> Books:
        """``platform.parquet`` and so on in *folder*."""
        return Books(*(folder / f"{book.value}.parquet" for book in Book))


def schema_of(book: Book) -> pl.Schema:
    return PLATFORM_SCHEMA if book is Book.PLATFORM else BOOK_SCHEMA


def empty(book: Book) -> pl.DataFrame:
    """No rows, the right columns."""
    return pl.DataFrame(schema=schema_of(book))


def write_book(frame: pl.DataFrame, path: Path) -> None:
    """Whole or not at all: written beside, then renamed."""
    beside = path.with_name(f".{path.name}.part")
    try:
        frame.write_parquet(beside, compression="lz4", row_group_size=PARQUET_ROWS)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def check_rows(frame: pl.DataFrame, book: Book, file: str, first_line: int) -> None:
    """Every value of *frame*, which has the columns of *book*, is what it must be.

    *first_line* is the line of the first row in *file*. Raises :class:`FileFault` for the first line that is wrong.
    """
    rules = list(_rules(book))
    holds = frame.select(test.fill_null(False).all().alias(str(at)) for at, (_, test, _) in enumerate(rules)).row(0)
    broken = [rule for rule, kept in zip(rules, holds, strict=True) if not kept]
    if not broken:
        return
    places = frame.select(
        pl.arg_where(~test.fill_null(False)).first().alias(f"{at}") for at, (_, test, _) in enumerate(broken)
    )
    row, at = min((place, at) for at, place in enumerate(places.row(0)))
    name, _, text = broken[at]
    raise FileFault(file, first_line + row, Label(f"{name}：{text.zh}", f"{name}: {text.en}"))


def _rules(book: Book) -> Iterator[tuple[str, pl.Expr, Label]]:
    """Name of the column, what must hold, and what to say where it does not."""
    bad_reference = Label(
        "参考号应为1到64位字母、数字或 _*|/.:@-", "a reference is 1 to 64 letters, digits or _*|/.:@-"
    )
    yield "reference", pl.col("reference").str.contains(REFERENCE), bad_reference
    texts = ["original", "trade_no"]
    amounts = ["amount_fen"]
    if book is Book.PLATFORM:
        texts += [f"{leg}_ref" for leg in ("channel", "his", "insurance")]
        amounts = [f"{leg}_fen" for leg in ("channel", "his", "insurance")]
    for name in texts:
        yield name, pl.col(name).str.contains(REFERENCE_OR_EMPTY), bad_reference
    for name in ("institution", "channel"):
        text = Label("至多32位字母、数字或 _.-", "at most 32 letters, digits or _.-")
        yield name, pl.col(name).str.contains(NAME), text
    yield "kind", pl.col("kind").is_not_null(), Label("只能是 pay、undo、redo", "must be pay, undo or redo")
    yield "state", pl.col("state").is_not_null(), Label("只能是 done、open、failed", "must be done, open or failed")
    for name in amounts:
        yield name, *_range(name)
        negative = Label("负数只用于undo，undo不得为正", "negative in an undo, and only there")
        yield name, pl.when(pl.col("kind") == "undo").then(pl.col(name) <= 0).otherwise(pl.col(name) >= 0), negative
        if book is Book.PLATFORM:
            no_leg = Label("没有参考号的一方金额必须为0", "a leg without a reference has amount 0")
            yield name, (pl.col(name) == 0) | (pl.col(name.replace("_fen", "_ref")) != ""), no_leg
    fee = pl.col("fee_fen")
    too_large = Label("手续费超出范围", "the fee is out of range")
    yield "fee_fen", fee.is_null() | fee.is_between(-MAX_FEN, MAX_FEN), too_large
    pay_has_no_original = Label("pay行不得有original", "a pay has no original")
    yield "original", (pl.col("kind") != "pay") | (pl.col("original") == ""), pay_has_no_original
    yield "day", pl.col("day").is_not_null(), Label("应为YYYY-MM-DD", "must be YYYY-MM-DD")
    yield (
        "at",
        pl.col("at").is_between(EARLIEST_S, LATEST_S),
        Label("应为2000到2099年的Unix秒", "Unix seconds, 2000 to 2099"),
    )


def _range(name: str) -> tuple[pl.Expr, Label]:
    text = Label("金额超出范围（分，至多14位）", "the amount is out of range: fen, at most 14 digits")
    return pl.col(name).is_between(-MAX_FEN, MAX_FEN), text
