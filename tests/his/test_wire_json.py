"""The JSON interface: the exchanges that spec/services.md 2.3 prints, a proof computed elsewhere, and what is refused."""

from __future__ import annotations

import json
import re

import pytest

from protocols.wire.base import WireError
from protocols.wire.his import routes
from protocols.wire.his.authentication import signature_of, signed
from protocols.wire.his.examples import EXAMPLES
from protocols.wire.his.fields import Told, moment_text, read, unix_of_day, unix_of_moment, write
from protocols.wire.his.money_messages import FeeLine, LockTrade, SettleTrade, TradeStatus
from protocols.wire.his.operations import OPERATIONS, Operation
from protocols.wire.his.refusals import REFUSALS, Refused
from protocols.wire.http import HttpReply, HttpRequest, json_reply
from protocols.wire.insurance.fields import read as read_insurance
from protocols.wire.insurance.visit_messages import Diagnosis as Diseinfo
from protocols.wire.insurance.visit_messages import FeeDetail

from .bench import MORNING

O = Operation  # noqa: E741

PRINTED = [
    # spec/services.md 2.3, word for word.
    (
        O.LOCK_SLOT,
        "POST /his/v1/slots/S1/locks",
        '{"patient_id":"P0001","channel":"KIOSK","terminal_id":"KSK-0001"}',
        201,
        '{"lock_id":"L0001","expires_at":"2026-11-22T08:45:00+08:00","see_no":"12","reg_fee_fen":1250}',
    ),
    (
        O.CONFIRM_REGISTRATION,
        "POST /his/v1/registrations",
        (
            '{"lock_id":"L0001","trade_no":"DG2026112200000001",'
            '"pays":[{"kind":"02","amount_fen":1250,"channel_ref":"261122000012"}]}'
        ),
        201,
        '{"registration_id":"R0001","reconciliation_no":"HIS20261122000001","see_no":"12"}',
    ),
    (
        O.TRADE_STATUS,
        "GET /his/v1/trades/DG2026112200000001",
        "",
        200,
        '{"trade_no":"DG2026112200000001","state":"DONE","business":"register","reconciliation_no":"HIS20261122000001"}',
    ),
]


@pytest.mark.parametrize(("operation", "line", "body", "status", "reply"), PRINTED)
def test_the_printed_exchanges(operation: Operation, line: str, body: str, status: int, reply: str) -> None:
    method, target = line.split()
    headers = {"content-type": "application/json"} if body else {}
    request = HttpRequest(method, target, headers, body.encode())
    route = routes.route_at(request)
    assert route is not None
    assert route.operation is operation
    message = routes.read_request(route, request)
    made = routes.request_of(operation, message)
    assert (made.method, made.target) == (method, target)
    assert (json.loads(made.body) if made.body else {}) == {
        name: value for name, value in (json.loads(body) if body else {}).items() if value != "KIOSK"
    }
    told = routes.read_reply(operation, json_reply(json.loads(reply), status))
    assert json.loads(reply).items() <= json.loads(routes.reply_of(route, told, {}).body).items()


def test_an_unknown_trade_is_not_found_as_printed() -> None:
    """``GET /his/v1/trades/UNKNOWN-NO  404 {"code":"notfound"}``."""
    request = HttpRequest("GET", "/his/v1/trades/UNKNOWN-NO")
    route = routes.route_at(request)
    assert route is not None
    assert routes.read_request(route, request).trade_no == "UNKNOWN-NO"  # type: ignore[attr-defined]
    with pytest.raises(Refused) as refused:
        routes.read_reply(O.TRADE_STATUS, json_reply({"code": "notfound"}, 404))
    assert refused.value.code == "notfound"


