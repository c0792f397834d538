"""The three channels against the simulated gateway: what payers do, and what nobody may see."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from protocols.clock import run_virtual
from protocols.wire.qr.payment_codes import Family
from reference_impl.backend.settlement.channel import Heard, Outcome
from reference_impl.backend.settlement.model import AttemptState, TradeState
from simulators.peer.base import PeerOptions
from simulators.peer.faults import PeerFault
from simulators.peer.qr_codes import Behaviour

from .qr_bench import MORNING
from .world import MESSAGES, World, cash, check, ended, new_clock, paid, quoted, secrets_for, states

FAMILIES = pytest.mark.parametrize("family", list(Family))


class TestPlain:
    @FAMILIES
    def test_paid_at_once(self, family: Family) -> None:
        async def main() -> None:
            world = World()
            clock = new_clock()
            engine = world.engine(clock)
            trade = await paid(engine, world, family)
            assert trade.state is TradeState.PAID
            assert clock.now() - MORNING < 1
            check(world, trade, family)
            (attempt,) = cash(trade)
            assert attempt.reference == attempt.attempt_id
            assert len(attempt.reference) <= 32
            assert attempt.facts["channel_no"]
            assert world.network is not None
            assert world.network.sent == [MESSAGES[family]["pay"]]

        run_virtual(main())

    @pytest.mark.parametrize("behaviour", [Behaviour.POOR, Behaviour.EXPIRED])
    @FAMILIES
    def test_refused_lets_the_citizen_choose_again(self, family: Family, behaviour: Behaviour) -> None:
        async def main() -> None:
            world = World()
            engine = world.engine(new_clock())
            trade = await quoted(engine, world)
            await engine.pay(trade.trade_no, family.value, "p1", secrets_for(family, behaviour))
            failed = lambda each: each.state is TradeState.AWAITING and bool(cash(each))  # noqa: E731
            assert await engine.wait(trade.trade_no, failed, 100)
            await engine.pay(trade.trade_no, family.value, "p2", secrets_for(family, nonce=2))
            trade = await ended(engine, trade.trade_no)
            assert states(trade) == ["pay:fail", "pay:success"]
            assert len({each.reference for each in cash(trade)}) == 2
            check(world, trade, family)

        run_virtual(main())

    @FAMILIES
    def test_password_typed(self, family: Family) -> None:
        async def main() -> None:
            world = World()
            engine = world.engine(new_clock())
            trade = await quoted(engine, world)
            await engine.pay(trade.trade_no, family.value, "p1", secrets_for(family, Behaviour.PASSWORD))
            await asyncio.sleep(6)
            now = await engine.find(trade.trade_no)
            assert now is not None
            wanted = AttemptState.UNKNOWN if family is Family.UNIONPAY else AttemptState.PENDING
            assert (cash(now)[0].state, cash(now)[0].op) == (wanted, "query")
            trade = await ended(engine, trade.trade_no)
            assert states(trade) == ["pay:success"]
            check(world, trade, family)

        run_virtual(main())

    @FAMILIES
    def test_password_never_typed_is_cancelled_at_45_seconds(self, family: Family) -> None:
        async def main() -> None:
            world = World()
            clock = new_clock()
            engine = world.engine(clock)
            trade = await quoted(engine, world)
            await engine.pay(trade.trade_no, family.value, "p1", secrets_for(family, Behaviour.NEVER))
            seen = await engine.wait(
                trade.trade_no, lambda each: not cash(each) or cash(each)[0].op in ("cancel", "recheck"), 44
            )
            assert seen is not None
            assert cash(seen)[0].op == "query"
            trade = await ended(engine, trade.trade_no)
            assert states(trade) == ["pay:reversed"]
            assert trade.state is TradeState.CLOSED
            assert world.network is not None
            assert world.network.sent.count(MESSAGES[family]["query"]) >= 9
            check(world, trade, family)

        run_virtual(main())

    @FAMILIES
    def test_payer_declines(self, family: Family) -> None:
        async def main() -> None:
            world = World()
            engine = world.engine(new_clock())
            trade = await paid(engine, world, family, Behaviour.DECLINES)
            assert states(trade) == ["pay:reversed"]
            check(world, trade, family)

        run_virtual(main())

    @pytest.mark.parametrize("temper", ["strict", "realistic", "hostile"])
    @pytest.mark.parametrize("behaviour", [Behaviour.UNKNOWN_PAID, Behaviour.UNKNOWN_UNPAID])
    @FAMILIES
    def test_unknown(self, family: Family, behaviour: Behaviour, temper: Any) -> None:
        async def main() -> None:
            world = World(PeerOptions(temper=temper))
            engine = world.engine(new_clock())
            trade = await paid(engine, world, family, behaviour)
            assert states(trade) == ["pay:success" if behaviour is Behaviour.UNKNOWN_PAID else "pay:reversed"]
            check(world, trade, family)

        run_virtual(main())

    @FAMILIES
    def test_refund_is_accepted_then_done(self, family: Family) -> None:
        async def main() -> None:
            world = World(PeerOptions(settings={"refund_s": 30}))
            engine = world.engine(new_clock())
            trade = await paid(engine, world, family)
            await engine.refund(trade.trade_no, "asked")
            await asyncio.sleep(20)
            now = await engine.find(trade.trade_no)
            assert now is not None
            assert (cash(now)[1].state, cash(now)[1].op) == (AttemptState.PENDING, "refund_query")
            trade = await ended(engine, trade.trade_no)
            assert trade.state is TradeState.REFUNDED
            assert states(trade) == ["pay:success", "refund:success"]
            check(world, trade, family)
            _, undo = world.peer.book()
            assert (undo.reference, undo.original) == (cash(trade)[1].reference, cash(trade)[0].reference)

        run_virtual(main())

    def test_sm2_instead_of_rsa2(self) -> None:
        async def main() -> None:
            world = World(sign_type="SM2")
            engine = world.engine(new_clock())
            trade = await paid(engine, world, Family.UNIONPAY)
            check(world, trade, Family.UNIONPAY)

        run_virtual(main())

    def test_nobody_listens(self) -> None:
        async def main() -> None:
            world = World()
            engine = world.engine(new_clock())
            trade = await quoted(engine, world)
            assert world.network is not None
            world.network.refusing = 1
            await engine.pay(trade.trade_no, "wechat", "p1", secrets_for(Family.WECHAT))
            trade = await ended(engine, trade.trade_no)
            assert states(trade) == ["pay:fail"]
            check(world, trade, Family.WECHAT)

        run_virtual(main())


class TestSecrets:
    @FAMILIES
    def test_the_payment_code_stands_nowhere(self, family: Family) -> None:
        async def main() -> None:
            world = World(faults=[PeerFault("commit-then-drop-reply", MESSAGES[family]["pay"])])
            engine = world.engine(new_clock())
            trade = await paid(engine, world, family)
            code = secrets_for(family).values["auth_code"]
            rows: list[Any] = []
            for table in ("trades", "attempts", "postings", "outbox", "alarms"):
                rows += world.connection.execute(f"SELECT * FROM {table}").fetchall()
            kept = f"{rows} {trade} {json.dumps(world.events)} {world.peer.snapshot()} {world.peer.violations()}"
            assert trade.trade_no in kept
            for secret in (code, "测试甲", "44190019900101001X"):
                assert secret not in kept
            assert code not in repr(secrets_for(family))

        run_virtual(main())

    def test_the_configuration_shows_no_key(self) -> None:
        from .world import config

        shown = repr(config())
        assert "0123456789abcdef" not in shown
        assert "MII" not in shown


class TestContradictions:
    """Under the gateway's signature stands what cannot be: a person has to look, and nobody guesses."""

    @FAMILIES
    def test_another_amount_than_was_asked_for(self, family: Family) -> None:
        async def main() -> None:
            world = World(faults=[PeerFault("commit-then-drop-reply", MESSAGES[family]["pay"])])
            engine = world.engine(new_clock())
            trade = await quoted(engine, world)
            await engine.pay(trade.trade_no, family.value, "p1", secrets_for(family))
            await asyncio.sleep(1)
            order = next(iter(world.peer._orders.book.orders.values()))
            order.amount_fen = 9_999
            trade = await ended(engine, trade.trade_no)
            assert trade.state is TradeState.MANUAL
            assert world.alarms() == ["peer-contradicts-itself"]

        run_virtual(main())

    def test_another_refund_amount(self) -> None:
        async def main() -> None:
            world = World()
            engine = world.engine(new_clock())
            trade = await paid(engine, world, Family.WECHAT)
            await engine.refund(trade.trade_no, "asked")
            await asyncio.sleep(1)
            next(iter(world.peer._orders.book.refunds.values())).amount_fen = 1
            trade = await ended(engine, trade.trade_no)
            assert trade.state is TradeState.MANUAL
            assert "peer-contradicts-itself" in world.alarms()

        run_virtual(main())


