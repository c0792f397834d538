"""The backend's own secrets: a file that only its user can read, made at the first start. Never in a database or a log."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["DataVault", "Keys", "KeysError", "load_keys"]

KEY_BYTES = 32
NONCE_BYTES = 12
Entropy = Callable[[int], bytes]


class KeysError(RuntimeError):
    """The file of keys cannot be used: which file, why, and what to do. Shows no key."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Each 32 bytes, each for one purpose: tokens of terminals (encipher), tokens of users (sign), data at rest, names
    of persons in the audit trail (HMAC), and the chain of that trail (HMAC)."""

    terminal_token: bytes = field(repr=False)
    user_token: bytes = field(repr=False)
    data: bytes = field(repr=False)
    person: bytes = field(repr=False)
    trail: bytes = field(repr=False)

    @classmethod
    def made(cls, entropy: Entropy = secrets.token_bytes) -> Keys:
        """New ones."""
        return cls(*(entropy(KEY_BYTES) for _ in fields(cls)))

    @property
    def stamp(self) -> str:
        """By which a database recognises the keys that it was written with; it gives nothing away."""
        return hmac.new(self.data, b"onecard key stamp" + hashlib.sha256(self.trail).digest(), "sha256").hexdigest()[
            :32
        ]


class DataVault:
    """Enciphers what must be kept and nobody may read (AES-256-GCM). *context* says what it belongs to: sealed data that
    is moved to another row does not open."""

    def __init__(self, key: bytes, entropy: Entropy = secrets.token_bytes) -> None:
        self._cipher, self._entropy = AESGCM(key), entropy

    def seal(self, plain: bytes, context: str) -> bytes:
        """12 bytes of nonce, then cipher and tag."""
        nonce = self._entropy(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Raises :class:`KeysError` for data that were not sealed with this key in this context."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):
            raise KeysError("sealed data do not open: another keys file, or the row was changed") from None


def load_keys(file: Path, entropy: Entropy = secrets.token_bytes) -> Keys:
    """The keys in *file*, which is made when there is none. Raises :class:`KeysError`."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            _make(file, Keys.made(entropy))
        return _read(file)
    except OSError as error:
        raise KeysError(f"{file}: {error.strerror}: name a file that this user can make and read") from error


def _make(file: Path, keys: Keys) -> None:
    """Whole or not at all, and never over a file that another process has just made."""
    text = json.dumps({"version": 1, **{each.name: getattr(keys, each.name).hex() for each in fields(keys)}}, indent=1)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(text + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            return
        folder = os.open(file.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    finally:
        draft.unlink()


def _read(file: Path) -> Keys:
    mode = file.stat().st_mode
    if stat.S_IMODE(mode) & 0o077:
        raise KeysError(
            f"{file}: others can read it (mode {stat.S_IMODE(mode):o}): chmod 600, and make new keys if they did"
        )
    try:
        found = json.loads(file.read_text(encoding="ascii"))
        version = found.pop("version")
        keys = {name: bytes.fromhex(text) for name, text in found.items()}
        if version != 1 or any(len(key) != KEY_BYTES for key in keys.values()):
            raise ValueError
        return Keys(**keys)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise KeysError(f"{file}: not a file of keys of this version: restore it from its backup") from None
