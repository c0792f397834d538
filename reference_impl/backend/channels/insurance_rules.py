"""What an answer of the insurance means, and what is due next. Pure (spec/services.md 1.7, 8).

A settlement whose reply was lost is looked up (5203). If it is not there, it is corrected (2601): that also refuses the original
should it still arrive. From the moment at which a correction was sent the settlement can only end as taken back, never as paid,
because the correction may be carried out at any time. Nothing here ends by a timer.

The op of an attempt carries how often its way was gone: ``verify#2`` is the second look, ``check#3.1`` the third with one
refusal. So the count survives a restart without a column of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reference_impl.backend.settlement.channel import Heard, Outcome, Ruling, backoff_s
from reference_impl.backend.settlement.model import Attempt, AttemptState

__all__ = ["GONE", "Finding", "InsuranceRules", "Queried", "Step"]

GONE = frozenset({"visit-void", "no-such-visit"})
"""Refusals of a cancellation that say that there is nothing left to cancel."""
DOUBTFUL = frozenset({"batch-settled", "msgid-reused"})
"""Refusals of a settlement that may be the echo of its own success."""

ALARM_AT_TRY = 5
ALARM_AT_ROUND = 3
MOST_REFUSALS = 3
MOST_CONTRADICTIONS = 5


class Finding(StrEnum):
    """What 5203 shows of a settlement: it stands, it was taken back, there is none, or it is somebody else's."""

    VALID = "valid"
    REVERSED = "reversed"
    ABSENT = "absent"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Queried(Outcome):
    """The outcome of a query that was answered."""

    finding: Finding = Finding.OTHER


@dataclass(frozen=True, slots=True)
class Step:
    """An op with its counts."""

    name: str
    round: int = 0
    refusals: int = 0

    @property
    def text(self) -> str:
        if self.refusals:
            return f"{self.name}#{self.round}.{self.refusals}"
        return f"{self.name}#{self.round}" if self.round else self.name

    @staticmethod
    def of(op: str) -> Step:
        name, _, counts = op.partition("#")
        first, _, second = counts.partition(".")
        return Step(name, int(first or 0), int(second or 0))


def _unknown(step: Step, delay_s: float = 0.0, alarm: str = "") -> Ruling:
    return Ruling(AttemptState.UNKNOWN, step.text, delay_s, alarm)


def _again(attempt: Attempt, alarm: str) -> Ruling:
    """The same op after a pause; one alarm when it has been tried often."""
    alarm = alarm if attempt.tries == ALARM_AT_TRY else ""
    return Ruling(AttemptState.UNKNOWN, attempt.op, backoff_s(attempt.tries), alarm)


