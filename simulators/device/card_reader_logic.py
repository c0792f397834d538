"""What a card reader does when it is asked: one method for each operation of the device class, in neutral words.

The line and the dialect are elsewhere; here a :class:`Request` goes in and an outcome comes out, at once or later
(spec/devices.md 4.1, 4.2, 4.4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from protocols.wire.card_reader import Error, Media, Op, Place, Reply, Request
from simulators.device.card_reader_chip import USER, ChipResult, ChipSockets
from simulators.device.card_reader_magnetic import MagneticHead
from simulators.device.card_reader_mechanics import COUNTER_MAX, ReaderMechanics
from simulators.device.card_reader_rf import ATQA, MemoryCards, RfField
from simulators.device.card_reader_rules import After, Outcome, ReaderOptions, ReaderReadings, ReaderTiming
from simulators.device.card_reader_storage import SLE_KINDS, sle_command

__all__ = ["DialectHabits", "ReaderLogic"]


@dataclass(frozen=True, slots=True)
class DialectHabits:
    """What differs between the families although the neutral words are the same.

    ``initialise_first``: everything else is refused before; ``sam_by_selection``: a SAM command means the socket that
    was selected before it; ``version`` is the text the document prints.
    """

    initialise_first: bool
    sam_by_selection: bool
    version: bytes
    entry_in_status: bool = False
    """Status tells the entry settings too, front then rear: 4A allowed, 4E forbidden (spec/devices.md 4.2, frames)."""


_EMPTY_HANDED = frozenset({Op.INITIALISE, Op.STATUS, Op.SENSORS, Op.MOVE, Op.CHIP_OFF, Op.CHIP_WARM, Op.SERIAL})
"""Operations whose command carries no data: data with them is an error."""

_UNKNOWN = {0: Error.UNKNOWN_COMMAND, 1: Error.PARAMETER, 2: Error.DATA}
"""What an UNKNOWN request's ``number`` says is wrong: CM, PM, data."""

_MEMORY_RESET_PM = 0x30
"""CRT-310 38 and 39 carry their PM along: this one resets the card."""

_MEMORY_KINDS = {1: "SLE4442", 2: "SLE4428"}


@lru_cache(maxsize=64)
def _standing(media: Media, stacker: int, bin_full: bool) -> Reply:
    """The answer that says where things stand and nothing else: by far the most frequent one."""
    return Reply(media=media, stacker=stacker, bin_full=bin_full)


