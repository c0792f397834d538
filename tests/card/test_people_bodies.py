"""Synthetic people, card bodies, PSAM, and that every mutant can be built and differs from the reference."""

from __future__ import annotations

import pytest

from simulators.card.bodies import BODY_NAMES, make_body
from simulators.card.people import DEFAULT_PERSON, Person, check_digit, make_person, secrets_of
from simulators.card.psam import build_psam
from simulators.card.social_security import SocialSecurityCard, build_card
from simulators.fault.base import mutants

from .helpers_card import SELECT_SSSE, ask, exact, send

LEVELS = "866044190000000134343139303073783434303030307368"


@pytest.mark.parametrize(
    "number", ["11010519491231002X", "44190019900101001X", "810000199001010019", "830000199001010020"]
)
def test_check_digits_of_the_documents(number: str) -> None:
    assert check_digit(number[:17]) == number[17]


def test_people_are_reproducible_and_consistent() -> None:
    people = [make_person(seed) for seed in range(200)]
    assert people == [make_person(seed) for seed in range(200)]
    assert people[0] == DEFAULT_PERSON
    assert len({person.id_number for person in people}) > 190
    for person in people:
        assert check_digit(person.id_number[:17]) == person.id_number[17]
        assert person.id_number[:6] == "441900"
        assert person.id_number[6:14] == person.birth
        assert person.sex == ("1" if int(person.id_number[16]) % 2 else "2")
        assert len(person.card_number) == 9
    with pytest.raises(ValueError, match="seventeen"):
        check_digit("123")


def test_secrets_name_the_people_of_a_bench() -> None:
    literals = {literal for _, literal in secrets_of(5)}
    assert make_person(5).id_number.encode() in literals
    assert DEFAULT_PERSON.name.encode("gbk") in literals
    assert DEFAULT_PERSON.pin.encode() not in literals


def test_a_long_name_goes_on_in_4e() -> None:
    card = build_card("2.0", person=Person(name="测试" * 10))
    card.power_on()
    ask(card, SELECT_SSSE)
    head, tail = exact(card, "00B2023400")[4:-4], exact(card, "00B2073400")[4:-4]
    joined = bytes.fromhex(head + tail).rstrip(b"\0")
    assert len(bytes.fromhex(head)) == 30
    assert joined.decode("gbk") == "测试" * 10


def test_another_person_and_area_show_in_atr_and_records() -> None:
    person = make_person(9)
    card = build_card("2.0", person=person, area="440300")
    assert card.power_on().hex().upper() == "3B6D00000081534D4386604403" + person.serial
    ask(card, SELECT_SSSE)
    assert exact(card, "00B2012C00") == f"0110440300D156000005{person.serial}FFFFFFFF9000"
    assert bytes.fromhex(exact(card, "00B2013400")[4:-4]).decode() == person.id_number


@pytest.mark.parametrize("options", [{"generation": "4.0"}, {"algorithm": "ssf33"}, {"area": "44"}])
def test_cards_that_do_not_exist(options: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        build_card(**options)


@pytest.mark.parametrize("name", BODY_NAMES)
def test_every_body(name: str) -> None:
    body = make_body(name)
    assert body.name == name
    assert body.chip or body.memory or body.tracks or body.length != "normal"


def test_bodies_are_what_their_names_say() -> None:
    assert make_body("3v").classes == {3}
    assert make_body("5v").classes == {5}
    assert make_body("short-circuit").shorted
    assert (make_body("long").length, make_body("short").length) == ("long", "short")
    assert make_body("4442").memory == "SLE4442"
    assert make_body("m1-s70").memory == "S70"
    assert set(make_body("magstripe").tracks) == {1, 2}
    mute = make_body("mute").chip
    assert mute is not None
    assert (mute.power_on(), mute.reset(), mute.transmit(b"\0\xa4\0\0\0")) == (b"", b"", b"")
    assert make_body("2.0").rf is None
    named = make_body("3.0-3des/7").chip
    assert isinstance(named, SocialSecurityCard)
    assert named.security.suite.name == "3des"
    assert named.power_on().hex().upper().endswith(make_person(7).serial)
    for wrong in ("4.0", "3.0-des", "3.0/x", ""):
        with pytest.raises(ValueError, match="known"):
            make_body(wrong)


def test_psam_files() -> None:
    psam = build_psam()
    assert psam.power_on().startswith(b"\x3b\x6d")
    assert send(psam, "00B0960006") == "4419000000019000"
    assert send(psam, "00B0960000") == "6C06"
    send(psam, "00A40000020015")
    assert send(psam, "00B000000F") == "0100000000000000000001010100009000"
    assert ask(psam, "00A4040006D15600000590").endswith("9000")
    assert send(psam, "00B099040A") == "6B00"
    assert send(psam, "00B09A000A") == "00" * 10 + "9000"


def test_psam_refusals_and_levels() -> None:
    psam = build_psam()
    psam.power_on()
    assert send(psam, "80FA0000081112131415161718") == "6901"
    assert send(psam, "BFDE67FF20" + LEVELS + "00" * 8) == "6A88"
    assert send(psam, "BFDE670810" + LEVELS[:16] + "00" * 8) == "6A80"
    assert send(psam, "BFDE270820" + LEVELS + "00" * 8) == "6A88"
    # STK lies two levels down in the PSAM: the level-3 factor alone gives the same key.
    assert send(psam, "BFDE260910" + LEVELS[:16] + "2122232425262728") == "9000"
    assert ask(psam, "80FA050005841E000104") == "6FF266CE9000"
    assert send(psam, "BFDE260910" + LEVELS[:16] + "2122232425262728") == "9000"
    assert send(psam, "80FA0000081112131415161718") == "6985"


def test_psam_mac_in_pieces_equals_the_mac_at_once() -> None:
    psam = build_psam()
    psam.power_on()
    session = "BFDE260910" + LEVELS[:16] + "2122232425262728"
    send(psam, session)
    whole = ask(psam, "80FA050014" + "11" * 8 + "22" * 8 + "33" * 4)
    send(psam, session)
    assert send(psam, "80FA070008" + "11" * 8) == "9000"
    assert send(psam, "80FA030008" + "22" * 8) == "9000"
    assert ask(psam, "80FA010004" + "33" * 4) == whole
    assert whole.endswith("9000")
    assert len(whole) == 12


def test_psam_credit_needs_the_right_mac2() -> None:
    psam = build_psam()
    psam.power_on()
    assert send(psam, "807200000400000000") == "6901"
    init = "A1B2C3D40001000003E8000000000000000032202611220930000100" + LEVELS
    assert ask(psam, "8070010034" + init).startswith("00000001")
    assert send(psam, "807200000400000000") == "9302"
    assert send(psam, "80720000047DC47E72") == "6901"
    assert ask(psam, "8070010034" + init).startswith("00000002")


def test_there_are_enough_mutants_and_all_can_be_built() -> None:
    found = mutants("card")
    assert len(found) >= 36
    for mutant in found:
        assert mutant.label.zh
        assert mutant.label.en
        assert mutant.like
        for generation in mutant.variants or ("1.0", "2.0", "3.0"):
            card = mutant.make(generation=generation, seed=1)
            assert card.power_on()[:1] == b"\x3b"
            assert len(card.transmit(bytes.fromhex(SELECT_SSSE))) >= 2
