"""Turns on the CRT-591 line: ACK, NAK, resends, EOT, noise, and the hostile mode (spec/devices.md 4.1)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from reader_bench import Bench

from protocols.wire.base import Control, Frame, Item
from protocols.wire.crt591 import DIALECT
from simulators.card.body import CardBody
from simulators.device.card_reader import ReaderReadings, ReaderTiming

Make = Callable[..., Bench]

STATUS = "F2 00 00 03 43 31 30 03 B0"
SENSORS = "F2 00 00 03 43 31 31 03 B1"
EJECT = "F2 00 00 03 43 32 39 03 BA"
INIT = "F2 00 00 03 43 30 33 03 B2"
EMPTY = bytes.fromhex("F2 00 00 06 50 31 30 30 30 30 03 96")


def test_ack_comes_after_its_time_and_the_answer_behind_it(ready: Make) -> None:
    made = ready()
    made.device.receive(bytes.fromhex(STATUS), made.now)
    assert made.wait(0.004) == b""
    assert made.wait(0.002) == b"\x06" + EMPTY


def test_nak_brings_the_answer_again(ready: Make) -> None:
    made = ready()
    assert made.send(STATUS) == b"\x06" + EMPTY
    for _ in range(3):
        assert made.send("15") == EMPTY
    assert made.send("15") == b""
    assert made.say(STATUS) == EMPTY.hex(" ").upper()


def test_silence_brings_the_answer_again_a_limited_number_of_times(ready: Make) -> None:
    made = ready(readings=ReaderReadings(resends=2))
    assert made.send(STATUS, 5.0) == b"\x06" + EMPTY * 3
    assert made.device.violations() == ["no ACK for an answer"] * 3
    assert made.device.deadline() is None


def test_a_new_command_counts_as_ack_or_is_refused(ready: Make) -> None:
    made = ready()
    made.send(STATUS)
    assert made.send(STATUS) == b"\x06" + EMPTY
    made = ready(readings=ReaderReadings(command_as_ack=False))
    made.send(STATUS, 0.1)
    assert made.send(STATUS, 0.1) == b"\x15"


def test_bad_bcc_is_refused_and_the_next_frame_understood(ready: Make) -> None:
    made = ready()
    assert made.send("F2 00 00 03 43 31 30 03 B1") == b"\x15"
    assert made.say(STATUS) != ""


@pytest.mark.parametrize("rubbish", ["FF FF 00", "F2 00 FF FF", "F2 00 00 03 43", "43 31 30 03 B0", "F2 05 05"])
def test_rubbish_is_silent_and_forgotten_after_100_ms(ready: Make, rubbish: str) -> None:
    made = ready()
    assert made.send(rubbish, 0.15) == b""
    assert made.send(STATUS) == b"\x06" + EMPTY


def test_noise_glued_to_a_command_does_not_hide_it(ready: Make) -> None:
    made = ready()
    assert made.send("FF FF" + STATUS) == b"\x06" + EMPTY
    made.send("06")
    raw = bytes.fromhex(STATUS)
    for cut in range(1, len(raw)):
        assert made.send(raw[:cut].hex(), 0.05) == b""
        assert made.send(raw[cut:].hex()) == b"\x06" + EMPTY
        made.send("06")


def test_truncated_frame_is_refused_where_the_reading_says_so(ready: Make) -> None:
    made = ready(readings=ReaderReadings(truncated="nak"))
    assert made.send("F2 00 00 03 43", 0.15) == b"\x15"


def test_eot_is_answered_and_cancels_the_answer(ready: Make) -> None:
    made = ready()
    assert made.send("04") == b"\x04"
    made.act("insert", CardBody("test card"))
    made.wait(1.5)
    assert made.send(EJECT, 0.1) == b"\x06"
    assert made.send("04", 2.0) == b"\x04"
    assert made.say(STATUS) == EMPTY.hex(" ").upper()


def test_eot_may_stop_the_motor(ready: Make) -> None:
    made = ready(readings=ReaderReadings(eot_during_motion="stops"))
    made.act("insert", CardBody("test card"))
    made.wait(1.5)
    made.send(EJECT, 0.1)
    assert made.send("04", 2.0) == b"\x04"
    assert made.say(STATUS).startswith("F2 00 00 06 50 31 30 32")


def test_a_repeat_is_executed_again_or_recognised(ready: Make) -> None:
    for reading, code in (("executed", b"N"), ("recognised", b"P")):
        made = ready(readings=ReaderReadings(repeat=reading))  # type: ignore[arg-type]
        made.act("insert", CardBody("test card"))
        made.wait(1.5)
        made.device.receive(bytes.fromhex(EJECT), made.now)
        made.wait(0.61)
        assert made.send(EJECT, 0.1)[5:6] == code


def test_violations_are_told_once(ready: Make) -> None:
    made = ready()
    assert made.device.violations() == []
    made.send("06 15")
    assert made.device.violations() == ["ACK for nothing", "NAK for nothing"]
    assert made.device.violations() == []


def items(raw: bytes) -> list[Item]:
    return DIALECT.framing().feed(raw, 0.0)


def converse(made: Bench, rounds: int) -> tuple[list[bytes], bytes]:
    """A patient host: sends status until it is answered. Gives the answers and everything that was on the line."""
    answers, line = [], b""
    for _ in range(rounds):
        for _ in range(4):
            heard = made.send(STATUS, 0.29)
            line += heard
            frames = [item.text for item in items(heard) if isinstance(item, Frame)]
            if frames:
                answers += frames
                break
            assert Control(0x15) in items(heard)
        made.send("06", 0.0)
    return answers, line


def test_hostile_is_nasty_but_legal_and_repeatable(ready: Make, bench: Make) -> None:
    lines: list[bytes] = []
    for seed in (3, 3, 4):
        made = bench(mode="hostile", seed=seed)
        for _ in range(8):
            heard = made.send(INIT, 0.6)
            made.send("06", 0.3)
            if any(isinstance(item, Frame) for item in items(heard)):
                break
        answers, line = converse(made, 40)
        assert answers == [EMPTY[4:-2]] * 40
        lines.append(line)
    assert lines[0] == lines[1] != lines[2]
    assert len(lines[0]) > 40 * 13  # noise and NAK beyond ACK and answer


def test_nothing_is_heard_without_supply(ready: Make) -> None:
    made = ready(timing=ReaderTiming.brisk())
    made.send(STATUS[:9])
    made.act("poweroff")
    assert made.send(STATUS) == b""
    assert made.device.deadline() is None
    made.act("poweron")
    assert made.send(STATUS) == bytes.fromhex("06 F2 00 00 05 4E 31 30 42 30 03 C9")
