"""Bytes of a social security card that stand by themselves: its name, TLV, answer to reset (spec/cards.md 1.1, 1.2)."""

from __future__ import annotations

__all__ = ["SSSE_NAME", "children", "historical_bytes", "is_contactless", "names_ssse"]

SSSE_NAME = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
CONTACTLESS_HEAD = bytes.fromhex("3B8D8001")
"""PC/SC part 3: no interface bytes but TD1 80 and TD2 01, 13 historical bytes."""


def children(data: bytes) -> dict[int, bytes]:
    """Tags and values of one level of BER-TLV; what cannot be read ends it. Bounded by the data."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 1 < len(data):
        tag = data[at]
        at += 1
        if tag & 0x1F == 0x1F:
            tag = tag << 8 | data[at]
            at += 1
        if at >= len(data) or data[at] > 0x7F or at + 1 + data[at] > len(data):
            break
        found[tag] = data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
    return found


def names_ssse(fci: bytes) -> bool:
    """Whether *fci* is a template 6F that names SSSE: what no other card answers by accident."""
    return children(children(fci).get(0x6F, b"")).get(0x84) == SSSE_NAME


def historical_bytes(atr: bytes) -> bytes:
    """The historical bytes of *atr* by walking its interface bytes; empty when it ends too early."""
    if len(atr) < 2:
        return b""
    count, present, at = atr[1] & 0x0F, atr[1] >> 4, 2
    while present:
        width = present.bit_count()
        if at + width > len(atr):
            return b""
        present = atr[at + width - 1] >> 4 if present & 8 else 0
        at += width
    return atr[at : at + count] if at + count <= len(atr) else b""


def is_contactless(atr: bytes) -> bool:
    """Whether *atr* has the form that PC/SC gives to 13 historical bytes of a contactless card."""
    return atr[:4] == CONTACTLESS_HEAD
