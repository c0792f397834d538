"""What one card reader is, how it reads the documents, and how long it takes: three frozen parameters of the simulator.

Every field of :class:`ReaderReadings` is a row of open-readings.md (reader part); its default is the bracketed one.
The default times are those of spec/devices.md 10.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from protocols.wire.card_reader import Error, Place, Reply

__all__ = ["After", "Outcome", "ReaderOptions", "ReaderReadings", "ReaderTiming"]


@dataclass(frozen=True, slots=True)
class After:
    """An operation that takes time: ask ``then`` for its outcome when ``delay_s`` has passed.

    What happens in the room meanwhile (a pull, a power cut, a jam) is what makes ``then`` answer differently.
    ``moving`` is true while the motor runs.
    """

    delay_s: float
    then: Callable[[], Outcome]
    moving: bool = False


Outcome = Reply | After


@dataclass(frozen=True, slots=True)
class ReaderTiming:
    """Durations in seconds. A card round trip of 1.5 s is intake plus eject (spec/devices.md 10)."""

    ack_s: float = 0.005
    intake_s: float = 0.9
    eject_s: float = 0.6
    move_s: float = 0.3
    capture_s: float = 0.8
    initialise_s: float = 0.5
    chip_power_s: float = 0.1
    apdu_s: float = 0.01
    rf_s: float = 0.05
    swipe_s: float = 0.4
    boot_s: float = 0.3
    enq_s: float = 2.0
    """How long a CRT-310 keeps an acknowledged command for its ENQ (AS-09)."""
    late_ack_s: float = 0.2
    """How late a hostile but legal device acknowledges: inside the 300 ms of spec/devices.md 4.1."""

    @classmethod
    def brisk(cls) -> ReaderTiming:
        """Every motion at most 30 ms and everything else at once: for benches that measure something else."""
        return cls(
            ack_s=0.0,
            intake_s=0.03,
            eject_s=0.03,
            move_s=0.02,
            capture_s=0.03,
            initialise_s=0.02,
            chip_power_s=0.0,
            apdu_s=0.0,
            rf_s=0.0,
            swipe_s=0.02,
            boot_s=0.0,
            late_ack_s=0.05,
        )


@dataclass(frozen=True, slots=True)
class ReaderReadings:
    """Where the documents allow two behaviours (open-readings.md, card reader)."""

    accept_stop: Place = Place.RF
    """Where an accepted card stops: ``GATE``, ``IC`` or ``RF`` (st0 = 2). CRT-310 sets it by command 2E."""
    eject_holds: bool = False
    """After eject (32 39): the card leaves (st0 = 0), or is held at the mouth (st0 = 1)."""
    no_card: Literal["by-stacker", "sequence", "stacker-empty"] = "by-stacker"
    """A move without a card: A0 if a stacker is fitted, else 02; capture always 02."""
    retract_counting: Literal["switches", "this"] = "switches"
    """Initialise 34, 35, 37: switches counting on for later captures, or counts the capture of this initialise."""
    entry_after_card: Literal["stays", "off"] = "stays"
    """Front entry after one card."""
    while_moving: Literal["ignored", "nak", "queued"] = "ignored"
    """A command while the card moves: no ACK, NAK, or answered after the motion."""
    repeat: Literal["executed", "recognised"] = "executed"
    """The host resends after a lost ACK: executed again, or recognised as a repeat and answered from memory."""
    resends: int = 3
    """How often the device resends an answer."""
    eot_during_motion: Literal["completes", "stops"] = "completes"
    limit_counts: Literal["data", "text"] = "data"
    """What the limit of 512 counts."""
    sensor_bytes: int = 10
    truncated: Literal["silence", "nak"] = "silence"
    """A truncated frame: silence and resynchronisation after 100 ms, or NAK."""
    command_as_ack: bool = True
    """A new command instead of an ACK counts as the ACK; else it is refused with NAK."""
    reset_elsewhere: Error = Error.ACTIVATION
    """Chip reset with no card, or the card elsewhere: 61, 63, 43 or 02."""
    move_powered: Literal["released", "refused"] = "released"
    """Moving with the chip powered: the contact is released, or error 05."""
    resolve_61_6c: bool = False
    """61xx and 6Cxx under 33 and 39: resolved by the reader instead of passed through."""
    pulled_during_apdu: Error = Error.CARD_COMMUNICATION
    pulled_afterwards: Error = Error.NOT_ACTIVATED
    unfitted_stacker: int = 0
    """st1 when no stacker is fitted: 0 or 2."""
    pulled_at_rest: Literal["once", "nothing"] = "once"
    """A card pulled at rest: error 45 on the next move, once, or nothing."""
    initialise_clears_jam: bool = False
    status_while_jammed: Literal["position", "error"] = "position"
    """The true position, or error 10 (spec/devices.md 4.4 lists both faces of a jam)."""


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """What is fitted. ``powerdown`` is the rule on return of the power (AS-11): ``kept``, ``eject`` or ``capture``."""

    sam_sockets: int = 4
    stacker: bool = False
    stacker_cards: int = 0
    bin_capacity: int = 50
    powerdown: Literal["kept", "eject", "capture"] = "kept"
    contact: bool = True
    contactless: bool = True
    magnetic: bool = True
    memory_cards: bool = True
    initialised: bool = False
    """True: built as if a host had already initialised it."""
    serial: bytes = b"OC20260001"
    configuration: bytes = b"00000000"
    version: bytes = b""
    """Empty: the text that the dialect's document prints (``CRT-591-M001``, ``CRT 310 V3.0``)."""

    def __post_init__(self) -> None:
        if not 0 <= self.sam_sockets <= 8:
            raise ValueError(f"sam_sockets is {self.sam_sockets}; a reader has 0 to 8 SAM sockets")
        if not 1 <= self.bin_capacity <= 999:
            raise ValueError(f"bin_capacity is {self.bin_capacity}; a retain bin holds 1 to 999 cards")
