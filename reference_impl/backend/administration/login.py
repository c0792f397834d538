"""Logging in, and knowing who calls afterwards: short-lived signed tokens (JWS, HS256), void with the user's generation."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from protocols.clock import Clock
from reference_impl.backend.administration.directory import Directory
from reference_impl.backend.administration.model import Caller, User
from reference_impl.backend.administration.passwords import Passwords
from reference_impl.backend.audit.trail import Act, Actor, Trail
from reference_impl.backend.keys import Keys
from reference_impl.backend.problems import UNAUTHENTICATED, ProblemError, ProblemKind
from reference_impl.backend.settings import Limits, Times

__all__ = ["ACCOUNT_LOCKED", "LOGIN_REFUSED", "Login"]

LOGIN_REFUSED = ProblemKind("login-refused", 401, "用户名或密码不正确", "Check login name and password.")
ACCOUNT_LOCKED = ProblemKind(
    "account-locked", 403, "登录已被锁定", "Wait for Retry-After seconds, or ask an administrator."
)

_ISSUER = "onecard-backend"
_ALGORITHM = "HS256"
_STRANGERS = 10_000


@dataclass(slots=True)
class _Stranger:
    """A login name that nobody has: it is locked like any other, so that nothing tells them apart."""

    failures: int = 0
    locked_until: float = 0.0


class Login:
    """One a backend."""

    def __init__(
        self,
        directory: Directory,
        trail: Trail,
        passwords: Passwords,
        keys: Keys,
        clock: Clock,
        limits: Limits,
        times: Times,
    ) -> None:
        self._directory, self._trail, self.passwords, self._clock = directory, trail, passwords, clock
        self._limits, self._times = limits, times
        self._key = OctKey.import_key(keys.user_token)
        self._strangers: OrderedDict[str, _Stranger] = OrderedDict()
        self._trying: dict[str, asyncio.Lock] = {}

    async def login(self, user_id: str, password: str) -> tuple[User, str, float]:
        """The user, a token, and until when it holds (Unix time). Raises :class:`ProblemError`.

        Tries at one name go one after another: guessing at many connections does not get past the lock.
        """
        lock = self._trying.setdefault(user_id, asyncio.Lock())
        try:
            async with lock:
                return await self._login(user_id, password)
        finally:
            if not lock.locked():
                self._trying.pop(user_id, None)

    async def _login(self, user_id: str, password: str) -> tuple[User, str, float]:
        user = self._directory.users.get(user_id)
        held = user or self._stranger(user_id)
        now = self._clock.now()
        if held.locked_until > now:
            await self._trail.note_refusal(_nobody(), _act(user_id if user else "", "locked"))
            raise ProblemError(ACCOUNT_LOCKED, headers={"retry-after": str(int(held.locked_until - now) + 1)})
        right = await self.passwords.matches(password, user.password_hash if user else None)
        if user is None or not right or user.state != "active":
            await self._failed(user_id)
            raise ProblemError(LOGIN_REFUSED)
        async with self._directory.changing:
            user = replace(self._directory.users[user_id], failures=0, locked_until=0.0)
            if self.passwords.outdated(user.password_hash):
                user = replace(user, password_hash=await self.passwords.rehashed(password))
            act = Act("session.opened", "user", user_id, user.institution)
            await self._trail.record(Actor("user", user_id), act, then=self._directory.writes([user]))
            self._directory.show([user])
        token, expires_at = self._token(user)
        return user, token, expires_at

    async def _failed(self, user_id: str) -> None:
        async with self._directory.changing:
            user = self._directory.users.get(user_id)
            held = user or self._stranger(user_id)
            failures = held.failures + 1
            locked = failures >= self._limits.login_failures
            until = self._clock.now() + self._times.login_lock_s if locked else 0.0
            failures = 0 if locked else failures
            act = _act(user_id, "locked-now" if locked else "wrong")
            if user is None:
                self._strangers[user_id] = _Stranger(failures, until)
                await self._trail.note_refusal(_nobody(), replace(act, key=""))
                return
            user = replace(user, failures=failures, locked_until=until)
            await self._trail.record(_nobody(), act, "refused", self._directory.writes([user]))
            self._directory.show([user])

    def caller(self, token: str) -> Caller:
        """Who sent *token*. Raises :class:`ProblemError`."""
        now = int(self._clock.now())
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims
            registry = jwt.JWTClaimsRegistry(
                now=now,
                iss={"essential": True, "value": _ISSUER},
                sub={"essential": True},
                exp={"essential": True},
                gen={"essential": True},
            )
            registry.validate(claims)
        except (JoseError, ValueError, TypeError):
            raise ProblemError(UNAUTHENTICATED) from None
        user = self._directory.users.get(str(claims["sub"]))
        if user is None or user.state != "active" or user.generation != claims["gen"]:
            raise ProblemError(UNAUTHENTICATED)
        return self._directory.caller(user)

    def _token(self, user: User) -> tuple[str, float]:
        now = int(self._clock.now())
        expires_at = now + int(self._times.user_session_s)
        claims = {"iss": _ISSUER, "sub": user.user_id, "gen": user.generation, "iat": now, "exp": expires_at}
        return jwt.encode({"alg": _ALGORITHM}, claims, self._key), float(expires_at)

    def _stranger(self, user_id: str) -> _Stranger:
        held = self._strangers.setdefault(user_id, _Stranger())
        while len(self._strangers) > _STRANGERS:
            self._strangers.popitem(last=False)
        return held


def _nobody() -> Actor:
    return Actor("user", "")


def _act(user_id: str, why: str) -> Act:
    """What was typed may be a password in the wrong field: it is kept as a token."""
    return Act("session.refused", "credential", user_id, details={"why": why})
