"""Run one check against a simulated device inside this process, under virtual time: the bench of mutants and null devices.

Deterministic: the same check, device and seed give the same history, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from conformance.execute import execute
from conformance.model import Check, Outcome
from conformance.roles.card import CardTester
from conformance.roles.discovery import tester_of
from protocols.clock import LoopClock, run_virtual
from protocols.record import History
from scenarios.profiles import device_class_profile
from scenarios.simulated import (
    CARD_ACTIONS,
    SAM_SOCKETS,
    SimulatedCardSlot,
    SimulatedDeviceSlot,
    device_actions,
)
from scenarios.vouched import expected_cards, expected_sams
from simulators.device.classes import class_of_dialect

__all__ = ["card_facts", "device_facts", "run_card_check", "run_device_check"]

Facts = Mapping[str, Any]


def device_facts(dialect: str, parameters: Facts | None = None, pics: Facts | None = None) -> dict[str, Any]:
    """What a check of a device behind a line may depend on, on a bench of simulators."""
    name = class_of_dialect(dialect).name
    known = {"cards": expected_cards(), "sams": expected_sams(SAM_SOCKETS)} if name == "card_reader" else {}
    return {
        "dialect": dialect,
        "parameters": dict(parameters or {}),
        "pics": dict(pics or {}),
        "hand": sorted(device_actions(name)),
        **known,
        "bench_class": "in_process",
        "clock": "virtual",
    }


def card_facts(generation: str, parameters: Facts | None = None, pixit: Facts | None = None) -> dict[str, Any]:
    """What a card check may depend on, on a bench of simulators."""
    return {
        "generation": generation,
        "parameters": dict(parameters or {}),
        "pixit": dict(pixit or {}),
        "hand": sorted(CARD_ACTIONS),
        "bench_class": "in_process",
        "clock": "virtual",
    }


def run_device_check(
    check: Check,
    dialect: str = "crt591",
    make: Callable[..., Any] | None = None,
    seed: int = 1,
    **options: Any,
) -> tuple[Outcome, History]:
    """Run *check* on a device that *make* builds (the reference when None); *options* go to *make*.

    What the reference declares of the open readings is declared here too, unless *options* change them.
    """
    changed = {"readings", "options"} & set(options)
    kind = class_of_dialect(dialect)
    declared = {} if changed else device_class_profile(kind.name).defaults()

    async def main() -> tuple[Outcome, History]:
        clock = LoopClock()
        history = History(clock.now)
        slot = SimulatedDeviceSlot(dialect, clock, make=make, seed=seed, **options)
        tester = tester_of(kind.name)(
            slot=kind.slot,
            dialect=kind.dialects[dialect],
            open_line=slot.open_line,
            hand=slot.hand,
            history=history,
            clock=clock,
            facts=device_facts(dialect, declared),
        )
        try:
            await tester.open()
            return await execute(check, tester), history
        finally:
            await tester.close()
            await slot.aclose()

    return run_virtual(main())


def run_card_check(
    check: Check,
    generation: str = "3.0",
    make: Callable[..., Any] | None = None,
    seed: int = 1,
    **options: Any,
) -> tuple[Outcome, History]:
    """Run *check* on a card that *make* builds (the reference when None); *options* go to *make*."""

    async def main() -> tuple[Outcome, History]:
        clock = LoopClock()
        history = History(clock.now)
        slot = SimulatedCardSlot(generation, make=make, seed=seed, **options)
        tester = CardTester(
            slot="card",
            port=slot.port,
            hand=slot.hand,
            history=history,
            clock=clock,
            facts=card_facts(generation),
        )
        return await execute(check, tester), history

    return run_virtual(main())
