"""Proofs of the sender (spec/services.md 1.3), each judged by something else than the code that makes it: the specification's
computed vectors, hashlib and hmac by another path, a published SM2 signature, and one that OpenSSL made."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.wire.base import WireError
from protocols.wire.http import HttpRequest
from protocols.wire.insurance import vectors
from protocols.wire.insurance.authentication import (
    csb_headers,
    csb_signature,
    csb_text,
    sm2_sign,
    sm2_text,
    sm2_verify,
    tif_headers,
    tif_signature,
    tif_signature_matches,
)
from simulators.peer.insurance_gateway import Gateway, TurnedAway

from .clinic import MORNING, Clinic, centre, clinic

# GB/T 32918.5-2017, example A.2: SM2 signature on the recommended curve, user id 1234567812345678.
GB_PRIVATE = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
GB_PUBLIC = bytes.fromhex(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
GB_RANDOM = bytes.fromhex("59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21")
GB_SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)

# Made by OpenSSL 3.0: pkeyutl -sign -rawin -digest sm3 -pkeyopt distid:1234567812345678, key from ecparam -name SM2.
OPENSSL_PRIVATE = bytes.fromhex("ce0374008cd664730ee545a10866603fb5c9254cf40008ed5591cd573c6c1448")
OPENSSL_PUBLIC = bytes.fromhex(
    "7c2cbbe0299dec0869718a129a0fc2df1ffee009efefe68656b8a73cf78099ba"
    "4fc45c9b71637a518b51105852874b5045b3ec6caf0816404e8a7b3f3b9bacb4"
)
OPENSSL_TEXT = b"fixmedins_code=H44190000001&infno=2207&msgid=H44190000001202611220830150001"
OPENSSL_SIGNATURE = bytes.fromhex(
    "EC76320D6CFCDE7EA01E667E8E8DB37106DEABC247E2FC1EB79E992C8A674BCB"
    "A2B197B3B3511C9AC2211319EE0E56F90C32D7B67BFECD2FD0D4D784264FEF30"
)
RANDOM = bytes.fromhex("11" * 32)

# TIF.


def test_tif_vector() -> None:
    made = tif_signature(vectors.TIF_SECRET, vectors.TIF_TIMESTAMP_SENT, vectors.TIF_NONCE_SENT)
    assert made == vectors.TIF_SIGNATURE_SENT
    headers = tif_headers("pid", vectors.TIF_SECRET, 1_795_305_600, vectors.TIF_NONCE_SENT)
    assert headers["x-tif-signature"] == vectors.TIF_SIGNATURE_SENT
    assert set(headers) == {"x-tif-paasid", "x-tif-timestamp", "x-tif-nonce", "x-tif-signature"}


@given(st.text(max_size=40), st.integers(0, 2**40), st.text("0123456789abcdef", min_size=8, max_size=64))
def test_tif_by_another_path(secret: str, timestamp: int, nonce: str) -> None:
    digest = hashlib.new("sha256")
    for part in (str(timestamp), secret, nonce, str(timestamp)):
        digest.update(part.encode())
    expected = base64.b16encode(digest.digest()).decode()
    assert tif_signature(secret, str(timestamp), nonce) == expected.lower()
    for given_as in (expected, expected.lower(), expected[:32] + expected[32:].lower()):
        assert tif_signature_matches(secret, str(timestamp), nonce, given_as)
    assert not tif_signature_matches(
        secret, str(timestamp), nonce, expected[:-1] + ("0" if expected[-1] != "0" else "1")
    )
    assert not tif_signature_matches(secret, str(timestamp), nonce, "")
    assert not tif_signature_matches(secret, str(timestamp), nonce, "é" * 64)


# CSB.


def test_csb_vector() -> None:
    assert csb_signature(vectors.CSB_SECRET, vectors.CSB_TEXT) == vectors.CSB_SIGNATURE
    headers = csb_headers("fsi-test", "1.0.0", "test-ak", vectors.CSB_SECRET, 1_795_305_600_000)
    assert headers["_api_signature"] == vectors.CSB_SIGNATURE
    assert csb_text({name: headers[name] for name in headers if name != "_api_signature"}) == vectors.CSB_TEXT


@given(st.text(max_size=20), st.text(max_size=40))
def test_csb_by_another_path(secret: str, text: str) -> None:
    mac = hmac.digest(secret.encode(), text.encode(), "sha1")
    assert base64.b64decode(csb_signature(secret, text)) == mac


# SM2.


def test_sm2_published_signature() -> None:
    assert base64.b64decode(sm2_sign(b"message digest", GB_PRIVATE, GB_PUBLIC, GB_RANDOM)) == GB_SIGNATURE
    assert sm2_verify(b"message digest", GB_PUBLIC, base64.b64encode(GB_SIGNATURE).decode())


def test_sm2_signature_of_openssl() -> None:
    signature = base64.b64encode(OPENSSL_SIGNATURE).decode()
    assert sm2_verify(OPENSSL_TEXT, OPENSSL_PUBLIC, signature)
    assert not sm2_verify(OPENSSL_TEXT + b" ", OPENSSL_PUBLIC, signature)
    assert not sm2_verify(OPENSSL_TEXT, GB_PUBLIC, signature)
    assert sm2_verify(OPENSSL_TEXT, OPENSSL_PUBLIC, sm2_sign(OPENSSL_TEXT, OPENSSL_PRIVATE, OPENSSL_PUBLIC, RANDOM))


@pytest.mark.parametrize(
    "signature", ["", "!", "AAAA", base64.b64encode(bytes(64)).decode(), base64.b64encode(b"\xff" * 64).decode()]
)
def test_sm2_signatures_that_are_none(signature: str) -> None:
    assert not sm2_verify(OPENSSL_TEXT, OPENSSL_PUBLIC, signature)


def test_sm2_refuses_bad_keys_and_randoms() -> None:
    with pytest.raises(WireError):
        sm2_verify(b"x", b"\x04" + OPENSSL_PUBLIC, "AAAA")
    for random in (b"", bytes(32), b"\xff" * 32):
        with pytest.raises(WireError):
            sm2_sign(b"x", OPENSSL_PRIVATE, OPENSSL_PUBLIC, random)


def test_sm2_signs_every_field_but_two() -> None:
    envelope = {"msgid": "M", "infno": "2207", "cainfo": "x", "input": {"a": 1}, "sign_no": "", "dev_no": None}
    assert sm2_text(envelope) == b"infno=2207&msgid=M"


# The gateway.


def _status(party: Clinic, request: HttpRequest) -> int:
    return party.send(request).status


def _query(party: Clinic) -> dict[str, Any]:
    return party.envelope("1201", {"medinsinfo": {"fixmedins_type": "1", "fixmedins_code": party.institution}})


def test_a_wrong_proof_is_turned_away_and_changes_nothing() -> None:
    party = clinic()
    before = party.peer.centre.records.as_dict()
    request = party.request(_query(party))
    wrong = {
        "x-tif-signature": "0" * 64,
        "x-tif-paasid": "somebody",
        "x-tif-nonce": "",
        "x-tif-timestamp": "yesterday",
    }
    for name, value in wrong.items():
        assert (
            _status(party, HttpRequest("POST", request.target, {**request.headers, name: value}, request.body)) == 401
        )
        missing = {each: text for each, text in request.headers.items() if each != name}
        assert _status(party, HttpRequest("POST", request.target, missing, request.body)) == 401
    foreign = HttpRequest("POST", request.target, party.headers(secret="guessed"), request.body)
    assert _status(party, foreign) == 401
    assert party.peer.centre.records.as_dict() == before
    assert len(party.peer.violations()) == 9
    assert _status(party, request) == 200


@pytest.mark.parametrize("upper", [False, True])
def test_both_cases_of_the_signature_are_taken(upper: bool) -> None:
    party = clinic()
    request = party.request(_query(party))
    signature = request.headers["x-tif-signature"]
    headers = {**request.headers, "x-tif-signature": signature.upper() if upper else signature}
    assert _status(party, HttpRequest("POST", request.target, headers, request.body)) == 200
    assert party.peer.violations() == []


@pytest.mark.parametrize(("off_s", "status"), [(-301, 401), (-299, 200), (299, 200), (301, 401)])
def test_the_window_of_time(off_s: int, status: int) -> None:
    party = clinic()
    request = party.request(_query(party))
    headers = party.headers(nonce="another-nonce", at=party.now + off_s)
    assert _status(party, HttpRequest("POST", request.target, headers, request.body)) == status
    assert bool(party.peer.violations()) is (status == 401)


def test_a_nonce_is_taken_once_even_after_a_restart() -> None:
    peer, events = centre()
    party = Clinic(peer).sign_in()
    request = party.request(_query(party))
    assert _status(party, request) == 200
    assert _status(party, request) == 401
    # A copy that the network made is not the client's fault; the same nonce on another message is.
    assert peer.violations() == []
    assert _status(party, HttpRequest("POST", request.target, request.headers, request.body + b" ")) == 401
    assert peer.violations() == ["1201: gateway: the nonce was used before"]
    again, _ = centre()
    for event in events:
        again.centre.records.apply(event)
    party.peer = again
    assert _status(party, request) == 401


def test_a_clock_that_is_put_back_opens_no_gap() -> None:
    party = clinic()
    request = party.request(_query(party))
    assert _status(party, request) == 200
    noon, party.now = party.now, party.now + 400
    assert _status(party, party.request(_query(party))) == 200
    party.now = noon
    assert _status(party, request) == 401


def test_the_path_is_ours_and_names_the_transaction() -> None:
    party = clinic()
    whole = _query(party)
    for method, target, status in (("GET", "/fsi/api/1201", 404), ("POST", "/other/1201", 404)):
        assert _status(party, HttpRequest(method, target, party.headers(), party.request(whole).body)) == status
    reply = party.send(HttpRequest("POST", "/fsi/api/1101", party.headers("nonce-of-1101"), party.request(whole).body))
    assert b"[malformed]" in reply.body
    assert party.peer.address(HttpRequest("POST", "/fsi/api/2203A")) == "2203A"
    for target in ("/fsi/api/9999", "/", "/fsi/api/"):
        assert party.peer.address(HttpRequest("POST", target)) == "?"


def test_csb_profile() -> None:
    peer, _ = centre(insurance_profile="csb", insurance_secret="test-sk", insurance_account="test-ak")
    party = Clinic(peer)
    body = party.request(party.envelope("9001", {"signIn": {"opter_no": party.opter, "mac": "m", "ip": "i"}})).body
    headers = csb_headers("9001", "1.0.0", "test-ak", "test-sk", int(MORNING * 1000))
    request = HttpRequest("POST", "/fsi/api/9001", headers, body)
    assert _status(party, request) == 200
    assert _status(party, request) == 401
    assert peer.violations() == []
    for name in headers:
        assert _status(party, HttpRequest("POST", "/fsi/api/9001", {**headers, name: "x"}, body)) == 401


def test_sm2_body_profile() -> None:
    peer, _ = centre(insurance_profile="sm2-body", insurance_public_key=OPENSSL_PUBLIC.hex())
    party = Clinic(peer)
    whole = party.envelope("9001", {"signIn": {"opter_no": party.opter, "mac": "m", "ip": "i"}}, sign_no=None)
    signed = {**whole, "cainfo": sm2_sign(sm2_text(whole), OPENSSL_PRIVATE, OPENSSL_PUBLIC, RANDOM)}
    assert _status(party, party.request(signed)) == 200
    assert _status(party, party.request(signed)) == 401
    assert _status(party, party.request({**signed, "opter": "KSK-0002"})) == 401
    assert _status(party, party.request(whole)) == 401
    assert _status(party, HttpRequest("POST", "/fsi/api/9001", {}, b"\xff")) == 401


def test_a_gateway_without_nonces_still_knows_repetitions() -> None:
    gate = Gateway("csb", "test-ak", "test-sk", 300)
    request = HttpRequest("POST", "/x", csb_headers("9001", "1.0.0", "test-ak", "test-sk", 1_000), b"body")
    passed = gate.check(request, 1.0, {})
    with pytest.raises(TurnedAway):
        gate.check(request, 1.0, {passed.nonce: (passed.stamp, passed.digest)})
    assert gate.check(HttpRequest("POST", "/x", request.headers, b"other"), 1.0, {passed.nonce: (1, "")}).nonce
