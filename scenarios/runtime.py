"""Brings a bench up and down: devices, links, hands, a private pcscd. Nothing is left behind, however it ends."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocols.clock import Clock
from protocols.link.base import CardPort, Link, LinkError, LinkUrl, open_link
from protocols.link.memory import memory_pair
from protocols.link.pcsc import PcscCardPort, wait_card
from protocols.link.pty import open_pty
from protocols.link.vpcd import VpcdCard
from protocols.wire.base import Label
from scenarios.build import BenchError, build_slot_card, build_slot_device
from scenarios.hand import Hand, PersonHand, ProgramHand, SimulatorHand
from scenarios.injection import FaultDesk, FaultReport, OnBenchFault
from scenarios.live_services import LiveServices
from scenarios.models import CARD, Bench, Slot
from scenarios.pcscd import PrivatePcscd, ReaderSlot, missing
from scenarios.program import ForeignProgram
from scenarios.simulated import CARD_ACTIONS, InProcessCardPort, apply_to_card, apply_to_device, device_actions
from scenarios.vpcd_port import HeldCardPort
from simulators.card.body import CardBody
from simulators.device.base import Device
from simulators.host import DeviceHost

__all__ = ["AskPerson", "LiveBench", "LiveCard", "LiveDevice"]

AskPerson = Callable[[str, str, Label], Awaitable[bool]]
OnViolation = Callable[[str, str], None]
Tap = Callable[[str, Slot, Link], Link]

SLOTS_A_PAIR = 2

PROGRAM_END_WAIT_S = 4.0
"""A kiosk that is ended first brings the card that it holds to the mouth."""

BRISK_MOTION_S = 0.04
OPEN_LIMIT_S = 10.0
OPEN_PAUSE_S = 0.1
"""A foreign device that its hand program starts needs time to offer its port: ten seconds in all."""


@dataclass(slots=True)
class LiveDevice:
    """A device behind a line that stands on the bench. ``open_line`` may be called again after a power cut."""

    name: str
    slot: Slot
    hand: Hand
    open_line: Callable[[], Awaitable[Link]]
    link_shown: str
    device: Device | None = None


@dataclass(slots=True)
class LiveCard:
    """A card that stands on the bench. ``revive`` brings the PC/SC stack back after an exchange that hung."""

    name: str
    slot: Slot
    hand: Hand
    port: CardPort
    revive: Callable[[], Awaitable[None]]
    link_shown: str
    card: Any = None


@dataclass(slots=True)
class LiveBench:
    """A bench that is up. Use as ``async with LiveBench(bench, clock) as live``."""

    bench: Bench
    clock: Clock
    ask_person: AskPerson | None = None
    on_violation: OnViolation = lambda slot, text: None
    on_fault: OnBenchFault = lambda slot, event: None
    faults_wait: bool = False
    """True: faults are armed by :meth:`arm_faults`, not as soon as the bench is up."""
    services: LiveServices | None = None
    """Peers and backend, brought up with the bench; None: those that its file asks for, in a folder of no name."""
    tap: Tap = lambda name, slot, link: link
    """Wraps the simulator's end of every line in this process."""
    wallet: Mapping[str, CardBody] = field(default_factory=dict[str, CardBody])
    """Cards that the hand can insert by name, besides those of docs/hand.md."""
    devices: dict[str, LiveDevice] = field(default_factory=dict[str, LiveDevice])
    """Everything behind a line, whatever its class."""
    cards: dict[str, LiveCard] = field(default_factory=dict[str, LiveCard])
    programs: dict[str, ForeignProgram] = field(default_factory=dict[str, ForeignProgram])
    pcscd: PrivatePcscd | None = None
    _places: dict[str, ReaderSlot] = field(default_factory=dict[str, ReaderSlot])
    _ports: list[PcscCardPort | HeldCardPort] = field(default_factory=list[PcscCardPort | HeldCardPort])
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _desk: FaultDesk = field(init=False)

    def __post_init__(self) -> None:
        self._desk = FaultDesk(self.bench, self.clock, self.on_fault)

    @property
    def readers(self) -> dict[str, LiveDevice]:
        """The card readers among the devices."""
        return {name: each for name, each in self.devices.items() if each.slot.device_class == "card_reader"}

    async def __aenter__(self) -> LiveBench:
        try:
            await self._bring_up()
        except BaseException:
            await self._stack.aclose()
            raise
        if not self.faults_wait:
            self.arm_faults()
        return self

    async def __aexit__(self, *exc: object) -> None:
        try:
            self._desk.disarm()
        finally:
            await self._stack.aclose()

    def arm_faults(self) -> None:
        """The faults of the bench begin to count: frames from now on."""
        self._desk.arm()

    def fault_reports(self) -> tuple[FaultReport, ...]:
        """What became of each fault, in the order of the file; final once the bench is down."""
        return self._desk.reports()

    async def _bring_up(self) -> None:
        if self.services is None and (self.bench.peers or self.bench.backend is not None):
            folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="onecard-"))
            self.services = LiveServices(self.bench, Path(folder))
        if self.services is not None:
            await self._stack.enter_async_context(self.services)
        over_pcsc = [name for name, slot in self.bench.slots.items() if slot.scheme == "vpcd"]
        if over_pcsc:
            await self._start_pcscd(over_pcsc)
        for number, (name, slot) in enumerate(self.bench.slots.items()):
            seed = self.bench.seed * 1000 + number
            if slot.device_class == CARD:
                self.cards[name] = await self._card(name, slot, seed)
            else:
                self.devices[name] = await self._device(name, slot, seed)
        for name in self.bench.programs:
            self.programs[name] = await self._program(name)

    async def _program(self, name: str) -> ForeignProgram:
        """Start a program of the bench. It is ended before anything that it uses."""
        places = {each: live.link_shown for each, live in self.devices.items()}
        places |= {each: self._card_place(each, live) for each, live in self.cards.items()}
        places |= self.services.filled_in if self.services is not None else {}
        program = ForeignProgram(
            self.bench.programs[name],
            self.bench.folder,
            filled_in=places,
            environment=self.pcscd.environment() if self.pcscd is not None else {},
            takes_lines=True,
            end_wait_s=PROGRAM_END_WAIT_S,
        )
        await program.start()
        self._stack.push_async_callback(program.stop)
        return program

    def _card_place(self, name: str, live: LiveCard) -> str:
        """The PC/SC name of the reader in which a card stands."""
        return self._places[name].reader if name in self._places else _reader_name(live.slot)

    # Devices behind a line.

    async def _device(self, name: str, slot: Slot, seed: int) -> LiveDevice:
        if slot.scheme == "sim":
            return self._simulated_device(name, slot, seed)
        if slot.scheme == "pty":
            return await self._device_on_pty(name, slot, seed)
        hand = await self._hand(name, slot)

        async def open_line() -> Link:
            return await _open_patiently(slot.link, self.clock)

        return LiveDevice(name, slot, hand, open_line, slot.link)

    def _simulated_device(self, name: str, slot: Slot, seed: int) -> LiveDevice:
        device = self._desk.device(name, slot, build_slot_device(slot, name, seed))
        hosts: list[DeviceHost] = []

        async def open_line() -> Link:
            if hosts:
                await hosts.pop().aclose()
            near, far = memory_pair()
            host = DeviceHost(device, self.tap(name, slot, far), self.clock, lambda text: self.on_violation(name, text))
            host.start()
            hosts.append(host)
            return near

        async def stop() -> None:
            if hosts:
                await hosts.pop().aclose()

        async def apply(action: str) -> None:
            reached = hosts[0].apply if hosts else lambda event: device.apply(event, self.clock.now())
            apply_to_device(action, reached, seed, self.wallet)

        self._stack.push_async_callback(stop)
        return LiveDevice(
            name, slot, SimulatorHand(apply, device_actions(slot.device_class)), open_line, slot.link, device
        )

    async def _device_on_pty(self, name: str, slot: Slot, seed: int) -> LiveDevice:
        device = self._desk.device(name, slot, build_slot_device(slot, name, seed))
        master = open_pty()
        host = DeviceHost(device, self.tap(name, slot, master), self.clock, lambda text: self.on_violation(name, text))
        host.start()
        self._stack.push_async_callback(host.aclose)
        url = f"{master.url}?baud=9600"

        async def open_line() -> Link:
            return await open_link(url, self.clock)

        async def apply(action: str) -> None:
            apply_to_device(action, host.apply, seed, self.wallet)
            if slot.timing == "brisk" and action.startswith("insert"):
                # A command during a motion is ignored and costs the host 300 ms: let the 30 ms of the motion pass.
                await self.clock.sleep_until(self.clock.now() + BRISK_MOTION_S)

        hand: Hand = SimulatorHand(apply, device_actions(slot.device_class), _patience_s(slot))
        if slot.hand.by == "person":
            hand = await self._hand(name, slot)
        return LiveDevice(name, slot, hand, open_line, url, device)

    # Cards.

    async def _start_pcscd(self, names: list[str]) -> None:
        lacks = missing()
        if lacks:
            raise BenchError(f"the PC/SC tier cannot start; missing: {'; '.join(lacks)}")
        fixed = [LinkUrl.parse(self.bench.slots[name].link).port for name in names]
        if any(fixed):
            # A port that the file names belongs to the first reader of a pair: each slot then gets a pair of its own.
            self.pcscd = PrivatePcscd(SLOTS_A_PAIR * len(names), ports=fixed)
        else:
            self.pcscd = PrivatePcscd(len(names))
        await self.pcscd.start()
        self._stack.push_async_callback(self.pcscd.stop)
        step = SLOTS_A_PAIR if any(fixed) else 1
        self._places = {name: self.pcscd.slots[index * step] for index, name in enumerate(names)}

    async def _card(self, name: str, slot: Slot, seed: int) -> LiveCard:
        if slot.scheme == "sim":
            return self._card_in_process(name, slot, seed)
        if slot.scheme == "pcsc":
            port = PcscCardPort(_reader_name(slot))
            self._stack.push_async_callback(port.aclose)
            return LiveCard(name, slot, await self._hand(name, slot), port, port.reopen, slot.link)
        assert self.pcscd is not None
        return await self._card_on_vpcd(name, slot, seed, self.pcscd)

    def _card_in_process(self, name: str, slot: Slot, seed: int) -> LiveCard:
        card = self._desk.card(name, build_slot_card(slot, name, seed, self.bench.person_of(name)))
        port = InProcessCardPort(card)

        async def apply(action: str) -> None:
            apply_to_card(action, card, port)

        async def revive() -> None:
            return None

        return LiveCard(name, slot, SimulatorHand(apply, CARD_ACTIONS), port, revive, slot.link, card)

    async def _card_on_vpcd(self, name: str, slot: Slot, seed: int, pcscd: PrivatePcscd) -> LiveCard:
        place = self._places[name]
        if not slot.image:
            return await self._foreign_card(name, slot, place, pcscd)
        card = self._desk.card(name, build_slot_card(slot, name, seed, self.bench.person_of(name)))
        served = VpcdCard(card, name=name)
        served.start(place.host, place.port)
        self._stack.callback(served.stop)
        port = HeldCardPort(served, card, place, pcscd.socket, self.clock)
        self._stack.push_async_callback(port.aclose)
        await _card_appears(place.reader, pcscd.socket, self.clock)

        async def revive() -> None:
            if port.broken:
                await self._restart_pcscd(pcscd)

        self._ports.append(port)
        hand = SimulatorHand(port.act, CARD_ACTIONS)
        return LiveCard(name, slot, hand, port, revive, place.url, card)

    async def _foreign_card(self, name: str, slot: Slot, place: ReaderSlot, pcscd: PrivatePcscd) -> LiveCard:
        where = {"host": place.host, "port": str(place.port)}
        program = ForeignProgram(slot.program, self.bench.folder, filled_in=where)
        await program.start()
        self._stack.push_async_callback(program.stop)
        port = PcscCardPort(place.reader, socket=pcscd.socket)
        self._stack.push_async_callback(port.aclose)
        await _card_appears(place.reader, pcscd.socket, self.clock)

        async def revive() -> None:
            if port.broken:
                await self._restart_pcscd(pcscd)
            if port.broken or program.ended:
                await program.restart()
            await port.reopen()
            await _card_appears(place.reader, pcscd.socket, self.clock)

        self._ports.append(port)

        return LiveCard(name, slot, await self._hand(name, slot), port, revive, place.url)

    async def _restart_pcscd(self, pcscd: PrivatePcscd) -> None:
        """End an exchange that hangs. Every card's connection goes with the daemon, so every port begins anew."""
        for port in self._ports:
            await port.aclose()
        await pcscd.restart()
        for port in self._ports:
            await port.reopen()
        for place in self._places.values():
            await _card_appears(place.reader, pcscd.socket, self.clock)

    async def _hand(self, name: str, slot: Slot) -> Hand:
        spec = slot.hand
        if spec.by == "program":
            hand = await ProgramHand.start(spec.program, self.bench.folder, spec.actions, spec.patience_s)
            self._stack.push_async_callback(hand.aclose)
            return hand
        if spec.by == "person":
            if self.ask_person is None:
                raise BenchError(f"slot {name!r}: hand: person needs a terminal; run it in the TUI or interactively")
            return PersonHand(self.ask_person, spec.patience_s)
        return SimulatorHand(_nobody, ())


async def _card_appears(reader: str, socket: str, clock: Clock) -> None:
    """Wait for a card, but not for ever: preflight says what is wrong when none comes."""
    try:
        await wait_card(reader, True, clock, socket=socket)
    except LinkError:
        return


def _patience_s(slot: Slot) -> float:
    """How long an action may take to show: brisk devices move within 30 ms, the others like real ones."""
    return 0.8 if slot.timing == "brisk" else 5.0


async def _nobody(action: str) -> None:
    raise ValueError(f"nobody can do {action!r} here")


async def _open_patiently(link: str, clock: Clock) -> Link:
    latest = clock.now() + OPEN_LIMIT_S
    while True:
        try:
            return await open_link(link, clock)
        except LinkError:
            if clock.now() >= latest:
                raise
            await clock.sleep_until(clock.now() + OPEN_PAUSE_S)


def _reader_name(slot: Slot) -> str:
    return slot.link.removeprefix("pcsc://")
