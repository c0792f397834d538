"""Checks of the challenges of a social security card: their length, and that nobody can foresee them (cards.md 1.6)."""

from __future__ import annotations

import itertools

from conformance.model import Check
from conformance.roles.card import CardTester
from conformance.roles.card_view import CardStep, CardView
from conformance.suites.card_conversation import Session, only, parameter, started
from protocols.wire.base import Label

DRAWS = 16
FEWEST_VALUES = 6
"""Different values that each byte must take in :data:`DRAWS` draws; truly random bytes take 15 or 16 nearly always."""
SMALL_GAP = 1 << 32


class ChallengeLengths(Check):
    """DG-W20-11: PSAMs ask for 8 or 16 bytes by algorithm; a card that gives another number breaks the session key."""

    id = "card.challenge.lengths"
    title = Label("随机数长度 4、8、16", "challenges of 4, 8 and 16 bytes")
    clauses = ("DG-W20-11",)
    device_class = "card"
    control = "start"
    kills = ("card.challenge-any-length",)
    source = "spec/cards.md 1.6; open-readings.md, GET CHALLENGE with another length"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        for length in (4, 8, 16):
            with t.step(f"length.{length}"):
                await session.challenge(length)
        with t.step("other"):
            await t.send("0084000005")

    def oracle(self, v: CardView) -> None:
        started(v)
        for length in (4, 8, 16):
            talk = only(v, f"length.{length}")
            if length == 16 and not talk.ok and parameter(v.facts, "card.long_challenge") != "first-8":
                continue  # a card with an 8-byte cipher may refuse it: an open reading
            v.must(
                talk.ok and len(talk.data) == length,
                f"应给出 {length} 字节随机数",
                f"{length} random bytes must come",
                talk,
            )
        v.status_is(v.step("other").at(0), (0x6700, 0x6C08), "长度 05", "length 05")


class ChallengeFresh(Check):
    """DG-W20-11: a challenge that comes twice lets a recorded authentication open the card again."""

    id = "card.challenge.fresh"
    title = Label("随机数不重复", "challenges are fresh")
    clauses = ("DG-W20-11",)
    device_class = "card"
    control = "start"
    kills = ("card.challenge-constant", "card.challenge-counter", "card.challenge-resets")
    source = "spec/cards.md 1.6"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        for phase in ("first", "second"):
            for _ in range(DRAWS // 2):
                with t.step(phase):
                    await session.challenge()
            await session.again()

    def oracle(self, v: CardView) -> None:
        started(v)
        steps = [*v.each("first"), *v.each("second")]
        seen = [step.collected() for step in steps]
        if v.must(all(len(each) == 8 for each in seen), "每次应给出 8 字节", "8 bytes must come each time", *steps):
            v.must(
                len(set(seen)) == len(seen),
                f"{len(seen)} 次随机数（其间复位一次）不得相同",
                f"{len(seen)} challenges, a reset among them, must all differ",
                *steps,
            )
            self._unforeseeable(v, seen, steps)

    @staticmethod
    def _unforeseeable(v: CardView, seen: list[bytes], steps: list[CardStep]) -> None:
        """Sixteen true draws fail this less often than once in 2**24 runs."""
        poorest = min(len(set(column)) for column in zip(*seen, strict=True))
        v.must(
            poorest >= FEWEST_VALUES,
            "随机数的每个字节都应变化",
            "every byte of the challenges must vary",
            *steps,
        )
        gaps = [(int.from_bytes(b) - int.from_bytes(a)) % (1 << 64) for a, b in itertools.pairwise(seen)]
        far = all(min(gap, (1 << 64) - gap) >= SMALL_GAP for gap in gaps) and len(set(gaps)) == len(gaps)
        v.must(far, "相邻随机数之差不得微小或相同", "challenges must not follow in small or equal steps", *steps)
