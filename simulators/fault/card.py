"""Any card, with faults injected from a seed: mute, a wrong status word, torn in a write, taken away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulators.card.base import Card, PowerLost
from simulators.fault.injection import Injected, InjectedFault, OnFault, ignore_event

__all__ = ["CardFault", "CardRemoved", "FaultyCard"]

CardFault = InjectedFault
"""A fault whose place is ``chip``."""


class CardRemoved(PowerLost):
    """The card has left its reader in the middle of a command; the next power-on finds it put back."""


class FaultyCard:
    """A :class:`simulators.card.base.Card` that is *card* with *faults*; what else *card* offers shows through.

    Faults count APDUs from :meth:`arm` on; ``card-tear`` counts memory writes and needs a card with ``tear_after``,
    others refuse it. A card has no clock: the events of *on_event* carry the time 0.
    """

    def __init__(
        self,
        card: Card,
        faults: Sequence[CardFault],
        seed: int,
        *,
        on_event: OnFault = ignore_event,
        armed: bool = True,
    ) -> None:
        for each in faults:
            if each.kind.place != "chip":
                raise ValueError(f"fault {each.key}: {each.id} strikes lines, not cards")
        self._card: Any = card
        self.faults = tuple(Injected(each, seed, on_event) for each in faults)
        self._away: Injected | None = None
        self._tearing: Injected | None = None
        if armed:
            self.arm()

    def __getattr__(self, name: str) -> Any:
        # Only for names that this class lacks. The guard keeps copying and unpickling from asking for ever.
        if name.startswith("__") or name == "_card":
            raise AttributeError(name)
        return getattr(self._card, name)

    def arm(self, now: float = 0.0) -> None:
        """Begin to count."""
        for each in self.faults:
            each.arm(now)
        self._set_tear()

    def disarm(self, now: float = 0.0) -> None:
        """Undo everything: no fault strikes any more, and the supply is sound again."""
        keep_power = getattr(getattr(self._card, "memory", None), "keep_power", None)
        if self._tearing is not None and keep_power is not None:
            keep_power()
        self._tearing = self._away = None
        for each in self.faults:
            each.undo(now)

    # Card.

    def power_on(self) -> bytes:
        if self._away is not None:
            away, self._away = self._away, None
            if not away.live:
                away.undo(0.0, "put back")
        return self._card.power_on()

    def reset(self) -> bytes:
        return b"" if self._away is not None else self._card.reset()

    def power_off(self) -> None:
        self._card.power_off()

    def transmit(self, apdu: bytes) -> bytes:
        if self._away is not None:
            return b""
        struck: Injected | None = None
        for each in self.faults:
            if each.id != "card-tear" and each.strikes(taken=struck is not None):
                struck = each
        if struck is None:
            return self._pass_on(apdu)
        return self._strike(struck, apdu)

    def _strike(self, struck: Injected, apdu: bytes) -> bytes:
        if struck.id == "card-removed":
            self._away = struck
            self._card.power_off()
            struck.fire(0.0, "taken away")
            raise CardRemoved("the card was taken away in the middle of a command")
        answer = self._pass_on(apdu)
        if struck.id == "card-mute":
            struck.fire(0.0, "no answer")
            answer = b""
        else:
            sw = struck.fault.bytes_of("sw")
            struck.fire(0.0, sw.hex().upper())
            answer = sw
        if not struck.live:
            struck.undo(0.0)
        return answer

    def _pass_on(self, apdu: bytes) -> bytes:
        try:
            return self._card.transmit(apdu)
        except PowerLost:
            torn, self._tearing = self._tearing, None
            if torn is not None:
                torn.fire(0.0, "torn in a write")
                if not torn.live:
                    torn.undo(0.0, "supply sound")
                self._set_tear()
            raise

    def _set_tear(self) -> None:
        """Let the next live tear wait in the card's memory."""
        for each in self.faults:
            if each.id == "card-tear" and each.live and self._tearing is None:
                if not hasattr(self._card, "tear_after"):
                    each.refuse(0.0, "this card cannot be torn")
                    continue
                self._card.tear_after(each.fault.after + 1)
                self._tearing = each
