"""Who speaks to the centre: sign-in, persons, the envelope (spec/services.md 1.1, 1.4, 1.8)."""

from __future__ import annotations

import pytest

from protocols.wire.http import HttpRequest
from simulators.peer.city import City

from .clinic import CARD_1, INSTITUTION, MORNING, OTHER_INSTITUTION, PSN_1, A, Clinic, civil, clinic

CITY = City()

# Sign-in.


def test_sign_in_once_a_day() -> None:
    party = clinic()
    first = party.sign_no
    assert party.sign_in().sign_no == first
    other = Clinic(party.peer, opter="KSK-0002", now=party.now).sign_in()
    assert other.sign_no == "S20261122000002"
    party.now = MORNING + 16 * 3600
    assert party.refused("1201", {"medinsinfo": {"fixmedins_type": "1", "fixmedins_code": "x"}}) == "sign-in-expired"
    assert party.sign_in().sign_no == "S20261123000001"
    assert party.peer.violations() == []


def test_sign_out_and_messages_without_a_sign_in() -> None:
    party = clinic()
    body = {"medinsinfo": {"fixmedins_type": "1", "fixmedins_code": INSTITUTION}}
    assert party.done("1201", body)["medinsinfo"]["hosp_lv"] == "03"
    assert party.refused("1201", body, sign_no=None) == "missing-sign-no"
    assert party.refused("1201", body, sign_no="S20261122999999") == "sign-in-expired"
    assert party.refused("1201", body, opter="KSK-0009") == "sign-in-expired"
    assert party.refused("9002", {"signOut": {"sign_no": "S1", "opter_no": party.opter}}) == "malformed"
    party.done("9002", {"signOut": {"sign_no": party.sign_no, "opter_no": party.opter}})
    assert party.refused("1201", body) == "sign-in-expired"


# Persons.


def test_a_person_by_each_credential() -> None:
    party = clinic()
    resident = CITY.resident(1)
    assert resident is not None
    token = f"441900ec{1:016d}{7:08d}"
    ways = [
        {"mdtrt_cert_type": "03", "mdtrt_cert_no": CARD_1, "card_sn": resident.person.serial},
        {"mdtrt_cert_type": "02", "mdtrt_cert_no": resident.person.id_number},
        {"mdtrt_cert_type": "01", "mdtrt_cert_no": resident.e_credential},
        {"mdtrt_cert_type": "01", "mdtrt_cert_no": token},
    ]
    for way in ways:
        output = party.done("1101", {"data": way}, insuplc_admdvs=None)
        assert output["baseinfo"]["psn_no"] == PSN_1
        assert output["baseinfo"]["certno"] == resident.person.id_number
        assert output["baseinfo"]["age"] == 36.8
        assert output["insuinfo"][0]["balc"] == 200.00
        assert output["insuinfo"][0]["insuplc_admdvs"] == "441900"
    assert party.peer.violations() == []


def test_persons_that_do_not_fit() -> None:
    party = clinic()
    card = {"mdtrt_cert_type": "03", "mdtrt_cert_no": CARD_1}
    assert party.refused("1101", {"data": card}) == "missing-card-sn"
    assert party.peer.violations() == ["1101: missing-card-sn"]
    known = {**card, "card_sn": "1"}
    assert party.refused("1101", {"data": {**known, "psn_name": "别人"}}) == "credential-mismatch"
    assert party.refused("1101", {"data": {**known, "certno": "440000199001010011"}}) == "credential-mismatch"
    for number in ("A99999999", "A0000000", "", "0" * 50):
        code = party.refused("1101", {"data": {**known, "mdtrt_cert_no": number}})
        assert code == ("malformed" if number == "" else "unknown-person")
    assert party.refused("1101", {"data": {"mdtrt_cert_type": "01", "mdtrt_cert_no": "4" * 28}}) == "unknown-person"


