"""Field types of the insurance interface: bounded texts, times, and decimal numbers that are whole numbers inside.

Made in Python, an amount is a whole number of fen (a quantity, a ratio: whole units of its last decimal place). Read from the
wire by :func:`read`, it is a JSON number or a text in yuan; written by :func:`write` it is a JSON number, or a text where
``numbers="text"`` says so, as some platforms do. Sources: spec/services.md 1.1 (mixed use), 1.5 (lengths and places).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializationInfo,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from protocols.wire.base import WireError
from protocols.wire.insurance.message_id import unix_of
from protocols.wire.money import MAX_FEN, fen_of_yuan, yuan_number, yuan_text

__all__ = [
    "Count10",
    "Day",
    "Division",
    "Flag",
    "Infcode",
    "Moment",
    "Must3",
    "Must6",
    "Must10",
    "Must20",
    "Must30",
    "Must50",
    "Must100",
    "Must200",
    "Part",
    "Price",
    "Quantity",
    "Ratio",
    "Serial2",
    "Tenth",
    "Text3",
    "Text6",
    "Text10",
    "Text20",
    "Text30",
    "Text32",
    "Text50",
    "Text100",
    "Text150",
    "Text200",
    "Text500",
    "Text1000",
    "Text1024",
    "Text2000",
    "Text4000",
    "Yuan",
    "read",
    "write",
]

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
_DECIMAL_TEXT = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,6})?")
_FROM_WIRE: Mapping[str, bool] = {"wire": True}
_MOST = 9_007_199_254_740_991
"""Whole numbers up to here survive a double, and so a JSON number."""

M = TypeVar("M", bound="Part")


class Part(BaseModel):
    """A node of a message. A field that is ``null`` counts as absent; fields that are not of the interface are ignored, because
    regions add their own."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        found = cast("dict[str, Any]", value)
        if None not in found.values():
            return found
        return {name: each for name, each in found.items() if each is not None}


def read(model: type[M], value: Any) -> M:
    """*value* as it came over the wire. Raises :class:`WireError` naming every wrong field and what is wrong, never its value."""
    try:
        return model.model_validate(value, context=_FROM_WIRE)
    except ValidationError as error:
        raise WireError("; ".join(_complaint(each) for each in error.errors()[:5])) from None


def _complaint(error: Any) -> str:
    place = ".".join(str(each) for each in error["loc"]) or "input"
    return f"{place}: {error['msg'].removeprefix('Value error, ')}"


def write(part: Part, *, numbers: Literal["number", "text"] = "number", sparse: bool = False) -> dict[str, Any]:
    """*part* as it goes over the wire; *sparse* leaves out what has its default value."""
    return part.model_dump(mode="json", by_alias=True, exclude_defaults=sparse, context={"numbers": numbers})


def _from_wire(info: ValidationInfo) -> bool:
    return info.context is _FROM_WIRE


