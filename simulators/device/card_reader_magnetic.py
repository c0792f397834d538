"""The magnetic head of a card reader: tracks 1 to 3, alone or together, each with its own result.

A track's text on the body is its data without sentinels; a text that begins with ``!`` is a fault of the stripe:
``!start``, ``!end``, ``!parity``, ``!lrc``, ``!blank`` (spec/devices.md 4.2, track errors; spec/cards.md 3.5).
"""

from __future__ import annotations

from protocols.wire.base import WireError
from protocols.wire.card_reader import Error, Request
from protocols.wire.crt310_tracks import TRACK_CHOICES, Track, build_tracks
from simulators.device.card_reader_chip import ChipResult
from simulators.device.card_reader_mechanics import ReaderMechanics
from simulators.device.card_reader_rules import ReaderOptions

__all__ = ["STRIPE_FAULTS", "MagneticHead"]

STRIPE_FAULTS: dict[str, int] = {"!start": 0xE1, "!end": 0xE2, "!parity": 0xE3, "!lrc": 0xE4, "!blank": 0xE5}
MAX_CHARACTERS = {1: 76, 2: 37, 3: 104}
"""Without the two sentinels and the LRC (spec/cards.md 3.5 counts them: 79, 40, 107)."""

ASCII_ALL = b"\x30\x37"
BINARY = 0x31


class MagneticHead:
    """Reads the stripe of the card inside."""

    def __init__(self, options: ReaderOptions, mechanics: ReaderMechanics) -> None:
        self.options, self.mechanics = options, mechanics

    def refusal(self) -> Error | None:
        if not self.options.magnetic:
            return Error.NOT_FITTED
        return None if self.mechanics.media.in_reader else Error.SEQUENCE

    def read(self, request: Request) -> ChipResult:
        """The tracks that the command's two characters (mode, choice) ask for, in their order."""
        mode, choice = (request.data or ASCII_ALL)[:2]
        numbers = TRACK_CHOICES.get(choice)
        if numbers is None or mode not in (0x30, BINARY):
            return Error.PARAMETER, b""
        if self.mechanics.card is None:
            return Error.PULLED, b""
        try:
            return None, build_tracks(self.track(number, mode == BINARY) for number in numbers)
        except WireError:
            return Error.DATA, b""

    def track(self, number: int, binary: bool) -> Track:
        """One track's result: its characters, or the code of what is wrong with it."""
        card = self.mechanics.card
        text = card.tracks.get(number, "") if card is not None else ""
        if not text:
            return Track(error=STRIPE_FAULTS["!blank"])
        if text in STRIPE_FAULTS:
            return Track(error=STRIPE_FAULTS[text])
        if len(text) > MAX_CHARACTERS[number]:
            return Track(error=STRIPE_FAULTS["!end"])
        raw = text.encode("ascii", "replace")
        base = 0x20 if number == 1 else 0x30
        return Track(bytes((byte - base) & 0x3F for byte in raw) if binary else raw)
