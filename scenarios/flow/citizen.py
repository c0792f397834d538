"""The citizen's side of a flow: their cards, their PINs, their codes, and their hands on the devices of a bench."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from protocols.clock import Clock, UnixClock
from scenarios.flow.model import Flow, Step
from scenarios.flow.words import WORDS
from scenarios.runtime import LiveBench
from simulators.card.bodies import make_body
from simulators.card.body import CardBody
from simulators.peer.city import City, Resident
from simulators.peer.credential_codes import MINUTE_S, credential_code
from simulators.peer.qr_codes import payment_code

__all__ = ["Citizen", "NotPossible", "wallet_of"]

KEY_S = 0.06
"""Between two keys of a PIN: a quick hand."""
LOOK_S = 0.02
AT_MOUTH = "gate"
PLAIN, MASKED = "plain", "pin"
"""What the keypad is open for: digits in the clear for a social security card, a PIN that only the bank reads."""


class NotPossible(Exception):
    """What the citizen wanted to do was never possible; the text says why."""


def wallet_of(flow: Flow) -> Mapping[str, CardBody]:
    """The cards of *flow* by name. Each is one card however often it is inserted: its counters go on."""
    return {name: make_body(each.image, person=_owner(flow, name).person) for name, each in flow.cards.items()}


def _owner(flow: Flow, card: str) -> Resident:
    number = flow.cards[card].resident or flow.citizen if card in flow.cards else flow.citizen
    resident = City().resident(number)
    assert resident is not None, "the model has looked"
    return resident


class Citizen:
    """*told* hears of everything that hands do, without a secret."""

    def __init__(self, flow: Flow, live: LiveBench, clock: Clock, told: Callable[[str, str, str], None]) -> None:
        self._flow, self._live, self._clock, self._told = flow, live, clock, told
        self._codes = 0

    def line(self, step: Step) -> str:
        """The line for the kiosk, secrets and all."""
        if step.do == "show-code":
            self._codes += 1
            return f"scan {payment_code(step.code, self._flow.citizen, self._codes)}"
        if step.do == "show-credential":
            code = credential_code("e_credential", self._flow.citizen, int(UnixClock().now()) // MINUTE_S)
            return f"login e_credential {code}"
        return step.line

    async def act(self, step: Step) -> None:
        """What hands do in *step*. Raises :class:`NotPossible`."""
        match WORDS[step.do].hand:
            case "insert":
                await self.insert(step.card, step.into, step.within_s)
            case "remove":
                await self.remove(step.into, step.within_s)
            case "pin":
                pin = self._pin(step)
                if step.pin == "wrong":
                    pin = f"{(int(pin) + 1) % 10 ** len(pin):0{len(pin)}d}"
                await self.type_pin(pin, PLAIN if step.do == "identify" else MASKED, step.within_s)
            case _:
                return

    async def insert(self, card: str, into: str, within_s: float) -> None:
        slot = into or self._first("card_reader")
        await self._until(lambda: bool(self._look(slot).get("entry")), within_s, f"{slot}: its entry stayed shut")
        await self._do(slot, f"insert {card}")

    async def remove(self, into: str, within_s: float) -> None:
        slot = into or self._first("card_reader")

        def ready() -> bool:
            state = self._look(slot)
            return state.get("media") == AT_MOUTH and not state.get("moving")

        await self._until(ready, within_s, f"{slot}: no card came to the mouth")
        await self._do(slot, "remove")

    async def type_pin(self, pin: str, mode: str, within_s: float) -> None:
        """Key by key, as soon as the pad listens in that *mode*: a bank's PIN is never typed where it would be heard."""
        slot = self._first("pin_pad")
        await self._until(
            lambda: self._look(slot).get("keypad") == mode, within_s, f"{slot}: its keys were not opened for a PIN"
        )
        hand = self._live.devices[slot].hand
        for digit in pin:
            await hand.act(f"press {digit}", "flow")
            await self._clock.sleep_until(self._clock.now() + KEY_S)
        self._told(slot, f"type {'*' * len(pin)}", "done")
        await self._do(slot, "press enter")

    def _pin(self, step: Step) -> str:
        """A social security card has two: its own, and the one that its bank knows."""
        owner = _owner(self._flow, step.card)
        return owner.person.pin if step.do == "identify" else owner.bank_pin

    def _first(self, device_class: str) -> str:
        return next(name for name, each in self._live.devices.items() if each.slot.device_class == device_class)

    def _look(self, slot: str) -> Mapping[str, Any]:
        device = self._live.devices[slot].device
        return device.snapshot() if device is not None else {}

    async def _do(self, slot: str, action: str) -> None:
        answer = await self._live.devices[slot].hand.act(action, "flow")
        self._told(slot, action, answer)
        if answer != "done":
            raise NotPossible(f"{slot} {action}: {answer}")

    async def _until(self, ready: Callable[[], bool], within_s: float, why: str) -> None:
        latest = self._clock.now() + within_s
        while not ready():
            if self._clock.now() >= latest:
                raise NotPossible(f"{why} within {within_s:g} s")
            await self._clock.sleep_until(self._clock.now() + LOOK_S)
