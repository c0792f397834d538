"""Card reader: abnormal cards and events. Each must be reported, leave a true status, and the next card must work."""

from __future__ import annotations

from typing import ClassVar

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import Exchange, ReaderView
from conformance.suites.card_reader_acts import (
    clear_jam,
    command,
    eject,
    is_out,
    move,
    put_in,
    special,
    watch,
)
from conformance.suites.card_reader_line import hear, send_text
from conformance.suites.card_reader_words import (
    IN_READER,
    ReaderCheck,
    after_eject,
    card_seen,
    moved,
    position,
)
from protocols.driver.card_reader import ACK
from protocols.wire.base import Frame, Label
from protocols.wire.card_reader import Error, Media, Op, Place, Request

FAULT_CLAUSES = ("DG-CXC-12", "BJ-INS-02")
STAY = Request(Op.INITIALISE, place=Place.STAY)


def codes(v: ReaderView, *exact: Error) -> tuple[Error, ...]:
    """*exact* where the dialect has a code for it, else any that stands for it (spec/devices.md 4.2)."""
    if v.dialect.rules.host_ack:
        return exact
    return (*exact, Error.ABNORMAL_CARD, Error.CANNOT_EXECUTE, Error.OTHER)


def shows_card(v: ReaderView, exchange: Exchange, zh: str, en: str) -> None:
    """The status must not say that the path is empty: an error or any position will do."""
    reply = exchange.reply
    seen = reply.media or reply.error
    v.must(not is_out(reply), f"{zh}：不得报告无卡，实际 {seen}", f"{en}: must not say empty, got {seen}", exchange)


class Jam(ReaderCheck):
    """DG-CXC-12, BJ-INS-02: reporting success, or an empty path, while the card is jammed would break it."""

    id = "reader.fault.jam"
    title = Label("退卡时卡堵塞须报告，状态真实", "a jam during eject is reported and the status is true")
    clauses = FAULT_CLAUSES
    hand = ("insert", "jam")
    needs = ("reader.motorised",)
    kills = (
        "reader.jam-position-none",
        "reader.jam-as-success",
    )
    source = "spec/devices.md 4.1 (10), 4.2 (06), 4.4 (jammed)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.IC, "ready")
        with t.step("jam"):
            await t.act("jam")
        reply = await move(t, Place.EJECT, "eject")
        if reply.ok:
            with t.step("proof"):  # is the card that was handed out really gone?
                await t.pause(0.5)
                await command(t, STAY)
                await t.status()
        await clear_jam(t)

    def judge(self, v: ReaderView) -> None:
        if not (card_seen(v) and v.succeeded(v.step("ready").only(Op.MOVE), "移到 IC 位", "move to the IC position")):
            return
        moving = v.step("eject").only(Op.MOVE)
        if not moving.reply.ok:
            v.refused(moving, codes(v, Error.JAM), "卡堵塞时退卡", "eject of a jammed card")
            shows_card(v, v.step("eject").only(Op.STATUS), "卡堵塞时的状态", "the status while jammed")
            return
        done = "done" in v.hand_answers().values()
        v.media_is(
            v.step("eject").only(Op.STATUS), after_eject(v), "报告退卡成功之后", "after an eject called successful"
        )
        proof = v.step("proof").only(Op.STATUS)
        v.must(
            not done and not (proof.reply.media or Media.NONE).in_reader,
            "卡仍在机内，却报告退卡成功",
            "the card is still inside although eject was called successful",
            moving,
            proof,
        )
        v.unsure("没有看到卡堵塞", "no jam was seen", moving)


class JamClears(ReaderCheck):
    """DG-CXC-12: staying jammed after the path was cleared, or losing the card, would break it."""

    id = "reader.fault.jam-clears"
    title = Label("清除卡堵塞后恢复正常", "works again once the jam is cleared")
    clauses = FAULT_CLAUSES
    hand = ("insert", "remove", "jam", "clear-jam")
    needs = ("reader.motorised",)
    control = "cleared"
    kills = (
        "reader.jam-for-ever",
        "reader.jam-as-success",
        "reader.initialise-captures",
    )
    source = "spec/open-readings.md: jam and initialise"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.IC, "ready")
        special("jam", await t.act("jam"))
        await move(t, Place.EJECT, "jammed")
        with t.step("cleared"):
            special("clear-jam", await t.act("clear-jam"))
            await command(t, STAY)
            await t.status()
        await eject(t)
        await put_in(t)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not (card_seen(v) and v.succeeded(v.step("ready").only(Op.MOVE), "移到 IC 位", "move to the IC position")):
            return
        v.refused(v.step("jammed").only(Op.MOVE), codes(v, Error.JAM), "卡堵塞时退卡", "eject of a jammed card")
        v.succeeded(v.step("cleared").only(Op.INITIALISE), "清除后初始化", "initialise after the jam was cleared")
        position(v, "cleared", (Media.GATE, *IN_READER), "清除后的状态", "the status after the jam was cleared")
        v.succeeded(v.each("eject")[0].only(Op.MOVE), "清除后退卡", "eject after the jam was cleared")
        card_seen(v, 1)


