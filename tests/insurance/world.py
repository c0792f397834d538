"""One payment through the real engine: the insurance channel against the centre's core, everybody else obliging.

Runs under virtual time. The line between channel and centre behaves like one: a client that gives up does not stop a message that is
under way. Rows are kept as rows, so a second engine can take up what the first has left.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from protocols.clock import LoopClock, run_virtual
from protocols.seeded import SeededChoice
from protocols.wire.http import HttpReply, HttpRequest
from reference_impl.backend.channels.insurance import InsuranceChannel
from reference_impl.backend.channels.insurance_client import InsuranceSettings
from reference_impl.backend.settlement.channel import ChannelRules, Heard, Opening, Outcome, Ruling, Secrets
from reference_impl.backend.settlement.engine import Engine
from reference_impl.backend.settlement.model import Attempt, AttemptState, Leg, Trade, TradeKind, TradeState
from reference_impl.backend.settlement.rows import attempt_of, trade_of, with_attempts
from reference_impl.backend.settlement.rules import Rules
from reference_impl.backend.settlement.tables import ALARMS, ATTEMPTS, TRADES
from reference_impl.backend.settlement.trade_store import OpenTrade
from reference_impl.backend.storage.writes import Write
from reference_impl.backend.transport import NoAnswer, NotSent
from simulators.peer.base import PeerOptions
from simulators.peer.city import City
from simulators.peer.delivery import deliver
from simulators.peer.faults import FaultSwitch, PeerFault
from simulators.peer.insurance import make

from .clinic import CARD_1, INSTITUTION, MORNING, PSN_1, A, B, C

SETTINGS = InsuranceSettings(paasid="onecard", secret="TIF-TEST-SECRET")
TOTAL_FEN = 12_560
CITY = City()


def terms(**changes: Any) -> dict[str, Any]:
    return {
        "psn_no": PSN_1,
        "insutype": "310",
        "insuplc_admdvs": "441900",
        "mdtrt_cert_type": "03",
        "mdtrt_cert_no": CARD_1,
        "use_account": True,
        "med_type": "11",
        "fixmedins_code": INSTITUTION,
        "fixmedins_name": "模拟社区卫生服务站",
        **changes,
    }


def lock_facts() -> dict[str, Any]:
    """What the HIS gives with its lock: the lines of the worked settlement."""
    lines = [(A, 9_960), (B, 2_100), (C, 500)]
    return {
        "feedetail": [
            {
                "feedetl_sn": f"{at}",
                "med_list_codg": code,
                "medins_list_codg": f"local-{at}",
                "det_item_fee_sumamt": fen / 100,
                "cnt": 1,
                "pric": fen / 100,
                "bilg_dept_codg": "01",
                "bilg_dept_name": "全科",
                "bilg_dr_codg": "D01",
                "bilg_dr_name": "测试医生",
            }
            for at, (code, fen) in enumerate(lines, 1)
        ],
        "diagnoses": [{"diag_code": "J00.x00", "diag_name": "急性鼻咽炎"}],
    }


class Line:
    """The network between the backend and the centre. ``down``: nobody accepts connections; ``on_request`` may raise to
    kill the backend, or give a reply of its own."""

    def __init__(
        self, faults: Sequence[PeerFault], temper: str, clock: LoopClock, **settings: str | int | bool
    ) -> None:
        self.events: list[dict[str, Any]] = []
        options = PeerOptions(temper=temper, settings=settings)  # type: ignore[arg-type]
        self.peer = make(options, lambda event: self.events.append(json.loads(json.dumps(event))), ())
        self.switch = FaultSwitch(faults)
        self.clock, self.down = clock, False
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.on_request: Callable[[str, HttpRequest], HttpReply | None] = lambda infno, request: None
        self.on_sent: Callable[[str], None] = lambda infno: None
        self.on_reply: Callable[[str], None] = lambda infno: None
        self._under_way: set[asyncio.Task[Any]] = set()

    async def exchange(self, peer: str, request: HttpRequest, limit_s: float) -> HttpReply:
        assert peer == "insurance"
        infno = self.peer.address(request)
        if self.down:
            raise NotSent("nobody listens")
        self.sent.append((infno, json.loads(request.body)))
        own = self.on_request(infno, request)
        if own is not None:
            return own
        task = asyncio.get_running_loop().create_task(deliver(self.peer, self.switch, request, self.clock))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        await asyncio.sleep(0)
        self.on_sent(infno)
        done, _ = await asyncio.wait({task}, timeout=limit_s)
        reply = task.result()[0] if done else None
        if done and reply is None:
            await self.clock.sleep_until(self.clock.now() + limit_s)
        if reply is None:
            raise NoAnswer(f"no answer within {limit_s:g} s")
        self.on_reply(infno)
        return reply

    async def settle_down(self) -> None:
        """Until nothing is under way any more."""
        while self._under_way:
            await asyncio.wait(set(self._under_way))


class Obliging:
    """A channel that does what it is asked, at once."""

    def __init__(self, name: str, refuses: str = "") -> None:
        self.name, self.refuses = name, refuses
        self.rules = self

    def undo_of(self, attempt: Attempt) -> str:
        return f"undo-{attempt.operation}"

    def open(
        self, trade: Trade, operation: str, original: Attempt | None, seq: int, secrets: Secrets, now: float
    ) -> Opening:
        return Opening(f"{self.name}{trade.trade_no}{seq}", operation)

    def engaged(self, trade: Trade) -> bool:
        return False

    async def perform(self, trade: Trade, attempt: Attempt, secrets: Secrets) -> Outcome:
        await asyncio.sleep(0.01)
        if attempt.operation == self.refuses:
            return Outcome(Heard.REFUSED, "no")
        return Outcome(Heard.DONE, facts=lock_facts() if attempt.operation == "lock" else {})

    def settled(self, attempt: Attempt) -> None: ...

    def resume(self, attempt: Attempt) -> None: ...

    def after(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        return Ruling(AttemptState.SUCCESS if outcome.heard is Heard.DONE else AttemptState.FAIL)

    def interrupted(self, attempt: Attempt) -> Ruling:
        return Ruling(AttemptState.UNKNOWN, attempt.op)


class Rows:
    """A database: whole rows by their first column. ``on_commit`` may raise to kill the backend before anything is kept."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[Any, tuple[Any, ...]]] = {}
        self.references: dict[tuple[str, str], str] = {}
        self.on_commit: Callable[[], None] = lambda: None

    async def commit(self, writes: Sequence[Write]) -> None:
        self.on_commit()
        await asyncio.sleep(0.001)
        for each in writes:
            self.tables.setdefault(each.table.name, {})[each.values[0]] = each.values
            if each.table is ATTEMPTS:
                attempt = attempt_of(each.values)
                assert self.references.setdefault((attempt.channel, attempt.reference), attempt.attempt_id) == (
                    attempt.attempt_id
                ), "a reference was used twice"

    def _all(self) -> list[Trade]:
        attempts = [attempt_of(row) for row in self.tables.get(ATTEMPTS.name, {}).values()]
        return [
            with_attempts(trade, [each for each in attempts if each.trade_no == trade.trade_no])
            for trade in map(trade_of, self.tables.get(TRADES.name, {}).values())
        ]

    async def open_trades(self) -> list[Trade]:
        return [trade for trade in self._all() if not trade.state.final or trade.open_attempt is not None]

    async def trade(self, trade_no: str) -> Trade | None:
        return next((trade for trade in self._all() if trade.trade_no == trade_no), None)

    async def trade_by_key(self, terminal_id: str, key: str) -> Trade | None:
        return next((trade for trade in self._all() if (trade.terminal_id, trade.key) == (terminal_id, key)), None)

    @property
    def alarms(self) -> list[str]:
        return [row[1] for row in self.tables.get(ALARMS.name, {}).values()]


