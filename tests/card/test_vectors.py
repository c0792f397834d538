"""Every vector of spec/cards.md 1.2, 1.4, 1.6, 1.7, 1.10 and 6, typed from the document.

They were written before the code; no value here was made by the code under test.
"""

from __future__ import annotations

import pytest

from simulators.card.crypto import CipherSuite, cipher_suite
from simulators.card.psam import build_psam
from simulators.card.social_security import SocialSecurityCard, build_card

from .helpers_card import SELECT_SSSE, ask, send

ROOT = bytes.fromhex("404142434445464748494A4B4C4D4E4F")
FACTORS = ("3434303030307368", "3434313930307378", "8660441900000001")
KEYS = {
    "3des": (
        "80364B4C376D1E019ADA8B2DE910542D",
        "60CCAA2EB51C05849F86FF765C032AA3",
        "1C52B695B390473C68BC34BF32B0BA42",
    ),
    "sm4": (
        "FEEABB15929B8DDB42174C836FB1918A",
        "464D732EDDC99E7115CC11ADEA0BC3F0",
        "9FF25DAD005598512C2B21E5E5B4D6F4",
    ),
}
AUTHENTICATION = {"3des": "D6C0097A79F08B6F", "sm4": "B1903BF323C55A79"}
SESSION_KEY = {"3des": "2375D40AC16758D7", "sm4": "C5E6314419C0B7D2934A7191AF6F7A09"}
APPLICATION_BLOCK = {"3des": "6FF266CE", "sm4": "8FFDF794"}
PIN_UNBLOCK = {"3des": "CCEEEA4C", "sm4": "8220C4BB"}
PIN_RELOAD = {
    "3des": "842400010C5FDFDB9371D267BDE894D2A9",
    "sm4": "8424000114A4319541EBD1D0EAAC5FAB8EE8FED7E5C91A265A",
}
PURCHASE = {
    "3des": ("EBB257E1CD9F40F0", "7A953834", "3C9DEF73", "7DC47E72"),
    "sm4": ("41676D7DC8C572E5AB0B341F4510CBE0", "458A494A", "8CC60120", "891FD9E7"),
}
LOAD = {
    "3des": ("4DE1DD69D3606DAE", "225F2A29", "02CF6737"),
    "sm4": ("E1D640941C509902460A437D3B97EA75", "10651276", "2422B53F"),
}
ALGORITHMS = ("3des", "sm4")


def card_key(algorithm: str) -> bytes:
    return bytes.fromhex(KEYS[algorithm][2])


@pytest.fixture(params=ALGORITHMS)
def algorithm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def suite(algorithm: str) -> CipherSuite:
    return cipher_suite(algorithm)


def test_diversification_through_three_levels(algorithm: str, suite: CipherSuite) -> None:
    key = ROOT
    for factor, expected in zip(FACTORS, KEYS[algorithm], strict=True):
        key = suite.diversify(key, bytes.fromhex(factor))
        assert key.hex().upper() == expected


def test_session_key_and_authentication_data(algorithm: str, suite: CipherSuite) -> None:
    session = suite.session_key(card_key(algorithm), bytes.fromhex("0102030405060708"))
    assert session.hex().upper() == SESSION_KEY[algorithm]
    assert suite.authenticate(session, bytes.fromhex("1112131415161718")).hex().upper() == AUTHENTICATION[algorithm]


@pytest.mark.parametrize(
    ("header", "expected"),
    [("841E000104", APPLICATION_BLOCK), ("8424000004", PIN_UNBLOCK)],
    ids=["application-block", "pin-unblock"],
)
def test_command_mac(algorithm: str, suite: CipherSuite, header: str, expected: dict[str, str]) -> None:
    session = suite.session_key(card_key(algorithm), bytes.fromhex("2122232425262728"))
    assert suite.mac(session, bytes.fromhex(header)).hex().upper() == expected[algorithm]


def test_pin_reload_cipher_and_mac(algorithm: str, suite: CipherSuite) -> None:
    session = suite.session_key(card_key(algorithm), bytes.fromhex("2122232425262728"))
    command = bytes.fromhex(PIN_RELOAD[algorithm])
    enciphered = suite.encipher(session, bytes.fromhex("123456"))
    assert enciphered == command[5:-4]
    assert suite.decipher(session, enciphered) == bytes.fromhex("123456")
    assert suite.mac(session, command[:-4]) == command[-4:]


def test_purchase_macs(algorithm: str, suite: CipherSuite) -> None:
    expected_session, mac1, tac, mac2 = PURCHASE[algorithm]
    session = suite.session_key(card_key(algorithm), bytes.fromhex("A1B2C3D400010001"))
    amounts, terminal, time = "000003E80000000000000000", "441900000001", "20261122093000"
    assert session.hex().upper() == expected_session
    assert suite.mac(session, bytes.fromhex(amounts + "32" + terminal + time)).hex().upper() == mac1
    assert suite.mac(session, bytes.fromhex(amounts)).hex().upper() == mac2
    proof = bytes.fromhex(amounts + "32" + terminal + "00000001" + time)
    assert suite.tac(card_key(algorithm), proof).hex().upper() == tac


