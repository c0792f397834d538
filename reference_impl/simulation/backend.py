"""The backend as a party of the simulation: the real business over a real SQLite database in memory; it dies and comes back."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from protocols.clock import Clock
from protocols.wire.bank.days import CutOver
from reference_impl.backend.banking.batch import BatchItem
from reference_impl.backend.banking.host import BankSettings
from reference_impl.backend.banking.security_module import KeyMaterial, SecurityModule
from reference_impl.backend.banking.tables import BANK_TERMINALS
from reference_impl.backend.banking.terminals import BankPlace
from reference_impl.backend.business import Business, Links, Means, open_business
from reference_impl.backend.channels.his_vendors import JsonVendor
from reference_impl.backend.channels.insurance_client import InsuranceSettings
from reference_impl.backend.channels.qr_alipay import AlipayMessages
from reference_impl.backend.channels.qr_unionpay import UnionpayMessages
from reference_impl.backend.channels.qr_wechat import WechatMessages
from reference_impl.backend.numbers import TradeNumbers
from reference_impl.backend.settlement.model import Trade
from reference_impl.backend.storage.book import Fenced, SqliteBook
from reference_impl.backend.storage.metadata import all_tables
from reference_impl.backend.storage.writes import Write
from reference_impl.simulation.mutant import NO_MUTANT, Mutant
from reference_impl.simulation.network import Network
from simulators.peer.bank_keys import TEST_FLEET_KEY
from simulators.peer.city import City
from simulators.peer.qr_keys import WECHAT_KEY, gateway_key, merchant_key, merchant_sealing

__all__ = ["SimulatedBackend", "links_of", "new_database"]

COMMIT_S = 0.002


@lru_cache(1)
def _template() -> bytes:
    """An empty database, made once: each simulation starts from its image."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for table in all_tables().sorted_tables:
        connection.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
        for index in table.indexes:
            connection.execute(str(CreateIndex(index).compile(dialect=sqlite.dialect())))
    connection.execute("INSERT INTO writer VALUES (1, 0)")
    return connection.serialize()


def new_database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.deserialize(_template())
    return connection


def links_of() -> Links:
    """Our side of every peer, with the published test credentials; new for each process, which may be a mutant's."""
    data_key = b"simulation of money, data key 32"
    return Links(
        his=JsonVendor("HIS-TEST-SECRET"),
        insurance=InsuranceSettings(paasid="onecard", secret="TIF-TEST-SECRET"),  # noqa: S106 a published test value
        bank=BankSettings(cut_over=CutOver()),
        bank_keys=SecurityModule(KeyMaterial(bytes.fromhex(TEST_FLEET_KEY), data_key)),
        qr=(
            WechatMessages("wx0000000000000001", "1900000001", WECHAT_KEY),
            AlipayMessages("2021000000000001", merchant_key(), gateway_key().public_key()),
            UnionpayMessages("898441900000001", merchant_sealing("rsa2")),
        ),
    )


class _Entropy:
    """Bytes of a *purpose* that never come again: of keys and nonces, of which a play takes thousands."""

    def __init__(self, purpose: str) -> None:
        self._purpose, self._count = purpose.encode(), 0

    def __call__(self, length: int) -> bytes:
        self._count += 1
        return hashlib.shake_128(self._purpose + self._count.to_bytes(4, "big")).digest(length)


