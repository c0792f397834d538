"""The PIN pad's driver against the simulated pad: the kiosk's calls, the citizen's keys, a bad line, a removed pad.

Everything runs in virtual time; keys and blocks are those of spec/devices.md 1.2 and 3.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from protocols.clock import LoopClock, run_virtual
from protocols.driver.line_port import NoReply
from protocols.driver.pin_pad import PadPort, PadRefused, PinCancelled, PinPad, PinTimedOut
from protocols.link.base import LinkClosed
from protocols.link.memory import memory_pair
from protocols.wire.base import WireError
from protocols.wire.epp_b import DIALECT
from protocols.wire.pin_pad import Error, MacMode
from simulators.device.base import Device, Physical
from simulators.device.pin_pad import build_pin_pad
from simulators.device.pin_pad_rules import PinPadOptions, PinPadReadings, PinPadTiming
from simulators.fault.injection import InjectedFault
from simulators.fault.line import FaultyLine
from simulators.host import DeviceHost

TMK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
TPK_CIPHER = bytes.fromhex("9B3A7B883A100F73B4ABA2BB791C50E7")
PAN = "123456789012345678"
BLOCK = bytes.fromhex("D31E9382D08B1F14")


class Bench:
    """A pad behind a memory link, its driver, and a hand."""

    def __init__(self, device: Device, **driver: Any) -> None:
        self.clock = LoopClock()
        near, far = memory_pair()
        self.host = DeviceHost(device, far, self.clock)
        self.pad = PinPad(PadPort(near, DIALECT, self.clock), **driver)
        self.heard: list[int] = []

    def press(self, *actions: str, every_s: float = 0.5, after_s: float = 1.0) -> None:
        """Somebody presses keys from now on, one after the other."""

        async def hand() -> None:
            await asyncio.sleep(after_s)
            for each in actions:
                word, _, argument = each.partition(" ")
                self.host.apply(Physical(word, argument=argument))
                await asyncio.sleep(every_s)

        self._hand = asyncio.create_task(hand())

    async def ready(self) -> None:
        await self.pad.initialise()
        await self.pad.load_master_key(0, TMK)
        assert await self.pad.load_work_key(0, 0, TPK_CIPHER) == bytes.fromhex("D2B91CC5")
        await self.pad.activate(0, 0)

    async def enter(self, **changed: Any) -> bytes:
        return await self.pad.enter_pin(
            PAN, **{"least": 4, "most": 6, "limit_s": 30.0, "on_key": self.heard.append} | changed
        )


@asynccontextmanager
async def standing(
    *faults: InjectedFault, auto_end: bool = False, ready: bool = True, **options: Any
) -> AsyncIterator[Bench]:
    device: Device = build_pin_pad(**options)
    if faults:
        device = FaultyLine(device, faults, 1, framing=DIALECT.framing, armed=False)
    bench = Bench(device, auto_end=auto_end)
    async with bench.host:
        if ready:
            await bench.ready()
        if isinstance(device, FaultyLine):
            device.arm(bench.clock.now())
        yield bench
        await bench.pad.aclose()


def story(play: Callable[[Bench], Awaitable[None]], *faults: InjectedFault, **options: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(3600), standing(*faults, **options) as bench:
            await play(bench)

    run_virtual(main())


def test_the_golden_dialogue_in_calls() -> None:
    async def play(bench: Bench) -> None:
        assert await bench.pad.initialise() == "EPP-B-SIM  V1.00"
        assert await bench.pad.load_master_key(0, TMK) == bytes.fromhex("08D7B4FB")
        assert await bench.pad.load_work_key(0, 0, TPK_CIPHER) == bytes.fromhex("D2B91CC5")
        await bench.pad.activate(0, 0)
        assert await bench.pad.check_value(0, 0) == bytes.fromhex("D2B91CC5")
        bench.press("press 1", "press 2", "press 9", "press clear", "type 123456", "press enter")
        assert await bench.enter() == BLOCK
        assert bench.heard == [1, 2, 3, 0, 1, 2, 3, 4, 5, 6]
        assert bench.host.device.violations() == []
        assert bench.host.device.snapshot()["keypad"] == "closed"

    story(play, ready=False)


def test_two_pins_one_after_the_other() -> None:
    async def play(bench: Bench) -> None:
        for _ in range(2):
            bench.press("type 123456", "press enter")
            assert await bench.enter() == BLOCK

    story(play)


def test_cancel_and_both_ends_of_the_time() -> None:
    async def play(bench: Bench) -> None:
        bench.press("type 12", "press cancel")
        with pytest.raises(PinCancelled):
            await bench.enter()
        began = bench.clock.now()
        bench.press("type 123")
        with pytest.raises(PinTimedOut):
            await bench.enter(limit_s=20.0)
        assert 19.9 <= bench.clock.now() - began <= 21.5
        bench.press("type 123456", "press enter")
        assert await bench.enter() == BLOCK

    for reading in ("frame", "key", "on-ask"):
        story(play, readings=PinPadReadings(time_out=reading))  # type: ignore[arg-type]


def test_a_pad_that_ends_by_itself() -> None:
    async def play(bench: Bench) -> None:
        bench.press("type 123456")
        assert await bench.enter() == BLOCK

    story(play, auto_end=True)


def test_a_pin_that_is_too_short_is_not_accepted() -> None:
    async def play(bench: Bench) -> None:
        bench.press("type 1234", "press enter", "type 56", "press enter")
        assert await bench.enter(least=6) == BLOCK

    story(play)


def test_abort_from_outside() -> None:
    async def play(bench: Bench) -> None:
        entry = asyncio.create_task(bench.enter())
        await asyncio.sleep(2.0)
        bench.host.apply(Physical("type", argument="12"))
        entry.cancel()
        await asyncio.wait({entry})
        assert entry.cancelled()
        assert bench.host.device.snapshot()["entered"] == 2
        await bench.pad.abort()
        assert bench.host.device.snapshot()["keypad"] == "closed"
        assert bench.host.device.snapshot()["entered"] == 0
        bench.press("type 123456", "press enter")
        assert await bench.enter() == BLOCK

    story(play)


@pytest.mark.parametrize("after_s", [0.001, 0.004, 0.006, 0.011, 0.016, 0.021])
def test_a_call_that_is_left_in_the_middle_leaves_no_answer_to_the_next(after_s: float) -> None:
    async def play(bench: Bench) -> None:
        entry = asyncio.create_task(bench.enter())
        await asyncio.sleep(after_s)
        entry.cancel()
        await asyncio.wait({entry})
        await bench.pad.abort()
        assert await bench.pad.load_work_key(0, 0, TPK_CIPHER) == bytes.fromhex("D2B91CC5")
        assert await bench.pad.check_value(0, 0) == bytes.fromhex("D2B91CC5")

    story(play)


def test_plain_digits() -> None:
    async def play(bench: Bench) -> None:
        bench.press("type 99", "press clear", "press enter", "type 1234", "press point", "press 00", "press enter")
        assert await bench.pad.enter_text(least=4, most=6, limit_s=30.0, on_key=bench.heard.append) == "123400"
        assert bench.heard == [1, 2, 0, 0, 1, 2, 3, 4, 4, 6]
        bench.press("type 1", "press cancel")
        with pytest.raises(PinCancelled):
            await bench.pad.enter_text(most=6, limit_s=30.0, on_key=bench.heard.append)
        with pytest.raises(PinTimedOut):
            await bench.pad.enter_text(most=6, limit_s=10.0, on_key=bench.heard.append)
        assert bench.host.device.snapshot()["keypad"] == "closed"

    story(play)


def test_macs() -> None:
    message = b"0123456789ABCDEF01"
    longer = message + bytes(6) + bytes(2000)  # zeros change nothing in an XOR of blocks

    async def play(bench: Bench) -> None:
        await bench.pad.load_master_key(1, TMK)
        single = bytes.fromhex("1A4D672DCA6CB335")  # 0123456789ABCDEF under TMK, ECB
        await bench.pad.load_work_key(1, 1, single)
        await bench.pad.activate(1, 1)
        assert await bench.pad.check_value(1, 1) == bytes.fromhex("D5D44FF7")
        assert await bench.pad.mac(message) == b"CC06E766"
        assert await bench.pad.mac(longer) == b"CC06E766"
        assert await bench.pad.mac(message, MacMode.X9) == bytes.fromhex("E03ECDBD1C39D9DF")
        assert await bench.pad.mac(message + bytes(400), MacMode.CBC) != await bench.pad.mac(message, MacMode.CBC)
        with pytest.raises(WireError):
            await bench.pad.mac(b"")
        with pytest.raises(WireError):
            await bench.pad.mac(longer, MacMode.X9)

    story(play)
    story(play, readings=PinPadReadings(unionpay_answer="bytes"))


def test_2048_bytes_are_enciphered_in_as_many_commands_as_it_takes() -> None:
    async def play(bench: Bench) -> None:
        began = bench.clock.now()
        enciphered = await bench.pad.encrypt(bytes(range(256)) * 8)
        assert len(enciphered) == 2048
        assert bench.clock.now() - began == pytest.approx(256 * 0.075 + 9 * 0.005)

    story(play, timing=PinPadTiming(des_block_s=0.025, tdes_block_s=0.075))


def test_a_pad_that_was_taken_out_and_put_back() -> None:
    async def play(bench: Bench) -> None:
        bench.press("type 12", "remove-keypad")
        with pytest.raises(PinTimedOut):
            await bench.enter()
        with pytest.raises(PadRefused) as lost:
            await bench.pad.initialise()
        assert lost.value.reply.error is Error.TEST_MASTER_LOST
        with pytest.raises(PadRefused) as locked:
            await bench.pad.load_master_key(0, TMK)
        assert locked.value.reply.error is Error.LOCKED
        assert TMK.hex() not in str(locked.value).lower()
        bench.host.apply(Physical("refit"))
        await bench.pad.rearm()
        await bench.ready()
        await bench.pad.wipe()
        with pytest.raises(PadRefused):
            await bench.pad.activate(0, 0)

    story(play)


def test_a_low_battery_does_not_stop_the_kiosk() -> None:
    async def play(bench: Bench) -> None:
        bench.host.apply(Physical("battery-low"))
        bench.press("type 123456", "press enter")
        assert await bench.enter() == BLOCK

    story(play)


def test_card_numbers_that_cannot_be_in_a_block() -> None:
    async def play(bench: Bench) -> None:
        for pan in ("", "123456789012", "1234567890123x"):
            with pytest.raises(WireError):
                await bench.pad.enter_pin(pan, least=4, most=6, limit_s=30.0, on_key=bench.heard.append)
        with pytest.raises(PadRefused):
            await bench.enter(most=13)
        assert bench.host.device.snapshot()["keypad"] == "closed"

    story(play)


@pytest.mark.parametrize("mode", ["strict", "realistic", "hostile"])
def test_every_temper(mode: str) -> None:
    async def play(bench: Bench) -> None:
        for _ in range(5):
            bench.press("type 123456", "press enter")
            assert await bench.enter() == BLOCK

    story(play, mode=mode, seed=11)


def test_a_pad_without_the_final_03() -> None:
    async def play(bench: Bench) -> None:
        bench.press("type 123456", "press enter")
        assert await bench.enter() == BLOCK

    story(play, options=PinPadOptions(trailer=False))


MENDED = ["no-answer", "flip-checksum", "truncate", "wrong-length", "split", "glue", "noise-before", "stale-answer",
          "drop-request"]  # fmt: skip


@pytest.mark.parametrize("fault", MENDED)
@pytest.mark.parametrize("after", range(6))
def test_a_bad_line_is_survived_or_said_and_the_next_try_succeeds(fault: str, after: int) -> None:
    """A fault at any frame of an entry: either the block is right, or an error says that there is none. Never a wrong one."""

    async def play(bench: Bench) -> None:
        bench.press("type 123456", "press enter", after_s=8.0)
        try:
            assert await bench.enter() == BLOCK
        except (NoReply, PadRefused, PinTimedOut):
            pass
        await asyncio.sleep(60.0)
        await bench.pad.initialise()
        await bench.pad.activate(0, 0)
        bench.press("type 123456", "press enter", after_s=8.0)
        assert await bench.enter() == BLOCK

    story(play, InjectedFault("pad", fault, after=after))


def test_silence_has_a_limit_and_so_has_a_closed_line() -> None:
    async def play(bench: Bench) -> None:
        bench.host.apply(Physical("poweroff"))
        began = bench.clock.now()
        with pytest.raises(NoReply):
            await bench.pad.initialise()
        assert bench.clock.now() - began <= 4.1 + 1e-9  # floats: the limit is 4.1 s
        await bench.host.link.aclose()
        with pytest.raises(LinkClosed):
            await bench.pad.initialise()

    story(play)
