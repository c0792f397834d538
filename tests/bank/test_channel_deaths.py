"""Deaths of the backend and of the bank at every commit, and random trouble: both sides agree in the end."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.clock import run_virtual
from reference_impl.backend.settlement.model import TradeState
from reference_impl.backend.settlement.rules import Refusal
from simulators.peer.faults import PeerFault

from .bank_bench import KIOSK, Died, World, decided, states
from .conftest import PAN, PIN, master_key
from .foreign_terminal import des3

MESSAGES = ("0800", "0200/000000", "0200/200000", "0400", "0220/200000", "0500", "0320")
FAULTS = (
    "refuse",
    "delay-then-commit",
    "commit-then-drop-reply",
    "drop-request",
    "duplicate",
    "malformed",
    "wrong-reference",
    "clock-skew",
    "sign-in-expired",
)


async def paying(world: World) -> str:
    """One payment that the HIS refuses: purchase, then void. Gives the trade's number once it exists."""
    trade = await world.open()
    await world.press(trade)
    await world.until(trade.trade_no, lambda t: t.state.final)
    return trade.trade_no


def death_at(number: int, after: bool, *faults: str) -> bool:
    """True when there was a commit of that number to die at."""

    async def scene() -> bool:
        world = World(*faults)
        world.his_refuses += ["commit"]
        died = asyncio.Event()

        def die(commit: int) -> None:
            if commit == number:
                died.set()
                raise Died

        if after:
            world.store.after = die
        else:
            world.store.before = die
        task = asyncio.ensure_future(paying(world))
        killed = asyncio.ensure_future(died.wait())
        await asyncio.wait({task, killed}, return_when=asyncio.FIRST_COMPLETED)
        was_killed = died.is_set()
        if was_killed:
            task.cancel()
            killed.cancel()
            await asyncio.gather(task, killed, return_exceptions=True)
            await world.restart()
        else:
            killed.cancel()
            await task
        await after_restart(world)
        await world.end()
        world.check()
        return was_killed

    return run_virtual(scene())


async def after_restart(world: World) -> None:
    """The citizen finds the trade as it is and, where they are asked, pays again."""
    trade = await world.engine.find_by_key(KIOSK, "k1")
    if trade is None:
        return
    for press in range(2, 6):
        trade = await world.until(trade.trade_no, decided)
        if trade.state.final:
            return
        try:
            await world.press(trade, press=f"p{press}")
        except Refusal:
            await asyncio.sleep(1)
    await world.until(trade.trade_no, lambda t: t.state.final)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "faults",
    [(), ("commit-then-drop-reply:0200/000000",), ("drop-request:0200/200000", "commit-then-drop-reply:0400")],
    ids=["plain", "silent-purchase", "silent-void"],
)
def test_a_death_at_any_commit(after: bool, faults: tuple[str, ...]) -> None:
    number = 1
    while death_at(number, after, *faults):
        number += 1
    assert number > 8, "a payment and its void take more commits than that"


def test_the_bank_dies_and_comes_back_with_its_journal() -> None:
    async def scene() -> None:
        for moment in range(1, 6):
            world = World("commit-then-drop-reply:0200/000000")
            count = 0

            def look(message: object, world: World = world, moment: int = moment) -> None:
                nonlocal count
                count += 1
                if count == moment:
                    world.bank.core = world.bank.reborn()

            world.line.before_send = look
            trade = await world.pay()
            await world.press(trade, press="p2")
            await world.end()
            world.check()

    run_virtual(scene())


def test_a_reversal_survives_the_process_and_goes_before_the_next_payment() -> None:
    async def scene() -> None:
        world = World("commit-then-drop-reply:0200/000000", "drop-request:0400,times=2")
        trade = await world.open()
        other = await world.open(key="k2")
        await world.engine.pay(trade.trade_no, "bank_card", "p1", await world.card())
        await asyncio.sleep(5)  # sent, and no answer yet
        await world.restart()
        await world.engine.pay(other.trade_no, "bank_card", "p2", await world.card())
        await world.until(other.trade_no, lambda t: t.state is TradeState.PAID)
        mtis = [each.mti for each in world.line.sent if each.mti in ("0200", "0400")]
        assert mtis == ["0200", "0400", "0400", "0400", "0200"]
        assert world.line.messages("0400")[0][39] == "96"  # the terminal failed: nobody knows how far it got
        await world.end()
        world.check()

    run_virtual(scene())


