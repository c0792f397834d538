"""The HTTP face: one error model for everything, limits before anything, and a document that an independent judge believes."""

from __future__ import annotations

import asyncio
import io
import json
import re
from typing import Any

import pytest
from fastapi import APIRouter
from platform_bench import CLINIC, Bench, HandClock, bench_on, exchange

from protocols.wire.http import HttpRequest
from protocols.wire.platform.endpoints import ENROLMENTS, HEARTBEATS
from protocols.wire.platform.models import Problem
from reference_impl.backend.app import build_app
from reference_impl.backend.gate import Gate
from reference_impl.backend.keys import Keys
from reference_impl.backend.logs import configure_logs
from reference_impl.backend.metrics import Metrics
from reference_impl.backend.numbers import NumbersExhausted
from reference_impl.backend.settings import Limits
from reference_impl.backend.settlement.rules import Refusal
from reference_impl.backend.storage.errors import Fenced, RowRefused, StoreClosed

JSON = {"content-type": "application/json"}
SESSIONS = "/v1/admin/sessions"


@pytest.fixture
async def bench(tmp_path):
    """One database is enough here: no test of this file depends on it."""
    async with bench_on(f"sqlite:///{tmp_path}/backend.db", HandClock(), Keys.made()) as opened:
        yield opened


@pytest.mark.parametrize(
    ("request_", "status", "code", "where"),
    [
        (HttpRequest("GET", "/nowhere"), 404, "not-found", ""),
        (HttpRequest("GET", SESSIONS + "/"), 404, "not-found", ""),
        (HttpRequest("PUT", "/healthz"), 405, "method-not-allowed", ""),
        (HttpRequest("BREW", "/healthz"), 405, "method-not-allowed", ""),
        (HttpRequest("POST", SESSIONS, JSON, b"{"), 400, "malformed-json", "body.1"),
        (HttpRequest("POST", SESSIONS, JSON, b'{"user_id": "a" "b"}'), 400, "malformed-json", "body.16"),
        (HttpRequest("POST", SESSIONS, JSON, b"\xff\xfe"), 400, "malformed-json", ""),
        (HttpRequest("POST", SESSIONS, JSON, "{}".encode("utf-16")), 400, "malformed-json", ""),
        (HttpRequest("POST", SESSIONS, JSON, "{}".encode("utf-16-le")), 400, "malformed-json", ""),
        (HttpRequest("POST", SESSIONS, JSON, b"[" * 100_000), 400, "malformed-json", ""),
        (HttpRequest("POST", SESSIONS, JSON, b"[]"), 422, "invalid-request", "body"),
        (HttpRequest("POST", SESSIONS, JSON, b"null"), 422, "invalid-request", "body"),
        (HttpRequest("POST", SESSIONS), 422, "invalid-request", "body"),
        (HttpRequest("POST", SESSIONS, JSON, b'{"user_id": "a"}'), 422, "invalid-request", "body.password"),
        (
            HttpRequest("POST", SESSIONS, JSON, b'{"user_id": 5, "password": "x"}'),
            422,
            "invalid-request",
            "body.user_id",
        ),
        (
            HttpRequest("POST", SESSIONS, JSON, b'{"user_id": "a", "password": "x", "extra": 1}'),
            422,
            "invalid-request",
            "body.extra",
        ),
        (HttpRequest("POST", SESSIONS, {"content-type": "text/plain"}, b"{}"), 415, "not-json", ""),
        (
            HttpRequest("POST", SESSIONS, {"content-type": "application/x-www-form-urlencoded"}, b"a=b"),
            415,
            "not-json",
            "",
        ),
        (HttpRequest("POST", SESSIONS, {"content-type": "application/json; charset=gbk"}, b"{}"), 415, "not-json", ""),
        (HttpRequest("POST", SESSIONS, {}, b"{}"), 415, "not-json", ""),
        (HttpRequest("GET", "/v1/admin/users"), 401, "unauthenticated", ""),
        (HttpRequest("GET", "/v1/admin/users", {"authorization": "Basic YTpi"}), 401, "unauthenticated", ""),
        (HttpRequest("POST", HEARTBEATS, JSON, b"{}"), 401, "session-invalid", ""),
    ],
)
async def test_every_error_is_a_problem_with_its_place(
    bench: Bench, request_: HttpRequest, status: int, code: str, where: str
) -> None:
    reply = await exchange(bench.app, request_)
    assert (reply.status, reply.code, reply.json["where"]) == (status, code, where)
    Problem.model_validate(reply.json)
    if status == 405:
        assert reply.headers["allow"]
    if status == 401:
        assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "online=maybe", "colour=red", "state=gone", "institution=a'b"]
)
async def test_a_wrong_query_is_refused(bench: Bench, query: str) -> None:
    reply = await bench.admin.call("GET", f"/v1/admin/terminals?{query}")
    assert (reply.status, reply.code) == (422, "invalid-request")
    assert reply.json["where"] == "query." + query.partition("=")[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("terminal_id", "../etc"),
        ("terminal_id", "KSK 1"),
        ("terminal_id", "K" * 33),
        ("bank_terminal", "1000000"),
        ("merchant", "x" * 15),
        ("name", ""),
        ("name", "a\x00b"),
        ("name", "a\nb"),
        ("services", ["payment", "gambling"]),
        ("services", "payment"),
        ("institution", None),
    ],
)
async def test_a_wrong_field_is_refused_and_nothing_is_changed(bench: Bench, name: str, value: Any) -> None:
    body = {
        "terminal_id": "KSK-00001",
        "institution": CLINIC,
        "name": "x",
        "bank_terminal": "10000001",
        "merchant": "898441900000001",
    }
    reply = await bench.admin.call("POST", "/v1/admin/terminals", {**body, name: value})
    assert (reply.status, reply.code) == (422, "invalid-request")
    assert reply.json["where"].startswith(f"body.{name}")
    assert bench.services.fleet.terminals == {}
    assert (await bench.admin.call("POST", "/v1/admin/terminals", body)).status == 201


