"""Frozen dataclasses to JSON values and back, refusing what does not fit: unknown or missing keys, wrong types.

The type annotations are the schema. Known forms: ``str``, ``int``, ``float``, ``bool``, ``None``, enums, ``Literal``,
dataclasses, ``tuple[X, ...]``, ``Mapping[str, X]``, unions and ``Any`` (any JSON value).
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

__all__ = ["StrictJsonError", "from_plain", "parse_json", "pretty", "to_plain"]

T = TypeVar("T")


class StrictJsonError(ValueError):
    """A JSON value that does not fit. ``where`` is its path, such as ``outcomes[3].verdict``."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where or 'top level'}: {why}")
        self.where, self.why = where, why


def pretty(value: object) -> str:
    """The one text of *value* that dossier files carry: sorted keys, two spaces, Chinese as it is, a final newline."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2, allow_nan=False) + "\n"


def parse_json(text: str) -> Any:
    """JSON without doubled keys and without NaN. Raises :class:`StrictJsonError` naming line and column."""

    def refuse(name: str) -> Any:
        raise StrictJsonError("", f"{name} is not JSON")

    try:
        return json.loads(text, object_pairs_hook=_without_doubles, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise StrictJsonError(f"line {error.lineno} column {error.colno}", error.msg) from error
    except RecursionError as error:
        raise StrictJsonError("", "nested too deeply") from error


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise StrictJsonError(key, "the key is there twice")
        found[key] = value
    return found


def to_plain(value: Any) -> Any:
    """*value* as dicts, lists, strings and numbers."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {each.name: to_plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value)
        return {str(key.value if isinstance(key, Enum) else key): to_plain(each) for key, each in items.items()}
    if isinstance(value, list | tuple):
        return [to_plain(each) for each in cast("Sequence[Any]", value)]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"{type(value).__name__} has no JSON form")


def from_plain(wanted: type[T], plain: Any, where: str = "") -> T:
    """*plain* as a *wanted*. Raises :class:`StrictJsonError` with the path of the first thing that does not fit."""
    return cast("T", _read(wanted, plain, where))


def _read(wanted: Any, plain: Any, where: str) -> Any:
    if wanted is Any:
        return plain
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        return _union(get_args(wanted), plain, where)
    if origin is Literal:
        if plain not in get_args(wanted):
            raise StrictJsonError(where, f"{plain!r} is not one of {', '.join(map(repr, get_args(wanted)))}")
        return plain
    if origin is tuple:
        return _tuple(get_args(wanted), plain, where)
    if origin is not None and issubclass(origin, Mapping):
        _expect(plain, dict, where)
        inner = get_args(wanted)[1]
        return {key: _read(inner, value, f"{where}.{key}") for key, value in plain.items()}
    if is_dataclass(wanted):
        return _dataclass(cast("type[Any]", wanted), plain, where)
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return _enum(wanted, plain, where)
    return _scalar(wanted, plain, where)


def _union(options: tuple[Any, ...], plain: Any, where: str) -> Any:
    if plain is None and type(None) in options:
        return None
    rest = [each for each in options if each is not type(None)]
    for each in rest[:-1]:
        try:
            return _read(each, plain, where)
        except StrictJsonError:
            continue
    return _read(rest[-1], plain, where)


def _tuple(arguments: tuple[Any, ...], plain: Any, where: str) -> tuple[Any, ...]:
    _expect(plain, list, where)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_read(arguments[0], each, f"{where}[{index}]") for index, each in enumerate(plain))
    if len(plain) != len(arguments):
        raise StrictJsonError(where, f"{len(arguments)} items expected, {len(plain)} found")
    pairs = enumerate(zip(arguments, plain, strict=True))
    return tuple(_read(kind, each, f"{where}[{index}]") for index, (kind, each) in pairs)


@cache
def _schema(wanted: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(wanted)
    return {each.name: hints[each.name] for each in fields(wanted)}


def _dataclass(wanted: type[Any], plain: Any, where: str) -> Any:
    _expect(plain, dict, where)
    schema = _schema(wanted)
    for problem, keys in (("unknown", plain.keys() - schema.keys()), ("missing", schema.keys() - plain.keys())):
        if keys:
            raise StrictJsonError(where, f"{problem} key {', '.join(map(repr, sorted(keys)))}")
    prefix = f"{where}." if where else ""
    return wanted(**{key: _read(kind, plain[key], prefix + key) for key, kind in schema.items()})


def _enum(wanted: type[Enum], plain: Any, where: str) -> Enum:
    try:
        return wanted(plain)
    except ValueError:
        known = ", ".join(str(each.value) for each in wanted)
        raise StrictJsonError(where, f"{plain!r} is not one of {known}") from None


def _scalar(wanted: Any, plain: Any, where: str) -> Any:
    if wanted is float and isinstance(plain, int) and not isinstance(plain, bool):
        return plain
    if wanted is str and isinstance(plain, str) and any("\ud800" <= each <= "\udfff" for each in plain):
        raise StrictJsonError(where, "half of a surrogate pair is no text")
    if wanted in (str, int, float, bool) and type(plain) is wanted:
        return plain
    raise StrictJsonError(where, f"{getattr(wanted, '__name__', wanted)} expected, {type(plain).__name__} found")


def _expect(plain: Any, kind: type, where: str) -> None:
    if not isinstance(plain, kind):
        raise StrictJsonError(where, f"{kind.__name__} expected, {type(plain).__name__} found")
