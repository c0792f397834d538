"""A frame taken apart into what may be shown and what may not, whatever the dialect; closed again, it still parses.

A module of this package that knows where private data stand in its frames has ``PRIVACY``, a :class:`FrameOpener`; it is
found by being there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol

from protocols.wire.base import discover

__all__ = ["DIGIT_MARK", "Form", "FrameOpener", "FramePart", "OpenFrame", "open_frame"]

Form = Literal["open", "apdu", "private", "key", "answer"]

DIGIT_MARK = 0x23
"""``#`` stands for a digit that came outside of a whole frame: it may be a key that somebody typed."""


@dataclass(frozen=True, slots=True)
class FramePart:
    """A run of bytes of a frame's text. ``private`` is a card number or track data, ``key`` a key or what is given to be
    enciphered, ``answer`` a PIN block or what was deciphered, ``apdu`` a command or response of a card, ``open``
    everything else."""

    form: Form
    data: bytes


class OpenFrame(Protocol):
    """A frame taken apart: ``parts`` fill its text. ``memory`` is what the next frame of this line needs to know."""

    @property
    def parts(self) -> tuple[FramePart, ...]: ...

    @property
    def memory(self) -> bytes: ...

    def close(self, text: bytes) -> bytes:
        """The frame around *text* of the same length, as right or as wrong as it was."""
        ...


class FrameOpener(Protocol):
    """Knows the frames of one family of dialects."""

    def open(self, data: bytes, memory: bytes) -> OpenFrame | None:
        """*data* taken apart; None when it is no frame of this family. *memory* is empty before the first frame."""
        ...


@cache
def _openers() -> Sequence[FrameOpener]:
    return discover("protocols.wire", "PRIVACY", deep=False)


def open_frame(data: bytes, memory: bytes = b"") -> OpenFrame | None:
    """*data* as one frame of any known family, whole or nearly so; None when it is none. *memory* of the same line."""
    for each in _openers():
        opened = each.open(data, memory)
        if opened is not None:
            return opened
    return None
