"""Trade numbers: their form, and that none repeats."""

from __future__ import annotations

import pytest

from reference_impl.backend.numbers import NumbersExhausted, TradeNumbers


def test_the_form_is_day_epoch_and_number() -> None:
    numbers = TradeNumbers(7)
    assert numbers("20261127") == "DG2026112700007000001"
    assert numbers("20261127") == "DG2026112700007000002"
    assert numbers("20261128") == "DG2026112800007000001"
    assert numbers("20261127") == "DG2026112700007000003"  # the clock of a caller may be behind midnight


def test_no_number_repeats_across_restarts() -> None:
    made = [TradeNumbers(epoch)("20261127") for epoch in range(1, 200)]
    assert len(set(made)) == len(made)
    assert {len(each) for each in made} == {21}


def test_an_end_of_numbers_is_told_instead_of_repeated() -> None:
    numbers = TradeNumbers(1)
    numbers._last["20261127"] = 999_998
    assert numbers("20261127") == "DG2026112700001999999"
    with pytest.raises(NumbersExhausted, match="restart"):
        numbers("20261127")
    for epoch in (0, 100_000):
        with pytest.raises(NumbersExhausted):
            TradeNumbers(epoch)
