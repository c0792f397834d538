"""What the screens know of a run: built from Progress messages alone, so tests feed it without a process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.service import Outcome, Progress, RunResult

__all__ = ["SYMBOLS", "WORST_FIRST", "RunState", "worst"]

SYMBOLS: dict[str, str] = {
    "pass": "+",
    "fail": "X",
    "error": "!",
    "inconclusive": "?",
    "needs_review": "R",
    "not_tested": ".",
    "not_applicable": "-",
    "running": ">",
    "": " ",
}
"""One ASCII character a verdict: colour is never the only sign."""

WORST_FIRST = ("fail", "error", "inconclusive", "needs_review", "running", "pass", "not_tested", "not_applicable", "")


def worst(verdicts: Iterable[str]) -> str:
    """The verdict that stands for a group."""
    seen = set(verdicts)
    return next((each for each in WORST_FIRST if each in seen), "")


@dataclass(slots=True)
class RunState:
    """Verdicts by check and target; ``running`` while a run goes on."""

    running: bool = False
    index: int = 0
    total: int = 0
    current: tuple[str, str] = ("", "")
    verdicts: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    outcomes: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list[str])

    def start(self) -> None:
        """A new run: what is run again is unknown again only when it begins."""
        self.running, self.index, self.total, self.current = True, 0, 0, ("", "")

    def hear(self, message: Progress) -> None:
        """One message of the engine."""
        if message.kind == "begin":
            self.running = True
            self.total = message.total
            self.current = (message.check_id, message.target)
            self.verdicts.setdefault(message.check_id, {})[message.target] = "running"
        elif message.kind == "end" and message.outcome is not None:
            # Counted here: targets run side by side, so numbers may come out of order.
            self.index, self.total = self.index + 1, message.total
            self._note(message.outcome)
        elif message.kind == "done":
            self.running, self.current = False, ("", "")

    def take(self, result: RunResult) -> None:
        """Everything that a finished run says."""
        self.running = False
        self.verdicts.clear()
        self.outcomes.clear()
        for outcome in result.outcomes:
            self._note(outcome)
        for left in result.not_run:
            self.verdicts.setdefault(left.check_id, {})[left.target] = left.verdict.value
        self.index = self.total = len(result.outcomes)

    def _note(self, outcome: Outcome) -> None:
        self.verdicts.setdefault(outcome.check_id, {})[outcome.target] = outcome.verdict.value
        self.outcomes[outcome.check_id, outcome.target] = outcome

    def of(self, check_id: str) -> str:
        """The one verdict of a check over its targets."""
        return worst(self.verdicts.get(check_id, {}).values())

    def counts(self) -> Counter[str]:
        return Counter(verdict for targets in self.verdicts.values() for verdict in targets.values())
