"""Card reader: what passes between host and chip, T=0: status words, announced data, long commands and answers."""

from __future__ import annotations

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import ReaderView
from conformance.suites.card_reader_acts import (
    SELECT_SSSE,
    activate,
    eject,
    is_out,
    put_in,
    special,
    transmit,
    watch,
)
from conformance.suites.card_reader_chip import BOTH, CHIP, GET_RESPONSE, NO_SUCH_FILE, SELECT_MF
from conformance.suites.card_reader_line import hear, send_text
from conformance.suites.card_reader_words import (
    ReaderCheck,
    card_seen,
    first_talk,
    needed_talks,
    position,
)
from protocols.driver.card_reader import ACK
from protocols.wire.base import Frame, Label
from protocols.wire.card_reader import Media, Op, Request


class StatusWords(ReaderCheck):
    """DG-WXC-19, DG-CXC-08: changing or hiding the status word of the card would break it."""

    id = "reader.chip.status-word"
    title = Label("卡的状态字原样传回", "the card's status word comes through")
    clauses = ("DG-WXC-19", "DG-CXC-08")
    needs, hand = CHIP, BOTH
    control = "activate"
    kills = (
        "reader.apdu-le-dropped",
        "reader.apdu-sw-swapped",
    )
    source = "spec/cards.md 3.2 (suite error set)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        with t.step("select"):
            await transmit(t, SELECT_SSSE)
        with t.step("missing"):
            await transmit(t, NO_SUCH_FILE)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not (card_seen(v) and v.succeeded(v.step("activate").only(Op.CHIP_ON), "复位", "reset")):
            return
        good, bad = first_talk(v.step("select")), first_talk(v.step("missing"))
        v.must(good.done, f"选择应用：{good.sw.hex().upper()}", f"select: {good.sw.hex().upper()}", good.exchange)
        allowed = bad.exchange.reply.ok and bad.sw[:1] in (b"\x62", b"\x69", b"\x6a", b"\x6f", b"\x93", b"\x94")
        v.must(
            allowed,
            f"不存在的文件：卡的状态字 {bad.sw.hex().upper()}",
            f"a file that does not exist: the card's status word {bad.sw.hex().upper()}",
            bad.exchange,
        )


class Announced(ReaderCheck):
    """DG-WXC-19, DG-W20-11: losing the data that a card announces with 61xx would break it.

    The reader may pass 61xx through, or fetch the data itself (open-readings.md).
    """

    id = "reader.chip.get-response"
    title = Label("61xx 所示的数据可取得", "the data announced by 61xx arrive")
    clauses = ("DG-WXC-19", "DG-W20-11")
    needs, hand = CHIP, BOTH
    kills = (
        "reader.apdu-swallows-61",
        "reader.apdu-le-dropped",
        "reader.apdu-sw-swapped",
    )
    source = "spec/cards.md 1.2, 3.2; open-readings.md: 61xx and 6Cxx"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        with t.step("select"):
            reply = await transmit(t, SELECT_SSSE)
        if reply.data == b"\x90\x00":
            with t.step("swallowed"):
                await transmit(t, GET_RESPONSE)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not (card_seen(v) and v.succeeded(v.step("activate").only(Op.CHIP_ON), "复位", "reset")):
            return
        talk = first_talk(v.step("select"))
        v.must(talk.done, f"选择应用：{talk.sw.hex().upper()}", f"select: {talk.sw.hex().upper()}", talk.exchange)
        if talk.data:
            whole = talk.data[:1] == b"\x6f" and len(talk.data) == 2 + talk.data[1]
            v.must(whole, "应用信息完整", "the application's information is whole", talk.exchange)
        for step in v.steps("swallowed"):
            late = first_talk(v.step(step.name))
            v.must(not late.data, "没有被吞掉的数据", "no data were held back", late.exchange)


class WrongLe(ReaderCheck):
    """DG-WXC-19, DG-W20-11: losing 6Cxx, or the data that belong to it, would break it."""

    id = "reader.chip.wrong-le"
    title = Label("Le 不符时按 6Cxx 取得记录", "a wrong Le leads to the record by way of 6Cxx")
    clauses = ("DG-WXC-19", "DG-W20-11")
    needs, hand = CHIP, BOTH
    kills = ("reader.apdu-sw-swapped",)
    source = "spec/cards.md 1.3 (wrong Le), open-readings.md: 61xx and 6Cxx"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        with t.step("records"):
            await transmit(t, SELECT_SSSE)
            await transmit(t, bytes.fromhex("00A4020002EF05"))
            await transmit(t, bytes.fromhex("00B2030006"))
            await transmit(t, bytes.fromhex("00B2030020"))
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not (card_seen(v) and v.succeeded(v.step("activate").only(Op.CHIP_ON), "复位", "reset")):
            return
        _, _, right, wrong = needed_talks(v.step("records"), 4)[:4]
        if v.must(right.done, "按正确长度读出", "read with the right length", right.exchange):
            same = wrong.done and wrong.data == right.data
            shown = wrong.sw.hex().upper()
            v.must(
                same or wrong.sw[:1] in (b"\x67", b"\x62"),
                f"长度不符时：{shown}",
                f"with a wrong length: {shown}",
                wrong.exchange,
            )


