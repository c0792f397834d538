"""Where secrets stand in the frames of a PIN pad of family B (spec/devices.md 1.2): keys, card numbers, what is given to be
enciphered or authenticated (track data, a bank's message), PIN blocks and what was deciphered.

An answer does not name its command: that the last one asked for such a thing is remembered from frame to frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from protocols.wire.epp_b_tables import BATTERY_LOW, DONE, ERROR_OF
from protocols.wire.hex_split_framing import ETX, HEX_CHARACTERS
from protocols.wire.privacy_frames import DIGIT_MARK, Form, FramePart, OpenFrame

__all__ = ["PAD_LINE", "PRIVACY", "HexSplitFrame", "PinPadFrames"]

STX = 0x02
PAD_LINE, SECRET_DUE = b"pad", b"pad, secret answer due"
"""What is remembered of a line: that it is one of a PIN pad, and that the next answer which is done is secret."""

SECRET_ANSWERS = (0x37, 0x42)
SECRET_AFTER: dict[int, tuple[int, Form]] = {
    0x32: (2, "key"),
    0x33: (3, "key"),
    0x34: (1, "private"),
    0x36: (1, "key"),
    0x41: (1, "key"),
    0x82: (2, "key"),
    0x23: (1, "key"),
    0x24: (1, "key"),
    0x40: (1, "key"),
}
"""Command to where its secret begins: behind M, behind M N, or at once."""


@dataclass(frozen=True, slots=True)
class HexSplitFrame:
    """A frame, or the beginning of one. ``tail`` is what stands behind its last whole pair of characters; ``damage`` what
    its check byte was off by, None where the frame has none."""

    length: bytes
    parts: tuple[FramePart, ...]
    memory: bytes
    damage: int | None
    tail: bytes

    def close(self, text: bytes) -> bytes:
        logical = self.length + text
        if self.damage is not None:
            logical += bytes((reduce(int.__xor__, logical) ^ self.damage,))
        return bytes((STX,)) + logical.hex().upper().encode() + self.tail


class PinPadFrames:
    """Opens what begins like a frame of family B: 02, then hexadecimal characters. A card reader's 02 is followed by the
    high byte of its length, which is none."""

    def open(self, data: bytes, memory: bytes) -> OpenFrame | None:
        if len(data) < 3 or data[0] != STX or data[1] not in HEX_CHARACTERS or data[2] not in HEX_CHARACTERS:
            return None
        end = next((at for at in range(1, len(data)) if data[at] not in HEX_CHARACTERS), len(data))
        end -= (end - 1) % 2
        logical, tail = bytes.fromhex(data[1:end].decode("ascii")), data[end:]
        whole = tail in (b"", bytes((ETX,))) and len(logical) - 2 == (logical[0] or max(len(logical) - 2, 0x100))
        text = logical[1:-1] if whole else logical[1:]
        damage = reduce(int.__xor__, logical) if whole else None
        parts, memory = _parts(text, memory or PAD_LINE)
        return HexSplitFrame(logical[:1], parts, memory, damage, tail if whole else _marked(tail, parts))


PRIVACY = PinPadFrames()


def _marked(tail: bytes, parts: tuple[FramePart, ...]) -> bytes:
    """What is behind a broken frame, without digits; without any half of a secret's byte, too."""
    secret = HEX_CHARACTERS if any(part.form != "open" for part in parts) else frozenset(b"0123456789")
    return bytes(DIGIT_MARK if byte in secret else byte for byte in tail)


def _parts(text: bytes, memory: bytes) -> tuple[tuple[FramePart, ...], bytes]:
    """The parts of a command or an answer, and what to remember after it."""
    if not text:
        return (), memory
    if memory == SECRET_DUE and text[0] in (DONE, BATTERY_LOW):
        return (FramePart("open", text[:1]), FramePart("answer", text[1:])), PAD_LINE
    if memory == SECRET_DUE and len(text) == 1 and text[0] in ERROR_OF:
        return (FramePart("open", text),), memory
    after = SECRET_DUE if text[0] in SECRET_ANSWERS else PAD_LINE
    at, form = SECRET_AFTER.get(text[0], (len(text), "open"))
    return (FramePart("open", text[:at]), FramePart(form, text[at:])), after
