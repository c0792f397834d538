"""Card reader: what a disturbed line must not do. Noise, broken and cut frames, glued and split ones, stray bytes."""

from __future__ import annotations

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import ReaderView
from conformance.suites.card_reader_acts import (
    frame_of,
)
from conformance.suites.card_reader_line import again_on_nak, frames, hear, send_text
from conformance.suites.card_reader_words import (
    ReaderCheck,
    controls,
    position,
)
from protocols.driver.card_reader import ACK, ENQ, EOT, NAK
from protocols.wire.base import Control, Frame, Label
from protocols.wire.card_reader import Media, Op, Place, Request

NOISE = bytes.fromhex("00FFAA557E80")
"""No start byte and no control byte of any dialect."""

STATUS, EJECT = Request(Op.STATUS), Request(Op.MOVE, place=Place.EJECT)
GAP_S = 0.15
"""Longer than the 100 ms after which an unfinished frame is given up."""


def framed(t: ReaderTester, request: Request) -> bytes:
    return t.dialect.framing().wrap(t.dialect.encode_request(request))


def spoilt(raw: bytes) -> bytes:
    """The frame with one bit of its check byte flipped."""
    return raw[:-1] + bytes((raw[-1] ^ 0x40,))


class Disturbed(ReaderCheck):
    """The line is good, is disturbed, and must be good again. Subclasses say ``disturb``."""

    clauses = ("DG-MOD-04", "DG-CXC-13")
    control = "control"
    witness = True
    device_class = "card_reader"

    async def disturb(self, t: ReaderTester) -> None:
        raise TypeError(f"{type(self).__name__} disturbs nothing")

    async def drive(self, t: ReaderTester) -> None:
        with t.step("control"):
            await t.status()
        with t.step("disturbed"):
            await self.disturb(t)
        with t.step("after"):
            await t.status()

    def judge(self, v: ReaderView) -> None:
        position(v, "control", (Media.NONE,), "干扰之前的状态", "the status before")
        position(v, "after", (Media.NONE,), "干扰之后的状态", "the status afterwards")


class BadCheckByte(Disturbed):
    """DG-MOD-04, DG-CXC-13: answering a frame whose check byte is wrong, or not refusing it with NAK, would break it."""

    id = "reader.line.bad-bcc-nak"
    title = Label("校验错误的命令回 NAK", "a frame with a wrong check byte is refused with NAK")
    kills = (
        "reader.bad-bcc-acked",
        "reader.no-nak",
        "reader.bcc-unchecked",
    )
    source = "spec/devices.md 4.1, 4.2: NAK 15 on BCC error"

    async def disturb(self, t: ReaderTester) -> None:
        await t.port.send(spoilt(framed(t, STATUS)))
        await t.port.drain(0.4)
        if t.dialect.rules.enq:
            await t.port.send(bytes((ENQ,)))
            await t.port.drain(0.4)

    def judge(self, v: ReaderView) -> None:
        step = v.step("disturbed")
        answered = frames(step.records)
        v.must(bool(controls(step, NAK)), "回 NAK", "NAK is sent", step)
        v.must(not controls(step, ACK), "不回 ACK", "no ACK is sent", step)
        v.must(not answered, "没有应答", "no answer is given", *([each.seq for each in answered] or [step]))
        super().judge(v)


class NoiseBefore(Disturbed):
    """DG-MOD-04, DG-CXC-13: losing a command because noise stands before it would break it."""

    id = "reader.sync.noise-before"
    title = Label("帧前有杂讯时仍能识别", "a frame behind noise is found")
    kills = (
        "reader.noise-breaks",
        "reader.ack-late",
    )
    source = "spec/devices.md 4.1: noise before F2"

    TIMES = 3

    async def disturb(self, t: ReaderTester) -> None:
        for _ in range(self.TIMES):
            await t.port.send(NOISE + framed(t, STATUS))
            if await hear(t, Control, 0.4) == Control(NAK) and await hear(t, Control, 0.4) is None:
                await t.port.send(framed(t, STATUS))  # the NAK was for the frame, not for the noise before it
                await hear(t, Control, 0.4)
            if t.dialect.rules.enq:
                await t.port.send(bytes((ENQ,)))
            if await hear(t, Frame, 1.0) is not None and t.dialect.rules.host_ack:
                await t.port.send(bytes((ACK,)))

    def judge(self, v: ReaderView) -> None:
        step = v.step("disturbed")
        got = len(frames(step.records))
        v.must(
            got >= self.TIMES - 1,
            f"杂讯之后的 {self.TIMES} 条命令，{got} 条得到应答",
            f"{got} of {self.TIMES} commands behind noise were answered",
            step,
        )
        super().judge(v)


class Truncated(Disturbed):
    """DG-MOD-04, DG-CXC-13: waiting for ever for the rest of a cut frame would break it."""

    id = "reader.sync.truncated"
    title = Label("不完整的帧之后能重新同步", "a cut frame is given up")
    kills = ("reader.no-resync",)
    source = "spec/devices.md 4.1: truncated frame followed by a fresh one"

    async def disturb(self, t: ReaderTester) -> None:
        raw = framed(t, STATUS)
        for length in (1, 4, len(raw) - 1):
            await t.port.send(raw[:length])
            await t.pause(GAP_S)
            await t.port.drain(0.05)
            await t.status()

    def judge(self, v: ReaderView) -> None:
        for exchange in v.step("disturbed").all(Op.STATUS):
            if exchange.answers:
                v.media_is(exchange, (Media.NONE,), "残帧之后的命令", "the command after a cut frame")
        super().judge(v)


