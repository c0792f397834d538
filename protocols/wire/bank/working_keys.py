"""Field 62 of a sign-in reply: the working keys, enciphered under the terminal's master key, with their check values.

Sources: spec/services.md 3.3 (lengths 24, 40, 56/60, 84; layout of 40), vector K1. How 56, 60 and 84 are divided is read off
the arithmetic and is this project's assumption: keys of one length, each with 4 bytes of check value (24 = 2 x (8+4),
40 = 2 x (16+4), 56 = 2 x (24+4), 60 = 3 x (16+4), 84 = 3 x (24+4)), the third being the track key. A MAC key of eight bytes
fills a longer place with zeros.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.wire.bank.ciphers import BankSuite, same
from protocols.wire.base import WireError

__all__ = [
    "EncipheredKey",
    "WorkingKeys",
    "clear_key",
    "decode_working_keys",
    "enciphered",
    "encode_working_keys",
]

_LAYOUTS: dict[int, tuple[int, int]] = {24: (2, 8), 40: (2, 16), 56: (2, 24), 60: (3, 16), 84: (3, 24)}
"""Bytes of field 62 to (number of keys, bytes of each)."""
CHECK_BYTES = 4


@dataclass(frozen=True, slots=True)
class EncipheredKey:
    """``cipher`` is the key under the master key; ``check`` its check value."""

    cipher: bytes = field(repr=False)
    check: bytes


@dataclass(frozen=True, slots=True)
class WorkingKeys:
    """PIN key, MAC key and, where tracks are enciphered, the track key."""

    pin: EncipheredKey
    mac: EncipheredKey
    track: EncipheredKey | None = None


def enciphered(suite: BankSuite, master_key: bytes, key: bytes) -> EncipheredKey:
    """*key* as it may travel and be stored."""
    return EncipheredKey(suite.encipher(master_key, key), suite.check_value(key))


def encode_working_keys(keys: WorkingKeys) -> str:
    """Field 62 as hexadecimal. Raises :class:`WireError` for lengths that no layout has."""
    parts = [keys.pin, keys.mac, *([keys.track] if keys.track else [])]
    each = len(keys.pin.cipher)
    if (len(parts), each) not in _LAYOUTS.values() or any(len(part.cipher) > each for part in parts):
        raise WireError(f"field 62: no layout of {len(parts)} keys of {each} bytes")
    if any(len(part.check) != CHECK_BYTES for part in parts):
        raise WireError("field 62: a check value has 4 bytes")
    return b"".join(part.cipher.ljust(each, b"\0") + part.check for part in parts).hex().upper()


def decode_working_keys(text: str) -> WorkingKeys:
    """The keys in field 62. Raises :class:`WireError` for a length that is none of a sign-in reply."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raise WireError("field 62: not hexadecimal") from None
    if len(raw) not in _LAYOUTS:
        raise WireError(f"field 62: {len(raw)} bytes, known are {', '.join(map(str, _LAYOUTS))}")
    count, length = _LAYOUTS[len(raw)]
    step = length + CHECK_BYTES
    parts = [EncipheredKey(raw[at : at + length], raw[at + length : at + step]) for at in range(0, count * step, step)]
    mac = parts[1]
    if length > 8 and mac.cipher[8:] == bytes(length - 8):
        mac = EncipheredKey(mac.cipher[:8], mac.check)
    return WorkingKeys(parts[0], mac, parts[2] if count == 3 else None)


def clear_key(suite: BankSuite, master_key: bytes, key: EncipheredKey) -> bytes:
    """The key itself. Raises :class:`WireError` when it does not have the check value that came with it."""
    clear = suite.decipher(master_key, key.cipher)
    if not same(suite.check_value(clear), key.check):
        raise WireError("field 62: a key does not have its check value")
    return clear