def test_the_proof_against_values_computed_elsewhere() -> None:
    """Computed with ``openssl dgst -sha256 -hmac`` over the seven lines; the body's digest with ``sha256sum``."""
    body = b'{"trade_no":"DG2026112200000001"}'
    headers = {
        "x-his-institution": "H44190000001",
        "x-his-timestamp": "1795305600",
        "x-his-nonce": "8f3c1d2e4b5a69788f3c1d2e4b5a6978",
        "idempotency-key": "DG2026112200000001",
    }
    request = HttpRequest("POST", "/his/v1/settlements", headers, body)
    assert signature_of(request, "HIS-TEST-SECRET") == SIGNATURE_ELSEWHERE
    plain = HttpRequest("POST", "/his/v1/settlements", {"idempotency-key": "DG2026112200000001"}, body)
    made = signed(plain, "HIS-TEST-SECRET", "H44190000001", 1795305600.9, "8f3c1d2e4b5a69788f3c1d2e4b5a6978")
    assert made.headers["x-his-signature"] == SIGNATURE_ELSEWHERE


SIGNATURE_ELSEWHERE = "0a398972e7d5f71dcb78ad3e854847012b82160d62628f0b15da3650513aadcd"


@pytest.mark.parametrize("field", ["method", "target", "institution", "key", "timestamp", "nonce", "body"])
def test_the_proof_covers_everything(field: str) -> None:
    values = {
        "method": "POST",
        "target": "/his/v1/refunds",
        "institution": "H44190000001",
        "key": "k",
        "timestamp": "1795305600",
        "nonce": "n" * 32,
        "body": "{}",
    }

    def proof(values: dict[str, str]) -> str:
        names = {
            "institution": "x-his-institution",
            "key": "idempotency-key",
            "timestamp": "x-his-timestamp",
            "nonce": "x-his-nonce",
        }
        headers = {name: values[each] for each, name in names.items()}
        return signature_of(HttpRequest(values["method"], values["target"], headers, values["body"].encode()), "s")

    assert proof({**values, field: values[field] + "1"}) != proof(values)


# The table.


def test_every_operation_has_a_route_and_an_example() -> None:
    assert list(routes.ROUTES) == list(OPERATIONS) == list(EXAMPLES) == list(Operation)
    assert sorted({kind.number for kind in OPERATIONS.values()}) == list(range(1, 17))
    assert len(set(routes.addresses())) == len(Operation)
    assert {"POST /his/v1/settlements/lock", "DELETE /his/v1/settlements/lock", "GET /his/v1/trades"} <= set(
        routes.addresses()
    )
    for operation, route in routes.ROUTES.items():
        assert set(route.path_fields) <= set(OPERATIONS[operation].request.model_fields)
        assert OPERATIONS[operation].keyed <= OPERATIONS[operation].changes


@pytest.mark.parametrize("operation", Operation)
def test_every_example_goes_both_ways(operation: Operation) -> None:
    kind, example, route = OPERATIONS[operation], EXAMPLES[operation], routes.ROUTES[operation]
    message, told = read(kind.request, example.request), read(kind.reply, example.reply)
    request = routes.request_of(operation, message)
    assert routes.route_at(request) is route
    assert routes.read_request(route, request) == message
    reply = routes.reply_of(route, told, {})
    assert reply.status == route.status
    assert routes.read_reply(operation, reply) == told
    assert {**json.loads(reply.body), **example.reply} == json.loads(reply.body)


