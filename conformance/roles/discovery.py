"""The roles that there are, found by being there: a view for each device class, and a tester for each behind a line.

A module of this package that has a view says ``VIEW``, one that has a tester for devices behind a line says ``TESTER``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol

from conformance.view import CheckView
from protocols.record import History
from protocols.wire.base import discover
from simulators.device.classes import LineDialect, device_classes

__all__ = ["LineTester", "dialect_of", "line_classes", "tester_of", "view_of"]


class LineTester(Protocol):
    """What the engine needs of a tester of a device behind a line."""

    slot: str
    dialect: Any
    history: History
    facts: Mapping[str, Any]

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def first_word(self) -> str:
        """Whether the device answers in its dialect at all, and what it says of itself. Raises LinkError."""
        ...


@cache
def _views() -> Mapping[str, type[CheckView]]:
    return {each.device_class: each for each in discover("conformance.roles", "VIEW")}


@cache
def _testers() -> Mapping[str, Callable[..., LineTester]]:
    return {each.device_class: each for each in discover("conformance.roles", "TESTER")}


def view_of(device_class: str) -> type[CheckView]:
    """The oracle's view of a device class."""
    return _views()[device_class]


def tester_of(device_class: str) -> Callable[..., LineTester]:
    """The tester of a class of devices behind a line."""
    return _testers()[device_class]


def line_classes() -> tuple[str, ...]:
    """Classes of devices behind a line that can be under test."""
    return tuple(sorted(_testers()))


def dialect_of(name: str) -> LineDialect | None:
    """The dialect of that name, of whatever class; None for a name that no dialect has."""
    return next((each.dialects[name] for each in device_classes().values() if name in each.dialects), None)
