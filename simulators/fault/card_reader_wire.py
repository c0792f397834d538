"""Card readers that break the rules of the line: control characters, frames, pairing, resends, resynchronisation."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import xor

from protocols.wire.base import Frame, Noise, Timing
from protocols.wire.card_reader import Op, Reply, Request
from protocols.wire.framing import LengthPrefixedFraming, f2_format, stx_format
from simulators.device.card_reader_line import ACK, NAK, ReaderLine, State
from simulators.device.card_reader_logic import ReaderLogic
from simulators.device.card_reader_rules import Outcome
from simulators.fault.card_reader_mutant import CRT310, CRT591, reader_mutant

__all__ = ["MUTANTS"]

HUGE_BYTES = 4096
F2_HEADER_BYTES, STX_HEADER_BYTES = 4, 3


def with_bcc(body: bytes) -> bytes:
    """*body* from the start byte to 03, and its check byte."""
    return body + bytes((reduce(xor, body),))


class UnknownIgnored(ReaderLine):
    def accept(self, text: bytes, now: float) -> None:
        if self.understand(text).op is not Op.UNKNOWN:
            super().accept(text, now)


class UnknownAccepted(ReaderLogic):
    """Says yes to a command that it does not know."""

    def unknown(self, request: Request) -> Outcome:
        return self.ok() if request.number == 0 else super().unknown(request)


class ParameterAccepted(ReaderLogic):
    """Says yes to a parameter that the command does not have."""

    def unknown(self, request: Request) -> Outcome:
        return self.ok() if request.number else super().unknown(request)


class BccUnchecked(ReaderLine):
    def on_noise(self, noise: Noise, now: float) -> None:
        header = F2_HEADER_BYTES if noise.raw[:1] == b"\xf2" else STX_HEADER_BYTES
        if noise.why == "checksum":
            self.on_frame(Frame(noise.raw[header:-2], noise.raw), now)
        else:
            super().on_noise(noise, now)


class BadBccAcked(ReaderLine):
    def on_noise(self, noise: Noise, now: float) -> None:
        if noise.why == "checksum":
            self.send_control(ACK, now)
        else:
            super().on_noise(noise, now)


class Suppressed(ReaderLine):
    """Never sends one control character."""

    byte = NAK

    def send_control(self, byte: int, now: float) -> None:
        if byte != self.byte:
            super().send_control(byte, now)


class NoAck(Suppressed):
    byte = ACK


class AckLate(ReaderLine):
    """Acknowledges after 450 ms: the document allows 300."""

    def accept(self, text: bytes, now: float) -> None:
        self.timing = replace(self.timing, ack_s=0.45, late_ack_s=0.45)
        super().accept(text, now)


class AnswerBeforeAck(ReaderLine):
    def acknowledge(self, now: float) -> None:
        self.execute(now)
        self.send_control(ACK, now)


class EchoWrong(ReaderLine):
    """The answer names another command than the one it answers."""

    def frame(self, request: Request, reply: Reply) -> bytes:
        raw = bytearray(super().frame(request, reply))
        raw[F2_HEADER_BYTES + 2 if self.rules.host_ack else STX_HEADER_BYTES + 1] ^= 0x01
        return with_bcc(bytes(raw[:-1]))


class AnswerTwice(ReaderLine):
    def send_answer(self, raw: bytes, now: float) -> None:
        super().send_answer(raw + raw, now)


class NoResend(ReaderLine):
    def on_nak(self, now: float) -> None:
        self.rest()


class NoResendOnSilence(ReaderLine):
    def timer(self, now: float) -> None:
        if self.state is State.WAIT_HOST_ACK:
            self.rest()
        else:
            super().timer(now)


class EndlessResend(ReaderLine):
    def resend(self, now: float) -> None:
        self._resends_left = 2
        super().resend(now)


class EnqIgnored(ReaderLine):
    def on_enq(self, now: float) -> None:
        return


class AnswersWithoutEnq(ReaderLine):
    def acknowledge(self, now: float) -> None:
        self.send_control(ACK, now)
        self.execute(now)


class EotIgnored(ReaderLine):
    def on_eot(self, now: float) -> None:
        return


class Deafened(ReaderLine):
    """Bytes that are no frame for one of these reasons make it deaf for good."""

    reasons: tuple[str, ...] = ("truncated", "trailer")
    deaf = False

    def on_noise(self, noise: Noise, now: float) -> None:
        if noise.why in self.reasons:
            self.deaf = True
        super().on_noise(noise, now)

    def on_frame(self, frame: Frame, now: float) -> None:
        if not self.deaf:
            super().on_frame(frame, now)

    def power_off(self) -> None:
        super().power_off()
        self.deaf = False


class AbsurdLengthDeafens(Deafened):
    reasons = ("length",)


class NoiseBreaks(Deafened):
    """Loses the frame that follows noise."""

    reasons = ("noise",)

    def on_frame(self, frame: Frame, now: float) -> None:
        if self.deaf:
            self.deaf = False
            return
        super().on_frame(frame, now)


class LengthOffByOne(ReaderLine):
    def frame(self, request: Request, reply: Reply) -> bytes:
        raw = bytearray(super().frame(request, reply))
        raw[F2_HEADER_BYTES - 1 if self.rules.host_ack else STX_HEADER_BYTES - 1] += 1
        return with_bcc(bytes(raw[:-1]))


class BccWrongThird(ReaderLine):
    count = 0

    def frame(self, request: Request, reply: Reply) -> bytes:
        raw = super().frame(request, reply)
        self.count += 1
        return raw[:-1] + bytes((raw[-1] ^ 0xFF,)) if self.count % 3 == 0 else raw


class LimitIgnored(ReaderLine):
    """Takes commands of any length."""

    def receive(self, data: bytes, now: float) -> None:
        known = getattr(self, "_huge", None)
        if known is None or self.framing is not known:
            frame_format = f2_format(HUGE_BYTES) if self.rules.host_ack else stx_format(HUGE_BYTES)
            self._huge = self.framing = LengthPrefixedFraming(frame_format, Timing().resync_s)
        super().receive(data, now)

    def over_limit(self) -> bool:
        return False


class StaleAnswer(ReaderLine):
    """Every answer is the one to the command before."""

    before = b""

    def send_answer(self, raw: bytes, now: float) -> None:
        shown, self.before = self.before or raw, raw
        super().send_answer(shown, now)


_FLOW = "spec/devices.md 4.1 and 4.2: command, ACK, answer"
_PAIR = "spec/devices.md 4.1 and 4.2: the answer repeats CM and PM"
_CHECK = "spec/devices.md 4.1 and 4.2: BCC, NAK on error"
_RESYNC = "spec/devices.md 4.1: parser torture list"
_REFUSE = "spec/devices.md 4.1 and 4.2: unknown commands and wrong parameters are refused"

_m = reader_mutant

MUTANTS = (
    _m("unknown-ignored", "对未知命令不作应答", "keeps silent on an unknown command", _REFUSE, line=UnknownIgnored),
    _m("unknown-accepted", "未知命令应答成功", "says yes to an unknown command", _REFUSE, logic=UnknownAccepted),
    _m("parameter-accepted", "错误参数应答成功", "says yes to a wrong parameter", _REFUSE, logic=ParameterAccepted),
    _m("bcc-unchecked", "不检查 BCC", "carries out a command with a wrong BCC", _CHECK, line=BccUnchecked),
    _m("bad-bcc-acked", "BCC 错误仍回 ACK", "acknowledges a wrong BCC", _CHECK, line=BadBccAcked),
    _m("no-nak", "BCC 错误不回 NAK", "never sends NAK", _CHECK, line=Suppressed),
    _m("no-ack", "不回 ACK", "never sends ACK", _FLOW, line=NoAck),
    _m("ack-late", "ACK 晚于 300 ms", "acknowledges after more than 300 ms", _FLOW, line=AckLate),
    _m("answer-before-ack", "先应答后 ACK", "answers before it acknowledges", _FLOW, CRT591, line=AnswerBeforeAck),
    _m("echo-wrong", "应答的命令码不符", "the answer names another command", _PAIR, line=EchoWrong),
    _m("answer-twice", "应答发送两次", "sends every answer twice", _FLOW, line=AnswerTwice),
    _m("stale-answer", "总是给出上一命令的应答", "answers the command before", _PAIR, line=StaleAnswer),
    _m("no-resend-on-nak", "收到 NAK 不重发", "does not send again on NAK", _FLOW, CRT591, line=NoResend),
    _m("no-resend", "未收到 ACK 不重发", "does not send again without an ACK", _FLOW, CRT591, line=NoResendOnSilence),
    _m("endless-resend", "无限次重发", "sends again for ever", _FLOW, CRT591, line=EndlessResend),
    _m("enq-ignored", "不理会 ENQ", "ignores ENQ", _FLOW, CRT310, line=EnqIgnored),
    _m("answers-without-enq", "不等 ENQ 即应答", "answers without ENQ", _FLOW, CRT310, line=AnswersWithoutEnq),
    _m("eot-ignored", "不理会 EOT", "ignores EOT", _FLOW, line=EotIgnored),
    _m("no-resync", "残帧之后不再恢复", "never recovers from a truncated frame", _RESYNC, line=Deafened),
    _m("noise-breaks", "噪声之后丢一帧", "loses the frame after noise", _RESYNC, line=NoiseBreaks),
    _m("absurd-length-hangs", "长度异常后死锁", "hangs after an absurd length", _RESYNC, line=AbsurdLengthDeafens),
    _m("length-off-by-one", "应答长度多一", "the length of its answers is one too many", _RESYNC, line=LengthOffByOne),
    _m("bcc-wrong-third", "每三个应答错一个 BCC", "every third answer has a wrong BCC", _CHECK, line=BccWrongThird),
    _m("limit-ignored", "不限制命令长度", "takes commands beyond the limit", _REFUSE, line=LimitIgnored),
)