class Killed(Exception):
    """The backend's process ends here."""


@dataclass
class World:
    """Everything of one story. ``epoch`` rises with every start of the backend."""

    clock: LoopClock
    line: Line
    rows: Rows = field(default_factory=Rows)
    epoch: int = 0
    commit_refused: bool = False
    channel_rules: ChannelRules | None = None
    engine: Engine = field(init=False)
    channel: InsuranceChannel = field(init=False)
    kinds: int = 0

    def start(self) -> World:
        self.epoch += 1
        random = SeededChoice(1, f"nonces {self.epoch}")
        self.channel = InsuranceChannel(self.line, self.clock, SETTINGS, random.bytes, self.epoch)
        if self.channel_rules is not None:
            self.channel.rules = self.channel_rules
        his, bank = Obliging("his", "commit" if self.commit_refused else ""), Obliging("bank")
        channels: Mapping[str, Any] = {"his": his, "bank": bank, "insurance": self.channel}
        self.engine = Engine(self.rows, channels, Rules(), self.clock, self._number)
        return self

    def _number(self, day: str) -> str:
        self.kinds += 1
        return f"DG{day}0000{self.kinds:07d}"

    async def open(self, key: str = "k1", **changes: Any) -> Trade:
        wanted = OpenTrade(
            TradeKind.BILL, key, "hash", "KSK-00001", INSTITUTION, "P00000001", TOTAL_FEN, True, terms(**changes)
        )
        return await self.engine.open(wanted)

    async def until(self, trade_no: str, wanted: Callable[[Trade], bool], limit_s: float = 7_200.0) -> Trade:
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

    async def pay(self, key: str = "k1", **changes: Any) -> Trade:
        """Open, press pay as soon as there is a quote, and wait for the end."""
        trade = await self.open(key, **changes)
        return await self.finish(trade.trade_no)

    async def finish(self, trade_no: str) -> Trade:
        trade = await self.until(trade_no, lambda each: each.state is TradeState.AWAITING or ended(each))
        if trade.state is TradeState.AWAITING:
            await self.engine.pay(trade_no, "bank_card", f"pay-{self.epoch}", Secrets({"pin": "x"}))
        return await self.until(trade_no, ended)


