"""Small books, typed by hand: one line a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from reference_impl.backend.reconciliation import duckdb_engine, oracle, polars_engine
from reference_impl.backend.reconciliation.frames import Books, schema_of, write_book
from reference_impl.backend.reconciliation.model import Book, Terms

DAY = date(2026, 11, 22)
MORNING = 1_795_305_600  # 2026-11-22 08:00:00 in China
NOON = MORNING + 4 * 3600
LATE = MORNING + 15 * 3600 + 1800  # 23:30:00
TERMS = Terms(DAY)

Row = Mapping[str, Any]
Reconcile = Callable[[Books, Terms], pl.DataFrame]
ENGINES: Mapping[str, Reconcile] = {
    "oracle": oracle.reconcile,
    "polars": polars_engine.reconcile,
    "duckdb": duckdb_engine.reconcile,
}

_COMMON = {
    "kind": "pay",
    "original": "",
    "state": "done",
    "trade_no": "",
    "fee_fen": None,
    "institution": "H44190000001",
    "channel": "bank",
    "day": DAY,
    "at": NOON,
}


def platform(reference: str, **fields: Any) -> Row:
    """A platform row. ``channel_row=("C1", 1250)`` and so on name its legs."""
    legs: dict[str, Any] = {}
    for leg in ("channel", "his", "insurance"):
        name, fen = fields.pop(f"{leg}_leg", ("", 0))
        legs |= {f"{leg}_ref": name, f"{leg}_fen": fen}
    return {"reference": reference, **_COMMON, "trade_no": reference.split("/")[0], **legs, **fields}


def paid(reference: str, cash: int = 1265, insured: int = 11295, **fields: Any) -> Row:
    """A payment with all three legs: channel ``C-``, HIS under the trade number, insurance ``M-``."""
    number = reference.split("/")[0]
    legs = {
        "channel_leg": (f"C-{number}", cash),
        "his_leg": (number, cash + insured),
        "insurance_leg": (f"M-{number}", insured),
    }
    return platform(reference, **{**legs, **fields})


def row(reference: str, amount_fen: int, **fields: Any) -> Row:
    """A row of a channel, of the HIS or of the insurance."""
    return {"reference": reference, **_COMMON, "amount_fen": amount_fen, **fields}


@dataclass(slots=True)
class Four:
    """Four books in the making."""

    platform: Sequence[Row] = ()
    channel: Sequence[Row] = ()
    his: Sequence[Row] = ()
    insurance: Sequence[Row] = ()

    def write(self, folder: Path) -> Books:
        books = Books.under(folder)
        for book in Book:
            rows = getattr(self, book.value)
            schema = dict(schema_of(book))
            columns = {name: [each[name] for each in rows] for name in schema}
            write_book(pl.DataFrame(columns, schema=schema), books.path(book))
        return books


def equal(*numbers: str, cash: int = 1265, insured: int = 11295) -> Four:
    """Four books that agree on these trades."""
    return Four(
        platform=[paid(each, cash, insured) for each in numbers],
        channel=[row(f"C-{each}", cash) for each in numbers],
        his=[row(each, cash + insured, trade_no=each) for each in numbers],
        insurance=[row(f"M-{each}", insured) for each in numbers],
    )
