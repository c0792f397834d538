"""Runs a flow: everything stands, the citizen does their steps, and what happened is one history.

Programs are real processes, devices stand on real ttys, the bank on real TCP, everything else on HTTP. However the run ends, by its
last step, a step that fails, a signal or the death of this process, nothing of it is left: programs are killed by the
kernel when this one is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocols.clock import RealClock, UnixClock
from protocols.record import Record
from scenarios.build import BenchError
from scenarios.flow.books import money_note, platform_rows, under_way
from scenarios.flow.citizen import NotPossible
from scenarios.flow.expect import lacking, page_of
from scenarios.flow.lock import lock_of_flow
from scenarios.flow.model import Expect, Flow, Step
from scenarios.flow.recorder import FlowRecorder
from scenarios.flow.secrets import secrets_of_flow
from scenarios.flow.stand import KioskStand
from scenarios.flow.words import WORDS
from scenarios.flow.work import working_folder
from scenarios.live_services import terminal_of

__all__ = ["FlowEnd", "FlowRunner", "run_flow"]

READY_S = 30.0
QUIET_LOOK_S = 0.1
KEPT_FILES = (
    "backend/backend.db",
    "backend/backend.db-wal",
    "backend/backend.log",
    "kiosk/outbox",
    "kiosk.log",
    "kiosk/slips/*",
)
"""What the run leaves as evidence beside its history. Key files and credentials are never among it."""


@dataclass(frozen=True, slots=True)
class FlowEnd:
    """How the run ended: ``done``, ``failed`` at a step, ``stopped``, or ``error`` with its cause."""

    status: str
    why: str = ""


@dataclass
class FlowRunner:
    """One run of *flow*. *history* is the file that grows; *evidence* a folder for what programs leave; *hear* is told of
    every record. ``stop`` ends the run after what is under way."""

    flow: Flow
    history: Path
    evidence: Path
    hear: Callable[[Record], None] = lambda record: None
    _pages: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _told: dict[str, str] = field(default_factory=dict[str, str])
    on_page: Callable[[Mapping[str, Any]], None] = lambda event: None
    """Hears of every event of the kiosk, its page among it: for a screen. What stands there must not be kept."""

    async def run(self) -> FlowEnd:
        """Raises nothing but CancelledError: what went wrong is in the history too."""
        with contextlib.ExitStack() as files:
            sink = files.enter_context(self.history.open("w", encoding="utf-8", newline="\n"))
            work = files.enter_context(working_folder())
            self._clock = RealClock()
            self._recorder = recorder = FlowRecorder(
                self._clock, sink, secrets_of_flow(self.flow), os.urandom(32), self.hear
            )
            recorder.add("", "-", "run", flow=lock_of_flow(self.flow))
            try:
                end = await self._whole(work)
            except asyncio.CancelledError:
                recorder.add("", "-", "end", status="stopped")
                raise
            except Exception as error:  # whatever keeps a run from its end is said in its history
                end = FlowEnd("error", f"{type(error).__name__}: {error}")
            await asyncio.to_thread(self._keep, work)
            self._search_evidence()
            recorder.add("", "-", "end", status=end.status, why=end.why)
            return end

    async def _whole(self, work: Path) -> FlowEnd:
        async with KioskStand(self.flow, work, self._recorder, self._clock, self._heard, self.on_page) as stand:
            self._stand = stand
            end = await self._steps()
            await stand.kiosk.stop()
            await self._until_quiet()
            await self._close_books()
        return end

    def _heard(self, facts: Mapping[str, Any]) -> None:
        trade, told = facts.get("trade"), facts.get("told")
        if isinstance(trade, Mapping) and isinstance(told, str):
            self._told[str(trade.get("trade_no", ""))] = told
        self._pages.append(facts)
        self._news.set()

    # Steps.

    async def _steps(self) -> FlowEnd:
        try:
            async with asyncio.timeout(self.flow.limit_s):
                if not await self._await(Expect(page=("idle",)), 0, READY_S):
                    return FlowEnd("error", "the kiosk did not come up: " + self._stand.last_words())
                for number, step in enumerate(self.flow.steps, 1):
                    if not await self._step(number, step):
                        return FlowEnd("failed", f"step {number}, {step.do}")
        except TimeoutError:
            return FlowEnd("failed", f"not at its end within {self.flow.limit_s:g} s")
        return FlowEnd("done")

    async def _step(self, number: int, step: Step) -> bool:
        word, recorder = WORDS[step.do], self._recorder
        recorder.add("", "-", "step", name=step.do, number=number, phase="begin", zh=word.label.zh, en=word.label.en)
        # What is there already counts for who only waits, never for what a deed has to bring about.
        first = max(0, len(self._pages) - 1) if word.passive else len(self._pages)
        began, why = self._clock.now(), ""
        try:
            if step.pause_s:
                await self._clock.sleep_until(self._clock.now() + step.pause_s)
            await self._stand.do(step)
            if step.expect and not await self._await(step.expect, first, step.within_s):
                why = self._lacks(step, first)
        except (NotPossible, BenchError) as error:
            why = str(error)
        took = round(1000 * (self._clock.now() - began))
        recorder.add("", "-", "step", name=step.do, number=number, phase="end", met=not why, ms=took, why=why)
        return not why

    async def _await(self, expect: Expect, first: int, within_s: float) -> bool:
        """Until an event from *first* on shows all of *expect*; False when the time is over."""
        latest = self._clock.now() + within_s
        seen = first
        while True:
            self._news.clear()
            while seen < len(self._pages):
                if not lacking(expect, self._pages[seen]):
                    return True
                seen += 1
            left = latest - self._clock.now()
            if left <= 0 or self._stand.kiosk.ended:
                return False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, 0.5)):
                    await self._news.wait()

    def _lacks(self, step: Step, first: int) -> str:
        facts = self._pages[-1] if self._pages else {}
        where = page_of(facts) if len(self._pages) > first else "nothing new"
        return (
            f"{', '.join(lacking(step.expect, facts)) or 'all at once'} expected within {step.within_s:g} s, at {where}"
        )

    # The end.

    @property
    def _database(self) -> str:
        spec, backend = self.flow.stood.backend, self._stand.services.backend
        assert spec is not None
        assert backend is not None
        return str(backend.folder / "backend.db") if spec.database == "sqlite" else spec.database

    async def _until_quiet(self) -> None:
        """Until the platform has decided everything, or its time is over; then the oracles say what is open."""
        if self._stand.services.backend is None:
            return
        latest = self._clock.now() + self.flow.settle_s
        while under_way(await platform_rows(self._database)) and self._clock.now() < latest:
            await self._clock.sleep_until(self._clock.now() + QUIET_LOOK_S)

    async def _close_books(self) -> None:
        host = self._stand.services.host
        if host is None or self._stand.services.backend is None:
            return
        terminal = terminal_of(self.flow.stood).terminal_id
        claims = [(terminal, number, told) for number, told in self._told.items()]
        violations = [f"{name}: {text}" for name, each in host.peers.items() for text in each.core.violations()]
        note = await money_note(self._database, host, claims, UnixClock().now(), violations)
        self._recorder.add("books", "-", "snapshot", **note)
        for name, peer in host.peers.items():
            for fault, struck in peer.switch.struck:
                self._recorder.add(name, "-", "fault", id=fault.id, message=fault.message, struck=struck)

    def _keep(self, work: Path) -> None:
        """Copy what the programs left, without a key or a credential."""
        self.evidence.mkdir(parents=True, exist_ok=True)
        for pattern in KEPT_FILES:
            for path in sorted(work.glob(pattern)):
                if path.is_file() and path.stat().st_size:
                    shutil.copyfile(path, self.evidence / path.name)

    def _search_evidence(self) -> None:
        """Every file that stays, searched as it is; and a control that the search finds what it is to find."""
        recorder = self._recorder
        for path in sorted(self.evidence.iterdir()):
            recorder.search(f"file {path.name}", path.read_bytes())
        planted = [recorder.secrets.find(data) for _, _, data in recorder.secrets.plants()]
        recorder.add(
            "",
            "-",
            "search",
            bytes=dict(sorted(recorder.searched.items())),
            planted=len(planted),
            found=sum(bool(each) for each in planted),
            leaks=sum(recorder.leaks.values()),
            keys_known=recorder.knows_keys(),
        )


async def run_flow(
    flow: Flow, history: Path, evidence: Path, hear: Callable[[Record], None] = lambda record: None
) -> FlowEnd:
    """Run *flow* from its first program to its last; see :class:`FlowRunner`."""
    return await FlowRunner(flow, history, evidence, hear).run()
