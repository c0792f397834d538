"""The judge against the printed vectors of spec/cards.md 1.6 and 1.7, and against published cipher vectors."""

from __future__ import annotations

import pytest

from conformance.judge_crypto import (
    SM4,
    TDES,
    CardKeys,
    LoadKeys,
    PurchaseKeys,
    UnknownAlgorithmError,
    diversify,
    level_factors,
    session_key,
)

ROOT = bytes.fromhex("404142434445464748494A4B4C4D4E4F")
HISTORICAL = bytes.fromhex("0081534D438660441900000001")
CHALLENGE = bytes.fromhex("2122232425262728")
R1, R2 = bytes.fromhex("0102030405060708"), bytes.fromhex("1112131415161718")
AMOUNTS = bytes.fromhex("000003E80000000000000000")
TERMINAL, TIME = bytes.fromhex("441900000001"), bytes.fromhex("20261122093000")
CARD_RANDOM = bytes.fromhex("A1B2C3D4")


def keys(algorithm: int) -> CardKeys:
    return CardKeys.derive(algorithm, ROOT, HISTORICAL, "441900")


def test_factors():
    assert [each.hex().upper() for each in level_factors(HISTORICAL, "441900")] == [
        "3434303030307368",
        "3434313930307378",
        "8660441900000001",
    ]
    assert level_factors(HISTORICAL, "330400")[1].hex().upper() == "3333303430307378"


@pytest.mark.parametrize(
    ("algorithm", "levels"),
    [
        (
            TDES,
            [
                "80364B4C376D1E019ADA8B2DE910542D",
                "60CCAA2EB51C05849F86FF765C032AA3",
                "1C52B695B390473C68BC34BF32B0BA42",
            ],
        ),
        (
            SM4,
            [
                "FEEABB15929B8DDB42174C836FB1918A",
                "464D732EDDC99E7115CC11ADEA0BC3F0",
                "9FF25DAD005598512C2B21E5E5B4D6F4",
            ],
        ),
    ],
)
def test_diversification(algorithm: int, levels: list[str]):
    key = ROOT
    for factor, wanted in zip(level_factors(HISTORICAL, "441900"), levels, strict=True):
        key = diversify(algorithm, key, factor)
        assert key.hex().upper() == wanted
    assert keys(algorithm).key == key


@pytest.mark.parametrize(
    ("algorithm", "session", "answer"),
    [
        (TDES, "2375D40AC16758D7", "D6C0097A79F08B6F"),
        (SM4, "C5E6314419C0B7D2934A7191AF6F7A09", "B1903BF323C55A79"),
    ],
)
def test_authentication(algorithm: int, session: str, answer: str):
    card = keys(algorithm)
    assert session_key(algorithm, card.key, R1).hex().upper() == session
    assert card.authentication(R1, R2).hex().upper() == answer


@pytest.mark.parametrize(
    ("algorithm", "header", "wanted"),
    [
        (TDES, "841E000104", "6FF266CE"),
        (SM4, "841E000104", "8FFDF794"),
        (TDES, "8424000004", "CCEEEA4C"),
        (SM4, "8424000004", "8220C4BB"),
    ],
)
def test_command_mac(algorithm: int, header: str, wanted: str):
    assert keys(algorithm).command_mac(CHALLENGE, bytes.fromhex(header)).hex().upper() == wanted


@pytest.mark.parametrize(
    ("algorithm", "header", "cipher", "wanted"),
    [
        (TDES, "842400010C", "5FDFDB9371D267BD", "E894D2A9"),
        (SM4, "8424000114", "A4319541EBD1D0EAAC5FAB8EE8FED7E5", "C91A265A"),
    ],
)
def test_reload(algorithm: int, header: str, cipher: str, wanted: str):
    card = keys(algorithm)
    assert card.enciphered(CHALLENGE, bytes.fromhex("123456")).hex().upper() == cipher
    assert card.command_mac(CHALLENGE, bytes.fromhex(header + cipher)).hex().upper() == wanted


@pytest.mark.parametrize(
    ("algorithm", "mac1", "tac", "mac2"),
    [(TDES, "7A953834", "3C9DEF73", "7DC47E72"), (SM4, "458A494A", "8CC60120", "891FD9E7")],
)
def test_purchase(algorithm: int, mac1: str, tac: str, mac2: str):
    purchase = PurchaseKeys(keys(algorithm), CARD_RANDOM, bytes.fromhex("0001"), bytes.fromhex("00000001"))
    assert purchase.mac1(AMOUNTS, b"2", TERMINAL, TIME).hex().upper() == mac1
    assert purchase.mac2(AMOUNTS).hex().upper() == mac2
    assert purchase.tac(AMOUNTS, b"2", TERMINAL, TIME).hex().upper() == tac


@pytest.mark.parametrize(("algorithm", "mac1", "mac2"), [(TDES, "225F2A29", "02CF6737"), (SM4, "10651276", "2422B53F")])
def test_load(algorithm: int, mac1: str, mac2: str):
    load = LoadKeys(keys(algorithm), CARD_RANDOM, bytes.fromhex("0001"))
    amount = bytes.fromhex("000003E8")
    assert load.mac1(bytes.fromhex("00002710"), amount, b"1", TERMINAL).hex().upper() == mac1
    assert load.mac2(amount, b"1", TERMINAL, TIME).hex().upper() == mac2


def test_sm4_matches_the_standard_example():
    """GB/T 32907-2016 annex A: key and text 0123456789ABCDEFFEDCBA9876543210."""
    same = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    assert session_key(SM4, same, same).hex().upper() == "681EDF34D206965E86B3E94F536E4246"


def test_ssf33_cannot_be_judged():
    with pytest.raises(UnknownAlgorithmError):
        CardKeys.derive(2, ROOT, HISTORICAL, "110000")
