"""The classes of simulated devices that stand behind a line, found by being there: a new device touches no list.

A module of this package that makes one has ``DEVICE_CLASS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from protocols.wire.base import Framing, Label, Node, discover
from simulators.device.base import Device

__all__ = ["DeviceClass", "LineDialect", "class_of_dialect", "device_classes"]


class LineDialect(Protocol):
    """What every dialect of every class has."""

    name: str
    label: Label
    device_class: str

    def framing(self) -> Framing: ...

    def tree(self, text: bytes, to_device: bool) -> Node: ...


@dataclass(frozen=True, slots=True)
class DeviceClass:
    """One class of devices.

    ``slot`` is what a slot with one of them is usually called; ``build`` takes the keywords ``dialect``, ``options``,
    ``readings``, ``timing``, ``mode`` and ``seed``; ``options`` and ``readings`` are dataclasses whose fields a bench file
    may set; ``timing`` makes one of the named times; ``hand`` says what can be done to it, and what each word means.
    """

    name: str
    slot: str
    dialects: Mapping[str, LineDialect]
    build: Callable[..., Device]
    options: type[Any]
    readings: type[Any]
    timing: Mapping[str, Callable[[], Any]]
    hand: Mapping[str, str]


@cache
def device_classes() -> Mapping[str, DeviceClass]:
    """Every class, by name."""
    return {each.name: each for each in discover("simulators.device", "DEVICE_CLASS")}


def class_of_dialect(dialect: str) -> DeviceClass:
    """The class whose devices speak *dialect*. Raises ValueError naming those that somebody speaks."""
    found = next((each for each in device_classes().values() if dialect in each.dialects), None)
    if found is None:
        known = sorted(name for each in device_classes().values() for name in each.dialects)
        raise ValueError(f"dialect {dialect!r} is unknown; use one of {', '.join(known)}")
    return found
