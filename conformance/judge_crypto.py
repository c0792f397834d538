"""Independent judge of the social security card's cryptography (spec/cards.md 1.6, 1.7), for stimuli and oracles.

Written from the rules over other cipher libraries than the simulator's: pycryptodomex for DES and 3DES, gmssl for SM4.
Held against the printed vectors, so a card and this judge agree only when both follow the rules.

Algorithm ids are those of the card's FCI: 1 is 3DES, 3 is SM4. SSF33 (2) is not public: :class:`UnknownAlgorithmError`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from Cryptodome.Cipher import DES, DES3
from gmssl.sm4 import SM4_ENCRYPT, CryptSM4

__all__ = [
    "SM4",
    "TDES",
    "CardKeys",
    "LoadKeys",
    "PurchaseKeys",
    "UnknownAlgorithmError",
    "authentication_data",
    "check_value",
    "diversify",
    "encipher",
    "level_factors",
    "mac",
    "session_key",
    "tac",
]

TDES, SM4 = 1, 3

BlockCipher = Callable[[bytes], bytes]
"""Enciphers exactly one block."""


class UnknownAlgorithmError(ValueError):
    """An algorithm for which no public text exists; nothing can be judged with it."""


def block_size(algorithm: int) -> int:
    """Block length in bytes. Raises :class:`UnknownAlgorithmError`."""
    if algorithm == TDES:
        return 8
    if algorithm == SM4:
        return 16
    raise UnknownAlgorithmError(f"algorithm {algorithm:02X} has no public text")


def _cipher(algorithm: int, key: bytes) -> BlockCipher:
    """The raw block cipher: SM4 takes a 16-byte key; on the DES side 8 bytes mean DES, 16 bytes 3DES."""
    if algorithm == SM4:
        box: Any = CryptSM4()
        box.set_key(key, SM4_ENCRYPT)
        return lambda block: bytes(box.one_round(box.sk, list(block)))
    block_size(algorithm)
    if len(key) == 8 or key[:8] == key[8:]:  # 3DES with equal halves is DES, and the library refuses it
        return DES.new(key[:8], DES.MODE_ECB).encrypt  # noqa: S304 - the cipher that the card has
    return DES3.new(key, DES3.MODE_ECB).encrypt


def check_value(algorithm: int, key: bytes) -> bytes:
    """First three bytes of a block of zeros under *key*: tells two keys apart without showing either."""
    return _cipher(algorithm, key)(bytes(block_size(algorithm)))[:3]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _complement(data: bytes) -> bytes:
    return bytes(each ^ 0xFF for each in data)


def level_factors(historical: bytes, area: str) -> tuple[bytes, bytes, bytes]:
    """The three diversification factors, level 1 first (cards.md 1.6).

    *historical* are the 13 historical bytes, *area* the six digits of the issuing area.
    Areas that start with 33 use four digits on level 2.
    """
    first = area[:2].encode() + bytes.fromhex("303030307368")
    second = (
        area[:4].encode() + bytes.fromhex("30307378")
        if area.startswith("33")
        else area.encode() + bytes.fromhex("7378")
    )
    return first, second, historical[5:13]


def diversify(algorithm: int, key: bytes, factor: bytes) -> bytes:
    """One level of diversification: a 16-byte key from a 16-byte key and an 8-byte factor."""
    encrypt = _cipher(algorithm, key)
    if algorithm == SM4:
        return encrypt(factor + _complement(factor))
    return encrypt(factor) + encrypt(_complement(factor))


def session_key(algorithm: int, key: bytes, factor: bytes) -> bytes:
    """Session key from *factor* (a challenge of 4, 8 or 16 bytes): 8 bytes with 3DES, 16 with SM4."""
    size = block_size(algorithm)
    return _cipher(algorithm, key)(factor[:size].ljust(size, b"\0"))


def authentication_data(algorithm: int, key: bytes, factor: bytes, data: bytes) -> bytes:
    """The 8 bytes that prove a key: session factor *factor*, 8 bytes of *data*."""
    encrypt = _cipher(algorithm, session_key(algorithm, key, factor))
    if algorithm == SM4:
        block = encrypt(data.ljust(16, b"\0"))
        return _xor(block[:8], block[8:])
    return encrypt(data)


def mac(algorithm: int, key: bytes, message: bytes) -> bytes:
    """The 4-byte MAC of *message* under a session key: CBC, zero initial value, always padded with 80 00..."""
    size, encrypt = block_size(algorithm), _cipher(algorithm, key)
    padded = message + b"\x80"
    padded += bytes(-len(padded) % size)
    state = bytes(size)
    for at in range(0, len(padded), size):
        state = encrypt(_xor(state, padded[at : at + size]))
    if algorithm == SM4:
        return _xor(_xor(state[:4], state[4:8]), _xor(state[8:12], state[12:]))
    return state[:4]


def tac(algorithm: int, key: bytes, message: bytes) -> bytes:
    """The transaction's certificate under DTK: with DES the halves of the key are joined by XOR."""
    return mac(algorithm, key if algorithm == SM4 else _xor(key[:8], key[8:]), message)


