"""Keys, rights, PIN and secure messaging over time: counters, locks, resets (spec/cards.md 1.6)."""

from __future__ import annotations

from typing import Any

import pytest
from psec.des import encrypt_tdes_cbc, encrypt_tdes_ecb

from simulators.card.base import PowerLost
from simulators.card.readings import Readings
from simulators.card.social_security import SocialSecurityCard, build_card

from .helpers_card import SELECT_SSSE, ask, exact, send

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

CARD_KEY = bytes.fromhex("1C52B695B390473C68BC34BF32B0BA42")
DATA = "1112131415161718"


def ssse(generation: str = "2.0", **options: Any) -> SocialSecurityCard:
    card = build_card(generation, **options)
    card.power_on()
    ask(card, SELECT_SSSE)
    return card


def session(challenge: str) -> bytes:
    return encrypt_tdes_ecb(CARD_KEY, bytes.fromhex(challenge))


def challenge(card: SocialSecurityCard) -> str:
    return send(card, "0084000008")[:16]


def prove(card: SocialSecurityCard, key: str, *, spoil: bool = False) -> str:
    single = session(challenge(card))
    proof = encrypt_tdes_ecb(single * 2, bytes.fromhex(DATA)).hex()
    return send(card, f"008200{key}10{'00' * 8 if spoil else proof}{DATA}")


