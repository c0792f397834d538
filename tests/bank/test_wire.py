"""The dialect: vectors of spec/services.md 3.3 both ways, known answers of spec/devices.md 3, everything malformed."""

from __future__ import annotations

import iso8583
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psec.pinblock import decode_pinblock_iso_0, encode_pinblock_iso_0

from protocols.wire.bank.ciphers import SM4_SUITE, TRIPLE_DES
from protocols.wire.bank.codes import RESPONSES, Action, response
from protocols.wire.bank.fields import FIELDS
from protocols.wire.bank.frame import Header, Tpdu, with_length, without_length
from protocols.wire.bank.message import Message, decode, encode, mac_input, signed
from protocols.wire.bank.parts import Balance, EntryMode, Original, SecurityControl, Totals, TypeAndBatch
from protocols.wire.bank.tree import tree
from protocols.wire.bank.vectors import K1, K2_BLOCKS, VECTORS
from protocols.wire.bank.working_keys import (
    EncipheredKey,
    WorkingKeys,
    clear_key,
    decode_working_keys,
    encode_working_keys,
)
from protocols.wire.base import Privacy, Vector, WireError

from .foreign_terminal import SPEC, mac

QUICK = settings(max_examples=100, deadline=None)
S = bytes.fromhex("0123456789ABCDEF")
D = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
T = D + bytes.fromhex("8967452301EFCDAB")
M18 = b"0123456789ABCDEF01"
EVERY = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.source[-2:])


@EVERY
def test_vectors_both_ways(vector: Vector) -> None:
    assert decode(without_length(vector.raw)) == vector.message
    assert with_length(encode(vector.message)) == vector.raw


@EVERY
def test_macs_of_vectors(vector: Vector) -> None:
    if vector.context is None:
        assert 64 not in vector.message
        return
    key = bytes.fromhex(vector.context)
    unsigned = vector.message.without(64)
    assert signed(unsigned, lambda data: TRIPLE_DES.mac(key, data)) == vector.message
    assert mac(key, mac_input(unsigned)) == bytes.fromhex(vector.message[64])  # the judge's own


@EVERY
def test_the_judges_specification_reads_the_same_fields(vector: Vector) -> None:
    fields, _ = iso8583.decode(without_length(vector.raw)[11:], SPEC)
    assert {int(name): text for name, text in fields.items() if name.isdecimal()} == vector.message.fields


def test_key_download_k1() -> None:
    keys = decode_working_keys(K1.field_62)
    master = bytes.fromhex(K1.master_key)
    assert clear_key(TRIPLE_DES, master, keys.pin).hex().upper() == "807A23AD32B36D457AE91FDF927570EA"
    assert clear_key(TRIPLE_DES, master, keys.mac).hex().upper() == "5BB5C72CD00B7338"
    assert (keys.pin.check.hex().upper(), keys.mac.check.hex().upper()) == ("8D0A74B8", "AB7153CA")
    assert encode_working_keys(keys) == K1.field_62
    damaged = K1.field_62[:-1] + "B"
    with pytest.raises(WireError, match="check value"):
        clear_key(TRIPLE_DES, master, decode_working_keys(damaged).mac)


@pytest.mark.parametrize(("length", "count"), [(8, 2), (16, 2), (24, 2), (16, 3), (24, 3)])
def test_every_layout_of_field_62(length: int, count: int) -> None:
    parts = [EncipheredKey(bytes([number + 1] * length), bytes([number] * 4)) for number in range(count)]
    keys = WorkingKeys(parts[0], parts[1], parts[2] if count == 3 else None)
    text = encode_working_keys(keys)
    assert len(text) // 2 == count * (length + 4)
    assert decode_working_keys(text) == keys


@pytest.mark.parametrize("text", ["", "00", "00" * 39, "00" * 41, "00" * 85, "zz" * 40])
def test_field_62_of_another_length(text: str) -> None:
    with pytest.raises(WireError, match="field 62"):
        decode_working_keys(text)


