"""Latencies by hand: what counts from when, and percentiles that were really measured."""

from __future__ import annotations

import pytest

from loadtest.latency import CallRow, Series, histogram


def test_latency_counts_from_the_intended_instant() -> None:
    """Due at 10.000, sent 40 ms late, arrived at 10.090, read at 10.095."""
    row = CallRow("s", "pay", 7, 10.000, 10.040, 10.090, 10.095, 200)
    assert row.latency_s == pytest.approx(0.090)
    assert row.service_s == pytest.approx(0.050)
    assert row.lag_s == pytest.approx(0.040)
    assert row.late_s == pytest.approx(0.005)
    assert row.answered
    assert not row.refused


def test_silence_is_no_refusal() -> None:
    row = CallRow("s", "pay", 7, 1.0, 1.0, 7.0, 7.0, 0, "no reply in time")
    assert not row.answered
    assert not row.refused
    assert row.latency_s == 6.0


def test_percentiles_are_by_nearest_rank() -> None:
    """1 to 100 ms, once each: the 99th is 99 ms, no value between two."""
    shown = Series(each / 1000 for each in reversed(range(1, 101))).summary()
    assert (shown.count, shown.p50_ms, shown.p90_ms, shown.p99_ms, shown.p999_ms, shown.most_ms) == (
        100,
        50,
        90,
        99,
        100,
        100,
    )


@pytest.mark.parametrize(("count", "p99"), [(1, 1), (2, 2), (99, 99), (100, 99), (101, 100), (1000, 990), (1001, 991)])
def test_the_rank_of_the_99th(count: int, p99: int) -> None:
    assert Series(each / 1000 for each in range(1, count + 1)).summary().p99_ms == p99


def test_nothing_measured_is_zero_samples() -> None:
    assert Series().summary().count == 0


def test_a_histogram_counts_below_each_edge() -> None:
    assert histogram([0.001, 0.002, 0.0049, 0.2, 9.0], (2, 5, 200)) == [1, 2, 0, 2]
