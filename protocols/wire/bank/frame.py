"""Around a message: the length, the TPDU and the header (spec/services.md 3.1).

A *frame* here is what follows the two length bytes: TPDU, header, message. Whoever owns the socket adds the length.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.wire.base import WireError

__all__ = [
    "HEAD_BYTES",
    "MAX_FRAME_BYTES",
    "SIGN_IN_AGAIN",
    "Header",
    "Tpdu",
    "join",
    "split",
    "with_length",
    "without_length",
]

MAX_FRAME_BYTES = 2048
"""Beyond the longest message that the field table allows, below what a host reads at once."""

_TPDU_BYTES = 5
_HEADER_BYTES = 6
HEAD_BYTES = _TPDU_BYTES + _HEADER_BYTES
_LENGTH_BYTES = 2

SIGN_IN_AGAIN = "1"


@dataclass(frozen=True, slots=True)
class Tpdu:
    """``60``, then the network addresses of destination and source, four digits each."""

    destination: str = "0006"
    source: str = "0000"

    def swapped(self) -> Tpdu:
        """That of the reply."""
        return Tpdu(self.source, self.destination)


@dataclass(frozen=True, slots=True)
class Header:
    """Twelve digits. ``application`` 60 (3DES) or 61 (this project's SM4 variant, spec/services.md 9 U7);
    ``request`` is what the host wants done: 0 nothing, 1 sign in again, 2 update public keys, 3 card parameters,
    4 contactless parameters."""

    application: str = "60"
    version: str = "01"
    state: str = "0"
    request: str = "0"
    sub_version: str = "310000"

    @property
    def digits(self) -> str:
        return f"{self.application}{self.version}{self.state}{self.request}{self.sub_version}"

    @property
    def sign_in_again(self) -> bool:
        return self.request == SIGN_IN_AGAIN


def _digits(raw: bytes, what: str, at: int) -> str:
    text = raw.hex()
    if not text.isdecimal():
        raise WireError(f"{what}: not packed digits", at)
    return text


def split(frame: bytes) -> tuple[Tpdu, Header, bytes]:
    """TPDU, header and message of a frame. Raises :class:`WireError`."""
    if len(frame) > MAX_FRAME_BYTES:
        raise WireError(f"frame: {len(frame)} bytes, {MAX_FRAME_BYTES} at most", MAX_FRAME_BYTES)
    if len(frame) < HEAD_BYTES:
        raise WireError(f"frame: {len(frame)} bytes are fewer than TPDU and header", len(frame))
    tpdu = _digits(frame[:_TPDU_BYTES], "TPDU", 0)
    if tpdu[:2] != "60":
        raise WireError("TPDU: its first byte is not 60", 0)
    text = _digits(frame[_TPDU_BYTES:HEAD_BYTES], "header", _TPDU_BYTES)
    header = Header(text[:2], text[2:4], text[4], text[5], text[6:])
    if header.application not in ("60", "61"):
        raise WireError("header: the application class is neither 60 nor 61", _TPDU_BYTES)
    return Tpdu(tpdu[2:6], tpdu[6:]), header, frame[HEAD_BYTES:]


def join(tpdu: Tpdu, header: Header, message: bytes) -> bytes:
    """The frame around *message*. Raises :class:`WireError` for a TPDU or header that is not made of digits."""
    for what, text, length in (("TPDU", f"60{tpdu.destination}{tpdu.source}", 10), ("header", header.digits, 12)):
        if len(text) != length or not (text.isascii() and text.isdecimal()):
            raise WireError(f"{what}: needs {length} digits")
    frame = bytes.fromhex(f"60{tpdu.destination}{tpdu.source}{header.digits}") + message
    if len(frame) > MAX_FRAME_BYTES:
        raise WireError(f"frame: {len(frame)} bytes, {MAX_FRAME_BYTES} at most", MAX_FRAME_BYTES)
    return frame


def with_length(frame: bytes) -> bytes:
    """*frame* as it stands on the line."""
    return len(frame).to_bytes(_LENGTH_BYTES, "big") + frame


def without_length(data: bytes) -> bytes:
    """The frame of :func:`with_length`. Raises :class:`WireError` when the length is not that of the rest."""
    if len(data) < _LENGTH_BYTES or int.from_bytes(data[:_LENGTH_BYTES], "big") != len(data) - _LENGTH_BYTES:
        raise WireError("length: not that of what follows", 0)
    return data[_LENGTH_BYTES:]
