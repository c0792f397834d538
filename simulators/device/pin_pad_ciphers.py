"""What a PIN pad computes: check values, modes, MACs and PIN blocks (spec/devices.md 3; ISO 9564, X9.9, X9.19, PBOC).

The ciphers are the ``cryptography`` library's. Layouts under SM4 are those of AS-03, unconfirmed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import ECB

from protocols.wire.pin_pad import MacMode, PinFormat, SmLayout

__all__ = ["DES", "SM4_CIPHER", "TDES", "BlockCipher", "Fill", "cbc", "check_value", "clear_block", "mac", "sm_block"]

PAN_DIGITS = 12
_HEX_LETTERS = "ABCDEF"

Fill = Callable[[str], str]
"""One random character out of those given."""


class BlockCipher(Protocol):
    """ECB over whole blocks; ``block`` is the block's length in bytes."""

    @property
    def name(self) -> str: ...

    @property
    def block(self) -> int: ...

    def encipher(self, key: bytes, data: bytes) -> bytes: ...

    def decipher(self, key: bytes, data: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Des:
    """DES with keys of one, two or three parts; ``single`` uses the first part alone."""

    name: str
    single: bool
    block: int = 8

    def _cipher(self, key: bytes) -> Cipher[ECB]:
        if self.single or len(key) == 8:
            parts = key[:8] * 3  # K K K is single DES: the library takes 24 bytes only
        else:
            parts = key + key[: 24 - len(key)]
        return Cipher(TripleDES(parts), ECB())  # noqa: S305 modes are built on it below

    def encipher(self, key: bytes, data: bytes) -> bytes:
        return self._cipher(key).encryptor().update(data)

    def decipher(self, key: bytes, data: bytes) -> bytes:
        return self._cipher(key).decryptor().update(data)


@dataclass(frozen=True, slots=True)
class _Sm4:
    name: str = "sm4"
    block: int = 16

    def encipher(self, key: bytes, data: bytes) -> bytes:
        return Cipher(SM4(key), ECB()).encryptor().update(data)  # noqa: S305 as above

    def decipher(self, key: bytes, data: bytes) -> bytes:
        return Cipher(SM4(key), ECB()).decryptor().update(data)  # noqa: S305 as above


DES: BlockCipher = _Des("des", single=True)
TDES: BlockCipher = _Des("3des", single=False)
SM4_CIPHER: BlockCipher = _Sm4()


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def check_value(cipher: BlockCipher, key: bytes) -> bytes:
    """A block of zeros, enciphered."""
    return cipher.encipher(key, bytes(cipher.block))


def cbc(cipher: BlockCipher, key: bytes, vector: bytes, data: bytes, *, decipher: bool = False) -> bytes:
    """CBC over whole blocks."""
    out, state = bytearray(), vector
    for at in range(0, len(data), cipher.block):
        block = data[at : at + cipher.block]
        if decipher:
            out += _xor(cipher.decipher(key, block), state)
            state = block
        else:
            state = cipher.encipher(key, _xor(state, block))
            out += state
    return bytes(out)


# MACs.


def mac(mode: MacMode, cipher: BlockCipher, key: bytes, data: bytes) -> bytes:
    """One block; under UNIONPAY the first eight hexadecimal characters. *data* is at least one byte."""
    if mode is MacMode.UNIONPAY:
        return _unionpay(cipher, key, data)
    if mode is MacMode.PBOC:
        data += b"\x80"
    data += bytes(-len(data) % cipher.block)
    if mode is MacMode.CBC or cipher.block != DES.block:
        return cbc(cipher, key, bytes(cipher.block), data)[-cipher.block :]
    return _retail(cipher, key, data)


def _retail(cipher: BlockCipher, key: bytes, data: bytes) -> bytes:
    """X9.9 with a single-length key, X9.19 with a longer one: single DES, and a last step with the second key."""
    last = cbc(DES, key, bytes(DES.block), data)[-DES.block :]
    if cipher is DES or len(key) == DES.block:
        return last
    back = DES.decipher(key[8:16], last)
    return DES.encipher(key, back)


def _unionpay(cipher: BlockCipher, key: bytes, data: bytes) -> bytes:
    """All blocks XORed, as hexadecimal characters: their first half enciphered, XORed with the second, enciphered."""
    data += bytes(-len(data) % cipher.block)
    folded = bytes(cipher.block)
    for at in range(0, len(data), cipher.block):
        folded = _xor(folded, data[at : at + cipher.block])
    characters = folded.hex().upper().encode()
    first = cipher.encipher(key, characters[: cipher.block])
    return cipher.encipher(key, _xor(first, characters[cipher.block :])).hex().upper()[:8].encode()


# PIN blocks.


def clear_block(pin_format: PinFormat, pin: str, pan: str, fill: Fill) -> bytes | None:
    """Eight bytes that hold *pin*; None where the format cannot: a PIN too long for it, or no digits of the PAN.

    *pan* is the twelve right-most digits beside the check digit, or empty.
    """
    match pin_format:
        case PinFormat.ISO_0 | PinFormat.ISO_3:
            if len(pan) != PAN_DIGITS:
                return None
            code = "3" if pin_format is PinFormat.ISO_3 else "0"
            length = f"{code}{len(pin):X}"
            filler = "".join(fill(_HEX_LETTERS) if code == "3" else "F" for _ in range(14 - len(pin)))
            return _xor(bytes.fromhex(length + pin + filler), bytes.fromhex("0000" + pan))
        case PinFormat.ISO_1:
            return bytes.fromhex(
                f"1{len(pin):X}{pin}" + "".join(fill("0123456789ABCDEF") for _ in range(14 - len(pin)))
            )
        case PinFormat.ISO_2:
            return bytes.fromhex(f"2{len(pin):X}{pin}".ljust(16, "F"))
        case PinFormat.IBM_3624:
            return bytes.fromhex(pin.ljust(16, "F"))
        case PinFormat.ASCII:
            return pin.encode().ljust(8, b"\0") if len(pin) <= 8 else None
        case _:
            return None


def sm_block(layout: SmLayout, pin: str, pan: str, fill: Fill) -> bytes | None:
    """Sixteen bytes for SM4: a field filled with F over a PAN that stands at the right, or a format 0 block, padded."""
    if layout is SmLayout.WIDE:
        if len(pan) != PAN_DIGITS:
            return None
        return _xor(bytes.fromhex(f"0{len(pin):X}{pin}".ljust(32, "F")), bytes(10) + bytes.fromhex(pan))
    block = clear_block(PinFormat.ISO_0, pin, pan, fill)
    if block is None:
        return None
    padding = {SmLayout.PAD_00: bytes(8), SmLayout.PAD_FF: b"\xff" * 8}.get(layout, b"\x80" + bytes(7))
    return block + padding
