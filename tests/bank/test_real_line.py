"""The channel as it is deployed: a real database of either kind, the bank behind real sockets, its bill over HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path

from protocols.clock import UnixClock
from protocols.wire.http import HttpReply, HttpRequest
from reference_impl.backend.banking.batch import batch_items
from reference_impl.backend.banking.host import BankSettings
from reference_impl.backend.banking.security_module import SecurityModule
from reference_impl.backend.banking.terminals import BankTerminals, read_terminals
from reference_impl.backend.channels.bank import BankChannel
from reference_impl.backend.frame_transport import StreamTransport
from reference_impl.backend.settlement.channel import Secrets
from reference_impl.backend.settlement.engine import Engine
from reference_impl.backend.settlement.model import Trade, TradeKind, TradeState
from reference_impl.backend.settlement.rules import Rules
from reference_impl.backend.settlement.trade_store import OpenTrade
from reference_impl.backend.storage import open_store
from simulators.peer.base import PeerOptions
from simulators.serve.peers import PeerHost

from .bank_bench import KIOSK, MATERIAL, PlainHis, keypad, place_of
from .conftest import PAN


class NoFiles:
    async def exchange(self, peer: str, request: HttpRequest, limit_s: float) -> HttpReply:
        raise AssertionError("no bill is needed here")


async def test_payment_void_restart_and_settlement(database_url: str, tmp_path: Path) -> None:
    clock = UnixClock()
    async with PeerHost(clock, tmp_path) as host:
        bank = await host.add("bank", PeerOptions())
        numbers = iter(range(1, 100))

        async def started() -> tuple[Engine, BankChannel, object]:
            store = await open_store(database_url)
            terminals = BankTerminals(place_of, await read_terminals(store.engine))
            channel = BankChannel(
                BankSettings(),
                terminals,
                SecurityModule(MATERIAL),
                StreamTransport({"bank": bank.url}),
                NoFiles(),
                store.commit,
                clock,
                batch_items(store.engine),
            )
            channels = {"his": PlainHis([]), "bank": channel}
            engine = Engine(store, channels, Rules(), clock, lambda day: f"DG{day}{next(numbers):011d}")  # type: ignore[arg-type]
            await engine.recover()
            return engine, channel, store

        async def paid(engine: Engine, channel: BankChannel, key: str, fen: int) -> Trade:
            wanted = OpenTrade(TradeKind.BILL, key, "h", KIOSK, "H44190000001", "P1", fen, False, {})
            trade = await engine.open(wanted)
            await engine.wait(trade.trade_no, lambda t: t.state is TradeState.AWAITING, 10)
            key_now = await channel.pin_key(KIOSK)
            await engine.pay(trade.trade_no, "bank_card", f"p{key}", Secrets(keypad(KIOSK, key_now)))
            found = await engine.wait(trade.trade_no, lambda t: t.state is TradeState.PAID, 10)
            assert found is not None
            assert found.state is TradeState.PAID
            return found

        engine, channel, store = await started()
        first = await paid(engine, channel, "k1", 1000)
        await engine.aclose()
        await store.aclose()  # type: ignore[attr-defined]
        engine, channel, store = await started()
        await paid(engine, channel, "k2", 250)
        await engine.refund(first.trade_no, "citizen")
        await engine.wait(first.trade_no, lambda t: t.state is TradeState.REFUNDED, 10)
        result = await channel.settle_batch(KIOSK)
        assert result.equal
        assert (result.totals.debit_fen, result.totals.credit_fen) == (1250, 1000)
        rows = [(row.kind, row.amount_fen) for row in bank.core.book()]
        assert rows == [("pay", 1000), ("pay", 250), ("undo", 1000)]
        assert bank.core.violations() == []
        await engine.aclose()
        await store.aclose()  # type: ignore[attr-defined]
        journal = await asyncio.to_thread((tmp_path / "bank.jsonl").read_text)
        assert journal.count('"signed-in"') == 1  # the keys survived the restart
        assert PAN not in journal
