"""Masking on the line of a PIN pad: keys, card numbers, data, PIN blocks, digits in the clear; frames still parse.

Frames are those of spec/devices.md 1.2.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.wire.base import Control, Frame, Noise, Privacy
from protocols.wire.epp_b import DIALECT
from protocols.wire.pin_pad import Op, Request
from protocols.wire.privacy import Masker, find_leaks

TMK = b"\x021232000123456789ABCDEFFEDCBA987654321020\x03"
TPK = b"\x02133300409B3A7B883A100F73B4ABA2BB791C50E7B0\x03"
PAN = b"\x020D3436373839303132333435363739\x03"
ASK, BLOCK, OK, NO_PIN = b"\x02014243\x03", b"\x020904D31E9382D08B1F1481\x03", b"\x02010405\x03", b"\x0201191A\x03"
TIME_OUT = b"\x02018081\x03"
KCV = b"\x02050408D7B4FB91\x03"


def masker() -> Masker:
    return Masker(b"key")


def text_of(raw: bytes) -> bytes:
    """The text of the one good frame that *raw* still is."""
    items = DIALECT.framing().feed(raw, 0.0)
    assert len(items) == 1
    assert isinstance(items[0], Frame)
    return items[0].text


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (TMK, 2),
        (TPK, 3),
        (PAN, 1),
        (DIALECT.framing().wrap(bytes.fromhex("82 00 0123456789ABCDEFFEDCBA9876543210")), 2),
        (DIALECT.framing().wrap(b"\x41" + b"0200 6222021234567890123 D 99"), 1),
        (DIALECT.framing().wrap(b"\x36" + bytes.fromhex("6222021234567890")), 1),
        (DIALECT.framing().wrap(b"\x32\x00" + b"\xff" * 8), 2),
    ],
)
def test_secrets_of_commands_are_replaced_and_the_frame_still_parses(raw: bytes, kept: int) -> None:
    masked = masker().mask("pad", "frame", raw)
    assert len(masked) == len(raw)
    before, after = text_of(raw), text_of(masked)
    assert after[:kept] == before[:kept]
    assert after[kept:] != before[kept:]
    assert not any(before[at : at + 3] == after[at : at + 3] for at in range(kept, len(before) - 2))
    assert DIALECT.decode_request(after).op is DIALECT.decode_request(before).op
    assert masker().mask("other", "frame", raw) == masked
    assert Masker(b"another key").mask("pad", "frame", raw) != masked


def test_a_masked_card_number_is_one() -> None:
    pan = DIALECT.decode_request(text_of(masker().mask("pad", "frame", PAN)))
    assert pan.op is Op.PAN
    assert pan.data.isdigit()
    assert len(pan.data) == 12
    assert pan != Request(Op.PAN, data=b"678901234567")


def test_a_pin_block_is_masked_because_it_was_asked_for() -> None:
    line = masker()
    assert line.mask("pad", "frame", BLOCK) == BLOCK  # nobody asked: a MAC, a KCV, what was enciphered
    assert line.mask("pad", "frame", ASK) == ASK
    masked = line.mask("pad", "frame", BLOCK)
    assert text_of(masked)[:1] == b"\x04"
    assert text_of(masked)[1:] != text_of(BLOCK)[1:]
    assert line.mask("pad", "frame", BLOCK) == BLOCK


def test_refusals_and_time_outs_in_between_do_not_let_a_block_slip_through() -> None:
    line = masker()
    for raw in (ASK, TIME_OUT, NO_PIN):
        assert line.mask("pad", "frame", raw) == raw
    assert line.mask("pad", "frame", BLOCK) != BLOCK


def test_lines_do_not_disturb_each_other() -> None:
    line = masker()
    line.mask("one", "frame", ASK)
    assert line.mask("two", "frame", BLOCK) == BLOCK
    assert line.mask("one", "frame", BLOCK) != BLOCK


def test_what_was_deciphered_is_masked_and_vectors_may_be_open() -> None:
    decrypt = DIALECT.framing().wrap(b"\x37" + bytes(8))
    line = masker()
    line.mask("pad", "frame", decrypt)
    assert line.mask("pad", "frame", BLOCK) != BLOCK
    judged = Masker(b"key", vectors_open=True)
    for ask in (decrypt, ASK):
        assert judged.mask("pad", "frame", ask) == ask
        assert judged.mask("pad", "frame", BLOCK) == BLOCK
    assert judged.mask("pad", "frame", TMK) != TMK


@pytest.mark.parametrize(
    "raw", [OK, KCV, b"\x02013130\x03", b"\x020343004000\x03", b"\x0235", b"\x020635060101003C09\x03"]
)
def test_everything_else_is_left_alone(raw: bytes) -> None:
    assert masker().mask("pad", "frame", raw) == raw


def test_digits_in_the_clear_become_one_mark() -> None:
    line = masker()
    typed = [line.mask("pad", "control", bytes((byte,))) for byte in b"0123456789*\r\x08\x1b.\x22 A"]
    assert typed == [*[b"#"] * 10, b"*", b"\r", b"\x08", b"\x1b", b".", b"\x22", b" ", b"A"]
    assert line.mask("reader", "control", b"\x06") == b"\x06"


def test_digits_behind_a_broken_frame_are_no_longer_readable() -> None:
    line = masker()
    line.mask("pad", "frame", OK)
    assert line.mask("pad", "noise", b"\x02\x00123456") == b"\x02\x00######"
    assert line.mask("pad", "noise", b"\x02013130\x00123456") == b"\x02013130\x00######"
    assert line.mask("reader", "noise", b"\x02\x00123456") == b"\x02\x00123456"


@pytest.mark.parametrize("kept", range(11, len(TMK) - 1))
def test_a_key_that_was_cut_off_is_masked_as_far_as_it_came(kept: int) -> None:
    masked = masker().mask("pad", "noise", TMK[:kept])
    assert len(masked) == kept
    assert masked[:7] == TMK[:7]
    assert masked[7:] != TMK[7:kept]


def test_a_damaged_frame_stays_damaged() -> None:
    broken = TMK[:-2] + b"1\x03"
    masked = masker().mask("pad", "noise", broken)
    assert DIALECT.framing().feed(masked, 0.0) == [Noise(masked, "checksum")]
    assert b"456789ABCDEF" not in masked


def test_characters_that_spell_a_literal_by_chance_do_not_leave_the_bench() -> None:
    literals = [(Privacy.PIN, b"246813")]
    raw = DIALECT.framing().wrap(b"\x60" + bytes.fromhex("24 68 13 00 00 00 00 00"))
    masked = Masker(b"key", literals).mask("pad", "frame", raw)
    assert find_leaks(masked, literals) == []
    assert text_of(masked)[:1] == b"\x60"


texts = st.one_of(
    st.binary(min_size=1, max_size=24),
    st.sampled_from([b"\x42", b"\x37" + bytes(8), b"\x04" + bytes(8), b"\x34246813000000", b"\x80"]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(texts, st.integers(0, 60), st.booleans()), max_size=8))
def test_masking_never_raises_never_changes_a_length_and_keeps_frames_frames(
    said: list[tuple[bytes, int, bool]],
) -> None:
    literals = [(Privacy.PIN, b"246813")]
    line = Masker(b"key", literals)
    for text, cut, whole in said:
        raw = DIALECT.framing().wrap(text)
        items = DIALECT.framing().feed(raw if whole else raw[:cut], 0.0)
        for item in items:
            kind = {Frame: "frame", Control: "control", Noise: "noise"}[type(item)]
            masked = line.mask("pad", kind, item.raw)
            assert len(masked) == len(item.raw)
            assert find_leaks(masked, literals) == []
            assert [type(each) for each in DIALECT.framing().feed(masked, 0.0)] == [type(item)]