class AbsurdLength(Disturbed):
    """DG-MOD-04, DG-CXC-13: swallowing later commands because a length was absurd would break it."""

    id = "reader.sync.absurd-length"
    title = Label("长度荒谬的帧不影响后续命令", "an absurd length does not swallow what follows")
    kills = ("reader.absurd-length-hangs",)
    source = "spec/devices.md 4.1: absurd length"

    async def disturb(self, t: ReaderTester) -> None:
        text = t.dialect.encode_request(STATUS)
        await t.port.send(frame_of(t, text, 0xFFFF))
        await t.pause(GAP_S)
        await t.port.drain(0.05)


class Glued(Disturbed):
    """DG-MOD-04, DG-CXC-13: hanging on two frames that arrive in one piece would break it."""

    id = "reader.sync.glued"
    title = Label("两帧粘连时不死机", "two frames in one piece do no harm")
    kills = ("reader.glued-deafens",)
    source = "spec/devices.md 10: two frames glued"

    async def disturb(self, t: ReaderTester) -> None:
        await t.port.send(framed(t, STATUS) + framed(t, Request(Op.ENTRY, enabled=False)))
        await t.port.drain(0.4)
        if t.dialect.rules.enq:
            await t.port.send(bytes((ENQ,)))
        await t.port.drain(0.6)

    def judge(self, v: ReaderView) -> None:
        step = v.step("disturbed")
        heard = [*controls(step, ACK), *controls(step, NAK)]
        v.must(bool(heard), "粘连的命令得到 ACK 或 NAK", "the glued commands get ACK or NAK", *(heard[:1] or [step]))
        super().judge(v)


class AckGlued(ReaderCheck):
    """DG-MOD-04, DG-CXC-13: missing a command because the host's ACK stands right before it would break it."""

    id = "reader.sync.ack-glued"
    title = Label("ACK 与下一条命令粘连时仍能识别", "a command glued to the host's ACK is found")
    clauses = ("DG-MOD-04", "DG-CXC-13")
    variants = ("crt591",)
    control = "control"
    witness = True
    kills = ("reader.ack-swallows",)
    source = "spec/devices.md 4.1: ACK glued to a frame"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("control"):
            await t.status()
        with t.step("glued"):
            await send_text(t, STATUS)
            await hear(t, Frame)
            shut = framed(t, Request(Op.ENTRY, enabled=False))
            await t.port.send(bytes((ACK,)) + shut)
            await again_on_nak(t, shut)
            await hear(t, Frame)
            await t.port.send(bytes((ACK,)))
        with t.step("after"):
            await t.status()

    def judge(self, v: ReaderView) -> None:
        v.succeeded(v.step("glued").only(Op.ENTRY), "紧跟 ACK 的命令", "the command right behind ACK")
        position(v, "after", (Media.NONE,), "随后的状态", "the status afterwards")


class Split(Disturbed):
    """DG-MOD-04, DG-CXC-13: losing a command whose bytes arrive in two pieces would break it."""

    id = "reader.sync.split"
    title = Label("帧在任意字节处断开仍能识别", "a frame split at any byte is found")
    kills = ("reader.split-lost",)
    source = "spec/devices.md 4.1: frame split at every byte"

    async def disturb(self, t: ReaderTester) -> None:
        raw = framed(t, STATUS)
        pieces = [(raw[:at], raw[at:]) for at in range(1, len(raw))]
        for parts in [*pieces, tuple(bytes((byte,)) for byte in raw)]:
            for part in parts:
                await t.port.send(part)
                await t.pause(0.005)
            await again_on_nak(t, raw)
            if t.dialect.rules.enq:
                await t.port.send(bytes((ENQ,)))
            if await hear(t, Frame, 1.0) is not None and t.dialect.rules.host_ack:
                await t.port.send(bytes((ACK,)))

    def judge(self, v: ReaderView) -> None:
        step = v.step("disturbed")
        sent = len(v.dialect.framing().wrap(v.dialect.encode_request(STATUS)))
        got = len(frames(step.records))
        v.must(
            got >= sent - 1,  # one lost to the scheduling of this machine is no proof
            f"{sent} 个断开的帧，{got} 个得到应答",
            f"{got} of {sent} split frames were answered",
            step,
        )
        super().judge(v)


class Stray(Disturbed):
    """DG-MOD-04, DG-CXC-13: losing the line because of control bytes that mean nothing would break it."""

    id = "reader.sync.stray-controls"
    title = Label("多余的控制字符不影响通信", "stray control bytes do no harm")
    kills = ("reader.stray-deafens",)
    source = "spec/devices.md 10"

    async def disturb(self, t: ReaderTester) -> None:
        for byte in (ACK, NAK, ENQ, EOT):
            await t.port.send(bytes((byte,)))
            await t.port.drain(0.4)
            await t.status()

    def judge(self, v: ReaderView) -> None:
        for exchange in v.step("disturbed").all(Op.STATUS):
            v.media_is(exchange, (Media.NONE,), "多余字符之后的状态", "the status after a stray byte")
        super().judge(v)
