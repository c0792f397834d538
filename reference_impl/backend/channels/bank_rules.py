"""What the bank's answers, and their absence, mean for an attempt. Pure.

Source: spec/services.md 3.4. A purchase and a void of which nobody knows are reversed, for ever; a refund cannot be reversed: the
day bill decides. Only an authentic reply decides anything; whatever else came back was made into silence before it gets here.
"""

from __future__ import annotations

from protocols.wire.bank.codes import Action, response
from reference_impl.backend.settlement.channel import Heard, Outcome, Ruling, backoff_s
from reference_impl.backend.settlement.model import Attempt, AttemptState

__all__ = ["BILL_ABSENT", "BILL_DIFFERS", "BankRules"]

BILL_ABSENT, BILL_DIFFERS = "absent", "amount-differs"
ALARM_FROM_TRY = 3
BILL_ALARM_FROM_TRY = 12
BILL_POLL_S = 600.0
_FINAL_UNSENT = frozenset({"batch-closed"})
"""Why a request was not sent that will not be different another time."""


class BankRules:
    """Operations ``purchase``, ``void``, ``refund``; further ops ``reverse`` and ``bill``."""

    def after(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        match attempt.op:
            case "purchase":
                return self._after_purchase(outcome)
            case "reverse":
                return self._after_reversal(attempt, outcome)
            case "bill":
                return self._after_bill(attempt, outcome)
            case _:
                return self._after_undo(attempt, outcome)

    def interrupted(self, attempt: Attempt) -> Ruling:
        return self._uncertain(attempt.operation, Outcome(Heard.SILENCE))

    @staticmethod
    def _uncertain(operation: str, outcome: Outcome) -> Ruling:
        if operation == "refund":
            return Ruling(AttemptState.UNKNOWN, "bill", float(outcome.facts.get("wait_s", 0.0)))
        return Ruling(AttemptState.UNKNOWN, "reverse")

    def _after_purchase(self, outcome: Outcome) -> Ruling:
        match outcome.heard:
            case Heard.DONE:
                return Ruling(AttemptState.SUCCESS)
            case Heard.UNSENT:
                return Ruling(AttemptState.FAIL)
            case Heard.REFUSED:
                return self._after_refusal("purchase", outcome)
            case _:
                return self._uncertain("purchase", outcome)

    def _after_refusal(self, operation: str, outcome: Outcome) -> Ruling:
        match response(outcome.code).action:
            case Action.NOT_MOVED | Action.SIGN_IN:
                return Ruling(AttemptState.FAIL)
            case Action.OPERATOR:
                return Ruling(AttemptState.FAIL, alarm="bank-refuses-terminal")
            case _:
                return self._uncertain(operation, outcome)

    def _after_undo(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        """Whoever wants money back must get it: a refusal that a new sign-in may cure is no refusal."""
        again = Ruling(AttemptState.PENDING, attempt.op, backoff_s(attempt.tries), self._alarm(attempt, "undo-unsent"))
        match outcome.heard:
            case Heard.DONE:
                return Ruling(AttemptState.SUCCESS)
            case Heard.UNSENT:
                return Ruling(AttemptState.FAIL) if outcome.code in _FINAL_UNSENT else again
            case Heard.REFUSED if response(outcome.code).action is Action.SIGN_IN:
                return again
            case Heard.REFUSED:
                return self._after_refusal(attempt.operation, outcome)
            case _:
                return self._uncertain(attempt.operation, outcome)

    def _after_reversal(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        if outcome.heard is Heard.DONE:
            return Ruling(AttemptState.REVERSED)
        alarm = self._alarm(attempt, "reversal-unanswered")
        return Ruling(AttemptState.UNKNOWN, "reverse", backoff_s(attempt.tries), alarm)

    @staticmethod
    def _alarm(attempt: Attempt, code: str) -> str:
        return code if attempt.tries >= ALARM_FROM_TRY else ""

    @staticmethod
    def _after_bill(attempt: Attempt, outcome: Outcome) -> Ruling:
        match outcome.heard:
            case Heard.DONE:
                return Ruling(AttemptState.SUCCESS)
            case Heard.REFUSED if outcome.code == BILL_ABSENT:
                return Ruling(AttemptState.REVERSED)
            case Heard.REFUSED:
                return Ruling(AttemptState.MANUAL, alarm="peer-contradicts-itself")
            case _:
                alarm = "bill-missing" if attempt.tries >= BILL_ALARM_FROM_TRY else ""
                return Ruling(AttemptState.UNKNOWN, "bill", float(outcome.facts.get("wait_s", BILL_POLL_S)), alarm)
