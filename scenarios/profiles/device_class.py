"""Models of a device-class profile: PICS items and parameters."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, model_validator

from protocols.wire.base import Label, Privacy

__all__ = ["Declared", "DeviceClassProfile", "Parameter", "PicsItem", "PixitItem", "Strict", "Text", "Value"]

Value = StrictBool | StrictInt | StrictStr
ItemId = Annotated[str, Field(pattern=r"^[a-z]+\.[a-z][a-z0-9_]*$")]


class Strict(BaseModel):
    """Unknown keys are errors; values are not changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(Strict):
    """A text in both languages."""

    zh: Annotated[str, Field(min_length=1)]
    en: Annotated[str, Field(min_length=1)]

    @property
    def label(self) -> Label:
        return Label(self.zh, self.en)


class Declared(Strict):
    """What a PICS item and a parameter have in common: an id, a type, and the values it may have.

    ``choices`` are the values of an enum, or the only values of an int; ``minimum`` and ``maximum`` bound an int.
    """

    id: ItemId
    type: Literal["bool", "int", "enum"]
    text: Text = Field(alias="label")
    choices: tuple[Value, ...] = ()
    minimum: int | None = None
    maximum: int | None = None

    @model_validator(mode="after")
    def _fits_its_type(self) -> Declared:
        if self.type == "enum" and len(self.choices) < 2:
            raise ValueError(f"{self.id} is an enum: give at least two choices")
        if self.type == "bool" and self.choices:
            raise ValueError(f"{self.id} is a bool: remove choices")
        if self.type != "int" and (self.minimum is not None or self.maximum is not None):
            raise ValueError(f"{self.id} is not an int: remove minimum and maximum")
        wanted = int if self.type == "int" else str
        if any(type(each) is not wanted for each in self.choices):
            raise ValueError(f'{self.id}: every choice must be of type {self.type}; put text such as "3.0" in quotes')
        return self

    @property
    def label(self) -> Label:
        return self.text.label

    def problem(self, value: object) -> str | None:
        """Why *value* cannot be given to this item, with a remedy; None when it can."""
        if self.type == "bool":
            return None if type(value) is bool else f"{self.id} is {value!r}: write true or false"
        if self.type == "enum":
            listed = ", ".join(str(each) for each in self.choices)
            return None if value in self.choices else f"{self.id} is {value!r}: use one of {listed}"
        if type(value) is not int:
            return f"{self.id} is {value!r}: write a whole number"
        if self.choices and value not in self.choices:
            return f"{self.id} is {value}: use one of {', '.join(str(each) for each in self.choices)}"
        if (self.minimum is not None and value < self.minimum) or (self.maximum is not None and value > self.maximum):
            return f"{self.id} is {value}: it must be from {self.minimum} to {self.maximum}"
        return None


D = TypeVar("D", bound=Declared)


class PicsItem(Declared):
    """One thing that a supplier declares. ``clauses`` are the clauses whose checks depend on it."""

    clauses: Annotated[tuple[str, ...], Field(min_length=1)]


class Parameter(Declared):
    """One open reading (spec/open-readings.md). Whatever its value, no device fails for it.

    ``source`` is the row it comes from; ``reading`` the field of the simulator that behaves that way, if it has one.
    """

    default: Value
    source: Annotated[str, Field(min_length=1)]
    reading: str | None = None

    @model_validator(mode="after")
    def _default_is_allowed(self) -> Parameter:
        problem = self.problem(self.default)
        if problem:
            raise ValueError(f"default: {problem}")
        return self


class PixitItem(Strict):
    """A value that this bench alone knows and that no document gives, such as the PIN of a test card.

    ``pattern`` is what a value must match from end to end; ``privacy`` what it may show outside the bench.
    """

    id: ItemId
    text: Text = Field(alias="label")
    pattern: Annotated[str, Field(min_length=1)]
    default: str
    privacy: Privacy = Privacy.OPEN

    @model_validator(mode="after")
    def _default_is_allowed(self) -> PixitItem:
        problem = self.problem(self.default)
        if problem:
            raise ValueError(f"default: {problem}")
        return self

    @property
    def label(self) -> Label:
        return self.text.label

    def problem(self, value: object) -> str | None:
        """Why *value* cannot be given, with a remedy; None when it can. Never shows the value: it may be a secret."""
        if isinstance(value, str) and re.fullmatch(self.pattern, value):
            return None
        return f"{self.id}: write text in quotes that matches {self.pattern}"


class DeviceClassProfile(Strict):
    """What can be declared of one device class, and where its documents allow two behaviours.

    PICS and PIXIT items are named apart: ``card.pin`` is a PICS item (a PIN is set) and a PIXIT item (its digits).
    """

    device_class: Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")]
    text: Text = Field(alias="title")
    pics_items: Annotated[tuple[PicsItem, ...], Field(min_length=1, alias="pics")]
    parameters: tuple[Parameter, ...]
    pixit_items: tuple[PixitItem, ...] = Field(default=(), alias="pixit")

    @model_validator(mode="after")
    def _ids_are_single(self) -> DeviceClassProfile:
        for group in ((*self.pics_items, *self.parameters), (*self.parameters, *self.pixit_items)):
            seen: set[str] = set()
            for each in group:
                if each.id in seen:
                    raise ValueError(f"{each.id} is defined twice: keep one of them")
                seen.add(each.id)
        return self

    @property
    def title(self) -> Label:
        return self.text.label

    def pics(self, item_id: str) -> PicsItem:
        """The PICS item of that id. Raises KeyError."""
        return _find(self.pics_items, item_id)

    def parameter(self, item_id: str) -> Parameter:
        """The parameter of that id. Raises KeyError."""
        return _find(self.parameters, item_id)

    def defaults(self) -> dict[str, Value]:
        """The default of every parameter, by id."""
        return {each.id: each.default for each in self.parameters}


def _find(items: tuple[D, ...], item_id: str) -> D:
    """The item of that id. Raises KeyError that lists the known ids."""
    for each in items:
        if each.id == item_id:
            return each
    raise KeyError(f"unknown item {item_id!r}; known: {', '.join(each.id for each in items)}")
