"""Chips behind a motorised reader as card ports: user card and SAM sockets, in both dialects, and every way to fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from protocols.clock import LoopClock, run_virtual
from protocols.driver.card_reader import CardReader, NoReply, ReaderPort, ReaderRefused
from protocols.driver.psam import Psam
from protocols.driver.reader_card_port import ReaderSockets
from protocols.driver.social_security import PinWrong, SocialSecurityCard
from protocols.link.base import Link, LinkClosed, LinkTimeout
from protocols.link.memory import memory_pair
from protocols.wire.card_reader import Error, Place, Reply
from simulators.card.bodies import make_body
from simulators.card.body import CardBody
from simulators.card.psam import build_psam
from simulators.device.base import Physical
from simulators.device.card_reader import DIALECTS, CardReaderDevice, build_reader
from simulators.host import DeviceHost

SELECT_MF = bytes.fromhex("00A4000002") + bytes.fromhex("3F00")
TERMINAL = bytes.fromhex("00B0960006")


@dataclass
class Desk:
    """A reader whose line is watched: ``sent`` are the texts of all commands."""

    device: CardReaderDevice
    host: DeviceHost
    reader: CardReader
    sockets: ReaderSockets
    sent: list[bytes]


@asynccontextmanager
async def desk(
    dialect: str, card: CardBody | None = None, wrap: Callable[[Link], Link] = lambda link: link
) -> AsyncIterator[Desk]:
    clock = LoopClock()
    device = build_reader(dialect=dialect, sam_cards={1: build_psam(), 2: build_psam(area="110100")})
    near, far = memory_pair()
    async with DeviceHost(device, far, clock) as host:
        reader = CardReader(ReaderPort(wrap(near), DIALECTS[dialect], clock))
        sent: list[bytes] = []
        exchange = reader.exchange

        async def watched(text: bytes, reply_limit_s: float | None = None, **how: Any) -> Reply:
            sent.append(text)
            return await exchange(text, reply_limit_s, **how)

        reader.exchange = watched  # type: ignore[method-assign]
        await reader.initialise()
        await reader.entry(True)
        if card is not None:
            host.apply(Physical("insert", card))
            await clock.sleep_until(clock.now() + 2.0)
            await reader.move(Place.IC)
        yield Desk(device, host, reader, ReaderSockets(reader), sent)
        await reader.aclose()


@pytest.mark.parametrize("dialect", ["crt591", "crt310"])
def test_a_user_card_and_two_sams_side_by_side(dialect: str) -> None:
    async def main() -> None:
        async with desk(dialect, make_body("3.0")) as each:
            user, one, two = (each.sockets.port(number) for number in (0, 1, 2))
            atr = await user.power_on()
            assert atr.hex().upper() == "3B6D00000081534D438660441900000001"
            terminals = [await Psam(port).open() for port in (one, two)]
            assert terminals == ["441900000001", "110100000001"]
            assert (await one.transmit(SELECT_MF))[-2:-1] in (b"\x90", b"\x61")
            assert await one.transmit(TERMINAL) == bytes.fromhex("4419000000019000")
            assert await user.power_on(warm=True) == atr
            assert (await user.transmit(bytes.fromhex("0084000008")))[-2:] == b"\x90\x00"

    run_virtual(main())


def test_a_crt_591_is_told_the_socket_only_when_it_changes() -> None:
    async def main() -> None:
        async with desk("crt591") as each:
            one, two = each.sockets.port(1), each.sockets.port(2)
            for port in (one, one, two, one):
                await port.power_on()
            each.sockets.forget()
            await one.power_on()
            # 43 52 40 and the socket's character: spec/devices.md 4.1
            chosen = [text[3:] for text in each.sent if text[:3] == b"CR\x40"]
            assert chosen == [b"0", b"1", b"0", b"0"]

    run_virtual(main())


def test_a_crt_310_carries_the_socket_in_every_sam_command() -> None:
    async def main() -> None:
        async with desk("crt310") as each:
            await each.sockets.port(2).power_on()
            await each.sockets.port(2).transmit(SELECT_MF)
            # 3D PM and the socket's character: spec/devices.md 4.2
            assert [text[:3] for text in each.sent if text[:1] == b"="] == [b"=01", b"=11"]

    run_virtual(main())


@pytest.mark.parametrize("dialect", ["crt591", "crt310"])
def test_a_mute_chip_is_a_time_out_of_the_card(dialect: str) -> None:
    async def main() -> None:
        async with desk(dialect, make_body("mute")) as each:
            with pytest.raises(LinkTimeout) as mute:
                await each.sockets.port().power_on()
            assert not isinstance(mute.value, NoReply)

    run_virtual(main())


@pytest.mark.parametrize("dialect", ["crt591", "crt310"])
def test_a_card_pulled_out_is_a_closed_port(dialect: str) -> None:
    async def main() -> None:
        async with desk(dialect, make_body("2.0")) as each:
            port = each.sockets.port()
            await port.power_on()
            each.host.apply(Physical("pull"))
            with pytest.raises((LinkClosed, ReaderRefused)):
                await port.transmit(SELECT_MF)
            await port.power_off()  # safe where there is nothing to power off

    run_virtual(main())


@pytest.mark.parametrize("dialect", ["crt591", "crt310"])
def test_a_silent_reader_is_not_a_silent_card(dialect: str) -> None:
    async def main() -> None:
        async with desk(dialect, make_body("2.0")) as each:
            port = each.sockets.port()
            await port.power_on()
            each.host.apply(Physical("poweroff"))
            with pytest.raises(NoReply):
                await port.transmit(SELECT_MF)

    run_virtual(main())


def test_a_3_volt_card_is_found_by_the_third_supply() -> None:
    async def main() -> None:
        async with desk("crt591", make_body("3v")) as each:
            assert (await each.sockets.port().power_on())[:1] == b"\x3b"
            supplies = [text[3:] for text in each.sent if text[:3] == b"CQ0"]
            assert supplies == [b"0", b"3", b"5"]

    run_virtual(main())


def test_a_short_circuit_and_a_socket_that_is_not_there_are_refusals_of_the_reader() -> None:
    async def main() -> None:
        async with desk("crt591", make_body("short-circuit")) as each:
            with pytest.raises(ReaderRefused) as shorted:
                await each.sockets.port().power_on()
            assert shorted.value.reply.error is Error.SHORT_CIRCUIT
            with pytest.raises(ReaderRefused) as missing:
                await each.sockets.port(5).power_on()
            assert missing.value.reply.error is Error.NOT_FITTED

    run_virtual(main())


class LossyLink:
    """Loses the first ACK after a VERIFY has been sent."""

    def __init__(self, link: Link) -> None:
        self._link, self._armed, self.lost = link, False, 0

    async def send(self, data: bytes) -> None:
        self._armed = self._armed or (b"\x00\x20\x00\x00\x03" in data and not self.lost)
        await self._link.send(data)

    async def receive(self) -> bytes:
        while True:
            data = await self._link.receive()
            if self._armed and data[:1] == b"\x06":
                self._armed, self.lost, data = False, 1, data[1:]
            if data:
                return data

    async def aclose(self) -> None:
        await self._link.aclose()


@pytest.mark.parametrize("dialect", ["crt591", "crt310"])
def test_a_lost_ack_never_costs_a_second_pin_try(dialect: str) -> None:
    async def main() -> None:
        lossy: list[LossyLink] = []

        def wrap(link: Link) -> Link:
            lossy.append(LossyLink(link))
            return lossy[0]

        async with desk(dialect, make_body("2.0"), wrap) as each:
            card = SocialSecurityCard(each.sockets.port())
            await card.open()
            with pytest.raises(PinWrong) as wrong:
                await card.verify_pin("999999")
            assert lossy[0].lost == 1
            assert wrong.value.tries_left == 5
            assert await card.pin_tries_left() == 5

    run_virtual(main())
