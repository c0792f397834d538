"""One trade through the real engine: the HIS channel against the HIS's core, behind either of its doors.

Runs under virtual time, over a real SQLite database in memory. The line between channel and HIS behaves like one: a client that gives up
does not stop a message that is under way. Insurance and cash oblige, unless told to refuse.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from protocols.clock import LoopClock, run_virtual
from protocols.seeded import SeededChoice
from protocols.wire.his.operations import Operation
from protocols.wire.his.routes import ROUTES
from protocols.wire.his_xml.tables import TYPES
from protocols.wire.http import HttpReply, HttpRequest
from reference_impl.backend.channels.his import HisChannel
from reference_impl.backend.channels.his_client import HisClient
from reference_impl.backend.channels.his_rules import HisRules
from reference_impl.backend.channels.his_vendors import VENDORS
from reference_impl.backend.settlement.channel import ChannelRules, Heard, Opening, Outcome, Ruling, Secrets
from reference_impl.backend.settlement.engine import Engine
from reference_impl.backend.settlement.model import (
    Act,
    Attempt,
    AttemptState,
    Leg,
    Split,
    Trade,
    TradeKind,
    TradeState,
)
from reference_impl.backend.settlement.rules import Rules
from reference_impl.backend.settlement.trade_store import OpenTrade
from reference_impl.backend.storage.book import SqliteBook
from reference_impl.backend.storage.metadata import all_tables
from reference_impl.backend.storage.writes import Write
from reference_impl.backend.transport import NoAnswer, NotSent
from simulators.peer.base import PeerOptions
from simulators.peer.delivery import deliver
from simulators.peer.faults import FaultSwitch, PeerFault
from simulators.peer.his_core import HisPeer

from .bench import BILL_1, BILL_2, CLINIC, KINDS, MORNING, PATIENT, SECRET, TOTAL_1, journalled

O = Operation  # noqa: E741
FACES = {"json": "his", "xml": "his_xml"}
KIOSK = "KSK-00001"
QUOTE = Split(fund_fen=8_295, account_fen=3_000, cash_fen=1_265)


def address(face: str, operation: Operation) -> str:
    """By which faults find an operation at that door."""
    return ROUTES[operation].address if face == "json" else TYPES[operation].word


def fault(face: str, text: str) -> PeerFault:
    """``refuse:lock_trade,times=2`` for that door; ``*`` stays."""
    name, _, rest = text.partition(":")
    operation, comma, options = rest.partition(",")
    where = operation if operation == "*" else address(face, Operation(operation))
    return PeerFault.parse(f"{name}:{where}{comma}{options}")


class Line:
    """The network to the HIS. ``down``: nobody accepts connections; ``on_request`` may raise to kill the backend, or answer."""

    def __init__(
        self, face: str, faults: Sequence[str], temper: str, clock: LoopClock, settings: dict[str, Any]
    ) -> None:
        self.face, self.clock, self.down = face, clock, False
        self.options = PeerOptions(temper=temper, settings=settings)  # type: ignore[arg-type]
        self.events: list[Any] = []
        self.peer: HisPeer = self.reborn()
        self.switch = FaultSwitch([fault(face, each) for each in faults])
        self.sent: list[str] = []
        self.limits: list[float] = []
        self.on_request: Callable[[str, HttpRequest], HttpReply | None] = lambda operation, request: None
        self.on_sent: Callable[[str], None] = lambda operation: None
        self.on_reply: Callable[[str], None] = lambda operation: None
        self._under_way: set[asyncio.Task[Any]] = set()
        self._operations = {address(face, each): each.value for each in Operation}

    def reborn(self) -> HisPeer:
        past = [journalled(each) for each in self.events]
        return KINDS[FACES[self.face]].make(self.options, self._keep, past)  # type: ignore[return-value]

    def _keep(self, event: Any) -> None:
        self.events.append(journalled(event))

    async def exchange(self, peer: str, request: HttpRequest, limit_s: float) -> HttpReply:
        assert peer == "his"
        operation = self._operations[self.peer.address(request)]
        if self.down:
            raise NotSent("nobody listens")
        self.sent.append(operation)
        own = self.on_request(operation, request)
        if own is not None:
            return own
        task = asyncio.get_running_loop().create_task(deliver(self.peer, self.switch, request, self.clock))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        await asyncio.sleep(0)
        self.on_sent(operation)
        done, _ = await asyncio.wait({task}, timeout=limit_s)
        reply = task.result()[0] if done else None
        if done and reply is None:
            await self.clock.sleep_until(self.clock.now() + limit_s)
        if reply is None:
            raise NoAnswer(f"no answer within {limit_s:g} s")
        self.on_reply(operation)
        return reply

    async def settle_down(self) -> None:
        """Until nothing is under way any more."""
        while self._under_way:
            await asyncio.wait(set(self._under_way))


class Obliging:
    """A channel that does what it is asked, at once, unless ``refuses`` names the operation."""

    def __init__(self, name: str, split: Split | None = None) -> None:
        self.name, self.split = name, split
        self.rules: ChannelRules = self  # type: ignore[assignment]
        self.refuses: set[str] = set()
        self.slow_s = 0.01
        self.asked: list[str] = []

    def undo_of(self, attempt: Attempt) -> str:
        return f"undo-{attempt.operation}"

    def open(
        self, trade: Trade, operation: str, original: Attempt | None, seq: int, secrets: Secrets, now: float
    ) -> Opening:
        return Opening(f"{self.name}/{trade.trade_no}/{seq}", operation)

    def engaged(self, trade: Trade) -> bool:
        return False

    async def perform(self, trade: Trade, attempt: Attempt, secrets: Secrets) -> Outcome:
        self.asked.append(attempt.operation)
        await asyncio.sleep(self.slow_s)
        if attempt.operation in self.refuses:
            return Outcome(Heard.REFUSED, "no")
        if attempt.operation == "settle":
            facts = {"setl_id": "44190026112200000001", "mdtrt_id": "4419M0001"}
            return Outcome(Heard.DONE, facts=facts, split=self.split)
        return Outcome(Heard.DONE, split=self.split if attempt.operation == "visit" else None)

    def settled(self, attempt: Attempt) -> None: ...

    def resume(self, attempt: Attempt) -> None: ...

    def after(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        return Ruling(AttemptState.SUCCESS if outcome.heard is Heard.DONE else AttemptState.FAIL)

    def interrupted(self, attempt: Attempt) -> Ruling:
        return Ruling(AttemptState.UNKNOWN, attempt.op)


class Killed(Exception):
    """The backend's process ends here."""


