"""Bad input at the HIS's door: proofs, forms, amounts, foreign institutions. A clear code, nothing changed, nobody named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.wire.his_xml import envelope
from protocols.wire.his_xml.tables import CODES
from protocols.wire.http import HttpRequest
from simulators.peer.base import PeerOptions
from simulators.peer.his import PEER

from .bench import BILL_1, CLINIC, MORNING, OTHER_CLINIC, PATIENT, TOTAL_1, Bench

BODY = b'{"patient_id":"P00000001","bill_ids":["B00001-00000001-0001"],"med_type":"11"}'
LOCK = "/his/v1/settlements/DG1/lock"


def code_of(his: Bench, request: HttpRequest) -> tuple[int, str]:
    before = (len(his.events), his.records.as_dict())
    reply = his.raw(request)
    assert (len(his.events), his.records.as_dict()) == before, "nothing changed"
    return reply.status, json.loads(reply.body)["code"]


# Proofs.


def test_a_wrong_proof_is_refused_and_reported() -> None:
    his = Bench()
    his.bills()
    good = his.proven("POST", LOCK, BODY, key="k")
    wrong = [
        HttpRequest(good.method, good.target, good.headers, BODY.replace(b"11", b"14")),
        HttpRequest(good.method, good.target.replace("DG1", "DG2"), good.headers, good.body),
        HttpRequest(good.method, good.target, {**good.headers, "idempotency-key": "other"}, good.body),
        HttpRequest(good.method, good.target, {**good.headers, "x-his-institution": OTHER_CLINIC}, good.body),
        HttpRequest(good.method, good.target, {**good.headers, "x-his-nonce": "f" * 32}, good.body),
        HttpRequest(good.method, good.target, {**good.headers, "x-his-timestamp": "1795305601"}, good.body),
        HttpRequest(good.method, good.target, {**good.headers, "x-his-signature": ""}, good.body),
        HttpRequest(good.method, good.target, {"content-type": "application/json"}, good.body),
        his.proven("POST", LOCK, BODY, key="k", secret="another"),
    ]
    for request in wrong:
        assert code_of(his, request) == (401, "signature-wrong")
    assert his.peer.violations() == ["POST /his/v1/settlements/lock: signature-wrong"] * len(wrong)
    assert his.raw(good).status == 201


@pytest.mark.parametrize(
    ("proof", "code"),
    [
        ({"at": MORNING - 301}, "clock-skew"),
        ({"at": MORNING + 301}, "clock-skew"),
        ({"nonce": "short"}, "signature-wrong"),
        ({"nonce": "x" * 65}, "signature-wrong"),
        ({"clinic": ""}, "unknown-institution"),
        ({"clinic": "H44190099999"}, "unknown-institution"),
        ({"clinic": "H99990000001"}, "unknown-institution"),
    ],
)
def test_a_proof_that_does_not_count(proof: dict[str, Any], code: str) -> None:
    his = Bench()
    his.bills()
    assert code_of(his, his.proven("POST", LOCK, BODY, key="k", **proof))[1] == code


def test_a_window_is_five_minutes_and_may_be_set() -> None:
    his = Bench()
    assert his.raw(his.proven("GET", "/his/v1/departments", at=MORNING - 300)).status == 200
    narrow = Bench(PeerOptions(settings={"his_window_s": 10}))
    assert code_of(narrow, narrow.proven("GET", "/his/v1/departments", at=MORNING - 11)) == (401, "clock-skew")


def test_a_nonce_is_used_once() -> None:
    his = Bench()
    his.bills()
    request = his.proven("POST", LOCK, BODY, key="k", nonce="a" * 32)
    assert his.raw(request).status == 201
    assert code_of(his, request) == (401, "nonce-used")
    assert his.peer.violations() == [], "a copy that the network made is nobody's fault"
    other = his.proven("GET", "/his/v1/departments", nonce="a" * 32)
    assert code_of(his, other) == (401, "nonce-used")
    assert his.peer.violations() == ["GET /his/v1/departments: nonce-used (another request has it)"]
    # Another institution may have drawn the same one.
    assert his.raw(his.proven("GET", "/his/v1/departments", nonce="a" * 32, clinic=OTHER_CLINIC)).status == 200
    his.now += 2_000
    assert code_of(his, request) == (401, "clock-skew"), "a nonce is forgotten when its time is long over"


def test_a_nonce_that_was_forgotten_by_a_restart_changes_nothing() -> None:
    his = Bench()
    his.bills()
    request = his.proven("POST", LOCK, BODY, key="k")
    first = his.raw(request)
    his.peer = his.reborn()
    before = his.records.as_dict()
    assert his.raw(request).body == first.body
    assert his.records.as_dict() == before


# Forms.


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "media-type"),
        (b"{", "malformed"),
        (b"[]", "malformed"),
        (b"null", "malformed"),
        (b"\xff\xfe", "malformed"),
        ('{"patient_id":"测"}'.encode("gbk"), "malformed"),
        (b"{" * 5_000, "malformed"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "malformed"),
        (BODY.replace(b'"11"', b"11"), "malformed"),
        (BODY.replace(b'"11"', b"NaN"), "malformed"),
        (BODY.replace(b'"med_type":"11"', b'"med_type":"11","med_type":"14"'), "malformed"),
        (BODY.replace(b'"med_type":"11"', b'"med_type":"11","trade_no":"DG2"'), "malformed"),
        (BODY.replace(b"B00001", b"B 0001"), "malformed"),
        (BODY.replace(b"P00000001", b"P\\u0000"), "malformed"),
        (BODY.replace(b"P00000001", b"\\ud800"), "malformed"),
        (BODY.replace(b'["B00001-00000001-0001"]', b'"B00001-00000001-0001"'), "malformed"),
        (b'{"a":"' + b"x" * (1 << 20) + b'"}', "too-large"),
    ],
    ids=range(17),
)
def test_a_body_of_another_form(body: bytes, code: str) -> None:
    his = Bench()
    his.bills()
    assert code_of(his, his.proven("POST", LOCK, body, key="k"))[1] == code
    (violation,) = his.peer.violations()
    assert violation.startswith(f"POST /his/v1/settlements/lock: {code}")


def test_a_body_of_another_kind_and_paths_that_are_none() -> None:
    his = Bench()
    assert code_of(his, his.proven("POST", LOCK, BODY, key="k", content_type="text/plain")) == (415, "media-type")
    assert code_of(his, his.proven("POST", f"{LOCK}?a=1", BODY, key="k")) == (400, "malformed")
    assert code_of(his, his.proven("GET", "/his/v1/departments", b"{}")) == (400, "malformed")
    assert code_of(his, his.proven("GET", "/his/v2/departments")) == (404, "no-such-operation")
    reply = his.raw(his.proven("PUT", "/his/v1/registrations", b"{}"))
    assert (reply.status, reply.headers["allow"]) == (405, "GET, POST")
    assert his.peer.address(HttpRequest("PUT", "/his/v1/registrations")) == "?"
    assert his.peer.address(HttpRequest("GET", "//[")) == "?"
    assert his.peer.address(HttpRequest("DELETE", LOCK)) == "DELETE /his/v1/settlements/lock"
    assert his.peer.address(HttpRequest("GET", "/his/v1/trades/DG1")) == "GET /his/v1/trades"


@pytest.mark.parametrize("fen", [-1, 0, 10**14, 10**30, 12.5, "1250", None, True, [1]])
def test_amounts_that_are_none(fen: Any) -> None:
    his = Bench()
    his.bills()
    trade = his.locked()
    body = {"trade_no": trade, "pays": [{"kind": "02", "amount_fen": fen}]}
    assert his.code("POST", "/settlements", body, key=trade) == "malformed"
    assert his.status(trade) == "LOCKED"
    assert str(fen) not in his.peer.violations()[0] or fen in (0, None, True, -1)


def test_amounts_that_overflow_together() -> None:
    his = Bench()
    his.bills()
    trade = his.locked()
    pays = [{"kind": kind, "amount_fen": 99_999_999_999_999} for kind in ("02", "11", "12")]
    assert his.code("POST", "/settlements", {"trade_no": trade, "pays": pays}, key=trade) == "amount-differs"
    assert his.settle(trade, TOTAL_1)[0] == 201


def test_no_refusal_shows_what_was_sent() -> None:
    his = Bench(PeerOptions(settings={"first_visits": 1}))
    body = {"id_no": "44190019900101001X", "name": "测试乙", "phone": "10000000001"}
    sent = [
        his.ask("POST", "/patients", body, key="k"),
        his.ask("POST", "/patients", {**body, "name": "测" * 60}, key="k"),
        his.ask("POST", "/patients", {**body, "44190019900101001X": 1}, key="k"),
        his.ask("GET", "/patients", query={"by": "id_no", "value": "44190019900101001X"}),
        his.ask("GET", "/patients", query={"by": "44190019900101001X", "value": "x"}),
    ]
    shown = json.dumps([sent, his.peer.violations(), his.peer.snapshot(), his.events], ensure_ascii=False)
    for private in ("44190019900101001X", "测试乙", "测测", "10000000001"):
        assert private not in shown


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["GET", "POST", "DELETE", "PUT", ""]),
    st.one_of(
        st.text(max_size=60),
        st.sampled_from(["/his/v1/patients?", "/his/v1/trades/", "/his/v1/settlements", LOCK]).flatmap(
            lambda head: st.text(max_size=20).map(lambda tail: head + tail)
        ),
    ),
    st.one_of(st.binary(max_size=100), st.sampled_from([BODY, BODY[:40]])),
    st.booleans(),
)
def test_nothing_that_a_client_sends_breaks_the_his(method: str, target: str, body: bytes, proven: bool) -> None:
    his = Bench()
    request = HttpRequest(method, target, {}, body)
    if proven and target.isascii():
        request = his.proven(method, target, body, key="k")
    his.peer.address(request)
    reply = his.raw(request)
    assert 200 <= reply.status < 500
    json.loads(reply.body)


# The other door.


def xml_bench() -> Bench:
    return Bench(kind="his_xml")


def xml_code(his: Bench, body: bytes, sign: str | None = None, target: str = envelope.ADDRESS) -> str:
    headers = {envelope.SIGN_HEADER: envelope.sign(body, "HIS-TEST-SECRET") if sign is None else sign}
    before = his.records.as_dict()
    reply = his.peer.handle(HttpRequest("POST", target, headers, body), his.now)
    assert his.records.as_dict() == before
    assert reply.status == 200
    number = reply.body.decode().partition("<CODE>")[2].partition("</CODE>")[0]
    return next(code for code, each in CODES.items() if each == number)


def call(word: str, data: str, **changes: str) -> bytes:
    head = {"TYPE": word, "UNIT": CLINIC, "SEQNO": "a" * 32, "CALLTIME": "20261122080000", "ONCE": "k", **changes}
    leaves = "".join(f"<{name}>{value}</{name}>" for name, value in head.items() if value)
    return f"<SELFCALL>{leaves}<DATA>{data}</DATA></SELFCALL>".encode()


def test_the_xml_door_refuses_in_its_own_words() -> None:
    his = xml_bench()
    good = call("QRYFEE", f"<PATNO>{PATIENT}</PATNO>")
    assert xml_code(his, good, sign="") == "signature-wrong"
    assert xml_code(his, good, sign="0" * 64) == "signature-wrong"
    assert xml_code(his, call("QRYFEE", "", CALLTIME="20261122090000")) == "clock-skew"
    assert xml_code(his, call("QRYFEE", "", UNIT="H44190099999")) == "unknown-institution"
    assert xml_code(his, call("QRYFEE", "", SEQNO="1")) == "signature-wrong"
    assert xml_code(his, call("NOTHING", "", SEQNO="b" * 32)) == "no-such-operation"
    assert xml_code(his, call("QRYFEE", "", SEQNO="c" * 32)) == "malformed"
    assert xml_code(his, call("SUREFEE", "<ORDERNO>DG1</ORDERNO><PAYLIST></PAYLIST>", SEQNO="d" * 32)) == "not-locked"
    assert xml_code(his, call("SUREFEE", "<ORDERNO>DG1</ORDERNO><PAYLIST></PAYLIST>", SEQNO="e" * 32, ONCE="")) == (
        "key-missing"
    )
    bomb = b'<!DOCTYPE a [<!ENTITY b "c">]><SELFCALL>&b;</SELFCALL>'
    assert xml_code(his, bomb, sign="0") == "signature-wrong", "who has no secret gets no parser"
    assert xml_code(his, bomb) == "malformed"
    assert xml_code(his, b"x" * ((1 << 20) + 1)) == "too-large"
    assert his.peer.handle(HttpRequest("GET", envelope.ADDRESS), MORNING).status == 405
    assert his.peer.handle(HttpRequest("POST", "/"), MORNING).status == 404
    assert his.peer.address(HttpRequest("POST", envelope.ADDRESS, {}, good)) == "QRYFEE"
    assert his.peer.address(HttpRequest("POST", "/", {}, good)) == "?"


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_nothing_breaks_the_xml_door(body: bytes, proven: bool) -> None:
    his = xml_bench()
    headers = {envelope.SIGN_HEADER: envelope.sign(body, "HIS-TEST-SECRET")} if proven else {}
    assert his.peer.handle(HttpRequest("POST", envelope.ADDRESS, headers, body), MORNING).status == 200


# Settings.


@pytest.mark.parametrize(
    "wrong", [{"bills": -1}, {"bills": 1_000}, {"his_secret": ""}, {"his_days": -1}, {"clinics": 0}]
)
def test_settings_that_mean_nothing(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        PEER[0].make(PeerOptions(settings=wrong), lambda event: None, ())


def test_both_faces_are_offered_with_the_same_settings() -> None:
    assert [(kind.name, kind.transport) for kind in PEER] == [("his", "http"), ("his_xml", "http")]
    assert PEER[0].settings == PEER[1].settings
    assert all(each.label.zh and each.label.en for kind in PEER for each in kind.settings)
    assert BILL_1