def test_pin_block_k2() -> None:
    for pin, pan, block in K2_BLOCKS:
        assert TRIPLE_DES.pin_block(pin, pan).hex().upper() == block
        assert TRIPLE_DES.pin_of(bytes.fromhex(block), pan) == pin
    under = TRIPLE_DES.encipher(bytes.fromhex(K1.pin_key), TRIPLE_DES.pin_block("123456", "6225880123456789"))
    assert under.hex().upper() == "4912D20B01E8AB8F"


@pytest.mark.parametrize(
    ("pin", "pan", "block"),
    [
        ("123456", "123456789012345678", "061253DFFEDCBA98"),
        ("123456", "1234567890123456", "0612713176FEDCBA"),
        ("1234", "5432101234567891", "041215FEDCBA9876"),
        ("123456", "6222021234567890123", "06122662A9876FED"),
    ],
)
def test_pin_blocks_of_devices(pin: str, pan: str, block: str) -> None:
    assert TRIPLE_DES.pin_block(pin, pan).hex().upper() == block


def test_check_values_and_diversified_ciphers_of_devices() -> None:
    assert TRIPLE_DES.check_value(S).hex().upper() == "D5D44FF7"
    assert TRIPLE_DES.check_value(D).hex().upper() == "08D7B4FB"
    assert TRIPLE_DES.check_value(T).hex().upper() == "7163DB94"
    assert TRIPLE_DES.encipher(D, bytes.fromhex("061253DFFEDCBA98")).hex().upper() == "DECD0AF638E0474B"


def test_union_pay_mac_of_devices() -> None:
    assert TRIPLE_DES.mac(S, M18) == b"CC06E766"
    assert TRIPLE_DES.mac(D, M18) == b"0D58DE4F"  # double-length key
    key = bytes.fromhex("55036372B17543ECB173730768B8D6C4")
    assert TRIPLE_DES.mac(key, bytes.fromhex("1212B04E1227809C")) == bytes.fromhex("3546453035384442")


def test_sm4_variant_of_devices() -> None:
    assert SM4_SUITE.encipher(D, D).hex().upper() == "681EDF34D206965E86B3E94F536E4246"
    master = bytes.fromhex("1234567890ABCDEFABCDEF0987654321")
    key = SM4_SUITE.decipher(master, bytes.fromhex("3D66234C49E4296FF9C78D8BACBD6A76"))
    assert key.hex().upper() == "F351D490994603795C6EBEE8FAEBB481"
    assert SM4_SUITE.check_value(key).hex().upper() == "861E83E3"
    block = SM4_SUITE.pin_block("123654", "6230606601007726888")
    assert block.hex().upper() == "06123654FFFFFFFFFFFF99FEFF88D977"
    assert SM4_SUITE.encipher(key, block).hex().upper() == "CD01D6AD8F0A484C52A9364A0595AD60"
    assert SM4_SUITE.pin_of(block, "6230606601007726888") == "123654"
    assert SM4_SUITE.mac(D, M18) == b"9DD0E41D"


@QUICK
@given(st.text("0123456789", min_size=4, max_size=12), st.text("0123456789", min_size=13, max_size=19))
def test_pin_blocks_against_psec(pin: str, pan: str) -> None:
    block = TRIPLE_DES.pin_block(pin, pan)
    assert block == encode_pinblock_iso_0(pin, pan)
    assert TRIPLE_DES.pin_of(block, pan) == decode_pinblock_iso_0(block, pan) == pin
    assert SM4_SUITE.pin_of(SM4_SUITE.pin_block(pin, pan), pan) == pin


@pytest.mark.parametrize(
    "block", ["161253DFFEDCBA98", "031253DFFEDCBA98", "0D1253DFFEDCBA98", "06A253DFFEDCBA98", "00"]
)
def test_a_block_that_is_none(block: str) -> None:
    assert TRIPLE_DES.pin_of(bytes.fromhex(block), "123456789012345678") is None


@pytest.mark.parametrize(
    ("pin", "pan"), [("123", "1" * 16), ("1" * 13, "1" * 16), ("12a4", "1" * 16), ("1234", "1" * 12)]
)
def test_no_block_without_pin_and_card(pin: str, pan: str) -> None:
    with pytest.raises(WireError):
        TRIPLE_DES.pin_block(pin, pan)


