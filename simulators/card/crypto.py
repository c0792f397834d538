"""Card cryptography of the social security card: 3DES with an 8-byte block and SM4 with a 16-byte block.

Source: spec/cards.md 1.6 (draft LD/T 32, part 4 chapter 8). Which of the two halves, words and keys are folded is a
rule of the project where the current standard is not public (cards.md, Unknown 7): each rule is one method here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import ECB

__all__ = [
    "ALGORITHM_IDS",
    "TEST_ROOT_KEY",
    "CipherSuite",
    "Sm4Suite",
    "TripleDesSuite",
    "cipher_suite",
    "level_factors",
]

TEST_ROOT_KEY = bytes.fromhex("404142434445464748494A4B4C4D4E4F")
"""The published test root of every key type. Real national keys are unknown to this project, and not wanted."""

ALGORITHM_IDS = {"3des": 0x01, "sm4": 0x03}
"""Tag 86 inside 9F0C of the FCI (spec/cards.md 1.2)."""


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def level_factors(area: str, historical: bytes) -> tuple[bytes, bytes, bytes]:
    """Diversification factors of levels 1, 2 and 3, 8 bytes each (spec/cards.md 1.6).

    *area* is the 6-digit area code, *historical* the 13 historical bytes of the card.
    """
    level_1 = area[:2].encode("ascii") + b"0000sh"
    level_2 = area[:4].encode("ascii") + b"00sx" if area.startswith("33") else area.encode("ascii") + b"sx"
    return level_1, level_2, historical[5:13]


class CipherSuite(ABC):
    """The rules that a card follows with one block cipher. Keys are 16 bytes; ``block`` is the block size in bytes."""

    name: str
    block: int

    @abstractmethod
    def encrypt_blocks(self, key: bytes, data: bytes) -> bytes:
        """ECB over whole blocks, with a stored key or a session key."""

    @abstractmethod
    def decrypt_blocks(self, key: bytes, data: bytes) -> bytes: ...

    @abstractmethod
    def diversify(self, key: bytes, factor: bytes) -> bytes:
        """The 16-byte key one level below *key*; *factor* is 8 bytes."""

    @abstractmethod
    def fold_authentication(self, block: bytes) -> bytes:
        """8 bytes of authentication data from one cipher block."""

    @abstractmethod
    def fold_mac(self, block: bytes) -> bytes:
        """4 bytes of MAC from the last cipher block."""

    @abstractmethod
    def tac_key(self, key: bytes) -> bytes:
        """The key under which a TAC is computed, from the 16-byte DTK."""

    def session_key(self, key: bytes, random: bytes) -> bytes:
        """One block: 8 bytes (a single DES key) or 16 bytes. *random* is padded with 00, or cut, to one block."""
        return self.encrypt_blocks(key, random[: self.block].ljust(self.block, b"\0"))

    def authenticate(self, session_key: bytes, data: bytes) -> bytes:
        """Authentication data (8 bytes) over 8 bytes of *data*."""
        return self.fold_authentication(self.encrypt_blocks(session_key, data[:8].ljust(self.block, b"\0")))

    def pad(self, data: bytes) -> bytes:
        """80 00..., always at least the 80."""
        return data + b"\x80" + bytes(-(len(data) + 1) % self.block)

    def chain(self, key: bytes, data: bytes, state: bytes = b"") -> bytes:
        """Last cipher block of CBC over whole blocks; *state* is the block before, zero at the start."""
        state = state or bytes(self.block)
        for at in range(0, len(data), self.block):
            state = self.encrypt_blocks(key, xor(state, data[at : at + self.block]))
        return state

    def mac(self, session_key: bytes, data: bytes) -> bytes:
        """CBC MAC, zero initial value, 4 bytes."""
        return self.fold_mac(self.chain(session_key, self.pad(data)))

    def tac(self, key: bytes, data: bytes) -> bytes:
        """Transaction authentication code, 4 bytes, under the 16-byte DTK."""
        return self.mac(self.tac_key(key), data)

    def encipher(self, session_key: bytes, data: bytes) -> bytes:
        """LD || data, padded only when the last block is not full, ECB."""
        plain = bytes((len(data),)) + data
        return self.encrypt_blocks(session_key, plain if len(plain) % self.block == 0 else self.pad(plain))

    def decipher(self, session_key: bytes, data: bytes) -> bytes | None:
        """The data inside :meth:`encipher`'s result; None when the length byte cannot be true."""
        if not data or len(data) % self.block:
            return None
        plain = self.decrypt_blocks(session_key, data)
        return plain[1 : 1 + plain[0]] if plain[0] < len(plain) else None


class TripleDesSuite(CipherSuite):
    """8-byte block. Stored keys are two-key 3DES, session keys single DES."""

    name, block = "3des", 8

    @staticmethod
    def _cipher(key: bytes) -> Cipher[ECB]:
        # The library takes 24 bytes only: K1 K2 K1 is two-key 3DES, K K K is single DES.
        return Cipher(TripleDES(key * 3 if len(key) == 8 else key + key[:8]), ECB())  # noqa: S305 the card's own rule, over single blocks

    def encrypt_blocks(self, key: bytes, data: bytes) -> bytes:
        return self._cipher(key).encryptor().update(data)

    def decrypt_blocks(self, key: bytes, data: bytes) -> bytes:
        return self._cipher(key).decryptor().update(data)

    def diversify(self, key: bytes, factor: bytes) -> bytes:
        return self.encrypt_blocks(key, factor + xor(factor, b"\xff" * 8))

    def fold_authentication(self, block: bytes) -> bytes:
        return block

    def fold_mac(self, block: bytes) -> bytes:
        return block[:4]

    def tac_key(self, key: bytes) -> bytes:
        return xor(key[:8], key[8:])


class Sm4Suite(CipherSuite):
    """16-byte block; halves XORed for authentication data, four words XORed for the MAC."""

    name, block = "sm4", 16

    @staticmethod
    def _cipher(key: bytes) -> Cipher[ECB]:
        algorithm: CipherAlgorithm = SM4(key)
        return Cipher(algorithm, ECB())  # noqa: S305 the card's own rule, over single blocks

    def encrypt_blocks(self, key: bytes, data: bytes) -> bytes:
        return self._cipher(key).encryptor().update(data)

    def decrypt_blocks(self, key: bytes, data: bytes) -> bytes:
        return self._cipher(key).decryptor().update(data)

    def diversify(self, key: bytes, factor: bytes) -> bytes:
        return self.encrypt_blocks(key, factor + xor(factor, b"\xff" * 8))

    def fold_authentication(self, block: bytes) -> bytes:
        return xor(block[:8], block[8:])

    def fold_mac(self, block: bytes) -> bytes:
        half = xor(block[:8], block[8:])
        return xor(half[:4], half[4:])

    def tac_key(self, key: bytes) -> bytes:
        return key


def cipher_suite(name: str) -> CipherSuite:
    """The suite called ``3des`` or ``sm4``. Raises ValueError on any other name."""
    suites: dict[str, type[CipherSuite]] = {"3des": TripleDesSuite, "sm4": Sm4Suite}
    if name not in suites:
        raise ValueError(f"card algorithm {name!r} is unknown; use 3des or sm4")
    return suites[name]()
