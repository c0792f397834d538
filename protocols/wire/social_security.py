"""The social security card's identity bytes and rules: environments, applications, FCI, versions, records.

Sources: spec/cards.md 1.1 to 1.5; the file map is in ``social_security_files.py``. This module knows the form of a card
and no card: simulated cards, kiosk, suites and the masker all read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from protocols.wire.base import Label, Node, Privacy, WireError
from protocols.wire.social_security_files import EF_FILES, File, Item
from protocols.wire.tlv import SimpleTlv, Tlv, find, parse_records, parse_tlv

__all__ = [
    "AID_OF",
    "DF_LABELS",
    "EF_FILES",
    "HOLDER_ITEMS",
    "MF_NAME",
    "PSAM_AID",
    "RKSSSE_ID",
    "SSSE_NAME",
    "Algorithm",
    "Fci",
    "File",
    "Item",
    "algorithm_of",
    "decode_text",
    "file_of",
    "parse_fci",
    "private_part",
    "record_nodes",
    "version_of",
]

SSSE_NAME = "sx1.sh.社会保障".encode("gbk")
"""DF name of the social security system environment, 15 bytes."""

MF_NAME = b"1PAY.SYS.DDF01"
PSAM_AID = bytes.fromhex("D15600000590")
RKSSSE_ID = 0x0A
"""Key identifier (P2 of EXTERNAL AUTHENTICATE) that opens EF06 of a 3.0 card."""

AID_OF: dict[str, bytes] = {
    "DF01": bytes.fromhex("D15600000500"),
    "DF02": bytes.fromhex("D15600000501"),
    "DF03": bytes.fromhex("D15600000502"),
    "DF04": bytes.fromhex("D15600000503"),
    "DF07": bytes.fromhex("D15600000504"),
}
"""Application identifiers; the file identifier of ``DF04`` is DF04."""

DF_LABELS: dict[str, Label] = {
    "SSSE": Label("社会保障系统环境", "social security system environment"),
    "DF01": Label("公共应用", "public application"),
    "DF02": Label("就业与失业", "employment and unemployment"),
    "DF03": Label("社会保险 1", "social insurance 1"),
    "DF04": Label("社会保险 2（医疗）", "social insurance 2 (medical)"),
    "DF05": Label("生命健康", "life and health"),
    "DF07": Label("人事人才", "personnel and talent"),
}

HOLDER_ITEMS: dict[int, Item] = {item.tag: item for file in EF_FILES if file.df == "SSSE" for item in file.items}
"""Items of EF05 and EF06 of the environment by tag: those that identify card and holder."""


class Algorithm(StrEnum):
    """Cipher of a card; the value is how reports write it."""

    TDES = "3DES"
    SSF33 = "SSF33"
    SM4 = "SM4"


_ALGORITHM_BY_ID = {1: Algorithm.TDES, 2: Algorithm.SSF33, 3: Algorithm.SM4}


@dataclass(frozen=True, slots=True)
class Fci:
    """File control information. ``name`` the DF name; ``directory`` the SFI of DIR; ``algorithm`` None when not stated;
    ``algorithm_id`` the byte as it stands, also when it is none of the known ones."""

    name: bytes = b""
    directory: int | None = None
    algorithm: Algorithm | None = None
    algorithm_id: int | None = None


def parse_fci(data: bytes) -> Fci:
    """FCI template ``6F``. Raises WireError when it is no FCI (spec/cards.md 1.2)."""
    objects = parse_tlv(data)
    if len(objects) != 1 or objects[0].tag != 0x6F:
        raise WireError("not an FCI template 6F")
    name, directory = find(objects, 0x6F, 0x84), find(objects, 0x6F, 0xA5, 0x88)
    issuer = find(objects, 0x6F, 0xA5, 0x9F0C)
    algorithm = _algorithm_id(issuer)
    return Fci(
        name.value if name else b"",
        directory.value[0] if directory and directory.value else None,
        _ALGORITHM_BY_ID.get(algorithm) if algorithm is not None else None,
        algorithm,
    )


def _algorithm_id(issuer: Tlv | None) -> int | None:
    """Tag 86 inside the issuer data 9F0C; issuers put other things there too, so what is no TLV says nothing."""
    if issuer is None:
        return None
    try:
        found = find(parse_tlv(issuer.value), 0x86)
    except WireError:
        return None
    return found.value[0] if found is not None and len(found.value) == 1 else None


def algorithm_of(fci: Fci, area: str) -> Algorithm:
    """The card's cipher: as the FCI states it; else SSF33 where the issuing *area* begins with 11, 3DES elsewhere.

    Raises WireError for an identifier that no document knows.
    """
    if fci.algorithm is not None:
        return fci.algorithm
    if fci.algorithm_id is not None:
        raise WireError(f"unknown algorithm identifier {fci.algorithm_id:02X} in the FCI")
    return Algorithm.SSF33 if area.startswith("11") else Algorithm.TDES


def version_of(value: bytes) -> str:
    """Specification version from the value of item 03: its first three characters count, empty means 1.0.

    ``1.0``, ``2.0`` or ``3.0`` on cards in the field; anything else is given back as it stands.
    """
    return value[:3].rstrip(b"\x00 \xff").decode("ascii", "replace") or "1.0"


def file_of(df: str, ef: int) -> File | None:
    """The file of the map, e.g. ``file_of("SSSE", 0x05)``."""
    return next((file for file in EF_FILES if file.df == df and file.ef == ef), None)


def decode_text(item: Item, value: bytes) -> str:
    """The value without its padding: digits of cn, GBK text of an, hexadecimal of b."""
    if item.kind == "cn":
        return value.hex().upper().rstrip("F")
    if item.kind == "an":
        return value.rstrip(b"\x00 ").decode("gbk", "replace")
    return value.hex().upper()


def private_part(record: SimpleTlv) -> tuple[Privacy, int]:
    """What of a record's value is private: its class, and the offset where the private part begins.

    Only records in the exact form of the file map are recognised, so that random bytes are never taken for one.
    """
    item = HOLDER_ITEMS.get(record.tag)
    if item is None or item.length != len(record.value):
        return Privacy.OPEN, 0
    return item.privacy, len(record.value) - item.private_last if item.private_last else 0


def record_nodes(data: bytes) -> tuple[Node, ...]:
    """Labelled nodes of records of EF05 and EF06; empty when *data* is not made of such records."""
    try:
        records = parse_records(data)
    except WireError:
        return ()
    nodes: list[Node] = []
    at = 0
    for record in records:
        item = HOLDER_ITEMS.get(record.tag)
        if item is None or item.length != len(record.value):
            return ()
        size = 2 + len(record.value)
        label = Label(f"{record.tag:02X} {item.label.zh}", f"{record.tag:02X} {item.label.en}")
        nodes.append(Node("record", label, data[at : at + size], decode_text(item, record.value), item.privacy))
        at += size
    return tuple(nodes)
