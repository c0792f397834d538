"""What an example of an operation is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Example"]


@dataclass(frozen=True, slots=True)
class Example:
    """Plain values. Of a request those in the path and the query stand beside those of the body."""

    request: Mapping[str, Any]
    reply: Mapping[str, Any]
