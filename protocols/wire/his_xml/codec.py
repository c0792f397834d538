"""Fields of the XML interface: how a value of a neutral message stands in an element, and back.

A message is described by a tuple of fields; one description serves both directions. An element that is missing or empty is a value
that is not there. Decoding gives plain values for :func:`protocols.wire.his.fields.read`, which does the judging.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from html import escape
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml import ElementTree

from protocols.clock import CHINA
from protocols.wire.base import WireError
from protocols.wire.his.fields import moment_text, shown

__all__ = [
    "Field",
    "Row",
    "count",
    "day",
    "decode",
    "encode",
    "fen",
    "flag",
    "group",
    "moment",
    "parse",
    "rows",
    "stamp",
    "text",
    "texts",
    "time",
    "words",
    "yuan_in_fen",
]

MOST_BYTES = 1 << 20
DEEPEST = 8
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot carry, not even escaped."""
_WHOLE = re.compile(r"0|[1-9][0-9]{0,15}")
_DECIMAL = re.compile(r"[0-9]{1,16}(\.[0-9]{1,4})?")


@dataclass(frozen=True, slots=True)
class Field:
    """``neutral`` is the name in the message, ``name`` that of the element. ``to_text`` and ``of_text`` convert a leaf, ``fields``
    describe what is inside an element, ``row`` names the elements of a list."""

    neutral: str
    name: str
    to_text: Callable[[Any], str] = str
    of_text: Callable[[str], Any] = str
    fields: tuple[Field, ...] = ()
    row: str = ""


Row = tuple[Field, ...]


# Kinds of fields.


def _of_whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise WireError("digits without sign, point or leading zero")
    return int(text)


def text(neutral: str, name: str) -> Field:
    return Field(neutral, name)


def fen(neutral: str, name: str) -> Field:
    """An amount: ``1250``."""
    return Field(neutral, name, str, _of_whole)


count = fen


def flag(neutral: str, name: str) -> Field:
    """``Y`` or ``N``."""
    return words(neutral, name, {True: "Y", False: "N"})


def words(neutral: str, name: str, known: Mapping[Any, str]) -> Field:
    """A word of the vendor's for each of ours."""
    back = {each: value for value, each in known.items()}

    def of_text(found: str) -> Any:
        if found not in back:
            raise WireError(f"one of {', '.join(back)} is wanted")
        return back[found]

    return Field(neutral, name, lambda value: known[value], of_text)


def moment(neutral: str, name: str) -> Field:
    """``20261122083000``, in China."""
    return Field(neutral, name, _stamp_of_moment, _moment_of_stamp)


def _stamp_of_moment(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(CHINA):%Y%m%d%H%M%S}"


def _moment_of_stamp(text: str) -> str:
    return moment_text(_parsed(text, "%Y%m%d%H%M%S", 14).timestamp())


def stamp(neutral: str, name: str) -> Field:
    """``20261122083000`` for ``2026-11-22 08:30:00``."""
    return Field(
        neutral,
        name,
        lambda value: re.sub(r"[^0-9]", "", value),
        lambda found: f"{_parsed(found, '%Y%m%d%H%M%S', 14):%Y-%m-%d %H:%M:%S}",
    )


def day(neutral: str, name: str) -> Field:
    """``20261122``."""
    return Field(
        neutral, name, lambda value: value.replace("-", ""), lambda found: f"{_parsed(found, '%Y%m%d', 8):%Y-%m-%d}"
    )


def time(neutral: str, name: str) -> Field:
    """``0830``."""
    return Field(
        neutral, name, lambda value: value.replace(":", ""), lambda found: f"{_parsed(found, '%H%M', 4):%H:%M}"
    )


def _parsed(text: str, form: str, length: int) -> datetime:
    if len(text) != length or not (text.isascii() and text.isdecimal()):
        raise WireError(f"{length} digits are wanted")
    try:
        return datetime.strptime(text, form).replace(tzinfo=CHINA)
    except ValueError:
        raise WireError(f"{length} digits of a time are wanted") from None


def yuan_in_fen(neutral: str, name: str) -> Field:
    """A decimal text in yuan, which the vendor writes in fen: ``24.90`` is ``2490``, ``0.125`` is ``12.5``."""
    return Field(neutral, name, _fen_of_decimal, _decimal_of_fen)


