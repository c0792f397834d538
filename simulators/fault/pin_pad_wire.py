"""PIN pads whose frames are wrong, or that read frames wrongly."""

from __future__ import annotations

from protocols.wire.base import Frame, Item, Noise
from protocols.wire.pin_pad import Reply
from simulators.device.pin_pad_line import PadLine
from simulators.fault.pin_pad_mutant import pad_mutant

__all__ = ["MUTANTS"]


class WrongCheckByte(PadLine):
    """Every answer that brings data has a check byte without its length."""

    def say(self, reply: Reply, now: float) -> None:
        if not reply.data:
            super().say(reply, now)
            return
        text = self.dialect.encode_reply(None, reply)
        self.outbox.emit(self.framing.spoil(Frame(text, self.framing.wrap(text)), "checksum"), now)


class LowerCase(PadLine):
    def say(self, reply: Reply, now: float) -> None:
        raw = self.framing.wrap(self.dialect.encode_reply(None, reply))
        self.outbox.emit(raw.lower() if reply.data else raw, now)


class AnswersTwice(PadLine):
    def say(self, reply: Reply, now: float) -> None:
        super().say(reply, now)
        if reply.data:
            super().say(reply, now)


class CheckByteIgnored(PadLine):
    def on_noise(self, noise: Noise, now: float) -> None:
        if noise.why != "checksum":
            super().on_noise(noise, now)
            return
        logical = bytes.fromhex(noise.raw[1:].rstrip(b"\x03").decode("ascii"))
        self.on_frame(logical[1:-1], now)


class SplitDeaf(PadLine):
    """What does not come in one piece is not understood."""

    def receive(self, data: bytes, now: float) -> None:
        self.framing = self.dialect.framing()
        items: list[Item] = [*self.framing.feed(data, now), *self.framing.expire(now + 1.0)]
        for item in items:
            self.item(item, now)


_SEVEN = "DG-WXC-07"

MUTANTS = (
    pad_mutant(
        "wrong-check-byte", "应答的校验字节错误", "answers have a wrong check byte", _SEVEN, line=WrongCheckByte
    ),
    pad_mutant("lower-case", "应答用小写十六进制", "answers are in lower case", _SEVEN, line=LowerCase),
    pad_mutant("answers-twice", "应答发送两次", "every answer is sent twice", _SEVEN, line=AnswersTwice),
    pad_mutant(
        "check-byte-ignored",
        "忽略命令的校验字节",
        "the check byte of commands is ignored",
        _SEVEN,
        line=CheckByteIgnored,
    ),
    pad_mutant("split-deaf", "分段到达的命令不识别", "a command in pieces is not understood", _SEVEN, line=SplitDeaf),
)
