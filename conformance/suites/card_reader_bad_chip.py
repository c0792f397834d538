"""Card reader: chips that short the supply, and chips that say nothing."""

from __future__ import annotations

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import ReaderView
from conformance.suites.card_reader_acts import (
    command,
    eject,
    is_in,
    is_out,
    put_in,
    watch,
)
from conformance.suites.card_reader_faults import codes
from conformance.suites.card_reader_words import (
    IN_READER,
    ReaderCheck,
    card_seen,
    position,
)
from protocols.wire.base import Label
from protocols.wire.card_reader import Error, Media, Op, Place, Request


class ShortCircuit(ReaderCheck):
    """DG-WXC-22, DG-WXC-14: not reporting a short circuit, or not working with the next card, would break it.

    The hand may insert a shorted card, short the one inside, or short the next one: each is tried in turn.
    """

    id = "reader.chip.short-circuit"
    title = Label("触点短路须报告，下一张卡可用", "a short circuit is reported and the next card works")
    clauses = ("DG-WXC-22", "DG-WXC-14", "DG-CXC-12")
    hand = ("insert", "remove", "short-circuit")
    needs = ("reader.contact",)
    control = "good"
    kills = (
        "reader.short-as-success",
        "reader.short-burns",
        "reader.short-wrong-code",
    )
    source = "spec/devices.md 4.1 (60), 12"
    OFFER_S = 3.0

    async def drive(self, t: ReaderTester) -> None:
        with t.step("offer"):
            await t.ask(Request(Op.ENTRY, enabled=True))
            await t.act("short-circuit")
            shown = await watch(t, is_in, self.OFFER_S)
        if is_out(shown):
            await put_in(t)
        else:
            with t.step("settle"):
                await t.pause(0.3)
        if not await self.short_shown(t):
            with t.step("again"):
                await t.act("short-circuit")
            await self.short_shown(t)
        with t.step("status"):
            await t.status()
        await eject(t)
        for card in ("2.0", "1.0"):
            await put_in(t, card)
            with t.step("good"):
                await command(t, Request(Op.MOVE, place=Place.IC))
                reply = await t.ask(Request(Op.CHIP_ON))
            await eject(t)
            if reply.ok:
                break

    async def short_shown(self, t: ReaderTester) -> bool:
        with t.step("reset"):
            await command(t, Request(Op.MOVE, place=Place.IC))
            reply = await t.ask(Request(Op.CHIP_ON))
        wanted = Error.SHORT_CIRCUIT if t.dialect.rules.host_ack else reply.error
        return reply.error is not None and reply.error is wanted

    def judge(self, v: ReaderView) -> None:
        resets = [each.only(Op.CHIP_ON) for each in v.each("reset")]
        last = resets[-1]
        if any(each.reply.error in codes(v, Error.SHORT_CIRCUIT) for each in resets):
            v.must(True, "短路得到报告", "the short circuit is reported", last)
        elif self.hand_left_a_sign(v) or any(not each.reply.ok for each in resets):
            v.refused(last, codes(v, Error.SHORT_CIRCUIT), "短路卡复位", "reset of a shorted card")
        else:
            v.unsure("没有看到短路卡的迹象", "nothing shows that a shorted card was there", last)
        status = v.step("status").only(Op.STATUS)
        v.media_is(status, (Media.GATE, *IN_READER), "短路之后的状态", "the status after the short circuit")
        good = v.each("good")[-1].only(Op.CHIP_ON)
        v.succeeded(good, "下一张卡复位", "reset of the next card")

    @staticmethod
    def hand_left_a_sign(v: ReaderView) -> bool:
        """The hand vouches for it, or a card appeared by itself."""
        answers = {key: value for key, value in v.hand_answers().items() if key.endswith("short-circuit")}
        return "done" in answers.values() or not is_out(v.step("offer").only(Op.STATUS).reply)


class MuteCard(ReaderCheck):
    """DG-CXC-12, DG-WXC-19: making up an answer to reset for a card that says nothing would break it."""

    id = "reader.chip.mute-card"
    title = Label("无应答的卡须如实报告", "a mute card is reported as such")
    clauses = ("DG-CXC-12", "DG-WXC-19")
    hand = ("insert", "remove")
    needs = ("reader.contact",)
    control = "good"
    kills = ("reader.mute-invents-atr",)
    source = "spec/devices.md 4.1 (61, 63)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t, "mute")
        with t.step("mute"):
            await command(t, Request(Op.MOVE, place=Place.IC))
            await t.ask(Request(Op.CHIP_ON))
            await t.status()
        await eject(t)
        await put_in(t)
        with t.step("good"):
            await command(t, Request(Op.MOVE, place=Place.IC))
            await t.ask(Request(Op.CHIP_ON))
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        known = (Error.NO_ANSWER, Error.ACTIVATION, Error.CARD_COMMUNICATION, Error.OVERTIME, Error.UNSUPPORTED_CARD)
        if card_seen(v):
            v.refused(v.step("mute").only(Op.CHIP_ON), codes(v, *known), "无应答的卡复位", "reset of a mute card")
            position(v, "mute", IN_READER, "随后的状态", "the status afterwards")
        if card_seen(v, 1):
            v.succeeded(v.step("good").only(Op.CHIP_ON), "正常卡复位", "reset of a good card")
