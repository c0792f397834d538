"""Card reader: commands that cannot be carried out, initialise, and what the reader says of itself."""

from __future__ import annotations

from conformance.model import NoObservation
from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import Exchange, ReaderStep, ReaderView
from conformance.suites.card_reader_acts import (
    await_power,
    command,
    eject,
    move,
    put_in,
)
from conformance.suites.card_reader_words import (
    IN_READER,
    NONSENSE,
    ReaderCheck,
    card_seen,
    position,
)
from protocols.wire.base import Label
from protocols.wire.card_reader import Error, Media, Op, Place, Request

STATUS, STAY = Request(Op.STATUS), Request(Op.INITIALISE, place=Place.STAY)
NOT_CARRIED_OUT = (Error.NOT_INITIALISED, Error.POWER_LOST, Error.CANNOT_EXECUTE, Error.SEQUENCE)


def printable(data: bytes) -> bool:
    """A text of at least four printable characters."""
    text = data.strip(b"\x00 \xff")
    return len(text) >= 4 and all(0x20 <= byte < 0x7F for byte in text)


def says_text(v: ReaderView, exchange: Exchange, zh: str, en: str) -> None:
    """The answer must carry a text."""
    if v.succeeded(exchange, zh, en):
        data = exchange.reply.data
        shown = data.decode("ascii", "replace")
        v.must(printable(data), f"{zh}应给出文本，实际“{shown}”", f"{en} must give a text, got {shown!r}", exchange)


def both(v: ReaderView, step: str) -> list[ReaderStep]:
    """The first two steps of that name. Raises :class:`NoObservation` when the second was never reached."""
    found = v.each(step)[:2]
    if len(found) < 2:
        what = Label(f"步骤“{step}”没有第二次", f"step {step!r} was not reached a second time")
        raise NoObservation(what, found[0].seqs)
    return found


class UnknownCommand(ReaderCheck):
    """DG-MOD-04, DG-CXC-09: saying yes to a command that does not exist, or being upset by it, would break it."""

    id = "reader.command.unknown"
    title = Label("不存在的命令被拒绝", "a command that does not exist is refused")
    clauses = ("DG-MOD-04", "DG-CXC-09")
    control = "control"
    kills = (
        "reader.unknown-accepted",
        "reader.unknown-ignored",
    )
    source = "spec/devices.md 4.1 (00), 4.2 (00)"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("control"):
            await t.status()
        for cm in (0x7A, 0x10):
            with t.step("unknown"):
                await t.ask(Request(Op.UNKNOWN, cm=cm, pm=0x30))
        with t.step("after"):
            await t.status()

    def judge(self, v: ReaderView) -> None:
        for step in v.each("unknown"):
            v.refused(step.first, (), "不存在的命令", "a command that does not exist")
        position(v, "after", (Media.NONE,), "随后的状态", "the status afterwards")


class BadParameter(ReaderCheck):
    """DG-MOD-04, DG-CXC-09: moving a card by a movement that does not exist would break it."""

    id = "reader.command.bad-parameter"
    title = Label("参数错误的命令被拒绝且不执行", "a wrong parameter is refused and moves nothing")
    clauses = ("DG-MOD-04", "DG-CXC-09")
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    control = "control"
    kills = (
        "reader.parameter-accepted",
        "reader.unknown-ignored",
    )
    source = "spec/devices.md 4.1 (01), 4.2 (01)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.IC, "control")
        with t.step("wrong"):
            await t.reader.exchange(t.dialect.encode_request(STATUS)[:-1] + b"\x7a")
            await t.reader.exchange(t.dialect.encode_request(Request(Op.MOVE, place=Place.EJECT))[:-1] + b"\x7a")
        with t.step("after"):
            await t.status()
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        for exchange in v.step("wrong").exchanges:
            v.refused(exchange, (), "参数错误的命令", "a command with a wrong parameter")
        if card_seen(v) and v.succeeded(v.step("control").only(Op.MOVE), "移到 IC 位", "move to the IC position"):
            position(v, "after", IN_READER, "参数错误的走卡命令之后", "after a movement that does not exist")


class SelfDescription(ReaderCheck):
    """What the reader says of itself, asked twice."""

    witness = True
    from_home = False
    device_class = "card_reader"
    clauses = ("DG-MOD-04", "DG-CXC-08")


class SelfVersion(SelfDescription):
    """DG-MOD-04, DG-CXC-08: a reader that cannot tell its version, or another one each time, would break it."""

    id = "reader.self.version"
    title = Label("可读版本", "the version can be read")
    variants = ("crt591",)
    kills = (
        "reader.initialise-mute",
        "reader.bcc-wrong-third",
        "reader.echo-wrong",
        "reader.length-off-by-one",
    )
    source = "spec/devices.md 4.1 (A4)"

    async def drive(self, t: ReaderTester) -> None:
        await t.ask(STAY)
        for _ in range(2):
            with t.step("version"):
                await t.ask(Request(Op.VERSION))

    def judge(self, v: ReaderView) -> None:
        first, second = (each.first for each in both(v, "version"))
        says_text(v, first, "读版本", "the version")
        v.must(first.reply.data == second.reply.data, "两次相同", "the same both times", first, second)


