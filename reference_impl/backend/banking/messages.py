"""The requests of a bank terminal, as messages without their MAC. Pure.

Source: spec/services.md 3.2 (fields of messages), 3.4 (reversal). PIN blocks pass through as they came from the keypad.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.wire.bank.message import Message
from protocols.wire.bank.parts import EntryMode, Original, SecurityControl, Totals, TypeAndBatch
from protocols.wire.tlv import build_tlv, parse_tlv

__all__ = [
    "Origin",
    "balanced",
    "not_balanced",
    "purchase",
    "reversal",
    "reversal_tags",
    "settlement",
    "sign_in",
    "undo",
    "upload",
]

CURRENCY, OPERATOR, CONDITION = "156", "01 ", "00"
MOST_PIN_DIGITS = "12"
PURCHASE, RETURN = "000000", "200000"
_REVERSAL_TAGS = (0x95, 0x9F1E, 0x9F10, 0x9F36)
_TYPES = {"purchase": "22", "void": "23", "refund": "25"}
CHIP_CAPABILITY = "6"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sends it and as what: field 41, 42, batch and trace."""

    terminal: str
    merchant: str
    batch: str
    trace: str

    @staticmethod
    def of(reference: str, merchant: str) -> Origin:
        terminal, batch, trace = reference.split("/")
        return Origin(terminal, merchant, batch, trace)

    @property
    def fields(self) -> dict[int, str]:
        return {11: self.trace, 41: self.terminal, 42: self.merchant}


def _type(kind: str, batch: str, entry_mode: str = "") -> str:
    chip = entry_mode[:2] in ("05", "07")
    return TypeAndBatch(kind, batch, "000", CHIP_CAPABILITY if chip else "", "0" if chip else "").text


def _card(card: Mapping[str, str]) -> dict[int, str]:
    """Number, expiry and sequence number, as far as they are known."""
    known = {2: card.get("pan", ""), 14: card.get("expiry", ""), 23: card.get("sequence", "")}
    return {number: text for number, text in known.items() if text}


def _without_pin(entry_mode: str) -> str:
    return EntryMode(entry_mode[:2], with_pin=False).text


def sign_in(origin: Origin) -> Message:
    """0800 for double-length working keys."""
    return Message("0800", {**origin.fields, 60: TypeAndBatch("00", origin.batch, "003").text, 63: OPERATOR})


def purchase(origin: Origin, amount_fen: int, card: Mapping[str, str]) -> Message:
    """0200; *card* has the names of the terminal interface's CardData."""
    fields = {
        **origin.fields,
        **_card(card),
        3: PURCHASE,
        4: f"{amount_fen:012d}",
        22: card["entry_mode"],
        25: CONDITION,
        26: MOST_PIN_DIGITS,
        49: CURRENCY,
        52: card["pin_block"].upper(),
        53: SecurityControl().text,
        60: _type(_TYPES["purchase"], origin.batch, card["entry_mode"]),
    }
    if card.get("track2"):
        fields[35] = card["track2"].replace("=", "D").upper()
    if card.get("chip_data"):
        fields[55] = card["chip_data"].upper()
    return Message("0200", fields)


def undo(
    operation: str,
    origin: Origin,
    amount_fen: int,
    card: Mapping[str, str],
    original: Original,
    retrieval: str,
    approval: str,
    entry_mode: str,
) -> Message:
    """0200 for a ``void``, 0220 for a ``refund``."""
    fields = {
        **origin.fields,
        **_card(card),
        3: RETURN,
        4: f"{amount_fen:012d}",
        22: _without_pin(entry_mode),
        25: CONDITION,
        37: retrieval,
        49: CURRENCY,
        60: _type(_TYPES[operation], origin.batch, entry_mode),
        61: original.text,
    }
    if approval:
        fields[38] = approval
    return Message("0220" if operation == "refund" else "0200", fields)


def reversal(
    operation: str,
    origin: Origin,
    amount_fen: int,
    card: Mapping[str, str],
    entry_mode: str,
    reason: str,
    chip_tags: str = "",
) -> Message:
    """0400 for a ``purchase`` or ``void`` that was sent as *origin*: the fields that an original keeps are kept."""
    fields = {
        **origin.fields,
        **_card(card),
        3: PURCHASE if operation == "purchase" else RETURN,
        4: f"{amount_fen:012d}",
        22: entry_mode if operation == "purchase" else _without_pin(entry_mode),
        25: CONDITION,
        39: reason,
        49: CURRENCY,
        60: _type(_TYPES[operation], origin.batch, entry_mode),
        61: Original(origin.batch, origin.trace).text,
    }
    if chip_tags:
        fields[55] = chip_tags
    return Message("0400", fields)


def reversal_tags(chip_data: str) -> str:
    """Of field 55 what a reversal carries: no card data among it. Raises :class:`WireError` for what is no TLV."""
    objects = [each for each in parse_tlv(bytes.fromhex(chip_data)) if each.tag in _REVERSAL_TAGS]
    return build_tlv(objects).hex().upper()


def settlement(origin: Origin, totals: Totals) -> Message:
    """0500."""
    return _batch("0500", origin, "201", {48: totals.text, 49: CURRENCY, 63: OPERATOR})


def upload(origin: Origin, processing: str, amount_fen: int, retrieval: str, original: Original) -> Message:
    """0320 for one transaction of a batch whose totals differ."""
    fields = {3: processing, 4: f"{amount_fen:012d}", 37: retrieval, 49: CURRENCY, 61: original.text}
    return _batch("0320", origin, "201", fields)


def balanced(origin: Origin) -> Message:
    """0320 that ends a batch whose totals are equal."""
    return _batch("0320", origin, "207", {48: "0000"})


def not_balanced(origin: Origin, records: int) -> Message:
    """0320 that ends the upload of *records* records."""
    return _batch("0320", origin, "202", {48: f"{records:04d}"})


def _batch(mti: str, origin: Origin, network: str, fields: Mapping[int, str]) -> Message:
    return Message(mti, {**origin.fields, **fields, 60: TypeAndBatch("00", origin.batch, network).text})
