"""What an oracle sees: the records of one check, cut into named steps. Pure; knows no device class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.model import Blame, Finding, NoObservation
from protocols.record import Record
from protocols.wire.base import Label

__all__ = ["CheckView", "StepRecords", "cut_steps", "segment"]


@dataclass(frozen=True, slots=True)
class StepRecords:
    """The records between the begin and the end mark of one step; ``note`` is what the stimulus said of it."""

    name: str
    note: Mapping[str, Any]
    records: tuple[Record, ...]
    seqs: tuple[int, int]

    @property
    def duration_s(self) -> float:
        return self.records[-1].t - self.records[0].t if self.records else 0.0


def segment(records: Sequence[Record], check_id: str, target: str) -> tuple[Record, ...]:
    """The records from the begin mark of a check on a target to its end mark; empty when it never ran."""
    inside: list[Record] = []
    running = False
    for record in records:
        if record.kind == "check" and record.note.get("id") == check_id and record.slot == target:
            running = record.note.get("phase") == "begin"
            inside.append(record)
            if not running:
                break
        elif running and record.slot in (target, "bench"):
            inside.append(record)
    return tuple(inside)


def cut_steps(records: Iterable[Record]) -> list[StepRecords]:
    """Steps in order of their beginning. A step cut short by an exception or a kill ends where the records end."""
    steps: list[StepRecords] = []
    open_steps: list[tuple[Record, list[Record]]] = []
    for record in records:
        if record.kind == "step" and record.note.get("phase") == "begin":
            open_steps.append((record, []))
            continue
        if record.kind == "step" and open_steps:
            begin, inside = open_steps.pop()
            steps.append(_step(begin, inside, record.seq))
            continue
        for _, inside in open_steps:
            inside.append(record)
    for begin, inside in reversed(open_steps):
        steps.append(_step(begin, inside, inside[-1].seq if inside else begin.seq))
    return sorted(steps, key=lambda each: each.seqs)


def _step(begin: Record, inside: list[Record], last: int) -> StepRecords:
    note = {key: value for key, value in begin.note.items() if key not in ("name", "phase")}
    return StepRecords(str(begin.note["name"]), note, tuple(inside), (begin.seq, last))


class CheckView:
    """Base of the views of each device class: steps, facts and findings.

    ``facts`` are the declared things an oracle may depend on (PICS, PIXIT, profile, dialect): they are written into the
    history at the begin mark of the check, so that a recomputed verdict uses the same ones.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = tuple(records)
        begin = next((each for each in records if each.kind == "check"), None)
        self.facts: Mapping[str, Any] = begin.note.get("facts", {}) if begin else {}
        self._steps = cut_steps(records)
        self.findings: list[Finding] = []

    def steps(self, name: str) -> list[StepRecords]:
        """Every step of that name, in order; a name that ends with ``*`` matches its beginning."""
        if name.endswith("*"):
            return [each for each in self._steps if each.name.startswith(name[:-1])]
        return [each for each in self._steps if each.name == name]

    def step_records(self, name: str) -> StepRecords:
        """The one step of that name. Raises :class:`NoObservation` when the stimulus never reached it."""
        found = self.steps(name)
        if not found:
            raise NoObservation(Label(f"没有到达步骤“{name}”", f"step {name!r} was not reached"))
        return found[0]

    def must(self, holds: bool, zh: str, en: str, *about: Any) -> bool:
        """Say that the device must satisfy this: observed when it does, a violation when not.

        *about* are things with ``seqs`` (steps, exchanges) or sequence numbers: the records that show it.
        """
        self.findings.append(Finding("observed" if holds else "violation", Label(zh, en), _seqs(about)))
        return holds

    def unsure(self, zh: str, en: str, *about: Any, blame: Blame = Blame.ENVIRONMENT) -> None:
        """Say that this check cannot decide, and who could change that."""
        self.findings.append(Finding("inconclusive", Label(zh, en), _seqs(about), blame))

    def review(self, zh: str, en: str, *about: Any, blame: Blame = Blame.CONFIGURATION) -> None:
        """Say that a person has to look, for example at a PICS that the device contradicts."""
        self.findings.append(Finding("review", Label(zh, en), _seqs(about), blame))

    def hand_answers(self) -> Mapping[str, str]:
        """Prompt id to its last status (``done``, ``unsupported``, ``timeout``, ``unanswered``)."""
        return {str(r.note["prompt"]): str(r.note["status"]) for r in self.records if r.kind == "answer"}


def _seqs(about: Iterable[Any]) -> tuple[int, ...]:
    seqs: list[int] = []
    for each in about:
        found = each if isinstance(each, int) else each.seqs
        seqs += [found] if isinstance(found, int) else list(found)
    return tuple(sorted(set(seqs)))
