"""Taking money back: void in the open batch, refund afterwards; and what decides when nobody answers."""

from __future__ import annotations

import asyncio

import pytest

from protocols.clock import Clock, run_virtual
from protocols.wire.bank.message import Message
from reference_impl.backend.settlement.model import AttemptState, Trade, TradeState
from simulators.peer.base import BookRow

from .bank_bench import KIOSK, World, states
from .conftest import MORNING

CUT_OVER = MORNING + 15 * 3600
FILE = CUT_OVER + 2 * 3600
FAULTS = [
    "refuse",
    "delay-then-commit",
    "commit-then-drop-reply",
    "drop-request",
    "duplicate",
    "malformed",
    "wrong-reference",
    "clock-skew",
    "sign-in-expired",
]


def run(scene: object) -> None:
    run_virtual(scene())  # type: ignore[operator]


async def paid_and_settled(world: World) -> Trade:
    trade = await world.pay()
    assert trade.state is TradeState.PAID
    result = await world.channel.settle_batch(KIOSK)
    assert (result.batch, result.equal) == (1, True)
    return trade


async def refunded(world: World, trade: Trade) -> Trade:
    await world.engine.refund(trade.trade_no, "citizen")
    return await world.until(trade.trade_no, lambda t: t.state is TradeState.REFUNDED)


def undo_rows(world: World) -> list[BookRow]:
    return [row for row in world.bank.core.book() if row.kind == "undo"]


@pytest.mark.parametrize("fault", ["none", *FAULTS])
@pytest.mark.parametrize("temper", ["strict", "hostile"])
def test_when_the_his_refuses_the_payment_is_voided(fault: str, temper: str) -> None:
    async def scene() -> None:
        faults = [] if fault == "none" else [f"{fault}:0200/200000,times=2"]
        world = World(*faults, temper=temper)
        world.his_refuses += ["commit"]
        trade = await world.pay()
        assert trade.state is TradeState.CLOSED
        await world.end()
        found = states(world.attempts)
        assert (found[0], found[-1]) == ("purchase:success", "void:success")
        assert all(each.startswith("void:") for each in found[1:])
        assert world.line.messages("0220") == []
        world.check()
        assert world.alarms() <= {"bank-refuses-terminal"}

    run(scene)


def test_a_void_names_its_original() -> None:
    async def scene() -> None:
        world = World()
        trade = await world.pay()
        await refunded(world, trade)
        purchase, void = world.line.messages("0200")
        assert void[61] == f"000001{purchase[11]}1122"
        assert (void[2], void[4], void[60][:2], void[22]) == (purchase[2], purchase[4], "23", "052")
        assert void[37] == world.attempts[0].facts["retrieval"]
        assert void[38] == world.attempts[0].facts["approval"]
        assert {35, 52, 53} & void.fields.keys() == set()
        await world.end()
        world.check()

    run(scene)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_on_the_reversal_of_a_void(fault: str) -> None:
    async def scene() -> None:
        world = World("commit-then-drop-reply:0200/200000", f"{fault}:0400,times=2")
        world.his_refuses += ["commit"]
        trade = await world.pay()
        assert trade.state is TradeState.CLOSED
        await world.end()
        assert states(world.attempts) == ["purchase:success", "void:reversed", "void:success"]
        world.check()

    run(scene)


