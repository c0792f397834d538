"""Seeds under the reference: nothing is found, and in them really happens what is to be tried."""

from __future__ import annotations

from collections import Counter

import pytest

from reference_impl.simulation.campaign import Tried, try_seed

SEEDS = range(1, 41)


@pytest.fixture(scope="module")
def tried() -> list[Tried]:
    return [try_seed(seed) for seed in SEEDS]


def test_nothing_is_found(tried: list[Tried]) -> None:
    assert {each.seed: each.findings for each in tried if each.findings} == {}


def test_everybody_is_struck_and_everything_is_reached(tried: list[Tried]) -> None:
    struck, reached = Counter[str](), Counter[str]()
    for each in tried:
        struck.update(each.struck)
        reached.update(each.reached)
    parties = {name.partition(" ")[0] for name in struck}
    assert parties >= {"backend", "kiosk", "bank", "his", "insurance", "qr"}
    assert sum(struck.values()) > len(tried)
    for state in ("paid", "closed", "refunded"):
        assert reached[f"trade {state}"] > 0
    for said in ("paid", "not-paid", "refunded"):
        assert reached[f"said {said}"] > 0
    for channel in ("bank", "wechat", "alipay", "unionpay_qr"):
        assert reached[f"attempt {channel} cash do success"] > 0
    assert reached["attempt bank cash do reversed"] > 0
    assert reached["attempt insurance insurance do success"] > 0
    assert reached["attempt his commit undo success"] > 0


def test_every_story_has_a_trade(tried: list[Tried]) -> None:
    for each in tried:
        assert sum(times for name, times in each.reached.items() if name.startswith("trade ")) > 0
