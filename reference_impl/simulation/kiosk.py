"""A simulated kiosk: the real business, the real desk and the real outbox file, one citizen after another, and power cuts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from protocols.clock import Clock
from protocols.seeded import SeededChoice
from reference_impl.kiosk.business.flow import Business
from reference_impl.kiosk.business.menu import Terms
from reference_impl.kiosk.business.session import WATCHED, Session, Stage
from reference_impl.kiosk.business.told import Told
from reference_impl.kiosk.business.words import BusinessEvent
from reference_impl.kiosk.business.works import BusinessWork
from reference_impl.kiosk.desk import Desk
from reference_impl.kiosk.outbox import Outbox
from reference_impl.kiosk.pin_entry import Keypad, PinEntry
from reference_impl.kiosk.platform import Platform, PlatformRefused, PlatformSilent
from reference_impl.kiosk.settle import settle
from reference_impl.kiosk.words import Tick
from reference_impl.simulation.mutant import NO_MUTANT, Mutant
from reference_impl.simulation.teller import Citizen, SlipBox, TellerPad

__all__ = ["Claims", "SimulatedKiosk"]

SETTLE_PAUSE_S, LONGEST_PAUSE_S = 5.0, 600.0
"""Between two looks at what is open, longer each time: a refund may wait for the bank's bill of the day."""
MOST_STEPS = 400
"""A session that takes more is going round in circles: that is a defect, and must not hang the simulation."""

_CLAIMS = {
    Told.PAID: "paid",
    Told.NOT_PAID: "not-paid",
    Told.GIVEN_BACK: "not-paid",
    Told.REFUNDED: "refunded",
    Told.REFUND_REFUSED: "paid",
    Told.UNCERTAIN: "uncertain",
    Told.MANUAL: "uncertain",
}


class Claims(Protocol):
    """Hears what a citizen was told, of which trade."""

    def __call__(self, terminal_id: str, trade_no: str, said: str) -> None: ...


