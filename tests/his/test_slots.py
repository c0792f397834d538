"""Slots, their locks, bookings, check-in and cancellation at the HIS (spec/services.md 2.1 nos. 3 to 8, 2.2)."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.peer.base import PeerOptions

from .bench import CLINIC, MORNING, OTHER_CLINIC, OTHER_PATIENT, PATIENT, Bench

HOUR = 3_600.0


def bench(temper: str = "strict", **settings: Any) -> Bench:
    return Bench(PeerOptions(temper=temper, settings={"appointments": 0, **settings}))  # type: ignore[arg-type]


def registered(his: Bench, slot: dict[str, Any], patient: str = PATIENT) -> tuple[str, dict[str, Any]]:
    """A booking that is paid: its trade and what was told."""
    lock = his.lock_slot(slot["slot_id"], patient)[1]
    trade = his.number()
    status, told = his.register(lock["lock_id"], lock["reg_fee_fen"], trade)
    assert status == 201, told
    return trade, told


# 3, 4: what there is.


def test_departments_doctors_schedules_and_slots_belong_together() -> None:
    his = bench()
    departments = his.done("GET", "/departments")["departments"]
    assert {"01", "02", "09"} <= {each["department_id"] for each in departments}
    for department in departments:
        number = department["department_id"]
        doctors = his.done("GET", f"/departments/{number}/doctors")["doctors"]
        assert doctors
        assert all(each["department_id"] == number for each in doctors)
        query = {"department_id": number, "date": "2026-11-24"}
        schedules = his.done("GET", "/schedules", query=query)["schedules"]
        slots = his.done("GET", "/slots", query=query)["slots"]
        for schedule in schedules:
            own = [each for each in slots if each["schedule_id"] == schedule["schedule_id"]]
            assert schedule["total"] == sum(each["total"] for each in own)
            assert schedule["left"] == sum(each["left"] for each in own)
            assert own[0]["state"] == schedule["state"]
            assert own[0]["starts"] < own[0]["ends"] == own[1]["starts"]
        source = "family_doctor" if number == "09" else "common"
        assert {each["source"] for each in slots} == {source}
        assert his.done("GET", "/slots", query={**query, "source": source})["slots"] == slots
    assert his.code("GET", "/departments/77/doctors") == "notfound"
    assert (
        his.code("GET", "/slots", query={"department_id": "01", "date": "2026-11-22", "doctor_id": "x"}) == "notfound"
    )
    assert his.events == [], "looking changes nothing"


def test_slots_close_and_are_not_open_yet() -> None:
    his = bench()
    his.now = MORNING + HOUR
    today = his.slots()
    assert [each["state"] for each in today][:3] == ["closed", "closed", "open"]
    assert today[0]["left"] == 0
    assert {each["state"] for each in his.slots("2026-11-29")} == {"open"}
    assert {each["state"] for each in his.slots("2026-11-30")} == {"not_yet"}
    assert {each["state"] for each in his.slots("2026-11-21")} == {"closed"}
    assert his.slots("2026-11-20") == []
    assert his.slots("2027-11-22") == []
    assert his.slots("0001-01-01") == []
    assert his.slots("9999-12-31") == []
    morning = his.slots(period="morning")
    assert {each["period"] for each in morning} == {"morning"}


def test_the_same_city_and_seed_have_the_same_slots() -> None:
    assert bench().slots() == bench().slots()
    assert Bench(PeerOptions(seed=2)).slots() != bench().slots()


# 5: locks.


def test_a_slot_is_locked_for_at_most_fifteen_minutes() -> None:
    his = bench()
    slot = his.slots()[2]
    status, lock = his.lock_slot(slot["slot_id"])
    assert status == 201
    assert lock == {
        "lock_id": "L00000001",
        "expires_at": "2026-11-22T08:15:00+08:00",
        "see_no": str(2 * slot["total"] + 1),
        "reg_fee_fen": slot["reg_fee_fen"],
    }
    assert his.slots()[2]["left"] == slot["left"] - 1
    his.now += 899
    assert his.slots()[2]["left"] == slot["left"] - 1
    his.now += 1
    assert his.slots()[2]["left"] == slot["left"]
    assert his.peer.locks(his.now) == ()
    assert his.register(lock["lock_id"], lock["reg_fee_fen"])[1]["code"] == "lock-expired"
    his.check()


def test_a_lock_asked_for_again_is_the_same_lock() -> None:
    his = bench()
    slot = his.slots()[2]["slot_id"]
    first = his.lock_slot(slot, key="k1")
    his.now += 60
    assert his.lock_slot(slot, key="k1") == first
    assert his.lock_slot(slot, OTHER_PATIENT, key="k1")[1]["code"] == "key-reused"
    assert his.lock_slot(slot, key="k2")[1]["lock_id"] != first[1]["lock_id"]
    his.check()


def test_there_are_never_more_locks_than_numbers() -> None:
    his = bench()
    slot = his.slots()[2]
    numbers = [his.lock_slot(slot["slot_id"], f"P{n:08d}")[1]["see_no"] for n in range(1, slot["total"] + 1)]
    assert len(set(numbers)) == slot["total"]
    assert his.lock_slot(slot["slot_id"])[1]["code"] == "slot-full"
    assert his.slots()[2]["left"] == 0
    his.now += 900
    again = his.lock_slot(slot["slot_id"])
    assert again[1]["see_no"] == numbers[0], "an expired number is given out again"
    his.check()


def test_a_slot_is_let_go() -> None:
    his = bench()
    slot = his.slots()[2]["slot_id"]
    lock = his.lock_slot(slot)[1]["lock_id"]
    for _ in range(2):
        assert his.done("DELETE", f"/slots/{slot}/locks/{lock}") == {"lock_id": lock, "state": "RELEASED"}
    assert his.done("DELETE", f"/slots/{slot}/locks/L99999999")["state"] == "RELEASED"
    assert his.register(lock, 1_250)[1]["code"] == "lock-expired"
    other = his.slots()[3]["slot_id"]
    second = his.lock_slot(slot)[1]["lock_id"]
    assert his.code("DELETE", f"/slots/{other}/locks/{second}") == "notfound"
    his.check()


@pytest.mark.parametrize(
    ("slot", "code"),
    [
        ("00001-0101-20261121-1-00", "slot-closed"),
        ("00001-0101-20261130-1-00", "slot-closed"),
        ("00001-0101-20261122-1-99", "notfound"),
        ("00001-7701-20261122-1-00", "notfound"),
        ("00001-0101-20261322-1-00", "notfound"),
        ("nothing", "notfound"),
        ("00002-0101-20261122-1-00", "foreign-institution"),
    ],
)
def test_slots_that_cannot_be_locked(slot: str, code: str) -> None:
    his = bench()
    assert his.lock_slot(slot)[1]["code"] == code
    assert his.events == []


def test_a_lock_of_another_patient_or_institution() -> None:
    his = bench()
    slot = his.slots()[2]["slot_id"]
    lock = his.lock_slot(slot)[1]["lock_id"]
    body = {"patient_id": OTHER_PATIENT, "slot_lock": lock, "med_type": "12"}
    assert his.code("POST", "/settlements/DG1/lock", body, key="k") == "patient-differs"
    assert his.code("POST", "/settlements/DG1/lock", {**body, "patient_id": PATIENT, "med_type": "11"}, key="k") == (
        "med-type-differs"
    )
    assert his.register(lock, 1_250, clinic=OTHER_CLINIC)[1]["code"] == "foreign-institution"
    theirs = his.slots(clinic=OTHER_CLINIC)[2]["slot_id"]
    assert his.code("DELETE", f"/slots/{theirs}/locks/{lock}", clinic=OTHER_CLINIC) == "foreign-institution"
    assert his.lock_slot(slot, "P99999999")[1]["code"] == "patient-unknown"


# 6: confirmation.


def test_a_registration_straight_from_its_lock_as_printed() -> None:
    """spec/services.md 2.3: lock, then ``POST /registrations`` with the lock and a trade number."""
    his = bench()
    slot = his.slots()[2]
    lock = his.lock_slot(slot["slot_id"], key="lock-1")[1]
    first = his.register(lock["lock_id"], lock["reg_fee_fen"], "DG2026112200000001")
    assert first == (
        201,
        {"registration_id": "R00000001", "reconciliation_no": "HIS20261122000001", "see_no": lock["see_no"]},
    )
    his.now += 5_000
    assert his.register(lock["lock_id"], lock["reg_fee_fen"], "DG2026112200000001") == first
    _status, told = his.ask("GET", "/trades/DG2026112200000001")
    assert (told["state"], told["business"], told["registration_id"]) == ("DONE", "register", "R00000001")
    assert told["see_no"] == lock["see_no"]
    assert his.slots()[2]["left"] == slot["left"] - 1
    assert his.register(lock["lock_id"], lock["reg_fee_fen"], "DG2")[1]["code"] == "bill-paid"
    assert his.code("DELETE", f"/slots/{slot['slot_id']}/locks/{lock['lock_id']}") == "lock-in-trade"
    (booking,) = his.done("GET", "/registrations", query={"patient_id": PATIENT})["registrations"]
    assert (booking["registration_id"], booking["see_no"], booking["due_fen"]) == ("R00000001", lock["see_no"], 0)
    (row,) = his.peer.book()
    assert (row.reference, row.amount_fen) == ("DG2026112200000001", lock["reg_fee_fen"])
    his.check()


def test_a_registration_through_a_trade() -> None:
    his = bench()
    slot = his.slots()[2]
    lock = his.lock_slot(slot["slot_id"])[1]
    his.now += 100
    body = {"patient_id": PATIENT, "slot_lock": lock["lock_id"], "med_type": "12"}
    told = his.done("POST", "/settlements/DG1/lock", body, key="k1")
    assert told["business"] == "register"
    assert told["expires_at"] == lock["expires_at"], "a trade keeps a slot no longer than its lock"
    assert [line["med_list_codg"] for line in told["feedetail"]] == ["0SIM00000000000REG01", "0SIM00000000000EXM01"]
    assert told["total_fen"] == lock["reg_fee_fen"]
    assert told["diagnoses"] == []
    assert his.code("DELETE", f"/slots/{slot['slot_id']}/locks/{lock['lock_id']}") == "lock-in-trade"
    assert his.code("POST", "/settlements/DG2/lock", body, key="k2") == "lock-taken"
    assert his.register(lock["lock_id"], lock["reg_fee_fen"], "DG2")[1]["code"] == "lock-taken"
    assert [each.trade_no for each in his.peer.locks(his.now)] == ["DG1"]
    assert his.settle("DG1", lock["reg_fee_fen"])[1]["code"] == "trade-differs", "a registration is confirmed as one"
    assert his.register(lock["lock_id"], lock["reg_fee_fen"], "DG1")[0] == 201
    assert his.peer.locks(his.now) == ()
    his.check()


def test_a_registration_trade_that_is_let_go_frees_the_slot() -> None:
    his = bench()
    slot = his.slots()[2]
    lock = his.lock_slot(slot["slot_id"])[1]
    body = {"patient_id": PATIENT, "slot_lock": lock["lock_id"], "med_type": "12"}
    his.done("POST", "/settlements/DG1/lock", body, key="k1")
    assert his.done("DELETE", "/settlements/DG1/lock")["result"] == "RELEASED"
    assert his.slots()[2]["left"] == slot["left"]
    assert his.register(lock["lock_id"], lock["reg_fee_fen"], "DG1")[1]["code"] == "trade-cancelled"
    assert his.register(lock["lock_id"], lock["reg_fee_fen"], "DG2")[1]["code"] == "lock-expired"
    his.check()


def test_a_fenced_registration_comes_late() -> None:
    his = bench()
    lock = his.lock_slot(his.slots()[2]["slot_id"])[1]
    his.done("DELETE", "/settlements/DG1/lock")
    assert his.register(lock["lock_id"], lock["reg_fee_fen"], "DG1")[1]["code"] == "trade-cancelled"
    assert his.register(lock["lock_id"], lock["reg_fee_fen"] + 1, "DG2")[1]["code"] == "amount-differs"
    assert list(his.peer.book()) == []


# 7: bookings and check-in.


def test_check_in_in_its_time() -> None:
    his = bench()
    slot = his.slots()[6]  # 11:00 to 11:30
    assert slot["starts"] == "11:00"
    _, told = registered(his, slot)
    path = f"/registrations/{told['registration_id']}/check-in"
    his.now = MORNING + 2 * HOUR - 1
    assert his.code("POST", path, {}) == "too-early"
    his.now = MORNING + 2 * HOUR
    first = his.done("POST", path, {"terminal_id": "KSK-0001"})
    assert first["see_no"] == told["see_no"]
    assert first["checked_in_at"] == "2026-11-22T10:00:00+08:00"
    assert first["room"]
    his.now = MORNING + 4 * HOUR
    assert his.done("POST", path, {}) == first, "a second time is the same, even later"
    assert his.code("POST", path, {}, clinic=OTHER_CLINIC) == "foreign-institution"
    assert his.code("POST", "/registrations/R99999999/check-in", {}) == "notfound"
    his.check()


def test_an_expired_booking_is_refused() -> None:
    his = bench()
    slot = his.slots()[6]
    _, told = registered(his, slot)
    his.now = MORNING + 3.5 * HOUR - 1
    assert his.done("GET", "/registrations", query={"patient_id": PATIENT})["registrations"][0]["state"] == "booked"
    his.now += 1
    assert his.done("GET", "/registrations", query={"patient_id": PATIENT})["registrations"][0]["state"] == "expired"
    assert his.code("POST", f"/registrations/{told['registration_id']}/check-in", {}) == "booking-expired"


def test_who_checks_in_later_waits_longer() -> None:
    his = bench()
    slot = his.slots()[2]
    bookings = [registered(his, slot, f"P{number:08d}")[1]["registration_id"] for number in (1, 2)]
    waiting = [his.done("POST", f"/registrations/{each}/check-in", {})["waiting"] for each in reversed(bookings)]
    assert waiting == [0, 1]


def test_bookings_from_elsewhere_are_paid_and_checked_in() -> None:
    """DG-SVC-REG-03: bookings shown, expired ones refused, the fee paid first."""
    his = Bench(PeerOptions(settings={"appointments": 3}))
    due, yesterday, later = his.done("GET", "/registrations", query={"patient_id": PATIENT})["registrations"]
    assert (due["state"], due["starts"], due["due_fen"] > 0) == ("booked", "08:00", True)
    assert (yesterday["state"], yesterday["date"], yesterday["due_fen"]) == ("expired", "2026-11-21", 0)
    assert (later["state"], later["date"]) == ("booked", "2026-11-23")
    assert his.done("GET", "/registrations", query={"patient_id": PATIENT})["registrations"][0] == due
    path = f"/registrations/{due['registration_id']}/check-in"
    assert his.code("POST", path, {}) == "fee-due"
    assert his.code("POST", f"/registrations/{yesterday['registration_id']}/check-in", {}) == "booking-expired"
    # The first attempt comes to nothing: the booking and its dues stay.
    body = {"patient_id": PATIENT, "slot_lock": due["lock_id"], "med_type": "12"}
    his.done("POST", "/settlements/DG1/lock", body, key="k1")
    his.done("DELETE", "/settlements/DG1/lock")
    again = his.done("GET", "/registrations", query={"patient_id": PATIENT})["registrations"][0]
    assert again == due
    told = his.done("POST", "/settlements/DG2/lock", body, key="k2")
    assert told["total_fen"] == due["due_fen"]
    status, told = his.register(due["lock_id"], due["due_fen"], "DG2")
    assert (status, told["registration_id"], told["see_no"]) == (201, due["registration_id"], due["see_no"])
    assert his.done("POST", path, {})["see_no"] == due["see_no"]
    paid = Bench(PeerOptions(settings={"appointments": 1}))
    (booking,) = paid.done("GET", "/registrations", query={"patient_id": OTHER_PATIENT})["registrations"]
    assert booking["due_fen"] == 0
    his.check()


def test_a_lock_for_dues_lasts_as_long_as_the_booking() -> None:
    his = Bench(PeerOptions(settings={"appointments": 1}))
    (due,) = his.done("GET", "/registrations", query={"patient_id": PATIENT})["registrations"]
    body = {"patient_id": PATIENT, "slot_lock": due["lock_id"], "med_type": "12"}
    his.done("POST", "/settlements/DG1/lock", body, key="k1")
    his.now += 900
    assert his.status("DG1") == "EXPIRED"
    assert his.done("POST", "/settlements/DG2/lock", body, key="k2")["trade_no"] == "DG2"
    assert his.register(due["lock_id"], due["due_fen"], "DG1")[1]["code"] == "lock-expired"
    his.now = MORNING + 1_800
    assert his.code("POST", "/settlements/DG3/lock", body, key="k3") == "booking-expired"
    his.check()


# 8: cancellation.


def test_a_booking_that_was_paid_is_cancelled_by_its_refund() -> None:
    his = bench()
    slot = his.slots()[6]
    trade, told = registered(his, slot)
    path = f"/registrations/{told['registration_id']}"
    assert his.code("POST", f"{path}/cancel", {}) == "refund-first"
    assert his.refund(trade, "RF1", slot["reg_fee_fen"])[1]["state"] == "DONE"
    assert his.done("POST", f"{path}/cancel", {}) == {
        "registration_id": told["registration_id"],
        "state": "cancelled",
    }
    assert his.code("POST", f"{path}/check-in", {}) == "booking-cancelled"
    assert his.slots()[6]["left"] == slot["left"]
    his.check()


def test_a_booking_that_nothing_was_paid_for_is_simply_cancelled() -> None:
    his = Bench(PeerOptions(settings={"appointments": 1}))
    (due,) = his.done("GET", "/registrations", query={"patient_id": PATIENT})["registrations"]
    body = {"patient_id": PATIENT, "slot_lock": due["lock_id"], "med_type": "12"}
    his.done("POST", "/settlements/DG1/lock", body, key="k1")
    path = f"/registrations/{due['registration_id']}/cancel"
    assert his.code("POST", path, {}) == "lock-in-trade"
    his.done("DELETE", "/settlements/DG1/lock")
    assert his.done("POST", path, {})["state"] == "cancelled"
    assert his.code("POST", "/settlements/DG2/lock", body, key="k2") == "lock-expired"
    (row,) = his.done("GET", "/registrations", query={"patient_id": PATIENT})["registrations"]
    assert (row["state"], row["due_fen"], row["lock_id"]) == ("cancelled", 0, "")
    his.check()


def test_after_check_in_there_is_no_cancelling() -> None:
    his = Bench(PeerOptions(settings={"appointments": 1}))
    (paid,) = his.done("GET", "/registrations", query={"patient_id": OTHER_PATIENT})["registrations"]
    his.done("POST", f"/registrations/{paid['registration_id']}/check-in", {})
    assert his.code("POST", f"/registrations/{paid['registration_id']}/cancel", {}) == "visit-began"


# 1, 2: patients.


def test_a_patient_is_found_by_any_number() -> None:
    his = bench()
    found = his.done("GET", "/patients", query={"by": "card_no", "value": "A00000001"})
    assert (found["patient_id"], found["birth"], found["gender"]) == (PATIENT, "1990-01-01", "1")
    for by, value in (("patient_id", PATIENT), ("id_no", "44190019900101001X")):
        assert his.done("GET", "/patients", query={"by": by, "value": value}) == found
    for by, value in (("patient_id", "P99999999"), ("id_no", "11010119900101001X"), ("card_no", "Z1")):
        assert his.code("GET", "/patients", query={"by": by, "value": value}) == "patient-unknown"


def test_a_real_name_record_at_the_first_visit() -> None:
    """DG-SVC-ID-07."""
    his = bench(first_visits=1)
    query = {"by": "id_no", "value": "44190019900101001X"}
    assert his.code("GET", "/patients", query=query) == "patient-unknown"
    assert his.code("GET", "/bills", query={"patient_id": PATIENT}) == "patient-unknown"
    body = {"id_no": "44190019900101001X", "name": "测试甲", "phone": "10000000001", "card_no": "A00000001"}
    assert his.code("POST", "/patients", {**body, "name": "测试乙"}, key="k1") == "name-differs"
    assert his.code("POST", "/patients", {**body, "card_no": "A00000002"}, key="k1") == "name-differs"
    assert his.code("POST", "/patients", {**body, "id_no": "11010119900101001X"}, key="k1") == "person-unknown"
    made = his.done("POST", "/patients", body, key="k1")
    assert (made["patient_id"], made["created"]) == (PATIENT, True)
    assert his.done("POST", "/patients", body, key="k1") == made
    assert his.done("POST", "/patients", body, key="k2")["created"] is False
    assert his.done("GET", "/patients", query=query)["patient_id"] == PATIENT
    assert his.bills()
    # The record is this clinic's; another one has none.
    assert his.code("GET", "/patients", query=query, clinic=OTHER_CLINIC) == "patient-unknown"
    assert his.code("GET", "/bills", query={"patient_id": PATIENT}, clinic=OTHER_CLINIC) == "patient-unknown"
    his.check()


def test_some_patients_have_no_record_and_others_do() -> None:
    his = bench(first_visits=4)
    known = [his.ask("GET", "/bills", query={"patient_id": f"P{number:08d}"})[0] == 200 for number in range(1, 101)]
    assert 60 < sum(known) < 90
    assert his.events[0]["inst"] == CLINIC