class WrongLength(ReaderCheck):
    """A card of the wrong length is offered."""

    clauses = FAULT_CLAUSES
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    device_class = "card_reader"
    card = "long"
    error = Error.TOO_LONG
    media = Media.LONG

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t, self.card)
        await move(t, Place.IC, "pushed")
        with t.step("out"):
            await command(t, Request(Op.MOVE, place=Place.EJECT))
            await t.act("remove")
            await watch(t, is_out)
        await put_in(t)
        await move(t, Place.IC, "good")
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        offered, pushed = v.each("insert")[0].only(Op.STATUS), v.step("pushed").only(Op.MOVE)
        if offered.reply.media in (Media.LONG, Media.SHORT):
            v.media_is(offered, (self.media,), "长度不符的卡", "a card of the wrong length")
        if not is_out(offered.reply):  # a reader may also not take such a card in at all
            v.refused(
                pushed, codes(v, self.error), "长度不符的卡移到 IC 位", "a card of the wrong length to the IC position"
            )
        position(v, "out", (Media.NONE,), "退出之后", "after it was handed out")
        card_seen(v, 1)
        v.succeeded(v.step("good").only(Op.MOVE), "随后的正常卡", "the good card afterwards")


class LongCard(WrongLength):
    """DG-CXC-12, BJ-INS-02: taking a card that is too long as a good one would break it."""

    id = "reader.fault.long-card"
    title = Label("过长的卡被报告并退出", "a card that is too long is reported and handed out")
    kills = (
        "reader.long-accepted",
        "reader.length-swapped",
    )
    source = "spec/devices.md 4.1 (13), 4.2 (46)"


class ShortCard(WrongLength):
    """DG-CXC-12, BJ-INS-02: taking a card that is too short as a good one would break it."""

    id = "reader.fault.short-card"
    title = Label("过短的卡被报告并退出", "a card that is too short is reported and handed out")
    kills = (
        "reader.short-accepted",
        "reader.length-swapped",
    )
    source = "spec/devices.md 4.1 (14), 4.2 (47)"
    card = "short"
    error = Error.TOO_SHORT
    media = Media.SHORT


class PulledAtRest(ReaderCheck):
    """DG-CXC-12, DG-WXC-21: still showing a card that was pulled out by force would break it."""

    id = "reader.fault.pulled-at-rest"
    title = Label("静止时被拔走的卡须察觉", "a card pulled out at rest is noticed")
    clauses = ("DG-CXC-12", "DG-WXC-21", "BJ-INS-02")
    hand = ("insert", "remove", "pull")
    needs = ("reader.motorised",)
    kills = (
        "reader.pull-unnoticed",
        "reader.no-card-moves",
    )
    source = "spec/open-readings.md: card pulled at rest"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.IC, "ready")
        with t.step("pulled"):
            special("pull", await t.act("pull"))
            await watch(t, is_out)
        with t.step("moved"):
            await command(t, Request(Op.MOVE, place=Place.EJECT))
            await t.status()
        await put_in(t)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and position(v, "ready", IN_READER, "移到 IC 位之后", "after the move to the IC position"):
            position(v, "pulled", (Media.NONE,), "卡被拔走之后", "after the card was pulled out")
            moving = v.step("moved")
            if not moving.only(Op.STATUS).reply.stacker:
                v.refused(moving.only(Op.MOVE), (), "卡被拔走后走卡", "a movement after the card was pulled out")
            card_seen(v, 1)


class PulledInMotion(ReaderCheck):
    """DG-CXC-12, DG-WXC-21: not ending a movement whose card was pulled out, or showing it still, would break it."""

    id = "reader.fault.pulled-in-motion"
    title = Label("走卡中被拔走的卡须察觉", "a card pulled out in motion is noticed")
    clauses = ("DG-CXC-12", "DG-WXC-21", "BJ-INS-02")
    hand = ("insert", "remove", "pull")
    needs = ("reader.motorised",)
    kills = ("reader.insertion-unreported",)
    source = "spec/devices.md 4.1 (40)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.GATE, "ready")
        with t.step("pulled"):
            await send_text(t, Request(Op.MOVE, place=Place.IC))
            await t.pause(0.1)
            special("pull", await t.act("pull"))
            await hear(t, Frame, 10.0)
            if t.dialect.rules.host_ack:
                await t.port.send(bytes((ACK,)))
        with t.step("after"):
            await watch(t, is_out)
        await put_in(t)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not card_seen(v):
            return
        position(v, "after", (Media.NONE,), "卡被拔走之后", "after the card was pulled out")
        during = v.step("pulled").only(Op.MOVE)
        v.must(during.answered, "走卡命令有结果", "the movement ends with an answer", during)
        card_seen(v, 1)


class CaptureForgotten(ReaderCheck):
    """DG-CXC-12, DG-CXC-09: not being able to take back a card that the citizen forgot at the mouth would break it."""

    id = "reader.fault.forgotten-card"
    title = Label("遗忘在卡口的卡可吞入", "a card forgotten at the mouth can be captured")
    clauses = ("DG-CXC-12", "DG-CXC-09")
    hand = ("insert", "remove")
    needs = ("reader.motorised", "reader.capture")
    damage: ClassVar[dict[str, int]] = {"captured_cards": 1}
    kills = (
        "reader.capture-status-sticks",
        "reader.hold-pulls-in",
    )
    source = "spec/devices.md 4.1 (32 30, 32 33), 4.3"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.GATE, "gate")
        await move(t, Place.CAPTURE, "capture")
        await put_in(t)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and moved(v, "gate", (Media.GATE,), "夹持在卡口", "hold at the mouth"):
            moved(v, "capture", (Media.NONE,), "吞入遗忘的卡", "capture the forgotten card")
            card_seen(v, 1)
