"""Settlement, reversal, correction and query at the centre, its clock and its journal (spec/services.md 1.5 to 1.7, 1.10)."""

from __future__ import annotations

import json

import pytest

from protocols.wire.http import HttpRequest
from protocols.wire.insurance import vectors
from protocols.wire.insurance.fields import read
from protocols.wire.insurance.invariants import invariant_violations
from protocols.wire.insurance.json_text import read_object
from protocols.wire.insurance.settlement_messages import SetlInfo
from simulators.peer.city import City

from .clinic import CARD_1, INSTITUTION, MORNING, OTHER_INSTITUTION, PSN_1, A, Clinic, centre, clinic

CITY = City()

# The worked settlement.


def test_i1_as_it_is_printed() -> None:
    """The printed 2207 is accepted as it stands, and every printed figure of its reply comes out of the calculation."""
    party = clinic()
    assert party.sign_no == "S20261122000001"
    assert party.visit() == "4419M0001"
    at = MORNING + 30 * 60 + 16
    party.now = at
    reply = party.send(HttpRequest("POST", "/fsi/api/2207", party.headers("nonce-of-i1"), vectors.I1_REQUEST))
    answered, printed = json.loads(reply.body), json.loads(vectors.I1_REPLY)
    assert answered["infcode"] == printed["infcode"]
    assert answered["inf_refmsgid"] == printed["inf_refmsgid"]
    info = printed["output"]["setlinfo"]
    assert {name: answered["output"]["setlinfo"][name] for name in info} == info
    detail = printed["output"]["setldetail"][0]
    assert {name: answered["output"]["setldetail"][0][name] for name in detail} == detail
    assert party.peer.violations() == []


def test_i2_as_it_is_printed() -> None:
    """The settlement of I1 is corrected; 5203 then shows no valid one (here: one that was taken back)."""
    party = clinic()
    mdtrt_id = party.visit()
    party.now = MORNING + 30 * 60 + 16
    party.send(HttpRequest("POST", "/fsi/api/2207", party.headers("nonce-of-i1"), vectors.I1_REQUEST))
    assert party.found(mdtrt_id)["refd_setl_flag"] == "0"  # type: ignore[index]
    assert party.done("2601", json.loads(vectors.I2_INPUT)) is None
    assert party.found(mdtrt_id)["refd_setl_flag"] == "1"  # type: ignore[index]
    assert party.quote(mdtrt_id, 12_560)["balc"] == 170.00


# Settlement.


def test_a_settlement_moves_money_once() -> None:
    party = clinic()
    mdtrt_id = party.visit()
    quote = party.quote(mdtrt_id, 12_560)
    assert quote["setl_id"] == ""
    whole = party.envelope("2207", party.settle_body(mdtrt_id, 12_560, quote))
    first = json.loads(party.send(party.request(whole)).body)
    party.now += 60
    again = json.loads(party.send(party.request(whole)).body)
    assert again["infcode"] == "0"
    assert again["output"] == first["output"]
    assert again["inf_refmsgid"] != first["inf_refmsgid"]
    assert party.refused("2207", whole["input"]) == "batch-settled"
    other = {"data": {**whole["input"]["data"], "invono": "INV0002"}}
    assert party.refused("2207", other, msgid=whole["msgid"]) == "msgid-reused"
    rows = list(party.peer.book())
    assert [(row.kind, row.reference, row.amount_fen, row.day) for row in rows] == [
        ("pay", whole["msgid"], 11_295, "2026-11-22")
    ]
    assert rows[0].parts == {"fund_fen": 8_295, "account_fen": 3_000}
    assert rows[0].institution == INSTITUTION


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"medfee_sumamt": 125.61}, "amount-differs"),
        ({"medfee_sumamt": -125.60}, "amount-differs"),
        ({"inscp_scp_amt": 118.49, "preselfpay_amt": 2.11}, "amount-differs"),
        ({"insutype": "390"}, "not-insured"),
        ({"mdtrt_cert_no": "A00000002"}, "credential-mismatch"),
        ({"chrg_bchno": "B0002"}, "no-fee-lines"),
        ({"mdtrt_id": "4419M0009"}, "no-such-visit"),
        ({"psn_no": "44190000000000000002"}, "no-such-visit"),
        ({"med_type": "13"}, "malformed"),
        ({"acct_used_flag": "2"}, "malformed"),
    ],
)
def test_a_settlement_that_breaks_a_rule(changes: dict[str, object], code: str) -> None:
    party = clinic()
    mdtrt_id = party.visit()
    quote = party.quote(mdtrt_id, 12_560)
    body = party.settle_body(mdtrt_id, 12_560, quote)
    assert party.refused("2207", {"data": {**body["data"], **changes}}) == code
    assert list(party.peer.book()) == []
    party.done("2207", body)


