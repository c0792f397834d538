"""A planted mistake in the engine: what it changes, and the word by which the suite knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from protocols.wire.base import Label
from reference_impl.backend.settlement.channel import Channel
from reference_impl.backend.settlement.engine import Engine
from reference_impl.backend.settlement.rules import Rules
from reference_impl.backend.storage.book import SqliteBook
from reference_impl.kiosk.outbox import Outbox

__all__ = ["NO_MUTANT", "Mutant"]

Numbers = Callable[[str], str]


def _same_numbers(numbers: Numbers) -> Numbers:
    return numbers


def _no_change(channels: dict[str, Channel]) -> None:
    return None


def _no_engine_change(engine: Engine) -> None:
    return None


def _no_book_change(book: SqliteBook) -> None:
    return None


def _no_outbox_change(outbox: Outbox) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Mutant:
    """``rules`` makes the rules; ``alter`` changes channels before the engine has them; ``engine`` changes the engine once it is
    made; ``numbers`` wraps the maker of trade numbers; ``book`` changes what writes to the database, ``outbox`` what a kiosk
    keeps. ``seed`` is one whose story finds it: tried first."""

    id: str
    label: Label
    rules: Callable[[], Rules] = Rules
    alter: Callable[[dict[str, Channel]], None] = _no_change
    engine: Callable[[Engine], None] = _no_engine_change
    numbers: Callable[[Numbers], Numbers] = field(default=_same_numbers)
    book: Callable[[SqliteBook], None] = _no_book_change
    outbox: Callable[[Outbox], None] = _no_outbox_change
    seed: int = 0


NO_MUTANT = Mutant("none", Label("参考实现", "the reference"))
