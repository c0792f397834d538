"""From the bank's sign-in keys to a PIN that the bank deciphers, through the pad: two implementations that share no code.

The PIN leaves the pad enciphered; what the bank gives and the pad says goes over the line of a recorded history.
"""

from __future__ import annotations

import asyncio

import pytest

from protocols.clock import LoopClock, run_virtual
from protocols.driver.pin_pad import PadPort, PinPad
from protocols.link.memory import memory_pair
from protocols.link.tap import RecordedLink
from protocols.record import History
from protocols.wire.bank.ciphers import TRIPLE_DES
from protocols.wire.bank.message import Message, mac_input, signed
from protocols.wire.bank.working_keys import decode_working_keys
from protocols.wire.base import Privacy
from protocols.wire.epp_b import DIALECT
from protocols.wire.privacy import Masker, find_leaks
from simulators.device.base import Physical
from simulators.device.pin_pad import build_pin_pad
from simulators.device.pin_pad_rules import PinPadOptions
from simulators.host import DeviceHost
from simulators.peer.bank_keys import TEST_FLEET_KEY, BankKeys

TERMINAL, PAN, PIN = "10000001", "6225880123456789", "246813"


@pytest.mark.parametrize("mac_key_bytes", [8, 16])
@pytest.mark.parametrize("network", ["003", "001"])
def test_the_bank_deciphers_what_the_pad_enciphered_and_checks_its_mac(mac_key_bytes: int, network: str) -> None:
    bank = BankKeys(7, bytes.fromhex(TEST_FLEET_KEY), {}, mac_key_bytes)
    given = bank.draw(TERMINAL, 1, network, "60")
    keys = decode_working_keys(given)

    async def main() -> tuple[bytes, bytes, History]:
        clock = LoopClock()
        history = History(clock.now, mask=Masker(b"key").mask)
        near, far = memory_pair()
        async with DeviceHost(build_pin_pad(options=PinPadOptions(terminal=TERMINAL)), far, clock) as host:
            link = RecordedLink(near, history, "pad", DIALECT.framing, clock)
            pad = PinPad(PadPort(link, DIALECT, clock))
            await pad.initialise()
            assert await pad.load_work_key(0, 0, keys.pin.cipher) == keys.pin.check
            assert await pad.load_work_key(0, 1, keys.mac.cipher) == keys.mac.check
            await pad.activate(0, 0)

            async def hand() -> None:
                await asyncio.sleep(1.0)
                for word, argument in (("type", PIN), ("press", "enter")):
                    host.apply(Physical(word, argument=argument))

            typing = asyncio.create_task(hand())
            block = await pad.enter_pin(PAN, least=6, most=6, limit_s=30.0, on_key=lambda count: None)
            await typing
            await pad.activate(0, 1)
            code = await pad.mac(mac_input(message(block)))
            await pad.aclose()
        return block, code, history

    def message(block: bytes) -> Message:
        fields = {2: PAN, 3: "000000", 4: "000000001250", 11: "000012", 41: TERMINAL, 52: block.hex().upper()}
        return Message("0200", fields)

    block, code, history = run_virtual(main())
    sent = message(block)
    assert bank.pin_is(sent, "60", given, PAN, PIN) is True
    assert bank.pin_is(sent, "60", given, PAN, "246814") is False
    assert bank.mac_is_right(signed(sent, lambda data: code), mac_input(sent), "60", given)
    secrets = [
        (Privacy.PIN, PIN.encode()),
        (Privacy.CARD_NUMBER, PAN.encode()),
        (Privacy.CARD_NUMBER, PAN[-13:-1].encode()),
        (Privacy.PIN, block),
        (Privacy.KEY, keys.pin.cipher),
        (Privacy.KEY, keys.mac.cipher),
        (Privacy.KEY, TRIPLE_DES.diversify(bytes.fromhex(TEST_FLEET_KEY), TERMINAL)),
    ]
    crossed = b"".join(record.data + b"|" for record in history)
    assert find_leaks(crossed, secrets) == []
    assert crossed.count(b"*|") == 6
    assert sum(record.kind == "frame" for record in history) > 20