def test_load_macs(algorithm: str, suite: CipherSuite) -> None:
    expected_session, mac1, mac2 = LOAD[algorithm]
    session = suite.session_key(card_key(algorithm), bytes.fromhex("A1B2C3D400018000"))
    assert session.hex().upper() == expected_session
    assert suite.mac(session, bytes.fromhex("00002710000003E831441900000001")).hex().upper() == mac1
    assert suite.mac(session, bytes.fromhex("000003E83144190000000120261122093000")).hex().upper() == mac2


# --- the whole card -------------------------------------------------------------------------------------------


def test_answers_to_reset() -> None:
    assert build_card().power_on().hex().upper() == "3B6D00000081534D438660441900000001"
    assert build_card(contactless=True).power_on().hex().upper() == "3B8D80010081534D4386604419000000016A"


@pytest.mark.parametrize(
    ("generation", "more", "fci"),
    [
        ("1.0", "6118", "6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E9000"),
        ("2.0", "6118", "6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E9000"),
        ("3.0", "611E", "6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C038601039000"),
    ],
)
def test_selection_and_fci(generation: str, more: str, fci: str) -> None:
    card = build_card(generation)
    card.power_on()
    assert ask(card, "00A40000023F00") == "6F10840E315041592E5359532E44444630319000"
    assert send(card, SELECT_SSSE) == more
    assert send(card, "00C00000" + more[2:]) == fci
    assert send(card, "00A4020002EF05") == "9000"
    assert send(card, "00A4000002EF05") == "9000"


EF05 = {
    "01": "0110441900D15600000500000001FFFFFFFF",
    "02": "020133",
    "03": "0304332E3030",
    "04": "040C915600000244190044190001",
    "05": "050420200101",
    "06": "060420300101",
    "07": "0709413030303030303031",
}
EF06 = {
    "08": "0812343431393030313939303031303130303158",
    "09": "091EB2E2CAD4BCD7" + "00" * 24,
    "0A": "0A0131",
    "0B": "0B0101",
    "0C": "0C03441900",
    "0D": "0D0419900101",
    "4E": "4E14" + "00" * 20,
}


def authenticate_rksss(card: SocialSecurityCard, algorithm: str) -> str:
    """EXTERNAL AUTHENTICATE with RKSSSE under the challenge of the vector."""
    card.force_random([bytes.fromhex("0102030405060708")])
    assert send(card, "0084000008") == "01020304050607089000"
    return send(card, "0082000A10" + AUTHENTICATION[algorithm] + "1112131415161718")


def test_records_of_the_project_card(algorithm: str) -> None:
    card = build_card("3.0", algorithm=algorithm)
    card.power_on()
    ask(card, SELECT_SSSE)
    send(card, "00A4020002EF05")
    for tag, record in EF05.items():
        assert send(card, f"00B2{tag}00{len(record) // 2:02X}") == record + "9000"
    send(card, "00A4020002EF06")
    assert send(card, "00B2080014") == "6982"
    assert authenticate_rksss(card, algorithm) == "9000"
    for tag, record in EF06.items():
        assert send(card, f"00B2{tag}00{len(record) // 2:02X}") == record + "9000"


def test_record_seven_by_sfi_and_number_and_read_all() -> None:
    card = build_card("3.0")
    card.power_on()
    ask(card, SELECT_SSSE)
    assert send(card, "00B2072C0B") == EF05["07"] + "9000"
    whole = "".join(EF05.values())
    send(card, "00A4020002EF05")
    assert send(card, "00B20105FF") == f"6C{len(whole) // 2:02X}"
    assert send(card, f"00B20105{len(whole) // 2:02X}") == whole + "9000"
    contactless = build_card("3.0", contactless=True)
    contactless.power_on()
    assert send(contactless, SELECT_SSSE).startswith("6F1C840F")
    send(contactless, "00A4020002EF05")
    assert send(contactless, "00B20105FF") == whole + "9000"


@pytest.mark.parametrize(
    ("file", "command", "answer"),
    [
        ("EF05", "00B2010010", "6C12"),
        ("EF05", "00B2070009", "6C0B"),
        ("EF06", "00B209001E", "6C20"),
        ("EF06", "00B2080018", "6C14"),
        ("EF05", "00B2010000", "6C12"),
    ],
)
def test_how_deployed_hosts_ask(file: str, command: str, answer: str) -> None:
    card = build_card("2.0")
    card.power_on()
    ask(card, SELECT_SSSE)
    assert send(card, f"00A4000002{file}") == "9000"
    assert send(card, command) == answer
    assert send(card, command[:-2] + answer[2:]).endswith("9000")


