"""Card reader: the duties of the line in a good conversation. ACK first, answers that belong to their command, resends."""

from __future__ import annotations

from conformance.model import NoObservation
from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import ReaderStep, ReaderView
from conformance.suites.card_reader_words import (
    ReaderCheck,
    parameter,
    position,
)
from protocols.driver.card_reader import ACK, ENQ, NAK, NoReply
from protocols.record import Record
from protocols.wire.base import Control, Frame, Label
from protocols.wire.card_reader import Media, Op, Place, Request

TALK = (
    Request(Op.INITIALISE, place=Place.STAY),
    Request(Op.STATUS),
    Request(Op.ENTRY, enabled=False),
    Request(Op.SERIAL),
    Request(Op.STATUS),
    Request(Op.SENSORS),
    Request(Op.STATUS),
)
MOST_RESENDS = 10
"""No reading of the documents lets a device resend more often."""


async def hear(t: ReaderTester, kind: type[Frame] | type[Control], limit_s: float = 2.0) -> Frame | Control | None:
    """The next frame or control byte; whatever else comes before it is dropped. None when nothing comes."""
    until = t.clock.now() + limit_s
    try:
        while True:
            item = await t.port.next_item(max(until - t.clock.now(), 0.0), "reply")
            if isinstance(item, kind):
                return item
    except NoReply:
        return None


async def again_on_nak(t: ReaderTester, raw: bytes, limit_s: float = 2.0) -> Frame | Control | None:
    """What follows a frame sent by hand: NAK means "send again" and is obeyed as often as the dialect allows.

    Gives the control byte that ended it, None when none came.
    """
    heard = await hear(t, Control, limit_s)
    for _ in range(t.dialect.rules.timing.resends):
        if heard != Control(NAK):
            break
        await t.port.send(raw)
        heard = await hear(t, Control, limit_s)
    return heard


async def send_text(t: ReaderTester, request: Request) -> None:
    """The command's frame and, where the dialect wants it, the ENQ: everything but the acknowledgement of the answer."""
    raw = t.dialect.framing().wrap(t.dialect.encode_request(request))
    await t.port.send(raw)
    await again_on_nak(t, raw)
    if t.dialect.rules.enq:
        await t.port.send(bytes((ENQ,)))


def frames(records: tuple[Record, ...]) -> list[Record]:
    """Valid frames from the reader."""
    return [each for each in records if each.kind == "frame" and each.direction == "rx"]


def host_refused(step: ReaderStep) -> bool:
    """The host itself said NAK, for noise perhaps: a repeated answer is then what it asked for."""
    nak = bytes((NAK,))
    return any(each.kind == "control" and each.direction == "tx" and each.data == nak for each in step.records)


def fresh(step: ReaderStep) -> list[Record]:
    """Answer frames of *step*, without those that the host itself asked for again with NAK (because of noise, say)."""
    refused, seen, kept = False, set[bytes](), list[Record]()
    for record in step.records:
        if record.kind == "control" and record.direction == "tx" and record.data == bytes((NAK,)):
            refused = True
        elif record.kind == "frame" and record.direction == "rx":
            if not (refused and record.data in seen):
                kept.append(record)
            seen.add(record.data)
    return kept


class Conversation(ReaderCheck):
    """A few harmless commands, one after the other, from whatever state the reader is in: a broken line is no state."""

    witness = True
    from_home = False
    clauses = ("DG-MOD-04", "DG-CXC-13")
    device_class = "card_reader"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("talk"):
            for request in TALK:
                await t.ask(request)


class AckFirst(Conversation):
    """DG-MOD-04, DG-CXC-13: an answer without its ACK, or an ACK after the answer, would break it."""

    id = "reader.line.ack-first"
    title = Label("先应答 ACK，再给出结果", "ACK comes before the answer")
    kills = (
        "reader.answer-before-ack",
        "reader.enq-ignored",
        "reader.bcc-wrong-third",
        "reader.echo-wrong",
    )
    source = "spec/devices.md 4.1, 4.2"

    def judge(self, v: ReaderView) -> None:
        acked, judged = False, 0
        wanted = {each.seq for each in fresh(v.step("talk"))}
        for record in v.step("talk").records:
            if record.kind == "frame" and record.direction == "tx":
                acked = False
            elif record.direction == "rx" and record.kind == "control" and record.data == bytes((ACK,)):
                acked = True
            elif record.seq in wanted:
                judged += 1
                v.must(acked, f"第 {judged} 个应答之前有 ACK", f"answer {judged} comes after an ACK", record.seq)
        v.must(judged >= len(TALK), "每条命令都有应答", "every command is answered", v.step("talk"))


