"""Paying at the kiosk, page by page: what is asked, what is sent, what is said (DG-SVC-PAY-01 to -12, services.md 8)."""

from __future__ import annotations

from pathlib import Path

import pytest
from business_bench import Seat

from protocols.wire.platform.models import Credential
from reference_impl.kiosk.bank_card import CardNotTaken, CardUnreadable
from reference_impl.kiosk.business.menu import CODE_SHAPES, Method, SlipKind
from reference_impl.kiosk.business.options import options_of
from reference_impl.kiosk.business.session import Stage
from reference_impl.kiosk.business.works import SendPay
from reference_impl.kiosk.words import Problem

WECHAT = "134567890123456789"


@pytest.fixture
def seat(tmp_path: Path) -> Seat:
    return Seat(tmp_path)


def quoted(seat: Seat, *bills: str) -> Seat:
    return seat.begin().say("menu pay", f"bills {','.join(bills or ('1',))}", "payer insured", "account yes")


def test_a_bill_is_paid_by_a_code_and_the_slip_is_printed(seat: Seat) -> None:
    quoted(seat)
    assert seat.session.stage is Stage.QUOTE
    trade = seat.session.trade
    assert trade is not None
    assert trade.split is not None
    assert (trade.total_fen, trade.split.fund_fen, trade.split.account_fen, trade.split.cash_fen) == (
        12560,
        8289,
        2989,
        1282,
    )
    seat.say("quote ok", "method wechat", f"scan {WECHAT}")
    assert seat.session.stage is Stage.CONFIRM
    assert seat.platform.debits == []
    seat.say("confirm")
    assert (seat.session.stage, seat.told) == (Stage.RESULT, ["paid"])
    assert seat.platform.debits == [(trade.trade_no, "wechat", 1282)]
    assert [each.kind for each in seat.printer.slips] == [SlipKind.PAYMENT]
    assert seat.printer.slips[0].receipt is not None
    assert len(seat.outbox) == 0
    seat.say("result done")
    assert (seat.session.stage, seat.session.problem) == (Stage.ENDED, None)
    assert seat.session.visitor is None


def test_bank_card_with_its_pin(seat: Seat) -> None:
    quoted(seat).say("quote ok", "method bank_card")
    assert seat.told == ["paid"]
    sent = [each for each in seat.works if isinstance(each, SendPay)]
    assert len(sent) == 1
    assert sent[0].card is not None
    assert sent[0].pin is not None
    assert seat.stages[-8:-2] == [Stage.CARD, Stage.PIN, Stage.NOTE_PAY, Stage.SEND_PAY, Stage.PAYING, Stage.RECEIPT]


def test_a_wrong_pin_is_asked_for_again_under_a_new_key(seat: Seat) -> None:
    seat.platform.outcomes = ["fail:ask_pin_again:55", "paid"]
    quoted(seat).say("quote ok", "method bank_card")
    assert seat.told == ["attempt_failed", "paid"]
    first, second = seat.keys_of("pay")
    assert first != second
    assert seat.stages.count(Stage.PIN) == 2
    assert seat.stages.count(Stage.CARD) == 1
    assert seat.keypad.fresh == [False, False]


def test_the_card_is_told_what_the_citizen_pays_themselves(seat: Seat) -> None:
    quoted(seat).say("quote ok", "method bank_card")
    assert seat.cards.amounts_fen == [1282]
    other = Seat(seat.outbox.path.parent / "other")
    other.begin().say("menu pay", "bills 1", "payer self", "quote ok", "method bank_card")
    assert other.cards.amounts_fen == [12560]


