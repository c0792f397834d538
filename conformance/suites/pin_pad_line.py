"""PIN pad: frames and commands of the line (spec/devices.md 1.2; open-readings.md, EPP family B)."""

from __future__ import annotations

from conformance.judge_pin_pad import check_value
from conformance.roles.pin_pad import PadTester
from conformance.roles.pin_pad_view import PadView
from conformance.suites.pin_pad_words import DOUBLE, SINGLE, PadCheck, ask, keyed, load, parameter
from protocols.driver.line_port import NoReply
from protocols.wire.base import Frame, Label
from protocols.wire.pin_pad import Error, Op, Request

SOURCE = "spec/devices.md 1.2"
MASTER = 1
SETTLE_S = 0.3
PIECE_PAUSE_S = 0.02
"""Far below the time after which an unfinished frame is given up."""

UNKNOWN = (Error.UNKNOWN_COMMAND, Error.UNKNOWN_COMMAND_BATTERY, Error.UNKNOWN_COMMAND_MASTER)


async def look(t: PadTester, step: str = "look") -> None:
    """The check value of the key that was loaded: what no device can guess."""
    await ask(t, step, Request(Op.KCV, master=MASTER))


def still_right(v: PadView, key: bytes, zh: str, en: str, step: str = "look") -> None:
    v.known_answer(v.step(step).first, check_value(key)[:4], zh, en)


class FrameForm(PadCheck):
    """DG-WXC-07: an answer with a wrong check byte, a wrong length, lower-case characters or bytes besides would break it."""

    id = "pad.line.frame-form"
    title = Label("每条命令恰有一个完好的应答帧", "every command has one well-formed answer")
    kills = ("pad.wrong-check-byte", "pad.lower-case", "pad.answers-twice")
    source = SOURCE

    async def drive(self, t: PadTester) -> None:
        await load(t, SINGLE, MASTER)
        for _ in range(5):
            await look(t)
        with t.step("quiet"):
            await t.listen(SETTLE_S)

    def judge(self, v: PadView) -> None:
        keyed(v)
        steps = [v.step("load"), *v.each("look"), v.step("quiet")]
        # Noise between frames is the line's; what begins like a frame and is none is the device's.
        broken = [each.seq for step in steps for each in step.noises if each.data.startswith(b"\x02")]
        v.must(not broken, f"损坏的帧 {len(broken)} 个", f"{len(broken)} broken frames", *(broken or steps))
        counts = [len(step.replies) for step in steps]
        v.must(counts == [1] * 6 + [0], f"应答数 {counts}", f"answers {counts}", *steps)
        still_right(v, SINGLE, "密钥校验值", "check value")


class BadCheck(PadCheck):
    """DG-WXC-07: a command whose check byte is wrong and that is carried out all the same would break it."""

    id = "pad.line.bad-check"
    title = Label("校验错误的命令不被执行", "a command with a wrong check byte is not carried out")
    kills = ("pad.check-byte-ignored",)
    control = "load"
    source = f"{SOURCE}; open-readings.md, BCC or length error"

    async def drive(self, t: PadTester) -> None:
        await load(t, SINGLE, MASTER)
        request = Request(Op.LOAD_MASTER, master=MASTER, data=DOUBLE)
        raw, text = t.wrapped(request), t.dialect.encode_request(request)
        with t.step("broken"):
            await t.port.send(t.dialect.framing().spoil(Frame(text, raw), "checksum"))
            await t.listen(SETTLE_S)
        await look(t)

    def judge(self, v: PadView) -> None:
        keyed(v)
        step = v.step("broken")
        settled = {"15": 1, "silence": 0}.get(str(parameter(v, "bad_frame")))
        fits = len(step.replies) in ((0, 1) if settled is None else (settled,))
        v.must(
            fits and all(reply.error is Error.PARAMETER for reply in step.replies),
            f"错误的帧：应答 15 或不应答，实际 {[each.code or '04' for each in step.replies]}",
            f"the broken frame: 15 or silence, got {[each.code or '04' for each in step.replies]}",
            step,
        )
        still_right(v, SINGLE, "密钥未被改变", "the key was not changed")


class SplitFrame(PadCheck):
    """DG-WXC-07: a command that is not understood because the line delivered it in pieces would break it."""

    id = "pad.line.split"
    title = Label("分段到达的命令可以识别", "a command that comes in pieces is understood")
    kills = ("pad.split-deaf",)
    source = f"{SOURCE}; spec/devices.md 10, split frame"

    async def drive(self, t: PadTester) -> None:
        await load(t, SINGLE, MASTER)
        raw = t.wrapped(Request(Op.KCV, master=MASTER))
        with t.step("pieces"):
            for at in range(0, len(raw), 3):
                await t.port.send(raw[at : at + 3])
                await t.pause(PIECE_PAUSE_S)
            try:
                await t.answer()
            except NoReply:
                pass  # the oracle says so

    def judge(self, v: PadView) -> None:
        keyed(v)
        still_right(v, SINGLE, "分段的命令", "the command in pieces", "pieces")


class UnknownCommand(PadCheck):
    """DG-WXC-07: saying yes to a command that does not exist, or being lost afterwards, would break it."""

    id = "pad.line.unknown"
    title = Label("不存在的命令被拒绝，其后仍可用", "an unknown command is refused, and the pad goes on")
    kills = ("pad.unknown-is-done", "pad.deaf-after-error")
    source = f"{SOURCE}, status E0"

    async def drive(self, t: PadTester) -> None:
        await load(t, SINGLE, MASTER)
        for code in (0x99, 0x51, 0xEE):
            await ask(t, "unknown", Request(Op.UNKNOWN, code=code))
        await look(t)

    def judge(self, v: PadView) -> None:
        keyed(v)
        for step in v.each("unknown"):
            v.refused(step.first, UNKNOWN, "不存在的命令", "a command that does not exist")
        still_right(v, SINGLE, "其后的命令", "the command after it")


class WrongParameter(PadCheck):
    """DG-WXC-07: saying yes to a parameter or a length that does not exist would break it."""

    id = "pad.line.parameter"
    title = Label("错误的参数和长度被拒绝", "wrong parameters and lengths are refused")
    kills = ("pad.parameter-is-done",)
    source = f"{SOURCE}, status 15"

    async def drive(self, t: PadTester) -> None:
        await load(t, SINGLE, MASTER)
        for text in ("46 00 99", "46 99 00", "32 01 0123", "43 01", "36 00"):
            raw = bytes.fromhex(text)
            await ask(t, "wrong", Request(Op.UNKNOWN, code=raw[0], data=raw[1:]))
        await look(t)

    def judge(self, v: PadView) -> None:
        keyed(v)
        for step in v.each("wrong"):
            v.refused(step.first, (), "错误的参数或长度", "a wrong parameter or length")
        still_right(v, SINGLE, "密钥未被改变", "the key was not changed")
