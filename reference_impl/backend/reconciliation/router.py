"""Reconciliation over HTTP: runs and their rows, differences and what is done about them, parameters."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query

from reference_impl.backend.administration.callers import DENIED, CallerOf
from reference_impl.backend.administration.permissions import Permission
from reference_impl.backend.audit.trail import Act
from reference_impl.backend.problems import NOT_FOUND, ProblemError, responses
from reference_impl.backend.reconciliation.model import Book, Scope
from reference_impl.backend.reconciliation.opening import ReconcilingOf
from reference_impl.backend.reconciliation.questions import (
    BAD_FILE,
    FILES_GONE,
    FILES_MISSING,
    REFUSED,
    difference_for,
    problem_of,
    run_for,
)
from reference_impl.backend.reconciliation.report import LONG_SHORT
from reference_impl.backend.reconciliation.repository import DifferenceQuestion
from reference_impl.backend.reconciliation.rows import rows_of_run
from reference_impl.backend.reconciliation.schemas import (
    DifferenceDetail,
    DifferencePage,
    DifferenceQuery,
    DifferenceView,
    HandlingRequest,
    ParametersView,
    RowPage,
    RowQuery,
    RowView,
    RunPage,
    RunQuery,
    RunReportView,
    RunRequest,
    RunView,
    VoidRequest,
    Words,
)
from reference_impl.backend.services import ServicesOf

__all__ = ["ROUTER"]

ROUTER = APIRouter(prefix="/v1/admin/reconciliation", tags=["reconciliation 对账"])

RunPath = Annotated[str, Path(pattern=r"^R[0-9]{8}-[0-9]{3,6}$", examples=["R20261122-001"])]
DifferencePath = Annotated[str, Path(pattern=r"^R[0-9]{8}-[0-9]{3,6}-[0-9]{7}$", examples=["R20261122-001-0000001"])]
READ, RUN, HANDLE = (
    Permission.RECONCILIATION_READ,
    Permission.RECONCILIATION_RUN,
    Permission.RECONCILIATION_HANDLE,
)


@ROUTER.post(
    "/runs",
    status_code=201,
    summary="执行对账 / Run a day",
    responses=responses(*DENIED, FILES_MISSING, BAD_FILE, *REFUSED),
)
async def run(services: ServicesOf, caller: CallerOf, reconciling: ReconcilingOf, body: RunRequest) -> RunReportView:
    """Takes the place of a former run of the same scope. With a bad or a missing file nothing changes."""
    scope = Scope(date.fromisoformat(body.day), body.institution, body.channel)
    act = Act("reconciliation.run", "day", body.day, body.institution, {"channel": body.channel})
    await services.access.require(caller, RUN, act)
    await services.access.done(caller, act)
    try:
        files = await reconciling.source.files(scope)
        report = await reconciling.service.run(scope, files, caller.user.user_id)
    except ValueError as error:
        raise problem_of(error) from error
    return RunReportView.of(report)


@ROUTER.get("/runs", summary="对账列表 / List runs", responses=responses(*DENIED))
async def runs(
    services: ServicesOf, caller: CallerOf, reconciling: ReconcilingOf, query: Annotated[RunQuery, Query()]
) -> RunPage:
    """Valid and void ones. Those of all institutions are shown to whoever may see the root."""
    scope = await services.access.scope(caller, READ, Act("reconciliation.listed"))
    found = await reconciling.service.repository.runs(query.first_day, query.last_day)
    return RunPage(items=[RunView.of(each) for each in found if (each.institution or services.directory.root) in scope])


@ROUTER.get("/runs/{run_id}", summary="查看一次对账 / One run", responses=responses(*DENIED, NOT_FOUND))
async def one_run(services: ServicesOf, caller: CallerOf, reconciling: ReconcilingOf, run_id: RunPath) -> RunView:
    return RunView.of(await run_for(services, caller, reconciling, READ, "reconciliation.read", run_id))


@ROUTER.post(
    "/runs/{run_id}/voidings",
    summary="作废一次对账 / Void a run",
    responses=responses(*DENIED, NOT_FOUND, *REFUSED),
)
async def void(
    services: ServicesOf, caller: CallerOf, reconciling: ReconcilingOf, run_id: RunPath, body: VoidRequest
) -> RunReportView:
    held = await run_for(services, caller, reconciling, RUN, "reconciliation.voided", run_id)
    place = held.institution or services.directory.root
    await services.access.done(caller, Act("reconciliation.voided", "run", run_id, place))
    try:
        return RunReportView.of(await reconciling.service.void(run_id, caller.user.user_id, body.reason))
    except ValueError as error:
        raise problem_of(error) from error


@ROUTER.get(
    "/runs/{run_id}/rows",
    summary="对账明细 / Rows of a run",
    responses=responses(*DENIED, NOT_FOUND, FILES_GONE),
)
async def rows(
    services: ServicesOf,
    caller: CallerOf,
    reconciling: ReconcilingOf,
    run_id: RunPath,
    query: Annotated[RowQuery, Query()],
) -> RowPage:
    """Of one book, the equal ones and those that differ."""
    held = await run_for(services, caller, reconciling, READ, "reconciliation.rows", run_id)
    service = reconciling.service
    if not held.compared and not held.carried and not any(each["rows"] for each in json.loads(held.files)):
        return RowPage(items=[], after=-1)
    found = await service.repository.of_runs([run_id])
    try:
        shown = await asyncio.to_thread(
            rows_of_run,
            service.books(held),
            Book(query.book),
            found,
            differing=query.differing,
            after=query.after,
            limit=query.limit + 1,
        )
    except FileNotFoundError:
        raise ProblemError(FILES_GONE) from None
    items = [RowView.of(each) for each in shown[: query.limit]]
    return RowPage(items=items, after=items[-1].row if len(shown) > query.limit else -1)


@ROUTER.get("/differences", summary="差异列表 / List differences", responses=responses(*DENIED))
async def differences(
    services: ServicesOf, caller: CallerOf, reconciling: ReconcilingOf, query: Annotated[DifferenceQuery, Query()]
) -> DifferencePage:
    """Of valid runs, those of the caller's institutions."""
    act = Act("differences.listed", "institution", query.institution, query.institution)
    scope = await services.access.scope(caller, READ, act)
    whole = services.directory.root in scope
    asked = query.model_dump(exclude={"institution"})
    question = DifferenceQuestion(**asked, institutions=None if whole else scope)
    found = await reconciling.service.repository.differences(question)
    items = [DifferenceView.of(each) for each in found[: query.limit]]
    return DifferencePage(
        definition=Words(zh=LONG_SHORT.zh, en=LONG_SHORT.en),
        items=items,
        next=items[-1].difference_id if len(found) > query.limit else "",
    )


