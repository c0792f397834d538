"""JSON of the insurance interface, read strictly: one meaning for every body, or a :class:`WireError`.

Refused are bytes that are no UTF-8, a name that occurs twice in one object, ``NaN`` and ``Infinity``, numbers longer than any
amount, and nesting deeper than the interface knows. Numbers with a point become :class:`~decimal.Decimal`, so that no cent is
lost on the way. Source: spec/services.md 1.1 (JSON over HTTP POST, UTF-8).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from protocols.wire.base import WireError

__all__ = ["read_object", "write_json"]

MOST_NUMBER_CHARACTERS = 32
MOST_EXPONENT = 20
DEEPEST = 12


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise WireError("a name occurs twice in one object: send every field once")
    return found


def _decimal(text: str) -> Decimal:
    if len(text) > MOST_NUMBER_CHARACTERS:
        raise WireError("a number is too long")
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise WireError("a number is beyond reason") from error
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > MOST_EXPONENT:
        raise WireError("a number is beyond reason")
    return number


def _whole(text: str) -> int:
    if len(text) > MOST_NUMBER_CHARACTERS:
        raise WireError("a number is too long")
    return int(text)


def _constant(text: str) -> Any:
    raise WireError(f"{text} is no number of JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_decimal, parse_int=_whole, parse_constant=_constant, strict=True
)


def _read(body: bytes) -> Any:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError("the body is no UTF-8", error.start) from error
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise WireError(f"no JSON: {error.msg}", error.pos) from error
    except RecursionError as error:
        raise WireError("nested too deeply") from error


def read_object(body: bytes) -> dict[str, Any]:
    """The object of *body*, nested no deeper than the interface knows.

    Raises :class:`WireError` that says what is wrong and where, never what stood there.
    """
    value = _read(body)
    if not isinstance(value, dict):
        raise WireError("the body is no JSON object")
    if _too_deep(value):
        raise WireError("nested too deeply")
    return cast("dict[str, Any]", value)


def _too_deep(value: Any, left: int = DEEPEST) -> bool:
    if isinstance(value, dict):
        inner = list(cast("dict[str, Any]", value).values())
    elif isinstance(value, list):
        inner = cast("list[Any]", value)
    else:
        return False
    return left == 0 or any(_too_deep(each, left - 1) for each in inner if isinstance(each, dict | list))


def write_json(value: Any) -> bytes:
    """*value* in UTF-8 without blanks, as it goes over the line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
