"""Masking: what is replaced, what is left alone, that frames still parse. Records are those of spec/cards.md 1.4."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.wire.base import Frame, Privacy
from protocols.wire.crt310 import DIALECT as CRT310
from protocols.wire.crt591 import DIALECT as CRT591
from protocols.wire.privacy import Leak, Masker, find_leaks
from protocols.wire.social_security import record_nodes

ID = b"44190019900101001X"
NAME = "测试甲".encode("gbk")
LITERALS = [
    (Privacy.ID_NUMBER, ID),
    (Privacy.NAME, NAME),
    (Privacy.CARD_NUMBER, b"A00000001"),
    (Privacy.PIN, b"123456"),
]
MASKER = Masker(b"key", LITERALS)
BARE = Masker(b"key")
EF06_08 = bytes.fromhex("0812 343431393030313939303031303130303158")
EF06_09 = bytes.fromhex("091E B2E2CAD4BCD7") + bytes(24)
EF05_07 = bytes.fromhex("0709413030303030303031")
EF05_01 = bytes.fromhex("0110 441900D15600000500000001FFFFFFFF")
OK = b"\x90\x00"
SEX, VERSION = bytes.fromhex("0A0131"), bytes.fromhex("0304332E3030")


@pytest.mark.parametrize("record", [EF06_08, EF06_09, EF05_07, EF05_01], ids=["08", "09", "07", "01"])
@pytest.mark.parametrize("masker", [MASKER, BARE], ids=["literals", "bare"])
def test_private_records_are_replaced_and_still_parse(record: bytes, masker: Masker) -> None:
    masked = masker.mask("reader", "apdu", record + OK)
    assert masked != record + OK
    assert len(masked) == len(record + OK)
    assert masked[:2] == record[:2]
    assert masked[-2:] == OK
    assert len(record_nodes(masked[:-2])) == 1
    assert masker.mask("card", "apdu", record) == masked[:-2]
    assert find_leaks(masked, LITERALS) == []


def test_the_form_of_each_pseudonym() -> None:
    number = BARE.mask("", "apdu", EF06_08 + OK)[2:20]
    assert number.isdigit()
    name = BARE.mask("", "apdu", EF06_09 + OK)[2:32]
    assert name[:6].isalpha()
    assert name[6:] == bytes(24)
    card = BARE.mask("", "apdu", EF05_07 + OK)[2:11]
    assert card[:1].isalpha()
    assert card[1:].isdigit()
    code = BARE.mask("", "apdu", EF05_01 + OK)[2:18]
    assert code[:8] == bytes.fromhex("441900D156000005")
    assert code[8:12].hex().isdigit()
    assert code[12:] == b"\xff\xff\xff\xff"


def test_same_input_same_token_other_key_other_token() -> None:
    assert BARE.mask("a", "apdu", EF06_08 + OK) == Masker(b"key").mask("b", "apdu", EF06_08 + OK)
    assert BARE.mask("a", "apdu", EF06_08 + OK) != Masker(b"other").mask("a", "apdu", EF06_08 + OK)
    assert MASKER.mask("", "note", b"id " + ID)[3:] == BARE.mask("", "apdu", EF06_08)[2:]
    assert MASKER.mask("", "note", NAME) == BARE.mask("", "apdu", EF06_09)[2:8]


def test_records_side_by_side() -> None:
    answer = SEX + EF06_08 + VERSION + EF06_09
    masked = BARE.mask("", "apdu", answer + OK)
    assert masked[:3] == SEX
    assert masked[23:29] == VERSION
    assert masked[3:23] == BARE.mask("", "apdu", EF06_08)
    assert masked[29:-2] == BARE.mask("", "apdu", EF06_09)


@pytest.mark.parametrize("pin", ["123456", "12345F", "0000"])
def test_pin_of_verify(pin: str) -> None:
    body = bytes.fromhex(pin)
    masked = BARE.mask("", "apdu", bytes((0, 0x20, 0, 0, len(body))) + body)
    assert masked[:5] == bytes((0, 0x20, 0, 0, len(body)))
    assert masked[5:] != body
    assert masked[5:].hex().upper().rstrip("F").isdigit()
    assert masked[5:].hex().upper().endswith("F") == pin.endswith("F")


def test_change_pin_keeps_its_separator_and_agrees_with_verify() -> None:
    verify = BARE.mask("", "apdu", bytes.fromhex("0020000003 123456"))[5:]
    change = BARE.mask("", "apdu", bytes.fromhex("805E010007 123456 FF 654321"))
    assert change[:5] == bytes.fromhex("805E010007")
    assert change[5:8] == verify
    assert change[8:9] == b"\xff"
    assert change[9:] == BARE.mask("", "apdu", bytes.fromhex("0020000003 654321"))[5:]
    assert MASKER.mask("", "note", b"pin 123456") == b"pin " + verify.hex().encode()


@pytest.mark.parametrize(
    "untouched",
    [
        "3B6D000000814A444686605199000001AC",
        "0088000010 0102030405060708 1112131415161718",
        "0082000A10 D6C0097A79F08B6F 1112131415161718",
        "D6C0097A79F08B6F 9000",
        "8424000114 A4319541EBD1D0EAAC5FAB8EE8FED7E5 C91A265A",
        "6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C03860103 9000",
        "00B2010012",
        "6C12",
        "040C 9156000002 441900 441900 01 9000",
        "0C03441900 9000",
        "0020000000",
        "00",
        "",
    ],
)
def test_everything_else_is_left_alone(untouched: str) -> None:
    data = bytes.fromhex(untouched)
    assert [MASKER.mask("", kind, data) for kind in ("apdu", "frame", "noise", "atr", "snapshot")] == [data] * 5


@pytest.mark.parametrize(
    ("dialect", "text", "at"),
    [
        (CRT591, bytes.fromhex("50 51 33 32 30 30") + EF06_08 + OK, 6),
        (CRT591, bytes.fromhex("43 51 33 0020000003 123456"), 3),
        (CRT591, bytes.fromhex("43 60 33 0020000106 A0A1A2A3A4A5"), 3),
        (CRT310, bytes.fromhex("37 31 59") + EF06_08 + OK, 3),
        (CRT310, bytes.fromhex("37 31 0020000003 123456"), 2),
        (CRT310, bytes.fromhex("3D 31 31 0020000003 123456"), 3),
        (CRT310, bytes.fromhex("35 32 01 A0A1A2A3A4A5"), 3),
    ],
)
def test_inside_reader_frames(dialect: object, text: bytes, at: int) -> None:
    framing = dialect.framing()  # type: ignore[attr-defined]
    raw = framing.wrap(text)
    masked = BARE.mask("reader", "frame", raw)
    item = framing.feed(masked, 0.0)[0]
    assert isinstance(item, Frame)
    assert item.text[:at] == text[:at]
    assert item.text != text
    if at != len(text) - 6:
        assert item.text[at:] == BARE.mask("", "apdu", text[at:])
    broken = raw[:-1] + bytes((raw[-1] ^ 0x21,))
    assert BARE.mask("reader", "noise", broken) == masked[:-1] + bytes((masked[-1] ^ 0x21,))


def test_frames_without_private_data_are_left_alone() -> None:
    for dialect in (CRT591, CRT310):
        for vector in dialect.vectors:
            assert MASKER.mask("reader", "frame", vector.raw) == vector.raw


def test_track_data() -> None:
    text = b"E0\x1fY6299990000000000012=3012\x1fN\xe5\x1fO"
    masked = BARE.mask("reader", "frame", CRT310.framing().wrap(text))[3:-2]
    assert masked[:4] == text[:4]
    assert masked[4:23] != text[4:23]
    assert masked[4:23].isdigit()
    assert masked[23:24] == b"="
    assert masked[28:] == b"\x1fN\xe5\x1fO"


@pytest.mark.parametrize("kept", range(12, 28))
def test_a_frame_cut_inside_a_record(kept: int) -> None:
    raw = CRT591.framing().wrap(bytes.fromhex("50 51 33 32 30 30") + EF06_08 + OK)[: kept + 4]
    masked = BARE.mask("reader", "noise", raw)
    assert masked[:12] == raw[:12]
    assert masked[12:16] != raw[12:16]
    assert len(masked) == len(raw)


def test_a_frame_cut_inside_a_pin() -> None:
    raw = CRT591.framing().wrap(bytes.fromhex("43 51 33 0020000003 123456"))
    assert BARE.mask("reader", "noise", raw[:-3])[-2:] != raw[-5:-3]


def test_update_record_keeps_its_mac() -> None:
    masked = BARE.mask("", "apdu", bytes.fromhex("04DC010018") + EF06_08 + b"\xaa\xbb\xcc\xdd")
    assert masked[:7] == bytes.fromhex("04DC0100180812")
    assert masked[7:25] == BARE.mask("", "apdu", EF06_08)[2:]
    assert masked[25:] == b"\xaa\xbb\xcc\xdd"


def test_short_literals_are_no_literals() -> None:
    assert Masker(b"key", [(Privacy.PIN, b"1234")]).mask("", "note", b"x1234") == b"x1234"


def test_leaks_are_found_in_every_form() -> None:
    data = b"a" + ID + b"b" + ID.hex().upper().encode() + b"c" + NAME.hex().encode()
    assert find_leaks(data, LITERALS) == [
        Leak(Privacy.ID_NUMBER, "raw", 1),
        Leak(Privacy.ID_NUMBER, "hex-upper", 20),
        Leak(Privacy.NAME, "hex-lower", 57),
    ]
    assert find_leaks(bytes.fromhex("0062999900000000000F"), [(Privacy.CARD_NUMBER, b"62999900000000000")]) == [
        Leak(Privacy.CARD_NUMBER, "bcd", 1)
    ]
    assert find_leaks(MASKER.mask("", "note", data), LITERALS) == []


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["apdu", "frame", "noise", "note"]), st.binary(max_size=60), st.sampled_from([b"", EF06_08, ID]))
def test_masking_never_raises_never_changes_a_length_and_never_leaks(kind: str, data: bytes, secret: bytes) -> None:
    masked = MASKER.mask("reader", kind, data + secret + data)
    assert len(masked) == len(data + secret + data)
    assert find_leaks(masked, LITERALS) == []
