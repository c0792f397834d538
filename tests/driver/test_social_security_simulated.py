"""The kiosk's driver against the simulated cards and PSAM, in process."""

from __future__ import annotations

from typing import Any

import pytest

from protocols.driver.social_security import (
    AuthenticationFailed,
    CardRefused,
    PinLocked,
    PinWrong,
    Psam,
    SocialSecurityCard,
)
from protocols.wire.social_security import Algorithm
from scenarios.simulated import InProcessCardPort
from simulators.card.people import make_person
from simulators.card.psam import build_psam
from simulators.card.social_security import build_card

CARDS = [("1.0", "3des"), ("2.0", "3des"), ("3.0", "3des"), ("3.0", "sm4")]


def host(generation: str = "3.0", **options: Any) -> SocialSecurityCard:
    return SocialSecurityCard(InProcessCardPort(build_card(generation, **options)))


async def psam() -> Psam:
    found = Psam(InProcessCardPort(build_psam(seed=5)))
    assert await found.open() == "441900000001"
    return found


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
@pytest.mark.parametrize("contactless", [False, True])
async def test_whole_conversation(generation: str, algorithm: str, contactless: bool):
    person = make_person(7)
    card = host(generation, algorithm=algorithm, person=person, contactless=contactless)
    await card.open()
    identity = await card.read_identity()
    assert (identity.version, identity.contactless) == (generation, contactless)
    assert identity.algorithm is {"3des": Algorithm.TDES, "sm4": Algorithm.SM4}[algorithm]
    assert identity.card_number == person.card_number
    await card.authenticate(await psam())
    holder = await card.read_holder()
    assert (holder.name, holder.id_number) == (person.name, person.id_number)
    assert await card.pin_tries_left() == 6
    await card.verify_pin(person.pin)
    medical = await card.read_medical()
    assert medical.online is True
    assert medical.values[0x84] == "441900"
    await card.close()


async def test_holder_of_3_0_stays_closed_without_the_psam():
    card = host("3.0")
    await card.open()
    await card.read_identity()
    with pytest.raises(CardRefused) as refused:
        await card.read_holder()
    assert refused.value.sw == 0x6982


async def test_medical_data_need_the_pin():
    card = host("2.0")
    await card.open()
    with pytest.raises(CardRefused) as refused:
        await card.read_medical()
    assert refused.value.sw == 0x6982


async def test_pin_until_locked():
    card = host("3.0")
    await card.open()
    for left in (5, 4, 3, 2, 1):
        with pytest.raises(PinWrong) as wrong:
            await card.verify_pin("654321")
        assert wrong.value.tries_left == left
    with pytest.raises(PinLocked):
        await card.verify_pin("654321")
    with pytest.raises(PinLocked):
        await card.verify_pin("123456")
    assert await card.pin_tries_left() == 0


async def test_card_of_another_root_key_is_forged():
    card = host("2.0", root_key=bytes(range(16)))
    await card.open()
    await card.read_identity()
    with pytest.raises(AuthenticationFailed):
        await card.authenticate(await psam())


async def test_psam_is_no_social_security_card_for_long():
    card = SocialSecurityCard(InProcessCardPort(build_psam()))
    await card.open()  # the PSAM's 3DES environment has the very name of SSSE
    with pytest.raises(CardRefused):
        await card.read_identity()


async def test_one_psam_serves_cards_of_both_ciphers():
    shared = await psam()
    for generation, algorithm in CARDS * 2:
        card = host(generation, algorithm=algorithm)
        await card.open()
        await card.read_identity()
        await card.authenticate(shared)
        assert (await card.read_holder()).id_number, "EF06 of a 3.0 card opens only to the right proof"
