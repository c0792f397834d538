"""A whole backend in this process, without a socket: a clock in our hand, users, terminals, and a client that speaks ASGI."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from fastapi import FastAPI

from protocols.seeded import SeededChoice
from protocols.wire.http import HttpRequest
from protocols.wire.platform import authentication as wire
from protocols.wire.platform import endpoints
from reference_impl.backend.app import build_app
from reference_impl.backend.bootstrap import administrator
from reference_impl.backend.keys import Keys
from reference_impl.backend.running import running
from reference_impl.backend.services import Services
from reference_impl.backend.settings import load_settings

NOON = 1_795_752_000.0
"""2026-11-27 12:00:00 in China."""

ADMIN, PASSWORD = "admin", "Mountain-7-river"
CITY, TOWN, TOWN_2, CLINIC, CLINIC_2 = "441900", "441900001", "441900002", "H44190000001", "H44190000002"

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""The cost of a real hash is argon2's own business."""


class HandClock:
    """Time moves when the test says so."""

    kind = "virtual"

    def __init__(self, now: float = NOON) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    async def sleep_until(self, t: float) -> None:
        while self.time < t:  # noqa: ASYNC110 a test moves it without telling anybody
            await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Of a problem, which must be one."""
        assert self.headers["content-type"] == "application/problem+json", self.body
        assert self.json["status"] == self.status
        assert self.json["title"]
        assert self.json["detail"]
        assert self.json["request_id"] == self.headers["x-request-id"]
        return self.json["code"]


async def exchange(app: FastAPI, request: HttpRequest, pieces: int = 1) -> Reply:
    """One request through the application; the body comes in so many pieces."""
    path, _, query = request.target.partition("?")
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()]
    if request.body and "content-length" not in request.headers and "transfer-encoding" not in request.headers:
        headers.append((b"content-length", str(len(request.body)).encode()))
    size = -(-len(request.body) // pieces) or 1
    bodies = [request.body[at : at + size] for at in range(0, len(request.body), size)] or [b""]
    messages = [
        {"type": "http.request", "body": each, "more_body": number < len(bodies)}
        for number, each in enumerate(bodies, 1)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0) if messages else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8600),
        "state": {},
    }
    await app(scope, receive, send)
    replied = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return Reply(sent[0]["status"], replied, b"".join(each.get("body", b"") for each in sent[1:]))


@dataclass
class User:
    """Somebody at a keyboard."""

    app: FastAPI
    user_id: str
    password: str
    token: str = ""

    async def login(self) -> Reply:
        reply = await self.call("POST", "/v1/admin/sessions", {"user_id": self.user_id, "password": self.password})
        if reply.status == 201:
            self.token = reply.json["token"]
        return reply

    async def call(self, method: str, target: str, value: Any = None, **headers: str) -> Reply:
        body = b"" if value is None else json.dumps(value, ensure_ascii=False).encode()
        sent = {"content-type": "application/json"} if body else {}
        if self.token:
            sent["authorization"] = f"Bearer {self.token}"
        return await exchange(self.app, HttpRequest(method, target, {**sent, **headers}, body))


@dataclass
class Kiosk:
    """The terminal's side of its interface, with nothing of the backend in it."""

    app: FastAPI
    clock: HandClock
    terminal_id: str
    draw: SeededChoice
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    token: str = ""
    key: bytes = b""
    skew_s: float = 0.0

    @property
    def now(self) -> float:
        return self.clock.time + self.skew_s

    async def enrol(self, code: str) -> Reply:
        public = self.private.public_key().public_bytes_raw().hex()
        return await self.send(
            "POST", endpoints.ENROLMENTS, {"terminal_id": self.terminal_id, "code": code, "public_key": public}
        )

    def session_request(self, ephemeral: X25519PrivateKey, nonce: str) -> dict[str, Any]:
        public = ephemeral.public_key().public_bytes_raw().hex()
        timestamp = int(self.now)
        signature = wire.sign_session(self.private.private_bytes_raw(), self.terminal_id, timestamp, nonce, public)
        return {
            "terminal_id": self.terminal_id,
            "timestamp": timestamp,
            "nonce": nonce,
            "ephemeral": public,
            "signature": signature,
        }

    async def open_session(self) -> Reply:
        ephemeral, nonce = X25519PrivateKey.from_private_bytes(self.draw.bytes(32)), self.draw.bytes(16).hex()
        reply = await self.send("POST", endpoints.SESSIONS, self.session_request(ephemeral, nonce))
        if reply.status == 201:
            self.token = reply.json["token"]
            self.key = wire.session_key(ephemeral.private_bytes_raw(), reply.json["ephemeral"], nonce)
        return reply

    def signed(self, method: str, target: str, value: Any = None) -> HttpRequest:
        body = b"" if value is None else json.dumps(value).encode()
        headers = {"content-type": "application/json"} if body else {}
        return wire.signed(
            HttpRequest(method, target, headers, body), self.token, self.key, self.now, self.draw.bytes(16).hex()
        )

    async def ask(self, method: str, target: str, value: Any = None) -> Reply:
        return await exchange(self.app, self.signed(method, target, value))

    async def send(self, method: str, target: str, value: Any) -> Reply:
        body = json.dumps(value).encode()
        return await exchange(self.app, HttpRequest(method, target, {"content-type": "application/json"}, body))

    def heartbeat(self, seq: int, **changes: Any) -> dict[str, Any]:
        beat = {"seq": seq, "boot_id": "boot-1", "sent_at": self.now, "uptime_s": 60.5, "app_version": "1.4.0"}
        return {**beat, **changes}