def encipher(algorithm: int, key: bytes, data: bytes) -> bytes:
    """``LD || data``, padded with 80 00... only when it does not fill its blocks, ECB under a session key."""
    size, encrypt = block_size(algorithm), _cipher(algorithm, key)
    text = bytes((len(data),)) + data
    if len(text) % size:
        text += b"\x80"
        text += bytes(-len(text) % size)
    return b"".join(encrypt(text[at : at + size]) for at in range(0, len(text), size))


@dataclass(frozen=True, slots=True)
class CardKeys:
    """The keys of one test card: every key type has the same root key (cards.md 1.6, test vectors)."""

    algorithm: int
    key: bytes

    @staticmethod
    def derive(algorithm: int, root: bytes, historical: bytes, area: str) -> CardKeys:
        """From the root key, over all three levels. Raises :class:`UnknownAlgorithmError`."""
        key = root
        for factor in level_factors(historical, area):
            key = diversify(algorithm, key, factor)
        return CardKeys(algorithm, key)

    def authentication(self, factor: bytes, data: bytes) -> bytes:
        return authentication_data(self.algorithm, self.key, factor, data)

    def command_mac(self, challenge: bytes, header_and_data: bytes) -> bytes:
        """MAC of a command (CLA INS P1 P2 Lc data, Lc counting the MAC) after GET CHALLENGE gave *challenge*."""
        return mac(self.algorithm, session_key(self.algorithm, self.key, challenge), header_and_data)

    def enciphered(self, challenge: bytes, data: bytes) -> bytes:
        return encipher(self.algorithm, session_key(self.algorithm, self.key, challenge), data)


@dataclass(frozen=True, slots=True)
class PurchaseKeys:
    """What both sides of an offline purchase compute (cards.md 1.7). Amounts are the command's three, 12 bytes."""

    keys: CardKeys
    random: bytes
    sequence: bytes
    terminal_sequence: bytes

    def _session(self) -> bytes:
        factor = self.random + self.sequence + self.terminal_sequence[-2:]
        return session_key(self.keys.algorithm, self.keys.key, factor)

    def mac1(self, amounts: bytes, kind: bytes, terminal: bytes, time: bytes) -> bytes:
        return mac(self.keys.algorithm, self._session(), amounts + kind + terminal + time)

    def mac2(self, amounts: bytes) -> bytes:
        return mac(self.keys.algorithm, self._session(), amounts)

    def tac(self, amounts: bytes, kind: bytes, terminal: bytes, time: bytes) -> bytes:
        return tac(self.keys.algorithm, self.keys.key, amounts + kind + terminal + self.terminal_sequence + time)


@dataclass(frozen=True, slots=True)
class LoadKeys:
    """What card and issuer compute of a load (cards.md 1.7)."""

    keys: CardKeys
    random: bytes
    sequence: bytes

    def _session(self) -> bytes:
        return session_key(self.keys.algorithm, self.keys.key, self.random + self.sequence + b"\x80\x00")

    def mac1(self, balance: bytes, amount: bytes, kind: bytes, terminal: bytes) -> bytes:
        return mac(self.keys.algorithm, self._session(), balance + amount + kind + terminal)

    def mac2(self, amount: bytes, kind: bytes, terminal: bytes, time: bytes) -> bytes:
        return mac(self.keys.algorithm, self._session(), amount + kind + terminal + time)
