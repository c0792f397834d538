"""Every code of spec/services.md 5 on books typed by hand, and their combinations; all three engines."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from reference_impl.backend.reconciliation.findings import listed
from reference_impl.backend.reconciliation.model import BookMask, Code, Finding, Terms

from .books import DAY, ENGINES, LATE, MORNING, NOON, TERMS, Four, equal, paid, platform, row

CHANNEL, HIS, INSURANCE, PLATFORM = BookMask.CHANNEL, BookMask.HIS, BookMask.INSURANCE, BookMask.PLATFORM
NEXT = date(2026, 11, 23)
DAY_AFTER = date(2026, 11, 24)


@pytest.fixture(params=sorted(ENGINES))
def differences(request, tmp_path: Path):
    """What an engine finds, as (code, (p, c, h, i), books, underlying, pooled)."""

    def run(four: Four, terms: Terms = TERMS) -> list[tuple[object, ...]]:
        found = listed(ENGINES[request.param](four.write(tmp_path), terms))
        return [_brief(each) for each in found]

    return run


def _brief(each: Finding) -> tuple[object, ...]:
    rows = (each.p_row, each.c_row, each.h_row, each.i_row)
    return (each.code, rows, BookMask(each.books), each.underlying, each.pooled)


def one(code: Code, rows: tuple[int, int, int, int], books: BookMask, underlying: str = "", pooled: bool = False):
    return (code.value, rows, books, underlying, pooled)


# Nothing to find.


def test_equal_books_have_no_difference(differences):
    assert differences(equal("T1", "T2", "T3")) == []


def test_empty_books_have_no_difference(differences):
    assert differences(Four()) == []


def test_the_order_of_rows_does_not_matter(differences):
    four = equal("T1", "T2", "T3")
    four.channel, four.his = list(four.channel)[::-1], [four.his[1], four.his[2], four.his[0]]
    assert differences(four) == []


def test_a_trade_without_cash_needs_no_channel_row(differences):
    four = equal("T1", cash=0)
    four.platform = [paid("T1", 0, 11295, channel_leg=("", 0))]
    four.channel = []
    assert differences(four) == []


def test_a_failed_payment_that_nobody_has_is_no_difference(differences):
    assert differences(Four([platform("T1/1", channel_leg=("C1", 500), state="failed")])) == []


def test_failed_on_both_sides_is_no_difference_whatever_the_amounts(differences):
    four = Four([platform("T1/1", channel_leg=("C1", 500), state="failed")], [row("C1", 499, state="failed")])
    assert differences(four) == []


def test_undecided_on_both_sides_is_no_difference(differences):
    four = Four([platform("T1/1", channel_leg=("C1", 500), state="open")], [row("C1", 500, state="open")])
    assert differences(four) == []


def test_an_unknown_row_that_failed_or_was_taken_back_is_no_difference(differences):
    rows = [row("C1", 5, state="failed"), row("C2", 7), row("V2", -7, kind="undo", original="C2")]
    assert differences(Four(channel=rows)) == []


# The table of codes.


def test_channel_only_when_the_platform_failed(differences):
    four = Four([platform("T1/1", channel_leg=("C1", 500), his_leg=("T1", 500), state="failed")], [row("C1", 500)])
    assert differences(four) == [one(Code.CHANNEL_ONLY, (0, 0, -1, -1), CHANNEL)]


def test_channel_only_when_the_platform_knows_nothing(differences):
    assert differences(Four(channel=[row("C1", 500)])) == [one(Code.CHANNEL_ONLY, (-1, 0, -1, -1), CHANNEL)]


def test_channel_only_when_the_platform_has_taken_it_back(differences):
    four = Four(
        [
            platform("T1/1", channel_leg=("C1", 500)),
            platform("T1/2", channel_leg=("V1", -500), kind="undo", original="T1/1"),
        ],
        [row("C1", 500)],
    )
    assert differences(four) == [one(Code.CHANNEL_ONLY, (0, 0, -1, -1), CHANNEL)]


def test_platform_only_goes_to_the_pool(differences):
    four = equal("T1", "T2")
    four.channel = four.channel[1:]
    assert differences(four) == [one(Code.PLATFORM_ONLY, (0, -1, 0, 0), CHANNEL, pooled=True)]


def test_platform_only_whatever_the_his_says(differences):
    four = equal("T1")
    four.channel, four.his = [], []
    assert differences(four) == [one(Code.PLATFORM_ONLY, (0, -1, -1, 0), CHANNEL, pooled=True)]


def test_platform_only_when_the_channel_has_taken_it_back(differences):
    four = equal("T1")
    four.channel = [row("C-T1", 1265), row("V-T1", -1265, kind="undo", original="C-T1")]
    assert differences(four) == [one(Code.PLATFORM_ONLY, (0, 0, 0, 0), CHANNEL, pooled=True)]


def test_his_missing(differences):
    four = equal("T1", "T2")
    four.his = four.his[:1]
    assert differences(four) == [one(Code.HIS_MISSING, (1, 1, -1, 1), HIS)]


def test_his_missing_for_a_trade_without_cash(differences):
    four = Four([paid("T1", 0, 100, channel_leg=("", 0))], [], [], [row("M-T1", 100)])
    assert differences(four) == [one(Code.HIS_MISSING, (0, -1, -1, 0), HIS)]


def test_his_only(differences):
    four = equal("T1")
    four.his = [*four.his, row("T9", 900, trade_no="T9")]
    assert differences(four) == [one(Code.HIS_ONLY, (-1, -1, 1, -1), HIS)]


def test_his_only_when_the_platform_has_taken_it_back(differences):
    taken = platform("T1/2", his_leg=("R1", -12560), insurance_leg=("MR", -11295), kind="undo", original="T1")
    four = Four(
        [paid("T1", 0, 11295, channel_leg=("", 0), his_leg=("T1", 12560)), taken],
        [],
        [row("T1", 12560, trade_no="T1")],
        [row("M-T1", 11295), row("MR", -11295, kind="undo", original="M-T1")],
    )
    assert differences(four) == [one(Code.HIS_ONLY, (0, -1, 0, 0), HIS)]


def test_insurance_missing(differences):
    four = equal("T1")
    four.insurance = []
    assert differences(four) == [one(Code.INS_MISSING, (0, 0, 0, -1), INSURANCE)]


def test_insurance_only(differences):
    four = equal("T1")
    four.insurance = [row("M-T0", 50), *four.insurance]
    assert differences(four) == [one(Code.INS_ONLY, (-1, -1, -1, 0), INSURANCE)]


def test_insurance_only_when_the_platform_has_taken_it_back(differences):
    four = Four(
        [
            platform("T1/1", insurance_leg=("M1", 100)),
            platform("T1/2", insurance_leg=("M2", -100), kind="undo", original="T1/1"),
        ],
        [],
        [],
        [row("M1", 100)],
    )
    assert differences(four) == [one(Code.INS_ONLY, (0, -1, -1, 0), INSURANCE)]


@pytest.mark.parametrize(
    ("book", "mask"), [("channel", CHANNEL), ("his", HIS), ("insurance", INSURANCE)], ids=lambda each: str(each)
)
def test_amount_mismatch_in_each_book(differences, book, mask):
    four = equal("T1")
    rows = [{**each, "amount_fen": each["amount_fen"] + 1} for each in getattr(four, book)]
    setattr(four, book, rows)
    assert differences(four) == [one(Code.AMOUNT_MISMATCH, (0, 0, 0, 0), mask)]


def test_one_amount_mismatch_names_all_books_that_differ(differences):
    four = equal("T1")
    four.platform = [paid("T1", 1264, 11294)]
    assert differences(four) == [one(Code.AMOUNT_MISMATCH, (0, 0, 0, 0), CHANNEL | HIS | INSURANCE)]


def test_status_mismatch_when_the_channel_says_failed(differences):
    four = equal("T1")
    four.channel = [row("C-T1", 1265, state="failed")]
    assert differences(four) == [one(Code.STATUS_MISMATCH, (0, 0, 0, 0), CHANNEL)]


def test_status_mismatch_when_the_platform_failed_and_both_others_settled(differences):
    four = Four(
        [platform("T1", channel_leg=("C1", 500), his_leg=("T1", 500), state="failed")],
        [row("C1", 500)],
        [row("T1", 500)],
    )
    assert differences(four) == [one(Code.STATUS_MISMATCH, (0, 0, 0, -1), CHANNEL | HIS)]


def test_status_mismatch_when_the_platform_failed_and_the_his_settled(differences):
    four = Four([platform("T1", channel_leg=("C1", 5), his_leg=("T1", 5), state="failed")], [], [row("T1", 5)])
    assert differences(four) == [one(Code.STATUS_MISMATCH, (0, -1, 0, -1), HIS)]


def test_status_mismatch_when_the_platform_failed_and_the_insurance_settled(differences):
    four = Four([platform("T1", insurance_leg=("M1", 5), state="failed")], [], [], [row("M1", 5)])
    assert differences(four) == [one(Code.STATUS_MISMATCH, (0, -1, -1, 0), INSURANCE)]


@pytest.mark.parametrize("theirs", ["done", "failed", "absent"])
def test_status_mismatch_while_the_platform_is_undecided(differences, theirs):
    channel = [] if theirs == "absent" else [row("C1", 500, state=theirs)]
    c_row = -1 if theirs == "absent" else 0
    four = Four([platform("T1", channel_leg=("C1", 500), state="open")], channel)
    assert differences(four) == [one(Code.STATUS_MISMATCH, (0, c_row, -1, -1), CHANNEL)]


def test_status_mismatch_for_an_undecided_row_that_the_platform_does_not_know(differences):
    four = Four(channel=[row("R1", -500, kind="undo", original="C0", state="open")])
    assert differences(four) == [one(Code.STATUS_MISMATCH, (-1, 0, -1, -1), CHANNEL)]


def test_amount_and_status_both(differences):
    four = equal("T1")
    four.channel = [row("C-T1", 1000, state="open")]
    assert differences(four) == [
        one(Code.AMOUNT_MISMATCH, (0, 0, 0, 0), CHANNEL),
        one(Code.STATUS_MISMATCH, (0, 0, 0, 0), CHANNEL),
    ]


def test_channel_and_his_know_of_one_trade_of_which_the_platform_does_not(differences):
    four = Four(channel=[row("C1", 500, trade_no="T1")], his=[row("T1", 500, trade_no="T1")])
    assert differences(four) == [one(Code.STATUS_MISMATCH, (-1, 0, 0, -1), CHANNEL | HIS)]


def test_a_payment_is_not_put_together_with_a_refund_of_the_same_trade(differences):
    refund = row("R1", -500, trade_no="T1", kind="undo", original="T1")
    four = Four(channel=[row("C1", 500, trade_no="T1")], his=[refund])
    assert differences(four) == [
        one(Code.CHANNEL_ONLY, (-1, 0, -1, -1), CHANNEL),
        one(Code.HIS_ONLY, (-1, -1, 0, -1), HIS),
    ]


def test_fee_mismatch(differences):
    four = equal("T1", "T2")
    four.platform = [paid("T1", fee_fen=8), paid("T2", fee_fen=8)]
    four.channel = [row("C-T1", 1265, fee_fen=8), row("C-T2", 1265, fee_fen=7)]
    assert differences(four) == [one(Code.FEE_MISMATCH, (1, 1, 1, 1), CHANNEL)]


def test_a_book_that_says_nothing_of_fees_is_not_compared(differences):
    four = equal("T1", "T2")
    four.platform = [paid("T1", fee_fen=8), paid("T2")]
    four.channel = [row("C-T1", 1265), row("C-T2", 1265, fee_fen=7)]
    assert differences(four) == []


# Duplicates.


@pytest.mark.parametrize(
    ("book", "mask", "rows"),
    [("channel", CHANNEL, (-1, 1, -1, -1)), ("his", HIS, (-1, -1, 1, -1)), ("insurance", INSURANCE, (-1, -1, -1, 1))],
)
def test_duplicate_in_each_book(differences, book, mask, rows):
    four = equal("T1")
    setattr(four, book, [*getattr(four, book), *getattr(four, book)])
    assert differences(four) == [one(Code.DUPLICATE, rows, mask)]


def test_every_further_row_is_a_duplicate(differences):
    four = equal("T1")
    four.channel = [four.channel[0]] * 3
    assert differences(four) == [
        one(Code.DUPLICATE, (-1, 1, -1, -1), CHANNEL),
        one(Code.DUPLICATE, (-1, 2, -1, -1), CHANNEL),
    ]


def test_duplicate_on_the_platform(differences):
    four = equal("T1")
    four.platform = [*four.platform, *four.platform]
    assert differences(four) == [one(Code.DUPLICATE, (1, -1, -1, -1), CHANNEL | HIS | INSURANCE | PLATFORM)]


def test_two_trades_that_claim_one_channel_row(differences):
    four = equal("T1", "T2")
    four.platform = [paid("T1"), paid("T2", channel_leg=("C-T1", 1265))]
    assert differences(four) == [
        one(Code.CHANNEL_ONLY, (-1, 1, -1, -1), CHANNEL),
        one(Code.DUPLICATE, (1, -1, -1, -1), CHANNEL | PLATFORM),
    ]


def test_duplicate_on_both_sides(differences):
    four = Four([platform("T1", channel_leg=("C1", 5))] * 2, [row("C1", 5)] * 2)
    assert differences(four) == [
        one(Code.DUPLICATE, (-1, 1, -1, -1), CHANNEL),
        one(Code.DUPLICATE, (1, -1, -1, -1), CHANNEL | PLATFORM),
    ]


def test_a_failed_row_before_the_one_that_is_done_is_no_duplicate(differences):
    four = equal("T1")
    four.channel = [row("C-T1", 1265, state="failed"), *four.channel]
    assert differences(four) == []


def test_a_payment_booked_twice_and_taken_back_once_is_no_duplicate(differences):
    four = equal("T1")
    four.channel = [*four.channel, *four.channel, row("V1", -1265, kind="undo", original="C-T1")]
    assert differences(four) == []


def test_a_reversal_under_the_reference_of_its_original_is_a_pair_and_no_duplicate(differences):
    four = equal("T1")
    four.channel = [
        *four.channel,
        row("C9", 700),
        row("C9", -700, kind="undo", original="C9"),
    ]
    assert differences(four) == []


# Pairs and refunds.


def test_a_payment_and_its_reversal_are_removed_in_every_book(differences):
    back = platform(
        "T1/2",
        channel_leg=("V1", -1265),
        his_leg=("R1", -12560),
        insurance_leg=("MR", -11295),
        kind="undo",
        original="T1",
    )
    four = Four(
        [paid("T1"), back],
        [row("C-T1", 1265), row("V1", -1265, kind="undo", original="C-T1")],
        [row("T1", 12560, trade_no="T1"), row("R1", -12560, trade_no="T1", kind="undo", original="T1")],
        [row("M-T1", 11295), row("MR", -11295, kind="undo", original="M-T1")],
    )
    assert differences(four) == []


def test_a_pair_that_only_the_channel_shows_is_no_difference(differences):
    four = Four(
        [platform("T1/1", channel_leg=("C1", 500), state="failed")],
        [row("C1", 500), row("C1-R", -500, kind="undo", original="C1")],
    )
    assert differences(four) == []


def test_a_reversal_that_failed_takes_nothing_back(differences):
    four = Four(
        [platform("T1/1", channel_leg=("C1", 500), state="failed")],
        [row("C1", 500), row("V1", -500, kind="undo", original="C1", state="failed")],
    )
    assert differences(four) == [one(Code.CHANNEL_ONLY, (0, 0, -1, -1), CHANNEL)]


def test_a_part_refund_is_no_pair(differences):
    part = platform("T1/2", channel_leg=("V1", -200), kind="undo", original="T1")
    four = equal("T1")
    four.platform = [*four.platform, part]
    four.channel = [*four.channel, row("V1", -200, kind="undo", original="C-T1")]
    assert differences(four) == []


def test_a_part_refund_that_the_channel_lacks(differences):
    part = platform("T1/2", channel_leg=("V1", -200), kind="undo", original="T1")
    four = equal("T1")
    four.platform = [*four.platform, part]
    assert differences(four) == [one(Code.PLATFORM_ONLY, (1, -1, -1, -1), CHANNEL, pooled=True)]


def test_a_void_that_was_reversed_leaves_the_payment(differences):
    four = equal("T1")
    four.channel = [
        *four.channel,
        row("V1", -1265, kind="undo", original="C-T1"),
        row("V1-R", 1265, kind="redo", original="V1"),
    ]
    assert differences(four) == []


def test_a_refund_of_an_earlier_day_stands_negative_on_its_own_day(differences):
    back = platform("T0/2", channel_leg=("V0", -500), his_leg=("R0", -500), kind="undo", original="T0/1")
    four = Four(
        [back],
        [row("V0", -500, kind="undo", original="C0")],
        [row("R0", -500, kind="undo", original="T0", trade_no="T0")],
    )
    assert differences(four) == []


def test_a_refund_that_the_platform_does_not_know(differences):
    four = Four(channel=[row("V0", -500, kind="undo", original="C0")])
    assert differences(four) == [one(Code.CHANNEL_ONLY, (-1, 0, -1, -1), CHANNEL)]


def test_a_refund_of_another_amount(differences):
    four = Four(
        [platform("T0/2", channel_leg=("V0", -500), kind="undo", original="T0/1")],
        [row("V0", -499, kind="undo", original="C0")],
    )
    assert differences(four) == [one(Code.AMOUNT_MISMATCH, (0, 0, -1, -1), CHANNEL)]


def test_a_refund_under_way_beside_legs_already_back(differences):
    four = equal("T1")
    four.platform = [
        *four.platform,
        platform("T1/2", his_leg=("R1", -12560), insurance_leg=("MR", -11295), kind="undo", original="T1"),
        platform("T1/3", channel_leg=("V1", -1265), kind="undo", original="T1", state="open"),
    ]
    four.his = [*four.his, row("R1", -12560, kind="undo", original="T1")]
    four.insurance = [*four.insurance, row("MR", -11295, kind="undo", original="M-T1")]
    assert differences(four) == [one(Code.STATUS_MISMATCH, (2, -1, -1, -1), CHANNEL)]


# Cut-over and pool.


def test_a_payment_after_the_banks_end_of_day_is_cut_over(differences):
    four = equal("T1")
    four.platform = [paid("T1", at=LATE)]
    four.channel = []
    assert differences(four) == [one(Code.CUTOVER, (0, -1, 0, 0), CHANNEL, "PLATFORM_ONLY", pooled=True)]


def test_the_next_days_file_closes_it(differences):
    four = equal("T1")
    four.platform = [paid("T1", at=LATE)]
    four.channel = [row("C-T1", 1265, at=LATE, day=NEXT)]
    assert differences(four, Terms(NEXT)) == []


def test_a_channel_whose_day_ends_at_midnight_has_a_narrow_zone(differences):
    four = equal("T1")
    four.platform = [paid("T1", at=LATE, channel="wechat")]
    four.channel = []
    assert differences(four) == [one(Code.PLATFORM_ONLY, (0, -1, 0, 0), CHANNEL, pooled=True)]


@pytest.mark.parametrize(
    ("at", "near"),
    [
        (MORNING + 14 * 3600 + 50 * 60 - 1, False),  # 22:49:59, a second before the window of 23:00
        (MORNING + 14 * 3600 + 50 * 60, True),  # 22:50:00
        (MORNING + 16 * 3600 + 600, True),  # 00:10:00, the window after midnight
        (MORNING + 16 * 3600 + 601, False),
    ],
)
def test_the_window_ends_to_the_second(differences, at, near):
    found = differences(Four(channel=[row("C1", 500, at=at)]))
    assert [each[0] for each in found] == ["CUTOVER" if near else "CHANNEL_ONLY"]


@pytest.mark.parametrize(
    ("four", "expected"),
    [
        (Four(his=[row("T1", 5, at=MORNING + 16 * 3600 - 1)]), (HIS, "HIS_ONLY")),
        (Four(insurance=[row("M1", 5, at=MORNING + 16 * 3600 + 1)]), (INSURANCE, "INS_ONLY")),
        (Four([platform("T1", his_leg=("T1", 5), at=MORNING + 16 * 3600 - 1)]), (HIS, "HIS_MISSING")),
        (Four([platform("T1", insurance_leg=("M1", 5), at=MORNING + 16 * 3600 - 1)]), (INSURANCE, "INS_MISSING")),
    ],
)
def test_around_midnight_every_missing_row_is_cut_over(differences, four, expected):
    found = differences(four)
    assert [(each[0], each[2], each[3], each[4]) for each in found] == [("CUTOVER", *expected, True)]


def test_a_reversal_after_the_end_of_day_makes_its_payment_cut_over(differences):
    """Paid at noon, taken back at 23:30: the bank's file of the day shows the payment alone."""
    back = platform("T1/2", channel_leg=("V1", -500), kind="undo", original="T1/1", at=LATE)
    four = Four([platform("T1/1", channel_leg=("C1", 500)), back], [row("C1", 500)])
    assert differences(four) == [one(Code.CUTOVER, (0, 0, -1, -1), CHANNEL, "CHANNEL_ONLY", pooled=True)]


