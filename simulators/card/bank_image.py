"""Personalisation of the bank application: what the issuer wrote into the card of a synthetic holder.

Source: spec/cards.md 2.1 (the project card, byte by byte), 2.2 (SM4: the PDOL asks for ``DF69``); typical values, copied
from no real card (cards.md, Unknown 14). Offline data authentication and offline PIN are not offered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from protocols.wire.pboc import DEBIT_AID, PPSE_NAME, PSE_NAME
from protocols.wire.tlv import Tlv, build_tlv
from simulators.card.bank_holder import EXPIRY, embossed_name, holder_number, pan_of, track2_of
from simulators.card.bank_keys import TEST_ISSUER_KEY, card_key
from simulators.card.crypto import CipherSuite, cipher_suite
from simulators.card.files import ElementaryFile
from simulators.card.people import Person

__all__ = [
    "AIP",
    "BLOCKED",
    "CDOL_1",
    "CDOL_2",
    "LOAD_LOG_FORMAT",
    "LOG_FORMAT",
    "LOG_SFI",
    "BankImage",
    "BankProfile",
    "build_bank_image",
]

AIP = bytes.fromhex("1C00")
"""Cardholder verification, terminal risk management, issuer authentication; no offline data authentication."""
SEQUENCE = "01"
BLOCKED = "bank/blocked"
"""Memory cell of an application that is blocked for good."""
DIRECTORY_SFI, LOG_SFI, LOAD_LOG_SFI, LOG_RECORDS = 1, 0x0B, 0x0C, 10
CDOL_1 = "9F02069F03069F1A0295055F2A029A039C019F37049F21039F4E14"
CDOL_2 = "8A029F02069F03069F1A0295055F2A029A039C019F37049F2103"
LOG_FORMAT = "9A039F21039F02069F03069F1A025F2A029F4E149C019F3602"
LOAD_LOG_FORMAT = "9A039F21039F1A029F4E149F3602"
CVM_LIST = "000000000000000042031F00"
"""Online PIN where the terminal has it, otherwise nothing."""


@dataclass(frozen=True, slots=True)
class BankProfile:
    """How one issuer's cards differ from another's.

    ``algorithm`` of the cryptograms; ``answer`` the format of the answers (80 or 77); ``environment`` whether the card
    has a PSE and a PPSE; ``priority`` whether the directory states 87; ``more_issuer_data`` what follows the eight bytes of
    9F10; ``counters`` whether GET DATA gives 9F36 and 9F13; ``blocked`` an application that the issuer has blocked.
    """

    algorithm: Literal["3des", "sm4"] = "3des"
    answer: Literal["80", "77"] = "80"
    environment: bool = True
    priority: bool = True
    more_issuer_data: bytes = b""
    counters: bool = True
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class BankImage:
    """``names`` DF name to its FCI; ``pdol`` what the application asks for first; ``files`` by environment or application
    and SFI; ``cells`` what the files hold; ``key`` the card's own, 16 bytes."""

    names: dict[bytes, bytes]
    pdol: bytes
    files: dict[tuple[bytes, int], ElementaryFile]
    cells: dict[str, bytes]
    afl: bytes
    pan: str
    holder: str
    suite: CipherSuite
    key: bytes


def _hex(tag: int, value: str) -> Tlv:
    return Tlv(tag, bytes.fromhex(value))


def _application(profile: BankProfile) -> tuple[Tlv, ...]:
    priority = (_hex(0x87, "01"),) if profile.priority else ()
    return (Tlv(0x50, b"PBOC DEBIT"), *priority)


def _fci(name: bytes, *proprietary: Tlv) -> bytes:
    return build_tlv([Tlv(0x6F, children=(Tlv(0x84, name), Tlv(0xA5, children=proprietary)))])


def _names(profile: BankProfile, entry: Tlv, pdol: bytes) -> dict[bytes, bytes]:
    language = (Tlv(0x5F2D, b"zh"), _hex(0x9F11, "01"))
    logs = Tlv(0xBF0C, children=(_hex(0x9F4D, "0B0A"), _hex(0xDF4D, "0C0A")))
    names = {DEBIT_AID: _fci(DEBIT_AID, *_application(profile), Tlv(0x9F38, pdol), *language, logs)}
    if profile.environment:
        names[PSE_NAME] = _fci(PSE_NAME, _hex(0x88, f"{DIRECTORY_SFI:02X}"), *language)
        names[PPSE_NAME] = _fci(PPSE_NAME, Tlv(0xBF0C, children=(entry,)))
    return names


def _records(pan: str, holder: str) -> dict[int, list[list[Tlv]]]:
    """Records of the application by SFI."""
    track2, number = track2_of(pan), pan + "F" * (len(pan) % 2)
    return {
        1: [[_hex(0x57, track2 + "F" * (len(track2) % 2)), Tlv(0x5F20, holder.encode("ascii"))]],
        2: [
            [
                _hex(0x5A, number),
                _hex(0x5F34, SEQUENCE),
                _hex(0x5F24, EXPIRY + "31"),
                _hex(0x5F25, "200101"),
                _hex(0x5F28, "0156"),
                _hex(0x9F07, "FF00"),
                _hex(0x8E, CVM_LIST),
                _hex(0x9F0D, "D8609CA800"),
                _hex(0x9F0E, "0010000000"),
                _hex(0x9F0F, "D8689CF800"),
            ],
            [_hex(0x8C, CDOL_1), _hex(0x8D, CDOL_2)],
        ],
    }


def build_bank_image(person: Person, profile: BankProfile, issuer_key: bytes | None = None) -> BankImage:
    """The application of *person*; *issuer_key* is the test issuer's unless told otherwise."""
    pan, holder = pan_of(holder_number(person.card_number)), embossed_name(person.name)
    suite = cipher_suite(profile.algorithm)
    entry = Tlv(0x61, children=(Tlv(0x4F, DEBIT_AID), *_application(profile)))
    pdol = bytes.fromhex("9F1A029F7A019C01" + ("DF6901" if profile.algorithm == "sm4" else ""))
    cells: dict[str, bytes] = {BLOCKED: b"\x01"} if profile.blocked else {}
    files: dict[tuple[bytes, int], ElementaryFile] = {}
    records = {(DEBIT_AID, sfi): each for sfi, each in _records(pan, holder).items()}
    if profile.environment:
        records[PSE_NAME, DIRECTORY_SFI] = [[entry]]
    for (name, sfi), contents in records.items():
        cell = f"bank/{name.hex()}/{sfi:02X}"
        files[name, sfi] = ElementaryFile(sfi, cell, capacity=len(contents))
        for number, objects in enumerate(contents, 1):
            cells[f"{cell}/{number}"] = build_tlv([Tlv(0x70, children=tuple(objects))])
    for sfi in (LOG_SFI, LOAD_LOG_SFI):
        files[DEBIT_AID, sfi] = ElementaryFile(sfi, f"bank/log/{sfi:02X}", "cyclic", capacity=LOG_RECORDS)
    key = card_key(suite, issuer_key or bytes.fromhex(TEST_ISSUER_KEY), pan, SEQUENCE)
    afl = bytes.fromhex("08010100" + "10010200")
    return BankImage(_names(profile, entry, pdol), pdol, files, cells, afl, pan, holder, suite, key)
