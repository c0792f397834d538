"""The debit and credit application of a bank card (PBOC, JR/T 0025) as a terminal sees it: names, lists, answers.

Sources: spec/cards.md 2.1 (selection, files), 2.2 (cryptograms, issuer application data). Pure; values are frozen, and
every parser raises WireError that names the data object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from protocols.wire.base import WireError
from protocols.wire.pboc_tags import TAGS
from protocols.wire.tlv import Tlv, find, parse_dol, parse_tlv

__all__ = [
    "AIDS",
    "DEBIT_AID",
    "PPSE_NAME",
    "PSE_NAME",
    "UNIONPAY_AID",
    "ApplicationFci",
    "Cryptogram",
    "DirectoryEntry",
    "FileRange",
    "Kind",
    "ProcessingOptions",
    "Track2",
    "build_data",
    "parse_application_fci",
    "parse_cryptogram",
    "parse_directory",
    "parse_options",
    "parse_track_2",
    "record_objects",
]

PSE_NAME, PPSE_NAME = b"1PAY.SYS.DDF01", b"2PAY.SYS.DDF01"
"""Payment environments: of the contacts, and of the contactless face."""

UNIONPAY_AID = bytes.fromhex("A0000003330101")
"""Partial: selects whatever application of the scheme the card has."""
DEBIT_AID = bytes.fromhex("A000000333010101")
AIDS: Mapping[bytes, str] = {
    DEBIT_AID: "debit",
    bytes.fromhex("A000000333010102"): "credit",
    bytes.fromhex("A000000333010103"): "quasi-credit",
}
"""Applications that pay from an account. ``A000000333010106`` holds electronic cash alone and is not among them."""

MOST_RECORDS = 64
FILE_BYTES = 4


class Kind(IntEnum):
    """Kind of an application cryptogram: the two high bits of its information byte, and P1 of GENERATE AC."""

    AAC = 0x00
    TC = 0x40
    ARQC = 0x80


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """``priority`` 1 (first) to 15, 0 where the card states none."""

    aid: bytes
    label: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class ApplicationFci:
    """``directory`` the SFI of the payment environment's directory, None in an application; ``pdol`` tag and length of
    what the card wants before a transaction; ``entries`` those of a contactless environment."""

    name: bytes
    directory: int | None = None
    pdol: tuple[tuple[int, int], ...] = ()
    entries: tuple[DirectoryEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class FileRange:
    """Records *first* to *last* of the file with that SFI."""

    sfi: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ProcessingOptions:
    """``aip`` two bytes; ``afl`` what is to be read."""

    aip: bytes
    afl: tuple[FileRange, ...]

    @property
    def issuer_authentication(self) -> bool:
        """The card checks the issuer's answer (EXTERNAL AUTHENTICATE)."""
        return bool(self.aip[0] & 0x04)

    @property
    def offline_authentication(self) -> bool:
        """The card can prove its data offline: SDA, DDA or CDA."""
        return bool(self.aip[0] & 0x61)

    @property
    def cardholder_verification(self) -> bool:
        return bool(self.aip[0] & 0x10)


@dataclass(frozen=True, slots=True)
class Cryptogram:
    """Answer of GENERATE AC: ``information`` its CID byte, ``counter`` the ATC, ``value`` eight bytes, ``issuer_data`` 9F10."""

    information: int
    counter: int
    value: bytes
    issuer_data: bytes

    @property
    def kind(self) -> Kind | None:
        """None for the reserved value."""
        return Kind(self.information & 0xC0) if self.information & 0xC0 != 0xC0 else None


@dataclass(frozen=True, slots=True)
class Track2:
    """``expiry`` YYMM; ``text`` the whole with ``D`` as separator, without padding."""

    pan: str
    expiry: str
    service_code: str
    text: str


def _one(objects: Iterable[Tlv], tag: int, what: str) -> Tlv:
    found = [each for each in objects if each.tag == tag]
    if len(found) != 1:
        raise WireError(f"{what}: {'no' if not found else 'more than one'} {tag:02X}")
    return found[0]


def _template(data: bytes, tag: int, what: str) -> Tlv:
    objects = parse_tlv(data)
    if len(objects) != 1 or objects[0].tag != tag:
        raise WireError(f"{what}: not one template {tag:02X}")
    return objects[0]


def _entry(template: Tlv) -> DirectoryEntry:
    aid, label, priority = (find(template.children, tag) for tag in (0x4F, 0x50, 0x87))
    if aid is None or not 5 <= len(aid.value) <= 16:
        raise WireError("directory: an entry without an application identifier of 5 to 16 bytes")
    return DirectoryEntry(
        aid.value,
        label.value.decode("gbk", "replace") if label else "",
        priority.value[0] & 0x0F if priority and priority.value else 0,
    )


