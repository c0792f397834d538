"""Card reader: initialise, in each of its forms, and the entry that it shuts."""

from __future__ import annotations

from typing import ClassVar

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import ReaderView
from conformance.suites.card_reader_acts import (
    absent,
    command,
    eject,
    move,
    power_cycle,
    put_in,
    take,
)
from conformance.suites.card_reader_command import STATUS, STAY, both, says_text
from conformance.suites.card_reader_words import (
    IN_READER,
    ReaderCheck,
    after_eject,
    card_seen,
    position,
)
from protocols.wire.base import Label
from protocols.wire.card_reader import Error, Media, Op, Place, Request


class InitialiseRequired(ReaderCheck):
    """DG-CXC-12, BJ-INS-02: working after the power returned, before initialise, would break it.

    A kiosk would then take a state for granted that nobody has looked at.
    """

    id = "reader.init.required"
    title = Label("上电后须先初始化", "nothing works before initialise")
    clauses = ("DG-CXC-12", "BJ-INS-02")
    variants = ("crt591",)
    hand = ("poweroff", "poweron")
    control = "initialised"
    kills = ("reader.ready-after-power",)
    source = "spec/devices.md 4.1: every other command before it gives B0"

    async def drive(self, t: ReaderTester) -> None:
        await power_cycle(t)
        with t.step("before"):
            for request in (STATUS, Request(Op.ENTRY, enabled=True), Request(Op.MOVE, place=Place.EJECT)):
                await t.ask(request)
        with t.step("initialised"):
            await t.ask(STAY)
            await t.status()

    def judge(self, v: ReaderView) -> None:
        for exchange in v.step("before").exchanges:
            v.refused(exchange, (Error.NOT_INITIALISED,), "初始化之前的命令", "a command before initialise")
        v.succeeded(v.step("initialised").only(Op.INITIALISE), "初始化", "initialise")
        position(v, "initialised", (Media.NONE,), "初始化之后", "after initialise")


class InitialiseText(ReaderCheck):
    """DG-MOD-04, DG-CXC-08: an initialise that does not say which reader it is would break it."""

    id = "reader.init.version-text"
    title = Label("初始化应答给出型号版本", "initialise tells model and version")
    clauses = ("DG-MOD-04", "DG-CXC-08")
    witness = True
    kills = ("reader.initialise-mute",)
    source = "spec/devices.md 4.1 (CRT-591-M001), 4.2 (CRT 310 V3.0)"

    async def drive(self, t: ReaderTester) -> None:
        for _ in range(2):
            with t.step("initialise"):
                await t.ask(STAY)
                await t.status()

    def judge(self, v: ReaderView) -> None:
        first, second = (each.only(Op.INITIALISE) for each in both(v, "initialise"))
        says_text(v, first, "初始化", "initialise")
        v.must(first.reply.data == second.reply.data, "两次初始化的文本相同", "both times the same text", first, second)


class InitialiseEntryOff(ReaderCheck):
    """DG-CXC-09: taking a card in after initialise, before the host has opened the entry, would break it."""

    id = "reader.init.entry-off"
    title = Label("初始化后禁止进卡", "initialise shuts the entry")
    clauses = ("DG-CXC-09",)
    variants = ("crt591",)
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    control = "insert"
    kills = (
        "reader.initialise-keeps-entry",
        "reader.entry-off-ignored",
    )
    source = "spec/devices.md 4.1: initialise switches it off"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("opened"):
            await t.ask(Request(Op.ENTRY, enabled=True))
            await t.ask(STAY)
        with t.step("shut"):
            await t.act("insert 3.0")
            await absent(t, 2.0)
        await put_in(t)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        v.succeeded(v.step("opened").only(Op.INITIALISE), "初始化", "initialise")
        position(v, "shut", (Media.NONE,), "初始化后插卡", "a card offered after initialise")
        card_seen(v)


class InitialiseKeeps(ReaderCheck):
    """DG-CXC-09, DG-CXC-12: losing or moving a card out at an initialise that leaves it would break it."""

    id = "reader.init.keeps-card"
    title = Label("不动卡的初始化保留机内的卡", "initialise without movement keeps the card")
    clauses = ("DG-CXC-09", "DG-CXC-12")
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    kills = ("reader.initialise-captures",)
    source = "spec/devices.md 4.1 (30 33), 4.2 (30 30)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await move(t, Place.IC, "ready")
        with t.step("initialise"):
            await command(t, STAY)
            await t.status()
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and v.succeeded(v.step("ready").only(Op.MOVE), "移到 IC 位", "move to the IC position"):
            v.succeeded(v.step("initialise").only(Op.INITIALISE), "初始化", "initialise")
            position(v, "initialise", IN_READER, "初始化之后", "after initialise")
            position(v, "eject", after_eject(v), "退卡之后", "after eject")


class InitialiseEjects(ReaderCheck):
    """DG-CXC-09, DG-CXC-12: leaving the card inside at an initialise that sends it to the mouth would break it."""

    id = "reader.init.ejects"
    title = Label("退卡初始化把卡送到卡口", "initialise with eject hands the card out")
    clauses = ("DG-CXC-09", "DG-CXC-12")
    hand = ("insert", "remove")
    needs = ("reader.motorised",)
    kills = (
        "reader.initialise-stays",
        "reader.removal-unreported",
        "reader.hold-pulls-in",
    )
    source = "spec/devices.md 4.1 (30 30), 4.2 (30 31)"

    async def drive(self, t: ReaderTester) -> None:
        places = (Place.EJECT, Place.GATE)
        place = next(each for each in places if t.dialect.supports(Request(Op.INITIALISE, place=each)))
        await put_in(t)
        await move(t, Place.IC, "ready")
        with t.step("initialise"):
            await command(t, Request(Op.INITIALISE, place=place))
            await t.status()
        await take(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and position(v, "ready", IN_READER, "移到 IC 位之后", "after the move to the IC position"):
            v.succeeded(v.step("initialise").only(Op.INITIALISE), "初始化", "initialise")
            position(v, "initialise", (Media.NONE, Media.GATE), "退卡初始化之后", "after initialise with eject")
            position(v, "take", (Media.NONE,), "取走卡之后", "after the card was taken")


class InitialiseCaptures(ReaderCheck):
    """DG-CXC-09, DG-CXC-12: leaving a forgotten card in the path at an initialise that captures it would break it."""

    id = "reader.init.captures"
    title = Label("吞卡初始化把卡收入回收箱", "initialise with capture takes the card away")
    clauses = ("DG-CXC-09", "DG-CXC-12")
    hand = ("insert", "remove")
    needs = ("reader.motorised", "reader.capture")
    damage: ClassVar[dict[str, int]] = {"captured_cards": 1}
    kills = (
        "reader.initialise-stays",
        "reader.capture-status-sticks",
    )
    source = "spec/devices.md 4.1 (30 31), 4.2 (30 32)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        with t.step("initialise"):
            await command(t, Request(Op.INITIALISE, place=Place.CAPTURE))
            await t.status()
        await put_in(t)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v):
            v.succeeded(v.step("initialise").only(Op.INITIALISE), "吞卡初始化", "initialise with capture")
            position(v, "initialise", (Media.NONE,), "吞卡初始化之后", "after initialise with capture")
            card_seen(v, 1)
