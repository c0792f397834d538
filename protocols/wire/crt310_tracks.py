"""Magnetic tracks in a CRT-310 answer: for each track asked for ``1F``, a result character, then data or an error byte.

Source: spec/devices.md 4.2 (45 30) and its track errors.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from protocols.wire.base import Label, Node, Privacy, WireError

__all__ = ["TRACK_CHOICES", "TRACK_ERRORS", "Track", "build_tracks", "parse_tracks", "tracks_node"]

SEPARATOR, READ, FAILED, UNREADABLE = 0x1F, 0x59, 0x4E, 0x4F

TRACK_CHOICES: dict[int, tuple[int, ...]] = {
    0x31: (1,),
    0x32: (2,),
    0x33: (3,),
    0x34: (1, 2),
    0x35: (2, 3),
    0x36: (1, 3),
    0x37: (1, 2, 3),
}
"""Track character of the command: which tracks it asks for."""

TRACK_ERRORS: dict[int, Label] = {
    0xE1: Label("无起始符", "no start sentinel"),
    0xE2: Label("无结束符", "no end sentinel"),
    0xE3: Label("奇偶校验错", "parity error"),
    0xE4: Label("LRC 错", "LRC error"),
    0xE5: Label("空白磁道", "blank track"),
}


@dataclass(frozen=True, slots=True)
class Track:
    """One track of an answer: its ``data`` when ``error`` is 0, else E1..E5. ``readable`` False: character 4F."""

    data: bytes = b""
    error: int = 0
    readable: bool = True


def build_tracks(tracks: Iterable[Track]) -> bytes:
    """The data of the answer. Raises WireError for track data that contains the separator 1F."""
    built = bytearray()
    for track in tracks:
        if SEPARATOR in track.data:
            raise WireError("track data contains the separator 1F")
        result = READ if not track.error and track.readable else FAILED if track.readable else UNREADABLE
        built += bytes((SEPARATOR, result)) + (bytes((track.error,)) if track.error else track.data)
    return bytes(built)


def parse_tracks(data: bytes) -> tuple[Track, ...]:
    """Tracks in the order asked for. Raises WireError where the form is broken."""
    if data[:1] not in (b"", b"\x1f"):
        raise WireError("track answer does not begin with 1F")
    tracks: list[Track] = []
    for part in data.split(b"\x1f")[1:]:
        result, rest = part[:1], part[1:]
        if result == b"\x59":
            tracks.append(Track(rest))
        elif result == b"\x4e" and len(rest) == 1:
            tracks.append(Track(error=rest[0]))
        elif result == b"\x4f":
            tracks.append(Track(rest, readable=False))
        else:
            raise WireError(f"track result {part[:2].hex(' ').upper() or 'missing'} is not 59, 4E and error, or 4F")
    return tuple(tracks)


def tracks_node(data: bytes) -> Node:
    """Labelled tree of the tracks; track data names its holder, so it is private."""
    children: list[Node] = []
    for number, track in enumerate(parse_tracks(data), 1):
        label = Label(f"第 {number} 个磁道", f"track answer {number}")
        if track.error:
            why = TRACK_ERRORS.get(track.error, Label("未知错误", "unknown error"))
            label = Label(f"{label.zh}：{why.zh}", f"{label.en}: {why.en}")
            children.append(Node("track", label, bytes((track.error,))))
        else:
            text = track.data.decode("ascii", "replace")
            children.append(Node("track", label, track.data, text, Privacy.CARD_NUMBER))
    return Node("tracks", Label("磁道数据", "tracks"), data, children=tuple(children))