def test_a_chip_signs_again_before_the_pin_is_asked_again(seat: Seat) -> None:
    """What it signed is good for one message: the bank would refuse it under the next trace."""
    seat.cards.chip = True
    seat.platform.outcomes = ["fail:ask_pin_again:55", "paid"]
    quoted(seat).say("quote ok", "method bank_card")
    assert seat.told == ["attempt_failed", "paid"]
    assert seat.cards.amounts_fen == [1282, 1282]
    sent = [each.card.chip_data for each in seat.works if isinstance(each, SendPay) and each.card is not None]
    assert sent == ["9F36020001", "9F36020002"]
    assert seat.stages.count(Stage.CARD) == seat.stages.count(Stage.PIN) == 2


@pytest.mark.parametrize(
    ("failure", "words"), [(CardNotTaken("mouth"), "Take the bank card"), (CardUnreadable("worn"), "cannot be read")]
)
def test_the_citizen_is_told_what_they_can_do_about_the_card(seat: Seat, failure: Exception, words: str) -> None:
    seat.cards.failures = [failure]
    quoted(seat).say("quote ok", "method bank_card")
    assert seat.session.stage is Stage.METHOD
    assert seat.session.notice is not None
    assert words in seat.session.notice.en
    seat.say("method bank_card")
    assert seat.told == ["paid"]


def test_a_chip_is_not_asked_for_ever(seat: Seat) -> None:
    seat.cards.chip = True
    seat.platform.outcomes = ["fail:ask_pin_again:55"] * 20
    quoted(seat).say("quote ok", "method bank_card")
    assert len(seat.cards.amounts_fen) == seat.terms.presses
    assert seat.platform.debits == []


def test_new_keys_at_the_bank_are_fetched_before_the_pin_is_asked_again(seat: Seat) -> None:
    seat.platform.outcomes = ["fail:sign_in:A0", "paid"]
    quoted(seat).say("quote ok", "method bank_card")
    assert seat.keypad.fresh == [False, True]
    assert seat.told[-1] == "paid"


def test_another_way_after_one_that_failed(seat: Seat) -> None:
    seat.platform.outcomes = ["fail:other_method:51", "paid"]
    quoted(seat).say("quote ok", "method bank_card")
    assert (seat.session.stage, seat.session.notice_code) == (Stage.METHOD, "51")
    seat.say("method alipay", "scan 281234567890123456", "confirm")
    assert seat.told == ["attempt_failed", "paid"]
    assert [method for _, method, _ in seat.platform.debits] == ["alipay"]


def test_the_bank_s_data_got_lost_in_the_platform_and_nothing_was_taken(seat: Seat) -> None:
    seat.platform.outcomes = ["lost-data", "paid"]
    quoted(seat).say("quote ok", "method bank_card")
    assert (seat.session.stage, seat.session.notice_code) == (Stage.METHOD, "payment-data-lost")
    seat.say("method wechat", f"scan {WECHAT}", "confirm")
    assert seat.told[-1] == "paid"


def test_a_trade_without_a_cash_part_is_confirmed_with_what_was_shown(seat: Seat) -> None:
    seat.platform._split = lambda total, request: _all_by_account(total)  # type: ignore[method-assign]
    quoted(seat).say("quote ok")
    assert (seat.session.stage, seat.session.paying.method) == (Stage.CONFIRM, Method.ACCOUNT)
    seat.say("confirm")
    assert seat.told == ["paid"]
    other = Seat(Path(seat.outbox.path.parent / "other"))
    other.platform._split = lambda total, request: _all_by_account(total)  # type: ignore[method-assign]
    shown = Credential(kind="e_credential", code="4240000000000000000100440000")
    other.begin(shown, by_card=False).say("menu pay", "bills 1", "payer insured", "account yes", "quote ok")
    assert other.session.paying.method is Method.E_CREDENTIAL


def _all_by_account(total_fen: int):
    from protocols.wire.platform.models import SplitView

    return SplitView(fund_fen=0, account_fen=total_fen, mutual_aid_fen=0, cash_fen=0, hospital_fen=0)