def test_internal_authenticate(algorithm: str) -> None:
    card = build_card(algorithm=algorithm)
    card.power_on()
    ask(card, SELECT_SSSE)
    assert send(card, "008800001001020304050607081112131415161718") == "6108"
    assert send(card, "00C0000008") == AUTHENTICATION[algorithm] + "9000"


def with_challenge(algorithm: str) -> SocialSecurityCard:
    card = build_card(algorithm=algorithm)
    card.power_on()
    ask(card, SELECT_SSSE)
    return card


def challenge(card: SocialSecurityCard) -> None:
    card.force_random([bytes.fromhex("2122232425262728")])
    assert send(card, "0084000008") == "21222324252627289000"


def test_application_block_command(algorithm: str) -> None:
    card = with_challenge(algorithm)
    challenge(card)
    assert send(card, "841E000104" + APPLICATION_BLOCK[algorithm]) == "9000"
    assert send(card, SELECT_SSSE) == "9303"


def test_pin_unblock_command(algorithm: str) -> None:
    card = with_challenge(algorithm)
    for tries in ("63C5", "63C4", "63C3", "63C2", "63C1", "63C0", "6983"):
        assert send(card, "0020000003111111") == tries
    assert send(card, "0020000003123456") == "6983"
    card.force_random([bytes.fromhex("0102030405060708")])
    send(card, "0084000008")
    assert send(card, "0082000610" + AUTHENTICATION[algorithm] + "1112131415161718") == "9000"
    challenge(card)
    assert send(card, "8424000004" + PIN_UNBLOCK[algorithm]) == "9000"
    assert send(card, "0020000003123456") == "9000"


def test_pin_reload_command(algorithm: str) -> None:
    card = with_challenge(algorithm)
    assert send(card, "805E010007123456FF654321") == "9000"
    assert send(card, "0020000003123456") == "63C5"
    challenge(card)
    assert send(card, PIN_RELOAD[algorithm]) == "9000"
    assert send(card, "0020000003123456") == "9000"


def in_df04(algorithm: str) -> SocialSecurityCard:
    card = build_card(algorithm=algorithm)
    card.power_on()
    ask(card, SELECT_SSSE)
    assert ask(card, "00A4000002DF04").endswith("9000")
    card.force_random([bytes.fromhex("A1B2C3D4")])
    return card


def test_purchase(algorithm: str) -> None:
    card = in_df04(algorithm)
    _, mac1, tac, mac2 = PURCHASE[algorithm]
    assert send(card, "B02801011301000003E8000000000000000044190000000116") == "6116"
    assert send(card, "00C0000016") == "000027100000000000000000202600010100A1B2C3D49000"
    assert send(card, "B02C01000F0000000120261122093000" + mac1 + "08") == "6108"
    assert send(card, "00C0000008") == tac + mac2 + "9000"
    assert send(card, "B026000104") == "000023289000"


def test_load(algorithm: str) -> None:
    card = in_df04(algorithm)
    _, mac1, mac2 = LOAD[algorithm]
    assert send(card, "B02800010B01000003E844190000000110") == "6110"
    assert send(card, "00C0000010") == "0000271000010100A1B2C3D4" + mac1 + "9000"
    assert send(card, "B02A00000B20261122093000" + mac2 + "04") == "6104"
    assert len(send(card, "00C0000004")) == 12
    assert send(card, "B026000104") == "00002AF89000"


# --- PSAM -----------------------------------------------------------------------------------------------------

LEVELS_3_2_1 = "866044190000000134343139303073783434303030307368"


def test_psam_delivers_session_key_and_ciphers() -> None:
    psam = build_psam()
    psam.power_on()
    assert send(psam, "BFDE670820" + LEVELS_3_2_1 + "0102030405060708") == "9000"
    assert send(psam, "80FA0000081112131415161718") == "6108"
    assert send(psam, "00C0000008") == "D6C0097A79F08B6F9000"


def test_psam_sm4_environment() -> None:
    psam = build_psam()
    psam.power_on()
    assert ask(psam, "00A40000 02 DDF1").endswith("9000")
    assert send(psam, "BFDE670820" + LEVELS_3_2_1 + "0102030405060708") == "9000"
    assert ask(psam, "80FA0000081112131415161718") == "B1903BF323C55A799000"


def test_psam_purchase(algorithm: str) -> None:
    psam = build_psam()
    psam.power_on()
    if algorithm == "sm4":
        ask(psam, "00A4000002DDF1")
    _, mac1, _, mac2 = PURCHASE[algorithm]
    init = "A1B2C3D40001000003E8000000000000000032202611220930000100" + LEVELS_3_2_1
    assert ask(psam, "8070010034" + init) == "00000001" + mac1 + "9000"
    assert send(psam, "8072000004" + mac2) == "9000"
