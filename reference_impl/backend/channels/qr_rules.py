"""What an answer of a QR gateway means for an attempt, the same for the three families. Pure.

A payment ends SUCCESS only by an answer that says paid. Where that answer is missing the order is asked for, and an order
that is not paid is cancelled, which also keeps a pay call that is still under way from paying it. Once a cancel was sent the
attempt never ends SUCCESS: an order that turns out to be paid is cancelled again until the money is back.

``recheck`` is a query after a cancel that the gateway did not take (too early, the payer is typing): a word of its own,
because what it hears means something else. Source: spec/services.md 4 (polling, cancel, refunds), 8.
"""

from __future__ import annotations

from reference_impl.backend.settlement.channel import Heard, Outcome, Ruling, backoff_s
from reference_impl.backend.settlement.model import Attempt, AttemptState

__all__ = [
    "CANCEL",
    "CONTRADICTION",
    "NO_REFUND",
    "PAY",
    "QUERY",
    "RECHECK",
    "REFUND",
    "REFUND_QUERY",
    "TOO_LATE",
    "QrRules",
]

PAY, QUERY, CANCEL, RECHECK, REFUND, REFUND_QUERY = "pay", "query", "cancel", "recheck", "refund", "refund_query"

CONTRADICTION = "peer-contradicts-itself"
"""Code of an outcome that cannot be: another amount than was asked for, a refund that nobody asked for."""
TOO_LATE = "cancel-too-late"
"""Code of a cancel that comes after the gateway's own time for it."""
NO_REFUND = "no-refund"
"""Code of a refund query that finds none."""

POLL_S = 5.0
"""Between queries while the payer types the password, and after an unknown answer."""
PASSWORD_S = 45.0
"""So long after its creation an order that is not paid is cancelled."""
REFUND_POLL_S = 2.0
SETTLED_S = 600.0
"""A refund that was refused after an unanswered try is asked for again until then: what was under way has arrived."""
ANXIOUS_S = 180.0
"""A cancel that is refused for longer than this is told to an operator."""
ALARMING_TRIES = 3

_UNKNOWN, _PENDING = AttemptState.UNKNOWN, AttemptState.PENDING


def _age_s(attempt: Attempt) -> float:
    """How old the attempt was when its op became due: rules have no clock."""
    return max(0.0, attempt.due - attempt.created_at) if attempt.due else 0.0


def _patient_s(attempt: Attempt) -> float:
    """A pause that grows with the age of the attempt."""
    return min(60.0, max(POLL_S, _age_s(attempt) / 4))


class QrRules:
    """*cancel_after_s*: the gateway takes no cancel sooner after the pay call."""

    def __init__(self, cancel_after_s: float = 0.0) -> None:
        self._cancel_after_s = cancel_after_s

    def after(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        """See :class:`reference_impl.backend.settlement.channel.ChannelRules`."""
        if outcome.code in (CONTRADICTION, TOO_LATE):
            return Ruling(AttemptState.MANUAL, alarm=outcome.code)
        if outcome.heard is Heard.UNSENT and attempt.op != PAY:
            return self._again(attempt, attempt.state)
        match attempt.op:
            case "pay":
                return self._pay(outcome)
            case "query":
                return self._query(attempt, outcome)
            case "cancel":
                return self._cancel(attempt, outcome)
            case "recheck":
                return self._recheck(attempt, outcome)
            case "refund":
                return self._refund(attempt, outcome)
            case _:
                return self._refund_query(attempt, outcome)

    def interrupted(self, attempt: Attempt) -> Ruling:
        """A pay call may have been sent or not: it is asked for. Everything else is simply asked again."""
        return Ruling(_UNKNOWN, QUERY if attempt.op == PAY else attempt.op)

    # Payment.

    def _pay(self, outcome: Outcome) -> Ruling:
        match outcome.heard:
            case Heard.DONE:
                return Ruling(AttemptState.SUCCESS)
            case Heard.BUSY:
                return Ruling(_PENDING, QUERY, POLL_S)
            case Heard.SILENCE:
                return Ruling(_UNKNOWN, QUERY, POLL_S)
            case _:
                return Ruling(AttemptState.FAIL)

    def _query(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        match outcome.heard:
            case Heard.DONE:
                return Ruling(AttemptState.SUCCESS)
            case Heard.BUSY:
                left = PASSWORD_S - _age_s(attempt)
                if left <= 0:
                    return Ruling(_UNKNOWN, CANCEL)
                return Ruling(attempt.state, QUERY, min(POLL_S, left))
            case Heard.REFUSED:
                return Ruling(_UNKNOWN, CANCEL, max(0.0, self._cancel_after_s - _age_s(attempt)))
            case _:
                return self._again(attempt, _UNKNOWN)

    def _cancel(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        match outcome.heard:
            case Heard.DONE:
                return Ruling(AttemptState.REVERSED)
            case Heard.REFUSED | Heard.BUSY:
                delay = max(_patient_s(attempt), self._cancel_after_s - _age_s(attempt))
                alarm = "cancel-refused" if _age_s(attempt) > ANXIOUS_S else ""
                return Ruling(_UNKNOWN, RECHECK, delay, alarm)
            case _:
                return self._again(attempt, _UNKNOWN)

    def _recheck(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        match outcome.heard:
            case Heard.DONE | Heard.REFUSED:
                return Ruling(_UNKNOWN, CANCEL)
            case Heard.BUSY:
                return Ruling(_UNKNOWN, RECHECK, _patient_s(attempt))
            case _:
                return self._again(attempt, _UNKNOWN)

    # Refund.

    def _refund(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        match outcome.heard:
            case Heard.DONE:
                return Ruling(AttemptState.SUCCESS)
            case Heard.BUSY:
                return Ruling(attempt.state, REFUND_QUERY, REFUND_POLL_S)
            case Heard.REFUSED:
                # An earlier try that was not answered may have been taken: then this refusal says nothing about it.
                if attempt.state is _PENDING or _age_s(attempt) > SETTLED_S:
                    return Ruling(AttemptState.FAIL)
                return Ruling(_UNKNOWN, REFUND_QUERY, _patient_s(attempt))
            case _:
                return self._again(attempt, _UNKNOWN)

    def _refund_query(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        match outcome.heard:
            case Heard.DONE:
                return Ruling(AttemptState.SUCCESS)
            case Heard.BUSY:
                return Ruling(attempt.state, REFUND_QUERY, max(REFUND_POLL_S, backoff_s(attempt.tries)))
            case Heard.REFUSED:
                if outcome.code == NO_REFUND:
                    return Ruling(_UNKNOWN, REFUND, _patient_s(attempt))
                return Ruling(AttemptState.FAIL)
            case _:
                return self._again(attempt, _UNKNOWN)

    @staticmethod
    def _again(attempt: Attempt, state: AttemptState) -> Ruling:
        alarms = {CANCEL: "cancel-unanswered", REFUND: "refund-unanswered", REFUND_QUERY: "refund-unanswered"}
        alarm = alarms.get(attempt.op, "query-unanswered") if attempt.tries >= ALARMING_TRIES else ""
        return Ruling(state, attempt.op, backoff_s(attempt.tries), alarm)