def test_self_pay_asks_nothing_of_the_insurance(seat: Seat) -> None:
    seat.begin().say("menu pay", "bills 1", "payer self")
    trade = seat.session.trade
    assert trade is not None
    assert trade.split is not None
    assert (trade.split.fund_fen, trade.split.cash_fen) == (0, 12560)
    uninsured = Seat(seat.outbox.path.parent / "other")
    uninsured.platform.insured = False
    uninsured.begin().say("menu pay", "bills 1")
    assert uninsured.session.stage is Stage.QUOTE


def test_bills_are_paid_together_only_where_the_rule_allows(seat: Seat) -> None:
    seat.begin().say("menu pay", "bills 1,3")
    assert (seat.session.stage, seat.session.notice_code) == (Stage.BILLS, "not-together")
    seat.say("bills 1,4")
    assert seat.session.notice_code == "not-together"
    seat.say("bills 1,2", "payer self")
    assert seat.session.trade is not None
    assert seat.session.trade.total_fen == 12560 + 4800
    assert seat.platform.violations == []


def test_a_bill_is_listed_in_detail(seat: Seat) -> None:
    seat.begin().say("menu pay", "detail 1")
    assert seat.session.stage is Stage.DETAIL
    assert [each.label.zh for each in options_of(seat.session, seat.terms)] == [
        "阿莫西林胶囊 0.25g*24 药品 2 x 31.40 = 62.80",
        "血常规 检验 1 x 0.00 = 62.80",
    ]
    seat.say("back")
    assert seat.session.stage is Stage.BILLS


def test_nothing_to_pay(seat: Seat) -> None:
    seat.platform.bills_due = {}
    seat.begin().say("menu pay")
    assert (seat.session.stage, seat.session.notice_code) == (Stage.MENU, "no-bills")


@pytest.mark.parametrize("answer", ["cancel", "time-out", "broken"])
def test_a_pin_that_does_not_come_leads_back_to_the_ways_to_pay(seat: Seat, answer: str) -> None:
    seat.keypad.answers = [answer]
    quoted(seat).say("quote ok", "method bank_card")
    assert seat.session.stage is Stage.METHOD
    assert seat.keys_of("pay") == []


def test_a_code_of_another_family_is_not_sent(seat: Seat) -> None:
    quoted(seat).say("quote ok", "method wechat", "scan 281234567890123456")
    assert (seat.session.stage, seat.session.notice_code) == (Stage.CODE, "wrong-code")
    assert seat.keys_of("pay") == []


@pytest.mark.parametrize(
    ("method", "code", "fits"),
    [
        (Method.WECHAT, "134567890123456789", True),
        (Method.WECHAT, "164567890123456789", False),
        (Method.WECHAT, "13456789012345678", False),
        (Method.ALIPAY, "2512345678901234", True),
        (Method.ALIPAY, "301234567890123456789012", True),
        (Method.ALIPAY, "311234567890123456", False),
        (Method.UNIONPAY_QR, "6212345678901234567", True),
        (Method.UNIONPAY_QR, "621234567890123456", False),
        (Method.UNIONPAY_QR, "62１２345678901234567", False),
    ],
)
def test_payment_codes_have_the_shapes_of_services_4(method: Method, code: str, fits: bool) -> None:
    assert CODE_SHAPES[method].fits(code) is fits


# What fails.


def test_a_lost_reply_to_the_press_is_sent_again_under_the_same_key(seat: Seat) -> None:
    seat.platform.faults["pay"] = ["reply-lost"]
    quoted(seat).say("quote ok", "method wechat", f"scan {WECHAT}", "confirm")
    assert seat.told == ["paid"]
    assert len(set(seat.keys_of("pay"))) == 1
    assert len(seat.platform.debits) == 1


def test_a_press_that_never_arrived_is_sent_again_until_it_does(seat: Seat) -> None:
    seat.platform.faults["pay"] = ["lost", "lost", "lost"]
    quoted(seat).say("quote ok", "method wechat", f"scan {WECHAT}", "confirm")
    assert seat.told == ["paid"]
    assert len(seat.keys_of("pay")) == 4
    assert len(set(seat.keys_of("pay"))) == 1


