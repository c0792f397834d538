"""Findings, which are positions in files, as differences that people and databases can read; and the rows that wait.

A *subject* names what differs in the same words on every day, so that a later run knows it again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from reference_impl.backend.reconciliation.findings import ROWS
from reference_impl.backend.reconciliation.frames import Books, schema_of
from reference_impl.backend.reconciliation.model import LEGS, Book, BookMask, Code, Finding
from reference_impl.backend.reconciliation.records import Difference, DifferenceState, PooledRow

__all__ = ["differences", "pool_id", "pooled_frames", "pooled_rows", "rows_to_pool", "touched"]

_ROW_OF = dict(zip(Book, ROWS, strict=True))
_ONLY_HERE = frozenset({Code.PLATFORM_ONLY, Code.HIS_MISSING, Code.INS_MISSING})
_ONLY_THERE = frozenset({Code.CHANNEL_ONLY, Code.HIS_ONLY, Code.INS_ONLY})

Row = Mapping[str, Any]


def differences(books: Books, findings: Sequence[Finding], run_id: str, own_day: str) -> list[Difference]:
    """One difference a finding, in the order of *findings*. *own_day* is the day of the run, ``2026-11-22``."""
    rows = {book: _rows_at(books, book, (_position(each, book) for each in findings)) for book in Book}
    seen: Counter[str] = Counter()
    made: list[Difference] = []
    for number, finding in enumerate(findings, 1):
        held = {book: rows[book][at] for book in Book if (at := _position(finding, book)) >= 0}
        made.append(_difference(finding, held, f"{run_id}-{number:07d}", run_id, own_day, seen))
    return made


def _difference(
    finding: Finding, held: Mapping[Book, Row], difference_id: str, run_id: str, own_day: str, seen: Counter[str]
) -> Difference:
    main_book = next(iter(held))
    main = held[main_book]
    effective = finding.underlying or finding.code
    subject = f"{effective}|{main_book.value}|{main['reference']}|{main['kind']}"
    seen[subject] += 1
    if seen[subject] > 1:
        subject = f"{subject}#{seen[subject]}"
    sides = _sides(Code(effective), held)
    return Difference(
        difference_id=difference_id,
        run_id=run_id,
        subject=subject,
        code=finding.code,
        underlying=finding.underlying,
        books="+".join(BookMask(finding.books).names()),
        institution=main["institution"],
        channel=next((row["channel"] for row in held.values() if row["channel"]), ""),
        day=own_day,
        trade_no=next((row["trade_no"] for row in held.values() if row["trade_no"]), ""),
        kind=main["kind"],
        sides=json.dumps(sides, ensure_ascii=False, separators=(",", ":")),
        gap_fen=_gap(Code(effective), BookMask(finding.books), sides),
        pooled=finding.pooled,
        state=(DifferenceState.POOLED if finding.pooled else DifferenceState.OPEN).value,
    )


def _sides(effective: Code, held: Mapping[Book, Row]) -> dict[str, Any]:
    """What each book says. A row without a partner that is in its file all the same was taken back there."""
    sides: dict[str, Any] = {}
    for book, row in held.items():
        side = {"reference": row["reference"], "state": row["state"], "day": f"{row['day']:%Y-%m-%d}", "at": row["at"]}
        if book is Book.PLATFORM:
            for leg in LEGS:
                side[f"{leg}_ref"], side[f"{leg}_fen"] = row[f"{leg}_ref"], row[f"{leg}_fen"]
            taken_back = effective in _ONLY_THERE and row["state"] == "done"
        else:
            side["fen"] = row["amount_fen"]
            taken_back = book is _book_of(effective) and effective in _ONLY_HERE
        if row["fee_fen"] is not None:
            side["fee_fen"] = row["fee_fen"]
        if taken_back:
            side["state"] = "reversed"
        sides[book.value] = side
    return sides


def _book_of(code: Code) -> Book | None:
    """Of a code about a missing row: the book in which it is missing, or alone."""
    names = {"CHANNEL": Book.CHANNEL, "PLATFORM": Book.CHANNEL, "HIS": Book.HIS, "INS": Book.INSURANCE}
    return names.get(code.value.partition("_")[0]) if code in _ONLY_HERE | _ONLY_THERE else None


def _gap(effective: Code, books: BookMask, sides: Mapping[str, Mapping[str, Any]]) -> int:
    """Fen that the other book has beyond the platform; that of the first book which differs."""
    book = next(each for each in LEGS if BookMask.of(each) & books)
    mine, theirs = sides.get(Book.PLATFORM.value), sides.get(book.value)
    if effective is Code.FEE_MISMATCH:
        return theirs["fee_fen"] - mine["fee_fen"] if mine and theirs else 0
    if effective is Code.DUPLICATE:
        return theirs["fen"] if theirs else -mine[f"{book.value}_fen"] if mine else 0
    expected = mine[f"{book.value}_fen"] if mine and mine["state"] == "done" else 0
    held = theirs["fen"] if theirs and theirs["state"] == "done" else 0
    return held - expected


def _position(finding: Finding, book: Book) -> int:
    return getattr(finding, _ROW_OF[book])


def _rows_at(books: Books, book: Book, positions: Iterable[int]) -> dict[int, Row]:
    wanted = sorted({at for at in positions if at >= 0})
    if not wanted:
        return {}
    rows = pl.scan_parquet(books.path(book)).with_row_index("row")
    chosen = rows.filter(pl.col("row").is_in(wanted)).collect(engine="streaming")
    return {row["row"]: row for row in chosen.iter_rows(named=True)}


def touched(findings: Iterable[Difference]) -> set[tuple[str, str, str]]:
    """(book, reference, kind) of every row that a difference is about."""
    return {(book, side["reference"], each.kind) for each in findings for book, side in each.side.items()}


# Rows that wait.


def rows_to_pool(books: Books, findings: Iterable[Finding]) -> dict[Book, list[int]]:
    """Positions of the rows that a later run needs: those of findings that are pooled, and in each book what takes them back
    or is taken back by them, or else a reversal would come back to life."""
    wanted = [each for each in findings if each.pooled]
    return {book: _with_companions(books, book, {_position(each, book) for each in wanted} - {-1}) for book in Book}


def _with_companions(books: Books, book: Book, positions: set[int]) -> list[int]:
    if not positions:
        return []
    rows = pl.scan_parquet(books.path(book)).select("reference", "original").with_row_index("row")
    chosen = rows.filter(pl.col("row").is_in(sorted(positions))).collect()
    references = chosen["reference"].unique().implode()
    originals = chosen["original"].filter(chosen["original"] != "").unique().implode()
    of_them = pl.col("original").is_in(references) | pl.col("reference").is_in(originals)
    found = rows.filter(of_them | pl.col("row").is_in(sorted(positions))).select("row").collect(engine="streaming")
    return found["row"].to_list()


def pool_id(run_id: str, book: str, position: int) -> str:
    """Of a row that *run_id* puts into the pool, by its position in the file of its book."""
    return f"{run_id}/{book}/{position}"


def pooled_rows(books: Books, positions: Mapping[Book, Sequence[int]], run_id: str) -> Iterator[PooledRow]:
    """The rows at *positions* as they are kept."""
    for book, wanted in positions.items():
        for at, row in sorted(_rows_at(books, book, wanted).items()):
            content = {
                name: f"{value:%Y-%m-%d}" if name == "day" else value for name, value in row.items() if name != "row"
            }
            yield PooledRow(
                pool_id=pool_id(run_id, book.value, at),
                run_id=run_id,
                book=book.value,
                institution=row["institution"],
                channel=row["channel"],
                day=content["day"],
                content=json.dumps(content, ensure_ascii=False, separators=(",", ":")),
            )


def pooled_frames(kept: Iterable[PooledRow]) -> dict[Book, pl.DataFrame]:
    """The rows of the pool in the neutral form, in the order in which they are given."""
    contents: dict[Book, list[dict[str, Any]]] = {book: [] for book in Book}
    for each in kept:
        contents[Book(each.book)].append(json.loads(each.content))
    frames: dict[Book, pl.DataFrame] = {}
    for book, rows in contents.items():
        schema = schema_of(book)
        raw = pl.DataFrame(
            {name: [row[name] for row in rows] for name in schema},
            schema={name: pl.String() if name in ("day", "kind", "state") else kind for name, kind in schema.items()},
        )
        frames[book] = raw.with_columns(pl.col("day").str.to_date("%Y-%m-%d")).cast(schema)
    return frames
