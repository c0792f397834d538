"""Bytes typed from spec/cards.md: ATR (1.1, 3.1, 3.3), FCI (1.2), records and rules (1.3, 1.4)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.wire.atr import (
    Atr,
    atr_tree,
    build_contactless_atr,
    parse_atr,
    social_security_problems,
    terminal_problems,
)
from protocols.wire.base import Privacy, WireError
from protocols.wire.social_security import (
    AID_OF,
    EF_FILES,
    HOLDER_ITEMS,
    MF_NAME,
    SSSE_NAME,
    Algorithm,
    Fci,
    algorithm_of,
    decode_text,
    file_of,
    parse_fci,
    private_part,
    record_nodes,
    version_of,
)
from protocols.wire.tlv import SimpleTlv, Tlv, build_record, build_records, build_tlv, find, parse_records, parse_tlv

QUICK = settings(max_examples=100, deadline=None)
CONTACT = bytes.fromhex("3B6D0000 00814A4446 8660 5199 000001AC")
CONTACTLESS = bytes.fromhex("3B8D80010081534D4386604419000000016A")
HISTORICAL = bytes.fromhex("0081534D438660441900000001")


def problems_of(raw: str) -> list[str]:
    atr, problems = parse_atr(bytes.fromhex(raw))
    return [each.en for each in [*problems, *social_security_problems(atr)]]


# --- ATR


def test_contact_atr_of_a_third_generation_card() -> None:
    atr, problems = parse_atr(CONTACT)
    assert problems == []
    assert social_security_problems(atr) == []
    assert terminal_problems(atr) == []
    assert atr.interface == (("TB1", 0x00), ("TC1", 0x00))
    assert atr.historical == bytes.fromhex("00814A444686605199000001AC")
    assert (atr.protocols, atr.tck, atr.rest, atr.area) == ((0,), None, b"", "5199")
    assert not atr.contactless


def test_contactless_atr_of_the_project() -> None:
    assert build_contactless_atr(HISTORICAL) == CONTACTLESS
    atr, problems = parse_atr(CONTACTLESS)
    assert problems == []
    assert social_security_problems(atr) == []
    assert atr.contactless
    assert (atr.historical, atr.tck, atr.protocols, atr.area) == (HISTORICAL, 0x6A, (0, 1), "4419")
    assert atr.level3_factor == bytes.fromhex("8660441900000001")


@pytest.mark.parametrize(
    "raw",
    [
        "3B8F8001804F0CA000000306030001000000006A",
        "3B8F8001804F0CA0000003060300020000000069",
        "3B8F8001804F0CA000000306030026000000004D",
    ],
    ids=["S50", "S70", "Mini"],
)
def test_storage_card_atr(raw: str) -> None:
    atr, problems = parse_atr(bytes.fromhex(raw))
    assert problems == []
    assert atr.tck == bytes.fromhex(raw)[-1]
    assert build_contactless_atr(atr.historical) == bytes.fromhex(raw)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("3B6D000000814A444686605199000001ACFF", "a T=0 ATR has a TCK or bytes behind its end"),
        ("3B6D000000814A4446866051990000", "cut off"),
        ("3B8D80010081534D4386604419000000016B", "the check byte TCK is wrong"),
        ("3B8D80010081534D438660441900000001", "the check byte TCK is missing"),
        ("3B8D80010081534D4386604419000000016A00", "bytes behind the end"),
        ("3A6D000000814A444686605199000001AC", "TS is neither 3B nor 3F"),
        ("3F6D000000814A444686605199000001AC", "TS is not 3B (direct convention)"),
        ("3B6C000000814A444686605199000001", "12 historical bytes instead of 13"),
        ("3B6D000001814A444686605199000001AC", "historical byte T1 is not 00"),
        ("3B6D250000814A444686605199000001AC", "TB1 must be 00"),
        ("3B6D000000814A44468660AB99000001AC", "T8-T9 is not an issuing area code"),
        ("3BFD", "cut off"),
        ("3B", "length 1 is not 2 to 33 bytes"),
        ("", "length 0 is not 2 to 33 bytes"),
        ("0000", "TS is neither 3B nor 3F"),
    ],
)
def test_what_is_wrong_with_an_atr(raw: str, why: str) -> None:
    assert any(why in each for each in problems_of(raw))


@pytest.mark.parametrize("raw", ["3B2D0000814A444686605199000001AC", "3B3D11000081 4A444686605199000001AC"])
def test_other_allowed_t0_forms(raw: str) -> None:
    assert problems_of(raw) == []


def test_terminal_acceptance() -> None:
    bad, _ = parse_atr(bytes.fromhex("3B7D950000 00814A444686605199000001AC"))
    assert [each.en for each in terminal_problems(bad)] == ["TA1 is neither 01 nor 11"]
    assert terminal_problems(Atr(b"\x3b\x00", (("TD1", 0x0E), ("TC2", 0x0B)))) != []


@QUICK
@given(st.binary(max_size=40))
def test_any_bytes_give_an_atr_and_a_tree(raw: bytes) -> None:
    atr, problems = parse_atr(raw)
    assert atr.raw == raw
    assert problems or raw[:1] in (b"\x3b", b"\x3f")
    assert atr_tree(raw).render("en")


# --- FCI and identity


def test_names_and_identifiers() -> None:
    assert bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF") == SSSE_NAME
    assert bytes.fromhex("315041592E5359532E4444463031") == MF_NAME
    assert [AID_OF[df].hex().upper() for df in ("DF01", "DF02", "DF03", "DF04", "DF07")] == [
        "D15600000500",
        "D15600000501",
        "D15600000502",
        "D15600000503",
        "D15600000504",
    ]


@pytest.mark.parametrize(
    ("raw", "fci"),
    [
        ("6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E", Fci(SSSE_NAME, 0x1E)),
        ("6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C03860103", Fci(SSSE_NAME, 0x1E, Algorithm.SM4, 3)),
        ("6F10840E315041592E5359532E4444463031", Fci(MF_NAME)),
    ],
    ids=["1.0/2.0", "3.0", "MF"],
)
def test_fci(raw: str, fci: Fci) -> None:
    assert parse_fci(bytes.fromhex(raw)) == fci


def test_fci_is_built_from_its_parts() -> None:
    template = Tlv(
        0x6F,
        children=(
            Tlv(0x84, SSSE_NAME),
            Tlv(0xA5, children=(Tlv(0x88, b"\x1e"), Tlv(0x9F0C, b"\x86\x01\x03"))),
        ),
    )
    built = build_tlv([template])
    assert built == bytes.fromhex("6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C03860103")
    found = find(parse_tlv(built), 0x6F, 0xA5, 0x9F0C)
    assert found is not None
    assert found.value == b"\x86\x01\x03"


def test_the_algorithm_rule() -> None:
    assert algorithm_of(Fci(algorithm=Algorithm.SM4, algorithm_id=3), "110000") is Algorithm.SM4
    assert algorithm_of(Fci(algorithm=Algorithm.TDES, algorithm_id=1), "110000") is Algorithm.TDES
    assert algorithm_of(Fci(), "110000") is Algorithm.SSF33
    assert algorithm_of(Fci(), "441900") is Algorithm.TDES
    with pytest.raises(WireError):
        algorithm_of(Fci(algorithm_id=9), "441900")
    with pytest.raises(WireError):
        parse_fci(bytes.fromhex("6108"))


@pytest.mark.parametrize(
    ("value", "version"),
    [(b"3.00", "3.0"), (b"2.0\x00", "2.0"), (b"2.00", "2.0"), (b"1.01", "1.0"), (bytes(4), "1.0"), (b"", "1.0")],
)
def test_the_version_rule(value: bytes, version: str) -> None:
    assert version_of(value) == version


# --- records

RECORDS = [
    ("EF05", 0x01, "0110 441900D15600000500000001FFFFFFFF", "441900D15600000500000001"),
    ("EF05", 0x02, "020133", "3"),
    ("EF05", 0x03, "0304332E3030", "3.00"),
    ("EF05", 0x04, "040C 9156000002 441900 441900 01", "915600000244190044190001"),
    ("EF05", 0x05, "050420200101", "20200101"),
    ("EF05", 0x06, "060420300101", "20300101"),
    ("EF05", 0x07, "0709413030303030303031", "A00000001"),
    ("EF06", 0x08, "0812 343431393030313939303031303130303158", "44190019900101001X"),
    ("EF06", 0x09, "091E B2E2CAD4BCD7" + "00" * 24, "测试甲"),
    ("EF06", 0x0A, "0A0131", "1"),
    ("EF06", 0x0B, "0B0101", "01"),
    ("EF06", 0x0C, "0C03441900", "441900"),
    ("EF06", 0x0D, "0D0419900101", "19900101"),
    ("EF06", 0x4E, "4E14" + "00" * 20, ""),
]


@pytest.mark.parametrize(("ef", "tag", "raw", "text"), RECORDS, ids=[f"{row[0]}-{row[1]:02X}" for row in RECORDS])
def test_records_of_the_third_generation_card(ef: str, tag: int, raw: str, text: str) -> None:
    data = bytes.fromhex(raw)
    (record,) = parse_records(data)
    item = HOLDER_ITEMS[tag]
    file = file_of("SSSE", int(ef[2:], 16))
    assert file is not None
    assert item in file.items
    assert record == SimpleTlv(tag, data[2:])
    assert item.length == len(record.value)
    assert decode_text(item, record.value) == text
    assert build_record(tag, record.value) == data
    (node,) = record_nodes(data)
    assert (node.raw, node.text, node.privacy) == (data, text, item.privacy)


def test_private_items() -> None:
    classes = {tag: item.privacy for tag, item in HOLDER_ITEMS.items() if item.privacy is not Privacy.OPEN}
    assert classes == {
        0x01: Privacy.CARD_NUMBER,
        0x07: Privacy.CARD_NUMBER,
        0x08: Privacy.ID_NUMBER,
        0x09: Privacy.NAME,
        0x4E: Privacy.NAME,
    }
    assert private_part(SimpleTlv(0x01, bytes(16))) == (Privacy.CARD_NUMBER, 8)
    assert private_part(SimpleTlv(0x01, bytes(15))) == (Privacy.OPEN, 0)
    assert HOLDER_ITEMS[0x4E].since == "2.0"


def test_read_rights_and_sizes_of_the_map() -> None:
    holder, photo, log = file_of("SSSE", 6), file_of("SSSE", 8), file_of("DF04", 8)
    assert holder is not None
    assert photo is not None
    assert log is not None
    assert [holder.read_right(each) for each in ("1.0", "2.0", "3.0")] == ["free", "free", "RKSSSE"]
    assert (photo.fid, photo.length, photo.structure) == (0xEF08, 0x1000, "transparent")
    assert (log.structure, log.length, log.least_records) == ("cyclic", 0x1C, 30)
    assert sum(item.length or 0 for item in log.items) == 0x1C
    assert len({(file.df, file.ef) for file in EF_FILES}) == len(EF_FILES)
    assert all(file.label.zh and file.label.en for file in EF_FILES)


def test_all_records_of_ef05_at_once() -> None:
    whole = b"".join(bytes.fromhex(row[2]) for row in RECORDS if row[0] == "EF05")
    assert [node.raw[0] for node in record_nodes(whole)] == [1, 2, 3, 4, 5, 6, 7]
    assert build_records(parse_records(whole)) == whole
