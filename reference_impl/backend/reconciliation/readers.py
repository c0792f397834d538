"""Day files to the neutral form. The seam is :class:`BookReader`; here are the readers of this project's own formats.

CSV: UTF-8, LF or CRLF, commas, no quotes, one header line with exactly the columns of
:mod:`reference_impl.backend.reconciliation.frames` in any order, each once. An empty ``fee_fen`` is unknown. Parquet: the
same columns with the same types. A file is taken as a whole or refused as a whole, with the line that is wrong.
"""

from __future__ import annotations

import io
from typing import Protocol

import polars as pl

from protocols.wire.base import Label
from reference_impl.backend.reconciliation.frames import FileFault, check_rows, schema_of
from reference_impl.backend.reconciliation.model import Book

__all__ = ["MOST_BYTES", "BookReader", "CsvReader", "ParquetReader"]

MOST_BYTES = 1 << 30

_MARK = b"\xef\xbb\xbf"


class BookReader(Protocol):
    """Reads one kind of file of one book."""

    book: Book

    def read(self, data: bytes, file: str) -> pl.DataFrame:
        """The rows, in the neutral form and checked. Raises :class:`FileFault` naming *file* and the line."""
        ...


class CsvReader:
    """This project's CSV of *book*."""

    def __init__(self, book: Book) -> None:
        self.book = book

    def read(self, data: bytes, file: str) -> pl.DataFrame:
        body = _text(data, file)
        _same_columns(body.partition(b"\n")[0].decode().split(","), self.book, file, 1)
        try:
            raw = pl.read_csv(
                io.BytesIO(body),
                infer_schema=False,
                quote_char=None,
                empty_string_is_null=False,
                extra_columns="raise",
                missing_columns="raise",
            )
        except pl.exceptions.PolarsError:
            raw = None
        frame = _typed(_same_number_of_fields(body, len(schema_of(self.book)), raw, file), self.book, file)
        check_rows(frame, self.book, file, 2)
        return frame


class ParquetReader:
    """This project's Parquet of *book*."""

    def __init__(self, book: Book) -> None:
        self.book = book

    def read(self, data: bytes, file: str) -> pl.DataFrame:
        if len(data) > MOST_BYTES:
            raise FileFault(file, 0, _TOO_LARGE)
        try:
            frame = pl.read_parquet(io.BytesIO(data))
        except (pl.exceptions.PolarsError, OSError, ValueError) as error:
            raise FileFault(
                file, 0, Label("不是可读的Parquet文件", "this is no Parquet file that can be read")
            ) from error
        schema = schema_of(self.book)
        _same_columns(frame.columns, self.book, file, 0)
        wrong = [name for name, kind in schema.items() if frame.schema[name] != kind]
        if wrong:
            raise FileFault(
                file, 0, Label(f"{wrong[0]}：列类型应为{schema[wrong[0]]}", f"{wrong[0]}: must be {schema[wrong[0]]}")
            )
        frame = frame.select(list(schema))
        check_rows(frame, self.book, file, 1)
        return frame


_TOO_LARGE = Label(f"文件超过{MOST_BYTES}字节", f"the file has more than {MOST_BYTES} bytes")


def _text(data: bytes, file: str) -> bytes:
    if len(data) > MOST_BYTES:
        raise FileFault(file, 0, _TOO_LARGE)
    body = data.removeprefix(_MARK)
    if not body.strip():
        raise FileFault(file, 0, Label("空文件：无数据时也应有表头", "empty: a file without rows still has its header"))
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise FileFault(file, line, Label("不是UTF-8", "not UTF-8")) from None
    if b"\x00" in body:
        raise FileFault(file, body.count(b"\n", 0, body.index(b"\x00")) + 1, Label("含零字节", "a zero byte"))
    return body.replace(b"\r\n", b"\n") if b"\r" in body else body


def _same_columns(names: list[str], book: Book, file: str, line: int) -> None:
    wanted = list(schema_of(book))
    twice = sorted({name for name in names if names.count(name) > 1 and name in wanted})
    missing = [name for name in wanted if name not in names]
    if twice:
        raise FileFault(file, line, Label(f"列重复：{twice[0]}", f"the column {twice[0]} occurs twice"))
    if missing:
        raise FileFault(file, line, Label(f"缺少列：{missing[0]}", f"the column {missing[0]} is missing"))
    if len(names) > len(wanted):
        raise FileFault(
            file, line, Label(f"多余的列：只能有{len(wanted)}列", f"a column too many: there are {len(wanted)} columns")
        )


def _same_number_of_fields(body: bytes, columns: int, raw: pl.DataFrame | None, file: str) -> pl.DataFrame:
    """Counted as a whole first; a file that fails is gone through line by line."""
    lines = body.count(b"\n") + (0 if body.endswith(b"\n") else 1)
    whole = body.count(b",") == (columns - 1) * lines
    if whole and raw is not None and raw.height == lines - 1 and not any(raw.null_count().row(0)):
        return raw
    for number, line in enumerate(body.removesuffix(b"\n").split(b"\n"), 1):
        found = line.count(b",") + 1
        if found != columns:
            text = Label(f"有{found}个字段，应有{columns}个", f"{found} fields instead of {columns}")
            raise FileFault(file, number, text)
    raise FileFault(file, 0, Label("不是可读的CSV文件", "this is no CSV file that can be read"))


def _typed(raw: pl.DataFrame, book: Book, file: str) -> pl.DataFrame:
    """Texts to the types of the neutral form. Raises :class:`FileFault` for the first line with one that is none."""
    columns: list[pl.Expr] = []
    faults: list[tuple[int, str]] = []
    for name, kind in schema_of(book).items():
        text = pl.col(name)
        if isinstance(kind, pl.Int64):
            whole = text.str.contains(r"^-?[0-9]{1,15}$")
            value = pl.when(whole).then(text.cast(pl.Int64, strict=False))
            broken = ~whole & (text != "") if name == "fee_fen" else ~whole
            columns.append(value.alias(name))
        elif isinstance(kind, pl.Date):
            value = text.str.to_date("%Y-%m-%d", strict=False)
            broken = value.is_null() | ~text.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
            columns.append(value.alias(name))
        elif isinstance(kind, pl.Enum):
            value = text.cast(kind, strict=False)
            broken = value.is_null()
            columns.append(value.alias(name))
        else:
            columns.append(text)
            continue
        row = raw.select(pl.arg_where(broken).first()).item()
        if row is not None:
            faults.append((row, name))
    typed = raw.select(columns)
    if faults:
        row, name = min(faults)
        check_rows(typed.head(row), book, file, 2)  # something may be wrong with an earlier line
        raise FileFault(file, row + 2, _not_of_its_type(name, schema_of(book)[name]))
    return typed


def _not_of_its_type(name: str, kind: pl.DataType) -> Label:
    if isinstance(kind, pl.Int64):
        return Label(f"{name}：应为至多15位整数", f"{name}: a whole number of at most 15 digits")
    if isinstance(kind, pl.Date):
        return Label(f"{name}：应为YYYY-MM-DD", f"{name}: must be YYYY-MM-DD")
    words = ", ".join(getattr(kind, "categories", ()))
    return Label(f"{name}：只能是{words}", f"{name}: must be one of {words}")
