"""Checks of how the card answers any host: GET RESPONSE, undefined commands, lengths (spec/cards.md 1.2, 1.8, 1.10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from conformance.model import Check
from conformance.roles.card import CardTester
from conformance.roles.card_view import CardView
from conformance.suites.card_conversation import SELECT_SSSE, Session, control, only, started
from protocols.wire.base import Label

REFUSED_P1P2 = (0x6A86, 0x6B00)
HARMLESS = (0x02, 0x0E, 0x10, 0x22, 0x2A, 0x30, 0x44, 0x4A, 0x70, 0xA0, 0xB4, 0xCA, 0xF2, 0xFE)
"""Instructions that no document gives this card: none of them writes, locks or counts."""


async def read_version(t: CardTester, session: Session) -> None:
    """The positive control after a refusal: the card still reads, in the step ``after``."""
    with t.step("after"):
        await session.read(0xEF05, 0x03, 4)


def still_reads(v: CardView) -> None:
    """Demand that the card still works after what it was asked."""
    after = only(v, "after")
    v.must(after.ok and after.data[:2] == b"\x03\x04", "其后仍可读 EF05", "EF05 is read afterwards", after)


class GetResponseOnce(Check):
    """DG-WXC-19, DG-W20-11: hosts do one GET RESPONSE round; data that stays behind is taken for the next answer.

    After ``61xx`` the announced number of bytes comes once; a second GET RESPONSE must be refused.
    """

    id = "card.transport.get_response_once"
    title = Label("GET RESPONSE 只能取一次", "GET RESPONSE gives the data once")
    clauses = ("DG-WXC-19", "DG-W20-11")
    device_class = "card"
    control = "twice"
    kills = ("card.response-repeats",)
    source = "spec/cards.md 1.2, 1.10"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        with t.step("select"):
            announced = await t.send(SELECT_SSSE)
        length = announced.sw & 0xFF if announced.sw >> 8 == 0x61 else len(announced.data)
        again = bytes((0x00, 0xC0, 0x00, 0x00, length & 0xFF))
        if announced.sw >> 8 == 0x61:
            with t.step("collect"):
                await t.send(again)
        with t.step("twice"):
            await t.send(again)
        await read_version(t, session)

    def oracle(self, v: CardView) -> None:
        start = started(v)
        announced = v.step("select").at(0)
        whole = announced.sw == 0x9000  # a contactless card, or a reader that fetches it, gives the answer at once
        collected = announced if whole else v.step("collect").at(0)
        length = len(start.fci) if whole else announced.sw & 0xFF
        v.must(
            collected.sw == 0x9000 and len(collected.data) == length and collected.data == start.fci,
            "应一次给出 61xx 所报长度的 FCI",
            "the FCI must come at once, with the length that 61xx told",
            announced,
            collected,
        )
        twice = v.step("twice").at(0)
        v.must(
            twice.sw != 0x9000 and twice.sw >> 8 != 0x61 and not twice.data,
            "再次 GET RESPONSE 应被拒绝",
            "a second GET RESPONSE must be refused",
            twice,
        )
        still_reads(v)


class GetResponseStale(Check):
    """DG-WXC-19: an announced answer ends with the next command, or a host that changes its mind reads the old one."""

    id = "card.transport.get_response_stale"
    title = Label("其他命令之后不得再取旧答复", "another command ends the announced answer")
    clauses = ("DG-WXC-19", "DG-W20-11")
    device_class = "card"
    control = "between"
    kills = ("card.response-stale",)
    source = "spec/cards.md 1.2; ISO/IEC 7816-4 GET RESPONSE"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        with t.step("select"):
            await t.send(SELECT_SSSE)
        with t.step("between"):
            await t.ask("00B2032C06")
        with t.step("late"):
            await t.send("00C0000004")
        await read_version(t, session)

    def oracle(self, v: CardView) -> None:
        started(v)
        between = only(v, "between")
        control(between.data[:2] == b"\x03\x04", "中间读到记录 03", "record 03 is read in between", between)
        late = v.step("late").at(0)
        v.must(
            late.sw != 0x9000 and late.sw >> 8 not in (0x61, 0x6C) and not late.data,
            "其后的 GET RESPONSE 应被拒绝",
            "GET RESPONSE afterwards must be refused",
            late,
        )
        still_reads(v)


class UnknownInstruction(Check):
    """DG-W20-11: hosts probe cards; an instruction accepted without a meaning makes them go the wrong way."""

    id = "card.transport.unknown_ins"
    title = Label("未定义的指令", "undefined instructions")
    clauses = ("DG-W20-11", "DG-WXC-19")
    device_class = "card"
    control = "after"
    kills = ("card.half-status-word", "card.unknown-ins-9000")
    source = "spec/cards.md 1.8 (6D00)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        for ins in (0x02, 0x70, 0xF2):
            with t.step(f"ins.{ins:02X}"):
                await t.send(bytes((0x00, ins, 0x00, 0x00, 0x00)))
        await read_version(t, session)

    def oracle(self, v: CardView) -> None:
        started(v)
        for step in v.each("ins.*"):
            v.status_is(step.at(0), (0x6D00,), "未定义的 INS", "undefined INS")
        still_reads(v)


class UnknownClass(Check):
    """DG-W20-11: a command of another class is meant for another application and must not be carried out."""

    id = "card.transport.unknown_cla"
    title = Label("未定义的类别字节", "undefined class bytes")
    clauses = ("DG-W20-11", "DG-WXC-19")
    device_class = "card"
    control = "after"
    kills = ("card.any-class",)
    source = "spec/cards.md 1.8 (6E00)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        for cla in (0xC4, 0xD0, 0xE0):
            with t.step(f"cla.{cla:02X}"):
                await t.send(bytes((cla, 0xB2, 0x03, 0x2C, 0x06)))
        await read_version(t, session)

    def oracle(self, v: CardView) -> None:
        started(v)
        for step in v.each("cla.*"):
            v.status_is(step.at(0), (0x6E00,), "未定义的 CLA", "undefined CLA")
        still_reads(v)


class WrongParameters(Check):
    """DG-W20-11: wrong P1 P2 must be refused; a card that ignores them answers another question than was asked."""

    id = "card.transport.wrong_p1p2"
    title = Label("错误的 P1 P2", "wrong P1 P2")
    clauses = ("DG-W20-11",)
    device_class = "card"
    control = "after"
    kills = ("card.any-parameters", "card.challenge-any-length")
    source = "spec/cards.md 1.8 (6A86)"

    CASES: ClassVar[Mapping[Any, Any]] = {
        "challenge": "0084550008",
        "internal": "008877001001020304050607081112131415161718",
    }

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        for name, command in self.CASES.items():
            with t.step(f"wrong.{name}"):
                await t.ask(command)
        await read_version(t, session)

    def oracle(self, v: CardView) -> None:
        started(v)
        for step in v.each("wrong.*"):
            v.status_is(step.last, REFUSED_P1P2, "错误的 P1 P2", "wrong P1 P2")
        still_reads(v)


class WrongLength(Check):
    """DG-W20-11: a command with a length it cannot have must be refused, or the card computes over missing bytes."""

    id = "card.transport.wrong_lc"
    title = Label("错误的数据长度", "wrong data lengths")
    clauses = ("DG-W20-11",)
    device_class = "card"
    control = "after"
    kills = ("card.any-length",)
    source = "spec/cards.md 1.6, 1.8 (6700)"

    CASES: ClassVar[Mapping[Any, Any]] = {"internal": "008800000701020304050607", "external": "008200040411121314"}

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        for name, command in self.CASES.items():
            await session.challenge()
            with t.step(f"wrong.{name}"):
                await t.ask(command)
        await read_version(t, session)

    def oracle(self, v: CardView) -> None:
        started(v)
        for step in v.each("wrong.*"):
            v.status_is(step.last, (0x6700,), "错误的 Lc", "wrong Lc")
        still_reads(v)


class AlwaysStatusWord(Check):
    """DG-WXC-19, DG-W20-11: an answer of less than two bytes hangs PC/SC stacks; a status word must end every answer.

    Whatever is asked, the card answers at least two bytes and its first status byte is 6x or 9x.
    """

    id = "card.transport.whole_answers"
    title = Label("任何命令都以状态字应答", "every command is answered with a status word")
    clauses = ("DG-WXC-19", "DG-W20-11")
    device_class = "card"
    control = "after"
    kills = ("card.half-status-word",)
    source = "spec/cards.md 4.1, ISO/IEC 7816-3 12.2.1"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        with t.step("sweep"):
            for ins in HARMLESS:
                await t.send(bytes((0x00, ins, 0x00, 0x00)))
                await t.send(bytes((0x80, ins, 0x00, 0x00, 0x08)))
            for command in ("00B2000000", "00B2FF0400", "00B0FFFFFF", "00A4000000", "0084000000", "00C00000FF"):
                await t.send(command)
        await session.ssse()
        await read_version(t, session)

    def oracle(self, v: CardView) -> None:
        started(v)
        for each in v.step("sweep").exchanges:
            whole = each.answered and each.sw >> 12 in (0x6, 0x9) and each.sw >> 8 != 0x60
            v.must(whole, f"{each.header} 应以状态字应答", f"{each.header} must be answered with a status word", each)
        still_reads(v)
