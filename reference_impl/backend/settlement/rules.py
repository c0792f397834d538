"""The rules of a settlement: what is to be done next, and what an answer changes. Pure; time is an argument.

:meth:`Rules.decide` is a function of what the database holds and nothing else. So there is no separate recovery: after a
crash the same question is asked of the same rows, and the answer goes on from there. The order of legs and the way back
are those of spec/services.md 8: lock, insurance, cash, commit; compensation in the opposite order.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from reference_impl.backend.settlement.channel import Outcome, Ruling
from reference_impl.backend.settlement.model import (
    LEGS,
    Act,
    Attempt,
    AttemptState,
    Goal,
    Leg,
    LegStatus,
    Split,
    Trade,
    TradeState,
)

__all__ = [
    "ACCOUNT_METHODS",
    "CASH_METHODS",
    "Begin",
    "Carry",
    "Finish",
    "Policy",
    "Refusal",
    "Rules",
    "Step",
    "Turn",
    "Wait",
]

CASH_METHODS: dict[str, tuple[str, str]] = {
    "bank_card": ("bank", "purchase"),
    "wechat": ("wechat", "pay"),
    "alipay": ("alipay", "pay"),
    "unionpay_qr": ("unionpay_qr", "pay"),
}
"""How a cash part is paid: the channel and its operation."""

ACCOUNT_METHODS = frozenset({"account", "e_credential"})
"""Methods of a trade without a cash part: the insurance pays all of it, with the card or the e-credential."""

_DO: dict[Leg, tuple[str, str]] = {
    Leg.LOCK: ("his", "lock"),
    Leg.VISIT: ("insurance", "visit"),
    Leg.INSURANCE: ("insurance", "settle"),
    Leg.COMMIT: ("his", "commit"),
}

_AFTER_QUOTE = (Leg.INSURANCE, Leg.CASH, Leg.COMMIT)


class Refusal(ValueError):
    """A command that this trade cannot take now. ``code`` is stable, the text says why and what to do."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


MOST_PAUSE_S = 3600.0
"""Between two tries to take money back, however often it was in vain: nobody stops trying."""

_IN_VAIN = frozenset({AttemptState.FAIL, AttemptState.REVERSED})
"""How an undo ends that leaves everything as it was: refused, or not answered and then reversed."""

_UNDER_WAY = {Goal.PAY: TradeState.PAYING, Goal.CANCEL: TradeState.CANCELLING, Goal.REFUND: TradeState.REFUNDING}


@dataclass(frozen=True, slots=True)
class Policy:
    """``citizen_s``: how long a quote waits for the citizen; ``undo_tries``: refusals of an undo before a person
    has to look; ``undo_pause_s``: after the first undo that was in vain, twice that after the next: who is busy now is not busy
    for ever."""

    citizen_s: float = 300.0
    undo_tries: int = 3
    undo_pause_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Begin:
    """A new attempt at *leg*. For an undo, ``original`` is what it takes back."""

    leg: Leg
    act: Act
    channel: str
    operation: str
    amount_fen: int
    original: Attempt | None = None


@dataclass(frozen=True, slots=True)
class Carry:
    """Go on with an attempt whose outcome is open: its ``op`` is due."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Turn:
    """The trade takes another direction."""

    goal: Goal
    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    state: TradeState


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before *until*; None: before somebody says something."""

    until: float | None
    state: TradeState


Step = Begin | Carry | Turn | Finish | Wait


