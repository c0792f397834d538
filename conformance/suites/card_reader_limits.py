"""Card reader: commands at and beyond the limits of the line, and commands that it must not carry out."""

from __future__ import annotations

from functools import reduce
from operator import xor

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import ReaderView
from conformance.suites.card_reader_acts import (
    SELECT_SSSE,
    activate,
    eject,
    frame_of,
    move,
    put_in,
    take,
    transmit,
    watch,
)
from conformance.suites.card_reader_line import again_on_nak, frames, hear, send_text
from conformance.suites.card_reader_sync import EJECT, Disturbed, framed, spoilt
from conformance.suites.card_reader_words import (
    IN_READER,
    ReaderCheck,
    after_eject,
    card_seen,
    controls,
    first_talk,
    position,
)
from protocols.driver.card_reader import ACK, ENQ, EOT
from protocols.wire.base import Frame, Label
from protocols.wire.card_reader import Media, Op, Place, Request


class BadCheckByteMoves(ReaderCheck):
    """DG-CXC-09, DG-MOD-04: a card that moves by a command with a wrong check byte would break it."""

    id = "reader.line.bad-bcc-not-executed"
    title = Label("校验错误的命令不执行", "a frame with a wrong check byte is never carried out")
    clauses = ("DG-CXC-09", "DG-MOD-04")
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    control = "eject"
    kills = ("reader.bcc-unchecked",)
    source = "spec/devices.md 4.1, 4.2, 10"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.IC, "ready")
        with t.step("spoilt"):
            await t.port.send(spoilt(framed(t, EJECT)))
            await t.port.drain(0.4)
            if t.dialect.rules.enq:
                await t.port.send(bytes((ENQ,)))
            await t.port.drain(min(2.0, t.hand.patience_s))
        with t.step("still"):
            await t.status()
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and position(v, "ready", IN_READER, "移到 IC 位之后", "after the move to the IC position"):
            position(v, "still", IN_READER, "校验错误的退卡命令之后", "after an eject with a wrong check byte")
            v.succeeded(v.step("eject").only(Op.MOVE), "完好的退卡命令", "the good eject")
            position(v, "eject", after_eject(v), "退卡之后", "after eject")


class WrongTrailer(ReaderCheck):
    """DG-CXC-09, DG-MOD-04: a card that moves by a frame which does not end in 03 would break it."""

    id = "reader.line.bad-trailer-not-executed"
    title = Label("结尾字节错误的命令不执行", "a frame without its trailer is never carried out")
    clauses = ("DG-CXC-09", "DG-MOD-04")
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    control = "eject"
    kills = ("reader.trailer-unchecked",)
    source = "spec/devices.md 4.1, 4.2: 03 before the check byte"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.IC, "ready")
        with t.step("spoilt"):
            body = framed(t, EJECT)[:-2] + b"\x02"
            await t.port.send(body + bytes((reduce(xor, body),)))
            await t.port.drain(0.4)
            if t.dialect.rules.enq:
                await t.port.send(bytes((ENQ,)))
            await t.port.drain(min(2.0, t.hand.patience_s))
        with t.step("still"):
            await t.status()
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and position(v, "ready", IN_READER, "移到 IC 位之后", "after the move to the IC position"):
            position(v, "still", IN_READER, "结尾字节错误的退卡命令之后", "after an eject without its trailer")
            v.succeeded(v.step("eject").only(Op.MOVE), "完好的退卡命令", "the good eject")


