"""Faults that are injected into a PIN pad: its line, and what happens in the room (spec/devices.md 10)."""

from __future__ import annotations

import pytest

from protocols.wire.base import Frame, Noise
from protocols.wire.epp_b import DIALECT
from scenarios.models import Bench
from scenarios.strict_yaml import FileError, parse_model
from simulators.device.pin_pad import build_pin_pad
from simulators.device.pin_pad_rules import PinPadOptions, PinPadTiming
from simulators.fault.injection import CATALOGUE, FaultEvent, InjectedFault
from simulators.fault.line import FaultyLine

RESET, OK = b"\x02013130\x03", b"\x02010405\x03"
KCV = b"\x020265" + b"0067\x03"
TMK = "0123456789ABCDEFFEDCBA9876543210"


def faulty(*faults: InjectedFault) -> tuple[FaultyLine, list[FaultEvent]]:
    heard: list[FaultEvent] = []
    device = build_pin_pad(options=PinPadOptions(masters={0: TMK}), timing=PinPadTiming.brisk())
    return FaultyLine(device, faults, 1, framing=DIALECT.framing, on_event=heard.append), heard


def ask(line: FaultyLine, frame: bytes, now: float = 1.0) -> bytes:
    line.receive(frame, now)
    out = line.take()
    while (due := line.deadline()) is not None and due < now + 2.0:
        line.advance(due)
        out += line.take()
    return out


def test_which_faults_a_pin_pad_can_have() -> None:
    mine = {name for name, kind in CATALOGUE.items() if "pin_pad" in kind.device_classes}
    assert mine == {
        *("no-answer", "late-answer", "flip-checksum", "truncate", "split", "glue", "noise-before", "wrong-length"),
        *("stale-answer", "byte-inside", "baud-garbage", "drop-request", "nak"),
        *("power-loss", "key-held", "key-short-circuit", "battery-low", "removal"),
    }
    assert CATALOGUE["jam"].device_classes == CATALOGUE["pull"].device_classes == ("card_reader",)
    assert CATALOGUE["card-tear"].device_classes == ("card",)


@pytest.mark.parametrize(("fault", "why"), [("flip-checksum", "checksum"), ("wrong-length", "length")])
def test_damage_is_what_its_name_says(fault: str, why: str) -> None:
    line, heard = faulty(InjectedFault("pad", fault))
    items = DIALECT.framing().feed(ask(line, RESET), 0.0)
    assert [item.why for item in items if isinstance(item, Noise)] == [why]
    assert DIALECT.framing().feed(ask(line, RESET, 9.0), 0.0) == [Frame(b"\x04", OK)]
    assert [event.phase for event in heard] == ["armed", "fired", "undone"]


@pytest.mark.parametrize(
    ("fault", "during"),
    [
        ("key-held", OK),  # for two seconds it is a key like any other
        ("key-short-circuit", b"\x0201F2F3\x03"),
        ("battery-low", b"\x0201F5F4\x03"),
        ("removal", b"\x0201F6F7\x03"),
    ],
)
def test_what_happens_in_the_room_and_is_undone(fault: str, during: bytes) -> None:
    line, heard = faulty(InjectedFault("pad", fault, options={"for_s": 5.0}))
    assert ask(line, RESET) == during
    assert line.snapshot()["key_held"] is (fault == "key-held")
    line.advance(7.0)
    line.take()
    assert line.snapshot()["key_held"] is False
    assert heard[-1].phase == "undone"
    assert ask(line, RESET, 9.0) == (b"\x0201F6F7\x03" if fault == "removal" else OK)
    assert ask(line, KCV, 12.0) == (b"\x0201A4A5\x03" if fault == "removal" else b"\x02050408D7B4FB91\x03")


def bench_text(fault: str) -> str:
    return (
        "{bench: b, under_test: device.pin_pad, slots: {pad: {class: pin_pad, dialect: epp-b, link: 'sim://'}},"
        f" faults: [{{id: {fault}, slot: pad}}]}}"
    )


def test_a_bench_file_refuses_a_fault_that_a_pin_pad_cannot_have() -> None:
    assert parse_model(bench_text("removal"), Bench).faults[0].id == "removal"
    with pytest.raises(FileError, match="fault jam is for a card_reader; slot 'pad' is a pin_pad"):
        parse_model(bench_text("jam"), Bench)
