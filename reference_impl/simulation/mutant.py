"""A planted mistake in the engine: what it changes, and the word by which the suite knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from protocols.wire.base import Label
from reference_impl.backend.settlement.channel import Channel
from reference_impl.backend.settlement.engine import Engine
from reference_impl.backend.settlement.rules import Rules

__all__ = ["NO_MUTANT", "Mutant"]

Numbers = Callable[[str], str]


def _same_numbers(numbers: Numbers) -> Numbers:
    return numbers


def _no_change(channels: dict[str, Channel]) -> None:
    return None


def _no_engine_change(engine: Engine) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Mutant:
    """``rules`` makes the rules; ``alter`` changes channels before the engine has them; ``engine`` changes the engine once it is
    made; ``numbers`` wraps the maker of trade numbers."""

    id: str
    label: Label
    rules: Callable[[], Rules] = Rules
    alter: Callable[[dict[str, Channel]], None] = _no_change
    engine: Callable[[Engine], None] = _no_engine_change
    numbers: Callable[[Numbers], Numbers] = field(default=_same_numbers)


NO_MUTANT = Mutant("none", Label("参考实现", "the reference"))
