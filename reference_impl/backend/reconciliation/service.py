"""Reconciliation as its users see it: run a day, handle what differs, and look at all of it again later.

Nothing of a run counts before all of it is durable: its rows are written first, and one transaction makes it valid, voids
what it takes the place of, and tells the differences of earlier days what became of them. A run that fails, or a process that
dies, leaves what was there.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from protocols.clock import Clock
from reference_impl.backend.reconciliation import polars_engine
from reference_impl.backend.reconciliation.details import (
    differences,
    pool_id,
    pooled_frames,
    pooled_rows,
    rows_to_pool,
)
from reference_impl.backend.reconciliation.effects import Effects, pool_effects, run_effects
from reference_impl.backend.reconciliation.findings import listed
from reference_impl.backend.reconciliation.frames import Books
from reference_impl.backend.reconciliation.intake import DayFile, Intake, take_in
from reference_impl.backend.reconciliation.model import Book, Scope, Terms
from reference_impl.backend.reconciliation.records import (
    HANDLINGS,
    Difference,
    DifferenceState,
    Handling,
    HandlingAction,
    Parameters,
    PooledRow,
    Run,
    RunState,
    TotalLine,
)
from reference_impl.backend.reconciliation.repository import Repository
from reference_impl.backend.reconciliation.totals import Total, leaves

__all__ = ["Engine", "Notify", "PlatformBook", "Reconciliation", "Refused", "RunReport"]

Engine = Callable[[Books, Terms], pl.DataFrame]

PlatformBook = Callable[[Scope, Terms, Mapping[str, int]], Awaitable[pl.DataFrame]]
"""The platform's own rows of a scope; the mapping has the fee of each channel in millionths."""

MOST_REASON = 500


