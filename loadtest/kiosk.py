"""One kiosk of the fleet as the platform sees it: its own key, a session, signed and sealed requests, heartbeats."""

from __future__ import annotations

import os
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import ValidationError

from loadtest.exchange import Exchange
from loadtest.pad import Pad
from loadtest.visit import Ask
from protocols.wire.base import WireError
from protocols.wire.http import HttpReply, HttpRequest, json_request
from protocols.wire.platform.authentication import seal, session_key, sign_session, signed
from protocols.wire.platform.endpoints import ENROLMENTS, HEARTBEATS, SESSIONS, Refused
from protocols.wire.platform.models import (
    Enrolment,
    Heartbeat,
    HeartbeatReply,
    Problem,
    SessionGrant,
    SessionRequest,
)
from simulators.peer.city import Terminal

__all__ = ["FleetKiosk", "NotOnDutyError", "problem_of"]

APP_VERSION = "0.1.0"


class NotOnDutyError(Exception):
    """A terminal could not be enrolled or got no session: the text names it and the platform's reason."""


class FleetKiosk:
    """``busy`` while a citizen is served. ``sent`` counts the keys it has given out."""

    def __init__(self, terminal: Terminal, door: Exchange, run_id: str) -> None:
        self.terminal, self.door, self.run_id = terminal, door, run_id
        self.pad = Pad(terminal.bank_terminal)
        self.busy = False
        self.sent = 0
        self._private = Ed25519PrivateKey.generate()
        self._token, self._key = "", b""

    @property
    def number(self) -> int:
        return self.terminal.number

    # Getting ready.

    def enrol(self, code: str, limit_s: float) -> None:
        """Bring the kiosk's public key under its one-time code. Raises NotOnDutyError."""
        public = self._private.public_key().public_bytes_raw().hex()
        body = Enrolment(terminal_id=self.terminal.terminal_id, code=code, public_key=public)
        reply = self.door.exchange(json_request("POST", ENROLMENTS, body.model_dump()), limit_s).reply
        if reply.status >= 300:
            raise NotOnDutyError(f"{self.terminal.terminal_id}: enrolment refused, {problem_of(reply).code}")

    def open_session(self, unix_s: float, limit_s: float) -> bool:
        """False where the platform wants it asked again, a second after its start. Raises NotOnDutyError."""
        ephemeral, nonce, timestamp = X25519PrivateKey.generate(), os.urandom(16).hex(), int(unix_s)
        public, own = ephemeral.public_key().public_bytes_raw().hex(), self._private.private_bytes_raw()
        body = SessionRequest(
            terminal_id=self.terminal.terminal_id,
            timestamp=timestamp,
            nonce=nonce,
            ephemeral=public,
            signature=sign_session(own, self.terminal.terminal_id, timestamp, nonce, public),
        )
        reply = self.door.exchange(json_request("POST", SESSIONS, body.model_dump()), limit_s).reply
        if reply.status >= 300:
            code = problem_of(reply).code
            if code == Refused.BEFORE_START:
                return False
            raise NotOnDutyError(f"{self.terminal.terminal_id}: no session, {code}")
        try:
            grant = SessionGrant.model_validate_json(reply.body)
            self._key = session_key(ephemeral.private_bytes_raw(), grant.ephemeral, nonce)
        except (ValidationError, WireError) as error:
            raise NotOnDutyError(f"{self.terminal.terminal_id}: the reply is no session") from error
        self._token = grant.token
        return True

    # Requests.

    def fresh_key(self) -> str:
        """An idempotency key that no other run and no other kiosk has."""
        self.sent += 1
        return f"load-{self.run_id}-{self.number}-{self.sent}"

    def request(self, ask: Ask, unix_s: float) -> HttpRequest:
        """*ask* sealed and signed for this kiosk's session."""
        headers = {"idempotency-key": ask.key} if ask.key else {}
        body: dict[str, Any] | None = dict(ask.body) if ask.body is not None else None
        if ask.sealed is not None:
            body = {**(body or {}), "sealed": seal(self._key, ask.sealed(unix_s))}
        if body is None:
            request = HttpRequest(ask.method, ask.target, headers)
        else:
            request = json_request(ask.method, ask.target, body, headers)
        return signed(request, self._token, self._key, unix_s, os.urandom(16).hex())

    def beat(self, seq: int, uptime_s: float, unix_s: float) -> Ask:
        """The heartbeat number *seq*."""
        beat = Heartbeat(
            seq=seq,
            boot_id=f"load-{self.run_id}",
            sent_at=unix_s,
            uptime_s=uptime_s,
            app_version=APP_VERSION,
            open_session=self.busy,
        )
        return Ask("heartbeat", "POST", HEARTBEATS, HeartbeatReply, beat.model_dump())


def problem_of(reply: HttpReply) -> Problem:
    """The error document of *reply*; one that has none gets one by its status."""
    try:
        return Problem.model_validate_json(reply.body)
    except ValidationError:
        text = f"status {reply.status} and no error document"
        return Problem(
            code=f"http-{reply.status}",
            title="平台返回错误",
            detail=text,
            status=reply.status,
            retry=reply.status >= 500,
        )