def test_refusals_come_back_as_they_were_meant() -> None:
    for code, refusal in REFUSALS.items():
        reply = routes.refusal_reply(Refused(code, "trade_no"), {})
        assert reply.status == refusal.status
        assert json.loads(reply.body)["message"].endswith(": trade_no")
        with pytest.raises(Refused) as refused:
            routes.read_reply(O.SETTLE_TRADE, reply)
        assert refused.value.code == code


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (404, b'{"code":"bill-paid"}'),  # a known code with another status is nobody's refusal
        (409, b'{"code":"no-such-code"}'),
        (409, b'{"code":7}'),
        (409, b"[]"),
        (201, b'{"trade_no":"T1"}'),
        (201, b'{"trade_no":"T1","trade_no":"T1","reconciliation_no":"H","settled_at":"2026-11-22T08:00:00+08:00"}'),
        (201, b'{"trade_no":"T1","reconciliation_no":"H","settled_at":"yesterday"}'),
        (200, b'{"trade_no":"T1","reconciliation_no":"H","settled_at":"2026-11-22T08:00:00+08:00"}'),
        (201, b"\xff"),
        (201, b""),
    ],
)
def test_a_reply_that_cannot_be_meant_is_none(status: int, body: bytes) -> None:
    with pytest.raises(WireError):
        routes.read_reply(O.SETTLE_TRADE, HttpReply(status, {}, body))


def test_a_reply_may_say_more_and_a_request_may_not() -> None:
    reply = json_reply({"trade_no": "T1", "state": "DONE", "amount_fen": 5, "news": 1})
    assert routes.read_reply(O.TRADE_STATUS, reply) == TradeStatus(trade_no="T1", state="DONE", amount_fen=5)
    with pytest.raises(WireError, match="news"):
        read(SettleTrade, {"trade_no": "T1", "pays": [], "news": 1})


def test_a_field_that_is_named_like_data_is_not_shown() -> None:
    with pytest.raises(WireError) as error:
        read(SettleTrade, {"trade_no": "T1", "pays": [], "44190019900101001X": 1})
    assert "4419" not in str(error.value)


# Form.


PAYS = [{"kind": "02", "amount_fen": 1250}]


@pytest.mark.parametrize(
    "change",
    [
        {"pays": [{"kind": "02", "amount_fen": -1}]},
        {"pays": [{"kind": "02", "amount_fen": 0}]},
        {"pays": [{"kind": "02", "amount_fen": 10**14}]},
        {"pays": [{"kind": "02", "amount_fen": 10**400}]},
        {"pays": [{"kind": "02", "amount_fen": "1250"}]},
        {"pays": [{"kind": "02", "amount_fen": 12.5}]},
        {"pays": [{"kind": "02", "amount_fen": True}]},
        {"pays": [{"kind": "77", "amount_fen": 1}]},
        {"pays": [{"kind": "02", "amount_fen": 1, "channel_ref": "x" * 65}]},
        {"pays": PAYS * 11},
        {"pays": {"kind": "02"}},
        {"trade_no": ""},
        {"trade_no": "T 1"},
        {"trade_no": "T" * 65},
        {"trade_no": "T1\n"},
        {"trade_no": None},
        {"split": {"fund_fen": -1}},
        {"insurance": {"setl_id": ""}},
    ],
)
def test_a_settlement_of_another_form_is_refused_without_its_value(change: dict[str, object]) -> None:
    with pytest.raises(WireError) as error:
        read(SettleTrade, {"trade_no": "T1", "pays": PAYS, **change})
    assert not re.search(r"1250|10{6}|77|x{5}|T{5}", error.value.why)


@pytest.mark.parametrize(
    "change",
    [
        {"bill_ids": [], "slot_lock": ""},
        {"bill_ids": ["B1"], "slot_lock": "L1"},
        {"bill_ids": ["B1", "B1"]},
        {"bill_ids": [f"B{number}" for number in range(21)]},
        {"med_type": "x"},
        {"patient_id": "P/1"},
    ],
)
def test_a_lock_names_bills_or_a_slot(change: dict[str, object]) -> None:
    with pytest.raises(WireError):
        read(LockTrade, {"trade_no": "T1", "patient_id": "P1", "bill_ids": ["B1"], "med_type": "11", **change})


