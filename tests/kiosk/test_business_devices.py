"""Business with simulated devices: PIN pad over its line, stripe in the motorised reader, scanner lines."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from business_bench import HOLDER, JumpingClock
from Cryptodome.Cipher import DES3
from fake_platform import FakePlatform
from kiosk_bench import MemoryBay
from psec.pinblock import decode_pinblock_iso_0

from protocols.clock import LoopClock, run_virtual
from protocols.driver.pin_pad import PadPort, PinPad
from protocols.link.base import LinkClosed
from protocols.link.memory import memory_pair
from protocols.wire.epp_b import DIALECT
from protocols.wire.platform.models import PinKey
from reference_impl.kiosk.bank_card import CardUnreadable, StripeReader
from reference_impl.kiosk.bays import NoBay
from reference_impl.kiosk.business.words import BlockEntered, Broken, PadCancelled, PadTimedOut
from reference_impl.kiosk.codes import LinkCodes
from reference_impl.kiosk.front import BusinessFront
from reference_impl.kiosk.pin_entry import Keypad
from reference_impl.kiosk.words import CredentialShown
from simulators.card.bodies import TRACK_2, make_body
from simulators.card.body import CardBody
from simulators.device.base import Physical
from simulators.device.card_reader import build_reader
from simulators.device.pin_pad import build_pin_pad
from simulators.device.pin_pad_rules import PinPadOptions
from simulators.host import DeviceHost

TMK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
TPK_CIPHER = "9B3A7B883A100F73B4ABA2BB791C50E7"
PAN, PIN = "6299990000000000012", "246813"
"""Master key, enciphered PIN key and its check value D2B91CC5: the golden dialogue of spec/devices.md 1.2."""


class KeysOfTheSpec(FakePlatform):
    async def pin_key(self) -> PinKey:
        self.pin_keys += 1
        return PinKey(cipher=TPK_CIPHER, check_value="D2B91CC5", version=f"v{self.pin_keys}")


def with_pad(
    hand: list[tuple[float, str, str]], *, limit_s: float = 30.0, masters: dict[int, str] | None = None
) -> Any:
    """One PIN asked for at a simulated pad; *hand* is who presses what, and when."""

    async def main() -> Any:
        clock = LoopClock()
        device = build_pin_pad(options=PinPadOptions(masters=masters if masters is not None else {0: TMK.hex()}))
        hosts: list[DeviceHost] = []
        seen: list[int] = []

        async def open_pad() -> PinPad:
            near, far = memory_pair()
            host = DeviceHost(device, far, clock)
            host.start()
            hosts.append(host)
            return PinPad(PadPort(near, DIALECT, clock))

        keypad = Keypad(open_pad, KeysOfTheSpec(JumpingClock()))
        keypad.on_key = lambda: seen.append(keypad.entered)
        for at, word, argument in hand:
            asyncio.get_running_loop().call_later(
                at, lambda word=word, argument=argument: hosts[-1].apply(Physical(word, argument=argument))
            )
        first = await keypad.block_of(PAN, limit_s, False)
        if hand and hand[-1][1] == "refit":
            first = (first, await keypad.block_of(PAN, limit_s, False))
        await keypad.aclose()
        for host in hosts:
            await host.aclose()
        return first, seen

    return run_virtual(main())


def test_a_pin_leaves_the_pad_enciphered_under_the_platform_s_key() -> None:
    event, seen = with_pad([(2.0, "type", PIN), (5.0, "press", "enter")])
    assert isinstance(event, BlockEntered)
    key = DES3.new(TMK, DES3.MODE_ECB).decrypt(bytes.fromhex(TPK_CIPHER))
    block = DES3.new(key, DES3.MODE_ECB).decrypt(event.pin.block)
    assert decode_pinblock_iso_0(block, PAN) == PIN
    assert seen[:6] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("hand", "event"),
    [
        ([(2.0, "type", "24"), (3.0, "press", "cancel")], PadCancelled()),
        ([(2.0, "type", "24")], PadTimedOut()),
        ([], PadTimedOut()),
    ],
)
def test_a_pin_that_does_not_come(hand: list[tuple[float, str, str]], event: Any) -> None:
    assert with_pad(hand, limit_s=10.0)[0] == event


def test_a_pad_with_another_master_key_is_not_used() -> None:
    event, _ = with_pad([], masters={0: "FEDCBA98765432100123456789ABCDEF"})
    assert event == Broken("keypad-key", "the pad's master key is not the one that the platform knows")


def test_a_pad_without_a_master_key_says_so() -> None:
    event, _ = with_pad([], masters={})
    assert isinstance(event, Broken)
    assert event.code == "keypad"


# The stripe.


def stripe(dialect: str, body: CardBody | None, *, insert_after: float | None = None, limit_s: float = 20.0) -> Any:
    async def main() -> Any:
        clock = LoopClock()
        bay = MemoryBay(build_reader(dialect=dialect), dialect, clock)
        await bay.recover()
        assert bay.host is not None
        host = bay.host
        if insert_after is None:
            await bay.open_entry()
            host.apply(Physical("insert", body))
            await asyncio.sleep(3.0)
            await bay.take_in()
        else:
            asyncio.get_running_loop().call_later(insert_after, lambda: host.apply(Physical("insert", body)))
        try:
            async with asyncio.timeout(limit_s):
                found: Any = await StripeReader(bay, clock).read(1250)
        except (CardUnreadable, TimeoutError) as error:
            found = error
        host.apply(Physical("insert", make_body("2.0")))
        await asyncio.sleep(2.0)
        media = await bay.look()
        await bay.give_back(False)
        await bay.aclose()
        await host.aclose()
        return found, media

    return run_virtual(main())


def with_stripe(track: str) -> CardBody:
    return replace(make_body("3.0"), tracks={2: track})


def test_the_stripe_of_the_card_inside_is_read() -> None:
    found, _ = stripe("crt310", with_stripe(TRACK_2))
    assert (found.pan, found.expiry, found.track2) == (PAN, "3012", TRACK_2.replace("=", "D"))
    assert PAN not in repr(found)


def test_a_card_is_let_in_where_none_is_inside() -> None:
    found, media = stripe("crt310", with_stripe(TRACK_2), insert_after=4.0)
    assert found.pan == PAN
    assert media.in_reader


def test_nobody_puts_a_card_in_and_the_entry_is_shut_again() -> None:
    found, media = stripe("crt310", make_body("2.0"), insert_after=500.0, limit_s=5.0)
    assert isinstance(found, TimeoutError)
    assert not media.in_reader


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("crt310", make_body("3.0")),
        ("crt310", with_stripe("!parity")),
        ("crt310", with_stripe("1234567=99")),
        ("crt591", with_stripe(TRACK_2)),
    ],
    ids=["no stripe", "parity", "no bank card", "no magnetic head"],
)
def test_a_card_without_bank_data_is_said_to_be_one(dialect: str, body: CardBody) -> None:
    found, _ = stripe(dialect, body)
    assert isinstance(found, CardUnreadable)


# The scanner.


async def scanned(*chunks: bytes) -> LinkCodes:
    near, far = memory_pair()
    for chunk in chunks:
        await far.send(chunk)
    return LinkCodes(near)


@pytest.mark.parametrize(
    ("chunks", "code"),
    [
        ((b"134567890123456789\r\n",), "134567890123456789"),
        ((b"1345678", b"90123456789\r"), "134567890123456789"),
        ((b"\n\r\n", b"ABC\n"), "ABC"),
        ((b"\x00\x01\n", b"ABC\n"), "ABC"),
        ((b"x" * 600 + b"\n", b"ABC\n"), "ABC"),
        (("电子\n".encode(),), "电子"),
    ],
)
async def test_a_code_is_a_line(chunks: tuple[bytes, ...], code: str) -> None:
    codes = await scanned(*chunks)
    assert await codes.next() == code


async def test_what_was_scanned_with_an_earlier_code_does_not_count() -> None:
    near, far = memory_pair()
    codes = LinkCodes(near)
    await far.send(b"first\nsecond\n")
    assert await codes.next() == "first"
    await far.send(b"third\n")
    assert await codes.next() == "third"


async def test_a_question_that_is_abandoned_loses_no_half_line() -> None:
    near, far = memory_pair()
    codes = LinkCodes(near)
    await far.send(b"1345678")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await codes.next()
    await far.send(b"90123456789\n")
    assert await codes.next() == "134567890123456789"


class NobodyThere:
    async def log_in(self) -> CredentialShown:
        return await asyncio.get_running_loop().create_future()

    async def answer(self, session: object) -> Any:
        return await asyncio.get_running_loop().create_future()


class OnlyCodes:
    """A desk of which only the scanner is asked."""

    def __init__(self, codes: LinkCodes) -> None:
        self.codes = codes


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (b"4240000000000000000100440000", "e_credential"),
        (b"SSC:" + b"0" * 32, "electronic_social_security_card"),
        (b"CZM:" + b"A" * 32, "citizen_code"),
        (b"0" * 64 + b":1", "health_code"),
    ],
)
async def test_a_code_whose_form_says_what_it_is_logs_in(code: bytes, kind: str) -> None:
    codes = await scanned(b"134567890123456789\n", code + b"\n")
    front = BusinessFront(NobodyThere(), OnlyCodes(codes))  # type: ignore[arg-type]
    shown = await front.log_in()
    assert (shown.credential.kind, shown.credential.code) == (kind, code.decode())


async def test_a_kiosk_without_a_reader_has_no_card() -> None:
    bay = NoBay()
    assert (await bay.recover(), await bay.look(), await bay.give_back(True)) == ("none", "none", "none")
    for call in (bay.take_in, bay.capture):
        with pytest.raises(LinkClosed):
            await call()
    assert HOLDER.kind == "social_security_card"
