"""Key check values, MACs, PIN blocks and diversification, with 3DES and, in the project's variant, with SM4.

Sources: spec/services.md 3.3 (check value, UnionPay ECB MAC, PIN), spec/devices.md 3 (known answers of all of them).
Two rules are this project's own where the public record ends (spec/services.md 9, U7): the SM4 variant (header class 61:
the same folding over blocks of 16 bytes, PIN block of 16 bytes) and how a terminal's master key comes from the fleet's.
"""

from __future__ import annotations

import hmac
from typing import Protocol

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import ECB

from protocols.wire.base import WireError

__all__ = ["SM4_SUITE", "TRIPLE_DES", "BankSuite", "same", "suite_of"]

LEAST_PAN_DIGITS = 13
_PIN_LENGTHS = range(4, 13)
CHECK_BYTES = 4


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")


def same(one: bytes, other: bytes) -> bool:
    """Compares in constant time."""
    return hmac.compare_digest(one, other)


class BankSuite(Protocol):
    """What bank and terminal agree on for one header class. ``block`` is the cipher's block in bytes; keys of
    ``key_bytes``."""

    name: str
    application: str
    block: int
    key_bytes: int

    def encipher(self, key: bytes, data: bytes) -> bytes:
        """ECB over whole blocks: keys under keys, and PIN blocks."""
        ...

    def decipher(self, key: bytes, data: bytes) -> bytes: ...

    def check_value(self, key: bytes) -> bytes:
        """The first four bytes of one block of zeros, enciphered."""
        ...

    def mac(self, key: bytes, data: bytes) -> bytes:
        """Eight ASCII characters: the MAC of field 64."""
        ...

    def pin_block(self, pin: str, pan: str) -> bytes:
        """The clear block. Raises :class:`WireError` for a PIN or PAN that cannot be in one."""
        ...

    def pin_of(self, block: bytes, pan: str) -> str | None:
        """The PIN in a clear block; None when the block is none for this PAN. The issuer's side only."""
        ...

    def diversify(self, fleet_key: bytes, terminal: str) -> bytes:
        """The master key of a terminal (field 41) from that of a whole fleet."""
        ...


def _checked_pin(pin: str) -> str:
    if len(pin) not in _PIN_LENGTHS or not (pin.isascii() and pin.isdecimal()):
        raise WireError("a PIN has 4 to 12 digits")
    return f"{len(pin):02X}{pin}"


def _pan_part(pan: str) -> str:
    """The twelve digits beside the check digit."""
    if not LEAST_PAN_DIGITS <= len(pan) <= 19 or not (pan.isascii() and pan.isdecimal()):
        raise WireError("a PIN block needs a card number of 13 to 19 digits")
    return pan[-13:-1]


def _pin_in(text: str, filled: int) -> str | None:
    """The PIN in the *filled* hexadecimal digits of a PIN field: 0, length, digits, then F to the end."""
    if len(text) != filled or text[0] != "0" or not (length := int(text[1], 16)) or length not in _PIN_LENGTHS:
        return None
    pin, rest = text[2 : 2 + length], text[2 + length :]
    return pin if pin.isdecimal() and not rest.strip("F") else None


def _factor(terminal: str) -> bytes:
    raw = terminal.encode("ascii", "replace")
    if len(raw) != 8:
        raise WireError("a terminal number has 8 characters")
    return raw


class _TripleDes:
    """Keys of 8 bytes (single length) or 16 (double length)."""

    name, application, block, key_bytes = "3des", "60", 8, 16

    @staticmethod
    def _cipher(key: bytes) -> Cipher[ECB]:
        # The library takes 24 bytes only: K1 K2 K1 is two-key 3DES, K K K is single DES.
        return Cipher(TripleDES(key * 3 if len(key) == 8 else key + key[: 24 - len(key)]), ECB())  # noqa: S305 the dialect's rule

    def encipher(self, key: bytes, data: bytes) -> bytes:
        return self._cipher(key).encryptor().update(data)

    def decipher(self, key: bytes, data: bytes) -> bytes:
        return self._cipher(key).decryptor().update(data)

    def check_value(self, key: bytes) -> bytes:
        return self.encipher(key, bytes(self.block))[:CHECK_BYTES]

    def mac(self, key: bytes, data: bytes) -> bytes:
        return _folded_mac(self, key, data)

    def pin_block(self, pin: str, pan: str) -> bytes:
        field = _checked_pin(pin).ljust(16, "F")
        return _xor(bytes.fromhex(field), bytes.fromhex("0000" + _pan_part(pan)))

    def pin_of(self, block: bytes, pan: str) -> str | None:
        if len(block) != 8:
            return None
        return _pin_in(_xor(block, bytes.fromhex("0000" + _pan_part(pan))).hex().upper(), 16)

    def diversify(self, fleet_key: bytes, terminal: str) -> bytes:
        factor = _factor(terminal)
        return self.encipher(fleet_key, factor + _xor(factor, b"\xff" * 8))


class _Sm4:
    """Keys of 16 bytes. The PIN block is the 16-byte form of spec/devices.md 3."""

    name, application, block, key_bytes = "sm4", "61", 16, 16

    @staticmethod
    def _cipher(key: bytes) -> Cipher[ECB]:
        return Cipher(SM4(key), ECB())  # noqa: S305 the dialect's rule

    def encipher(self, key: bytes, data: bytes) -> bytes:
        return self._cipher(key).encryptor().update(data)

    def decipher(self, key: bytes, data: bytes) -> bytes:
        return self._cipher(key).decryptor().update(data)

    def check_value(self, key: bytes) -> bytes:
        return self.encipher(key, bytes(self.block))[:CHECK_BYTES]

    def mac(self, key: bytes, data: bytes) -> bytes:
        return _folded_mac(self, key, data)

    def pin_block(self, pin: str, pan: str) -> bytes:
        field = _checked_pin(pin).ljust(32, "F")
        return _xor(bytes.fromhex(field), bytes(10) + bytes.fromhex(_pan_part(pan)))

    def pin_of(self, block: bytes, pan: str) -> str | None:
        if len(block) != 16:
            return None
        return _pin_in(_xor(block, bytes(10) + bytes.fromhex(_pan_part(pan))).hex().upper(), 32)

    def diversify(self, fleet_key: bytes, terminal: str) -> bytes:
        factor = _factor(terminal)
        return self.encipher(fleet_key, factor + _xor(factor, b"\xff" * 8))


def _folded_mac(suite: BankSuite, key: bytes, data: bytes) -> bytes:
    """UnionPay ECB: all blocks XORed, the result as hexadecimal characters, its first half enciphered, XORed with the
    second, enciphered; the first eight hexadecimal characters of that (spec/services.md 3.3)."""
    padded = data + bytes(-len(data) % suite.block)
    folded = 0
    for at in range(0, len(padded), suite.block):
        folded ^= int.from_bytes(padded[at : at + suite.block], "big")
    text = folded.to_bytes(suite.block, "big").hex().upper().encode()
    first = suite.encipher(key, text[: suite.block])
    last = suite.encipher(key, _xor(first, text[suite.block :]))
    return last.hex().upper()[:8].encode()


TRIPLE_DES: BankSuite = _TripleDes()
SM4_SUITE: BankSuite = _Sm4()


def suite_of(application: str) -> BankSuite:
    """The suite of a header's application class: 60 3DES, 61 SM4."""
    return SM4_SUITE if application == "61" else TRIPLE_DES