def test_its_reversal_in_the_next_days_file_closes_that_too(differences):
    back = platform("T1/2", channel_leg=("V1", -500), kind="undo", original="T1/1", at=LATE)
    four = Four(
        [platform("T1/1", channel_leg=("C1", 500)), back],
        [row("C1", 500), row("V1", -500, kind="undo", original="C1", day=NEXT, at=LATE)],
    )
    assert differences(four, Terms(NEXT)) == []


@pytest.mark.parametrize(("day", "pooled"), [(DAY, True), (NEXT, True), (DAY_AFTER, False)])
def test_the_pool_ends_with_the_second_day_after(differences, day, pooled):
    four = equal("T1")
    four.channel = []
    assert differences(four, Terms(day)) == [one(Code.PLATFORM_ONLY, (0, -1, 0, 0), CHANNEL, pooled=pooled)]


def test_after_the_pool_a_cut_over_row_is_what_it_would_have_been(differences):
    late = Four(channel=[row("C1", 500, at=LATE)])
    assert differences(late, Terms(NEXT)) == [one(Code.CUTOVER, (-1, 0, -1, -1), CHANNEL, "CHANNEL_ONLY", pooled=True)]
    assert differences(late, Terms(DAY_AFTER)) == [one(Code.CHANNEL_ONLY, (-1, 0, -1, -1), CHANNEL)]


