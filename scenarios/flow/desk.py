"""A kiosk for somebody at a screen: it stands until they leave, they do one thing at a time, and nothing is kept."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from protocols.clock import RealClock
from protocols.record import Record
from scenarios.build import BenchError
from scenarios.flow.citizen import NotPossible
from scenarios.flow.model import Flow, Step
from scenarios.flow.recorder import FlowRecorder
from scenarios.flow.secrets import secrets_of_flow
from scenarios.flow.stand import KioskStand
from scenarios.flow.work import working_folder

__all__ = ["KioskDesk", "stand_kiosk"]

MOST_RECORDS = 5_000
ACT_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class KioskDesk:
    """``cards`` are the names of the citizen's cards, ``slots`` those of the devices with their class."""

    stand: KioskStand
    cards: tuple[str, ...]
    slots: Mapping[str, str]

    async def do(self, word: str, **fields: Any) -> str:
        """One step of a flow (scenarios/flow/words.py); gives why it was not possible, empty when it was done."""
        try:
            await self.stand.do(Step.model_validate({"do": word, "within_s": ACT_LIMIT_S, **fields}))
        except ValidationError as error:
            return "; ".join(str(each["msg"]) for each in error.errors())
        except (NotPossible, BenchError) as error:
            return str(error)
        return ""

    async def say(self, line: str) -> str:
        """One line for the kiosk (docs/kiosk.md)."""
        return "" if await self.stand.say(line) else "the kiosk has ended: " + self.stand.last_words()

    async def press(self, slot: str, key: str) -> str:
        """One key of a PIN pad. Which one is not told to anybody."""
        answer = await self.stand.live.devices[slot].hand.act(f"press {key}", "by hand")
        return "" if answer == "done" else answer

    def look(self, slot: str) -> Mapping[str, Any]:
        """Inner state of a simulated device; how many digits of a PIN it holds, never which."""
        device = self.stand.live.devices[slot].device
        return device.snapshot() if device is not None else {}


@asynccontextmanager
async def stand_kiosk(
    flow: Flow,
    hear: Callable[[Record], None] = lambda record: None,
    on_page: Callable[[Mapping[str, Any]], None] = lambda event: None,
) -> AsyncIterator[KioskDesk]:
    """Bring the bench of *flow* up with its kiosk, and down again; its citizen and their cards are those of the flow.

    *hear* is told of everything that happens, *on_page* of what the citizen sees. Raises BenchError, LinkError.
    """
    with working_folder() as work:
        clock = RealClock()

        def heard(record: Record) -> None:
            hear(record)
            if record.seq >= MOST_RECORDS:
                recorder.forget()

        recorder = FlowRecorder(clock, None, secrets_of_flow(flow), os.urandom(32), heard)
        recorder.add("", "-", "run", flow={"bench": flow.stood.model_dump(mode="json", by_alias=True)})
        async with KioskStand(flow, work, recorder, clock, lambda facts: None, on_page) as stand:
            slots = {name: slot.device_class for name, slot in flow.stood.slots.items()}
            yield KioskDesk(stand, tuple(flow.cards), slots)