def _fen_of_decimal(text: str) -> str:
    try:
        amount = (Decimal(text) * 100).normalize()
    except InvalidOperation as error:
        raise WireError("a decimal number is wanted") from error
    return f"{amount:f}"


def _decimal_of_fen(text: str) -> str:
    if not _DECIMAL.fullmatch(text):
        raise WireError("decimal digits with at most four places are wanted")
    amount = (Decimal(text) / 100).normalize()
    exponent = amount.as_tuple().exponent
    places = max(2, -exponent if isinstance(exponent, int) else 2)
    return f"{amount:.{places}f}"


def group(neutral: str, name: str, *fields: Field) -> Field:
    """An object inside the message."""
    return Field(neutral, name, fields=fields)


def rows(neutral: str, name: str, row: str, *fields: Field) -> Field:
    """A list of objects: one element *row* for each."""
    return Field(neutral, name, fields=fields, row=row)


def texts(neutral: str, name: str, row: str) -> Field:
    """A list of texts."""
    return Field(neutral, name, row=row)


# Writing.


def encode(fields: Iterable[Field], values: Mapping[str, Any]) -> str:
    """The elements of *values*. Raises :class:`WireError` for a character that XML cannot carry."""
    return "".join(_written(each, values.get(each.neutral)) for each in fields)


def _written(each: Field, value: Any) -> str:
    if value is None or value == "":
        return ""
    if each.row:
        parts = (encode(each.fields, item) if each.fields else _leaf(each, item) for item in value)
        inner = "".join(f"<{each.row}>{part}</{each.row}>" for part in parts)
    else:
        inner = encode(each.fields, value) if each.fields else _leaf(each, value)
    return f"<{each.name}>{inner}</{each.name}>"


def _leaf(each: Field, value: Any) -> str:
    written = each.to_text(value)
    if _NO_XML.search(written):
        raise WireError(f"{each.name}: XML cannot carry such a character")
    return escape(written, quote=False).replace("\r", "&#13;")


# Reading.


def parse(body: bytes) -> Element:
    """The root of *body*. Raises :class:`WireError` for what is no XML of this interface, a DTD and every entity included."""
    if len(body) > MOST_BYTES:
        raise WireError(f"no message has more than {MOST_BYTES} bytes")
    try:
        root = ElementTree.fromstring(body, forbid_dtd=True)
    except (ValueError, SyntaxError, LookupError, RecursionError) as error:
        raise WireError(f"no XML of this interface ({type(error).__name__})") from None
    if _too_deep(root, DEEPEST):
        raise WireError("nested too deeply")
    return root


def _too_deep(element: Element, left: int) -> bool:
    return left == 0 or any(_too_deep(child, left - 1) for child in element)


def decode(fields: Sequence[Field], element: Element, *, strict: bool) -> dict[str, Any]:
    """The values of *element*. Raises :class:`WireError` naming the element; *strict*: for one that is not known, too."""
    known = {each.name: each for each in fields}
    found: dict[str, Any] = {}
    _no_text_beside(element)
    for child in element:
        each = known.get(child.tag)
        if each is None:
            if strict:
                raise WireError(f"{shown(element.tag)}: the interface knows no element {shown(child.tag)} here")
            continue
        if each.neutral in found:
            raise WireError(f"{each.name}: stands twice")
        value = _value(each, child, strict)
        if value is not None:
            found[each.neutral] = value
    return found


def _value(each: Field, child: Element, strict: bool) -> Any:
    if each.row:
        return _rows_value(each, child, strict)
    if each.fields:
        return decode(each.fields, child, strict=strict)
    if len(child):
        raise WireError(f"{each.name}: holds something else than text")
    written = child.text or ""
    if not written:
        return None
    try:
        return each.of_text(written)
    except WireError as error:
        raise WireError(f"{each.name}: {error.why}") from None


def _rows_value(each: Field, child: Element, strict: bool) -> list[Any]:
    _no_text_beside(child)
    if any(item.tag != each.row for item in child):
        raise WireError(f"{each.name}: holds elements {each.row} alone")
    if each.fields:
        return [decode(each.fields, item, strict=strict) for item in child]
    return [item.text or "" for item in child]


def _no_text_beside(element: Element) -> None:
    stray = [element.text, *(child.tail for child in element)]
    if any(each and each.strip() for each in stray):
        raise WireError(f"{shown(element.tag)}: text beside elements")
