"""CRT-591 and CRT-310 beyond their vectors: every row both ways, every error, pairing, limits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.wire.base import WireError
from protocols.wire.card_reader import CardReaderDialect, Error, Media, Op, Place, Reply, Request
from protocols.wire.card_reader_rows import Row
from protocols.wire.crt310 import DIALECT as CRT310
from protocols.wire.crt310_tables import COMMANDS as ROWS_310
from protocols.wire.crt310_tracks import Track, build_tracks, parse_tracks
from protocols.wire.crt591 import DIALECT as CRT591
from protocols.wire.crt591_tables import COMMANDS as ROWS_591

BOTH = pytest.mark.parametrize("dialect", [CRT591, CRT310], ids=["crt591", "crt310"])
EVERY_ROW = [
    pytest.param(dialect, row, id=f"{dialect.name}-{row.cm:02X}-{row.pm if row.pm is None else f'{row.pm:02X}'}")
    for dialect, rows in ((CRT591, ROWS_591), (CRT310, ROWS_310))
    for row in rows
]
QUICK = settings(max_examples=100, deadline=None)


@pytest.mark.parametrize(("dialect", "row"), EVERY_ROW)
def test_every_row_both_ways(dialect: CardReaderDialect, row: Row) -> None:
    request = replace(row.means, pm=0x33) if row.pm is None else row.means
    text = dialect.encode_request(request)
    assert dialect.supports(request)
    assert dialect.decode_request(text) == request
    reply = dialect.encode_reply(request, Reply(media=Media.INSIDE, stacker=1, bin_full=True, data=b"\x3b\x00"))
    assert dialect.answers(text, reply)
    echoed, decoded = dialect.decode_reply(reply)
    assert (echoed.op, echoed.place) == (request.op, request.place)
    assert decoded.ok
    assert row.label.zh
    assert dialect.tree(text, True).name == "command"


@BOTH
def test_no_two_rows_share_bytes_or_meaning(dialect: CardReaderDialect) -> None:
    rows = list(ROWS_591 if dialect is CRT591 else ROWS_310)
    assert len({(row.cm, row.pm) for row in rows}) == len(rows)
    assert len({replace(row.means, pm=0) for row in rows}) == len(rows)


@BOTH
@pytest.mark.parametrize("error", list(Error))
@pytest.mark.parametrize("op", [Op.STATUS, Op.CHIP_APDU, Op.MOVE])
def test_every_error_has_a_code(dialect: CardReaderDialect, error: Error, op: Op) -> None:
    request = Request(op, place=Place.EJECT if op is Op.MOVE else None)
    text = dialect.encode_reply(request, Reply(error=error))
    _, reply = dialect.decode_reply(text)
    assert not reply.ok
    assert dialect.encode_reply(request, Reply(error=error, code=reply.code)) == text
    assert dialect.answers(dialect.encode_request(request), text)


# fmt: off
ERRORS_591 = {
    "00": Error.UNKNOWN_COMMAND, "01": Error.PARAMETER, "02": Error.SEQUENCE, "03": Error.NOT_FITTED, "04": Error.DATA,
    "05": Error.CONTACT_NOT_RELEASED, "10": Error.JAM, "12": Error.SENSOR, "13": Error.TOO_LONG, "14": Error.TOO_SHORT,
    "40": Error.PULLED, "41": Error.MAGNET, "43": Error.CANNOT_REACH_IC, "45": Error.MOVED_BY_HAND,
    "50": Error.COUNTER_OVERFLOW, "51": Error.MOTOR, "60": Error.SHORT_CIRCUIT, "61": Error.ACTIVATION,
    "62": Error.PROTOCOL, "63": Error.NO_ANSWER, "64": Error.CARD_COMMUNICATION, "65": Error.NOT_ACTIVATED,
    "66": Error.UNSUPPORTED_CARD, "67": Error.TRANSMISSION, "68": Error.OVERTIME, "69": Error.NOT_EMV,
    "A0": Error.STACKER_EMPTY, "A1": Error.BIN_FULL, "B0": Error.NOT_INITIALISED,
}
# fmt: on


@pytest.mark.parametrize(("code", "error"), ERRORS_591.items())
def test_error_codes_of_the_591(code: str, error: Error) -> None:
    text = b"\x4e\x32\x39" + code.encode()
    assert CRT591.decode_reply(text) == (Request(Op.MOVE, Place.EJECT), Reply(error=error, code=code))
    assert CRT591.encode_reply(Request(Op.MOVE, Place.EJECT), Reply(error=error)) == text


def test_the_printed_negative_head_and_an_unknown_code() -> None:
    assert CRT591.decode_reply(b"\x45\x31\x30B0")[1].error is Error.NOT_INITIALISED
    assert CRT591.decode_reply(b"\x4e\x31\x3077")[1] == Reply(error=Error.OTHER, code="77")
    assert CRT591.encode_reply(Request(Op.STATUS), Reply(error=Error.OTHER, code="77")) == b"\x4e\x31\x3077"


@pytest.mark.parametrize(
    ("s1", "media"),
    [
        (0x46, Media.LONG),
        (0x47, Media.SHORT),
        (0x48, Media.GATE),
        (0x49, Media.GATE),
        (0x4A, Media.INSIDE),
        (0x4B, Media.IC),
        (0x4C, Media.REAR),
        (0x4D, Media.REAR),
        (0x4E, Media.NONE),
    ],
)
def test_positions_of_the_310(s1: int, media: Media) -> None:
    assert CRT310.decode_reply(bytes((0x31, 0x30, s1, 0x4A, 0x4E)))[1] == Reply(media=media, data=b"\x4a\x4e")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (0, Error.UNKNOWN_COMMAND),
        (1, Error.PARAMETER),
        (2, Error.CANNOT_EXECUTE),
        (4, Error.DATA),
        (5, Error.SUPPLY),
        (6, Error.ABNORMAL_CARD),
        (7, Error.POWER_LOST),
    ],
)
def test_abnormal_answers_of_the_310(code: int, error: Error) -> None:
    text = bytes((0x4E, 0x31, code))
    assert CRT310.decode_reply(text)[1] == Reply(error=error, code=f"{code:02X}")
    assert CRT310.encode_reply(Request(Op.STATUS), Reply(error=error)) == text


@pytest.mark.parametrize(
    ("letter", "error"),
    [(b"Y", None), (b"N", Error.OTHER), (b"E", Error.SEQUENCE), (b"W", Error.CANNOT_EXECUTE)],
)
def test_letters_of_a_move(letter: bytes, error: Error | None) -> None:
    reply = CRT310.decode_reply(b"\x32\x33" + letter)[1]
    assert reply == (Reply() if error is None else Reply(error=error, code=letter.decode()))


def test_the_letter_of_an_entry_answer_is_never_an_error() -> None:
    assert CRT310.decode_reply(b"\x2f\x33N")[1] == Reply(data=b"N")


def test_chip_power_and_sockets() -> None:
    assert CRT591.decode_request(bytes.fromhex("43 51 30 33")) == Request(Op.CHIP_ON, volts=5, emv=False)
    assert CRT591.decode_request(bytes.fromhex("43 51 30 35")) == Request(Op.CHIP_ON, volts=3)
    assert CRT591.encode_request(Request(Op.CHIP_ON, volts=3, emv=False)) == bytes.fromhex("43 51 30 35")
    assert not CRT310.supports(Request(Op.CHIP_ON, volts=3))
    assert [CRT591.supports(Request(Op.SOCKET, socket=n)) for n in (0, 1, 5, 6)] == [False, True, True, False]
    sam = Request(Op.CHIP_APDU, socket=8, data=bytes.fromhex("0084000008"))
    assert CRT310.encode_request(sam) == bytes.fromhex("3D 31 37 0084000008")
    assert CRT310.decode_request(CRT310.encode_request(sam)) == sam
    assert not CRT310.supports(replace(sam, socket=9))


@pytest.mark.parametrize(("dialect", "head"), [(CRT591, "50 51 30 32 30 30"), (CRT310, "37 30 59")])
def test_the_protocol_stands_before_the_atr(dialect: CardReaderDialect, head: str) -> None:
    atr = bytes.fromhex("3B6D000000814A444686605199000001AC")
    text = dialect.encode_reply(
        Request(Op.CHIP_ON), Reply(media=Media.IC, stacker=0, bin_full=False, protocol=0, data=atr)
    )
    assert text == bytes.fromhex(head) + b"0" + atr
    decoded = dialect.decode_reply(text)[1]
    assert (decoded.protocol, decoded.data) == (0, atr)
    with pytest.raises(WireError):
        dialect.decode_reply(bytes.fromhex(head) + atr)


@pytest.mark.parametrize(
    ("dialect", "text", "number"),
    [
        (CRT591, "43 77 30", 0),
        (CRT591, "43 32 77", 1),
        (CRT591, "43 51 30 99", 2),
        (CRT591, "43 52 40", 2),
        (CRT310, "77 30", 0),
        (CRT310, "32 77", 1),
        (CRT310, "2F 33", 2),
        (CRT310, "3D 30 99", 2),
    ],
)
def test_unknown_requests_say_what_is_unknown_and_are_echoed(
    dialect: CardReaderDialect, text: str, number: int
) -> None:
    raw = bytes.fromhex(text)
    request = dialect.decode_request(raw)
    assert (request.op, request.number) == (Op.UNKNOWN, number)
    assert dialect.encode_request(request) == raw
    assert dialect.answers(raw, dialect.encode_reply(request, Reply(error=Error.UNKNOWN_COMMAND)))


@BOTH
def test_what_is_no_message(dialect: CardReaderDialect) -> None:
    for text in (b"", b"\x43"):
        with pytest.raises(WireError):
            dialect.decode_request(text)
        with pytest.raises(WireError):
            dialect.decode_reply(text)
    with pytest.raises(WireError):
        dialect.encode_request(Request(Op.MOVE))
    with pytest.raises(WireError):
        dialect.encode_request(Request(Op.CHIP_APDU, data=bytes(dialect.rules.data_limit + 1)))
    assert not dialect.supports(Request(Op.LINE_SPEED, number=99))


@pytest.mark.parametrize(
    "text", ["50 31 30 33 30 30", "50 31 30 30 33 30", "50 31 30", "4E 31 30 31", "4E 31 30 31 30 30"]
)
def test_broken_answers_of_the_591(text: str) -> None:
    with pytest.raises(WireError):
        CRT591.decode_reply(bytes.fromhex(text))


@BOTH
def test_an_answer_to_another_command_does_not_pair(dialect: CardReaderDialect) -> None:
    status, eject = dialect.encode_request(Request(Op.STATUS)), dialect.encode_request(Request(Op.MOVE, Place.EJECT))
    for reply in (Reply(media=Media.NONE), Reply(error=Error.DATA)):
        assert dialect.answers(status, dialect.encode_reply(Request(Op.STATUS), reply))
        assert not dialect.answers(eject, dialect.encode_reply(Request(Op.STATUS), reply))
    assert not dialect.answers(status, b"")


def test_initialise_without_a_place_leaves_the_card() -> None:
    for dialect in (CRT591, CRT310):
        assert dialect.decode_request(dialect.encode_request(Request(Op.INITIALISE))).place is Place.STAY


def test_tracks() -> None:
    tracks = (Track(b"%B6299?"), Track(error=0xE5), Track(b"", readable=False))
    data = build_tracks(tracks)
    assert data == b"\x1fY%B6299?\x1fN\xe5\x1fO"
    assert parse_tracks(data) == tracks
    with pytest.raises(WireError):
        parse_tracks(b"\x1fX")
    with pytest.raises(WireError):
        build_tracks([Track(b"\x1f")])


requests = st.builds(
    Request,
    op=st.sampled_from(Op),
    place=st.none() | st.sampled_from(Place),
    enabled=st.none() | st.booleans(),
    socket=st.integers(0, 9),
    number=st.integers(0, 6),
    data=st.binary(max_size=20),
    cm=st.integers(0, 255),
    pm=st.integers(0, 255),
)


@QUICK
@given(st.sampled_from([CRT591, CRT310]), requests)
def test_what_a_dialect_says_it_also_understands(dialect: CardReaderDialect, request: Request) -> None:
    if dialect.supports(request):
        text = dialect.encode_request(request)
        again = dialect.decode_request(text)
        assert dialect.encode_request(again) == text


@QUICK
@given(st.sampled_from([CRT591, CRT310]), st.binary(max_size=30), st.booleans())
def test_any_text_gives_a_value_or_a_wire_error(dialect: CardReaderDialect, text: bytes, to_device: bool) -> None:
    try:
        dialect.decode_request(text) if to_device else dialect.decode_reply(text)
    except WireError:
        assert dialect.tree(text, to_device).label.zh
    else:
        assert dialect.tree(text, to_device).name != "undecodable"
