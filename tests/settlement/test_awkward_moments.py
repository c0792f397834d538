"""What happens at moments that nobody plans: a command before the recovery, a person's decision, a queue that lasts for hours."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from protocols.clock import run_virtual
from reference_impl.backend.channels.bank_rules import BankRules
from reference_impl.backend.settlement.channel import Heard, Outcome, Ruling, Secrets
from reference_impl.backend.settlement.engine import Engine
from reference_impl.backend.settlement.model import Attempt, AttemptState, Trade, TradeState
from reference_impl.backend.settlement.rules import MOST_PAUSE_S

from .conftest import DictionaryChannel, PlainRules, World

PIN = Secrets({"pin": "block"})
REFUSED = Outcome(Heard.REFUSED, code="51")


class SlowBank(DictionaryChannel):
    """With the rules of a bank, and five seconds an answer. ``taken_fen``: what stands at the bank."""

    taken_fen = 0

    async def perform(self, trade: Trade, attempt: Attempt, secrets: Secrets) -> Outcome:
        self.far.performed.append(attempt.op)
        if attempt.op == "purchase":
            if "pin" not in secrets.values:
                return Outcome(Heard.UNSENT, "payment-data-lost")
            SlowBank.taken_fen += attempt.amount_fen
            await asyncio.sleep(5)
        if attempt.op == "reverse":
            SlowBank.taken_fen -= attempt.amount_fen
        return Outcome(Heard.DONE, "00")


class Contradicted(PlainRules):
    """``contradiction`` is for a person."""

    def after(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        if outcome.code == "contradiction":
            return Ruling(AttemptState.MANUAL, alarm="peer-contradicts-itself")
        return super().after(attempt, outcome)


def with_slow_bank(world: World) -> Engine:
    engine = world.engine()
    bank = SlowBank("bank", world.far, world.connection)
    bank.rules = BankRules()  # type: ignore[assignment]
    engine.channels["bank"] = bank  # type: ignore[index]
    return engine


async def reached(engine: Engine, trade_no: str, state: TradeState) -> Trade:
    found = await engine.wait(trade_no, lambda each: each.state is state, 1_000)
    assert found is not None
    assert found.state is state
    return found


async def pressed(engine: Engine, world: World, method: str = "bank_card", **changes: object) -> str:
    trade = await engine.open(world.wanted(**changes))  # type: ignore[arg-type]
    await reached(engine, trade.trade_no, TradeState.AWAITING)
    await engine.pay(trade.trade_no, method, "p1", PIN)
    return trade.trade_no


def test_a_command_that_comes_before_the_recovery_reverses_what_was_under_way(world: World) -> None:
    async def main() -> None:
        SlowBank.taken_fen = 0
        first = with_slow_bank(world)
        trade_no = await pressed(first, world, insured=False)
        await asyncio.sleep(1)
        first.abandon()
        await asyncio.sleep(0)
        assert SlowBank.taken_fen == 10_000
        world.far.performed.clear()
        second = with_slow_bank(world)
        stale = second.store.open_trades

        async def slow() -> list[Trade]:
            rows = await stale()
            await asyncio.sleep(0.2)  # a large table
            return rows

        second.store.open_trades = slow  # type: ignore[method-assign]
        recovery = asyncio.create_task(second.recover())
        await asyncio.sleep(0.01)
        await second.cancel(trade_no, "terminal:nobody-waits")
        await recovery
        await reached(second, trade_no, TradeState.CLOSED)
        assert world.far.performed == ["reverse", "undo-lock"]
        assert SlowBank.taken_fen == 0
        assert not second.failed.done()

    run_virtual(main())


def test_what_a_person_decides_is_booked_as_if_the_peer_had_said_it(world: World) -> None:
    async def main() -> None:
        world.far.script["pay"] = [Outcome(Heard.SILENCE, code="contradiction")]
        engine = world.engine()
        engine.channels["wechat"].rules = Contradicted()  # type: ignore[misc]
        trade_no = await pressed(engine, world, "wechat", insured=False)
        found = await reached(engine, trade_no, TradeState.MANUAL)
        await engine.decide_manually(trade_no, found.attempts[-1].attempt_id, AttemptState.SUCCESS, "u1")
        await reached(engine, trade_no, TradeState.PAID)
        assert world.balance() == {"receivable:wechat": 10_000, "payable:H44190000001": -10_000}

    run_virtual(main())


def test_an_undo_that_a_person_decided_is_booked_too(world: World) -> None:
    async def main() -> None:
        world.far.script["commit"] = [REFUSED]
        world.far.script["undo-purchase"] = [REFUSED] * 3
        engine = world.engine()
        trade_no = await pressed(engine, world)
        found = await reached(engine, trade_no, TradeState.MANUAL)
        manual = next(each for each in found.attempts if each.state is AttemptState.MANUAL)
        await engine.decide_manually(trade_no, manual.attempt_id, AttemptState.SUCCESS, "u1")
        await reached(engine, trade_no, TradeState.CLOSED)
        assert world.balance() == {}

    run_virtual(main())


def test_a_settlement_that_a_person_decided_can_be_refunded(world: World) -> None:
    """It brought no split: what was agreed to is what was settled."""

    async def main() -> None:
        world.far.script["settle"] = [Outcome(Heard.SILENCE, code="contradiction")]
        engine = world.engine()
        engine.channels["insurance"].rules = Contradicted()  # type: ignore[misc]
        trade_no = await pressed(engine, world)
        found = await reached(engine, trade_no, TradeState.MANUAL)
        await engine.decide_manually(trade_no, found.attempts[-1].attempt_id, AttemptState.SUCCESS, "u1")
        await reached(engine, trade_no, TradeState.PAID)
        assert world.balance()["receivable:insurance:fund"] == 6_000
        await engine.refund(trade_no, "citizen")
        await reached(engine, trade_no, TradeState.REFUNDED)
        assert world.balance() == {}

    run_virtual(main())


def test_an_undo_in_vain_is_tried_ever_more_seldom_and_told_once(world: World) -> None:
    """A void that is not answered, and its reversal that is: the bank as it is when the issuer is down."""

    class Down(DictionaryChannel):
        async def perform(self, trade: Trade, attempt: Attempt, secrets: Secrets) -> Outcome:
            await asyncio.sleep(0.05)
            return Outcome(Heard.REFUSED, "91") if attempt.op.startswith("undo") else Outcome(Heard.DONE, "00")

    async def main() -> None:
        world.far.script["commit"] = [REFUSED]
        engine = world.engine()
        bank = Down("bank", world.far, world.connection)
        bank.rules = BankRules()  # type: ignore[assignment]
        engine.channels["bank"] = bank  # type: ignore[index]
        trade_no = await pressed(engine, world, insured=False)
        await asyncio.sleep(24 * 3600)
        found = await engine.find(trade_no)
        assert found is not None
        assert found.state is TradeState.CANCELLING
        vain = [each for each in found.attempts if each.state is AttemptState.REVERSED]
        assert 24 <= len(vain) <= 24 + 11, "5 s, 10 s ... then once an hour"
        assert max(later.created_at - sooner.created_at for sooner, later in pairwise(vain)) < MOST_PAUSE_S + 5
        codes = [code for (code,) in world.connection.execute("SELECT code FROM alarms").fetchall()]
        assert codes == ["undo-in-vain"]

    run_virtual(main())


def test_refused_and_reversed_undos_are_counted_together(world: World) -> None:
    """Twice not answered and reversed, then refused: the third of them is told, whatever it was."""

    class Wavering(DictionaryChannel):
        codes = ["91", "91", "57", "91"]

        async def perform(self, trade: Trade, attempt: Attempt, secrets: Secrets) -> Outcome:
            await asyncio.sleep(0.05)
            if attempt.op.startswith("undo") and self.codes:
                return Outcome(Heard.REFUSED, self.codes.pop(0))
            return Outcome(Heard.DONE, "00")

    async def main() -> None:
        world.far.script["commit"] = [REFUSED]
        engine = world.engine()
        bank = Wavering("bank", world.far, world.connection)
        bank.rules = BankRules()  # type: ignore[assignment]
        engine.channels["bank"] = bank  # type: ignore[index]
        trade_no = await pressed(engine, world, insured=False)
        found = await reached(engine, trade_no, TradeState.CLOSED)
        undone = [each.state for each in found.attempts if each.original and each.channel == "bank"]
        assert undone == ["reversed", "reversed", "fail", "reversed", "success"]
        codes = [code for (code,) in world.connection.execute("SELECT code FROM alarms ORDER BY code").fetchall()]
        assert codes == ["bank-refuses-terminal", "undo-in-vain"]
        assert world.balance() == {}

    run_virtual(main())


def test_a_refund_that_is_asked_for_again_does_not_wait_for_the_last_refusal(world: World) -> None:
    async def main() -> None:
        world.far.script["undo-commit"] = [REFUSED] * 6
        engine = world.engine()
        trade_no = await pressed(engine, world)
        await reached(engine, trade_no, TradeState.PAID)
        for _ in range(6):
            await engine.refund(trade_no, "citizen")
            await asyncio.sleep(1)
            found = await engine.find(trade_no)
            assert found is not None
            assert (found.state, found.reason) == (TradeState.PAID, "refund-refused")
        await engine.refund(trade_no, "citizen")
        await asyncio.sleep(1)
        await reached(engine, trade_no, TradeState.REFUNDED)
        assert world.connection.execute("SELECT COUNT(*) FROM alarms").fetchone() == (0,)

    run_virtual(main())


def test_a_press_that_waits_for_its_terminal_is_not_done_when_the_citizen_has_gone(world: World) -> None:
    async def main() -> None:
        engine = world.engine()
        bank = engine.channels["bank"]
        bank.held.add("another trade")  # type: ignore[attr-defined]
        trade_no = await pressed(engine, world, insured=False)
        await reached(engine, trade_no, TradeState.CLOSED)
        bank.held.clear()  # type: ignore[attr-defined]
        await asyncio.sleep(100)
        assert "purchase" not in world.far.performed
        assert not engine._cases[trade_no].secrets.values

    run_virtual(main())


def test_what_the_citizen_gave_is_forgotten_with_the_trade(world: World) -> None:
    async def main() -> None:
        world.far.script["settle"] = [REFUSED]
        engine = world.engine()
        trade_no = await pressed(engine, world)
        await reached(engine, trade_no, TradeState.CLOSED)
        assert not engine._cases[trade_no].secrets.values

    run_virtual(main())


def test_what_no_database_takes_is_left_out_of_a_reason(world: World) -> None:
    async def main() -> None:
        world.far.script["lock"] = [Outcome(Heard.REFUSED, code="E\x001", reason="锁定\x00失败\x1b[31m\ud800")]
        engine = world.engine()
        trade = await engine.open(world.wanted(insured=False))
        found = await reached(engine, trade.trade_no, TradeState.CLOSED)
        assert (found.attempts[0].code, found.attempts[0].reason) == ("E1", "锁定失败[31m")

    run_virtual(main())


def test_a_refund_that_was_refused_leaves_the_hour_of_payment_and_tells_nobody_again(world: World) -> None:
    async def main() -> None:
        world.far.script["undo-commit"] = [REFUSED]
        engine = world.engine()
        trade_no = await pressed(engine, world)
        before = await reached(engine, trade_no, TradeState.PAID)
        await asyncio.sleep(3600)
        await engine.refund(trade_no, "citizen")
        after = await engine.wait(trade_no, lambda each: each.reason == "refund-refused" and each.state.final, 100)
        assert after is not None
        assert (after.state, after.closed_at) == (TradeState.PAID, before.closed_at)
        assert world.connection.execute("SELECT COUNT(*) FROM outbox").fetchone() == (1,)

    run_virtual(main())
