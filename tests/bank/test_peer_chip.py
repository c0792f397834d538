"""A virtual card, the kiosk's driver and the bank's core: what the card signs is what the bank accepts, once.

The messages around it are made by a terminal that shares no code with the bank; spec/cards.md 2.2, spec/services.md 3.2.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from protocols.driver.card_channel import CardChannel
from protocols.driver.pboc import BankApplication, BankCardData
from reference_impl.backend.settlement.model import TradeState
from scenarios.simulated import InProcessCardPort
from simulators.card.bank_card import build_bank_card
from simulators.card.bank_image import BankProfile
from simulators.card.bodies import make_body
from simulators.card.social_security import build_card

from .bank_bench import World, states
from .conftest import MORNING, PAN, PIN, START, Bank, answered, ask, holder
from .foreign_terminal import ForeignTerminal

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

UN = bytes.fromhex("A1B2C3D4")
CARDS: dict[str, Callable[[], Any]] = {
    "bank": build_bank_card,
    "2.0": lambda: build_card("2.0"),
    "3.0": lambda: build_card("3.0"),
    "hand": lambda: make_body("bank").chip,
    "format-2": lambda: build_bank_card(profile=BankProfile(answer="77", more_issuer_data=b"\x01")),
    "sm4": lambda: build_bank_card(profile=BankProfile(algorithm="sm4")),
}


class Wallet:
    """A card that can be put in again and again."""

    def __init__(self, chip: Any) -> None:
        self.card = BankApplication(CardChannel(InProcessCardPort(chip)))

    async def sign(self, fen: int = 1250) -> tuple[BankCardData, str]:
        await self.card.open()
        data = await self.card.read()
        return data, (await self.card.authorise(fen, at=MORNING, unpredictable=UN)).hex().upper()


def purchase(
    terminal: ForeignTerminal, data: BankCardData, chip: str, fen: int = 1250, pin: str = PIN, **more: str
) -> bytes:
    fields = {"f14": data.expiry, "f22": "051", "f23": data.sequence, "f35": data.track2, "f55": chip, **more}
    return terminal.purchase(fen, data.pan, pin, terminal.next_trace(), **fields)


@pytest.mark.parametrize("name", CARDS)
async def test_what_the_card_signs_the_bank_accepts_and_the_card_believes_the_answer(bank: Bank, name: str) -> None:
    terminal, wallet = bank.terminal(), Wallet(CARDS[name]())
    for count in (1, 2):
        data, chip = await wallet.sign()
        assert data.pan == PAN
        reply = ask(terminal, purchase(terminal, data, chip))
        assert (reply["39"], reply["authentic"]) == ("00", True)
        assert await wallet.card.complete(reply["39"], bytes.fromhex(reply["55"])) is True
        assert bank.core.balance_fen(1) == START - 1250 * count
    assert bank.core.violations() == []


async def test_any_resident_pays_with_their_own_card(bank: Bank) -> None:
    somebody = holder(4711)
    terminal, wallet = bank.terminal(), Wallet(build_bank_card(somebody.person))
    data, chip = await wallet.sign(100)
    assert answered(terminal, purchase(terminal, data, chip, 100, somebody.bank_pin)) == "00"
    assert bank.core.balance_fen(4711) == somebody.bank_fen - 100


async def test_every_changed_byte_of_what_was_signed_is_refused(bank: Bank) -> None:
    terminal, wallet = bank.terminal(), Wallet(build_bank_card())
    data, chip = await wallet.sign()
    signed = (
        "9F2608",
        "9F370 4".replace(" ", ""),
        "9F3602",
        "9505",
        "9A03",
        "9C01",
        "9F0206",
        "5F2A02",
        "8202",
        "9F1A02",
    )
    for header in (*signed, "9F0306"):
        at = chip.index(header) + len(header)
        for place in range(at, at + 2 * int(header[-2:], 16), 2):
            changed = chip[:place] + f"{int(chip[place : place + 2], 16) ^ 0x01:02X}" + chip[place + 2 :]
            assert answered(terminal, purchase(terminal, data, changed)) == "05", (header, place)
    issuer = chip.index("9F1008") + 6
    for place in range(issuer + 6, issuer + 14, 2):  # the CVR
        changed = chip[:place] + f"{int(chip[place : place + 2], 16) ^ 0x01:02X}" + chip[place + 2 :]
        assert answered(terminal, purchase(terminal, data, changed)) == "05"
    assert bank.rows == []
    assert answered(terminal, purchase(terminal, data, chip)) == "00", "none of them used the counter up"


async def test_a_card_of_another_issuer_key_is_no_card(bank: Bank) -> None:
    terminal, wallet = bank.terminal(), Wallet(build_bank_card(issuer_key=bytes(range(16))))
    data, chip = await wallet.sign()
    assert answered(terminal, purchase(terminal, data, chip)) == "05"


async def test_a_cryptogram_is_good_for_one_message(bank: Bank) -> None:
    terminal, wallet = bank.terminal(), Wallet(build_bank_card())
    data, chip = await wallet.sign()
    assert answered(terminal, purchase(terminal, data, chip)) == "00"
    assert answered(terminal, purchase(terminal, data, chip)) == "05"
    assert answered(bank.terminal(2), purchase(bank.terminal(2), data, chip)) in ("05", "94")
    assert bank.core.balance_fen(1) == START - 1250
    assert bank.core.violations()[0] == "0200/000000: field 55: a cryptogram whose counter was used before"
    data, chip = await wallet.sign()
    assert answered(terminal, purchase(terminal, data, chip)) == "00"


@pytest.mark.parametrize(("pin", "fen", "code"), [("000000", 1250, "55"), (PIN, START + 1, "51")])
async def test_a_refusal_uses_the_counter_up_too(pin: str, fen: int, code: str) -> None:
    bank = Bank(single_limit_fen=10**11)
    terminal, wallet = bank.terminal(), Wallet(build_bank_card())
    data, chip = await wallet.sign(fen)
    assert answered(terminal, purchase(terminal, data, chip, fen, pin)) == code
    assert answered(terminal, purchase(terminal, data, chip, fen, PIN)) == "05"
    data, chip = await wallet.sign(1250)
    assert answered(terminal, purchase(terminal, data, chip, 1250, PIN)) == "00"


async def test_an_older_counter_is_refused_after_a_newer_one(bank: Bank) -> None:
    terminal, wallet = bank.terminal(), Wallet(build_bank_card())
    data, first = await wallet.sign()
    _, second = await wallet.sign()
    assert answered(terminal, purchase(terminal, data, second)) == "00"
    assert answered(terminal, purchase(terminal, data, first)) == "05"


async def test_the_counter_survives_the_bank_and_names_nobody(bank: Bank) -> None:
    terminal, wallet = bank.terminal(), Wallet(build_bank_card())
    data, chip = await wallet.sign()
    assert answered(terminal, purchase(terminal, data, chip)) == "00"
    assert PAN not in json.dumps(bank.events)
    assert any("chip" in event.get("entry", {}) for event in bank.events)
    terminal.core = bank.core = bank.reborn()
    assert answered(terminal, purchase(terminal, data, chip)) == "05"
    data, chip = await wallet.sign()
    assert answered(terminal, purchase(terminal, data, chip)) == "00"


async def test_two_cards_on_one_account_count_apart() -> None:
    """A card of a scheme outside the city, drawn on the same account, has a counter of its own."""
    other = holder(17)
    bank = Bank(cards=f"{other.pan}=1")
    terminal, first, second = bank.terminal(), Wallet(build_bank_card()), Wallet(build_bank_card(other.person))
    for _ in range(3):
        data, chip = await first.sign()
        assert answered(terminal, purchase(terminal, data, chip)) == "00"
    data, chip = await second.sign()
    assert answered(terminal, purchase(terminal, data, chip)) == "00"
    assert bank.core.balance_fen(1) == START - 4 * 1250


def test_through_the_backends_channel() -> None:
    """The whole way: card, driver, platform, bank; the same press again would find the counter used."""
    from protocols.clock import run_virtual

    async def scene() -> None:
        world = World()
        wallet = Wallet(build_bank_card())
        for press in range(2):
            data, chip = await wallet.sign()
            secrets = await world.card(
                pan=data.pan, expiry=data.expiry, sequence=data.sequence, track2=data.track2, chip_data=chip
            )
            trade = await world.pay(secrets, key=f"k{press}")
            assert trade.state is TradeState.PAID
            assert states(trade.attempts) == ["purchase:success"]
        trade = await world.pay(secrets, key="again")
        assert trade.state is not TradeState.PAID
        await world.end()
        assert [message.get(55) for message in world.line.messages("0200")][-1] == chip
        assert world.bank.core.violations() == ["0200/000000: field 55: a cryptogram whose counter was used before"]

    run_virtual(scene())