class SimulatedKiosk:
    """*platform* makes the calls; *on_step* is told of every step and may end the kiosk's task (a power cut).

    The outbox is a real file: what a power cut leaves is what the next start finds.
    """

    def __init__(
        self,
        terminal_id: str,
        platform: Platform,
        outbox: Path,
        master_key: bytes,
        clock: Clock,
        claims: Claims,
        on_step: Callable[[str], None],
        mutant: Mutant = NO_MUTANT,
    ) -> None:
        self._mutant = mutant
        self.terminal_id, self._platform, self._file = terminal_id, platform, outbox
        self._master_key, self._clock, self._claims, self._on_step = master_key, clock, claims, on_step
        self._task: asyncio.Task[None] | None = None
        self._box: Outbox | None = None
        self._starts = 0
        self.waiting: list[Citizen] = []
        self._serving: Citizen | None = None
        self._wake = asyncio.Event()
        self.failed: BaseException | None = None
        self.lost = False

    @property
    def idle(self) -> bool:
        """Nobody is served or waits, and every key was settled."""
        return self.lost or (not self.waiting and self._box is not None and len(self._box) == 0)

    @property
    def open_entries(self) -> int:
        """How many keys the kiosk still has to ask about."""
        return len(self._box) if self._box is not None else 0

    def start(self) -> None:
        self._starts += 1
        self._task = asyncio.get_running_loop().create_task(self._run(), name=self.terminal_id)

    def cut_power(self) -> None:
        """Whatever was being done is not done any further. The citizen in front of it goes away."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._box is not None:
            self._box.aclose()
            self._box = None
        if self._serving is not None:
            self.waiting.remove(self._serving)
            self._serving = None

    def break_down(self) -> None:
        """It is broken for good: nobody comes to it any more, and what it has noted is never read again."""
        self.lost = True
        self.cut_power()
        self.waiting.clear()

    async def aclose(self) -> None:
        task = self._task
        self.cut_power()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    # One power-on.

    async def _run(self) -> None:
        try:
            await self._serve_for_ever()
        except Exception as defect:  # seen by the world: a kiosk that breaks is a finding, not a silence
            self.failed = defect

    async def _serve_for_ever(self) -> None:
        choice = SeededChoice(self._starts, f"keys of {self.terminal_id}")
        self._box = Outbox.open(self._file, self._clock.now, choice.bytes)
        self._mutant.outbox(self._box)
        pad = TellerPad(self._master_key)
        await self._settle(self._box, until_reached=True)
        pause_s = SETTLE_PAUSE_S
        while True:
            citizen = self._next_citizen()
            if citizen is None:
                await self._settle(self._box, until_reached=False)
                await self._rest(pause_s if len(self._box) else 0.0)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                continue
            pause_s = SETTLE_PAUSE_S
            pad.citizen = self._serving = citizen
            await self._serve(citizen, self._box, pad)
            self._serving = None
            self.waiting.remove(citizen)

    def come(self, citizen: Citizen) -> None:
        """Somebody is on their way; they are served when their time has come. A kiosk that is broken serves nobody."""
        if self.lost:
            return
        self.waiting.append(citizen)
        self._wake.set()

    async def _rest(self, pause_s: float) -> None:
        """Until the next citizen comes, or after *pause_s* what is open should be asked for again (0: nothing is)."""
        times = [each.plan.at_s for each in self.waiting]
        if pause_s:
            times.append(self._clock.now() + pause_s)
        self._wake.clear()
        try:
            async with asyncio.timeout(max(min(times) - self._clock.now(), 0.001) if times else None):
                await self._wake.wait()
        except TimeoutError:
            return

    def _next_citizen(self) -> Citizen | None:
        now = self._clock.now()
        return next((each for each in self.waiting if each.plan.at_s <= now), None)

    async def _settle(self, box: Outbox, *, until_reached: bool) -> None:
        """Ask about every open key; at a start, before anything is offered, until the platform has answered."""
        while len(box):
            try:
                await settle(self._platform, box)
            except (PlatformSilent, PlatformRefused):
                await self._clock.sleep_until(self._clock.now() + SETTLE_PAUSE_S)
                if until_reached:
                    continue
            return

    async def _serve(self, citizen: Citizen, box: Outbox, pad: PinEntry) -> None:
        async def the_pad() -> PinEntry:
            return pad

        desk = Desk(
            self._platform,
            box,
            self._clock,
            keypad=Keypad(the_pad, self._platform),
            cards=citizen,
            codes=citizen,
            printer=SlipBox(),
        )
        terms = Terms()
        business = Business(terms)
        session, work = business.begin(citizen.shown(), by_card=citizen.plan.shows == "social_security_card")
        for _ in range(MOST_STEPS):
            self._note(citizen, session)
            if self._box is not box:
                raise asyncio.CancelledError  # the power was cut at this very step
            if session.stage is Stage.ENDED:
                return
            event = await self._event(citizen, desk, terms, session, work)
            session, work = business.step(session, event, self._clock.now())
        raise RuntimeError(f"{self.terminal_id}: a session took {MOST_STEPS} steps; it stands at {session.stage}")

    def _note(self, citizen: Citizen, session: Session) -> None:
        fresh = session.stage not in citizen.seen
        citizen.seen.add(session.stage)
        if fresh and session.stage is Stage.RESULT and session.told is not None and session.trade is not None:
            said = _CLAIMS.get(session.told)
            if said is not None:
                self._claims(self.terminal_id, session.trade.trade_no, said)
        self._on_step(self.terminal_id)

    async def _event(
        self, citizen: Citizen, desk: Desk, terms: Terms, session: Session, work: BusinessWork | None
    ) -> BusinessEvent | Tick:
        """What happens next: a work's end, the citizen, or the limit of the page."""
        if work is not None and session.stage not in WATCHED:
            return await desk.perform(work)
        left_s = None if session.deadline is None else max(session.deadline - self._clock.now(), 0.001)
        try:
            async with asyncio.timeout(left_s):
                if work is not None:
                    if session.stage is Stage.REFUND_NO:
                        return citizen.act(session, terms) or Tick()
                    return await desk.perform(work)
                return await self._answer(citizen, terms, session)
        except TimeoutError:
            return Tick()

    async def _answer(self, citizen: Citizen, terms: Terms, session: Session) -> BusinessEvent:
        await self._clock.sleep_until(self._clock.now() + 1.0)
        event = citizen.act(session, terms)
        return event if event is not None else await asyncio.get_running_loop().create_future()