def test_a_platform_that_falls_silent_leaves_an_honest_slip_and_an_open_key(seat: Seat) -> None:
    quoted(seat).say("quote ok", "method wechat", f"scan {WECHAT}")
    seat.platform.down = True
    seat.say("confirm")
    assert (seat.session.stage, seat.told) == (Stage.RESULT, ["uncertain"])
    assert [each.kind for each in seat.printer.slips] == [SlipKind.UNCERTAIN]
    assert len(seat.outbox) == 1
    assert seat.outbox.entries()[0].pay_keys == tuple(dict.fromkeys(seat.keys_of("pay")))


def test_a_press_that_is_decided_late_is_told_when_it_is(seat: Seat) -> None:
    seat.platform.looks = 8
    quoted(seat).say("quote ok", "method wechat", f"scan {WECHAT}", "confirm")
    assert seat.told == ["paid"]


def test_what_stays_undecided_is_uncertain_after_the_limit(seat: Seat) -> None:
    seat.platform.outcomes = ["stuck"]
    quoted(seat).say("quote ok", "method wechat", f"scan {WECHAT}")
    began = seat.clock.now()
    seat.say("confirm")
    assert seat.told == ["uncertain"]
    assert seat.clock.now() - began <= seat.terms.paying_s + 2
    assert [each.kind for each in seat.printer.slips] == [SlipKind.UNCERTAIN]


def test_a_trade_for_a_person_to_decide_is_said_to_be_one(seat: Seat) -> None:
    seat.platform.outcomes = ["manual"]
    quoted(seat).say("quote ok", "method wechat", f"scan {WECHAT}", "confirm")
    assert seat.told == ["manual"]
    assert [each.kind for each in seat.printer.slips] == [SlipKind.UNCERTAIN]


def test_an_opening_that_is_not_answered_is_asked_for_again_under_its_key(seat: Seat) -> None:
    seat.platform.faults["open_trade"] = ["reply-lost"]
    seat.begin().say("menu pay", "bills 1", "payer self")
    assert seat.session.stage is Stage.REOPEN
    seat.say("again yes")
    assert seat.session.stage is Stage.QUOTE
    assert len(set(seat.keys_of("open_trade"))) == 1
    assert len(seat.platform.trades) == 1


def test_an_opening_that_is_given_up_is_settled_before_the_menu(seat: Seat) -> None:
    seat.platform.faults["open_trade"] = ["reply-lost"]
    seat.begin().say("menu pay", "bills 1", "payer self", "again no")
    assert seat.session.stage is Stage.MENU
    assert [each.state for each in seat.platform.trades.values()] == ["cancelling"]
    seat.platform.settle_down()
    seat.say("menu pay", "bills 1", "payer self")
    assert seat.session.stage is Stage.QUOTE


def test_a_refused_opening_says_why(seat: Seat) -> None:
    seat.platform.faults["open_trade"] = ["refuse:bill-locked"]
    seat.begin().say("menu pay", "bills 1", "payer self")
    assert (seat.session.stage, seat.session.notice_code) == (Stage.MENU, "bill-locked")
    assert len(seat.outbox) == 0


def test_the_citizen_turns_back_before_paying(seat: Seat) -> None:
    quoted(seat).say("cancel")
    assert (seat.session.stage, seat.told) == (Stage.RESULT, ["not_paid"])
    assert [each.state for each in seat.platform.trades.values()] == ["closed"]
    assert seat.platform.debits == []


