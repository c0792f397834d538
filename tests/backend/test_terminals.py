"""Terminals: enrolment, sessions, authenticated requests, heartbeats, commands. DG-OPS-02, 03, 04, 06; services.md 7.1."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from platform_bench import CLINIC, CLINIC_2, Bench, HandClock, Kiosk, bench_on, exchange

from protocols.wire.http import HttpRequest
from protocols.wire.platform import authentication as wire
from protocols.wire.platform.endpoints import CONFIGURATION, DICTIONARIES, HEARTBEATS, SERVER_TIME_HEADER
from protocols.wire.platform.message import Message
from protocols.wire.platform.models import Credential
from reference_impl.backend.dictionaries.dictionary import Dictionaries
from reference_impl.backend.keys import Keys
from reference_impl.backend.problems import ProblemError
from reference_impl.backend.terminals.admission import Admitted
from reference_impl.backend.terminals.callers import opened


async def command(bench: Bench, verb: str, terminal_id: str = "KSK-00001") -> Any:
    reply = await bench.admin.call("POST", f"/v1/admin/terminals/{terminal_id}/commands", {"verb": verb})
    assert reply.status == 201, reply.body
    return reply.json


# Enrolment.


async def test_a_terminal_is_enrolled_once_with_its_code(bench: Bench) -> None:
    kiosk, code = await bench.terminal()
    assert len(code.replace("-", "")) == 24
    assert (await kiosk.open_session()).code == "terminal-revoked"
    assert (await kiosk.enrol(code.lower())).status == 204
    assert (await kiosk.enrol(code)).code == "enrolment-refused"
    assert (await kiosk.open_session()).status == 201
    assert (await kiosk.ask("GET", CONFIGURATION)).json == {
        "version": 1,
        "terminal_id": "KSK-00001",
        "institution": CLINIC,
        "institution_name": f"模拟机构 {CLINIC}",
        "bank_terminal": "10000001",
        "merchant": "898441900000001",
        "services": ["registration", "payment", "refund", "query", "identity"],
        "heartbeat_s": 30.0,
        "menu": [],
    }


async def test_the_code_is_kept_as_a_hash_and_ends_by_time_or_by_wrong_tries(bench: Bench) -> None:
    late, code = await bench.terminal(1)
    assert code.replace("-", "") not in repr(bench.services.fleet.terminals)
    bench.clock.time += 86_401
    assert (await late.enrol(code)).code == "enrolment-refused"
    assert (await bench.admin.login()).status == 201

    guessed, code = await bench.terminal(2)
    for _ in range(5):
        assert (await guessed.enrol("AAAAAA-BBBBBB-CCCCCC-DDDDDD")).code == "enrolment-refused"
    assert (await guessed.enrol(code)).code == "enrolment-refused"
    fresh = await bench.admin.call("POST", "/v1/admin/terminals/KSK-00002/enrolment-codes")
    assert (await guessed.enrol(fresh.json["code"])).status == 204


async def test_a_stranger_learns_nothing_and_fills_no_trail(bench: Bench) -> None:
    _, code = await bench.terminal()
    stranger = Kiosk(bench.app, bench.clock, "KSK-99999", bench.draw)
    before = bench.services.trail.seq
    unknown = await stranger.enrol(code)
    assert bench.services.trail.seq == before
    stranger.terminal_id = "KSK-00001"
    wrong = await stranger.enrol("AAAAAA-BBBBBB-CCCCCC-DDDDDD")
    for reply in (unknown, wrong):
        assert reply.code == "enrolment-refused"
    assert unknown.json["detail"] == wrong.json["detail"]


async def test_a_flood_of_refusals_is_counted_and_not_written(bench: Bench) -> None:
    kiosk = await bench.kiosk()
    imposter = replace(kiosk, private=Ed25519PrivateKey.generate())
    before = bench.services.trail.seq
    for _ in range(60):
        assert (await imposter.open_session()).code == "signature-wrong"
    written = bench.services.trail.seq - before
    assert 15 <= written <= 25
    bench.clock.time += 10
    await imposter.open_session()
    newest = (await bench.audited(action="terminal.session-refused"))[0]
    assert newest["details"]["left_out"] == 60 - written


# Sessions and requests.


async def test_a_session_needs_the_enrolled_key(bench: Bench) -> None:
    kiosk = await bench.kiosk()
    imposter = replace(kiosk, private=Ed25519PrivateKey.generate())
    assert (await imposter.open_session()).code == "signature-wrong"
    ephemeral, nonce = X25519PrivateKey.generate(), "0" * 31 + "1"
    proof = kiosk.session_request(ephemeral, nonce)
    for name, value in (("timestamp", proof["timestamp"] + 1), ("nonce", "0" * 31 + "2"), ("ephemeral", "11" * 32)):
        assert (await kiosk.send("POST", "/v1/terminal/sessions", {**proof, name: value})).code == "signature-wrong"
    assert (await kiosk.send("POST", "/v1/terminal/sessions", proof)).status == 201
    assert (await kiosk.send("POST", "/v1/terminal/sessions", proof)).code == "nonce-used"


async def test_the_null_point_is_no_ephemeral_key(bench: Bench) -> None:
    """A public key of small order would make the session key known to everybody."""
    kiosk = await bench.kiosk()
    timestamp, nonce, null = int(kiosk.now), "ab" * 16, "00" * 32
    signature = wire.sign_session(kiosk.private.private_bytes_raw(), kiosk.terminal_id, timestamp, nonce, null)
    request = {"terminal_id": kiosk.terminal_id, "timestamp": timestamp, "nonce": nonce, "ephemeral": null}
    assert (
        await kiosk.send("POST", "/v1/terminal/sessions", {**request, "signature": signature})
    ).code == "signature-wrong"


async def test_the_token_hides_the_session_key(bench: Bench) -> None:
    kiosk = await bench.kiosk()
    assert kiosk.key.hex() not in kiosk.token
    with pytest.raises(wire.WireError):
        wire.open_sealed(kiosk.key, kiosk.token)


@pytest.mark.parametrize("name", ["signature", "body", "target", "method", "timestamp", "nonce"])
async def test_a_request_that_was_changed_on_the_way_is_refused(bench: Bench, name: str) -> None:
    kiosk = await bench.kiosk()
    request = kiosk.signed("POST", HEARTBEATS, kiosk.heartbeat(1))
    headers = dict(request.headers)
    if name == "signature":
        headers[wire.SIGNATURE_HEADER] = headers[wire.SIGNATURE_HEADER][:-1] + (
            "0" if headers[wire.SIGNATURE_HEADER][-1] != "0" else "1"
        )
    elif name == "timestamp":
        headers[wire.TIMESTAMP_HEADER] = str(int(kiosk.now) - 1)
    elif name == "nonce":
        headers[wire.NONCE_HEADER] = "f" * 32
    changed = {
        "body": HttpRequest(request.method, request.target, headers, request.body.replace(b"1.4.0", b"1.4.1")),
        "target": HttpRequest(request.method, request.target + "?x=1", headers, request.body),
        "method": HttpRequest("GET", CONFIGURATION, {k: v for k, v in headers.items() if k != "content-type"}),
    }.get(name, HttpRequest(request.method, request.target, headers, request.body))
    assert (await exchange(bench.app, changed)).code == "signature-wrong"
    assert (await exchange(bench.app, request)).status == 200  # and the one as it was sent is still good


async def test_a_request_is_taken_once(bench: Bench) -> None:
    kiosk = await bench.kiosk()
    request = kiosk.signed("POST", HEARTBEATS, kiosk.heartbeat(1))
    assert (await exchange(bench.app, request)).status == 200
    again = await exchange(bench.app, request)
    assert again.code == "nonce-used"
    assert again.status == 401
    assert again.json["retry"] is True


async def test_two_terminals_may_draw_the_same_nonce(bench: Bench) -> None:
    one, two = await bench.kiosk(1), await bench.kiosk(2)
    two.draw, one.draw = (replace_draw(one), replace_draw(one))
    assert (await one.ask("GET", CONFIGURATION)).status == 200
    assert (await two.ask("GET", CONFIGURATION)).status == 200


def replace_draw(kiosk: Kiosk) -> Any:
    from protocols.seeded import SeededChoice

    return SeededChoice(77, "the same")


@pytest.mark.parametrize(
    ("skew_s", "code"), [(-301, "clock-skew"), (302, "clock-skew"), (-299, "request-before-start"), (299, "")]
)
async def test_the_clock_of_a_terminal_may_be_five_minutes_off(bench: Bench, skew_s: float, code: str) -> None:
    kiosk = await bench.kiosk()
    kiosk.skew_s = skew_s
    reply = await kiosk.ask("GET", CONFIGURATION)
    if code:
        assert reply.code == code
        assert float(reply.headers[SERVER_TIME_HEADER]) == bench.clock.time
    else:
        assert reply.status == 200


async def test_the_past_is_taken_once_the_process_is_old_enough(bench: Bench) -> None:
    kiosk = await bench.kiosk()
    bench.clock.time += 400
    kiosk.skew_s = -299
    assert (await kiosk.ask("GET", CONFIGURATION)).status == 200


async def test_nothing_can_be_replayed_to_the_next_process(database_url: str) -> None:
    """A recorded request, also one of a clock that was ahead, is refused after a restart; the session goes on."""
    clock, keys = HandClock(), Keys.made()
    async with bench_on(database_url, clock, keys) as first:
        kiosk = await first.kiosk()
        plain = kiosk.signed("GET", CONFIGURATION)
        kiosk.skew_s = 120
        early = kiosk.signed("GET", CONFIGURATION)
        proof = kiosk.session_request(X25519PrivateKey.generate(), "ab" * 16)
        assert (await kiosk.send("POST", "/v1/terminal/sessions", proof)).status == 201
        for request in (plain, early):
            assert (await exchange(first.app, request)).status == 200
        kiosk.skew_s = 0
    clock.time += 2
    async with bench_on(database_url, clock, keys) as second:
        kiosk.app = second.app
        assert (await exchange(second.app, plain)).code == "request-before-start"
        assert (await exchange(second.app, early)).code == "nonce-used"
        assert (await kiosk.send("POST", "/v1/terminal/sessions", proof)).code == "nonce-used"
        assert (await kiosk.ask("GET", CONFIGURATION)).status == 200
        clock.time += 200
        assert (await exchange(second.app, early)).code == "nonce-used"


async def test_a_session_ends(bench: Bench) -> None:
    kiosk = await bench.kiosk()
    bench.clock.time += 14_399
    assert (await kiosk.ask("GET", CONFIGURATION)).status == 200
    bench.clock.time += 2
    assert (await kiosk.ask("GET", CONFIGURATION)).code == "session-expired"


@pytest.mark.parametrize("token", ["", "x", "a.b.c.d.e", "x" * 5000, "é"])
async def test_a_token_that_is_none_is_refused(bench: Bench, token: str) -> None:
    kiosk = await bench.kiosk()
    kiosk.token = token
    assert (await kiosk.ask("GET", CONFIGURATION)).code == "session-invalid"


async def test_a_token_of_another_backend_is_refused(bench: Bench) -> None:
    kiosk = await bench.kiosk()
    claims = {"t": "KSK-00001", "k": kiosk.key.hex(), "x": bench.clock.time + 100, "g": 2}
    kiosk.token = wire.seal(b"another key of 32 bytes, as long", claims)
    assert (await kiosk.ask("GET", CONFIGURATION)).code == "session-invalid"


async def test_a_revoked_terminal_is_out_at_once_and_comes_back_with_a_new_code(bench: Bench) -> None:
    kiosk = await bench.kiosk()
    ended = await bench.admin.call("POST", "/v1/admin/terminals/KSK-00001/revocations")
    assert ended.json["state"] == "revoked"
    assert (await kiosk.ask("GET", CONFIGURATION)).code == "terminal-revoked"
    assert (await kiosk.open_session()).code == "terminal-revoked"
    fresh = await bench.admin.call("POST", "/v1/admin/terminals/KSK-00001/enrolment-codes")
    assert (await kiosk.enrol(fresh.json["code"])).status == 204
    assert (await kiosk.ask("GET", CONFIGURATION)).code == "session-invalid"
    assert (await kiosk.open_session()).status == 201
    assert (await kiosk.ask("GET", CONFIGURATION)).status == 200


async def test_a_machine_that_is_replaced_ends_the_sessions_of_the_old_one(bench: Bench) -> None:
    old = await bench.kiosk()
    fresh = await bench.admin.call("POST", "/v1/admin/terminals/KSK-00001/enrolment-codes")
    assert (await old.ask("GET", CONFIGURATION)).status == 200
    new = Kiosk(bench.app, bench.clock, "KSK-00001", bench.draw)
    assert (await new.enrol(fresh.json["code"])).status == 204
    assert (await old.ask("GET", CONFIGURATION)).code == "session-invalid"
    assert (await old.open_session()).code == "signature-wrong"


async def test_a_terminal_that_asks_too_often_is_slowed_down_alone(database_url: str) -> None:
    limits = {"limits.terminal_rate": 10, "limits.terminal_burst": 20}
    async with bench_on(database_url, HandClock(), Keys.made(), **limits) as bench:
        loud, quiet = await bench.kiosk(1), await bench.kiosk(2)
        codes = [(await loud.ask("GET", CONFIGURATION)).status for _ in range(30)]
        assert codes.count(429) == 11  # the session took one of twenty
        assert (await quiet.ask("GET", CONFIGURATION)).status == 200
        bench.clock.time += 1
        assert (await loud.ask("GET", CONFIGURATION)).status == 200


async def test_a_full_memory_of_nonces_refuses_and_never_forgets(database_url: str) -> None:
    async with bench_on(database_url, HandClock(), Keys.made(), **{"limits.nonces": 10}) as bench:
        kiosk = await bench.kiosk()
        requests = [kiosk.signed("GET", CONFIGURATION) for _ in range(12)]
        statuses = [(await exchange(bench.app, each)).status for each in requests]
        assert statuses == [200] * 9 + [429] * 3
        assert (await exchange(bench.app, requests[0])).code == "nonce-used"
        bench.clock.time += 400
        assert (await kiosk.ask("GET", CONFIGURATION)).status == 200


def test_what_a_terminal_sealed_is_opened_for_its_session_alone() -> None:
    credential = {"kind": "resident_id", "id_number": "441900194001010029", "name": "测试"}
    key = b"k" * 32
    admitted = Admitted(terminal=None, key=key)  # type: ignore[arg-type]
    assert opened(admitted, wire.seal(key, credential), Credential).name == "测试"
    for sealed in (
        wire.seal(b"x" * 32, credential),
        "no jwe",
        wire.seal(key, {**credential, "id_number": "4419001940010100299"}),
    ):
        with pytest.raises(ProblemError) as caught:
            opened(admitted, sealed, Credential)
        assert caught.value.where.startswith("body.sealed")
        assert "44190019" not in caught.value.detail
    assert issubclass(Credential, Message)


# Heartbeats and commands.


async def test_a_heartbeat_is_what_an_operator_sees(bench: Bench) -> None:
    kiosk = await bench.kiosk()
    modules = [{"id": "card_reader", "state": "ok"}, {"id": "printer", "state": "fault", "code": "PAPER_OUT"}]
    beat = kiosk.heartbeat(1, mode="serving", modules=modules, queue=2, queue_oldest_s=12.5, disk_free_mb=900)
    reply = await kiosk.ask("POST", HEARTBEATS, beat)
    assert reply.json == {"server_time": bench.clock.time, "period_s": 30.0, "config_version": 1, "commands": []}

    seen = (await bench.admin.call("GET", "/v1/admin/terminals/KSK-00001")).json
    assert seen["online"] is True
    assert (seen["app_version"], seen["mode"], seen["queue"], seen["queue_oldest_s"]) == ("1.4.0", "serving", 2, 12.5)
    assert seen["modules"] == [
        {"id": "card_reader", "state": "ok", "code": ""},
        {"id": "printer", "state": "fault", "code": "PAPER_OUT"},
    ]
    bench.clock.time += 10
    await kiosk.ask(
        "POST", HEARTBEATS, kiosk.heartbeat(2, app_version="1.5.0", modules=[{"id": "printer", "state": "ok"}])
    )
    events = (await bench.admin.call("GET", "/v1/admin/terminals/KSK-00001/events")).json
    assert [(each["module"], each["state"]) for each in events] == [("printer", "ok"), ("printer", "fault")]
    versions = (await bench.admin.call("GET", "/v1/admin/terminals/KSK-00001/versions")).json
    assert [each["app_version"] for each in versions] == ["1.5.0", "1.4.0"]


async def test_online_means_heard_within_three_periods(bench: Bench) -> None:
    kiosk = await bench.kiosk()
    await kiosk.ask("POST", HEARTBEATS, kiosk.heartbeat(1))
    for later_s, online in ((90, True), (1, False)):
        bench.clock.time += later_s
        assert (await bench.admin.call("GET", "/v1/admin/terminals/KSK-00001")).json["online"] is online
    await kiosk.ask("POST", HEARTBEATS, kiosk.heartbeat(2))
    assert (await bench.admin.call("GET", "/v1/admin/terminals?online=true")).json["items"][0][
        "terminal_id"
    ] == "KSK-00001"


async def test_an_older_heartbeat_changes_nothing(bench: Bench) -> None:
    kiosk = await bench.kiosk()
    await kiosk.ask("POST", HEARTBEATS, kiosk.heartbeat(5, mode="paused"))
    await command(bench, "resume")
    for seq in (4, 5):
        late = await kiosk.ask("POST", HEARTBEATS, kiosk.heartbeat(seq, mode="serving"))
        assert late.json["commands"] == []
    assert (await bench.admin.call("GET", "/v1/admin/terminals/KSK-00001")).json["mode"] == "paused"
    booted = await kiosk.ask("POST", HEARTBEATS, kiosk.heartbeat(0, boot_id="boot-2"))
    assert [each["verb"] for each in booted.json["commands"]] == ["resume"]


async def test_a_command_comes_once_and_its_result_is_kept(bench: Bench) -> None:
    kiosk = await bench.kiosk()
    made = await command(bench, "pause")
    assert (made["state"], made["issued_by"]) == ("waiting", "admin")
    first = (await kiosk.ask("POST", HEARTBEATS, kiosk.heartbeat(1))).json["commands"]
    assert first == [{"command_id": made["command_id"], "verb": "pause", "expires_at": made["expires_at"]}]
    assert (await kiosk.ask("POST", HEARTBEATS, kiosk.heartbeat(2))).json["commands"] == []
    result = {"command_id": made["command_id"], "result": "failed", "code": "BUSY"}
    await kiosk.ask("POST", HEARTBEATS, kiosk.heartbeat(3, results=[result]))
    await kiosk.ask("POST", HEARTBEATS, kiosk.heartbeat(4, results=[{**result, "result": "done"}]))
    listed = (await bench.admin.call("GET", "/v1/admin/terminals/KSK-00001/commands")).json
    assert [(each["state"], each["code"]) for each in listed] == [("failed", "BUSY")]


async def test_no_command_comes_while_a_citizen_is_served_or_after_its_end(bench: Bench) -> None:
    kiosk = await bench.kiosk()
    await command(bench, "restart_host")
    busy = await kiosk.ask("POST", HEARTBEATS, kiosk.heartbeat(1, open_session=True))
    assert busy.json["commands"] == []
    bench.clock.time += 601
    assert (await kiosk.ask("POST", HEARTBEATS, kiosk.heartbeat(2))).json["commands"] == []
    listed = (await bench.admin.call("GET", "/v1/admin/terminals/KSK-00001/commands")).json
    assert [each["state"] for each in listed] == ["expired"]


async def test_a_command_is_sent_at_most_once_whatever_restarts(database_url: str) -> None:
    clock, keys = HandClock(), Keys.made()
    async with bench_on(database_url, clock, keys) as first:
        kiosk = await first.kiosk()
        made = await command(first, "restart_app")
        lost = await command(first, "sync_clock")
        assert (
            len((await kiosk.ask("POST", HEARTBEATS, kiosk.heartbeat(1))).json["commands"]) == 2
        )  # the reply gets lost
    clock.time += 2
    async with bench_on(database_url, clock, keys) as second:
        kiosk.app = second.app
        results = [{"command_id": made["command_id"], "result": "done"}]
        reply = await kiosk.ask("POST", HEARTBEATS, kiosk.heartbeat(2, results=results))
        assert reply.json["commands"] == []
        clock.time += 700
        assert (await second.admin.login()).status == 201
        listed = (await second.admin.call("GET", "/v1/admin/terminals/KSK-00001/commands")).json
        assert {each["command_id"]: each["state"] for each in listed} == {
            made["command_id"]: "done",
            lost["command_id"]: "unanswered",
        }


async def test_a_command_can_be_withdrawn_until_it_is_sent(bench: Bench) -> None:
    kiosk = await bench.kiosk()
    one, two = await command(bench, "pause"), await command(bench, "resume")
    gone = await bench.admin.call("DELETE", f"/v1/admin/terminals/KSK-00001/commands/{one['command_id']}")
    assert gone.json["state"] == "withdrawn"
    sent = (await kiosk.ask("POST", HEARTBEATS, kiosk.heartbeat(1))).json["commands"]
    assert [each["command_id"] for each in sent] == [two["command_id"]]
    assert (
        await bench.admin.call("DELETE", f"/v1/admin/terminals/KSK-00001/commands/{two['command_id']}")
    ).code == "conflict"


async def test_services_are_switched_off_from_afar(bench: Bench) -> None:
    kiosk = await bench.kiosk()
    changed = await bench.admin.call(
        "PATCH", "/v1/admin/terminals/KSK-00001", {"services": ["query"], "name": "二号机"}
    )
    assert (changed.json["services"], changed.json["config_version"]) == (["query"], 2)
    assert (await kiosk.ask("POST", HEARTBEATS, kiosk.heartbeat(1, config_version=1))).json["config_version"] == 2
    assert (await kiosk.ask("GET", CONFIGURATION)).json["services"] == ["query"]


async def test_menu_and_dictionaries_reach_the_terminals_in_their_order(bench: Bench) -> None:
    kiosk = await bench.kiosk()
    for key, zh, en, position in (
        ("payment", "门诊缴费", "Pay a bill", 2),
        ("registration", "预约挂号", "Register", 1),
        ("old", "旧", "Old", 0),
    ):
        body = {"name_zh": zh, "name_en": en, "position": position, "state": "retired" if key == "old" else "active"}
        assert (await bench.admin.call("PUT", f"/v1/admin/dictionaries/menu/{key}", body)).status == 200
    assert (await kiosk.ask("POST", HEARTBEATS, kiosk.heartbeat(1))).json["config_version"] == 4
    configuration = (await kiosk.ask("GET", CONFIGURATION)).json
    assert configuration["version"] == 4
    menu = [
        {"key": "registration", "zh": "预约挂号", "en": "Register"},
        {"key": "payment", "zh": "门诊缴费", "en": "Pay a bill"},
    ]
    assert configuration["menu"] == menu
    assert (await kiosk.ask("GET", f"{DICTIONARIES}/menu")).json == {"name": "menu", "items": menu}
    assert (await kiosk.ask("GET", f"{DICTIONARIES}/none")).json == {"name": "none", "items": []}
    assert (await bench.admin.call("GET", "/v1/admin/dictionaries")).json == ["menu"]
    listed = (await bench.admin.call("GET", "/v1/admin/dictionaries/menu")).json
    assert [(each["key"], each["state"]) for each in listed] == [
        ("old", "retired"),
        ("registration", "active"),
        ("payment", "active"),
    ]
    user = await bench.user("li.operator", CLINIC, "operator")
    refused = await user.call("PUT", "/v1/admin/dictionaries/menu/payment", {"name_zh": "x", "name_en": "x"})
    assert refused.code == "forbidden"
    again = await Dictionaries.open(bench.services.store.engine, bench.services.trail)
    assert again.version == 3
    assert again.entries("menu") == bench.services.dictionaries.entries("menu")


# Keeping the list.


async def test_a_terminal_is_created_once_and_its_bank_number_is_its_own(bench: Bench) -> None:
    await bench.terminal(1)
    body = {"institution": CLINIC, "name": "x", "merchant": "898441900000001"}
    same = {**body, "terminal_id": "KSK-00001", "bank_terminal": "10000009"}
    assert (await bench.admin.call("POST", "/v1/admin/terminals", same)).json["where"] == "body.terminal_id"
    bank = {**body, "terminal_id": "KSK-00002", "bank_terminal": "10000001"}
    assert (await bench.admin.call("POST", "/v1/admin/terminals", bank)).json["where"] == "body.bank_terminal"
    nowhere = {**bank, "institution": "H44190099999"}
    assert (await bench.admin.call("POST", "/v1/admin/terminals", nowhere)).status == 403
    removed = await bench.admin.call("DELETE", "/v1/admin/terminals/KSK-00001")
    assert removed.json["bank_terminal"] is None
    assert (await bench.admin.call("POST", "/v1/admin/terminals", bank)).status == 201
    assert (await bench.admin.call("PATCH", "/v1/admin/terminals/KSK-00001", {"name": "y"})).code == "conflict"
    assert (await bench.admin.call("POST", "/v1/admin/terminals/KSK-00001/revocations")).code == "conflict"


async def test_the_list_comes_in_pages_and_the_report_counts(bench: Bench) -> None:
    kiosks = [await bench.kiosk(number, CLINIC if number % 2 else CLINIC_2) for number in range(1, 6)]
    for kiosk in kiosks[:3]:
        modules = [{"id": "printer", "state": "fault"}] if kiosk is kiosks[0] else []
        await kiosk.ask(
            "POST", HEARTBEATS, kiosk.heartbeat(1, mode="paused" if kiosk is kiosks[1] else "serving", modules=modules)
        )
    first = (await bench.admin.call("GET", "/v1/admin/terminals?limit=2")).json
    second = (await bench.admin.call("GET", f"/v1/admin/terminals?limit=9&after={first['next']}")).json
    numbers = [each["terminal_id"] for each in first["items"] + second["items"]]
    assert numbers == [f"KSK-{number:05d}" for number in range(1, 6)]
    assert second["next"] == ""
    report = (await bench.admin.call("GET", "/v1/admin/terminal-report")).json
    assert (report["terminals"], report["online"]) == (5, 3)
    assert report["by_mode"] == {"serving": 2, "paused": 1}
    assert report["faults"] == {"printer": 1}
    assert report["by_institution"][CLINIC] == {"terminals": 3, "online": 2}


async def test_the_export_is_a_table_that_no_spreadsheet_takes_for_formulas(bench: Bench) -> None:
    await bench.terminal(1)
    await bench.admin.call("PATCH", "/v1/admin/terminals/KSK-00001", {"name": '=HYPERLINK("x"),"大厅"'})
    reply = await bench.admin.call("GET", "/v1/admin/terminal-report.csv")
    assert reply.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(reply.body.decode("utf-8-sig"))))
    assert rows[0][0] == "终端编号 terminal_id"
    assert rows[1][:3] == ["KSK-00001", '\'=HYPERLINK("x"),"大厅"', CLINIC]
    assert (await bench.audited(action="terminals.exported"))[0]["actor"] == "admin"
