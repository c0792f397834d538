"""The rows of a run, one by one: the equal ones and those that differ (DG-FIN-REC-02)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from reference_impl.backend.reconciliation.frames import Books
from reference_impl.backend.reconciliation.model import Book
from reference_impl.backend.reconciliation.records import Difference

__all__ = ["rows_of_run"]


def rows_of_run(
    books: Books,
    book: Book,
    differences: Sequence[Difference],
    *,
    differing: bool | None = None,
    institutions: frozenset[str] | None = None,
    after: int = -1,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Rows of *book* behind position *after*, at most *limit*: the columns of the neutral form, ``row``, and ``codes``, those
    of the *differences* of the run that are about it.

    *differing*: only those with a code, or only those without. Blocks. Raises FileNotFoundError when the files of the run
    are kept no more.
    """
    path: Path = books.path(book)
    if not path.is_file():
        raise FileNotFoundError(path.name)
    codes = _codes(book, differences)
    lazy = pl.scan_parquet(path).with_row_index("row").slice(after + 1)
    if institutions is not None:
        lazy = lazy.filter(pl.col("institution").is_in(sorted(institutions)))
    kind = pl.col("kind").cast(pl.String)
    lazy = lazy.with_columns(kind=kind, state=pl.col("state").cast(pl.String))
    lazy = lazy.join(codes.lazy(), on=["reference", "kind"], how="left", maintain_order="left")
    if differing is not None:
        lazy = lazy.filter(pl.col("codes").is_not_null() if differing else pl.col("codes").is_null())
    return [{**each, "codes": each["codes"] or []} for each in lazy.head(limit).collect().iter_rows(named=True)]


def _codes(book: Book, differences: Sequence[Difference]) -> pl.DataFrame:
    found = [
        (side["reference"], each.kind, each.code)
        for each in differences
        if (side := each.side.get(book.value)) is not None
    ]
    flat = pl.DataFrame(
        found, schema={"reference": pl.String(), "kind": pl.String(), "codes": pl.String()}, orient="row"
    )
    return flat.group_by("reference", "kind").agg(pl.col("codes").unique().sort())
