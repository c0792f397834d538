"""On whose behalf a domain acts: the terminal that was admitted, and how its accesses are put on record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

__all__ = ["Noted", "Teller"]

Noted = Callable[[str, str, Mapping[str, str]], Awaitable[None]]
"""``await noted("patient.identified", patient_id, {"kind": ...})``: durable before the answer is given."""


@dataclass(frozen=True, slots=True)
class Teller:
    """A terminal. ``institution`` is its code, which is also its fixmedins_code."""

    terminal_id: str
    institution: str
    institution_name: str
    noted: Noted