class ReaderLogic:
    """The reader behind the line. It is swapped as a whole or in parts by faulty readers."""

    magnetic_head: type[MagneticHead] = MagneticHead

    def __init__(
        self,
        mechanics: ReaderMechanics,
        chips: ChipSockets,
        options: ReaderOptions,
        readings: ReaderReadings,
        timing: ReaderTiming,
        habits: DialectHabits,
    ) -> None:
        self.mechanics, self.chips = mechanics, chips
        self.options, self.readings, self.timing, self.habits = options, readings, timing, habits
        self.rf = RfField(options, mechanics)
        self.memory = MemoryCards(mechanics)
        self.magnetic = self.magnetic_head(options, mechanics)
        self.initialised = options.initialised or not habits.initialise_first
        self._pulled = False
        self.handlers: dict[Op, Callable[[Request], Outcome]] = {
            Op.INITIALISE: self.initialise,
            Op.STATUS: self.status,
            Op.SENSORS: lambda request: self.ok(self.mechanics.sensors()),
            Op.MOVE: self.move,
            Op.ENTRY: self.entry,
            Op.DETECT: self.detect,
            Op.CHIP_ON: self.chip_on,
            Op.CHIP_OFF: self.chip_off,
            Op.CHIP_STATE: self.chip_state,
            Op.CHIP_WARM: self.chip_warm,
            Op.CHIP_APDU: self.chip_apdu,
            Op.SOCKET: self.select_socket,
            Op.MEMORY: self.memory_card,
            Op.RF_ON: lambda request: After(self.timing.rf_s, lambda: self.result(self.rf.on())),
            Op.RF_OFF: self.rf_off,
            Op.RF_APDU: self.rf_apdu,
            Op.MIFARE: self.mifare,
            Op.TRACKS: self.tracks,
            Op.SERIAL: lambda request: self.ok(self.options.serial),
            Op.CONFIGURATION: lambda request: self.ok(b"" if request.number else self.options.configuration),
            Op.VERSION: lambda request: self.ok(self.version()),
            Op.COUNTER: self.counter,
            Op.CLEAR: self.clear,
            Op.LINE_SPEED: lambda request: self.ok(),
            Op.UNKNOWN: self.unknown,
        }

    def begin(self, request: Request) -> Outcome:
        """Carry out *request*, or start to."""
        if not self.initialised and request.op is not Op.INITIALISE:
            return self.refuse(Error.NOT_INITIALISED)
        if request.data and request.op in _EMPTY_HANDED:
            return self.refuse(Error.DATA)
        return self.handlers[request.op](request)

    # Answers.

    def ok(self, data: bytes = b"", protocol: int | None = None) -> Reply:
        mechanics = self.mechanics
        media, stacker, full = mechanics.reported_media(), mechanics.stacker_level(), mechanics.reported_bin_full()
        if not data and protocol is None:
            return _standing(media, stacker, full)
        return Reply(media=media, stacker=stacker, bin_full=full, protocol=protocol, data=data)

    def refuse(self, error: Error) -> Reply:
        return Reply(error)

    def result(self, result: ChipResult) -> Reply:
        error, data = result
        return self.ok(data) if error is None else self.refuse(error)

    def outcome(self, error: Error | None) -> Reply:
        return self.ok() if error is None else self.refuse(error)

    def version(self) -> bytes:
        return self.options.version or self.habits.version

    def unknown(self, request: Request) -> Outcome:
        return self.refuse(_UNKNOWN.get(request.number, Error.UNKNOWN_COMMAND))

    # Mechanics.

    def initialise(self, request: Request) -> Outcome:
        """Switch the entry off, send a card where *place* says, be ready. A jam stops it until it is cleared."""
        self.initialised = not self.habits.initialise_first
        self.release()
        mechanics = self.mechanics
        mechanics.set_entry(False)
        if self.readings.initialise_clears_jam:
            mechanics.clear_jam()
        fault = mechanics.health() or (Error.JAM if mechanics.jammed else None)
        if fault is not None:
            return self.refuse(fault)
        mechanics.moved_by_hand = False
        place = request.place or Place.STAY
        counted = mechanics.counting or (request.count_retracts and self.readings.retract_counting == "this")
        if request.count_retracts and self.readings.retract_counting == "switches":
            mechanics.counting = True
        if place is Place.STAY or mechanics.card is None:
            return After(self.timing.initialise_s, self.initialised_reply, moving=True)
        error = mechanics.begin(place)
        if error is not None:
            return self.refuse(error)
        duration_s = self.timing.initialise_s + mechanics.duration_s(place)
        return After(duration_s, lambda: self.initialised_after_move(mechanics.end(counted)), moving=True)

    def initialised_after_move(self, error: Error | None) -> Reply:
        return self.refuse(error) if error is not None else self.initialised_reply()

    def initialised_reply(self) -> Reply:
        self.initialised = True
        return self.ok(self.version())

    def status(self, request: Request) -> Outcome:
        if self.mechanics.jammed and self.readings.status_while_jammed == "error":
            return self.refuse(Error.JAM)
        if self.habits.entry_in_status:
            return self.ok(b"\x4a\x4e" if self.mechanics.entry else b"\x4e\x4e")
        return self.ok()

    def move(self, request: Request) -> Outcome:
        if self.chips.powered.get(USER) is not None and self.readings.move_powered == "refused":
            return self.refuse(Error.CONTACT_NOT_RELEASED)
        place = request.place or Place.STAY
        return self.start_move(place)

    def start_move(self, place: Place) -> Outcome:
        """Release the chip and run the motor."""
        error = self.mechanics.begin(place)
        if error is not None:
            return self.refuse(error)
        self.release()
        return After(self.mechanics.duration_s(place), lambda: self.outcome(self.mechanics.end()), moving=True)

    def clear(self, request: Request) -> Outcome:
        """CRT-310 32 34: bring an abnormal card out."""
        if self.mechanics.card is None:
            return self.ok()
        return self.start_move(Place.EJECT)

    def entry(self, request: Request) -> Outcome:
        """Entry control, or where an accepted card stops."""
        if request.place is not None:
            self.mechanics.set_stop(request.place)
        if request.enabled is not None:
            self.mechanics.set_entry(request.enabled, magnetic_only=request.number > 0)
        return self.ok()

    def counter(self, request: Request) -> Outcome:
        if request.number == 0:
            return self.ok(b"%03d" % self.mechanics.counter)
        if not (len(request.data) == 3 and request.data.isdigit()):
            return self.refuse(Error.DATA)
        self.mechanics.counter = min(int(request.data), COUNTER_MAX)
        return self.ok()

    # Chips.

    def socket(self, request: Request) -> int:
        if request.socket == USER or not self.habits.sam_by_selection:
            return request.socket
        return self.chips.selected

    def select_socket(self, request: Request) -> Outcome:
        return self.outcome(self.chips.select(request.socket))

    def chip_on(self, request: Request) -> Outcome:
        socket = self.socket(request)
        if request.number == 1:
            return self.supply_only(socket)
        volts = request.volts
        return After(self.timing.chip_power_s, lambda: self.reset_reply(socket, self.chips.power_on(socket, volts)))

    def supply_only(self, socket: int) -> Outcome:
        """CRT-310 33 30: the supply without a reset. The chip answers nothing before its reset."""
        error = self.chips.reachable(socket)
        if error is None and self.mechanics.shorted():
            error = Error.SHORT_CIRCUIT
        return self.outcome(error)

    def reset_reply(self, socket: int, result: ChipResult) -> Reply:
        error, atr = result
        if error is not None:
            return self.refuse(error)
        return self.ok(atr, self.chips.protocols.get(socket, 0))

    def chip_warm(self, request: Request) -> Outcome:
        socket = self.socket(request)
        return After(self.timing.chip_power_s, lambda: self.reset_reply(socket, self.chips.warm_reset(socket)))

    def chip_off(self, request: Request) -> Outcome:
        socket = self.socket(request)
        if not self.chips.fitted(socket):
            return self.refuse(Error.NOT_FITTED)
        self.chips.power_off(socket)
        return self.ok()

    def chip_state(self, request: Request) -> Outcome:
        return self.ok(b"1" if self.socket(request) in self.chips.powered else b"0")

    def chip_apdu(self, request: Request) -> Outcome:
        socket = self.socket(request)
        error = self.chips.ready(socket)
        if error is not None:
            return self.refuse(error)
        self._pulled = False
        return After(self.timing.apdu_s, lambda: self.apdu_reply(socket, request))

    def apdu_reply(self, socket: int, request: Request) -> Outcome:
        """The exchange takes place at the end of its time: a card that was pulled meanwhile did not finish it."""
        if socket == USER and self._pulled:
            self._pulled = False
            return self.refuse(self.readings.pulled_during_apdu)
        return self.result(self.chips.exchange(socket, request.data, request.number))

    def memory_card(self, request: Request) -> Outcome:
        if not (self.options.memory_cards and self.options.contact):
            return self.refuse(Error.NOT_FITTED)
        if request.number == 3:
            return self.refuse(Error.NOT_FITTED)
        if request.number == 0 or request.pm == _MEMORY_RESET_PM:
            error = self.chips.reachable(USER)
            return self.refuse(error) if error is not None else self.result(self.memory.power_on())
        image = self.memory.powered
        if image is None:
            return self.refuse(Error.NOT_ACTIVATED)
        if image.kind is not SLE_KINDS[_MEMORY_KINDS[request.number]]:
            return self.refuse(Error.UNSUPPORTED_CARD)
        return self.ok(sle_command(image, request.data))

    # Contactless and magnetic.

    def rf_off(self, request: Request) -> Outcome:
        self.rf.off()
        return self.ok()

    def rf_apdu(self, request: Request) -> Outcome:
        if not self.rf.active:
            return self.refuse(Error.NOT_ACTIVATED)
        return After(self.timing.apdu_s, lambda: self.result(self.rf.exchange(request.data)))

    def mifare(self, request: Request) -> Outcome:
        """A pseudo-APDU (CRT-591), or a command of its own (CRT-310 35, where ``number`` is PM)."""
        if request.number:
            return self.result(self.rf.direct_command(request.number, request.data))
        return self.result(self.rf.storage_command(request.data))

    def tracks(self, request: Request) -> Outcome:
        error = self.magnetic.refusal()
        if error is not None:
            return self.refuse(error)
        return After(self.timing.swipe_s, lambda: self.result(self.magnetic.read(request)), moving=True)

    def detect(self, request: Request) -> Outcome:
        """Card type as two characters: the codes of spec/devices.md 4.2 (A6 card types)."""
        body = self.mechanics.card
        if body is None or not self.mechanics.media.in_reader:
            return self.refuse(Error.SEQUENCE)
        if request.number:
            return self.ok({"S50": b"10", "S70": b"11"}.get(body.memory, b"13" if body.rf else b"00"))
        kinds = {"SLE4442": b"40", "SLE4428": b"41"}
        contact_memory = body.memory if body.memory not in ATQA else ""
        return self.ok(kinds.get(contact_memory, b"20" if body.chip else b"00"))

    # The room and the supply.

    def release(self) -> None:
        """Let go of the user's card electrically: contact, memory card, antenna."""
        self.chips.power_off(USER)
        self.memory.power_off()
        self.rf.off()

    def card_pulled(self) -> None:
        """The card left by force: its chips are dead, and a command to it cannot end well."""
        self._pulled = True
        self.chips.card_gone()
        self.memory.power_off()
        self.rf.off()

    def power_off(self) -> None:
        self.release()
        self.chips.power_off_all()
        self.chips.selected = 1
        self.initialised = not self.habits.initialise_first

    def snapshot(self) -> Mapping[str, object]:
        return {"initialised": self.initialised, "rf_active": self.rf.active, **self.chips.snapshot()}
