"""Runs a plan: bench up, preflight, every selected check, bench down. Verdicts come from the history alone."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from conformance.execute import execute
from conformance.faults import fault_results, record_fault
from conformance.model import Blame, Outcome, Verdict
from conformance.pixit_secrets import secret_literals
from conformance.plan import Resolved, Selected, lock_of, tool_version
from conformance.preflight import environment, failures, look_at_card, look_at_device
from conformance.result import (
    NO_TEXT,
    BenchInventory,
    BenchSlot,
    KillMatrix,
    Laboratory,
    NotRun,
    PreflightResult,
    RunResult,
    RunStatus,
    WaiverUse,
)
from conformance.roles.card import CardTester
from conformance.roles.discovery import LineTester, tester_of
from conformance.rulings import PCSC_TIER, REAL_DEVICE_BUDGET, STOPPED, budget_reason, pcsc_reason, waiver_uses
from protocols.clock import Clock, LoopClock, RealClock, run_virtual, wall_datetime
from protocols.link.base import LinkError
from protocols.record import History
from protocols.wire.base import Label
from protocols.wire.privacy import Masker
from scenarios.models import CARD, Bench, Waiver, everybody
from scenarios.runtime import AskPerson, LiveBench
from simulators.card.people import secrets_of
from simulators.device.classes import device_classes

__all__ = ["Progress", "RunOptions", "run"]


@dataclass(frozen=True, slots=True)
class Progress:
    """What screens hear while a run goes on: the one message they consume."""

    kind: Literal["preflight", "begin", "end", "note", "done"]
    index: int = 0
    total: int = 0
    check_id: str = ""
    target: str = ""
    outcome: Outcome | None = None
    text: Label = NO_TEXT


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run talks to its surroundings."""

    history_path: Path
    run_id: str
    progress: Callable[[Progress], None] = lambda message: None
    ask_person: AskPerson | None = None
    kill_matrix: KillMatrix = field(default_factory=KillMatrix)
    stop_requested: Callable[[], bool] = lambda: False


def run(resolved: Resolved, options: RunOptions) -> RunResult:
    """Run to the end, or to Ctrl-C (status ``stopped``, with everything seen so far). Blocks."""
    started = wall_datetime().isoformat(timespec="seconds")
    if resolved.bench.clock == "virtual":
        job = run_virtual(_Run(resolved, options, started, virtual=True).main())
    else:
        job = asyncio.run(_Run(resolved, options, started, virtual=False).main())
    return replace(job, ended=wall_datetime().isoformat(timespec="seconds"))


def _stale(waiver: Waiver, *, expired: bool) -> Label:
    """Why a waiver fails the run, and what to do."""
    why = ("已过期", "has expired") if expired else ("没有可豁免的不通过", "has no fail to waive")
    return Label(
        f"豁免 {waiver.check}（{waiver.owner}，至 {waiver.expires}）{why[0]}：从计划中删去或更新，否则运行判为不通过",
        f"the waiver of {waiver.check} ({waiver.owner}, until {waiver.expires}) {why[1]}: remove or renew it, it fails the run",
    )


