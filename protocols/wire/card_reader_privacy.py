"""Where private data can stand inside a card reader's frame, and how the frame is closed again.

Sources: spec/devices.md 4.1 and 4.2. Only the two families of the card reader class are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from protocols.wire.base import WireError
from protocols.wire.card_reader_rows import APDU, TRACKS, Row
from protocols.wire.crt310_tables import COMMANDS as COMMANDS_310
from protocols.wire.crt310_tables import SAM
from protocols.wire.crt310_tracks import parse_tracks
from protocols.wire.crt591_tables import COMMANDS as COMMANDS_591
from protocols.wire.framing import FrameFormat, f2_format, stx_format
from protocols.wire.privacy_frames import Form, FramePart, OpenFrame

__all__ = ["PRIVACY", "ReaderFrame", "ReaderFrames"]

_KEY_BYTES = 6
_MIFARE_310 = 0x35
_MIFARE_310_KEY_PM = (0x32, 0x39, 0x35)


@dataclass(frozen=True, slots=True)
class ReaderFrame:
    """A frame taken apart: ``parts`` fill its text; ``damage`` is what its check byte was off by (0: valid)."""

    header: bytes
    parts: tuple[FramePart, ...]
    damage: int
    memory: bytes = b""

    def close(self, text: bytes) -> bytes:
        """The frame around *text*, its check byte as right or as wrong as it was."""
        body = self.header + text + b"\x03"
        return body + bytes((reduce(int.__xor__, body) ^ self.damage,))


_F2, _STX = f2_format(), stx_format()


class ReaderFrames:
    """Opens a frame of either family: right length and trailer, but any check byte."""

    def open(self, data: bytes, memory: bytes) -> OpenFrame | None:
        for family, parts in ((_F2, _parts_591), (_STX, _parts_310)):
            if data[:1] == family.prefix[:1] and _has_form(family, data):
                at = family.header_bytes
                return ReaderFrame(data[:at], parts(data[at:-2]), reduce(int.__xor__, data))
        return None


PRIVACY = ReaderFrames()


def _has_form(family: FrameFormat, data: bytes) -> bool:
    return family.refusal(data) is None and len(data) == family.size(data) and data[-2] == 0x03


def _split(text: bytes, at: int, form: Form) -> tuple[FramePart, ...]:
    return FramePart("open", text[:at]), FramePart(form, text[at:])


def _parts_591(text: bytes) -> tuple[FramePart, ...]:
    row = COMMANDS_591.of_bytes(text[1], text[2])
    if row is not None and text[0] == 0x43 and row.sends is APDU:
        return _split(text, 3, "apdu")
    if row is not None and text[0] == 0x50 and row.returns is APDU:
        return _split(text, 6, "apdu")
    return (FramePart("open", text),)


def _parts_310(text: bytes) -> tuple[FramePart, ...]:
    row = COMMANDS_310.of_bytes(text[0], text[1])
    if row is None:
        return (FramePart("open", text),)
    if row.returns is APDU:
        return _chip_310(row, text)
    if row.returns is TRACKS and text[2:3] == b"\x1f":
        return _tracks_310(text)
    if row.cm == _MIFARE_310 and row.pm in _MIFARE_310_KEY_PM and len(text) >= 2 + _KEY_BYTES:
        return _split(text, len(text) - _KEY_BYTES, "key")
    return (FramePart("open", text),)


def _chip_310(row: Row, text: bytes) -> tuple[FramePart, ...]:
    # An answer has the letter Y behind CM PM, a SAM command its socket; no CLA of a card is 59, and none 30 to 37.
    if text[2:3] == b"Y":
        return _split(text, 3, "apdu")
    return _split(text, 3 if row.cm == SAM else 2, "apdu")


def _tracks_310(text: bytes) -> tuple[FramePart, ...]:
    try:
        tracks = parse_tracks(text[2:])
    except WireError:
        return (FramePart("open", text[:2]), FramePart("private", text[2:]))
    parts = [FramePart("open", text[:2])]
    at = 2
    for track in tracks:
        size = 2 + (1 if track.error else len(track.data))
        parts.append(FramePart("open", text[at : at + 2]))
        parts.append(FramePart("open" if track.error else "private", text[at + 2 : at + size]))
        at += size
    return tuple(parts)