class Store:
    """The database. ``on_commit`` may raise to kill the backend before anything of that commit is kept."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.book = SqliteBook(connection)
        self.book.take_over()
        self.on_commit: Callable[[], None] = lambda: None

    async def commit(self, writes: Sequence[Write]) -> None:
        self.on_commit()
        await asyncio.sleep(0.001)
        self.book.apply(writes)

    async def open_trades(self) -> list[Trade]:
        return self.book.open_trades()

    async def trade(self, trade_no: str) -> Trade | None:
        return self.book.trade(trade_no)

    async def trade_by_key(self, terminal_id: str, key: str) -> Trade | None:
        return self.book.trade_by_key(terminal_id, key)


@lru_cache(maxsize=1)
def _schema() -> str:
    statements: list[str] = []
    for table in all_tables().sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=sqlite.dialect())))
        statements += [str(CreateIndex(index).compile(dialect=sqlite.dialect())) for index in table.indexes]
    return ";\n".join(statements)


def new_database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(_schema())
    connection.execute("INSERT INTO writer VALUES (1, 0)")
    return connection


@dataclass
class World:
    """Everything of one story."""

    clock: LoopClock
    line: Line
    channel_rules: ChannelRules | None = None
    split: Split = QUOTE
    connection: sqlite3.Connection = field(default_factory=new_database)
    starts: int = 0
    numbers: int = 0

    def __post_init__(self) -> None:
        self.insurance = Obliging("insurance", self.split)
        self.cash = {name: Obliging(name) for name in ("bank", "wechat", "alipay", "unionpay_qr")}
        self.start()

    def start(self) -> World:
        """A new process over the same database."""
        self.starts += 1
        self.store = Store(self.connection)
        random = SeededChoice(1, f"nonces {self.starts}")
        self.client = HisClient(VENDORS[self.line.face](SECRET), self.line, self.clock, random.bytes)
        self.channel = HisChannel(self.client)
        if self.channel_rules is not None:
            self.channel.rules = self.channel_rules
        channels: dict[str, Any] = {"his": self.channel, "insurance": self.insurance, **self.cash}
        self.engine = Engine(self.store, channels, Rules(), self.clock, self._number)
        return self

    def _number(self, day: str) -> str:
        self.numbers += 1
        return f"DG{day}0000{self.numbers:07d}"

    # What a terminal does.

    async def open(self, key: str = "k1", **changes: Any) -> Trade:
        values: dict[str, Any] = {
            "kind": TradeKind.BILL,
            "key": key,
            "request_hash": "hash",
            "terminal_id": KIOSK,
            "institution": CLINIC,
            "patient_id": PATIENT,
            "total_fen": TOTAL_1,
            "insured": False,
            "terms": {"bill_ids": [BILL_1], "med_type": "11"},
        }
        return await self.engine.open(OpenTrade(**{**values, **changes}))

    async def registration(self, key: str = "r1", slot: int = 3, **changes: Any) -> Trade:
        """Locks a slot as the kiosk's page does, and opens the trade for it."""
        slots = await self.client.slots(CLINIC, "01", "2026-11-23", "0101")
        lock = await self.client.lock_slot(CLINIC, f"{key}-lock", slots[slot].slot_id, PATIENT, KIOSK)
        terms = {"slot_lock": lock.lock_id, "slot_id": slots[slot].slot_id, "med_type": "12"}
        kind, total_fen = TradeKind.REGISTRATION, lock.reg_fee_fen
        return await self.open(key, kind=kind, total_fen=total_fen, terms=terms, **changes)

    async def until(self, trade_no: str, wanted: Callable[[Trade], bool], limit_s: float = 20_000.0) -> Trade:
        """The trade once it is as wanted; fails the test when it never is, or when the engine breaks."""
        task = asyncio.ensure_future(self.engine.wait(trade_no, wanted, limit_s))
        await asyncio.wait({task, self.engine.failed}, return_when=asyncio.FIRST_COMPLETED)
        if self.engine.failed.done():
            task.cancel()
            self.engine.failed.result()
        trade = task.result()
        assert trade is not None
        assert wanted(trade), f"the trade is {trade.state} {trade.reason}: {trade.attempts}"
        return trade

    async def pay(self, key: str = "k1", method: str = "bank_card", **changes: Any) -> Trade:
        """Open, press pay as soon as there is a quote, and wait for the end."""
        await self.client.unpaid_bills(CLINIC, PATIENT)
        return await self.finish((await self.open(key, **changes)).trade_no, method)

    async def open_quoted(self, **changes: Any) -> Trade:
        """A trade that waits for the citizen."""
        await self.client.unpaid_bills(CLINIC, PATIENT)
        trade = await self.open(**changes)
        return await self.until(trade.trade_no, lambda each: each.state is TradeState.AWAITING)

    async def finish(self, trade_no: str, method: str = "bank_card") -> Trade:
        trade = await self.until(trade_no, lambda each: each.state is TradeState.AWAITING or ended(each))
        if trade.state is TradeState.AWAITING:
            await self.engine.pay(trade_no, method, f"pay-{self.starts}", Secrets({"pin": "x"}))
        return await self.until(trade_no, ended)

    # What is so.

    @property
    def alarms(self) -> list[str]:
        return [row[0] for row in self.connection.execute("SELECT code FROM alarms")]

    def balance(self) -> dict[str, int]:
        rows = self.connection.execute("SELECT account, SUM(amount_fen) FROM postings GROUP BY account").fetchall()
        return {account: fen for account, fen in rows if fen}

    def check(self, trade: Trade) -> None:
        """The money is where the state says, nothing is locked, nothing open, and nobody is blamed."""
        peer = self.line.peer
        rows = [row for row in peer.book() if trade.trade_no in (row.reference, row.original)]
        net = sum(row.amount_fen if row.kind == "pay" else -row.amount_fen for row in rows)
        assert net == (trade.total_fen if trade.state is TradeState.PAID else 0), (trade.state, trade.attempts)
        assert sum(row.kind == "pay" for row in rows) <= 1
        references = {attempt.reference for attempt in trade.attempts if attempt.channel == "his"}
        assert {row.reference for row in rows} <= references | {trade.trade_no}
        assert [each for each in peer.locks(self.clock.now()) if each.trade_no == trade.trade_no] == []
        assert all(not attempt.open for attempt in trade.attempts)
        settled = [each for each in trade.attempts if each.leg is Leg.COMMIT and each.act is Act.DO]
        assert len(settled) <= 1
        assert self.balance().get("clearing", 0) == 0
        assert peer.violations() == []
        assert self.line.reborn().house.records.as_dict() == peer.house.records.as_dict()


