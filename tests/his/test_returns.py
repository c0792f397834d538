"""Refunds, the list of a day and e-bills at the HIS (spec/services.md 2.1 nos. 14 to 16, 2.2, 6)."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.peer.base import PeerOptions

from .bench import BILL_1, BILL_2, BILL_3, CLINIC, MORNING, OTHER_CLINIC, PATIENT, TOTAL_1, Bench

HOUR, DAY = 3_600.0, 86_400.0


def bench(temper: str = "strict", **settings: Any) -> Bench:
    return Bench(PeerOptions(temper=temper, settings={"appointments": 0, **settings}))  # type: ignore[arg-type]


# 14: refunds.


def test_a_refund_is_done_once() -> None:
    his = bench()
    trade = his.settled(BILL_1)
    his.now += 60
    assert his.done("GET", f"/trades/{trade}/eligibility") == {"trade_no": trade, "eligible": True, "code": ""}
    first = his.refund(trade, "RF1", TOTAL_1)
    assert first == (
        201,
        {
            "refund_no": "RF1",
            "trade_no": trade,
            "state": "DONE",
            "amount_fen": TOTAL_1,
            "fund_fen": 0,
            "account_fen": 0,
            "cash_fen": TOTAL_1,
            "reduction_fen": 0,
            "his_refund_id": "RF20261122000001",
            "refunded_at": "2026-11-22T08:01:00+08:00",
            "setl_id": "",
            "mdtrt_id": "",
            "si_refund_id": "",
            "cash_refund_id": "",
        },
    )
    assert his.refund(trade, "RF1", TOTAL_1) == first
    assert his.ask("GET", "/refunds/RF1") == (200, first[1])
    assert his.refund(trade, "RF2", TOTAL_1)[1]["code"] == "trade-refunded"
    assert his.done("GET", f"/trades/{trade}/eligibility")["code"] == "trade-refunded"
    assert his.status(trade) == "REFUNDED"
    assert [(row.kind, row.reference, row.original, row.amount_fen) for row in his.peer.book()] == [
        ("pay", trade, "", TOTAL_1),
        ("undo", "RF1", trade, TOTAL_1),
    ]
    assert BILL_1 not in [each["bill_id"] for each in his.bills()], "a refunded bill is void"
    assert his.lock("DG9")[1]["code"] == "bill-void"
    assert his.settle(trade, TOTAL_1)[1]["code"] == "trade-refunded"
    assert his.done("DELETE", f"/settlements/{trade}/lock")["result"] == "RELEASED"
    his.check()


def test_what_was_used_is_not_refunded() -> None:
    his = bench()
    trade = his.settled(BILL_1)
    his.now = MORNING + HOUR - 1
    assert his.done("GET", f"/trades/{trade}/eligibility")["eligible"] is True
    his.now = MORNING + HOUR
    assert his.done("GET", f"/trades/{trade}/eligibility")["code"] == "drug-issued"
    assert his.refund(trade, "RF1", TOTAL_1)[1]["code"] == "drug-issued"
    assert his.ask("GET", "/refunds/RF1")[1]["code"] == "notfound", "a refusal leaves nothing behind"
    never = bench(his_dispense_s=0)
    trade = never.settled(BILL_1)
    never.now += 10 * DAY
    assert never.refund(trade, "RF1", TOTAL_1)[0] == 201


def test_a_visit_that_began_is_not_refunded() -> None:
    his = bench()
    slot = his.slots()[2]
    lock = his.lock_slot(slot["slot_id"])[1]
    booking = his.register(lock["lock_id"], lock["reg_fee_fen"], "DG1")[1]["registration_id"]
    his.done("POST", f"/registrations/{booking}/check-in", {})
    his.now += 899
    assert his.done("GET", "/trades/DG1/eligibility")["eligible"] is True
    his.now += 1
    assert his.refund("DG1", "RF1", lock["reg_fee_fen"])[1]["code"] == "visit-began"
    late = his.lock_slot(his.slots()[3]["slot_id"])[1]
    his.register(late["lock_id"], late["reg_fee_fen"], "DG2")
    his.now = MORNING + 2 * HOUR
    assert his.refund("DG2", "RF2", late["reg_fee_fen"])[1]["code"] == "booking-expired"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount_fen": TOTAL_1 - 1}, "amount-differs"),
        ({"amount_fen": TOTAL_1 + 1}, "amount-differs"),
        ({"amount_fen": 0}, "malformed"),
        ({"amount_fen": -TOTAL_1}, "malformed"),
        ({"amount_fen": 10**15}, "malformed"),
        ({"trade_no": "DG99"}, "notfound"),
    ],
)
def test_a_refund_is_of_the_whole_trade(change: dict[str, Any], code: str) -> None:
    his = bench()
    trade = his.settled(BILL_1)
    body = {"refund_no": "RF1", "trade_no": trade, "amount_fen": TOTAL_1, **change}
    assert his.code("POST", "/refunds", body, key="k1") == code


def test_what_is_not_settled_is_not_refunded() -> None:
    his = bench()
    his.bills()
    trade = his.locked()
    assert his.refund(trade, "RF1", TOTAL_1)[1]["code"] == "not-settled"
    assert his.code("GET", f"/trades/{trade}/eligibility") == "not-settled"
    his.done("DELETE", f"/settlements/{trade}/lock")
    assert his.refund(trade, "RF1", TOTAL_1)[1]["code"] == "not-settled"


def test_a_refund_number_is_used_once() -> None:
    his = bench()
    trade, other = his.settled(BILL_1), his.settled(BILL_2)
    his.refund(trade, "RF1", TOTAL_1)
    amount = his.records.trades[other].total_fen
    assert his.refund(other, "RF1", amount, key="k9")[1]["code"] == "refund-differs"
    assert his.refund(trade, "RF1", TOTAL_1, clinic=OTHER_CLINIC)[1]["code"] == "foreign-institution"
    assert his.code("GET", "/refunds/RF1", clinic=OTHER_CLINIC) == "foreign-institution"


def test_a_refund_that_takes_its_time() -> None:
    his = bench(his_refund_s=60)
    trade = his.settled(BILL_1)
    told = his.refund(trade, "RF1", TOTAL_1)[1]
    assert (told["state"], told["his_refund_id"]) == ("PENDING", "")
    assert "refunded_at" not in told
    assert his.status(trade) == "REFUNDING"
    assert his.code("DELETE", f"/settlements/{trade}/lock") == "trade-settled"
    assert his.code("POST", f"/trades/{trade}/cancel", {}) == "trade-refunded"
    assert len(list(his.peer.book())) == 1
    his.now += 59
    assert his.done("GET", "/refunds/RF1")["state"] == "PENDING"
    his.now += 2
    told = his.done("GET", "/refunds/RF1")
    assert (told["state"], told["refunded_at"]) == ("DONE", "2026-11-22T08:01:00+08:00")
    assert [row.at for row in his.peer.book()] == [MORNING, MORNING + 60]
    his.check()


def test_a_hostile_his_takes_its_time() -> None:
    his = bench("hostile")
    trade = his.settled(BILL_1)
    assert his.refund(trade, "RF1", TOTAL_1)[1]["state"] == "PENDING"


def test_a_pending_refund_survives_a_restart() -> None:
    his = bench(his_refund_s=60)
    trade = his.settled(BILL_1)
    his.refund(trade, "RF1", TOTAL_1)
    his.peer = his.reborn()
    his.now += 100
    assert his.done("GET", "/refunds/RF1")["state"] == "DONE"
    his.check()


def test_a_refund_is_withdrawn_while_it_is_pending() -> None:
    his = bench(his_refund_s=60)
    trade = his.settled(BILL_1)
    his.refund(trade, "RF1", TOTAL_1)
    for _ in range(2):
        assert his.done("DELETE", "/refunds/RF1") == {"refund_no": "RF1", "result": "WITHDRAWN"}
    assert his.done("GET", "/refunds/RF1")["state"] == "WITHDRAWN"
    assert his.status(trade) == "DONE"
    assert his.refund(trade, "RF1", TOTAL_1)[1]["code"] == "refund-withdrawn"
    his.now += 100
    assert len(list(his.peer.book())) == 1, "it is never done"
    his.refund(trade, "RF2", TOTAL_1)
    his.now += 100
    assert his.code("DELETE", "/refunds/RF2") == "refund-done"
    his.check()


def test_a_withdrawal_of_an_unknown_refund_is_a_fence() -> None:
    his = bench()
    trade = his.settled(BILL_1)
    for _ in range(2):
        assert his.done("DELETE", "/refunds/RF1") == {"refund_no": "RF1", "result": "FENCED"}
    assert his.refund(trade, "RF1", TOTAL_1)[1]["code"] == "refund-withdrawn"
    assert his.code("GET", "/refunds/RF1") == "notfound"
    assert his.status(trade) == "DONE"
    assert his.peer.violations() == []
    his.check()


def test_how_the_money_went_back_is_told() -> None:
    his = bench()
    trade = his.settled(BILL_1)
    body = {"si_refund_id": "4419", "cash_refund_id": "10000001/000001/000013"}
    assert his.code("POST", "/refunds/RF1/returns", body) == "notfound"
    his.refund(trade, "RF1", TOTAL_1)
    told = his.done("POST", "/refunds/RF1/returns", body)
    assert (told["si_refund_id"], told["cash_refund_id"]) == ("4419", "10000001/000001/000013")
    events = len(his.events)
    assert his.done("POST", "/refunds/RF1/returns", body) == told
    assert len(his.events) == events
    his.check()


# 15: the list of a day.


def test_the_list_of_a_day() -> None:
    his = bench()
    trade, other = his.settled(BILL_1), his.settled(BILL_2)
    his.now += 600
    his.refund(trade, "RF1", TOTAL_1)
    path = "/trade-lists/2026-11-22"
    assert his.done("GET", path)["state"] == "IN_PROGRESS"
    assert his.done("GET", "/trade-lists/2026-11-21")["state"] == "NONE"
    assert his.done("GET", "/trade-lists/2030-01-01")["state"] == "IN_PROGRESS"
    his.now = MORNING + 16 * HOUR - 1
    assert his.done("GET", path)["state"] == "IN_PROGRESS"
    his.now += 1
    told = his.done("GET", path)
    assert (told["state"], told["pages"], told["rows_total"]) == ("READY", 1, 3)
    assert [(row["kind"], row["reference"], row["original"]) for row in told["rows"]] == [
        ("pay", trade, ""),
        ("pay", other, ""),
        ("undo", "RF1", trade),
    ]
    assert told["rows"][0] == {
        "reference": trade,
        "kind": "pay",
        "original": "",
        "trade_no": trade,
        "business": "charge",
        "patient_id": PATIENT,
        "amount_fen": TOTAL_1,
        "fund_fen": 0,
        "account_fen": 0,
        "cash_fen": TOTAL_1,
        "reduction_fen": 0,
        "cash_kind": "02",
        "traded_at": "2026-11-22T08:00:00+08:00",
        "terminal_type": "3",
        "terminal_id": "",
        "reconciliation_no": "HIS20261122000001",
    }
    assert his.done("GET", path, clinic=OTHER_CLINIC)["state"] == "NONE"
    pages = [his.done("GET", path, query={"page": page, "page_size": 2}) for page in (1, 2, 3)]
    assert [len(page["rows"]) for page in pages] == [2, 1, 0]
    assert {page["pages"] for page in pages} == {2}
    assert his.done("GET", path, twist="file-not-ready")["state"] == "IN_PROGRESS"


def test_a_list_takes_a_while_to_be_made() -> None:
    his = bench(his_list_s=600)
    his.settled(BILL_1)
    his.now = MORNING + 16 * HOUR + 599
    assert his.done("GET", "/trade-lists/2026-11-22")["state"] == "IN_PROGRESS"
    his.now += 1
    assert his.done("GET", "/trade-lists/2026-11-22")["state"] == "READY"


def test_a_refund_stands_on_its_own_day() -> None:
    his = bench(his_dispense_s=0)
    his.now = MORNING + 16 * HOUR - 10
    trade = his.settled(BILL_1)
    his.now += 20
    his.refund(trade, "RF1", TOTAL_1)
    assert [row.day for row in his.peer.book()] == ["2026-11-22", "2026-11-23"]
    his.now += DAY
    assert [row["kind"] for row in his.done("GET", "/trade-lists/2026-11-22")["rows"]] == ["pay"]
    assert [row["kind"] for row in his.done("GET", "/trade-lists/2026-11-23")["rows"]] == ["undo"]


def test_reconciliation_numbers_count_by_day() -> None:
    his = bench(bills=4)
    numbers = []
    for bill in (BILL_1, BILL_2):
        trade = his.settled(bill)
        numbers.append(his.done("GET", f"/trades/{trade}")["reconciliation_no"])
    his.now += DAY
    trade = his.locked(BILL_3, med_type="14")
    numbers.append(his.settle(trade, his.records.trades[trade].total_fen)[1]["reconciliation_no"])
    assert numbers == ["HIS20261122000001", "HIS20261122000002", "HIS20261123000001"]


# 16: e-bills.


def ebills(his: Bench, **query: str) -> list[dict[str, Any]]:
    return his.done("GET", "/e-bills", query={"patient_id": PATIENT, **query})["ebills"]


def test_a_settlement_has_its_e_bill() -> None:
    his = bench()
    trade, other = his.settled(BILL_1), his.settled(BILL_2)
    (bill,) = ebills(his, trade_no=trade)
    assert (bill["code"], bill["number"], bill["type"], bill["amount_fen"]) == ("44060126", "0000000001", "1", TOTAL_1)
    assert bill["qrcode"] == f"01,44060126,0000000001,{TOTAL_1},{bill['check_code']}"
    assert bill["printed"] is False
    assert [each["trade_no"] for each in ebills(his)] == [trade, other]
    assert ebills(his, trade_no="DG99") == []
    assert his.code("GET", "/e-bills", query={"patient_id": "P99999999"}) == "patient-unknown"


def test_what_was_turned_to_paper_is_given_back_before_a_refund() -> None:
    """spec/services.md 6: money back, then the red e-bill; a bill on paper must be returned first."""
    his = bench()
    trade = his.settled(BILL_1)
    path = f"/e-bills/{ebills(his)[0]['ebill_id']}/print-state"
    assert his.code("POST", path, {"printed": True}, clinic=OTHER_CLINIC) == "foreign-institution"
    for _ in range(2):
        assert his.done("POST", path, {"printed": True, "terminal_id": "KSK-0001"})["printed"] is True
    assert his.done("GET", f"/trades/{trade}/eligibility")["code"] == "ebill-printed"
    assert his.refund(trade, "RF1", TOTAL_1)[1]["code"] == "ebill-printed"
    assert his.code("POST", f"/trades/{trade}/cancel", {}) == "ebill-printed"
    assert his.done("POST", path, {"printed": False})["printed"] is False
    assert his.refund(trade, "RF1", TOTAL_1)[0] == 201
    normal, red = ebills(his)
    assert (normal["type"], red["type"], red["amount_fen"]) == ("1", "2", TOTAL_1)
    assert his.code("POST", path, {"printed": True}) == "trade-refunded"
    assert his.code("POST", f"/e-bills/{red['ebill_id']}/print-state", {"printed": True}) == "trade-refunded"
    assert his.code("POST", "/e-bills/nothing/print-state", {"printed": True}) == "notfound"
    his.check()


def test_the_snapshot_counts_the_money() -> None:
    his = bench()
    trade = his.settled(BILL_1)
    his.settled(BILL_2)
    his.refund(trade, "RF1", TOTAL_1)
    shown = his.peer.snapshot()
    assert shown["returned_fen"] == TOTAL_1
    assert shown["paid_fen"] == sum(row.amount_fen for row in his.peer.book() if row.kind == "pay")
    assert shown["trades"] == {"refunded": 1, "settled": 1}
    assert shown["bills"] == {"paid": 1, "unpaid": 1, "void": 1}
    assert shown["ebills"] == 3
    assert CLINIC not in str(shown)
