"""The framing of PIN pads of family B: ``02``, every logical byte as two upper-case hexadecimal characters, ``03``.

Logical ``Ln | CMD DATA | BCC`` (answers ``Ln | ST DATA | BCC``): Ln is the length of what stands between it and BCC, 0 when
that is above 255; BCC is the exclusive or of all bytes before it (spec/devices.md 1.2). Some firmware leaves out the final
03, so a frame is whole without it as soon as another byte has come, or none for ``trailer_s``. Keys come as single raw
bytes between frames.

How it resynchronises. 02 is no hexadecimal character, so it always begins anew. Behind a broken frame nothing is taken for
a key until its 03, the next 02 or a silence: the characters of a damaged frame are digits too, and must not become keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto
from functools import reduce

from protocols.wire.base import Control, Flaw, Frame, Item, Noise, WireError

__all__ = ["HexSplitFraming", "split_hex"]

STX, ETX = 0x02, 0x03
HEX_CHARACTERS = frozenset(b"0123456789ABCDEF")
MAX_TEXT_BYTES = 1024
NOISE_LIMIT_BYTES = 256
_LONG = 0
_MAX_CHARACTERS = 2 * (1 + MAX_TEXT_BYTES + 1)


class _At(Enum):
    """Where in the stream the decoder stands."""

    BETWEEN = auto()
    INSIDE = auto()
    TRAILER = auto()
    RUBBISH = auto()


def split_hex(text: bytes, *, trailer: bool = True) -> bytes:
    """The frame that carries *text*. Raises :class:`WireError` for no text, or more than 1024 bytes."""
    if not 1 <= len(text) <= MAX_TEXT_BYTES:
        raise WireError(f"text of {len(text)} bytes; this framing carries 1 to {MAX_TEXT_BYTES}")
    logical = bytes((len(text) if len(text) <= 0xFF else _LONG,)) + text
    logical += bytes((reduce(int.__xor__, logical),))
    return b"\x02" + logical.hex().upper().encode() + (b"\x03" if trailer else b"")


class HexSplitFraming:
    """The :class:`protocols.wire.base.Framing` of family B. *keys* are the bytes that mean a key outside of frames."""

    def __init__(
        self, keys: Iterable[int], *, resync_s: float = 0.1, trailer_s: float = 0.02, trailer: bool = True
    ) -> None:
        self._controls = {byte: Control(byte) for byte in (*keys, ETX)}
        self._resync_s, self._trailer_s, self._trailer = resync_s, trailer_s, trailer
        self._at = _At.BETWEEN
        self._raw = bytearray()
        self._why = "noise"
        self._deadline: float | None = None

    def feed(self, data: bytes, now: float) -> list[Item]:
        """Items that *data* completes. A silence before it gives up what was unfinished."""
        items = self.expire(now)
        for byte in data:
            self._take(byte, items)
        if data:
            wait_s = self._trailer_s if self._at is _At.TRAILER else self._resync_s
            self._deadline = now + wait_s if self._raw or self._at is not _At.BETWEEN else None
        return items

    def deadline(self) -> float | None:
        return self._deadline

    def expire(self, now: float) -> list[Item]:
        items: list[Item] = []
        if self._deadline is not None and now >= self._deadline:
            if self._at is _At.INSIDE:
                self._why = "truncated"
            self._end(items)
            self._deadline = None
        return items

    def wrap(self, text: bytes) -> bytes:
        return split_hex(text, trailer=self._trailer)

    def spoil(self, frame: Frame, flaw: Flaw, by: int = 1) -> bytes:
        logical = bytearray.fromhex(frame.raw[1:].rstrip(b"\x03").decode("ascii"))
        if flaw == "length":
            old, logical[0] = logical[0], (logical[0] + by) & 0xFF
            logical[-1] ^= old ^ logical[0]
        else:
            logical[-1] ^= 0x01
        tail = frame.raw[-1:] if frame.raw.endswith(b"\x03") else b""
        return b"\x02" + logical.hex().upper().encode() + tail

    def _take(self, byte: int, items: list[Item]) -> None:
        if byte == STX:
            if self._at is _At.INSIDE:
                self._why = "truncated"
            self._end(items)
            self._raw.append(byte)
            self._at, self._why = _At.INSIDE, "noise"
        elif self._at is _At.INSIDE:
            self._inside(byte, items)
        elif self._at is _At.TRAILER and byte == ETX:
            self._raw.append(byte)
            self._end(items)
        elif self._at is _At.RUBBISH:
            self._rubbish(byte, items)
        else:
            if self._at is _At.TRAILER:
                self._end(items)
            self._between(byte, items)

    def _between(self, byte: int, items: list[Item]) -> None:
        """A byte outside of frames: a key, a late 03, or one of a run of noise."""
        control = self._controls.get(byte)
        if control is not None:
            self._end(items)
            items.append(control)
            return
        self._raw.append(byte)
        if len(self._raw) >= NOISE_LIMIT_BYTES:
            self._end(items)

    def _inside(self, byte: int, items: list[Item]) -> None:
        self._raw.append(byte)
        if byte == ETX:
            self._why = self._flaw_at_the_end()
            self._end(items, whole=not self._why)
        elif byte not in HEX_CHARACTERS or len(self._raw) > 1 + _MAX_CHARACTERS:
            self._at, self._why = _At.RUBBISH, "noise" if byte not in HEX_CHARACTERS else "length"
        elif len(self._raw) == self._announced():
            flawless = not reduce(int.__xor__, self._logical())
            self._at = _At.TRAILER if flawless else _At.RUBBISH
            self._why = "" if flawless else "checksum"

    def _rubbish(self, byte: int, items: list[Item]) -> None:
        self._raw.append(byte)
        if byte == ETX:
            self._end(items)
        elif len(self._raw) > 1 + _MAX_CHARACTERS:
            items.append(Noise(bytes(self._raw), self._why))
            self._raw.clear()  # still rubbish: what follows is not taken for keys

    def _announced(self) -> int | None:
        """Length of the whole frame without its 03; None while unknown, and for a long one, which only 03 ends."""
        if len(self._raw) < 3:
            return None
        length = int(self._raw[1:3], 16)
        return None if length == _LONG else 1 + 2 * (1 + length + 1)

    def _logical(self) -> bytes:
        return bytes.fromhex(bytes(self._raw[1:]).rstrip(b"\x03").decode("ascii"))

    def _flaw_at_the_end(self) -> str:
        """03 has come while inside: right for a long frame alone. Empty when all is well."""
        characters = len(self._raw) - 2
        long = self._raw.startswith(b"\x0200")
        if not long or characters % 2 or characters // 2 - 2 <= 0xFF:
            return "length"
        return "checksum" if reduce(int.__xor__, self._logical()) else ""

    def _end(self, items: list[Item], whole: bool = False) -> None:
        """Give out what is held, and stand between frames again."""
        raw, at = bytes(self._raw), self._at
        self._raw.clear()
        self._at = _At.BETWEEN
        if not raw:
            return
        if at is _At.TRAILER or whole:
            items.append(Frame(bytes.fromhex(raw[1:].rstrip(b"\x03").decode("ascii"))[1:-1], raw))
        else:
            items.append(Noise(raw, "noise" if at is _At.BETWEEN else self._why))
        self._why = "noise"
