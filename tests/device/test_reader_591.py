"""The card reader under CRT-591. Frames are typed from spec/devices.md 4.1; check bytes worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from reader_bench import ATR_3_0, Bench, Chip, frame

from protocols.wire.card_reader import Error, Place
from simulators.card.body import CardBody
from simulators.device.base import Physical
from simulators.device.card_reader import ReaderOptions, ReaderReadings, ReaderTiming, build_reader

Make = Callable[..., Bench]

INIT_LEAVE = "F2 00 00 03 43 30 33 03 B2"
INIT_GATE = "F2 00 00 03 43 30 30 03 B1"
STATUS = "F2 00 00 03 43 31 30 03 B0"
SENSORS = "F2 00 00 03 43 31 31 03 B1"
EJECT = "F2 00 00 03 43 32 39 03 BA"
TO_IC = "F2 00 00 03 43 32 31 03 B2"
TO_RF = "F2 00 00 03 43 32 32 03 B1"
CAPTURE = "F2 00 00 03 43 32 33 03 B0"
HOLD = "F2 00 00 03 43 32 30 03 B3"
ENTRY_ON = "F2 00 00 03 43 33 30 03 B2"
ENTRY_OFF = "F2 00 00 03 43 33 31 03 B3"
COLD_5V = "F2 00 00 04 43 51 30 30 03 E7"
COLD_3V = "F2 00 00 04 43 51 30 35 03 E2"
SAM_2 = "F2 00 00 04 43 52 40 31 03 95"

INSIDE = "F2 00 00 06 50 31 30 32 30 30 03 94"
AT_GATE = "F2 00 00 06 50 31 30 31 30 30 03 97"
EMPTY = "F2 00 00 06 50 31 30 30 30 30 03 96"
NOT_READY = "F2 00 00 05 4E 31 30 42 30 03 C9"
JAM_TO_IC = "F2 00 00 05 4E 32 31 31 30 03 B8"


def error_of(answer: str) -> str:
    """Error characters of a failure, ``''`` for a success."""
    raw = bytes.fromhex(answer)
    return raw[7:9].decode() if raw[4] == 0x4E else ""


def with_card(made: Bench, **body: object) -> CardBody:
    """Insert a card and wait until it has come to rest."""
    card = CardBody("test card", **body)  # type: ignore[arg-type]
    made.act("insert", card)
    made.wait(1.5)
    return card


def test_everything_before_initialise_is_refused(bench: Make) -> None:
    made = bench()
    assert made.say(STATUS) == NOT_READY
    assert error_of(made.say(ENTRY_ON)) == "B0"
    assert made.say(INIT_GATE) == "F2 00 00 12 50 30 30 30 30 30 43 52 54 2D 35 39 31 2D 4D 30 30 31 03 87"
    assert made.say(STATUS) == EMPTY


def test_a_card_comes_in_and_goes_where_it_is_sent(ready: Make) -> None:
    made = ready()
    with_card(made)
    assert made.say(STATUS) == INSIDE
    assert error_of(made.say(TO_IC)) == ""
    assert error_of(made.say(HOLD)) == ""
    assert made.say(STATUS) == AT_GATE
    assert error_of(made.say(TO_RF)) == ""
    assert made.say(STATUS) == INSIDE
    assert error_of(made.say(EJECT)) == ""
    assert made.say(STATUS) == EMPTY


def test_motions_take_their_time(ready: Make) -> None:
    made = ready()
    with_card(made)
    start = made.now
    made.say(EJECT)
    assert made.now - start == pytest.approx(0.605)


def test_entry_off_bounces_a_card_and_initialise_switches_it_off(ready: Make) -> None:
    made = ready()
    made.say(ENTRY_OFF)
    with_card(made)
    assert made.say(STATUS) == EMPTY
    made.say(ENTRY_ON)
    made.say(INIT_LEAVE)
    with_card(made)
    assert made.say(STATUS) == EMPTY
    made.say(ENTRY_ON)
    with_card(made)
    assert made.say(STATUS) == INSIDE


def test_a_second_card_bounces(ready: Make) -> None:
    made = ready()
    with_card(made)
    made.act("insert", CardBody("second"))
    made.wait(1.5)
    assert made.device.snapshot()["card"] == "test card"


def test_commands_during_intake_are_ignored_nak_ed_or_queued(ready: Make) -> None:
    for reading, first in (("ignored", b""), ("nak", b"\x15"), ("queued", b"")):
        made = ready(readings=ReaderReadings(while_moving=reading))  # type: ignore[arg-type]
        made.act("insert", CardBody("test card"))
        assert made.send(STATUS, 0.2) == first
        later = made.wait(0.75)
        assert (later == bytes.fromhex("06" + INSIDE)) is (reading == "queued")


def test_ejected_card_leaves_or_is_held(ready: Make) -> None:
    made = ready(readings=ReaderReadings(eject_holds=True))
    with_card(made)
    made.say(EJECT)
    assert made.say(STATUS) == AT_GATE
    made.act("remove")
    assert made.say(STATUS) == EMPTY


def test_accepted_card_stops_where_the_reading_says(ready: Make) -> None:
    made = ready(readings=ReaderReadings(accept_stop=Place.GATE))
    with_card(made)
    assert made.say(STATUS) == AT_GATE


def test_move_without_a_card(ready: Make) -> None:
    assert error_of(ready().say(EJECT)) == "02"
    assert error_of(ready(options=ReaderOptions(stacker=True)).say(EJECT)) == "A0"
    assert error_of(ready(options=ReaderOptions(stacker=True)).say(CAPTURE)) == "02"


def test_capture_counts_and_reports_a_full_bin(ready: Make) -> None:
    made = ready(options=ReaderOptions(bin_capacity=2))
    for _ in range(2):
        with_card(made)
        assert error_of(made.say(CAPTURE)) == ""
    assert made.say(STATUS) == "F2 00 00 06 50 31 30 30 30 31 03 97"
    assert made.say(frame("43 A5 30")) == frame("50 A5 30 30 30 31 30 30 32")
    with_card(made)
    assert error_of(made.say(CAPTURE)) == "A1"
    assert made.say(STATUS) == "F2 00 00 06 50 31 30 32 30 31 03 95"
    made.act("bin-empty")
    assert error_of(made.say(CAPTURE)) == ""
    assert made.say(frame("43 A5 31 30 30 30")) == frame("50 A5 31 30 30 30")
    assert bytes.fromhex(made.say(frame("43 A5 30")))[10:13] == b"000"


def test_initialise_with_capture_counts_only_by_the_reading(ready: Make) -> None:
    for reading, first in (("switches", b"000"), ("this", b"001")):
        made = ready(readings=ReaderReadings(retract_counting=reading))  # type: ignore[arg-type]
        with_card(made)
        assert error_of(made.say(frame("43 30 35"))) == ""
        assert bytes.fromhex(made.say(frame("43 A5 30")))[10:13] == first


def test_a_jam_is_reported_and_the_card_is_not_lost(ready: Make) -> None:
    made = ready()
    with_card(made)
    made.act("jam")
    assert made.say(TO_IC) == JAM_TO_IC
    assert made.say(STATUS) == INSIDE
    assert error_of(made.say(INIT_LEAVE)) == "10"
    made.act("clear-jam")
    assert error_of(made.say(INIT_LEAVE)) == ""
    assert error_of(made.say(EJECT)) == ""


def test_jam_on_the_way_in(ready: Make) -> None:
    made = ready()
    made.act("jam")
    with_card(made)
    assert made.say(STATUS) == INSIDE
    assert error_of(made.say(EJECT)) == "10"


@pytest.mark.parametrize(("length", "code"), [("long", "13"), ("short", "14")])
def test_cards_of_the_wrong_length(ready: Make, length: str, code: str) -> None:
    made = ready()
    with_card(made, length=length)
    assert error_of(made.say(TO_IC)) == code
    assert error_of(made.say(CAPTURE)) == code
    assert error_of(made.say(EJECT)) == ""
    assert made.say(STATUS) == EMPTY


def test_pulled_in_motion_and_at_rest(ready: Make) -> None:
    made = ready()
    with_card(made)
    made.device.receive(bytes.fromhex(TO_IC), made.now)
    assert made.wait(0.1) == b"\x06"
    made.act("pull")
    assert made.wait(0.3) == bytes.fromhex(frame("4E 32 31 34 30"))
    made.send("06")
    assert made.say(STATUS) == EMPTY
    with_card(made)
    made.act("pull")
    assert made.say(STATUS) == EMPTY
    assert error_of(made.say(EJECT)) == "45"
    assert error_of(made.say(EJECT)) == "02"


@pytest.mark.parametrize(("action", "code"), [("sensor-fault", "12"), ("motor-fault", "51"), ("supply-low", "51")])
def test_faults_forbid_motion_until_repair(ready: Make, action: str, code: str) -> None:
    made = ready()
    with_card(made)
    made.act(action)
    assert error_of(made.say(EJECT)) == code
    made.act("repair")
    assert error_of(made.say(EJECT)) == ""


@pytest.mark.parametrize(("rule", "seen"), [("kept", INSIDE), ("eject", EMPTY), ("capture", EMPTY)])
def test_power_failure_and_the_power_down_rule(ready: Make, rule: str, seen: str) -> None:
    made = ready(options=ReaderOptions(powerdown=rule))  # type: ignore[arg-type]
    with_card(made)
    made.act("poweroff")
    assert made.send(STATUS, 1.0) == b""
    made.act("poweron")
    made.wait(2.0)
    assert made.say(STATUS) == NOT_READY
    made.say(INIT_LEAVE)
    assert made.say(STATUS) == seen
    snapshot = made.device.snapshot()
    assert (snapshot["at_mouth"] == "test card") is (rule == "eject")
    assert snapshot["bin_cards"] == (1 if rule == "capture" else 0)


def test_power_cut_in_mid_motion_loses_no_card(ready: Make) -> None:
    made = ready()
    with_card(made)
    made.device.receive(bytes.fromhex(EJECT), made.now)
    made.wait(0.3)
    made.act("poweroff")
    assert made.wait(1.0) == b""
    made.act("poweron")
    made.wait(1.0)
    made.say(INIT_LEAVE)
    assert made.say(STATUS) == INSIDE


def test_cold_reset_apdu_and_power_off(ready: Make) -> None:
    select = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
    chip = Chip(answers={select: b"\x61\x1e"})
    made = ready()
    with_card(made, chip=chip)
    assert error_of(made.say(COLD_5V)) == "61"
    made.say(TO_IC)
    assert made.say(COLD_5V) == frame("50 51 30 32 30 30 30" + ATR_3_0.hex())
    assert made.say(frame("43 51 33" + select.hex())) == frame("50 51 33 32 30 30 61 1E")
    assert made.say(frame("43 51 33" + select.hex() + "1E")) == frame("50 51 33 32 30 30 61 1E")
    assert error_of(made.say(frame("43 51 31"))) == ""
    assert error_of(made.say(frame("43 51 33" + select.hex()))) == "65"
    assert not chip.powered


def test_256_bytes_and_their_status_word_pass(ready: Make) -> None:
    read = bytes.fromhex("00B0000000")
    made = ready()
    with_card(made, chip=Chip(answers={read: bytes(range(256)) + b"\x90\x00"}))
    made.say(TO_IC)
    made.say(COLD_5V)
    assert made.say(frame("43 51 33" + read.hex())) == frame("50 51 33 32 30 30" + bytes(range(256)).hex() + "90 00")


def test_61_and_6c_are_resolved_where_the_reading_says_so(ready: Make) -> None:
    answers = {
        bytes.fromhex("00B0000000"): b"\x6c\x02",
        bytes.fromhex("00B0000002"): b"\x12\x34\x61\x01",
        bytes.fromhex("00C0000001"): b"\x56\x90\x00",
    }
    made = ready(readings=ReaderReadings(resolve_61_6c=True))
    with_card(made, chip=Chip(answers=answers))
    made.say(TO_IC)
    made.say(COLD_5V)
    assert made.say(frame("43 51 33 00 B0 00 00 00")) == frame("50 51 33 32 30 30 12 34 56 90 00")


def test_short_circuit_has_its_own_code_and_the_next_card_works(ready: Make) -> None:
    made = ready()
    with_card(made, chip=Chip(), shorted=True)
    made.say(TO_IC)
    assert error_of(made.say(COLD_5V)) == "60"
    made.say(EJECT)
    with_card(made, chip=Chip())
    made.say(TO_IC)
    assert error_of(made.say(COLD_5V)) == ""


def test_short_circuit_by_hand_ends_with_the_card(ready: Make) -> None:
    made = ready()
    card = with_card(made, chip=Chip())
    made.say(TO_IC)
    made.act("short-circuit")
    assert error_of(made.say(COLD_5V)) == "60"
    made.say(EJECT)
    made.act("insert", card)
    made.wait(1.5)
    made.say(TO_IC)
    assert error_of(made.say(COLD_5V)) == ""


def test_mute_chip_and_supply_classes(ready: Make) -> None:
    for body, wanted in (
        ({"chip": Chip(atr=b"")}, ("63", "63")),
        ({"chip": Chip(), "classes": frozenset({3})}, ("63", "")),
        ({"chip": Chip(), "classes": frozenset({5})}, ("", "63")),
        ({"chip": Chip(atr=bytes.fromhex("0000"))}, ("61", "61")),
    ):
        made = ready()
        with_card(made, **body)
        made.say(TO_IC)
        assert (error_of(made.say(COLD_5V)), error_of(made.say(COLD_3V))) == wanted


def test_moving_releases_the_contact_or_is_refused(ready: Make) -> None:
    made = ready()
    chip = with_card(made, chip=Chip()).chip
    made.say(TO_IC)
    made.say(COLD_5V)
    assert isinstance(chip, Chip)
    assert chip.powered
    assert error_of(made.say(TO_RF)) == ""
    assert not chip.powered
    made = ready(readings=ReaderReadings(move_powered="refused"))
    with_card(made, chip=Chip())
    made.say(TO_IC)
    made.say(COLD_5V)
    assert error_of(made.say(TO_RF)) == "05"


def test_card_pulled_during_and_after_an_apdu(ready: Make) -> None:
    made = ready(timing=ReaderTiming(apdu_s=0.1))
    with_card(made, chip=Chip())
    made.say(TO_IC)
    made.say(COLD_5V)
    made.device.receive(bytes.fromhex(frame("43 51 33 00 84 00 00 08")), made.now)
    made.wait(0.05)
    made.act("pull")
    assert made.wait(0.1) == bytes.fromhex(frame("4E 51 33 36 34"))
    made.send("06")
    assert error_of(made.say(frame("43 51 33 00 84 00 00 08"))) == "65"
    assert made.say(STATUS) == EMPTY


def test_sam_sockets_each_hold_their_own_card(ready: Make) -> None:
    challenge = bytes.fromhex("0084000004")
    sams = {n: Chip(answers={challenge: bytes((n,)) * 4 + b"\x90\x00"}) for n in (1, 2)}
    made = ready(sam_cards=sams)
    assert made.say(SAM_2) == frame("50 52 40 30 30 30")
    assert error_of(made.say(frame("43 52 30 30"))) == ""
    assert made.say(frame("43 52 33 00 84 00 00 04")) == frame("50 52 33 30 30 30 02 02 02 02 90 00")
    assert error_of(made.say(frame("43 52 40 30"))) == ""
    assert error_of(made.say(frame("43 52 33 00 84 00 00 04"))) == "65"
    assert error_of(made.say(frame("43 52 40 34"))) == "03"
    assert made.say(frame("43 52 40 35")) == frame("4E 52 40 30 34")


def test_memory_card_needs_its_psc(ready: Make) -> None:
    made = ready()
    with_card(made, memory="SLE4442")
    made.say(TO_IC)
    assert made.say(frame("43 53 30")) == frame("50 53 30 32 30 30 A2 13 10 91")
    write, read = frame("43 53 33 00 D0 00 20 02 AB CD"), frame("43 53 33 00 B0 00 20 02")
    assert made.say(write) == frame("50 53 33 32 30 30 6F 00")
    assert made.say(frame("43 53 33 00 20 00 00 03 00 00 00")) == frame("50 53 33 32 30 30 6F 01")
    assert made.say(frame("43 53 33 00 20 00 00 03 FF FF FF")) == frame("50 53 33 32 30 30 90 00")
    assert made.say(write) == frame("50 53 33 32 30 30 90 00")
    assert made.say(read) == frame("50 53 33 32 30 30 AB CD 90 00")


def test_mifare_needs_its_key(ready: Make) -> None:
    made = ready()
    with_card(made, memory="S50")
    activated = bytes.fromhex(made.say(frame("43 60 30")))
    assert activated[10:13] == b"A\x00\x04"
    read = "F2 00 00 08 43 60 33 00 B0 01 00 02 03 5A"
    assert made.say(read) == frame("50 60 33 32 30 30 6F 00")
    assert made.say(frame("43 60 33 00 20 00 01 06 00 00 00 00 00 00")) == frame("50 60 33 32 30 30 6F 01")
    assert made.say(frame("43 60 33 00 20 00 01 06 FF FF FF FF FF FF")) == frame("50 60 33 32 30 30 90 00")
    assert made.say(read) == frame("50 60 33 32 30 30" + "00" * 32 + "90 00")
    assert made.say(frame("43 60 33 00 D2 01 00 04 64 00 00 00")) == frame("50 60 33 32 30 30 90 00")
    assert made.say(frame("43 60 33 00 D4 01 00 04 01 00 00 00")) == frame("50 60 33 32 30 30 90 00")
    assert made.say(frame("43 60 33 00 B1 01 00 04")) == frame("50 60 33 32 30 30 63 00 00 00 90 00")


def test_contactless_face_is_another_chip(ready: Make) -> None:
    made = ready()
    rf = Chip(atr=bytes.fromhex("3B8D80010081534D4386604419000000016A"))
    with_card(made, chip=Chip(), rf=rf)
    assert error_of(made.say(frame("43 60 34 00 84 00 00 04"))) == "65"
    assert error_of(made.say(frame("43 60 30"))) == ""
    assert made.say(frame("43 60 34 00 84 00 00 04")) == frame("50 60 34 32 30 30 90 00")
    assert rf.seen == [bytes.fromhex("0084000004")]


def test_unknown_commands_parameters_and_data(ready: Make) -> None:
    made = ready()
    assert error_of(made.say(frame("43 7A 30"))) == "00"
    assert error_of(made.say(frame("43 32 3A"))) == "01"
    assert error_of(made.say(frame("43 31 30 30"))) == "04"
    assert error_of(made.say(frame("43 51 30 37"))) == "04"


def test_data_beyond_512_bytes_is_refused(ready: Make) -> None:
    made = ready()
    assert error_of(made.say(frame("43 51 33" + "00" * 513))) == "04"
    assert made.send(frame("43 51 33" + "00" * 600)) == b""
    assert made.say(STATUS) == EMPTY


def test_sensor_count_is_a_reading(ready: Make) -> None:
    assert len(bytes.fromhex(ready(readings=ReaderReadings(sensor_bytes=12)).say(SENSORS))) == 6 + 6 + 12


def test_reset_elsewhere_is_a_reading(ready: Make) -> None:
    made = ready(readings=ReaderReadings(reset_elsewhere=Error.CANNOT_REACH_IC))
    assert error_of(made.say(COLD_5V)) == "43"


def test_unknown_hand_action_and_unknown_dialect_are_errors() -> None:
    with pytest.raises(ValueError, match="juggle"):
        build_reader().apply(Physical("juggle"), 0.0)
    with pytest.raises(ValueError, match="crt310, crt591"):
        build_reader(dialect="crt999")
    with pytest.raises(ValueError, match="SAM socket 7"):
        build_reader(sam_cards={7: Chip()})
