"""A kiosk on a simulated reader inside this process, under virtual time, with a citizen who follows a script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from protocols.clock import LoopClock
from protocols.driver.card_reader import CardReader, ReaderPort
from protocols.driver.reader_card_port import ReaderSockets
from protocols.link.base import CardPort
from protocols.link.memory import memory_pair
from reference_impl.kiosk.bays import MotorBay
from reference_impl.kiosk.citizen import meaning_of
from reference_impl.kiosk.events import facts_of
from reference_impl.kiosk.flow import Flow
from reference_impl.kiosk.runtime import Kiosk
from reference_impl.kiosk.state import Phase, Policy, State
from reference_impl.kiosk.words import Event
from simulators.card.base import Card
from simulators.card.body import CardBody
from simulators.card.psam import build_psam
from simulators.device.base import Physical
from simulators.device.card_reader import DIALECTS, CardReaderDevice, build_reader
from simulators.host import DeviceHost

__all__ = ["MemoryBay", "Script", "Trial", "trial"]


class MemoryBay(MotorBay):
    """The kiosk's own bay, on a line inside this process."""

    def __init__(self, device: CardReaderDevice, dialect: str, clock: LoopClock) -> None:
        super().__init__("sim://", DIALECTS[dialect], clock)
        self.device, self._memory_clock = device, clock
        self.host: DeviceHost | None = None

    async def _open(self) -> CardReader:
        if self._reader is None:
            if self.host is not None:
                await self.host.aclose()
            near, far = memory_pair()
            self.host = DeviceHost(self.device, far, self._memory_clock)
            self.host.start()
            self._reader = CardReader(ReaderPort(near, self._dialect, self._memory_clock))
            self._sockets = ReaderSockets(self._reader)
        return self._reader


class Script:
    """Answers by phase: a list is used up one by one; a phase without an answer waits for ever."""

    def __init__(self, answers: Mapping[Phase, list[str]]) -> None:
        self.answers = {phase: list(texts) for phase, texts in answers.items()}
        self.asked: list[Phase] = []

    async def next(self, phase: Phase) -> Event:
        self.asked.append(phase)
        texts = self.answers.get(phase, [])
        if not texts:
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(0.1)  # a citizen takes a moment, in virtual time
        event = meaning_of(phase, texts.pop(0))
        assert event is not None, f"nothing was asked in {phase}"
        return event


Hand = Callable[["Trial"], None]


@dataclass
class Trial:
    """A kiosk that runs, and what it showed."""

    bay: MemoryBay
    clock: LoopClock
    script: Script
    on: dict[Phase, Hand] = field(default_factory=dict)
    seen: list[dict[str, Any]] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    kiosk: Kiosk | None = None
    holder_name: str = ""

    @property
    def device(self) -> CardReaderDevice:
        return self.bay.device

    def act(self, action: str, card: CardBody | None = None) -> None:
        """The citizen's or the tester's hand."""
        assert self.bay.host is not None
        self.bay.host.apply(Physical(action, card))

    def later(self, seconds: float, action: str, card: CardBody | None = None) -> None:
        asyncio.get_running_loop().call_later(seconds, lambda: self.act(action, card))

    def show(self, state: State, now: float) -> None:
        if state.holder is not None:
            self.holder_name = state.holder.name
        facts = facts_of(state)
        if not self.seen or facts != self.seen[-1]:
            self.seen.append(facts)
        if not self.phases or self.phases[-1] is not state.phase:
            self.phases.append(state.phase)
            if state.phase in self.on:
                asyncio.get_running_loop().call_soon(self.on.pop(state.phase), self)

    @property
    def problems(self) -> list[str]:
        return list(dict.fromkeys(each["problem"] for each in self.seen if "problem" in each))

    def where_the_card_is(self) -> str:
        """``inside``, ``mouth``, ``bin`` or ``hand``: the truth of the simulated reader."""
        mechanics = self.device.mechanics
        if mechanics.bin_cards:
            return "bin"
        if mechanics.card is not None:
            return "inside" if mechanics.media.in_reader else "mouth"
        return "mouth" if mechanics.at_mouth is not None else "hand"


async def trial(
    card: CardBody | None,
    *,
    dialect: str = "crt591",
    answers: Mapping[Phase, list[str]] | None = None,
    on: Mapping[Phase, Hand] | None = None,
    psam: bool = True,
    sam_cards: Mapping[int, Card] | None = None,
    limit_s: float = 600.0,
    policy: Policy | None = None,
    **reader: Any,
) -> Trial:
    """One kiosk until it stops by itself (after one card), or after *limit_s* of virtual time.

    *card* is inserted when the kiosk is idle and taken half a second after it came back, unless *on* says otherwise.
    """
    clock = LoopClock()
    sam_cards = {1: build_psam()} if sam_cards is None else sam_cards
    bay = MemoryBay(build_reader(dialect=dialect, sam_cards=sam_cards, **reader), dialect, clock)
    hands: dict[Phase, Hand] = {
        Phase.IDLE: lambda each: each.act("insert", card) if card is not None else None,
        Phase.TAKE: lambda each: each.later(0.5, "remove"),
        **(on or {}),
    }
    made = Trial(bay, clock, Script(answers or {}), hands)

    def psam_port() -> CardPort:
        return bay.sam(1)

    rules = policy or Policy(psam=psam, once=True)
    made.kiosk = Kiosk(bay, Flow(rules), clock, made.script, made, psam_port if psam else None)
    running = asyncio.ensure_future(made.kiosk.run())
    await asyncio.wait({running}, timeout=limit_s)
    if not running.done():
        running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    if running.done() and not running.cancelled() and (error := running.exception()) is not None:
        raise error
    if bay.host is not None:
        await bay.host.aclose()
    return made
