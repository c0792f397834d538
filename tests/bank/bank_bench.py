"""The engine with its bank channel before a bank's core: virtual time, a real database in memory, faults in between."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from psec.pinblock import encode_pinblock_iso_0
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from protocols.clock import Clock, LoopClock
from protocols.wire.bank.message import Message, decode
from protocols.wire.http import HttpReply, HttpRequest
from protocols.wire.platform.models import PinKey
from reference_impl.backend.banking.batch import BatchItem
from reference_impl.backend.banking.host import BankSettings
from reference_impl.backend.banking.security_module import KeyMaterial, SecurityModule
from reference_impl.backend.banking.tables import BANK_TERMINALS
from reference_impl.backend.banking.terminals import BankPlace, BankTerminals
from reference_impl.backend.channels.bank import BankChannel
from reference_impl.backend.settlement.channel import Heard, Opening, Outcome, Ruling, Secrets
from reference_impl.backend.settlement.engine import Engine
from reference_impl.backend.settlement.model import Attempt, AttemptState, Trade, TradeKind, TradeState
from reference_impl.backend.settlement.rules import Rules
from reference_impl.backend.settlement.trade_store import OpenTrade
from reference_impl.backend.storage.book import SqliteBook
from reference_impl.backend.storage.metadata import all_tables
from reference_impl.backend.storage.writes import Write
from reference_impl.backend.transport import NoAnswer, NotSent
from simulators.peer.bank_keys import TEST_FLEET_KEY
from simulators.peer.delivery import deliver
from simulators.peer.faults import FaultSwitch, PeerFault

from .conftest import CITY, MORNING, PAN, PIN, Bank, master_key
from .foreign_terminal import des3

MATERIAL = KeyMaterial(bytes.fromhex(TEST_FLEET_KEY), bytes(range(32)))
KIOSK, OTHER_KIOSK = "KSK-00001", "KSK-00002"


class Died(Exception):
    """The process was killed here."""


def new_connection() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for table in all_tables().sorted_tables:
        connection.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
        for index in table.indexes:
            connection.execute(str(CreateIndex(index).compile(dialect=sqlite.dialect())))
    connection.execute("INSERT INTO writer VALUES (1, 0)")
    return connection


class OrderedStore:
    """What was handed in first is durable first, as the real stores promise. ``before`` and ``after`` may raise."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.book = SqliteBook(connection)
        self.book.take_over()
        self.commits = 0
        self.before: Callable[[int], None] = lambda number: None
        self.after: Callable[[int], None] = lambda number: None
        self._turn = asyncio.Lock()

    async def commit(self, writes: Sequence[Write]) -> None:
        async with self._turn:
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


