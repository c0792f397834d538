"""Planted mistakes in the order of things: rules of the settlement, the engine, what is written, what a kiosk keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, cast

from protocols.wire.base import Label
from reference_impl.backend.numbers import TradeNumbers
from reference_impl.backend.settlement.case import Case
from reference_impl.backend.settlement.channel import Channel, Outcome, Ruling
from reference_impl.backend.settlement.engine import Engine
from reference_impl.backend.settlement.model import (
    LEGS,
    Act,
    Attempt,
    AttemptState,
    Goal,
    Leg,
    Split,
    Trade,
    TradeState,
)
from reference_impl.backend.settlement.rules import Begin, Finish, Rules, Step, Wait
from reference_impl.backend.settlement.tables import ATTEMPTS, POSTINGS
from reference_impl.backend.storage.book import SqliteBook
from reference_impl.backend.storage.writes import Write
from reference_impl.kiosk.outbox import Outbox
from reference_impl.simulation.mutant import Mutant

__all__ = ["RULES_MUTANTS"]

IMPATIENT_S = 60.0


# Rules: what is next, and what an answer means.


class _DoubtEndsByTimer(Rules):
    """What is not known after a minute is taken as failed."""

    def learn(self, trade: Trade, attempt: Attempt, outcome: Outcome, ruling: Ruling, now: float) -> Trade:
        late = ruling.state is AttemptState.UNKNOWN and now - attempt.created_at > IMPATIENT_S
        return super().learn(trade, attempt, outcome, Ruling(AttemptState.FAIL) if late else ruling, now)


class _DoubtIsSuccess(Rules):
    def learn(self, trade: Trade, attempt: Attempt, outcome: Outcome, ruling: Ruling, now: float) -> Trade:
        hopeful = ruling.state is AttemptState.UNKNOWN and attempt.leg is Leg.CASH and attempt.act is Act.DO
        return super().learn(trade, attempt, outcome, Ruling(AttemptState.SUCCESS) if hopeful else ruling, now)


class _AmountChangeIgnored(Rules):
    def _quoted(self, trade: Trade, leg: Leg, split: Split, now: float) -> Trade:
        return super()._quoted(trade, leg, split, now) if leg is Leg.VISIT else trade


class _UndoneInOrder(Rules):
    """What was done first is undone first."""

    def _backward(self, trade: Trade) -> Step:
        usual = super()._backward(trade)
        if not isinstance(usual, Begin):
            return usual
        for leg in LEGS[1:]:
            done = trade.last_done(leg)
            if done is not None and usual.leg is not Leg.COMMIT:
                return Begin(leg, Act.UNDO, done.channel, "", done.amount_fen, done)
        return usual


class _UndoGivenUp(Rules):
    """An undo that was refused once is not tried again."""

    def _backward(self, trade: Trade) -> Step:
        usual = super()._backward(trade)
        tried = {
            each.original for each in trade.attempts if each.act is Act.UNDO and each.state is not AttemptState.SUCCESS
        }
        if isinstance(usual, Begin) and usual.original is not None and usual.original.attempt_id in tried:
            return Finish(TradeState.REFUNDED if trade.goal is Goal.REFUND else TradeState.CLOSED)
        return usual


class _CashNotGivenBack(Rules):
    def _backward(self, trade: Trade) -> Step:
        cash = trade.last_done(Leg.CASH)
        rest = tuple(each for each in trade.attempts if cash is None or each.attempt_id != cash.attempt_id)
        return super()._backward(replace(trade, attempts=rest) if trade.goal is Goal.CANCEL else trade)


class _CashBeforeInsurance(Rules):
    def legs(self, trade: Trade) -> tuple[Leg, ...]:
        order = (Leg.LOCK, Leg.VISIT, Leg.CASH, Leg.INSURANCE, Leg.COMMIT)
        usual = super().legs(trade)
        return tuple(leg for leg in order if leg in usual)


class _NeverLocked(Rules):
    def legs(self, trade: Trade) -> tuple[Leg, ...]:
        return tuple(leg for leg in super().legs(trade) if leg is not Leg.LOCK)


class _HisNotTold(Rules):
    def legs(self, trade: Trade) -> tuple[Leg, ...]:
        return tuple(leg for leg in super().legs(trade) if leg is not Leg.COMMIT)


class _NotUndone(Rules):
    """One leg is left standing when a trade is turned back."""

    leg: Leg

    def _backward(self, trade: Trade) -> Step:
        others = tuple(each for each in trade.attempts if each.leg is not self.leg)
        return super()._backward(replace(trade, attempts=others))


class _LockKept(_NotUndone):
    leg = Leg.LOCK


class _VisitKept(_NotUndone):
    leg = Leg.VISIT


class _WaitsForEver(Rules):
    def _await(self, trade: Trade, now: float) -> Step:
        return Wait(None, TradeState.AWAITING)


class _CancelForgets(Rules):
    """A cancel that comes while something is under way takes that as failed."""

    def cancel(self, trade: Trade, reason: str, now: float) -> Trade:
        turned = super().cancel(trade, reason, now)
        attempts = tuple(replace(e, state=AttemptState.FAIL, op="", due=0.0) if e.open else e for e in turned.attempts)
        return replace(turned, attempts=attempts)


class _PressCountsAgain(Rules):
    """The key of a press is not looked at: a copy that the network makes is one more press."""

    def agree(self, trade: Trade, method: str, pay_key: str, now: float) -> Trade:
        return super().agree(replace(trade, pay_keys=()), method, pay_key, now)


class _PartGivenBack(Rules):
    def _backward(self, trade: Trade) -> Step:
        usual = super()._backward(trade)
        part = isinstance(usual, Begin) and usual.leg is Leg.CASH and usual.amount_fen > 1
        return replace(usual, amount_fen=usual.amount_fen - 1) if part and isinstance(usual, Begin) else usual


class _AllFromTheCitizen(Rules):
    @staticmethod
    def amount(trade: Trade, leg: Leg) -> int:
        return trade.total_fen if leg is Leg.CASH else Rules.amount(trade, leg)


# The engine.


def _sent_before_written(engine: Engine) -> None:
    async def carry(case: Case, attempt: Attempt) -> None:
        attempt = replace(attempt, tries=attempt.tries + 1)
        case.put_attempt(attempt)
        channel = engine.channels[attempt.channel]
        outcome = await channel.perform(case.trade, attempt, case.secrets)
        await cast("Any", engine)._flush(case)
        cast("Any", engine)._learn(case, attempt, outcome, channel.rules.after(attempt, outcome))

    cast("Any", engine)._carry = carry


def _sent_while_written(engine: Engine) -> None:
    async def carry(case: Case, attempt: Attempt) -> None:
        attempt = replace(attempt, tries=attempt.tries + 1)
        case.put_attempt(attempt)
        channel = engine.channels[attempt.channel]
        sending = channel.perform(case.trade, attempt, case.secrets)
        outcome, _ = await asyncio.gather(sending, cast("Any", engine)._flush(case))
        cast("Any", engine)._learn(case, attempt, outcome, channel.rules.after(attempt, outcome))

    cast("Any", engine)._carry = carry


def _no_recovery(engine: Engine) -> None:
    async def recover() -> int:
        return 0

    cast("Any", engine).recover = recover


def _recovery_starts_over(engine: Engine) -> None:
    """What was under way at a crash is taken as never sent."""

    for channel in engine.channels.values():
        cast("Any", channel.rules).interrupted = lambda attempt: Ruling(AttemptState.FAIL)  # pyright: ignore[reportUnknownLambdaType]


def _bank_forgets_what_it_holds(channels: dict[str, Channel]) -> None:
    cast("Any", channels["bank"]).engaged = lambda trade: False  # pyright: ignore[reportUnknownLambdaType]


def _told_before_written(engine: Engine) -> None:
    usual = engine.find

    async def find(trade_no: str) -> Trade | None:
        case = cast("Any", engine)._cases.get(trade_no)
        return case.trade if case is not None else await usual(trade_no)

    cast("Any", engine).find = find


# What is written.


def _writing(change: Callable[[list[Write]], list[Write]]) -> Callable[[SqliteBook], None]:
    def alter(book: SqliteBook) -> None:
        usual = book.apply

        def apply(writes: Iterable[Write]) -> None:
            usual(change(list(writes)))

        cast("Any", book).apply = apply

    return alter


def _one_sided(writes: list[Write]) -> list[Write]:
    return [each for each in writes if each.table is not POSTINGS or each.values[3] != "clearing"]


def _posted_twice(writes: list[Write]) -> list[Write]:
    more = [
        replace(each, values=(f"{each.values[0]}bis", *each.values[1:])) for each in writes if each.table is POSTINGS
    ]
    return [*writes, *more]


def _undo_not_posted(writes: list[Write]) -> list[Write]:
    undone = {each.values[0] for each in writes if each.table is ATTEMPTS and each.values[4] == Act.UNDO.value}
    return [each for each in writes if each.table is not POSTINGS or each.values[2] not in undone]


def _undo_posted_as_done(writes: list[Write]) -> list[Write]:
    """A refund is entered with the sign of a payment."""
    undone = {each.values[0] for each in writes if each.table is ATTEMPTS and each.values[4] == Act.UNDO.value}

    def turned(each: Write) -> Write:
        if each.table is not POSTINGS or each.values[2] not in undone:
            return each
        return replace(each, values=(*each.values[:4], -cast("int", each.values[4]), *each.values[5:]))

    return [turned(each) for each in writes]


def _group_dropped(book: SqliteBook) -> None:
    """Now and then a group is said to be durable, and is not."""
    usual = book.apply
    count = 0

    def apply(writes: Iterable[Write]) -> None:
        nonlocal count
        count += 1
        if count % 7:
            usual(writes)

    cast("Any", book).apply = apply


def _not_fenced(book: SqliteBook) -> None:
    """Whoever writes believes to be the one writer, also when another backend has taken over."""
    usual = book.apply
    connection = cast("Any", book)._connection

    def apply(writes: Iterable[Write]) -> None:
        book.epoch = connection.execute("SELECT epoch FROM writer WHERE id = 1").fetchone()[0]
        usual(writes)

    cast("Any", book).apply = apply


# The kiosk.


def _trade_key_not_noted(outbox: Outbox) -> None:
    cast("Any", outbox).open_trade = lambda kind: cast("Any", outbox)._new_key()  # pyright: ignore[reportUnknownLambdaType]


def _press_not_noted(outbox: Outbox) -> None:
    cast("Any", outbox).press = lambda key, method: cast("Any", outbox)._new_key()  # pyright: ignore[reportUnknownLambdaType]


def _same_key_for_every_trade(outbox: Outbox) -> None:
    usual = outbox.open_trade
    first: list[str] = []

    def open_trade(kind: str) -> str:
        first.append(usual(kind))
        return first[0]

    cast("Any", outbox).open_trade = open_trade


def _never_closed(outbox: Outbox) -> None:
    cast("Any", outbox).close = lambda key, end: None  # pyright: ignore[reportUnknownLambdaType]


def _same_numbers_after_a_start(numbers: Callable[[str], str]) -> Callable[[str], str]:
    return TradeNumbers(1)


RULES_MUTANTS: tuple[Mutant, ...] = (
    Mutant("doubt-ends-by-timer", Label("未知状态到时算失败", "what is unknown fails after a minute"), rules=_DoubtEndsByTimer),
    Mutant("doubt-is-success", Label("未知状态算成功", "a payment of which nobody knows counts as paid"), rules=_DoubtIsSuccess),
    Mutant("amount-change-ignored", Label("医保结算金额变化被忽略", "a settlement that differs from the quote is kept"), rules=_AmountChangeIgnored),
    Mutant("undone-in-order", Label("按正序撤销", "what was done first is undone first"), rules=_UndoneInOrder),
    Mutant("undo-given-up", Label("撤销被拒一次就放弃", "an undo is not tried again"), rules=_UndoGivenUp),
    Mutant("cash-not-given-back", Label("取消时不退现金部分", "a cancelled trade keeps the cash"), rules=_CashNotGivenBack),
    Mutant("cash-before-insurance", Label("先收现金后结医保", "cash is taken before the insurance has settled"), rules=_CashBeforeInsurance),
    Mutant("never-locked", Label("不锁定HIS费用", "the HIS is not asked to lock"), rules=_NeverLocked),
    Mutant("his-not-told", Label("付款后不通知HIS", "the HIS is not told of the payment"), rules=_HisNotTold),
    Mutant("lock-kept", Label("取消后不解锁", "the HIS lock is not released"), rules=_LockKept),
    Mutant("visit-kept", Label("取消后不撤就诊登记", "the visit at the insurance stays open"), rules=_VisitKept),
    Mutant("waits-for-ever", Label("报价永不过期", "a quote never expires"), rules=_WaitsForEver),
    Mutant("cancel-forgets", Label("取消时丢弃在途的尝试", "a cancel takes what is under way as failed"), rules=_CancelForgets),
    Mutant("press-counts-again", Label("重复的支付请求再次扣款", "a copied pay request is one more press"), rules=_PressCountsAgain),
    Mutant("part-given-back", Label("少退一分", "one fen is kept back"), rules=_PartGivenBack),
    Mutant("all-from-the-citizen", Label("总额全由现金支付", "the citizen pays the insurance's part too"), rules=_AllFromTheCitizen),
    Mutant("sent-before-written", Label("先发送后写库", "a message is sent before its row is written"), engine=_sent_before_written),
    Mutant("sent-while-written", Label("边写库边发送", "a message is sent while its row is being written"), engine=_sent_while_written),
    Mutant("no-recovery", Label("重启后不恢复", "open trades are not taken up after a start"), engine=_no_recovery),
    Mutant("recovery-starts-over", Label("重启后把在途当作未发送", "what was under way counts as never sent"), engine=_recovery_starts_over),
    Mutant("ledger-one-sided", Label("单边记账", "half of each entry is missing"), book=_writing(_one_sided)),
    Mutant("ledger-twice", Label("重复记账", "every entry is made twice"), book=_writing(_posted_twice)),
    Mutant("undo-not-posted", Label("撤销不记账", "what is taken back is not entered"), book=_writing(_undo_not_posted)),
    Mutant("undo-posted-as-done", Label("撤销记成付款", "what is taken back is entered as paid"), book=_writing(_undo_posted_as_done)),
    Mutant("group-dropped", Label("未落盘却称已提交", "a group is said to be durable and is not"), book=_group_dropped),
    Mutant("not-fenced", Label("被接管后仍写库", "a backend that was superseded goes on writing"), book=_not_fenced),
    Mutant("same-numbers-after-a-start", Label("重启后交易号重复", "trade numbers begin again after a start"), numbers=_same_numbers_after_a_start),
    Mutant("trade-key-not-noted", Label("终端未记下开单键", "the kiosk does not note the key of a trade"), outbox=_trade_key_not_noted),
    Mutant("press-not-noted", Label("终端未记下支付键", "the kiosk does not note the key of a payment"), outbox=_press_not_noted),
    Mutant("same-key-for-every-trade", Label("终端重复使用开单键", "the kiosk uses one key for all trades"), outbox=_same_key_for_every_trade),
    Mutant("never-closed", Label("终端从不结清待办", "the kiosk never closes an entry"), outbox=_never_closed),
)  # fmt: skip
