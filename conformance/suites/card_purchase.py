"""Checks of purchases from the offline medical account (spec/cards.md 1.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from conformance.judge_crypto import PurchaseKeys
from conformance.model import Check
from conformance.roles.card import CardTester
from conformance.roles.card_view import CardStep, CardView
from conformance.suites.card_account import (
    AMOUNT,
    AMOUNTS,
    CLAUSES,
    KIND_PURCHASE,
    LOG_LENGTH,
    NEEDS,
    TERMINAL,
    TERMINAL_SEQUENCE,
    TIME,
    Account,
    judge_account,
    purchase_start,
    state,
)
from conformance.suites.card_conversation import Session, control, only, pin_given, started
from protocols.link.base import LinkError
from protocols.wire.base import Label

TEARS = (1, 2, 4, 7)
"""At which write each purchase is torn, until one is not torn any more."""
RETURNS = 3
"""How often a torn card is powered on again before the check gives up."""
RETURN_PAUSE_S = 0.5


class AccountBalance(Check):
    """BJ-OFF-01, BJ-KSK-03: the citizen is shown what the card says; two places that differ are a dispute.

    GET BALANCE and the answers to both INIT commands must tell the same four bytes of fen.
    """

    id = "card.account.balance"
    title = Label("余额读取一致", "the balance is the same wherever it is read")
    clauses = ("BJ-OFF-01", "BJ-KSK-03")
    device_class = "card"
    needs = ("card.offline_account", "card.pin")
    control = "balance"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1}
    kills = ("card.balance-in-yuan", "card.balance-moves")
    source = "spec/cards.md 1.7"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.select(0xDF04)
        await session.right()
        with t.step("balance"):
            await t.ask("B026000104")
        with t.step("init"):
            await t.ask("B02801011301" + "00000001" + "00" * 8 + TERMINAL.hex())

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        told = only(v, "balance")
        v.must(told.ok and len(told.data) == 4, "读余额应返回 4 字节", "GET BALANCE must give 4 bytes", told)
        begun = purchase_start(only(v, "init"))
        v.must(
            told.data == begun.balance.to_bytes(4),
            "余额应与消费初始化所给相同",
            "it must be the balance that INIT FOR PURCHASE gives",
            told,
            only(v, "init"),
        )


class Purchase(Check):
    """BJ-OFF-01, DG-FIN-PAY-02: the whole offline purchase: MAC2 and TAC right, balance, sequence and log moved once.

    A wrong TAC cannot be settled; a wrong MAC2 means the terminal cannot trust that the card paid.
    """

    id = "card.purchase.whole"
    title = Label("完整的脱机消费", "a whole offline purchase")
    clauses = CLAUSES
    device_class = "card"
    needs = NEEDS
    control = "init"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1, "card_writes": 2}
    kills = ("card.debit-twice", "card.tac-constant")
    source = "spec/cards.md 1.7"

    async def stimulus(self, t: CardTester) -> None:
        account = await Account.open(t)
        await account.load()
        await account.look("before")
        with t.step("init"):
            begun = await account.init_purchase()
        with t.step("debit"):
            await account.debit(begun)
        await account.again()
        await account.look("after")

    def oracle(self, v: CardView) -> None:
        keys = judge_account(v)
        begun, debit = purchase_start(only(v, "init")), only(v, "debit")
        if not v.must(debit.ok, "MAC1 正确的消费应成功", "a purchase with the right MAC1 must succeed", debit):
            return
        judge = PurchaseKeys(keys, begun.random, begun.sequence, TERMINAL_SEQUENCE)
        v.must(len(debit.data) == 8, "应返回 TAC 和 MAC2 共 8 字节", "TAC and MAC2 must be 8 bytes", debit)
        v.must(
            debit.data[:4] == judge.tac(AMOUNTS, KIND_PURCHASE, TERMINAL, TIME),
            "TAC 应与独立计算一致",
            "the TAC must be the one that the judge computes",
            debit,
        )
        v.must(
            debit.data[4:] == judge.mac2(AMOUNTS),
            "MAC2 应与独立计算一致",
            "MAC2 must be the one that the judge computes",
            debit,
        )
        old, first = state(v, "before")
        new, second = state(v, "after")
        v.must(
            new.balance == old.balance - AMOUNT,
            "余额应减少消费额",
            "the balance must fall by the amount",
            first,
            second,
        )
        v.must(
            new.purchase_sequence == old.purchase_sequence + 1,
            "交易序号应加一",
            "the sequence must rise by one",
            first,
            second,
        )


class PurchaseLog(Check):
    """BJ-KSK-04, BJ-OFF-01: past visits are shown from the card's log; a purchase that is not in it never happened.

    Newest record: type 2, terminal, time and the three amounts of the purchase.
    """

    id = "card.purchase.log_record"
    title = Label("消费写入交易明细", "the purchase is in the log")
    clauses = ("BJ-KSK-04", "BJ-OFF-01")
    device_class = "card"
    needs = NEEDS
    control = "debit"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1, "card_writes": 2}
    kills = ("card.log-missing", "card.log-wrong")
    source = "spec/cards.md 1.5 (DF04 EF08), 1.7"

    async def stimulus(self, t: CardTester) -> None:
        account = await Account.open(t)
        await account.load()
        begun = await account.init_purchase()
        with t.step("debit"):
            await account.debit(begun)
        await account.look("after")

    def oracle(self, v: CardView) -> None:
        judge_account(v)
        debit = only(v, "debit")
        control(debit.ok, "消费成功", "the purchase succeeds", debit)
        log = state(v, "after")[0].log
        seen = state(v, "after")[1]
        if not v.must(len(log) == LOG_LENGTH, "明细记录应为 28 字节", "a log record must have 28 bytes", seen):
            return
        v.must(log[2:3] == KIND_PURCHASE, "交易类型应为 2", "the type must be 2", seen)
        v.must(log[3:9] == TERMINAL, "终端机编号应为本次交易的", "the terminal must be that of the purchase", seen)
        v.must(log[9:16] == TIME, "交易时间应为本次交易的", "the time must be that of the purchase", seen)
        v.must(log[16:28] == AMOUNTS, "三项金额应为本次交易的", "the three amounts must be those of the purchase", seen)


class PurchaseProof(Check):
    """BJ-OFF-01, DG-FIN-PAY-02: when the answer to DEBIT was lost, the card must give the very TAC and MAC2 again.

    Without it a terminal cannot tell a paid purchase from a lost one; an unknown sequence must be refused (9406).
    """

    id = "card.purchase.proof"
    title = Label("取交易认证", "proof of the last purchase")
    clauses = CLAUSES
    device_class = "card"
    needs = NEEDS
    control = "debit"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1, "card_writes": 2}
    kills = ("card.proof-any", "card.proof-missing")
    source = "spec/cards.md 1.7 (GET TRANSACTION PROOF), 1.8 (9406)"

    async def stimulus(self, t: CardTester) -> None:
        account = await Account.open(t)
        await account.load()
        begun = await account.init_purchase()
        with t.step("debit"):
            await account.debit(begun)
        sequence = begun.data[14:16] if len(begun.data) == 22 else b"\0\1"
        await account.again()
        with t.step("proof"):
            await t.ask(bytes.fromhex("B02E000202") + sequence)
        with t.step("unknown"):
            await t.ask("B02E000202FFFE")

    def oracle(self, v: CardView) -> None:
        judge_account(v)
        debit, proof = only(v, "debit"), only(v, "proof")
        control(debit.ok and len(debit.data) == 8, "消费成功", "the purchase succeeds", debit)
        v.must(
            proof.ok and len(proof.data) == 8 and {proof.data[:4], proof.data[4:]} == {debit.data[:4], debit.data[4:]},
            "应取回同一笔交易的 MAC2 和 TAC",
            "MAC2 and TAC of that very purchase must come back",
            debit,
            proof,
        )
        v.status_is(v.step("unknown").last, (0x9406, 0x6A88), "未知的交易序号", "an unknown sequence")


class PurchaseTorn(Check):
    """BJ-OFF-01, DG-FIN-PAY-02: the citizen pulls the card while it writes: balance, sequence and log move together or
    not at all; anything else is money lost or created.
    """

    id = "card.purchase.torn"
    title = Label("消费中断电：全有或全无", "a torn purchase: all or nothing")
    clauses = CLAUSES
    device_class = "card"
    needs = NEEDS
    hand = ("tear",)
    control = "before"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1, "card_writes": 8}
    kills = ("card.log-missing", "card.torn-log-first", "card.torn-write-through")
    source = "spec/cards.md 1.7 (rules: atomic)"

    async def stimulus(self, t: CardTester) -> None:
        account = await Account.open(t)
        for number in TEARS:
            await account.load()
            await account.look("before")
            begun = await account.init_purchase()
            await t.act(f"tear {number}")
            torn = False
            with t.step("debit"):
                try:
                    await account.debit(begun)
                except LinkError:
                    torn = True
            await self._return(account)
            await account.look("after")
            if not torn:
                return

    @staticmethod
    async def _return(account: Account) -> None:
        """Power the card again. A tear that the purchase did not use up may still strike here: once."""
        for attempt in range(RETURNS):
            try:
                await account.again()
                return
            except LinkError:
                if attempt == RETURNS - 1:
                    raise
                await account.t.pause(RETURN_PAUSE_S)

    def oracle(self, v: CardView) -> None:
        judge_account(v)
        before, after = v.each("before"), v.each("after")
        debits = v.each("debit")
        torn = [step for step in debits if any(not each.answered for each in step.exchanges)]
        if not torn:
            v.unsure("没有一次断电落在写卡过程中", "no tear fell into a write", *debits)
            return
        for index, step in enumerate(debits[: len(after)]):
            self._whole(v, before[index], after[index], step)

    @staticmethod
    def _whole(v: CardView, before: CardStep, after: CardStep, debit: CardStep) -> None:
        old, new = state(v, before), state(v, after)
        nothing = old[0] == new[0]
        everything = (
            new[0].balance == old[0].balance - AMOUNT
            and new[0].purchase_sequence == old[0].purchase_sequence + 1
            and new[0].log != old[0].log
        )
        v.must(
            nothing or everything,
            "断电后余额、序号和明细应同时改变或都不变",
            "after the tear balance, sequence and log must all have moved or none",
            debit,
            old[1],
            new[1],
        )