class AckInTime(Conversation):
    """DG-MOD-04, DG-CXC-13: an ACK that comes later than 300 ms makes the host send again, and would break it."""

    id = "reader.line.ack-in-time"
    title = Label("300 毫秒内应答 ACK", "ACK within 300 ms")
    kills = (
        "reader.ack-late",
        "reader.enq-ignored",
        "reader.bcc-wrong-third",
        "reader.echo-wrong",
    )
    source = "spec/devices.md 4.1: no ACK in 300 ms = resend"

    def judge(self, v: ReaderView) -> None:
        exchanges = v.step("talk").exchanges
        late = [each for each in exchanges if each.sends - each.naks > 1]  # after NAK it was told to send again
        v.must(
            len(late) <= 1,
            f"{len(exchanges)} 条命令中 {len(late)} 条须重发",
            f"{len(late)} of {len(exchanges)} commands had to be sent again",
            *(late or exchanges[:1]),
        )


class Echo(Conversation):
    """DG-MOD-04, DG-CXC-13: an answer that echoes another command, or breaks the dialect, would break it."""

    id = "reader.line.echo"
    title = Label("应答回显命令码和参数", "answers echo the command")
    kills = (
        "reader.enq-ignored",
        "reader.bcc-wrong-third",
        "reader.echo-wrong",
        "reader.length-off-by-one",
    )
    source = "spec/devices.md 4.1, 4.2"

    def judge(self, v: ReaderView) -> None:
        wanted = {each.seq for each in fresh(v.step("talk"))}
        for exchange in v.step("talk").exchanges:
            for answer in (each for each in exchange.answers if each.seq in wanted):
                v.must(answer.echoes, "应答回显其命令", "the answer echoes its command", exchange)
                v.must(answer.reply is not None, "应答符合格式", "the answer follows the dialect", exchange)


class CheckByte(Conversation):
    """DG-MOD-04, DG-CXC-13: an answer with a wrong check byte, length or trailer would break it."""

    id = "reader.line.check-byte"
    title = Label("应答的长度、结尾和校验字节正确", "length, trailer and check byte of answers are right")
    kills = (
        "reader.enq-ignored",
        "reader.bcc-wrong-third",
        "reader.echo-wrong",
        "reader.length-off-by-one",
    )
    source = "spec/devices.md 4.1, 4.2"

    def judge(self, v: ReaderView) -> None:
        step = v.step("talk")
        broken = [each for each in step.records if each.kind == "noise" and each.direction == "rx"]
        damaged = [
            each.seq for each in broken if each.note.get("why") in ("checksum", "trailer", "length", "truncated")
        ]
        v.must(not damaged, "没有损坏的应答帧", "no answer frame is damaged", *(damaged or [step]))
        v.must(bool(frames(step.records)), "收到完好的应答帧", "whole answer frames arrive", step)


class OneAnswer(Conversation):
    """DG-MOD-04, DG-CXC-13: a stale answer, a doubled answer, or an unasked one would break it."""

    id = "reader.line.one-answer"
    title = Label("每条命令恰有一个应答", "exactly one answer to each command")
    kills = (
        "reader.answer-before-ack",
        "reader.answer-twice",
        "reader.answer-unasked",
        "reader.enq-ignored",
        "reader.bcc-wrong-third",
    )
    source = "spec/devices.md 10: stale answer, unsolicited bytes"

    async def drive(self, t: ReaderTester) -> None:
        await super().drive(t)
        with t.step("quiet"):
            await t.port.drain(0.5)

    def judge(self, v: ReaderView) -> None:
        excused = host_refused(v.step("talk"))
        for exchange in v.step("talk").exchanges:
            count = len(exchange.answers)
            v.must(
                count == 1 or (excused and count > 1),
                f"应答数应为 1，实际 {count}",
                f"one answer expected, got {count}",
                exchange,
            )
        late = frames(v.step("quiet").records)
        v.must(not late, "之后没有多余的应答", "no answer comes unasked", *(each.seq for each in late))


class OneAck(Conversation):
    """DG-MOD-04, DG-CXC-13: a second ACK to one command, which the host takes for that of the next, would break it."""

    id = "reader.line.one-ack"
    title = Label("每条命令恰有一个 ACK", "exactly one ACK to each command")
    kills = ("reader.ack-twice", "reader.enq-ignored", "reader.bcc-wrong-third")
    source = "spec/devices.md 4.1, 4.2"

    async def drive(self, t: ReaderTester) -> None:
        await t.port.drain(0.4)  # what an earlier conversation left is not counted here
        await super().drive(t)
        with t.step("quiet"):
            await t.port.drain(0.5)

    def judge(self, v: ReaderView) -> None:
        records = [*v.step("talk").records, *v.step("quiet").records]
        sent = [each.seq for each in records if each.kind == "frame" and each.direction == "tx"]
        heard = [each for each in records if each.kind == "control" and each.direction == "rx"]
        acks = [each.seq for each in heard if each.data == bytes((ACK,))]
        v.must(
            len(TALK) <= len(acks) <= len(sent),
            f"{len(sent)} 条命令得到 {len(acks)} 个 ACK",
            f"{len(sent)} commands got {len(acks)} ACKs",
            *(acks[-1:] or sent[:1]),
        )