def test_a_visit_that_is_settled_stays() -> None:
    party = clinic()
    info = party.settled()
    cancel = {"data": {"psn_no": PSN_1, "mdtrt_id": info["mdtrt_id"], "ipt_otp_no": "O1"}}
    assert party.refused("2202", cancel) == "visit-settled"
    withdraw = {"data": {"mdtrt_id": info["mdtrt_id"], "chrg_bchno": "B0001", "psn_no": PSN_1}}
    assert party.refused("2205", withdraw) == "batch-settled"
    line = party.line(info["mdtrt_id"], "9", A, 100)
    assert party.refused("2204", {"feedetail": [line]}) == "batch-settled"


def test_a_reversal_is_the_mirror_and_comes_once() -> None:
    party = clinic()
    info = party.settled()
    mirror = party.revoke(info)
    judged = [read(SetlInfo, read_object(json.dumps(each).encode())) for each in (mirror, info)]
    assert invariant_violations(judged[0], reverses=judged[1]) == []
    assert mirror["setl_id"] == "44190026112200000002"
    assert mirror["balc"] == 200.00
    body = {"data": {name: info[name] for name in ("setl_id", "mdtrt_id", "psn_no")}}
    assert party.refused("2208", body) == "settlement-reversed"
    assert party.refused("2208", {"data": {**body["data"], "setl_id": mirror["setl_id"]}}) == "no-such-settlement"
    found = party.found(info["mdtrt_id"])
    assert found is not None
    assert (found["refd_setl_flag"], found["refd_setl_id"]) == ("1", mirror["setl_id"])
    assert [row.kind for row in party.peer.book()] == ["pay", "undo"]
    undo = list(party.peer.book())[1]
    assert undo.original == info["medins_setl_id"]
    assert undo.reference == mirror["medins_setl_id"]
    # The batch can be settled anew, or the visit ended.
    quote = party.quote(info["mdtrt_id"], 12_560)
    party.done("2207", party.settle_body(info["mdtrt_id"], 12_560, quote))


def test_the_same_reversal_again_gives_the_same_answer() -> None:
    party = clinic()
    info = party.settled()
    body = {"data": {name: info[name] for name in ("setl_id", "mdtrt_id", "psn_no")}}
    whole = party.envelope("2208", body)
    first = json.loads(party.send(party.request(whole)).body)
    party.now += 5
    assert json.loads(party.send(party.request(whole)).body)["output"] == first["output"]
    assert len(list(party.peer.book())) == 2


def test_foreign_settlements_are_out_of_reach() -> None:
    party = clinic()
    info = party.settled()
    other = Clinic(party.peer, OTHER_INSTITUTION, now=party.now).sign_in()
    body = {"data": {name: info[name] for name in ("setl_id", "mdtrt_id", "psn_no")}}
    correct = {"data": {"psn_no": PSN_1, "oinfno": "2207", "omsgid": info["medins_setl_id"]}}
    assert other.refused("2208", body) == "foreign-institution"
    assert other.refused("5203", {"data": {"psn_no": PSN_1, "mdtrt_id": info["mdtrt_id"]}}) == "foreign-institution"
    assert other.refused("2601", correct) == "foreign-institution"
    assert other.refused("2205", {"data": {"mdtrt_id": info["mdtrt_id"], "chrg_bchno": "0000", "psn_no": PSN_1}})
    assert [row.kind for row in party.peer.book()] == ["pay"]
    assert len(party.peer.violations()) == 4


