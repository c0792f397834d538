"""Models of a terminal profile: the devices of a terminal and what its documents demand of their declarations."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from protocols.wire.base import Label
from scenarios.profiles.device_class import DeviceClassProfile, Strict, Text, Value

__all__ = ["Demand", "Profile", "ProfileDevice"]


class Demand(Strict):
    """What a clause asks of a PICS item: ``is`` a value, ``at_least`` a number, or ``one_of`` some values."""

    item: str
    equals: Value | None = Field(default=None, alias="is")
    at_least: int | None = None
    one_of: tuple[Value, ...] = ()
    clause: str

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Demand:
        given = (self.equals is not None, self.at_least is not None, bool(self.one_of))
        if sum(given) != 1:
            raise ValueError(f"{self.item}: give exactly one of is, at_least, one_of")
        return self

    def met_by(self, value: Value) -> bool:
        """True when a declaration of *value* satisfies the clause."""
        if self.at_least is not None:
            return type(value) is int and value >= self.at_least
        return value in self.one_of if self.one_of else value == self.equals

    def values(self) -> tuple[Value, ...]:
        """The values that are named by this demand."""
        return tuple(each for each in (self.equals, self.at_least, *self.one_of) if each is not None)


class ProfileDevice(Strict):
    """One device of a terminal. ``presence`` optional: clauses count only if the supplier declares the device."""

    device_class: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    text: Text = Field(alias="label")
    presence: Literal["required", "optional"] = "required"
    clauses: Annotated[tuple[str, ...], Field(min_length=1)]
    demands: tuple[Demand, ...] = ()

    @model_validator(mode="after")
    def _demands_cite_own_clauses(self) -> ProfileDevice:
        for each in self.demands:
            if each.clause not in self.clauses:
                raise ValueError(f"the demand on {each.item} cites {each.clause}: add it to clauses of this device")
        return self

    @property
    def label(self) -> Label:
        return self.text.label

    def problems(self, definition: DeviceClassProfile) -> list[tuple[str, str]]:
        """Demands that *definition* cannot meet whatever a supplier declares: (text beside which it stands, remedy)."""
        found: list[tuple[str, str]] = []
        items = {each.id: each for each in definition.pics_items}
        for demand in self.demands:
            near = f"item: {demand.item}"
            if demand.item not in items:
                known = ", ".join(items)
                found.append((near, f"未知的声明项 / unknown PICS item {demand.item!r}; use one of {known}"))
                continue
            wrong = (items[demand.item].problem(value) for value in demand.values())
            found.extend((near, f"{demand.clause}: {each}") for each in wrong if each)
        return found


class Profile(Strict):
    """A kind of terminal: what can be under test, and which devices its documents ask for."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    text: Text = Field(alias="title")
    document: Literal["DG", "BJ", "BK", "LL", "YH"]
    section: Annotated[str, Field(min_length=1)]
    devices: Annotated[tuple[ProfileDevice, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _devices_are_single(self) -> Profile:
        seen: set[str] = set()
        for each in self.devices:
            if each.device_class in seen:
                raise ValueError(f"{each.device_class} is listed twice: keep one of them")
            seen.add(each.device_class)
        return self

    @property
    def title(self) -> Label:
        return self.text.label

    def device(self, device_class: str) -> ProfileDevice | None:
        """The device of that class, or None when this terminal has none."""
        return next((each for each in self.devices if each.device_class == device_class), None)
