"""The card reader never raises, stays bounded and repeats itself; its mutants and null devices are sound."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_bench import Bench, Chip, frame, stx_frame

from simulators.card.body import CardBody
from simulators.device.base import Physical
from simulators.device.card_reader import DIALECTS, ReaderTiming, build_reader, hand_words
from simulators.fault.base import mutants
from simulators.fault.null_devices import NULL_CARDS, NULL_DEVICES

CONTROLS = [b"\x04", b"\x05", b"\x06", b"\x15"]
TEXTS_591 = [
    bytes.fromhex(f"43{cm:02X}{pm:02X}")
    for cm in (0x30, 0x31, 0x32, 0x33, 0x51, 0x52, 0x53, 0x60, 0xA5)
    for pm in (0x30, 0x31, 0x33, 0x39, 0x40)
]
TEXTS_310 = [
    bytes.fromhex(f"{cm:02X}{pm:02X}")
    for cm in (0x2E, 0x2F, 0x30, 0x31, 0x32, 0x33, 0x35, 0x37, 0x3D, 0x45)
    for pm in (0x2F, 0x30, 0x31, 0x33, 0x34)
]
BODIES = [
    CardBody("good", chip=Chip()),
    CardBody("long", length="long"),
    CardBody("shorted", chip=Chip(), shorted=True),
    CardBody("memory", memory="SLE4428"),
    CardBody("storage", memory="S70", tracks={1: "!start", 2: "12=34", 3: "\x1f"}),
]

raw_bytes = st.binary(max_size=40)
commands = st.tuples(st.sampled_from(TEXTS_591 + TEXTS_310), st.binary(max_size=12))
steps = st.one_of(
    st.tuples(st.just("raw"), raw_bytes),
    st.tuples(st.just("control"), st.sampled_from(CONTROLS)),
    st.tuples(st.just("command"), commands),
    st.tuples(st.just("act"), st.tuples(st.sampled_from(sorted(hand_words())), st.sampled_from(BODIES))),
    st.tuples(st.just("wait"), st.floats(0.0, 3.0)),
)
MAX_STEPS = 30


def run(bench: Bench, dialect: str, script: list[tuple[str, object]]) -> bytes:
    """Play *script*; everything the device sent."""
    out = b""
    wrap = frame if dialect == "crt591" else stx_frame
    for kind, value in script:
        if kind == "wait":
            assert isinstance(value, float)
            out += bench.wait(value)
            continue
        if kind == "act":
            action, card = value  # type: ignore[misc]
            bench.device.apply(Physical(action, card), bench.now)
        else:
            raw = bytes.fromhex(wrap(b"".join(value).hex())) if kind == "command" else value  # type: ignore[arg-type]
            bench.device.receive(raw, bench.now)  # type: ignore[arg-type]
        out += bench.wait(0.01)
    return out


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(DIALECTS)),
    st.sampled_from(["strict", "realistic", "hostile"]),
    st.lists(steps, max_size=MAX_STEPS),
)
def test_any_stimulus_is_survived_bounded_and_repeatable(
    dialect: str, mode: str, script: list[tuple[str, object]]
) -> None:
    seen: list[tuple[bytes, object]] = []
    for _ in range(2):
        made = Bench(build_reader(dialect=dialect, mode=mode, seed=5, sam_cards={1: Chip()}))  # type: ignore[arg-type]
        made.wait(0.1)
        out = run(made, dialect, script)
        assert len(out) <= MAX_STEPS * 5 * 700
        out += made.wait(30.0)
        assert made.device.deadline() is None or made.device.deadline() > made.now - 30.0  # type: ignore[operator]
        seen.append((out, dict(made.device.snapshot())))
    assert seen[0] == seen[1]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(DIALECTS)), st.lists(steps, max_size=MAX_STEPS))
def test_the_reader_is_usable_after_anything(dialect: str, script: list[tuple[str, object]]) -> None:
    made = Bench(build_reader(dialect=dialect))
    run(made, dialect, script)
    for action in ("repair", "poweroff", "poweron"):
        made.act(action)
    made.wait(5.0)
    if dialect == "crt591":
        assert made.say("F2 00 00 03 43 30 33 03 B2") != ""
        assert made.say("F2 00 00 03 43 31 30 03 B0")[12:14] == "50"
    else:
        assert made.ask("02 00 02 31 30 03 02").startswith("02 00 05 31 30")


def test_mutants_are_many_distinct_and_buildable() -> None:
    found = mutants("card_reader")
    assert len(found) >= 48
    for mutant in found:
        assert all((mutant.label.zh, mutant.label.en, mutant.like))
        for dialect in mutant.variants or sorted(DIALECTS):
            made = Bench(mutant.make(dialect=dialect, seed=1, sam_cards={1: Chip()}))
            made.device.receive(DIALECTS[dialect].framing().wrap(b"\x43\x30\x33"), 0.0)
            made.wait(1.0)


def test_a_mutant_differs_in_its_own_fault_alone() -> None:
    mutant = next(each for each in mutants("card_reader") if each.id == "reader.eject-noop")
    made = Bench(mutant.make(dialect="crt591", timing=ReaderTiming.brisk()))
    for command in ("F2 00 00 03 43 30 33 03 B2", "F2 00 00 03 43 33 30 03 B2"):
        made.say(command)
    made.act("insert", CardBody("test card"))
    made.wait(0.1)
    assert made.say("F2 00 00 03 43 32 39 03 BA") == "F2 00 00 06 50 32 39 32 30 30 03 9E"
    assert made.say("F2 00 00 03 43 32 33 03 B0") == "F2 00 00 06 50 32 33 30 30 30 03 96"


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_null_readers_say_what_they_are(dialect: str) -> None:
    status = DIALECTS[dialect].framing().wrap(b"\x43\x31\x30" if dialect == "crt591" else b"\x31\x30")
    heard: dict[str, bytes] = {}
    for name, make in NULL_DEVICES.items():
        made = Bench(make(dialect=dialect, seed=7, sam_cards={}))
        heard[name] = made.send(status.hex())
        made.act("insert", CardBody("test card"))
    assert heard["silent"] == heard["unplugged"] == b""
    assert heard["echo"] == status
    assert heard["always-ok"][:1] == b"\x06"
    assert heard["random"] not in (b"", status)
    assert NULL_DEVICES["unplugged"](dialect=dialect, seed=1).unplugged is True


def test_null_cards_do_nothing_useful() -> None:
    answers = {
        name: make(generation="3.0", seed=7).transmit(b"\x00\x84\x00\x00\x08") for name, make in NULL_CARDS.items()
    }
    assert answers["silent"] == b""
    assert answers["echo"] == b"\x00\x84\x00\x00\x08"
    assert answers["always-ok"] == b"\x90\x00"
    assert 2 <= len(answers["random"]) <= 32
    again = NULL_CARDS["random"](seed=7)
    assert again.transmit(b"") == answers["random"]
