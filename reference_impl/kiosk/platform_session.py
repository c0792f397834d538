"""A terminal's session with the platform: opened with its own key, renewed before it ends, its clock learned on the way.

Source: the docstrings of protocols/wire/platform: fleet.py (SessionRequest, SessionGrant), authentication.py, endpoints.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import ValidationError

from protocols.clock import Clock
from protocols.wire.base import WireError
from protocols.wire.http import HttpReply, HttpRequest, json_request
from protocols.wire.platform.authentication import session_key, sign_session, signed
from protocols.wire.platform.endpoints import SERVER_TIME_HEADER, SESSIONS, Refused
from protocols.wire.platform.models import Problem, SessionGrant, SessionRequest
from reference_impl.kiosk.platform import PlatformRefused

__all__ = ["Exchange", "NoAnswer", "Session", "Sessions", "problem_of"]

UNAUTHORISED = (401, 403)
DATE_GRAIN_S = 1.0
"""A Date is cut to the second: later by one is never before the platform's start."""
_BY_TIME = (Refused.BEFORE_START, Refused.CLOCK_SKEW)
_FOR_GOOD = (Refused.SIGNATURE_WRONG, Refused.TERMINAL_REVOKED, Refused.ENROLMENT_REFUSED)
RENEW_BEFORE_S = 30.0
"""A session that is about to end is renewed before a request is made under it."""


class NoAnswer(Exception):
    """No reply: refused connection, broken connection, or silence beyond the limit. ``sent`` False: certainly not one
    byte has reached the platform."""

    def __init__(self, why: str, sent: bool = True) -> None:
        super().__init__(why)
        self.sent = sent


class Exchange(Protocol):
    """One request out, one reply in."""

    async def exchange(self, request: HttpRequest, limit_s: float) -> HttpReply:
        """Raises :class:`NoAnswer`. Any status is a reply."""
        ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Session:
    token: str = field(repr=False)
    key: bytes = field(repr=False)
    expires_at: float


class Sessions:
    """Gives the session under which a request is made. ``offset_s`` is the platform's clock minus ours."""

    def __init__(
        self,
        exchange: Exchange,
        terminal_id: str,
        private_key: bytes,
        clock: Clock,
        limit_s: float,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._exchange, self._terminal_id, self._private_key = exchange, terminal_id, private_key
        self._clock, self._limit_s, self._entropy = clock, limit_s, entropy
        self._session: Session | None = None
        self._turn = asyncio.Lock()
        self.offset_s = 0.0

    async def current(self, limit_s: float) -> Session:
        """The session, a new one where there is none: one at a time, however many calls want it.

        Raises :class:`NoAnswer` (never as sent: nothing of the caller's was) and PlatformRefused.
        """
        async with self._turn:
            session = self._session
            if session is None or self._clock.now() >= session.expires_at - RENEW_BEFORE_S:
                try:
                    session = self._session = await self._open(min(limit_s, self._limit_s))
                except NoAnswer as silence:
                    raise NoAnswer(f"session: {silence}", sent=False) from silence
            return session

    def forget(self, session: Session) -> None:
        """The platform does not know it any more. Another call may have opened a new one since."""
        if self._session is session:
            self._session = None

    def mend(self, reply: HttpReply, problem: Problem, session: Session) -> bool:
        """True when the request may be sent again at once, signed anew: the session is opened anew, or our clock corrected,
        or the nonce was the trouble. False where a terminal can mend nothing."""
        if reply.status not in UNAUTHORISED:
            return False
        if problem.code in _BY_TIME:
            self._take_time_of(reply)
            return True
        if problem.code == Refused.NONCE_USED:
            return True
        if problem.code in _FOR_GOOD:
            return False
        self.forget(session)
        return reply.status == 401

    def sign(self, request: HttpRequest, session: Session) -> HttpRequest:
        now = self._clock.now() + self.offset_s
        return signed(request, session.token, session.key, now, self._entropy(16).hex())

    async def _open(self, limit_s: float) -> Session:
        answer, private, nonce = await self._ask(limit_s)
        if answer.status in UNAUTHORISED and problem_of(answer).code in _BY_TIME:
            self._take_time_of(answer)
            answer, private, nonce = await self._ask(limit_s)
        if answer.status >= 300:
            problem = problem_of(answer)
            if problem.retry or problem.code in (*_BY_TIME, Refused.NONCE_USED):
                raise NoAnswer(f"{answer.status} {problem.code}")
            raise PlatformRefused(problem)
        try:
            grant = SessionGrant.model_validate_json(answer.body)
            key = session_key(private, grant.ephemeral, nonce)
        except (ValidationError, WireError) as error:
            raise NoAnswer(f"the reply is no session: {type(error).__name__}") from error
        self.offset_s = grant.server_time - self._clock.now()
        return Session(grant.token, key, grant.expires_at - self.offset_s)

    async def _ask(self, limit_s: float) -> tuple[HttpReply, bytes, str]:
        """The reply to a session request with a new ephemeral key; that key's private half, and the nonce."""
        private = X25519PrivateKey.from_private_bytes(self._entropy(32))
        ephemeral = private.public_key().public_bytes_raw().hex()
        nonce, timestamp = self._entropy(16).hex(), int(self._clock.now() + self.offset_s)
        body = SessionRequest(
            terminal_id=self._terminal_id,
            timestamp=timestamp,
            nonce=nonce,
            ephemeral=ephemeral,
            signature=sign_session(self._private_key, self._terminal_id, timestamp, nonce, ephemeral),
        )
        request = json_request("POST", SESSIONS, body.model_dump())
        return await self._exchange.exchange(request, limit_s), private.private_bytes_raw(), nonce

    def _take_time_of(self, reply: HttpReply) -> None:
        """The platform's time as its refusal tells it; through a proxy that drops that, as the Date does to the second."""
        try:
            if SERVER_TIME_HEADER in reply.headers:
                theirs = float(reply.headers[SERVER_TIME_HEADER])
            else:
                theirs = parsedate_to_datetime(reply.headers.get("date", "")).timestamp() + DATE_GRAIN_S
        except ValueError:
            return
        if isfinite(theirs):
            self.offset_s = theirs - self._clock.now()


def problem_of(reply: HttpReply) -> Problem:
    """The error document of *reply*. One that has none, from a proxy for instance, gets one by its status."""
    try:
        problem = Problem.model_validate_json(reply.body)
    except ValidationError:
        retry = reply.status >= 500 or reply.status in (408, 425, 429)
        detail = f"the platform answered with status {reply.status} and without an error document"
        return Problem(
            code=f"http-{reply.status}", title="平台返回错误", detail=detail, status=reply.status, retry=retry
        )
    return problem if reply.status < 500 else problem.model_copy(update={"retry": True})
