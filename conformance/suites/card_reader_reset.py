"""Card reader: what only the chip, the sensors and the counter themselves can show. Resets that reach the chip, a short
circuit under power, a protocol that the card does not speak, faults of the hardware, and readings that return.
"""

from __future__ import annotations

from typing import ClassVar

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import Exchange, ReaderView
from conformance.suites.card_reader_acts import (
    SELECT_SSSE,
    activate,
    clear_jam,
    command,
    eject,
    move,
    put_in,
    read_ef05,
    special,
    transmit,
)
from conformance.suites.card_reader_chip import READ_VERSION, SELECT_MF, first_protocol
from conformance.suites.card_reader_faults import STAY, codes
from conformance.suites.card_reader_words import IN_READER, ReaderCheck, card_seen, first_talk, position
from protocols.wire.base import Label
from protocols.wire.card_reader import Error, Op, Place, Request

BOTH = ("insert", "remove")
CHIP = ("reader.motorised", "reader.contact")


class ResetForgets(ReaderCheck):
    """DG-WXC-19, DG-CXC-12: a reset or power-off that never reaches the chip, covered by a remembered ATR, would break it.

    The state that one citizen's session left in the card would then be there for the next command.
    """

    id = "reader.chip.reset-forgets"
    title = Label("复位和下电确实作用于芯片", "resets and power-off reach the chip")
    clauses = ("DG-WXC-19", "DG-CXC-12")
    needs, hand = CHIP, BOTH
    control = "activate"
    kills = ("reader.warm-keeps-state", "reader.cold-keeps-state", "reader.off-keeps-state")
    source = "spec/devices.md 4.1 (51 30, 31, 38), 4.2 (37 30, 2F); spec/cards.md 1.2"
    kinds: ClassVar[dict[str, tuple[Request, ...]]] = {
        "warm": (Request(Op.CHIP_WARM),),
        "cold": (Request(Op.CHIP_ON),),
        "off": (Request(Op.CHIP_OFF), Request(Op.CHIP_ON)),
    }

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        for kind, requests in self.kinds.items():
            await read_ef05(t)
            with t.step(f"known.{kind}"):
                await transmit(t, READ_VERSION)
            with t.step(f"reset.{kind}"):
                for request in requests:
                    await t.ask(request)
            with t.step(f"forgotten.{kind}"):
                await transmit(t, READ_VERSION)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not (card_seen(v) and v.succeeded(v.step("activate").only(Op.CHIP_ON), "冷复位", "cold reset")):
            return
        for kind in self.kinds:
            reset = v.step(f"reset.{kind}").exchanges[-1]
            if kind == "cold" and not reset.reply.ok:  # a reader may demand that the chip is switched off first
                continue
            v.succeeded(reset, "复位", "reset")
            known, after = first_talk(v.step(f"known.{kind}")), first_talk(v.step(f"forgotten.{kind}"))
            v.must(known.done, "复位之前可读当前文件", "the current file can be read before the reset", known.exchange)
            v.must(
                not after.done,
                "复位之后卡不再有当前文件",
                "after the reset the card has no current file any more",
                after.exchange,
            )


class ShortUnderPower(ReaderCheck):
    """DG-CXC-12, DG-WXC-14: not noticing that a chip under power became a short circuit would break it."""

    id = "reader.chip.short-under-power"
    title = Label("上电后芯片短路须报告", "a short circuit under power is reported")
    clauses = ("DG-CXC-12", "DG-WXC-14")
    needs, hand = CHIP, (*BOTH, "short-circuit")
    control = "before"
    kills = ("reader.short-under-power-unseen",)
    source = "spec/devices.md 4.1 (60), 4.4"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        with t.step("before"):
            await transmit(t, SELECT_MF)
        special("short-circuit", await t.act("short-circuit"))
        with t.step("shorted"):
            await t.ask(Request(Op.CHIP_APDU, data=SELECT_MF))
        await eject(t)
        await put_in(t, "2.0")
        with t.step("good"):
            await command(t, Request(Op.MOVE, place=Place.IC))
            await t.ask(Request(Op.CHIP_ON))
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and v.succeeded(v.step("before").first, "短路之前的 APDU", "an APDU before the short circuit"):
            v.refused(v.step("shorted").first, (), "短路后的 APDU", "an APDU to a shorted chip")
            v.succeeded(v.step("good").only(Op.CHIP_ON), "下一张卡复位", "reset of the next card")


class WrongProtocol(ReaderCheck):
    """DG-WXC-19, DG-MOD-04: saying that a T=1 command succeeded with a card that speaks T=0 only would break it."""

    id = "reader.chip.wrong-protocol"
    title = Label("对 T=0 卡的 T=1 指令被拒绝", "a T=1 command to a T=0 card is refused")
    clauses = ("DG-WXC-19", "DG-MOD-04")
    needs, hand = CHIP, BOTH
    control = "right"
    kills = ("reader.protocol-ignored",)
    source = "spec/devices.md 4.1 (51 33, 34; 62), 4.2 (37 31, 32); spec/cards.md 3.1"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        with t.step("wrong"):
            await t.ask(Request(Op.CHIP_APDU, number=1, data=SELECT_SSSE))
        with t.step("again"):
            await t.ask(Request(Op.CHIP_ON))
        with t.step("right"):
            await t.ask(Request(Op.CHIP_APDU, data=SELECT_SSSE))
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        on = v.step("activate").only(Op.CHIP_ON)
        if not (card_seen(v) and v.succeeded(on, "复位", "reset")):
            return
        v.succeeded(v.step("right").first, "T=0 指令", "the T=0 command")
        if len(on.reply.data) > 1 and first_protocol(on.reply.data):
            v.unsure("该卡支持 T=1", "this card speaks T=1", on)
            return
        v.refused(v.step("wrong").first, (), "对 T=0 卡的 T=1 指令", "a T=1 command to a T=0 card")