def secured(card: SocialSecurityCard, header: str, data: str = "", *, spoil: bool = False) -> str:
    """A command with its MAC, computed by psec."""
    single = session(challenge(card))
    head = bytes.fromhex(header) + bytes((len(data) // 2 + 4,)) + bytes.fromhex(data)
    padded = head + b"\x80" + bytes(-(len(head) + 1) % 8)
    mac = encrypt_tdes_cbc(single * 2, bytes(8), padded)[-8:-4]
    return send(card, (head + (bytes(4) if spoil else mac)).hex())


def test_pin_counter_over_reset_and_recovery() -> None:
    card = ssse()
    assert send(card, "0020000000") == "63C6"
    assert send(card, "0020000003000000") == "63C5"
    card.reset()
    assert send(card, "0020000000") == "63C5"
    assert send(card, "0020000003123456") == "9000"
    assert send(card, "0020000000") == "63C6"


@pytest.mark.parametrize(("status", "seen"), [("6983", "6983"), ("63C0", "63C0")])
def test_locked_pin(status: Any, seen: str) -> None:
    card = ssse(readings=Readings(locked_query_status=status))
    for _ in range(6):
        send(card, "0020000003000000")
    assert send(card, "0020000003123456") == "6983"
    assert send(card, "0020000000") == seen
    assert send(card, "805E010007123456FF654321") == "6983"


def test_pulling_the_card_does_not_give_the_try_back() -> None:
    card = ssse()
    card.tear_after(3)
    with pytest.raises(PowerLost):
        # Writes: the try, its commit mark, then the refilled counter.
        card.transmit(bytes.fromhex("0020000003123456"))
    assert card.transmit(bytes.fromhex("0020000000")) == b""
    card.power_on()
    assert send(card, "0020000000") == "63C5"


@pytest.mark.parametrize(
    ("data", "sw"),
    [
        ("123456FF12", "6A80"),
        ("123456FF357F", "6A80"),
        ("123456FFABCD", "6A80"),
        ("123456FF", "6A80"),
        ("123456", "6A80"),
        ("FF654321", "6982"),
        ("000000FF654321", "63C5"),
        ("123456FF12345F", "9000"),
    ],
)
def test_change_pin(data: str, sw: str) -> None:
    card = ssse()
    assert send(card, f"805E0100{len(data) // 2:02X}{data}") == sw


def test_change_pin_without_old_after_verify() -> None:
    card = ssse()
    send(card, "0020000003123456")
    assert send(card, "805E010004FF654321") == "9000"
    assert send(card, "0020000003654321") == "9000"
    strict = ssse(readings=Readings(change_pin_without_old="refused"))
    send(strict, "0020000003123456")
    assert send(strict, "805E010004FF654321") == "6982"


def test_key_counter_and_lock() -> None:
    card = ssse()
    assert [prove(card, "04", spoil=True) for _ in range(2)] == ["63C2", "63C1"]
    assert prove(card, "04") == "9000"
    assert [prove(card, "04", spoil=True) for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
    assert prove(card, "04") == "6983"
    assert prove(card, "0A") == "9000"


def test_external_authentication_needs_a_fresh_challenge_and_a_key() -> None:
    card = ssse()
    assert send(card, f"0082000A10{'00' * 8}{DATA}") == "6984"
    challenge(card)
    assert send(card, f"0082001F10{'00' * 8}{DATA}") == "6A88"
    assert send(ssse("1.0"), f"0082000A10{'00' * 8}{DATA}") == "6A88"


@pytest.mark.parametrize(
    ("readings", "reselected", "returned"),
    [
        (Readings(), True, False),
        (Readings(right_kept_on_reselect=False), False, False),
        (Readings(right_lost_in_df=False), True, True),
    ],
)
def test_where_a_right_lasts(readings: Readings, reselected: bool, returned: bool) -> None:
    card = ssse("3.0", algorithm="3des", readings=readings)
    assert prove(card, "0A") == "9000"
    ask(card, SELECT_SSSE)
    assert (exact(card, "00B2013400") != "6982") is reselected
    prove(card, "0A")
    ask(card, "00A4000002DF04")
    assert exact(card, "00B2012C00") == "6982"
    ask(card, SELECT_SSSE)
    assert (exact(card, "00B2013400") != "6982") is returned
    prove(card, "0A")
    for restart in (card.reset, card.power_on):
        restart()
        ask(card, SELECT_SSSE)
        assert exact(card, "00B2013400") == "6982"


def test_update_record_under_secure_messaging() -> None:
    card = ssse()
    assert secured(card, "04DC022C", "020134") == "6982"
    assert prove(card, "04") == "9000"
    assert send(card, "04DC022C07020134" + "00" * 4) == "6984"
    assert secured(card, "04DC022C", "020134", spoil=True) == "6988"
    assert secured(card, "04DC022C", "030134") == "6A80"
    assert secured(card, "04DC022C", "02023434") == "6A85"
    assert secured(card, "04DC092C", "020134") == "6A83"
    assert exact(card, "00B2022C00") == "0201339000"
    assert secured(card, "04DC022C", "020134") == "9000"
    card.power_off()
    card.power_on()
    ask(card, SELECT_SSSE)
    assert exact(card, "00B2022C00") == "0201349000"


def test_update_binary_under_secure_messaging() -> None:
    card = ssse()
    prove(card, "04")
    send(card, "00A4020002EF07")
    assert secured(card, "04D60010", "AABB") == "9000"
    assert secured(card, "04D602FF", "AABB") == "6700"
    assert secured(card, "04D60300", "AABB") == "6B00"
    prove(card, "0A")
    assert send(card, "00B0001003") == "AABB009000"


def test_a_torn_update_leaves_the_old_record() -> None:
    card = ssse()
    for writes in (1, 2):
        prove(card, "04")
        before = exact(card, "00B2022C00")
        card.tear_after(writes)
        with pytest.raises(PowerLost):
            secured(card, "04DC022C", "020131")
        card.power_on()
        ask(card, SELECT_SSSE)
        assert exact(card, "00B2022C00") == before
        card.memory.keep_power()


@pytest.mark.parametrize(("status", "seen"), [("6988", "6988"), ("9302", "9302")])
def test_wrong_mac_of_management_commands(status: Any, seen: str) -> None:
    card = ssse(readings=Readings(wrong_mac_status=status))
    assert secured(card, "841E0001", spoil=True) == seen
    assert secured(card, "84160000", spoil=True) == seen
    assert secured(card, "84240000") == "6982"
    prove(card, "06")
    assert secured(card, "84240000", spoil=True) == seen


def test_blocked_application_and_blocked_card() -> None:
    card = ssse()
    ask(card, "00A4000002DF04")
    assert secured(card, "841E0001") == "9000"
    ask(card, SELECT_SSSE)
    assert send(card, "00A4000002DF04") == "9303"
    assert ask(card, "00A4000002DF03").endswith("9000")
    ask(card, SELECT_SSSE)
    assert secured(card, "84160000") == "9000"
    card.reset()
    assert send(card, SELECT_SSSE) == "6A81"
    assert send(card, "0084000008") == "6A81"


def test_reload_refuses_a_cipher_text_of_nothing() -> None:
    card = ssse()
    assert secured(card, "84240001", "00" * 7) == "6A80"
    assert send(card, "0020000003123456") == "9000"


def test_challenges_differ_and_come_from_the_seed() -> None:
    first, again, other = ssse(seed=1), ssse(seed=1), ssse(seed=2)
    drawn = [challenge(first) for _ in range(4)]
    assert len(set(drawn)) == 4
    assert [challenge(again) for _ in range(4)] == drawn
    assert challenge(other) not in drawn
