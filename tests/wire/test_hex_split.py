"""The framing of PIN pads of family B, typed from spec/devices.md 1.2: every split, every noise, keys between frames."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.wire.base import Control, Flaw, Frame, Framing, Item, Noise, WireError
from protocols.wire.hex_split_framing import MAX_TEXT_BYTES, HexSplitFraming, split_hex

KEYS = (*range(0x30, 0x3A), 0x2A, 0x1B, 0x0D, 0x08, 0x2E, 0x22, 0x20)
RESET = b"\x02013130\x03"
OK = b"\x02010405\x03"
QUICK = settings(max_examples=150, deadline=None)


def line() -> HexSplitFraming:
    return HexSplitFraming(KEYS)


def all_items(framing: Framing, *pieces: bytes) -> list[Item]:
    """Everything that *pieces* give at one instant, and what is left when the line falls silent."""
    return [item for piece in pieces for item in framing.feed(piece, 1.0)] + framing.expire(9.0)


def test_a_whole_frame_waits_for_nothing() -> None:
    framing = line()
    assert framing.feed(RESET, 0.0) == [Frame(b"\x31", RESET)]
    assert framing.deadline() is None
    assert framing.wrap(b"\x31") == RESET


@pytest.mark.parametrize("cut", range(1, len(RESET)))
def test_split_at_every_byte(cut: int) -> None:
    framing = line()
    assert framing.feed(RESET[:cut], 0.0) == []
    assert framing.deadline() is not None
    assert framing.feed(RESET[cut:], 0.01) == [Frame(b"\x31", RESET)]
    assert framing.deadline() is None


def test_keys_come_between_frames() -> None:
    items = all_items(line(), OK + b"**1" + OK + b"\x0d")
    assert items == [Frame(b"\x04", OK), *map(Control, b"**1"), Frame(b"\x04", OK), Control(0x0D)]


def test_a_frame_without_the_final_03_is_whole_when_something_else_comes() -> None:
    bare = OK[:-1]
    assert all_items(line(), bare + RESET) == [Frame(b"\x04", bare), Frame(b"\x31", RESET)]
    assert all_items(line(), bare + b"\x2a") == [Frame(b"\x04", bare), Control(0x2A)]
    framing = line()
    assert framing.feed(bare, 1.0) == []
    assert framing.deadline() == pytest.approx(1.02)  # two byte times at 9600, and the delay of a USB adapter
    assert framing.expire(1.02) == [Frame(b"\x04", bare)]
    assert framing.feed(b"\x03", 1.03) == [Control(0x03)]
    assert HexSplitFraming(KEYS, trailer=False).wrap(b"\x04") == bare


def test_a_wrong_check_byte_is_one_complaint_and_none_of_its_characters_is_a_key() -> None:
    assert all_items(line(), b"\x02013131\x03") == [Noise(b"\x02013131\x03", "checksum")]
    assert all_items(line(), b"\x02013131" + RESET) == [Noise(b"\x02013131", "checksum"), Frame(b"\x31", RESET)]


@pytest.mark.parametrize(
    "broken", [b"\x02023130\x03", b"\x0201313\x03", b"\x02\x03", b"\x020\x03", b"\x0200313131\x03"]
)
def test_a_wrong_length(broken: bytes) -> None:
    assert all_items(line(), broken) == [Noise(broken, "length")]


@pytest.mark.parametrize("broken", [b"\x02013a30\x03", b"\x0201G130\x03", b"\x0201\x0031\x03", b"\x0201\x0d3130\x03"])
def test_characters_that_are_not_upper_case_hexadecimal(broken: bytes) -> None:
    assert all_items(line(), broken) == [Noise(broken, "noise")]


def test_what_follows_a_broken_frame_is_no_key_until_silence() -> None:
    framing = line()
    assert framing.feed(b"\x02013131123456", 1.0) == []
    assert framing.expire(1.1) == [Noise(b"\x02013131123456", "checksum")]
    assert framing.feed(b"1", 1.2) == [Control(0x31)]


def test_a_truncated_frame_expires_or_is_overtaken() -> None:
    framing = line()
    framing.feed(RESET[:4], 1.0)
    assert framing.expire(1.09) == []
    assert framing.expire(1.1) == [Noise(RESET[:4], "truncated")]
    assert framing.feed(RESET[:4] + RESET, 2.0) == [Noise(RESET[:4], "truncated"), Frame(b"\x31", RESET)]
    framing.feed(RESET[:4], 3.0)
    assert framing.feed(RESET, 3.5) == [Noise(RESET[:4], "truncated"), Frame(b"\x31", RESET)]


def test_noise_between_frames() -> None:
    assert all_items(line(), b"\xff\x00U" + RESET) == [Noise(b"\xff\x00U", "noise"), Frame(b"\x31", RESET)]
    framing = line()
    assert len(framing.feed(b"\xff" * 1000, 0.0)) == 3
    assert framing.deadline() is not None


def test_long_texts_have_length_zero_and_end_with_03_alone() -> None:
    text = b"\x41" + bytes(range(256))
    raw = split_hex(text)
    assert raw.startswith(b"\x020041000102")
    assert all_items(line(), raw) == [Frame(text, raw)]
    assert all_items(line(), raw[:-1]) == [Noise(raw[:-1], "truncated")]
    assert split_hex(b"\x41" + bytes(254)).startswith(b"\x02FF41")


def test_bounds() -> None:
    for text in (b"", bytes(MAX_TEXT_BYTES + 1)):
        with pytest.raises(WireError):
            split_hex(text)
    greatest = split_hex(b"A" * MAX_TEXT_BYTES)
    assert all_items(line(), greatest) == [Frame(b"A" * MAX_TEXT_BYTES, greatest)]
    framing = line()
    endless = [item for _ in range(20) for item in framing.feed(b"\x0200" + b"41" * 500, 0.0)]
    endless += framing.feed(b"\x0200" + b"41" * 20_000 + b"\x03" + RESET, 0.0)
    assert isinstance(endless[-1], Frame)
    assert all(isinstance(item, Noise) and len(item.raw) <= 2 * MAX_TEXT_BYTES + 10 for item in endless[:-1])


@pytest.mark.parametrize(("flaw", "why"), [("checksum", "checksum"), ("length", "length")])
def test_spoilt_frames_are_noticed(flaw: Flaw, why: str) -> None:
    frame = Frame(b"\x46\x00\x30", split_hex(b"\x46\x00\x30"))
    assert [item.why for item in all_items(line(), line().spoil(frame, flaw)) if isinstance(item, Noise)] == [why]


streams = st.lists(
    st.one_of(
        st.binary(max_size=8),
        st.sampled_from([RESET, OK, RESET[:-1], RESET[:3], b"\x02013131\x03", b"123*\r", b"\x03", b"\x02"]),
        st.binary(min_size=1, max_size=40).map(split_hex),
    ),
    max_size=12,
).map(b"".join)


@QUICK
@given(streams, st.data())
def test_any_cutting_gives_the_same_items_and_loses_no_byte(stream: bytes, data: st.DataObject) -> None:
    whole = all_items(line(), stream)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert all_items(line(), *pieces) == whole
    assert b"".join(item.raw for item in whole) == stream


@QUICK
@given(st.binary(max_size=60).filter(lambda noise: b"\x02" not in noise), st.binary(min_size=1, max_size=300))
def test_a_good_frame_is_found_behind_anything(noise: bytes, text: bytes) -> None:
    raw = split_hex(text)
    assert Frame(text, raw) in all_items(line(), b"\x02" + noise, raw)
