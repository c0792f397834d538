"""The benchmark measures what it says, and does not hide that engines disagree. No time is asserted."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference_impl.backend.reconciliation import benchmark


def test_every_measurement_of_the_children(tmp_path: Path) -> None:
    folder = tmp_path / "books"
    planted = benchmark._measure("generate", folder, 1_500)["planted"]
    found = {each: benchmark._measure(each, folder, 0) for each in ("polars_engine", "duckdb_engine", "oracle")}
    benchmark._agree(list(found.values()), planted)
    for each in found.values():
        assert each["found"] == planted > 0
        assert each["peak_mb"] > 0
        assert each["cpu_s"] >= 0
    in_turn = benchmark._measure("in_turn", folder, 0)
    assert set(in_turn) == {"raw_s", "raw_cpu_s", "engine_s", "engine_cpu_s"}
    assert benchmark._measure("csv", folder, 0)["wall_s"] >= 0


def test_engines_that_disagree_are_an_error() -> None:
    one, other = {"digest": "1", "found": 3}, {"digest": "2", "found": 3}
    with pytest.raises(RuntimeError, match="do not agree"):
        benchmark._agree([one, other])
    with pytest.raises(RuntimeError, match="4 differences were planted, 3 found"):
        benchmark._agree([one, one], 4)