class ResendOnNak(ReaderCheck):
    """DG-MOD-04, DG-CXC-13: not repeating an answer that the host refused with NAK would break it."""

    id = "reader.line.resend-on-nak"
    title = Label("主机回 NAK 时重发应答", "the answer is sent again on NAK")
    clauses = ("DG-MOD-04", "DG-CXC-13")
    variants = ("crt591",)
    control = "control"
    witness = True
    kills = (
        "reader.no-resend-on-nak",
        "reader.answer-before-ack",
        "reader.answer-twice",
    )
    source = "spec/devices.md 4.1: NAK 15 = resend"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("control"):
            await t.status()
        with t.step("refused"):
            await send_text(t, Request(Op.STATUS))
            await hear(t, Frame)
            await t.port.send(bytes((NAK,)))
            await hear(t, Frame)
            await t.port.send(bytes((ACK,)))
            await t.port.drain(0.4)
        with t.step("after"):
            await t.status()

    def judge(self, v: ReaderView) -> None:
        sent = frames(v.step("refused").records)
        if not sent:
            raise NoObservation(Label("没有应答可供拒绝", "there was no answer to refuse"))
        if len(sent) >= 2 or parameter(v, "resends"):
            v.must(len(sent) >= 2, "NAK 后重发应答", "the answer comes again after NAK", sent[0].seq)
        elif parameter(v, "resends") is None:
            v.review("NAK 后不重发：请声明重发次数", "no resend after NAK: declare the number of resends", sent[0].seq)
        v.must(len({each.data for each in sent}) == 1, "重发的应答相同", "the resent answer is the same", sent[-1].seq)
        v.must(len(sent) <= 2, "ACK 后不再重发", "nothing more after the ACK", sent[-1].seq)
        position(v, "after", (Media.NONE,), "随后的状态", "the status afterwards")


class ResendBounded(ReaderCheck):
    """DG-MOD-04, DG-CXC-13: resending for ever to a host that refuses every answer would break it."""

    id = "reader.line.resend-bounded"
    title = Label("重发次数有限，之后恢复正常", "resends end, and the reader goes on")
    clauses = ("DG-MOD-04", "DG-CXC-13")
    variants = ("crt591",)
    control = "control"
    witness = True
    kills = (
        "reader.endless-resend",
        "reader.answer-twice",
    )
    source = "spec/open-readings.md: number of resends by the device"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("control"):
            await t.status()
        with t.step("refused"):
            await send_text(t, Request(Op.STATUS))
            for _ in range(MOST_RESENDS + 4):
                if await hear(t, Frame, 1.0) is None:
                    break
                await t.port.send(bytes((NAK,)))
        with t.step("after"):
            await t.status()

    def judge(self, v: ReaderView) -> None:
        sent = frames(v.step("refused").records)
        declared = parameter(v, "resends")
        most = MOST_RESENDS if declared is None else int(declared)
        again = len(sent) - 1
        v.must(
            again <= most,
            f"重发 {again} 次，至多 {most} 次",
            f"{again} resends, at most {most}",
            *(r.seq for r in sent[-1:]),
        )
        position(v, "after", (Media.NONE,), "随后的状态", "the status afterwards")


class HostSilent(ReaderCheck):
    """DG-MOD-04, DG-CXC-13: hanging, or resending for ever, when the host does not acknowledge would break it."""

    id = "reader.line.host-silent"
    title = Label("主机不回 ACK 时能恢复", "recovers when the host does not acknowledge")
    clauses = ("DG-MOD-04", "DG-CXC-13")
    variants = ("crt591",)
    control = "control"
    witness = True
    kills = (
        "reader.no-resend",
        "reader.endless-resend",
    )
    source = "spec/devices.md 4.1, 10"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("control"):
            await t.status()
        with t.step("silent"):
            await send_text(t, Request(Op.STATUS))
            await t.port.drain(0.8)
        with t.step("after"):
            await t.status()
            await t.ask(Request(Op.ENTRY, enabled=False))

    def judge(self, v: ReaderView) -> None:
        sent = frames(v.step("silent").records)
        v.must(bool(sent), "给出应答", "the answer is given", v.step("silent"))
        if parameter(v, "resends"):
            v.must(
                len(sent) > 1,
                "未收到 ACK 时重发（已声明）",
                "it sends again without ACK, as declared",
                v.step("silent"),
            )
        v.must(len(sent) - 1 <= MOST_RESENDS, "重发次数有限", "resends come to an end", *(r.seq for r in sent[-1:]))
        position(v, "after", (Media.NONE,), "随后的状态", "the status afterwards")
        v.succeeded(v.step("after").only(Op.ENTRY), "随后的命令", "the next command")
