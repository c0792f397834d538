"""The kiosk's driver of bank cards: against scripted cards whose bytes are typed from spec/cards.md 2.1 and 2.2, against the
simulated ones with pyemv as the judge of what they sign, and against cards that answer anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psec.des import encrypt_tdes_ecb
from pyemv import ac, kd

from protocols.driver.card_channel import CardChannel, CardRefused
from protocols.driver.pboc import BankApplication, PbocTerminal
from protocols.driver.pboc_errors import ApplicationBlocked, CardDeclined, CardMalformed, NoBankApplication
from protocols.driver.pboc_terminal import Results, cardholder_verification
from protocols.link.base import LinkError, LinkTimeout
from protocols.wire.base import WireError
from protocols.wire.pboc import FileRange, ProcessingOptions
from protocols.wire.tlv import parse_tlv
from scenarios.simulated import InProcessCardPort
from simulators.card.bank_card import build_bank_card
from simulators.card.bank_image import BankProfile
from simulators.card.people import make_person
from simulators.card.social_security import build_card

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

MORNING = 1_795_305_600.0
"""2026-11-22 08:00 in China."""
UN = bytes.fromhex("11223344")
PAN, TRACK = "6299990000000000012", "6299990000000000012D30122010000000000"
AID = "A000000333010101"

PSE = "00A404000E315041592E5359532E4444463031"
SELECT_AID, SELECT_PART, SELECT_NEXT = "00A4040008" + AID, "00A4040007A0000003330101", "00A4040207A0000003330101"
ADF_FCI = (
    "6F3C8408A000000333010101A530500A50424F432044454249548701019F38089F1A029F7A019C015F2D027A689F110101"
    "BF0C0A9F4D020B0ADF4D020C0A"
)
SELECTION = {
    PSE: "6120",
    "00C0000020": "6F1E840E315041592E5359532E4444463031A50C8801015F2D027A689F1101019000",
    "00B2010C00": ["6C1D"],
    "00B2010C1D": "701B61194F08A000000333010101500A50424F432044454249548701019000",
    "00B2020C00": "6A83",
    SELECT_AID: "613E",
    "00C000003E": ADF_FCI + "9000",
}
GPO = "80A8000006830401560000"
FILES = {
    GPO: "800A1C0008010100100102009000",
    "00B2010C00": ["6C1D", "702157136299990000000000012D30122010000000000F5F200943455348492F4A49419000"],
    "00B2011400": "704C5A0A6299990000000000012F5F3401015F24033012315F25032001015F280201569F0702FF00"
    "8E0C000000000000000042031F009F0D05D8609CA8009F0E0500100000009F0F05D8689CF8009000",
    "00B2021400": "70398C1B9F02069F03069F1A0295055F2A029A039C019F37049F21039F4E14"
    "8D1A8A029F02069F03069F1A0295055F2A029A039C019F37049F21039000",
}
# 12.50 yuan, 2026-11-22 08:00:00; no offline data authentication, PIN online, floor limit of zero.
SIGNED = "0000000012500000000000000156800004800001562611220011223344080000"
GAC_1 = "80AE800034" + SIGNED + "20" * 20
ARQC = "80138000018E49F1EFFD0A1D0807010103A0000001"
GAC_2 = "80AE400022" + "3030" + SIGNED
TC = "8013400001281DAC11B19D8A3D0701010360000001"
FIELD_55 = (
    "9F26088E49F1EFFD0A1D089F2701809F100807010103A00000019F3704112233449F3602000195058000048000"
    "9A032611229C01009F02060000000012505F2A02015682021C009F1A0201569F0306000000000000"
    "9F33036040209F34034203009F3501248408A000000333010101"
)


class ScriptedPort:
    """Answers from a table; a list is used up in order, its last entry stays. Anything else is 6A82."""

    def __init__(self, table: dict[str, str | list[str]]) -> None:
        self.table = {key: list(value) if isinstance(value, list) else [value] for key, value in table.items()}
        self.sent: list[str] = []

    async def power_on(self, warm: bool = False) -> bytes:
        return bytes.fromhex("3B670000") + b"ONECARD"

    async def power_off(self) -> None: ...

    async def aclose(self) -> None: ...

    async def transmit(self, apdu: bytes) -> bytes:
        sent = apdu.hex().upper()
        self.sent.append(sent)
        answers = self.table.get(sent, ["6A82"])
        return bytes.fromhex(answers.pop(0) if len(answers) > 1 else answers[0])


def merged(**changes: str | list[str]) -> dict[str, str | list[str]]:
    table: dict[str, str | list[str]] = {**SELECTION, **FILES, GAC_1: ARQC + "9000", GAC_2: TC + "9000"}
    table["00B2010C00"] = ["6C1D", *FILES["00B2010C00"][1:]]
    return {**table, **changes}


def scripted(table: dict[str, str | list[str]]) -> tuple[BankApplication, ScriptedPort]:
    port = ScriptedPort(table)
    return BankApplication(CardChannel(port)), port


async def signed(card: BankApplication, amount_fen: int = 1250) -> bytes:
    await card.open()
    await card.read()
    return await card.authorise(amount_fen, at=MORNING, unpredictable=UN)


# Bytes of the document.


async def test_the_whole_conversation_byte_by_byte() -> None:
    card, port = scripted(merged())
    assert (await card.open()).hex().upper() == AID
    data = await card.read()
    assert (data.pan, data.expiry, data.sequence, data.track2) == (PAN, "3012", "001", TRACK)
    assert data.aip == bytes.fromhex("1C00")
    assert data.afl == (FileRange(1, 1, 1), FileRange(2, 1, 2))
    assert PAN not in repr(data)
    chip_data = await card.authorise(1250, at=MORNING, unpredictable=UN)
    assert chip_data.hex().upper() == FIELD_55
    assert await card.complete("00") is True
    assert port.sent == [
        PSE,
        "00C0000020",
        "00B2010C00",
        "00B2010C1D",
        "00B2020C00",
        SELECT_AID,
        "00C000003E",
        GPO,
        "00B2010C00",
        "00B2011400",
        "00B2021400",
        GAC_1,
        GAC_2,
    ]


async def test_answers_in_two_pieces_are_joined() -> None:
    """61xx twice for one answer: spec/cards.md 2.2, negative cases."""
    table = merged(**{SELECT_AID: "6120", "00C0000020": [SELECTION["00C0000020"], ADF_FCI[:64] + "611E"]})
    table["00C000001E"] = ADF_FCI[64:] + "9000"
    card, _ = scripted(table)
    assert (await signed(card)).hex().upper() == FIELD_55


async def test_without_a_directory_the_scheme_is_tried() -> None:
    table = merged(**{PSE: "6A82", SELECT_PART: "613E", SELECT_NEXT: "6A82"})
    card, port = scripted(table)
    assert (await signed(card)).hex().upper() == FIELD_55
    assert port.sent[:4] == [PSE, SELECT_PART, "00C000003E", SELECT_NEXT]


@pytest.mark.parametrize("directory", ["70056103500142" + "9000", "70FF" + "9000", "9000", "6985"])
async def test_a_directory_that_cannot_be_read_is_as_good_as_none(directory: str) -> None:
    table = merged(**{SELECT_PART: "613E", SELECT_NEXT: "6A82"})
    table["00B2010C00"] = [directory, FILES["00B2010C00"][1]]
    card, _ = scripted(table)
    assert (await signed(card)).hex().upper() == FIELD_55


async def test_applications_of_other_schemes_are_passed_over() -> None:
    other = "61094F07A0000000031010"
    cash = "610A4F08A000000333010106"
    table = merged(**{"00B2010C1D": f"7017{other}{cash}9000", PSE: "6120"})
    card, port = scripted(table)
    with pytest.raises(NoBankApplication) as none:
        await card.open()
    assert none.value.label.zh == "卡内没有银行应用"
    assert SELECT_AID not in port.sent


async def test_the_first_by_priority_that_is_not_blocked() -> None:
    credit, debit = "A000000333010102", AID
    entries = f"610D4F08{debit}870102" + f"610D4F08{credit}870101"
    table = merged(**{"00B2010C1D": f"701E{entries}9000", "00A4040008" + credit: "6283"})
    card, port = scripted(table)
    assert (await card.open()).hex().upper() == debit
    assert port.sent.index("00A4040008" + credit) < port.sent.index(SELECT_AID)


@pytest.mark.parametrize("answer", [{PSE: "6A81"}, {SELECT_AID: "6283"}, {PSE: "6A82", SELECT_PART: "6283"}])
async def test_blocked(answer: dict[str, str]) -> None:
    card, _ = scripted(merged(**answer))
    with pytest.raises(ApplicationBlocked):
        await card.open()


async def test_a_card_that_names_the_same_application_for_ever() -> None:
    card, port = scripted(merged(**{PSE: "6A82", SELECT_PART: "613E", SELECT_NEXT: "613E"}))
    await card.open()
    assert port.sent.count(SELECT_NEXT) == 1


async def test_a_directory_without_end() -> None:
    table = {**{f"00B2{n:02X}0C00": SELECTION["00B2010C1D"] for n in range(1, 256)}, PSE: "6120"}
    table |= {"00C0000020": SELECTION["00C0000020"], SELECT_AID: ADF_FCI + "9000"}
    card, port = scripted(table)
    await card.open()
    assert len(port.sent) < 25


TRACK_RECORD, DATA_RECORD, LISTS = FILES["00B2010C00"][1], str(FILES["00B2011400"]), str(FILES["00B2021400"])


@pytest.mark.parametrize(
    ("command", "answer", "why"),
    [
        (GPO, "9000", "processing options"),
        (GPO, "80051C00080101" + "9000", "94"),
        (GPO, "80061C0008010000" + "9000", "94"),
        (GPO, "80061C00080201009000", "94"),
        (GPO, "80061C00080101029000", "94"),
        (GPO, "80061C000801FF009000", "more than 64"),
        (GPO, "770482021C009000", "94"),
        (GPO, "770E82021C0094080801010010010200" + "00" + "9000", "(at byte"),
        ("00B2011400", DATA_RECORD[:-6] + "9000", "record 2.1"),
        ("00B2011400", "61" + DATA_RECORD[2:], "record 2.1"),
        ("00B2011400", TRACK_RECORD, "57 a second time"),
        ("00B2011400", DATA_RECORD.replace("5A0A6299990000000000012F", "5A0A6299990000000000029F"), "two cards"),
        ("00B2011400", DATA_RECORD.replace("5A0A6299990000000000012F", "5A0A62999900000000A0012F"), "5A"),
        ("00B2011400", DATA_RECORD.replace("5F2403301231", "5F2403301331"), "5F24"),
        ("00B2011400", DATA_RECORD.replace("5F340101", "5F34010A"), "5F34"),
        ("00B2021400", LISTS.replace("8C1B", "8B1B"), "no 8C"),
        ("00B2021400", LISTS.replace("9F4E14", "9F4E94"), "byte"),
    ],
)
async def test_what_breaks_the_format_is_refused_with_its_place(command: str, answer: str, why: str) -> None:
    card, port = scripted(merged(**{command: answer}))
    await card.open()
    with pytest.raises(CardMalformed, match=why.replace("(", r"\(")) as refused:
        await card.read()
    assert PAN not in str(refused.value)
    assert refused.value.label.zh
    assert not any(each.startswith("80AE") for each in port.sent)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("8013000001" + ARQC[10:] + "9000", CardDeclined),
        ("8013400001" + ARQC[10:] + "9000", CardMalformed),
        ("8013C00001" + ARQC[10:] + "9000", CardMalformed),
        ("800A80000111223344556677" + "9000", CardMalformed),
        ("800B8000018E49F1EFFD0A1D08" + "9000", CardMalformed),
        ("771A9F2701809F360200019F26088E49F1EFFD0A1D08" + "9000", CardMalformed),
        ("9000", CardMalformed),
        ("6985", CardRefused),
    ],
)
async def test_cryptograms_that_are_none(answer: str, error: type[LinkError]) -> None:
    card, _ = scripted(merged(**{GAC_1: answer}))
    with pytest.raises(error):
        await signed(card)


async def test_a_refusal_says_which_command() -> None:
    card, _ = scripted(merged(**{GPO: "6985"}))
    await card.open()
    with pytest.raises(CardRefused, match="GET PROCESSING OPTIONS"):
        await card.read()


@pytest.mark.parametrize("amount_fen", [-1, 10**12])
async def test_amounts_that_fit_no_field(amount_fen: int) -> None:
    card, port = scripted(merged())
    with pytest.raises(ValueError, match="amount"):
        await signed(card, amount_fen)
    assert not any(each.startswith("80AE") for each in port.sent)


async def test_what_the_issuer_wants_refused_is_refused_without_a_request() -> None:
    """An expired card whose denial list names that result: AAC at once."""
    expired = DATA_RECORD.replace("5F2403301231", "5F2403201231").replace("9F0E050010000000", "9F0E050040000000")
    refusal = "80AE000034" + SIGNED.replace("8000048000", "8040048000") + "20" * 20
    card, port = scripted(merged(**{"00B2011400": expired, refusal: "8013000001" + ARQC[10:] + "9000"}))
    with pytest.raises(CardDeclined):
        await signed(card)
    assert port.sent[-1] == refusal


@pytest.mark.parametrize(
    ("rules", "amount_fen", "result", "bits"),
    [
        ("000000000000000042031F00", 100, "420300", "0000040000"),
        ("00000000000000001F00", 100, "1F0002", "0000000000"),
        ("000000000000000041034200", 100, "420000", "0000040000"),
        ("000000000000000001004200", 100, "3F0001", "0000800000"),
        ("000000000000000041034403", 100, "3F0001", "0000800000"),
        ("000003E8000000001F064203", 999, "1F0602", "0000000000"),
        ("000003E8000000001F064203", 1000, "420300", "0000040000"),
        ("00000000000003E842091F00", 1001, "420900", "0000040000"),
        ("00000000000003E842091F00", 1000, "1F0002", "0000000000"),
        ("", 100, "3F0000", "0000000000"),
    ],
)
def test_verification_list(rules: str, amount_fen: int, result: str, bits: str) -> None:
    results = Results()
    options = ProcessingOptions(bytes.fromhex("1C00"), ())
    found = cardholder_verification(options, bytes.fromhex(rules), amount_fen, results)
    assert (found.hex().upper(), results.value.hex().upper()) == (result, bits)


def test_verification_list_that_cannot_be() -> None:
    for wrong in ("0000", "00000000000000004203" + "1F"):
        with pytest.raises(WireError):
            cardholder_verification(ProcessingOptions(b"\x1c\x00", ()), bytes.fromhex(wrong), 1, Results())


async def test_issuer_data_that_are_no_tlv_reach_no_card() -> None:
    card, port = scripted(merged())
    await signed(card)
    sent = len(port.sent)
    with pytest.raises(WireError):
        await card.complete("00", bytes.fromhex("910A4485"))
    assert len(port.sent) == sent


async def test_scripts_of_the_issuer_are_carried_and_a_failed_one_is_noted() -> None:
    """A script before the second cryptogram (71): its failure stands in the results that the card signs."""
    script = "7110860604DA9F580105860604DA9F590105"
    failed = "80AE400022" + "3030" + SIGNED.replace("8000048000", "8000048020")
    card, port = scripted(merged(**{"04DA9F580105": "6988", failed: TC + "9000"}))
    await signed(card)
    assert await card.complete("00", bytes.fromhex(script)) is True
    assert port.sent[-2:] == ["04DA9F580105", failed]


# Simulated cards, with pyemv as the judge.


def session_key(pan: str, counter: int) -> bytes:
    icc = kd.derive_icc_mk_a(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"), pan, "01")
    count = counter.to_bytes(2, "big")
    return encrypt_tdes_ecb(icc, bytes(6) + count + bytes(6) + bytes(each ^ 0xFF for each in count))


def judged(chip_data: bytes, pan: str) -> bytes:
    """The session key, after the cryptogram in *chip_data* was found to be right by another library."""
    said = {each.tag: each.value for each in parse_tlv(chip_data)}
    key = session_key(pan, int.from_bytes(said[0x9F36], "big"))
    order = (0x9F02, 0x9F03, 0x9F1A, 0x95, 0x5F2A, 0x9A, 0x9C, 0x9F37, 0x82, 0x9F36)
    data = b"".join(said[tag] for tag in order) + said[0x9F10][3:7]
    assert said[0x9F26] == ac.generate_ac(key, data, ac.PaddingType.EMV)
    return key


SIMULATED: dict[str, Callable[[], Any]] = {
    "bank": build_bank_card,
    "format-2": lambda: build_bank_card(profile=BankProfile(answer="77", more_issuer_data=b"\x01\x02")),
    "no-directory": lambda: build_bank_card(profile=BankProfile(environment=False)),
    "no-priority": lambda: build_bank_card(profile=BankProfile(priority=False, counters=False)),
    "2.0": lambda: build_card("2.0"),
    "3.0": lambda: build_card("3.0"),
    "somebody": lambda: build_bank_card(make_person(7)),
}


@pytest.mark.parametrize("name", SIMULATED)
async def test_simulated_cards_sign_what_pyemv_signs(name: str) -> None:
    chip = SIMULATED[name]()
    card = BankApplication(CardChannel(InProcessCardPort(chip)))
    for counter in (1, 2, 3):
        await card.open()
        data = await card.read()
        chip_data = await card.authorise(1250, at=MORNING, unpredictable=UN)
        key = judged(chip_data, data.pan)
        said = {each.tag: each.value for each in parse_tlv(chip_data)}
        assert int.from_bytes(said[0x9F36], "big") == counter
        arpc = ac.generate_arpc_1(key, said[0x9F26], b"00")
        assert await card.complete("00", bytes.fromhex("910A") + arpc + b"00") is True


async def test_a_contactless_face() -> None:
    card = BankApplication(CardChannel(InProcessCardPort(build_bank_card(contactless=True))))
    await card.open(contactless=True)
    data = await card.read()
    judged(await card.authorise(1, at=MORNING, unpredictable=UN), data.pan)


async def test_a_card_of_the_sm_ciphers_is_told_that_the_terminal_knows_them() -> None:
    chip = build_bank_card(profile=BankProfile(algorithm="sm4"))
    card = BankApplication(CardChannel(InProcessCardPort(chip)))
    said = {each.tag: each.value for each in parse_tlv(await signed(card))}
    assert said[0x9F10][-1] == 0x04
    assert chip.transaction is not None
    assert await card.complete("00") is True


@pytest.mark.parametrize(
    ("code", "issuer", "accepted"), [("05", "", False), ("Z3", "", False), ("00", "910A" + "11" * 8 + "3030", False)]
)
async def test_refusals_at_the_end(code: str, issuer: str, accepted: bool) -> None:
    card = BankApplication(CardChannel(InProcessCardPort(build_bank_card())))
    await signed(card)
    assert await card.complete(code, bytes.fromhex(issuer)) is accepted


async def test_cards_without_a_bank_application() -> None:
    card = BankApplication(CardChannel(InProcessCardPort(build_card("1.0"))))
    with pytest.raises(NoBankApplication):
        await card.open()
    blocked = BankApplication(CardChannel(InProcessCardPort(build_bank_card(profile=BankProfile(blocked=True)))))
    with pytest.raises(ApplicationBlocked):
        await blocked.open()


async def test_merchant_and_currency_are_the_terminals_own() -> None:
    chip = build_bank_card()
    terminal = PbocTerminal(currency="0840", merchant="社区卫生服务站")
    card = BankApplication(CardChannel(InProcessCardPort(chip)), terminal)
    said = {each.tag: each.value for each in parse_tlv(await signed(card))}
    assert said[0x5F2A] == bytes.fromhex("0840")
    assert await card.complete("00") is True
    chip.transmit(bytes.fromhex("00B2015C2D"))
    assert "社区卫生服务站".encode("gbk") in chip.transmit(bytes.fromhex("00B2015C2D"))


# Cards that answer anything.


class AnyPort(ScriptedPort):
    """Gives *answers* one after the other, then silence."""

    def __init__(self, answers: list[bytes]) -> None:
        super().__init__({})
        self.answers = answers

    async def transmit(self, apdu: bytes) -> bytes:
        self.sent.append(apdu.hex())
        if not self.answers:
            raise LinkTimeout("silent")
        return self.answers.pop(0)


GOOD = [bytes.fromhex(each) for table in (SELECTION, FILES) for each in table.values() if isinstance(each, str)]
GOOD += [bytes.fromhex(each) for each in (TRACK_RECORD, ADF_FCI + "9000", ARQC + "9000", TC + "9000", "6A83", "6110")]


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """A good answer with one byte changed, or cut."""
    answer = bytearray(draw(st.sampled_from(GOOD)))
    answer[draw(st.integers(0, len(answer) - 1))] = draw(st.integers(0, 255))
    return bytes(answer) if draw(st.booleans()) else bytes(answer[: draw(st.integers(0, len(answer)))]) + b"\x90\x00"


@settings(max_examples=300, deadline=None)
@given(answers=st.lists(st.one_of(st.sampled_from(GOOD), bent(), st.binary(max_size=60)), max_size=40))
async def test_no_card_breaks_or_holds_the_driver(answers: list[bytes]) -> None:
    port = AnyPort(answers)
    card = BankApplication(CardChannel(port))
    try:
        assert len(await signed(card)) <= 255
        await card.complete("00")
    except LinkError:
        pass
    assert len(port.sent) <= 41
