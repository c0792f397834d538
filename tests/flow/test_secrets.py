"""The search for secrets: it finds every form of each, takes no chance for one, and knows where what may stand."""

from __future__ import annotations

import hashlib
import json

import pytest
from Cryptodome.Cipher import DES3
from flow_histories import pay_bill
from psec.pinblock import encode_pinblock_iso_0

from protocols.wire.bank.working_keys import decode_working_keys
from protocols.wire.base import Privacy
from scenarios.flow.secrets import FlowSecrets, secrets_of_flow
from simulators.peer.bank_keys import DOUBLE, BankKeys
from simulators.peer.city import City

SECRETS = secrets_of_flow(pay_bill())
CITIZEN = City().resident(7)
assert CITIZEN is not None
PIN, PAN = CITIZEN.bank_pin, CITIZEN.pan
FLEET = bytes.fromhex("89ABCDEF0123456710325476BA98FEDC")


def test_every_secret_is_found_in_every_form_in_which_it_is_planted() -> None:
    plants = list(SECRETS.plants())
    assert {privacy for privacy, _, _ in plants} == {
        Privacy.PIN, Privacy.KEY, Privacy.CARD_NUMBER, Privacy.ID_NUMBER, Privacy.NAME
    }  # fmt: skip
    for privacy, form, data in plants:
        found = SECRETS.find(b"\x00before " + data + b" after")
        assert privacy in {each.privacy for each in found}, (privacy, form)


def test_the_clear_block_is_that_of_an_independent_library() -> None:
    block = encode_pinblock_iso_0(PIN, PAN)
    for text in (block, block.hex().upper().encode(), block.hex().encode()):
        assert any("clear block" in each.form for each in SECRETS.find(b"x" + text + b"x"))


def test_keys_are_those_that_the_bank_gives_out() -> None:
    """Deciphered here by another library under the master key, which is another diversification of the fleet key."""
    terminal = b"10000001"
    left = terminal
    right = bytes(each ^ 0xFF for each in terminal)
    master = b"".join(DES3.new(FLEET, DES3.MODE_ECB).encrypt(half) for half in (left, right))
    keys = decode_working_keys(BankKeys(7, FLEET, {}, 8).draw("10000001", 1, DOUBLE, "60"))
    clear = DES3.new(master, DES3.MODE_ECB).decrypt(keys.pin.cipher)
    assert clear in SECRETS.keys
    assert master in SECRETS.keys


@pytest.mark.parametrize(
    "text",
    [
        f"0{PIN}",
        f"{PIN}9",
        f"a{PIN}",
        f"12.{PIN}",
        hashlib.sha256(b"x").hexdigest(),
        f"{int(PIN) ^ 1:06d}",
        CITIZEN.psn_no,
        CITIZEN.patient_id,
    ],
)
def test_chance_is_no_leak(text: str) -> None:
    assert SECRETS.find(f'{{"v": "{text}"}}'.encode()) == []


@pytest.mark.parametrize(
    ("place", "secret", "leaks"),
    [
        ("bank", PAN, False),
        ("bank", CITIZEN.person.name, True),
        ("bank", PIN, True),
        ("his", CITIZEN.person.name, False),
        ("his", CITIZEN.person.id_number, False),
        ("his", PAN, True),
        ("insurance", CITIZEN.person.card_number, False),
        ("insurance", PAN, True),
        ("qr", CITIZEN.person.name, True),
        ("http", CITIZEN.person.name, True),
        ("http", PAN, True),
        ("http", CITIZEN.person.id_number, True),
        ("file backend.db", CITIZEN.person.card_number, False),
        ("file backend.db", PAN, True),
        ("file backend.db", CITIZEN.person.name, True),
        ("", CITIZEN.person.card_number, True),
    ],
)
def test_each_place_may_hold_what_it_needs_and_nothing_else(place: str, secret: str, leaks: bool) -> None:
    assert bool(SECRETS.find(json.dumps({"v": secret}, ensure_ascii=False).encode(), place)) is leaks


@pytest.mark.parametrize("place", ["bank", "his", "insurance", "http", "credential", "notify", "file backend.db"])
def test_no_place_may_hold_a_pin_or_a_key(place: str) -> None:
    for privacy, form, data in SECRETS.plants():
        if privacy in (Privacy.PIN, Privacy.KEY):
            assert SECRETS.find(data, place), (place, form)


def test_a_search_for_nothing_finds_nothing() -> None:
    assert FlowSecrets((), (), (), ()).find(b"anything") == []
