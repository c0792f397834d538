"""Settlement of a batch: equal, not equal, broken off, and never while a payment is open."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from protocols.clock import run_virtual
from protocols.wire.bank.parts import Totals
from reference_impl.backend.banking.batch import BatchItem, TerminalEngaged, totals_of
from reference_impl.backend.banking.host import BankUnavailable
from reference_impl.backend.settlement.model import TradeState

from .bank_bench import KIOSK, World


def run(scene: object) -> None:
    run_virtual(scene())  # type: ignore[operator]


def test_totals() -> None:
    items = [
        BatchItem("purchase", "a/1/1", 1000, "1"),
        BatchItem("purchase", "a/1/2", 250, "2"),
        BatchItem("void", "a/1/3", 250, "3"),
        BatchItem("refund", "a/1/4", 5, "4"),
    ]
    assert totals_of(items) == Totals(1250, 2, 255, 2)


def test_equal() -> None:
    async def scene() -> None:
        world = World("commit-then-drop-reply:0200/000000,after=1")
        trade = await world.pay(fen=1000)
        second = await world.pay(fen=77, key="k2")  # reversed, then paid
        await world.press(second, press="p2")
        await world.engine.refund(trade.trade_no, "citizen")
        await world.until(trade.trade_no, lambda t: t.state is TradeState.REFUNDED)
        result = await world.channel.settle_batch(KIOSK)
        assert (result.batch, result.equal, result.uploaded) == (1, True, 0)
        assert result.totals == Totals(1077, 2, 1000, 1)
        assert [each[60][8:11] for each in world.line.messages("0500", "0320")] == ["201", "207"]
        terminal = world.terminals.at(KIOSK)
        assert (terminal.batch, terminal.trace) == (2, 0)
        row = world.connection.execute("SELECT batch, trace FROM bank_terminals").fetchone()
        assert row == (2, 0)
        assert (await world.pay(key="k3")).state is TradeState.PAID
        assert world.line.messages("0200")[-1][60][2:8] == "000002"
        await world.end()
        world.check()

    run(scene)


def test_not_equal_uploads_every_record() -> None:
    async def scene() -> None:
        world = World()
        await world.pay(fen=1000)
        await world.pay(fen=250, key="k2")
        whole = world.batch_items

        async def half(prefix: str) -> Sequence[BatchItem]:
            items = await whole(prefix)
            return [items[0], BatchItem("purchase", items[0].reference[:-6] + "000800", 9, "000000000999")]

        world.channel._source = half
        result = await world.channel.settle_batch(KIOSK)
        assert (result.equal, result.uploaded) == (False, 2)
        assert result.unknown == ("10000001/000001/000800",)
        assert [each[60][8:11] for each in world.line.messages("0320")] == ["201", "201", "202"]
        assert world.line.messages("0320")[-1][48] == "0002"
        assert world.terminals.at(KIOSK).batch == 2
        await world.end()
        world.check()

    run(scene)


def test_nothing_to_settle() -> None:
    async def scene() -> None:
        world = World()
        assert (await world.channel.settle_batch(KIOSK)).batch == 0
        await world.channel.pin_key(KIOSK)
        assert (await world.channel.settle_batch(KIOSK)).batch == 0
        assert world.line.messages("0500", "0320") == []

    run(scene)


@pytest.mark.parametrize("message", ["0500", "0320"])
@pytest.mark.parametrize("fault", ["drop-request", "commit-then-drop-reply", "malformed", "wrong-reference", "refuse"])
def test_a_settlement_that_breaks_off_is_done_again(message: str, fault: str) -> None:
    async def scene() -> None:
        world = World(f"{fault}:{message}")
        await world.pay()
        with pytest.raises(BankUnavailable):
            await world.channel.settle_batch(KIOSK)
        await world.restart()
        result = await world.channel.settle_batch(KIOSK)
        assert result.equal
        assert world.terminals.at(KIOSK).batch == 2
        assert (await world.pay(key="k2")).state is TradeState.PAID
        await world.end()
        world.check()

    run(scene)


@pytest.mark.parametrize("message", ["0500", "0320"])
def test_a_settlement_signs_in_again_where_the_bank_wants_it(message: str) -> None:
    async def scene() -> None:
        world = World(f"sign-in-expired:{message}")
        await world.pay()
        assert (await world.channel.settle_batch(KIOSK)).equal
        assert len(world.line.messages("0800")) == 2
        await world.end()
        world.check()

    run(scene)


def test_the_settlement_waits_for_open_payments_and_payments_for_it() -> None:
    async def scene() -> None:
        world = World("delay-then-commit:0200/000000,delay_s=20", "delay-then-commit:0500,delay_s=20")
        secrets = await world.card()
        trade = await world.open()
        await world.engine.pay(trade.trade_no, "bank_card", "p1", secrets)
        await asyncio.sleep(1)
        with pytest.raises(TerminalEngaged):
            await world.channel.settle_batch(KIOSK)
        await world.until(trade.trade_no, lambda t: t.state is TradeState.PAID)
        second = await world.open(key="k2")
        secrets = await world.card()
        settling = asyncio.ensure_future(world.channel.settle_batch(KIOSK))
        await asyncio.sleep(1)
        with pytest.raises(TerminalEngaged):
            await world.channel.settle_batch(KIOSK)
        await world.engine.pay(second.trade_no, "bank_card", "p2", secrets)
        assert (await settling).equal
        await world.until(second.trade_no, lambda t: t.state is TradeState.PAID)
        sent = [each.mti for each in world.line.sent]
        assert sent == ["0800", "0200", "0500", "0320", "0200"]
        await world.end()
        world.check()

    run(scene)


def test_a_full_batch_takes_no_more_payments_until_it_is_settled() -> None:
    async def scene() -> None:
        world = World()
        assert (await world.pay()).state is TradeState.PAID
        world.terminals.at(KIOSK).trace = 900
        trade = await world.pay(key="k2")
        assert trade.state is TradeState.AWAITING
        await world.channel.settle_batch(KIOSK)
        assert (await world.press(trade, press="p2")).state is TradeState.PAID
        await world.end()
        world.check()

    run(scene)
