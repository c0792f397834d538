"""Terminals for operators: create, change, revoke, command, look, report."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from reference_impl.backend.administration.callers import DENIED, CallerOf
from reference_impl.backend.administration.model import Caller
from reference_impl.backend.administration.permissions import Permission
from reference_impl.backend.audit.trail import Act
from reference_impl.backend.paging import Page, ScopeQuery, page_of
from reference_impl.backend.problems import CONFLICT, NOT_FOUND, ProblemError, responses
from reference_impl.backend.services import Services, ServicesOf
from reference_impl.backend.storage.records import load
from reference_impl.backend.terminals.model import CommandRow, Terminal
from reference_impl.backend.terminals.reports import fleet_report, fleet_table
from reference_impl.backend.terminals.schemas import (
    CommandRequest,
    CommandView,
    EnrolmentCode,
    EventView,
    FleetReport,
    TerminalChange,
    TerminalQuery,
    TerminalRequest,
    TerminalView,
    VersionView,
)
from reference_impl.backend.terminals.tables import COMMANDS, MODULE_EVENTS, TERMINAL_VERSIONS

__all__ = ["ROUTER"]

ROUTER = APIRouter(prefix="/v1/admin", tags=["terminals 终端管理"])

IdPath = Annotated[str, Path(pattern=r"^[0-9A-Za-z][0-9A-Za-z-]{0,31}$", examples=["KSK-00001"])]
CommandPath = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", examples=["7f3c2a9e5b1d4c60"])]
_NEWEST = 100


async def _known(services: Services, caller: Caller, permission: Permission, action: str, terminal_id: str) -> Terminal:
    """The terminal, if it is one of the caller's."""
    held = services.fleet.terminals.get(terminal_id)
    act = Act(action, "terminal", terminal_id, held.institution if held is not None else "")
    await services.access.require_known(caller, permission, act)
    assert held is not None
    return held


async def _open_place(services: Services, caller: Caller, terminal_id: str, institution: str, action: str) -> None:
    act = Act(action, "terminal", terminal_id, institution)
    await services.access.require(caller, Permission.TERMINALS_WRITE, act)
    place = services.directory.institutions.get(institution)
    if place is None or place.state != "open":
        raise ProblemError(CONFLICT, "There is no open institution with this code.", where="body.institution")


@ROUTER.get("/terminals", summary="终端列表 / List terminals", responses=responses(*DENIED))
async def list_terminals(
    services: ServicesOf, caller: CallerOf, query: Annotated[TerminalQuery, Query()]
) -> Page[TerminalView]:
    fleet = services.fleet
    act = Act("terminals.listed", "institution", query.institution, query.institution)
    scope = await services.access.scope(caller, Permission.TERMINALS_READ, act)

    def wanted(each: Terminal) -> bool:
        heard = fleet.heard.get(each.terminal_id)
        return (
            each.institution in scope
            and (not query.state or each.state == query.state)
            and (query.online is None or fleet.online(each.terminal_id) is query.online)
            and (not query.mode or (heard is not None and heard.mode == query.mode))
        )

    shown, following = page_of(filter(wanted, fleet.terminals.values()), lambda each: each.terminal_id, query)
    return Page(items=[TerminalView.of(each, fleet) for each in shown], next=following)


@ROUTER.post(
    "/terminals", status_code=201, summary="新增终端 / Create a terminal", responses=responses(*DENIED, CONFLICT)
)
async def create(services: ServicesOf, caller: CallerOf, body: TerminalRequest) -> EnrolmentCode:
    await _open_place(services, caller, body.terminal_id, body.institution, "terminal.created")
    made, code = await services.fleet.create(caller.actor, body.wish)
    return EnrolmentCode(terminal=TerminalView.of(made, services.fleet), code=code, expires_at=made.code_expires_at)


