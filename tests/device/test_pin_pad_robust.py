"""The PIN pad never raises, stays bounded, repeats itself, shows no PIN, and is usable after anything."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pad_bench import GOLDEN, PadBench, characters

from protocols.wire.base import Control
from protocols.wire.epp_b import DIALECT
from protocols.wire.epp_b_tables import COMMANDS
from simulators.device.classes import device_classes
from simulators.device.pin_pad_rules import PinPadOptions

WORDS = sorted(device_classes()["pin_pad"].hand)
ARGUMENTS = {"press": ["1", "7", "enter", "clear", "cancel", "00"], "type": ["246813", "12"], "hold": ["5"]}
MAX_STEPS = 30

steps = st.one_of(
    st.tuples(st.just("raw"), st.binary(max_size=40)),
    st.tuples(
        st.just("command"),
        st.tuples(st.sampled_from([row.code for row in COMMANDS]), st.binary(max_size=26)).map(
            lambda pair: bytes((pair[0],)) + pair[1]
        ),
    ),
    st.tuples(st.just("act"), st.sampled_from([f"{w} {a}".strip() for w in WORDS for a in ARGUMENTS.get(w, [""])])),
    st.tuples(st.just("wait"), st.floats(0.0, 40.0)),
)


def run(bench: PadBench, script: list[tuple[str, object]]) -> bytes:
    """Play *script*; everything the pad sent."""
    out = b""
    for kind, value in script:
        if kind == "wait":
            assert isinstance(value, float)
            out += bench.wait(value)
        elif kind == "act":
            out += bench.key(str(value))
        elif kind == "command":
            assert isinstance(value, bytes)
            bench.device.receive(b"\x02" + characters(value.hex()).encode() + b"\x03", bench.now)
        else:
            assert isinstance(value, bytes)
            bench.device.receive(value, bench.now)
        out += bench.wait(0.01)
    return out


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["strict", "realistic", "hostile"]), st.lists(steps, max_size=MAX_STEPS))
def test_any_stimulus_is_survived_bounded_and_repeatable(mode: str, script: list[tuple[str, object]]) -> None:
    seen: list[tuple[bytes, object]] = []
    for _ in range(2):
        made = PadBench(mode=mode, seed=5)
        out = run(made, script) + made.wait(300.0)
        assert len(out) <= MAX_STEPS * 2200
        assert made.device.deadline() is None
        seen.append((out, dict(made.device.snapshot())))
    assert seen[0] == seen[1]


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=MAX_STEPS))
def test_the_pad_is_usable_after_anything(script: list[tuple[str, object]]) -> None:
    made = PadBench()
    run(made, script)
    for action in ("repair", "refit", "poweroff", "poweron"):
        made.key(action)
    made.wait(5.0)
    made.ask("45 09")
    assert made.ask("A0 31") == "04"
    assert made.say(GOLDEN[0]) == "010405"


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=12))
def test_no_digit_of_a_pin_comes_out_while_a_pin_is_entered(script: list[tuple[str, object]]) -> None:
    """Whatever the host says and does meanwhile, short of opening plain entry itself."""
    pad = PadBench(options=PinPadOptions(gap_s=0.0)).golden()
    pad.entry(limit_s=250)
    said = b""
    for kind, value in script:
        if kind == "act" or (kind == "command" and bytes(value)[:1] == b"\x45"):  # type: ignore[call-overload]
            continue
        said += run(pad, [(kind, value)]) + pad.keys("9")
    items = DIALECT.framing().feed(said + pad.wait(10.0), 0.0)
    assert Control(0x39) not in items
