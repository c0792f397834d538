"""The kiosk's driver against scripted cards: every byte is typed from spec/cards.md 1.2 to 1.6 and 6."""

from __future__ import annotations

import pytest

from protocols.driver.card_channel import CardChannel
from protocols.driver.psam import IRK, Psam, level_factors
from protocols.driver.social_security import (
    AuthenticationFailed,
    CardRefused,
    NotSocialSecurityCard,
    PinLocked,
    PinWrong,
    SocialSecurityCard,
)
from protocols.link.base import LinkError
from protocols.wire.apdu import Command
from protocols.wire.social_security import Algorithm

ATR = "3B6D00000081534D438660441900000001"
SELECT = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
FCI_3 = "6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C03860101"
FCI_2 = "6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E"

EF05 = {
    "00A4020002EF05": "9000",
    "00B2010012": "0110441900D15600000500000001FFFFFFFF9000",
    "00B2020003": "0201339000",
    "00B2030006": "0304332E30309000",
    "00B204000E": "040C9156000002441900441900019000",
    "00B2050006": "0504202001019000",
    "00B2060006": "0604203001019000",
    "00B207000B": "07094130303030303030319000",
}
EF06 = {
    "00A4020002EF06": "9000",
    "00B2080014": "08123434313930303139393030313031303031589000",
    "00B2090020": "091EB2E2CAD4BCD7" + "00" * 24 + "9000",
    "00B24E0016": "4E14" + "00" * 20 + "9000",
    "00B20A0003": "0A01319000",
    "00B20B0003": "0B01019000",
    "00B20C0005": "0C034419009000",
    "00B20D0006": "0D04199001019000",
}


class ScriptedPort:
    """Answers from a table; a list is used up in order. Anything else is 6D00. Keeps what was sent."""

    def __init__(self, *tables: dict[str, str | list[str]]) -> None:
        self.table = {
            key: list(value) if isinstance(value, list) else value for t in tables for key, value in t.items()
        }
        self.sent: list[str] = []
        self.powered = False

    async def power_on(self, warm: bool = False) -> bytes:
        self.powered = True
        return bytes.fromhex(ATR)

    async def power_off(self) -> None:
        self.powered = False

    async def transmit(self, apdu: bytes) -> bytes:
        self.sent.append(apdu.hex().upper())
        answer = self.table.get(self.sent[-1], "6D00")
        return bytes.fromhex(answer.pop(0) if isinstance(answer, list) else answer)

    async def aclose(self) -> None:
        self.powered = False


def selecting(fci: str) -> dict[str, str | list[str]]:
    length = f"{len(fci) // 2:02X}"
    return {SELECT: f"61{length}", f"00C00000{length}": fci + "9000"}


async def opened(*tables: dict[str, str | list[str]], fci: str = FCI_3) -> tuple[SocialSecurityCard, ScriptedPort]:
    port = ScriptedPort(selecting(fci), *tables)
    card = SocialSecurityCard(port)
    await card.open()
    return card, port


async def test_identity_of_the_printed_card():
    card, port = await opened(EF05)
    identity = await card.read_identity()
    assert identity.version == "3.0"
    assert identity.needs_authentication
    assert identity.area == "441900"
    assert identity.identification_code == "441900D15600000500000001"
    assert identity.card_class == "3"
    assert identity.organisation == "915600000244190044190001"
    assert (identity.issued_on, identity.valid_until) == ("20200101", "20300101")
    assert identity.card_number == "A00000001"
    assert identity.algorithm is Algorithm.TDES
    assert identity.historical.hex().upper() == "0081534D438660441900000001"
    assert not identity.contactless
    assert port.sent[:3] == [SELECT, "00C000001E", "00A4020002EF05"]


async def test_holder_of_the_printed_card():
    card, _ = await opened(EF06)
    holder = await card.read_holder()
    assert holder.id_number == "44190019900101001X"
    assert holder.name == "测试甲"
    assert (holder.sex, holder.ethnic_group, holder.birthplace, holder.born_on) == ("1", "01", "441900", "19900101")


async def test_long_name_is_joined_and_missing_records_are_empty():
    table = dict(EF06)
    table["00B24E0016"] = "4E14D2D2" + "00" * 18 + "9000"
    table["00B20C0005"] = "6A83"
    card, _ = await opened(table)
    holder = await card.read_holder()
    assert holder.name == "测试甲乙"
    assert holder.birthplace == ""


async def test_card_without_algorithm_is_3des_or_ssf33_by_area():
    card, _ = await opened(EF05, fci=FCI_2)
    assert (await card.read_identity()).algorithm is Algorithm.TDES
    beijing = {**EF05, "00B2010012": "0110110000D15600000500000001FFFFFFFF9000"}
    card, _ = await opened(beijing, fci=FCI_2)
    assert (await card.read_identity()).algorithm is Algorithm.SSF33


async def test_wrong_le_is_repeated_with_the_told_length():
    table = {**EF05, "00B207000B": "6C0C", "00B207000C": "070A413030303030303031329000"}
    card, port = await opened(table)
    assert (await card.read_identity()).card_number == "A000000012"
    assert port.sent[-2:] == ["00B207000B", "00B207000C"]


async def test_refused_read_names_command_and_reason():
    card, _ = await opened({**EF06, "00B2080014": "6982"})
    with pytest.raises(CardRefused) as refused:
        await card.read_holder()
    assert refused.value.sw == 0x6982
    assert "6982" in refused.value.label.zh
    assert refused.value.label.en.isascii()