@ROUTER.get("/terminals/{terminal_id}", summary="查看终端 / One terminal", responses=responses(*DENIED, NOT_FOUND))
async def one(services: ServicesOf, caller: CallerOf, terminal_id: IdPath) -> TerminalView:
    held = await _known(services, caller, Permission.TERMINALS_READ, "terminal.read", terminal_id)
    return TerminalView.of(held, services.fleet)


@ROUTER.patch(
    "/terminals/{terminal_id}",
    summary="修改终端 / Change a terminal",
    responses=responses(*DENIED, NOT_FOUND, CONFLICT),
)
async def change(services: ServicesOf, caller: CallerOf, terminal_id: IdPath, body: TerminalChange) -> TerminalView:
    held = await _known(services, caller, Permission.TERMINALS_WRITE, "terminal.changed", terminal_id)
    changes = (body.name, body.institution, body.services)
    if any(each is not None for each in changes):
        if body.institution is not None:
            await _open_place(services, caller, terminal_id, body.institution, "terminal.changed")
        held = await services.fleet.change(caller.actor, terminal_id, *changes)
    return TerminalView.of(held, services.fleet)


@ROUTER.post(
    "/terminals/{terminal_id}/revocations",
    summary="停用终端 / Revoke a terminal",
    responses=responses(*DENIED, NOT_FOUND, CONFLICT),
)
async def revoke(services: ServicesOf, caller: CallerOf, terminal_id: IdPath) -> TerminalView:
    """Its key and its sessions are void at once. A new enrolment code brings it back."""
    await _known(services, caller, Permission.TERMINALS_WRITE, "terminal.revoked", terminal_id)
    return TerminalView.of(await services.fleet.end(caller.actor, terminal_id, "revoked"), services.fleet)


@ROUTER.delete(
    "/terminals/{terminal_id}",
    summary="删除终端 / Remove a terminal",
    responses=responses(*DENIED, NOT_FOUND, CONFLICT),
)
async def remove(services: ServicesOf, caller: CallerOf, terminal_id: IdPath) -> TerminalView:
    """For ever; what it did stays on record, and its number at the bank is free."""
    await _known(services, caller, Permission.TERMINALS_WRITE, "terminal.removed", terminal_id)
    return TerminalView.of(await services.fleet.end(caller.actor, terminal_id, "removed"), services.fleet)


@ROUTER.post(
    "/terminals/{terminal_id}/enrolment-codes",
    status_code=201,
    summary="签发登记码 / Issue an enrolment code",
    responses=responses(*DENIED, NOT_FOUND, CONFLICT),
)
async def issue_code(services: ServicesOf, caller: CallerOf, terminal_id: IdPath) -> EnrolmentCode:
    await _known(services, caller, Permission.TERMINALS_WRITE, "terminal.code-issued", terminal_id)
    held, code = await services.fleet.new_code(caller.actor, terminal_id)
    return EnrolmentCode(terminal=TerminalView.of(held, services.fleet), code=code, expires_at=held.code_expires_at)


@ROUTER.post(
    "/terminals/{terminal_id}/commands",
    status_code=201,
    summary="下发指令 / Command a terminal",
    responses=responses(*DENIED, NOT_FOUND, CONFLICT),
)
async def command(services: ServicesOf, caller: CallerOf, terminal_id: IdPath, body: CommandRequest) -> CommandView:
    """Sent once, with a heartbeat at which no citizen is served, or never when that comes too late."""
    await _known(services, caller, Permission.TERMINALS_COMMAND, "terminal.commanded", terminal_id)
    row = await services.fleet.command(caller.actor, terminal_id, body.verb)
    return CommandView.of(row, services.clock.now())


@ROUTER.get("/terminals/{terminal_id}/commands", summary="指令记录 / Commands", responses=responses(*DENIED, NOT_FOUND))
async def list_commands(services: ServicesOf, caller: CallerOf, terminal_id: IdPath) -> list[CommandView]:
    """The newest hundred."""
    await _known(services, caller, Permission.TERMINALS_READ, "terminal.commands-read", terminal_id)
    rows = await load(
        services.store.engine,
        COMMANDS,
        CommandRow,
        COMMANDS.c.terminal_id == terminal_id,
        order=COMMANDS.c.issued_at.desc(),
        limit=_NEWEST,
    )
    now = services.clock.now()
    return [CommandView.of(each, now) for each in rows]


