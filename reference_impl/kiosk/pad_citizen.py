"""Where there is a PIN pad, the PIN of a social security card is typed there and nowhere else."""

from __future__ import annotations

from protocols.link.base import LinkError
from protocols.wire.base import WireError
from reference_impl.kiosk.citizen import meaning_of
from reference_impl.kiosk.pin_entry import Keypad
from reference_impl.kiosk.runtime import Citizen
from reference_impl.kiosk.state import Phase
from reference_impl.kiosk.words import Declined, Event, Failed, Problem

__all__ = ["PadCitizen"]


class PadCitizen:
    """*citizen* for every question but the PIN, which *keypad* asks. *limit_s* is the page's."""

    def __init__(self, citizen: Citizen, keypad: Keypad, limit_s: float) -> None:
        self._citizen, self._keypad, self._limit_s = citizen, keypad, limit_s

    async def next(self, phase: Phase) -> Event:
        if phase is not Phase.PIN:
            return await self._citizen.next(phase)
        try:
            pin = await self._keypad.card_pin(self._limit_s)
        except (LinkError, WireError) as error:
            return Failed(Problem.PIN_PAD, str(error))
        return Declined() if pin is None else meaning_of(phase, pin) or Declined()
