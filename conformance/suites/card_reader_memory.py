"""Card reader: memory cards SLE4442 and SLE4428 with their PSC (spec/devices.md 4.1 row 53; spec/cards.md 3.4)."""

from __future__ import annotations

from typing import ClassVar

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import ReaderView
from conformance.suites.card_reader_acts import command, eject, put_in
from conformance.suites.card_reader_words import ReaderCheck, card_seen
from protocols.wire.base import Label
from protocols.wire.card_reader import Op, Place, Request

SW_DONE = b"\x90\x00"
AT = 0x40
"""An address outside the protected head of both cards."""

CONTENT = bytes.fromhex("A1B2C3D4")


class MemoryCard(ReaderCheck):
    """One kind of memory card: read free, write only after the PSC. One wrong PSC, then the right one."""

    clauses = ("DG-WXC-20",)
    variants = ("crt591",)
    hand = ("insert", "remove")
    needs = ("reader.memory_cards",)
    control = "present"
    device_class = "card_reader"
    damage: ClassVar[dict[str, int]] = {"card_writes": 1}
    card = ""
    number = 1
    atr = b""
    psc = b""

    async def pseudo(self, t: ReaderTester, step: str, apdu: bytes) -> None:
        with t.step(step):
            await t.ask(Request(Op.MEMORY, number=self.number, data=apdu))

    async def drive(self, t: ReaderTester) -> None:
        size = len(self.psc)
        write = bytes((0x00, 0xD0, 0x00, AT, len(CONTENT))) + CONTENT
        await put_in(t, self.card)
        with t.step("reset"):
            await command(t, Request(Op.MOVE, place=Place.IC))
            await t.ask(Request(Op.MEMORY))
        await self.pseudo(t, "read", bytes((0x00, 0xB0, 0x00, 0x00, 0x04)))
        await self.pseudo(t, "locked", write)
        await self.pseudo(t, "wrong", bytes((0x00, 0x20, 0x00, 0x00, size)) + bytes(size))
        await self.pseudo(t, "locked", write)
        await self.pseudo(t, "present", bytes((0x00, 0x20, 0x00, 0x00, size)) + self.psc)
        await self.pseudo(t, "write", write)
        await self.pseudo(t, "back", bytes((0x00, 0xB0, 0x00, AT, len(CONTENT))))
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        reset = v.step("reset").only(Op.MEMORY)
        if not (card_seen(v) and v.succeeded(reset, "存储卡复位", "memory card reset")):
            return
        shown = reset.reply.data.hex().upper()
        v.must(reset.reply.data == self.atr, f"复位应答 {shown}", f"the answer to reset is {shown}", reset)
        for name, zh, en in (
            ("read", "读", "read"),
            ("present", "验证 PSC", "present the PSC"),
            ("write", "写", "write"),
            ("back", "读回", "read back"),
        ):
            exchange = v.step(name).first
            sw = exchange.reply.data[-2:]
            v.must(
                exchange.reply.ok and sw == SW_DONE, f"{zh}：{sw.hex().upper()}", f"{en}: {sw.hex().upper()}", exchange
            )
        for step in (*v.each("locked"), v.step("wrong")):
            denied = not step.first.reply.ok or step.first.reply.data[-2:] != SW_DONE
            v.must(denied, "未验证 PSC 或 PSC 错误时须拒绝", "refused without the right PSC", step.first)
        back = v.step("back").first
        v.must(back.reply.data[:-2] == CONTENT, "读出的就是写入的", "what was written is read", back)


class Sle4442(MemoryCard):
    """DG-WXC-20: an SLE4442 that cannot be read, or can be written without its PSC, would break it."""

    id = "reader.memory.sle4442"
    title = Label("可读写 SLE4442 卡并验证 PSC", "reads and writes SLE4442 with its PSC")
    kills = ("reader.psc-unchecked",)
    source = "spec/devices.md 4.1 (53 30, 33), spec/cards.md 3.4"
    card, number, atr, psc = "4442", 1, bytes.fromhex("A2131091"), b"\xff\xff\xff"


class Sle4428(MemoryCard):
    """DG-WXC-20: an SLE4428 that cannot be read, or can be written without its PSC, would break it."""

    id = "reader.memory.sle4428"
    title = Label("可读写 SLE4428 卡并验证 PSC", "reads and writes SLE4428 with its PSC")
    kills = ("reader.psc-unchecked",)
    source = "spec/devices.md 4.1 (53 30, 34), spec/cards.md 3.4"
    card, number, atr, psc = "4428", 2, bytes.fromhex("92231091"), b"\xff\xff"
