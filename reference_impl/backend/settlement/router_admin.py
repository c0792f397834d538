"""Trades, alarms and the ledger for operators: look, refund, decide what only a person can."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from reference_impl.backend.administration.callers import DENIED, CallerOf
from reference_impl.backend.administration.model import Caller
from reference_impl.backend.administration.permissions import Permission
from reference_impl.backend.audit.trail import Act
from reference_impl.backend.paging import Page
from reference_impl.backend.peers import NOT_CONNECTED
from reference_impl.backend.problems import CONFLICT, NOT_FOUND, ProblemError, responses
from reference_impl.backend.services import Services, ServicesOf
from reference_impl.backend.settlement.engine import must_be_for_a_person
from reference_impl.backend.settlement.model import AttemptState, Trade
from reference_impl.backend.settlement.questions import alarm_rows, balances, one_alarm, trade_rows
from reference_impl.backend.settlement.router import NOT_NOW
from reference_impl.backend.settlement.schemas import (
    AlarmQuery,
    AlarmView,
    Balance,
    Decision,
    HandledNote,
    Ledger,
    LedgerQuery,
    RefundOrder,
    TradeDetail,
    TradeQuery,
    TradeRow,
)
from reference_impl.backend.settlement.tables import ALARMS
from reference_impl.backend.storage.writes import Write
from reference_impl.backend.till import business_of

__all__ = ["ROUTER"]

ROUTER = APIRouter(prefix="/v1/admin", tags=["trades 交易管理"])

TradeNo = Annotated[str, Path(pattern=r"^[0-9A-Za-z]{1,32}$", examples=["DG2026112700001000001"])]
AttemptId = Annotated[str, Path(pattern=r"^[0-9A-Za-z]{1,40}$", examples=["DG2026112700001000001003"])]
AlarmId = Annotated[str, Path(pattern=r"^[0-9A-Za-z:-]{1,100}$", examples=["DG2026112700001000001003:undo-refused"])]
_KNOWN = responses(*DENIED, NOT_FOUND)
_CHANGES = responses(*DENIED, NOT_FOUND, CONFLICT, NOT_NOW, NOT_CONNECTED)


def _handled(row: dict[str, Any], who: str, now: float) -> Write:
    held = {**row, "state": "handled", "handled_by": who, "handled_at": now, "version": row["version"] + 1}
    return Write(ALARMS, tuple(held[column.name] for column in ALARMS.columns))


async def _trade(services: Services, caller: Caller, permission: Permission, action: str, trade_no: str) -> Trade:
    """The trade, if it is one of the caller's institutions."""
    till = services.till
    found = await (services.store.trade(trade_no) if till is None else till.business.engine.find(trade_no))
    act = Act(action, "trade", trade_no, found.institution if found is not None else "")
    await services.access.require_known(caller, permission, act)
    assert found is not None
    return found


@ROUTER.get("/trades", summary="交易列表 / List trades", responses=responses(*DENIED))
async def list_trades(services: ServicesOf, caller: CallerOf, query: Annotated[TradeQuery, Query()]) -> Page[TradeRow]:
    act = Act("trades.listed", "institution", query.institution, query.institution)
    scope = await services.access.scope(caller, Permission.TRADES_READ, act)
    rows = await trade_rows(
        services.store.engine,
        scope,
        day=query.day,
        state=query.state,
        terminal_id=query.terminal_id,
        after=query.after,
        limit=query.limit + 1,
    )
    shown = [TradeRow.of(each) for each in rows[: query.limit]]
    return Page(items=shown, next=shown[-1].trade_no if len(rows) > query.limit else "")


@ROUTER.get("/trades/{trade_no}", summary="查看交易 / One trade", responses=_KNOWN)
async def one_trade(services: ServicesOf, caller: CallerOf, trade_no: TradeNo) -> TradeDetail:
    """With every attempt at every leg."""
    found = await _trade(services, caller, Permission.TRADES_READ, "trade.read", trade_no)
    await services.access.done(caller, Act("patient.trade-read", "patient", found.patient_id, found.institution))
    return TradeDetail.of(found)