def test_a_difference_of_amount_is_never_cut_over(differences):
    four = equal("T1")
    four.platform = [paid("T1", at=LATE)]
    four.channel = [row("C-T1", 1264, at=LATE)]
    assert differences(four) == [one(Code.AMOUNT_MISMATCH, (0, 0, 0, 0), CHANNEL)]


def test_several_differences_of_one_trade(differences):
    """The channel lacks it, the insurance lacks it, the HIS has another amount."""
    four = equal("T1")
    four.channel, four.insurance, four.his = [], [], [row("T1", 12561)]
    assert differences(four) == [
        one(Code.AMOUNT_MISMATCH, (0, -1, 0, -1), HIS),
        one(Code.INS_MISSING, (0, -1, 0, -1), INSURANCE),
        one(Code.PLATFORM_ONLY, (0, -1, 0, -1), CHANNEL, pooled=True),
    ]


# Keys.


def test_references_of_any_shape(differences):
    """Leading zeros, letters, lengths: nothing is the same but what is written the same."""
    names = ["7", "07", "007", "A7", "a7", "7A", "10000001/000001/000012", "H" + "9" * 63, "-7", "_7"]
    four = Four(
        [platform(f"T{at}", channel_leg=(name, 100 + at)) for at, name in enumerate(names)],
        [row(name, 100 + at) for at, name in enumerate(names)][::-1],
    )
    assert differences(four) == []


def test_the_same_reference_in_two_books_is_two_things(differences):
    four = Four([platform("T1", channel_leg=("X", 5), insurance_leg=("X", 7))], [row("X", 5)], [], [row("X", 7)])
    assert differences(four) == []


def test_noon_is_near_no_end_of_day(differences):
    assert [each[0] for each in differences(Four(his=[row("T1", 5, at=NOON)]))] == ["HIS_ONLY"]
