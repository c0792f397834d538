"""Faults on a line, byte for byte: what leaves a device whose every answer is known (spec/devices.md 4.1 and 10)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from protocols.wire.crt591 import DIALECT
from simulators.device.base import Physical
from simulators.device.card_reader import ReaderTiming, build_reader
from simulators.fault.injection import CATALOGUE, FaultEvent, InjectedFault
from simulators.fault.line import FaultyLine

STATUS = bytes.fromhex("F2 00 00 03 43 31 30 03 B0")
EJECT = bytes.fromhex("F2 00 00 03 43 32 39 03 BA")
INSIDE = bytes.fromhex("F2 00 00 06 50 31 30 32 32 30 03 96")
INIT_OK = bytes.fromhex("F2 00 00 12 50 30 30 30 30 30 43 52 54 2D 35 39 31 2D 4D 30 30 31 03 87")
ACK, NAK = b"\x06", b"\x15"


class Parrot:
    """Answers every frame that it hears with the next of its answers, behind an ACK."""

    def __init__(self, *answers: bytes) -> None:
        self.answers, self.heard, self.done = list(answers), [], []
        self._out = b""

    def receive(self, data: bytes, now: float) -> None:
        self.heard.append(data)
        if len(data) > 1:
            self._out += ACK + (self.answers.pop(0) if self.answers else INSIDE)

    def advance(self, now: float) -> None:
        return

    def deadline(self) -> float | None:
        return None

    def take(self) -> bytes:
        out, self._out = self._out, b""
        return out

    def apply(self, event: Physical, now: float) -> None:
        if event.action == "unheard-of" or (event.action == "jam" and "deaf" in self.done):
            raise ValueError("this device has no card path")
        self.done.append(event.action)

    def snapshot(self) -> Mapping[str, object]:
        return {}

    def violations(self) -> list[str]:
        return []


class Line:
    """A faulty line, and what was told of it."""

    def __init__(self, *faults: InjectedFault, device: Parrot | None = None, seed: int = 7) -> None:
        self.told: list[FaultEvent] = []
        self.parrot = device or Parrot()
        self.line = FaultyLine(self.parrot, faults, seed, framing=DIALECT.framing, on_event=self.told.append)
        self.now = 0.0

    def say(self, data: bytes) -> list[tuple[float, bytes]]:
        """Send *data*; the writes that come back, with their times from now."""
        start = self.now
        self.line.receive(data, self.now)
        writes: list[tuple[float, bytes]] = []
        for _ in range(50):
            out = self.line.take()
            if out:
                writes.append((round(self.now - start, 6), out))
            due = self.line.deadline()
            if due is None:
                break
            self.now = max(self.now, due)
            self.line.advance(self.now)
        return writes

    def phases(self) -> list[str]:
        return [each.phase for each in self.told]


def fault(name: str, **given: object) -> InjectedFault:
    return InjectedFault("f", name, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "options", "writes"),
    [
        ("no-answer", {}, ["06"]),
        ("flip-checksum", {}, ["06", "F2 00 00 06 50 31 30 32 32 30 03 97"]),
        ("truncate", {}, ["06", "F2 00 00 06 50 31"]),
        ("truncate", {"keep": 3}, ["06", "F2 00 00"]),
        ("split", {}, ["06", "F2 00 00 06", "50 31 30 32", "32 30 03 96"]),
        ("glue", {}, ["06", "F2 00 00 06 50 31 30 32 32 30 03 96 F2 00 00 06 50 31 30 32 32 30 03 96"]),
        ("noise-before", {}, ["06", "FF 00 AA F2 00 00 06 50 31 30 32 32 30 03 96"]),
        ("wrong-length", {}, ["06", "F2 00 00 07 50 31 30 32 32 30 03 97"]),
        ("byte-inside", {"byte": "7E"}, ["06", "F2 00 00 06 50 31 7E 30 32 32 30 03 96"]),
    ],
)
def test_what_goes_out_once_and_then_the_good_frame_again(
    name: str, options: dict[str, object], writes: list[str]
) -> None:
    line = Line(fault(name, options=options))
    assert [data for _, data in line.say(STATUS)] == [bytes.fromhex(each) for each in writes]
    assert line.phases() == ["armed", "fired", "undone"]
    assert b"".join(data for _, data in line.say(STATUS)) == ACK + INSIDE
    assert len(line.told) == 3


def test_a_late_answer_is_late_and_a_split_one_has_gaps() -> None:
    assert Line(fault("late-answer", options={"delay_s": 0.7})).say(STATUS) == [(0.0, ACK), (0.7, INSIDE)]
    times = [at for at, _ in Line(fault("split", options={"gap_s": 0.02})).say(STATUS)]
    assert times == [0.0, 0.0, 0.02, 0.04]


def test_a_stale_answer_needs_an_earlier_one() -> None:
    line = Line(fault("stale-answer"), device=Parrot(INIT_OK, INSIDE))
    assert b"".join(data for _, data in line.say(STATUS)) == ACK + INIT_OK
    assert [data for _, data in line.say(STATUS)] == [ACK, INIT_OK, INSIDE]
    assert line.phases() == ["armed", "fired", "undone"]


def test_garbage_has_the_length_of_the_frame_and_no_start_byte() -> None:
    first, again = (Line(fault("baud-garbage")).say(STATUS)[1][1] for _ in range(2))
    assert len(first) == len(INSIDE)
    assert first == again
    assert first != INSIDE
    assert 0xF2 not in first


def test_requests_are_dropped_or_refused() -> None:
    dropped = Line(fault("drop-request"))
    assert dropped.say(STATUS) == []
    assert dropped.parrot.heard == []
    refused = Line(fault("nak", times=2))
    assert refused.say(STATUS) == [(0.0, NAK)]
    assert refused.say(STATUS) == [(0.0, NAK)]
    assert refused.parrot.heard == []
    assert b"".join(data for _, data in refused.say(STATUS)) == ACK + INSIDE
    assert [each.count for each in refused.told] == [0, 1, 2, 2]


def test_after_and_times_address_frames() -> None:
    line = Line(fault("no-answer", after=2, times=2))
    whole = [b"".join(data for _, data in line.say(STATUS)) for _ in range(6)]
    assert whole == [ACK + INSIDE, ACK + INSIDE, ACK, ACK, ACK + INSIDE, ACK + INSIDE]


def test_probability_comes_from_the_seed() -> None:
    def struck(seed: int) -> list[bool]:
        line = Line(fault("no-answer", times=1000, probability=0.3), seed=seed)
        return [line.say(STATUS) == [(0.0, ACK)] for _ in range(200)]

    assert struck(7) == struck(7)
    assert struck(7) != struck(8)
    assert 30 < sum(struck(7)) < 90


def test_one_frame_has_one_fault_and_the_other_takes_the_next() -> None:
    line = Line(InjectedFault("a", "no-answer"), InjectedFault("b", "flip-checksum"))
    assert line.say(STATUS) == [(0.0, ACK)]
    assert line.say(STATUS)[1][1] == INSIDE[:-1] + b"\x97"
    assert [(each.key, each.phase) for each in line.told[2:]] == [
        ("a", "fired"),
        ("a", "undone"),
        ("b", "fired"),
        ("b", "undone"),
    ]


def test_pieces_of_a_request_are_one_request() -> None:
    line = Line(fault("drop-request"))
    line.line.receive(STATUS[:4], 0.0)
    line.line.receive(STATUS[4:], 0.01)
    assert line.parrot.heard == []
    assert line.phases() == ["armed", "fired", "undone"]


def test_unarmed_faults_touch_nothing_and_were_never_there() -> None:
    told: list[FaultEvent] = []
    parrot = Parrot()
    line = FaultyLine(parrot, [fault("no-answer")], 7, framing=DIALECT.framing, on_event=told.append, armed=False)
    line.receive(STATUS[:4], 0.0)
    line.receive(STATUS[4:], 0.0)
    assert parrot.heard == [STATUS[:4], STATUS[4:]]
    line.disarm(1.0)
    assert told == []


def test_without_a_framing_a_piece_is_a_frame() -> None:
    line = FaultyLine(Parrot(), [fault("truncate", options={"keep": 2})], 7)
    line.receive(STATUS, 0.0)
    assert line.take() == ACK + INSIDE[:1]


def test_power_fails_after_the_command_and_returns() -> None:
    line = Line(fault("power-loss", options={"for_s": 0.5}))
    line.say(STATUS)
    assert line.parrot.heard == [STATUS]
    assert line.parrot.done == ["poweroff", "poweron"]
    assert [(each.phase, each.t) for each in line.told] == [("armed", 0.0), ("fired", 0.0), ("undone", 0.5)]


def test_what_lasts_is_reverted_at_the_end() -> None:
    line = Line(fault("jam"))
    line.say(EJECT)
    assert line.parrot.done == ["jam"]
    assert line.phases() == ["armed", "fired"]
    line.line.disarm(9.0)
    assert line.parrot.done == ["jam", "clear-jam"]
    assert line.phases() == ["armed", "fired", "undone"]
    line.line.disarm(9.0)
    assert len(line.told) == 3


def test_a_device_that_knows_no_such_event_is_not_said_to_have_been_struck() -> None:
    parrot = Parrot()
    parrot.done.append("deaf")
    line = Line(fault("jam"), device=parrot)
    line.say(EJECT)
    assert line.phases() == ["armed", "refused", "undone"]
    assert line.line.faults[0].fired == 0


def test_a_real_reader_jams_and_is_freed() -> None:
    device = build_reader(dialect="crt591", timing=ReaderTiming.brisk(), seed=7)
    line = FaultyLine(device, [fault("jam")], 7, framing=DIALECT.framing)
    line.receive(bytes.fromhex("F2 00 00 03 43 30 33 03 B2"), 0.0)
    assert device.mechanics.jam_armed
    line.disarm(1.0)
    assert not device.mechanics.jam_armed
    assert line.snapshot()["injected"] == {"f": 1}


def test_the_catalogue_refuses_what_it_lacks() -> None:
    with pytest.raises(ValueError, match="unknown fault 'no-anwser'"):
        fault("no-anwser")
    with pytest.raises(ValueError, match="unknown option 'delay' of late-answer; known: delay_s"):
        fault("late-answer", options={"delay": 1})
    with pytest.raises(ValueError, match="must be from 2 to 64"):
        fault("split", options={"chunks": 1})
    with pytest.raises(ValueError, match="whole number"):
        fault("split", options={"chunks": 2.5})
    with pytest.raises(ValueError, match="hexadecimal"):
        fault("noise-before", options={"noise": "XY"})
    with pytest.raises(ValueError, match="strikes cards"):
        FaultyLine(Parrot(), [fault("card-mute")], 7)
    assert all(each.label.zh and each.label.en for each in CATALOGUE.values())
