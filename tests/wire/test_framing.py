"""Framing: the torture list of spec/devices.md 4.1, and the same duties for every split and every noise."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.wire.base import Control, Frame, Framing, Item, Noise, WireError
from protocols.wire.framing import LengthPrefixedFraming, f2_format, stx_format

F2, STX = f2_format(), stx_format()
STATUS = bytes.fromhex("F2 00 00 03 43 31 30 03 B0")
STATUS_310 = bytes.fromhex("02 00 02 31 30 03 02")
FAMILIES = pytest.mark.parametrize(("family", "good"), [(F2, STATUS), (STX, STATUS_310)], ids=["f2", "stx"])
QUICK = settings(max_examples=100, deadline=None)


def framing(family: object = F2) -> Framing:
    return LengthPrefixedFraming(family)  # type: ignore[arg-type]


def all_items(line: Framing, *pieces: bytes) -> list[Item]:
    """Everything that *pieces* give at one instant, and what is left when the line falls silent."""
    items = [item for piece in pieces for item in line.feed(piece, 1.0)]
    return items + line.expire(2.0)


def frames(items: list[Item]) -> list[bytes]:
    return [item.text for item in items if isinstance(item, Frame)]


@FAMILIES
def test_a_whole_frame(family: object, good: bytes) -> None:
    line = framing(family)
    assert [item.raw for item in line.feed(good, 0.0)] == [good]
    assert line.deadline() is None


@FAMILIES
def test_split_at_every_byte(family: object, good: bytes) -> None:
    for cut in range(1, len(good)):
        line = framing(family)
        assert line.feed(good[:cut], 0.0) == []
        assert line.deadline() == pytest.approx(0.1)
        assert [item.raw for item in line.feed(good[cut:], 0.05)] == [good]
        assert line.deadline() is None


@FAMILIES
def test_ack_glued_to_a_frame(family: object, good: bytes) -> None:
    items = framing(family).feed(b"\x06" + good + b"\x06\x15", 0.0)
    assert items == [Control(6), Frame(items[1].text, good), Control(6), Control(0x15)]  # type: ignore[union-attr]


def test_controls_of_each_family() -> None:
    every = bytes((0x04, 0x05, 0x06, 0x15))
    assert all_items(framing(F2), every) == [Control(4), Noise(b"\x05", "noise"), Control(6), Control(0x15)]
    assert all_items(framing(STX), every) == [Control(4), Control(5), Control(6), Control(0x15)]


@FAMILIES
def test_noise_before_the_start(family: object, good: bytes) -> None:
    items = framing(family).feed(b"\x00\xffA" + good, 0.0)
    assert items[0] == Noise(b"\x00\xffA", "noise")
    assert items[1].raw == good


@FAMILIES
def test_a_wrong_check_byte_is_one_complaint_and_nothing_inside_is_a_control(family: object, good: bytes) -> None:
    broken = good[:-1] + bytes((good[-1] ^ 0x40,))
    assert framing(family).feed(broken, 0.0) == [Noise(broken, "checksum")]


def test_the_length_byte_of_a_broken_frame_is_no_ack() -> None:
    broken = bytes.fromhex("F2 00 00 06 50 31 30 32 32 30 03 97")
    assert all_items(framing(), broken) == [Noise(broken, "checksum")]


def test_a_wrong_trailer() -> None:
    broken = bytes.fromhex("F2 00 00 03 43 31 30 04 B7")
    assert framing().feed(broken, 0.0) == [Noise(broken, "trailer")]


@FAMILIES
def test_absurd_length_is_refused_from_the_header_alone(family: object, good: bytes) -> None:
    header = good[:-6] if family is F2 else good[:-5]
    absurd = header[: len(header) - 1] + b"\xff\xff"
    items = framing(family).feed(absurd[: len(header) + 1] + good, 0.0)
    assert isinstance(items[0], Noise)
    assert items[0].why == "length"
    assert items[-1].raw == good


@pytest.mark.parametrize("kept", range(1, len(STATUS)))
def test_truncated_frame_then_a_fresh_one_at_once(kept: int) -> None:
    items = all_items(framing(), STATUS[:kept], STATUS)
    assert frames(items) == [STATUS[4:-2]]
    assert b"".join(item.raw for item in items) == STATUS[:kept] + STATUS


@FAMILIES
def test_truncated_frame_expires_and_the_next_is_clean(family: object, good: bytes) -> None:
    line = framing(family)
    line.feed(good[:-2], 1.0)
    assert line.expire(1.05) == []
    assert line.expire(line.deadline() or 0.0) == [Noise(good[:-2], "truncated")]
    assert line.deadline() is None
    assert line.expire(9.0) == []
    assert frames(line.feed(good, 9.0)) == [good[4:-2] if family is F2 else good[3:-2]]


def test_a_gap_gives_up_the_unfinished_frame_even_when_nobody_called_expire() -> None:
    line = framing()
    line.feed(STATUS[:5], 1.0)
    assert line.feed(STATUS, 1.2) == [Noise(STATUS[:5], "truncated"), Frame(STATUS[4:-2], STATUS)]


def test_a_slow_but_steady_frame_is_not_given_up() -> None:
    line = framing()
    text = b"\x43\x51\x33" + bytes(500)
    items: list[Item] = []
    for at, byte in enumerate(F2.wrap(text)):
        items += line.feed(bytes((byte,)), at * 0.05)
    assert frames(items) == [text]


def test_a_frame_for_another_address_is_noise_as_a_whole() -> None:
    other = f2_format(address=5).wrap(b"\x43\x31\x30")
    assert framing().feed(other, 0.0) == [Noise(other, "noise")]
    assert frames(LengthPrefixedFraming(f2_format(address=5)).feed(other, 0.0)) == [b"\x43\x31\x30"]
    with pytest.raises(WireError):
        f2_format(address=16)


@pytest.mark.parametrize(("family", "head", "limit"), [(F2, 6, 512), (STX, 2, 264)], ids=["f2", "stx"])
def test_bounds(family: object, head: int, limit: int) -> None:
    line = framing(family)
    longest = bytes(head + limit)
    assert frames(framing(family).feed(line.wrap(longest), 0.0)) == [longest]
    for text in (b"", b"1", longest + b"0"):
        with pytest.raises(WireError):
            line.wrap(text)


@FAMILIES
def test_the_buffer_stays_bounded_under_endless_rubbish(family: object, good: bytes) -> None:
    line = LengthPrefixedFraming(family)  # type: ignore[arg-type]
    for _ in range(50):
        line.feed(b"\xaa" * 100 + good[:4], 0.0)
        assert len(line._buffer) + len(line._noise) <= 1024


bytes_on_the_line = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from([STATUS, STATUS[:5], STATUS[:-1] + b"\x00", b"\xf2", b"\x06", b"\xf2\x00\xff\xff", STATUS[4:]]),
    ),
    max_size=8,
).map(b"".join)


@QUICK
@given(bytes_on_the_line, st.lists(st.integers(0, 100), max_size=10))
def test_any_split_gives_the_same_items(stream: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in pairwise(edges)]
    whole = all_items(framing(), stream)
    assert all_items(framing(), *pieces) == whole
    assert all_items(framing(), *(bytes((byte,)) for byte in stream)) == whole
    assert b"".join(item.raw for item in whole) == stream


@QUICK
@given(st.binary(max_size=60).filter(lambda noise: 0x02 not in noise and 0xF2 not in noise))
def test_no_noise_ever_loses_the_frame_behind_it(noise: bytes) -> None:
    for family, good in ((F2, STATUS), (STX, STATUS_310)):
        assert framing(family).feed(noise + good, 0.0)[-1].raw == good


@QUICK
@given(st.binary(min_size=3, max_size=518), st.data())
def test_one_wrong_bit_is_never_accepted(text: bytes, data: st.DataObject) -> None:
    good = bytearray(F2.wrap(text))
    at = data.draw(st.integers(0, len(good) - 1))
    good[at] ^= 1 << data.draw(st.integers(0, 7))
    assert text not in frames(all_items(framing(), bytes(good)))


@QUICK
@given(st.binary(min_size=2, max_size=266))
def test_round_trip(text: bytes) -> None:
    assert frames(framing(STX).feed(STX.wrap(text), 0.0)) == [text]
    if len(text) >= 3:
        assert frames(framing(F2).feed(F2.wrap(text), 0.0)) == [text]
