"""Tag, length, value: BER-TLV (FCI, directory entries) and the plain records of the social security card.

BER-TLV follows ISO/IEC 7816-4 annex; records follow spec/cards.md 1.3: tag(1) len(1) value, one after the
other, where len is the fixed length of the field and the value is padded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from protocols.wire.base import WireError

__all__ = [
    "MAX_DEPTH",
    "SimpleTlv",
    "Tlv",
    "build_record",
    "build_records",
    "build_tlv",
    "find",
    "parse_dol",
    "parse_records",
    "parse_tlv",
]

MAX_DEPTH = 8
MAX_BYTES = 65_535


@dataclass(frozen=True, slots=True)
class Tlv:
    """One BER-TLV object. ``tag`` is its tag bytes as a number (``0x9F0C``); ``children`` the parts if constructed."""

    tag: int
    value: bytes = b""
    children: tuple[Tlv, ...] = ()

    @property
    def constructed(self) -> bool:
        return bool(_tag_bytes(self.tag)[0] & 0x20)


def _tag_bytes(tag: int) -> bytes:
    return tag.to_bytes(max(1, (tag.bit_length() + 7) // 8), "big")


def _read_tag(data: bytes, at: int, end: int) -> tuple[int, int]:
    start = at
    first = data[at]
    at += 1
    if first & 0x1F == 0x1F:
        while True:
            if at >= end or at - start > 2:
                raise WireError("tag is cut off or longer than three bytes", start)
            at += 1
            if not data[at - 1] & 0x80:
                break
    return int.from_bytes(data[start:at], "big"), at


def _read_length(data: bytes, at: int, end: int) -> tuple[int, int]:
    if at >= end:
        raise WireError("length is missing", at)
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    if not 1 <= count <= 2 or at + 1 + count > end:
        raise WireError("length is indefinite, longer than two bytes, or cut off", at)
    return int.from_bytes(data[at + 1 : at + 1 + count], "big"), at + 1 + count


def _parse(data: bytes, at: int, end: int, depth: int) -> tuple[Tlv, ...]:
    if depth > MAX_DEPTH:
        raise WireError(f"nested deeper than {MAX_DEPTH}", at)
    found: list[Tlv] = []
    while at < end:
        tag, at = _read_tag(data, at, end)
        length, at = _read_length(data, at, end)
        if at + length > end:
            raise WireError(f"tag {tag:X} announces {length} bytes, {end - at} are left", at)
        children = _parse(data, at, at + length, depth + 1) if Tlv(tag).constructed else ()
        found.append(Tlv(tag, data[at : at + length], children))
        at += length
    return tuple(found)


def parse_tlv(data: bytes) -> tuple[Tlv, ...]:
    """The BER-TLV objects that fill *data* exactly. Raises WireError with the offset of what is wrong."""
    if len(data) > MAX_BYTES:
        raise WireError(f"{len(data)} bytes; at most {MAX_BYTES} are parsed", MAX_BYTES)
    return _parse(data, 0, len(data), 1)


def parse_dol(data: bytes) -> tuple[tuple[int, int], ...]:
    """Tag and length of each entry of a data object list (PDOL, CDOL): a card's wish for data without tags, in that order.

    Raises WireError with the offset of what is wrong.
    """
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(data):
        tag, at = _read_tag(data, at, len(data))
        length, at = _read_length(data, at, len(data))
        found.append((tag, length))
    return tuple(found)


def build_tlv(objects: Iterable[Tlv]) -> bytes:
    """The bytes of *objects*; the value of one with children is built from them."""
    built = bytearray()
    for each in objects:
        value = build_tlv(each.children) if each.children else each.value
        built += _tag_bytes(each.tag) + _length_bytes(len(value)) + value
    return bytes(built)


def _length_bytes(length: int) -> bytes:
    if length < 0x80:
        return bytes((length,))
    if length > MAX_BYTES:
        raise WireError(f"value of {length} bytes; at most {MAX_BYTES} can be built")
    return bytes((0x81, length)) if length < 0x100 else b"\x82" + length.to_bytes(2, "big")


def find(objects: Iterable[Tlv], *path: int) -> Tlv | None:
    """The first object at *path* of tags, e.g. ``find(parse_tlv(fci), 0x6F, 0xA5, 0x88)``; None if there is none."""
    for each in objects:
        if each.tag == path[0]:
            found = each if len(path) == 1 else find(each.children, *path[1:])
            if found is not None:
                return found
    return None


@dataclass(frozen=True, slots=True)
class SimpleTlv:
    """One record: a one-byte tag and its padded value."""

    tag: int
    value: bytes


def parse_records(data: bytes) -> tuple[SimpleTlv, ...]:
    """The records that fill *data* exactly. Raises WireError with the offset of what is wrong."""
    found: list[SimpleTlv] = []
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise WireError("record length is missing", at + 1)
        tag, length = data[at], data[at + 1]
        if at + 2 + length > len(data):
            raise WireError(f"record {tag:02X} announces {length} bytes, {len(data) - at - 2} are left", at + 1)
        found.append(SimpleTlv(tag, data[at + 2 : at + 2 + length]))
        at += 2 + length
    return tuple(found)


def build_record(tag: int, value: bytes) -> bytes:
    """One record. Raises WireError above 255 bytes."""
    if len(value) > 0xFF:
        raise WireError(f"record {tag:02X} of {len(value)} bytes; a length byte counts to 255")
    return bytes((tag, len(value))) + value


def build_records(records: Iterable[SimpleTlv]) -> bytes:
    return b"".join(build_record(record.tag, record.value) for record in records)
