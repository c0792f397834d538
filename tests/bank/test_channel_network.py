"""The channel over the simulated network: messages that are lost, late or doubled, and a bank that dies and returns."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.clock import run_virtual
from reference_impl.backend.banking.host import BankUnavailable
from reference_impl.backend.settlement.model import TradeState
from reference_impl.backend.settlement.rules import Refusal
from reference_impl.simulation.network import Network
from reference_impl.simulation.story import NETWORK_STRIKES, PEER_STRIKES, Crash, Story, Strike
from simulators.peer.bank import PEER

from .bank_bench import KIOSK, OTHER_KIOSK, World

BEGIN = 1_795_305_600.0
ADDRESSES = ("0800", "0200/000000", "0200/200000", "0400", "0220/200000")
STRIKES = st.lists(
    st.builds(
        Strike,
        st.just("bank"),
        st.sampled_from(ADDRESSES),
        st.integers(1, 4),
        st.sampled_from([*NETWORK_STRIKES, *(each for each in PEER_STRIKES if each != "refuse")]),
    ),
    max_size=6,
)
CRASHES = st.lists(
    st.builds(Crash, st.just("bank"), st.just("message"), st.integers(1, 10), st.sampled_from([0.5, 8.0, 90.0])),
    max_size=2,
)


class NetworkWorld(World):
    """The same world; between channel and bank the network of the simulation."""

    def __init__(self, story: Story) -> None:
        self.story = story
        super().__init__(begins_at=story.begins_at)

    def start(self) -> None:
        if not hasattr(self, "network"):
            self.network = Network(self.story, self.clock, {"bank": PEER}, self.bank.options)
            line: Any = self.network
            self.line_before, self.line = self.line, line
        super().start()

    @property
    def peer(self) -> Any:
        return self.network.peers["bank"]

    async def key(self, kiosk: str) -> Any:
        for _ in range(20):
            try:
                return await self.card(kiosk)
            except BankUnavailable:
                await asyncio.sleep(10)
        raise AssertionError("the terminal never signs in")

    async def visit(self, number: int, kiosk: str, refund: bool) -> None:
        trade = await self.open(kiosk, 1000 + number, f"k{number}")
        for press in range(6):
            try:
                trade = await self.press(trade, await self.key(kiosk), kiosk, f"p{press}")
            except Refusal:
                break
            if trade.state is not TradeState.AWAITING:
                break
        if trade.state is TradeState.PAID and refund:
            await self.engine.refund(trade.trade_no, "citizen")


@settings(max_examples=40, deadline=None)
@given(
    STRIKES,
    CRASHES,
    st.lists(
        st.tuples(st.sampled_from([KIOSK, OTHER_KIOSK]), st.booleans(), st.integers(0, 30)), min_size=1, max_size=4
    ),
    st.booleans(),
    st.sampled_from([BEGIN, BEGIN + 15 * 3600 - 45]),
    st.integers(1, 1000),
)
def test_the_network_does_its_worst(
    strikes: list[Strike],
    crashes: list[Crash],
    visits: list[tuple[str, bool, int]],
    restart: bool,
    begins_at: float,
    seed: int,
) -> None:
    async def scene() -> None:
        world = NetworkWorld(Story(seed, begins_at, (), tuple(strikes), tuple(crashes)))

        async def come(number: int, kiosk: str, refund: bool, at: int) -> None:
            await asyncio.sleep(at)
            await world.visit(number, kiosk, refund)

        coming = [asyncio.ensure_future(come(number, *each)) for number, each in enumerate(visits)]
        if restart:
            await asyncio.sleep(20)
            for each in coming:
                each.cancel()
            await asyncio.gather(*coming, return_exceptions=True)
            await world.restart()
        else:
            await asyncio.gather(*coming)
        world.network.heal()
        for row in world.connection.execute("SELECT trade_no FROM trades").fetchall():
            await world.until(row[0], lambda t: t.state.final, limit_s=500_000)
        await asyncio.sleep(200)
        await world.engine.aclose()
        await world.network.aclose()
        assert not world.engine.failed.done(), world.engine.failed.exception()
        world.bank.core = world.peer.core
        complaints = world.peer.violations()
        assert complaints == []
        world.line = world.line_before
        world.check()

    run_virtual(scene())