def test_master_keys_differ_by_terminal_and_cipher() -> None:
    keys = {suite.diversify(D, terminal) for suite in (TRIPLE_DES, SM4_SUITE) for terminal in ("10000001", "10000002")}
    assert len(keys) == 4
    assert all(len(key) == 16 for key in keys)
    with pytest.raises(WireError):
        TRIPLE_DES.diversify(D, "1000")


# Fields and messages.

GOOD = VECTORS[3].message


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({4: "12"}, "field 4"),
        ({4: "00000000125A"}, "field 4"),
        ({2: "1" * 20}, "field 2"),
        ({3: "0000000"}, "field 3"),
        ({12: "240000"}, "field 12"),
        ({13: "1332"}, "field 13"),
        ({14: "3013"}, "field 14"),
        ({35: "6225880123456789=3012"}, "field 35"),
        ({35: "6225880123456789D" + "1" * 25}, "field 35"),
        ({41: "1000001"}, "field 41"),
        ({41: "1000\x00001"}, "field 41"),
        ({42: "é" * 15}, "field 42"),
        ({52: "00" * 7}, "field 52"),
        ({52: "0" * 15}, "field 52"),
        ({55: "00" * 256}, "field 55"),
        ({60: "1" * 20}, "field 60"),
        ({62: "00" * 1000}, "field 62"),
        ({63: "x" * 164}, "field 63"),
        ({64: "00" * 9}, "field 64"),
        ({7: "0000000000"}, "field 7"),
        ({1: "00" * 8}, "field 1"),
        ({70: "001"}, "field 70"),
    ],
)
def test_what_does_not_fit_names_its_field(fields: dict[int, str], named: str) -> None:
    with pytest.raises(WireError, match=f"{named}:"):
        encode(GOOD.having(fields))


def test_errors_show_no_values() -> None:
    with pytest.raises(WireError) as caught:
        encode(GOOD.having({2: "6225880123456789X"}))
    assert "6225880123456789" not in str(caught.value)
    assert "6225880123456789" not in repr(GOOD)


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw[:10],
        lambda raw: b"\x61" + raw[1:],
        lambda raw: raw[:1] + b"\xaf" + raw[2:],
        lambda raw: raw[:5] + b"\x6a" + raw[6:],
        lambda raw: raw[:5] + b"\x59" + raw[6:],
        lambda raw: raw[:11] + b"\x0a\x00" + raw[13:],
        lambda raw: raw[:13] + b"\x80" + raw[14:],
        lambda raw: raw[:13] + b"\xff" * 8 + raw[21:],
        lambda raw: raw[:-1],
        lambda raw: raw + b"\x00",
        lambda raw: raw + b"\x00" * 3000,
        lambda raw: raw[:33] + b"\x07\x21" + raw[35:],
    ],
    ids=range(12),
)
def test_malformed_frames(change: object) -> None:
    raw = encode(GOOD)
    assert raw[33:35].hex() == "0720"
    with pytest.raises(WireError):
        decode(change(raw))  # type: ignore[operator]


@QUICK
@given(st.binary(max_size=200))
def test_decode_of_anything_is_a_message_or_a_wire_error(data: bytes) -> None:
    for raw in (data, encode(GOOD)[:11] + data, encode(GOOD)[:21] + data):
        try:
            message = decode(raw)
        except WireError:
            continue
        assert encode(message) == raw


