"""The second, independent implementation: SQL on DuckDB, joins on the references as they are written.

It shares nothing with the shipped engine but the files and the definition of the codes. Where the two differ, one is wrong.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from string import Template

import duckdb
import polars as pl

from reference_impl.backend.reconciliation.findings import FINDINGS_SCHEMA, in_order
from reference_impl.backend.reconciliation.frames import Books
from reference_impl.backend.reconciliation.model import LEGS, Book, Terms

__all__ = ["reconcile"]

_PLATFORM = Template(
    "SELECT row, reference AS name, original, kind, state, ${leg}_ref AS ref, ${leg}_fen AS fen, "
    "${fee} AS fee_fen, trade_no, day, channel, \"at\" AS moment FROM movements WHERE ${leg}_ref <> ''"
)
_BOOK = Template(
    "SELECT file_row_number AS row, reference AS name, original, kind, state, reference AS ref, amount_fen AS fen, "
    "fee_fen, trade_no, day, channel, \"at\" AS moment FROM read_parquet('${path}', file_row_number = true)"
)
_MOVEMENTS = Template(
    "CREATE TEMP VIEW movements AS "
    "SELECT file_row_number AS row, * EXCLUDE file_row_number FROM read_parquet('${path}', file_row_number = true)"
)


def reconcile(books: Books, terms: Terms) -> pl.DataFrame:
    """All differences between the four files, in the form and order of :mod:`.findings`. Raises duckdb.Error for files
    that are none."""
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET preserve_insertion_order = false")
        _terms(connection, terms)
        connection.execute(_MOVEMENTS.substitute(path=_quoted(books.platform)))
        side, match = Template(_sql("duckdb_side.sql")), Template(_sql("duckdb_match.sql"))
        for leg in LEGS:
            fee = "fee_fen" if leg is Book.CHANNEL else "NULL::BIGINT"
            mine = _PLATFORM.substitute(leg=leg.value, fee=fee)
            theirs = _BOOK.substitute(path=_quoted(books.path(leg)))
            connection.execute(side.substitute(name=f"mine_{leg.value}", source=mine))
            connection.execute(side.substitute(name=f"book_{leg.value}", source=theirs))
            connection.execute(match.substitute(leg=leg.value))
        connection.execute(_sql("duckdb_judge.sql"))
        columns = ", ".join(
            f"coalesce({name}, -1) AS {name}" if name[1:] == "_row" else name for name in FINDINGS_SCHEMA
        )
        return in_order(pl.DataFrame(connection.query("SELECT " + columns + " FROM found")))  # noqa: S608


def _terms(connection: duckdb.DuckDBPyConnection, terms: Terms) -> None:
    connection.execute(
        "CREATE TEMP TABLE terms AS SELECT ?::DATE AS day, ?::INT AS pool_days", [terms.day, terms.pool_days]
    )
    connection.execute("CREATE TEMP TABLE zones (leg TEXT, channel TEXT, first INT, last INT)")
    rows = [(leg.value, "", *terms.zone(leg, "")) for leg in LEGS]
    rows += [(Book.CHANNEL.value, name, *terms.zone(Book.CHANNEL, name)) for name in terms.channel_cuts]
    connection.executemany("INSERT INTO zones VALUES (?, ?, ?, ?)", rows)


def _sql(name: str) -> str:
    return files("reference_impl.backend.reconciliation").joinpath(name).read_text("utf-8")


def _quoted(path: Path) -> str:
    """A file name inside a SQL text. DuckDB takes none as a parameter in a view."""
    return str(path.absolute()).replace("'", "''")
