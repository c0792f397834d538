"""Checks of what the offline medical account must refuse in a purchase (spec/cards.md 1.7, rules)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from conformance.model import Check
from conformance.roles.card import CardTester
from conformance.roles.card_view import CardView
from conformance.suites.card_account import (
    AMOUNT,
    CLAUSES,
    NEEDS,
    TERMINAL,
    Account,
    judge_account,
    must_not_change,
    purchase_start,
    state,
)
from conformance.suites.card_conversation import SPOILED_MAC, Session, control, only, pin_given, started
from protocols.wire.base import Label


class PurchaseWrongMac(Check):
    """BJ-OFF-01, DG-FIN-PAY-02: a card that pays without a right MAC1 pays anybody; ``9302`` and nothing changed."""

    id = "card.purchase.wrong_mac"
    title = Label("MAC1 错误的消费被拒绝", "a purchase with a wrong MAC1 is refused")
    clauses = CLAUSES
    device_class = "card"
    needs = NEEDS
    control = "right"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1, "card_writes": 3}
    kills = ("card.mac1-first-byte", "card.mac1-ignored")
    source = "spec/cards.md 1.7 (rules)"

    async def stimulus(self, t: CardTester) -> None:
        account = await Account.open(t)
        await account.load()
        await account.look("before")
        for at in SPOILED_MAC:
            begun = await account.init_purchase()
            with t.step("wrong"):
                taken = await account.debit(begun, spoil=at)
            if taken.ok:
                break
        await account.look("after")
        with t.step("right"):
            await account.spend()

    def oracle(self, v: CardView) -> None:
        judge_account(v)
        right = only(v, "right")
        control(right.ok, "正确的消费成功", "the right purchase succeeds", right)
        for step in v.each("wrong"):
            v.status_is(step.last, (0x9302,), "MAC1 错误", "wrong MAC1")
        must_not_change(v)


class PurchaseInitOnce(Check):
    """BJ-OFF-01: INIT is good for the very next command only; otherwise a stolen MAC1 can be used later. ``6901``."""

    id = "card.purchase.init_once"
    title = Label("消费初始化只对下一条命令有效", "INIT FOR PURCHASE is good for the next command only")
    clauses = CLAUSES
    device_class = "card"
    needs = NEEDS
    control = "right"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1, "card_writes": 3}
    kills = ("card.init-stays",)
    source = "spec/cards.md 1.7 (rules)"

    async def stimulus(self, t: CardTester) -> None:
        account = await Account.open(t)
        await account.load()
        await account.look("before")
        begun = await account.init_purchase()
        await account.balance()
        with t.step("late"):
            await account.debit(begun)
        await account.look("after")
        with t.step("right"):
            await account.spend()

    def oracle(self, v: CardView) -> None:
        judge_account(v)
        right = only(v, "right")
        control(right.ok, "正确的消费成功", "the right purchase succeeds", right)
        v.status_is(v.step("late").last, (0x6901, 0x6985), "隔一条命令后消费", "DEBIT after another command")
        must_not_change(v)


class PurchaseReplay(Check):
    """BJ-OFF-01, DG-FIN-PAY-02: the same DEBIT sent twice must pay once: hosts repeat what they think was lost."""

    id = "card.purchase.replay"
    title = Label("重发的消费不得再次扣款", "a repeated DEBIT does not pay twice")
    clauses = CLAUSES
    device_class = "card"
    needs = NEEDS
    control = "once"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1, "card_writes": 2}
    kills = ("card.debit-free", "card.replay")
    source = "spec/cards.md 1.7 (rules)"

    async def stimulus(self, t: CardTester) -> None:
        account = await Account.open(t)
        await account.load()
        await account.load()
        begun = await account.init_purchase()
        with t.step("once"):
            await account.debit(begun)
        await account.look("before")
        begun = await account.init_purchase()
        await account.debit(begun)
        with t.step("twice"):
            await account.debit(begun)
        await account.look("after")

    def oracle(self, v: CardView) -> None:
        judge_account(v)
        once = only(v, "once")
        control(once.ok, "首次消费成功", "the first DEBIT succeeds", once)
        twice = only(v, "twice")
        v.must(
            not twice.ok and twice.sw in (0x6901, 0x6985, 0x9302),
            "重发的消费应被拒绝（6901）",
            "the repeated DEBIT must be refused (6901)",
            twice,
        )
        old, first = state(v, "before")
        new, second = state(v, "after")
        v.must(
            new.balance == old.balance - AMOUNT, "两次 DEBIT 只应扣款一次", "two DEBITs must pay once", first, second
        )


class PurchaseOverdraw(Check):
    """BJ-OFF-01, DG-FIN-PAY-02: all of the balance may be spent, one fen more must be refused with ``9401``."""

    id = "card.purchase.overdraw"
    title = Label("超出余额的消费被拒绝", "a purchase beyond the balance is refused")
    clauses = CLAUSES
    device_class = "card"
    needs = ("card.offline_account", "card.pin")
    control = "balance"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1}
    kills = ("card.last-fen", "card.overdraw")
    source = "spec/cards.md 1.7 (rules)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.select(0xDF04)
        await session.right()
        with t.step("balance"):
            told = await t.ask("B026000104")
        fen = int.from_bytes(told.data[:4])
        for name, wanted in (("exact", fen), ("beyond", fen + 1)):
            with t.step(name):
                await t.ask(f"B02801011301{wanted:08X}" + "00" * 8 + TERMINAL.hex())

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        told = only(v, "balance")
        control(told.ok and len(told.data) == 4, "读到余额", "the balance is read", told)
        exact = only(v, "exact")
        v.must(exact.ok, "恰好等于余额的消费应可初始化", "a purchase of the very balance must be initialised", exact)
        v.status_is(v.step("beyond").last, (0x9401,), "比余额多一分", "one fen more than the balance")


class PurchaseKeyIndex(Check):
    """BJ-OFF-01: a key index that the card does not have must be told as ``9403``, not answered with another key."""

    id = "card.purchase.key_index"
    title = Label("不存在的密钥索引", "a key index that does not exist")
    clauses = CLAUSES
    device_class = "card"
    needs = ("card.offline_account", "card.pin")
    control = "right"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1}
    kills = ("card.any-key-index",)
    source = "spec/cards.md 1.7 (rules)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.select(0xDF04)
        await session.right()
        for name, index in (("right", 0x01), ("absent", 0x7E)):
            with t.step(name):
                await t.ask(f"B028010113{index:02X}00000001" + "00" * 8 + TERMINAL.hex())

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        purchase_start(only(v, "right"))
        v.status_is(v.step("absent").last, (0x9403,), "密钥索引 7E", "key index 7E")
