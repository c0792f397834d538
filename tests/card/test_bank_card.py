"""The bank application beyond the printed vectors: order of commands, refusals, what a card remembers, and the firewall
between it and the social security application (spec/cards.md 2.1, 2.2)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyemv import ac

from protocols.wire.tlv import find, parse_tlv
from simulators.card.bank_card import BankCard, build_bank_card
from simulators.card.bank_image import BankProfile
from simulators.card.base import Card, PowerLost
from simulators.card.bodies import make_body
from simulators.card.people import Person, make_person
from simulators.card.social_security import build_card
from simulators.peer.city import City

from .helpers_card import SELECT_SSSE, ask, exact, send

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

AID = "00A4040008A000000333010101"
GPO = "80A800000683040156003100"
TERMINAL = "0000000012500000000000000156000000000001562611220011223344093000"
MERCHANT = "54455354" + "20" * 16
CDOL_1, CDOL_2 = TERMINAL + MERCHANT, "3030" + TERMINAL


def opened(card: BankCard | None = None) -> BankCard:
    card = card or build_bank_card()
    card.power_on()
    ask(card, AID)
    assert ask(card, GPO).endswith("9000")
    return card


def gac(card: Card, p1: str, data: str) -> tuple[str, int, str, str]:
    """Information byte, counter, cryptogram and CVR."""
    answer = ask(card, f"80AE{p1}00{len(data) // 2:02X}{data}")
    assert answer.startswith("8013"), answer
    return answer[4:6], int(answer[6:10], 16), answer[10:26], answer[32:40]


def arpc(card: BankCard, code: str = "00") -> str:
    assert card.transaction is not None
    answer = ac.generate_arpc_1(card.transaction.session, card.transaction.arqc, code.encode())
    return answer.hex().upper() + code.encode().hex()


# Who holds it.


def test_the_bank_knows_the_card_of_every_resident() -> None:
    city = City()
    for number in (1, 2, 17, 25_999_999):
        resident = city.resident(number)
        assert resident is not None
        card = opened(build_bank_card(resident.person))
        pan = find(parse_tlv(bytes.fromhex(exact(card, "00B2011400")[:-4])), 0x70, 0x5A)
        track = find(parse_tlv(bytes.fromhex(exact(card, "00B2010C00")[:-4])), 0x70, 0x57)
        assert pan is not None
        assert track is not None
        assert pan.value.hex().upper().rstrip("F") == resident.pan
        assert track.value.hex().upper().rstrip("F") == resident.track2
        assert city.by_pan(resident.pan) == resident


@pytest.mark.parametrize(
    ("name", "embossed"),
    [("测试甲", b"CESHI/JIA"), ("虚拟庚辛", b"XUNI/GENGXIN"), ("样例·央金", b"CARDHOLDER/VALUED")],
)
def test_the_name_of_the_holder(name: str, embossed: bytes) -> None:
    card = opened(build_bank_card(Person(name=name)))
    found = find(parse_tlv(bytes.fromhex(exact(card, "00B2010C00")[:-4])), 0x70, 0x5F20)
    assert found is not None
    assert found.value == embossed


def test_words_of_the_hand() -> None:
    body = make_body("bank")
    assert body.tracks[2] == "6299990000000000012=30122010000000000"
    assert body.tracks[1] == "B6299990000000000012^CESHI/JIA" + " " * 17 + "^30122010000000000"
    other = make_body("bank/7")
    assert other.tracks != body.tracks
    assert make_body("bank", person=make_person(7)).tracks == other.tracks
    chip = make_body("bank-sm4").chip
    assert isinstance(chip, BankCard)
    assert chip.image.suite.name == "sm4"
    assert chip.power_on().hex().upper() == "3B6700004F4E4543415244"
    assert ask(chip, SELECT_SSSE) == "6A82"
    with pytest.raises(ValueError, match="known"):
        make_body("bank-des")


# Order.


def test_commands_out_of_their_order() -> None:
    card = build_bank_card()
    card.power_on()
    assert ask(card, GPO) == "6985"
    assert send(card, "80CA9F3600") == "6985"
    ask(card, AID)
    assert send(card, "80AE800034" + CDOL_1) == "6985"
    assert send(card, "008200000A" + "00" * 10) == "6985"
    assert exact(card, "80CA9F3600") == "9F360200009000"
    assert ask(card, GPO).endswith("9000")
    assert ask(card, GPO) == "6985"
    assert send(card, "008200000A" + "00" * 10) == "6985"
    gac(card, "80", CDOL_1)
    assert send(card, "80AE800022" + CDOL_2) == "6985"
    gac(card, "40", CDOL_2)
    for p1 in ("00", "40", "80"):
        assert send(card, f"80AE{p1}0034" + CDOL_1) == "6985"
        assert send(card, f"80AE{p1}0022" + CDOL_2) == "6985"
    assert send(card, "008200000A" + "00" * 10) == "6985"
    ask(card, AID)
    assert ask(card, GPO).endswith("9000")
    assert exact(card, "80CA9F3600") == "9F360200029000"


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("80A80000048302015600", "6700"),
        ("80A8000006840401560031" + "00", "6A80"),
        ("80A80000028300", "6700"),
        ("80A80100068304015600" + "3100", "6A86"),
        ("80A8000003830401", "6A80"),
        ("80CA9F1700", "6A88"),
        ("80CA9F7900", "6A88"),
        ("00B2010800", "6A86"),
        ("00B2010D00", "6A86"),
        ("00B2010400", "6A86"),
        ("00B2011C00", "6A82"),
        ("00B2000C00", "6A83"),
        ("00B2020C00", "6A83"),
        ("00B2015C00", "6A83"),
        ("00B2016400", "6A83"),
        ("00A4000002EF05", "6A86"),
        ("00A40400081122334455667788", "6A82"),
        ("00A4040000", "6A82"),
        ("0020008008" + "26123456FFFFFFFF", "6D00"),
        ("0088000004" + "11223344", "6D00"),
        ("841E000004" + "11223344", "6E00"),
        ("A0B2010C00", "6E00"),
    ],
)
def test_refusals_before_a_transaction(command: str, sw: str) -> None:
    card = build_bank_card()
    card.power_on()
    ask(card, AID)
    assert send(card, command) == sw
    assert ask(card, GPO).endswith("9000")


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("80AE800033" + CDOL_1[2:], "6700"),
        ("80AE800022" + CDOL_2, "6700"),
        ("80AEC00034" + CDOL_1, "6A86"),
        ("80AE900034" + CDOL_1, "6A86"),
        ("80AE800134" + CDOL_1, "6A86"),
        ("80AE8000", "6700"),
        ("0082010" + "00A" + "00" * 10, "6A86"),
        ("0082000008" + "00" * 8, "6700"),
    ],
)
def test_refusals_in_a_transaction(command: str, sw: str) -> None:
    card = opened()
    assert send(card, command) == sw
    assert gac(card, "80", CDOL_1)[0] == "80"


# What the card decides.


def test_nothing_is_accepted_offline() -> None:
    assert gac(opened(), "40", CDOL_1)[::3] == ("80", "03A00000")


def test_a_refusal_by_the_terminal_is_an_aac_and_the_end() -> None:
    card = opened()
    assert gac(card, "00", CDOL_1)[::3] == ("00", "03800000")
    assert send(card, "80AE400022" + CDOL_2) == "6985"


def test_without_an_answer_for_the_card_it_still_accepts() -> None:
    """A host whose answer has no field 55: spec/cards.md 2.2."""
    card = opened()
    gac(card, "80", CDOL_1)
    assert gac(card, "40", CDOL_2)[::3] == ("40", "03600400")


@pytest.mark.parametrize("code", ["05", "51", "Z3", "Y3"])
def test_what_the_issuer_refuses_the_card_refuses(code: str) -> None:
    card = opened()
    gac(card, "80", CDOL_1)
    kind, _, _, results = gac(card, "40", code.encode().hex() + TERMINAL)
    assert kind == "00"
    assert results == ("03210000" if code in ("Y3", "Z3") else "03200400")


def test_the_code_that_the_issuer_signed_counts_and_not_what_the_terminal_says() -> None:
    card = opened()
    gac(card, "80", CDOL_1)
    assert send(card, f"008200000A{arpc(card, '05')}") == "9000"
    assert gac(card, "40", CDOL_2)[::3] == ("00", "03200000")


def test_a_forged_answer_refuses_and_is_remembered() -> None:
    card = opened()
    gac(card, "80", CDOL_1)
    assert send(card, "008200000A" + "11" * 8 + "3030") == "6300"
    assert gac(card, "40", CDOL_2)[::3] == ("00", "03280000")
    card = opened(card)
    assert gac(card, "80", CDOL_1)[3] == "03A08800", "not ended, and the issuer was not genuine"
    assert send(card, f"008200000A{arpc(card)}") == "9000"
    assert gac(card, "40", CDOL_2)[0] == "40"
    assert gac(opened(card), "80", CDOL_1)[3] == "03A00000"


def test_a_second_external_authentication_is_refused_and_remembered() -> None:
    card = opened()
    gac(card, "80", CDOL_1)
    assert send(card, f"008200000A{arpc(card)}") == "9000"
    assert send(card, f"008200000A{arpc(card)}") == "6985"
    assert gac(card, "40", CDOL_2)[0] == "40"
    assert gac(opened(card), "80", CDOL_1)[3] == "03A00800"


def test_pulling_the_card_is_reported_next_time() -> None:
    card = opened()
    gac(card, "80", CDOL_1)
    card.power_off()
    assert gac(opened(card), "80", CDOL_1)[1::2] == (2, "03A08000")


# What it remembers.


def test_counters_and_log_survive_power() -> None:
    card = build_bank_card()
    for expected in (1, 2, 3):
        opened(card)
        assert gac(card, "80", CDOL_1)[1] == expected
        if expected != 2:
            gac(card, "40", CDOL_2)
        card.power_off()
    card.power_on()
    ask(card, AID)
    assert exact(card, "80CA9F3600") == "9F360200039000"
    assert exact(card, "80CA9F1300") == "9F130200039000"
    assert exact(card, "80CA9F4F00").startswith("9F4F199A039F2103")
    newest = "26112209300000000000125000000000000001560156" + MERCHANT + "00"
    assert exact(card, "00B2015C00") == newest + "0003" + "9000"
    assert exact(card, "00B2025C00") == newest + "0001" + "9000"
    assert send(card, "00B2035C00") == "6A83"


def test_the_log_keeps_the_last_ten() -> None:
    card = build_bank_card()
    for _ in range(12):
        opened(card)
        gac(card, "80", CDOL_1)
        gac(card, "40", CDOL_2)
    assert exact(card, "00B20A5C00").endswith("0003" + "9000")
    assert send(card, "00B20B5C00") == "6A83"


def test_at_its_end_the_counter_blocks_the_application_for_good() -> None:
    card = build_bank_card()
    card.memory.personalise({"bank/counter": (0xFFFD).to_bytes(4, "big")})
    opened(card)
    assert gac(card, "80", CDOL_1)[1] == 0xFFFE
    card.power_on()
    ask(card, AID)
    assert ask(card, GPO) == "6985"
    card.power_on()
    assert ask(card, AID) == "6283"
    assert ask(card, GPO) == "6985"


def test_a_torn_command_keeps_the_old_state() -> None:
    card = build_bank_card()
    card.power_on()
    ask(card, AID)
    card.tear_after(2)  # the counter is written, the commit mark is not
    with pytest.raises(PowerLost):
        card.transmit(bytes.fromhex(GPO))
    card.power_on()
    ask(card, AID)
    assert exact(card, "80CA9F3600") == "9F360200009000"


def test_two_faces_share_their_counter() -> None:
    contact = build_bank_card()
    face = build_bank_card(contactless=True, memory=contact.memory)
    face.power_on()
    face.transmit(bytes.fromhex(AID))
    answer = face.transmit(bytes.fromhex(GPO))
    assert answer.hex().upper() == "770E82021C009408080101001001020" + "0" + "9000"
    opened(contact)
    assert gac(contact, "80", CDOL_1)[1] == 2


def test_format_2_and_longer_issuer_data() -> None:
    card = opened(build_bank_card(profile=BankProfile(answer="77", more_issuer_data=b"\x0a\x0b")))
    answer = parse_tlv(bytes.fromhex(ask(card, "80AE800034" + CDOL_1)[:-4]))
    issuer = find(answer, 0x77, 0x9F10)
    assert issuer is not None
    assert issuer.value.hex().upper() == "07010103A0000001" + "02" + "0A0B"
    assert [each.tag for each in answer[0].children] == [0x9F27, 0x9F36, 0x9F26, 0x9F10]


def test_other_issuers_habits() -> None:
    bare = build_bank_card(profile=BankProfile(environment=False, priority=False, counters=False))
    bare.power_on()
    assert ask(bare, "00A404000E315041592E5359532E4444463031") == "6A82"
    assert "8701" not in ask(bare, AID)
    assert send(bare, "80CA9F3600") == "6A88"
    blocked = build_bank_card(profile=BankProfile(blocked=True))
    blocked.power_on()
    assert ask(blocked, AID) == "6283"


# The firewall.


@pytest.mark.parametrize("generation", ["2.0", "3.0"])
def test_what_was_proved_to_one_application_is_lost_with_the_other(generation: str) -> None:
    card = build_card(generation)
    card.power_on()
    ask(card, SELECT_SSSE)
    assert send(card, "0020000003123456") == "9000"
    assert ask(card, "00A4040006D15600000503").endswith("9000")
    send(card, "00A4020002EF05")
    assert exact(card, "00B2010400").endswith("9000")
    assert ask(card, AID).endswith("9000")
    assert send(card, "00B2010400") == "6A86"
    assert ask(card, "00A4040006D15600000503").endswith("9000")
    send(card, "00A4020002EF05")
    assert send(card, "00B2010400") == "6982"
    assert ask(card, GPO) == "6D00", "and the bank's commands are unknown here"


def test_a_challenge_does_not_survive_the_other_application() -> None:
    card = build_card("2.0")
    card.power_on()
    ask(card, SELECT_SSSE)
    send(card, "0084000008")
    ask(card, AID)
    ask(card, SELECT_SSSE)
    assert send(card, "0082000A10" + "00" * 16) == "6984"


def test_a_transaction_is_lost_with_the_application_but_its_counter_is_not() -> None:
    card = build_card("3.0")
    card.power_on()
    ask(card, AID)
    ask(card, GPO)
    ask(card, SELECT_SSSE)
    assert exact(card, "00B2072C00").endswith("9000")
    ask(card, AID)
    assert send(card, "80AE800034" + CDOL_1) == "6985"
    ask(card, GPO)
    assert gac(card, "80", CDOL_1)[1] == 2


def test_a_name_that_nobody_has_changes_nothing() -> None:
    card = build_card("3.0")
    card.power_on()
    ask(card, AID)
    ask(card, GPO)
    assert ask(card, "00A4040008A000000003101001") == "6A82"
    assert ask(card, "00A4000002DF04") == "6A86"
    assert gac(card, "80", CDOL_1)[0] == "80"
    assert ask(card, "00A40000023F00") == "6F10840E315041592E5359532E44444630319000"
    assert send(card, "80AE400022" + CDOL_2) == "6D00"
    assert ask(card, SELECT_SSSE).endswith("9000")
    assert ask(card, "00A4040008A000000003101001") == "6A82"
    assert exact(card, "00B2072C00").endswith("9000")


def test_a_blocked_card_has_no_bank_application_either() -> None:
    card = build_card("2.0")
    card.memory.personalise({"card/blocked": b"\x01"})
    card.power_on()
    assert ask(card, AID) == "6A81"


def test_reset_leaves_the_bank_application() -> None:
    card = build_card("3.0")
    card.power_on()
    ask(card, AID)
    card.reset()
    assert ask(card, GPO) == "6D00"
    card.power_off()
    assert card.transmit(bytes.fromhex(AID)) == b""


# Any bytes.

INS = st.sampled_from(bytes.fromhex("A4B2CAA8AE82C084"))
LIKELY = st.one_of(
    st.builds(
        lambda cla, ins, p1, p2, data: bytes((cla, ins, p1, p2, len(data))) + data,
        st.sampled_from(b"\x00\x80\x84"),
        INS,
        st.sampled_from(b"\x00\x01\x02\x04\x40\x80\x9f"),
        st.integers(0, 255),
        st.binary(max_size=60),
    ),
    st.sampled_from(
        [AID, GPO, "80AE800034" + CDOL_1, "80AE400022" + CDOL_2, "008200000A" + "00" * 10, "00C0000000", SELECT_SSSE]
    ).map(bytes.fromhex),
)
COMMANDS = st.lists(st.one_of(st.binary(min_size=1, max_size=300), LIKELY), max_size=25)


@pytest.mark.parametrize("name", ["bank", "bank-sm4", "2.0", "3.0"])
@settings(max_examples=60, deadline=None)
@given(commands=COMMANDS)
def test_any_bytes_are_answered_and_the_counter_never_falls(name: str, commands: list[bytes]) -> None:
    card = make_body(name).chip
    assert card is not None
    atr = card.power_on()
    for command in commands:
        answer = card.transmit(command)
        assert 2 <= len(answer) <= 258
        assert answer[-2] >> 4 in (6, 9)
    begun = card.memory.read_number("bank/counter")  # type: ignore[attr-defined]
    assert card.reset() == atr
    ask(card, AID)
    assert ask(card, "80A80000078305015600310100" if name == "bank-sm4" else GPO).endswith("9000")
    assert card.memory.read_number("bank/counter") == begun + 1  # type: ignore[attr-defined]
    assert begun <= len(commands)
    card.power_off()
    assert all(card.transmit(command) == b"" for command in commands)