def test_after_the_settlement_it_is_a_refund() -> None:
    async def scene() -> None:
        world = World()
        trade = await paid_and_settled(world)
        await refunded(world, trade)
        await world.end()
        assert states(world.attempts) == ["purchase:success", "refund:success"]
        (message,) = world.line.messages("0220")
        assert (message[3], message[60][:8], message[61][:6]) == ("200000", "25000002", "000001")
        world.check()

    run(scene)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("delay-then-commit", ["refund:success"]),
        ("commit-then-drop-reply", ["refund:success"]),
        ("drop-request", ["refund:reversed", "refund:success"]),
        ("duplicate", ["refund:success"]),
        ("malformed", ["refund:success"]),
        ("wrong-reference", ["refund:success"]),
        ("clock-skew", ["refund:success"]),
        ("refuse", ["refund:fail", "refund:success"]),
        ("sign-in-expired", ["refund:reversed", "refund:success"]),
    ],
)
@pytest.mark.parametrize("at", [MORNING, CUT_OVER - 30])
def test_a_refund_of_which_nobody_knows_is_decided_by_the_bill(fault: str, expected: list[str], at: float) -> None:
    async def scene() -> None:
        world = World(f"{fault}:0220/200000")
        trade = await paid_and_settled(world)
        await world.clock.sleep_until(at + 5)
        await refunded(world, trade)
        await world.end()
        if (fault, at) == ("delay-then-commit", CUT_OVER - 30):
            # When it was carried out at last, the sign-in was of the day before.
            assert states(world.attempts)[1:] == ["refund:reversed", "refund:success"]
        else:
            assert states(world.attempts)[1:] == expected
        assert world.line.messages("0400") == []
        if "duplicate" not in fault and fault not in ("refuse", "clock-skew"):
            assert world.clock.now() > FILE
            assert world.line.fetched
        world.check()

    run(scene)


class AheadClock:
    """The bank's: two minutes ahead of ours."""

    kind = "virtual"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.now() + 120.0

    async def sleep_until(self, t: float) -> None:
        await self._clock.sleep_until(t - 120.0)


def test_a_refund_that_the_bank_booked_on_its_next_day_is_found_there() -> None:
    async def scene() -> None:
        world = World("commit-then-drop-reply:0220/200000")
        trade = await paid_and_settled(world)
        world.line.clock = AheadClock(world.clock)
        await world.clock.sleep_until(CUT_OVER - 60)
        world.terminals.at(KIOSK).key_refused = True
        await refunded(world, trade)
        assert [row.day for row in undo_rows(world)] == ["2026-11-23"]
        assert states(world.attempts)[1:] == ["refund:success"]
        days = sorted({target[7:17] for target in world.line.fetched})
        assert days == ["2026-11-22", "2026-11-23"]
        await world.end()
        world.check()

    run(scene)


def test_a_bill_that_is_late_is_asked_for_again_and_an_operator_hears_of_it() -> None:
    async def scene() -> None:
        world = World("commit-then-drop-reply:0220/200000", "file-not-ready:file,times=15")
        trade = await paid_and_settled(world)
        await refunded(world, trade)
        await world.end()
        assert states(world.attempts)[-1] == "refund:success"
        assert len(world.line.fetched) == 16
        assert "bill-missing" in world.alarms()
        world.check()

    run(scene)