def test_the_citizen_turns_back_while_it_is_being_paid(seat: Seat) -> None:
    seat.platform.outcomes = ["stuck"]
    quoted(seat).say("quote ok", "method wechat", f"scan {WECHAT}")
    seat.take(seat.business.step(seat.session, _accept(), seat.clock.now()))
    seat.step().step().step()
    assert seat.session.stage is Stage.PAYING
    seat.take(seat.business.step(seat.session, _cancel(), seat.clock.now()))
    seat.go()
    assert seat.told == ["not_paid"]
    assert len(seat.outbox) == 0


def test_a_wish_to_turn_back_that_comes_too_late_tells_the_truth(seat: Seat) -> None:
    quoted(seat).say("quote ok", "method wechat", f"scan {WECHAT}")
    seat.take(seat.business.step(seat.session, _accept(), seat.clock.now()))
    seat.step().step()
    assert seat.session.stage is Stage.PAYING
    seat.platform.settle_down()
    seat.take(seat.business.step(seat.session, _cancel(), seat.clock.now()))
    seat.go()
    assert seat.told == ["paid"]


def test_after_turning_back_no_press_is_sent_again(seat: Seat) -> None:
    seat.platform.faults["pay"] = ["lost"]
    seat.platform.faults["cancel"] = ["lost", "refuse:busy"]
    quoted(seat).say("quote ok", "method wechat", f"scan {WECHAT}")
    seat.take(seat.business.step(seat.session, _accept(), seat.clock.now()))
    seat.step().step()
    assert seat.session.stage is Stage.PAYING
    seat.take(seat.business.step(seat.session, _cancel(), seat.clock.now()))
    seat.go()
    assert len(seat.keys_of("pay")) == 1
    assert seat.told == ["not_paid"]


def test_a_late_copy_of_the_press_cannot_revive_a_trade_that_was_turned_back(seat: Seat) -> None:
    seat.platform.faults["pay"] = ["late"]
    quoted(seat).say("quote ok", "method wechat", f"scan {WECHAT}")
    seat.take(seat.business.step(seat.session, _accept(), seat.clock.now()))
    seat.step().step()
    seat.take(seat.business.step(seat.session, _cancel(), seat.clock.now()))
    seat.go()
    assert seat.told == ["not_paid"]
    seat.platform.deliver_late()
    assert seat.platform.debits == []


def test_a_refusal_says_nothing_about_an_earlier_copy_that_stayed_unanswered(seat: Seat) -> None:
    """The first copy is still on its way when the second is turned away: nobody may call the press failed."""
    seat.platform.faults["pay"] = ["late", "refuse:busy"] + ["refuse:busy"] * 10000
    quoted(seat).say("quote ok", "method wechat", f"scan {WECHAT}", "confirm")
    assert seat.told == ["uncertain"]
    seat.platform.deliver_late()
    seat.platform.settle_down()
    assert len(seat.platform.debits) == 1
    assert len(seat.outbox) == 1


def _accept():
    from reference_impl.kiosk.business.words import Accept

    return Accept()


def _cancel():
    from reference_impl.kiosk.business.words import Cancel

    return Cancel()


# Time, and people who leave.


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("menu pay",),
        ("menu pay", "bills 1"),
        ("menu pay", "bills 1", "payer insured"),
        ("menu pay", "bills 1", "payer insured", "account yes"),
        ("menu pay", "bills 1", "payer self", "quote ok"),
        ("menu pay", "bills 1", "payer self", "quote ok", "method wechat", f"scan {WECHAT}"),
    ],
    ids=lambda lines: lines[-1] if lines else "menu",
)
def test_nobody_answers_and_nothing_is_left_behind(seat: Seat, lines: tuple[str, ...]) -> None:
    seat.begin().say(*lines)
    seat.pass_time()
    assert (seat.session.stage, seat.session.problem) == (Stage.ENDED, Problem.TIME_OUT)
    assert all(each.state in ("cancelling", "closed") for each in seat.platform.trades.values())
    assert seat.platform.debits == []
    assert (seat.session.visitor, seat.session.credential, seat.session.trade) == (None, None, None)


