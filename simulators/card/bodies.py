"""Cards by the words that a tester's hand uses: ``insert 3.0``, ``insert long``, ``insert magstripe``.

Besides the words of :data:`BODY_NAMES`, a generation and a bank card take an algorithm and a person: ``3.0-3des``, ``2.0/7``
(the synthetic person of seed 7), ``3.0-sm4/7``, ``bank/7``, ``bank-sm4``.
"""

from __future__ import annotations

from collections.abc import Callable

from simulators.card.bank_card import build_bank_card
from simulators.card.bank_holder import track2_of
from simulators.card.bank_image import BankProfile
from simulators.card.base import Card
from simulators.card.body import CardBody
from simulators.card.people import Person, make_person
from simulators.card.psam import build_psam
from simulators.card.readings import Readings
from simulators.card.social_security import GENERATIONS, build_card

__all__ = ["BODY_NAMES", "MuteChip", "make_body"]

TRACK_1 = "B6299990000000000012^TEST/CARD" + " " * 17 + "^30122010000000000"
TRACK_2 = "6299990000000000012=30122010000000000"
"""Stripe of the synthetic bank card of spec/cards.md 3.5, without sentinels and LRC."""


class MuteChip:
    """A chip that never answers: dirty contacts, or a dead card."""

    def power_on(self) -> bytes:
        return b""

    def reset(self) -> bytes:
        return b""

    def power_off(self) -> None:
        return

    def transmit(self, apdu: bytes) -> bytes:
        return b""


def _chip(generation: str, seed: int, readings: Readings | None) -> Card:
    return build_card(generation, seed=seed, readings=readings)


def _voltage(name: str, volts: int) -> Callable[[int, Readings | None], CardBody]:
    return lambda seed, readings: CardBody(name, _chip("3.0", seed, readings), classes=frozenset({volts}))


_WORDS: dict[str, Callable[[int, Readings | None], CardBody]] = {
    "long": lambda seed, readings: CardBody("long", length="long"),
    "short": lambda seed, readings: CardBody("short", length="short"),
    "mute": lambda seed, readings: CardBody("mute", MuteChip()),
    "3v": _voltage("3v", 3),
    "5v": _voltage("5v", 5),
    "short-circuit": lambda seed, readings: CardBody("short-circuit", _chip("3.0", seed, readings), shorted=True),
    "magstripe": lambda seed, readings: CardBody("magstripe", tracks={1: TRACK_1, 2: TRACK_2}),
    "4442": lambda seed, readings: CardBody("4442", memory="SLE4442"),
    "4428": lambda seed, readings: CardBody("4428", memory="SLE4428"),
    "psam": lambda seed, readings: CardBody("psam", build_psam(seed=seed)),
    "m1-s50": lambda seed, readings: CardBody("m1-s50", memory="S50"),
    "m1-s70": lambda seed, readings: CardBody("m1-s70", memory="S70"),
}

BANK = "bank"

BODY_NAMES: tuple[str, ...] = (*GENERATIONS, BANK, *_WORDS)
"""Every plain word that :func:`make_body` knows."""


def make_body(name: str, *, seed: int = 0, person: Person | None = None, readings: Readings | None = None) -> CardBody:
    """A new card of that name, empty of all history.

    *person* is the holder of a social security or bank card where the name gives none. Raises ValueError for an unknown name,
    naming the known ones.
    """
    if name in _WORDS:
        return _WORDS[name](seed, readings)
    image, _, number = name.partition("/")
    generation, _, algorithm = image.partition("-")
    if (
        generation not in (*GENERATIONS, BANK)
        or algorithm not in ("", "3des", "sm4")
        or (number and not number.isdecimal())
    ):
        raise ValueError(f"unknown card {name!r}; known: {', '.join(BODY_NAMES)}, and forms such as 3.0-3des/7")
    if number or "/" in name:
        person = make_person(int(number or "0"))
    if generation == BANK:
        return _bank_body(name, person, algorithm, seed)
    chip = build_card(generation, algorithm=algorithm or None, person=person, seed=seed, readings=readings)
    rf: Card | None = None
    if generation == "3.0":
        # One card, two faces: files, counters and money are shared.
        rf = build_card(
            generation,
            algorithm=algorithm or None,
            person=person,
            seed=seed,
            readings=readings,
            contactless=True,
            memory=chip.memory,
        )
    return CardBody(name, chip, rf)


def _bank_body(name: str, person: Person | None, algorithm: str, seed: int) -> CardBody:
    """A bank card with chip and stripe: the stripe says that the chip goes first (spec/cards.md 3.5)."""
    chip = build_bank_card(person, seed=seed, profile=BankProfile(algorithm="sm4" if algorithm == "sm4" else "3des"))
    track2 = track2_of(chip.image.pan)
    pan, _, rest = track2.partition("D")
    return CardBody(name, chip, tracks={1: f"B{pan}^{chip.image.holder:26}^{rest}", 2: f"{pan}={rest}"})