class SelfSerial(SelfDescription):
    """DG-MOD-04, DG-CXC-08: a serial number that is missing, or changes with initialise, would break it."""

    id = "reader.self.serial"
    title = Label("序列号可读且不变", "the serial number can be read and does not change")
    kills = (
        "reader.serial-wanders",
        "reader.enq-ignored",
        "reader.bcc-wrong-third",
        "reader.echo-wrong",
    )
    source = "spec/devices.md 4.1 (A2), 4.2 (30 3A)"

    async def drive(self, t: ReaderTester) -> None:
        await t.ask(STAY)
        with t.step("serial"):
            await t.ask(Request(Op.SERIAL))
        await t.ask(STAY)
        with t.step("serial"):
            await t.ask(Request(Op.SERIAL))

    def judge(self, v: ReaderView) -> None:
        first, second = (each.first for each in both(v, "serial"))
        says_text(v, first, "读序列号", "the serial number")
        v.must(first.reply.data == second.reply.data, "两次相同", "the same both times", first, second)


class SelfConfiguration(SelfDescription):
    """DG-MOD-04, DG-CXC-08: a configuration that cannot be read, or differs each time, would break it."""

    id = "reader.self.configuration"
    title = Label("配置可读且不变", "the configuration can be read and does not change")
    variants = ("crt591",)
    kills = (
        "reader.configuration-missing",
        "reader.bcc-wrong-third",
        "reader.echo-wrong",
        "reader.length-off-by-one",
    )
    source = "spec/devices.md 4.1 (A3)"

    async def drive(self, t: ReaderTester) -> None:
        await t.ask(STAY)
        for _ in range(2):
            with t.step("configuration"):
                await t.ask(Request(Op.CONFIGURATION))

    def judge(self, v: ReaderView) -> None:
        first, second = (each.first for each in both(v, "configuration"))
        if v.succeeded(first, "读配置", "the configuration"):
            v.must(bool(first.reply.data), "配置非空", "the configuration is not empty", first)
            v.must(first.reply.data == second.reply.data, "两次相同", "the same both times", first, second)


class Sensors(ReaderCheck):
    """DG-MOD-04, DG-WXC-21, BJ-INS-02: sensors that do not notice a card would break it."""

    id = "reader.self.sensors"
    title = Label("传感器状态随卡变化", "the sensors notice a card")
    clauses = ("DG-MOD-04", "DG-WXC-21", "BJ-INS-02")
    hand = ("insert", "remove")
    kills = ("reader.sensors-frozen",)
    source = "spec/devices.md 4.1 (31 31), 4.2 (31 2F); number of bytes open"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("empty"):
            await t.ask(Request(Op.SENSORS))
        await put_in(t)
        with t.step("card"):
            await command(t, Request(Op.SENSORS))
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        empty, card = v.step("empty").first, v.step("card").first
        if not (v.succeeded(empty, "查询传感器", "sensors") and v.succeeded(card, "查询传感器", "sensors")):
            return
        v.must(bool(empty.reply.data), "给出传感器字节", "sensor bytes are given", empty)
        if card_seen(v):
            v.must(empty.reply.data != card.reply.data, "有卡时传感器不同", "a card changes the sensors", empty, card)


class Interface(ReaderCheck):
    """DG-CXC-13, DG-WXC-14: a reader that does not keep its conversation over the declared RS-232 line would break it."""

    id = "reader.interface.rs232"
    title = Label("经 RS-232 接口通信", "communicates over RS-232")
    clauses = ("DG-CXC-13", "DG-WXC-14")
    needs = ("reader.interface=rs232",)
    witness = True
    kills = ("reader.unknown-ignored",)
    source = "spec/devices.md 4.1, 4.2"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("talk"):
            for request in (STATUS, Request(Op.ENTRY, enabled=False), NONSENSE, STATUS):
                await t.ask(request)
        await t.port.drain(0.4)  # the last ACK must be through before the line is dropped
        await t.open()
        with t.step("reopened"):
            await await_power(t)

    def judge(self, v: ReaderView) -> None:
        talk = v.step("talk")
        for exchange in talk.exchanges:
            v.must(exchange.answered, "命令得到应答", "the command is answered", exchange)
        v.media_is(talk.only(Op.STATUS), (Media.NONE,), "状态", "status")
        position(v, "reopened", (Media.NONE,), "重新打开线路之后", "after the line was opened anew")
