"""``python -m reference_impl.backend.reconciliation.benchmark``: four books of a million rows, one percent different.

The shipped engine beside the raw join of its library (three full joins of the same rows on ready 64-bit keys, in memory), beside
the SQL engine, and all three engines on a small set beside each other. Every figure comes from a process of its own, which
reports its own peak memory; the ratio to the raw join from one process that does both in turn. Prints; asserts nothing but
that the engines agree.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from protocols.clock import cpu_seconds, stopwatch_s
from reference_impl.backend.reconciliation.frames import Books
from reference_impl.backend.reconciliation.generate import generate, write_csv
from reference_impl.backend.reconciliation.model import LEGS, Book, Terms

__all__ = ["figures", "main"]

DAY = date(2026, 11, 22)
ROWS, SMALL_ROWS, SHARE = 1_000_000, 100_000, 0.01
TARGET_S, TARGET_MB, TARGET_RATIO = 2.0, 600, 3.0
ROUNDS = 4
PACKAGE = "reference_impl.backend.reconciliation"


def figures(rows: int = ROWS, small_rows: int = SMALL_ROWS) -> dict[str, Any]:
    """All measurements. Raises RuntimeError where engines do not agree with each other or with what was planted."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large, small = folder / "large", folder / "small"
        # In a child too: a process begins with the peak of the one that it was forked from.
        planted = _child("generate", large, rows)["planted"]
        _child("generate", small, small_rows)
        polars, duckdb = _child("polars_engine", large), _child("duckdb_engine", large)
        in_turn, reading = _child("in_turn", large), _child("csv", large)
        small_figures = {each: _child(each, small) for each in ("oracle", "polars_engine", "duckdb_engine")}
    _agree([polars, duckdb], planted)
    _agree(list(small_figures.values()))
    return {
        "rows_a_book": rows,
        "differences": polars["found"],
        "polars_s": polars["wall_s"],
        "polars_first_s": polars["first_s"],
        "polars_cpu_s": polars["cpu_s"],
        "polars_peak_mb": polars["peak_mb"],
        "raw_join_s": in_turn["raw_s"],
        "times_the_raw_join": round(in_turn["engine_s"] / in_turn["raw_s"], 2),
        "times_the_raw_join_by_cpu": round(in_turn["engine_cpu_s"] / in_turn["raw_cpu_s"], 2),
        "duckdb_s": duckdb["wall_s"],
        "duckdb_peak_mb": duckdb["peak_mb"],
        "times_faster_than_duckdb": round(duckdb["cpu_s"] / polars["cpu_s"], 1),
        "reading_and_checking_four_csv_s": reading["wall_s"],
        "small_rows_a_book": small_rows,
        "times_faster_than_dictionaries": round(
            small_figures["oracle"]["cpu_s"] / small_figures["polars_engine"]["cpu_s"], 1
        ),
        "within_target": {
            f"at most {TARGET_S} s": polars["wall_s"] <= TARGET_S,
            f"at most {TARGET_MB} MB": polars["peak_mb"] <= TARGET_MB,
            f"at most {TARGET_RATIO} times the raw join": in_turn["engine_s"] <= TARGET_RATIO * in_turn["raw_s"],
        },
    }


def _agree(results: list[dict[str, Any]], planted: int | None = None) -> None:
    if len({each["digest"] for each in results}) > 1:
        raise RuntimeError("the engines do not agree: run tests/reconciliation")
    if planted is not None and results[0]["found"] != planted:
        raise RuntimeError(f"{planted} differences were planted, {results[0]['found']} found: run tests/reconciliation")


