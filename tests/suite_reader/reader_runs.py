"""Running reader checks in process with a hand that is a mute program."""

from __future__ import annotations

from functools import cache
from typing import Any

from conformance.execute import execute
from conformance.inprocess import device_facts
from conformance.model import Check, Outcome, discover_checks
from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import card_reader_dialect
from protocols.clock import LoopClock, run_virtual
from protocols.record import History
from scenarios.hand import PROGRAM_ACTIONS
from scenarios.simulated import SimulatedDeviceSlot

DIALECTS = ("crt591", "crt310")


@cache
def reader_checks() -> dict[str, Check]:
    return {each.id: each for each in discover_checks() if each.device_class == "card_reader"}


def in_dialect(dialect: str) -> list[Check]:
    return [each for each in reader_checks().values() if not each.variants or dialect in each.variants]


class MuteProgram:
    """Somebody's program: it knows three cards and six words, and never answers."""

    actions = PROGRAM_ACTIONS
    patience_s = 10.0

    def __init__(self, slot: SimulatedDeviceSlot) -> None:
        self._slot = slot

    async def act(self, action: str, prompt: str) -> str:
        word, _, card = action.partition(" ")
        if word not in self.actions:
            return "unsupported"
        if word != "insert" or card in ("1.0", "2.0", "3.0"):
            await self._slot.apply(action)
        return "unanswered"


def run_with_program(check: Check, dialect: str, **options: Any) -> tuple[Outcome, History]:
    """As :func:`conformance.inprocess.run_device_check`, with a mute hand and nothing declared."""

    async def main() -> tuple[Outcome, History]:
        clock = LoopClock()
        history = History(clock.now)
        slot = SimulatedDeviceSlot(dialect, clock, **options)
        tester = ReaderTester(
            slot="reader",
            dialect=card_reader_dialect(dialect),
            open_line=slot.open_line,
            hand=MuteProgram(slot),
            history=history,
            clock=clock,
            facts=device_facts(dialect),
        )
        try:
            await tester.open()
            return await execute(check, tester), history
        finally:
            await tester.close()
            await slot.aclose()

    return run_virtual(main())
