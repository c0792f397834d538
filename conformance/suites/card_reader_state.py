"""Card reader: its state, named in every situation that an inspector can bring about (BJ-INS-02)."""

from __future__ import annotations

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import ReaderView
from conformance.suites.card_reader_acts import activate, command, move, power_cycle, put_in, special, take
from conformance.suites.card_reader_words import IN_READER, ReaderCheck, card_seen, parameter, pics, position
from protocols.wire.base import Label
from protocols.wire.card_reader import Error, Media, Op, Place, Request

STATUS = Request(Op.STATUS)
STAY = Request(Op.INITIALISE, place=Place.STAY)


class Situations(ReaderCheck):
    """BJ-INS-02, DG-MOD-04: a state that does not name the situation would break it."""

    id = "reader.state.situations"
    title = Label("各种情形下的状态均正确", "the state names each situation")
    clauses = ("BJ-INS-02", "DG-MOD-04")
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    kills = (
        "reader.removal-unreported",
        "reader.hold-pulls-in",
    )
    source = "spec/devices.md 4.1 (st0), 4.2 (S1), 4.4"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("empty"):
            await t.status()
        await put_in(t)
        await activate(t)
        with t.step("powered"):
            await t.status()
        with t.step("released"):
            await t.ask(Request(Op.CHIP_OFF))
            await t.status()
        await move(t, Place.GATE, "mouth")
        await take(t)

    def judge(self, v: ReaderView) -> None:
        position(v, "empty", (Media.NONE,), "无卡", "empty")
        if card_seen(v):
            position(v, "powered", IN_READER, "芯片上电", "chip powered")
            position(v, "released", IN_READER, "芯片下电", "chip off")
            position(v, "mouth", (Media.GATE,), "卡在卡口", "card at the mouth")
            position(v, "take", (Media.NONE,), "卡已取走", "card taken")


class Uninitialised(ReaderCheck):
    """BJ-INS-02, DG-CXC-12: a reader that hides that it was just switched on would break it."""

    id = "reader.state.uninitialised"
    title = Label("上电后报告未初始化", "says that it is not initialised")
    clauses = ("BJ-INS-02", "DG-CXC-12")
    variants = ("crt591",)
    hand = ("poweroff", "poweron")
    control = "ready"
    kills = ("reader.ready-after-power",)
    source = "spec/devices.md 4.1 (B0), 4.4 (unknown)"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("ready"):
            await t.status()
        await power_cycle(t)
        with t.step("fresh"):
            await command(t, STATUS)
        with t.step("again"):
            await t.ask(STAY)
            await t.status()

    def judge(self, v: ReaderView) -> None:
        position(v, "ready", (Media.NONE,), "断电之前", "before the power cut")
        v.refused(
            v.step("fresh").only(Op.STATUS), (Error.NOT_INITIALISED,), "上电之后的状态", "the status after power on"
        )
        position(v, "again", (Media.NONE,), "初始化之后", "after initialise")


class BinState(ReaderCheck):
    """BJ-INS-02, DG-CXC-09: not telling that the bin became full, or was emptied, would break it."""

    id = "reader.state.bin"
    title = Label("回收箱状态随实际变化", "the state of the bin follows the bin")
    clauses = ("BJ-INS-02", "DG-CXC-09")
    variants = ("crt591",)
    hand = ("bin-full", "bin-empty")
    needs = ("reader.retain_bin",)
    kills = (
        "reader.bin-full-ignored",
        "reader.bin-full-unreported",
        "reader.status-swapped",
    )
    source = "spec/devices.md 4.1 (st1, st2); open-readings.md: st1 when no stacker is fitted"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("before"):
            await t.status()
        special("bin-full", await t.act("bin-full"))
        with t.step("full"):
            await t.status()
        special("bin-empty", await t.act("bin-empty"))
        with t.step("emptied"):
            await t.status()

    def judge(self, v: ReaderView) -> None:
        before, full, emptied = (v.step(name).first for name in ("before", "full", "emptied"))
        v.media_is(before, (Media.NONE,), "无卡", "empty")
        v.must(full.reply.bin_full is True, "报告回收箱满", "the bin is reported full", full)
        v.must(emptied.reply.bin_full is False, "报告回收箱未满", "the bin is reported not full", emptied)
        levels = {each.reply.stacker for each in (before, full, emptied)}
        v.must(len(levels) == 1, "卡箱状态不受影响", "the stacker's state is not affected", before, full)
        declared = parameter(v, "st1_without_stacker")
        if declared is not None and pics(v, "stacker") is False:
            v.must(
                levels == {declared}, f"未装卡箱时 st1 为 {declared}", f"st1 is {declared} without a stacker", before
            )