@pytest.mark.parametrize(
    "spoil", [lambda body: body[: len(body) // 2], lambda body: b"", lambda body: body.replace(b"11-22", b"11-21", 1)]
)
def test_half_a_bill_or_another_days_does_not_prove_that_a_refund_is_absent(spoil: object) -> None:
    from dataclasses import replace

    async def scene() -> None:
        world = World("commit-then-drop-reply:0220/200000")
        trade = await paid_and_settled(world)
        whole = world.bank.core.handle_file
        bad = [True, True]

        def handle(request, now, twist=""):
            reply = whole(request, now, twist)
            if reply.status == 200 and bad:
                bad.pop()
                return replace(reply, body=spoil(reply.body))  # type: ignore[operator]
            return reply

        world.bank.core.handle_file = handle  # type: ignore[method-assign]
        await refunded(world, trade)
        await world.end()
        assert states(world.attempts) == ["purchase:success", "refund:success"]
        assert not bad
        world.check()

    run(scene)


def test_a_bill_that_contradicts_is_for_a_person() -> None:
    async def scene() -> None:
        world = World("commit-then-drop-reply:0220/200000")
        trade = await paid_and_settled(world)
        state = world.bank.core._state
        await world.engine.refund(trade.trade_no, "citizen")
        await asyncio.sleep(10)
        entry = next(each for each in state.entries.values() if each.kind == "refund")
        entry.amount_fen = 1
        trade = await world.until(trade.trade_no, lambda t: t.state is TradeState.MANUAL)
        assert trade.attempts[-1].state is AttemptState.MANUAL or AttemptState.MANUAL in [
            a.state for a in trade.attempts
        ]
        assert "peer-contradicts-itself" in world.alarms()
        await world.end()

    run(scene)


def test_a_waiting_refund_holds_up_nobody_at_its_terminal() -> None:
    async def scene() -> None:
        world = World("commit-then-drop-reply:0220/200000")
        trade = await paid_and_settled(world)
        await world.engine.refund(trade.trade_no, "citizen")
        await asyncio.sleep(70)
        assert (await world.pay(key="k2")).state is TradeState.PAID
        assert world.clock.now() < MORNING + 3600
        await world.until(trade.trade_no, lambda t: t.state is TradeState.REFUNDED)
        await world.end()
        world.check()

    run(scene)


def test_an_undo_waits_until_the_bank_can_be_reached() -> None:
    async def scene() -> None:
        world = World()
        trade = await world.pay()
        world.line.down = True
        await world.engine.refund(trade.trade_no, "citizen")
        await asyncio.sleep(600)
        assert states(world.attempts)[1:] == ["void:pending"]
        assert "undo-unsent" in world.alarms()
        world.line.down = False
        await world.until(trade.trade_no, lambda t: t.state is TradeState.REFUNDED)
        assert states(world.attempts)[1:] == ["void:success"]
        await world.end()
        world.check()

    run(scene)


def test_a_void_whose_batch_the_bank_has_closed_becomes_a_refund() -> None:
    """The end of the settlement was carried out and its reply lost: the bank is a batch ahead."""

    async def scene() -> None:
        from reference_impl.backend.banking.host import BankUnavailable

        world = World("commit-then-drop-reply:0320")
        trade = await world.pay()
        with pytest.raises(BankUnavailable):
            await world.channel.settle_batch(KIOSK)
        assert world.terminals.at(KIOSK).batch == 1
        await refunded(world, trade)
        assert states(world.attempts) == ["purchase:success", "void:fail", "refund:success"]
        assert world.terminals.at(KIOSK).batch == 2
        await world.end()
        world.check()

    run(scene)


def test_the_next_day_signs_in_first() -> None:
    async def scene() -> None:
        world = World()
        trade = await world.pay()
        await world.clock.sleep_until(CUT_OVER + 5)
        await refunded(world, trade)
        mtis = [each.mti for each in world.line.sent]
        assert mtis == ["0800", "0200", "0800", "0200"]
        await world.end()
        world.check()

    run(scene)


def test_without_its_sealed_card_a_void_is_for_a_person_and_a_reversal_still_works() -> None:
    """The data key was changed, against all advice."""
    from reference_impl.backend.banking.security_module import KeyMaterial, SecurityModule

    from .bank_bench import MATERIAL

    async def scene() -> None:
        world = World("commit-then-drop-reply:0200/000000")
        original = world.line.before_send

        def change(message: Message) -> None:
            if message.mti == "0200" and message[3] == "000000":
                world.channel._module = SecurityModule(KeyMaterial(MATERIAL.fleet_key, bytes(32)))
            original(message)

        world.line.before_send = change
        await world.pay()
        assert states(world.attempts) == ["purchase:reversed"]
        trade = await world.pay(key="k2")
        world.channel._module = SecurityModule(KeyMaterial(MATERIAL.fleet_key, bytes(range(1, 33))))
        await world.engine.refund(trade.trade_no, "citizen")
        await world.until(trade.trade_no, lambda t: t.state is TradeState.MANUAL)
        assert states(world.attempts)[2:] == ["void:fail", "void:fail", "void:manual"]
        await world.end()

    run(scene)