def _child(what: str, folder: Path, rows: int = 0) -> dict[str, Any]:
    command = [sys.executable, "-m", f"{PACKAGE}.benchmark", "--rows", str(rows), "--measure", what, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 our own module
    return json.loads(done.stdout)


# In the child.


def _measure(what: str, folder: Path, rows: int) -> dict[str, Any]:
    if what == "generate":
        folder.mkdir()
        books, planted = generate(folder, rows, share=SHARE)
        write_csv(books, folder)
        return {"planted": sum(planted.values())}
    books = Books.under(folder)
    if what == "in_turn":
        return _in_turn(books)
    if what == "csv":
        return _csv(folder)
    reconcile = import_module(f"{PACKAGE}.{what}").reconcile
    rounds = 1 if what == "oracle" else ROUNDS
    times: list[tuple[float, float]] = []
    found = pl.DataFrame()
    for _ in range(rounds):
        found, *spent = _timed(lambda: reconcile(books, Terms(DAY)))
        times.append((spent[0], spent[1]))
    return {
        "wall_s": round(min(wall for wall, _ in times), 2),
        "first_s": round(times[0][0], 2),
        "cpu_s": round(min(cpu for _, cpu in times), 2),
        "peak_mb": _peak_mb(),
        "found": found.height,
        "digest": str(found.hash_rows(0).sum()),
    }


def _in_turn(books: Books) -> dict[str, float]:
    """The raw join and the engine by turns, so that both see the same machine."""
    engine = import_module(f"{PACKAGE}.polars_engine")
    pairs = _ready(books)
    raw: list[tuple[float, float]] = []
    whole: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        _, *spent = _timed(lambda: [mine.join(theirs, on="key", how="full").height for mine, theirs in pairs])
        raw.append((spent[0], spent[1]))
        _, *spent = _timed(lambda: engine.reconcile(books, Terms(DAY)))
        whole.append((spent[0], spent[1]))
    return {
        "raw_s": round(min(wall for wall, _ in raw), 3),
        "raw_cpu_s": min(cpu for _, cpu in raw),
        "engine_s": min(wall for wall, _ in whole),
        "engine_cpu_s": min(cpu for _, cpu in whole),
    }


def _ready(books: Books) -> list[tuple[pl.DataFrame, pl.DataFrame]]:
    """Each leg and its book in memory with ready keys, amount and state: what a bare join would begin with."""
    integer_keys = import_module(f"{PACKAGE}.keys").integer_keys
    pairs: list[tuple[pl.DataFrame, pl.DataFrame]] = []
    for leg in LEGS:
        mine = pl.read_parquet(books.platform, columns=[f"{leg}_ref", f"{leg}_fen", "state"])
        theirs = pl.read_parquet(books.path(leg), columns=["reference", "amount_fen", "state"])
        keys = integer_keys(mine[f"{leg}_ref"], theirs["reference"])
        pairs.append(
            (
                mine.drop(f"{leg}_ref").with_columns(key=keys[0]).rechunk(),
                theirs.drop("reference").with_columns(key=keys[1]).rechunk(),
            )
        )
    return pairs


def _csv(folder: Path) -> dict[str, float]:
    reader = import_module(f"{PACKAGE}.readers").CsvReader

    def read() -> None:
        for book in Book:
            reader(book).read((folder / f"{book.value}.csv").read_bytes(), f"{book.value}.csv")

    _, wall_s, _ = _timed(read)
    return {"wall_s": round(wall_s, 2)}


def _timed(action: Callable[[], Any]) -> tuple[Any, float, float]:
    """What it gives, seconds, seconds of CPU."""
    begin, cpu = stopwatch_s(), cpu_seconds()
    result = action()
    return result, stopwatch_s() - begin, cpu_seconds() - cpu


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Measure and print; ``--json`` prints one JSON document."""
    parser = argparse.ArgumentParser(description="对账性能 / speed of reconciliation")
    parser.add_argument("--rows", type=int, default=ROWS, help="每本账的行数 / rows in each book")
    parser.add_argument("--json", action="store_true", help="输出JSON / print JSON")
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "FOLDER"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        sys.stdout.write(json.dumps(_measure(chosen.measure[0], Path(chosen.measure[1]), chosen.rows)))
        return
    found = figures(chosen.rows, min(SMALL_ROWS, chosen.rows))
    if chosen.json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return
    sys.stdout.write("对账 / reconciliation (一次运行 / one run)\n")
    for name, value in found.items():
        sys.stdout.write(f"  {name}: {value}\n")


if __name__ == "__main__":
    main()