class Refused(ValueError):
    """What was asked cannot be done now. ``code`` is stable; the text says why and what to do."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class RunReport:
    """``voided``: runs whose place it has taken, and later ones that stood on them and must be run again."""

    run: Run
    voided: tuple[Run, ...]


Notify = Callable[[RunReport], Awaitable[None]]
"""Tells the people concerned that a run is done (DG-FIN-REC-01)."""


@dataclass(frozen=True, slots=True)
class _Compared:
    intake: Intake
    found: list[Difference]
    totals: list[Total]
    positions: dict[Book, list[int]]
    to_pool: tuple[PooledRow, ...]


class Reconciliation:
    """*folder* keeps the files of every run. One instance a backend: runs go one after another."""

    def __init__(
        self,
        repository: Repository,
        platform: PlatformBook,
        clock: Clock,
        folder: Path,
        *,
        engine: Engine = polars_engine.reconcile,
        notify: Notify | None = None,
    ) -> None:
        self.repository = repository
        self._platform, self._clock, self._folder = platform, clock, folder
        self._engine, self._notify = engine, notify
        self._running = asyncio.Lock()

    # Runs.

    async def run(self, scope: Scope, files: Sequence[DayFile], user_id: str) -> RunReport:
        """Compare the books of *scope*. A former run of the same scope, or of a part of it, is voided.

        Raises :class:`Refused` (``wider-run-exists``), FileFault and MissingFiles; then nothing has changed.
        """
        async with self._running:
            report = await self._run(scope, files, user_id)
        if self._notify is not None:
            await self._notify(report)
        return report

    async def _run(self, scope: Scope, files: Sequence[DayFile], user_id: str) -> RunReport:
        parameters = await self.repository.parameters()
        terms = parameters.terms(scope.day)
        voided = await self._to_void(scope, parameters)
        gone = [each.run_id for each in voided]
        run = await self._begun(scope, parameters, user_id)
        folder = self._folder / run.run_id
        waiting = await self.repository.waiting(scope, gone)
        platform = await self._platform(scope, terms, dict(parameters.fees_ppm))
        try:
            compared = await asyncio.to_thread(
                self._compare, folder, scope, terms, platform, files, waiting, run.run_id
            )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        standing = await self.repository.standing(run.day, parameters.pool_days + 1, gone)
        effects = run_effects(run.run_id, compared.found, standing, await self.repository.of_runs(gone))
        done = await self._write(run, compared, waiting, effects, voided)
        return RunReport(done, tuple(voided))

    async def _to_void(self, scope: Scope, parameters: Parameters) -> list[Run]:
        """Runs of this scope or a part of it, and later runs that stood on one of them."""
        last = scope.day + timedelta(days=parameters.pool_days + 1)
        runs = await self.repository.runs(f"{scope.day}", f"{last}", RunState.VALID)
        same_day = [each for each in runs if each.scope.day == scope.day and each.scope.overlaps(scope)]
        wider = [each for each in same_day if not scope.covers(each.scope)]
        if wider:
            raise Refused(
                "wider-run-exists",
                f"run {wider[0].run_id} covers more than this: run its whole scope again, or void it first",
            )
        return same_day + self._after(scope, runs)

    @staticmethod
    def _after(scope: Scope, runs: Sequence[Run]) -> list[Run]:
        """Later runs that may have taken rows of *scope* out of the pool."""
        return [
            each
            for each in runs
            if each.scope.day > scope.day and each.scope.overlaps(replace(scope, day=each.scope.day))
        ]

    async def _begun(self, scope: Scope, parameters: Parameters, user_id: str) -> Run:
        day = f"{scope.day}"
        number = len(await self.repository.runs(day, day)) + 1
        return Run(
            run_id=f"R{scope.day:%Y%m%d}-{number:03d}",
            day=day,
            institution=scope.institution,
            channel=scope.channel,
            state=RunState.RUNNING.value,
            started_by=user_id,
            started_at=self._clock.now(),
            parameters=json.dumps(asdict(parameters), sort_keys=True),
        )

    def _compare(
        self,
        folder: Path,
        scope: Scope,
        terms: Terms,
        platform: pl.DataFrame,
        files: Sequence[DayFile],
        waiting: Sequence[PooledRow],
        run_id: str,
    ) -> _Compared:
        folder.mkdir(parents=True)
        intake = take_in(folder, scope, platform, files, pooled_frames(waiting))
        findings = listed(self._engine(intake.books, terms))
        positions = rows_to_pool(intake.books, findings)
        compared = _Compared(
            intake,
            differences(intake.books, findings, run_id, f"{scope.day}"),
            leaves(intake.books, intake.own),
            positions,
            tuple(pooled_rows(intake.books, positions, run_id)),
        )
        if not waiting and not any(intake.own.values()):
            shutil.rmtree(folder)  # a day on which nothing happened needs no files
        return compared

    async def _write(
        self, run: Run, compared: _Compared, waiting: Sequence[PooledRow], effects: Effects, voided: Sequence[Run]
    ) -> Run:
        own = {book.value: count for book, count in compared.intake.own.items()}
        places = [(book.value, at) for book, rows in compared.positions.items() for at in rows]
        left, entered = pool_effects(run.run_id, waiting, places, own)
        fresh = {pool_id(run.run_id, *place) for place in entered}
        done = replace(
            run,
            state=RunState.VALID.value,
            ended_at=self._clock.now(),
            files=json.dumps([asdict(each) for each in compared.intake.files], ensure_ascii=False),
            compared=own[Book.PLATFORM.value],
            carried=len(waiting),
            found=len(effects.new),
            pooled=len(places),
            settled=len(left),
            version=2,
        )
        lines = [
            TotalLine(f"{run.run_id}-{number:05d}", run.run_id, *_figures(line))
            for number, line in enumerate(compared.totals, 1)
        ]
        await self.repository.change([run])
        await self.repository.add([*lines, *effects.new, *(each for each in compared.to_pool if each.pool_id in fresh)])
        await self.repository.change(
            [done, *await self._undone(voided, run.run_id, left, effects), *left, *effects.changed]
        )
        return done

    async def _undone(
        self, voided: Sequence[Run], run_id: str, left: Sequence[PooledRow], effects: Effects
    ) -> list[Run | Difference | PooledRow]:
        """The runs as void, and what they had ended as it was before, but for what this run ends again."""
        ids = [each.run_id for each in voided]
        differences_ended, rows_ended = await self.repository.ended_by(ids) if ids else ([], [])
        again = {each.difference_id for each in effects.changed} | {each.pool_id for each in left}
        reason = f"replaced by {run_id}" if run_id else "voided"
        return [
            *(replace(each, state=RunState.VOID.value, reason=reason, version=each.version + 1) for each in voided),
            *(
                replace(each, state=DifferenceState.POOLED.value, ended_run="", version=each.version + 1)
                for each in differences_ended
                if each.difference_id not in again
            ),
            *(
                replace(each, state="waiting", ended_run="", version=each.version + 1)
                for each in rows_ended
                if each.pool_id not in again
            ),
        ]

    async def void(self, run_id: str, user_id: str, reason: str) -> RunReport:
        """Take a run back, and later ones that stand on it. Raises :class:`Refused` (``no-such-run``, ``not-valid``,
        ``reason-missing``)."""
        _checked_reason(reason)
        async with self._running:
            run = await self.repository.run(run_id)
            if run is None:
                raise Refused("no-such-run", "there is no run of this number")
            if run.state != RunState.VALID.value:
                raise Refused("not-valid", f"the run is {run.state}: only a valid one can be voided")
            last = run.scope.day + timedelta(days=(await self.repository.parameters()).pool_days + 1)
            later = await self.repository.runs(run.day, f"{last}", RunState.VALID)
            voided = [run, *self._after(run.scope, later)]
            records = await self._undone(voided, "", (), Effects((), ()))
            told = f"{user_id}: {reason}"
            await self.repository.change(
                [replace(each, reason=told) if isinstance(each, Run) else each for each in records]
            )
            after = await self.repository.run(run_id)
            assert after is not None
            return RunReport(after, tuple(voided[1:]))

    async def clear_interrupted(self) -> list[Run]:
        """At the start of a backend: runs that an earlier process did not end are void. Gives them."""
        async with self._running:
            found = await self.repository.interrupted()
            await self.repository.change(
                [
                    replace(each, state=RunState.VOID.value, reason="interrupted", version=each.version + 1)
                    for each in found
                ]
            )
            for each in found:
                shutil.rmtree(self._folder / each.run_id, ignore_errors=True)
            return found

    def books(self, run: Run) -> Books:
        """The files that *run* compared."""
        return Books.under(self._folder / run.run_id)

    # Differences.

    async def handle(
        self, difference_id: str, action: HandlingAction, user_id: str, reason: str, version: int | None = None
    ) -> Difference:
        """A person deals with a difference. *version*: the one that they saw.

        Raises :class:`Refused`: ``no-such-difference``, ``changed-meanwhile``, ``not-open``, ``not-closed``,
        ``reason-missing``.
        """
        _checked_reason(reason)
        async with self._running:
            before = await self.repository.difference(difference_id)
            if before is None:
                raise Refused("no-such-difference", "there is no difference of this number in a valid run")
            if version is not None and version != before.version:
                raise Refused("changed-meanwhile", "somebody else has dealt with it: read it again and decide anew")
            _, state_after = HANDLINGS[action]
            closed = before.state == DifferenceState.CLOSED.value
            if action is HandlingAction.REOPEN and not closed:
                raise Refused("not-closed", f"the difference is {before.state}: only a closed one can be opened again")
            if action is not HandlingAction.REOPEN and before.state not in ("open", "pooled"):
                raise Refused("not-open", f"the difference is {before.state}: open it again first")
            now = self._clock.now()
            after = replace(
                before,
                state=state_after.value if state_after else before.state,
                handled_by=user_id,
                handled_at=now,
                reason=reason,
                version=before.version + 1,
            )
            handling = Handling(
                handling_id=f"{difference_id}-{after.version:04d}",
                difference_id=difference_id,
                subject=before.subject,
                at=now,
                user_id=user_id,
                action=action.value,
                reason=reason,
                state_before=before.state,
                state_after=after.state,
            )
            await self.repository.change([after, handling])
            return after

    async def set_parameters(self, parameters: Parameters, user_id: str) -> None:
        """For the runs to come. Raises ValueError for values that cannot be."""
        parameters.terms(date(2026, 1, 1))
        if not all(0 <= ppm <= 1_000_000 for _, ppm in parameters.fees_ppm):
            raise ValueError("a fee is 0 to 1000000 millionths: correct the parameters")
        await self.repository.set_parameters(parameters, user_id, self._clock.now())


def _figures(line: Total) -> tuple[str, str, str, str, int, int, int, int]:
    return (
        line.book.value,
        line.leg.value,
        line.channel,
        line.institution,
        line.paid_count,
        line.paid_fen,
        line.returned_count,
        line.returned_fen,
    )


def _checked_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > MOST_REASON:
        raise Refused("reason-missing", f"say why, in 1 to {MOST_REASON} characters")