def test_fee_lines_are_what_the_insurance_takes() -> None:
    """The lines of the example are read by the insurance's own model of 2204, and its diagnoses by that of 2203."""
    reply = EXAMPLES[O.LOCK_TRADE].reply
    lines = [
        read_insurance(FeeDetail, {**each, "mdtrt_id": "1", "psn_no": "1", "chrg_bchno": "1"})
        for each in reply["feedetail"]
    ]
    assert [line.det_item_fee_sumamt for line in lines] == [9_960, 2_100, 500]
    assert lines[0].cnt == 40_000
    assert lines[0].pric == 24_900_000
    assert sum(line.det_item_fee_sumamt for line in lines) == reply["total_fen"]
    assert read_insurance(Diseinfo, reply["diagnoses"][0]).diag_code == "J00.x00"


def test_a_fee_line_that_does_not_add_up_is_refused() -> None:
    line = EXAMPLES[O.LOCK_TRADE].reply["feedetail"][0]
    with pytest.raises(WireError, match="cnt times pric"):
        read(FeeLine, {**line, "cnt": "5"})


def test_times() -> None:
    assert moment_text(MORNING + 0.9) == "2026-11-22T08:00:00+08:00"
    assert unix_of_moment("2026-11-22T08:00:00+08:00") == unix_of_moment("2026-11-22T00:00:00+00:00") == MORNING
    assert unix_of_day("2026-11-22") == MORNING - 8 * 3600
    for wrong in ("2026-11-22T08:00:00", "2026-02-30T00:00:00+08:00", "", "x"):
        with pytest.raises(WireError):
            unix_of_moment(wrong)
    with pytest.raises(WireError):
        unix_of_day("2026-02-30")


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("/his/v1/bills", "patient_id"),
        ("/his/v1/bills?patient_id=P1&patient_id=P2", "twice"),
        ("/his/v1/bills?patient_id=P1&news=1", "news"),
        ("/his/v1/bills?patient_id=%FF", "read"),
        ("/his/v1/bills?" + "&".join(f"a{n}=1" for n in range(60)), "read"),
        ("/his/v1/trade-lists/2026-11-22?page=0", "page"),
        ("/his/v1/trade-lists/2026-11-22?page=01", "page"),
        ("/his/v1/trade-lists/2026-11-22?page=1.0", "page"),
        ("/his/v1/trade-lists/2026-11-22?day=2026-11-22", "day"),
        ("/his/v1/trade-lists/2026-13-22", "day"),
        ("/his/v1/trades/%FF", "read"),
        ("/his/v1/trades/a%20b", "trade_no"),
    ],
)
def test_a_path_or_query_of_another_form(target: str, why: str) -> None:
    request = HttpRequest("GET", target)
    route = routes.route_at(request)
    assert route is not None
    with pytest.raises(Refused) as refused:
        routes.read_request(route, request)
    assert refused.value.code == "malformed"
    assert why in refused.value.where


@pytest.mark.parametrize("target", ["/his/v1", "/", "", "//[", "/his/v1/trades/", "/his/v1/trades//eligibility", "/x"])
def test_a_path_that_is_none(target: str) -> None:
    assert routes.route_at(HttpRequest("GET", target)) is None


def test_numbers_of_the_path_are_escaped_and_come_back() -> None:
    message = read(OPERATIONS[O.UNLOCK_SLOT].request, {"slot_id": "a:b.c", "lock_id": "L-1"})
    request = routes.request_of(O.UNLOCK_SLOT, message)
    assert request.target == "/his/v1/slots/a%3Ab.c/locks/L-1"
    route = routes.route_at(request)
    assert route is not None
    assert routes.read_request(route, request) == message


def test_a_told_value_is_written_whole_and_an_asked_one_sparsely() -> None:
    told = TradeStatus(trade_no="T1", state="CANCELLED")
    assert isinstance(told, Told)
    assert write(told)["amount_fen"] == 0
    assert "business" not in write(told)
    asked = read(LockTrade, {"trade_no": "T1", "patient_id": "P1", "bill_ids": ["B1"], "med_type": "11"})
    assert write(asked) == {"trade_no": "T1", "patient_id": "P1", "bill_ids": ["B1"], "med_type": "11"}
