"""The fake platform behind real HTTP: it checks every signature with hands of its own, and breaks exchanges on demand.

``breaks`` holds, by method and path, what to do with the next requests: ``drop`` (carried out, the connection breaks instead
of a reply), ``drop-before``, ``hang``, ``hang-after``, ``500``, ``503``, ``409``, ``rubbish``, ``half``, ``huge``, ``redirect``,
or ``401:CODE``. The body that was signed is the body that is read.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import defaultdict
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fake_platform import FakePlatform
from joserfc import jwe
from joserfc.jwk import OctKey

from protocols.wire.platform.models import (
    CardData,
    Credential,
    Enrolment,
    Heartbeat,
    IdentityRequest,
    LockRequest,
    NewRecord,
    OpenTradeRequest,
    PayRequest,
    Reason,
    SessionRequest,
)
from reference_impl.kiosk.business.works import BankCard, PinBlock
from reference_impl.kiosk.platform import PlatformRefused, PlatformSilent

CODE = "ONE-TIME-CODE"


class PlatformServer:
    """Start with :meth:`start`; ``origin`` is then where it is. ``skew_s`` is how far its clock is from the real one."""

    def __init__(self, platform: FakePlatform, now: Any) -> None:
        self.platform, self._now = platform, now
        self.skew_s = 0.0
        self.session_s = 3600.0
        self.keys: dict[str, bytes] = {}
        self.sessions: dict[str, bytes] = {}
        self.nonces: set[str] = set()
        self.breaks: dict[str, list[str]] = defaultdict(list)
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.complaints: list[str] = []
        self.bodies: list[bytes] = []
        self.origin = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> PlatformServer:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._take)
        self._runner = web.AppRunner(app, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.shutdown()
            await self._runner.cleanup()

    def now(self) -> float:
        return self._now() + self.skew_s

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.seen]

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.bodies.append(body)
        place = f"{request.method} {request.path}"
        self.seen.append((request.method, request.path, {k.lower(): v for k, v in request.headers.items()}))
        broken = self.breaks[place].pop(0) if self.breaks[place] else ""
        early = await self._break_before(broken, request)
        if early is not None:
            return early
        try:
            answer = await self._answer(request, body)
        except PlatformRefused as refusal:
            answer = self._problem(refusal.problem.status, refusal.problem.code)
        except PlatformSilent:
            answer = self._problem(500, "internal")
        if broken == "drop":
            return self._cut(request)
        if broken == "hang-after":
            await asyncio.sleep(30)
        return answer

    async def _break_before(self, broken: str, request: web.Request) -> web.StreamResponse | None:
        if broken == "drop-before":
            return self._cut(request)
        if broken == "hang":
            await asyncio.sleep(30)
        if broken == "rubbish":
            return web.Response(body=b"\xff<html>")
        if broken == "half":
            reply = web.StreamResponse(headers={"content-length": "1000"})
            await reply.prepare(request)
            await reply.write(b'{"trade_no":')
            return self._cut(request)
        if broken == "huge":
            return web.Response(body=b" " * (2 << 20))
        if broken == "bare-404":
            return web.Response(status=404, text="<html>not found")
        if broken == "redirect":
            return web.Response(status=302, headers={"location": "http://127.0.0.1:1/"})
        if broken.startswith("401:"):
            return self._problem(401, broken[4:])
        if broken == "409":
            return self._problem(409, "in-progress", retry=True)
        return self._problem(int(broken), "unwell") if broken.isdecimal() else None

    @staticmethod
    def _cut(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    def _problem(self, status: int, code: str, *, retry: bool = False) -> web.Response:
        body = {"code": code, "title": "平台拒绝", "detail": f"refused: {code}", "status": status, "retry": retry}
        headers = {"x-server-time": f"{self.now():.3f}"} if status in (401, 403) else {}
        return web.json_response(body, status=status, headers=headers, content_type="application/problem+json")

    # Who asks.

    def _who(self, request: web.Request, body: bytes) -> bytes | web.Response:
        """The session key of a request whose proof holds; else the refusal."""
        head = request.headers
        token = head.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.sessions:
            return self._problem(401, "session-invalid")
        key = self.sessions[token]
        stamp, nonce = head.get("x-terminal-timestamp", ""), head.get("x-terminal-nonce", "")
        target = request.raw_path
        said = "\n".join((request.method, target, stamp, nonce, hashlib.sha256(body).hexdigest()))
        if hmac.new(key, said.encode(), "sha256").hexdigest() != head.get("x-terminal-signature", ""):
            self.complaints.append("wrong signature")
            return self._problem(401, "signature-wrong")
        if abs(int(stamp) - self.now()) > 300:
            return self._problem(401, "clock-skew")
        if nonce in self.nonces:
            self.complaints.append("a nonce was used twice")
            return self._problem(401, "nonce-used")
        self.nonces.add(nonce)
        return key

    def _open_session(self, asked: SessionRequest) -> web.Response:
        public = self.keys.get(asked.terminal_id)
        if public is None:
            return self._problem(401, "terminal-revoked")
        if abs(asked.timestamp - self.now()) > 300:
            return self._problem(401, "clock-skew")
        proof = f"onecard-session\n{asked.terminal_id}\n{asked.timestamp}\n{asked.nonce}\n{asked.ephemeral}"
        Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(asked.signature), proof.encode())
        mine = X25519PrivateKey.generate()
        secret = mine.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(asked.ephemeral)))
        key = HKDF(SHA256(), 32, bytes.fromhex(asked.nonce), b"onecard-session").derive(secret)
        token = f"T{len(self.sessions)}"
        self.sessions[token] = key
        grant = {
            "token": token,
            "ephemeral": mine.public_key().public_bytes_raw().hex(),
            "expires_at": self.now() + self.session_s,
            "server_time": self.now(),
        }
        return web.json_response(grant, status=201)

    @staticmethod
    def _opened(key: bytes, sealed: str) -> Any:
        return json.loads(jwe.decrypt_compact(sealed, OctKey.import_key(key)).plaintext or b"")

    # What is asked.

    async def _answer(self, request: web.Request, body: bytes) -> web.Response:
        match (request.method, request.path):
            case ("POST", "/v1/terminal/enrolments"):
                asked = Enrolment.model_validate_json(body)
                if asked.code != CODE:
                    return self._problem(403, "enrolment-refused")
                self.keys[asked.terminal_id] = bytes.fromhex(asked.public_key)
                return web.Response(status=204)
            case ("POST", "/v1/terminal/sessions"):
                return self._open_session(SessionRequest.model_validate_json(body))
        who = self._who(request, body)
        if isinstance(who, web.Response):
            return who
        answer = await self._business(request, body, who)
        return answer if isinstance(answer, web.Response) else web.json_response(answer.model_dump(mode="json"))

    async def _business(self, request: web.Request, body: bytes, key: bytes) -> Any:
        platform, query = self.platform, request.query
        parts = request.path.strip("/").split("/")
        match (request.method, parts[1], *parts[2:]):
            case ("POST", "terminal", "heartbeats"):
                return await platform.heartbeat(Heartbeat.model_validate_json(body))
            case ("POST", "terminals", "pin-key"):
                return await platform.pin_key()
            case ("POST", "identity"):
                sealed = IdentityRequest.model_validate_json(body).sealed
                return await platform.identify(Credential.model_validate(self._opened(key, sealed)))
            case ("POST", "patients"):
                wanted = NewRecord.model_validate_json(body)
                return await platform.create_record(wanted.visitor_id, wanted.phone)
            case ("GET", "bills"):
                return await platform.bills(query["visitor_id"])
            case ("GET", "departments"):
                return await platform.departments()
            case ("GET", "departments", department, "doctors"):
                return await platform.doctors(department)
            case ("GET", "slots"):
                return await platform.slots(query["department_id"], query["doctor_id"], query["date"])
            case ("POST", "slots", slot, "lock"):
                return await platform.lock_slot(slot, LockRequest.model_validate_json(body).visitor_id)
            case ("GET", "appointments"):
                return await platform.appointments(query["visitor_id"])
            case ("POST", "appointments", appointment, "check-in"):
                return await platform.check_in(appointment)
            case _:
                return await self._trades(request, body, key, parts)

    async def _trades(self, request: web.Request, body: bytes, key: bytes, parts: list[str]) -> Any:
        platform = self.platform
        idempotency = request.headers.get("Idempotency-Key", "")
        match (request.method, *parts[1:]):
            case ("POST", "trades"):
                return await platform.open_trade(idempotency, OpenTradeRequest.model_validate_json(body))
            case ("GET", "trades"):
                found = await platform.trade_by_key(request.query["key"])
                return found if found is not None else self._problem(404, "trade-unknown")
            case ("GET", "trades", number):
                return await platform.trade(number, float(request.query.get("wait_s", "0")))
            case ("POST", "trades", number, "pay"):
                wanted = PayRequest.model_validate_json(body)
                card = pin = None
                if wanted.sealed:
                    data = CardData.model_validate(self._opened(key, wanted.sealed))
                    card = BankCard(data.pan, data.expiry, data.track2, data.entry_mode)
                    pin = PinBlock(bytes.fromhex(data.pin_block), data.pin_key)
                return await platform.pay(
                    number, idempotency, wanted.method, auth_code=wanted.auth_code, card=card, pin=pin
                )
            case ("POST", "trades", number, "cancel"):
                return await platform.cancel(number, Reason.model_validate_json(body).reason)
            case ("POST", "trades", number, "refund"):
                return await platform.refund(number, Reason.model_validate_json(body).reason)
            case ("GET", "trades", number, "refund-eligibility"):
                return await platform.eligibility(number)
            case ("GET", "trades", number, "receipt"):
                return await platform.receipt(number)
            case _:
                return self._problem(404, "not-found")
