"""Card reader: whose turn it is. ENQ, EOT, and commands that come twice."""

from __future__ import annotations

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import ReaderView
from conformance.suites.card_reader_acts import move, put_in, take
from conformance.suites.card_reader_line import again_on_nak, frames, hear, send_text
from conformance.suites.card_reader_words import (
    IN_READER,
    ReaderCheck,
    after_eject,
    card_seen,
    controls,
    position,
)
from protocols.driver.card_reader import ACK, ENQ, EOT
from protocols.wire.base import Control, Frame, Label
from protocols.wire.card_reader import Media, Op, Place, Request


class EnqFetches(ReaderCheck):
    """DG-MOD-04, DG-CXC-13: answering before the host's ENQ, or not answering it, would break it."""

    id = "reader.line.enq-fetches"
    title = Label("收到 ENQ 才给出应答", "the answer waits for ENQ")
    clauses = ("DG-MOD-04", "DG-CXC-13")
    variants = ("crt310",)
    control = "control"
    witness = True
    kills = ("reader.answers-without-enq",)
    source = "spec/devices.md 4.2"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("control"):
            await t.status()
        with t.step("enq"):
            raw = t.dialect.framing().wrap(t.dialect.encode_request(Request(Op.STATUS)))
            await t.port.send(raw)
            await again_on_nak(t, raw, 0.4)
            await t.port.drain(0.4)
            await t.port.send(bytes((ENQ,)))
            await hear(t, Frame)
        with t.step("after"):
            await t.status()

    def judge(self, v: ReaderView) -> None:
        step = v.step("enq")
        asked = next(r.seq for r in step.records if r.direction == "tx" and r.data == bytes((ENQ,)))
        answers = frames(step.records)
        early = [each.seq for each in answers if each.seq < asked]
        v.must(bool(controls(step, ACK)), "命令得到 ACK", "the command is acknowledged", step)
        v.must(not early, "ENQ 之前没有应答", "no answer before ENQ", *(early or [asked]))
        v.must(len(answers) > len(early), "ENQ 之后给出应答", "the answer comes after ENQ", asked)
        position(v, "after", (Media.NONE,), "随后的状态", "the status afterwards")


class EnqExecutes(ReaderCheck):
    """DG-MOD-04, DG-CXC-09: moving the card although the host never sent ENQ would break it."""

    id = "reader.line.enq-executes"
    title = Label("没有 ENQ 就不执行", "nothing is carried out without ENQ")
    clauses = ("DG-MOD-04", "DG-CXC-09")
    variants = ("crt310",)
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    control = "control"
    kills = (
        "reader.answers-without-enq",
        "reader.answer-twice",
    )
    source = "spec/devices.md 4.2: command, ACK, host ENQ, device executes and answers"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        with t.step("unfetched"):
            await t.port.send(t.dialect.framing().wrap(t.dialect.encode_request(Request(Op.MOVE, place=Place.EJECT))))
            await t.port.drain(3.0)
            await t.status()
        await move(t, Place.EJECT, "control")
        await take(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v):
            position(v, "unfetched", (Media.GATE, *IN_READER), "没有 ENQ 的退卡命令之后", "after an eject without ENQ")
            v.must(
                not frames(v.step("unfetched").records)[1:],
                "未取走的命令没有应答",
                "no answer to it",
                v.step("unfetched"),
            )
            v.succeeded(v.step("control").only(Op.MOVE), "有 ENQ 的退卡", "the eject with ENQ")


class RepeatedCommand(ReaderCheck):
    """DG-MOD-04, DG-CXC-09: a command that comes twice because its ACK was lost must leave a true status behind.

    Executed again or recognised: both are allowed, a status that is wrong afterwards would break it.
    """

    id = "reader.line.repeated-command"
    title = Label("重复收到的命令之后状态仍真实", "the status is true after a repeated command")
    clauses = ("DG-MOD-04", "DG-CXC-09")
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    kills = ("reader.ack-late",)
    source = "spec/open-readings.md: host resends after a lost ACK"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        with t.step("repeated"):
            raw = t.dialect.framing().wrap(t.dialect.encode_request(Request(Op.MOVE, place=Place.EJECT)))
            await t.port.send(raw)
            await hear(t, Control)
            await t.port.send(raw)
            if t.dialect.rules.enq:
                await hear(t, Control, 0.4)
                await t.port.send(bytes((ENQ,)))
            await hear(t, Frame, 10.0)
            if t.dialect.rules.host_ack:
                await t.port.send(bytes((ACK,)))
            await t.port.drain(1.0)
        with t.step("after"):
            await t.status()
        await take(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v):
            position(v, "after", after_eject(v), "重复的退卡命令之后", "after a repeated eject")
            position(v, "take", (Media.NONE,), "取走卡之后", "after the card was taken")


class EotAnswered(ReaderCheck):
    """DG-MOD-04, DG-CXC-13: not answering EOT, or losing the line after a cancel, would break it."""

    id = "reader.line.eot-answered"
    title = Label("取消 EOT 得到 EOT，之后一切如常", "a cancel is answered with EOT")
    clauses = ("DG-MOD-04", "DG-CXC-13")
    variants = ("crt591",)
    control = "control"
    witness = True
    kills = (
        "reader.eot-ignored",
        "reader.stray-deafens",
    )
    source = "spec/devices.md 4.1: EOT 04 cancels, device answers EOT"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("control"):
            await t.status()
        with t.step("cancel"):
            await t.port.send(bytes((EOT,)))
            await t.port.drain(0.4)
            await send_text(t, Request(Op.STATUS))
            await hear(t, Frame)
            await t.port.send(bytes((EOT,)))
            await t.port.drain(0.4)
        with t.step("after"):
            await t.status()

    def judge(self, v: ReaderView) -> None:
        step = v.step("cancel")
        v.must(bool(controls(step, EOT)), "EOT 得到 EOT 应答", "EOT is answered with EOT", step)
        position(v, "after", (Media.NONE,), "取消之后的状态", "the status after a cancel")
