"""The result of an engine: one row a difference, in a fixed order, so that two engines agree or do not.

``p_row``, ``c_row``, ``h_row``, ``i_row`` are positions in the four files, -1 for none; ``books`` is a
:class:`~reference_impl.backend.reconciliation.model.BookMask`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple

import polars as pl

from reference_impl.backend.reconciliation.model import Finding

__all__ = ["FINDINGS_SCHEMA", "ROWS", "findings_frame", "in_order", "listed"]

FINDINGS_SCHEMA = pl.Schema(
    {
        "code": pl.String(),
        "p_row": pl.Int64(),
        "c_row": pl.Int64(),
        "h_row": pl.Int64(),
        "i_row": pl.Int64(),
        "books": pl.Int64(),
        "underlying": pl.String(),
        "pooled": pl.Boolean(),
    }
)

ROWS = ("p_row", "c_row", "h_row", "i_row")


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns and the order that every engine gives."""
    return frame.select(pl.col(name).cast(kind) for name, kind in FINDINGS_SCHEMA.items()).sort(list(FINDINGS_SCHEMA))


def findings_frame(findings: Iterable[Finding]) -> pl.DataFrame:
    rows = [(str(each.code), *astuple(each)[1:]) for each in findings]
    return in_order(pl.DataFrame(rows, schema=FINDINGS_SCHEMA, orient="row"))


def listed(frame: pl.DataFrame) -> list[Finding]:
    return [Finding(*row) for row in frame.iter_rows()]
