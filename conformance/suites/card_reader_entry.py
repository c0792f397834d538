"""Card reader: the entry. Cards are taken only when the host allows it, and coming and going is reported."""

from __future__ import annotations

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import ReaderView
from conformance.suites.card_reader_acts import absent, command, eject, move, put_in, take
from conformance.suites.card_reader_words import IN_READER, ReaderCheck, after_eject, card_seen, position
from protocols.wire.base import Label
from protocols.wire.card_reader import Media, Op, Place, Request

REFUSAL_S = 2.0
"""How long a card is watched that must not be taken: an intake takes about one second."""


class DisabledRefuses(ReaderCheck):
    """DG-CXC-09: taking a card in although the host has shut the entry would break it."""

    id = "reader.entry.disabled-refuses"
    title = Label("禁止进卡时不收卡", "a shut entry takes no card")
    clauses = ("DG-CXC-09",)
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    control = "insert"
    kills = ("reader.entry-off-ignored",)
    source = "spec/devices.md 4.1 (33 31), 4.2 (2F 31)"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("entry"):
            await t.ask(Request(Op.ENTRY, enabled=True))
            await t.ask(Request(Op.ENTRY, enabled=False))
        with t.step("shut"):
            await t.act("insert 3.0")
            await absent(t, REFUSAL_S)
        await put_in(t)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        v.succeeded(v.step("entry").only(Op.ENTRY), "禁止进卡", "shut the entry")
        position(v, "shut", (Media.NONE,), "禁止进卡时插卡", "a card offered to a shut entry")
        card_seen(v)


class EnabledTakes(ReaderCheck):
    """DG-CXC-09, DG-CXC-08: not taking a card although the entry is open would break it."""

    id = "reader.entry.enabled-takes"
    title = Label("允许进卡时收卡", "an open entry takes the card")
    clauses = ("DG-CXC-09", "DG-CXC-08")
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    kills = ("reader.insertion-unreported",)
    source = "spec/devices.md 4.1 (33 30), 4.2 (2F 33)"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("before"):
            await t.ask(Request(Op.ENTRY, enabled=True))
            await t.status()
        await put_in(t)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        v.succeeded(v.step("before").only(Op.ENTRY), "允许进卡", "open the entry")
        position(v, "before", (Media.NONE,), "插卡之前", "before the card")
        card_seen(v)


class Presence(ReaderCheck):
    """DG-WXC-21, BJ-INS-02: not reporting that a card came, or that it was taken, would break it."""

    id = "reader.entry.presence"
    title = Label("卡的插入和取走均有报告", "insertion and removal are reported")
    clauses = ("DG-WXC-21", "BJ-INS-02")
    hand = ("insert", "remove")
    kills = (
        "reader.removal-unreported",
        "reader.hold-pulls-in",
    )
    source = "spec/devices.md 4.1 (st0), 4.2 (S1)"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("before"):
            await t.status()
        await put_in(t)
        with t.step("again"):
            await t.status()
        await move(t, Place.GATE, "gate")
        await take(t)

    def judge(self, v: ReaderView) -> None:
        position(v, "before", (Media.NONE,), "插卡之前", "before the card")
        if card_seen(v):
            seen = v.each("insert")[0].only(Op.STATUS).reply.media
            v.must(
                v.step("again").first.reply.media == seen, "再次查询结果相同", "asked again, the same", v.step("again")
            )
            position(v, "gate", (Media.GATE,), "卡在卡口", "the card at the mouth")
            position(v, "take", (Media.NONE,), "取走卡之后", "after the card was taken")


class SecondCard(ReaderCheck):
    """DG-CXC-09, DG-CXC-12: taking a second card in while one is inside would break it."""

    id = "reader.entry.second-card"
    title = Label("机内有卡时不再收卡", "no second card while one is inside")
    clauses = ("DG-CXC-09", "DG-CXC-12")
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    control = "insert"
    kills = (
        "reader.eject-status-sticks",
        "reader.eject-noop",
    )
    source = "spec/devices.md 4.1, 4.4"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.IC, "ready")
        with t.step("second"):
            await command(t, Request(Op.ENTRY, enabled=True))
            await t.act("insert 2.0")
            await t.pause(0.3)
            await command(t, Request(Op.STATUS))
        with t.step("shut"):
            await command(t, Request(Op.ENTRY, enabled=False))
        await eject(t)
        with t.step("empty"):
            await t.pause(0.3)
            await command(t, Request(Op.STATUS))

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and position(v, "ready", IN_READER, "移到 IC 位之后", "after the move to the IC position"):
            position(v, "second", IN_READER, "插第二张卡之后", "after a second card was offered")
            v.succeeded(v.step("eject").only(Op.MOVE), "退出第一张卡", "eject the first card")
            position(v, "empty", (Media.NONE,), "第一张卡取走之后", "after the first card was taken")


class CardAgain(ReaderCheck):
    """DG-CXC-09, DG-WXC-21: not taking the next card after one was handed out would break it."""

    id = "reader.entry.next-card"
    title = Label("退卡后可再次收卡", "the next card is taken after one was handed out")
    clauses = ("DG-CXC-09", "DG-WXC-21")
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    kills = (
        "reader.eject-status-sticks",
        "reader.eject-noop",
    )
    source = "spec/open-readings.md: front entry after one card"

    async def drive(self, t: ReaderTester) -> None:
        for card in ("3.0", "1.0"):
            await put_in(t, card)
            await eject(t)

    def judge(self, v: ReaderView) -> None:
        for which in (0, 1):
            if card_seen(v, which):
                v.media_is(v.each("eject")[which].only(Op.STATUS), after_eject(v), "退卡之后", "after eject")
                v.media_is(
                    v.each("take")[which].only(Op.STATUS), (Media.NONE,), "取走卡之后", "after the card was taken"
                )
