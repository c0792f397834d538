"""What the suite said at the time of the run: checks and clauses, kept in the dossier as ``catalogue.json``.

A reader with another version of the suite, or with none, still sees the texts that the verdicts were made under.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from conformance.matrix import CheckLike, ClauseLike, as_label, installed_clauses
from conformance.model import discover_checks
from conformance.result import NO_TEXT
from conformance.rules import rule_of
from conformance.strict_json import from_plain, to_plain
from protocols.wire.base import Label

__all__ = ["Catalogue", "CheckCard", "ClauseCard", "take_catalogue"]


@dataclass(frozen=True, slots=True)
class CheckCard:
    """What a check said of itself. ``rule`` says what would break it."""

    id: str
    title: Label
    clauses: tuple[str, ...]
    device_class: str
    rule: Label
    kills: tuple[str, ...]
    needs: tuple[str, ...]
    hand: tuple[str, ...]
    control: str
    claims_time: bool
    source: str


@dataclass(frozen=True, slots=True)
class ClauseCard:
    """A clause as the catalogue had it."""

    id: str
    text: Label
    limit: Label
    methods: tuple[str, ...]
    reason_not_tested: Label


@dataclass(frozen=True)
class Catalogue:
    """Checks and clauses, findable by id."""

    checks: tuple[CheckCard, ...]
    clauses: tuple[ClauseCard, ...]

    @cached_property
    def check_of(self) -> dict[str, CheckCard]:
        return {each.id: each for each in self.checks}

    @cached_property
    def clause_of(self) -> dict[str, ClauseCard]:
        return {each.id: each for each in self.clauses}

    def check(self, check_id: str) -> CheckCard:
        """That check; one that only has its id when the suite did not know it."""
        blank = CheckCard(check_id, Label(check_id, check_id), (), "", NO_TEXT, (), (), (), "", False, "")
        return self.check_of.get(check_id, blank)

    def to_json(self) -> dict[str, Any]:
        return {"checks": to_plain(self.checks), "clauses": to_plain(self.clauses)}

    @staticmethod
    def from_json(plain: Any) -> Catalogue:
        """Raises StrictJsonError with the path of what does not fit."""
        return from_plain(Catalogue, plain)


def take_catalogue(checks: Iterable[CheckLike] | None = None, clauses: Iterable[ClauseLike] | None = None) -> Catalogue:
    """Snapshot of *checks* and *clauses*; the installed ones when None."""
    cards = [_check_card(each) for each in (discover_checks() if checks is None else checks)]
    texts = [_clause_card(each) for each in (installed_clauses() if clauses is None else clauses)]
    return Catalogue(tuple(cards), tuple(texts))


def _check_card(check: Any) -> CheckCard:
    return CheckCard(
        id=check.id,
        title=check.title,
        clauses=tuple(check.clauses),
        device_class=check.device_class,
        rule=rule_of(check),
        kills=tuple(check.kills),
        needs=tuple(check.needs),
        hand=tuple(check.hand),
        control=check.control,
        claims_time=check.claims_time,
        source=check.source,
    )


def _clause_card(clause: Any) -> ClauseCard:
    return ClauseCard(
        id=clause.id,
        text=clause.text,
        limit=as_label(getattr(clause, "limit", None)),
        methods=tuple(str(each) for each in clause.methods),
        reason_not_tested=as_label(clause.reason_not_tested),
    )
