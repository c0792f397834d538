"""Stories: a stateful search over the reader, whose shrunk counterexample becomes a plan file that runs by itself.

A Hypothesis machine walks over :data:`conformance.stateful_model.LINES` in process, under virtual time, from one seed. When
the reader's answers disagree with the model, Hypothesis shrinks the walk; what is left is a list of lines, kept under
``story`` in a plan file and replayed by :func:`replay_story` as a check like any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from conformance.execute import execute
from conformance.inprocess import device_facts
from conformance.model import Outcome
from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import card_reader_dialect
from conformance.stateful_model import ReaderModel
from conformance.suites.card_reader_story import COMMANDS, PLACES, Story, checked_lines, perform
from protocols.clock import LoopClock, VirtualLoop, run_virtual
from protocols.record import History
from scenarios.profiles import device_class_profile
from scenarios.simulated import SimulatedDeviceSlot

__all__ = ["StoryFailed", "find_counterexample", "replay_story", "save_plan", "shorten"]


SIMULATED_READER: dict[str, bool | int | str] = {
    "reader.contact": True,
    "reader.rf": True,
    "reader.mifare": True,
    "reader.resident_id": False,
    "reader.magnetic": True,
    "reader.motorised": True,
    "reader.capture": True,
    "reader.retain_bin": True,
    "reader.bin_capacity": 50,
    "reader.stacker": False,
    "reader.sam_sockets": 4,
    "reader.class_a": True,
    "reader.class_b": True,
    "reader.memory_cards": True,
    "reader.powerdown_rule": "kept",
    "reader.interface": "rs232",
}
"""PICS of the simulated reader: what a saved plan declares."""


class StoryFailed(AssertionError):
    """The reader disagrees with the model; ``lines`` led there, ``why`` says what is wrong."""

    def __init__(self, lines: Sequence[str], why: str) -> None:
        super().__init__(f"{why} (after {'; '.join(lines)})")
        self.lines, self.why = tuple(lines), why


class _Bench:
    """One reader in process, driven line by line from outside the event loop."""

    def __init__(self, dialect: str, make: Callable[..., Any] | None, number: int, options: Mapping[str, Any]) -> None:
        self.lines: list[str] = []
        self.runner = asyncio.Runner(loop_factory=VirtualLoop)
        self.tester = self.runner.run(self._start(dialect, make, number, options))
        self.model = ReaderModel(self.tester.dialect.rules.host_ack, self.tester.facts["parameters"])

    async def _start(
        self, dialect: str, make: Callable[..., Any] | None, number: int, options: Mapping[str, Any]
    ) -> ReaderTester:
        clock = LoopClock()
        self.slot = SimulatedDeviceSlot(dialect, clock, make=make, seed=number, **options)
        tester = ReaderTester(
            slot="reader",
            dialect=card_reader_dialect(dialect),
            open_line=self.slot.open_line,
            hand=self.slot.hand,
            history=History(clock.now),
            clock=clock,
            facts=device_facts(dialect, _declared(options)),
        )
        await tester.open()
        await tester.home()
        return tester

    def step(self, line: str) -> None:
        """Do *line* and compare. Raises :class:`StoryFailed`."""
        self.lines.append(line)
        wrong = self.model.follow(line, *self.runner.run(perform(self.tester, line)))
        if wrong:
            raise StoryFailed(self.lines, wrong[0])

    def close(self) -> None:
        self.runner.run(self.tester.close())
        self.runner.run(self.slot.aclose())
        self.runner.close()


def _declared(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """What may be declared of a simulated reader: its defaults, unless *options* change them."""
    return {} if {"readings", "options"} & set(options) else device_class_profile("card_reader").defaults()


def machine_of(
    dialect: str, make: Callable[..., Any] | None, number: int, options: Mapping[str, Any]
) -> type[RuleBasedStateMachine]:
    """A machine class over one kind of reader. One rule for the commands, one for each thing that a hand does."""

    class ReaderMachine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.bench = _Bench(dialect, make, number, options)

        @rule(line=st.sampled_from(sorted(each for each in COMMANDS if not each.startswith("move"))))
        def command(self, line: str) -> None:
            self.bench.step(line)

        @rule(place=st.sampled_from(PLACES))
        def move(self, place: str) -> None:
            self.bench.step(f"move {place}")

        @rule()
        def card(self) -> None:
            """A card on its way through: what a kiosk does most."""
            for line in ("entry on", "insert 3.0"):
                self.bench.step(line)

        @rule()
        def remove(self) -> None:
            self.bench.step("remove")

        @precondition(lambda self: self.bench.model.allows("jam"))
        @rule()
        def jam(self) -> None:
            self.bench.step("jam")

        @precondition(lambda self: self.bench.model.allows("clear-jam"))
        @rule()
        def clear_jam(self) -> None:
            self.bench.step("clear-jam")

        @rule()
        def chip(self) -> None:
            """A card under the contacts."""
            for line in ("entry on", "insert 3.0", "move ic", "reset"):
                self.bench.step(line)

        @precondition(lambda self: self.bench.model.allows("power"))
        @rule(ready=st.booleans())
        def power(self, ready: bool) -> None:
            """A power cut; ``ready`` also initialises, for else nothing is worth looking at."""
            for line in ("power", "initialise") if ready else ("power",):
                self.bench.step(line)

        def teardown(self) -> None:
            self.bench.close()

    return ReaderMachine


def find_counterexample(
    dialect: str = "crt591",
    make: Callable[..., Any] | None = None,
    seed_number: int = 1,
    *,
    examples: int = 150,
    steps: int = 16,
    **options: Any,
) -> list[str] | None:
    """Search for a story on which the reader of *make* disagrees with the model; the shrunk one, or None.

    Deterministic: the same arguments give the same story.
    """
    machine = seed(seed_number)(machine_of(dialect, make, seed_number, options))
    search = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(machine, settings=search)
    except StoryFailed as failed:
        return shorten(failed.lines, lambda lines: _fails(lines, dialect, make, seed_number, options))
    return None


def shorten(lines: Sequence[str], fails: Callable[[Sequence[str]], bool]) -> list[str]:
    """Leave out every line without which the story still fails: the last lines of rules that do several at once."""
    kept = list(lines)
    for at in range(len(kept) - 1, -1, -1):
        fewer = kept[:at] + kept[at + 1 :]
        if fewer and fails(fewer):
            kept = fewer
    return kept


def _fails(
    lines: Sequence[str], dialect: str, make: Callable[..., Any] | None, number: int, options: Mapping[str, Any]
) -> bool:
    bench = _Bench(dialect, make, number, options)
    try:
        for line in lines:
            if not bench.model.allows(line):
                return False
            bench.step(line)
    except StoryFailed:
        return True
    finally:
        bench.close()
    return False


def save_plan(path: Path, actions: Sequence[str], *, dialect: str = "crt591", fault: str = "", number: int = 1) -> None:
    """Write *actions* as the story of a plan file with its bench inside. *fault* builds the reader as that mutant."""
    slot = {"class": "card_reader", "dialect": dialect, "link": "sim://"} | ({"fault": fault} if fault else {})
    plan = {
        "plan": path.stem[:64],
        "title": {"zh": "自动找到并缩短的反例", "en": "a counterexample, found and shrunk"},
        "bench": {
            "bench": f"story-{dialect}",
            "under_test": "device.card_reader",
            "clock": "virtual",
            "slots": {"reader": slot},
            "seed": number,
        },
        "profile": "dongguan-cabinet-xc",
        "pics": {"reader": SIMULATED_READER},
        "pixit": {"reader": dict(device_class_profile("card_reader").defaults())},
        "select": [Story.id],
        "story": list(checked_lines(list(actions))),
        "seed": number,
    }
    fresh = path.with_suffix(".tmp")
    fresh.write_text(yaml.safe_dump(plan, allow_unicode=True, sort_keys=False), encoding="utf-8")
    fresh.replace(path)


def replay_story(
    lines: Sequence[str],
    dialect: str = "crt591",
    make: Callable[..., Any] | None = None,
    seed_number: int = 1,
    **options: Any,
) -> tuple[Outcome, History]:
    """Run a story as a check, in process: its outcome comes from the history, like that of every other check."""
    check, told = Story(), list(checked_lines(list(lines)))

    async def main() -> tuple[Outcome, History]:
        clock = LoopClock()
        history = History(clock.now)
        slot = SimulatedDeviceSlot(dialect, clock, make=make, seed=seed_number, **options)
        tester = ReaderTester(
            slot="reader",
            dialect=card_reader_dialect(dialect),
            open_line=slot.open_line,
            hand=slot.hand,
            history=history,
            clock=clock,
            facts={**device_facts(dialect, _declared(options)), "story": told},
        )
        try:
            await tester.open()
            return await execute(check, tester), history
        finally:
            await tester.close()
            await slot.aclose()

    return run_virtual(main())