@ROUTER.post("/trades/{trade_no}/refunds", status_code=202, summary="退费 / Refund", responses=_CHANGES)
async def refund(services: ServicesOf, caller: CallerOf, trade_no: TradeNo, body: RefundOrder) -> TradeRow:
    """The whole trade, to where the money came from. It goes on by itself; asked again it is the same refund."""
    found = await _trade(services, caller, Permission.TRADES_REFUND, "trade.refund-ordered", trade_no)
    engine = business_of(services.till).engine
    engine.rules.refund(found, "", services.clock.now())  # refused before the trail says that it was ordered
    act = Act("trade.refund-ordered", "trade", trade_no, found.institution, {"note": body.note})
    await services.access.done(caller, act)
    return TradeDetail.of(await engine.refund(trade_no, f"user:{caller.user.user_id}")).trade


@ROUTER.post(
    "/trades/{trade_no}/attempts/{attempt_id}/decisions",
    status_code=202,
    summary="人工裁定 / Decide by hand",
    responses=_CHANGES,
)
async def decide(
    services: ServicesOf, caller: CallerOf, trade_no: TradeNo, attempt_id: AttemptId, body: Decision
) -> TradeRow:
    """Of an attempt on which its peer contradicts itself, once a person has found out what became of it. The trade goes on."""
    found = await _trade(services, caller, Permission.TRADES_DECIDE, "trade.decided", trade_no)
    if all(each.attempt_id != attempt_id for each in found.attempts):
        raise ProblemError(NOT_FOUND, "This trade has no attempt with this id.")
    engine = business_of(services.till).engine
    must_be_for_a_person(found.attempt(attempt_id))  # refused before the trail says that it was decided
    details = {"attempt": attempt_id, "outcome": body.outcome, "note": body.note}
    await services.access.done(caller, Act("trade.decided", "trade", trade_no, found.institution, details))
    state = AttemptState.SUCCESS if body.outcome == "success" else AttemptState.FAIL
    return TradeDetail.of(await engine.decide_manually(trade_no, attempt_id, state, caller.user.user_id)).trade


@ROUTER.get("/alarms", summary="告警列表 / List alarms", responses=responses(*DENIED))
async def list_alarms(services: ServicesOf, caller: CallerOf, query: Annotated[AlarmQuery, Query()]) -> Page[AlarmView]:
    act = Act("alarms.listed", "institution", query.institution, query.institution)
    scope = await services.access.scope(caller, Permission.ALARMS_READ, act)
    rows = await alarm_rows(services.store.engine, scope, state=query.state, after=query.after, limit=query.limit + 1)
    shown = [AlarmView.of(each) for each in rows[: query.limit]]
    return Page(items=shown, next=shown[-1].alarm_id if len(rows) > query.limit else "")


@ROUTER.post("/alarms/{alarm_id}/handlings", status_code=200, summary="处理告警 / Handle an alarm", responses=_CHANGES)
async def handle(services: ServicesOf, caller: CallerOf, alarm_id: AlarmId, body: HandledNote) -> AlarmView:
    """It is off the list; what it told of stays, and who has handled it."""
    row = await one_alarm(services.store.engine, alarm_id)
    act = Act("alarm.handled", "alarm", alarm_id, row["institution"] if row else "", {"note": body.note})
    await services.access.require_known(caller, Permission.ALARMS_HANDLE, act)
    assert row is not None
    if row["state"] != "open":
        raise ProblemError(CONFLICT, "This alarm was handled already.")
    await services.access.done(caller, act, [_handled(row, caller.user.user_id, services.clock.now())])
    after = await one_alarm(services.store.engine, alarm_id)
    assert after is not None
    return AlarmView.of(after)


@ROUTER.get("/ledger", summary="总账余额 / Balances of the ledger", responses=responses(*DENIED))
async def ledger(services: ServicesOf, caller: CallerOf, query: Annotated[LedgerQuery, Query()]) -> Ledger:
    act = Act("ledger.read", "institution", query.institution, query.institution)
    scope = await services.access.scope(caller, Permission.REPORTS_READ, act)
    found = await balances(services.store.engine, scope, query.day)
    return Ledger(
        accounts=[Balance(account=name, balance_fen=total, postings=count) for name, total, count in found],
        sum_fen=sum(total for _, total, _ in found),
    )
