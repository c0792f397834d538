"""Bills, locks, settlements, cancellations and their fences at the HIS (spec/services.md 2.1 nos. 9 to 13, 2.2, 8)."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.peer.base import PeerOptions

from .bench import BILL_1, BILL_2, BILL_3, CLINIC, MORNING, OTHER_CLINIC, OTHER_PATIENT, PATIENT, TOTAL_1, Bench


def bench(temper: str = "strict", **settings: Any) -> Bench:
    return Bench(PeerOptions(temper=temper, settings=settings))  # type: ignore[arg-type]


# 9: bills.


def test_bills_wait_with_their_items() -> None:
    his = bench()
    first, second, third = his.bills()
    assert first["bill_id"] == BILL_1
    assert first["total_fen"] == TOTAL_1 == sum(item["amount_fen"] for item in first["items"])
    assert [item["amount_fen"] for item in first["items"]] == [9_960, 2_100, 500]  # spec/services.md 1.10
    assert first["billed_at"] == "2026-11-22T07:52:00+08:00"
    assert (second["med_type"], third["med_type"]) == ("11", "14")
    assert all(item["price_fen"] * int(item["quantity"]) == item["amount_fen"] for item in second["items"])
    assert his.bills() == [first, second, third], "they are the same however often they are asked for"
    assert his.bills(OTHER_PATIENT)[0]["bill_id"].startswith("B00001-00000002")
    his.check()


def test_each_clinic_has_its_own_bills() -> None:
    his = bench()
    here, there = his.bills(), his.bills(clinic=OTHER_CLINIC)
    assert {each["bill_id"][:6] for each in here} == {"B00001"}
    assert {each["bill_id"][:6] for each in there} == {"B00002"}


def test_no_bills_and_endless_bills() -> None:
    assert bench(bills=0).bills() == []
    his = bench(bills=1, endless=True)
    for number in range(1, 4):
        (bill,) = his.bills()
        assert bill["bill_id"] == f"B00001-00000001-000{number}"
        assert his.bills() == [bill], "no new one while one waits"
        trade = his.locked(bill["bill_id"], med_type=bill["med_type"])
        assert his.bills()[0]["held"] is True
        assert his.settle(trade, bill["total_fen"])[0] == 201
    his.check()
    plain = bench(bills=1)
    plain.settled(BILL_1)
    assert plain.bills() == []


# 10: the lock.


def test_a_lock_returns_what_the_insurance_needs() -> None:
    his = bench()
    his.bills()
    status, told = his.lock("DG1", [BILL_1, BILL_2])
    assert status == 201
    assert told["business"] == "charge"
    assert told["expires_at"] == "2026-11-22T08:15:00+08:00"
    assert told["total_fen"] == TOTAL_1 + his.bills()[1]["total_fen"]
    assert [line["det_item_fee_sumamt"] for line in told["feedetail"][:3]] == ["99.60", "21.00", "5.00"]
    numbers = [line["feedetl_sn"] for line in told["feedetail"]]
    assert len(set(numbers)) == len(numbers)
    cents = sum(int(line["det_item_fee_sumamt"].replace(".", "")) for line in told["feedetail"])
    assert cents == told["total_fen"]
    assert told["diagnoses"][0]["diag_type"] == "1"
    assert [each["diag_srt_no"] for each in told["diagnoses"]] == [
        str(number) for number in range(1, len(told["diagnoses"]) + 1)
    ]
    his.check()


def test_a_lock_is_idempotent_and_lets_go_by_itself() -> None:
    his = bench()
    his.bills()
    first = his.lock("DG1")
    his.now += 600
    assert his.lock("DG1") == first, "the same lock: it is not kept longer for being asked again"
    assert his.lock("DG1", key="another-key") == first
    assert his.code("POST", "/settlements/DG2/lock", lock_body(), key="k2") == "bill-held"
    his.now = MORNING + 899.9
    assert his.status("DG1") == "LOCKED"
    his.now = MORNING + 900
    assert his.status("DG1") == "EXPIRED"
    assert his.lock("DG1")[1]["code"] == "lock-expired"
    assert his.lock("DG2")[0] == 201
    his.check()


def lock_body(bills: Any = (BILL_1,), **changes: Any) -> dict[str, Any]:
    return {"patient_id": PATIENT, "bill_ids": list(bills), "med_type": "11", **changes}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (lock_body([BILL_1, BILL_3]), "not-mergeable"),  # another med_type
        (lock_body([BILL_1, "B00001-00000001-0004"]), "not-mergeable"),  # pay_merge is false
        (lock_body(["B00001-00000001-0004"]), ""),  # which may be paid alone
        (lock_body([BILL_3]), "med-type-differs"),
        (lock_body([BILL_3], med_type="14"), ""),
        (lock_body(["B00001-00000001-0009"]), "notfound"),
        (lock_body(["B00001-00000001-0000"]), "notfound"),
        (lock_body(["nothing"]), "notfound"),
        (lock_body(["B00001-00000002-0001"]), "patient-differs"),
        (lock_body(["B00002-00000001-0001"]), "foreign-institution"),
        (lock_body(patient_id="P99999999"), "patient-unknown"),
        (lock_body(patient_id="X"), "patient-unknown"),
        (lock_body([], slot_lock="L00000099"), "notfound"),
    ],
)
def test_what_may_be_locked_together(body: dict[str, Any], code: str) -> None:
    his = bench(bills=5)
    his.bills()
    his.bills(OTHER_PATIENT)
    his.bills(clinic=OTHER_CLINIC)
    before = len(his.events)
    status, told = his.ask("POST", "/settlements/DG1/lock", body, key="k1")
    assert (status, told.get("code", "")) == (201, "") if not code else told["code"] == code
    if code:
        assert len(his.events) == before, "a refusal changes nothing"


def test_a_trade_number_is_used_once() -> None:
    his = bench()
    his.bills()
    assert his.lock("DG1")[0] == 201
    assert his.lock("DG1", [BILL_2], key="another-key")[1]["code"] == "trade-differs"
    assert his.lock("DG1", [BILL_2])[1]["code"] == "key-reused"
    assert his.code("POST", "/settlements/DG2/lock", lock_body(), key="DG1001") == "key-reused"
    assert [each.split(": ", 1)[1] for each in his.peer.violations()] == [
        "trade-differs (trade_no)",
        "key-reused (Idempotency-Key)",
        "key-reused (Idempotency-Key)",
    ]


def test_a_key_is_wanted_and_a_realistic_his_lives_without() -> None:
    his = bench()
    his.bills()
    assert his.lock("DG1", key="")[1]["code"] == "key-missing"
    assert his.lock("DG1", key="k" * 256)[1]["code"] == "malformed"
    easy = bench("realistic")
    easy.bills()
    assert easy.lock("DG1", key="")[0] == 201
    assert easy.peer.violations() == ["POST /his/v1/settlements/lock: key-missing"]


def test_a_hostile_his_keeps_a_lock_for_five_minutes() -> None:
    his = bench("hostile")
    his.bills()
    assert his.lock("DG1")[1]["expires_at"] == "2026-11-22T08:05:00+08:00"


# 11: the settlement.


def test_a_settlement_happens_once() -> None:
    his = bench()
    his.bills()
    trade = his.locked()
    first = his.settle(trade, TOTAL_1)
    assert first == (
        201,
        {
            "trade_no": trade,
            "reconciliation_no": "HIS20261122000001",
            "settled_at": "2026-11-22T08:00:00+08:00",
        },
    )
    his.now += 5_000
    assert his.settle(trade, TOTAL_1) == first, "sent again, and after its lock has expired"
    other = {"trade_no": trade, "pays": [{"kind": "11", "amount_fen": TOTAL_1}]}
    assert his.code("POST", "/settlements", other, key="another-key") == "trade-differs"
    assert his.lock(trade)[1]["code"] == "trade-settled"
    (row,) = his.peer.book()
    assert (row.book, row.reference, row.kind, row.amount_fen, row.day) == ("his", trade, "pay", TOTAL_1, "2026-11-22")
    assert (row.institution, row.channel, row.original) == (CLINIC, "02", "")
    assert row.parts == {"fund_fen": 0, "account_fen": 0, "cash_fen": TOTAL_1}
    assert [each["bill_id"] for each in his.bills()] == [BILL_2, BILL_3]
    assert his.code("POST", "/settlements/DG9/lock", lock_body(), key="k9") == "bill-paid"
    his.check()


def test_the_parts_of_a_settlement_agree() -> None:
    his = bench()
    his.bills()
    trade = his.locked()
    fund, account, card = (
        {"kind": "07", "amount_fen": 8_295, "channel_ref": "44190026112200000001"},
        {"kind": "06", "amount_fen": 3_000, "channel_ref": "44190026112200000001"},
        {"kind": "02", "amount_fen": 1_265, "channel_ref": "10000001/000001/000012"},
    )
    split = {"fund_fen": 8_295, "account_fen": 3_000, "cash_fen": 1_265, "reduction_fen": 0}
    wrong = [
        ([fund, account], None),
        ([fund, account, card, card], None),
        ([], None),
        ([fund, account, card], {**split, "fund_fen": 8_296}),
        ([fund, account, card], {**split, "fund_fen": 8_294, "account_fen": 3_001}),
        ([fund, account, card], {**split, "reduction_fen": 1}),
        ([fund, account], {"fund_fen": 8_295, "account_fen": 3_000, "cash_fen": 1_265}),
    ]
    for pays, parts in wrong:
        body = {"trade_no": trade, "pays": pays} | ({"split": parts} if parts else {})
        assert his.code("POST", "/settlements", body, key=trade) == "amount-differs"
    assert len(his.peer.violations()) == len(wrong)
    body = {
        "trade_no": trade,
        "pays": [fund, account, card],
        "split": split,
        "insurance": {"setl_id": "44190026112200000001", "mdtrt_id": "4419M0001"},
    }
    his.done("POST", "/settlements", body, key=trade)
    (row,) = his.peer.book()
    assert row.parts == {"fund_fen": 8_295, "account_fen": 3_000, "cash_fen": 1_265}


def test_what_the_institution_bears_is_no_pay() -> None:
    his = bench()
    his.bills()
    trade = his.locked()
    body = {
        "trade_no": trade,
        "pays": [{"kind": "02", "amount_fen": 12_000}],
        "split": {"cash_fen": 12_000, "reduction_fen": 560},
    }
    his.done("POST", "/settlements", body, key=trade)


def test_a_settlement_without_a_lock_or_after_it() -> None:
    his = bench()
    his.bills()
    assert his.settle("DG99", TOTAL_1)[1]["code"] == "not-locked"
    trade = his.locked()
    his.now += 900
    assert his.settle(trade, TOTAL_1)[1]["code"] == "lock-expired"
    assert list(his.peer.book()) == []
    assert his.peer.locks(his.now) == ()
    assert [each["held"] for each in his.bills()] == [False, False, False]


def test_a_realistic_his_settles_late_while_the_bills_are_free() -> None:
    his = bench("realistic")
    his.bills()
    late, other = his.locked(), his.locked(BILL_2)
    his.now += 900
    assert his.settle(late, TOTAL_1)[0] == 201
    third = his.locked(BILL_2)
    assert his.settle(other, his.records.trades[other].total_fen)[1]["code"] == "lock-expired"
    assert his.settle(third, his.records.trades[third].total_fen)[0] == 201
    his.check()


def test_a_lock_that_another_clock_has_given_away_is_lost() -> None:
    """For a moment the HIS's clock ran ahead, so the lock had expired and another trade was given the bill."""
    his = bench()
    his.bills()
    trade = his.locked()
    his.now += 1_000
    other = his.locked()
    his.now -= 990
    assert his.settle(trade, TOTAL_1)[1]["code"] == "lock-expired"
    assert his.settle(other, TOTAL_1)[0] == 201
    assert len(list(his.peer.book())) == 1
    his.check()


