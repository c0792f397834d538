"""Independent judge of what a PIN pad computes (spec/devices.md 3), for the oracles of its suite.

Written from the rules over other cipher libraries than the simulator's: pycryptodomex for DES and 3DES, gmssl for SM4. Held
against the printed known answers, so a pad and this judge agree only when both follow the rules.
"""

from __future__ import annotations

from typing import Any

from Cryptodome.Cipher import DES, DES3
from gmssl.sm4 import SM4_DECRYPT, SM4_ENCRYPT, CryptSM4

__all__ = [
    "cbc",
    "cbc_mac",
    "check_value",
    "decipher",
    "encipher",
    "format_0",
    "retail_mac",
    "sm4",
    "sm4_format",
    "unionpay_mac",
]

BLOCK, SM4_BLOCK = 8, 16
PAN_DIGITS = 12


def _ecb(key: bytes) -> Any:
    """A key of 8, 16 or 24 bytes; equal parts make 3DES the cipher of one part, and the library refuses them."""
    if len(key) == BLOCK or key[:8] == key[8:16]:
        return DES.new(key[:8] if len(key) < 24 else key[16:], DES.MODE_ECB)  # noqa: S304 the cipher that the pad has
    return DES3.new(key, DES3.MODE_ECB)


def encipher(key: bytes, data: bytes) -> bytes:
    """Whole blocks of eight bytes, ECB."""
    return _ecb(key).encrypt(data)


def decipher(key: bytes, data: bytes) -> bytes:
    return _ecb(key).decrypt(data)


def check_value(key: bytes) -> bytes:
    """A block of zeros, enciphered."""
    return encipher(key, bytes(BLOCK))


def cbc(key: bytes, vector: bytes, data: bytes) -> bytes:
    return DES3.new(key, DES3.MODE_CBC, iv=vector).encrypt(data)


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _padded(data: bytes, method_2: bool) -> bytes:
    """ISO 9797-1 padding: zeros (method 1), or 80 and zeros (method 2)."""
    data += b"\x80" if method_2 else b""
    return data + bytes(-len(data) % BLOCK)


def cbc_mac(key: bytes, data: bytes) -> bytes:
    """The last block of CBC, zero vector, padded with zeros. With a key of eight bytes: X9.9."""
    state = bytes(BLOCK)
    data = _padded(data, method_2=False)
    for at in range(0, len(data), BLOCK):
        state = encipher(key, _xor(state, data[at : at + BLOCK]))
    return state


def retail_mac(key: bytes, data: bytes, *, method_2: bool = False) -> bytes:
    """X9.19 (ISO 9797-1 algorithm 3): single DES over all blocks, the last one with both parts of the key."""
    data = _padded(data, method_2)
    state = bytes(BLOCK)
    for at in range(0, len(data), BLOCK):
        state = encipher(key[:8], _xor(state, data[at : at + BLOCK]))
    return state if len(key) == BLOCK else encipher(key[:8], decipher(key[8:16], state))


def unionpay_mac(key: bytes, data: bytes) -> bytes:
    """Eight characters: all blocks XORed, as hexadecimal text whose halves are enciphered one over the other."""
    folded = bytes(BLOCK)
    data = _padded(data, method_2=False)
    for at in range(0, len(data), BLOCK):
        folded = _xor(folded, data[at : at + BLOCK])
    text = folded.hex().upper().encode()
    return encipher(key, _xor(encipher(key, text[:8]), text[8:])).hex().upper()[:8].encode()


def format_0(pin: str, pan: str) -> bytes:
    """ISO 9564 format 0, in the clear. *pan* is the whole card number."""
    return _xor(bytes.fromhex(f"0{len(pin):X}{pin}".ljust(16, "F")), bytes.fromhex("0000" + pan[-1 - PAN_DIGITS : -1]))


def sm4(key: bytes, data: bytes, *, back: bool = False) -> bytes:
    """SM4 over whole blocks, ECB."""
    box: Any = CryptSM4()
    box.set_key(key, SM4_DECRYPT if back else SM4_ENCRYPT)
    parts = (data[at : at + SM4_BLOCK] for at in range(0, len(data), SM4_BLOCK))
    return b"".join(bytes(box.one_round(box.sk, list(each))) for each in parts)


def sm4_format(pin: str, pan: str) -> bytes:
    """The PIN field of sixteen bytes over the digits of the card number (AS-03), in the clear."""
    field = bytes.fromhex(f"0{len(pin):X}{pin}".ljust(32, "F"))
    return _xor(field, bytes(10) + bytes.fromhex(pan[-1 - PAN_DIGITS : -1]))
