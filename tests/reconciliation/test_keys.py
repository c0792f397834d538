"""References as integers: equal for equal texts and for nothing else, whatever they look like."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impl.backend.reconciliation import keys
from reference_impl.backend.reconciliation.keys import MOST_KEYS, integer_keys, link
from reference_impl.backend.reconciliation.pairs import remove_pairs


def check(here: list[str], there: list[str]) -> None:
    """The keys tell the same texts apart that Python does."""
    first, second = integer_keys(pl.Series(here, dtype=pl.String), pl.Series(there, dtype=pl.String))
    assert first.dtype == second.dtype == pl.Int64
    numbers: dict[str, int | None] = {}
    for text, key in zip([*here, *there], [*first, *second], strict=True):
        assert numbers.setdefault(text, key) == key
        assert (key is None) == (text == "")
        assert key is None or 0 <= key < MOST_KEYS
    known = [key for key in numbers.values() if key is not None]
    assert len(set(known)) == len(known)


TEXTS = st.one_of(
    st.from_regex(r"[AB7/+-]{0,3}[0-9+-]{0,20}", fullmatch=True),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=8),
    st.sampled_from(["", "7", "07", "+7", "-7", " 7", "7 ", "1_0", "１２", "9" * 19, "A" + "0" * 30]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXTS, max_size=8), st.lists(TEXTS, max_size=8))
def test_any_texts(here: list[str], there: list[str]) -> None:
    check(here, there)


@pytest.mark.parametrize(
    "texts",
    [
        [f"10000{terminal:03d}/000001/{trace:06d}" for terminal in range(9) for trace in range(200)],
        [f"DG20261122{number:08d}" for number in range(2_000)],
        [f"H4419000000{clinic}20261122{second:06d}{clinic:04d}" for clinic in range(9) for second in range(200)],
    ],
    ids=["bank", "his", "insurance"],
)
def test_the_references_of_the_field(texts: list[str]) -> None:
    check(texts, texts[::-1])


def test_numbers_too_large_to_pack_are_numbered_by_the_dictionary() -> None:
    """Eighteen digits at both ends of their range behind different prefixes do not fit into 64 bits."""
    here = [f"{letter}{number:018d}" for letter in "ABCDEFGHIJ" for number in (0, 10**18 - 1)]
    texts = [pl.Series(here).alias("reference").to_frame()] * 2
    assert keys._packed(texts, 18) is None
    check(here, here[::-1])


def test_a_few_odd_references_among_many_do_not_cost_the_others_their_digits() -> None:
    texts = [f"DG{number:08d}" for number in range(3_000)] + ["ODD", "R/1", "X"]
    frames = [pl.Series(texts).alias("reference").to_frame()] * 2
    assert keys._digits(frames) == 8
    check(texts, texts)


def test_of_several_rows_the_best_and_first_is_linked() -> None:
    here = pl.DataFrame({"key": [1, 2, None], "state": [0, 0, 0]})
    there = pl.DataFrame({"key": [9, 1, 1, 1, 2, 2], "state": [0, 2, 0, 0, 1, 1]})
    linked = link(here, there)
    assert linked.partner.to_list() == [2, 4, None]
    assert sorted(linked.further_there) == [1, 3, 5]
    assert linked.further_here.is_empty()


def rows(*values: tuple[str, str, int, int]) -> pl.DataFrame:
    """(name, original, kind, fen), all done; the time is the row's number."""
    names, originals, kinds, amounts = zip(*values, strict=True)
    return pl.DataFrame(
        {
            "row": range(len(values)),
            "name": names,
            "original": originals,
            "kind": kinds,
            "state": [0] * len(values),
            "amount_fen": amounts,
            "at": range(len(values)),
        },
        schema_overrides={"kind": pl.UInt8, "state": pl.UInt8},
    )


PAY, UNDO, REDO = 0, 1, 2


@pytest.mark.parametrize(
    ("given_rows", "reversed_rows"),
    [
        ([("A", "", PAY, 5), ("V", "A", UNDO, -5)], {0: 1, 1: 1}),
        ([("A", "", PAY, 5), ("V", "A", UNDO, -4)], {}),
        ([("A", "", PAY, 5), ("A", "", PAY, 5), ("V", "A", UNDO, -5)], {0: 2, 2: 2}),
        ([("A", "", PAY, 5), ("V", "A", UNDO, -5), ("W", "A", UNDO, -5)], {0: 1, 1: 1}),
        ([("A", "", PAY, 5), ("V", "A", UNDO, -5), ("R", "V", REDO, 5)], {1: 2, 2: 2}),
        ([("A", "", PAY, 0), ("V", "A", UNDO, 0)], {0: 1, 1: 1}),
        ([("A", "", PAY, 5), ("V", "", UNDO, -5)], {}),
    ],
)
def test_pairs(given_rows, reversed_rows) -> None:
    """Rows that are removed, with the time that counts for them: that of the later half."""
    found = remove_pairs(rows(*given_rows))
    assert dict(found.select("row", "at").iter_rows()) == reversed_rows
    assert found["state"].unique().to_list() in ([], [3])