# 12, 13: cancellation, fences, status.


def test_an_unlock_frees_the_bills_and_fences_the_number() -> None:
    his = bench()
    his.bills()
    trade = his.locked()
    told = his.done("DELETE", f"/settlements/{trade}/lock")
    assert told == {"trade_no": trade, "result": "RELEASED"}
    assert his.done("DELETE", f"/settlements/{trade}/lock") == told
    assert his.peer.locks(his.now) == ()
    assert his.lock(trade)[1]["code"] == "trade-cancelled"
    assert his.settle(trade, TOTAL_1)[1]["code"] == "trade-cancelled"
    assert his.status(trade) == "CANCELLED"
    assert his.lock("DG2")[0] == 201
    his.check()


def test_an_unlock_of_an_unknown_number_succeeds_and_refuses_what_comes_late() -> None:
    """TCC: empty rollback and anti-suspension (spec/services.md 8)."""
    his = bench()
    his.bills()
    assert his.status("DG1") == "notfound"
    for path in ("DELETE /settlements/DG1/lock", "POST /trades/DG2/cancel"):
        method, target = path.split()
        told = his.done(method, target, {} if method == "POST" else None)
        assert told["result"] == "FENCED"
        assert his.done(method, target, {} if method == "POST" else None) == told
    for trade in ("DG1", "DG2"):
        assert his.status(trade) == "CANCELLED"
        assert his.lock(trade)[1]["code"] == "trade-cancelled"
        assert his.settle(trade, TOTAL_1)[1]["code"] == "trade-cancelled"
    assert his.peer.violations() == []
    assert his.peer.locks(his.now) == ()
    his.check()


