"""Open arrivals: how many, when, at which kiosk. Figures by hand."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import pytest

from loadtest.schedule import Stage, arrivals, beats, total_s

DONGGUAN, BEIJING = 550, 1114


def test_a_steady_stage_sends_its_rate_and_not_one_more() -> None:
    found = list(arrivals([Stage("a", "steady", 10.0, 7.3)], DONGGUAN, 1))
    assert len(found) == 73
    assert [round(each.at_s, 6) for each in found[:3]] == [0.0, 0.136986, 0.273973]
    assert found[-1].at_s == pytest.approx(72 / 7.3)
    assert {each.press_s for each in found} == {None}


def test_a_stage_begins_when_the_rest_of_the_one_before_is_over() -> None:
    stages = [Stage("a", "steady", 10.0, 1.0, rest_s=5.0), Stage("b", "steady", 2.0, 2.0)]
    found = list(arrivals(stages, 10, 1))
    assert [each.at_s for each in found if each.stage == "b"] == [15.0, 15.5, 16.0, 16.5]
    assert total_s(stages) == 17.0


def test_poisson_arrivals_are_memoryless() -> None:
    """Kolmogorov and Smirnov: 1.63 / sqrt(n) is the 99 % bound. A steady schedule of the rate is far beyond it."""
    rate = 7.3

    def distance(shape: str) -> tuple[int, float]:
        times = [each.at_s for each in arrivals([Stage("p", shape, 1000.0, rate)], DONGGUAN, 3)]  # type: ignore[arg-type]
        gaps = sorted(b - a for a, b in pairwise(times))
        far = max(abs((at + 1) / len(gaps) - (1 - math.exp(-rate * gap))) for at, gap in enumerate(gaps))
        return len(times), far * math.sqrt(len(gaps))

    count, far = distance("poisson")
    assert count == 7300
    assert far < 1.63
    assert distance("steady")[1] > 20


def test_a_barrier_presses_once_at_every_kiosk_in_one_instant() -> None:
    stages = [Stage("a", "steady", 5.0, 7.0), Stage("barrier", "barrier", 30.0, count=DONGGUAN, rest_s=10.0)]
    found = [each for each in arrivals(stages, DONGGUAN, 1) if each.stage == "barrier"]
    assert {each.press_s for each in found} == {35.0}
    assert sorted(each.kiosk for each in found) == list(range(1, 551))
    assert found[0].at_s == 5.0
    assert found[-1].at_s == pytest.approx(5.0 + 24.0 * 549 / 550)
    assert total_s(stages) == 45.0


def test_no_kiosk_gets_a_second_citizen_before_each_had_one() -> None:
    found = [each.kiosk for each in arrivals([Stage("a", "poisson", 200.0, 14.9)], BEIJING, 2)]
    for begins in range(0, len(found) - BEIJING, BEIJING):
        assert len(set(found[begins : begins + BEIJING])) == BEIJING
    assert found[:BEIJING] != sorted(found[:BEIJING])


def test_one_seed_is_one_schedule() -> None:
    def drawn(seed: int) -> list[object]:
        return list(arrivals([Stage("a", "poisson", 20.0, 7.3)], 550, seed))

    assert drawn(5) == drawn(5)
    assert drawn(5) != drawn(6)


def test_heartbeats_are_spread_over_the_period() -> None:
    """550 kiosks, one beat in 30 s: 18.3 a second, in each second and not in one of thirty."""
    found = list(beats(DONGGUAN, 30.0, 90.0, 1))
    assert len(found) == 3 * 550
    a_second = Counter(int(each.at_s) for each in found)
    assert set(a_second.values()) == {18, 19}
    assert len(a_second) == 90
    of_one = [each for each in found if each.kiosk == 7]
    assert [each.seq for each in of_one] == [0, 1, 2]
    assert [round(b.at_s - a.at_s, 6) for a, b in pairwise(of_one)] == [30.0, 30.0]
    assert [each.at_s for each in found] == sorted(each.at_s for each in found)


def test_no_beat_after_the_end() -> None:
    assert [each.at_s for each in beats(2, 30.0, 31.0, 1)] == [0.0, 15.0, 30.0]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("a", "steady", 0.0, 1.0), "for_s"),
        (("a", "steady", 10.0, 0.0), "rate_per_s"),
        (("a", "poisson", 10.0, 10_001.0), "rate_per_s"),
        (("a", "barrier", 10.0, 0.0, 0), "count"),
    ],
)
def test_a_stage_that_cannot_be(arguments: tuple[object, ...], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Stage(*arguments)  # type: ignore[arg-type]


def test_more_kiosks_than_there_are_cannot_press() -> None:
    with pytest.raises(ValueError, match="551 kiosks press together, there are 550"):
        list(arrivals([Stage("b", "barrier", 10.0, count=551)], 550, 1))