def _whole(value: Any, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > most:
        raise ValueError("a whole number of the smallest unit is wanted")
    return value


def _checked_text(value: Any) -> Any:
    if isinstance(value, str) and not _DECIMAL_TEXT.fullmatch(value):
        raise ValueError("no decimal number")
    return value


def _fen(value: Any, info: ValidationInfo) -> int:
    if not _from_wire(info):
        return _whole(value, MAX_FEN)
    return fen_of_yuan(_checked_text(value))


def _scaled(value: Any, places: int, info: ValidationInfo) -> int:
    if not _from_wire(info):
        return _whole(value, _MOST)
    value = _checked_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("a number or a text is wanted")
    number = Decimal(repr(value) if isinstance(value, float) else value)
    if not number.is_finite():
        raise ValueError("the number must be finite")
    if abs(number) > _MOST:
        raise ValueError("the number is too large")
    units = number * 10**places
    if units != units.to_integral_value():
        raise ValueError(f"at most {places} decimal places are allowed")
    return _whole(int(units), _MOST)


def _as_text(info: SerializationInfo) -> bool:
    return bool(info.context and info.context.get("numbers") == "text")


def _write_fen(fen: int, info: SerializationInfo) -> float | str:
    return yuan_text(fen) if _as_text(info) else yuan_number(fen)


def _write_scaled(units: int, places: int, info: SerializationInfo) -> float | str:
    if not _as_text(info):
        return units / 10**places
    sign, whole = ("-", -units) if units < 0 else ("", units)
    return f"{sign}{whole // 10**places}.{whole % 10**places:0{places}d}"


def _moment(text: str) -> str:
    unix_of(text)
    return text


def _count(value: Any, info: ValidationInfo) -> int:
    if _from_wire(info) and isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 10:
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 9_999_999_999:
        raise ValueError("a whole number is wanted")
    return value


def _text_of_number(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Yuan = Annotated[
    int,
    BeforeValidator(_fen),
    PlainSerializer(_write_fen, return_type=float | str),
    Field(json_schema_extra={"unit": "fen"}),
]
"""n16,2: an amount, in fen."""
Quantity = Annotated[
    int,
    BeforeValidator(lambda value, info: _scaled(value, 4, info)),
    PlainSerializer(lambda units, info: _write_scaled(units, 4, info), return_type=float | str),
]
"""n16,4, in ten-thousandths."""
Ratio = Quantity
"""n5,4, in ten-thousandths."""
Price = Annotated[
    int,
    BeforeValidator(lambda value, info: _scaled(value, 6, info)),
    PlainSerializer(lambda units, info: _write_scaled(units, 6, info), return_type=float | str),
]
"""n16,6: yuan, in millionths."""
Tenth = Annotated[
    int,
    BeforeValidator(lambda value, info: _scaled(value, 1, info)),
    PlainSerializer(lambda units, info: _write_scaled(units, 1, info), return_type=float | str),
]
"""n4,1, in tenths."""
Count10 = Annotated[int, BeforeValidator(_count)]

Serial2 = Annotated[str, BeforeValidator(_text_of_number), Field(pattern=r"^[0-9]{1,2}$")]
"""A number that some send as a text and some as a number; a text inside."""
Infcode = Annotated[str, BeforeValidator(_text_of_number), Field(pattern=r"^(0|-1)$")]

Moment = Annotated[str, Field(max_length=19), AfterValidator(_moment)]
"""yyyy-MM-dd HH:mm:ss, or a day."""
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_moment)]
Flag = Annotated[str, Field(pattern=r"^[01]$")]
Division = Annotated[str, Field(pattern=r"^[0-9]{6}$")]

Must3 = Annotated[str, Field(min_length=1, max_length=3, pattern=_PRINTABLE)]
Must6 = Annotated[str, Field(min_length=1, max_length=6, pattern=_PRINTABLE)]
Must10 = Annotated[str, Field(min_length=1, max_length=10, pattern=_PRINTABLE)]
Must20 = Annotated[str, Field(min_length=1, max_length=20, pattern=_PRINTABLE)]
Must30 = Annotated[str, Field(min_length=1, max_length=30, pattern=_PRINTABLE)]
Must50 = Annotated[str, Field(min_length=1, max_length=50, pattern=_PRINTABLE)]
Must100 = Annotated[str, Field(min_length=1, max_length=100, pattern=_PRINTABLE)]
Must200 = Annotated[str, Field(min_length=1, max_length=200, pattern=_PRINTABLE)]
Text3 = Annotated[str, Field(max_length=3, pattern=_PRINTABLE)]
Text6 = Annotated[str, Field(max_length=6, pattern=_PRINTABLE)]
Text10 = Annotated[str, Field(max_length=10, pattern=_PRINTABLE)]
Text20 = Annotated[str, Field(max_length=20, pattern=_PRINTABLE)]
Text30 = Annotated[str, Field(max_length=30, pattern=_PRINTABLE)]
Text32 = Annotated[str, Field(max_length=32, pattern=_PRINTABLE)]
Text50 = Annotated[str, Field(max_length=50, pattern=_PRINTABLE)]
Text100 = Annotated[str, Field(max_length=100, pattern=_PRINTABLE)]
Text150 = Annotated[str, Field(max_length=150, pattern=_PRINTABLE)]
Text200 = Annotated[str, Field(max_length=200, pattern=_PRINTABLE)]
Text500 = Annotated[str, Field(max_length=500, pattern=_PRINTABLE)]
Text1000 = Annotated[str, Field(max_length=1000)]
Text1024 = Annotated[str, Field(max_length=1024, pattern=_PRINTABLE)]
Text2000 = Annotated[str, Field(max_length=2000)]
Text4000 = Annotated[str, Field(max_length=4000)]