@ROUTER.delete(
    "/terminals/{terminal_id}/commands/{command_id}",
    summary="撤回指令 / Withdraw a command",
    responses=responses(*DENIED, NOT_FOUND, CONFLICT),
)
async def withdraw(services: ServicesOf, caller: CallerOf, terminal_id: IdPath, command_id: CommandPath) -> CommandView:
    await _known(services, caller, Permission.TERMINALS_COMMAND, "terminal.command-withdrawn", terminal_id)
    row = await services.fleet.withdraw(caller.actor, terminal_id, command_id)
    return CommandView.of(row, services.clock.now())


@ROUTER.get("/terminals/{terminal_id}/versions", summary="版本记录 / Versions", responses=responses(*DENIED, NOT_FOUND))
async def versions(services: ServicesOf, caller: CallerOf, terminal_id: IdPath) -> list[VersionView]:
    """Every program version that the terminal was heard with, and since when."""
    await _known(services, caller, Permission.TERMINALS_READ, "terminal.versions-read", terminal_id)
    question = TERMINAL_VERSIONS.select().where(TERMINAL_VERSIONS.c.terminal_id == terminal_id)
    async with services.store.engine.connect() as connection:
        rows = await connection.execute(question.order_by(TERMINAL_VERSIONS.c.first_heard_at.desc()))
        return [VersionView(app_version=each.app_version, first_heard_at=each.first_heard_at) for each in rows]


@ROUTER.get(
    "/terminals/{terminal_id}/events", summary="模块事件 / Module events", responses=responses(*DENIED, NOT_FOUND)
)
async def events(services: ServicesOf, caller: CallerOf, terminal_id: IdPath) -> list[EventView]:
    """The newest hundred changes of its modules."""
    await _known(services, caller, Permission.TERMINALS_READ, "terminal.events-read", terminal_id)
    question = MODULE_EVENTS.select().where(MODULE_EVENTS.c.terminal_id == terminal_id)
    async with services.store.engine.connect() as connection:
        rows = await connection.execute(question.order_by(MODULE_EVENTS.c.at.desc()).limit(_NEWEST))
        return [EventView(module=each.module, state=each.state, code=each.code, at=each.at) for each in rows]


@ROUTER.get("/terminal-report", summary="终端统计 / The fleet in numbers", responses=responses(*DENIED))
async def report(services: ServicesOf, caller: CallerOf, query: Annotated[ScopeQuery, Query()]) -> FleetReport:
    return fleet_report(await _scoped(services, caller, query, "terminals.reported"), services.fleet)


@ROUTER.get(
    "/terminal-report.csv",
    summary="导出终端报表 / Export the fleet as CSV",
    response_class=Response,
    responses={200: {"description": "CSV, UTF-8 with a byte order mark", "content": {"text/csv": {}}}}
    | responses(*DENIED),
)
async def export(services: ServicesOf, caller: CallerOf, query: Annotated[ScopeQuery, Query()]) -> Response:
    table = fleet_table(await _scoped(services, caller, query, "terminals.exported"), services.fleet)
    return Response(
        table, media_type="text/csv", headers={"content-disposition": 'attachment; filename="terminals.csv"'}
    )


async def _scoped(services: Services, caller: Caller, query: ScopeQuery, action: str) -> list[Terminal]:
    act = Act(action, "institution", query.institution, query.institution)
    scope = await services.access.scope(caller, Permission.TERMINALS_READ, act)
    await services.access.done(caller, act)
    return sorted(
        (each for each in services.fleet.terminals.values() if each.institution in scope),
        key=lambda each: each.terminal_id,
    )