def test_a_code_that_is_not_shown_leads_back_to_the_ways_to_pay(seat: Seat) -> None:
    quoted(seat).say("quote ok", "method wechat").pass_time()
    assert (seat.session.stage, seat.session.notice_code) == (Stage.METHOD, "time-out")


def test_the_visit_ends_after_ten_minutes_whatever_is_on_the_screen(seat: Seat) -> None:
    seat.begin()
    for _ in range(40):
        if seat.session.stage is Stage.ENDED:
            break
        seat.clock._now += 50
        seat.say("menu pay", "back") if seat.session.stage is Stage.MENU else None
    assert seat.session.problem is Problem.TIME_OUT


@pytest.mark.parametrize("problem", [Problem.STOPPING, Problem.CARD_GONE])
@pytest.mark.parametrize("stage", [Stage.QUOTE, Stage.METHOD, Stage.PAYING, Stage.MENU, Stage.BILLS])
def test_whoever_leaves_turns_back_or_gets_a_slip(seat: Seat, problem: Problem, stage: Stage) -> None:
    seat.platform.outcomes = ["stuck"]
    seat.begin()
    for line in ("menu pay", "bills 1", "payer self", "quote ok", "method wechat", f"scan {WECHAT}"):
        if seat.session.stage is stage:
            break
        seat.say(line)
    if stage is Stage.PAYING:
        seat.take(seat.business.step(seat.session, _accept(), seat.clock.now()))
        seat.step().step()
    assert seat.session.stage is stage
    seat.take(seat.business.leave(seat.session, problem, seat.clock.now()))
    seat.go()
    assert (seat.session.stage, seat.session.problem) == (Stage.ENDED, problem)
    slips = [each.kind for each in seat.printer.slips]
    assert slips == ([SlipKind.UNCERTAIN] if stage is Stage.PAYING else [])
    states = [each.state for each in seat.platform.trades.values()]
    assert states in ([], ["paying"], ["cancelling"])


def test_an_act_under_way_is_carried_through_before_the_session_ends(seat: Seat) -> None:
    quoted(seat).say("quote ok", "method wechat", f"scan {WECHAT}")
    seat.take(seat.business.step(seat.session, _accept(), seat.clock.now()))
    assert seat.session.stage is Stage.NOTE_PAY
    before = seat.session.stage
    left, work = seat.business.leave(seat.session, Problem.STOPPING, seat.clock.now())
    assert (left.stage, work) == (before, None)
    seat.session = left
    seat.go()
    assert seat.session.stage is Stage.ENDED
    assert len(seat.keys_of("pay")) == 1


def test_too_many_attempts_turn_back(seat: Seat) -> None:
    seat.platform.outcomes = ["fail:ask_pin_again:55"] * 10
    quoted(seat).say("quote ok", "method bank_card")
    assert len(seat.keys_of("pay")) == seat.terms.presses
    assert seat.told[-1] == "not_paid"


def test_a_broken_disk_takes_no_payments(seat: Seat) -> None:
    seat.outbox.aclose()
    seat.begin().say("menu pay", "bills 1", "payer self")
    assert (seat.session.stage, seat.session.notice_code) == (Stage.MENU, "outbox")
    assert "open_trade" not in seat.operations()


def test_a_disk_that_breaks_before_the_press_turns_back(seat: Seat) -> None:
    quoted(seat).say("quote ok", "method wechat", f"scan {WECHAT}")
    seat.outbox.aclose()
    seat.say("confirm")
    assert seat.keys_of("pay") == []
    assert seat.told == ["not_paid"]


def test_a_printer_that_fails_does_not_change_what_was_paid(seat: Seat) -> None:
    seat.desk.printer = None
    quoted(seat).say("quote ok", "method wechat", f"scan {WECHAT}", "confirm")
    assert (seat.told, seat.session.notice_code) == (["paid"], "no-printer")