class _Store:
    """What was handed in first is durable first. *world* is told before and after each group, and may kill the process."""

    def __init__(self, connection: sqlite3.Connection, before: Callable[[], None], after: Callable[[], None]) -> None:
        self._connection = connection
        self.book = SqliteBook(connection)
        self.book.take_over()
        self._before, self._after = before, after
        self._turn = asyncio.Lock()
        self.alive = True
        self.superseded: Callable[[], object] | None = None
        """Set once another process has taken over: what this one does when it learns of that."""

    async def commit(self, writes: Sequence[Write]) -> None:
        async with self._turn:
            await asyncio.sleep(COMMIT_S)
            self._before()
            if not self.alive:
                raise asyncio.CancelledError
            try:
                self.book.apply(writes)
            except Fenced:
                if self.superseded is None:
                    raise
                self.alive = False
                self.superseded()
                raise asyncio.CancelledError from None
            self._after()
            if not self.alive:
                raise asyncio.CancelledError

    async def open_trades(self) -> list[Trade]:
        return self.book.open_trades()

    async def trade(self, trade_no: str) -> Trade | None:
        return self.book.trade(trade_no)

    async def trade_by_key(self, terminal_id: str, key: str) -> Trade | None:
        return self.book.trade_by_key(terminal_id, key)

    async def batch(self, prefix: str) -> list[BatchItem]:
        sql = (
            "SELECT operation, reference, amount_fen, facts FROM attempts WHERE channel = 'bank' AND state = 'success'"
            " AND reference LIKE ? ORDER BY reference"
        )
        rows = self._connection.execute(sql, (f"{prefix}%",)).fetchall()
        items: list[BatchItem] = []
        for operation, reference, amount_fen, facts in rows:
            known = json.loads(facts)
            retrieval, date = known.get("retrieval", ""), known.get("bank_date", "")
            items.append(BatchItem(operation, reference, amount_fen, retrieval, date))
        return items

    def bank_rows(self) -> list[tuple[Any, ...]]:
        names = ", ".join(column.name for column in BANK_TERMINALS.columns)
        return self._connection.execute(f"SELECT {names} FROM bank_terminals").fetchall()  # noqa: S608 our own columns


class SimulatedBackend:
    """``connection`` is the disk: it survives. :meth:`start` is a new process over it."""

    def __init__(
        self,
        network: Network,
        city: City,
        clock: Clock,
        seed: int,
        before_commit: Callable[[], None],
        after_commit: Callable[[], None],
        mutant: Mutant = NO_MUTANT,
    ) -> None:
        self.connection = new_database()
        self._network, self._city, self._clock, self._seed, self._mutant = network, city, clock, seed, mutant
        self._before, self._after = before_commit, after_commit
        self._starts = 0
        self._store: _Store | None = None
        self._recovery: asyncio.Task[int] | None = None
        self.business: Business | None = None

    @property
    def up(self) -> bool:
        return self.business is not None

    def start(self) -> None:
        self._starts += 1
        self._network.backend_began()
        store = self._store = _Store(self.connection, self._before, self._after)
        self._mutant.book(store.book)
        entropy = _Entropy(f"{self._seed}:entropy of start {self._starts}")
        means = Means(
            store=store,
            http=self._network,
            frames=self._network,
            clock=self._clock,
            entropy=entropy,
            epoch=store.book.epoch,
            numbers=self._mutant.numbers(TradeNumbers(store.book.epoch)),
            places=self._place,
            batch=store.batch,
            bank_rows=store.bank_rows(),
        )
        self.business = open_business(links_of(), means, self._mutant.rules(), self._mutant.alter)
        self._mutant.engine(self.business.engine)
        self._recovery = asyncio.get_running_loop().create_task(self.business.engine.recover(), name="recovery")

    def _place(self, terminal_id: str) -> BankPlace | None:
        terminal = self._city.terminal(int(terminal_id.removeprefix("KSK-")))
        return BankPlace(terminal.bank_terminal, terminal.merchant) if terminal else None

    def take_over(self) -> None:
        """A second process begins over the same database; the first believes that it runs until its next commit is refused."""
        business, store, recovery = self.business, self._store, self._recovery
        assert business is not None, "what does not run is not superseded"
        assert store is not None, "what runs has a store"

        def end() -> None:
            if recovery is not None:
                recovery.cancel()
            business.engine.abandon()

        store.superseded = end
        self.start()

    def kill(self) -> None:
        """The process is gone, in the middle of whatever it was doing. What was committed stays."""
        business, self.business = self.business, None
        if self._store is not None:
            self._store.alive = False
        if self._recovery is not None:
            self._recovery.cancel()
        if business is not None:
            business.engine.abandon()

    @property
    def failure(self) -> BaseException | None:
        """A defect that stopped the engine, or its recovery."""
        engine = self.business.engine if self.business else None
        ends = [self._recovery, engine.failed if engine else None]
        for each in ends:
            if each is not None and each.done() and not each.cancelled() and each.exception() is not None:
                return each.exception()
        return None
