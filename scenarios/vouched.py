"""What a bench of simulators knows beforehand of the cards that its hand inserts, and of the PSAMs in its sockets.

A suite may then demand every byte of an answer to reset and of EF05, where a real bench leaves it with what a card says
of itself. Digests are the first eight bytes of SHA-256, over what the history shows in the clear: records 02 to 06, and
record 01 without its last eight bytes. Source of the images: spec/cards.md 1.3 to 1.5, 3.5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any

from simulators.card.base import Card
from simulators.card.bodies import make_body
from simulators.card.body import CardBody
from simulators.card.psam import Psam, build_psam
from simulators.device.card_reader_rf import historical, uid_of

__all__ = ["VOUCHED_CARDS", "expected_cards", "expected_sams", "sam_cards"]

VOUCHED_CARDS = ("1.0", "2.0", "3.0", "3.0/2")
"""Words of social security cards that the hand inserts."""

STORAGE_CARDS = ("m1-s50", "m1-s70")

_SELECT = (bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"), bytes.fromhex("00A4020002EF05"))
_RECORDS = {0x01: 0x12, 0x02: 0x03, 0x03: 0x06, 0x04: 0x0E, 0x05: 0x06, 0x06: 0x06}
"""Tag to length of the record, tag and length byte among it."""

_IDENTIFICATION, _SHOWN_OF_IT = 0x01, 10
_PUBLIC_INFORMATION = bytes.fromhex("00B095000E")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def sam_cards(seed: int, count: int) -> dict[int, Psam]:
    """Socket number to the PSAM in it: as in a real reader, no two have the same serial number."""
    return {n: build_psam(seed=seed * 100 + n, serial=f"{n:08d}") for n in range(1, count + 1)}


@cache
def expected_cards() -> Mapping[str, Mapping[str, Any]]:
    """Word of the hand to what is known of that card: ``atr``, ``records`` (tag to digest), ``keyed`` (the keys come
    from the test root key), ``rf``, ``tracks`` (number to digest); hexadecimal. The same for every seed."""
    found: dict[str, Mapping[str, Any]] = {word: _social_security(make_body(word)) for word in VOUCHED_CARDS}
    for word in STORAGE_CARDS:
        found[word] = {"rf": {"uid": uid_of(make_body(word)).hex()}}
    stripe = make_body("magstripe")
    found["magstripe"] = {"tracks": {str(n): digest(text.encode("ascii")) for n, text in stripe.tracks.items()}}
    psam = make_body("psam").chip
    assert psam is not None, "a PSAM has a chip"
    found["psam"] = {"atr": psam.power_on().hex(), "keyed": True}
    return found


@cache
def expected_sams(count: int) -> Mapping[str, Mapping[str, str]]:
    """Socket number to ``atr`` and ``public``, the terminal's public information (SFI 15h); hexadecimal."""
    return {
        str(n): {"atr": card.power_on().hex(), "public": card.transmit(_PUBLIC_INFORMATION)[:-2].hex()}
        for n, card in sam_cards(0, count).items()
    }


def _social_security(body: CardBody) -> Mapping[str, Any]:
    chip = body.chip
    assert chip is not None, "a social security card has a chip"
    known: dict[str, Any] = {"atr": chip.power_on().hex(), "keyed": True}
    known["records"] = _digests(chip)
    if body.rf is not None:
        known["rf"] = {"uid": uid_of(body).hex(), "historical": historical(body.rf.power_on()).hex()}
    return known


def _digests(chip: Card) -> dict[str, str]:
    for select in _SELECT:
        chip.transmit(select)
    found: dict[str, str] = {}
    for tag, length in _RECORDS.items():
        record = chip.transmit(bytes((0x00, 0xB2, tag, 0x00, length)))[:-2]
        found[f"{tag:02X}"] = digest(record[:_SHOWN_OF_IT] if tag == _IDENTIFICATION else record)
    return found
