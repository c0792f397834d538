"""What a run does to the runs before it: which of their differences are settled, which go on, which become others. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from reference_impl.backend.reconciliation.details import touched
from reference_impl.backend.reconciliation.records import Difference, DifferenceState, PooledRow

__all__ = ["Effects", "pool_effects", "run_effects"]


@dataclass(frozen=True, slots=True)
class Effects:
    """``new``: differences of this run; ``changed``: those of earlier runs that it has settled or replaced."""

    new: tuple[Difference, ...]
    changed: tuple[Difference, ...]


def run_effects(
    run_id: str, found: Sequence[Difference], standing: Iterable[Difference], former: Iterable[Difference]
) -> Effects:
    """*standing*: differences of earlier days as they were before this run; *former*: those of the runs that this one takes
    the place of, whose handling goes on where nothing has changed."""
    earlier = {each.subject: each for each in standing}
    handled = {each.subject: each for each in former if each.handled_by}
    new: list[Difference] = []
    replaced: dict[str, Difference] = {}
    again: set[str] = set()
    for each in found:
        before = earlier.get(each.subject)
        if before is None:
            new.append(_with_handling(each, handled.get(each.subject)))
        elif before.state == DifferenceState.POOLED.value and not each.pooled:
            # The pool is over: from now on a person has to look.
            replaced[before.subject] = _ended(before, DifferenceState.REPLACED, run_id)
            new.append(each)
        else:
            again.add(each.subject)
    rows = touched(found)
    for before in earlier.values():
        if before.state != DifferenceState.POOLED.value or before.subject in again or before.subject in replaced:
            continue
        still = any((book, side["reference"], before.kind) in rows for book, side in before.side.items())
        state = DifferenceState.REPLACED if still else DifferenceState.SETTLED
        replaced[before.subject] = _ended(before, state, run_id)
    return Effects(tuple(new), tuple(replaced.values()))


def _with_handling(found: Difference, before: Difference | None) -> Difference:
    """A person's word stands while what it was about is the same."""
    if before is None or (before.code, before.sides, before.gap_fen) != (found.code, found.sides, found.gap_fen):
        return found
    return replace(
        found, state=before.state, handled_by=before.handled_by, handled_at=before.handled_at, reason=before.reason
    )


def _ended(before: Difference, state: DifferenceState, run_id: str) -> Difference:
    return replace(before, state=state.value, ended_run=run_id, version=before.version + 1)


def pool_effects(
    run_id: str, waiting: Sequence[PooledRow], places: Iterable[tuple[str, int]], own: dict[str, int]
) -> tuple[list[PooledRow], set[tuple[str, int]]]:
    """*waiting* in the order in which it stood behind the day's rows; *places*: (book, position) of rows that wait on.

    Gives the rows that have left the pool, and those of *places* that are new in it.
    """
    wanted = set(places)
    left: list[PooledRow] = []
    count: dict[str, int] = {}
    for each in waiting:
        position = own[each.book] + count.get(each.book, 0)
        count[each.book] = count.get(each.book, 0) + 1
        if (each.book, position) in wanted:
            wanted.discard((each.book, position))
        else:
            left.append(replace(each, state="left", ended_run=run_id, version=each.version + 1))
    return left, wanted