def test_an_unlock_does_not_touch_what_is_settled() -> None:
    his = bench()
    trade = his.settled(BILL_1)
    assert his.code("DELETE", f"/settlements/{trade}/lock") == "trade-settled"
    assert his.status(trade) == "DONE"


def test_a_cancellation_takes_a_settlement_back() -> None:
    his = bench()
    trade = his.settled(BILL_1)
    told = his.done("POST", f"/trades/{trade}/cancel", {"reason": "asker"})
    assert told == {"trade_no": trade, "result": "UNDONE"}
    assert his.done("POST", f"/trades/{trade}/cancel", {}) == told
    assert [(row.kind, row.reference, row.original) for row in his.peer.book()] == [
        ("pay", trade, ""),
        ("undo", trade, trade),
    ]
    assert his.status(trade) == "CANCELLED"
    assert BILL_1 in [each["bill_id"] for each in his.bills()], "what was cancelled is unpaid again"
    assert his.settle(trade, TOTAL_1)[1]["code"] == "trade-cancelled"
    assert his.locked()
    his.check()


def test_a_cancellation_after_use_is_refused() -> None:
    his = bench()
    trade = his.settled(BILL_1)
    his.now += 3_600
    assert his.code("POST", f"/trades/{trade}/cancel", {}) == "drug-issued"
    assert his.status(trade) == "DONE"