class Oversize(ReaderCheck):
    """DG-MOD-04, DG-CXC-13: carrying out a command beyond the data limit, or hanging on it, would break it."""

    id = "reader.sync.oversize"
    title = Label("超过长度上限的命令被拒绝且无害", "a command beyond the limit is refused without harm")
    clauses = ("DG-MOD-04", "DG-CXC-13")
    hand = ("insert", "remove")
    needs = ("reader.contact",)
    control = "after"
    kills = (
        "reader.limit-ignored",
        "reader.absurd-length-hangs",
        "reader.stray-deafens",
    )
    source = "spec/devices.md 4.1 (512), 4.2 (264)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        with t.step("oversize"):
            apdu = Request(Op.CHIP_APDU, data=SELECT_SSSE)
            await t.port.send(frame_of(t, t.dialect.encode_request(apdu) + b"\x20" * t.dialect.rules.data_limit))
            await t.port.drain(1.0)
            if t.dialect.rules.enq:
                await t.port.send(bytes((ENQ,)))
                await t.port.drain(0.4)
            if t.dialect.rules.host_ack:
                await t.port.send(bytes((ACK,)))
        with t.step("after"):
            await transmit(t, SELECT_SSSE)
            await t.status()
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not (card_seen(v) and v.succeeded(v.step("activate").only(Op.CHIP_ON), "复位", "reset")):
            return
        for record in frames(v.step("oversize").records):
            item = v.dialect.framing().feed(record.data, 0.0)[0]
            reply = v.dialect.decode_reply(item.text)[1] if isinstance(item, Frame) else None
            v.must(
                reply is None or not reply.ok,
                "超长命令不得执行",
                "a command beyond the limit is not carried out",
                record.seq,
            )
        talk = first_talk(v.step("after"))
        v.must(talk.exchange.reply.ok, "之后照常通信", "the next command works", talk.exchange)
        position(v, "after", IN_READER, "随后的状态", "the status afterwards")


class FullLength(Disturbed):
    """DG-MOD-04, DG-CXC-13: a reader that cannot take a command of the full length would break it."""

    id = "reader.sync.full-length"
    title = Label("可接收达到上限的命令", "a command of the full length is taken")
    kills = (
        "reader.small-buffer",
        "reader.unknown-accepted",
        "reader.unknown-ignored",
    )
    source = "spec/devices.md 4.1 (512), 4.2 (264)"

    async def disturb(self, t: ReaderTester) -> None:
        head = t.dialect.encode_request(Request(Op.UNKNOWN, cm=0x7A, pm=0x30))
        text = head + bytes(index & 0xFF for index in range(t.dialect.rules.data_limit - len(head)))
        await t.port.send(frame_of(t, text))
        await again_on_nak(t, frame_of(t, text))
        if t.dialect.rules.enq:
            await t.port.send(bytes((ENQ,)))
        if await hear(t, Frame, 3.0) is not None and t.dialect.rules.host_ack:
            await t.port.send(bytes((ACK,)))

    def judge(self, v: ReaderView) -> None:
        step = v.step("disturbed")
        v.must(bool(controls(step, ACK)), "回 ACK", "ACK is sent", step)
        v.refused(step.first, (), "达到上限的未知命令", "an unknown command of the full length")
        super().judge(v)


class EotInMotion(ReaderCheck):
    """DG-CXC-09, DG-CXC-12: losing track of a card whose movement the host cancels would break it.

    The motion may complete or stop (open-readings.md); the status afterwards must be true and the card must come out.
    """

    id = "reader.line.eot-in-motion"
    title = Label("走卡中取消后状态真实", "the status is true after a cancel in motion")
    clauses = ("DG-CXC-09", "DG-CXC-12")
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    kills = (
        "reader.eject-status-sticks",
        "reader.eject-noop",
    )
    source = "spec/open-readings.md: EOT during motion"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.IC, "ready")
        with t.step("cancelled"):
            await send_text(t, EJECT)
            await t.pause(0.1)
            await t.port.send(bytes((EOT,)))
            await t.port.drain(2.5)
        with t.step("after"):
            reply = await watch(t, lambda seen: seen.ok, 5.0)
        if reply.media is not None and reply.media.in_reader:
            await move(t, Place.EJECT, "again")
        await take(t)
        await put_in(t)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not card_seen(v):
            return
        position(v, "after", (Media.NONE, Media.GATE, *IN_READER), "取消之后", "after the cancel")
        if v.steps("again"):
            v.succeeded(v.step("again").only(Op.MOVE), "再次退卡", "eject again")
        position(v, "take", (Media.NONE,), "取走卡之后", "after the card was taken")
        card_seen(v, 1)
