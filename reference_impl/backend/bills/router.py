"""What a visitor owes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from protocols.wire.platform.message import Id
from protocols.wire.platform.models import BillList
from reference_impl.backend.bills.service import BILL_PROBLEMS
from reference_impl.backend.identity.visitors import VISITOR_UNKNOWN
from reference_impl.backend.peers import NOT_CONNECTED, PEER_PROBLEMS
from reference_impl.backend.problems import responses
from reference_impl.backend.terminals.callers import TERMINAL_DENIED
from reference_impl.backend.terminals.tellers import CallerOf

__all__ = ["ROUTER"]

ROUTER = APIRouter(prefix="/v1", tags=["bills 费用"])

_ENDS = responses(*TERMINAL_DENIED, *PEER_PROBLEMS, NOT_CONNECTED, VISITOR_UNKNOWN, *BILL_PROBLEMS)

VisitorQuery = Annotated[Id, Query(description="Of the visit", examples=["V0123456789abcdef01234567"])]


@ROUTER.get("/bills", summary="待缴费用 / Unpaid bills", responses=_ENDS)
async def bills(caller: CallerOf, visitor_id: VisitorQuery) -> BillList:
    """Line by line (DG-SVC-PAY-01). A bill that another payment holds is left out."""
    return await caller.business.bills.list(caller.teller, visitor_id)