def parse_directory(record: bytes) -> tuple[DirectoryEntry, ...]:
    """Entries of one record of the payment directory: ``70{61{4F, 50, 87} ...}``."""
    template = _template(record, 0x70, "directory")
    return tuple(_entry(each) for each in template.children if each.tag == 0x61)


def parse_application_fci(data: bytes) -> ApplicationFci:
    """FCI of a payment environment or of an application."""
    template = _template(data, 0x6F, "FCI")
    name = _one(template.children, 0x84, "FCI").value
    proprietary = _one(template.children, 0xA5, "FCI").children
    directory, pdol, issuer = (find(proprietary, tag) for tag in (0x88, 0x9F38, 0xBF0C))
    if directory is not None and not (len(directory.value) == 1 and 1 <= directory.value[0] <= 30):
        raise WireError("FCI: 88 is no short file identifier")
    return ApplicationFci(
        name,
        directory.value[0] if directory else None,
        parse_dol(pdol.value) if pdol else (),
        tuple(_entry(each) for each in (issuer.children if issuer else ()) if each.tag == 0x61),
    )


def _afl(value: bytes) -> tuple[FileRange, ...]:
    if not value or len(value) % FILE_BYTES:
        raise WireError("file locator (94): not groups of four bytes")
    found: list[FileRange] = []
    for at in range(0, len(value), FILE_BYTES):
        sfi, first, last, signed = value[at] >> 3, *value[at + 1 : at + 4]
        if value[at] & 0x07 or not 1 <= sfi <= 30 or not 1 <= first <= last or signed > last - first + 1:
            raise WireError("file locator (94): a range that cannot be", at)
        found.append(FileRange(sfi, first, last))
    if sum(each.last - each.first + 1 for each in found) > MOST_RECORDS:
        raise WireError(f"file locator (94): more than {MOST_RECORDS} records")
    return tuple(found)


def parse_options(data: bytes) -> ProcessingOptions:
    """Answer of GET PROCESSING OPTIONS, format 1 (``80``) or 2 (``77``)."""
    what = "processing options"
    objects = parse_tlv(data)
    if len(objects) == 1 and objects[0].tag == 0x80:
        aip, afl = objects[0].value[:2], objects[0].value[2:]
    else:
        children = _template(data, 0x77, what).children
        aip, afl = _one(children, 0x82, what).value, _one(children, 0x94, what).value
    if len(aip) != 2:
        raise WireError(f"{what}: 82 is not two bytes")
    return ProcessingOptions(aip, _afl(afl))


def parse_cryptogram(data: bytes) -> Cryptogram:
    """Answer of GENERATE AC, format 1 (``80``) or 2 (``77``)."""
    what = "application cryptogram"
    objects = parse_tlv(data)
    if len(objects) == 1 and objects[0].tag == 0x80:
        value = objects[0].value
        parts = value[:1], value[1:3], value[3:11], value[11:]
    else:
        children = _template(data, 0x77, what).children
        issuer = find(children, 0x9F10)
        information, counter, cryptogram = (_one(children, tag, what).value for tag in (0x9F27, 0x9F36, 0x9F26))
        parts = information, counter, cryptogram, issuer.value if issuer else b""
    if [len(each) for each in parts[:3]] != [1, 2, 8] or len(parts[3]) > 32:
        raise WireError(f"{what}: 9F27, 9F36, 9F26 or 9F10 is of another length")
    return Cryptogram(parts[0][0], int.from_bytes(parts[1], "big"), parts[2], parts[3])


def record_objects(record: bytes) -> tuple[Tlv, ...]:
    """Data objects of one record of an application: the inside of its template ``70``."""
    return _template(record, 0x70, "record").children


def parse_track_2(value: bytes) -> Track2:
    """Track 2 equivalent data (57): packed digits, ``D``, and F at the end of an odd number of digits."""
    text = value.hex().upper()
    text = text.removesuffix("F")
    pan, separator, rest = text.partition("D")
    if not separator or not (pan + rest).isdecimal() or not 12 <= len(pan) <= 19 or len(rest) < 7 or len(text) > 37:
        raise WireError("track 2 (57): not number, D, expiry and service code")
    return Track2(pan, rest[:4], rest[4:7], text)


def build_data(wanted: Iterable[tuple[int, int]], values: Mapping[int, bytes]) -> bytes:
    """What a data object list asks for: each value in the length that it names, numbers to the right, text and bytes to
    the left. What is not known is zeros."""
    built = b""
    for tag, length in wanted:
        value = values.get(tag, b"")
        known = TAGS.get(tag)
        packing = known.packing if known else "b"
        if packing == "n":
            built += value[-length:].rjust(length, b"\0") if length else b""
        else:
            # A number before F is padded with F; a value that is missing altogether is zeros all the same.
            built += value[:length].ljust(length, b"\xff" if packing == "cn" and value else b"\0")
    return built
