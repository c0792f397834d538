"""Length-prefixed framings with one exclusive-or check byte: the F2/BCC family and the 02/BCC family.

``F2 | ADDR | LEN BE16 | TEXT | 03 | BCC`` (spec/devices.md 4.1, CRT-591) and ``02 | LEN BE16 | TEXT | 03 | BCC``
(spec/devices.md 4.2, CRT-310) share one engine. BCC is the exclusive or of all bytes from the start byte to 03.

How it resynchronises. A candidate frame that turns out wrong loses its start byte only; the bytes after it are searched
again, so a fresh frame behind a truncated one is found. Inside the span of a failed candidate no byte is taken for
a control byte: the length field of a broken frame must not become an ACK or a cancel. An unfinished frame is
given up when no byte has come for ``resync_s``: the time runs from the last byte, because 512 bytes need half a
second at 9600 baud.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, reduce

from protocols.wire.base import Control, Flaw, Frame, Item, Noise, WireError

__all__ = ["ACK", "ENQ", "EOT", "NAK", "FrameFormat", "LengthPrefixedFraming", "f2_format", "stx_format"]

EOT, ENQ, ACK, NAK = 0x04, 0x05, 0x06, 0x15
ETX = 0x03
ADDRESS_MAX = 0x0F
NOISE_LIMIT_BYTES = 256
CACHE_SIZE = 4096


class FrameFormat:
    """The constants of one family, and its stateless operations: :meth:`wrap`, :meth:`whole`, :meth:`refusal`.

    *prefix* is the start byte and what stands before the length (the address); *text_bytes* the least and greatest
    length of TEXT. Instances are made once a dialect, because they carry the caches.
    """

    def __init__(self, prefix: bytes, text_bytes: tuple[int, int], controls: Iterable[int]) -> None:
        self.prefix = prefix
        self.start = prefix[0]
        self.header_bytes = len(prefix) + 2
        self.least, self.greatest = text_bytes
        self.bound_bytes = self.header_bytes + self.greatest + 2
        self.controls = {byte: Control(byte) for byte in controls}
        self.singles = {bytes((byte,)): control for byte, control in self.controls.items()}
        # Frames repeat all day (status, entry, ENQ): a pure function of bytes is worth remembering, within a bound.
        self.wrap = lru_cache(CACHE_SIZE)(self._wrap)
        self.whole = lru_cache(CACHE_SIZE)(self._whole)

    def _wrap(self, text: bytes) -> bytes:
        if not self.least <= len(text) <= self.greatest:
            raise WireError(f"text of {len(text)} bytes; this framing carries {self.least} to {self.greatest}")
        body = self.prefix + len(text).to_bytes(2, "big") + text + b"\x03"
        return body + bytes((reduce(int.__xor__, body),))

    def _whole(self, data: bytes) -> Frame | None:
        """The frame that *data* is, exactly; None if it is anything else."""
        if not data.startswith(self.prefix) or self.refusal(data) is not None:
            return None
        if len(data) != self.size(data) or self.flaw(data) is not None:
            return None
        return Frame(data[self.header_bytes : -2], data)

    def refusal(self, data: bytes | bytearray) -> str | None:
        """Why the header at *data*, which begins with the start byte, cannot open a frame; None if it can."""
        if len(data) < self.header_bytes:
            return "truncated"
        if len(self.prefix) == 2 and data[1] > ADDRESS_MAX:
            return "noise"
        length = data[self.header_bytes - 2] << 8 | data[self.header_bytes - 1]
        return None if self.least <= length <= self.greatest else "length"

    def size(self, data: bytes | bytearray) -> int:
        """Length of the whole frame that the header announces."""
        return self.header_bytes + (data[self.header_bytes - 2] << 8 | data[self.header_bytes - 1]) + 2

    @staticmethod
    def flaw(frame: bytes | bytearray) -> str | None:
        """``trailer`` or ``checksum`` if a frame of the right length is wrong there; None if it is valid."""
        if frame[-2] != ETX:
            return "trailer"
        return "checksum" if reduce(int.__xor__, frame) else None


def f2_format(data_limit: int = 512, address: int = 0) -> FrameFormat:
    """CRT-591: TEXT is ``43 CM PM data`` or ``50 CM PM st0 st1 st2 data``, so its limit is six bytes above the data's.

    A frame for another address is noise to this station. Raises WireError for an address above 0F.
    """
    if not 0 <= address <= ADDRESS_MAX:
        raise WireError(f"address {address:#x}; the F2 family has 00 to 0F")
    return FrameFormat(bytes((0xF2, address)), (3, 6 + data_limit), (ACK, NAK, EOT))


def stx_format(data_limit: int = 264) -> FrameFormat:
    """CRT-310: TEXT is ``CM PM data``."""
    return FrameFormat(b"\x02", (2, 2 + data_limit), (ACK, NAK, EOT, ENQ))


class LengthPrefixedFraming:
    """The :class:`protocols.wire.base.Framing` of both families, for one direction of one link."""

    def __init__(self, frame_format: FrameFormat, resync_s: float = 0.1) -> None:
        self._format = frame_format
        self._resync_s = resync_s
        self._buffer = bytearray()
        self._noise = bytearray()
        self._tainted = 0  # so many bytes at the front of the buffer belong to a candidate that failed
        self._deadline: float | None = None

    def feed(self, data: bytes, now: float) -> list[Item]:
        """Items that *data* completes. A gap longer than ``resync_s`` before it gives up what was unfinished."""
        if self._deadline is None:
            control = self._format.singles.get(data)
            if control is not None:
                return [control]
            frame = self._format.whole(data) if len(data) <= self._format.bound_bytes else None
            if frame is not None:
                return [frame]
            items: list[Item] = []
        else:
            items = self.expire(now)
        if data:
            self._buffer += data
            self._scan(items, final=False)
            self._deadline = now + self._resync_s if self._buffer or self._noise else None
        return items

    def deadline(self) -> float | None:
        return self._deadline

    def expire(self, now: float) -> list[Item]:
        items: list[Item] = []
        if self._deadline is not None and now >= self._deadline:
            self._scan(items, final=True)
            self._flush(items)
            self._deadline = None
        return items

    def wrap(self, text: bytes) -> bytes:
        return self._format.wrap(text)

    def spoil(self, frame: Frame, flaw: Flaw, by: int = 1) -> bytes:
        raw = frame.raw
        if flaw == "checksum":
            return raw[:-1] + bytes((raw[-1] ^ 0x01,))
        at = self._format.header_bytes - 2
        old = raw[at : at + 2]
        new = ((int.from_bytes(old, "big") + by) & 0xFFFF).to_bytes(2, "big")
        check = raw[-1] ^ old[0] ^ old[1] ^ new[0] ^ new[1]
        return raw[:at] + new + raw[at + 2 : -1] + bytes((check,))

    def _scan(self, items: list[Item], final: bool) -> None:
        """Take every item that is complete off the front; with *final* nothing more is waited for."""
        buffer, start, controls = self._buffer, self._format.start, self._format.controls
        while buffer:
            first = buffer[0]
            if first == start:
                if not self._candidate(items, final):
                    return
            elif not self._tainted and first in controls:
                self._flush(items)
                items.append(controls[first])
                del buffer[0]
            else:
                self._rubbish(items)

    def _candidate(self, items: list[Item], final: bool) -> bool:
        """The buffer begins with a start byte. False when more bytes are needed to judge it."""
        self._flush(items)
        buffer, frame_format = self._buffer, self._format
        why, span = frame_format.refusal(buffer), frame_format.header_bytes
        if why is None:
            span = frame_format.size(buffer)
            if len(buffer) >= span:
                frame = frame_format.whole(bytes(buffer[:span]))
                if frame is not None:
                    items.append(frame)
                    self._drop(span)
                    return True
                why = frame_format.flaw(buffer[:span])
            else:
                why = "truncated"
        if why == "truncated":
            if not final:
                return False
            span = len(buffer)
        # A frame without a flaw that is still refused is for another address.
        self._fail(items, why or "noise", span, final)
        return True

    def _fail(self, items: list[Item], why: str, span: int, final: bool) -> None:
        """Report the failed candidate up to the next possible start, and mark the rest of its span."""
        # A candidate inside the span of an earlier failure is part of that failure: one complaint a broken frame.
        if span <= self._tainted:
            why = "noise"
        self._tainted = max(self._tainted, span)
        cut = self._next_start(bytes(self._buffer[:span]), final)
        items.append(Noise(bytes(self._buffer[:cut]), why))
        self._drop(cut)

    def _next_start(self, failed: bytes, final: bool) -> int:
        """Offset in *failed* of the next start byte that these bytes alone do not refuse; else its length.

        Only the failed bytes are looked at, never those that happen to have come already: the items must not depend on
        how the line cut the stream.
        """
        frame_format = self._format
        at = failed.find(frame_format.start, 1)
        while at >= 0:
            rest = failed[at:]
            why = frame_format.refusal(rest)
            if why is None and len(rest) >= frame_format.size(rest):
                why = None if frame_format.whole(rest[: frame_format.size(rest)]) else "noise"
            elif why is None or why == "truncated":
                why = "truncated" if final else None
            if why is None:
                return at
            at = failed.find(frame_format.start, at + 1)
        return len(failed)

    def _rubbish(self, items: list[Item]) -> None:
        """Move one byte that opens nothing to the pending noise."""
        self._noise.append(self._buffer[0])
        self._drop(1)
        if len(self._noise) >= NOISE_LIMIT_BYTES:
            self._flush(items)

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._tainted = max(0, self._tainted - count)

    def _flush(self, items: list[Item]) -> None:
        if self._noise:
            items.append(Noise(bytes(self._noise), "noise"))
            self._noise.clear()
