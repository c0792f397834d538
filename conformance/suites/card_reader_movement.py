"""Card reader: each movement commanded, and the status that it leaves behind (spec/devices.md 4.1 row 32, 4.2 row 32)."""

from __future__ import annotations

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import ReaderStep, ReaderView
from conformance.suites.card_reader_acts import activate, command, eject, is_out, move, put_in, take, watch
from conformance.suites.card_reader_words import (
    IN_READER,
    ReaderCheck,
    after_eject,
    at_ic,
    atr_flaws,
    card_seen,
    moved,
    parameter,
    pics,
    position,
)
from protocols.wire.base import Label
from protocols.wire.card_reader import Error, Media, Op, Place, Reply, Request

MOVE_CLAUSES = ("DG-CXC-09", "DG-CXC-08")


class MoveGate(ReaderCheck):
    """DG-CXC-09, DG-CXC-08: a card that is not held at the mouth, or reported elsewhere, would break it."""

    id = "reader.move.gate"
    title = Label("移到卡口并夹持", "hold at the mouth")
    clauses = MOVE_CLAUSES
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    kills = (
        "reader.removal-unreported",
        "reader.hold-pulls-in",
    )
    source = "spec/devices.md 4.1 (32 30), 4.2 (32 31)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.IC, "ready")
        await move(t, Place.GATE, "gate")
        await take(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and v.succeeded(v.step("ready").only(Op.MOVE), "移到 IC 位", "move to the IC position"):
            moved(v, "gate", (Media.GATE,), "移到卡口并夹持", "hold at the mouth")
            position(v, "take", (Media.NONE,), "取走卡之后", "after the card was taken")


class MoveIc(ReaderCheck):
    """DG-CXC-09, DG-CXC-08: a card that does not reach the contacts, or is reported elsewhere, would break it."""

    id = "reader.move.ic"
    title = Label("移到 IC 位", "to the IC position")
    clauses = MOVE_CLAUSES
    hand = ("insert", "remove")
    needs = ("reader.motorised", "reader.contact")
    kills = ("reader.ic-stops-short",)
    source = "spec/devices.md 4.1 (32 31), 4.2 (32 2F)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.IC, "ic")
        with t.step("chip"):
            await t.ask(Request(Op.CHIP_ON))
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and moved(v, "ic", at_ic(v), "移到 IC 位", "to the IC position"):
            v.succeeded(v.step("chip").only(Op.CHIP_ON), "触点接通后复位", "reset under the contacts")


class MoveRf(ReaderCheck):
    """DG-CXC-09, DG-CXC-08: a card that does not stay inside before the antenna would break it."""

    id = "reader.move.rf"
    title = Label("移到射频位", "to the RF position")
    clauses = MOVE_CLAUSES
    hand = ("insert", "remove")
    needs = ("reader.motorised", "reader.rf")
    kills = ("reader.hold-pulls-in",)
    source = "spec/devices.md 4.1 (32 32), 4.2 (32 2E)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.GATE, "gate")
        await move(t, Place.RF, "rf")
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and position(v, "gate", (Media.GATE,), "移到卡口之后", "after the move to the mouth"):
            moved(v, "rf", IN_READER, "移到射频位", "to the RF position")


class MoveEject(ReaderCheck):
    """DG-CXC-09, DG-CXC-08: a card that is not handed out, or a status that says otherwise, would break it."""

    id = "reader.move.eject"
    title = Label("退卡", "eject")
    clauses = MOVE_CLAUSES
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    kills = (
        "reader.eject-status-sticks",
        "reader.eject-noop",
    )
    source = "spec/devices.md 4.1 (32 39), 4.2 (32 30)"

    async def drive(self, t: ReaderTester) -> None:
        count = Request(Op.COUNTER)
        await put_in(t)
        await move(t, Place.IC, "ready")
        for which in ("count", "eject", "count"):
            if which == "eject":
                await move(t, Place.EJECT, "eject")
            elif t.dialect.supports(count):
                with t.step("count"):
                    await t.ask(count)
        await take(t)
        await put_in(t)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and v.succeeded(v.step("ready").only(Op.MOVE), "移到 IC 位", "move to the IC position"):
            moved(v, "eject", after_eject(v), "退卡", "eject")
            counts = [ReaderStep(each, v.dialect).first for each in v.steps("count")]
            if counts and all(each.reply.ok for each in counts):  # a card that fell into the bin was not handed out
                v.must(
                    counts[0].reply.data == counts[1].reply.data, "退卡不计入吞卡", "an eject is no capture", *counts
                )
            position(v, "take", (Media.NONE,), "取走卡之后", "after the card was taken")
            card_seen(v, 1)  # a path that still held the first card could not take this one


class MoveRear(ReaderCheck):
    """DG-CXC-09, DG-CXC-08: a card that is not held at the rear, or cannot come back from there, would break it."""

    id = "reader.move.rear"
    title = Label("移到后端并夹持，再退回", "hold at the rear, and back")
    clauses = MOVE_CLAUSES
    variants = ("crt310",)
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    kills = (
        "reader.eject-status-sticks",
        "reader.eject-noop",
    )
    source = "spec/devices.md 4.2 (32 32)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.REAR, "rear")
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and moved(v, "rear", (Media.REAR,), "移到后端", "to the rear"):
            moved(v, "eject", after_eject(v), "退卡", "eject")


class NoCard(ReaderCheck):
    """DG-CXC-09: saying that a card was moved although there is none would break it."""

    id = "reader.move.no-card"
    title = Label("无卡时走卡命令被拒绝", "a movement without a card is refused")
    clauses = ("DG-CXC-09", "DG-CXC-12")
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    control = "control"
    kills = ("reader.no-card-moves",)
    source = "spec/open-readings.md: a move without a card"

    async def drive(self, t: ReaderTester) -> None:
        for place in (Place.EJECT, Place.IC, Place.CAPTURE):
            with t.step("empty"):
                await t.ask(Request(Op.MOVE, place=place))
                reply = await t.status()
            if reply.media is not Media.NONE:
                break  # a stacker has fed a card: allowed, and the end of this experiment
        await t.home()
        await put_in(t)
        await move(t, Place.EJECT, "control")
        await take(t)

    def judge(self, v: ReaderView) -> None:
        allowed = (Error.SEQUENCE, Error.STACKER_EMPTY, Error.CANNOT_EXECUTE)
        for step in v.each("empty"):
            status = step.only(Op.STATUS)
            if fed_from_stacker(v, step):
                v.must(True, "从发卡箱取卡", "a card was fed from the stacker", status)
                continue
            v.refused(step.only(Op.MOVE), allowed, "无卡时走卡", "a movement without a card")
            v.media_is(status, (Media.NONE,), "随后的状态", "the status afterwards")
        v.succeeded(v.step("control").only(Op.MOVE), "有卡时退卡", "eject with a card")


def fed_from_stacker(v: ReaderView, step: ReaderStep) -> bool:
    """A movement without a card may bring one from the stacker, if there is one: the status or the PICS says so."""
    shown, declared = step.only(Op.STATUS).reply, pics(v, "stacker")
    there_is_one = bool(declared) or bool(shown.stacker) or shown.media not in (None, Media.NONE)
    return step.only(Op.MOVE).reply.ok and there_is_one and declared is not False


class RoundTrip(ReaderCheck):
    """DG-CXC-09, DG-CXC-08, BJ-INS-02: a status that lags one movement behind, or sticks, would break it."""

    id = "reader.move.round-trip"
    title = Label("逐次走卡，状态始终真实", "the status follows every movement")
    clauses = ("DG-CXC-09", "DG-CXC-08", "BJ-INS-02")
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    kills = (
        "reader.hold-pulls-in",
        "reader.eject-status-sticks",
        "reader.eject-noop",
    )
    source = "spec/devices.md 12"
    path = (Place.IC, Place.GATE, Place.RF, Place.GATE, Place.IC)

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        for place in self.path:
            await move(t, place, f"to.{place}")
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not card_seen(v):
            return
        for step, place in zip(v.each("to.*"), self.path, strict=True):
            allowed = (Media.GATE,) if place is Place.GATE else at_ic(v) if place is Place.IC else IN_READER
            v.succeeded(step.only(Op.MOVE), f"移到 {place}", f"to {place}")
            v.media_is(step.only(Op.STATUS), allowed, f"移到 {place} 之后", f"after the move to {place}")
        moved(v, "eject", after_eject(v), "退卡", "eject")
        position(v, "take", (Media.NONE,), "取走卡之后", "after the card was taken")


class MovePowered(ReaderCheck):
    """DG-CXC-09, DG-WXC-19: dragging a card out of live contacts, or believing the chip still on, would break it.

    The reader may refuse with error 05 or release the contacts itself (open-readings.md).
    """

    id = "reader.move.powered"
    title = Label("芯片上电时走卡：先释放触点或拒绝", "moving a powered card releases it or is refused")
    clauses = ("DG-CXC-09", "DG-WXC-19")
    hand = ("insert", "remove")
    needs = ("reader.motorised", "reader.contact")
    kills = (
        "reader.move-leaves-power",
        "reader.hold-pulls-in",
    )
    source = "spec/open-readings.md: moving with the chip powered"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        reply: Reply = await move(t, Place.GATE, "gate")
        if reply.ok:
            with t.step("dead"):
                await t.ask(Request(Op.CHIP_APDU, data=bytes.fromhex("00A40000023F00")))
        else:
            with t.step("off"):
                await t.ask(Request(Op.CHIP_OFF))
        await move(t, Place.EJECT, "eject")
        await take(t)

    def judge(self, v: ReaderView) -> None:
        if not card_seen(v):
            return
        on = v.step("activate").only(Op.CHIP_ON)
        if not v.succeeded(on, "复位", "reset"):
            return
        v.must(not atr_flaws(on.reply.data), "复位应答完好", "the answer to reset is well formed", on)
        moving = v.step("gate").only(Op.MOVE)
        declared = parameter(v, "chip_power_on_move")
        if moving.reply.ok:
            v.must(declared != "refused", "未声明为拒绝", "not declared as refused", moving)
            position(v, "gate", (Media.GATE,), "走卡之后", "after the movement")
            v.refused(v.step("dead").first, (), "离开触点后的 APDU", "an APDU after the contacts are gone")
        else:
            codes = (Error.CONTACT_NOT_RELEASED, Error.CANNOT_EXECUTE, Error.SEQUENCE)
            v.refused(moving, codes, "芯片上电时走卡", "moving a powered card")
            v.must(declared != "released", "未声明为自动释放", "not declared as released", moving)
            position(v, "gate", IN_READER, "被拒绝之后", "after the refusal")
        moved(v, "eject", after_eject(v), "退卡", "eject")


class EjectReturned(ReaderCheck):
    """DG-CXC-09, DG-WXC-21: not noticing that an ejected card is still there, or was taken, would break it."""

    id = "reader.move.taken"
    title = Label("夹持在卡口的卡可收回", "a card held at the mouth can be brought back")
    clauses = ("DG-CXC-09", "DG-WXC-21")
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    kills = (
        "reader.no-card-moves",
        "reader.removal-unreported",
        "reader.hold-pulls-in",
    )
    source = "spec/devices.md 4.1 (32 30), 4.2 (32 31)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.GATE, "gate")
        await move(t, Place.IC, "back")
        await move(t, Place.GATE, "out")
        with t.step("gone"):
            await t.act("remove")
            await watch(t, is_out)
            await command(t, Request(Op.MOVE, place=Place.IC))
            await t.status()

    def judge(self, v: ReaderView) -> None:
        if not card_seen(v):
            return
        moved(v, "gate", (Media.GATE,), "移到卡口", "to the mouth")
        moved(v, "back", at_ic(v), "从卡口收回", "back from the mouth")
        moved(v, "out", (Media.GATE,), "再到卡口", "to the mouth again")
        gone = v.step("gone")
        fetched = gone.only(Op.MOVE)
        if not fed_from_stacker(v, gone):
            v.refused(fetched, (), "卡已取走后走卡", "a movement after the card was taken")
            v.media_is(gone.only(Op.STATUS), (Media.NONE,), "卡已取走", "the card was taken")
