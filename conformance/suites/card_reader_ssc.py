"""Card reader: social security cards of every generation through its contacts and its antenna (spec/cards.md 1)."""

from __future__ import annotations

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import ReaderView
from conformance.suites.card_reader_acts import activate, command, eject, put_in, read_ef05
from conformance.suites.card_reader_words import ReaderCheck, atr_flaws, card_seen, ef05_follows
from protocols.wire.base import Label
from protocols.wire.card_reader import Op, Place, Request


class ReadsGeneration(ReaderCheck):
    """One generation: reset, select the application, read EF05."""

    hand = ("insert", "remove")
    needs = ("reader.contact",)
    device_class = "card_reader"
    generation = ""

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t, self.generation)
        await activate(t)
        await read_ef05(t)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        reset = v.step("activate").only(Op.CHIP_ON)
        if card_seen(v) and v.succeeded(reset, "复位", "reset"):
            v.must(not atr_flaws(reset.reply.data), "ATR 合规", "the ATR is well formed", reset)
            ef05_follows(v, self.generation)


class ReadsGeneration1(ReadsGeneration):
    """DG-W20-11, DG-CXC-08: a social security card 1.0 whose EF05 does not come through would break it."""

    id = "reader.ssc.read-1.0"
    title = Label("可读 1.0 版社保卡", "reads social security cards 1.0")
    clauses = ("DG-W20-11", "DG-CXC-08")
    generation = "1.0"
    kills = (
        "reader.apdu-sw-swapped",
        "reader.atr-truncated",
    )
    source = "spec/cards.md 1.2 to 1.4"


class ReadsGeneration2(ReadsGeneration):
    """DG-W20-11, LL-A1-18, DG-CXC-08: a second-generation card whose EF05 does not come through would break it."""

    id = "reader.ssc.read-2.0"
    title = Label("可读 2.0 版社保卡", "reads social security cards 2.0")
    clauses = ("DG-W20-11", "LL-A1-18", "DG-CXC-08")
    generation = "2.0"
    kills = (
        "reader.apdu-sw-swapped",
        "reader.atr-truncated",
    )
    source = "spec/cards.md 1.2 to 1.4"


class ReadsGeneration3(ReadsGeneration):
    """DG-W20-11, DG-CXC-08: a social security card 3.0 whose EF05 does not come through would break it."""

    id = "reader.ssc.read-3.0"
    title = Label("可读 3.0 版社保卡", "reads social security cards 3.0")
    clauses = ("DG-W20-11", "DG-CXC-08")
    generation = "3.0"
    kills = (
        "reader.apdu-sw-swapped",
        "reader.atr-truncated",
    )
    source = "spec/cards.md 1.2 to 1.4"


class AllGenerations(ReaderCheck):
    """DG-W20-11, LL-A1-18: reading one generation only after another, or the card before, would break it."""

    id = "reader.ssc.one-after-another"
    title = Label("三代社保卡依次可读", "all generations, one after another")
    clauses = ("DG-W20-11", "LL-A1-18")
    hand = ("insert", "remove")
    needs = ("reader.contact",)
    kills = (
        "reader.apdu-sw-swapped",
        "reader.eject-noop",
    )
    source = "spec/cards.md 1.4 (record 03)"

    async def drive(self, t: ReaderTester) -> None:
        for generation in ("3.0", "1.0", "2.0"):
            with t.step(f"card.{generation}"):
                await put_in(t, generation)
                await command(t, Request(Op.MOVE, place=Place.IC))
                await t.ask(Request(Op.CHIP_ON))
                await read_ef05(t)
                await eject(t)

    def judge(self, v: ReaderView) -> None:
        for which, step in enumerate(v.each("card.*")):
            if card_seen(v, which) and v.succeeded(step.only(Op.CHIP_ON), "复位", "reset"):
                ef05_follows(v, step.name.removeprefix("card."), which=which)