@pytest.mark.parametrize(
    "table",
    [
        {SELECT: "6A82"},
        {SELECT: "9000"},
        {SELECT: "6112", "00C0000012": "6F108408A000000333010101A50450024243" + "9000"},
        {SELECT: "6104", "00C0000004": "DEADBEEF9000"},
    ],
)
async def test_another_card_is_told_apart(table: dict[str, str | list[str]]):
    with pytest.raises(NotSocialSecurityCard) as found:
        await SocialSecurityCard(ScriptedPort(table)).open()
    assert found.value.label.zh


async def test_record_of_another_tag_is_not_believed():
    card, _ = await opened({**EF05, "00B2020003": "0301339000"})
    with pytest.raises(NotSocialSecurityCard):
        await card.read_identity()


async def test_pin():
    table = {"0020000000": ["63C6", "6983", "9000"], "0020000003123456": ["9000", "63C5", "63C0", "6983", "6700"]}
    card, port = await opened(table)
    assert [await card.pin_tries_left() for _ in range(3)] == [6, 0, None]
    await card.verify_pin("123456")
    with pytest.raises(PinWrong) as wrong:
        await card.verify_pin("123456")
    assert wrong.value.tries_left == 5
    for _ in range(2):
        with pytest.raises(PinLocked):
            await card.verify_pin("123456")
    with pytest.raises(CardRefused):
        await card.verify_pin("123456")
    count = len(port.sent)
    for digits in ("123", "12a456", "1" * 17, "１２３４"):
        with pytest.raises(ValueError, match="digits"):
            await card.verify_pin(digits)
    assert len(port.sent) == count, "a malformed PIN costs no try"


async def test_odd_pin_is_padded_with_f():
    card, port = await opened({"002000000312345F": "9000"})
    await card.verify_pin("12345")
    assert port.sent[-1] == "002000000312345F"


PSAM_OPEN = {
    "00A40000023F00": "9000",
    "00B0960006": "4419000000019000",
    SELECT: "9000",
    "00A4040006D15600000590": "9000",
}
DELIVER = "BFDE67082086604419000000013434313930307378" + "3434303030307368" + "0102030405060708"
CIPHER = {
    DELIVER: "9000",
    "80FA0000081112131415161718": "6108",
    "00C0000008": "D6C0097A79F08B6F9000",
}


async def test_psam_computes_the_printed_authentication():
    port = ScriptedPort(PSAM_OPEN, CIPHER)
    psam = Psam(port)
    assert await psam.open() == "441900000001"
    factor, data = bytes.fromhex("0102030405060708"), bytes.fromhex("1112131415161718")
    historical = bytes.fromhex("0081534D438660441900000001")
    answer = await psam.authentication_data(IRK, Algorithm.TDES, "441900", historical, factor, data)
    assert answer.hex().upper() == "D6C0097A79F08B6F"


async def test_psam_with_fewer_levels_is_asked_again():
    port = ScriptedPort(
        PSAM_OPEN,
        CIPHER,
        {DELIVER: "6A80", "BFDE670818" + "8660441900000001" + "3434313930307378" + "0102030405060708": "9000"},
    )
    factor, data = bytes.fromhex("0102030405060708"), bytes.fromhex("1112131415161718")
    historical = bytes.fromhex("0081534D438660441900000001")
    answer = await Psam(port).authentication_data(IRK, Algorithm.TDES, "441900", historical, factor, data)
    assert answer.hex().upper() == "D6C0097A79F08B6F"


async def test_psam_without_the_key_says_so():
    port = ScriptedPort(PSAM_OPEN, {DELIVER: "6A88"})
    with pytest.raises(CardRefused) as refused:
        await Psam(port).authentication_data(
            IRK, Algorithm.TDES, "441900", bytes.fromhex("0081534D438660441900000001"), bytes(range(1, 9)), bytes(8)
        )
    assert refused.value.sw == 0x6A88


def test_factors_of_a_zhejiang_card_use_four_digits():
    factors = level_factors("330400", bytes.fromhex("0081534D438660330400000001"))
    assert [each.hex().upper() for each in factors] == ["8660330400000001", "3333303430307378", "3333303030307368"]


async def test_internal_authentication_right_and_forged():
    challenges = {"0084000008": ["01020304050607089000", "11121314151617189000"] * 2}
    for answer, right in (("D6C0097A79F08B6F", True), ("D6C0097A79F08B60", False)):
        card, _ = await opened(
            EF05, {"008800001001020304050607081112131415161718": "6108", "00C0000008": answer + "9000"}
        )
        await card.read_identity()
        psam = Psam(ScriptedPort(PSAM_OPEN, CIPHER, challenges))
        if right:
            await card.internal_authentication(psam)
        else:
            with pytest.raises(AuthenticationFailed):
                await card.internal_authentication(psam)


async def test_endless_answer_ends():
    port = ScriptedPort({"0084000008": "6108", "00C0000008": "01020304050607086108"})
    with pytest.raises(LinkError, match="without end"):
        await CardChannel(port).ask(Command(0x00, 0x84, le=8))
    assert len(port.sent) < 20


@pytest.mark.parametrize("raw", ["", "90"])
async def test_answer_without_status_word_is_an_error(raw: str):
    with pytest.raises(LinkError, match="response"):
        await CardChannel(ScriptedPort({"0084000008": raw})).ask(Command(0x00, 0x84, le=8))


async def test_close_takes_the_supply_away():
    card, port = await opened()
    await card.close()
    assert not port.powered
