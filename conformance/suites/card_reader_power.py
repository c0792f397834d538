"""Card reader: the supply fails at a bad moment. Afterwards the state is true and no card is lost silently."""

from __future__ import annotations

from typing import ClassVar

from conformance.roles.card_reader import HandUnable, ReaderTester
from conformance.roles.card_reader_view import ReaderView
from conformance.suites.card_reader_acts import (
    activate,
    await_power,
    command,
    eject,
    is_out,
    move,
    power_cycle,
    put_in,
    take,
    watch,
)
from conformance.suites.card_reader_line import send_text
from conformance.suites.card_reader_words import IN_READER, ReaderCheck, card_seen, parameter, pics, position
from protocols.wire.base import Label
from protocols.wire.card_reader import Error, Media, Op, Place, Request

STAY = Request(Op.INITIALISE, place=Place.STAY)
RULE_S = 0.5
"""Time for the power-down rule to move a card, once the reader is back."""


def rule_of(v: ReaderView) -> str:
    """What was declared of a card inside when the power returns; empty when nothing was."""
    return str(parameter(v, "power_loss") or pics(v, "powerdown_rule") or "")


class PowerCut(ReaderCheck):
    """The power is cut at some moment; then everything that the reader says is compared with where the card turns up."""

    clauses = ("DG-CXC-12",)
    hand = ("insert", "remove", "poweroff", "poweron")
    needs = ("reader.motorised",)
    device_class = "card_reader"
    first: ClassVar[int] = 1
    """Which insertion shows that the path was free afterwards."""

    async def before(self, t: ReaderTester) -> None:
        """Bring card and reader into the moment of the cut."""
        raise TypeError(f"{type(self).__name__} cuts nothing")

    async def drive(self, t: ReaderTester) -> None:
        await self.before(t)
        await power_cycle(t)
        with t.step("returned"):
            await t.pause(RULE_S)
            await command(t, Request(Op.STATUS))
        with t.step("initialised"):
            await command(t, STAY)
            reply = await t.status()
        if reply.media is not None and reply.media is not Media.NONE:
            await move(t, Place.EJECT, "eject")
        with t.step("take"):
            await t.act("remove")
            await watch(t, is_out, 5.0)
        await put_in(t)
        await move(t, Place.EJECT, "last")
        await take(t)

    def judge(self, v: ReaderView) -> None:
        returned = v.step("returned").only(Op.STATUS)
        if v.dialect.rules.host_ack:
            v.refused(returned, (Error.NOT_INITIALISED,), "恢复供电后的状态", "the status when the power is back")
        else:
            v.must(returned.answered, "恢复供电后应答状态", "the status is answered when the power is back", returned)
        v.succeeded(v.step("initialised").only(Op.INITIALISE), "初始化", "initialise")
        self.judge_place(v)
        if v.steps("eject"):
            v.succeeded(v.step("eject").only(Op.MOVE), "退出机内的卡", "eject the card inside")
        position(v, "take", (Media.NONE,), "取走卡之后", "after the card was taken")
        card_seen(v, self.first)

    def judge_place(self, v: ReaderView) -> None:
        """Where the card may be after initialise."""
        position(v, "initialised", (Media.NONE, Media.GATE, *IN_READER), "初始化之后", "after initialise")


class PowerIdle(ReaderCheck):
    """DG-CXC-12: an empty reader that does not come back, or comes back with a card that is not there, would break it."""

    id = "reader.power.idle"
    title = Label("空闲时断电，恢复后可用", "comes back from a power cut while empty")
    clauses = ("DG-CXC-12", "BJ-INS-02")
    hand = ("insert", "remove", "poweroff", "poweron")
    kills = ("reader.insertion-unreported",)
    source = "spec/devices.md 4.1, 4.2, 12"

    async def drive(self, t: ReaderTester) -> None:
        await t.ask(Request(Op.ENTRY, enabled=True))
        await power_cycle(t)
        with t.step("shut"):  # nobody has opened the entry since the power came back
            await command(t, STAY)
            await t.status()
        await put_in(t)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        v.succeeded(v.step("shut").only(Op.INITIALISE), "初始化", "initialise")
        position(v, "shut", (Media.NONE,), "初始化之后", "after initialise")
        if card_seen(v):
            v.succeeded(v.step("eject").only(Op.MOVE), "退卡", "eject")


