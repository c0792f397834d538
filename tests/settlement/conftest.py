"""A small world for the engine: a real SQLite database in memory, and channels whose far end is a plain dictionary."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from protocols.clock import Clock, LoopClock
from reference_impl.backend.settlement.channel import Heard, Opening, Outcome, Ruling, Secrets
from reference_impl.backend.settlement.engine import Engine
from reference_impl.backend.settlement.model import Attempt, AttemptState, Leg, Split, Trade, TradeKind
from reference_impl.backend.settlement.rules import Rules
from reference_impl.backend.settlement.trade_store import OpenTrade
from reference_impl.backend.storage.book import SqliteBook
from reference_impl.backend.storage.metadata import all_tables
from reference_impl.backend.storage.writes import Write

SPLIT = Split(fund_fen=6_000, account_fen=1_000, cash_fen=3_000)
MORNING = 1_795_305_600.0


def new_connection() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for table in all_tables().sorted_tables:
        connection.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
        for index in table.indexes:
            connection.execute(str(CreateIndex(index).compile(dialect=sqlite.dialect())))
    connection.execute("INSERT INTO writer VALUES (1, 0)")
    return connection


class Died(Exception):
    """The process was killed here."""


@dataclass
class Far:
    """What happened at the far end of all channels: (operation, reference) to how often it was really carried out."""

    done: dict[tuple[str, str], int] = field(default_factory=dict)
    script: dict[str, list[Outcome]] = field(default_factory=dict)
    seen_before_durable: list[str] = field(default_factory=list)
    performed: list[str] = field(default_factory=list)


class PlainRules:
    """Everything is idempotent: silence means the same again, a refusal is final."""

    def after(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        match outcome.heard:
            case Heard.DONE:
                return Ruling(AttemptState.SUCCESS)
            case Heard.REFUSED | Heard.UNSENT:
                return Ruling(AttemptState.FAIL)
            case Heard.BUSY:
                return Ruling(AttemptState.PENDING, attempt.op, 5.0)
            case Heard.SILENCE:
                return Ruling(AttemptState.UNKNOWN, attempt.op, 1.0)

    def interrupted(self, attempt: Attempt) -> Ruling:
        return Ruling(AttemptState.UNKNOWN, attempt.op)


class DictionaryChannel:
    def __init__(self, name: str, far: Far, connection: sqlite3.Connection) -> None:
        self.name, self.far, self.connection = name, far, connection
        self.rules = PlainRules()
        self.held: set[str] = set()

    def undo_of(self, attempt: Attempt) -> str:
        return f"undo-{attempt.operation}"

    def open(
        self, trade: Trade, operation: str, original: Attempt | None, seq: int, secrets: Secrets, now: float
    ) -> Opening:
        if operation == "purchase" and "pin" not in secrets.values:
            raise ValueError("there is no PIN")
        return Opening(f"{trade.trade_no}/{operation}/{seq}", operation)

    def engaged(self, trade: Trade) -> bool:
        return bool(self.held)

    async def perform(self, trade: Trade, attempt: Attempt, secrets: Secrets) -> Outcome:
        row = self.connection.execute(
            "SELECT state FROM attempts WHERE attempt_id = ?", (attempt.attempt_id,)
        ).fetchone()
        if row is None:
            self.far.seen_before_durable.append(attempt.attempt_id)
        self.far.performed.append(attempt.operation)
        await asyncio.sleep(0.01)
        scripted = self.far.script.get(attempt.operation)
        if scripted and scripted[0].heard is not Heard.DONE:
            return scripted.pop(0)
        self.far.done[attempt.operation, attempt.reference] = 1
        split = SPLIT if attempt.leg in (Leg.VISIT, Leg.INSURANCE) else None
        if scripted:
            return scripted.pop(0)
        return Outcome(Heard.DONE, split=split)

    def settled(self, attempt: Attempt) -> None:
        return None

    def resume(self, attempt: Attempt) -> None:
        return None


class MemoryStore:
    """``before`` and ``after`` are called around each commit; one of them may raise :class:`Died`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.book = SqliteBook(connection)
        self.book.take_over()
        self.commits = 0
        self.before: Callable[[int], None] = lambda number: None
        self.after: Callable[[int], None] = lambda number: None

    async def commit(self, writes: Sequence[Write]) -> None:
        self.commits += 1
        number = self.commits
        await asyncio.sleep(0.001)
        self.before(number)
        self.book.apply(writes)
        self.after(number)

    async def open_trades(self) -> list[Trade]:
        return self.book.open_trades()

    async def trade(self, trade_no: str) -> Trade | None:
        return self.book.trade(trade_no)

    async def trade_by_key(self, terminal_id: str, key: str) -> Trade | None:
        return self.book.trade_by_key(terminal_id, key)


@dataclass
class World:
    connection: sqlite3.Connection
    far: Far
    rules: Rules = field(default_factory=Rules)
    count: int = 0

    def engine(self, clock: Clock | None = None) -> Engine:
        """A process: a new engine over the same database."""
        names = ("his", "insurance", "bank", "wechat", "alipay", "unionpay_qr")
        channels = {name: DictionaryChannel(name, self.far, self.connection) for name in names}
        return Engine(MemoryStore(self.connection), channels, self.rules, clock or LoopClock(MORNING), self.number)

    def number(self, day: str) -> str:
        self.count += 1
        return f"DG{day}{self.count:011d}"

    def wanted(self, key: str = "k1", **changes: object) -> OpenTrade:
        values: dict[str, object] = {
            "kind": TradeKind.BILL,
            "key": key,
            "request_hash": "h1",
            "terminal_id": "KSK-00001",
            "institution": "H44190000001",
            "patient_id": "P00000001",
            "total_fen": 10_000,
            "insured": True,
            "terms": {"bill_ids": ["B1"]},
        }
        return OpenTrade(**{**values, **changes})  # type: ignore[arg-type]

    def balance(self) -> dict[str, int]:
        rows = self.connection.execute("SELECT account, SUM(amount_fen) FROM postings GROUP BY account").fetchall()
        return {account: fen for account, fen in rows if fen}


@pytest.fixture
def world() -> World:
    return World(new_connection(), Far())