def ended(trade: Trade) -> bool:
    return trade.state.final or trade.state is TradeState.MANUAL


def play(
    story: Callable[[World], Any],
    *,
    faults: Sequence[str] = (),
    temper: str = "strict",
    at: float = MORNING,
    commit_refused: bool = False,
    channel_rules: ChannelRules | None = None,
    **settings: str | int | bool,
) -> Any:
    """Run *story* in a world of its own under virtual time; gives what it returns."""

    async def main() -> Any:
        clock = LoopClock(at)
        line = Line([PeerFault.parse(each) for each in faults], temper, clock, **settings)
        world = World(clock, line, commit_refused=commit_refused, channel_rules=channel_rules).start()
        try:
            return await story(world)
        finally:
            await world.engine.aclose()

    return run_virtual(main())


def check(world: World, trade: Trade) -> None:
    """The money is where the state says, nothing is left open, and nobody is blamed."""
    net = sum(row.amount_fen if row.kind == "pay" else -row.amount_fen for row in world.line.peer.book())
    split = trade.split
    due = split.fund_fen + split.account_fen if split and trade.state is TradeState.PAID else 0
    assert net == due, (trade.state, trade.reason, trade.attempts)
    pays = [row.reference for row in world.line.peer.book() if row.kind == "pay"]
    assert len(pays) == len(set(pays))
    known = {attempt.reference for attempt in trade.attempts}
    assert set(pays) <= known, "the centre holds money of which the platform knows nothing"
    assert world.line.peer.snapshot()["open_visits"] == []
    resident = CITY.resident(1)
    assert resident is not None
    account = split.account_fen if split and trade.state is TradeState.PAID else 0
    assert world.line.peer.centre.balance_fen(resident) == 20_000 - account
    assert all(not attempt.open for attempt in trade.attempts)


def leg(trade: Trade, which: Leg) -> list[Attempt]:
    return [attempt for attempt in trade.attempts if attempt.leg is which]


async def pay_and_check(world: World) -> Trade:
    """A bill is paid, or taken back; then everything is in its place."""
    trade = await world.pay()
    await world.line.settle_down()
    check(world, trade)
    return trade


async def refund_and_check(world: World) -> Trade:
    """A bill is paid and refunded; then everything is in its place."""
    trade = await world.pay()
    assert trade.state is TradeState.PAID
    await world.engine.refund(trade.trade_no, "citizen")
    trade = await world.until(trade.trade_no, lambda each: each.state in (TradeState.REFUNDED, TradeState.MANUAL))
    await world.line.settle_down()
    check(world, trade)
    return trade


async def die_and_check(
    world: World, strike: Callable[[World, Callable[..., None]], None], nth: int, down_s: float = 0.0
) -> Trade | None:
    """Pay, while the backend dies at the *nth* event that *strike* has wired; *down_s* later a new one takes over and ends what it
    finds."""
    count = 0

    def hit(*_: Any) -> None:
        nonlocal count
        count += 1
        if count == nth:
            raise Killed

    strike(world, hit)
    try:
        trade = await world.pay()
    except Killed:
        await world.engine.aclose()
        world.line.on_request = world.line.on_reply = world.line.on_sent = lambda *_: None
        world.rows.on_commit = lambda: None
        await world.clock.sleep_until(world.clock.now() + down_s)
        world.start()
        found = await world.rows.open_trades()
        await world.engine.recover()
        if not found:
            return None
        trade = await world.finish(found[0].trade_no)
    await world.line.settle_down()
    check(world, trade)
    return trade
