"""Trades at a terminal: open, pay, wait, cancel, refund, receipt; and the key under which a PIN travels."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from protocols.wire.platform.message import Id
from protocols.wire.platform.models import (
    CardData,
    OpenTradeRequest,
    PayRequest,
    PinKey,
    Reason,
    ReceiptView,
    RefundEligibility,
    TradeView,
)
from reference_impl.backend.bills.service import BILL_PROBLEMS
from reference_impl.backend.identity.visitors import VISITOR_UNKNOWN
from reference_impl.backend.peers import NOT_CONNECTED, PEER_PROBLEMS
from reference_impl.backend.problems import CONFLICT, ProblemKind, responses
from reference_impl.backend.registration.service import REGISTRATION_PROBLEMS
from reference_impl.backend.settlement.desk import DESK_PROBLEMS, LONGEST_WAIT_S
from reference_impl.backend.terminals.callers import TERMINAL_DENIED, opened
from reference_impl.backend.terminals.tellers import SERVICE_OFF, CallerOf, KeyOf

__all__ = ["ROUTER"]

ROUTER = APIRouter(prefix="/v1", tags=["trades 交易"])

NOT_NOW = ProblemKind(
    "not-now",
    409,
    "现在不能这样做",
    "The trade is in another state: read it and decide anew. The code says which rule.",
)

_ENDS = responses(*TERMINAL_DENIED, NOT_CONNECTED, *DESK_PROBLEMS, NOT_NOW, CONFLICT)
_ASKS_OTHERS = responses(
    *TERMINAL_DENIED, SERVICE_OFF, NOT_CONNECTED, *DESK_PROBLEMS, NOT_NOW, *PEER_PROBLEMS, VISITOR_UNKNOWN
)
_OPENS = responses(
    *TERMINAL_DENIED,
    SERVICE_OFF,
    NOT_CONNECTED,
    *DESK_PROBLEMS,
    NOT_NOW,
    *PEER_PROBLEMS,
    VISITOR_UNKNOWN,
    *BILL_PROBLEMS,
    *REGISTRATION_PROBLEMS,
)

TradeNo = Annotated[str, Path(pattern=r"^[0-9A-Za-z]{1,32}$", examples=["DG2026112700001000001"])]


@ROUTER.post("/terminals/pin-key", summary="个人密码密钥 / The PIN key", responses=_ENDS)
async def pin_key(caller: CallerOf) -> PinKey:
    """Enciphered under the keypad's master key, as the bank gave it at sign-in."""
    return await caller.business.desk.pin_key(caller.teller)


@ROUTER.post("/trades", summary="开立交易 / Open a trade", responses=_OPENS)
async def open_trade(
    caller: CallerOf,
    key: KeyOf,
    body: OpenTradeRequest,
) -> TradeView:
    """For bills, or for a locked slot. It is durable when this answers; lock and quote follow by themselves."""
    caller.must_offer("registration" if body.lock_id else "payment")
    return await caller.business.desk.open(caller.teller, key, body)


@ROUTER.get("/trades", summary="按幂等键查询 / The trade of a key", responses=_ENDS)
async def by_key(caller: CallerOf, key: Annotated[Id, Query(examples=["k-20261127-000001"])]) -> TradeView:
    """What became of a wish that went unanswered. 404: it never arrived."""
    return await caller.business.desk.by_key(caller.teller, key)


@ROUTER.get("/trades/{trade_no}", summary="查询交易 / One trade", responses=_ENDS)
async def trade(
    caller: CallerOf,
    trade_no: TradeNo,
    wait_s: Annotated[float, Query(ge=0, le=LONGEST_WAIT_S)] = 0.0,
) -> TradeView:
    """Only what is durable. With ``wait_s`` the answer comes when the trade changes, or after that time."""
    return await caller.business.desk.trade(caller.teller, trade_no, wait_s)


@ROUTER.post("/trades/{trade_no}/pay", summary="支付 / Pay", responses=_ENDS)
async def pay(caller: CallerOf, trade_no: TradeNo, key: KeyOf, body: PayRequest) -> TradeView:
    """One press of pay. The same key is the same press; ``sealed`` is a CardData."""
    card = opened(caller.admitted, body.sealed, CardData) if body.sealed else None
    return await caller.business.desk.pay(caller.teller, trade_no, key, body.method, body.auth_code, card)


@ROUTER.post("/trades/{trade_no}/cancel", summary="取消 / Cancel", responses=_ENDS)
async def cancel(caller: CallerOf, trade_no: TradeNo, body: Reason) -> TradeView:
    """Before it is paid. What was done is taken back by itself."""
    return await caller.business.desk.cancel(caller.teller, trade_no, body.reason)


@ROUTER.get("/trades/{trade_no}/refund-eligibility", summary="可否退费 / May it be refunded", responses=_ASKS_OTHERS)
async def eligibility(caller: CallerOf, trade_no: TradeNo) -> RefundEligibility:
    return await caller.business.desk.eligibility(caller.teller, trade_no)


@ROUTER.post("/trades/{trade_no}/refund", summary="退费 / Refund", responses=_ASKS_OTHERS)
async def refund(caller: CallerOf, trade_no: TradeNo, body: Reason) -> TradeView:
    """The whole trade, to where the money came from. Asked again, it is the same refund."""
    caller.must_offer("refund")
    return await caller.business.desk.refund(caller.teller, trade_no, body.reason)


@ROUTER.get("/trades/{trade_no}/receipt", summary="凭条 / Receipt", responses=_ENDS)
async def receipt(caller: CallerOf, trade_no: TradeNo) -> ReceiptView:
    return await caller.business.desk.receipt(caller.teller, trade_no)
