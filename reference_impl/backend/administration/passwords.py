"""Passwords: what is good enough, and checking one at a price. argon2id; never kept, never shown again."""

from __future__ import annotations

import asyncio
import secrets
import string

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from reference_impl.backend.problems import INVALID_REQUEST, TOO_MANY_REQUESTS, ProblemError

__all__ = ["LONGEST", "Passwords", "first_password", "weakness"]

SHORTEST, LONGEST, CLASSES = 10, 128, 3
_CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits)


def weakness(password: str, user_id: str) -> str:
    """Why *password* is too weak; empty when it is not."""
    classes = sum(any(each in kind for each in password) for kind in _CLASSES)
    classes += any(not each.isalnum() for each in password)
    if not SHORTEST <= len(password) <= LONGEST:
        return f"it has {SHORTEST} to {LONGEST} characters"
    if classes < CLASSES:
        return f"it has {CLASSES} of these four: small letters, capitals, digits, other signs"
    if user_id.lower() in password.lower():
        return "it does not contain the login name"
    if len(set(password)) < SHORTEST // 2:
        return f"it has at least {SHORTEST // 2} different characters"
    return ""


def first_password() -> str:
    """A random one, to be changed at the first login. No letters that look alike."""
    letters = "".join(set(string.ascii_letters + string.digits) - set("0O1lI"))
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4)) + "a7K"


class Passwords:
    """Hashes on other threads, a few at once: each costs tens of milliseconds and 64 MB."""

    def __init__(self, at_once: int, waiting: int, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._free = asyncio.Semaphore(at_once)
        self._most = at_once + waiting
        self._in = 0
        self._decoy = self._hasher.hash(secrets.token_urlsafe())

    async def hashed(self, password: str, user_id: str) -> str:
        """Raises :class:`ProblemError` for a weak one."""
        weak = weakness(password, user_id)
        if weak:
            raise ProblemError(INVALID_REQUEST, f"a good password: {weak}", where="body.password")
        return await self.rehashed(password)

    async def rehashed(self, password: str) -> str:
        """The hash of a password that was good enough once."""
        return await self._run(password, None) or ""

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """As slow for nobody (None) as for a known user. Raises :class:`ProblemError` when too many wait."""
        return await self._run(password, password_hash or self._decoy) is not None and password_hash is not None

    def outdated(self, password_hash: str) -> bool:
        """True for a hash that was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    async def _run(self, password: str, password_hash: str | None) -> str | None:
        if self._in >= self._most:
            raise ProblemError(TOO_MANY_REQUESTS)
        self._in += 1
        try:
            async with self._free:
                return await asyncio.to_thread(self._work, password, password_hash)
        finally:
            self._in -= 1

    def _work(self, password: str, password_hash: str | None) -> str | None:
        if password_hash is None:
            return self._hasher.hash(password)
        try:
            self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return None
        return password_hash
