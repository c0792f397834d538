"""Slots whose device is simulated in this process: the pure device, its host, and the hand that reaches it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from protocols.clock import Clock
from protocols.link.base import CardPort, Link, LinkClosed, LinkTimeout
from protocols.link.memory import memory_pair
from scenarios.hand import SimulatorHand
from scenarios.people import HERE as PEOPLE
from scenarios.people import find_person
from scenarios.strict_yaml import FileError
from scenarios.vouched import sam_cards
from simulators.card.base import Card, PowerLost
from simulators.card.bodies import make_body
from simulators.card.body import CardBody
from simulators.card.social_security import build_card
from simulators.device.base import Device, Physical
from simulators.device.classes import class_of_dialect, device_classes
from simulators.fault.card import CardRemoved
from simulators.host import DeviceHost

__all__ = [
    "CARD_ACTIONS",
    "SAM_SOCKETS",
    "InProcessCardPort",
    "SimulatedCardSlot",
    "SimulatedDeviceSlot",
    "apply_to_card",
    "apply_to_device",
    "device_actions",
]

CARD_ACTIONS = frozenset({"remove", "insert", "tear"})
SAM_SOCKETS = 4
"""Sockets of the reference reader, each with a PSAM in it."""


def apply_to_device(
    action: str, apply: Callable[[Physical], None], seed: int, wallet: Mapping[str, CardBody] | None = None
) -> None:
    """Turn the hand's words into a physical event; cards of *wallet* go by their name there, and stay the same card each
    time. Raises ValueError for words that the device does not know."""
    word, _, argument = action.partition(" ")
    if word == "insert":
        held = (wallet or {}).get(argument)
        apply(Physical(word, held if held is not None else _body(argument or "3.0", seed)))
    else:
        apply(Physical(word, argument=argument))


def _body(name: str, seed: int) -> CardBody:
    """The card of that name; behind the stroke stands a seed, or somebody of scenarios/people/: ``3.0/long-name``."""
    image, _, holder = name.partition("/")
    if not holder or holder.isdecimal():
        return make_body(name, seed=seed)
    try:
        return make_body(image, seed=seed, person=find_person(holder, PEOPLE).person)
    except FileError as error:
        raise ValueError(str(error)) from error


def apply_to_card(action: str, card: Any, port: InProcessCardPort) -> None:
    """Do one of :data:`CARD_ACTIONS` to a card in process. Raises ValueError for any other."""
    word, _, argument = action.partition(" ")
    if word == "remove":
        card.power_off()
        port.present = False
    elif word == "insert":
        port.present = True
    elif word == "tear" and hasattr(card, "tear_after"):
        card.tear_after(int(argument or "1"))
    else:
        raise ValueError(f"unknown action {action!r}")


def device_actions(device_class: str) -> frozenset[str]:
    """First words of everything that can be done to a simulated device of that class."""
    return frozenset(device_classes()[device_class].hand)


class SimulatedDeviceSlot:
    """A simulated device behind a memory link. ``open_line`` may be called again: the old line is dropped."""

    def __init__(
        self, dialect: str, clock: Clock, *, make: Callable[..., Device] | None = None, seed: int = 1, **options: Any
    ) -> None:
        self._clock, self._seed = clock, seed
        kind = class_of_dialect(dialect)
        if kind.name == "card_reader":
            options.setdefault("sam_cards", sam_cards(seed, SAM_SOCKETS))
        self.device = (make or kind.build)(dialect=dialect, seed=seed, **options)
        self._host: DeviceHost | None = None
        self.hand = SimulatorHand(self.apply, device_actions(kind.name))

    async def open_line(self) -> Link:
        if self._host is not None:
            await self._host.aclose()
        near, far = memory_pair()
        self._host = DeviceHost(self.device, far, self._clock)
        self._host.start()
        return near

    async def apply(self, action: str) -> None:
        """Do *action* (``insert 3.0``, ``remove``, ...). Raises ValueError for one that the device does not know."""
        host, device = self._host, self.device
        apply_to_device(
            action, host.apply if host else lambda event: device.apply(event, self._clock.now()), self._seed
        )

    async def aclose(self) -> None:
        if self._host is not None:
            await self._host.aclose()
            self._host = None


class InProcessCardPort:
    """A :class:`CardPort` straight onto a card object. A silent card is a time-out, a torn one has gone away."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self.present = True

    async def power_on(self, warm: bool = False) -> bytes:
        if not self.present:
            raise LinkClosed("no card in the slot")
        atr = self.card.reset() if warm else self.card.power_on()
        if not atr:
            raise LinkTimeout("no answer to reset")
        return atr

    async def power_off(self) -> None:
        self.card.power_off()

    async def transmit(self, apdu: bytes) -> bytes:
        if not self.present:
            raise LinkClosed("no card in the slot")
        try:
            answer = self.card.transmit(apdu)
        except CardRemoved as error:
            raise LinkClosed("the card was taken away in the middle of a command") from error
        except PowerLost as error:
            self.card.power_off()
            raise LinkTimeout("the card lost its supply in the middle of the command") from error
        if not answer:
            raise LinkTimeout("the card kept silent")
        return answer

    async def aclose(self) -> None:
        self.card.power_off()


class SimulatedCardSlot:
    """A simulated card, in process. ``tear n`` makes its n-th write from now lose the supply."""

    def __init__(
        self, generation: str, *, make: Callable[..., Any] | None = None, seed: int = 1, **options: Any
    ) -> None:
        self.card = (make or build_card)(generation=generation, seed=seed, **options)
        self._port = InProcessCardPort(self.card)
        self.port: CardPort = self._port
        self.hand = SimulatorHand(self.apply, CARD_ACTIONS)

    async def apply(self, action: str) -> None:
        """Do *action*. Raises ValueError for one that is not of :data:`CARD_ACTIONS`."""
        apply_to_card(action, self.card, self._port)