def ended(trade: Trade) -> bool:
    return trade.state.final or trade.state is TradeState.MANUAL


def leg(trade: Trade, which: Leg, act: Act = Act.DO) -> list[Attempt]:
    return [attempt for attempt in trade.attempts if attempt.leg is which and attempt.act is act]


def play(
    story: Callable[[World], Any],
    *,
    face: str = "json",
    faults: Sequence[str] = (),
    temper: str = "strict",
    at: float = MORNING,
    channel_rules: HisRules | None = None,
    **settings: Any,
) -> Any:
    """Run *story* in a world of its own under virtual time; gives what it returns."""

    async def main() -> Any:
        clock = LoopClock(at)
        line = Line(face, faults, temper, clock, settings)
        world = World(clock, line, channel_rules)
        try:
            return await story(world)
        finally:
            await world.engine.aclose()

    return run_virtual(main())


async def pay_and_check(world: World, **changes: Any) -> Trade:
    """A bill is paid, or let go; then everything is in its place."""
    trade = await world.pay(**changes)
    await world.line.settle_down()
    world.check(trade)
    return trade


async def refund_and_check(world: World, **changes: Any) -> Trade:
    """A bill is paid and then refunded, or not; then everything is in its place."""
    trade = await world.pay(**changes)
    assert trade.state is TradeState.PAID
    await world.engine.refund(trade.trade_no, "citizen")
    trade = await world.until(trade.trade_no, lambda each: each.state.final and each.goal_since > 0)
    await world.line.settle_down()
    world.check(trade)
    return trade


__all__ = [
    "BILL_2",
    "FACES",
    "Killed",
    "World",
    "address",
    "ended",
    "leg",
    "pay_and_check",
    "play",
    "refund_and_check",
]
