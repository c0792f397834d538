"""Selection, reading and command forms beyond the printed vectors (spec/cards.md 1.2, 1.3, 1.8)."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.card.readings import Readings
from simulators.card.social_security import SocialSecurityCard, build_card

from .helpers_card import SELECT_SSSE, ask, exact, send

MF_FCI = "6F10840E315041592E5359532E4444463031" + "9000"


def ssse(generation: str = "2.0", **options: Any) -> SocialSecurityCard:
    card = build_card(generation, **options)
    card.power_on()
    ask(card, SELECT_SSSE)
    return card


def test_an_unpowered_card_is_silent() -> None:
    card = build_card()
    assert card.transmit(bytes.fromhex("0084000008")) == b""
    card.power_on()
    card.power_off()
    assert card.transmit(bytes.fromhex("0084000008")) == b""


def test_partial_name_walks_through_the_applications() -> None:
    card = ssse()
    seen = [ask(card, "00A4040005D156000005")]
    while not seen[-1].startswith("6A"):
        seen.append(ask(card, "00A4040205D156000005"))
    names = [answer[8:20] for answer in seen[:-1]]
    assert names == ["D1560000050" + last for last in "01234"]
    assert seen[-1] == "6A82"


@pytest.mark.parametrize(
    ("generation", "fids"),
    [("1.0", ["DF01", "DF02", "DF03", "DF04"]), ("3.0", ["DF01", "DF02", "DF03", "DF04", "DF07"])],
)
def test_directory_lists_the_applications(generation: str, fids: list[str]) -> None:
    card = ssse(generation)
    assert send(card, f"00B2{len(fids) + 1:02X}F400") == "6A83" or len(fids) == 4
    for number, fid in enumerate(fids, 1):
        # SFI 1E, by number: P2 = 1E << 3 | 4.
        entry = exact(card, f"00B2{number:02X}F400")
        assert entry.startswith("61")
        assert entry.endswith("9000")
        assert f"4F06D1560000050{'01234'[number - 1]}" in entry
        assert ask(card, f"00A4000002{fid}").endswith("9000")
        ask(card, SELECT_SSSE)


def test_an_application_is_reached_from_its_sibling_but_not_from_mf() -> None:
    card = ssse()
    assert ask(card, "00A4000002DF03").endswith("9000")
    assert ask(card, "00A4000002DF04") == "6F088406D156000005039000"
    assert ask(card, "00A40000023F00") == MF_FCI
    assert send(card, "00A4000002DF04") == "6A82"
    assert ask(card, "00A4040006D15600000503") == "6F088406D156000005039000"


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("00A4000002EF7E", "6A82"),
        ("00A4010002EF05", "6A86"),
        ("00A40004020102", "6A86"),
        ("00A4000003EF0505", "6700"),
        ("00A4040000", "6700"),
        ("00A40400081122334455667788", "6A82"),
        ("00B2010412", "6986"),
        ("00B2012F12", "6A86"),
        ("00B201FC12", "6A86"),
        ("00B201DC12", "6A82"),
        ("00B2082C00", "6A83"),
        ("00B2002C00", "6A83"),
        ("00B0000010", "6986"),
        ("00B0850010", "6981"),
        ("00B2013C10", "6981"),
        ("00B0870010", "6982"),
        ("0084000005", "6700"),
        ("0084010008", "6A86"),
        ("00FE000000", "6D00"),
        ("0070000001", "6D00"),
        ("E0B2032C06", "6E00"),
        ("FF00000000", "6E00"),
        ("00240000", "6E00"),
        ("00", "6700"),
        ("00B2012C000012", "6700"),
        ("00C0000010", "6985"),
        ("0020000009313131313131313131", "6700"),
        ("0020000103123456", "6A86"),
        ("00DC010403020133", "6982"),
        ("0088000008" + "11" * 8, "6700"),
        ("0088000110" + "11" * 16, "6A88"),
        ("0088000011" + "11" * 16 + "04", "6A88"),
    ],
)
def test_refusals(command: str, sw: str) -> None:
    card = ssse()
    assert send(card, command) == sw


def test_reading_modes() -> None:
    card = ssse()
    send(card, "00A4020002EF05")
    first = exact(card, "00B2010000")
    assert first.startswith("0110")
    assert exact(card, "00B2000200").startswith("0201")
    assert exact(card, "00B2000300") == first
    assert exact(card, "00B2000100").startswith("0709")
    assert exact(card, "00B2000200") == "6A83"
    down = exact(card, "00B2060600")
    assert down == "07094130303030303030310604203001019000"


def test_records_with_one_tag_are_walked_with_next() -> None:
    card = ssse()
    ask(card, "00A4000002DF01")
    send(card, "0020000003123456")
    send(card, "00A4000002EF15")
    answers = [exact(card, "00B2400000")] + [exact(card, "00B2400200") for _ in range(3)]
    assert [answer[:4] for answer in answers] == ["4034", "4034", "4034", "6A83"]
    assert answers[0][4:12] == "57033130"


def test_get_response_once_and_with_the_right_length() -> None:
    card = ssse()
    assert send(card, SELECT_SSSE) == "6118"
    assert send(card, "00C0000010") == "6C18"
    assert send(card, "00C0000000") == "6C18"
    assert send(card, "00C0000018").endswith("9000")
    assert send(card, "00C0000018") == "6985"
    send(card, SELECT_SSSE)
    send(card, "0084000008")
    assert send(card, "00C0000018") == "6985"


def test_case_4_with_le_is_taken_as_case_3() -> None:
    card = ssse()
    assert send(card, SELECT_SSSE + "00") == "6118"


def test_transparent_files_after_rksss() -> None:
    card = ssse()
    card.force_random([bytes.fromhex("0102030405060708")])
    send(card, "0084000008")
    assert send(card, "0082000A10D6C0097A79F08B6F1112131415161718") == "9000"
    send(card, "00A4020002EF08")
    assert send(card, "00B0000000") == "00" * 256 + "9000"
    assert send(card, "00B00FF810") == "6C08"
    assert send(card, "00B0100010") == "6B00"
    assert send(card, "00B0870004") == "000000009000"


def test_files_of_df04_open_with_pin_and_ef06_needs_both() -> None:
    card = ssse()
    ask(card, "00A4000002DF04")
    assert exact(card, "00B2012C00") == "6982"
    assert send(card, "0020000003123456") == "9000"
    assert exact(card, "00B2012C00").startswith("8108")
    assert exact(card, "00B2013400") == "6982"
    card.force_random([bytes.fromhex("0102030405060708")])
    send(card, "0084000008")
    assert send(card, "0082008410D6C0097A79F08B6F1112131415161718") == "9000"
    assert exact(card, "00B2013400").startswith("9001")
    assert exact(card, "00B2014400") == "6A83"


@pytest.mark.parametrize(
    ("readings", "command", "answer"),
    [
        (Readings(select_df_answer="status-only"), "00A4000002DF04", "9000"),
        (Readings(challenge_length_status="6C08"), "0084000005", "6C08"),
        (Readings(long_challenge="refused"), "0084000010", "6700"),
    ],
)
def test_readings_of_selection_and_challenge(readings: Readings, command: str, answer: str) -> None:
    card = ssse(readings=readings)
    assert send(card, command) == answer


def test_readings_of_records_and_algorithm() -> None:
    third = ssse("2.0", readings=Readings(name_extension_position="third"))
    assert exact(third, "00B2033400").startswith("4E14")
    assert exact(ssse("2.0"), "00B2073400").startswith("4E14")
    data = ssse("2.0", readings=Readings(read_all_le_ff="data"))
    send(data, "00A4020002EF05")
    assert send(data, "00B20105FF").endswith("9000")
    stated = build_card("3.0", algorithm="3des")
    stated.power_on()
    assert ask(stated, SELECT_SSSE).endswith("8601019000")
    always = build_card("3.0", algorithm="3des", readings=Readings(fci_algorithm="always-sm4"))
    always.power_on()
    assert ask(always, SELECT_SSSE).endswith("8601039000")


def test_a_reading_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="wrong_mac_status"):
        Readings(wrong_mac_status="9000")