class PlainRules:
    def after(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        return Ruling(AttemptState.SUCCESS if outcome.heard is Heard.DONE else AttemptState.FAIL)

    def interrupted(self, attempt: Attempt) -> Ruling:
        return Ruling(AttemptState.UNKNOWN, attempt.op)


class PlainHis:
    """Grants everything; *refuse* names operations that are refused once each."""

    name = "his"
    rules = PlainRules()

    def __init__(self, refuse: list[str]) -> None:
        self._refuse = refuse

    def undo_of(self, attempt: Attempt) -> str:
        return f"undo-{attempt.operation}"

    def open(
        self, trade: Trade, operation: str, original: Attempt | None, seq: int, secrets: Secrets, now: float
    ) -> Opening:
        return Opening(f"{trade.trade_no}/{seq}", operation)

    def engaged(self, trade: Trade) -> bool:
        return False

    async def perform(self, trade: Trade, attempt: Attempt, secrets: Secrets) -> Outcome:
        if attempt.operation in self._refuse:
            self._refuse.remove(attempt.operation)
            return Outcome(Heard.REFUSED, "9")
        return Outcome(Heard.DONE)

    def settled(self, attempt: Attempt) -> None:
        return None

    def resume(self, attempt: Attempt) -> None:
        return None


@dataclass
class Line:
    """Both transports to the bank. ``down`` takes no connection; ``mangle`` may change a reply; ``sent`` are all
    messages in order."""

    bank: Bank
    clock: Clock
    switch: FaultSwitch
    mangle: Callable[[Message, bytes], bytes] = lambda message, reply: reply
    down: bool = False
    sent: list[Message] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    before_send: Callable[[Message], None] = lambda message: None
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    async def exchange(self, peer: str, request: Any, limit_s: float) -> Any:
        if isinstance(request, HttpRequest):
            return self._file(request)
        if self.down:
            raise NotSent("nobody listens")
        message = decode(request)
        self.before_send(message)
        self.sent.append(message)
        task = asyncio.ensure_future(deliver(self.bank.core, self.switch, request, self.clock))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        try:
            reply, _ = await asyncio.wait_for(asyncio.shield(task), limit_s)
        except TimeoutError:
            raise NoAnswer("too late") from None
        if reply is None:
            await asyncio.sleep(limit_s)
            raise NoAnswer("no reply")
        return self.mangle(message, reply)

    def _file(self, request: HttpRequest) -> HttpReply:
        if self.down:
            raise NotSent("nobody listens")
        self.fetched.append(request.target)
        return self.bank.core.handle_file(request, self.clock.now(), self.switch.plan("file").twist)

    def messages(self, *mtis: str) -> list[Message]:
        return [each for each in self.sent if each.mti in mtis]


class World:
    """A bank, a database, and one process after the other in between."""

    def __init__(self, *faults: str | PeerFault, begins_at: float = MORNING, **bank_settings: Any) -> None:
        self.bank = Bank(**bank_settings)
        self.connection = new_connection()
        self.clock = LoopClock(begins_at)
        armed = [PeerFault.parse(each) if isinstance(each, str) else each for each in faults]
        self.line = Line(self.bank, self.clock, FaultSwitch(armed))
        self.his_refuses: list[str] = []
        self.count = 0
        self.place: Callable[[str], BankPlace | None] = place_of
        self.settings = BankSettings()
        self.start()

    def start(self) -> None:
        """A process: engine and channel anew over the same database."""
        self.store = OrderedStore(self.connection)
        rows = self.connection.execute(f"SELECT * FROM {BANK_TERMINALS.name}").fetchall()
        self.terminals = BankTerminals(lambda kiosk: self.place(kiosk), rows)
        self.channel = BankChannel(
            self.settings,
            self.terminals,
            SecurityModule(MATERIAL),
            self.line,
            self.line,
            self.store.commit,
            self.clock,
            self.batch_items,
        )
        channels: dict[str, Any] = {"his": PlainHis(self.his_refuses), "bank": self.channel}
        self.engine = Engine(self.store, channels, Rules(), self.clock, self.number)

    async def restart(self) -> None:
        await self.engine.aclose()
        self.start()
        await self.engine.recover()

    def number(self, day: str) -> str:
        self.count += 1
        return f"DG{day}{self.count:011d}"

    async def batch_items(self, prefix: str) -> list[BatchItem]:
        rows = self.connection.execute(
            "SELECT operation, reference, amount_fen, json_extract(facts, '$.retrieval'),"
            " json_extract(facts, '$.bank_date') FROM attempts"
            " WHERE channel = 'bank' AND state = 'success' AND reference LIKE ? ORDER BY reference",
            (prefix + "%",),
        ).fetchall()
        return [BatchItem(*row) for row in rows]

    # The citizen at the kiosk.

    async def card(self, kiosk: str = KIOSK, pin: str = PIN, **changes: str) -> Secrets:
        """What the citizen gives now, under the terminal's present PIN key."""
        return Secrets({**keypad(kiosk, await self.channel.pin_key(kiosk), pin), **changes})

    async def open(self, kiosk: str = KIOSK, fen: int = 1250, key: str = "k1") -> Trade:
        wanted = OpenTrade(
            TradeKind.BILL, key, "h", kiosk, "H44190000001", "P00000001", fen, False, {"bill_ids": ["B1"]}
        )
        trade = await self.engine.open(wanted)
        return await self.until(trade.trade_no, lambda t: t.state is TradeState.AWAITING)

    async def until(self, trade_no: str, wanted: Callable[[Trade], bool], limit_s: float = 200_000) -> Trade:
        found = await self.engine.wait(trade_no, wanted, limit_s)
        assert found is not None
        assert wanted(found), f"still {found.state}: {[(a.operation, a.state, a.op, a.code) for a in found.attempts]}"
        return found

    async def pay(self, secrets: Secrets | None = None, kiosk: str = KIOSK, fen: int = 1250, key: str = "k1") -> Trade:
        """Open, insert the card, press pay; until the cash is decided one way or the other."""
        trade = await self.open(kiosk, fen, key)
        return await self.press(trade, secrets, kiosk)

    async def press(self, trade: Trade, secrets: Secrets | None = None, kiosk: str = KIOSK, press: str = "p1") -> Trade:
        secrets = secrets or await self.card(kiosk)
        await self.engine.pay(trade.trade_no, "bank_card", press, secrets)
        return await self.until(trade.trade_no, decided)

    async def end(self) -> None:
        """Let what is still under way arrive, then stop."""
        await asyncio.sleep(200)
        await self.engine.aclose()
        assert not self.engine.failed.done(), self.engine.failed.exception()

    # What must be so at the end.

    @property
    def attempts(self) -> list[Attempt]:
        trades = [row[0] for row in self.connection.execute("SELECT trade_no FROM trades ORDER BY trade_no")]
        found = [self.store.book.trade(each) for each in trades]
        return [attempt for trade in found if trade for attempt in trade.attempts if attempt.channel == "bank"]

    def check(self) -> None:
        """Bank and platform agree on every attempt; nothing is open; nothing was sent twice as something else."""
        net: dict[str, int] = {}
        for row in self.bank.core.book():
            net[row.reference] = net.get(row.reference, 0) + (row.amount_fen if row.kind == "pay" else -row.amount_fen)
        attempts = self.attempts
        for attempt in attempts:
            assert not attempt.open, (attempt.operation, attempt.op)
            assert attempt.state is not AttemptState.MANUAL
            sign = 1 if attempt.operation == "purchase" else -1
            expected = sign * attempt.amount_fen if attempt.state is AttemptState.SUCCESS else 0
            assert net.pop(attempt.reference, 0) == expected, (attempt.operation, attempt.state)
        assert not any(net.values()), "the bank holds money of which the platform knows nothing"
        complaints = self.bank.core.violations()
        assert complaints == [], complaints
        moved = [m for m in self.line.sent if m.mti in ("0200", "0220", "0800", "0500", "0320")]
        by_trace: dict[tuple[str, str, str], set[str]] = {}
        for each in moved:
            place = (each[41], each[60][2:8], each[11])
            by_trace.setdefault(place, set()).add(f"{each.mti}{each.get(3)}{each.get(4)}{each.get(61)}")
        assert all(len(kinds) == 1 for kinds in by_trace.values()), "a trace was used for two things"

    def alarms(self) -> set[str]:
        return {row[0] for row in self.connection.execute("SELECT code FROM alarms")}


def keypad(kiosk: str, key: PinKey, pin: str = PIN) -> dict[str, str]:
    """What reader and keypad give for resident 1: the keypad deciphers *key* under its own master key."""
    place = place_of(kiosk)
    assert place is not None
    clear = des3(master_key(place.terminal)).decrypt(bytes.fromhex(key.cipher))  # type: ignore[attr-defined]
    assert des3(clear).encrypt(bytes(8))[:4].hex().upper() == key.check_value  # type: ignore[attr-defined]
    block = des3(clear).encrypt(encode_pinblock_iso_0(pin, PAN)).hex().upper()  # type: ignore[attr-defined]
    return {
        "pan": PAN,
        "expiry": "3012",
        "track2": f"{PAN}D30122010000000000",
        "entry_mode": "051",
        "sequence": "001",
        "chip_data": "",
        "pin_block": block,
        "pin_key": key.version,
    }


def decided(trade: Trade) -> bool:
    return trade.state in (TradeState.PAID, TradeState.CLOSED, TradeState.AWAITING, TradeState.REFUNDED)


def place_of(kiosk: str) -> BankPlace | None:
    terminal = CITY.terminal(int(kiosk.removeprefix("KSK-")))
    return None if terminal is None else BankPlace(terminal.bank_terminal, terminal.merchant)


def states(attempts: Iterable[Attempt]) -> list[str]:
    return [f"{each.operation}:{each.state.value}" for each in attempts if each.channel == "bank"]
