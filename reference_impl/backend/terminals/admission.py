"""Is it that terminal, now, and for the first time? Sessions, tokens, and the four refusals of a request.

A request is taken once. What was used is remembered in memory, so a request of the time before this process's start is
refused; one from a clock that runs ahead could be replayed to the next process, so its nonce is made durable before it is
taken.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import delete

from protocols.clock import Clock
from protocols.wire.base import WireError
from protocols.wire.platform import authentication as wire
from protocols.wire.platform.endpoints import SERVER_TIME_HEADER, Refused
from protocols.wire.platform.fleet import SessionGrant, SessionRequest
from reference_impl.backend.audit.trail import Act, Actor, Trail
from reference_impl.backend.keys import Keys
from reference_impl.backend.metrics import Metrics
from reference_impl.backend.problems import TOO_MANY_REQUESTS, ProblemError, ProblemKind
from reference_impl.backend.rates import Rates
from reference_impl.backend.settings import Limits, Times
from reference_impl.backend.storage.records import load
from reference_impl.backend.storage.store import Store
from reference_impl.backend.storage.writes import Write
from reference_impl.backend.terminals.fleet import Fleet
from reference_impl.backend.terminals.model import Terminal
from reference_impl.backend.terminals.replay import MemoryFull, Nonces
from reference_impl.backend.terminals.tables import EARLY_NONCES

__all__ = ["REFUSALS", "Admission", "Admitted", "SignedRequest"]

_NONCE = re.compile(r"[0-9A-Za-z_-]{16,64}")
_TIME = re.compile(r"[0-9]{1,12}")
LONGEST_TOKEN = 4_096

REFUSALS = {
    Refused.BEFORE_START: ProblemKind(
        Refused.BEFORE_START,
        401,
        "请求早于系统启动时间",
        "Send it again with the platform's time and a new nonce.",
        retry=True,
    ),
    Refused.CLOCK_SKEW: ProblemKind(
        Refused.CLOCK_SKEW,
        401,
        "终端时钟偏差过大",
        "Set the clock by X-Server-Time and send it again with a new nonce.",
        retry=True,
    ),
    Refused.NONCE_USED: ProblemKind(
        Refused.NONCE_USED, 401, "请求已被使用过", "Send it again with a new nonce and a new signature.", retry=True
    ),
    Refused.SESSION_INVALID: ProblemKind(
        Refused.SESSION_INVALID, 401, "会话无效", "Open a session and send it again.", retry=True
    ),
    Refused.SESSION_EXPIRED: ProblemKind(
        Refused.SESSION_EXPIRED, 401, "会话已过期", "Open a session and send it again.", retry=True
    ),
    Refused.SIGNATURE_WRONG: ProblemKind(
        Refused.SIGNATURE_WRONG, 401, "签名不正确", "Sign method, target, time, nonce and body as they are sent."
    ),
    Refused.TERMINAL_REVOKED: ProblemKind(
        Refused.TERMINAL_REVOKED, 403, "终端未登记或已被停用", "Ask the operator; a new enrolment code brings it back."
    ),
}


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a terminal signs: method, path with query, and body, with the four headers (empty where they are missing)."""

    method: str
    target: str
    body: bytes
    token: str
    timestamp: str
    nonce: str
    signature: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """A terminal whose request was taken. ``key`` is that of its session."""

    terminal: Terminal
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Session:
    terminal_id: str
    key: bytes
    expires_at: float
    generation: int


