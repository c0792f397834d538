"""The faults of a bench or plan file: which, on which slot, when (docs/faults.md)."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, field_validator, model_validator

from scenarios.profiles.device_class import Strict
from simulators.fault.injection import CATALOGUE, InjectedFault

__all__ = ["Fault", "injected_faults"]

MAX_FRAMES = 1_000_000


class Fault(Strict):
    """One seeded fault. It strikes at frame (card: APDU, ``card-tear``: write) ``after`` + 1 of its slot, counted from
    the end of preflight, and at those that follow, ``times`` in all, each with ``probability``."""

    id: str
    slot: str
    after: int = Field(default=0, ge=0, le=MAX_FRAMES)
    times: int = Field(default=1, ge=1, le=MAX_FRAMES)
    probability: float = Field(default=1.0, gt=0, le=1)
    options: dict[str, StrictBool | StrictInt | StrictFloat | StrictStr] = Field(
        default_factory=dict[str, StrictBool | StrictInt | StrictFloat | StrictStr]
    )

    @field_validator("id")
    @classmethod
    def _is_catalogued(cls, value: str) -> str:
        if value not in CATALOGUE:
            near = difflib.get_close_matches(value, CATALOGUE, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"未知的故障 / unknown fault {value!r}{hint} known: {', '.join(CATALOGUE)}")
        return value

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Fault:
        # The catalogue knows what its faults take; its complaints are already written for people.
        InjectedFault(self.id, self.id, self.after, self.times, self.probability, self.options)
        return self

    @property
    def device_classes(self) -> tuple[str, ...]:
        return CATALOGUE[self.id].device_classes


def injected_faults(faults: Sequence[Fault]) -> dict[str, tuple[InjectedFault, ...]]:
    """Slot to its faults, each under a key of its own: ``reader.split``, and ``reader.split.2`` for a second one."""
    found: dict[str, list[InjectedFault]] = {}
    used: dict[str, int] = {}
    for each in faults:
        name = f"{each.slot}.{each.id}"
        used[name] = used.get(name, 0) + 1
        key = name if used[name] == 1 else f"{name}.{used[name]}"
        fault = InjectedFault(key, each.id, each.after, each.times, each.probability, each.options)
        found.setdefault(each.slot, []).append(fault)
    return {slot: tuple(mine) for slot, mine in found.items()}
