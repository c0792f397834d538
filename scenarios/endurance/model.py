"""What is asked of an endurance run, and what is told of one. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["PARTIES", "EnduranceNews", "EnduranceResult", "EnduranceWish"]

PARTIES = ("backend", "kiosk", "his", "insurance", "bank", "qr", "credential")
"""Who is killed. The sink of notices holds no money and is left alone."""


@dataclass(frozen=True, slots=True)
class EnduranceWish:
    """*kills* SIGKILLs, a random pause of *pause_s* to twice that between them, over *kiosks* that serve without rest.
    ``database``: ``sqlite``, or the URL of an empty PostgreSQL database."""

    kills: int
    database: str = "sqlite"
    kiosks: int = 6
    seed: int = 1
    pause_s: float = 0.25
    settle_limit_s: float = 240.0


@dataclass(frozen=True, slots=True)
class EnduranceNews:
    """How it stands. ``step`` starting, killing, settling, judging, done."""

    step: str
    t_s: float = 0.0
    kills: int = 0
    of: int = 0
    visits: int = 0
    paid: int = 0
    undecided: int = 0
    last: str = ""


@dataclass(frozen=True, slots=True)
class EnduranceResult:
    """``note`` is that of ``MoneyFacts``; ``struck`` kills by party, of which ``midway`` while trades were under way; ``undecided``
    what was left when *settle_limit_s* was over, which must be 0; ``recovered_s`` from the last kill until nothing was open."""

    wish: EnduranceWish
    note: Mapping[str, Any]
    struck: Mapping[str, int]
    midway: int
    visits: int
    told: Mapping[str, int]
    undecided: int
    open_at_kiosks: int
    recovered_s: float
    took_s: float
    complaints: tuple[str, ...] = field(default=())
