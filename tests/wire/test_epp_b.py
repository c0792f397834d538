"""Dialect epp-b beyond its vectors: every command both ways, status bytes, key codes, numbering (spec/devices.md 1.2)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.wire.base import Control, Frame, Privacy, WireError
from protocols.wire.epp_b import DIALECT, EppB
from protocols.wire.epp_b_tables import COMMANDS, PARAMETERS, SM_PARAMETERS
from protocols.wire.pin_pad import (
    Chaining,
    Cipher,
    EntryMode,
    Error,
    Key,
    Keypad,
    MacMode,
    Op,
    PinFormat,
    Reply,
    Request,
    Setting,
    SmLayout,
)

D = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
QUICK = settings(max_examples=150, deadline=None)

# Texts typed by hand from the command table; None in the second place: another spelling, not what we send.
SAID = [
    ("33", Request(Op.RANDOM)),
    ("32 0F 0123456789ABCDEF", Request(Op.LOAD_MASTER, master=15, data=D[:8])),
    ("32 41 0123456789ABCDEFFEDCBA9876543210", Request(Op.LOAD_MASTER, master=1, wrapped=True, data=D)),
    ("33 0F 7F 0123456789ABCDEF", Request(Op.LOAD_WORK, master=15, slot=3, data=D[:8])),
    ("35 0C 00 03 02 1E", Request(Op.START_PIN, most=12, shown=False, mode=EntryMode.IBM_3624, prompt=2, limit_s=30)),
    ("36 0000000000000000", Request(Op.ENCRYPT, data=bytes(8))),
    ("37 0000000000000000", Request(Op.DECRYPT, data=bytes(8))),
    ("38", Request(Op.SERIAL)),
    ("38 4F43303030303031", Request(Op.SERIAL, data=b"OC000001")),
    ("41 3031", Request(Op.MAC, data=b"01")),
    ("43 02 4B", Request(Op.ACTIVATE, master=2, slot=3)),
    ("44 31", Request(Op.CONNECTIVITY)),
    ("45 01", Request(Op.KEYPAD, keypad=Keypad.OPEN)),
    ("45 20", Request(Op.KEYPAD, keypad=Keypad.CLEAR_ALL)),
    ("45 21", Request(Op.KEYPAD, keypad=Keypad.BACKSPACE)),
    ("45 09", Request(Op.KEYPAD, keypad=Keypad.USE_TRAILER)),
    ("46 00 20", Request(Op.SET, setting=Setting.LOAD_CIPHER, value=Cipher.DES)),
    ("46 01 70", Request(Op.SET, setting=Setting.WORK_CIPHER, value=Cipher.MASTER_TDES)),
    ("46 04 13", Request(Op.SET, setting=Setting.PIN_FORMAT, value=PinFormat.ISO_3)),
    ("46 05 01", Request(Op.SET, setting=Setting.AUTO_END, value=1)),
    ("46 05 00", Request(Op.SET, setting=Setting.AUTO_END, value=0)),
    ("46 06 03", Request(Op.SET, setting=Setting.MAC_MODE, value=MacMode.UNIONPAY)),
    ("46 07 11", Request(Op.SET, setting=Setting.CHAINING, value=Chaining.CBC)),
    ("46 08 06", Request(Op.SET, setting=Setting.LEAST_DIGITS, value=6)),
    ("46 0D 08", Request(Op.SET, setting=Setting.KCV_BYTES, value=8)),
    ("60 0000000000000000", Request(Op.VECTOR, data=bytes(8))),
    ("62 03", Request(Op.DELETE_KEY, master=3)),
    ("62 03 4D", Request(Op.DELETE_KEY, master=3, slot=1)),
    ("65 03", Request(Op.KCV, master=3)),
    ("65 03 4C", Request(Op.KCV, master=3, slot=0)),
    ("7E", Request(Op.KEY_TABLE)),
    ("7F", Request(Op.FIRMWARE)),
    ("81 04 00", Request(Op.SET, setting=Setting.SM_LAYOUT, value=SmLayout.WIDE)),
    ("82 00 0123456789ABCDEFFEDCBA9876543210", Request(Op.LOAD_MASTER, cipher=Cipher.SM4, data=D)),
    ("86 01 00 41", Request(Op.ACTIVATE, master=0, slot=1, cipher=Cipher.SM4)),
    ("8B " + "00" * 16, Request(Op.VECTOR, data=bytes(16), cipher=Cipher.SM4)),
    ("9F", Request(Op.CHIP_VERSION)),
    ("A0 31", Request(Op.REARM)),
    ("40 10", Request(Op.AUTHENTICATE, data=b"\x10")),
]

HEARD = [
    ("33 02 03 0123456789ABCDEF", Request(Op.LOAD_WORK, master=2, slot=3, data=D[:8])),
    ("43 02 00", Request(Op.ACTIVATE, master=2, slot=0)),
    ("23 00", Request(Op.MANUAL_KEY, data=b"\x00", code=0x23)),
]

REFUSED = [
    ("43 02 44", 1),  # belongs to master 1
    ("43 00", 1),
    ("43 00 40 00", 1),
    ("32 00 0123456789", 1),
    ("32", 1),
    ("33 00 40", 1),
    ("33 20 00 0123456789ABCDEF", 1),  # no model has so many masters
    ("35 06 01 01 00", 1),
    ("35 06 02 01 00 3C", 1),
    ("35 06 01 09 00 3C", 1),
    ("45 07", 1),
    ("46 00 99", 1),
    ("46 0E 00", 1),
    ("31 39", 1),
    ("30 00", 1),
    ("44 30", 1),
    ("65", 1),
    ("86 03 00 40", 1),
    ("99", 0),
    ("00 01", 0),
]


@pytest.mark.parametrize(("text", "request_"), SAID)
def test_commands_both_ways(text: str, request_: Request) -> None:
    raw = bytes.fromhex(text)
    assert DIALECT.encode_request(request_) == raw
    assert DIALECT.decode_request(raw) == request_
    assert DIALECT.tree(raw, True).children


@pytest.mark.parametrize(("text", "request_"), HEARD)
def test_other_spellings_are_understood(text: str, request_: Request) -> None:
    assert DIALECT.decode_request(bytes.fromhex(text)) == request_


@pytest.mark.parametrize(("text", "number"), REFUSED)
def test_unknown_requests_say_what_is_unknown_and_are_said_again(text: str, number: int) -> None:
    raw = bytes.fromhex(text)
    request = DIALECT.decode_request(raw)
    assert (request.op, request.number) == (Op.UNKNOWN, number)
    assert DIALECT.encode_request(request) == raw


def test_the_tables_have_no_doubles() -> None:
    assert len({(row.code, row.op) for row in COMMANDS}) == len(COMMANDS) == 31
    for table in (PARAMETERS, SM_PARAMETERS):
        assert len(set(table.values())) == len(table)


# fmt: off
STATUS = {
    0x15: Error.PARAMETER, 0x16: Error.KEY_CHECK, 0x17: Error.MODE, 0x18: Error.KCV, 0x19: Error.NO_PIN,
    0x1A: Error.SERIAL_SET, 0x80: Error.TIME_OUT, 0x81: Error.NO_KEY_PRESSED, 0xA4: Error.MASTER_MISSING,
    0xA5: Error.WORK_MISSING, 0xE0: Error.UNKNOWN_COMMAND, 0xE1: Error.LOCKED, 0xE2: Error.NOT_CLEARED,
    0xE3: Error.NOT_VERIFIED, 0xF0: Error.TEST_CPU, 0xF1: Error.TEST_SRAM, 0xF2: Error.TEST_KEYS,
    0xF3: Error.TEST_SERIAL, 0xF4: Error.TEST_CARD, 0xF5: Error.TEST_BATTERY, 0xF6: Error.TEST_MASTER_LOST,
    0xF7: Error.TEST_OTHER, 0xB5: Error.UNKNOWN_COMMAND_MASTER, 0xD5: Error.UNKNOWN_COMMAND_BATTERY,
}
# fmt: on


@pytest.mark.parametrize(("status", "error"), STATUS.items())
def test_status_bytes(status: int, error: Error) -> None:
    raw = bytes((status,))
    assert DIALECT.decode_reply(raw) == (None, Reply(error, f"{status:02X}"))
    assert DIALECT.encode_reply(None, Reply(error)) == raw
    assert DIALECT.tree(raw, False).name == "failure"


def test_status_of_an_answer_that_is_done() -> None:
    assert DIALECT.decode_reply(b"\xc4\x01") == (None, Reply(data=b"\x01", battery_low=True))
    assert DIALECT.encode_reply(None, Reply(battery_low=True)) == b"\xc4"
    assert DIALECT.decode_reply(b"\x77") == (None, Reply(Error.OTHER, "77"))
    assert DIALECT.encode_reply(None, Reply(Error.OTHER, "77")) == b"\x77"


def test_sixteen_keys_have_sixteen_codes() -> None:
    pad = [key for key in Key if key.digit] + [
        Key.ENTER, Key.CLEAR, Key.CANCEL, Key.POINT, Key.DOUBLE_ZERO, Key.BLANK
    ]  # fmt: skip
    codes = [DIALECT.byte_of(key) for key in pad]
    assert codes == [*range(0x30, 0x3A), 0x0D, 0x08, 0x1B, 0x2E, 0x22, 0x20]
    assert [DIALECT.key_of(code) for code in codes] == pad
    assert (DIALECT.key_of(0x7F), DIALECT.key_of(0x07)) == (Key.DOUBLE_ZERO, Key.BLANK)
    assert [DIALECT.key_of(code) for code in (0x2A, 0x80, 0x41, 0x48)] == [Key.MASKED, Key.TIME_OUT, Key.F1, Key.F8]
    assert DIALECT.key_of(0xFF) is DIALECT.key_of(0x03) is None


def test_keys_are_items_of_the_framing() -> None:
    items = DIALECT.framing().feed(b"******\r", 0.0)
    assert items == [Control(0x2A)] * 6 + [Control(0x0D)]


def test_a_dialect_without_the_final_03() -> None:
    assert EppB(trailer=False).framing().wrap(b"\x42") == b"\x02014243"


@pytest.mark.parametrize(
    "request_",
    [
        Request(Op.SET),
        Request(Op.SET, setting=Setting.MAC_MODE, value=PinFormat.ISO_0),
        Request(Op.KEYPAD),
        Request(Op.ENCRYPT, data=bytes(249)),
        Request(Op.MAC, data=bytes(1017)),
        Request(Op.RESET, data=b"8"),
        Request(Op.ACTIVATE, slot=4),
        Request(Op.ACTIVATE, master=32),
        Request(Op.ACTIVATE, cipher=Cipher.DES),
        Request(Op.START_PIN, most=300),
        Request(Op.UNKNOWN, code=256),
    ],
)
def test_what_the_dialect_cannot_say(request_: Request) -> None:
    assert not DIALECT.supports(request_)
    with pytest.raises(WireError):
        DIALECT.encode_request(request_)


def test_a_long_mac_travels_in_a_long_frame() -> None:
    text = DIALECT.encode_request(Request(Op.MAC, data=bytes(300)))
    raw = DIALECT.framing().wrap(text)
    assert raw[1:3] == b"00"
    assert DIALECT.framing().feed(raw, 0.0) == [Frame(text, raw)]


def test_the_tree_says_where_keys_and_card_numbers_stand() -> None:
    shown = {
        node.name: node.privacy
        for text in ("32 00" + D.hex(), "33 00 40" + D.hex(), "34 363738393031323334353637", "82 00" + D.hex())
        for _, node in DIALECT.tree(bytes.fromhex(text), True).walk()
    }
    assert shown["key"] is Privacy.KEY
    assert shown["pan"] is Privacy.CARD_NUMBER
    assert shown["master"] is Privacy.OPEN


def test_no_text_is_no_message() -> None:
    for call in (DIALECT.decode_request, DIALECT.decode_reply):
        with pytest.raises(WireError):
            call(b"")
    assert DIALECT.tree(b"", True).name == "undecodable"


@QUICK
@given(st.binary(min_size=1, max_size=40))
def test_any_text_is_understood_or_called_unknown_and_can_be_said_again(text: bytes) -> None:
    request = DIALECT.decode_request(text)
    assert DIALECT.tree(text, True).render("zh")
    assert DIALECT.tree(text, False).render("en")
    again = DIALECT.encode_request(request) if DIALECT.supports(request) else text
    assert DIALECT.decode_request(again) == request
    reply = DIALECT.decode_reply(text)[1]
    assert DIALECT.encode_reply(None, reply) == text
