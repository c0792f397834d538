"""Checks of the card's own data, EF05 of SSSE (spec/cards.md 1.3, 1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import ClassVar

from conformance.model import Check
from conformance.roles.card import CardTester
from conformance.roles.card_view import CardView
from conformance.suites.card_conversation import Session, Talk, generation, only, started
from conformance.suites.card_tables import BASIC, Item
from protocols.wire.base import Label

VERSIONS = {"1.0": (b"1.0", b"", b"1.1"), "2.0": (b"2.0",), "3.0": (b"3.0",)}
"""First three characters of record 03; cards of the first generation may leave it empty."""
ISSUER_HEAD = bytes.fromhex("9156000002")
APPLICATION_PROVIDER = bytes.fromhex("D156000005")


def value_of(talk: Talk, item: Item) -> bytes | None:
    """The value of a whole record of that tag and length; None when it is anything else."""
    head = bytes((item.tag, item.length))
    return talk.data[2:] if talk.data[:2] == head and len(talk.data) == item.length + 2 else None


def must_be_record(v: CardView, talk: Talk, item: Item) -> bytes | None:
    """Demand the record *item*; gives its value when it is there."""
    value = value_of(talk, item)
    v.must(
        talk.ok and value is not None,
        f"记录 {item.name}（{item.zh}）应为标签 {item.name}、长度 {item.length:02X} 加内容",
        f"record {item.name} ({item.en}) must be tag {item.name}, length {item.length:02X} and its value",
        talk,
    )
    return value if talk.ok else None


def is_date(value: bytes) -> bool:
    """Whether four BCD bytes are a day of the calendar."""
    text = value.hex()
    if len(text) != 8 or not text.isdecimal():
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


class _OneRecord(Check):
    """What checks of single records of EF05 share: read them by tag in steps of that name."""

    device_class = "card"
    source = "spec/cards.md 1.4"
    tags: tuple[int, ...] = ()

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.select(0xEF05)
        for item in BASIC:
            if item.tag in self.tags:
                with t.step(item.name):
                    await session.record(item.tag, item.length)


class Ef05Records(_OneRecord):
    """DG-W20-11, BJ-KSK-03: hosts read EF05 record by record before anything else; one that is missing stops them.

    Records 01 to 07, each with its tag, its fixed length and a value of that length.
    """

    id = "card.ef05.records"
    title = Label("EF05 的七条记录", "the seven records of EF05")
    clauses = ("DG-W20-11", "BJ-KSK-03", "LL-A1-18")
    control = "start"
    kills = ("card.ef05-record-length", "card.ef05-tag-lost")
    tags = tuple(item.tag for item in BASIC)

    def oracle(self, v: CardView) -> None:
        started(v)
        for item in BASIC:
            must_be_record(v, only(v, item.name), item)


class Ef05Identification(_OneRecord):
    """DG-W20-11, DG-GEN-03: the identification code must hold the registered provider id, or no system can route it.

    Area code (3), D156000005, serial (4), authentication code (4).
    """

    id = "card.ef05.identification"
    title = Label("卡的识别码结构", "structure of the card identification code")
    clauses = ("DG-W20-11", "DG-GEN-03")
    control = "start"
    kills = ("card.ef05-identification",)
    tags = (0x01,)

    def oracle(self, v: CardView) -> None:
        started(v)
        talk = only(v, "01")
        value = must_be_record(v, talk, BASIC[0])
        if value is None:
            return
        v.must(value[:3].hex().isdecimal(), "前 3 字节应为地区代码数字", "the first 3 bytes must be area digits", talk)
        v.must(
            value[3:8] == APPLICATION_PROVIDER,
            "第 4 至 8 字节应为 D156000005",
            "bytes 4 to 8 must be D156000005",
            talk,
        )


class Ef05Version(_OneRecord):
    """DG-W20-11: hosts choose file structure and authentication by the version; a wrong one picks the wrong path."""

    id = "card.ef05.version"
    title = Label("规范版本与声明的代次一致", "the version fits the declared generation")
    clauses = ("DG-W20-11", "LL-A1-18")
    control = "start"
    kills = ("card.ef05-version",)
    tags = (0x03,)

    def oracle(self, v: CardView) -> None:
        started(v)
        talk = only(v, "03")
        value = must_be_record(v, talk, BASIC[2])
        if value is None:
            return
        allowed = VERSIONS.get(generation(v.facts), ())
        head = value[:3].rstrip(b"\0 ")
        v.must(
            head in allowed,
            f"规范版本前三字符应与声明的 {generation(v.facts)} 一致，实际 {value.hex().upper()}",
            f"the first three characters must fit the declared {generation(v.facts)}, got {value.hex().upper()}",
            talk,
        )


class Ef05Dates(_OneRecord):
    """DG-W20-11, BJ-KSK-03: a host that parses an impossible date crashes or takes a valid card for an expired one."""

    id = "card.ef05.dates"
    title = Label("发卡日期与有效期", "dates of issue and expiry")
    clauses = ("DG-W20-11", "BJ-KSK-03")
    control = "start"
    kills = ("card.ef05-date", "card.ef05-tag-lost")
    tags = (0x05, 0x06)

    def oracle(self, v: CardView) -> None:
        started(v)
        issued, expires = only(v, "05"), only(v, "06")
        first, last = must_be_record(v, issued, BASIC[4]), must_be_record(v, expires, BASIC[5])
        if first is None or last is None:
            return
        v.must(is_date(first), "发卡日期应为 YYYYMMDD 的 BCD 码", "the date of issue must be BCD YYYYMMDD", issued)
        v.must(is_date(last), "有效期应为 YYYYMMDD 的 BCD 码", "the date of expiry must be BCD YYYYMMDD", expires)
        v.must(first <= last, "有效期不得早于发卡日期", "the card must not expire before it is issued", issued, expires)


class Ef05Organisation(_OneRecord):
    """DG-W20-11, DG-GEN-03: key factors come from the issuing area in it; wrong digits lock hosts out.

    9156000002, issuing area (3), initialising area (3), sequence (1), all digits.
    """

    id = "card.ef05.organisation"
    title = Label("初始化机构编号结构", "structure of the organisation number")
    clauses = ("DG-W20-11", "DG-GEN-03")
    control = "start"
    kills = ("card.ef05-organisation",)
    tags = (0x04,)

    def oracle(self, v: CardView) -> None:
        started(v)
        talk = only(v, "04")
        value = must_be_record(v, talk, BASIC[3])
        if value is None:
            return
        v.must(value[:5] == ISSUER_HEAD, "应以 9156000002 开头", "it must begin with 9156000002", talk)
        v.must(value[5:11].hex().isdecimal(), "两个地区代码应为数字", "both area codes must be digits", talk)


class Ef05CardClass(_OneRecord):
    """DG-W20-11: the card class chooses the service; values outside 1 to 4 are unknown to every host."""

    id = "card.ef05.card_class"
    title = Label("卡的类别取值", "value of the card class")
    clauses = ("DG-W20-11",)
    control = "start"
    kills = ("card.ef05-class",)
    tags = (0x02, 0x03)

    def oracle(self, v: CardView) -> None:
        started(v)
        talk = only(v, "02")
        value = must_be_record(v, talk, BASIC[1])
        if value is not None:
            v.must(value in (b"1", b"2", b"3", b"4"), "类别应为 1 至 4", "the class must be 1 to 4", talk)


class Ef05WriteProtected(Check):
    """DG-GEN-03: whoever can write EF05 without authentication can turn any card into another one.

    UPDATE RECORD without the right must be refused and leave the record as it was.
    """

    id = "card.ef05.write_protected"
    title = Label("未认证不得改写 EF05", "EF05 cannot be written without authentication")
    clauses = ("DG-GEN-03", "DG-W20-11")
    device_class = "card"
    control = "before"
    damage: ClassVar[Mapping[str, int]] = {"card_writes": 1}
    kills = ("card.plain-update",)
    source = "spec/cards.md 1.4, 1.6"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        with t.step("before"):
            old = (await session.read(0xEF05, 0x02, 1)).data
        with t.step("write"):
            await t.send("00DC02040302013" + ("1" if old[-1:] == b"4" else "4"))
        with t.step("after"):
            await session.read(0xEF05, 0x02, 1)

    def oracle(self, v: CardView) -> None:
        started(v)
        before, after = only(v, "before"), only(v, "after")
        old = must_be_record(v, before, BASIC[1])
        written = v.step("write").last
        v.must(
            old is not None and written.sw >> 8 in (0x69, 0x6A, 0x6D, 0x6E),
            "未认证的写记录应被拒绝",
            "UPDATE RECORD without authentication must be refused",
            written,
        )
        v.must(after.data == before.data, "记录内容不得改变", "the record must not have changed", before, after)
