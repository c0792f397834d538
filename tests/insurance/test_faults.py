"""Words that only the centre can say wrongly, and input that no centre should see: never an exception, never a change."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols.wire.http import HttpReply, HttpRequest
from protocols.wire.insurance.transactions import TRANSACTIONS

from .clinic import INSTITUTION, PSN_1, A, Clinic, centre, clinic

# Twists.


def test_refuse() -> None:
    party = clinic()
    mdtrt_id = party.visit()
    body = party.settle_body(mdtrt_id, 12_560, party.quote(mdtrt_id, 12_560))
    whole = party.envelope("2207", body)
    reply = party.send(party.request(whole), "refuse")
    assert b"[refused]" in reply.body
    assert list(party.peer.book()) == []
    assert party.peer.violations() == []
    # It was not carried out, so the same message may come again.
    assert json.loads(party.send(party.request(whole)).body)["infcode"] == "0"


def test_sign_in_expired() -> None:
    party = clinic()
    mdtrt_id = party.visit()
    whole = party.envelope("2207", party.settle_body(mdtrt_id, 12_560, party.quote(mdtrt_id, 12_560)))
    assert b"[sign-in-expired]" in party.send(party.request(whole), "sign-in-expired").body
    assert b"[sign-in-expired]" in party.send(party.request(whole)).body
    first = party.sign_no
    assert party.sign_in().sign_no != first
    whole["sign_no"] = party.sign_no
    assert json.loads(party.send(party.request(whole)).body)["infcode"] == "0"
    assert party.peer.violations() == []


def test_wrong_reference() -> None:
    party = clinic()
    before = party.ask("5203", {"data": {"psn_no": PSN_1, "mdtrt_id": party.visit()}})
    mdtrt_id = "4419M0001"
    body = party.settle_body(mdtrt_id, 12_560, party.quote(mdtrt_id, 12_560))
    whole = party.envelope("2207", body)
    reply = json.loads(party.send(party.request(whole), "wrong-reference").body)
    info = reply["output"]["setlinfo"]
    assert reply["infcode"] == "0"
    assert info["medins_setl_id"] != whole["msgid"]
    assert len(info["medins_setl_id"]) == 30
    assert info["mdtrt_id"] != mdtrt_id
    assert reply["inf_refmsgid"] > before["inf_refmsgid"]
    # It was carried out, and the reply bears the number of an earlier one.
    assert len(list(party.peer.book())) == 1
    later = party.ask("5203", {"data": {"psn_no": PSN_1, "mdtrt_id": mdtrt_id}}, "wrong-reference")
    again = party.ask("5203", {"data": {"psn_no": PSN_1, "mdtrt_id": mdtrt_id}}, "wrong-reference")
    assert later["inf_refmsgid"] == again["inf_refmsgid"]


def test_spoiled_replies_cannot_be_read() -> None:
    peer, _ = centre()
    spoiled = peer.spoil(HttpReply(200, {}, b'{"infcode":"0","err_msg":""}'))
    with pytest.raises(ValueError):
        json.loads(spoiled.body)


# Bad input.

STRANGE: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=60)
    | st.sampled_from(["44190000000000000001", "4419M0001", "B0001", "9" * 400, "1e999", "NaN", "-0.01", "张三\n"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "psn_no", "mdtrt_id", "feedetail", "medfee_sumamt", "setl_id", "signIn", "in"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(TRANSACTIONS)), st.dictionaries(st.text(max_size=12), STRANGE, max_size=3) | STRANGE)
def test_strange_inputs_are_refused_and_change_nothing(infno: str, body: Any) -> None:
    party = _settled()
    before = party.peer.snapshot()
    rows = list(party.peer.book())
    party.now += 1
    request = party.request({**party.envelope(infno, {}), "input": body})
    reply = party.send(request)
    assert reply.status == 200
    assert json.loads(reply.body)["infcode"] == "-1"
    assert party.peer.snapshot() == before
    assert list(party.peer.book()) == rows


_PARTY: list[Clinic] = []


def _settled() -> Clinic:
    """One centre with one settlement, shared: no example may change it."""
    if not _PARTY:
        party = clinic()
        party.settled()
        _PARTY.append(party)
    return _PARTY[0]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused(body: bytes) -> None:
    party = _settled()
    before = party.peer.snapshot()
    party.now += 1
    reply = party.send(HttpRequest("POST", "/fsi/api/2207", party.headers(), body))
    assert b'"infcode":"-1"' in reply.body
    assert party.peer.snapshot() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"medfee_sumamt": 125.6', '"medfee_sumamt": NaN'),
        lambda text: text.replace('"medfee_sumamt": 125.6', '"medfee_sumamt": -125.6'),
        lambda text: text.replace('"medfee_sumamt": 125.6', '"medfee_sumamt": 1e400'),
        lambda text: text.replace('"medfee_sumamt": 125.6', '"medfee_sumamt": 125.6, "medfee_sumamt": 125.6'),
        lambda text: text.replace('"medfee_sumamt": 125.6', '"medfee_sumamt": 125.601'),
        lambda text: text.replace("B0001", "B" * 31),
        lambda text: text.replace("INV0001", "INV\\u0000"),
        lambda text: text.replace("INV0001", "\udcff"),
        lambda text: text.replace("INV0001", "\\ud800"),
        lambda text: text.replace("B0001", "\\ud800"),
        lambda text: text[:-1],
        lambda text: text.encode("utf-16").decode("latin-1"),
    ],
)
def test_a_settlement_that_is_damaged_in_one_place(change: Any) -> None:
    party = clinic()
    mdtrt_id = party.visit()
    body = party.settle_body(mdtrt_id, 12_560, party.quote(mdtrt_id, 12_560))
    text = json.dumps(party.envelope("2207", body), ensure_ascii=False)
    damaged = change(text)
    assert damaged != text
    raw = damaged.encode("utf-8", "surrogateescape")
    reply = party.send(HttpRequest("POST", "/fsi/api/2207", party.headers(), raw))
    assert b'"infcode":"-1"' in reply.body
    assert list(party.peer.book()) == []
    assert len(party.peer.violations()) == 1
    party.done("2207", body)


def test_lines_beyond_what_an_amount_can_hold() -> None:
    party = clinic()
    mdtrt_id = party.register()
    party.diagnose(mdtrt_id)
    line = party.line(mdtrt_id, "1", A, 100)
    for amount in (10**13, 999_999_999_999.99, "99999999999999.99"):
        huge = {**line, "det_item_fee_sumamt": amount, "pric": amount}
        assert party.refused("2204", {"feedetail": [huge]}) in ("malformed", "line-differs")
    assert party.refused("2204", {"feedetail": [{**line, "feedetl_sn": INSTITUTION * 4}]}) == "malformed"
    party.upload(line)
