"""The keypad with its platform: keys loaded and checked, one PIN at a time, closed whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from business_bench import JumpingClock
from fake_platform import FakePlatform

from protocols.driver.pin_pad import PinCancelled, PinTimedOut
from protocols.link.base import LinkClosed
from reference_impl.kiosk.business.words import BlockEntered, Broken, PadCancelled, PadTimedOut
from reference_impl.kiosk.citizen import meaning_of
from reference_impl.kiosk.pad_citizen import PadCitizen
from reference_impl.kiosk.pin_entry import Keypad
from reference_impl.kiosk.platform import PlatformSilent
from reference_impl.kiosk.state import Phase
from reference_impl.kiosk.words import Declined, Failed, PinEntered, Problem

PAN = "6299990000000000012"


class FakePad:
    """A pad by the calls of the driver; ``fails`` raises at the next call of that name."""

    def __init__(self, check: bytes = bytes.fromhex("D2B91CC5")) -> None:
        self.check, self.calls, self.fails = check, [], {}  # type: ignore[var-annotated]
        self.digits = 6

    def _call(self, name: str, *told: Any) -> None:
        self.calls.append(name)
        error = self.fails.pop(name, None)
        if error is not None:
            raise error

    async def initialise(self) -> str:
        self._call("initialise")
        return "FAKE"

    async def load_work_key(self, master: int, slot: int, cipher: bytes) -> bytes:
        self._call("load_work_key")
        assert (master, slot, len(cipher)) == (0, 0, 16)
        return self.check

    async def activate(self, master: int, slot: int) -> None:
        self._call("activate")

    async def enter_pin(
        self, pan: str, *, least: int, most: int, limit_s: float, on_key: Callable[[int], None]
    ) -> bytes:
        self._call("enter_pin")
        assert (pan, least, most) == (PAN, 6, 6)
        for digits in range(1, self.digits + 1):
            on_key(digits)
        if self.digits < most:
            await asyncio.get_running_loop().create_future()
        return bytes(range(8))

    async def enter_text(self, *, least: int = 1, most: int, limit_s: float, on_key: Callable[[int], None]) -> str:
        self._call("enter_text")
        assert (least, most) == (4, 12)
        return "123456"

    async def abort(self) -> None:
        self._call("abort")

    async def aclose(self) -> None:
        self._call("aclose")


class Desk:
    def __init__(self, **pad: Any) -> None:
        self.pad = FakePad(**pad)
        self.opened = 0
        self.platform = FakePlatform(JumpingClock())
        self.keypad = Keypad(self.open, self.platform)

    async def open(self) -> FakePad:
        self.opened += 1
        return self.pad

    async def pin(self, fresh_key: bool = False) -> Any:
        return await self.keypad.block_of(PAN, 30.0, fresh_key)


async def test_keys_are_loaded_once_and_anew_when_asked_for() -> None:
    desk = Desk()
    first = await desk.pin()
    assert isinstance(first, BlockEntered)
    assert (first.pin.block, first.pin.key_version) == (bytes(range(8)), "v1")
    second = await desk.pin()
    assert isinstance(second, BlockEntered)
    assert desk.pad.calls == ["initialise", "load_work_key", "activate", "enter_pin", "activate", "enter_pin"]
    third = await desk.pin(fresh_key=True)
    assert isinstance(third, BlockEntered)
    assert (third.pin.key_version, desk.pad.calls.count("load_work_key")) == ("v2", 2)
    desk.keypad.renew()
    await desk.pin()
    assert desk.platform.pin_keys == 3


@pytest.mark.parametrize("check", [bytes.fromhex("00000000"), b""])
async def test_a_key_that_the_pad_deciphers_otherwise_is_not_used(check: bytes) -> None:
    desk = Desk(check=check)
    assert await desk.pin() == Broken("keypad-key", "the pad's master key is not the one that the platform knows")
    assert "enter_pin" not in desk.pad.calls


async def test_stars_are_counted_and_gone_afterwards() -> None:
    desk, seen = Desk(), []
    desk.keypad.on_key = lambda: seen.append(desk.keypad.entered)
    await desk.pin()
    assert seen == [1, 2, 3, 4, 5, 6]
    assert desk.keypad.entered == 0


@pytest.mark.parametrize(
    ("error", "event"),
    [(PinCancelled(), PadCancelled()), (PinTimedOut(), PadTimedOut()), (LinkClosed("gone"), Broken("keypad", "gone"))],
)
async def test_what_ends_an_entry(error: Exception, event: Any) -> None:
    desk = Desk()
    desk.pad.fails["enter_pin"] = error
    assert await desk.pin() == event


async def test_a_broken_line_is_opened_anew() -> None:
    desk = Desk()
    desk.pad.fails["activate"] = LinkClosed("gone")
    assert isinstance(await desk.pin(), Broken)
    assert isinstance(await desk.pin(), BlockEntered)
    assert desk.opened == 2
    assert desk.pad.calls.count("load_work_key") == 2


async def test_a_pad_that_fails_its_self_test_is_closed_again() -> None:
    desk = Desk()
    desk.pad.fails["initialise"] = LinkClosed("keys lost")
    assert await desk.pin() == Broken("keypad", "keys lost")
    assert desk.pad.calls == ["initialise", "aclose"]


async def test_an_entry_that_is_abandoned_closes_the_keys() -> None:
    desk = Desk()
    desk.pad.digits = 3
    entering = asyncio.ensure_future(desk.pin())
    three = asyncio.Event()
    desk.keypad.on_key = lambda: three.set() if desk.keypad.entered == 3 else None
    await three.wait()
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert desk.pad.calls[-1] == "abort"
    assert desk.keypad.entered == 0
    desk.pad.digits = 6
    assert isinstance(await desk.pin(), BlockEntered)


async def test_without_the_platform_s_key_there_is_no_pin() -> None:
    desk = Desk()
    desk.platform.down = True
    with pytest.raises(PlatformSilent):
        await desk.pin()
    assert "enter_pin" not in desk.pad.calls


class Nobody:
    async def next(self, phase: Phase) -> Any:
        return meaning_of(phase, "yes")


async def test_the_pin_of_a_social_security_card_is_typed_at_the_pad() -> None:
    desk = Desk()
    citizen = PadCitizen(Nobody(), desk.keypad, 60.0)
    assert await citizen.next(Phase.PIN) == PinEntered("123456")
    assert desk.pad.calls == ["initialise", "enter_text"]
    desk.pad.fails["enter_text"] = PinCancelled()
    assert await citizen.next(Phase.PIN) == Declined()
    desk.pad.fails["enter_text"] = PinTimedOut()
    assert await citizen.next(Phase.PIN) == Declined()
    desk.pad.fails["enter_text"] = LinkClosed("gone")
    assert await citizen.next(Phase.PIN) == Failed(Problem.PIN_PAD, "gone")
    assert "enter_text" not in [await citizen.next(Phase.CONFIRM)]
