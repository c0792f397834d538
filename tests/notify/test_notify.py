"""The simulated notice platform: errors of spec/services.md 6, one message for one id, and a sink that shows nobody."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from protocols.wire import notice
from protocols.wire.base import Privacy
from protocols.wire.http import HttpReply, HttpRequest, json_request
from protocols.wire.notice import TEMPLATES, SmsRequest, sms_request, sms_signature, tree
from simulators.peer.base import PeerOptions, Twist
from simulators.peer.notify import NotifyPeer
from simulators.serve.peers import peer_kinds

MORNING = 1_795_305_600.0
OPENID, PHONE = "oSIM000000000001", "10000000001"
DATA = {
    "thing2": {"value": "门诊缴费"},
    "time3": {"value": "2026-11-22 08:30"},
    "character_string9": {"value": "DG2026112200001000001"},
    "amount": {"value": "12.50元"},
}


class Bench:
    def __init__(self, options: PeerOptions | None = None) -> None:
        self.options = options or PeerOptions()
        self.events: list[dict[str, Any]] = []
        self.now = MORNING
        self.peer = self.reborn()

    def reborn(self) -> NotifyPeer:
        return NotifyPeer(
            self.options, lambda event: self.events.append(json.loads(json.dumps(event))), list(self.events)
        )

    def ask(self, request: HttpRequest, twist: Twist = "") -> dict[str, Any]:
        reply = self.peer.handle(request, self.now, twist)
        assert reply.status == 200
        return json.loads(reply.body)

    def token(self, appid: str = "wx0000000000000001", secret: str = "SIM-APP-SECRET") -> dict[str, Any]:
        return self.ask(notice.token_request(appid, secret))

    def send(self, token: str | None = None, twist: Twist = "", **changes: Any) -> int:
        message = {
            "touser": OPENID,
            "template_id": TEMPLATES["paid"].id,
            "data": DATA,
            "client_msg_id": "m1",
            **changes,
        }
        token = self.token()["access_token"] if token is None else token
        target = f"{notice.SEND}?{urlencode({'access_token': token})}"
        return self.ask(json_request("POST", target, message), twist)["errcode"]

    def sms(self, twist: Twist = "", key: str = "SIM-SMS-KEY", **changes: Any) -> dict[str, Any]:
        values = {
            "message_id": "m1",
            "phone": PHONE,
            "template": "SMS_PAID",
            "params": {"amount": "12.50元"},
            **changes,
        }
        return self.ask(sms_request(key, int(self.now), SmsRequest(**values)), twist)

    def sink(self, **query: str) -> list[dict[str, Any]]:
        return self.ask(HttpRequest("GET", f"/sink/messages?{urlencode(query)}"))["messages"]


class TestWechat:
    def test_arrived(self) -> None:
        bench = Bench()
        assert bench.send() == 0
        (message,) = bench.sink()
        assert (message["channel"], message["template"], message["message_id"]) == ("wechat", "paid", "m1")
        assert message["values"]["amount"] == "12.50元"
        assert message["values"]["character_string9"] == "DG2026112200001000001"
        assert bench.peer.violations() == []

    def test_template_ids_have_43_characters(self) -> None:
        assert {len(each.id) for each in TEMPLATES.values()} == {43}

    def test_the_same_message_again_arrives_once(self) -> None:
        bench = Bench()
        token = bench.token()["access_token"]
        numbers = set()
        for _ in range(3):
            message = {"touser": OPENID, "template_id": TEMPLATES["paid"].id, "data": DATA, "client_msg_id": "m1"}
            reply = bench.ask(json_request("POST", f"{notice.SEND}?access_token={token}", message))
            numbers.add(reply["msgid"])
            bench.peer = bench.reborn()
        assert len(numbers) == 1
        assert len(bench.sink()) == 1
        assert bench.send(client_msg_id="m2") == 0
        assert bench.send(touser="oSIM000000000002") == 0
        assert len(bench.sink()) == 3

    def test_without_an_id_every_one_is_new(self) -> None:
        bench = Bench()
        for _ in range(2):
            assert bench.send(client_msg_id="") == 0
        assert len(bench.sink()) == 2

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"touser": "oX"}, 40003),
            ({"touser": ""}, 40003),
            ({"touser": "oSIM000026000001"}, 40003),
            ({"touser": "oSIM00000000000１"}, 40003),
            ({"template_id": "short"}, 40036),
            ({"template_id": "X" * 43}, 40037),
            ({"data": {}}, 47003),
            ({"data": {**DATA, "thing2": {"value": "一" * 21}}}, 47003),
            ({"data": {**DATA, "time3": {"value": "today"}}}, 47003),
            ({"data": {**DATA, "character_string9": {"value": "交易"}}}, 47003),
            ({"data": {**DATA, "amount": {"value": "-1"}}}, 47003),
            ({"data": []}, 47001),
            ({"data": {"thing2": "x"}}, 47001),
            ({"touser": 1}, 47001),
        ],
    )
    def test_errors(self, changes: dict[str, Any], code: int) -> None:
        bench = Bench()
        assert bench.send(**changes) == code
        assert bench.events == []
        assert code in notice.WECHAT_ERRORS

    @pytest.mark.parametrize(
        ("token", "code"), [("", 41001), ("x", 40001), ("ff_00", 40001), ("é_ü", 40001), ("_", 40001)]
    )
    def test_tokens_that_are_none(self, token: str, code: int) -> None:
        assert Bench().send(token) == code

    def test_a_token_expires(self) -> None:
        bench = Bench()
        token = bench.token()["access_token"]
        bench.now += 7_200
        assert bench.send(token) == 0
        bench.now += 1
        assert bench.send(token, client_msg_id="m2") == 42001

    def test_a_new_token_ends_the_old_one_where_it_is_least_convenient(self) -> None:
        bench = Bench()
        old = bench.token()["access_token"]
        bench.now += 1
        bench.token()
        assert bench.send(old) == 0
        hostile = Bench(PeerOptions(temper="hostile"))
        old = hostile.token()["access_token"]
        hostile.now += 1
        new = hostile.token()["access_token"]
        assert hostile.send(old) == 40001
        hostile.peer = hostile.reborn()
        assert hostile.send(old) == 40001
        assert hostile.send(new) == 0

    def test_who_asks_for_a_token(self) -> None:
        bench = Bench()
        assert bench.token(appid="wx2")["errcode"] == 40013
        assert bench.token(secret="x")["errcode"] == 40125
        assert bench.token()["expires_in"] == 7200

    def test_not_a_follower(self) -> None:
        bench = Bench(PeerOptions(settings={"strangers_every": 2}))
        assert bench.send() == 0
        assert bench.send(touser="oSIM000000000002") == 43004

    def test_quota_of_a_day(self) -> None:
        bench = Bench(PeerOptions(settings={"quota": 2}))
        told = [bench.send(client_msg_id=f"m{number}") for number in range(3)]
        assert told == [0, 0, 45009]
        bench.now += 86_400
        assert bench.send(client_msg_id="m9") == 0

    def test_twists(self) -> None:
        bench = Bench()
        assert bench.send(twist="refuse") == 45009
        assert bench.send(twist="sign-in-expired") == 42001
        assert bench.events == []


class TestSms:
    def test_arrived_once(self) -> None:
        bench = Bench()
        first, again = bench.sms(), bench.sms()
        assert first == again
        assert (first["code"], first["message_id"]) == ("OK", "m1")
        assert len(bench.sink(channel="sms")) == 1

    def test_the_signature_typed_by_hand(self) -> None:
        """HMAC-SHA256 with key ``k`` over ``1\\n{}``: computed with openssl."""
        import subprocess

        said = subprocess.run(
            ["openssl", "dgst", "-sha256", "-hmac", "k"], input=b"1\n{}", capture_output=True, check=True
        ).stdout
        assert sms_signature("k", "1", b"{}") == said.split()[-1].decode()

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"phone": "13800138000"}, "MOBILE_NUMBER_ILLEGAL"),
            ({"phone": ""}, "MOBILE_NUMBER_ILLEGAL"),
            ({"template": "SMS_X"}, "TEMPLATE_ILLEGAL"),
            ({"key": "other"}, "SIGNATURE_INVALID"),
        ],
    )
    def test_errors(self, changes: dict[str, Any], code: str) -> None:
        bench = Bench()
        assert bench.sms(**changes)["code"] == code
        assert bench.events == []

    def test_no_more_than_ten_a_day(self) -> None:
        bench = Bench()
        told = [bench.sms(message_id=f"m{number}")["code"] for number in range(11)]
        assert told == ["OK"] * 10 + ["BUSINESS_LIMIT_CONTROL"]
        assert bench.sms(message_id="m3")["code"] == "OK"  # an old one again is no new one

    def test_a_clock_that_is_off(self) -> None:
        bench = Bench()
        request = sms_request(
            "SIM-SMS-KEY", int(MORNING), SmsRequest(message_id="m", phone=PHONE, template="SMS_PAID", params={})
        )
        bench.now += 301
        assert bench.ask(request)["code"] == "TIMESTAMP_EXPIRED"

    @pytest.mark.parametrize("timestamp", ["", "x", "１", "-1", "9" * 500])
    def test_times_that_are_none(self, timestamp: str) -> None:
        headers = {"x-sms-timestamp": timestamp, "x-sms-signature": sms_signature("SIM-SMS-KEY", timestamp, b"{}")}
        assert Bench().ask(HttpRequest("POST", notice.SMS, headers, b"{}"))["code"] == "TIMESTAMP_EXPIRED"

    def test_twists(self) -> None:
        bench = Bench()
        assert bench.sms("refuse")["code"] == "BUSINESS_LIMIT_CONTROL"
        assert bench.sms("sign-in-expired")["code"] == "ACCOUNT_EXPIRED"
        assert bench.events == []
        assert bench.sms("wrong-reference")["message_id"] != "m1"


class TestSink:
    def test_asked_by_what_came_to_whom(self) -> None:
        bench = Bench()
        bench.send()
        bench.now += 10
        bench.sms()
        bench.send(touser="oSIM000000000002", template_id=TEMPLATES["refunded"].id)
        assert [each["channel"] for each in bench.sink()] == ["wechat", "sms", "wechat"]
        assert len(bench.sink(channel="sms")) == 1
        assert len(bench.sink(to=OPENID)) == 1
        assert len(bench.sink(to=PHONE)) == 1
        assert len(bench.sink(to="oSIM000000000003")) == 0
        assert len(bench.sink(template="refunded")) == 1
        assert len(bench.sink(message_id="m1")) == 3
        assert len(bench.sink(since=str(MORNING + 5))) == 2
        assert bench.sink(since="x") == []

    def test_nobody_is_shown_or_kept(self) -> None:
        bench = Bench()
        said = "测试甲 44190019900101001X 6299990000000000012 13800138000"
        bench.send(data={**DATA, "first": {"value": said}})
        bench.sms(params={"x": f"测试甲 {PHONE} 您好"})
        assert len(bench.peer.violations()) == 2
        kept = json.dumps([bench.events, bench.sink(), bench.peer.snapshot()], ensure_ascii=False)
        assert "您好" in kept
        for secret in ("测试甲", "44190019900101001", "6299990000000000012", "13800138000", OPENID, PHONE):
            assert secret not in kept

    def test_a_platform_that_was_killed_knows_what_arrived(self) -> None:
        bench = Bench()
        bench.send()
        bench.sms()
        before = (bench.sink(), bench.peer.snapshot())
        bench.peer = bench.reborn()
        assert (bench.sink(), bench.peer.snapshot()) == before
        assert list(bench.peer.book()) == []


class TestDoors:
    @pytest.mark.parametrize("path", [notice.SEND, notice.SMS])
    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"{}", b"\xff", b'{"a":1,"a":2}', b"[" * 9999, b'{"touser":"\\ud800"}']
    )
    def test_bad_bodies_change_nothing(self, path: str, body: bytes) -> None:
        bench = Bench()
        token = bench.token()["access_token"]
        headers = {
            "x-sms-timestamp": str(int(MORNING)),
            "x-sms-signature": sms_signature("SIM-SMS-KEY", str(int(MORNING)), body),
        }
        answer = bench.ask(HttpRequest("POST", f"{path}?access_token={token}", headers, body))
        assert answer.get("errcode") == 47001 or answer.get("code") == "PARAMETER_INVALID"
        assert bench.events == []
        assert bench.peer.violations()

    @pytest.mark.parametrize(
        ("method", "target", "status"),
        [("GET", notice.SEND, 405), ("POST", "/sink/messages", 405), ("GET", "/x", 404), ("GET", "//[", 404)],
    )
    def test_wrong_doors(self, method: str, target: str, status: int) -> None:
        bench = Bench()
        assert bench.peer.handle(HttpRequest(method, target), MORNING).status == status
        assert isinstance(bench.peer.address(HttpRequest(method, target)), str)

    def test_a_spoiled_reply_is_none(self) -> None:
        with pytest.raises(ValueError):
            json.loads(Bench().peer.spoil(HttpReply(200, {}, b'{"errcode":0}')).body)

    def test_it_is_found_and_settings_are_checked(self) -> None:
        assert peer_kinds()["notify"].transport == "http"
        for settings, why in (
            ({"x": 1}, "no setting 'x'"),
            ({"quota": "a"}, "quota"),
            ({"sms_a_day": -1}, "sms_a_day"),
        ):
            with pytest.raises(ValueError, match=why):
                Bench(PeerOptions(settings=settings))

    def test_the_tree_is_labelled_and_private(self) -> None:
        body = json.dumps({"touser": OPENID, "template_id": "T", "data": DATA, "url": ""}).encode()
        nodes = [node for _, node in tree(body).walk()]
        shown = " ".join(node.text for node in nodes if node.privacy is Privacy.OPEN and not node.children)
        assert OPENID not in shown
        assert "门诊缴费" not in shown
        sms = json.dumps({"phone": PHONE, "params": {"x": "测试甲"}}).encode()
        for node in (each for _, each in tree(sms).walk()):
            assert node.children or node.privacy is not Privacy.OPEN
        assert tree(b"x").privacy is Privacy.NAME
