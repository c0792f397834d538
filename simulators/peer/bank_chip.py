"""The issuer's look at field 55: is the application cryptogram that of this card, for this amount.

Source: spec/cards.md 2.2 (CVN 01 data, keys, MAC algorithm 3 with padding 80, ARPC), vector of the same section.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.wire.bank.ciphers import same
from protocols.wire.base import WireError
from protocols.wire.pboc import Kind
from protocols.wire.tlv import Tlv, build_tlv, parse_tlv
from simulators.card.bank_keys import (
    ALGORITHM_OF,
    TEST_ISSUER_KEY,
    application_cryptogram,
    card_key,
    response_cryptogram,
    suite_of,
)
from simulators.card.bank_keys import session_key as card_session_key

__all__ = ["TEST_ISSUER_KEY", "Cryptogram", "arpc_field", "cryptogram_in", "is_genuine", "session_key"]

_DATA_TAGS: tuple[tuple[int, int], ...] = (
    (0x9F02, 6),
    (0x9F03, 6),
    (0x9F1A, 2),
    (0x95, 5),
    (0x5F2A, 2),
    (0x9A, 3),
    (0x9C, 1),
    (0x9F37, 4),
    (0x82, 2),
    (0x9F36, 2),
)


@dataclass(frozen=True, slots=True)
class Cryptogram:
    """``counter`` the card's transaction counter (9F36); ``amount_fen`` what the card signed; ``algorithm`` the byte of the
    issuer application data that names the cipher."""

    value: bytes
    data: bytes
    counter: int
    amount_fen: int
    kind: int
    algorithm: int = 0x01


def cryptogram_in(field_55: str) -> Cryptogram:
    """What the card said. Raises :class:`WireError` naming the tag that is missing or of another length."""
    objects = {each.tag: each.value for each in parse_tlv(bytes.fromhex(field_55))}
    parts: list[bytes] = []
    for tag, length in _DATA_TAGS:
        if len(objects.get(tag, b"")) != length:
            raise WireError(f"field 55: tag {tag:X} is missing or of another length")
        parts.append(objects[tag])
    issuer_data, value = objects.get(0x9F10, b""), objects.get(0x9F26, b"")
    if len(issuer_data) < 8 or issuer_data[0] < 7 or issuer_data[2] != 1:
        raise WireError("field 55: tag 9F10 is not issuer data of cryptogram version 1")
    if issuer_data[7] not in ALGORITHM_OF:
        raise WireError("field 55: tag 9F10 names no cipher that this issuer has")
    if len(value) != 8 or len(objects.get(0x9F27, b"")) != 1:
        raise WireError("field 55: tag 9F26 or 9F27 is missing")
    amount = objects[0x9F02].hex()
    if not amount.isdecimal():
        raise WireError("field 55: tag 9F02 is not packed digits")
    data = b"".join(parts) + issuer_data[3:7]
    counter = int.from_bytes(objects[0x9F36], "big")
    return Cryptogram(value, data, counter, int(amount), objects[0x9F27][0] & 0xC0, issuer_data[7])


def session_key(issuer_key: bytes, pan: str, sequence: str, counter: int, algorithm: int = 0x01) -> bytes:
    """The card's key for one transaction, from the issuer's."""
    suite = suite_of(algorithm)
    return card_session_key(suite, card_key(suite, issuer_key, pan, sequence[-2:]), counter)


def is_genuine(cryptogram: Cryptogram, key: bytes) -> bool:
    """True for an ARQC that this card has made over this data."""
    made = application_cryptogram(suite_of(cryptogram.algorithm), key, cryptogram.data)
    return cryptogram.kind == Kind.ARQC and same(made, cryptogram.value)


def arpc_field(cryptogram: Cryptogram, key: bytes, code: str) -> str:
    """Field 55 of the reply: tag 91 with the issuer's answer to the card and the response code."""
    said = code.encode("ascii")
    answer = response_cryptogram(suite_of(cryptogram.algorithm), key, cryptogram.value, said)
    return build_tlv([Tlv(0x91, answer + said)]).hex().upper()
