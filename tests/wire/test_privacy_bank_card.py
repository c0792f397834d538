"""Masking of a bank card's answers: numbers, track data and names go, and what remains still reads as the same card.

Records are those of spec/cards.md 2.1, typed from it.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.wire.apdu import response_tree
from protocols.wire.base import Frame, Privacy
from protocols.wire.crt310 import DIALECT as CRT310
from protocols.wire.crt591 import DIALECT as CRT591
from protocols.wire.pboc import parse_track_2, record_objects
from protocols.wire.privacy import Masker, find_leaks
from protocols.wire.tlv import find

PAN, NAME = b"6299990000000000012", b"CESHI/JIA"
LITERALS = [(Privacy.CARD_NUMBER, PAN), (Privacy.NAME, NAME)]
BARE = Masker(b"key")
OK = b"\x90\x00"
TRACK = bytes.fromhex("702157136299990000000000012D30122010000000000F5F200943455348492F4A4941")
DATA = bytes.fromhex(
    "704C5A0A6299990000000000012F5F3401015F24033012315F25032001015F280201569F0702FF00"
    "8E0C000000000000000042031F009F0D05D8609CA8009F0E0500100000009F0F05D8689CF800"
)
OPEN = (
    (
        "6F3C8408A000000333010101A530500A50424F432044454249548701019F38089F1A029F7A019C015F2D027A689F110101"
        "BF0C0A9F4D020B0ADF4D020C0A9000"
    ),
    "701B61194F08A000000333010101500A50424F432044454249548701019000",
    "800A1C0008010100100102009000",
    "80138000018E49F1EFFD0A1D0807010103A00000019000",
    (
        "70398C1B9F02069F03069F1A0295055F2A029A039C019F37049F21039F4E14"
        "8D1A8A029F02069F03069F1A0295055F2A029A039C019F37049F21039000"
    ),
    "9F360200019000",
    "5A5A5A5A5A5A5A5A9000",
)
"""Answers that name nobody, among them a challenge that begins like a card number."""


def masked(data: bytes, masker: Masker = BARE) -> bytes:
    found = masker.mask("card", "apdu", data)
    assert len(found) == len(data)
    return found


@pytest.mark.parametrize("answer", [TRACK, DATA], ids=["track", "data"])
@pytest.mark.parametrize("tail", [OK, b""], ids=["with-sw", "bare"])
def test_records_lose_number_and_name_and_nothing_else(answer: bytes, tail: bytes) -> None:
    shown = masked(answer + tail)
    assert find_leaks(shown, LITERALS) == []
    assert find_leaks(answer + tail, LITERALS) != []
    before, after = record_objects(answer), record_objects(shown[: len(answer)])
    assert [each.tag for each in after] == [each.tag for each in before]
    kept = {each.tag: each.value for each in after}
    assert all(kept[each.tag] == each.value for each in before if each.tag not in (0x57, 0x5A, 0x5F20))


def test_one_number_has_one_pseudonym_in_both_records() -> None:
    track = parse_track_2(record_objects(masked(TRACK))[0].value)
    number = find(record_objects(masked(DATA)), 0x5A)
    assert number is not None
    assert number.value.hex().upper() == track.pan + "F"
    assert (track.expiry, track.service_code) == ("3012", "201")
    assert len(track.text) == 37
    literal = Masker(b"key", LITERALS)
    assert literal.mask("", "note", b"card " + PAN)[5:].decode() == track.pan
    assert literal.mask("", "apdu", TRACK + OK) == masked(TRACK + OK)


def test_the_name_keeps_its_length() -> None:
    name = find(record_objects(masked(TRACK)), 0x5F20)
    assert name is not None
    assert name.value.isalpha()
    assert len(name.value) == len(NAME)


@pytest.mark.parametrize("answer", OPEN)
def test_what_names_nobody_is_left_alone(answer: str) -> None:
    assert masked(bytes.fromhex(answer)).hex().upper() == answer


@pytest.mark.parametrize("cut", range(8, len(TRACK)))
def test_a_record_that_was_cut_off_shows_no_number(cut: int) -> None:
    shown = masked(TRACK[:cut])
    assert shown[: min(cut, 4)] == TRACK[: min(cut, 4)]
    assert shown[4:cut] != TRACK[4:cut]
    assert b"\x62\x99\x99\x00" not in shown
    assert NAME[:5] not in shown


def test_a_contactless_answer() -> None:
    answer = bytes.fromhex("772B82021C009F360200015713" + "6299990000000000012D30122010000000000F" + "9F260811223344")
    answer += bytes.fromhex("556677885F340101") + OK
    shown = masked(answer)
    assert find_leaks(shown, LITERALS) == []
    assert shown[:13] == answer[:13]
    assert shown[32:] == answer[32:]


@pytest.mark.parametrize(("dialect", "head"), [(CRT591, "505133323030"), (CRT310, "373159")], ids=["crt591", "crt310"])
@pytest.mark.parametrize("answer", [TRACK, DATA], ids=["track", "data"])
def test_inside_a_readers_frames_and_in_what_is_left_of_them(dialect: object, head: str, answer: bytes) -> None:
    framing = dialect.framing()  # type: ignore[attr-defined]
    raw = framing.wrap(bytes.fromhex(head) + answer + OK)
    shown = BARE.mask("reader", "frame", raw)
    item = framing.feed(shown, 0.0)[0]
    assert isinstance(item, Frame)
    assert item.text == bytes.fromhex(head) + masked(answer + OK)
    for rest in (raw[3:], raw[:-3], raw[5:-20]):
        assert find_leaks(BARE.mask("reader", "noise", rest), LITERALS) == []
    assert find_leaks(raw[3:], LITERALS) != []


def test_trees_mark_what_is_private() -> None:
    nodes = [node for _, node in response_tree(TRACK + OK).walk()]
    private = {node.raw for node in nodes if node.privacy is not Privacy.OPEN}
    assert private == {TRACK[4:23], NAME}
    names = {node.label.zh for node in nodes}
    assert any("二磁道" in name for name in names)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=80), head=st.sampled_from([b"", b"\x70", b"\x70\x21\x57\x13", b"\x77\x20\x5a\x0a"]))
def test_any_bytes_keep_their_length_and_are_masked_once(data: bytes, head: bytes) -> None:
    for kind in ("apdu", "noise"):
        assert len(BARE.mask("", kind, head + data)) == len(head + data)
