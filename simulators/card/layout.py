"""Personalisation: the file tree of each generation, who may read and write what, and what the files hold.

The form of the files is the map of protocols/wire/social_security_files.py (spec/cards.md 1.4, 1.5); key identifiers
are those of 1.6, and where it gives none, the next free ones of the application (UK6DF01 88 .. UKBDF01 8D,
RK1DF01 8E, DF02 RK1 88, DF07 RK1..3 84..86 and UK1..3 87..89: the project's own).
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.wire.base import Label
from protocols.wire.social_security import AID_OF, DF_LABELS, MF_NAME, SSSE_NAME
from protocols.wire.social_security_files import EF_FILES, File, Item
from simulators.card.files import FREE, NEVER, PIN_RIGHT, DedicatedFile, ElementaryFile, FileTree, Rule
from simulators.card.people import Person
from simulators.card.readings import Readings
from simulators.card.security import BK, IRK, LK_DF, PIN_TRIES, PUK, RK, STK, UK

__all__ = ["KEY_IDS", "Image", "build_image", "holder_values", "issuer_values"]

KEY_IDS: dict[str, dict[str, int]] = {
    "SSSE": {"IRK": IRK, "STK": STK, "UK": UK, "BK": BK, "PUK": PUK, "RK": RK},
    "DF01": {f"UK{n:X}": 0x82 + n for n in range(1, 12)} | {"RK1": 0x8E},
    "DF02": {f"UK{n}": 0x82 + n for n in range(1, 6)} | {"RK1": 0x88},
    "DF03": {"LK": LK_DF, "RK1": 0x84, "RK2": 0x85, "UK1": 0x86, "UK2": 0x87, "UK3": 0x88},
    "DF04": {"LK": LK_DF, "RK1": 0x84, "UK1": 0x85, "UK2": 0x86},
    "DF07": {"LK": LK_DF, "RK1": 0x84, "RK2": 0x85, "RK3": 0x86, "UK1": 0x87, "UK2": 0x88, "UK3": 0x89},
}

_NOTE = Label("内容未公布", "content not published")
_MORE_FILES = (
    *(
        File("DF03", ef, _NOTE, (Item(tag, _NOTE, "an", 8),), "PIN or RK2DF03", "UK2DF03")
        for ef, tag in ((0x06, 0x67), (0x08, 0x68), (0x09, 0x69), (0x0A, 0x6A))
    ),
    File("DF04", 0x09, _NOTE, (Item(0x94, _NOTE, "an", 8),), "PIN or RK1DF04", "UK1DF04"),
)
"""Files that 1.5 names by number only; synthetic content."""
_ONLY_1_0 = {("DF03", 0x08), ("DF03", 0x09), ("DF03", 0x0A), ("DF04", 0x09)}

_SHORT_LENGTHS = {0x20: 1, 0x29: 1, 0x2A: 1, 0x2B: 1, 0x0E: 3}
_OTHER_LENGTH = 8
DIRECTORY_FID = 0xEF1E
CYCLIC_RECORDS = 30


@dataclass(slots=True)
class Image:
    """A card as it leaves the issuer: the tree, and the memory cells of its files."""

    tree: FileTree
    cells: dict[str, bytes]


def build_image(generation: str, person: Person, area: str, readings: Readings) -> Image:
    """Tree and contents of a card of *generation* for *person*, issued in *area* (six digits)."""
    cells = _account_cells(person)
    dfs = [DedicatedFile("MF", MF_NAME, 0x3F00)]
    applications = {label: aid for label, aid in AID_OF.items() if label != "DF07" or generation > "1.0"}
    for label, name in {"SSSE": SSSE_NAME, **applications}.items():
        files = [
            _file(each, generation, person, area, readings, cells)
            for each in (*EF_FILES, *_MORE_FILES)
            if each.df == label
            and each.since <= generation
            and not (generation > "1.0" and (each.df, each.ef) in _ONLY_1_0)
        ]
        if label == "SSSE":
            files.append(_directory(applications, cells))
        fid = None if label == "SSSE" else int(label, 16)
        parent = "" if label == "SSSE" else "SSSE"
        dfs.append(DedicatedFile(label, name, fid, parent, {each.fid: each for each in files}))
    return Image(FileTree(dfs), cells)


def _account_cells(person: Person) -> dict[str, bytes]:
    """PIN and medical account of a new card; 100.00 yuan, as the vectors of spec/cards.md 1.7 have it."""
    return {
        "pin/value": bytes.fromhex(person.pin + "F" * (len(person.pin) % 2)),
        "pin/tries": PIN_TRIES.to_bytes(4, "big"),
        "account/balance": (10_000).to_bytes(4, "big"),
        "account/year": bytes.fromhex("2026"),
        "account/start_day": bytes.fromhex("0101"),
        "account/sequence/1": (1).to_bytes(4, "big"),
        "account/sequence/2": (1).to_bytes(4, "big"),
    }


def _file(
    each: File, generation: str, person: Person, area: str, readings: Readings, cells: dict[str, bytes]
) -> ElementaryFile:
    cell = f"{each.df}/{each.fid:04X}"
    read = rule_of(each.read_right(generation), each.df)
    update = rule_of(each.update or f"UK1{each.df}", each.df)
    if each.structure == "transparent":
        cells[cell] = bytes(each.length)
        return ElementaryFile(each.fid, cell, "transparent", read, update, each.length)
    if each.structure == "cyclic":
        capacity = max(each.least_records, 4)
        return ElementaryFile(each.fid, cell, "cyclic", read, NEVER, each.length, capacity)
    values = {**issuer_values(generation, person, area), **holder_values(person)} if each.df == "SSSE" else {}
    items = [item for item in each.items if item.since <= generation]
    if each.df == "SSSE" and each.ef == 0x06 and readings.name_extension_position == "third":
        items.sort(key=lambda item: (0x08, 0x09, 0x4E).index(item.tag) if item.tag in (0x08, 0x09, 0x4E) else 3)
    count = 0
    for item in items:
        for _ in range(item.occurs):
            count += 1
            value = values.get(item.tag) or _plausible(each.df, item, person, area)
            cells[f"{cell}/{count}"] = bytes((item.tag, len(value))) + value
    return ElementaryFile(each.fid, cell, "record", read, update, capacity=count)


def _directory(applications: dict[str, bytes], cells: dict[str, bytes]) -> ElementaryFile:
    """DIR: one entry ``61{4F, 50}`` for each application."""
    cell = f"SSSE/{DIRECTORY_FID:04X}"
    for number, (label, aid) in enumerate(applications.items(), 1):
        text = DF_LABELS[label].zh.encode("gbk")
        entry = bytes((0x4F, len(aid))) + aid + bytes((0x50, len(text))) + text
        cells[f"{cell}/{number}"] = bytes((0x61, len(entry))) + entry
    return ElementaryFile(DIRECTORY_FID, cell, "record", FREE, capacity=len(applications))


def rule_of(text: str, df: str) -> Rule:
    """The rule that the file map writes as words: ``free``, ``PIN or RK1DF04``, ``PIN and RK1DF04``, ``card``."""
    if text == "free":
        return FREE
    if text == "card":
        return NEVER
    if text == "per DF":
        return rule_of(f"PIN or UK1{df}", df)
    return tuple(frozenset(_right(word, df) for word in part.split(" and ")) for part in text.split(" or "))


def _right(word: str, df: str) -> str:
    if word == "PIN":
        return PIN_RIGHT
    return f"{df}.{KEY_IDS[df][word.removesuffix(df)]:02X}"


def issuer_values(generation: str, person: Person, area: str) -> dict[int, bytes]:
    """Values of EF05 by tag (spec/cards.md 1.4)."""
    return {
        0x01: bytes.fromhex(area + "D156000005" + person.serial + "FFFFFFFF"),
        0x02: person.category.encode("ascii"),
        0x03: f"{generation}0".encode("ascii"),
        0x04: bytes.fromhex("9156000002" + area + area + "01"),
        0x05: bytes.fromhex(person.issued),
        0x06: bytes.fromhex(person.expires),
        0x07: person.card_number.encode("ascii").ljust(9, b"\0")[:9],
    }


def holder_values(person: Person) -> dict[int, bytes]:
    """Values of EF06 by tag; a name of more than 30 GBK bytes goes on in 4E."""
    name = person.name.encode("gbk")
    return {
        0x08: person.id_number.encode("ascii").ljust(0x12, b"\0"),
        0x09: name[:0x1E].ljust(0x1E, b"\0"),
        0x0A: person.sex.encode("ascii"),
        0x0B: bytes.fromhex(person.nation),
        0x0C: bytes.fromhex(person.birthplace),
        0x0D: bytes.fromhex(person.birth),
        0x4E: name[0x1E:0x32].ljust(0x14, b"\0"),
    }


def _plausible(df: str, item: Item, person: Person, area: str) -> bytes:
    """Synthetic content of the right length for items whose meaning the documents only name."""
    length = item.length or _SHORT_LENGTHS.get(item.tag, _OTHER_LENGTH)
    known: dict[tuple[str, int], bytes] = {
        ("DF01", 0x21): "广东省东莞市测试路1号".encode("gbk"),
        ("DF01", 0x23): "广东省东莞市测试路1号".encode("gbk"),
        ("DF01", 0x24): bytes.fromhex(area),
        ("DF01", 0x2E): "测试单位".encode("gbk"),
        ("DF01", 0x37): b"156",
        ("DF01", 0x40): bytes.fromhex("570331303058030000005928") + bytes(0x28),
        ("DF04", 0x84): bytes.fromhex(area),
        ("DF04", 0x80): bytes.fromhex(person.issued),
        ("DF04", 0x8B): "测试医院".encode("gbk"),
        ("DF04", 0x8C): b"\x11",
        ("DF04", 0x8F): b"1",
        ("DF04", 0x92): bytes.fromhex(person.issued),
    }
    value = known.get((df, item.tag), b"1" if item.kind == "an" else b"")
    return value[:length].ljust(length, b"\0")