@QUICK
@given(st.integers(0, 98), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_read_as_it_stands(at: int, value: int) -> None:
    raw = bytearray(encode(GOOD))
    raw[at] = value
    try:
        message = decode(bytes(raw))
    except WireError:
        return
    assert encode(message) == bytes(raw)


def test_lengths_on_the_line() -> None:
    assert without_length(with_length(b"abc")) == b"abc"
    for data in (b"", b"\0", b"\0\1", b"\0\1ab"):
        with pytest.raises(WireError):
            without_length(data)
    with pytest.raises(WireError):
        encode(Message("0800", {11: "000001"}, Header(version="1")))
    with pytest.raises(WireError):
        encode(Message("0800", {11: "000001"}, tpdu=Tpdu("06")))
    assert Header(request="1").sign_in_again
    assert Tpdu("0006", "0001").swapped() == Tpdu("0001", "0006")


def test_the_sm4_class_has_a_pin_block_of_sixteen_bytes() -> None:
    fields = {**GOOD.fields, 52: "00" * 16}
    message = Message("0200", fields, Header("61"))
    assert decode(encode(message)) == message
    with pytest.raises(WireError, match="field 52"):
        encode(Message("0200", fields))


# Parts.


def test_parts_both_ways() -> None:
    assert EntryMode.of("051") == EntryMode("05", True)
    assert EntryMode("07", False).text == "072"
    assert SecurityControl().text == "2600000000000000"
    assert SecurityControl.of("2610000000000000") == SecurityControl(track="1")
    assert TypeAndBatch.of("2200000100060") == TypeAndBatch("22", "000001", "000", "6", "0")
    assert TypeAndBatch.of("22000001").text == "22000001"
    assert TypeAndBatch.of("2600000100060000000").text == "2600000100060000000"
    assert Original.of("0000010000121122") == Original("000001", "000012", "1122")
    assert Original("000001", "000012").text == "000001000012"
    assert Totals.of(VECTORS[6].message[48]) == Totals(1250, 1, 0, 0)
    assert Totals(1250, 1, 0, 0).text == VECTORS[6].message[48]
    assert Balance.of(Balance(-5).text) == Balance(-5)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: EntryMode.of("041"),
        lambda: EntryMode.of("053"),
        lambda: SecurityControl.of("2600000000000001"),
        lambda: TypeAndBatch.of("220000010"),
        lambda: TypeAndBatch("2", "000001").text,
        lambda: Original.of("00000100001"),
        lambda: Original("1", "2").text,
        lambda: Totals.of("0" * 61),
        lambda: Totals.of("0" * 40 + "1" + "0" * 21),
        lambda: Totals.of("0" * 30 + "4" + "0" * 31),
        lambda: Totals(10**12).text,
        lambda: Totals(0, 1000).text,
        lambda: Totals(-1).text,
        lambda: Balance.of("1002840C000000000001"),
        lambda: Balance(10**12).text,
    ],
)
def test_parts_that_are_none(wrong: object) -> None:
    with pytest.raises(WireError, match="field"):
        wrong()  # type: ignore[operator]


def test_every_code_has_two_texts_and_an_unknown_code_decides_nothing() -> None:
    assert all(each.label.zh and each.label.en for each in RESPONSES.values())
    assert response("ZZ").action is Action.UNKNOWN
    for code in ("09", "68", "91", "96", "98", "94"):
        assert response(code).action is Action.UNKNOWN
    for code in ("05", "13", "14", "51", "54", "55", "61"):
        assert response(code).action is Action.NOT_MOVED
    for code in ("03", "30", "57", "58", "97"):
        assert response(code).action is Action.OPERATOR
    for code in ("77", "99", "A0"):
        assert response(code).action is Action.SIGN_IN


# Trees.


@EVERY
def test_trees_are_labelled_and_keep_secrets(vector: Vector) -> None:
    found = tree(without_length(vector.raw))
    nodes = [node for _, node in found.walk()]
    assert found.text == vector.message.mti
    assert all(node.label.zh and node.label.en for node in nodes)
    assert {str(number) for number in vector.message.fields} <= {node.name for node in nodes}
    assert "6225880123456789" not in "".join(node.text for node in nodes)
    assert {node.name for node in nodes if node.privacy is not Privacy.OPEN} == {
        str(number) for number in vector.message.fields if FIELDS[number].privacy is not Privacy.OPEN
    }


def test_what_is_private() -> None:
    private = {number: field.privacy for number, field in FIELDS.items() if field.privacy is not Privacy.OPEN}
    assert set(private) == {2, 14, 35, 36, 52, 55, 62}
    assert private[52] is Privacy.PIN
    assert private[62] is Privacy.KEY


@QUICK
@given(st.binary(max_size=60))
def test_trees_never_raise(data: bytes) -> None:
    assert tree(data).render("zh")
    assert tree(encode(GOOD)[:11] + data).render("en")
