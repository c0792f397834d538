"""Registration, appointments and check-in, page by page (DG-SVC-ID-07, DG-SVC-REG-01, DG-SVC-REG-03)."""

from __future__ import annotations

from pathlib import Path

import pytest
from business_bench import NOON, Seat

from protocols.wire.platform.models import Appointment, Credential
from reference_impl.kiosk.business.menu import Service, SlipKind, Terms
from reference_impl.kiosk.business.options import dates_from, day_label, options_of
from reference_impl.kiosk.business.session import Stage
from reference_impl.kiosk.words import Problem

WECHAT = "134567890123456789"


@pytest.fixture
def seat(tmp_path: Path) -> Seat:
    return Seat(tmp_path)


def appointment(number: int, state: str = "booked", due_fen: int = 0, lock_id: str = "") -> Appointment:
    return Appointment(
        appointment_id=f"A{number}", department="全科", doctor="演示医生", date="2026-11-22", starts="14:00", ends="14:30",
        state=state, due_fen=due_fen, lock_id=lock_id,
    )  # fmt: skip


def test_from_department_to_the_slip_with_its_number(seat: Seat) -> None:
    seat.begin().say("menu register", "department 1", "doctor 1")
    assert [each.id for each in options_of(seat.session, seat.terms)] == [f"2026-11-{day}" for day in range(22, 29)]
    seat.say("date 2026-11-23", "slot 1", "payer self")
    assert seat.session.stage is Stage.QUOTE
    assert seat.session.trade is not None
    assert (seat.session.trade.kind, seat.session.trade.total_fen) == ("registration", 1250)
    assert seat.outbox.entries()[0].kind == "registration"
    seat.say("quote ok", "method wechat", f"scan {WECHAT}", "confirm")
    assert seat.told == ["paid"]
    slip = seat.printer.slips[0]
    assert slip.kind is SlipKind.REGISTRATION
    assert slip.receipt is not None
    assert slip.receipt.see_no == "12"


def test_a_full_slot_cannot_be_had(seat: Seat) -> None:
    seat.begin().say("menu register", "department 1", "doctor 1", "date 1", "slot 2")
    assert (seat.session.stage, seat.session.notice_code) == (Stage.SLOT, "slot-taken")
    assert [each.open for each in options_of(seat.session, seat.terms)] == [True, False]
    assert "lock_slot" not in seat.operations()


def test_a_slot_that_somebody_else_took_in_between_is_said(seat: Seat) -> None:
    seat.platform.faults["lock_slot"] = ["refuse:slot-taken"]
    seat.begin().say("menu register", "department 1", "doctor 1", "date 1", "slot 1")
    assert (seat.session.stage, seat.session.notice_code) == (Stage.SLOT, "slot-taken")


def test_the_lock_counts_down_and_ends_the_page(seat: Seat) -> None:
    seat.platform.locks.clear()
    seat.begin().say("menu register", "department 1", "doctor 1", "date 1", "slot 1")
    lock = seat.session.booking.lock
    assert lock is not None
    short = lock.model_copy(update={"expires_at": seat.clock.now() + 20})
    purchase = seat.session.paying.purchase
    assert purchase is not None
    assert purchase.until == lock.expires_at
    seat.platform.locks[short.lock_id] = short
    assert seat.session.deadline is not None
    assert seat.session.deadline <= lock.expires_at


