"""The card reader under CRT-310. Frames are typed from spec/devices.md 4.2."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from reader_bench import ATR_3_0, Bench, Chip, stx_frame

from simulators.card.body import CardBody
from simulators.device.card_reader import ReaderOptions

Make = Callable[..., Bench]

RESET = "02 00 02 30 30 03 03"
STATUS = "02 00 02 31 30 03 02"
ENTRY_ANY = "02 00 03 2F 33 31 03 2F"
ENTRY_FORBID = "02 00 03 2F 31 31 03 2D"
EJECT_HOLD = "02 00 02 32 31 03 00"
EJECT = "02 00 02 32 30 03 01"
CAPTURE = "02 00 02 32 33 03 02"
TO_IC = "02 00 02 32 2F 03 1E"
ALL_TRACKS = "02 00 04 45 30 30 37 03 77"
INSIDE = "02 00 05 31 30 4A 4A 4E 03 4B"


@pytest.fixture
def open_mouth(bench: Make) -> Make:
    def make(**options: object) -> Bench:
        made = bench(dialect="crt310", **options)
        assert made.ask(ENTRY_ANY) == "02 00 03 2F 33 59 03 47"
        return made

    return make


def put_in(made: Bench, **body: object) -> None:
    made.act("insert", CardBody("test card", **body))  # type: ignore[arg-type]
    made.wait(1.5)


def position(made: Bench) -> int:
    return bytes.fromhex(made.ask(STATUS))[5]


def test_reset_names_the_reader(bench: Make) -> None:
    assert made_text(bench(dialect="crt310").ask(RESET)) == b"CRT 310 V3.0"


def made_text(answer: str) -> bytes:
    return bytes.fromhex(answer)[5:-2]


def test_the_printed_answer_for_a_card_inside(open_mouth: Make) -> None:
    made = open_mouth()
    put_in(made)
    assert made.ask(STATUS) == INSIDE


def test_positions_follow_the_commands(open_mouth: Make) -> None:
    made = open_mouth()
    assert position(made) == 0x4E
    put_in(made)
    for command, place in ((TO_IC, 0x4B), (EJECT_HOLD, 0x49), (stx_frame("32 2E"), 0x4A), (stx_frame("32 32"), 0x4C)):
        assert made_text(made.ask(command)) == b"Y"
        assert position(made) == place
    assert made_text(made.ask(EJECT)) == b"Y"
    assert position(made) == 0x4E
    assert made_text(made.ask(CAPTURE)) == b"E"


@pytest.mark.parametrize(("pm", "place"), [(0x30, 0x49), (0x31, 0x49), (0x32, 0x4A), (0x33, 0x4B), (0x34, 0x4C)])
def test_where_an_accepted_card_stops(open_mouth: Make, pm: int, place: int) -> None:
    made = open_mouth()
    assert made_text(made.ask(stx_frame(f"2E {pm:02X}"))) == b"Y"
    put_in(made)
    assert position(made) == place


def test_magnetic_cards_only(open_mouth: Make) -> None:
    made = open_mouth()
    made.ask(stx_frame("2F 32 31"))
    put_in(made)
    assert position(made) == 0x4E
    put_in(made, tracks={2: "6299990000000000012=30122010000000000"})
    assert position(made) == 0x4A


@pytest.mark.parametrize(("length", "place"), [("long", 0x46), ("short", 0x47)])
def test_abnormal_cards_are_cleared(open_mouth: Make, length: str, place: int) -> None:
    made = open_mouth()
    put_in(made, length=length)
    assert position(made) == place
    assert made.ask(TO_IC) == stx_frame("4E 32 06")
    assert made_text(made.ask(stx_frame("32 34"))) == b"Y"
    assert position(made) == 0x4E


def test_tracks_have_a_result_each(open_mouth: Make) -> None:
    made = open_mouth()
    put_in(made, tracks={1: "!parity", 2: "62=30", 3: "!lrc"})
    assert made_text(made.ask(ALL_TRACKS)) == b"\x1f\x4e\xe3\x1f\x5962=30\x1f\x4e\xe4"
    assert made_text(made.ask(stx_frame("45 30 30 32"))) == b"\x1f\x5962=30"
    assert made_text(made.ask(stx_frame("45 30 30 35"))) == b"\x1f\x5962=30\x1f\x4e\xe4"


def test_a_blank_card_has_blank_tracks(open_mouth: Make) -> None:
    made = open_mouth()
    assert made.ask(ALL_TRACKS) == "02 00 03 4E 45 02 03 0B"
    put_in(made, tracks={2: "!start", 3: "!end"})
    assert made_text(made.ask(ALL_TRACKS)) == b"\x1f\x4e\xe5\x1f\x4e\xe1\x1f\x4e\xe2"


def test_chip_and_sam(open_mouth: Make) -> None:
    sam = Chip(atr=bytes.fromhex("3B00"))
    made = open_mouth(sam_cards={3: sam})
    put_in(made, chip=Chip())
    assert made_text(made.ask(stx_frame("37 30"))) == b"N"
    made.ask(TO_IC)
    assert made_text(made.ask(stx_frame("37 30"))) == b"Y0" + ATR_3_0
    assert made_text(made.ask(stx_frame("37 31 00 84 00 00 08"))) == b"Y\x90\x00"
    assert made_text(made.ask(stx_frame("3D 30 32"))) == b"Y0\x3b\x00"
    assert made.ask(stx_frame("3D 30 36")) == stx_frame("4E 3D 02")
    assert made_text(made.ask(stx_frame("33 31"))) == b"Y"
    assert made_text(made.ask(stx_frame("37 31 00 84 00 00 08"))) == b"N"


def test_mifare_by_its_own_commands(open_mouth: Make) -> None:
    made = open_mouth()
    put_in(made, memory="S50")
    assert made_text(made.ask(stx_frame("35 33 01 00"))) == b"N"
    assert made_text(made.ask(stx_frame("35 30"))) == b"Y"
    assert made_text(made.ask(stx_frame("35 32 01 FF FF FF FF FF FF"))) == b"Y"
    assert made_text(made.ask(stx_frame("35 33 01 00"))) == b"Y" + bytes(16)


def test_the_line_waits_two_seconds_for_enq(bench: Make) -> None:
    made = bench(dialect="crt310")
    assert made.send(STATUS, 1.9) == b"\x06"
    assert made.send("05") == bytes.fromhex("02 00 05 31 30 4E 4E 4E 03 4B")
    assert made.send(STATUS, 2.1) == b"\x06"
    assert made.send("05") == b""
    assert [each[:3] for each in made.device.violations()] == ["no ", "ENQ"]


def test_eot_cancels_an_acknowledged_command(bench: Make) -> None:
    made = bench(dialect="crt310")
    assert made.send(STATUS) == b"\x06"
    made.send("04")
    assert made.send("05") == b""
    assert made.ask(STATUS) != ""


def test_bad_bcc_is_refused(bench: Make) -> None:
    made = bench(dialect="crt310")
    assert made.send("02 00 02 31 30 03 03") == b"\x15"
    assert made.send("05") == b""


def test_entry_forbidden_after_reset(open_mouth: Make) -> None:
    made = open_mouth(options=ReaderOptions())
    made.ask(ENTRY_FORBID)
    put_in(made)
    assert position(made) == 0x4E
    made.ask(ENTRY_ANY)
    made.ask(RESET)
    put_in(made)
    assert position(made) == 0x4E
