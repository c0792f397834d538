"""The engine over a real database: what is durable before what, and what a death at any commit leaves behind."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from protocols.clock import run_virtual
from reference_impl.backend.settlement.channel import Heard, Outcome, Secrets
from reference_impl.backend.settlement.engine import Engine
from reference_impl.backend.settlement.model import AttemptState, Split, Trade, TradeState
from reference_impl.backend.settlement.rules import Refusal

from .conftest import SPLIT, Died, World

PIN = Secrets({"pin": "block"})
REFUSED = Outcome(Heard.REFUSED, code="51")
SILENCE = Outcome(Heard.SILENCE)


async def quoted(engine: Engine, world: World, **changes: object) -> Trade:
    trade = await engine.open(world.wanted(**changes))
    found = await engine.wait(trade.trade_no, lambda t: t.state is not TradeState.QUOTING, 100)
    assert found is not None
    return found


async def ended(engine: Engine, trade_no: str) -> Trade:
    found = await engine.wait(trade_no, lambda t: t.state.final, 10_000)
    assert found is not None
    return found


async def paid(engine: Engine, world: World, method: str = "bank_card", **changes: object) -> Trade:
    trade = await quoted(engine, world, **changes)
    await engine.pay(trade.trade_no, method, "p1", PIN)
    return await ended(engine, trade.trade_no)


def legs(trade: Trade) -> list[str]:
    return [f"{each.leg.value}:{each.act.value}:{each.state.value}" for each in trade.attempts]


def test_an_insured_bill_goes_through_all_legs_and_the_ledger_balances(world: World) -> None:
    async def main() -> None:
        trade = await paid(world.engine(), world)
        assert trade.state is TradeState.PAID
        assert legs(trade) == [f"{leg}:do:success" for leg in ("lock", "visit", "insurance", "cash", "commit")]
        assert world.balance() == {
            "receivable:insurance:fund": 6_000,
            "receivable:insurance:account": 1_000,
            "receivable:bank": 3_000,
            "payable:H44190000001": -10_000,
        }
        assert world.far.seen_before_durable == []

    run_virtual(main())


def test_a_self_pay_bill_has_no_insurance_legs(world: World) -> None:
    async def main() -> None:
        trade = await paid(world.engine(), world, method="wechat", insured=False)
        assert legs(trade) == ["lock:do:success", "cash:do:success", "commit:do:success"]
        assert world.balance() == {"receivable:wechat": 10_000, "payable:H44190000001": -10_000}

    run_virtual(main())


def test_a_bill_that_the_insurance_pays_in_full_has_no_cash_leg(world: World) -> None:
    async def main() -> None:
        whole = Split(fund_fen=9_000, account_fen=1_000)
        world.far.script["visit"] = [Outcome(Heard.DONE, split=whole)]
        world.far.script["settle"] = [Outcome(Heard.DONE, split=whole)]
        engine = world.engine()
        trade = await quoted(engine, world)
        with pytest.raises(Refusal, match="account"):
            await engine.pay(trade.trade_no, "bank_card", "p1", PIN)
        await engine.pay(trade.trade_no, "account", "p2", Secrets())
        trade = await ended(engine, trade.trade_no)
        assert trade.state is TradeState.PAID
        assert legs(trade) == [f"{leg}:do:success" for leg in ("lock", "visit", "insurance", "commit")]

    run_virtual(main())


def test_a_refused_card_lets_the_citizen_choose_again(world: World) -> None:
    async def main() -> None:
        world.far.script["purchase"] = [REFUSED]
        engine = world.engine()
        trade = await quoted(engine, world)
        await engine.pay(trade.trade_no, "bank_card", "p1", PIN)
        trade = await engine.wait(trade.trade_no, lambda t: t.state is TradeState.AWAITING, 100) or trade
        assert trade.method == ""
        assert trade.last_done is not None
        await engine.pay(trade.trade_no, "alipay", "p2", Secrets())
        trade = await ended(engine, trade.trade_no)
        assert trade.state is TradeState.PAID
        assert legs(trade)[-3:] == ["cash:do:fail", "cash:do:success", "commit:do:success"]
        assert world.balance()["receivable:alipay"] == 3_000

    run_virtual(main())


def test_when_the_his_refuses_everything_is_taken_back_in_the_opposite_order(world: World) -> None:
    async def main() -> None:
        world.far.script["commit"] = [REFUSED]
        trade = await paid(world.engine(), world)
        assert trade.state is TradeState.CLOSED
        assert trade.reason == "commit-failed:51"
        assert legs(trade)[4:] == [
            "commit:do:fail",
            "cash:undo:success",
            "insurance:undo:success",
            "visit:undo:success",
            "lock:undo:success",
        ]
        assert world.balance() == {}

    run_virtual(main())


def test_a_citizen_who_leaves_releases_everything(world: World) -> None:
    async def main() -> None:
        engine = world.engine()
        trade = await quoted(engine, world)
        trade = await ended(engine, trade.trade_no)
        assert trade.state is TradeState.CLOSED
        assert trade.reason == "citizen-timeout"
        assert legs(trade)[2:] == ["visit:undo:success", "lock:undo:success"]

    run_virtual(main())


def test_a_settlement_other_than_the_quote_is_taken_back_and_booked_both_ways(world: World) -> None:
    async def main() -> None:
        world.far.script["settle"] = [
            Outcome(Heard.DONE, split=Split(fund_fen=5_000, account_fen=1_000, cash_fen=4_000))
        ]
        trade = await paid(world.engine(), world)
        assert trade.state is TradeState.CLOSED
        assert trade.reason == "amount-changed"
        assert world.balance() == {}
        fund = "SELECT amount_fen FROM postings WHERE account = 'receivable:insurance:fund' ORDER BY posting_id"
        assert [row[0] for row in world.connection.execute(fund)] == [5_000, -5_000]

    run_virtual(main())


def test_a_press_of_pay_that_the_network_repeats_late_charges_nobody(world: World) -> None:
    async def main() -> None:
        world.far.script["purchase"] = [REFUSED]
        engine = world.engine()
        trade = await quoted(engine, world)
        await engine.pay(trade.trade_no, "bank_card", "p1", PIN)
        await engine.wait(trade.trade_no, lambda t: t.state is TradeState.AWAITING, 100)
        again = await engine.pay(trade.trade_no, "bank_card", "p1", PIN)
        assert again.state is TradeState.AWAITING
        await asyncio.sleep(10)
        assert world.far.performed.count("purchase") == 1

    run_virtual(main())


def test_one_key_opens_one_trade_however_often_and_at_once(world: World) -> None:
    async def main() -> None:
        engine = world.engine()
        trades = await asyncio.gather(*(engine.open(world.wanted()) for _ in range(5)))
        assert len({each.trade_no for each in trades}) == 1
        with pytest.raises(Refusal) as refused:
            await engine.open(world.wanted(request_hash="h2"))
        assert refused.value.code == "idempotency-key-reused"
        again = world.engine()
        await again.recover()
        assert (await again.open(world.wanted())).trade_no == trades[0].trade_no

    run_virtual(main())


def test_a_refund_takes_a_paid_trade_back(world: World) -> None:
    async def main() -> None:
        engine = world.engine()
        trade = await paid(engine, world)
        await engine.refund(trade.trade_no, "citizen")
        trade = await ended(engine, trade.trade_no)
        assert trade.state is TradeState.REFUNDED
        undone = [each for each in legs(trade) if ":undo:" in each]
        assert undone == [f"{leg}:undo:success" for leg in ("commit", "cash", "insurance", "visit")]
        assert world.balance() == {}

    run_virtual(main())


def test_a_refund_that_the_his_refuses_leaves_the_trade_paid_and_may_be_asked_for_again(world: World) -> None:
    async def main() -> None:
        world.far.script["undo-commit"] = [REFUSED]
        engine = world.engine()
        trade = await paid(engine, world)
        await engine.refund(trade.trade_no, "citizen")
        trade = await engine.wait(trade.trade_no, lambda t: t.reason == "refund-refused", 100) or trade
        trade = await ended(engine, trade.trade_no)
        assert trade.state is TradeState.PAID
        assert world.balance()["receivable:bank"] == 3_000
        await engine.refund(trade.trade_no, "citizen")
        trade = await engine.wait(trade.trade_no, lambda t: t.state is TradeState.REFUNDED, 100) or trade
        assert trade.state is TradeState.REFUNDED
        assert world.balance() == {}

    run_virtual(main())


def test_an_undo_that_is_refused_again_and_again_is_for_a_person_who_can_decide_it(world: World) -> None:
    async def main() -> None:
        world.far.script["commit"] = [REFUSED]
        world.far.script["undo-purchase"] = [REFUSED] * 3
        engine = world.engine()
        trade = await quoted(engine, world)
        await engine.pay(trade.trade_no, "bank_card", "p1", PIN)
        found = await engine.wait(trade.trade_no, lambda t: t.state is TradeState.MANUAL, 100)
        assert found is not None
        assert found.state is TradeState.MANUAL
        alarms = world.connection.execute("SELECT code, state FROM alarms").fetchall()
        assert alarms == [("undo-refused", "open")]
        manual = next(each for each in found.attempts if each.state is AttemptState.MANUAL)
        tries = [round(each.created_at) for each in found.attempts if each.original == manual.original]
        assert [later - earlier for earlier, later in pairwise(tries)] == [5, 10], "a system that is busy gets time"
        await engine.decide_manually(found.trade_no, manual.attempt_id, AttemptState.SUCCESS, "u1")
        assert (await ended(engine, found.trade_no)).state is TradeState.CLOSED

    run_virtual(main())


def test_silence_is_never_taken_for_an_answer(world: World) -> None:
    async def main() -> None:
        for operation in ("lock", "visit", "settle", "purchase", "commit"):
            world.far.script[operation] = [SILENCE, SILENCE]
        trade = await paid(world.engine(), world)
        assert trade.state is TradeState.PAID
        assert all(count == 1 for count in world.far.done.values())
        assert all(each.tries == 3 for each in trade.attempts)

    run_virtual(main())


def crash_at(world: World, number: int, after: bool) -> bool:
    """One bill, paid by a process that dies at commit *number*, taken up by the next. True when it died."""

    async def main() -> bool:
        first = world.engine()
        died = asyncio.Event()

        def die(commit: int) -> None:
            if commit == number:
                died.set()
                raise Died

        if after:
            first.store.after = die  # type: ignore[attr-defined]
        else:
            first.store.before = die  # type: ignore[attr-defined]
        trade_no = ""
        try:
            trade = await quoted(first, world)
            trade_no = trade.trade_no
            await first.pay(trade_no, "bank_card", "p1", PIN)
            await first.wait(trade_no, lambda t: t.state.final, 60)
        except (Died, Refusal):
            assert died.is_set()
        if first.failed.done():
            assert isinstance(first.failed.exception(), Died)
        await first.aclose()
        second = world.engine()
        await second.recover()
        found = await second.find_by_key("KSK-00001", "k1")
        if found is None:
            assert (number, after) == (1, False), "only a trade whose very first commit was lost is not there"
            return True
        found = await ended(second, found.trade_no)
        assert found.state in (TradeState.PAID, TradeState.CLOSED)
        expected = SPLIT.total_fen if found.state is TradeState.PAID else 0
        assert -world.balance().get("payable:H44190000001", 0) == expected
        assert sum(world.balance().values()) == 0
        assert world.far.seen_before_durable == []
        await second.aclose()
        return died.is_set()

    return run_virtual(main())


@pytest.mark.parametrize("after", [False, True])
def test_a_death_at_any_commit_leaves_enough_to_go_on_from(after: bool) -> None:
    from .conftest import Far, new_connection

    number = 1
    while crash_at(World(new_connection(), Far()), number, after):
        number += 1
    assert number > 6, "a bill takes more commits than that"


def test_a_defect_of_a_driver_stops_the_engine_and_not_one_trade(world: World) -> None:
    async def main() -> None:
        engine = world.engine()

        def broken(number: int) -> None:
            if number == 2:
                raise RuntimeError("disk")

        engine.store.before = broken  # type: ignore[attr-defined]
        await engine.open(world.wanted())
        with pytest.raises(RuntimeError, match="disk"):
            await asyncio.wait_for(asyncio.shield(engine.failed), 10)

    run_virtual(main())
