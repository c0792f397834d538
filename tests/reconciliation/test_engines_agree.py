"""Three engines that share nothing but the files give the same differences, row by row."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from reference_impl.backend.reconciliation import duckdb_engine, oracle, polars_engine
from reference_impl.backend.reconciliation.findings import FINDINGS_SCHEMA
from reference_impl.backend.reconciliation.generate import PLANTED, generate
from reference_impl.backend.reconciliation.model import LEGS, Book, Code, Terms

from .books import DAY, ENGINES, LATE, NOON, TERMS, Four, platform, row

REFERENCES = st.sampled_from(["A1", "A01", "B1", "10/000001/000012", "X"])
MOVEMENTS = st.sampled_from(["T1", "T2", "T1/2", "T3"])
TRADES = st.sampled_from(["", "T1", "T2"])
AMOUNTS = st.sampled_from([0, 100, 100, 200])
TIMES = st.sampled_from([NOON, LATE, NOON + 12 * 3600, NOON + 11 * 3600 - 300])
DAYS = st.sampled_from([DAY, DAY, DAY - timedelta(days=1), DAY - timedelta(days=2), DAY + timedelta(days=1)])


@st.composite
def _circumstances(draw: st.DrawFn, originals: st.SearchStrategy[str]) -> dict[str, Any]:
    kind = draw(st.sampled_from(["pay", "pay", "pay", "undo", "undo", "redo"]))
    return {
        "kind": kind,
        "original": "" if kind == "pay" else draw(st.one_of(originals, st.just(""))),
        "state": draw(st.sampled_from(["done", "done", "done", "open", "failed"])),
        "trade_no": draw(TRADES),
        "fee_fen": draw(st.sampled_from([None, 1, 2])),
        "channel": draw(st.sampled_from(["bank", "wechat"])),
        "day": draw(DAYS),
        "at": draw(TIMES),
    }


@st.composite
def _row(draw: st.DrawFn) -> Any:
    fields = draw(_circumstances(REFERENCES))
    amount = draw(AMOUNTS) * (-1 if fields["kind"] == "undo" else 1)
    return row(draw(REFERENCES), amount, **fields)


@st.composite
def _movement(draw: st.DrawFn) -> Any:
    fields = draw(_circumstances(MOVEMENTS))
    sign = -1 if fields["kind"] == "undo" else 1
    for leg in LEGS:
        if draw(st.booleans()):
            fields[f"{leg}_leg"] = (draw(REFERENCES), sign * draw(AMOUNTS))
    return platform(draw(MOVEMENTS), **fields)


def _books(most: int) -> st.SearchStrategy[Four]:
    rows = st.lists(_row(), max_size=most)
    return st.builds(Four, platform=st.lists(_movement(), max_size=most), channel=rows, his=rows, insurance=rows)


def _agree(four: Four, engine: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        books = four.write(Path(folder))
        expected = oracle.reconcile(books, TERMS)
        found = ENGINES[engine](books, TERMS)
    assert found.rows() == expected.rows()
    assert found.schema == FINDINGS_SCHEMA
    for code in expected["code"].unique():
        event(code)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(four=_books(15))
def test_random_books_polars(four: Four) -> None:
    _agree(four, "polars")


@settings(max_examples=16, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(four=_books(30))
def test_random_books_duckdb(four: Four) -> None:
    _agree(four, "duckdb")


def test_many_rows_in_each_book(tmp_path: Path) -> None:
    """The planted differences are found, all of them, and nothing else; the three agree on every row. A million: the benchmark."""
    books, planted = generate(tmp_path, 20_000, share=0.05)
    for book in Book:
        assert pl.scan_parquet(books.path(book)).select(pl.len()).collect().item() >= 20_000
    expected = oracle.reconcile(books, Terms(DAY))
    assert dict(expected.group_by("code").len().iter_rows()) == {code.value: count for code, count in planted.items()}
    assert polars_engine.reconcile(books, Terms(DAY)).equals(expected)
    assert duckdb_engine.reconcile(books, Terms(DAY)).equals(expected)


def test_every_code_is_planted() -> None:
    assert set(PLANTED.values()) == set(Code)


def test_generated_books_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, _ = generate(tmp_path / "a", 500, seed=9)
    second, _ = generate(tmp_path / "b", 500, seed=9)
    for book in Book:
        assert pl.read_parquet(first.path(book)).equals(pl.read_parquet(second.path(book)))


def test_without_differences_nothing_is_found(tmp_path: Path) -> None:
    books, planted = generate(tmp_path, 2_000, share=0.0, seed=3)
    assert not any(planted.values())
    assert polars_engine.reconcile(books, Terms(DAY)).is_empty()


def test_half_of_everything_differs(tmp_path: Path) -> None:
    books, planted = generate(tmp_path, 3_000, share=0.5, seed=4)
    found = polars_engine.reconcile(books, Terms(DAY))
    assert dict(found.group_by("code").len().iter_rows()) == {code.value: count for code, count in planted.items()}
    assert found.equals(duckdb_engine.reconcile(books, Terms(DAY)))
    assert found.equals(oracle.reconcile(books, Terms(DAY)))
