"""When services are to begin: open arrivals, decided before anything is sent. Pure.

A closed model (so many users, each waiting for its answer) sends less when the server is slow and hides the stall; pacing locks
the fleet into one phase. Here every arrival has an *intended* instant, and latency is counted from it
(design.md 10; measured-load 2, 3).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from protocols.seeded import SeededChoice

__all__ = ["Arrival", "Beat", "Stage", "arrivals", "beats", "total_s"]

Shape = Literal["steady", "poisson", "barrier"]

GATHERING = 0.8
"""The part of a barrier stage in which its services begin; the rest is left for the last ones to get ready."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of a load. ``steady`` and ``poisson``: ``rate_per_s`` services a second for ``for_s``, evenly or at random instants;
    ``barrier``: ``count`` kiosks press pay in the same instant, ``for_s`` after the stage has begun. Nobody comes during
    ``rest_s`` after it."""

    name: str
    shape: Shape
    for_s: float
    rate_per_s: float = 0.0
    count: int = 0
    rest_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.for_s <= 3600:
            raise ValueError(f"stage {self.name!r}: for_s is between 0 and 3600")
        if self.shape == "barrier" and not 1 <= self.count <= 20_000:
            raise ValueError(f"stage {self.name!r}: a barrier has a count of 1 to 20000")
        if self.shape != "barrier" and not 0 < self.rate_per_s <= 10_000:
            raise ValueError(f"stage {self.name!r}: rate_per_s is between 0 and 10000")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A citizen at kiosk ``kiosk`` (from 1). ``at_s``: when the service begins; ``press_s``: when pay is pressed, None where
    the citizen presses as soon as they can. Both count from the beginning of the load."""

    at_s: float
    kiosk: int
    stage: str
    press_s: float | None = None


@dataclass(frozen=True, slots=True)
class Beat:
    """Heartbeat number ``seq`` of a kiosk, ``at_s`` after the beginning of the load."""

    at_s: float
    kiosk: int
    seq: int


def total_s(stages: Sequence[Stage]) -> float:
    """From the beginning of the first stage to the end of the last one's rest."""
    return sum(each.for_s + each.rest_s for each in stages)


def arrivals(stages: Sequence[Stage], kiosks: int, seed: int) -> Iterator[Arrival]:
    """Every arrival of the load in the order of time. The kiosks take turns in a shuffled order, so that no kiosk is asked
    for a second service while a full round has not passed. Raises ValueError for a barrier of more kiosks than there are."""
    choice = SeededChoice(seed, "arrivals")
    order = _shuffled(kiosks, choice)
    turn, begins = 0, 0.0
    for stage in stages:
        if stage.count > kiosks:
            raise ValueError(f"stage {stage.name!r}: {stage.count} kiosks press together, there are {kiosks}")
        for at_s, press_s in _times(stage, begins, choice):
            yield Arrival(at_s, order[turn % kiosks], stage.name, press_s)
            turn += 1
        begins += stage.for_s + stage.rest_s


def beats(kiosks: int, period_s: float, until_s: float, seed: int) -> Iterator[Beat]:
    """Every heartbeat before *until_s* in the order of time. The phases are spread evenly over the period and shuffled: a
    fleet that beats in one phase is a burst that no city has (measured-load 2, trap 1)."""
    order = _shuffled(kiosks, SeededChoice(seed, "heartbeats"))
    for seq in range(math.ceil(until_s / period_s)):
        for place, kiosk in enumerate(order):
            at_s = (seq + place / kiosks) * period_s
            if at_s >= until_s:
                return
            yield Beat(at_s, kiosk, seq)


def _shuffled(kiosks: int, choice: SeededChoice) -> list[int]:
    order = list(range(1, kiosks + 1))
    for at in range(kiosks - 1, 0, -1):
        other = choice.below(at + 1)
        order[at], order[other] = order[other], order[at]
    return order


def _times(stage: Stage, begins: float, choice: SeededChoice) -> Iterator[tuple[float, float | None]]:
    match stage.shape:
        case "steady":
            for number in range(math.floor(stage.rate_per_s * stage.for_s + 1e-9)):
                yield begins + number / stage.rate_per_s, None
        case "poisson":
            # A Poisson process, given how many come: instants drawn evenly. So the rate that is offered is the one that is written.
            count = math.floor(stage.rate_per_s * stage.for_s + 1e-9)
            for at in sorted(choice.between(0.0, stage.for_s) for _ in range(count)):
                yield begins + at, None
        case "barrier":
            # Everybody gets to the quote during the stage, evenly, and presses at its end.
            for number in range(stage.count):
                yield begins + GATHERING * stage.for_s * number / stage.count, begins + stage.for_s
