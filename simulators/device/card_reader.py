"""The motorised three-in-one card reader: one behaviour under the dialects CRT-591 and CRT-310.

It is put together from parts that each know one thing, so that a faulty reader differs from a good one in one of them:
mechanics (card_reader_mechanics), sockets (card_reader_chip), operations (card_reader_logic), line (card_reader_line).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from protocols.wire.base import discover
from protocols.wire.card_reader import CardReaderDialect, Place, Request
from simulators.card.base import Card
from simulators.device.base import Physical
from simulators.device.card_reader_chip import ChipSockets
from simulators.device.card_reader_line import Mode, ReaderLine
from simulators.device.card_reader_logic import DialectHabits, ReaderLogic
from simulators.device.card_reader_mechanics import ReaderMechanics, hand_words
from simulators.device.card_reader_rules import Outcome, ReaderOptions, ReaderReadings, ReaderTiming
from simulators.device.classes import DeviceClass

__all__ = [
    "DEVICE_CLASS",
    "DIALECTS",
    "CardReaderDevice",
    "ReaderOptions",
    "ReaderReadings",
    "ReaderTiming",
    "build_reader",
    "hand_words",
]

DIALECTS: dict[str, CardReaderDialect] = {
    each.name: each for each in discover("protocols.wire", "DIALECT", deep=False) if each.device_class == "card_reader"
}

_HABITS: dict[str, DialectHabits] = {
    "crt591": DialectHabits(initialise_first=True, sam_by_selection=True, version=b"CRT-591-M001"),
    "crt310": DialectHabits(
        initialise_first=False, sam_by_selection=False, version=b"CRT 310 V3.0", entry_in_status=True
    ),
}

Phase = Literal["intake", "return"]


class CardReaderDevice:
    """A :class:`simulators.device.base.Device`: the parts, the supply, and the motions that no command asks for."""

    def __init__(
        self,
        dialect: CardReaderDialect,
        logic: ReaderLogic,
        line: type[ReaderLine] = ReaderLine,
        mode: Mode = "strict",
        seed: int = 0,
    ) -> None:
        self.logic = logic
        self.mechanics = logic.mechanics
        self.chips = logic.chips
        self.powered = True
        self._booting_until: float | None = None
        self._phase: Phase | None = None
        self._phase_due: float | None = None
        self.line = line(self, dialect, logic.readings, logic.timing, mode, seed)

    # What the line needs.

    @property
    def moving(self) -> bool:
        """True while the card moves without a command: intake, or the power-down rule."""
        return self._phase is not None

    def begin(self, request: Request) -> Outcome:
        return self.logic.begin(request)

    def cancel(self) -> None:
        self.mechanics.stop_motor()

    # Device.

    def receive(self, data: bytes, now: float) -> None:
        if self._idle_at(now):
            self.line.receive(data, now)

    def advance(self, now: float) -> None:
        if self._booting_until is not None and now >= self._booting_until:
            due, self._booting_until = self._booting_until, None
            self._start_by_rule(due)
        if self._phase_due is not None and now >= self._phase_due:
            self._end_phase()
        if self.powered and self._booting_until is None:
            self.line.advance(now)

    def deadline(self) -> float | None:
        if not self.powered:
            return None
        due = self.line.deadline()
        for other in (self._booting_until, self._phase_due):
            if other is not None and (due is None or other < due):
                due = other
        return due

    def take(self) -> bytes:
        return self.line.outbox.take()

    def apply(self, event: Physical, now: float) -> None:
        if event.action == "poweroff":
            self._power_off()
        elif event.action == "poweron":
            self._power_on(now)
        elif not self.powered:
            self._apply_unpowered(event)
        else:
            self._apply(event, now)

    def snapshot(self) -> Mapping[str, object]:
        return {
            "powered": self.powered,
            "line": self.line.state.value,
            **self.mechanics.snapshot(),
            **self.logic.snapshot(),
        }

    def violations(self) -> list[str]:
        seen, self.line.violations = self.line.violations, []
        return seen

    # The room.

    def _apply(self, event: Physical, now: float) -> None:
        had = self.mechanics.card
        intake = self.mechanics.apply(event)
        if had is not None and self.mechanics.card is None:
            self.logic.card_pulled()
        if intake:
            self._phase, self._phase_due = "intake", now + self.logic.timing.intake_s

    def _apply_unpowered(self, event: Physical) -> None:
        """Without supply the mouth is shut: hands reach only what stands at it, and what a key opens."""
        if event.action != "insert":
            self.mechanics.apply(event)

    def _idle_at(self, now: float) -> bool:
        """True when the electronics listen; a reader that is off or starting hears nothing."""
        if not self.powered:
            return False
        if self._booting_until is not None or self._phase_due is not None:
            self.advance(now)
        return self._booting_until is None

    def _end_phase(self) -> None:
        phase, self._phase, self._phase_due = self._phase, None, None
        if phase == "intake":
            self.mechanics.end_intake()
        else:
            self.mechanics.end()

    # The supply.

    def _power_off(self) -> None:
        if not self.powered:
            return
        self.powered = False
        self._booting_until = self._phase = self._phase_due = None
        self.mechanics.power_off()
        self.logic.power_off()
        self.line.power_off()

    def _power_on(self, now: float) -> None:
        if self.powered:
            return
        self.powered = True
        boot_s = self.logic.timing.boot_s
        if boot_s > 0:
            self._booting_until = now + boot_s
        else:
            self._start_by_rule(now)

    def _start_by_rule(self, now: float) -> None:
        """The power-down rule: a card inside is kept, ejected or captured (AS-11)."""
        place: Place | None = self.mechanics.power_on()
        if place is not None and self.mechanics.begin(place) is None:
            self._phase, self._phase_due = "return", now + self.mechanics.duration_s(place)


def build_reader(
    *,
    dialect: str = "crt591",
    options: ReaderOptions | None = None,
    readings: ReaderReadings | None = None,
    timing: ReaderTiming | None = None,
    mode: Mode = "strict",
    seed: int = 0,
    sam_cards: Mapping[int, Card] | None = None,
    mechanics: type[ReaderMechanics] = ReaderMechanics,
    chips: type[ChipSockets] = ChipSockets,
    logic: type[ReaderLogic] = ReaderLogic,
    line: type[ReaderLine] = ReaderLine,
    device: type[CardReaderDevice] = CardReaderDevice,
) -> CardReaderDevice:
    """The reference reader; *mechanics*, *chips*, *logic*, *line*, *device* are where a faulty one differs.

    *sam_cards* maps SAM socket (1..8) to the chip in it. Raises ValueError for an unknown *dialect* and for a chip in a
    socket that is not fitted.
    """
    if dialect not in DIALECTS:
        raise ValueError(f"dialect {dialect!r} is unknown; card readers speak {', '.join(sorted(DIALECTS))}")
    options, readings, timing = options or ReaderOptions(), readings or ReaderReadings(), timing or ReaderTiming()
    unfitted = [socket for socket in sam_cards or {} if not 1 <= socket <= options.sam_sockets]
    if unfitted:
        raise ValueError(f"SAM socket {unfitted[0]} is not fitted: this reader has 1 to {options.sam_sockets}")
    moving_parts = mechanics(options, readings, timing)
    sockets = chips(options, readings, moving_parts, sam_cards or {})
    brain = logic(moving_parts, sockets, options, readings, timing, _HABITS[dialect])
    return device(DIALECTS[dialect], brain, line, mode, seed)


DEVICE_CLASS = DeviceClass(
    name="card_reader",
    slot="reader",
    dialects=DIALECTS,
    build=build_reader,
    options=ReaderOptions,
    readings=ReaderReadings,
    timing={"default": ReaderTiming, "brisk": ReaderTiming.brisk},
    hand=hand_words(),
)