def test_a_short_lock_limits_every_page_after_it(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fake_platform.LOCK_S", 20.0)
    seat.begin().say("menu register", "department 1", "doctor 1", "date 1", "slot 1", "payer self", "quote ok")
    assert seat.session.stage is Stage.METHOD
    assert seat.session.deadline == NOON + 20.0
    seat.pass_time()
    assert seat.session.stage is Stage.ENDED
    assert [each.state for each in seat.platform.trades.values()] == ["cancelling"]


def test_back_leads_through_the_pages(seat: Seat) -> None:
    seat.begin().say("menu register", "department 1", "doctor 1", "date 1")
    pages = []
    for _ in range(4):
        pages.append(seat.session.stage)
        seat.say("back")
    assert pages == [Stage.SLOT, Stage.DATE, Stage.DOCTOR, Stage.DEPARTMENT]
    assert seat.session.stage is Stage.MENU


def test_a_silent_platform_leads_back_to_the_menu(seat: Seat) -> None:
    for operation in ("departments", "doctors", "slots", "lock_slot", "appointments", "bills"):
        seat.platform.faults[operation] = ["lost"]
    seat.begin().say("menu register")
    assert (seat.session.stage, seat.session.notice_code) == (Stage.MENU, "silent")
    seat.say("menu register", "department 1")
    assert seat.session.stage is Stage.MENU
    seat.say("menu register", "department 1", "doctor 1", "date 1")
    assert seat.session.stage is Stage.MENU
    seat.say("menu register", "department 1", "doctor 1", "date 1", "slot 1")
    assert (seat.session.stage, seat.session.notice_code) == (Stage.MENU, "silent")
    seat.say("menu appointments")
    assert seat.session.notice_code == "silent"
    seat.say("menu pay")
    assert seat.session.notice_code == "silent"


def test_an_appointment_is_checked_in_and_its_number_printed(seat: Seat) -> None:
    seat.platform.appointments_of = [appointment(1)]
    seat.begin().say("menu appointments", "appointment 1")
    assert seat.session.stage is Stage.RESULT
    assert seat.session.booking.check_in is not None
    assert (seat.session.booking.check_in.see_no, seat.session.told) == ("7", None)
    assert [(each.kind, each.check_in.see_no if each.check_in else "") for each in seat.printer.slips] == [
        (SlipKind.CHECK_IN, "7")
    ]


@pytest.mark.parametrize(
    ("state", "notice"), [("expired", "expired"), ("checked_in", "checked-in"), ("cancelled", "not-booked")]
)
def test_what_is_not_booked_is_not_checked_in(seat: Seat, state: str, notice: str) -> None:
    seat.platform.appointments_of = [appointment(1, state)]
    seat.begin().say("menu appointments", "appointment 1")
    assert (seat.session.stage, seat.session.notice_code) == (Stage.APPOINTMENT, notice)
    assert "check_in" not in seat.operations()


def test_what_is_due_is_paid_before_the_check_in(seat: Seat) -> None:
    seat.platform.appointments_of = [appointment(1, due_fen=1250), appointment(2, due_fen=1250, lock_id="L0009")]
    seat.begin().say("menu appointments", "appointment 1")
    assert (seat.session.stage, seat.session.notice_code) == (Stage.APPOINTMENT, "pay-first")
    seat.say("appointment 2", "payer self", "quote ok", "method wechat", f"scan {WECHAT}", "confirm")
    assert seat.told == ["paid"]
    assert next(iter(seat.platform.trades.values())).request.lock_id == "L0009"


def test_a_check_in_without_an_answer_is_not_said_to_be_one(seat: Seat) -> None:
    seat.platform.appointments_of = [appointment(1)]
    seat.platform.faults["check_in"] = ["reply-lost"]
    seat.begin().say("menu appointments", "appointment 1")
    assert (seat.session.stage, seat.session.notice_code) == (Stage.MENU, "silent")
    assert seat.printer.slips == []
    seat.say("menu appointments")
    assert [each.open for each in options_of(seat.session, seat.terms)] == [False]


def test_whoever_has_no_record_is_asked_for_one(seat: Seat) -> None:
    seat.platform.record = False
    seat.begin()
    assert seat.session.stage is Stage.RECORD
    seat.say("record yes")
    assert seat.session.stage is Stage.MENU
    assert "create_record" in seat.operations()
    other = Seat(seat.outbox.path.parent / "other")
    other.platform.record = False
    other.begin().say("record no")
    assert (other.session.stage, other.session.problem) == (Stage.ENDED, Problem.CANCELLED)


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("refuse:credential-unknown", Problem.NOT_RECOGNISED),
        ("refuse:terminal-revoked", Problem.PLATFORM_REFUSED),
        ("lost", Problem.PLATFORM_SILENT),
    ],
)
def test_nobody_is_served_whom_the_platform_does_not_know(seat: Seat, fault: str, problem: Problem) -> None:
    seat.platform.faults["identify"] = [fault]
    seat.begin()
    assert (seat.session.stage, seat.session.problem) == (Stage.ENDED, problem)


@pytest.mark.parametrize("kind", ["e_credential", "electronic_social_security_card", "health_code", "citizen_code"])
def test_every_code_identifies(seat: Seat, kind: str) -> None:
    seat.begin(Credential(kind=kind, code="X" * 28), by_card=False)  # type: ignore[arg-type]
    assert seat.session.stage is Stage.MENU
    assert [each.id for each in options_of(seat.session, seat.terms)] == [
        "pay",
        "register",
        "appointments",
        "refund",
        "end",
    ]


def test_the_menu_is_a_setting(tmp_path: Path) -> None:
    seat = Seat(tmp_path, Terms(services=(Service.REFUND, Service.PAY)))
    seat.begin()
    assert [each.id for each in options_of(seat.session, seat.terms)] == ["refund", "pay", "end"]
    seat.say("menu register")
    assert (seat.session.stage, seat.session.notice_code) == (Stage.MENU, "choose")


def test_the_holder_of_a_card_sees_their_data(seat: Seat) -> None:
    seat.begin().say("menu holder")
    assert seat.session.stage is Stage.HOLDER
    seat.say("confirm")
    assert seat.session.stage is Stage.MENU


@pytest.mark.parametrize(
    ("date", "day"),
    [
        ("2026-11-22", "周日"),
        ("2024-02-29", "周四"),
        ("2027-01-01", "周五"),
        ("2000-01-01", "周六"),
        ("2026-03-02", "周一"),
    ],
)
def test_days_of_the_week(date: str, day: str) -> None:
    assert day in day_label(date).zh


def test_dates_run_over_the_end_of_a_month_at_midnight_in_china() -> None:
    midnight = 1_796_054_400.0  # 2026-12-01 00:00 in China
    assert dates_from(midnight, 3) == ("2026-12-01", "2026-12-02", "2026-12-03")
    assert dates_from(midnight - 1, 2) == ("2026-11-30", "2026-12-01")
