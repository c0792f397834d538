"""How a mutant of the social security card is catalogued: the reference builder with one part exchanged."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from protocols.wire.base import Label
from simulators.card.people import DEFAULT_PERSON
from simulators.card.social_security import Parts, SocialSecurityCard, build_card
from simulators.fault.base import Mutant

__all__ = ["card_mutant", "holder_mutant", "record_mutant"]


def card_mutant(
    name: str, zh: str, en: str, like: str, variants: tuple[str, ...] = (), equivalent: str = "", **parts: Any
) -> Mutant:
    """The mutant ``card.<name>``; *parts* are the classes that replace those of :class:`Parts`."""
    return _mutant(name, zh, en, like, partial(build_card, parts=Parts(**parts)), variants, equivalent)


def record_mutant(
    name: str, zh: str, en: str, like: str, cell: str, record: str, variants: tuple[str, ...] = ()
) -> Mutant:
    """A card whose record in memory cell *cell* (``SSSE/EF05/3``) holds the bytes *record* instead."""

    def make(*args: Any, **options: Any) -> SocialSecurityCard:
        card = build_card(*args, **options)
        card.memory.personalise({cell: bytes.fromhex(record)})
        return card

    return _mutant(name, zh, en, like, make, variants, "")


def holder_mutant(
    name: str, zh: str, en: str, like: str, number: int, change: Callable[[bytes], bytes], equivalent: str = ""
) -> Mutant:
    """A card whose record *number* of EF06 is what *change* makes of the right one."""

    def make(*args: Any, **options: Any) -> SocialSecurityCard:
        card = build_card(*args, **{"person": DEFAULT_PERSON, **options})
        cell = f"SSSE/EF06/{number}"
        card.memory.personalise({cell: change(card.memory.read(cell))})
        return card

    return _mutant(name, zh, en, like, make, (), equivalent)


def _mutant(
    name: str, zh: str, en: str, like: str, make: Callable[..., Any], variants: tuple[str, ...], equivalent: str
) -> Mutant:
    rule = f"spec/cards.md {like}" if like[0].isdigit() else like
    return Mutant(f"card.{name}", "card", Label(zh, en), make, variants, equivalent, rule)
