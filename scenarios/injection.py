"""Where the faults of a bench file meet its devices: wraps them, tells what happens, undoes all of it at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from protocols.clock import Clock
from scenarios.faults import injected_faults
from scenarios.models import Bench, Slot
from simulators.device.base import Device
from simulators.device.classes import device_classes
from simulators.fault.card import FaultyCard
from simulators.fault.injection import FaultEvent
from simulators.fault.line import FaultyLine

__all__ = ["FaultDesk", "FaultReport", "OnBenchFault"]

OnBenchFault = Callable[[str, FaultEvent], None]


@dataclass(frozen=True, slots=True)
class FaultReport:
    """What became of one fault. ``key`` names it, as the records of the history do."""

    key: str
    id: str
    slot: str
    fired: int
    undone: bool


class FaultDesk:
    """All injected faults of one bench. *on_fault* is called in the thread of the running loop only."""

    def __init__(self, bench: Bench, clock: Clock, on_fault: OnBenchFault) -> None:
        self._bench, self._clock, self._on_fault = bench, clock, on_fault
        self._faults = injected_faults(bench.faults)
        self._wrapped: dict[str, FaultyLine | FaultyCard] = {}

    def device(self, name: str, slot: Slot, device: Device) -> Device:
        """*device*, wrapped if the file has faults for it."""
        mine = self._faults.get(name)
        if not mine:
            return device
        faulty = FaultyLine(
            device,
            mine,
            self._bench.seed,
            framing=device_classes()[slot.device_class].dialects[slot.dialect].framing,
            on_event=lambda event: self._on_fault(name, event),
            armed=False,
        )
        self._wrapped[name] = faulty
        return faulty

    def card(self, name: str, card: Any) -> Any:
        """*card*, wrapped if the file has faults for it. Behind vpcd a card answers from a thread of its own."""
        mine = self._faults.get(name)
        if not mine:
            return card
        loop = asyncio.get_running_loop()

        def heard(event: FaultEvent) -> None:
            try:
                same_thread = asyncio.get_running_loop() is loop
            except RuntimeError:
                same_thread = False
            if same_thread:
                self._on_fault(name, event)
            else:
                loop.call_soon_threadsafe(self._on_fault, name, event)

        faulty = FaultyCard(card, mine, self._bench.seed, on_event=heard, armed=False)
        self._wrapped[name] = faulty
        return faulty

    def arm(self) -> None:
        """Every fault begins to count."""
        for each in self._wrapped.values():
            each.arm(self._clock.now())

    def disarm(self) -> None:
        """Every fault is undone; those that were never armed were never there."""
        for each in self._wrapped.values():
            each.disarm(self._clock.now())

    def reports(self) -> tuple[FaultReport, ...]:
        """What became of each fault."""
        found: list[FaultReport] = []
        for slot, faulty in self._wrapped.items():
            found += [FaultReport(each.fault.key, each.id, slot, each.fired, each.undone) for each in faulty.faults]
        return tuple(found)