class SensorsReturn(ReaderCheck):
    """DG-MOD-04, DG-WXC-21: sensors that do not tell mouth from inside, or wander by themselves, would break it."""

    id = "reader.self.sensors-return"
    title = Label("传感器能区分无卡、卡口、机内，且可重现", "sensors tell empty, mouth and inside, each time alike")
    clauses = ("DG-MOD-04", "DG-WXC-21", "BJ-INS-02")
    needs, hand = ("reader.motorised",), BOTH
    kills = ("reader.sensors-one-bit", "reader.sensors-frozen")
    source = "spec/devices.md 4.1 (31 31), 4.2 (31 2F)"
    path = (Place.IC, Place.GATE, Place.IC, Place.GATE)

    async def drive(self, t: ReaderTester) -> None:
        await self.sense(t, "empty")
        await put_in(t)
        for place in self.path:
            await move(t, place, f"to.{place}")
            await self.sense(t, str(place))
        await eject(t)
        await t.ask(Request(Op.ENTRY, enabled=False))
        await self.sense(t, "empty")

    @staticmethod
    async def sense(t: ReaderTester, where: str) -> None:
        with t.step(f"sensors.{where}"):
            await command(t, Request(Op.SENSORS))

    def judge(self, v: ReaderView) -> None:
        seen: dict[str, list[Exchange]] = {}
        for where in ("empty", "ic", "gate"):
            seen[where] = [step.first for step in v.each(f"sensors.{where}")]
            for exchange in seen[where]:
                v.succeeded(exchange, "查询传感器", "sensors")
        if not card_seen(v):
            return
        for step in v.each("to.*"):
            v.succeeded(step.only(Op.MOVE), "走卡", "the movement")
        for where, both in seen.items():
            same = len({each.reply.data for each in both}) == 1
            v.must(same, f"传感器（{where}）两次相同", f"the sensors are alike both times ({where})", *both)
        first = [each[0] for each in seen.values()]
        different = len({each.reply.data for each in first}) == len(first)
        v.must(different, "三种情形的传感器各不相同", "the sensors differ in the three situations", *first)


class HardwareFault(ReaderCheck):
    """Something of the hardware fails with a card inside, and is repaired."""

    clauses = ("DG-CXC-12", "BJ-INS-02")
    needs = ("reader.motorised",)
    control = "good"
    device_class = "card_reader"
    breaks, mends = "", ""
    errors: ClassVar[tuple[Error, ...]] = ()

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.IC, "ready")
        special(self.breaks, await t.act(self.breaks))
        await move(t, Place.GATE, "broken")
        special(self.mends, await t.act(self.mends))
        with t.step("mended"):
            await command(t, STAY)
        await move(t, Place.GATE, "good")
        await eject(t)
        await clear_jam(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and position(v, "ready", IN_READER, "移到 IC 位之后", "after the move to the IC position"):
            v.refused(v.step("broken").only(Op.MOVE), codes(v, *self.errors), "故障时走卡", "a movement with the fault")
            v.succeeded(v.step("mended").only(Op.INITIALISE), "修复后初始化", "initialise after the repair")
            v.succeeded(v.step("good").only(Op.MOVE), "修复后走卡", "a movement after the repair")


class SensorFault(HardwareFault):
    """DG-CXC-12, BJ-INS-02: moving cards blindly with a failed position sensor would break it."""

    id = "reader.fault.sensor"
    title = Label("位置传感器故障须报告", "a failed position sensor is reported")
    hand = (*BOTH, "sensor-fault", "repair")
    kills = ("reader.sensor-fault-unreported",)
    source = "spec/devices.md 4.1 (12), 4.4"
    breaks, mends = "sensor-fault", "repair"
    errors = (Error.SENSOR,)


class SupplyLow(HardwareFault):
    """DG-CXC-12, BJ-INS-02: moving cards on a supply that left its range would break it: a card would stop half way."""

    id = "reader.fault.supply"
    title = Label("供电电压超限须报告", "a supply out of range is reported")
    hand = (*BOTH, "supply-low", "supply-ok")
    kills = ("reader.supply-ignored",)
    source = "spec/devices.md 4.1 (06, 07), 4.3"
    breaks, mends = "supply-low", "supply-ok"
    errors = (Error.SUPPLY, Error.POWER_LOST, Error.MOTOR, Error.CANNOT_EXECUTE)


class CounterSet(ReaderCheck):
    """DG-CXC-09: a counter that cannot be set to every value that it may have would break it."""

    id = "reader.self.counter-set"
    title = Label("吞卡计数可设为 000 至 999", "the capture counter can be set from 000 to 999")
    clauses = ("DG-CXC-09",)
    variants = ("crt591",)
    needs = ("reader.capture", "reader.retain_bin")
    witness = True
    kills = ("reader.counter-set-ignored",)
    source = "spec/devices.md 4.1 (A5 30 read, 31 set 000..999)"
    values = ("123", "999", "000")

    async def drive(self, t: ReaderTester) -> None:
        for value in self.values:
            with t.step(f"set.{value}"):
                await t.ask(Request(Op.COUNTER, number=1, data=value.encode()))
                await t.ask(Request(Op.COUNTER))

    def judge(self, v: ReaderView) -> None:
        for value in self.values:
            asked = v.step(f"set.{value}").all(Op.COUNTER)
            v.succeeded(asked[0], "设置计数", "set the counter")
            shown = asked[-1].reply.data.strip(b"\x00 ")
            v.must(
                shown.isdigit() and int(shown) == int(value),
                f"计数应为 {value}",
                f"the counter must be {value}, got {shown!r}",
                asked[-1],
            )
