"""The checks of social security cards, found as the product finds them, and a run of one with facts of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from conformance.execute import execute
from conformance.inprocess import card_facts
from conformance.model import Check, Outcome, discover_checks
from conformance.roles.card import CardTester
from protocols.clock import LoopClock, run_virtual
from protocols.record import History
from scenarios.simulated import SimulatedCardSlot

GENERATIONS = ("1.0", "2.0", "3.0")


@cache
def card_checks() -> tuple[Check, ...]:
    return tuple(each for each in discover_checks() if each.device_class == "card")


def check_of(check_id: str) -> Check:
    return next(each for each in card_checks() if each.id == check_id)


def exists_for(check: Check, generation: str) -> bool:
    return not check.variants or generation in check.variants


def run_with(
    check: Check,
    generation: str,
    facts: dict[str, Any] | None = None,
    mask: Callable[[str, str, bytes], bytes] | None = None,
    **options: Any,
) -> tuple[Outcome, History]:
    """Run *check* on a reference card built with *options*; *facts* go over the usual ones."""

    async def main() -> tuple[Outcome, History]:
        clock = LoopClock()
        history = History(clock.now, mask=mask)
        slot = SimulatedCardSlot(generation, seed=1, **options)
        told = {**card_facts(generation), **(facts or {})}
        tester = CardTester(slot="card", port=slot.port, hand=slot.hand, history=history, clock=clock, facts=told)
        return await execute(check, tester), history

    return run_virtual(main())
