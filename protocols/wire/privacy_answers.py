"""Where private data stand in a card's answer, whatever the application; what they are, so that their form can be kept.

A module of this package that knows such answers has ``ANSWER_PRIVACY``, an :class:`AnswerReader`; it is found by being there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol

from protocols.wire.base import Privacy, discover

__all__ = ["AnswerReader", "Form", "Private", "private_parts"]

Form = Literal["digits", "track", "text"]
"""``digits`` packed digits before F, ``track`` the same with a ``D`` behind the card number, ``text`` characters."""


@dataclass(frozen=True, slots=True)
class Private:
    """The bytes from *at* to before *end*."""

    at: int
    end: int
    privacy: Privacy
    form: Form


class AnswerReader(Protocol):
    """Knows the answers of one kind of application."""

    def private_parts(self, data: bytes, *, anywhere: bool) -> tuple[Private, ...]:
        """What in *data* must not be shown, cut off or not, in order. *anywhere*: the answer may begin in the middle of
        other bytes, so that only what looks like itself counts."""
        ...


@cache
def _readers() -> Sequence[AnswerReader]:
    return discover("protocols.wire", "ANSWER_PRIVACY")


def private_parts(data: bytes, *, anywhere: bool = False) -> tuple[Private, ...]:
    """Of any application that is known, in order and without overlap."""
    found: list[Private] = []
    for part in sorted((p for each in _readers() for p in each.private_parts(data, anywhere=anywhere)), key=_at):
        if not found or part.at >= found[-1].end:
            found.append(part)
    return tuple(found)


def _at(part: Private) -> int:
    return part.at
