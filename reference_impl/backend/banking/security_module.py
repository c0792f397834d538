"""A software stand-in for the hardware security module of the bank's terminals.

It holds their master keys and can do three things with them: take a MAC, check a MAC, and accept working keys that came
enciphered, with their check values. It also seals the card data that later messages of a payment need. There is no call that
gives out a key or deciphers a PIN: a PIN block goes from the keypad to the bank as it is.

At rest the keys stand in one file, sealed with AES-256-GCM under a local key that is kept somewhere else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from protocols.wire.bank.ciphers import TRIPLE_DES, same
from protocols.wire.bank.working_keys import WorkingKeys, clear_key, decode_working_keys
from protocols.wire.base import WireError

__all__ = ["KeyFileError", "KeyMaterial", "KeysRefused", "SecurityModule", "open_key_file", "seal_key_file"]

_NONCE_BYTES = 12
_FORM = b"onecard bank keys 1\n"
_LOCAL_KEY_BYTES = 32
_REMEMBERED = 4096


class KeyFileError(ValueError):
    """A key file that cannot be used: says why and what to do, never what is in it."""


class KeysRefused(ValueError):
    """Working keys that are not what their check values say: they are not used."""


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """``fleet_key`` 16 bytes, from which the terminals' master keys are diversified; ``terminal_keys`` those of terminals
    that have one of their own, by field 41; ``data_key`` 32 bytes, for card data at rest."""

    fleet_key: bytes = field(repr=False)
    data_key: bytes = field(repr=False)
    terminal_keys: Mapping[str, bytes] = field(default_factory=dict[str, bytes], repr=False)

    def __post_init__(self) -> None:
        if len(self.fleet_key) != 16 or len(self.data_key) != 32:
            raise KeyFileError("the fleet key has 16 bytes and the data key 32: enter the key components again")
        if any(len(key) != 16 for key in self.terminal_keys.values()):
            raise KeyFileError("the master key of a terminal has 16 bytes: enter its components again")


def _sealed(key: bytes, plain: bytes, context: bytes) -> bytes:
    """AES-GCM. The nonce is made from key, context and text: no counter that a restart could set back, and the same text in
    the same place gives the same bytes, which says nothing that its place does not say."""
    nonce = hmac.new(key, b"nonce" + len(context).to_bytes(4, "big") + context + plain, hashlib.sha256).digest()
    return nonce[:_NONCE_BYTES] + AESGCM(key).encrypt(nonce[:_NONCE_BYTES], plain, context)


def _unsealed(key: bytes, sealed: bytes, context: bytes) -> bytes:
    return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)


def seal_key_file(material: KeyMaterial, local_key: bytes) -> bytes:
    """The content of a key file; *local_key* 32 bytes. Raises :class:`KeyFileError`."""
    _check_local_key(local_key)
    values = {
        "fleet_key": material.fleet_key.hex(),
        "data_key": material.data_key.hex(),
        "terminal_keys": {name: key.hex() for name, key in material.terminal_keys.items()},
    }
    return _FORM + _sealed(local_key, json.dumps(values, sort_keys=True).encode(), _FORM)


def open_key_file(content: bytes, local_key: bytes) -> KeyMaterial:
    """The keys in a key file. Raises :class:`KeyFileError` for another file, a damaged one, or another local key."""
    _check_local_key(local_key)
    if not content.startswith(_FORM):
        raise KeyFileError("this is no key file of the bank's terminals: name the file that the key ceremony wrote")
    try:
        plain = _unsealed(local_key, content[len(_FORM) :], _FORM)
    except (InvalidTag, ValueError):
        raise KeyFileError("the key file does not open: it is damaged, or the local key is another one") from None
    values: dict[str, Any] = json.loads(plain)
    return KeyMaterial(
        bytes.fromhex(values["fleet_key"]),
        bytes.fromhex(values["data_key"]),
        {name: bytes.fromhex(key) for name, key in values["terminal_keys"].items()},
    )


def _check_local_key(local_key: bytes) -> None:
    if len(local_key) != _LOCAL_KEY_BYTES:
        raise KeyFileError(f"the local key has {_LOCAL_KEY_BYTES} bytes")


class SecurityModule:
    """Terminals are named by field 41; *keys* is always field 62 of a sign-in reply, as it came (hexadecimal)."""

    def __init__(self, material: KeyMaterial) -> None:
        self._material = material
        self._mac_key = lru_cache(_REMEMBERED)(self._find_mac_key)

    @staticmethod
    def from_files(key_file: Path, local_key_file: Path) -> SecurityModule:
        """*local_key_file* holds 64 hexadecimal digits. Raises :class:`KeyFileError`."""
        try:
            local_key = bytes.fromhex(local_key_file.read_text("ascii").strip())
            content = key_file.read_bytes()
        except (OSError, ValueError) as error:
            raise KeyFileError(
                f"a key file cannot be read ({type(error).__name__}): see settings of the bank"
            ) from None
        return SecurityModule(open_key_file(content, local_key))

    # Messages.

    def mac(self, terminal: str, keys: str, data: bytes) -> bytes:
        """Field 64 for *data*, eight bytes. Raises :class:`KeysRefused`."""
        return TRIPLE_DES.mac(self._mac_key(terminal, keys), data)

    def mac_is_right(self, terminal: str, keys: str, data: bytes, mac: bytes) -> bool:
        """Raises :class:`KeysRefused`."""
        return same(TRIPLE_DES.mac(self._mac_key(terminal, keys), data), mac)

    def accept(self, terminal: str, keys: str) -> WorkingKeys:
        """The enciphered keys with their check values, once each was found to have its own. Raises
        :class:`KeysRefused`."""
        try:
            found = decode_working_keys(keys)
            for key in filter(None, (found.pin, found.mac, found.track)):
                clear_key(TRIPLE_DES, self._master_key(terminal), key)
        except WireError as error:
            raise KeysRefused(f"terminal {terminal}: {error.why}") from None
        return found

    def _master_key(self, terminal: str) -> bytes:
        own = self._material.terminal_keys.get(terminal)
        return own or TRIPLE_DES.diversify(self._material.fleet_key, terminal)

    def _find_mac_key(self, terminal: str, keys: str) -> bytes:
        try:
            return clear_key(TRIPLE_DES, self._master_key(terminal), decode_working_keys(keys).mac)
        except WireError as error:
            raise KeysRefused(f"terminal {terminal}: {error.why}") from None

    # Card data at rest.

    def seal(self, value: Mapping[str, str], context: str) -> bytes:
        """*value* so that only this module reads it, and only in that *context* (the reference of an attempt)."""
        return _sealed(self._material.data_key, json.dumps(value, sort_keys=True).encode(), context.encode())

    def unseal(self, sealed: bytes, context: str) -> Mapping[str, str]:
        """The value of :meth:`seal`. Raises :class:`KeysRefused` for bytes of another context, or under another key."""
        try:
            return json.loads(_unsealed(self._material.data_key, sealed, context.encode()))
        except (InvalidTag, ValueError):
            raise KeysRefused(
                "sealed card data do not open: they are of another payment, or the data key changed"
            ) from None
