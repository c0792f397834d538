"""Field types that the three families share. Read from the wire, a field is text; made in Python, an amount is fen.

An amount on the wire is either digits that count fen (WeChat, UnionPay) or decimal yuan (Alipay): two types, :data:`Fen`
and :data:`Yuan`. Errors name the field and what is wrong with it, never its value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, ValidationInfo

from protocols.wire.base import WireError
from protocols.wire.money import fen_of_yuan, yuan_text

__all__ = [
    "MOST_FEN",
    "Code",
    "Day8",
    "Day10",
    "Fen",
    "FenOrZero",
    "Moment14",
    "Moment19",
    "Must32",
    "Must64",
    "Must128",
    "OrderNo32",
    "OrderNo64",
    "QrMessage",
    "Text1",
    "Text16",
    "Text32",
    "Text64",
    "Text128",
    "Text256",
    "YesNo",
    "Yuan",
    "YuanOrZero",
    "read",
    "write",
]

MOST_FEN = 10_000_000_000
"""One hundred million yuan: no family lets a payer pay as much with a code."""

_FEN_TEXT = re.compile(r"0|[1-9][0-9]{0,11}")
_FROM_WIRE: Mapping[str, bool] = {"wire": True}
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"

M = TypeVar("M", bound="QrMessage")


class QrMessage(BaseModel):
    """The fields of one message. Unknown fields are kept for the signature elsewhere and ignored here: gateways add to
    their replies without notice."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True)


def _fen(value: Any, info: ValidationInfo) -> Any:
    if info.context is not _FROM_WIRE:
        return value
    if not isinstance(value, str) or not _FEN_TEXT.fullmatch(value):
        raise ValueError("an amount in fen is digits without sign, point or leading zero")
    return int(value)


def _yuan(value: Any, info: ValidationInfo) -> Any:
    if info.context is not _FROM_WIRE:
        return value
    if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
        raise ValueError("an amount in yuan is decimal digits with at most two places")
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,2})?", value):
        raise ValueError("an amount in yuan is decimal digits with at most two places")
    try:
        return fen_of_yuan(value)
    except WireError as error:
        raise ValueError(error.why) from None


_Fen = BeforeValidator(_fen)
_FenOut = PlainSerializer(str, return_type=str)
_Yuan = BeforeValidator(_yuan)
_YuanOut = PlainSerializer(yuan_text, return_type=str)

Fen = Annotated[int, _Fen, _FenOut, Field(ge=1, le=MOST_FEN)]
FenOrZero = Annotated[int, _Fen, _FenOut, Field(ge=0, le=MOST_FEN)]
Yuan = Annotated[int, _Yuan, _YuanOut, Field(ge=1, le=MOST_FEN)]
YuanOrZero = Annotated[int, _Yuan, _YuanOut, Field(ge=0, le=MOST_FEN)]

OrderNo32 = Annotated[str, Field(pattern=r"^[0-9A-Za-z_\-*|]{1,32}$")]
OrderNo64 = Annotated[str, Field(pattern=r"^[0-9A-Za-z_\-]{1,64}$")]
Code = Annotated[str, Field(min_length=1, max_length=128)]
"""Of a payer: checked by :func:`protocols.wire.qr.payment_codes.family_of`, whose refusals differ from those of a field."""

Must32 = Annotated[str, Field(min_length=1, max_length=32, pattern=_PRINTABLE)]
Must64 = Annotated[str, Field(min_length=1, max_length=64, pattern=_PRINTABLE)]
Must128 = Annotated[str, Field(min_length=1, max_length=128, pattern=_PRINTABLE)]
Text1 = Annotated[str, Field(max_length=1)]
Text16 = Annotated[str, Field(max_length=16, pattern=_PRINTABLE)]
Text32 = Annotated[str, Field(max_length=32, pattern=_PRINTABLE)]
Text64 = Annotated[str, Field(max_length=64, pattern=_PRINTABLE)]
Text128 = Annotated[str, Field(max_length=128, pattern=_PRINTABLE)]
Text256 = Annotated[str, Field(max_length=256)]
YesNo = Annotated[str, Field(pattern=r"^[YN]?$")]
Day8 = Annotated[str, Field(pattern=r"^[0-9]{8}$")]
Day10 = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Moment14 = Annotated[str, Field(pattern=r"^([0-9]{14})?$")]
Moment19 = Annotated[str, Field(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})?$")]


def read(model: type[M], values: Mapping[str, Any]) -> M:
    """*values* as they came over the wire. Raises :class:`WireError` naming the wrong fields, never what stood there."""
    try:
        return model.model_validate(values, context=_FROM_WIRE)
    except ValidationError as error:
        raise WireError("; ".join(_complaint(each) for each in error.errors()[:5])) from None


def _complaint(error: Any) -> str:
    place = ".".join(str(each) for each in error["loc"]) or "message"
    return f"{place}: {error['msg'].removeprefix('Value error, ')}"


def write(message: QrMessage) -> dict[str, str]:
    """The fields that have a value, as text. An amount that is zero unless it is known is left out while it is zero."""
    dumped: dict[str, Any] = message.model_dump()
    defaults = {name: field.default for name, field in type(message).model_fields.items()}
    return {
        name: value
        for name, value in dumped.items()
        if value != "" and not (defaults[name] == 0 and getattr(message, name) == 0)
    }
