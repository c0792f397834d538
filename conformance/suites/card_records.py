"""Checks of READ RECORD as deployed hosts use it (spec/cards.md 1.3, 1.10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from conformance.model import Check
from conformance.roles.card import CardTester
from conformance.roles.card_view import CardView
from conformance.suites.card_conversation import Session, control, is_contactless, only, started
from conformance.suites.card_tables import BASIC
from protocols.wire.base import Label

CARD_NUMBER_LENGTH = 11
"""Record 07 with tag and length: what 6Cxx must tell."""


class RecordByNumber(Check):
    """DG-W20-11, DG-SVC-PAY-05: contactless hosts read by SFI and record number, without SELECT of the file.

    ``00B2072C0B`` must give the very bytes that reading by tag gives, for every record of EF05.
    """

    id = "card.record.by_sfi_and_number"
    title = Label("按短文件标识和记录号读取", "read by SFI and record number")
    clauses = ("DG-W20-11", "DG-SVC-PAY-05")
    device_class = "card"
    control = "by_tag.01"
    kills = ("card.number-from-zero",)
    source = "spec/cards.md 1.3"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        for item in BASIC:
            with t.step(f"by_number.{item.name}"):
                await t.ask(bytes((0x00, 0xB2, item.tag, 0x2C, item.length + 2)))
        await session.select(0xEF05)
        for item in BASIC:
            with t.step(f"by_tag.{item.name}"):
                await session.record(item.tag, item.length)

    def oracle(self, v: CardView) -> None:
        started(v)
        for item in BASIC:
            numbered, tagged = only(v, f"by_number.{item.name}"), only(v, f"by_tag.{item.name}")
            control(tagged.data[:1] == bytes((item.tag,)), f"按标签读到 {item.name}", f"{item.name} by tag", tagged)
            v.must(
                numbered.ok and numbered.data == tagged.data,
                f"按记录号读取 {item.name} 应与按标签读取相同",
                f"record {item.name} by number must equal the one by tag",
                numbered,
                tagged,
            )


class RecordReadAll(Check):
    """DG-SVC-PAY-05, DG-WXC-15, DG-CXC-08: hosts read EF05 whole with ``00B20105FF``; records must join in order.

    The card may give the data at once or tell the true length with 6Cxx.
    """

    id = "card.record.read_all"
    title = Label("一次读取全部记录", "read all records at once")
    clauses = ("DG-SVC-PAY-05", "DG-WXC-15", "DG-CXC-08", "DG-W20-11")
    device_class = "card"
    control = "single"
    kills = ("card.6c-value-length", "card.all-reversed")
    source = "spec/cards.md 1.1, 1.3; open-readings.md, READ RECORD all with Le FF"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.select(0xEF05)
        with t.step("single"):
            for item in BASIC:
                await session.record(item.tag, item.length)
        with t.step("all"):
            await t.ask("00B20105FF")

    def oracle(self, v: CardView) -> None:
        started(v)
        total = sum(item.length + 2 for item in BASIC)
        singles = b"".join(only(v, "single", index).data for index in range(len(BASIC)))
        everything = only(v, "all")
        control(len(singles) == total, "逐条读到全部记录", "all records are read one by one", only(v, "single"))
        first = v.step("all").at(0)
        v.status_is(first, (0x9000, 0x6100, 0x6C00 | total), "以 Le FF 读取全部记录", "READ RECORD of all with Le FF")
        v.must(
            everything.ok and everything.data == singles,
            "全部记录应按顺序相连，与逐条读取一致",
            "all records must come joined in order, as they come one by one",
            everything,
        )


class RecordWrongLe(Check):
    """DG-W20-11: deployed hosts ask with the value length or too much and rely on ``6Cxx`` to tell the true one.

    With another length the card must answer 6C and the length of the whole record; data under a wrong Le is a fault.
    """

    id = "card.record.wrong_le"
    title = Label("Le 不符时返回 6Cxx 和真实长度", "a wrong Le is answered with 6Cxx and the true length")
    clauses = ("DG-W20-11", "LL-A1-18")
    device_class = "card"
    control = "right"
    kills = ("card.6c-value-length", "card.le-ignored")
    source = "spec/cards.md 1.3, 1.10"

    CASES: ClassVar[Mapping[Any, Any]] = {"value_length": 0x09, "too_large": 0x18, "too_small": 0x02}

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.select(0xEF05)
        for name, le in self.CASES.items():
            with t.step(name):
                await t.send(bytes((0x00, 0xB2, 0x07, 0x00, le)))
        with t.step("zero"):
            await t.send("00B2070000")
        with t.step("right"):
            await session.record(0x07, 9)

    def oracle(self, v: CardView) -> None:
        contactless = is_contactless(started(v).atr)
        right = only(v, "right")
        control(len(right.data) == CARD_NUMBER_LENGTH, "以正确 Le 读到记录 07", "record 07 with the right Le", right)
        for name, le in self.CASES.items():
            asked = v.step(name).at(0)
            if contactless and le > CARD_NUMBER_LENGTH and asked.sw == 0x9000 and asked.data == right.data:
                continue  # without T=0 an Le that is large enough may be answered
            v.status_is(asked, (0x6C00 | CARD_NUMBER_LENGTH,), f"Le 为 {le:02X}", f"Le {le:02X}")
        zero = v.step("zero").at(0)
        whole = zero.sw == 0x9000 and zero.data == right.data  # a reader may resolve 6Cxx by itself
        v.must(
            whole or zero.sw == (0x6C00 | CARD_NUMBER_LENGTH),
            "Le 为 00 时应返回 6C0B，或由读卡器取得整条记录",
            "Le 00 must be answered with 6C0B, or with the whole record where the reader resolves it",
            zero,
        )


class RecordMissing(Check):
    """DG-W20-11: a host asks for records a card may lack; anything but ``6A83`` makes it show rubbish or stop."""

    id = "card.record.missing"
    title = Label("不存在的记录", "a record that does not exist")
    clauses = ("DG-W20-11",)
    device_class = "card"
    control = "present"
    kills = ("card.missing-record-last",)
    source = "spec/cards.md 1.3, 1.8"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.select(0xEF05)
        with t.step("present"):
            await session.record(0x02, 1)
        with t.step("tag"):
            await t.ask("00B23F0010")
        with t.step("number"):
            await t.ask("00B2302C10")

    def oracle(self, v: CardView) -> None:
        started(v)
        present = only(v, "present")
        control(present.data[:2] == b"\x02\x01", "读到记录 02", "record 02 is read", present)
        v.status_is(v.step("tag").at(0), (0x6A83,), "读取不存在的标签", "READ RECORD of an absent tag")
        v.status_is(v.step("number").at(0), (0x6A83,), "读取不存在的记录号", "READ RECORD of an absent number")


class RecordMissingFile(Check):
    """DG-W20-11: a read of a file that is not there must say so; data from another file would be taken for its own."""

    id = "card.record.missing_file"
    title = Label("不存在的文件", "a file that does not exist")
    clauses = ("DG-W20-11",)
    device_class = "card"
    control = "present"
    kills = ("card.missing-sfi-ef05",)
    source = "spec/cards.md 1.3, 1.8 (6A82)"

    async def stimulus(self, t: CardTester) -> None:
        await Session.open(t)
        with t.step("present"):
            await t.ask("00B2022C03")
        with t.step("absent"):
            await t.ask("00B201DC10")

    def oracle(self, v: CardView) -> None:
        started(v)
        present = only(v, "present")
        control(present.data[:2] == b"\x02\x01", "以 SFI 05 读到记录 02", "record 02 is read by SFI 05", present)
        v.status_is(v.step("absent").at(0), (0x6A82,), "以不存在的 SFI 1B 读取", "READ RECORD with the absent SFI 1B")


class RecordNoCurrentFile(Check):
    """DG-W20-11: with no file selected the card must refuse; a host that forgot SELECT must not read a random file."""

    id = "card.record.no_current_file"
    title = Label("未选文件时读记录", "READ RECORD with no file selected")
    clauses = ("DG-W20-11",)
    device_class = "card"
    control = "selected"
    kills = ("card.unselected-reads",)
    source = "spec/cards.md 1.8 (6986)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        with t.step("unselected"):
            await session.record(0x02, 1)
        with t.step("selected"):
            await session.read(0xEF05, 0x02, 1)

    def oracle(self, v: CardView) -> None:
        started(v)
        unselected, selected = only(v, "unselected"), only(v, "selected")
        control(selected.data[:2] == b"\x02\x01", "选择后读到记录 02", "record 02 is read after SELECT", selected)
        v.must(
            not unselected.ok and not unselected.data and unselected.sw >> 8 in (0x69, 0x6A),
            "未选文件时应拒绝（6986），不得给出记录",
            "with no file selected the card must refuse (6986), not give a record",
            unselected,
        )