# Correction.


def test_a_correction_before_its_message_fences_it() -> None:
    party = clinic()
    mdtrt_id = party.visit()
    whole = party.envelope("2207", party.settle_body(mdtrt_id, 12_560, party.quote(mdtrt_id, 12_560)))
    correct = {"data": {"psn_no": PSN_1, "oinfno": "2207", "omsgid": whole["msgid"]}}
    assert party.done("2601", correct) is None
    assert party.found(mdtrt_id) is None
    late = json.loads(party.send(party.request(whole)).body)
    assert late["infcode"] == "-1"
    assert "[message-fenced]" in late["err_msg"]
    assert party.done("2601", correct) is None
    assert list(party.peer.book()) == []
    assert party.peer.violations() == []
    assert party.peer.snapshot()["fenced"] == 1


def test_a_correction_takes_the_money_back_once() -> None:
    party = clinic()
    info = party.settled()
    correct = {"data": {"psn_no": PSN_1, "oinfno": "2207", "omsgid": info["medins_setl_id"]}}
    for _ in range(3):
        assert party.done("2601", correct) is None
    assert [(row.kind, row.original) for row in party.peer.book()] == [("pay", ""), ("undo", info["medins_setl_id"])]
    body = {"data": {name: info[name] for name in ("setl_id", "mdtrt_id", "psn_no")}}
    assert party.refused("2208", body) == "settlement-reversed"
    assert party.peer.centre.balance_fen(CITY.resident(1)) == 20_000  # type: ignore[arg-type]


def test_a_correction_after_a_reversal_changes_nothing() -> None:
    party = clinic()
    info = party.settled()
    party.revoke(info)
    party.done("2601", {"data": {"psn_no": PSN_1, "oinfno": "2207", "omsgid": info["medins_setl_id"]}})
    assert [row.kind for row in party.peer.book()] == ["pay", "undo"]


def test_the_correction_of_a_reversal_lets_the_settlement_stand() -> None:
    party = clinic()
    info = party.settled()
    mirror = party.revoke(info)
    correct = {"data": {"psn_no": PSN_1, "oinfno": "2208", "omsgid": mirror["medins_setl_id"]}}
    party.done("2601", correct)
    party.done("2601", correct)
    assert [row.kind for row in party.peer.book()] == ["pay", "undo", "pay"]
    assert party.found(info["mdtrt_id"])["refd_setl_flag"] == "0"  # type: ignore[index]
    assert party.peer.centre.balance_fen(CITY.resident(1)) == 17_000  # type: ignore[arg-type]


def test_the_correction_of_a_reversal_needs_what_it_stood_on() -> None:
    party = clinic()
    info = party.settled()
    mirror = party.revoke(info)
    correct = {"data": {"psn_no": PSN_1, "oinfno": "2208", "omsgid": mirror["medins_setl_id"]}}
    party.done("2205", {"data": {"mdtrt_id": info["mdtrt_id"], "chrg_bchno": "0000", "psn_no": PSN_1}})
    assert party.refused("2601", correct) == "no-fee-lines"
    party.done("2202", {"data": {"psn_no": PSN_1, "mdtrt_id": info["mdtrt_id"], "ipt_otp_no": "O1"}})
    assert party.refused("2601", correct) == "visit-void"


def test_what_cannot_be_corrected() -> None:
    party = clinic()
    info = party.settled()
    data = {"psn_no": PSN_1, "oinfno": "2207", "omsgid": info["medins_setl_id"]}
    cases = [
        ({"oinfno": "2204"}, "not-correctable"),
        ({"oinfno": "2208"}, "not-correctable"),
        ({"omsgid": "x"}, "bad-msgid"),
        ({"psn_no": "44190000000000000002"}, "no-such-settlement"),
    ]
    for changes, code in cases:
        assert party.refused("2601", {"data": {**data, **changes}}) == code


