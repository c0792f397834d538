"""Card reader: the antenna. CPU cards of ISO 14443-4, and the storage cards S50 and S70 (spec/devices.md 4.1 row 60)."""

from __future__ import annotations

from typing import ClassVar

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import ReaderView
from conformance.suites.card_reader_acts import SELECT_SSSE, command, eject, put_in, read_ef05, transmit
from conformance.suites.card_reader_words import ReaderCheck, card_seen, ef05_follows
from protocols.wire.base import Label
from protocols.wire.card_reader import Error, Op, Place, Request

CRT591 = ("crt591",)
BOTH = ("insert", "remove")
FACTORY_KEY = b"\xff" * 6
WRONG_KEY = bytes.fromhex("010203040506")
SECTOR = 1
SW_DONE = b"\x90\x00"
SHORTEST_ACTIVATION = 7
"""Type, ATQA or ATQB, and a UID of four bytes."""

NO_FIELD = (
    Error.ACTIVATION,
    Error.NO_ANSWER,
    Error.SEQUENCE,
    Error.NOT_ACTIVATED,
    Error.CARD_COMMUNICATION,
    Error.UNSUPPORTED_CARD,
    Error.CANNOT_EXECUTE,
)


async def field_on(t: ReaderTester) -> None:
    """Step ``field``: bring the card before the antenna and activate it."""
    with t.step("field"):
        await command(t, Request(Op.MOVE, place=Place.RF))
        await t.ask(Request(Op.RF_ON))


def field_is_on(v: ReaderView) -> bool:
    """The card must be seen and activated, with a UID."""
    exchange = v.step("field").only(Op.RF_ON)
    if not (card_seen(v) and v.succeeded(exchange, "非接触激活", "contactless activation")):
        return False
    size = len(exchange.reply.data)
    return v.must(
        size >= SHORTEST_ACTIVATION,
        f"给出卡类型和 UID（{size} 字节）",
        f"type and UID are given ({size} bytes)",
        exchange,
    )


class RfReads(ReaderCheck):
    """DG-WXC-15, DG-CXC-08: a contactless CPU card whose application cannot be read would break it."""

    id = "reader.rf.cpu-card"
    title = Label("可读非接触 CPU 卡", "reads contactless CPU cards")
    clauses = ("DG-WXC-15", "DG-CXC-08")
    variants, needs, hand = CRT591, ("reader.rf",), BOTH
    kills = ("reader.field-answers-lost",)
    source = "spec/devices.md 4.1 (60 30, 34), spec/cards.md 1.1 (contactless use)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await field_on(t)
        await read_ef05(t, Op.RF_APDU)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if field_is_on(v):
            ef05_follows(v, "3.0", Op.RF_APDU)


class RfOff(ReaderCheck):
    """DG-WXC-15, DG-WXC-21: an antenna that still talks after it was switched off, or without a card, would break it."""

    id = "reader.rf.off"
    title = Label("关闭后不再应答，无卡时不激活", "no answer with the field off, none without a card")
    clauses = ("DG-WXC-15", "DG-WXC-21")
    variants, needs, hand = CRT591, ("reader.rf",), BOTH
    control = "field"
    kills = ("reader.field-stays-on",)
    source = "spec/devices.md 4.1 (60 31)"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("empty"):
            await t.ask(Request(Op.RF_ON))
        await put_in(t)
        await field_on(t)
        with t.step("on"):
            await transmit(t, SELECT_SSSE, Op.RF_APDU)
        with t.step("off"):
            await t.ask(Request(Op.RF_OFF))
            await t.ask(Request(Op.RF_APDU, data=SELECT_SSSE))
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        v.refused(v.step("empty").first, NO_FIELD, "无卡时激活", "activation without a card")
        if field_is_on(v):
            v.must(v.step("on").first.reply.ok, "激活后应答", "it answers while the field is on", v.step("on"))
            v.refused(v.step("off").only(Op.RF_APDU), (), "关闭后的 APDU", "an APDU with the field off")


class Mifare(ReaderCheck):
    """A storage card: authenticate, read, write, and a wrong key."""

    clauses = ("DG-WXC-16",)
    variants, needs, hand = CRT591, ("reader.mifare",), BOTH
    control = "field"
    device_class = "card_reader"
    damage: ClassVar[dict[str, int]] = {"card_writes": 1}
    card = ""
    atqa = b""

    async def pseudo(self, t: ReaderTester, text: str, data: bytes = b"") -> None:
        with t.step(text.split()[0]):
            await t.ask(Request(Op.MIFARE, data=bytes.fromhex(text.split()[1]) + data))

    async def drive(self, t: ReaderTester) -> None:
        content = bytes(range(16))
        await put_in(t, self.card)
        await field_on(t)
        await self.pseudo(t, f"closed 00B0{SECTOR:02X}0001")
        await self.pseudo(t, f"wrong 002000{SECTOR:02X}06", WRONG_KEY)
        await field_on(t)
        await self.pseudo(t, f"open 002000{SECTOR:02X}06", FACTORY_KEY)
        await self.pseudo(t, f"write 00D1{SECTOR:02X}0110", content)
        await self.pseudo(t, f"read 00B0{SECTOR:02X}0101")
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not field_is_on(v):
            return
        activated = v.each("field")[0].only(Op.RF_ON)
        v.must(self.atqa in activated.reply.data, "ATQA 与卡类型一致", "the ATQA fits the type", activated)
        for name, zh, en in (
            ("closed", "未验证密钥即读", "reading before authentication"),
            ("wrong", "错误密钥", "a wrong key"),
        ):
            exchange = v.step(name).first
            denied = not exchange.reply.ok or exchange.reply.data[-2:] != SW_DONE
            v.must(denied, f"{zh}须被拒绝", f"{en} must be refused", exchange)
        for name, zh, en in (
            ("open", "验证密钥", "authenticate"),
            ("write", "写块", "write a block"),
            ("read", "读块", "read it"),
        ):
            exchange = v.step(name).first
            if v.succeeded(exchange, zh, en):
                sw = exchange.reply.data[-2:]
                v.must(sw == SW_DONE, f"{zh}：{sw.hex().upper()}", f"{en}: {sw.hex().upper()}", exchange)
        read = v.step("read").first
        v.must(read.reply.data[:-2] == bytes(range(16)), "读出的就是写入的", "what was written is read", read)


class MifareS50(Mifare):
    """DG-WXC-16: an S50 that cannot be opened, written and read, or opens with a wrong key, would break it."""

    id = "reader.rf.s50"
    title = Label("可验证、读、写 S50 卡", "authenticates, reads and writes S50 cards")
    kills = ("reader.sector-key-unchecked",)
    source = "spec/devices.md 4.1 (60 33; ATQA 0004)"
    card, atqa = "m1-s50", b"\x00\x04"


class MifareS70(Mifare):
    """DG-WXC-16: an S70 that cannot be opened, written and read, or opens with a wrong key, would break it."""

    id = "reader.rf.s70"
    title = Label("可验证、读、写 S70 卡", "authenticates, reads and writes S70 cards")
    kills = ("reader.sector-key-unchecked",)
    source = "spec/devices.md 4.1 (60 33; ATQA 0002)"
    card, atqa = "m1-s70", b"\x00\x02"
