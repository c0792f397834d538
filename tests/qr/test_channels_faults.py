"""The three channels against the simulated gateway: every fault on every message, and deaths at any moment."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from protocols.clock import run_virtual
from protocols.wire.qr.payment_codes import Family
from reference_impl.backend.settlement.channel import Secrets
from reference_impl.backend.settlement.model import TradeState
from simulators.peer.base import PeerOptions
from simulators.peer.faults import PEER_FAULTS, PeerFault
from simulators.peer.qr_codes import Behaviour

from .world import MESSAGES, World, cash, check, ended, new_clock, paid, quoted, secrets_for, states

FAMILIES = pytest.mark.parametrize("family", list(Family))


def story(family: Family, op: str, fault: PeerFault, temper: Any = "strict") -> tuple[World, list[str]]:
    """A payment (and a refund where *op* belongs to one) with *fault* on *op*, to its end; then long enough for everything
    that was delayed to arrive."""
    behaviour = {"query": Behaviour.UNKNOWN_PAID, "cancel": Behaviour.NEVER}.get(op, Behaviour.PAYS)
    faults = [replace(fault, message=MESSAGES[family][op])]
    world = World(PeerOptions(temper=temper), faults)

    async def main() -> list[str]:
        engine = world.engine(new_clock())
        trade = await paid(engine, world, family, behaviour)
        if op in ("refund", "refund_query"):
            assert trade.state is TradeState.PAID
            await engine.refund(trade.trade_no, "asked")
            trade = await ended(engine, trade.trade_no)
        await asyncio.sleep(1_000)
        check(world, trade, family)
        await engine.aclose()
        return states(trade)

    found = run_virtual(main())
    assert all(struck for _, struck in world.switch.struck), "the fault never struck: nothing was tested"
    return world, found


class TestFaults:
    @pytest.mark.parametrize("times", [1, 4])
    @pytest.mark.parametrize("fault", [each for each in PEER_FAULTS if each != "file-not-ready"])
    @pytest.mark.parametrize("op", ["pay", "query", "cancel", "refund", "refund_query"])
    @FAMILIES
    def test_money_is_right_whatever_fails(self, family: Family, op: str, fault: Any, times: int) -> None:
        if op == "refund" and fault in ("refuse", "sign-in-expired"):
            times = min(times, 2)  # after the third refusal a person has to look: the test below
        _, found = story(family, op, PeerFault(fault, times=times))
        assert found[0].startswith("pay:")
        assert all(each.endswith(("success", "reversed", "fail")) for each in found)

    @pytest.mark.parametrize("temper", ["realistic", "hostile"])
    @pytest.mark.parametrize("fault", [each for each in PEER_FAULTS if each != "file-not-ready"])
    @FAMILIES
    def test_other_tempers(self, family: Family, fault: Any, temper: Any) -> None:
        for op in ("pay", "cancel", "refund"):
            story(family, op, PeerFault(fault), temper)

    @pytest.mark.parametrize(
        ("fault", "wanted"),
        [
            ("refuse", "pay:fail"),
            ("commit-then-drop-reply", "pay:success"),
            ("drop-request", "pay:reversed"),
            ("delay-then-commit", "pay:reversed"),
            ("malformed", "pay:success"),
            ("wrong-reference", "pay:success"),
            ("duplicate", "pay:success"),
        ],
    )
    @FAMILIES
    def test_what_becomes_of_a_pay_call(self, family: Family, fault: Any, wanted: str) -> None:
        _, found = story(family, "pay", PeerFault(fault))
        assert found == [wanted]

    @FAMILIES
    def test_a_pay_call_that_arrives_after_its_cancel_pays_nothing(self, family: Family) -> None:
        world, found = story(family, "pay", PeerFault("delay-then-commit", delay_s=300.0))
        assert found == ["pay:reversed"]
        assert list(world.peer.book()) == []
        assert world.peer.snapshot()["fences"] == 1

    @FAMILIES
    def test_a_cancel_without_answer_is_sent_again_and_told(self, family: Family) -> None:
        world, found = story(family, "cancel", PeerFault("drop-request", times=6))
        assert found == ["pay:reversed"]
        assert "cancel-unanswered" in world.alarms()

    @FAMILIES
    def test_a_cancel_that_was_done_but_not_answered(self, family: Family) -> None:
        world, found = story(family, "cancel", PeerFault("commit-then-drop-reply", times=2))
        assert found == ["pay:reversed"]
        assert "cancel-unanswered" not in world.alarms()

    @FAMILIES
    def test_a_refund_keeps_its_number_however_often_it_is_sent(self, family: Family) -> None:
        world, found = story(family, "refund", PeerFault("commit-then-drop-reply", times=5))
        assert found == ["pay:success", "refund:success"]
        assert sum(each["e"] == "refund" for each in world.events) == 1
        assert "refund-unanswered" in world.alarms()

    @FAMILIES
    def test_a_refund_that_is_refused_after_an_unanswered_try_is_not_taken_for_refused(self, family: Family) -> None:
        async def main() -> None:
            message = MESSAGES[family]["refund"]
            world = World(faults=[PeerFault("commit-then-drop-reply", message), PeerFault("refuse", message, after=1)])
            engine = world.engine(new_clock())
            trade = await paid(engine, world, family)
            await engine.refund(trade.trade_no, "asked")
            trade = await ended(engine, trade.trade_no)
            assert states(trade) == ["pay:success", "refund:success"]
            check(world, trade, family)

        run_virtual(main())

    @FAMILIES
    def test_a_refund_that_is_refused_three_times_waits_for_a_person(self, family: Family) -> None:
        async def main() -> None:
            world = World(faults=[PeerFault("refuse", MESSAGES[family]["refund"], times=3)])
            engine = world.engine(new_clock())
            trade = await paid(engine, world, family)
            await engine.refund(trade.trade_no, "asked")
            trade = await ended(engine, trade.trade_no)
            assert trade.state is TradeState.MANUAL
            assert states(trade) == ["pay:success", "refund:fail", "refund:fail", "refund:manual"]
            assert world.net_fen() == world.received_fen(family.value) == trade.total_fen

        run_virtual(main())

    def test_wechat_without_certificate_is_no_answer(self) -> None:
        """Such a reply bears no signature: the order is asked for."""
        _, found = story(Family.WECHAT, "pay", PeerFault("sign-in-expired"))
        assert found == ["pay:reversed"]

    @FAMILIES
    def test_paid_after_the_cancel_was_refused_is_given_back(self, family: Family) -> None:
        """The payer types the password in the moment in which the order is given up."""

        async def main() -> None:
            world = World(PeerOptions(temper="hostile", settings={"password_s": 44}))
            message = MESSAGES[family]["query"]
            world.switch.add(PeerFault("drop-request", message, after=2, times=5))
            engine = world.engine(new_clock())
            trade = await paid(engine, world, family, Behaviour.PASSWORD)
            await asyncio.sleep(500)
            check(world, trade, family)

        run_virtual(main())

    @FAMILIES
    def test_once_a_cancel_was_sent_it_never_ends_success(self, family: Family) -> None:
        """The pay call arrives between the query that finds no order and the cancel; the cancel is put off (too early after
        the pay call, or the gateway is hostile), and the order turns out to be paid when it is looked at again."""

        async def main() -> None:
            messages = MESSAGES[family]
            world = World(
                PeerOptions(temper="hostile"), [PeerFault("delay-then-commit", messages["pay"], delay_s=20.05)]
            )
            engine = world.engine(new_clock())
            trade = await paid(engine, world, family)
            assert world.network is not None
            asked = [messages[op] for op in ("pay", "query", "cancel")]
            assert world.network.sent[:3] == asked
            assert world.network.sent[-1] == messages["cancel"]
            assert len(world.network.sent) > 3
            assert states(trade) == ["pay:reversed"]
            pay, undo = world.peer.book()
            assert (pay.kind, undo.kind) == ("pay", "undo")
            check(world, trade, family)

        run_virtual(main())


class TestDeath:
    @pytest.mark.parametrize("behaviour", [Behaviour.PAYS, Behaviour.PASSWORD, Behaviour.NEVER, Behaviour.UNKNOWN_PAID])
    @FAMILIES
    def test_the_backend_dies_at_any_moment(self, family: Family, behaviour: Behaviour) -> None:
        async def one(after_s: float) -> None:
            world = World()
            clock = new_clock()
            engine = world.engine(clock)
            trade = await quoted(engine, world)
            await engine.pay(trade.trade_no, family.value, "p1", secrets_for(family, behaviour))
            await asyncio.sleep(after_s)
            await engine.aclose()
            again = world.engine(clock)
            await again.recover()
            trade = await ended(again, trade.trade_no)
            await asyncio.sleep(500)
            check(world, trade, family)
            await again.aclose()

        for after_s in (0.0, 0.001, 0.03, 0.06, 0.101, 0.5, 5.15, 20, 45.2, 50):
            run_virtual(one(after_s))

    @FAMILIES
    def test_both_die_during_a_refund(self, family: Family) -> None:
        async def one(after_s: float) -> None:
            world = World()
            clock = new_clock()
            engine = world.engine(clock)
            trade = await paid(engine, world, family)
            await engine.refund(trade.trade_no, "asked")
            await asyncio.sleep(after_s)
            await engine.aclose()
            world.restart_peer()
            again = world.engine(clock)
            await again.recover()
            trade = await ended(again, trade.trade_no)
            assert trade.state is TradeState.REFUNDED
            assert states(trade) == ["pay:success", "refund:success"]
            check(world, trade, family)
            await again.aclose()

        for after_s in (0.0, 0.001, 0.05, 0.06, 0.11, 0.15, 1.0, 2.2, 2.3, 3.5, 5.0):
            run_virtual(one(after_s))

    def test_a_code_that_died_with_the_process_is_asked_for_again(self) -> None:
        """The attempt was never begun: the citizen shows another code."""

        async def main() -> None:
            world = World()
            engine = world.engine(new_clock())
            trade = await quoted(engine, world)
            await engine.pay(trade.trade_no, "wechat", "p1", Secrets())
            trade = await engine.wait(trade.trade_no, lambda each: each.state is TradeState.AWAITING, 100) or trade
            assert trade.reason == "payment-data-lost"
            assert cash(trade) == []

        run_virtual(main())

    @pytest.mark.parametrize(
        "code", ["", "1", "280000000000000000", "6200000000000000000", "１３４５６７８９０１２３４５６７８９"]
    )
    def test_a_code_of_another_family_opens_nothing(self, code: str) -> None:
        async def main() -> None:
            world = World()
            engine = world.engine(new_clock())
            trade = await quoted(engine, world)
            await engine.pay(trade.trade_no, "wechat", "p1", Secrets({"auth_code": code}))
            await engine.wait(trade.trade_no, lambda each: each.reason != "", 100)
            assert world.network is not None
            assert world.network.sent == []
            with pytest.raises(ValueError) as caught:
                engine.channels["wechat"].open(trade, "pay", None, 2, Secrets({"auth_code": code}), 0.0)
            assert len(code) < 2 or code not in str(caught.value)

        run_virtual(main())
