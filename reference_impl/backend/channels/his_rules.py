"""What an answer of the HIS means, and what is due next. Pure (spec/services.md 2.2, 8).

Every operation is idempotent by the number under which it was sent, so what was not heard is asked for or sent again. A refusal
ends an attempt at once only while nothing of it can still be under way. Otherwise the number is fenced first: once the HIS has
said that it lets go of it, a copy that comes late is refused, and the attempt has failed for certain. Nothing here ends by a timer.

An op may carry how often its way was gone: ``check#2`` is the second look. So the count survives a restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reference_impl.backend.settlement.channel import Heard, Outcome, Ruling, backoff_s
from reference_impl.backend.settlement.model import Attempt, AttemptState

__all__ = ["CONTRADICTION", "INCOMPLETE", "SETTLED", "TAKEN", "Finding", "Found", "HisRules", "step_of"]

CONTRADICTION = "peer-contradicts-itself"
INCOMPLETE = "terms-incomplete"
"""Code of what was not sent because the trade lacks something: trying again does not help."""
HOPELESS = frozenset({INCOMPLETE, "unsendable"})
SETTLED = frozenset({"trade-settled"})
"""Refusals of a fence: the trade stands."""
DONE_BEFORE = frozenset({"refund-done"})
"""Refusals of a withdrawal: the refund is done."""
TAKEN = frozenset({"amount-changed", "fee-lines-differ"})
"""Refusals of a lock that are our own: the HIS has locked, and must let go."""

UNSENT_TRIES = 4
"""So often a settlement that the citizen has paid for is offered to a HIS that does not accept connections."""
REFUND_POLL_S = 2.0
ALARM_AT_TRY = 5
ALARM_AT_ROUND = 3

_UNKNOWN = AttemptState.UNKNOWN


class Finding(StrEnum):
    """What a status query shows: it stands, it is locked, nobody knows it, it was let go, it was taken back, or it is not
    what was sent."""

    SETTLED = "settled"
    HELD = "held"
    ABSENT = "absent"
    GONE = "gone"
    TAKEN_BACK = "taken-back"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Found(Outcome):
    """The outcome of a status query that was answered."""

    finding: Finding = Finding.OTHER


def step_of(op: str) -> tuple[str, int]:
    """Name and round: ``check#2`` is (``check``, 2)."""
    name, _, count = op.partition("#")
    return name, int(count or 0)


def _again(attempt: Attempt, alarm: str) -> Ruling:
    """The same op after a pause; one alarm when it has been tried often."""
    return Ruling(_UNKNOWN, attempt.op, backoff_s(attempt.tries), alarm if attempt.tries == ALARM_AT_TRY else "")


def _next(name: str, turn: int = 0, delay_s: float = 0.0, alarm: str = "") -> Ruling:
    return Ruling(_UNKNOWN, f"{name}#{turn}" if turn else name, delay_s, alarm)


