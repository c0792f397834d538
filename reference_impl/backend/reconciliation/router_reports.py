"""The daily report and its exports over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from reference_impl.backend.administration.callers import DENIED, CallerOf
from reference_impl.backend.administration.model import Caller
from reference_impl.backend.administration.permissions import Permission
from reference_impl.backend.audit.trail import Act
from reference_impl.backend.paging import MOST
from reference_impl.backend.problems import responses
from reference_impl.backend.reconciliation.opening import Reconciling, ReconcilingOf
from reference_impl.backend.reconciliation.questions import parents_of
from reference_impl.backend.reconciliation.records import Difference, RunState
from reference_impl.backend.reconciliation.report import (
    DailyReport,
    daily_report,
    differences_csv,
    report_csv,
    report_json,
)
from reference_impl.backend.reconciliation.repository import DifferenceQuestion
from reference_impl.backend.reconciliation.schemas import Day, ReportView
from reference_impl.backend.services import Services, ServicesOf

__all__ = ["ROUTER"]

ROUTER = APIRouter(prefix="/v1/admin/reconciliation/reports", tags=["reconciliation 对账"])

DayPath = Annotated[Day, Path()]
_CSV = "text/csv; charset=utf-8"


def _file(kind: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": "the file", "content": {kind.partition(";")[0]: {"schema": {"type": "string"}}}}}


@ROUTER.get("/{day}", summary="对账日报 / The report of a day", responses=responses(*DENIED))
async def report(services: ServicesOf, caller: CallerOf, reconciling: ReconcilingOf, day: DayPath) -> ReportView:
    """Totals from the city down to each clinic, by channel; differences by code. Says what long and short mean."""
    return ReportView.of(await _report(services, caller, reconciling, day, "report.read"))


@ROUTER.get(
    "/{day}/export",
    summary="导出日报 / The report as a file",
    response_class=Response,
    responses={**responses(*DENIED), **_file("text/csv")},
)
async def export(
    services: ServicesOf,
    caller: CallerOf,
    reconciling: ReconcilingOf,
    day: DayPath,
    form: Annotated[str, Query(pattern=r"^(csv|json)$")] = "csv",
) -> Response:
    made = await _report(services, caller, reconciling, day, "report.exported")
    if form == "json":
        return _attached(report_json(made), "application/json", f"reconciliation-{day}.json")
    return _attached(report_csv(made), _CSV, f"reconciliation-{day}.csv")


@ROUTER.get(
    "/{day}/differences",
    summary="导出差异 / The differences of a day as a file",
    response_class=Response,
    responses={**responses(*DENIED), **_file("text/csv")},
)
async def export_differences(
    services: ServicesOf, caller: CallerOf, reconciling: ReconcilingOf, day: DayPath
) -> Response:
    act = Act("differences.exported", "day", day)
    scope = await services.access.scope(caller, Permission.RECONCILIATION_READ, act)
    await services.access.done(caller, act)
    found = await _all(reconciling, day, _seen(services, scope))
    return _attached(differences_csv(found), _CSV, f"differences-{day}.csv")


async def _report(services: Services, caller: Caller, reconciling: Reconciling, day: str, action: str) -> DailyReport:
    act = Act(action, "day", day)
    scope = await services.access.scope(caller, Permission.RECONCILIATION_READ, act)
    await services.access.done(caller, act)
    places = _seen(services, scope)
    repository = reconciling.service.repository
    runs = await repository.runs(day, day, RunState.VALID)
    lines = await repository.totals([each.run_id for each in runs])
    shown = [each for each in runs if places is None or each.institution in places]
    return daily_report(day, shown, lines, await _all(reconciling, day, places), parents_of(services), places)


def _seen(services: Services, scope: frozenset[str]) -> frozenset[str] | None:
    """None for whoever sees all: a row may name an institution that nobody knows."""
    return None if services.directory.root in scope else scope


async def _all(reconciling: Reconciling, day: str, places: frozenset[str] | None) -> list[Difference]:
    found: list[Difference] = []
    after = ""
    while True:
        question = DifferenceQuestion(first_day=day, last_day=day, institutions=places, after=after, limit=20 * MOST)
        page = await reconciling.service.repository.differences(question)
        found += page[: question.limit]
        if len(page) <= question.limit:
            return found
        after = found[-1].difference_id


def _attached(body: bytes, kind: str, name: str) -> Response:
    return Response(body, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})
