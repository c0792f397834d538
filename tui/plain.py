"""Any value of the services as a JSON value: dataclasses as objects, labels as ``{"zh", "en"}``."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["as_json"]


def as_json(value: Any) -> Any:
    """A JSON value for *value*; bytes in upper-case hex, paths and dates as text."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex().upper()
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: as_json(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(as_json(key)): as_json(each) for key, each in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((as_json(each) for each in value), key=str)
    if isinstance(value, (list, tuple)):
        return [as_json(each) for each in value]
    return str(value)