class LongCommand(ReaderCheck):
    """DG-WXC-19, DG-CXC-08: cutting a command of 255 data bytes on its way to the card would break it."""

    id = "reader.chip.long-command"
    title = Label("255 字节数据的命令可传到卡", "a command with 255 data bytes reaches the card")
    clauses = ("DG-WXC-19", "DG-CXC-08")
    needs, hand = CHIP, BOTH
    kills = (
        "reader.small-buffer",
        "reader.apdu-le-dropped",
        "reader.apdu-sw-swapped",
    )
    source = "spec/devices.md 4.1 (512), 4.2 (264)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        with t.step("long"):
            await transmit(t, bytes.fromhex("00A40400FF") + b"\x41" * 255)
        with t.step("short"):
            await transmit(t, SELECT_SSSE)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not (card_seen(v) and v.succeeded(v.step("activate").only(Op.CHIP_ON), "复位", "reset")):
            return
        long, short = first_talk(v.step("long")), first_talk(v.step("short"))
        v.must(
            long.exchange.reply.ok and long.sw[:1] in (b"\x62", b"\x67", b"\x69", b"\x6a", b"\x6e", b"\x6f"),
            f"卡回答了长命令：{long.sw.hex().upper() or long.exchange.reply.error}",
            f"the card answered the long command: {long.sw.hex().upper() or long.exchange.reply.error}",
            long.exchange,
        )
        v.must(short.done, "之后照常通信", "the next command works", short.exchange)


class FullAnswer(ReaderCheck):
    """DG-WXC-19, DG-CXC-08: cutting an answer of 256 data bytes and status word would break it."""

    id = "reader.chip.256-bytes"
    title = Label("256 字节数据加状态字可传回", "256 data bytes and the status word come through")
    clauses = ("DG-WXC-19", "DG-CXC-08")
    needs, hand = CHIP, BOTH
    kills = (
        "reader.apdu-lost-256",
        "reader.apdu-truncated-128",
        "reader.apdu-sw-swapped",
    )
    source = "spec/devices.md 4.4 (receive 256 data bytes + SW), spec/cards.md 1.5 (DF01 transparent files)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        with t.step("read"):
            await transmit(t, SELECT_SSSE)
            await transmit(t, bytes.fromhex("00A4000002DF01"))
            await transmit(t, bytes.fromhex("00A4020002EF16"))
            await transmit(t, bytes.fromhex("00B0000000"))
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not (card_seen(v) and v.succeeded(v.step("activate").only(Op.CHIP_ON), "复位", "reset")):
            return
        selects, read = needed_talks(v.step("read"), 4)[:3], needed_talks(v.step("read"), 4)[3]
        v.must(selects[0].done, "选择应用", "select the application", selects[0].exchange)
        shown = read.sw.hex().upper() or read.exchange.reply.error
        known = read.exchange.reply.ok and read.sw[:1] in (b"\x62", b"\x67", b"\x69", b"\x6a", b"\x6d", b"\x90")
        if not v.must(known, f"读文件：{shown}", f"read the file: {shown}", read.exchange):
            return
        if not read.done:
            v.unsure(
                f"这张卡没有可自由读取的 256 字节文件（{shown}）",
                f"this card lets no 256 bytes be read ({shown})",
                read.exchange,
            )
            return
        asked = read.exchange.request.data[4] if read.exchange.request is not None else 0
        wanted, got = asked or 256, len(read.data)
        v.must(got == wanted, f"应有 {wanted} 字节，实际 {got}", f"{wanted} bytes expected, got {got}", read.exchange)


class PulledDuringApdu(ReaderCheck):
    """DG-CXC-12, DG-WXC-21: hanging on a card that is pulled during a command, or answering for it, would break it."""

    id = "reader.chip.pulled-during-apdu"
    title = Label("命令执行中拔卡：报错且状态随之改变", "a card pulled during a command gives an error")
    clauses = ("DG-CXC-12", "DG-WXC-21")
    needs = CHIP
    hand = ("insert", "remove", "pull")
    control = "on"
    kills = (
        "reader.removal-hangs",
        "reader.pull-unnoticed",
        "reader.apdu-cached",
    )
    source = "spec/open-readings.md: error after the card is pulled; spec/devices.md 12"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        with t.step("on"):
            await transmit(t, SELECT_MF)
        with t.step("pulled"):
            await send_text(t, Request(Op.CHIP_APDU, data=SELECT_MF))
            special("pull", await t.act("pull"))
            await hear(t, Frame, t.dialect.rules.timing.reply_s)
            if t.dialect.rules.host_ack:
                await t.port.send(bytes((ACK,)))
        with t.step("gone"):
            await watch(t, is_out)
            await t.ask(Request(Op.CHIP_APDU, data=SELECT_MF))
        await put_in(t)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and v.must(
            v.step("on").first.reply.ok, "上电时应答", "it answers while it is on", v.step("on")
        ):
            position(v, "gone", (Media.NONE,), "卡被拔走之后", "after the card was pulled out")
            during = v.step("pulled").only(Op.CHIP_APDU)
            v.must(during.answered, "命令在时限内结束", "the command ends in time", during)
            v.refused(v.step("gone").only(Op.CHIP_APDU), (), "拔卡之后的 APDU", "an APDU after the card was pulled out")
            card_seen(v, 1)
