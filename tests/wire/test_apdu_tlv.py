"""BER-TLV, APDU and status words: bytes typed from spec/cards.md 1.2 to 1.8 and 6, and the same for any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.wire.apdu import (
    Command,
    Response,
    command_name,
    command_tree,
    decode_command,
    decode_response,
    response_tree,
    sw_label,
)
from protocols.wire.base import Privacy, WireError
from protocols.wire.social_security import AID_OF, SSSE_NAME
from protocols.wire.tlv import Tlv, build_record, build_tlv, parse_tlv

QUICK = settings(max_examples=100, deadline=None)


# --- TLV


@pytest.mark.parametrize(
    ("raw", "at"),
    [
        ("6F", 1),
        ("6F02", 2),
        ("6F80", 1),
        ("6F03840212", 4),
        ("9F", 0),
        ("9F8181810100", 0),
        ("8401", 2),
        ("84830000", 1),
    ],
)
def test_broken_tlv_names_its_place(raw: str, at: int) -> None:
    with pytest.raises(WireError) as caught:
        parse_tlv(bytes.fromhex(raw))
    assert caught.value.at == at


def test_depth_and_size_are_bounded() -> None:
    nested = b""
    for _ in range(9):
        nested = build_tlv([Tlv(0x84, b"")]) if not nested else bytes((0x6F, len(nested))) + nested
    with pytest.raises(WireError):
        parse_tlv(bytes((0x6F, len(nested))) + nested)
    with pytest.raises(WireError):
        parse_tlv(bytes(65_536))
    with pytest.raises(WireError):
        build_record(1, bytes(256))


trees = st.recursive(
    st.builds(Tlv, tag=st.sampled_from([0x84, 0x88, 0x9F0C, 0x50]), value=st.binary(max_size=300)),
    lambda below: st.builds(
        Tlv,
        tag=st.sampled_from([0x6F, 0xA5, 0x61, 0xBF0C]),
        children=st.lists(below, min_size=1, max_size=3).map(tuple),
    ),
    max_leaves=6,
)


@QUICK
@given(st.lists(trees, max_size=3))
def test_tlv_round_trip(objects: list[Tlv]) -> None:
    built = build_tlv(objects)
    assert build_tlv(parse_tlv(built)) == built
    assert [each.tag for each in parse_tlv(built)] == [each.tag for each in objects]


# --- APDU

APDUS = [
    ("00A40000023F00", Command(0x00, 0xA4, 0, 0, b"\x3f\x00"), 3, "SELECT"),
    ("00A404000F7378312E73682EC9E7BBE1B1A3D5CF", Command(0x00, 0xA4, 4, 0, SSSE_NAME), 3, "SELECT by name"),
    ("00A4040006D15600000503", Command(0x00, 0xA4, 4, 0, AID_OF["DF04"]), 3, "SELECT by name"),
    ("00B207000B", Command(0x00, 0xB2, 7, 0, le=0x0B), 2, "READ RECORD"),
    ("00B2072C0B", Command(0x00, 0xB2, 7, 0x2C, le=0x0B), 2, "READ RECORD"),
    ("00B20105FF", Command(0x00, 0xB2, 1, 5, le=0xFF), 2, "READ RECORD"),
    ("00C0000018", Command(0x00, 0xC0, le=0x18), 2, "GET RESPONSE"),
    ("0084000008", Command(0x00, 0x84, le=8), 2, "GET CHALLENGE"),
    ("0020000003123456", Command(0x00, 0x20, data=b"\x12\x34\x56"), 3, "VERIFY"),
    (
        "008200 0A10 D6C0097A79F08B6F 1112131415161718",
        Command(0x00, 0x82, 0, 0x0A, bytes.fromhex("D6C0097A79F08B6F1112131415161718")),
        3,
        "EXTERNAL AUTHENTICATE",
    ),
    (
        "0088000010 0102030405060708 1112131415161718",
        Command(0x00, 0x88, data=bytes.fromhex("01020304050607081112131415161718")),
        3,
        "INTERNAL AUTHENTICATE",
    ),
    ("841E000104 6FF266CE", Command(0x84, 0x1E, 0, 1, bytes.fromhex("6FF266CE")), 3, "APPLICATION BLOCK"),
    ("8424000004 CCEEEA4C", Command(0x84, 0x24, data=bytes.fromhex("CCEEEA4C")), 3, "PIN UNBLOCK"),
    (
        "842400010C 5FDFDB9371D267BD E894D2A9",
        Command(0x84, 0x24, 0, 1, bytes.fromhex("5FDFDB9371D267BDE894D2A9")),
        3,
        "RELOAD PIN",
    ),
    (
        "B028010113 01 000003E8 00000000 00000000 441900000001 16",
        Command(0xB0, 0x28, 1, 1, bytes.fromhex("01000003E80000000000000000441900000001"), 0x16),
        4,
        "INITIALISE FOR PURCHASE",
    ),
    (
        "B02800010B 01 000003E8 441900000001 10",
        Command(0xB0, 0x28, 0, 1, bytes.fromhex("01000003E8441900000001"), 0x10),
        4,
        "INITIALISE FOR LOAD",
    ),
    (
        "B02A00000B 20261122093000 02CF6737 04",
        Command(0xB0, 0x2A, data=bytes.fromhex("2026112209300002CF6737"), le=4),
        4,
        "CREDIT FOR LOAD",
    ),
    (
        "BFDE670820 8660441900000001 3434313930307378 3434303030307368 0102030405060708",
        Command(0xBF, 0xDE, 0x67, 8, bytes.fromhex("8660441900000001343431393030737834343030303073680102030405060708")),
        3,
        "DELIVERY SESSION KEY",
    ),
    ("80FA000008 1112131415161718", Command(0x80, 0xFA, data=bytes.fromhex("1112131415161718")), 3, "CIPHER DATA"),
    ("FFCA000000", Command(0xFF, 0xCA, le=256), 2, "GET UID"),
    ("0070000001", Command(0x00, 0x70, le=1), 2, "MANAGE CHANNEL, open"),
]


@pytest.mark.parametrize(("raw", "command", "case", "name"), APDUS, ids=[row[3] + row[0][:10] for row in APDUS])
def test_commands(raw: str, command: Command, case: int, name: str) -> None:
    data = bytes.fromhex(raw)
    assert decode_command(data) == command
    assert command.encode() == data
    assert command.case == case
    assert command_name(data).en == name
    assert command.t0() == (data[:-1] if case == 4 else data)
    assert command_tree(data).render("zh")


def test_cases_and_extended_lengths() -> None:
    assert decode_command(bytes.fromhex("00700000")) == Command(0, 0x70)
    assert Command(0, 0x70).t0() == bytes.fromhex("0070000000")
    assert decode_command(bytes.fromhex("00B0000000 0100")).le == 256
    assert decode_command(bytes.fromhex("00B0000000 0000")).le == 65_536
    long = Command(0x00, 0xD6, data=bytes(300), le=256)
    assert long.encode()[:7] == bytes.fromhex("00D6000000012C")
    assert long.encode()[-2:] == b"\x01\x00"
    assert decode_command(long.encode()) == Command(0x00, 0xD6, data=bytes(300), le=256, extended=True)
    with pytest.raises(WireError):
        long.t0()
    with pytest.raises(WireError):
        Command(0, 0, le=0).encode()


@pytest.mark.parametrize(
    "raw", ["", "00A404", "00A4040005AABB", "00A4040001AABBCC", "00B000000001", "00D60000000002AA"]
)
def test_what_is_no_command(raw: str) -> None:
    with pytest.raises(WireError):
        decode_command(bytes.fromhex(raw))
    assert command_tree(bytes.fromhex(raw)).text


def test_responses() -> None:
    assert decode_response(bytes.fromhex("D6C0097A79F08B6F 9000")) == Response(
        bytes.fromhex("D6C0097A79F08B6F"), 0x9000
    )
    assert decode_response(b"\x61\x18").more == 0x18
    assert decode_response(b"\x61\x00").more == 256
    assert decode_response(b"\x6c\x12").right_le == 0x12
    assert decode_response(b"\x63\xc2").tries_left == 2
    assert decode_response(b"\x90\x00").ok
    assert decode_response(b"\x6a\x82").tries_left is None
    with pytest.raises(WireError):
        decode_response(b"\x90")


def test_status_words_speak_both_languages() -> None:
    listed = (
        "9000 6581 6700 6901 6981 6982 6983 6984 6985 6986 6988 6A80 6A81 6A82 6A83 6A84 6A85 6A86 6A88 6B00 6D00 6E00 "
        "6F00 9302 9303 9401 9402 9403 9406 6881 6882"
    )
    unknown = sw_label(0x1234)
    for word in listed.split():
        label = sw_label(int(word, 16))
        assert label.zh
        assert label.en
        assert label != unknown
    assert "18" in str(sw_label(0x6112)) or "12" in sw_label(0x6112).en
    assert sw_label(0x63C3).zh == "验证失败，还可尝试 3 次"
    assert sw_label(0x6C12).en == "wrong Le, the right one is 18"


def test_a_response_tree_names_the_items() -> None:
    tree = response_tree(bytes.fromhex("0812 343431393030313939303031303130303158 9000"))
    assert [node.privacy for _, node in tree.walk() if node.name == "record"] == [Privacy.ID_NUMBER]
    fci = response_tree(bytes.fromhex("6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E9000")).render("zh")
    assert "sx1.sh.社会保障" in fci
    assert "成功" in fci


@QUICK
@given(
    st.builds(
        Command,
        cla=st.integers(0, 255),
        ins=st.integers(0, 255),
        p1=st.integers(0, 255),
        p2=st.integers(0, 255),
        data=st.binary(max_size=300),
        le=st.none() | st.integers(1, 256),
    )
)
def test_apdu_round_trip(command: Command) -> None:
    again = decode_command(command.encode())
    assert (again.header, again.data, again.le) == (command.header, command.data, command.le)


@QUICK
@given(st.binary(max_size=40))
def test_trees_never_raise(raw: bytes) -> None:
    assert command_tree(raw).render("en")
    assert response_tree(raw).render("zh")