async def test_every_method_of_an_address_is_allowed(bench: Bench) -> None:
    for path, methods in (
        ("/v1/admin/terminals", "GET, POST"),
        (SESSIONS, "DELETE, POST"),
        ("/v1/admin/users/a.b.c", "GET, PATCH"),
    ):
        assert (await exchange(bench.app, HttpRequest("PUT", path))).headers["allow"] == methods


async def test_what_was_sent_is_not_in_the_error(bench: Bench) -> None:
    secret = "张三441900194001010029"
    for body in ({"user_id": secret, "password": 5}, {"user_id": secret * 9, "password": secret}, {secret: 1}):
        reply = await exchange(bench.app, HttpRequest("POST", SESSIONS, JSON, json.dumps(body).encode()))
        assert reply.status == 422
        if secret not in body:  # the name of a field is no value
            assert "4419" not in reply.body.decode()


async def test_a_body_that_is_too_large_is_refused_however_it_comes(bench: Bench) -> None:
    large = b'{"user_id": "' + b"a" * (1 << 20) + b'"}'
    declared = await exchange(bench.app, HttpRequest("POST", SESSIONS, JSON, large))
    chunked = await exchange(
        bench.app, HttpRequest("POST", SESSIONS, {**JSON, "transfer-encoding": "chunked"}, large), pieces=50
    )
    for reply in (declared, chunked):
        assert (reply.status, reply.code) == (413, "request-too-large")
    pieces = json.dumps({"user_id": "a", "password": "x"}).encode()
    assert (await exchange(bench.app, HttpRequest("POST", SESSIONS, JSON, pieces), pieces=9)).code == "login-refused"


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async def never(*_: Any) -> None:
        pytest.fail("the application must not be asked")

    sent: list[Any] = []

    async def receive() -> Any:
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    gate = Gate(never, Limits(body_s=0.01), Metrics(), bytes)
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/x",
        "headers": [(b"content-length", b"5"), (b"content-type", b"application/json")],
    }
    await gate(scope, receive, send)
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["code"] == "request-too-slow"


async def test_more_than_can_be_served_at_once_is_told_to_wait() -> None:
    free = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await free.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    gate = Gate(slow, Limits(requests=2), Metrics(), bytes)
    asked = [asyncio.create_task(exchange(gate, HttpRequest("GET", "/x"))) for _ in range(5)]  # type: ignore[arg-type]
    for _ in range(3):
        await asyncio.sleep(0)
    free.set()
    replies = [await each for each in asked]
    assert [each.status for each in replies] == [200, 200, 503, 503, 503]
    assert replies[4].code == "overloaded"
    assert replies[4].headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Fenced("x"), 503, "unavailable"),
        (StoreClosed("x"), 503, "unavailable"),
        (NumbersExhausted("x"), 503, "unavailable"),
        (RowRefused("unique", "x"), 409, "conflict"),
        (RowRefused("value", "x"), 422, "invalid-request"),
        (Refusal("no-such-trade", "there is no trade"), 404, "no-such-trade"),
        (Refusal("too-late", "it is paid"), 409, "too-late"),
        (ValueError("张三 441900194001010029"), 500, "internal-error"),
    ],
)
async def test_what_breaks_inside_is_a_problem_too(bench: Bench, error: Exception, status: int, code: str) -> None:
    stream = io.StringIO()
    configure_logs(bench.clock, "info", stream)
    app = build_app(bench.services)
    router = APIRouter()

    @router.get("/broken/{person}")
    async def broken(person: str) -> None:
        raise error

    app.include_router(router)
    reply = await exchange(app, HttpRequest("GET", "/broken/441900194001010029?name=secret"))
    assert (reply.status, reply.code) == (status, code)
    logged = stream.getvalue()
    assert "4419001940" not in logged + reply.body.decode()
    assert "张三" not in logged + reply.body.decode()
    assert "secret" not in logged
    if status >= 500:
        assert reply.json["request_id"] in logged
        assert "/broken/{person}" in logged
    if status == 500:
        assert "test_http_face.py" in logged


