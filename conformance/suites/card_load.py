"""Checks of loads into the offline medical account (spec/cards.md 1.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from conformance.judge_crypto import LoadKeys, tac
from conformance.model import Check
from conformance.roles.card import CardTester
from conformance.roles.card_view import CardView
from conformance.suites.card_account import (
    AMOUNT,
    CLAUSES,
    KIND_LOAD,
    NEEDS,
    TERMINAL,
    TIME,
    Account,
    judge_account,
    load_start,
    must_not_change,
    state,
)
from conformance.suites.card_conversation import SPOILED_MAC, control, only
from protocols.wire.base import Label

AMOUNT_BYTES = AMOUNT.to_bytes(4)


class Load(Check):
    """BJ-OFF-01, DG-FIN-PAY-02: the issuer loads only against a right MAC1: the card must prove itself, take MAC2,
    answer a TAC and raise balance and sequence once.
    """

    id = "card.load.whole"
    title = Label("完整的圈存（划入）", "a whole load")
    clauses = CLAUSES
    device_class = "card"
    needs = NEEDS
    control = "init"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1, "card_writes": 2}
    kills = ("card.load-nothing", "card.sequence-stands")
    source = "spec/cards.md 1.7"

    async def stimulus(self, t: CardTester) -> None:
        account = await Account.open(t)
        await account.look("before")
        with t.step("init"):
            begun = await account.init_load()
        with t.step("credit"):
            await account.credit(begun)
        await account.again()
        await account.look("after")
        await account.spend()

    def oracle(self, v: CardView) -> None:
        keys = judge_account(v)
        init, credit = only(v, "init"), only(v, "credit")
        begun = load_start(init)
        judge = LoadKeys(keys, begun.random, begun.sequence)
        v.must(
            begun.mac1 == judge.mac1(begun.balance.to_bytes(4), AMOUNT_BYTES, KIND_LOAD, TERMINAL),
            "MAC1 应与独立计算一致",
            "MAC1 must be the one that the judge computes",
            init,
        )
        v.must(credit.ok, "MAC2 正确的圈存应成功", "a load with the right MAC2 must succeed", credit)
        v.must(len(credit.data) == 4, "应返回 4 字节 TAC", "a TAC of 4 bytes must come", credit)
        old, first = state(v, "before")
        new, second = state(v, "after")
        v.must(
            new.balance == old.balance + AMOUNT,
            "余额应增加圈存额",
            "the balance must rise by the amount",
            first,
            second,
        )
        v.must(
            new.load_sequence == old.load_sequence + 1, "交易序号应加一", "the sequence must rise by one", first, second
        )


class LoadWrongMac(Check):
    """BJ-OFF-01, DG-FIN-PAY-02: a card that takes a wrong MAC2 prints money; ``9302`` and nothing changed."""

    id = "card.load.wrong_mac"
    title = Label("MAC2 错误的圈存被拒绝", "a load with a wrong MAC2 is refused")
    clauses = CLAUSES
    device_class = "card"
    needs = NEEDS
    control = "right"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1, "card_writes": 3}
    kills = ("card.mac2-first-byte", "card.mac2-ignored")
    source = "spec/cards.md 1.7 (rules)"

    async def stimulus(self, t: CardTester) -> None:
        account = await Account.open(t)
        await account.look("before")
        for at in SPOILED_MAC:
            begun = await account.init_load()
            with t.step("wrong"):
                taken = await account.credit(begun, spoil=at)
            if taken.ok:
                break
        await account.look("after")
        with t.step("right"):
            await account.load()
        await account.spend()

    def oracle(self, v: CardView) -> None:
        judge_account(v)
        right = only(v, "right")
        control(right.ok, "正确的圈存成功", "the right load succeeds", right)
        for step in v.each("wrong"):
            v.status_is(step.last, (0x9302,), "MAC2 错误", "wrong MAC2")
        must_not_change(v)


class LoadInitOnce(Check):
    """BJ-OFF-01: INIT FOR LOAD is good for the very next command only: ``6901`` afterwards, and nothing changed."""

    id = "card.load.init_once"
    title = Label("圈存初始化只对下一条命令有效", "INIT FOR LOAD is good for the next command only")
    clauses = CLAUSES
    device_class = "card"
    needs = NEEDS
    control = "right"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1, "card_writes": 3}
    kills = ("card.init-stays",)
    source = "spec/cards.md 1.7 (rules)"

    async def stimulus(self, t: CardTester) -> None:
        account = await Account.open(t)
        await account.look("before")
        begun = await account.init_load()
        await account.balance()
        with t.step("late"):
            await account.credit(begun)
        await account.look("after")
        with t.step("right"):
            await account.load()
        await account.spend()

    def oracle(self, v: CardView) -> None:
        judge_account(v)
        right = only(v, "right")
        control(right.ok, "正确的圈存成功", "the right load succeeds", right)
        v.status_is(v.step("late").last, (0x6901, 0x6985), "隔一条命令后圈存", "CREDIT after another command")
        must_not_change(v)


class LoadTac(Check):
    """BJ-OFF-01, DG-FIN-PAY-02: the TAC is the issuer's only proof that the money reached the card."""

    id = "card.load.tac"
    title = Label("圈存的 TAC", "the TAC of a load")
    clauses = CLAUSES
    device_class = "card"
    needs = NEEDS
    control = "credit"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1, "card_writes": 2}
    kills = ("card.tac-constant",)
    source = "spec/cards.md 1.7; Unknown 9 (balance in the TAC taken as the new balance)"

    async def stimulus(self, t: CardTester) -> None:
        account = await Account.open(t)
        with t.step("init"):
            begun = await account.init_load()
        with t.step("credit"):
            await account.credit(begun)
        await account.spend()

    def oracle(self, v: CardView) -> None:
        keys = judge_account(v)
        begun, credit = load_start(only(v, "init")), only(v, "credit")
        control(credit.ok, "圈存成功", "the load succeeds", credit)
        fields = AMOUNT_BYTES + KIND_LOAD + TERMINAL
        candidates = [
            tac(keys.algorithm, keys.key, balance.to_bytes(4) + sequence + fields + TIME)
            for balance in (begun.balance + AMOUNT, begun.balance)
            for sequence in (begun.sequence, b"")
        ]
        v.must(
            credit.data in candidates,
            "TAC 应与独立计算一致（余额取新值或旧值）",
            "the TAC must be one that the judge computes, over the new or the old balance",
            credit,
        )