def test_a_trace_is_not_used_again_after_a_restart() -> None:
    async def scene() -> None:
        world = World()
        for number in range(6):
            trade = await world.pay(key=f"k{number}")
            assert trade.state is TradeState.PAID
            await world.restart()
        traces = [each[11] for each in world.line.sent]
        assert len(traces) == len(set(traces))
        await world.end()
        world.check()

    run_virtual(scene())


FAULT = st.builds(
    PeerFault,
    st.sampled_from(FAULTS),
    st.sampled_from(MESSAGES),
    after=st.integers(0, 2),
    times=st.integers(1, 3),
)


def no_three_refusals(faults: list[PeerFault]) -> bool:
    """Three refusals of one undo are for a person: that is another test's."""
    return sum(each.times for each in faults if each.id == "refuse" and each.message != "0200/000000") < 3


@settings(max_examples=60, deadline=None)
@given(
    st.lists(FAULT, max_size=5).filter(no_three_refusals),
    st.lists(st.sampled_from(["pay", "refund", "settle", "restart", "rebirth", "his-refuses", "expire"]), max_size=8),
    st.sampled_from(["strict", "realistic", "hostile"]),
    st.sampled_from([1_795_305_600.0, 1_795_305_600.0 + 15 * 3600 - 100]),
)
def test_whatever_goes_wrong_both_agree(faults: list[PeerFault], steps: list[str], temper: str, at: float) -> None:
    from reference_impl.backend.banking.host import BankUnavailable

    async def card(world: World):
        for _ in range(20):
            try:
                return await world.card()
            except BankUnavailable:
                await asyncio.sleep(1)
        raise AssertionError("the terminal never signs in")

    async def scene() -> None:
        world = World(*faults, begins_at=at, temper=temper)
        paid: list[str] = []
        for number, step in enumerate(["pay", *steps]):
            match step:
                case "pay":
                    trade = await world.open(key=f"k{number}")
                    try:
                        trade = await world.press(trade, await card(world), press=f"p{number}")
                    except Refusal as refusal:  # it took so long that the citizen is no longer waited for
                        assert refusal.code in ("trade-not-payable", "quote-expired")  # noqa: PT017
                    if trade.state is TradeState.PAID:
                        paid.append(trade.trade_no)
                case "refund" if paid:
                    await world.engine.refund(paid.pop(), "citizen")
                case "settle":
                    try:
                        await world.channel.settle_batch(KIOSK)
                    except Exception as error:
                        assert type(error).__name__ in ("TerminalEngaged", "BankUnavailable")  # noqa: PT017
                case "restart":
                    await world.restart()
                case "rebirth":
                    world.bank.core = world.bank.reborn()
                case "his-refuses":
                    world.his_refuses.append("commit")
                case "expire":
                    world.bank.core.expire_sign_ins()
        world.line.switch.clear()
        for row in world.connection.execute("SELECT trade_no FROM trades").fetchall():
            await world.until(row[0], lambda t: t.state.final, limit_s=500_000)
        await world.end()
        world.check()

    run_virtual(scene())


def test_no_card_number_pin_or_key_in_the_database() -> None:
    async def scene() -> None:
        world = World("commit-then-drop-reply:0200/000000")
        secrets = await world.card()
        trade = await world.pay(secrets)
        await world.press(trade, press="p2")
        await world.engine.refund(trade.trade_no, "citizen")
        await world.until(trade.trade_no, lambda t: t.state is TradeState.REFUNDED)
        dump = "\n".join(world.connection.iterdump()).lower()
        assert states(world.attempts) == ["purchase:reversed", "purchase:success", "void:success"]
        keys = world.terminals.at(KIOSK).keys
        pin_key = des3(master_key("10000001")).decrypt(bytes.fromhex(keys[:32]))
        forbidden = [
            PAN,
            PAN.encode().hex(),
            PIN,
            secrets.values["pin_block"],
            pin_key.hex(),
            master_key("10000001").hex(),
        ]
        for secret in forbidden:
            assert secret.lower() not in dump
        assert "sealed" in dump
        assert all(each.sealed for each in world.attempts)
        await world.end()

    run_virtual(scene())