@ROUTER.get(
    "/differences/{difference_id}", summary="查看差异 / One difference", responses=responses(*DENIED, NOT_FOUND)
)
async def one_difference(
    services: ServicesOf, caller: CallerOf, reconciling: ReconcilingOf, difference_id: DifferencePath
) -> DifferenceDetail:
    found = await difference_for(services, caller, reconciling, READ, "difference.read", difference_id)
    return DifferenceDetail.made(found, await reconciling.service.repository.handlings(found.subject))


@ROUTER.post(
    "/differences/{difference_id}/handlings",
    summary="处理差异 / Handle a difference",
    responses=responses(*DENIED, NOT_FOUND, *REFUSED),
)
async def handle(
    services: ServicesOf,
    caller: CallerOf,
    reconciling: ReconcilingOf,
    difference_id: DifferencePath,
    body: HandlingRequest,
) -> DifferenceDetail:
    """By name and with a reason. No machine undoes what a person has said."""
    before = await difference_for(services, caller, reconciling, HANDLE, "difference.handled", difference_id)
    act = Act("difference.handled", "difference", difference_id, before.institution, {"action": body.action.value})
    await services.access.done(caller, act)
    service = reconciling.service
    try:
        after = await service.handle(difference_id, body.action, caller.user.user_id, body.reason, body.version)
    except ValueError as error:
        raise problem_of(error) from error
    return DifferenceDetail.made(after, await service.repository.handlings(after.subject))


@ROUTER.get("/parameters", summary="对账参数 / Parameters", responses=responses(*DENIED))
async def parameters(services: ServicesOf, caller: CallerOf, reconciling: ReconcilingOf) -> ParametersView:
    await services.access.scope(caller, READ, Act("reconciliation.parameters"))
    return ParametersView.of(await reconciling.service.repository.parameters())


@ROUTER.put("/parameters", summary="修改对账参数 / Change the parameters", responses=responses(*DENIED))
async def change_parameters(
    services: ServicesOf, caller: CallerOf, reconciling: ReconcilingOf, body: ParametersView
) -> ParametersView:
    """They hold for the runs to come; each run keeps those with which it was made."""
    act = Act("reconciliation.parameters-changed", "", "", services.directory.root)
    await services.access.require(caller, RUN, act)
    await services.access.done(caller, act)
    await reconciling.service.set_parameters(body.parameters(), caller.user.user_id)
    return body
