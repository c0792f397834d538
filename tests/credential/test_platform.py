"""The simulated decoding platform: rules of spec/services.md 1.8 and 9 (U4)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from protocols.wire.base import Privacy
from protocols.wire.credential import (
    BUSINESS_TYPES,
    PATH,
    CredentialKind,
    tree,
)
from protocols.wire.http import HttpRequest
from simulators.peer.base import PeerOptions
from simulators.peer.credential_codes import credential_code, read_token
from simulators.serve.peers import peer_kinds

from .credential_bench import CALLS, KINDS, MINUTE, MORNING, TYPED, Bench

OTHER = "H44190000002"


class TestDecoding:
    @KINDS
    def test_a_code_is_decoded(self, kind: CredentialKind) -> None:
        bench = Bench()
        code = bench.code(kind)
        answer = bench.ask(code, CALLS[kind])
        assert answer["code"] == 0
        holder = answer["data"]
        assert (holder["userName"], holder["idNo"], holder["idType"]) == ("测试甲", "44190019900101001X", "01")
        assert holder["birthday"] == "1990-01-01"
        assert holder["ecQrCode"] == code
        insured = kind is CredentialKind.E_CREDENTIAL
        assert (read_token(holder["ecToken"], bench.now) == 1) is insured
        assert (holder["insuOrg"] == "441900") is insured
        assert bench.peer.violations() == []

    def test_the_newer_word_for_the_same(self) -> None:
        assert Bench().ask(Bench().code(), "cn.nhsa.qrcode.get")["code"] == 0

    @KINDS
    def test_a_code_is_good_for_one_time(self, kind: CredentialKind) -> None:
        bench = Bench()
        code = bench.code(kind)
        bench.ask(code, CALLS[kind])
        assert bench.ask(code, CALLS[kind])["code"] == 500161
        bench.peer = bench.reborn()
        assert bench.ask(code, CALLS[kind])["code"] == 500161
        assert bench.peer.violations() == [], "whoever had no answer asks again"

    def test_a_code_that_shows_up_elsewhere_is_told(self) -> None:
        bench = Bench()
        code = bench.code()
        bench.ask(code)
        assert bench.ask(code, orgId=OTHER, data={"orgId": OTHER})["code"] == 500161
        assert bench.peer.violations() == ["a code of another institution's visitor: it is good for one time"]

    @KINDS
    @pytest.mark.parametrize(
        ("at", "code"), [(-10.1, 500160), (-9.9, 0), (0.0, 0), (59.9, 0), (69.9, 0), (70.0, 500160), (3600.0, 500160)]
    )
    def test_a_code_lives_for_its_minute(self, kind: CredentialKind, at: float, code: int) -> None:
        bench = Bench()
        bench.now = MORNING + at
        assert bench.ask(bench.code(kind), CALLS[kind])["code"] == code

    def test_hostile_knows_no_grace(self) -> None:
        bench = Bench(PeerOptions(temper="hostile"))
        bench.now = MORNING + 60
        assert bench.ask(bench.code())["code"] == 500160

    @pytest.mark.parametrize(
        "code",
        [
            TYPED[:-1],
            TYPED + "0",
            "425" + TYPED[3:],
            "opc" + TYPED[3:],
            "４２４" + TYPED[3:],
            "134567890123456789",
            "x",
            credential_code("health_code", 1, MINUTE),
            credential_code("citizen_code", 1, MINUTE),
        ],
    )
    def test_what_is_no_insurance_code(self, code: str) -> None:
        bench = Bench()
        answer = bench.ask(code)
        assert answer["code"] == 500159
        assert code not in json.dumps(answer, ensure_ascii=False)
        assert bench.events == []

    @KINDS
    def test_static_codes_are_for_demonstrations(self, kind: CredentialKind) -> None:
        code = credential_code(kind, 1, 0)
        assert Bench().ask(code, CALLS[kind])["code"] == 500160
        bench = Bench(PeerOptions(settings={"static": True}))
        for _ in range(3):
            bench.now += 10_000
            assert bench.ask(code, CALLS[kind])["code"] == 0

    def test_nobody_is_known_under_that_code(self) -> None:
        bench = Bench()
        assert bench.ask(bench.code(resident=99_999_999))["code"] == 500163

    @pytest.mark.parametrize("business", sorted(BUSINESS_TYPES))
    def test_the_business_types_of_the_list(self, business: str) -> None:
        bench = Bench()
        assert bench.ask(bench.code(), data={"businessType": business})["code"] == 0

    @pytest.mark.parametrize("business", ["00000", "01205", "99999", "01303"])
    def test_other_business_types(self, business: str) -> None:
        bench = Bench()
        assert bench.ask(bench.code(), data={"businessType": business})["code"] == 500102
        assert bench.peer.violations()

    def test_the_field_has_three_more_business_types(self) -> None:
        bench = Bench(PeerOptions(temper="realistic"))
        assert bench.ask(bench.code(), data={"businessType": "01303"})["code"] == 0
        assert bench.peer.violations() == ["ec.query: a business type of the field, not of the list"]

    @pytest.mark.parametrize(
        "changes",
        [{"orgId": "H44190000002"}, {"data": {"orgId": "H44190000002"}}, {"orgId": "P1", "data": {"orgId": "P1"}}],
    )
    def test_the_institution_must_be_known_and_one(self, changes: dict[str, Any]) -> None:
        bench = Bench()
        assert bench.ask(bench.code(), **changes)["code"] == 500101

    def test_an_unknown_transaction(self) -> None:
        assert Bench().ask(Bench().code(), "ec.delete")["code"] == 500103

    def test_a_device_that_is_no_kiosk_is_reported(self) -> None:
        bench = Bench()
        assert bench.ask(bench.code(), data={"deviceType": "Window"})["code"] == 0
        assert bench.peer.violations() == ["ec.query: deviceType of a kiosk is SelfService"]

    def test_what_a_scanner_leaves_at_the_end(self) -> None:
        bench = Bench()
        assert bench.ask(bench.code() + "\r\n")["code"] == 500159
        field = Bench(PeerOptions(temper="realistic"))
        assert field.ask(field.code() + "\r\n")["code"] == 0
        assert field.ask(field.code())["code"] == 500161
        assert field.peer.violations() == ["the code ends with what the scanner put there"]

    def test_twists(self) -> None:
        bench = Bench()
        assert bench.ask(bench.code(), twist="refuse")["code"] == 500199
        assert bench.ask(bench.code(), twist="sign-in-expired")["code"] == 500110
        assert bench.events == []
        assert bench.ask(bench.code(), twist="wrong-reference")["data"]["ecQrCode"] != bench.code()

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{}",
            b"[]",
            b"\xff",
            b'{"a":1,"a":2}',
            b'{"orgId":1,"transType":"ec.query","data":{}}',
            b'{"orgId":"H44190000001","transType":"ec.query"}',
            b'{"orgId":"H44190000001","transType":"ec.query","data":[]}',
            b'{"orgId":"\\ud800","transType":"ec.query","data":{}}',
            b"[" * 5000,
        ],
    )
    def test_bad_bodies_change_nothing(self, body: bytes) -> None:
        bench = Bench()
        request = HttpRequest("POST", PATH, {}, body)
        assert json.loads(bench.peer.handle(request, bench.now).body)["code"] == 500100
        assert bench.peer.address(request) == "?"
        assert bench.peer.violations()
        assert bench.events == []

    def test_a_name_of_50_characters_too_long_is_named_without_value(self) -> None:
        bench = Bench()
        bench.ask(bench.code(), data={"operatorName": "某" * 65})
        (said,) = bench.peer.violations()
        assert "operatorName" in said
        assert "某" not in said

    @pytest.mark.parametrize(
        ("method", "target", "status"), [("GET", PATH, 405), ("POST", "/x", 404), ("POST", "//[", 404)]
    )
    def test_wrong_doors(self, method: str, target: str, status: int) -> None:
        assert Bench().peer.handle(HttpRequest(method, target), MORNING).status == status

    def test_it_is_found_and_settings_are_checked(self) -> None:
        assert peer_kinds()["credential"].transport == "http"
        with pytest.raises(ValueError, match="no setting 'x'"):
            Bench(PeerOptions(settings={"x": 1}))


class TestMemory:
    def test_a_platform_that_was_killed_remembers_used_codes(self) -> None:
        bench = Bench()
        for kind in CredentialKind:
            bench.ask(bench.code(kind), CALLS[kind])
        twin = bench.reborn()
        assert twin.snapshot() == bench.peer.snapshot()
        assert twin.snapshot()["codes_used"] == 4
        assert list(twin.book()) == []

    def test_no_code_name_or_citizen_number_is_kept_or_shown(self) -> None:
        bench = Bench()
        codes = [bench.code(kind) for kind in CredentialKind]
        for code, call in zip(list(codes), CALLS.values(), strict=True):
            token = bench.ask(code, call)["data"]["ecToken"]
            codes.append(token or code)
            bench.ask(code, call)
            bench.ask(code, "ec.query")
        kept = json.dumps([bench.events, bench.peer.snapshot(), bench.peer.violations()], ensure_ascii=False)
        for secret in (*codes, "测试甲", "44190019900101001X", "1990-01-01"):
            assert secret not in kept
        for code in codes:
            assert hashlib.sha256(code.encode()).hexdigest()[:16] not in kept

    def test_the_tree_is_labelled_and_private(self) -> None:
        bench = Bench()
        request = bench.request(bench.code())
        reply = bench.peer.handle(request, bench.now)
        for body in (request.body, reply.body):
            nodes = [node for _, node in tree(body).walk()]
            assert all(node.label.zh != node.name for node in nodes if node.name != "email")
            shown = " ".join(node.text for node in nodes if node.privacy is Privacy.OPEN and not node.children)
            for secret in (bench.code(), "测试甲", "44190019900101001X"):
                assert secret not in shown
        assert tree(b"\xff").privacy is Privacy.ID_NUMBER