def test_entitlement() -> None:
    party = clinic()
    data = {
        "psn_no": PSN_1,
        "insutype": "310",
        "fixmedins_code": INSTITUTION,
        "med_type": "11",
        "begntime": civil(party.now),
    }
    assert party.done("2001", {"data": data})["trtinfo"][0]["trt_enjymnt_flag"] == "1"
    assert party.done("2001", {"data": {**data, "insutype": "390"}})["trtinfo"][0]["trt_enjymnt_flag"] == "0"
    assert party.refused("2001", {"data": {**data, "psn_no": "nobody"}}) == "unknown-person"


# Envelope.


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"mdtrtarea_admvs": "440100"}, "wrong-area"),
        ({"fixmedins_code": "H44190099999"}, "unknown-institution"),
        ({"fixmedins_code": OTHER_INSTITUTION}, "foreign-institution"),
        ({"msgid": "1"}, "bad-msgid"),
        ({"msgid": "H44190000001202613011230150001"}, "bad-msgid"),
        ({"insuplc_admdvs": None}, "missing-insuplc"),
        ({"insuplc_admdvs": "440100"}, "wrong-insuplc"),
        ({"opter_type": "4"}, "malformed"),
        ({"infver": ""}, "malformed"),
        ({"inf_time": "today"}, "malformed"),
        ({"msgid": None}, "malformed"),
        ({"opter": "x" * 31}, "malformed"),
        ({"input": None}, "malformed"),
        ({"input": []}, "malformed"),
    ],
)
def test_an_envelope_that_breaks_a_rule_is_refused_and_reported(changes: dict[str, object], code: str) -> None:
    party = clinic()
    mdtrt_id = party.visit()
    before = party.peer.centre.records.as_dict()
    assert party.refused("5203", {"data": {"psn_no": PSN_1, "mdtrt_id": mdtrt_id}}, **changes) == code
    found = party.peer.violations()
    assert len(found) == 1
    assert code in found[0]
    after = party.peer.centre.records.as_dict()
    assert [name for name in after if after[name] != before[name]] == ["reference", "nonces", "_nonce_order"]


@pytest.mark.parametrize(
    ("path", "infno", "code"),
    [("9999", "9999", "unknown-transaction"), ("5203", "9999", "unknown-transaction"), ("2205", "5203", "malformed")],
)
def test_the_number_of_a_transaction_is_known_and_that_of_the_path(path: str, infno: str, code: str) -> None:
    party = clinic()
    whole = {**party.envelope("5203", {"data": {"psn_no": PSN_1, "mdtrt_id": "4419M0001"}}), "infno": infno}
    assert f"[{code}]".encode() in party.send(party.request(whole, path)).body
    assert code in party.peer.violations()[0]


def test_a_realistic_centre_lives_with_some_of_it_and_reports_it() -> None:
    party = clinic("realistic")
    mdtrt_id = party.visit()
    body = {"data": {"psn_no": PSN_1, "mdtrt_id": mdtrt_id}}
    party.done("5203", body, insuplc_admdvs=None)
    party.done("5203", body, msgid="20261122083015000001")
    party.done("1101", {"data": {"mdtrt_cert_type": "03", "mdtrt_cert_no": CARD_1}})
    assert [each.split(" (")[0] for each in party.peer.violations()] == [
        "5203: missing-insuplc",
        "5203: bad-msgid",
        "1101: missing-card-sn",
    ]
    assert party.refused("5203", body, insuplc_admdvs="440100") == "wrong-insuplc"


def test_a_body_beyond_all_bounds() -> None:
    party = clinic()
    lines = [party.line("4419M0001", f"{n}", A, 100) for n in range(101)]
    assert party.refused("2204", {"feedetail": lines}) == "malformed"
    long = [{**line, "medins_list_codg": "x" * 150, "rxno": "x" * 30} for line in lines[:99]]
    assert party.refused("2204", {"feedetail": long}) == "too-large"
    reply = party.send(HttpRequest("POST", "/fsi/api/2204", party.headers("nonce-large"), b"x" * ((1 << 20) + 1)))
    assert b"[too-large]" in reply.body
