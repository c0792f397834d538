"""The checks as a tree: suite, clause, check. A suite is the first two words of a check's id, such as ``reader.sync``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.service import Check

__all__ = ["ClauseGroup", "Suite", "suites_of"]

NO_CLAUSE = "-"


@dataclass(frozen=True, slots=True)
class ClauseGroup:
    """Checks of one suite whose first clause is ``clause``; each check stands in exactly one group."""

    clause: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite with its clauses in order of their first check."""

    name: str
    clauses: tuple[ClauseGroup, ...]

    @property
    def checks(self) -> tuple[Check, ...]:
        return tuple(check for group in self.clauses for check in group.checks)


def suites_of(checks: Iterable[Check], wanted: Callable[[Check], bool] = lambda check: True) -> list[Suite]:
    """The suites of those *checks* that are *wanted*, in order of name; empty groups are left out."""
    found: dict[str, dict[str, list[Check]]] = {}
    for check in checks:
        if wanted(check):
            suite = found.setdefault(".".join(check.id.split(".")[:2]), {})
            suite.setdefault(check.clauses[0] if check.clauses else NO_CLAUSE, []).append(check)
    return [
        Suite(name, tuple(ClauseGroup(clause, tuple(members)) for clause, members in groups.items()))
        for name, groups in sorted(found.items())
    ]