async def test_a_request_id_of_digits_alone_is_in_the_log_too(bench: Bench) -> None:
    stream = io.StringIO()
    configure_logs(bench.clock, "debug", stream)
    bench.services.entropy = lambda count: b"\x54" * count
    reply = await exchange(build_app(bench.services), HttpRequest("GET", "/v1/nothing"))
    assert reply.json["request_id"] == "r5454545400000001"
    assert "r5454545400000001" in stream.getvalue()


async def test_no_secret_and_nothing_personal_is_logged(bench: Bench) -> None:
    """A whole morning at the most talkative level: passwords, codes, tokens and keys are in no line."""
    stream = io.StringIO()
    configure_logs(bench.clock, "debug", stream)
    user = await bench.user("li.operator", CLINIC, "operator")
    kiosk, code = await bench.terminal(1)
    await kiosk.enrol(code)
    await kiosk.open_session()
    await kiosk.ask("POST", HEARTBEATS, kiosk.heartbeat(1))
    await user.call("GET", "/v1/admin/terminals/KSK-00001?x=1")
    await user.call("POST", "/v1/admin/sessions", {"user_id": "Wrong-pass-99", "password": "Wrong-pass-98"})
    logged = stream.getvalue()
    assert logged.count('"event": "request"') >= 10
    keys = [
        getattr(bench.services.keys, name).hex() for name in ("terminal_token", "user_token", "data", "person", "trail")
    ]
    for secret in (
        user.password,
        bench.admin.password,
        code,
        kiosk.token,
        kiosk.key.hex(),
        user.token,
        "Wrong-pass",
        *keys,
    ):
        assert secret not in logged
    assert "测试" not in logged
    assert "KSK-00001" not in logged  # the route's template, not the address


async def test_requests_are_counted_by_route_and_status(bench: Bench) -> None:
    for request in (
        HttpRequest("GET", "/healthz"),
        HttpRequest("GET", "/secret-name"),
        HttpRequest("BREW", "/secret-name"),
    ):
        await exchange(bench.app, request)
    reply = await exchange(bench.app, HttpRequest("GET", "/metrics"))
    text = reply.body.decode()
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'onecard_requests_total{method="GET",route="/healthz",status="200"} 1.0' in text
    assert 'onecard_requests_total{method="other",route="-",status="404"} 1.0' in text
    assert "secret-name" not in text
    assert re.search(r"^onecard_epoch 1\.0$", text, re.MULTILINE)
    assert re.search(r"^onecard_store_commits [1-9]", text, re.MULTILINE)


async def test_health_says_when_the_database_does_not_answer(bench: Bench) -> None:
    healthy = await exchange(bench.app, HttpRequest("GET", "/healthz"))
    assert (healthy.status, healthy.json["status"]) == (200, "ok")
    bench.services.store._away = True  # type: ignore[attr-defined]
    away = await exchange(bench.app, HttpRequest("GET", "/healthz"))
    assert (away.status, away.json["status"], away.json["database"]) == (503, "degraded", "away")


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, each) for path, methods in document["paths"].items() for method, each in methods.items()]


async def test_the_document_is_complete(bench: Bench) -> None:
    document = bench.app.openapi()
    assert document["info"]["title"]
    for path, method, operation in operations(document):
        place = f"{method} {path}"
        assert operation["tags"], place
        assert re.search(r"[\u4e00-\u9fff].* / ", operation["summary"]), place
        problems = {
            status
            for status, each in operation["responses"].items()
            if "application/problem+json" in each.get("content", {})
        }
        assert "503" in problems or path in ("/healthz",), place
        if path.startswith("/v1/admin/") and path != SESSIONS:
            assert "401" in problems, place
            assert operation["security"] == [{"user": []}], place
        if "requestBody" in operation:
            assert {"400", "413", "415", "422"} <= problems, place
        for status in problems:
            examples = operation["responses"][status]["content"]["application/problem+json"]["examples"]
            for example in examples.values():
                assert Problem.model_validate(example["value"]).status == int(status)
    assert "HTTPValidationError" not in json.dumps(document)
    assert {"Problem", "Heartbeat", "SessionGrant", "TerminalView"} <= set(document["components"]["schemas"])


async def test_an_enrolment_of_a_body_in_pieces_is_one_enrolment(bench: Bench) -> None:
    kiosk, code = await bench.terminal(1)
    public = kiosk.private.public_key().public_bytes_raw().hex()
    body = json.dumps({"terminal_id": "KSK-00001", "code": code, "public_key": public}).encode()
    reply = await exchange(bench.app, HttpRequest("POST", ENROLMENTS, JSON, body), pieces=len(body))
    assert reply.status == 204
    assert reply.body == b""
