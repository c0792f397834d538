"""Refund on request: eligibility, the wish, and what became of it (DG-FIN-REF-01)."""

from __future__ import annotations

from pathlib import Path

import pytest
from business_bench import Seat

from reference_impl.kiosk.business.menu import SlipKind
from reference_impl.kiosk.business.session import Stage
from reference_impl.kiosk.business.words import Accept, CodeScanned

WECHAT = "134567890123456789"


@pytest.fixture
def paid(tmp_path: Path) -> tuple[Seat, str]:
    seat = Seat(tmp_path)
    seat.begin().say("menu pay", "bills 1", "payer self", "quote ok", "method wechat", f"scan {WECHAT}", "confirm")
    assert seat.told == ["paid"]
    seat.printer.slips.clear()
    seat.told.clear()
    seat.say("result menu")
    return seat, next(iter(seat.platform.trades))


def test_a_paid_trade_is_refunded(paid: tuple[Seat, str]) -> None:
    seat, number = paid
    seat.say("menu refund", f"trade {number}", "refund yes")
    assert (seat.session.stage, seat.told) == (Stage.RESULT, ["refunded"])
    assert sum(fen for _, _, fen in seat.platform.debits) == 0
    assert [each.kind for each in seat.printer.slips] == [SlipKind.REFUND]
    assert len(seat.outbox) == 0


def test_the_number_may_be_scanned(paid: tuple[Seat, str]) -> None:
    seat, number = paid
    seat.say("menu refund")
    seat.take(seat.business.step(seat.session, CodeScanned(number), seat.clock.now()))
    seat.go()
    assert seat.session.stage is Stage.REFUND_CONFIRM


def test_what_cannot_be_refunded_is_said_before_anything_is_asked_for(paid: tuple[Seat, str]) -> None:
    seat, number = paid
    seat.platform.eligible = False
    seat.say("menu refund", f"trade {number}")
    assert (seat.session.stage, seat.session.notice_code) == (Stage.REFUND_NO, "visit-began")
    assert "refund" not in seat.operations()


@pytest.mark.parametrize(
    ("line", "notice"),
    [
        ("trade DG999", "trade-unknown"),
        ("trade 退费", "bad-number"),
        ("trade a b", "bad-number"),
        (f"trade {'9' * 65}", "bad-number"),
    ],
)
def test_a_number_that_is_none(paid: tuple[Seat, str], line: str, notice: str) -> None:
    seat, _ = paid
    seat.say("menu refund", line)
    assert (seat.session.stage, seat.session.notice_code) == (Stage.REFUND_NO, notice)


def test_a_refund_that_the_his_does_not_grant_leaves_the_payment(paid: tuple[Seat, str]) -> None:
    seat, number = paid
    seat.platform.refund_refused = True
    seat.platform.looks = 3
    seat.say("menu refund", f"trade {number}", "refund yes")
    assert seat.told == ["refund_refused"]
    assert sum(fen for _, _, fen in seat.platform.debits) == 12_560


def test_a_lost_wish_is_sent_again_and_a_lost_reply_changes_nothing(paid: tuple[Seat, str]) -> None:
    seat, number = paid
    seat.platform.faults["refund"] = ["lost", "reply-lost"]
    seat.say("menu refund", f"trade {number}", "refund yes")
    assert seat.told == ["refunded"]
    assert [fen for _, _, fen in seat.platform.debits] == [12_560, -12_560]


def test_a_silent_platform_leaves_a_slip(paid: tuple[Seat, str]) -> None:
    seat, number = paid
    seat.say("menu refund", f"trade {number}")
    seat.platform.down = True
    seat.say("refund yes")
    assert seat.told == ["uncertain"]
    assert [each.kind for each in seat.printer.slips] == [SlipKind.UNCERTAIN]
    assert [each.key for each in seat.outbox.entries()] == [f"refund:{number}"]


def test_whoever_thinks_better_of_it_keeps_the_payment(paid: tuple[Seat, str]) -> None:
    seat, number = paid
    seat.say("menu refund", f"trade {number}", "refund no")
    assert seat.session.stage is Stage.MENU
    assert "refund" not in seat.operations()


def test_a_refund_that_somebody_leaves_goes_on(paid: tuple[Seat, str]) -> None:
    seat, number = paid
    seat.platform.looks = 1000
    seat.say("menu refund", f"trade {number}")
    seat.take(seat.business.step(seat.session, Accept(), seat.clock.now()))
    seat.step().step().step()
    assert seat.session.stage is Stage.REFUNDING
    seat.pass_time()
    assert seat.told == ["uncertain"]
    assert seat.platform.trades[number].state == "refunding"


def test_a_refusal_says_nothing_about_an_earlier_wish_that_stayed_unanswered(paid: tuple[Seat, str]) -> None:
    seat, number = paid
    seat.platform.faults["refund"] = ["late"] + ["refuse:busy"] * 10000
    seat.say("menu refund", f"trade {number}", "refund yes")
    assert seat.told == ["uncertain"]
    seat.platform.deliver_late()
    seat.platform.settle_down()
    assert seat.platform.trades[number].state == "refunded"