class Rules:
    """Stateless but for its policy. A mutant of the suite differs from this in one method."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()

    # What next.

    def decide(self, trade: Trade, now: float) -> Step:
        attempt = trade.open_attempt
        if attempt is not None:
            return Carry(attempt) if attempt.due <= now else Wait(attempt.due, trade.state)
        if any(each.state is AttemptState.MANUAL for each in trade.attempts):
            return Wait(None, TradeState.MANUAL)
        return self._forward(trade, now) if trade.goal is Goal.PAY else self._backward(trade, now)

    def legs(self, trade: Trade) -> tuple[Leg, ...]:
        """The legs that this trade has. Whether there is a cash part is known once the quote is."""
        return tuple(leg for leg in LEGS if self._has(trade, leg))

    @staticmethod
    def _has(trade: Trade, leg: Leg) -> bool:
        if leg in (Leg.VISIT, Leg.INSURANCE):
            return trade.insured
        return leg is not Leg.CASH or trade.split is None or trade.split.cash_fen > 0

    def _forward(self, trade: Trade, now: float) -> Step:
        for leg in self.legs(trade):
            status = trade.status(leg)
            if status is LegStatus.DONE:
                continue
            if leg in _AFTER_QUOTE and not trade.agreed:
                return self._await(trade, now)
            if leg is Leg.CASH and trade.method not in CASH_METHODS:
                return self._await(trade, now)
            if status in (LegStatus.FAILED, LegStatus.UNDONE) and leg is not Leg.CASH:
                failed = trade.last_failed(leg)
                return Turn(Goal.CANCEL, f"{leg.value}-failed:{failed.code if failed else ''}")
            channel, operation = CASH_METHODS[trade.method] if leg is Leg.CASH else _DO[leg]
            return Begin(leg, Act.DO, channel, operation, self.amount(trade, leg))
        return Finish(TradeState.PAID)

    def _await(self, trade: Trade, now: float) -> Step:
        if now >= trade.deadline:
            return Turn(Goal.CANCEL, "citizen-timeout")
        return Wait(trade.deadline, TradeState.AWAITING)

    def _backward(self, trade: Trade, now: float) -> Step:
        committed = any(
            each.leg is Leg.COMMIT and each.act is Act.DO and each.state is AttemptState.SUCCESS
            for each in trade.attempts
        )
        if trade.goal is Goal.CANCEL and trade.status(Leg.COMMIT) is LegStatus.DONE:
            return Turn(Goal.PAY, "committed")
        for leg in reversed(LEGS):
            done = trade.last_done(leg)
            if done is None or (leg is Leg.LOCK and committed):
                continue  # what the HIS has settled holds no lock any more
            if leg is Leg.COMMIT and self._undo_refused(trade, done):
                return Turn(Goal.PAY, "refund-refused")
            due = self._undo_due(trade, done)
            if now < due:
                return Wait(due, _UNDER_WAY[trade.goal])
            return Begin(leg, Act.UNDO, done.channel, "", done.amount_fen, done)
        return Finish(TradeState.REFUNDED if trade.goal is Goal.REFUND else TradeState.CLOSED)

    def _undo_due(self, trade: Trade, done: Attempt) -> float:
        """When *done* may be taken back, after those times that this was in vain since somebody last asked for it."""
        vain = [each for each in self._undone_in_vain(trade, done.attempt_id) if each.created_at >= trade.goal_since]
        if not vain:
            return 0.0
        pause_s = self.policy.undo_pause_s * 2.0 ** min(len(vain) - 1, 20)
        return max(each.updated_at for each in vain) + min(pause_s, MOST_PAUSE_S)

    @staticmethod
    def _undo_refused(trade: Trade, done: Attempt) -> bool:
        """The HIS has refused to take the commit back since the last time that somebody asked for it."""
        newest = trade.attempts[-1]
        refused = newest.original == done.attempt_id and newest.state is AttemptState.FAIL
        return refused and newest.created_at >= trade.goal_since

    @staticmethod
    def amount(trade: Trade, leg: Leg) -> int:
        """What an attempt at *leg* moves, in fen: the quote knows, for lock and visit the bill."""
        split = trade.split
        if leg is Leg.CASH:
            assert split is not None, "cash is not paid before the quote"
            return split.cash_fen
        if leg is Leg.INSURANCE:
            assert split is not None, "insurance is not settled before the quote"
            return split.fund_fen + split.account_fen
        return trade.total_fen

    # What an answer changes.

    def learn(self, trade: Trade, attempt: Attempt, outcome: Outcome, ruling: Ruling, now: float) -> Trade:
        """*attempt* and its trade after *ruling*. Money that others have moved is never decided here, only noted."""
        other_op = ruling.op not in ("", attempt.op)
        # New facts first: what was fixed before the send is never overwritten by what a reply says.
        facts = {**outcome.facts, **attempt.facts} if outcome.facts else attempt.facts
        if outcome.split is not None:
            facts = {**facts, "split": asdict(outcome.split)}
        changed = replace(
            attempt,
            state=ruling.state,
            op=ruling.op,
            due=now + ruling.delay_s if ruling.op else 0.0,
            tries=0 if other_op else attempt.tries,
            code=_legible(outcome.code) or attempt.code,
            reason=_legible(outcome.reason) or attempt.reason,
            facts=facts,
            updated_at=now,
            version=attempt.version + 1,
        )
        trade = self._with(trade, changed)
        if changed.state is AttemptState.SUCCESS and changed.act is Act.DO and outcome.split is not None:
            trade = self._quoted(trade, changed.leg, outcome.split, now)
        if changed.leg is Leg.CASH and changed.act is Act.DO and not changed.open:
            trade = self._cash_decided(trade, changed, now)
        return trade

    @staticmethod
    def _with(trade: Trade, changed: Attempt) -> Trade:
        attempts = tuple(changed if each.attempt_id == changed.attempt_id else each for each in trade.attempts)
        return replace(trade, attempts=attempts)

    def doubted(self, trade: Trade, attempt_id: str) -> Trade:
        """*trade* after its attempt has ended, by the word of its peer alone: an undo that is refused again and again, other than a
        refund that the HIS does not grant, is for a person."""
        changed = trade.attempt(attempt_id)
        if changed.state is not AttemptState.FAIL or not self._must_be_undone(trade, changed):
            return trade
        refused = [each for each in self._undone_in_vain(trade, changed.original) if each.state is AttemptState.FAIL]
        if len(refused) < self.policy.undo_tries:
            return trade
        return self._with(trade, replace(changed, state=AttemptState.MANUAL))

    def alarms_of(self, trade: Trade, changed: Attempt, told: str) -> list[str]:
        """What an operator must know of *changed*: what its channel has *told*, and once for what is taken back that this is in
        vain."""
        if changed.state is AttemptState.MANUAL:
            return [told or "undo-refused"]
        codes = [told] if told else []
        if changed.state in _IN_VAIN and self._must_be_undone(trade, changed):
            in_vain = len(self._undone_in_vain(trade, changed.original))
            codes += ["undo-in-vain"] if in_vain == self.policy.undo_tries else []
        return codes

    @staticmethod
    def _must_be_undone(trade: Trade, changed: Attempt) -> bool:
        """An undo that must succeed in the end; the HIS may well refuse a refund."""
        return changed.act is Act.UNDO and not (changed.leg is Leg.COMMIT and trade.goal is Goal.REFUND)

    @staticmethod
    def _undone_in_vain(trade: Trade, original: str) -> list[Attempt]:
        """The attempts to take *original* back that left it standing."""
        return [each for each in trade.attempts if each.original == original and each.state in _IN_VAIN]

    def resumed(self, trade: Trade) -> Trade:
        """*trade* on its way again, after a person has decided."""
        return replace(trade, state=_UNDER_WAY[trade.goal])

    def _quoted(self, trade: Trade, leg: Leg, split: Split, now: float) -> Trade:
        """The visit brings the quote; a settlement that differs from what the citizen agreed to is taken back."""
        if leg is Leg.VISIT:
            return replace(trade, split=split)
        if leg is Leg.INSURANCE and split != trade.split and trade.goal is Goal.PAY:
            return self.turn(trade, Turn(Goal.CANCEL, "amount-changed"), now)
        return trade

    def _cash_decided(self, trade: Trade, changed: Attempt, now: float) -> Trade:
        """After a payment that came to nothing the citizen may choose again, for a while."""
        if changed.state is AttemptState.SUCCESS or trade.goal is not Goal.PAY:
            return trade
        return replace(trade, method="", deadline=now + self.policy.citizen_s)

    @staticmethod
    def turn(trade: Trade, turn: Turn, now: float) -> Trade:
        """*trade* on its new way."""
        return replace(trade, goal=turn.goal, goal_since=now, reason=turn.reason, state=_UNDER_WAY[turn.goal])

    # Commands.

    def agree(self, trade: Trade, method: str, pay_key: str, now: float) -> Trade:
        """The citizen has pressed pay; *pay_key* is of this one press, so a request that the network repeats, however
        late, changes nothing. Raises :class:`Refusal` where nothing is to be paid, or not so."""
        if pay_key in trade.pay_keys:
            return trade
        if trade.goal is not Goal.PAY or trade.state.final or self._paying(trade):
            raise Refusal("trade-not-payable", f"the trade is {trade.state.value}: nothing can be paid now")
        if trade.split is None or trade.state is TradeState.QUOTING:
            raise Refusal("quote-not-ready", "the quote is not there yet: ask for the trade again")
        if now >= trade.deadline:
            raise Refusal("quote-expired", "the quote has expired: open a new trade")
        if trade.split.cash_fen and method not in CASH_METHODS:
            raise Refusal("method-does-not-pay", f"{trade.split.cash_fen} fen are to be paid: choose a cash method")
        if not trade.split.cash_fen and method not in ACCOUNT_METHODS:
            raise Refusal("nothing-to-pay", "the insurance pays all of it: choose account or e_credential")
        return replace(
            trade, agreed=True, method=method, pay_keys=(*trade.pay_keys, pay_key), state=TradeState.PAYING, reason=""
        )

    def forget_method(self, trade: Trade, now: float) -> Trade:
        """What the citizen gave was lost with the process before it was used: they are asked again."""
        deadline = now + self.policy.citizen_s
        return replace(trade, method="", deadline=deadline, reason="payment-data-lost", state=TradeState.AWAITING)

    @staticmethod
    def _paying(trade: Trade) -> bool:
        return trade.agreed and bool(trade.method)

    def cancel(self, trade: Trade, reason: str, now: float) -> Trade:
        """Turn back, whatever is under way. Raises :class:`Refusal` once the HIS has been asked to settle."""
        if trade.goal is Goal.CANCEL:
            return trade
        if trade.goal is Goal.REFUND or trade.state.final or trade.status(Leg.COMMIT) is not LegStatus.NONE:
            raise Refusal("too-late-to-cancel", f"the trade is {trade.state.value}: ask for a refund instead")
        return self.turn(trade, Turn(Goal.CANCEL, reason), now)

    def refund(self, trade: Trade, reason: str, now: float) -> Trade:
        """Take back a trade that was paid. Raises :class:`Refusal` for any other."""
        if trade.goal is Goal.REFUND:
            return trade
        if trade.state is not TradeState.PAID:
            raise Refusal("not-refundable", f"the trade is {trade.state.value}: only a paid one can be refunded")
        return self.turn(trade, Turn(Goal.REFUND, reason), now)


def _legible(text: str) -> str:
    """What a peer said, without what no database takes and no terminal should show."""
    return text if text.isprintable() else "".join(each for each in text if each.isprintable())
