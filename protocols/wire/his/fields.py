"""Field types of the HIS interface: bounded texts, times, amounts in fen, and how messages are read from the wire.

Nothing is converted: ``"5"`` is no number and ``5.0`` no amount. What a client asks may hold nothing that the interface does not
know (:class:`Ask`); what a HIS tells may hold more than was agreed on, which is left out (:class:`Told`).
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from protocols.clock import CHINA, civil
from protocols.wire.base import WireError
from protocols.wire.money import MAX_FEN

__all__ = [
    "Ask",
    "Business",
    "Count",
    "Day",
    "Fen",
    "Id",
    "IdNumber",
    "IdOrNone",
    "Key",
    "MedType",
    "Moment",
    "Must50",
    "Must100",
    "Must200",
    "Name",
    "PayFen",
    "Phone",
    "Reference",
    "Text16",
    "Text50",
    "Text100",
    "Text200",
    "Time",
    "Told",
    "TradeNo",
    "day_text",
    "moment_text",
    "read",
    "shown",
    "unix_of_day",
    "unix_of_moment",
    "write",
]

MOST_KEY_CHARACTERS = 255
"""Of an Idempotency-Key (spec/services.md 8)."""

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
_FIELD_NAME = re.compile(r"[A-Za-z_]{1,40}")
_ID = r"^[0-9A-Za-z._:-]+$"

M = TypeVar("M", bound=BaseModel)


class Ask(BaseModel):
    """What a client sends. An unknown field is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Told(BaseModel):
    """What a HIS answers. An unknown field is left out."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, hide_input_in_errors=True)


def read(model: type[M], values: Any) -> M:
    """*values* as they came over the wire. Raises :class:`WireError` naming the wrong fields and why, never what stood there."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise WireError("; ".join(_complaint(each) for each in error.errors()[:5])) from None


def _complaint(error: Any) -> str:
    place = ".".join(map(shown, error["loc"])) or "message"
    why = "the interface knows no such field" if error["type"] == "extra_forbidden" else error["msg"]
    return f"{place}: {why.removeprefix('Value error, ')}"


def shown(name: object) -> str:
    """The name of a field or a place in a list as it may stand in an error; what somebody put in place of a name may not."""
    return str(name) if isinstance(name, int) or _FIELD_NAME.fullmatch(str(name)) else "?"


def write(message: BaseModel) -> dict[str, Any]:
    """*message* as plain JSON values. A request leaves out what has its default, a reply only what is not there."""
    asks = isinstance(message, Ask)
    return message.model_dump(mode="json", exclude_defaults=asks, exclude_none=not asks)


# Times.


def moment_text(unix_s: float) -> str:
    """``2026-11-22T08:45:00+08:00``; fractions of a second are dropped."""
    return civil(int(unix_s)).isoformat(timespec="seconds")


def day_text(unix_s: float) -> str:
    """``2026-11-22``, the day in China."""
    return f"{civil(unix_s):%Y-%m-%d}"


def unix_of_moment(text: str) -> float:
    """Raises :class:`WireError` for what is no time with its offset from UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WireError("a time is yyyy-MM-ddTHH:mm:ss+08:00") from None
    if moment.tzinfo is None:
        raise WireError("a time carries its offset from UTC")
    try:
        return moment.timestamp()
    except OverflowError:
        raise WireError("a time beyond reason") from None


def unix_of_day(text: str) -> float:
    """When that day begins in China. Raises :class:`WireError` for what is no day."""
    try:
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, tzinfo=CHINA).timestamp()
    except (ValueError, OverflowError):
        raise WireError("a day is yyyy-MM-dd") from None


def _day(text: str) -> str:
    if len(text) != 10:
        raise ValueError("a day is yyyy-MM-dd")
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError("a day is yyyy-MM-dd") from None
    return text


def _moment(text: str) -> str:
    try:
        unix_of_moment(text)
    except WireError as error:
        raise ValueError(error.why) from None
    return text


Day = Annotated[str, AfterValidator(_day), Field(json_schema_extra={"format": "date"})]
Moment = Annotated[str, Field(max_length=32), AfterValidator(_moment), Field(json_schema_extra={"format": "date-time"})]
Time = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""Of a day: ``08:30``."""

# Amounts and counts.

Fen = Annotated[int, Field(ge=0, le=MAX_FEN)]
PayFen = Annotated[int, Field(ge=1, le=MAX_FEN)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]

# Texts.

Id = Annotated[str, Field(min_length=1, max_length=64, pattern=_ID)]
IdOrNone = Annotated[str, Field(max_length=64, pattern=r"^[0-9A-Za-z._:-]*$")]
TradeNo = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_-]+$")]
Key = Annotated[str, Field(min_length=1, max_length=MOST_KEY_CHARACTERS, pattern=r"^[!-~]+$")]
Reference = Annotated[str, Field(max_length=64, pattern=r"^[ -~]*$")]
"""Under which a payment channel knows a payment."""
MedType = Annotated[str, Field(pattern=r"^[0-9]{2,6}$")]
"""spec/services.md 1.6: 11 outpatient, 12 registration, 14 chronic."""
IdNumber = Annotated[str, Field(pattern=r"^[0-9]{17}[0-9Xx]$", json_schema_extra={"x-privacy": "id_number"})]
Name = Annotated[str, Field(min_length=1, max_length=50, pattern=_PRINTABLE, json_schema_extra={"x-privacy": "name"})]
Phone = Annotated[str, Field(pattern=r"^([0-9]{11})?$", json_schema_extra={"x-privacy": "name"})]
Must50 = Annotated[str, Field(min_length=1, max_length=50, pattern=_PRINTABLE)]
Must100 = Annotated[str, Field(min_length=1, max_length=100, pattern=_PRINTABLE)]
Must200 = Annotated[str, Field(min_length=1, max_length=200, pattern=_PRINTABLE)]
Text16 = Annotated[str, Field(max_length=16, pattern=_PRINTABLE)]
Text50 = Annotated[str, Field(max_length=50, pattern=_PRINTABLE)]
Text100 = Annotated[str, Field(max_length=100, pattern=_PRINTABLE)]
Text200 = Annotated[str, Field(max_length=200, pattern=_PRINTABLE)]

Business = Literal["charge", "register"]
