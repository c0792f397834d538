"""The engine: asks the rules, makes it durable, sends, hears, and asks again. One task a trade.

Two orders are kept in every path. A row is durable before what it announces is sent (``_flush`` before ``_perform``), and
what was heard is durable before anybody is told (:attr:`Case.shown`). Commits of all trades go through one writer, which
groups them.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace

from protocols.clock import Clock, civil
from reference_impl.backend.settlement.announcements import alarm_write, notice_write
from reference_impl.backend.settlement.case import Case
from reference_impl.backend.settlement.channel import Channel, Heard, Outcome, Ruling, Secrets
from reference_impl.backend.settlement.ledger import postings
from reference_impl.backend.settlement.model import (
    Act,
    Attempt,
    AttemptState,
    Goal,
    Split,
    Trade,
    TradeState,
)
from reference_impl.backend.settlement.rules import Begin, Carry, Finish, Refusal, Rules, Turn, Wait
from reference_impl.backend.settlement.trade_store import OpenTrade, TradeStore

__all__ = ["Engine", "must_be_for_a_person"]

REMEMBERED = 20_000
"""So many trades that have ended are kept in memory for the questions that follow; the others are read again."""

COMMIT_LIMIT_S = 30.0
QUEUE_LOOK_S = 5.0
"""A trade that waits for another one of its terminal is woken when that ends, and looks by itself now and then."""


class Engine:
    """*numbers* gives a new trade number for a business day. Start with :meth:`recover`, end with :meth:`aclose`."""

    def __init__(
        self,
        store: TradeStore,
        channels: Mapping[str, Channel],
        rules: Rules,
        clock: Clock,
        numbers: Callable[[str], str],
    ) -> None:
        self.store, self.channels, self.rules, self.clock = store, channels, rules, clock
        self._numbers = numbers
        self._cases: OrderedDict[str, Case] = OrderedDict()
        self._by_key: dict[tuple[str, str], str] = {}
        self._opening: dict[tuple[str, str], asyncio.Lock] = {}
        self._queueing: set[Case] = set()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Ends with the error of a driver that broke: a defect must stop the process, not a single trade."""
        self.failed.add_done_callback(lambda future: future.cancelled() or future.exception())

    # Commands.

    async def open(self, wanted: OpenTrade) -> Trade:
        """The trade for that key: a new one, or the one that the key already opened.

        Raises :class:`Refusal` when the key was used for something else.
        """
        place = (wanted.terminal_id, wanted.key)
        lock = self._opening.setdefault(place, asyncio.Lock())
        try:
            async with lock:
                known = await self.find_by_key(*place)
                if known is not None:
                    if known.request_hash != wanted.request_hash:
                        raise Refusal("idempotency-key-reused", "this key was used for another request: take a new one")
                    return known
                case = self._new_case(wanted)
                await self._flush(case)
        finally:
            self._opening.pop(place, None)
        self._start(case)
        assert case.shown is not None
        return case.shown

    async def pay(self, trade_no: str, method: str, pay_key: str, secrets: Secrets) -> Trade:
        """The citizen has pressed pay. Raises :class:`Refusal`."""
        case = await self._case(trade_no)
        before = case.trade
        agreed = self.rules.agree(before, method, pay_key, self.clock.now())
        if agreed is not before:
            case.trade, case.secrets = agreed, secrets
            self._start(case)
            await self._durable(case)
        assert case.shown is not None
        return case.shown

    async def cancel(self, trade_no: str, reason: str) -> Trade:
        """Turn back. Raises :class:`Refusal` when it is too late."""
        return await self._command(trade_no, lambda trade: self.rules.cancel(trade, reason, self.clock.now()))

    async def refund(self, trade_no: str, reason: str) -> Trade:
        """Take back a paid trade. Raises :class:`Refusal`."""
        return await self._command(trade_no, lambda trade: self.rules.refund(trade, reason, self.clock.now()))

    async def decide_manually(self, trade_no: str, attempt_id: str, state: AttemptState, who: str) -> Trade:
        """A person has found out what became of an attempt on which its peer contradicts itself: it is booked as if the peer had
        said so. Raises :class:`Refusal`."""
        case = await self._case(trade_no)
        attempt = case.trade.attempt(attempt_id)
        must_be_for_a_person(attempt)
        if state not in (AttemptState.SUCCESS, AttemptState.FAIL):
            raise Refusal("not-a-decision", "decide for success or fail")
        heard = Heard.DONE if state is AttemptState.SUCCESS else Heard.REFUSED
        case.trade = self.rules.resumed(case.trade)
        self._learn(case, attempt, Outcome(heard, reason=f"decided by {who}"), Ruling(state), by_person=True)
        self._start(case)
        await self._durable(case)
        assert case.shown is not None
        return case.shown

    async def _command(self, trade_no: str, change: Callable[[Trade], Trade]) -> Trade:
        case = await self._case(trade_no)
        changed = change(case.trade)
        if changed is not case.trade:
            case.trade = changed
            case.secrets = Secrets()  # nothing is paid any more on the way back
            self._start(case)
            await self._durable(case)
        assert case.shown is not None
        return case.shown

    # Reading.

    async def find(self, trade_no: str) -> Trade | None:
        """What is durable of that trade."""
        case = self._cases.get(trade_no)
        return case.shown if case is not None else await self.store.trade(trade_no)

    async def find_by_key(self, terminal_id: str, key: str) -> Trade | None:
        """The trade that a terminal's key opened."""
        trade_no = self._by_key.get((terminal_id, key))
        return await (self.find(trade_no) if trade_no else self.store.trade_by_key(terminal_id, key))

    async def wait(self, trade_no: str, wanted: Callable[[Trade], bool], limit_s: float) -> Trade | None:
        """What is durable once it is as wanted, or after *limit_s*."""
        case = self._cases.get(trade_no)
        if case is not None:
            await case.until(wanted, limit_s)
        return await self.find(trade_no)

    @property
    def busy(self) -> int:
        """How many trades have not ended."""
        return sum(case.task is not None and not case.task.done() for case in self._cases.values())

    # Life.

    async def recover(self) -> int:
        """Take up every trade that had not ended. Gives their number."""
        cases = [self._take_up(trade) for trade in await self.store.open_trades()]
        for case in cases:
            self._start(case)
        return len(cases)

    def _take_up(self, trade: Trade) -> Case:
        """The case of a stored *trade*, unless it is in our hands already: what was read may then be older than what we know.
        An attempt that is open in the database was left by another process, whoever reads it first."""
        known = self._cases.get(trade.trade_no)
        if known is not None:
            return known
        case = self._keep(Case(trade, stored=True))
        attempt = trade.open_attempt
        if attempt is not None:
            channel = self.channels[attempt.channel]
            channel.resume(attempt)
            silence = Outcome(Heard.SILENCE, reason="the backend was restarted")
            self._learn(case, attempt, silence, channel.rules.interrupted(attempt))
        return case

    async def aclose(self) -> None:
        """Stop where we are: what is durable is enough to go on from."""
        await asyncio.gather(*self.abandon(), return_exceptions=True)

    def abandon(self) -> list[asyncio.Task[None]]:
        """Cancel every driver without waiting for it. Gives those that were running."""
        tasks = [case.task for case in self._cases.values() if case.task is not None and not case.task.done()]
        for task in tasks:
            task.cancel()
        return tasks

    def _new_case(self, wanted: OpenTrade) -> Case:
        now = self.clock.now()
        day = f"{civil(now):%Y%m%d}"
        trade = Trade(
            trade_no=self._numbers(day),
            kind=wanted.kind,
            key=wanted.key,
            request_hash=wanted.request_hash,
            terminal_id=wanted.terminal_id,
            institution=wanted.institution,
            patient_id=wanted.patient_id,
            total_fen=wanted.total_fen,
            opened_at=now,
            deadline=now + self.rules.policy.citizen_s,
            day=day,
            insured=wanted.insured,
            terms=wanted.terms,
            split=None if wanted.insured else Split(cash_fen=wanted.total_fen),
            goal_since=now,
            updated_at=now,
        )
        return self._keep(Case(trade, stored=False))

    def _keep(self, case: Case) -> Case:
        self._cases[case.trade.trade_no] = case
        self._by_key[case.trade.terminal_id, case.trade.key] = case.trade.trade_no
        if len(self._cases) > REMEMBERED:
            self._forget_old()
        return case

    def _forget_old(self) -> None:
        for trade_no, case in list(self._cases.items())[: REMEMBERED // 10]:
            if case.task is None or case.task.done():
                del self._cases[trade_no]
                self._by_key.pop((case.trade.terminal_id, case.trade.key), None)

    async def _case(self, trade_no: str) -> Case:
        case = self._cases.get(trade_no)
        if case is None:
            trade = await self.store.trade(trade_no)
            if trade is None:
                raise Refusal("no-such-trade", f"there is no trade {trade_no}")
            case = self._take_up(trade)
        return case

    def _start(self, case: Case) -> None:
        """The driver of *case* runs, and looks."""
        if case.task is None or case.task.done():
            case.task = asyncio.get_running_loop().create_task(self._guarded(case), name=case.trade.trade_no)
        case.wake()

    async def _guarded(self, case: Case) -> None:
        try:
            await self._drive(case)
        except Exception as error:  # whoever runs the engine waits for this, and ends the process
            if not self.failed.done():
                self.failed.set_exception(error)

    # The loop.

    async def _drive(self, case: Case) -> None:
        while True:
            now = self.clock.now()
            step = self.rules.decide(case.trade, now)
            match step:
                case Turn():
                    case.trade = self.rules.turn(case.trade, step, now)
                    if step.goal is not Goal.PAY:
                        case.secrets = Secrets()
                case Begin():
                    await self._begin(case, step, now)
                case Carry(attempt):
                    await self._carry(case, attempt)
                case Wait(until, state):
                    if case.trade.state is not state:
                        case.trade = replace(case.trade, state=state)
                    await self._flush(case)
                    await case.sleep(None if until is None else until - self.clock.now())
                case Finish(state):
                    if await self._finish(case, state, now):
                        return

    async def _begin(self, case: Case, step: Begin, now: float) -> None:
        channel = self.channels[step.channel]
        if case in self._queueing and step.act is Act.DO and now >= case.trade.deadline:
            # Whoever pressed has gone home: what they agreed to then is not done hours later.
            case.trade = self.rules.turn(case.trade, Turn(Goal.CANCEL, "terminal-engaged"), now)
            case.secrets = Secrets()
            return
        if channel.engaged(case.trade):
            self._queueing.add(case)
            await self._flush(case)
            await case.sleep(QUEUE_LOOK_S)
            return
        self._queueing.discard(case)
        try:
            attempt = self._new_attempt(case, step, channel, now)
        except ValueError:
            if not case.trade.method:
                raise  # nothing that the citizen could give again: a defect, which must not be tried for ever
            case.trade = self.rules.forget_method(case.trade, now)
            case.secrets = Secrets()
            return
        case.put_attempt(attempt)
        await self._carry(case, attempt)

    def _new_attempt(self, case: Case, step: Begin, channel: Channel, now: float) -> Attempt:
        seq = len(case.trade.attempts) + 1
        operation = step.operation or channel.undo_of(step.original) if step.original else step.operation
        opening = channel.open(case.trade, operation, step.original, seq, case.secrets, now)
        case.add(opening.writes)
        return Attempt(
            attempt_id=f"{case.trade.trade_no}{seq:03d}",
            trade_no=case.trade.trade_no,
            seq=seq,
            leg=step.leg,
            act=step.act,
            channel=step.channel,
            operation=operation,
            reference=opening.reference,
            amount_fen=step.amount_fen,
            created_at=now,
            original=step.original.attempt_id if step.original else "",
            op=opening.op,
            facts=opening.facts,
            sealed=opening.sealed,
            updated_at=now,
        )

    async def _carry(self, case: Case, attempt: Attempt) -> None:
        """Make the attempt durable, send what is due, and take in what was heard."""
        attempt = replace(attempt, tries=attempt.tries + 1)
        case.put_attempt(attempt)
        await self._flush(case)
        channel = self.channels[attempt.channel]
        outcome = await channel.perform(case.trade, attempt, case.secrets)
        self._learn(case, attempt, outcome, channel.rules.after(attempt, outcome))

    def _learn(
        self, case: Case, attempt: Attempt, outcome: Outcome, ruling: Ruling, *, by_person: bool = False
    ) -> None:
        now = self.clock.now()
        case.trade = self.rules.learn(case.trade, attempt, outcome, ruling, now)
        if not by_person:
            case.trade = self.rules.doubted(case.trade, attempt.attempt_id)
        changed = case.trade.attempt(attempt.attempt_id)
        for alarm in self.rules.alarms_of(case.trade, changed, ruling.alarm):
            case.add([alarm_write(case.trade, changed, alarm, now)])
        if changed.open:
            return
        if changed.act is Act.DO and changed.operation in ("purchase", "pay"):
            case.secrets = Secrets()
        if changed.state is AttemptState.SUCCESS:
            case.add(postings(case.trade, changed, now, f"{civil(now):%Y%m%d}"))
        self.channels[changed.channel].settled(changed)
        for waiting in self._queueing:
            waiting.wake()

    async def _finish(self, case: Case, state: TradeState, now: float) -> bool:
        """True when the trade has ended; False when a command came in while that was written."""
        self._queueing.discard(case)
        before = case.trade
        again = state is TradeState.PAID and before.closed_at > 0  # a refund that was refused: it was paid long before
        case.trade = replace(before, state=state, closed_at=before.closed_at if again else now)
        case.secrets = Secrets()
        if state is not TradeState.CLOSED and not again:
            case.add([notice_write(case.trade, state, now)])
        await self._flush(case)
        return isinstance(self.rules.decide(case.trade, now), Finish)

    async def _flush(self, case: Case) -> None:
        """Everything that is known of *case* is durable when this returns."""
        if not case.dirty:
            return
        writes = case.take_writes(self.clock.now())
        trade = case.trade
        await self.store.commit(writes)
        case.durable(trade)

    async def _durable(self, case: Case) -> None:
        """Wait until what is known now is durable; the driver may be about to write it anyway."""
        await asyncio.sleep(0)  # the driver goes first: its next step is then written in the same group
        version = case.trade.version
        await self._flush(case)
        if case.shown is None or case.shown.version < version:
            await case.until(lambda shown: shown.version >= version, COMMIT_LIMIT_S)


def must_be_for_a_person(attempt: Attempt) -> None:
    """Raises :class:`Refusal` for an attempt that no person has to decide."""
    if attempt.state is not AttemptState.MANUAL:
        raise Refusal("not-for-a-person", f"attempt {attempt.attempt_id} is {attempt.state.value}")
