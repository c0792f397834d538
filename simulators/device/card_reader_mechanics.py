"""The mechanics of a motorised reader: where the card is, what moves it, and what hands and faults do to it.

Pure: durations go out, nothing waits here. A motion is begun, lasts a while, and is ended; what the citizen or the
tester does in between decides how it ends (spec/devices.md 4.1, 4.2, 10; AS-11).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from protocols.wire.card_reader import Error, Media, Place
from simulators.card.body import CardBody
from simulators.device.base import Physical
from simulators.device.card_reader_rules import ReaderOptions, ReaderReadings, ReaderTiming

__all__ = ["ReaderMechanics", "hand_words"]

COUNTER_MAX = 999
FEW_CARDS = 10

_STOPS = {
    Place.GATE: Media.GATE,
    Place.EJECT: Media.GATE,
    Place.IC: Media.IC,
    Place.REAR: Media.REAR,
    Place.CAPTURE: Media.REAR,
}
"""Where an accepted card is when it has stopped; every other stop is inside. CRT-310 2E 35 stops at the rear."""

_WORDS = {
    "insert": "push a card into the mouth; it bounces when entry is off or a card is inside",
    "remove": "take the card that stands at the mouth; a jam at the mouth goes with it",
    "pull": "pull the card out by force, at rest or in motion",
    "poweroff": "cut the supply",
    "poweron": "give the supply back; the power-down rule then decides about a card inside",
    "jam": "the running or the next movement jams and the card stays inside",
    "clear-jam": "free the card path by hand",
    "short-circuit": "the card inside, or the next one inserted, shorts its contacts",
    "bin-full": "the retain bin reports full",
    "bin-empty": "somebody empties the retain bin",
    "supply-low": "the supply leaves its range",
    "supply-ok": "the supply is back in its range",
    "sensor-fault": "a position sensor fails",
    "motor-fault": "the motor fails",
    "repair": "sensor, motor, supply and card path are in order again",
}


def hand_words() -> dict[str, str]:
    """Every action that a card reader understands, and what it does: for help texts."""
    return dict(_WORDS)


class ReaderMechanics:
    """Card path, shutter, retain bin and stacker. ``media`` is the truth that status must tell."""

    def __init__(self, options: ReaderOptions, readings: ReaderReadings, timing: ReaderTiming) -> None:
        self.options, self.readings, self.timing = options, readings, timing
        self.card: CardBody | None = None
        self.media = Media.NONE
        self.at_mouth: CardBody | None = None
        """A card that was ejected and let go: the citizen has not taken it yet; the reader no longer feels it."""
        self.entry = self.magnetic_only = False
        self.stop = readings.accept_stop
        self.shutter_open = False
        self.target: Place | None = None
        self.counting = False
        self.counter = 0
        self.bin_cards = 0
        self.stacker_cards = options.stacker_cards
        self.bin_forced = self.jam_armed = self.jammed = self.moved_by_hand = False
        self.sensor_fault = self.motor_fault = self.supply_low = False
        self._pulled = False
        self._short_now = self._short_next = False
        self._actions: dict[str, Callable[[Physical], bool]] = {
            "insert": lambda event: self.insert(event.card),
            "remove": lambda event: self.remove(),
            "pull": lambda event: self.pull(),
            "jam": lambda event: self.jam(),
            "clear-jam": lambda event: self.clear_jam(),
            "short-circuit": lambda event: self.short_circuit(event.card),
            "bin-full": lambda event: self.set_bin(full=True),
            "bin-empty": lambda event: self.set_bin(full=False),
            "supply-low": lambda event: self.set_fault("supply_low", True),
            "supply-ok": lambda event: self.set_fault("supply_low", False),
            "sensor-fault": lambda event: self.set_fault("sensor_fault", True),
            "motor-fault": lambda event: self.set_fault("motor_fault", True),
            "repair": lambda event: self.repair(),
        }

    # What status says.

    @property
    def moving(self) -> bool:
        return self.target is not None

    def reported_media(self) -> Media:
        return self.media

    def shorted(self) -> bool:
        """True when the contacts of the card inside short the supply."""
        return self._short_now or (self.card is not None and self.card.shorted)

    def bin_is_full(self) -> bool:
        return self.bin_forced or self.bin_cards >= self.options.bin_capacity

    def reported_bin_full(self) -> bool:
        return self.bin_is_full()

    def stacker_level(self) -> int:
        """0 empty, 1 few, 2 enough (st1 of spec/devices.md 4.1)."""
        if not self.options.stacker:
            return self.readings.unfitted_stacker
        return 0 if not self.stacker_cards else 1 if self.stacker_cards <= FEW_CARDS else 2

    def sensors(self) -> bytes:
        """Sensor bytes 30 or 31: mouth, gate, inside, IC position, shutter, entry, bin, then unused ones."""
        occupied = {Media.GATE: 1, Media.INSIDE: 2, Media.IC: 3, Media.LONG: 2, Media.SHORT: 2}.get(self.media, -1)
        flags = [self.media is Media.GATE, *(occupied == place for place in (1, 2, 3))]
        flags += [self.shutter_open, self.entry, self.bin_is_full()]
        count = self.readings.sensor_bytes
        return bytes(0x30 + flag for flag in flags)[:count].ljust(count, b"0")

    # Commands.

    def set_entry(self, enabled: bool, magnetic_only: bool = False) -> None:
        self.entry, self.magnetic_only = enabled, magnetic_only
        self.shutter_open = enabled and self.card is None

    def set_stop(self, place: Place) -> None:
        self.stop = place

    def health(self) -> Error | None:
        """The fault that forbids every motion, if there is one."""
        if self.supply_low:
            return Error.SUPPLY
        if self.sensor_fault:
            return Error.SENSOR
        return Error.MOTOR if self.motor_fault else None

    def refusal(self, place: Place) -> Error | None:
        """Why a card cannot be moved to *place* now; None if it can."""
        fault = self.health() or (Error.JAM if self.jammed else None)
        if fault is not None:
            return fault
        if self.card is None:
            return self._refusal_without_card(place)
        if self.media in (Media.LONG, Media.SHORT) and place not in (Place.EJECT, Place.GATE):
            return Error.TOO_LONG if self.media is Media.LONG else Error.TOO_SHORT
        if place is Place.CAPTURE and self.bin_is_full():
            return Error.BIN_FULL
        if place is Place.CAPTURE and self.counter >= COUNTER_MAX:
            return Error.COUNTER_OVERFLOW
        return None

    def _refusal_without_card(self, place: Place) -> Error | None:
        if self.moved_by_hand:
            self.moved_by_hand = False
            return Error.MOVED_BY_HAND
        if place is not Place.CAPTURE and self.options.stacker and self.stacker_cards:
            return None
        rule = self.readings.no_card
        if place is Place.CAPTURE or rule == "sequence" or (rule == "by-stacker" and not self.options.stacker):
            return Error.SEQUENCE
        return Error.STACKER_EMPTY

    def duration_s(self, place: Place) -> float:
        if place in (Place.EJECT, Place.GATE, Place.REAR):
            return self.timing.eject_s
        return self.timing.capture_s if place is Place.CAPTURE else self.timing.move_s

    def begin(self, place: Place) -> Error | None:
        """Start the motor. None: the card moves, :meth:`end` is due after :meth:`duration_s`."""
        error = self.refusal(place)
        if error is not None:
            return error
        if self.card is None:
            self.stacker_cards -= 1
            self.card, self.media = CardBody(name="stacker card"), Media.INSIDE
        self.moved_by_hand = False
        self.target, self._pulled = place, False
        return None

    def end(self, counts: bool = True) -> Error | None:
        """The motion is over: None if the card is where it was sent."""
        place, self.target = self.target, None
        if place is None:
            return None
        if self._pulled:
            self._pulled = False
            return Error.PULLED
        if self.jam_armed and place is not Place.STAY:
            self.jam_armed, self.jammed = False, True
            if self.media in (Media.NONE, Media.GATE):
                self.media = Media.INSIDE
            return Error.JAM
        self.arrive(place, counts)
        return None

    def arrive(self, place: Place, counts: bool = True) -> None:
        """The card reaches *place*."""
        if place is Place.EJECT:
            if self.readings.eject_holds:
                self.media = Media.GATE
            else:
                self.at_mouth = self.card
                self.leave()
        elif place is Place.CAPTURE:
            self.capture(counts)
        elif place is not Place.STAY and self.card is not None:
            self.media = {Place.GATE: Media.GATE, Place.IC: Media.IC, Place.REAR: Media.REAR}.get(place, Media.INSIDE)
        self.shutter_open = self.entry and self.card is None

    def capture(self, counts: bool) -> None:
        """The card falls into the retain bin."""
        self.leave()
        self.bin_cards += 1
        if counts:
            self.counter = min(self.counter + 1, COUNTER_MAX)

    def leave(self) -> None:
        """The reader feels no card any more."""
        self.card, self.media = None, Media.NONE
        self._short_now = False

    def stop_motor(self) -> None:
        """The motor stops in mid-motion (power lost, EOT): a card on its way stays inside, whatever its goal was."""
        if self.target is not None and self.card is not None and self.media in (Media.NONE, Media.GATE):
            self.media = Media.INSIDE
        self.target = None
        self._pulled = False

    # Intake: the only motion that no command asks for.

    def end_intake(self) -> Error | None:
        """The inserted card stops: where an accepted card stops, jammed, or as one that is too long or too short."""
        self.target = None
        if self.card is None:
            return Error.PULLED
        if self.jam_armed:
            self.jam_armed, self.jammed = False, True
            self.media = Media.INSIDE
            return Error.JAM
        self.accept(self.card)
        if self.readings.entry_after_card == "off":
            self.set_entry(False)
        return None

    def accept(self, card: CardBody) -> None:
        if card.length != "normal":
            self.media = Media.LONG if card.length == "long" else Media.SHORT
            return
        self.media = _STOPS.get(self.stop, Media.INSIDE)

    # The room.

    def apply(self, event: Physical) -> bool:
        """A physical event. True when an intake begins. Raises ValueError for an unknown action."""
        action = self._actions.get(event.action)
        if action is None:
            raise ValueError(f"a card reader knows no action {event.action!r}; it knows {', '.join(sorted(_WORDS))}")
        return action(event)

    def accepts(self) -> bool:
        """True when the mouth takes a card now."""
        return self.entry and self.card is None and self.health() is None and not self.jammed

    def insert(self, card: CardBody | None) -> bool:
        card = card or self.at_mouth
        if card is None or not self.accepts() or (self.magnetic_only and not card.tracks):
            return False
        self._short_now, self._short_next = self._short_next, False
        self.card, self.at_mouth = card, None
        self.media, self.target = Media.GATE, Place.STAY
        self.moved_by_hand = self.shutter_open = False
        return True

    def remove(self) -> bool:
        self.at_mouth = None
        if self.media in (Media.GATE, Media.LONG, Media.SHORT) and not self.moving:
            self.jammed = False
            self.leave()
        return False

    def pull(self) -> bool:
        self.at_mouth = None
        if self.card is None or self.jammed:
            return False
        if self.moving:
            self._pulled = True
        elif self.media.in_reader:
            self.moved_by_hand = self.readings.pulled_at_rest == "once"
        self.leave()
        return False

    def jam(self) -> bool:
        self.jam_armed = True
        return False

    def clear_jam(self) -> bool:
        self.jam_armed = self.jammed = False
        return False

    def short_circuit(self, card: CardBody | None) -> bool:
        """Short the card inside. An empty reader with entry on takes a shorted card; else the next one is shorted."""
        if self.card is not None:
            self._short_now = True
            return False
        self._short_next = True
        return self.insert(card or self.at_mouth or CardBody(name="shorted card"))

    def set_bin(self, full: bool) -> bool:
        self.bin_forced = full
        if not full:
            self.bin_cards = 0
        return False

    def set_fault(self, name: str, present: bool) -> bool:
        setattr(self, name, present)
        return False

    def repair(self) -> bool:
        self.sensor_fault = self.motor_fault = self.supply_low = False
        return self.clear_jam()

    # Power.

    def power_off(self) -> None:
        self.stop_motor()
        self.entry = self.shutter_open = self.counting = False
        self.stop = self.readings.accept_stop

    def power_on(self) -> Place | None:
        """What the power-down rule does with a card inside (AS-11): the place to send it to, or None."""
        if self.card is None or self.jammed or not self.media.in_reader:
            return None
        return {"kept": None, "eject": Place.EJECT, "capture": Place.CAPTURE}[self.options.powerdown]

    def snapshot(self) -> Mapping[str, object]:
        return {
            "media": str(self.media),
            "card": self.card.name if self.card else None,
            "at_mouth": self.at_mouth.name if self.at_mouth else None,
            "entry": self.entry,
            "stop": str(self.stop),
            "shutter_open": self.shutter_open,
            "moving": str(self.target) if self.target else None,
            "jammed": self.jammed,
            "bin_cards": self.bin_cards,
            "bin_full": self.bin_is_full(),
            "counter": self.counter,
            "stacker_cards": self.stacker_cards,
            "faults": [n for n in ("sensor_fault", "motor_fault", "supply_low") if getattr(self, n)],
        }
