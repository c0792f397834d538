"""The card as a thing: what a motorised reader feels, with the chips and stripes that it carries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from simulators.card.base import Card

__all__ = ["CardBody"]


@dataclass(slots=True)
class CardBody:
    """A card in the citizen's hand.

    ``chip`` the contact chip, ``rf`` the contactless face, ``tracks`` magnetic tracks 1..3 as text without sentinels;
    ``classes`` the supply voltages at which the chip answers (A is 5 V, B is 3 V);
    ``shorted`` contacts that short the supply; ``memory`` kind of memory card (``SLE4442``, ``SLE4428``) if it is one.
    """

    name: str
    chip: Card | None = None
    rf: Card | None = None
    length: Literal["normal", "long", "short"] = "normal"
    tracks: dict[int, str] = field(default_factory=dict[int, str])
    classes: frozenset[int] = frozenset({5, 3})
    shorted: bool = False
    memory: str = ""