def test_a_hostile_centre_sends_the_used_settlement_to_2208() -> None:
    party = clinic("hostile")
    first = party.settled("O1")
    party.settled("O2")
    correct = {"data": {"psn_no": PSN_1, "oinfno": "2207", "omsgid": first["medins_setl_id"]}}
    assert party.refused("2601", correct) == "settlement-used"
    party.revoke(first)
    assert isinstance(first["medfee_sumamt"], str)
    assert first["medfee_sumamt"] == "125.60"


# Queries.


def test_a_query_tells_absence_from_refusal() -> None:
    party = clinic()
    mdtrt_id = party.visit()
    assert party.found(mdtrt_id) is None
    assert party.refused("5203", {"data": {"psn_no": PSN_1, "mdtrt_id": "4419M0009"}}) == "no-such-visit"
    other = {"data": {"psn_no": PSN_1, "mdtrt_id": mdtrt_id, "setl_id": "44190026112200000009"}}
    assert party.done("5203", other)["setlinfo"] is None


# Time.


def test_the_centres_clock_decides_the_day() -> None:
    party = clinic()
    party.now = MORNING + 16 * 3600 - 30
    mdtrt_id = party.visit()
    quote = party.quote(mdtrt_id, 12_560)
    whole = party.envelope("2207", party.settle_body(mdtrt_id, 12_560, quote))
    party.now = MORNING + 16 * 3600 - 1
    info = json.loads(party.send(party.request(whole)).body)["output"]["setlinfo"]
    assert info["setl_time"] == "2026-11-22 23:59:59"
    party.now += 1
    party.sign_in()
    mirror = party.revoke(info)
    assert mirror["setl_time"].startswith("2026-11-23 00:00")
    assert mirror["setl_id"] == "44190026112300000001"
    assert [row.day for row in party.peer.book()] == ["2026-11-22", "2026-11-23"]


# Life.


def test_the_journal_rebuilds_the_same_centre_at_every_message() -> None:
    peer, events = centre()
    party = Clinic(peer).sign_in()
    info = party.settled("O1")
    party.revoke(info)
    party.done("2601", {"data": {"psn_no": PSN_1, "oinfno": "2207", "omsgid": f"{INSTITUTION}202611220830159999"}})
    party.visit("O2")
    party.done("2202", {"data": {"psn_no": PSN_1, "ipt_otp_no": "O3"}})
    party.refused("5203", {"data": {"psn_no": PSN_1, "mdtrt_id": "x"}})
    again, _ = centre()
    for event in events:
        again.centre.records.apply(event)
    assert again.centre.records.as_dict() == peer.centre.records.as_dict()
    assert list(again.book()) == list(peer.book())
    assert again.snapshot() == peer.snapshot()
    # And it goes on as the first would have.
    party.peer = again
    assert (
        party.refused("2208", {"data": {n: info[n] for n in ("setl_id", "mdtrt_id", "psn_no")}})
        == "settlement-reversed"
    )
    party.settled("O9")


def test_no_person_is_named_outside_the_messages() -> None:
    peer, events = centre()
    party = Clinic(peer).sign_in()
    party.done("1101", {"data": {"mdtrt_cert_type": "03", "mdtrt_cert_no": CARD_1, "card_sn": "00000001"}})
    party.settled()
    party.refused("1101", {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": "44190019900101001X" * 3}})
    party.refused("5203", {"data": {"psn_no": PSN_1, "mdtrt_id": "9" * 31}})
    resident = CITY.resident(1)
    assert resident is not None
    private = [resident.person.name, resident.person.id_number, CARD_1, "测试医生", "急性鼻咽炎"]
    for text in (
        json.dumps(events, ensure_ascii=False),
        json.dumps([*peer.violations(), peer.snapshot()], default=str),
    ):
        assert not [each for each in private if each in text]
    assert PSN_1 not in json.dumps(peer.snapshot(), default=str)
