"""What a mutant is: a device built exactly like the reference, with one thing wrong.

A module of this package defines ``MUTANTS``, a tuple of :class:`Mutant`; the kill matrix finds it by being there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from protocols.wire.base import Label, discover

__all__ = ["Mutant", "mutants", "null_devices"]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A catalogued faulty device.

    ``make`` builds it: same keyword arguments as the reference builder of its device class
    (``simulators.device.classes`` names it for devices behind a line, ``simulators.card.social_security.build_card`` is
    that of ``card``). ``variants`` names the dialects (cards: generations) in which it can exist; empty means all.
    ``equivalent`` gives the reason why no check can tell it from the reference; empty for all others. ``like`` is the
    clause or rule it breaks, as a reader of a failed check would say it.
    """

    id: str
    device_class: str
    label: Label
    make: Callable[..., Any]
    variants: tuple[str, ...] = ()
    equivalent: str = ""
    like: str = ""


def mutants(device_class: str = "") -> tuple[Mutant, ...]:
    """Every catalogued mutant, of one device class or of all, in order of id. Raises ValueError on a doubled id."""
    found = [each for group in discover("simulators.fault", "MUTANTS") for each in group]
    ids = [each.id for each in found]
    doubled = sorted({each for each in ids if ids.count(each) > 1})
    if doubled:
        raise ValueError(f"mutants with the same id: {', '.join(doubled)}")
    return tuple(sorted((m for m in found if not device_class or m.device_class == device_class), key=lambda m: m.id))


def null_devices(device_class: str) -> Mapping[str, Callable[..., Any]]:
    """Devices of that class that are nothing at all, by name: a module of this package has ``NULLS``, by class."""
    found: dict[str, Callable[..., Any]] = {}
    for group in discover("simulators.fault", "NULLS"):
        found |= group.get(device_class, {})
    return found