class InsuranceRules:
    """Stateless: see :class:`reference_impl.backend.settlement.channel.ChannelRules`."""

    def after(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        match attempt.operation:
            case "visit":
                return self._visit(attempt, outcome)
            case "settle":
                return self._settle(attempt, outcome)
            case "revoke":
                return self._revoke(attempt, outcome)
            case _:
                return self._close(attempt, outcome)

    def interrupted(self, attempt: Attempt) -> Ruling:
        step = Step.of(attempt.op)
        match attempt.operation, step.name:
            case "visit", "open":
                return _unknown(Step("withdraw"))
            case "settle", "settle":
                return _unknown(Step("query"))
            case "settle", "correct" | "revoke":
                return _unknown(Step("verify", max(1, step.round)))
            case "revoke", "revoke":
                return _unknown(Step("check", step.round + 1, step.refusals))
            case _:
                return _unknown(step)

    # The visit: opened by four messages, cancelled by two.

    def _visit(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        if attempt.op == "open":
            if outcome.heard is Heard.DONE:
                return Ruling(AttemptState.SUCCESS)
            if outcome.heard is Heard.UNSENT:
                return Ruling(AttemptState.FAIL)
            return _unknown(Step("withdraw"))
        if outcome.heard is Heard.DONE:
            return Ruling(AttemptState.FAIL if attempt.code else AttemptState.REVERSED)
        return _again(attempt, "visit-still-open")

    def _close(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        if outcome.heard is Heard.DONE:
            return Ruling(AttemptState.SUCCESS)
        return _again(attempt, "visit-still-open")

    # The settlement.

    def _settle(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        step = Step.of(attempt.op)
        match step.name:
            case "settle":
                return self._settled(outcome)
            case "correct":
                return self._corrected(attempt, step, outcome)
            case "revoke":
                return self._taken_back(attempt, step, outcome)
            case _:
                return self._looked_up(attempt, step, outcome)

    @staticmethod
    def _settled(outcome: Outcome) -> Ruling:
        if outcome.heard is Heard.DONE:
            return Ruling(AttemptState.SUCCESS)
        if outcome.heard is Heard.UNSENT or (outcome.heard is Heard.REFUSED and outcome.code not in DOUBTFUL):
            return Ruling(AttemptState.FAIL)
        return _unknown(Step("query"))

    @staticmethod
    def _corrected(attempt: Attempt, step: Step, outcome: Outcome) -> Ruling:
        if outcome.heard is Heard.DONE:
            return _unknown(Step("confirm"))
        if outcome.heard is Heard.UNSENT:
            return _again(attempt, "correction-unanswered")
        return _unknown(Step("verify", max(1, step.round)))

    @staticmethod
    def _taken_back(attempt: Attempt, step: Step, outcome: Outcome) -> Ruling:
        if outcome.heard is Heard.DONE:
            return _unknown(Step("confirm"))
        if outcome.heard is Heard.UNSENT:
            return _again(attempt, "correction-unanswered")
        alarm = "correction-unanswered" if step.round + 1 == ALARM_AT_ROUND else ""
        return _unknown(Step("verify", step.round + 1), backoff_s(step.round), alarm)

    def _looked_up(self, attempt: Attempt, step: Step, outcome: Outcome) -> Ruling:
        if not isinstance(outcome, Queried):
            return _again(attempt, "query-unanswered")
        match step.name, outcome.finding:
            case _, Finding.OTHER:
                return self._contradicted(attempt)
            case _, Finding.REVERSED:
                return Ruling(AttemptState.REVERSED)
            case "query", Finding.VALID:
                return Ruling(AttemptState.SUCCESS)
            case "query", _:
                return _unknown(Step("correct", 1))
            case "confirm", Finding.VALID:
                return Ruling(AttemptState.MANUAL, alarm="peer-contradicts-itself")
            case "confirm", _:
                return Ruling(AttemptState.REVERSED)
            case _, Finding.VALID:
                return _unknown(Step("revoke", step.round))
            case _:
                alarm = "correction-unanswered" if step.round + 1 == ALARM_AT_ROUND else ""
                return _unknown(Step("correct", step.round + 1), backoff_s(step.round), alarm)

    @staticmethod
    def _contradicted(attempt: Attempt) -> Ruling:
        """The answer speaks of something else: once is a stray reply, again and again a peer that cannot be believed."""
        if attempt.tries >= MOST_CONTRADICTIONS:
            return Ruling(AttemptState.MANUAL, alarm="peer-contradicts-itself")
        return _again(attempt, "query-unanswered")

    # The reversal of a settlement that stands.

    def _revoke(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        step = Step.of(attempt.op)
        if step.name == "check":
            return self._checked(attempt, step, outcome)
        if outcome.heard is Heard.DONE:
            return Ruling(AttemptState.SUCCESS)
        if outcome.heard is Heard.UNSENT:
            return _again(attempt, "revocation-unanswered")
        refused = outcome.heard is Heard.REFUSED
        return _unknown(Step("check", step.round + 1, step.refusals + refused))

    def _checked(self, attempt: Attempt, step: Step, outcome: Outcome) -> Ruling:
        if not isinstance(outcome, Queried):
            return _again(attempt, "query-unanswered")
        match outcome.finding:
            case Finding.OTHER:
                return self._contradicted(attempt)
            case Finding.REVERSED | Finding.ABSENT:
                return Ruling(AttemptState.SUCCESS)
            case Finding.VALID:
                if step.refusals >= MOST_REFUSALS:
                    return Ruling(AttemptState.FAIL)
                alarm = "revocation-unanswered" if step.round == ALARM_AT_ROUND else ""
                return _unknown(Step("revoke", step.round, step.refusals), backoff_s(step.round), alarm)
