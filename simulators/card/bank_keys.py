"""Keys and cryptograms of the bank application, for the card that makes them and the issuer that checks them.

Source: spec/cards.md 2.2. With SM4 the leftmost eight bytes of a block count, as part 17 of JR/T 0025 has it.
"""

from __future__ import annotations

from simulators.card.crypto import CipherSuite, cipher_suite, xor

__all__ = [
    "ALGORITHM_OF",
    "CRYPTOGRAM_BYTES",
    "TEST_ISSUER_KEY",
    "application_cryptogram",
    "card_key",
    "response_cryptogram",
    "session_key",
    "suite_of",
]

TEST_ISSUER_KEY = "0123456789ABCDEFFEDCBA9876543210"
"""The synthetic issuer's master key for application cryptograms, with either cipher."""

ALGORITHM_OF = {0x01: "3des", 0x04: "sm4"}
"""The algorithm byte of the issuer application data (9F10)."""

CRYPTOGRAM_BYTES = 8


def card_key(suite: CipherSuite, issuer_key: bytes, pan: str, sequence: str) -> bytes:
    """The card's own key, 16 bytes. *sequence* is the PAN sequence number, two digits."""
    factor = bytes.fromhex((pan + sequence)[-16:].rjust(16, "0"))
    return suite.diversify(issuer_key, factor)


def session_key(suite: CipherSuite, key: bytes, counter: int) -> bytes:
    """The key of one transaction, 16 bytes, from the card's *key* and its transaction counter."""
    count = counter.to_bytes(2, "big")
    # The complement is that of the counter alone, unlike in the diversification of keys.
    return suite.encrypt_blocks(key, bytes(6) + count + bytes(6) + xor(count, b"\xff\xff"))


def application_cryptogram(suite: CipherSuite, session: bytes, data: bytes) -> bytes:
    """TC, ARQC or AAC over *data*, 8 bytes. 3DES: ISO 9797-1 algorithm 3; SM4: CBC MAC; both padded with 80."""
    if suite.block == CRYPTOGRAM_BYTES:
        left, right = session[:8], session[8:]
        chained = suite.chain(left, suite.pad(data))
        return suite.encrypt_blocks(left, suite.decrypt_blocks(right, chained))
    return suite.chain(session, suite.pad(data))[:CRYPTOGRAM_BYTES]


def response_cryptogram(suite: CipherSuite, session: bytes, arqc: bytes, code: bytes) -> bytes:
    """ARPC, the issuer's answer to *arqc* with the response *code*, two bytes of ASCII. 8 bytes."""
    block = xor(arqc, code + bytes(6)).ljust(suite.block, b"\0")
    return suite.encrypt_blocks(session, block)[:CRYPTOGRAM_BYTES]


def suite_of(algorithm_byte: int) -> CipherSuite:
    """Raises KeyError for a byte that names no cipher."""
    return cipher_suite(ALGORITHM_OF[algorithm_byte])