class Admission:
    """Made by :meth:`open`, after the process has become the writer: *started_at* is that moment."""

    def __init__(
        self,
        fleet: Fleet,
        trail: Trail,
        store: Store,
        keys: Keys,
        clock: Clock,
        limits: Limits,
        times: Times,
        metrics: Metrics,
        entropy: Callable[[int], bytes],
        started_at: float,
    ) -> None:
        self._fleet, self._trail, self._store, self._clock = fleet, trail, store, clock
        self._token_key, self._times, self._metrics, self._entropy = keys.terminal_token, times, metrics, entropy
        self._started_s = math.floor(started_at)
        self._nonces = Nonces(limits.nonces, wire.WINDOW_S)
        self._rates = Rates(limits.terminal_rate, limits.terminal_burst)
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._most_sessions = limits.sessions

    async def recall(self) -> None:
        """Take up the nonces of requests that were ahead of the clock when the last process took them."""
        now = self._clock.now()
        async with self._store.engine.begin() as connection:
            await connection.execute(delete(EARLY_NONCES).where(EARLY_NONCES.c.timestamp < now - wire.WINDOW_S))
        for early in await load(self._store.engine, EARLY_NONCES, _Early):
            self._nonces.take(early.nonce, early.timestamp, now)

    async def open_session(self, request: SessionRequest) -> SessionGrant:
        """Raises :class:`ProblemError`. Only the holder of the enrolled key can use what is granted."""
        terminal = self._fleet.terminals.get(request.terminal_id)
        if terminal is None or terminal.state != "enrolled":
            await self._session_refused(request.terminal_id if terminal else "", Refused.TERMINAL_REVOKED)
        if not self._rates.take(terminal.terminal_id, self._clock.now()):
            raise ProblemError(TOO_MANY_REQUESTS)
        public, proof = bytes.fromhex(terminal.public_key), (request.ephemeral, request.signature)
        if not wire.verify_session(public, terminal.terminal_id, request.timestamp, request.nonce, *proof):
            await self._session_refused(terminal.terminal_id, Refused.SIGNATURE_WRONG)
        await self._once(terminal.terminal_id, request.nonce, request.timestamp)
        private = self._entropy(32)
        try:
            key = wire.session_key(private, request.ephemeral, request.nonce)
        except WireError:
            await self._session_refused(terminal.terminal_id, Refused.SIGNATURE_WRONG)
        now = self._clock.now()
        expires_at = now + self._times.terminal_session_s
        token = wire.seal(
            self._token_key, {"t": terminal.terminal_id, "k": key.hex(), "x": expires_at, "g": terminal.generation}
        )
        self._keep(token, _Session(terminal.terminal_id, key, expires_at, terminal.generation))
        act = Act("terminal.session-opened", "terminal", terminal.terminal_id, terminal.institution)
        await self._trail.record(terminal.actor, act)
        ephemeral = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw().hex()
        return SessionGrant(token=token, ephemeral=ephemeral, expires_at=expires_at, server_time=now)

    async def admit(self, request: SignedRequest) -> Admitted:
        """The terminal that sent *request*, if it is from it, in time, and new. Raises :class:`ProblemError`."""
        now = self._clock.now()
        session = self._session(request.token)
        terminal = self._fleet.terminals.get(session.terminal_id)
        if terminal is None or terminal.state != "enrolled":
            self._refuse(Refused.TERMINAL_REVOKED)
        if session.generation != terminal.generation:
            self._refuse(Refused.SESSION_INVALID)
        if session.expires_at <= now:
            self._refuse(Refused.SESSION_EXPIRED)
        if not _TIME.fullmatch(request.timestamp) or not _NONCE.fullmatch(request.nonce):
            self._refuse(Refused.SIGNATURE_WRONG)
        right = wire.mac_of(session.key, request.method, request.target, request.timestamp, request.nonce, request.body)
        if not request.signature.isascii() or not wire.same_mac(right, request.signature):
            self._refuse(Refused.SIGNATURE_WRONG)
        if not self._rates.take(terminal.terminal_id, now):
            raise ProblemError(TOO_MANY_REQUESTS)
        await self._once(terminal.terminal_id, request.nonce, int(request.timestamp))
        return Admitted(terminal, session.key)

    def _session(self, token: str) -> _Session:
        session = self._sessions.get(token)
        if session is not None:
            self._sessions.move_to_end(token)
            return session
        if not 0 < len(token) <= LONGEST_TOKEN:
            self._refuse(Refused.SESSION_INVALID)
        try:
            found: Any = wire.open_sealed(self._token_key, token)
            session = _Session(found["t"], bytes.fromhex(found["k"]), found["x"], found["g"])
        except (WireError, KeyError, TypeError, ValueError):
            self._refuse(Refused.SESSION_INVALID)
        self._keep(token, session)
        return session

    def _keep(self, token: str, session: _Session) -> None:
        self._sessions[token] = session
        while len(self._sessions) > self._most_sessions:
            self._sessions.popitem(last=False)

    async def _once(self, terminal_id: str, nonce: str, timestamp: int) -> None:
        """In the window, after the start, and never before. Nonces of two terminals do not disturb each other."""
        now = self._clock.now()
        if abs(now - timestamp) > wire.WINDOW_S:
            self._refuse(Refused.CLOCK_SKEW)
        if timestamp <= self._started_s:
            self._refuse(Refused.BEFORE_START)
        name = f"{terminal_id}/{nonce}"
        try:
            if not self._nonces.take(name, timestamp, now):
                self._refuse(Refused.NONCE_USED)
        except MemoryFull:
            raise ProblemError(TOO_MANY_REQUESTS) from None
        if timestamp > now:
            await self._store.commit([Write(EARLY_NONCES, (name, timestamp))])

    async def _session_refused(self, terminal_id: str, why: Refused) -> NoReturn:
        """A stranger fills no trail: only what concerns a known terminal is entered, and not without bound."""
        terminal = self._fleet.terminals.get(terminal_id)
        if terminal is not None:
            details = {"why": why.value}
            act = Act("terminal.session-refused", "terminal", terminal_id, terminal.institution, details)
            await self._trail.note_refusal(Actor("terminal", ""), act)
        self._refuse(why)

    def _refuse(self, why: Refused) -> NoReturn:
        self._metrics.refused.labels(why.value).inc()
        raise ProblemError(REFUSALS[why], headers={SERVER_TIME_HEADER: f"{self._clock.now():.3f}"})


@dataclass(frozen=True, slots=True)
class _Early:
    nonce: str
    timestamp: int
