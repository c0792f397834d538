"""The engine with the real QR channels, a simulated network to the simulated gateway, and plain dictionaries for the rest."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from settlement.conftest import DictionaryChannel, Far, MemoryStore, new_connection

from protocols.clock import Clock, LoopClock
from protocols.seeded import SeededChoice
from protocols.wire.http import HttpReply, HttpRequest
from protocols.wire.qr import alipay, unionpay, wechat
from protocols.wire.qr.payment_codes import Family
from reference_impl.backend.channels.qr import QrConfig, qr_channels
from reference_impl.backend.channels.qr_rules import CANCEL
from reference_impl.backend.settlement.channel import Secrets
from reference_impl.backend.settlement.engine import Engine
from reference_impl.backend.settlement.model import Attempt, AttemptState, Trade, TradeKind, TradeState
from reference_impl.backend.settlement.rules import Rules
from reference_impl.backend.settlement.trade_store import OpenTrade
from reference_impl.backend.transport import NoAnswer, NotSent
from simulators.peer.base import PeerOptions
from simulators.peer.delivery import deliver
from simulators.peer.faults import FaultSwitch, PeerFault
from simulators.peer.qr import QrGateway
from simulators.peer.qr_codes import Behaviour, payment_code
from simulators.peer.qr_keys import merchant_sealing
from simulators.peer.qr_terms import merchant_settings

from .qr_bench import MORNING

LATENCY_S = 0.05


def config(sign_type: str = "RSA2") -> QrConfig:
    sealing = merchant_sealing("SM2") if sign_type == "SM2" else None
    return QrConfig(**merchant_settings(), sealing=sealing)


@lru_cache
def template() -> sqlite3.Connection:
    """An empty database: its tables are made once and copied."""
    return new_connection()


class Network:
    """``refusing``: nobody accepts a connection. A request that was sent goes on, whoever waits for its reply."""

    def __init__(self, world: World, clock: Clock) -> None:
        self._world, self._clock = world, clock
        self._tasks: set[asyncio.Task[Any]] = set()
        self.sent: list[str] = []
        self.refusing = 0

    async def exchange(self, peer: str, request: HttpRequest, limit_s: float) -> HttpReply:
        assert peer == "qr"
        if self.refusing:
            self.refusing -= 1
            raise NotSent("refused")
        self.sent.append(self._world.peer.address(request))
        task = asyncio.create_task(self._carry(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            async with asyncio.timeout(limit_s):
                reply = await asyncio.shield(task)
                if reply is None:
                    await asyncio.sleep(limit_s)
        except TimeoutError:
            raise NoAnswer("nothing came") from None
        assert reply is not None
        return reply

    async def _carry(self, request: HttpRequest) -> HttpReply | None:
        await asyncio.sleep(LATENCY_S)
        reply, _ = await deliver(self._world.peer, self._world.switch, request, self._clock)
        await asyncio.sleep(LATENCY_S)
        return reply


@dataclass
class World:
    """``kill`` at any time, :meth:`engine` again: the same database, another process."""

    options: PeerOptions = field(default_factory=PeerOptions)
    faults: Iterable[PeerFault] = ()
    sign_type: str = "RSA2"
    events: list[dict[str, Any]] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        template().backup(self.connection)
        self.far = Far()
        self.switch = FaultSwitch(self.faults)
        self.peer = self._peer()
        self.network: Network | None = None
        self._entropy = SeededChoice(1, "nonces")

    def _peer(self) -> QrGateway:
        return QrGateway(
            self.options, lambda event: self.events.append(json.loads(json.dumps(event))), list(self.events)
        )

    def restart_peer(self) -> None:
        self.peer = self._peer()

    def engine(self, clock: Clock) -> Engine:
        self.network = self.network or Network(self, clock)
        channels: dict[str, Any] = {
            name: DictionaryChannel(name, self.far, self.connection) for name in ("his", "insurance", "bank")
        }
        channels |= qr_channels(config(self.sign_type), self.network, clock, self._entropy.bytes)
        return Engine(MemoryStore(self.connection), channels, Rules(), clock, self._number)

    def _number(self, day: str) -> str:
        self.count += 1
        return f"DG{day}{self.count:011d}"

    def wanted(self, key: str = "k1", total_fen: int = 1250) -> OpenTrade:
        return OpenTrade(
            kind=TradeKind.BILL,
            key=key,
            request_hash="h1",
            terminal_id="KSK-00001",
            institution="H44190000001",
            patient_id="P00000001",
            total_fen=total_fen,
            insured=False,
            terms={"bill_ids": ["B1"]},
        )

    # Oracles.

    def net_fen(self) -> int:
        """What the payer is out of pocket by the gateway's own book."""
        return sum(row.amount_fen * (1 if row.kind == "pay" else -1) for row in self.peer.book())

    def received_fen(self, channel: str) -> int:
        """What the ledger says was received by *channel*."""
        query = "SELECT COALESCE(SUM(amount_fen), 0) FROM postings WHERE account = ?"
        return int(self.connection.execute(query, (f"receivable:{channel}",)).fetchone()[0])

    def alarms(self) -> list[str]:
        return [row[0] for row in self.connection.execute("SELECT code FROM alarms ORDER BY code").fetchall()]


