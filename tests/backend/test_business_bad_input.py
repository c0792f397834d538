"""What the business face does with what nobody should send: a clear problem, nothing changed, and no person in the log."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from connected_bench import Business, business_on, card_of
from platform_bench import HandClock, Kiosk, Reply, exchange
from sqlalchemy import func, select

from protocols.clock import UnixClock
from protocols.seeded import SeededChoice
from protocols.wire.http import HttpRequest
from protocols.wire.platform.authentication import seal
from reference_impl.backend.logs import configure_logs
from reference_impl.backend.settlement.tables import ATTEMPTS, TRADES

NAME = "测" + chr(0x20BB7)
"""Its second character is in no GBK."""

AHEAD_S = 2.0
"""Requests of the second in which the process started are refused."""


async def terminal(bench: Business, number: int = 1) -> Kiosk:
    kiosk = Kiosk(bench.app, HandClock(UnixClock().now() + AHEAD_S), f"KSK-{number:05d}", SeededChoice(number, "kiosk"))
    assert (await kiosk.enrol(bench.codes[kiosk.terminal_id])).status == 204
    assert (await kiosk.open_session()).status == 201
    return kiosk


async def keyed(kiosk: Kiosk, target: str, value: Any, key: str = "key-0001") -> Reply:
    request = kiosk.signed("POST", target, value)
    return await exchange(
        kiosk.app,
        HttpRequest(request.method, request.target, {**request.headers, "idempotency-key": key}, request.body),
    )


async def rows(bench: Business) -> tuple[int, int]:
    async with bench.services.store.engine.connect() as connection:
        trades = (await connection.execute(select(func.count()).select_from(TRADES))).scalar_one()
        return trades, (await connection.execute(select(func.count()).select_from(ATTEMPTS))).scalar_one()


async def test_bad_requests_change_nothing_and_name_the_place(database_url: str, tmp_path: Path) -> None:
    log = io.StringIO()
    with redirect_stderr(log):
        configure_logs(UnixClock(), "debug")
        async with business_on(database_url, tmp_path) as bench:
            kiosk = await terminal(bench)
            shown = card_of(1).model_dump(exclude_defaults=True)
            visitor = (await kiosk.ask("POST", "/v1/identity", {"sealed": seal(kiosk.key, shown)})).json["visitor_id"]
            order = {"visitor_id": visitor, "bill_ids": ["B1"]}

            for value, code, where in (
                ({"sealed": "no-jwe"}, "invalid-request", "body.sealed"),
                ({"sealed": seal(b"x" * 32, shown)}, "invalid-request", "body.sealed"),
                ({"sealed": seal(kiosk.key, {**shown, "amount_fen": -5})}, "invalid-request", "body.sealed.amount_fen"),
                ({"sealed": seal(kiosk.key, {**shown, "name": NAME})}, "name-not-gbk", "credential.name"),
                ({"sealed": seal(kiosk.key, {"kind": "e_credential"})}, "credential-incomplete", "credential.code"),
                ({"sealed": seal(kiosk.key, {"kind": "e_credential", "code": "1" * 28})}, "credential-refused", ""),
                ({}, "invalid-request", "body.sealed"),
            ):
                reply = await kiosk.ask("POST", "/v1/identity", value)
                assert (reply.code, reply.json["where"]) == (code, where), value

            for key, value, status, code in (
                ("key-0001", order, 409, "bill-unknown"),
                ("key-0001", {**order, "bill_ids": []}, 422, "bills-or-lock"),
                ("key-0001", {**order, "lock_id": "L1"}, 422, "bills-or-lock"),
                ("key-0001", {**order, "bill_ids": ["B1"] * 21}, 422, "invalid-request"),
                ("key-0001", {**order, "bill_ids": ["B 1"]}, 422, "invalid-request"),
                ("key-0001", {**order, "total_fen": 1}, 422, "invalid-request"),
                ("key-0001", {**order, "visitor_id": "V0"}, 404, "visitor-unknown"),
                ("short", order, 422, "invalid-request"),
                ("key 0001", order, 422, "invalid-request"),
            ):
                reply = await keyed(kiosk, "/v1/trades", value, key)
                assert (reply.status, reply.code) == (status, code), (key, value)

            for target in (
                "/v1/trades/DG0",
                "/v1/trades/DG0/receipt",
                "/v1/trades?key=key-0001",
            ):
                assert (await kiosk.ask("GET", target)).code == "no-such-trade", target
            for target in ("/v1/trades/DG0?wait_s=-1", "/v1/trades/DG0?wait_s=1e9", "/v1/trades/DG0?wait_s=nan"):
                assert (await kiosk.ask("GET", target)).code == "invalid-request", target
            bad = {"method": "cash"}
            assert (await keyed(kiosk, "/v1/trades/DG0/pay", bad)).code == "invalid-request"
            assert (await keyed(kiosk, "/v1/trades/DG0/pay", {"method": "wechat", "auth_code": "x"})).status == 422
            assert await rows(bench) == (0, 0)

            signed = kiosk.signed("GET", "/v1/departments")
            assert (await exchange(bench.app, signed)).status == 200
            assert (await exchange(bench.app, signed)).code == "nonce-used"
            spoilt = {**signed.headers, "authorization": "Bearer x"}
            assert (await exchange(bench.app, HttpRequest("GET", "/v1/departments", spoilt))).code == "session-invalid"
            kiosk.skew_s = 3_600.0
            assert (await kiosk.ask("GET", "/v1/departments")).code == "clock-skew"
    written = log.getvalue()
    assert "request" in written
    for secret in (NAME, shown["name"], shown["id_number"], shown["card_number"], json.dumps(NAME)[1:-1]):
        assert secret not in written


async def test_a_service_that_is_switched_off_is_refused(database_url: str, tmp_path: Path) -> None:
    asks = {
        "payment": ("/v1/trades", {"visitor_id": "V0", "bill_ids": ["B1"]}),
        "registration": ("/v1/slots/S1/lock", {"visitor_id": "V0"}),
        "refund": ("/v1/trades/DG0/refund", {"reason": "citizen"}),
    }
    on = {"payment": "visitor-unknown", "registration": "visitor-unknown", "refund": "no-such-trade"}
    async with business_on(database_url, tmp_path) as bench:
        kiosk = await terminal(bench)
        for off in ("", *asks):
            left = [each for each in ("registration", "payment", "refund", "query", "identity") if each != off]
            changed = await bench.admin.call("PATCH", "/v1/admin/terminals/KSK-00001", {"services": left})
            assert changed.status == 200, changed.body
            codes = {name: (await keyed(kiosk, target, value)).code for name, (target, value) in asks.items()}
            assert codes == {name: "service-off" if name == off else code for name, code in on.items()}
