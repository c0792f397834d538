"""Card reader: capture, the counter, and the retain bin."""

from __future__ import annotations

from typing import ClassVar

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import Exchange, ReaderView
from conformance.suites.card_reader_acts import eject, move, put_in, special
from conformance.suites.card_reader_movement import MOVE_CLAUSES
from conformance.suites.card_reader_words import (
    IN_READER,
    ReaderCheck,
    card_seen,
    moved,
    position,
)
from protocols.wire.base import Label
from protocols.wire.card_reader import Error, Media, Op, Place, Request


class MoveCapture(ReaderCheck):
    """DG-CXC-09, DG-CXC-08: a card that stays in the path after capture, or a capture that is refused, would break it."""

    id = "reader.move.capture"
    title = Label("吞卡", "capture")
    clauses = MOVE_CLAUSES
    hand = ("insert", "remove")
    needs = ("reader.motorised", "reader.capture")
    damage: ClassVar[dict[str, int]] = {"captured_cards": 1}
    kills = ("reader.capture-status-sticks",)
    source = "spec/devices.md 4.1 (32 33), 4.2 (32 33)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.CAPTURE, "capture")
        await put_in(t)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and moved(v, "capture", (Media.NONE,), "吞卡", "capture"):
            card_seen(v, 1)


class CaptureCounter(ReaderCheck):
    """DG-CXC-09: a capture that is not counted, or counted wrongly, would break it: a citizen's card would go astray."""

    id = "reader.move.capture-counter"
    title = Label("每次吞卡计数加一", "each capture counts")
    clauses = ("DG-CXC-09",)
    variants = ("crt591",)
    hand = ("insert", "remove")
    needs = ("reader.motorised", "reader.capture", "reader.retain_bin")
    damage: ClassVar[dict[str, int]] = {"captured_cards": 2}
    kills = (
        "reader.capture-ejects",
        "reader.capture-uncounted",
    )
    source = "spec/devices.md 4.1 (32 33 counts always; A5 30 read, 31 set 000..999)"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("set"):
            await t.ask(Request(Op.COUNTER, number=1, data=b"007"))
            await t.ask(Request(Op.COUNTER))
        for _ in range(2):
            await put_in(t)
            await move(t, Place.CAPTURE, "capture")
            with t.step("count"):
                await t.ask(Request(Op.COUNTER))

    def judge(self, v: ReaderView) -> None:
        v.succeeded(v.step("set").all(Op.COUNTER)[0], "设置计数", "set the counter")
        counts = [_count(v, v.step("set").only(Op.COUNTER))]
        for which, step in enumerate(v.each("count")):
            if not card_seen(v, which):
                return
            v.succeeded(v.each("capture")[which].only(Op.MOVE), "吞卡", "capture")
            counts.append(_count(v, step.first))
        v.must(
            counts == [7, 8, 9],
            f"计数应为 7、8、9，实际 {counts}",
            f"the counter must go 7, 8, 9, got {counts}",
            v.step("set"),
        )


def _count(v: ReaderView, exchange: Exchange) -> int | None:
    v.succeeded(exchange, "读计数", "read the counter")
    data = exchange.reply.data.strip(b"\x00 ")
    return int(data) if data.isdigit() else None


class BinFull(ReaderCheck):
    """DG-CXC-09, DG-CXC-12: capturing into a full bin, or not telling that it is full, would break it.

    The card must stay where it is, and come out when it is ejected.
    """

    id = "reader.move.bin-full"
    title = Label("回收箱满时拒绝吞卡并报告", "a full bin refuses capture and is reported")
    clauses = ("DG-CXC-09", "DG-CXC-12", "BJ-INS-02")
    hand = ("insert", "remove", "bin-full", "bin-empty")
    needs = ("reader.motorised", "reader.capture", "reader.retain_bin")
    control = "eject"
    kills = (
        "reader.bin-full-ignored",
        "reader.bin-full-unreported",
        "reader.status-swapped",
    )
    source = "spec/devices.md 4.1 (A1, st2)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        special("bin-full", await t.act("bin-full"))
        await move(t, Place.CAPTURE, "full")
        await t.act("bin-empty")
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not card_seen(v):
            return
        step = v.step("full")
        v.refused(
            step.only(Op.MOVE),
            (Error.BIN_FULL, Error.CANNOT_EXECUTE, Error.OTHER),
            "箱满时吞卡",
            "capture into a full bin",
        )
        status = step.only(Op.STATUS)
        position(v, "full", (Media.GATE, *IN_READER), "被拒绝的吞卡之后", "after the refused capture")
        if status.reply.bin_full is not None:
            v.must(status.reply.bin_full, "状态报告回收箱满", "the status says that the bin is full", status)
        v.succeeded(v.step("eject").only(Op.MOVE), "退卡", "eject")