def secrets_for(family: Family, behaviour: Behaviour = Behaviour.PAYS, nonce: int = 1) -> Secrets:
    return Secrets({"auth_code": payment_code(family, 1, nonce, behaviour)})


async def quoted(engine: Engine, world: World, **changes: Any) -> Trade:
    trade = await engine.open(world.wanted(**changes))
    found = await engine.wait(trade.trade_no, lambda each: each.state is TradeState.AWAITING, 100)
    assert found is not None
    return found


async def ended(engine: Engine, trade_no: str) -> Trade:
    found = await engine.wait(trade_no, lambda each: each.state.final or each.state is TradeState.MANUAL, 100_000)
    assert found is not None
    return found


async def paid(
    engine: Engine, world: World, family: Family, behaviour: Behaviour = Behaviour.PAYS, **changes: Any
) -> Trade:
    trade = await quoted(engine, world, **changes)
    await engine.pay(trade.trade_no, family.value, "p1", secrets_for(family, behaviour))
    return await ended(engine, trade.trade_no)


def cash(trade: Trade) -> list[Attempt]:
    return [each for each in trade.attempts if each.channel in tuple(Family)]


def check(world: World, trade: Trade, family: Family) -> None:
    """The promises, whatever happened: the citizen has paid exactly what the trade says, and the ledger knows."""
    assert trade.state.final, (trade.state, [(each.op, each.code, each.reason) for each in cash(trade)])
    wanted = trade.total_fen if trade.state is TradeState.PAID else 0
    assert world.net_fen() == wanted
    assert world.received_fen(family.value) == wanted
    pays = [row for row in world.peer.book() if row.kind == "pay"]
    assert len({row.reference for row in pays}) == len(pays)
    known = {each.reference for each in cash(trade)}
    assert {row.reference for row in world.peer.book()} <= known
    for attempt in cash(trade):
        assert attempt.op == ""
        if attempt.operation == "pay" and attempt.state is AttemptState.SUCCESS:
            cancels = [
                each for each in world.peer.book() if each.kind == "undo" and each.reference == attempt.reference
            ]
            assert cancels == []
    assert CANCEL not in {each.op for each in trade.attempts}


def new_clock() -> LoopClock:
    return LoopClock(MORNING)


MESSAGES: dict[Family, dict[str, str]] = {
    Family.WECHAT: {
        "pay": wechat.MICROPAY,
        "query": wechat.ORDERQUERY,
        "cancel": wechat.REVERSE,
        "refund": wechat.REFUND,
        "refund_query": wechat.REFUNDQUERY,
    },
    Family.ALIPAY: {
        "pay": alipay.PAY,
        "query": alipay.QUERY,
        "cancel": alipay.CANCEL,
        "refund": alipay.REFUND,
        "refund_query": alipay.REFUND_QUERY,
    },
    Family.UNIONPAY: {
        "pay": unionpay.PAY,
        "query": unionpay.QUERY,
        "cancel": unionpay.CANCEL,
        "refund": unionpay.REFUND,
        "refund_query": unionpay.REFUND_QUERY,
    },
}


def states(trade: Any) -> list[str]:
    return [f"{each.operation}:{each.state.value}" for each in cash(trade)]
