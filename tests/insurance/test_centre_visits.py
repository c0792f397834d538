"""Visits and fee lines at the centre, accounts and the policy (spec/services.md 1.4, 1.5)."""

from __future__ import annotations

import pytest

from simulators.peer.city import City
from simulators.peer.insurance_policy import Policy, Purse, calculate, item_of, split_line

from .clinic import CARD_1, OTHER_INSTITUTION, PSN_1, A, B, C, Clinic, civil, clinic

CITY = City()

# Visits and lines.


def test_a_visit_is_of_the_person_with_the_credential() -> None:
    party = clinic()
    data = {
        "psn_no": PSN_1,
        "insutype": "310",
        "begntime": civil(party.now),
        "mdtrt_cert_type": "03",
        "mdtrt_cert_no": "A00000002",
        "ipt_otp_no": "O1",
        "atddr_no": "D",
        "dr_name": "测",
        "dept_code": "1",
        "dept_name": "全科",
        "caty": "A01",
    }
    assert party.refused("2201", {"data": data}) == "credential-mismatch"
    assert party.refused("2201", {"data": {**data, "mdtrt_cert_no": CARD_1, "insutype": "390"}}) == "not-insured"
    assert party.refused("2201", {"data": {**data, "psn_no": "44190000000000000000"}}) == "unknown-person"
    party.register("O1")
    assert party.refused("2201", {"data": {**data, "mdtrt_cert_no": CARD_1}}) == "duplicate-visit"
    # The number is unique in the institution, not in the city.
    Clinic(party.peer, OTHER_INSTITUTION, now=party.now).sign_in().register("O1")


def test_lines_need_a_diagnosis_first() -> None:
    party = clinic()
    mdtrt_id = party.register()
    assert party.refused("2204", {"feedetail": [party.line(mdtrt_id, "1", A, 100)]}) == "missing-diagnosis"
    info = {"mdtrt_id": mdtrt_id, "psn_no": PSN_1, "med_type": "11", "begntime": civil(party.now)}
    assert party.refused("2203", {"mdtrtinfo": info}) == "missing-diagnosis"
    party.done("2203", {"mdtrtinfo": {**info, "med_type": "12"}})
    party.upload(party.line(mdtrt_id, "1", A, 100))


def test_lines_that_break_a_rule() -> None:
    party = clinic()
    mdtrt_id = party.visit()
    good = party.line(mdtrt_id, "9", A, 100)
    cases = [
        ({"feedetl_sn": "1"}, "duplicate-line"),
        ({"det_item_fee_sumamt": -1, "pric": -1}, "negative-amount"),
        ({"cnt": 0}, "negative-amount"),
        ({"cnt": 2}, "line-differs"),
        ({"dise_codg": "other"}, "mixed-batch"),
        ({"mdtrt_id": "4419M0099"}, "no-such-visit"),
        ({"psn_no": "44190000000000000002"}, "no-such-visit"),
        ({"det_item_fee_sumamt": float("inf")}, "malformed"),
    ]
    for changes, code in cases:
        assert party.refused("2204", {"feedetail": [{**good, **changes}]}) == code, changes
    twice = [good, good]
    assert party.refused("2204", {"feedetail": twice}) == "duplicate-line"
    mixed = [good, {**good, "feedetl_sn": "10", "mdtrt_id": "4419M0002"}]
    assert party.refused("2204", {"feedetail": mixed}) == "malformed"
    party.upload(good)


def test_the_split_of_a_line() -> None:
    party = clinic()
    mdtrt_id = party.register()
    party.diagnose(mdtrt_id)
    dear = {**party.line(mdtrt_id, "1", "XSIM000000000000A002", 6_000), "cnt": 2, "pric": 30}
    result = party.upload(dear, party.line(mdtrt_id, "2", B, 2_100), party.line(mdtrt_id, "3", C, 500))
    keys = ("fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt", "chrgitm_lv")
    # Two at a ceiling of 25.00 each; one tenth of 21.00 first; class C wholly.
    assert [tuple(row[key] for key in keys) for row in result] == [
        (0.0, 10.0, 0.0, 50.0, "01"),
        (0.0, 0.0, 2.1, 18.9, "02"),
        (5.0, 0.0, 0.0, 0.0, "03"),
    ]
    assert result[0]["pric_uplmt_amt"] == 25.0
    assert result[1]["selfpay_prop"] == 0.1


def test_withdrawal_and_cancellation() -> None:
    party = clinic()
    mdtrt_id = party.visit()
    withdraw = {"data": {"mdtrt_id": mdtrt_id, "chrg_bchno": "0000", "psn_no": PSN_1}}
    party.done("2205", withdraw)
    assert party.refused("2206", party.pre_settle_body(mdtrt_id, 12_560)) == "no-fee-lines"
    party.done("2205", withdraw)
    cancel = {"data": {"psn_no": PSN_1, "mdtrt_id": mdtrt_id, "ipt_otp_no": "O1"}}
    assert party.refused("2202", {"data": {**cancel["data"], "ipt_otp_no": "O2"}}) == "no-such-visit"
    party.done("2202", cancel)
    assert party.refused("2202", cancel) == "visit-void"
    assert party.refused("2205", withdraw) == "visit-void"
    assert party.refused("2204", {"feedetail": [party.line(mdtrt_id, "1", A, 100)]}) == "visit-void"
    assert party.peer.violations() == []
    assert party.peer.snapshot()["open_visits"] == []