class HisRules:
    """Stateless: see :class:`reference_impl.backend.settlement.channel.ChannelRules`."""

    def after(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        match step_of(attempt.op)[0]:
            case "lock":
                return self._lock(attempt, outcome)
            case "commit":
                return self._commit(attempt, outcome)
            case "recommit":
                return self._recommit(attempt, outcome)
            case "check":
                return self._check(attempt, outcome)
            case "fence":
                return self._fence(attempt, outcome)
            case "unlock":
                return self._unlock(attempt, outcome)
            case "refund":
                return self._refund(attempt, outcome)
            case "reapply":
                return self._reapply(attempt, outcome)
            case "refund_query":
                return self._refund_query(attempt, outcome)
            case _:
                return self._withdraw(attempt, outcome)

    def interrupted(self, attempt: Attempt) -> Ruling:
        """What may have been sent and makes something is looked up; everything else is simply sent again."""
        name, turn = step_of(attempt.op)
        match name:
            case "commit" | "recommit":
                return _next("check", turn + 1)
            case "refund" | "reapply":
                return _next("refund_query", turn + 1)
            case _:
                return Ruling(_UNKNOWN, attempt.op)

    # The lock, and how it goes again.

    def _lock(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        match outcome.heard:
            case Heard.DONE:
                return Ruling(AttemptState.SUCCESS)
            case Heard.REFUSED if outcome.code in TAKEN or attempt.tries > 1:
                return _next("fence")
            case Heard.UNSENT if attempt.tries > 1:
                return _next("fence")
            case Heard.REFUSED | Heard.UNSENT:
                return Ruling(AttemptState.FAIL)
            case _:
                return _again(attempt, "lock-unanswered")

    def _unlock(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        if outcome.heard is Heard.DONE:
            return Ruling(AttemptState.SUCCESS)
        if outcome.heard is Heard.REFUSED and outcome.code in SETTLED:
            return Ruling(AttemptState.MANUAL, alarm=CONTRADICTION)
        return _again(attempt, "lock-unreleased")

    def _fence(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        """The number is given up, unless the HIS has settled it after all."""
        if outcome.heard is Heard.DONE:
            return Ruling(AttemptState.FAIL)
        if outcome.heard is Heard.REFUSED and outcome.code in SETTLED:
            if attempt.operation == "lock":
                return Ruling(AttemptState.MANUAL, alarm=CONTRADICTION)
            return _next("check", step_of(attempt.op)[1] + 1)
        return _again(attempt, "lock-unreleased")

    # The settlement.

    def _commit(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        match outcome.heard:
            case Heard.DONE:
                return Ruling(AttemptState.SUCCESS)
            case Heard.UNSENT if attempt.tries < UNSENT_TRIES and outcome.code not in HOPELESS:
                return Ruling(attempt.state, attempt.op, backoff_s(attempt.tries))
            case Heard.REFUSED | Heard.UNSENT:
                return Ruling(AttemptState.FAIL)
            case _:
                return _next("check", 1)

    def _recommit(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        """An earlier one was not answered, and may still come."""
        turn = step_of(attempt.op)[1]
        match outcome.heard:
            case Heard.DONE:
                return Ruling(AttemptState.SUCCESS)
            case Heard.REFUSED:
                return _next("fence", turn)
            case _:
                alarm = "commit-unanswered" if turn == ALARM_AT_ROUND else ""
                return _next("check", turn + 1, backoff_s(turn), alarm)

    def _check(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        if not isinstance(outcome, Found):
            return _again(attempt, "query-unanswered")
        turn = step_of(attempt.op)[1]
        match outcome.finding:
            case Finding.SETTLED:
                return Ruling(AttemptState.SUCCESS)
            case Finding.TAKEN_BACK:
                return Ruling(AttemptState.REVERSED)
            case Finding.GONE:
                return _next("fence", turn)
            case Finding.ABSENT | Finding.HELD:
                return _next("recommit", turn)
            case _:
                return Ruling(AttemptState.MANUAL, alarm=CONTRADICTION)

    # The refund.

    def _refund(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        match outcome.heard:
            case Heard.REFUSED:
                return Ruling(AttemptState.FAIL)
            case Heard.UNSENT:
                return _again(attempt, "refund-unanswered")
            case _:
                return self._asked(attempt, outcome)

    def _reapply(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        """An earlier one was not answered, and may still come."""
        if outcome.heard is Heard.REFUSED:
            return _next("withdraw", step_of(attempt.op)[1])
        if outcome.heard is Heard.UNSENT:
            return _again(attempt, "refund-unanswered")
        return self._asked(attempt, outcome)

    @staticmethod
    def _asked(attempt: Attempt, outcome: Outcome) -> Ruling:
        turn = step_of(attempt.op)[1]
        match outcome.heard:
            case Heard.DONE:
                return Ruling(AttemptState.SUCCESS)
            case Heard.BUSY:
                return _next("refund_query", turn + 1, REFUND_POLL_S)
            case _:
                alarm = "refund-unanswered" if turn == ALARM_AT_ROUND else ""
                return _next("refund_query", turn + 1, backoff_s(turn) if turn else 0.0, alarm)

    def _refund_query(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        if isinstance(outcome, Found):
            turn = step_of(attempt.op)[1]
            match outcome.finding:
                case Finding.SETTLED:
                    return Ruling(AttemptState.SUCCESS)
                case Finding.HELD:
                    return Ruling(_UNKNOWN, attempt.op, max(REFUND_POLL_S, backoff_s(attempt.tries)))
                case Finding.ABSENT:
                    return _next("reapply", turn)
                case Finding.GONE:
                    return Ruling(AttemptState.FAIL)
                case _:
                    return Ruling(AttemptState.MANUAL, alarm=CONTRADICTION)
        return _again(attempt, "query-unanswered")

    def _withdraw(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        if outcome.heard is Heard.DONE:
            return Ruling(AttemptState.FAIL)
        if outcome.heard is Heard.REFUSED and outcome.code in DONE_BEFORE:
            return _next("refund_query", step_of(attempt.op)[1] + 1)
        return _again(attempt, "refund-unanswered")
