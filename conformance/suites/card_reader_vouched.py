"""What is known beforehand of the cards of a bench, and the sentences about data that rest on it. Pure but for the digests.

On a bench of simulators the hand inserts cards whose every byte is known (``facts["cards"]``, ``facts["sams"]``). Any other
card may be a stranger's: there a reader is judged by what it contradicts itself in, never by what a card holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from conformance.judge_crypto import TDES, CardKeys, authentication_data, diversify
from conformance.roles.card_reader_view import Exchange, ReaderView
from conformance.suites.card_conversation import TEST_ROOT_KEY
from conformance.suites.card_reader_words import Talk

__all__ = [
    "EF05_LENGTHS",
    "atr_is_known",
    "card_keys",
    "digest",
    "enciphered_blocks",
    "identity",
    "known_card",
    "known_sam",
    "records_are_known",
]

TEST_ROOT = bytes.fromhex(TEST_ROOT_KEY)

EF05_LENGTHS: Mapping[int, int] = {0x01: 0x10, 0x02: 0x01, 0x03: 0x04, 0x04: 0x0C, 0x05: 0x04, 0x06: 0x04, 0x07: 0x09}
"""Tag to length of the value, all records of EF05 (spec/cards.md 1.4)."""

IDENTIFICATION, CARD_NUMBER = 0x01, 0x07
SHOWN_OF_IDENTIFICATION = 10
"""Tag, length and the first eight bytes: the rest is a pseudonym in a history that leaves the bench."""


def digest(data: bytes) -> str:
    """The first eight bytes of SHA-256, hexadecimal."""
    return hashlib.sha256(data).hexdigest()[:16]


def known_card(facts: Mapping[str, Any], word: str) -> Mapping[str, Any]:
    """What is known of the card that the hand calls *word*; empty where nobody vouches for it."""
    return (facts.get("cards") or {}).get(word) or {}


def known_sam(facts: Mapping[str, Any], socket: int) -> Mapping[str, str]:
    """What is known of the PSAM in *socket*; empty where nobody vouches for one."""
    return (facts.get("sams") or {}).get(str(socket)) or {}


def atr_is_known(v: ReaderView, known: Mapping[str, Any], reset: Exchange) -> None:
    """The answer to reset must be that of the vouched card, byte for byte."""
    if known.get("atr"):
        got = reset.reply.data.hex()
        v.must(
            got == known["atr"],
            f"ATR 应为这张卡自己的 {known['atr'].upper()}，实际 {got.upper()}",
            f"the ATR must be the card's own {known['atr'].upper()}, got {got.upper()}",
            reset,
        )


def records_are_known(v: ReaderView, known: Mapping[str, Any], read: Mapping[int, Talk]) -> None:
    """The records of EF05 must be those of the vouched card."""
    for tag, wanted in (known.get("records") or {}).items():
        talk = read.get(int(tag, 16))
        if talk is None:
            continue
        shown = talk.data[:SHOWN_OF_IDENTIFICATION] if int(tag, 16) == IDENTIFICATION else talk.data
        v.must(
            talk.done and digest(shown) == wanted,
            f"记录 {tag} 与卡内所存逐字节相同",
            f"record {tag} is what the card holds, byte for byte",
            talk.exchange,
        )


def identity(read: Mapping[int, Talk]) -> tuple[bytes, bytes]:
    """Identification code and card number as the history shows them: one card, one pair; two cards, two pairs."""
    code, number = read.get(IDENTIFICATION), read.get(CARD_NUMBER)
    return code.data if code else b"", number.data if number else b""


def card_keys(known: Mapping[str, Any], algorithm: int) -> CardKeys:
    """Keys of a vouched card: its 13 historical bytes name the issuing area and the card."""
    historical = bytes.fromhex(known["atr"])[-13:]
    return CardKeys.derive(algorithm, TEST_ROOT, historical, historical[7:9].hex() + "00")


def enciphered_blocks(factors: Sequence[bytes], session_factor: bytes, text: bytes) -> bytes:
    """*text* under the session key that a PSAM derives over *factors* (level 1 first) and *session_factor*: 3DES, ECB."""
    key = TEST_ROOT
    for factor in factors:
        key = diversify(TDES, key, factor)
    blocks = (text[at : at + 8] for at in range(0, len(text), 8))
    return b"".join(authentication_data(TDES, key, session_factor, each) for each in blocks)