class PowerIntake(PowerCut):
    """DG-CXC-12: losing a card that was just being taken in when the power failed would break it."""

    id = "reader.power.intake"
    title = Label("进卡时断电", "power cut during intake")
    kills = (
        "reader.power-forgets-card",
        "reader.ready-after-power",
    )
    source = "spec/devices.md 12, 4.3 (power failure), AS-11"
    first = 0

    async def before(self, t: ReaderTester) -> None:
        with t.step("intake"):
            await t.ask(Request(Op.ENTRY, enabled=True))
            await t.act("insert 3.0")
            await t.pause(0.2)


class PowerHold(PowerCut):
    """DG-CXC-12, DG-WXC-21: forgetting the card inside, or keeping its chip alive, over a power cut would break it."""

    id = "reader.power.hold"
    title = Label("机内有卡时断电", "power cut with a card inside")
    clauses = ("DG-CXC-12", "DG-WXC-21")
    kills = (
        "reader.power-rule-ignored",
        "reader.initialise-captures",
        "reader.power-forgets-card",
        "reader.ready-after-power",
    )
    source = "spec/open-readings.md: power loss; AS-11"

    async def before(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)

    def judge_place(self, v: ReaderView) -> None:
        allowed = {
            "kept": IN_READER,
            "ejected": (Media.NONE, Media.GATE),
            "captured": (Media.NONE,),
        }.get(rule_of(v), (Media.NONE, Media.GATE, *IN_READER))
        if card_seen(v):
            position(v, "initialised", allowed, "初始化之后", "after initialise")


class PowerEject(PowerCut):
    """DG-CXC-12: losing track of a card that was on its way out when the power failed would break it."""

    id = "reader.power.eject"
    title = Label("退卡时断电", "power cut during eject")
    kills = (
        "reader.power-forgets-card",
        "reader.ready-after-power",
    )
    source = "spec/devices.md 12, 4.3 (power failure), AS-11"

    async def before(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.IC, "ready")
        with t.step("cut"):
            await send_text(t, Request(Op.MOVE, place=Place.EJECT))
            await t.pause(0.1)


class PowerCapture(PowerCut):
    """DG-CXC-12: losing track of a card that was on its way to the bin when the power failed would break it."""

    id = "reader.power.capture"
    title = Label("吞卡时断电", "power cut during capture")
    needs = ("reader.motorised", "reader.capture")
    damage: ClassVar[dict[str, int]] = {"captured_cards": 1}
    kills = (
        "reader.power-forgets-card",
        "reader.ready-after-power",
    )
    source = "spec/devices.md 12, 4.3 (power failure), AS-11"

    async def before(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.IC, "ready")
        with t.step("cut"):
            await send_text(t, Request(Op.MOVE, place=Place.CAPTURE))
            await t.pause(0.1)


class PowerChip(ReaderCheck):
    """DG-CXC-12, DG-WXC-19: talking to a chip that lost its supply as if nothing had happened would break it."""

    id = "reader.power.chip"
    title = Label("断电后芯片须重新复位", "a chip needs a new reset after a power cut")
    clauses = ("DG-CXC-12", "DG-WXC-19")
    hand = ("insert", "remove", "poweroff", "poweron")
    needs = ("reader.motorised", "reader.contact", "reader.powerdown_rule=kept")
    """With any other rule there is no card left to ask."""
    control = "activate"
    kills = ("reader.chip-answers-off",)
    source = "spec/devices.md 4.1 (65), 12"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        await power_cycle(t)
        await t.pause(RULE_S)
        await await_power(t)
        with t.step("initialised"):
            await command(t, STAY)
            reply = await t.status()
        if reply.media is None or not reply.media.in_reader:
            raise HandUnable("poweroff", "the card did not stay inside: nothing to ask")
        with t.step("dead"):
            await t.ask(Request(Op.CHIP_APDU, data=bytes.fromhex("00A40000023F00")))
        with t.step("alive"):
            await command(t, Request(Op.MOVE, place=Place.IC))
            await t.ask(Request(Op.CHIP_ON))
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and v.succeeded(v.step("activate").only(Op.CHIP_ON), "复位", "reset"):
            v.refused(v.step("dead").first, (), "断电后未复位的 APDU", "an APDU after the power cut, without reset")
            v.succeeded(v.step("alive").only(Op.CHIP_ON), "断电后复位", "reset after the power cut")
