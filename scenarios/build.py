"""From the words of a bench file to simulated devices: readings, options, timing, mutants."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from scenarios.models import Slot
from scenarios.vouched import sam_cards
from simulators.card.people import Person
from simulators.card.psam import build_psam
from simulators.card.readings import Readings
from simulators.card.social_security import build_card
from simulators.device.classes import device_classes
from simulators.fault.base import mutants

__all__ = ["BenchError", "build_slot_card", "build_slot_device", "maker_of"]

P = TypeVar("P")

PSAM_IMAGE = "psam"


class BenchError(Exception):
    """The bench cannot be brought up; the text names the slot and the remedy."""


def maker_of(slot: Slot, name: str) -> Callable[..., Any]:
    """The reference builder of the slot's class, or the mutant that ``fault`` names."""
    kind = device_classes().get(slot.device_class)
    reference: Callable[..., Any] = build_card if kind is None else kind.build
    if not slot.fault:
        return reference
    known = {each.id: each for each in mutants(slot.device_class)}
    if slot.fault not in known:
        raise BenchError(f"slot {name!r}: no mutant {slot.fault!r}; `onecard mutants --list` shows them")
    return known[slot.fault].make


def build_slot_device(slot: Slot, name: str, seed: int) -> Any:
    """The simulated device of *slot*. Raises :class:`BenchError` for a reading or option that does not exist."""
    kind = device_classes()[slot.device_class]
    options = _fields(kind.options, slot.options, f"slot {name!r}: options")
    if slot.dialect not in kind.dialects:
        raise BenchError(
            f"slot {name!r}: dialect {slot.dialect!r} is unknown; use one of {', '.join(sorted(kind.dialects))}"
        )
    return maker_of(slot, name)(
        dialect=slot.dialect,
        options=options,
        readings=_fields(kind.readings, slot.readings, f"slot {name!r}: readings"),
        timing=kind.timing[slot.timing](),
        mode=slot.mode,
        seed=seed,
        **_inside(slot, options, seed),
    )


def _inside(slot: Slot, options: Any, seed: int) -> dict[str, Any]:
    """What this bench puts into a device besides: PSAMs into the sockets of a card reader."""
    return {"sam_cards": sam_cards(seed, options.sam_sockets)} if slot.device_class == "card_reader" else {}


def build_slot_card(slot: Slot, name: str, seed: int, person: Person | None = None) -> Any:
    """The simulated card of *slot*; ``image`` is its generation (``3.0``), optionally with options besides, or
    ``psam``; *person* is its holder. Raises :class:`BenchError`."""
    readings = _fields(Readings, slot.readings, f"slot {name!r}: readings")
    if slot.image == PSAM_IMAGE and not slot.fault:
        try:
            return build_psam(seed=seed, **slot.options)
        except (TypeError, ValueError) as error:
            raise BenchError(f"slot {name!r}: a PSAM with options {slot.options} cannot be built: {error}") from error
    try:
        holder = {} if person is None else {"person": person}
        return maker_of(slot, name)(generation=slot.image, seed=seed, readings=readings, **holder, **slot.options)
    except (TypeError, ValueError, KeyError) as error:
        raise BenchError(f"slot {name!r}: card image {slot.image!r} cannot be built: {error}") from error


def _fields(model: type[P], given: Mapping[str, Any], where: str) -> P:
    known = {each.name: each for each in dataclasses.fields(model)}  # pyright: ignore[reportArgumentType]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise BenchError(f"{where}: unknown {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    hints = get_type_hints(model)
    values = {key: _as(hints[key], value, f"{where}.{key}") for key, value in given.items()}
    try:
        return model(**values)
    except ValueError as error:
        raise BenchError(f"{where}: {error}") from error


def _as(kind: Any, value: Any, where: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        try:
            return kind(value)
        except ValueError:
            raise BenchError(f"{where}: {value!r} is none of {', '.join(each.value for each in kind)}") from None
    if get_origin(kind) is Literal and value not in get_args(kind):
        raise BenchError(f"{where}: {value!r} is none of {', '.join(map(repr, get_args(kind)))}")
    if kind is bytes and isinstance(value, str):
        return value.encode("ascii")
    if (
        kind in (bool, int, float, str)
        and not isinstance(value, kind)
        and not (kind is float and isinstance(value, int))
    ):
        raise BenchError(f"{where}: {value!r} is not a {kind.__name__}")
    return value