def test_the_rules_know_every_outcome_of_every_op() -> None:
    """No answer, however odd, makes the rules raise or end a payment SUCCESS that was cancelled."""
    from reference_impl.backend.channels.qr_rules import QrRules
    from reference_impl.backend.settlement.model import Act, Attempt, Leg

    rules = QrRules(16.0)
    base = Attempt("A1", "T1", 1, Leg.CASH, Act.DO, "wechat", "pay", "A1", 100, MORNING, due=MORNING + 50)
    for op in ("pay", "query", "cancel", "recheck", "refund", "refund_query"):
        for heard in Heard:
            for state in (AttemptState.PENDING, AttemptState.UNKNOWN):
                for tries in (1, 3, 50):
                    attempt = replace(base, op=op, state=state, tries=tries)
                    ruling = rules.after(attempt, Outcome(heard))
                    open_ = ruling.state in (AttemptState.PENDING, AttemptState.UNKNOWN)
                    assert open_ == bool(ruling.op)
                    assert 0 <= ruling.delay_s <= 60
                    if op in ("cancel", "recheck"):
                        assert ruling.state in (AttemptState.UNKNOWN, AttemptState.REVERSED, AttemptState.PENDING)
                        assert ruling.op in ("", "cancel", "recheck")
                    again = rules.interrupted(attempt)
                    assert again.state is AttemptState.UNKNOWN
                    assert again.op == ("query" if op == "pay" else op)