def test_a_visit_is_cancelled_by_its_number_alone_and_late_registrations_are_refused() -> None:
    party = clinic()
    cancel = {"data": {"psn_no": PSN_1, "ipt_otp_no": "O1"}}
    party.visit("O1")
    party.done("2202", cancel)
    late = party.envelope("2201", {})
    party.done("2202", {"data": {"psn_no": PSN_1, "ipt_otp_no": "O2"}})
    party.done("2202", {"data": {"psn_no": PSN_1, "ipt_otp_no": "O2"}})
    assert late["infno"] == "2201"
    with pytest.raises(AssertionError, match="message-fenced"):
        party.register("O2")
    assert party.peer.violations() == []


# The account.


def test_the_account_is_used_only_if_wanted() -> None:
    party = clinic()
    info = party.settled(acct_used_flag="0")
    assert (info["acct_pay"], info["psn_cash_pay"], info["balc"]) == (0.0, 42.65, 200.0)


def test_without_a_limit_the_account_pays_all_but_class_c() -> None:
    info = clinic(insurance_account_limit_fen=0).settled()
    assert (info["acct_pay"], info["psn_cash_pay"]) == (37.65, 5.0)


def test_an_account_that_runs_dry() -> None:
    party = clinic()
    balances = [party.settled(f"O{n}")["balc"] for n in range(8)]
    assert balances == [170.0, 140.0, 110.0, 80.0, 50.0, 20.0, 0.0, 0.0]


def _resident(insutype: str, aided: bool) -> int:
    for number in range(2, 2_000):
        found = CITY.resident(number)
        assert found is not None
        relative = CITY.resident(found.relative) if found.relative else None
        has_aid = relative is not None and relative.insutype == "310" and relative.account_fen > 5_000
        if found.insutype == insutype and has_aid is aided:
            return number
    raise AssertionError("no such resident")


def _settle_for(party: Clinic, number: int) -> dict[str, object]:
    resident = CITY.resident(number)
    assert resident is not None
    psn_no, card = resident.psn_no, resident.person.card_number
    mdtrt_id = party.register("O1", psn_no, card, resident.insutype)
    party.diagnose(mdtrt_id, psn_no)
    party.upload(party.line(mdtrt_id, "1", A, 20_000, psn_no=psn_no))
    changes = {"psn_no": psn_no, "mdtrt_cert_no": card, "insutype": resident.insutype}
    quote = party.quote(mdtrt_id, 20_000, **changes)
    return party.done("2207", party.settle_body(mdtrt_id, 20_000, quote, **changes))["setlinfo"]


def test_a_resident_without_an_account() -> None:
    info = _settle_for(clinic(), _resident("390", aided=False))
    # 200.00 less the year's deductible of 30.00, half of it from the fund.
    assert (info["act_pay_dedc"], info["hifp_pay"], info["acct_pay"]) == (30.0, 85.0, 0.0)
    assert info["balc"] == 0.0


def test_mutual_aid_is_paid_from_the_relatives_account() -> None:
    party = clinic()
    number = _resident("390", aided=True)
    resident = CITY.resident(number)
    assert resident is not None
    relative = CITY.resident(resident.relative)
    assert relative is not None
    info = _settle_for(party, number)
    assert (info["acct_pay"], info["acct_mulaid_pay"], info["balc"]) == (30.0, 30.0, 0.0)
    assert party.peer.centre.balance_fen(relative) == relative.account_fen - 3_000
    body = {"data": {name: info[name] for name in ("setl_id", "mdtrt_id", "psn_no")}}
    party.done("2208", body)
    assert party.peer.centre.balance_fen(relative) == relative.account_fen


# The policy.


def test_items_are_of_all_classes_and_always_the_same() -> None:
    levels = [item_of(f"code-{n}").level for n in range(500)]
    assert {each: levels.count(each) for each in set(levels)}.keys() == {"01", "02", "03"}
    assert levels == [item_of(f"code-{n}").level for n in range(500)]
    assert any(item_of(f"code-{n}").ceiling for n in range(50))


def test_the_deductible_is_borne_once_a_year() -> None:
    policy, line = Policy(), split_line(item_of(A), 10_000, 10_000)
    first = calculate(policy, "390", [line], 0, Purse())
    second = calculate(policy, "390", [line], first.deductible_fen, Purse())
    assert (first.deductible_fen, first.fund_fen) == (3_000, 3_500)
    assert (second.deductible_fen, second.fund_fen) == (0, 5_000)
    small = calculate(policy, "390", [split_line(item_of(A), 1_000, 10_000)], 0, Purse())
    assert (small.deductible_fen, small.fund_fen, small.cash_fen) == (1_000, 0, 1_000)


def test_half_a_cent_goes_up() -> None:
    policy = Policy(ratio={"310": 5_000})
    assert calculate(policy, "310", [split_line(item_of(A), 1, 10_000)], 0, Purse()).fund_fen == 1
    assert calculate(policy, "310", [split_line(item_of(A), 3, 10_000)], 0, Purse()).fund_fen == 2