class _Run:
    def __init__(self, resolved: Resolved, options: RunOptions, started: str, *, virtual: bool) -> None:
        self.resolved, self.options, self.started, self.virtual = resolved, options, started, virtual
        faults = (*resolved.bench.faults, *resolved.plan.faults)
        self.bench: Bench = resolved.bench.model_copy(update={"faults": faults})
        self.lock = lock_of(resolved)
        self.outcomes: list[Outcome] = []
        self.not_run: list[NotRun] = list(resolved.not_run)
        self.preflight: list[PreflightResult] = []
        self.described: dict[str, str] = {}
        self.shown_links: dict[str, str] = {}
        self.spent: dict[str, dict[str, int]] = {}
        self.status = RunStatus.COMPLETE
        self.total = self.begun = 0
        self.excused: set[str] = set()
        self.left_out: set[str] = set()

    async def main(self) -> RunResult:
        clock: Clock = LoopClock() if self.virtual else RealClock()
        with self.options.history_path.open("w", encoding="utf-8", newline="\n") as sink:
            history = History(clock.now, sink, self._masker().mask)
            history.append("bench", "-", "run", phase="begin", lock=self.lock["sha256"])
            self.preflight += environment(self.bench)
            for each in failures(self.preflight):
                self._say("preflight", text=each.text)
            if self.resolved.plan.missing_pcsc == "not_tested":
                self._leave_out_pcsc()
            if blocking := [each for each in failures(self.preflight) if each.name not in self.excused]:
                self._give_up(self.bench.targets(), blocking[0])
            else:
                await self._on_bench(history, clock)
            history.append("bench", "-", "run", phase="end", status=self.status)
        return self._result()

    def _leave_out_pcsc(self) -> None:
        """Without the PC/SC stack its tier is not tested, and says so; the rest of the bench still runs."""
        why = pcsc_reason(self.preflight)
        if why is None:
            return
        self.excused |= set(PCSC_TIER)
        out = {name for name, slot in self.bench.slots.items() if slot.scheme in ("vpcd", "pcsc")}
        for each in self.resolved.selected:
            if each.target in out:
                self._leave_out(each, why)
        self.left_out = out
        slots = {name: slot for name, slot in self.bench.slots.items() if name not in out}
        faults = tuple(each for each in self.bench.faults if each.slot not in out)
        self.bench = self.bench.model_copy(update={"slots": slots, "faults": faults})

    async def _on_bench(self, history: History, clock: Clock) -> None:
        def violated(slot: str, text: str) -> None:
            history.append(slot, "-", "violation", by="harness", text=text)

        try:
            live = LiveBench(self.bench, clock, self.options.ask_person, violated, partial(record_fault, history))
            live.faults_wait = True
            async with live:
                await self._look(live, history, clock)
                live.arm_faults()
                await self._checks(live, history, clock)
            self._prove_faults(live)
        except (KeyboardInterrupt, asyncio.CancelledError):
            self.status = RunStatus.STOPPED

    def _prove_faults(self, live: LiveBench) -> None:
        """Each injected fault says whether it fired: one that did not leaves the run undecided."""
        results = fault_results(live.fault_reports())
        self.preflight += results
        for each in failures(results):
            self._say("preflight", text=Label(f"{each.text.zh}；{each.remedy.zh}", f"{each.text.en}; {each.remedy.en}"))

    async def _look(self, live: LiveBench, history: History, clock: Clock) -> None:
        for target in self.bench.targets():
            if target in live.devices:
                tester = self._line_tester(live, target, history, clock)
                seen = await look_at_device(tester)
                await tester.close()
                self.shown_links[target] = live.devices[target].link_shown
            else:
                seen = await look_at_card(target, live.cards[target].port, self._pin_of(target))
                self.shown_links[target] = live.cards[target].link_shown
            self.described[target] = seen.text.en.partition(": ")[2]
            history.append(target, "-", "preflight", name=seen.name, ok=seen.ok, text=seen.text.en)
            self.preflight.append(seen)
            self._say("preflight", target=target, text=seen.text if seen.ok else seen.remedy)
            if not seen.ok:
                heard = any(r.slot == target and r.direction == "rx" for r in history.records)
                self._give_up((target,), seen, heard)

    def _pin_of(self, target: str) -> str:
        """The PIN that checks of *target* will present; empty when none of them does."""
        needed = any(each.target == target and "card.pin" in each.check.needs for each in self.resolved.selected)
        return str(self.resolved.facts(target)["pixit"].get("card.pin", "")) if needed else ""

    def _give_up(self, targets: Iterable[str], why: PreflightResult, heard: bool = False) -> None:
        """A target that preflight could not reach gets errors, never silence: nothing was skipped without a word.

        One that was *heard*, but did not speak its dialect well enough, still meets the checks that need no start state:
        they say what is wrong with its line.
        """
        text = Label(f"预检未通过：{why.text.zh}；{why.remedy.zh}", f"preflight: {why.text.en}; {why.remedy.en}")
        chosen = set(targets)
        for each in self.resolved.selected:
            if each.target in chosen and not (heard and not each.check.from_home):
                outcome = Outcome(each.check.id, each.target, Verdict.ERROR, (), Blame.CONFIGURATION, text)
                self.outcomes.append(outcome)

    async def _checks(self, live: LiveBench, history: History, clock: Clock) -> None:
        given_up = {each.key for each in self.outcomes}
        todo = [
            each for each in self.resolved.selected if each.key not in given_up and each.target not in self.left_out
        ]
        self.total = len(todo)
        async with asyncio.TaskGroup() as lanes:
            for lane in self._lanes(todo):
                lanes.create_task(self._lane(lane, live, history, clock))
        # Lanes end in any order; the result must not depend on it.
        place = {each.key: n for n, each in enumerate(self.resolved.selected)}
        self.outcomes.sort(key=lambda each: place[each.key])

    def _lanes(self, todo: list[Selected]) -> list[list[Selected]]:
        """What may run side by side: simulated devices each, the cards of the one pcscd together.

        A person or a program has two hands at most, and a virtual clock promises one order: there, one lane.
        """
        slots = self.bench.slots
        if self.virtual or not all(slots[each.target].simulated for each in todo):
            return [todo]
        lanes: dict[str, list[Selected]] = {}
        for each in todo:
            key = "cards" if slots[each.target].device_class == CARD else each.target
            lanes.setdefault(key, []).append(each)
        return list(lanes.values())

    async def _lane(self, lane: list[Selected], live: LiveBench, history: History, clock: Clock) -> None:
        for each in lane:
            if self.options.stop_requested():
                self.status = RunStatus.STOPPED
            if self.status is RunStatus.STOPPED:
                self._leave_out(each, STOPPED)
                continue
            if (why := self._over_budget(each)) is not None:
                self._leave_out(each, why)
                continue
            self._say("begin", self.begun, self.total, each)
            self.begun += 1
            outcome = await self._one(each, live, history, clock)
            self.outcomes.append(outcome)
            self._say("end", self.begun, self.total, each, outcome)

    async def _one(self, each: Selected, live: LiveBench, history: History, clock: Clock) -> Outcome:
        if each.target in live.devices:
            tester = self._line_tester(live, each.target, history, clock)
            try:
                await tester.open()
            except LinkError as error:
                cause = Label(f"无法打开连接：{error}", f"the line cannot be opened: {error}")
                return Outcome(each.check.id, each.target, Verdict.ERROR, (), Blame.ENVIRONMENT, cause)
            try:
                return await execute(each.check, tester)
            finally:
                await tester.close()
        card = live.cards[each.target]
        holder = CardTester(
            slot=each.target,
            port=card.port,
            hand=card.hand,
            history=history,
            clock=clock,
            facts={**self.resolved.facts(each.target), "hand": sorted(card.hand.actions)},
        )
        outcome = await execute(each.check, holder)
        if any(r.kind in ("limit", "link") for r in history.records[max(outcome.first_record, 0) :]):
            await self._revive(card.revive, each.target, history)
        return outcome

    async def _revive(self, revive: Callable[[], Any], target: str, history: History) -> None:
        """After an exchange that hung or a card that went away: a new PC/SC stack, so that one check cannot spoil the next."""
        try:
            await revive()
        except LinkError as error:
            history.append(target, "-", "link", state="lost", text=str(error))

    def _line_tester(self, live: LiveBench, target: str, history: History, clock: Clock) -> LineTester:
        device = live.devices[target]
        slot = device.slot
        return tester_of(slot.device_class)(
            slot=target,
            dialect=device_classes()[slot.device_class].dialects[slot.dialect],
            open_line=device.open_line,
            hand=device.hand,
            history=history,
            clock=clock,
            facts={**self.resolved.facts(target), "hand": sorted(device.hand.actions)},
        )

    # Damage.

    def _over_budget(self, each: Selected) -> Label | None:
        budget = {} if self.bench.bench_class != "real_device" else dict(REAL_DEVICE_BUDGET)
        budget.update(self.resolved.plan.damage_budget)
        spent = self.spent.setdefault(each.target, {})
        if (why := budget_reason(each.check.damage, spent, budget)) is not None:
            return why
        for what, cost in each.check.damage.items():
            spent[what] = spent.get(what, 0) + cost
        return None

    def _leave_out(self, each: Selected, why: Label) -> None:
        self.not_run.append(NotRun(each.check.id, each.target, Verdict.NOT_TESTED, why))

    # Around the run.

    def _masker(self) -> Masker:
        """Pseudonyms are keyed by the seed on benches of synthetic people, by a key nobody keeps on real devices."""
        if self.bench.bench_class == "real_device":
            key = secrets.token_bytes(32)
        else:
            key = hashlib.sha256(f"onecard pseudonyms {self.resolved.plan.seed}".encode()).digest()
        bench = self.resolved.bench
        declared = [
            literal
            for name, values in self.resolved.pixit.items()
            for literal in secret_literals(bench.slots[name].device_class, values)
        ]
        # A pad under test is judged by the suite's own published keys, PINs and texts: what it makes of them may be seen.
        judged = any(bench.slots[name].device_class == "pin_pad" for name in bench.targets())
        return Masker(key, (*secrets_of(self.bench.seed, everybody(self.bench)), *declared), vectors_open=judged)

    def _say(
        self,
        kind: Literal["preflight", "begin", "end", "note", "done"],
        index: int = 0,
        total: int = 0,
        each: Selected | None = None,
        outcome: Outcome | None = None,
        target: str = "",
        text: Label = NO_TEXT,
    ) -> None:
        check_id = each.check.id if each else ""
        where = each.target if each else target
        self.options.progress(Progress(kind, index, total, check_id, where, outcome, text))

    def _waivers(self) -> tuple[WaiverUse, ...]:
        uses = waiver_uses(self.lock["waivers"], self.outcomes, self.started)
        for waiver, use in zip(self.resolved.plan.waivers, uses, strict=True):
            if use.stale:
                self._say("note", text=_stale(waiver, expired=use.expires < self.started[:10]))
        return uses

    def _inventory(self) -> BenchInventory:
        bench = self.resolved.bench
        targets = set(bench.targets())
        slots = tuple(
            BenchSlot(
                name,
                slot.device_class,
                slot.dialect or slot.image,
                self.shown_links.get(name, slot.link),
                name in targets,
                slot.simulated,
                self.described.get(name, ""),
            )
            for name, slot in bench.slots.items()
        )
        hands = "/".join(sorted({slot.hand.by for slot in bench.slots.values()}))
        return BenchInventory(bench.bench, ", ".join(bench.under_test), slots, hands, bench.seed)

    def _result(self) -> RunResult:
        lock = self.lock
        plan = self.resolved.plan
        title = plan.title
        return RunResult(
            run_id=self.options.run_id,
            status=self.status,
            plan_lock=lock,
            suite_hash=lock["suite_hash"],
            tool_version=tool_version(),
            clock_class="virtual" if self.virtual else "real",
            bench_class=self.bench.bench_class,
            started=self.started,
            ended="",
            profile=plan.profile,
            bench=self._inventory(),
            preflight=tuple(self.preflight),
            pics=lock["pics"],
            pixit={"parameters": lock["parameters"], "pixit": lock["pixit"]},
            outcomes=tuple(self.outcomes),
            not_run=tuple(self.not_run),
            waivers=self._waivers(),
            kill_matrix=self.options.kill_matrix,
            laboratory=Laboratory(**plan.laboratory.model_dump()),
            scope=Label(title.zh, title.en) if title else Label(plan.plan, plan.plan),
        )