@dataclass
class Bench:
    services: Services
    app: FastAPI
    clock: HandClock
    admin: User
    draw: SeededChoice = field(default_factory=lambda: SeededChoice(1, "bench"))

    async def user(self, user_id: str, institution: str, *roles: str, at: str = "") -> User:
        """A user with those roles at *at* (or their own institution), logged in with a password of their own."""
        body = {"user_id": user_id, "name": f"测试 {user_id}", "institution": institution}
        made = await self.admin.call("POST", "/v1/admin/users", body)
        assert made.status == 201, made.body
        for role in roles:
            given = {"role_id": role, "institution": at or institution}
            granted = await self.admin.call("POST", f"/v1/admin/users/{user_id}/grants", given)
            assert granted.status == 201, granted.body
        user = User(self.app, user_id, made.json["first_password"])
        assert (await user.login()).json["must_change"] is True
        new = "Valley-42-stone"
        changed = await user.call("POST", "/v1/admin/me/password", {"old_password": user.password, "password": new})
        assert changed.status == 204, changed.body
        user.password = new
        assert (await user.login()).status == 201
        return user

    async def terminal(self, number: int = 1, institution: str = CLINIC) -> tuple[Kiosk, str]:
        """A terminal that was created, and its enrolment code."""
        terminal_id = f"KSK-{number:05d}"
        body = {
            "terminal_id": terminal_id,
            "institution": institution,
            "name": f"{number} 号机",
            "bank_terminal": f"{10_000_000 + number}",
            "merchant": "898441900000001",
        }
        made = await self.admin.call("POST", "/v1/admin/terminals", body)
        assert made.status == 201, made.body
        return Kiosk(self.app, self.clock, terminal_id, SeededChoice(number, "kiosk")), made.json["code"]

    async def kiosk(self, number: int = 1, institution: str = CLINIC) -> Kiosk:
        """A terminal with an open session."""
        kiosk, code = await self.terminal(number, institution)
        assert (await kiosk.enrol(code)).status == 204
        assert (await kiosk.open_session()).status == 201
        return kiosk

    async def audited(self, **question: Any) -> list[Any]:
        """Entries of the trail, the newest first."""
        reply = await self.admin.call("POST", "/v1/admin/audit/search", question)
        assert reply.status == 200, reply.body
        return reply.json["items"]


@asynccontextmanager
async def bench_on(url: str, clock: HandClock, keys: Keys, **settings: Any) -> AsyncIterator[Bench]:
    """A backend on that database, with a city of two towns and two clinics and one administrator."""
    loaded = load_settings(overrides={"database": url, **settings})
    async with running(loaded, keys, clock, hasher=CHEAP) as services:
        if not services.directory.users:
            await administrator(services, ADMIN, PASSWORD, institution=CITY, name="模拟市")
        app = build_app(services)
        admin = User(app, ADMIN, PASSWORD)
        assert (await admin.login()).status == 201
        bench = Bench(services, app, clock, admin)
        if TOWN not in services.directory.institutions:
            for code, parent in ((TOWN, CITY), (TOWN_2, CITY), (CLINIC, TOWN), (CLINIC_2, TOWN_2)):
                body = {"code": code, "parent": parent, "name": f"模拟机构 {code}"}
                assert (await admin.call("POST", "/v1/admin/institutions", body)).status == 201
        clock.time += 1  # requests of the second in which the process started are refused
        yield bench