def test_an_expired_trade_can_be_let_go() -> None:
    his = bench("realistic")
    his.bills()
    trade = his.locked()
    his.now += 900
    assert his.done("DELETE", f"/settlements/{trade}/lock")["result"] == "RELEASED"
    assert his.settle(trade, TOTAL_1)[1]["code"] == "trade-cancelled", "not even a realistic HIS settles it now"


def test_the_status_of_a_trade() -> None:
    his = bench()
    trade = his.settled(BILL_1)
    assert his.ask("GET", f"/trades/{trade}") == (
        200,
        {
            "trade_no": trade,
            "state": "DONE",
            "business": "charge",
            "reconciliation_no": "HIS20261122000001",
            "amount_fen": TOTAL_1,
            "settled_at": "2026-11-22T08:00:00+08:00",
            "registration_id": "",
            "see_no": "",
        },
    )
    status, told = his.ask("GET", "/trades/UNKNOWN-NO")
    assert (status, told["code"]) == (404, "notfound")


def test_trades_belong_to_their_institution() -> None:
    his = bench()
    trade = his.settled(BILL_1)
    asked = [
        ("GET", f"/trades/{trade}", None),
        ("DELETE", f"/settlements/{trade}/lock", None),
        ("POST", f"/trades/{trade}/cancel", {}),
        ("GET", f"/trades/{trade}/eligibility", None),
    ]
    for method, path, body in asked:
        assert his.code(method, path, body, clinic=OTHER_CLINIC) == "foreign-institution"
    assert his.refund(trade, "RF1", TOTAL_1, clinic=OTHER_CLINIC)[1]["code"] == "foreign-institution"
    assert his.settle(trade, TOTAL_1, clinic=OTHER_CLINIC)[1]["code"] == "foreign-institution"
    assert his.status(trade) == "DONE"
    assert len(his.peer.violations()) == 6


def test_the_snapshot_shows_stuck_locks() -> None:
    his = bench()
    his.bills()
    trade = his.locked()
    shown = his.peer.snapshot()
    assert shown["locks"] == {"trades": 1, "slots": 0}
    assert shown["locked_trades"] == [trade]
    (held,) = his.peer.locks(his.now)
    assert (held.trade_no, held.what, held.institution, held.expires_at) == (trade, BILL_1, CLINIC, MORNING + 900)
    his.now += 900
    his.bills()
    assert his.peer.snapshot()["locks"] == {"trades": 0, "slots": 0}
