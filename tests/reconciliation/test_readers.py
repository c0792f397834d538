"""Day files of our own formats: good ones give the rows, bad ones an error with file, line and remedy, and nothing else."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from reference_impl.backend.reconciliation.frames import BOOK_SCHEMA, FileFault, schema_of
from reference_impl.backend.reconciliation.generate import generate, write_csv
from reference_impl.backend.reconciliation.model import Book
from reference_impl.backend.reconciliation.readers import CsvReader, ParquetReader

HEADER = "reference,kind,original,state,trade_no,amount_fen,fee_fen,institution,channel,day,at"
GOOD = "10000001/000001/000012,pay,,done,,1250,8,H44190000001,bank,2026-11-22,1795307415"
BACK = "10000001/000001/000013,undo,10000001/000001/000012,done,,-1250,,H44190000001,bank,2026-11-22,1795307500"


def read(*lines: str, book: Book = Book.CHANNEL, end: str = "\n") -> pl.DataFrame:
    return CsvReader(book).read(("".join(line + end for line in lines)).encode(), "bank.csv")


def fault(*lines: str, book: Book = Book.CHANNEL) -> FileFault:
    with pytest.raises(FileFault) as caught:
        read(*lines, book=book)
    assert caught.value.file == "bank.csv"
    assert caught.value.text.zh
    assert caught.value.text.en
    return caught.value


def test_a_good_file() -> None:
    frame = read(HEADER, GOOD, BACK)
    assert frame.schema == BOOK_SCHEMA
    assert frame.rows() == [
        (
            "10000001/000001/000012",
            "pay",
            "",
            "done",
            "",
            1250,
            8,
            "H44190000001",
            "bank",
            date(2026, 11, 22),
            1795307415,
        ),
        (
            "10000001/000001/000013",
            "undo",
            "10000001/000001/000012",
            "done",
            "",
            -1250,
            None,
            "H44190000001",
            "bank",
            date(2026, 11, 22),
            1795307500,
        ),
    ]


def test_windows_line_ends_byte_order_mark_and_another_order_of_columns() -> None:
    names = HEADER.split(",")
    swapped = ",".join(names[::-1])
    row = ",".join(GOOD.split(",")[::-1])
    body = ("\ufeff" + swapped + "\r\n" + row + "\r\n").encode()
    assert CsvReader(Book.CHANNEL).read(body, "bank.csv").rows() == read(HEADER, GOOD).rows()


def test_a_header_alone_is_an_empty_book() -> None:
    assert read(HEADER).is_empty()
    assert read(HEADER).schema == BOOK_SCHEMA


def test_the_last_line_may_lack_its_end() -> None:
    body = f"{HEADER}\n{GOOD}".encode()
    assert CsvReader(Book.CHANNEL).read(body, "bank.csv").height == 1


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        ({"amount_fen": "-1"}, 3, "amount_fen: negative in an undo, and only there"),
        ({"amount_fen": "12.50"}, 3, "amount_fen: a whole number of at most 15 digits"),
        ({"amount_fen": ""}, 3, "amount_fen: a whole number of at most 15 digits"),
        ({"amount_fen": "+1"}, 3, "amount_fen: a whole number of at most 15 digits"),
        ({"amount_fen": "99999999999999999999"}, 3, "amount_fen: a whole number of at most 15 digits"),
        ({"amount_fen": "100000000000000"}, 3, "amount_fen: the amount is out of range"),
        ({"fee_fen": "x"}, 3, "fee_fen: a whole number"),
        ({"kind": "PAY"}, 3, "kind: must be one of pay, undo, redo"),
        ({"state": "reversed"}, 3, "state: must be one of done, open, failed"),
        ({"reference": ""}, 3, "reference: a reference is 1 to 64"),
        ({"reference": "a b"}, 3, "reference: a reference is 1 to 64"),
        ({"reference": "9" * 65}, 3, "reference: a reference is 1 to 64"),
        ({"reference": '"C1"'}, 3, "reference: a reference is 1 to 64"),
        ({"original": "X"}, 3, "original: a pay has no original"),
        ({"institution": "H" * 33}, 3, "institution: at most 32"),
        ({"day": "2026-02-30"}, 3, "day: must be YYYY-MM-DD"),
        ({"day": "22/11/2026"}, 3, "day: must be YYYY-MM-DD"),
        ({"at": "0"}, 3, "at: Unix seconds, 2000 to 2099"),
        ({"at": "1795307415.5"}, 3, "at: a whole number"),
    ],
)
def test_a_bad_value_is_named_with_its_line(change: dict[str, str], line: int, words: str) -> None:
    values = dict(zip(HEADER.split(","), GOOD.split(","), strict=True)) | change
    found = fault(HEADER, GOOD, ",".join(values.values()), BACK)
    assert found.line == line
    assert words in found.text.en
    assert str(found).startswith(f"bank.csv:{line}: ")


def test_values_of_the_file_are_not_repeated() -> None:
    values = dict(zip(HEADER.split(","), GOOD.split(","), strict=True)) | {"reference": "6299990000000000012 secret"}
    assert "6299990000000000012" not in str(fault(HEADER, ",".join(values.values())))


def test_the_first_bad_line_is_named() -> None:
    late, early = GOOD.replace("pay", "buy"), GOOD.replace("bank", "b?nk")
    assert fault(HEADER, GOOD, early, late).line == 3
    assert fault(HEADER, GOOD, late, early).line == 3


@pytest.mark.parametrize(
    ("lines", "line", "words"),
    [
        ([HEADER.replace("fee_fen,", ""), GOOD], 1, "the column fee_fen is missing"),
        ([HEADER + ",amount_fen", GOOD + ",1"], 1, "the column amount_fen occurs twice"),
        ([HEADER + ",note", GOOD + ",1"], 1, "a column too many: there are 11 columns"),
        ([HEADER, GOOD, GOOD + ",1"], 3, "12 fields instead of 11"),
        ([HEADER, GOOD, "x,y"], 3, "2 fields instead of 11"),
        ([HEADER, GOOD + ",1", GOOD.rpartition(",")[0]], 2, "12 fields instead of 11"),
        ([HEADER, GOOD, "", GOOD], 3, "1 fields instead of 11"),
        ([GOOD], 1, "is missing"),
    ],
)
def test_a_bad_shape_is_named_with_its_line(lines: list[str], line: int, words: str) -> None:
    found = fault(*lines)
    assert found.line == line
    assert words in found.text.en


@pytest.mark.parametrize("body", [b"", b"\n", b"\xef\xbb\xbf", b" \r\n"])
def test_an_empty_file(body: bytes) -> None:
    with pytest.raises(FileFault, match="empty: a file without rows still has its header"):
        CsvReader(Book.HIS).read(body, "his.csv")


def test_another_encoding_is_named_with_its_line() -> None:
    body = f"{HEADER}\n".encode() + "金额".encode("gbk")
    with pytest.raises(FileFault, match=r"his\.csv:2: .*not UTF-8"):
        CsvReader(Book.HIS).read(body, "his.csv")


def test_platform_rows_have_legs() -> None:
    columns = list(schema_of(Book.PLATFORM))
    values = {
        **dict.fromkeys(columns, ""),
        "reference": "T1/1",
        "kind": "pay",
        "state": "done",
        "channel_fen": "5",
        "his_fen": "0",
        "insurance_fen": "0",
        "day": "2026-11-22",
        "at": "1795307415",
    }
    found = fault(",".join(columns), ",".join(values.values()), book=Book.PLATFORM)
    assert found.line == 2
    assert found.text.en == "channel_fen: a leg without a reference has amount 0"
    values["channel_ref"] = "C1"
    assert read(",".join(columns), ",".join(values.values()), book=Book.PLATFORM).height == 1


def test_generated_books_survive_csv_and_parquet(tmp_path: Path) -> None:
    books, _ = generate(tmp_path, 3_000)
    for book, path in write_csv(books, tmp_path).items():
        written = pl.read_parquet(books.path(book))
        assert CsvReader(book).read(path.read_bytes(), path.name).equals(written)
        assert ParquetReader(book).read(books.path(book).read_bytes(), "x.parquet").equals(written)


def test_parquet_of_other_columns_or_types() -> None:
    good = read(HEADER, GOOD)
    for frame, words in (
        (good.drop("at"), "the column at is missing"),
        (good.with_columns(note=pl.lit(1)), "a column too many"),
        (good.with_columns(pl.col("amount_fen").cast(pl.Float64)), "amount_fen: must be Int64"),
        (good.with_columns(amount_fen=pl.lit(-5, dtype=pl.Int64)), "amount_fen: negative"),
        (good.with_columns(reference=pl.lit(None, dtype=pl.String)), "reference: a reference is"),
    ):
        out = io.BytesIO()
        frame.write_parquet(out)
        with pytest.raises(FileFault, match=words):
            ParquetReader(Book.CHANNEL).read(out.getvalue(), "x.parquet")


@pytest.mark.parametrize("body", [b"", b"PAR1", b"PAR1" + b"\x00" * 64 + b"PAR1", HEADER.encode()])
def test_what_is_no_parquet(body: bytes) -> None:
    with pytest.raises(FileFault, match="no Parquet"):
        ParquetReader(Book.CHANNEL).read(body, "x.parquet")
