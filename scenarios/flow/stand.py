"""A kiosk that stands with everything around it, and the citizen in front of it: what a flow runs on, and what a screen operates."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from protocols.clock import Clock
from protocols.record import Record
from scenarios.flow.citizen import Citizen, wallet_of
from scenarios.flow.model import KIOSK, Flow, Step
from scenarios.flow.recorder import FlowRecorder
from scenarios.flow.words import WORDS
from scenarios.live_services import LiveServices
from scenarios.program import ForeignProgram
from scenarios.runtime import LiveBench

__all__ = ["KioskStand"]

KIOSK_END_S = 5.0


class KioskStand:
    """Use as ``async with``. *work* is a folder of its own for files of programs; *on_facts* hears of every change at the kiosk,
    as it was recorded; *on_page* of the same with the page as the citizen sees it, which must not be kept."""

    def __init__(
        self,
        flow: Flow,
        work: Path,
        recorder: FlowRecorder,
        clock: Clock,
        on_facts: Callable[[Mapping[str, Any]], None],
        on_page: Callable[[Mapping[str, Any]], None] = lambda event: None,
    ) -> None:
        self._flow, self._work, self._recorder, self._clock = flow, work, recorder, clock
        self._on_facts, self._on_page = on_facts, on_page
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> KioskStand:
        try:
            await self._bring_up()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def _bring_up(self) -> None:
        bench = self._flow.stood
        self.services = LiveServices(bench, self._work, self._recorder.exchanged, self._recorder.called)
        self.live = await self._stack.enter_async_context(
            LiveBench(
                bench.model_copy(update={"programs": {}}),
                self._clock,
                on_violation=self._broken,
                services=self.services,
                tap=self._recorder.tap,
                wallet=wallet_of(self._flow),
            )
        )
        self.citizen = Citizen(self._flow, self.live, self._clock, self._recorder.hand)
        places = {name: each.link_shown for name, each in self.live.devices.items()}
        self.kiosk = ForeignProgram(
            bench.programs[KIOSK],
            bench.folder,
            filled_in={**places, **self.services.filled_in},
            takes_lines=True,
            end_wait_s=KIOSK_END_S,
            on_line=self._heard,
            errors=self._work / "kiosk.log",
            ends_with_us=True,
        )
        await self.kiosk.start()
        self._stack.push_async_callback(self.kiosk.stop)

    def _heard(self, line: str) -> None:
        try:
            event: Any = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict) or "event" not in event:
            self._recorder.add(KIOSK, "rx", "violation", text="the kiosk wrote a line that is no event")
            return
        self._on_page(event)
        record: Record = self._recorder.said(event)
        self._on_facts(record.note)

    def _broken(self, slot: str, text: str) -> None:
        self._recorder.add(slot, "-", "violation", text=text)

    async def do(self, step: Step) -> None:
        """What *step* does, by hands, by a line for the kiosk, or by fate. Raises NotPossible, BenchError."""
        word, backend = WORDS[step.do], self.services.backend
        if word.hand:
            await self.citizen.act(step)
        elif word.line:
            said = await self.kiosk.send_line(self.citizen.line(step))
            self._recorder.hand(KIOSK, step.line, "done" if said else "unanswered")
        elif word.fate and backend is not None:
            await (backend.kill() if word.fate == "kill" else backend.start())
            self._recorder.add("backend", "-", "fault", id=step.do)

    async def say(self, line: str) -> bool:
        """A line for the kiosk as it is. What it says is not written down: it may be a code."""
        said = await self.kiosk.send_line(line)
        self._recorder.hand(KIOSK, line.partition(" ")[0], "done" if said else "unanswered")
        return said

    def last_words(self) -> str:
        """The end of what the kiosk wrote to its standard error."""
        errors = self.kiosk.errors
        lines = errors.read_text(errors="replace").strip().splitlines() if errors and errors.exists() else []
        return lines[-1][:300] if lines else "it said nothing"
