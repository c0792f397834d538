"""What an unattended terminal says of itself and of a transaction to a bank card: terminal values, cardholder verification,
verification results, and whether the card's issuer wants it refused at once. Pure.

Sources: spec/cards.md 2.2 (terminal values, fields of DE55), JR/T 0025.6 for the bits of TVR and the conditions of the
verification list. The terminal is always online and has a PIN pad; it authenticates no card offline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.clock import civil
from protocols.wire.base import WireError
from protocols.wire.pboc import ProcessingOptions

__all__ = [
    "PURCHASE",
    "PbocTerminal",
    "Results",
    "cardholder_verification",
    "fixed_values",
    "refuses_at_once",
    "transaction_values",
    "validity",
]

PURCHASE = 0x00
"""Transaction type (9C)."""

NO_OFFLINE_AUTHENTICATION, NOT_YET, EXPIRED = (0, 0x80), (1, 0x20), (1, 0x40)
VERIFICATION_FAILED, PIN_ONLINE, ABOVE_FLOOR = (2, 0x80), (2, 0x04), (3, 0x80)
ISSUER_NOT_GENUINE, SCRIPT_FAILED_BEFORE, SCRIPT_FAILED_AFTER = (4, 0x40), (4, 0x20), (4, 0x10)

_METHOD, _GO_ON = 0x3F, 0x40
_ONLINE_PIN, _NOTHING = 0x02, 0x1F
_NONE_DONE = bytes.fromhex("3F0000")
_NONE_LEFT = bytes.fromhex("3F0001")
_UNKNOWN, _DONE = 0x00, 0x02
MERCHANT_BYTES, UNPREDICTABLE_BYTES = 20, 4
AMOUNTS_BYTES, LEAST_RULES_BYTES = 8, 10


@dataclass(frozen=True, slots=True)
class PbocTerminal:
    """``country`` and ``currency`` ISO numbers, four digits; ``kind`` 24: unattended, online only, of a merchant;
    ``capabilities`` stripe and chip, online PIN, keeps cards; ``merchant`` as it stands in the card's log, at most 20 bytes;
    ``sm`` whether it knows cards of the SM ciphers."""

    country: str = "0156"
    currency: str = "0156"
    kind: str = "24"
    capabilities: str = "604020"
    merchant: str = ""
    sm: bool = True


class Results:
    """Terminal verification results (TVR, five bytes), as they come together."""

    def __init__(self) -> None:
        self._bytes = bytearray(5)

    def note(self, result: tuple[int, int]) -> None:
        """Set one of the results that this module names."""
        at, bit = result
        self._bytes[at] |= bit

    @property
    def value(self) -> bytes:
        return bytes(self._bytes)


def fixed_values(terminal: PbocTerminal, kind: int) -> dict[int, bytes]:
    """Data objects by tag that are known before a transaction; *kind* its type (9C)."""
    return {
        0x9F1A: bytes.fromhex(terminal.country),
        0x5F2A: bytes.fromhex(terminal.currency),
        0x9C: bytes((kind,)),
        0x9F33: bytes.fromhex(terminal.capabilities),
        0x9F35: bytes.fromhex(terminal.kind),
        0x9F4E: terminal.merchant.encode("gbk")[:MERCHANT_BYTES].ljust(MERCHANT_BYTES, b" "),
        0x9F7A: b"\x00",
        0xDF69: b"\x01" if terminal.sm else b"\x00",
    }


def transaction_values(amount_fen: int, at: float, unpredictable: bytes) -> dict[int, bytes]:
    """Data objects by tag of one transaction. *at* Unix seconds; *unpredictable* four bytes. Raises ValueError for an amount
    or a number that fits no field."""
    if not 0 <= amount_fen < 10**12:
        raise ValueError("an amount has twelve digits of fen")
    if len(unpredictable) != UNPREDICTABLE_BYTES:
        raise ValueError("an unpredictable number has four bytes")
    now = civil(at)
    return {
        0x9F02: bytes.fromhex(f"{amount_fen:012d}"),
        0x9F03: bytes(6),
        0x9A: bytes.fromhex(f"{now:%y%m%d}"),
        0x9F21: bytes.fromhex(f"{now:%H%M%S}"),
        0x9F37: unpredictable,
    }


def cardholder_verification(options: ProcessingOptions, rules: bytes, amount_fen: int, results: Results) -> bytes:
    """Verification results (9F34) after the card's list of *rules* (8E; empty where it has none).

    An online PIN is asked for by whoever sends the transaction; a rule that this terminal has no means for is passed over.
    Raises WireError for a list that cannot be.
    """
    if not options.cardholder_verification or not rules:
        return _NONE_DONE
    if len(rules) < LEAST_RULES_BYTES or len(rules) % 2:
        raise WireError("verification list (8E): not two amounts and pairs of bytes")
    limits = int.from_bytes(rules[:4], "big"), int.from_bytes(rules[4:8], "big")
    for at in range(AMOUNTS_BYTES, len(rules), 2):
        method, condition = rules[at], rules[at + 1]
        if not _applies(condition, method, amount_fen, limits):
            continue
        if method & _METHOD == _ONLINE_PIN:
            results.note(PIN_ONLINE)
            return bytes((method, condition, _UNKNOWN))
        if method & _METHOD == _NOTHING:
            return bytes((method, condition, _DONE))
        if not method & _GO_ON:
            break
    results.note(VERIFICATION_FAILED)
    return _NONE_LEFT


def _applies(condition: int, method: int, amount_fen: int, limits: tuple[int, int]) -> bool:
    """Always; where the terminal has the means; below or above one of the card's two amounts, which are in its currency."""
    if condition in (0x00, 0x02):
        return True
    if condition == 0x03:
        return method & _METHOD in (_ONLINE_PIN, _NOTHING)
    first, second = limits
    below = {0x06: amount_fen < first, 0x07: amount_fen > first, 0x08: amount_fen < second, 0x09: amount_fen > second}
    return below.get(condition, False)


def validity(values: Mapping[int, bytes], today: bytes, results: Results) -> None:
    """Note where *today* (9A, packed YYMMDD) is not between the card's two dates. The bank decides what follows."""
    if today > values[0x5F24]:
        results.note(EXPIRED)
    if 0x5F25 in values and today < values[0x5F25]:
        results.note(NOT_YET)


def refuses_at_once(denial: bytes, results: Results) -> bool:
    """Whether one of the results is among those for which the issuer (9F0E) wants no online request at all."""
    return any(asked & found for asked, found in zip(denial, results.value, strict=False))
