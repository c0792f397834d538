"""The PIN pad over a real tty: the kiosk's driver on the slave, the simulated pad on the master, keys pressed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from protocols.clock import RealClock
from protocols.driver.pin_pad import PadPort, PinCancelled, PinPad
from protocols.link.base import open_link
from protocols.link.pty import open_pty
from protocols.link.tcp import listen_tcp
from protocols.wire.epp_b import DIALECT
from simulators.device.base import Physical
from simulators.device.pin_pad import build_pin_pad
from simulators.device.pin_pad_rules import PinPadOptions, PinPadTiming
from simulators.host import DeviceHost

TMK = "0123456789ABCDEFFEDCBA9876543210"
TPK_CIPHER = bytes.fromhex("9B3A7B883A100F73B4ABA2BB791C50E7")
PAN = "123456789012345678"
BLOCK = bytes.fromhex("D31E9382D08B1F14")
LIMIT_S = 30.0

Seat = tuple[PinPad, DeviceHost]


@pytest.fixture(params=["pty-03", "pty-bare", "tcp"])
async def seat(request: pytest.FixtureRequest) -> AsyncIterator[Seat]:
    options = PinPadOptions(masters={0: TMK}, trailer=request.param != "pty-bare")
    far = await listen_tcp(0) if request.param == "tcp" else open_pty()
    clock = RealClock()
    async with DeviceHost(build_pin_pad(options=options, timing=PinPadTiming.brisk()), far, clock) as host:
        link = await open_link(far.url if request.param == "tcp" else f"{far.url}?baud=9600", clock)
        pad = PinPad(PadPort(link, DIALECT, clock))
        yield pad, host
        await pad.aclose()


async def press_when_open(host: DeviceHost, *actions: str) -> None:
    """Press keys once the pad is ready for a PIN."""
    while host.device.snapshot()["keypad"] != "pin":  # noqa: ASYNC110 a device tells its state to those who look
        await asyncio.sleep(0.005)
    for each in actions:
        word, _, argument = each.partition(" ")
        host.apply(Physical(word, argument=argument))
        await asyncio.sleep(0.002)


async def test_a_pin_over_the_line(seat: Seat) -> None:
    pad, host = seat
    async with asyncio.timeout(LIMIT_S):
        await pad.initialise()
        assert await pad.load_work_key(0, 0, TPK_CIPHER) == bytes.fromhex("D2B91CC5")
        await pad.activate(0, 0)
        for _ in range(5):
            heard: list[int] = []
            hand = asyncio.create_task(press_when_open(host, "press 9", "press clear", "type 123456", "press enter"))
            assert await pad.enter_pin(PAN, least=4, most=6, limit_s=20.0, on_key=heard.append) == BLOCK
            assert heard == [1, 0, 1, 2, 3, 4, 5, 6]
            await hand
        hand = asyncio.create_task(press_when_open(host, "press 1", "press cancel"))
        with pytest.raises(PinCancelled):
            await pad.enter_pin(PAN, least=4, most=6, limit_s=20.0, on_key=heard.append)
        await hand
        assert len(await pad.encrypt(bytes(2048))) == 2048
    assert host.device.violations() == []
