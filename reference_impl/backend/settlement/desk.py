"""The terminal's requests about trades: checked, made into what the engine takes, and answered with what is durable."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from protocols.clock import Clock, civil
from protocols.wire.platform.models import (
    CardData,
    OpenTradeRequest,
    PinKey,
    ReceiptView,
    RefundEligibility,
    TradeView,
)
from reference_impl.backend.banking.host import BankUnavailable
from reference_impl.backend.banking.security_module import KeysRefused
from reference_impl.backend.banking.terminals import NoBankTerminal
from reference_impl.backend.bills.service import BillService, must_have_record
from reference_impl.backend.channels.his_client import HisClient
from reference_impl.backend.identity.teller import Teller
from reference_impl.backend.identity.visitors import VISITOR_UNKNOWN, VisitorRecord, Visitors
from reference_impl.backend.peers import answers
from reference_impl.backend.problems import ProblemError, ProblemKind
from reference_impl.backend.registration.service import RegistrationService
from reference_impl.backend.settlement.channel import Secrets
from reference_impl.backend.settlement.engine import Engine
from reference_impl.backend.settlement.model import Goal, Trade, TradeKind, TradeState
from reference_impl.backend.settlement.rules import CASH_METHODS, Refusal
from reference_impl.backend.settlement.trade_store import OpenTrade
from reference_impl.backend.settlement.views import receipt_view, trade_view

__all__ = ["DESK_PROBLEMS", "SettlementDesk"]

ONE_OF_TWO = ProblemKind("bills-or-lock", 422, "请选择费用或号源", "Give bill_ids or lock_id, and not both.")
TRADE_UNKNOWN = ProblemKind(
    "no-such-trade", 404, "没有该交易", "Check the trade number; it must be one of this institution."
)
PAY_DATA = ProblemKind(
    "payment-data",
    422,
    "支付数据不完整",
    "A QR method has an auth_code, a bank card a sealed part, the others neither.",
)
NO_PIN_KEY = ProblemKind(
    "no-pin-key", 503, "银行签到未完成", "The bank has given no keys: use another method.", retry=True
)

DESK_PROBLEMS = (ONE_OF_TWO, TRADE_UNKNOWN, PAY_DATA, NO_PIN_KEY)

LONGEST_WAIT_S = 25.0
REGISTRATION_MED_TYPE = "12"

_QR = frozenset(name for name in CASH_METHODS if name != "bank_card")


class SettlementDesk:
    """*pin_key* signs a terminal in at the bank where that is wanted, and gives its PIN key."""

    def __init__(
        self,
        engine: Engine,
        visitors: Visitors,
        bills: BillService,
        registration: RegistrationService,
        his: HisClient,
        pin_key: Callable[[str], Awaitable[PinKey]],
        clock: Clock,
    ) -> None:
        self.engine = engine
        self._visitors, self._bills, self._registration = visitors, bills, registration
        self._his, self._pin_key, self._clock = his, pin_key, clock

    # Opening.

    async def open(self, teller: Teller, key: str, wanted: OpenTradeRequest) -> TradeView:
        """A repeated key is answered with its trade, before anything else is looked at: what was due then no longer is."""
        if bool(wanted.bill_ids) == bool(wanted.lock_id):
            raise ProblemError(ONE_OF_TWO, where="bill_ids")
        fingerprint = hashlib.sha256(wanted.model_dump_json().encode()).hexdigest()
        known = await self.engine.find_by_key(teller.terminal_id, key)
        if known is not None:
            if known.request_hash != fingerprint:
                raise Refusal("idempotency-key-reused", "this key was used for another request: take a new one")
            return trade_view(known)
        visitor = self._visitors.at(teller.terminal_id, wanted.visitor_id)
        patient_id = must_have_record(visitor)
        if wanted.lock_id:
            lock = self._registration.kept(visitor, wanted.lock_id)
            kind, total_fen = TradeKind.REGISTRATION, lock.fee_fen
            terms: dict[str, object] = {
                "slot_lock": lock.lock_id,
                "slot_id": lock.slot_id,
                "med_type": REGISTRATION_MED_TYPE,
            }
        else:
            chosen = await self._bills.chosen(teller, patient_id, wanted.bill_ids)
            kind, total_fen = TradeKind.BILL, sum(each.total_fen for each in chosen)
            terms = {"bill_ids": list(wanted.bill_ids), "med_type": chosen[0].med_type}
        insured = wanted.insured and bool(visitor.insutype)
        if insured:
            terms |= _insurance_terms(teller, visitor, wanted.use_account)
        await teller.noted("patient.trade-opened", patient_id, {"kind": kind.value})
        trade = await self.engine.open(
            OpenTrade(
                kind=kind,
                key=key,
                request_hash=fingerprint,
                terminal_id=teller.terminal_id,
                institution=teller.institution,
                patient_id=patient_id,
                total_fen=total_fen,
                insured=insured,
                terms=terms,
            )
        )
        return trade_view(trade)

    # Paying.

    async def pin_key(self, teller: Teller) -> PinKey:
        try:
            return await self._pin_key(teller.terminal_id)
        except (BankUnavailable, NoBankTerminal, KeysRefused) as error:
            raise ProblemError(NO_PIN_KEY, str(error)) from error

    async def pay(
        self, teller: Teller, trade_no: str, key: str, method: str, auth_code: str = "", card: CardData | None = None
    ) -> TradeView:
        """One press of pay. *key* is of this press alone."""
        await self._own(teller, trade_no)
        if (method in _QR) != bool(auth_code) or (method == "bank_card") != (card is not None):
            raise ProblemError(PAY_DATA, where="method")
        secrets = Secrets({"auth_code": auth_code} if auth_code else card.model_dump() if card else {})
        return trade_view(await self.engine.pay(trade_no, method, key, secrets))

    async def cancel(self, teller: Teller, trade_no: str, reason: str) -> TradeView:
        await self._own(teller, trade_no)
        return trade_view(await self.engine.cancel(trade_no, f"terminal:{reason}"))

    # Looking.

    async def trade(self, teller: Teller, trade_no: str, wait_s: float = 0.0) -> TradeView:
        """What is durable; with *wait_s*, once it is something else than now, or after that time."""
        trade = await self._own(teller, trade_no)
        if wait_s > 0 and not trade.state.final:
            version = trade.version
            changed = await self.engine.wait(trade_no, lambda each: _news(trade, each), min(wait_s, LONGEST_WAIT_S))
            trade = changed if changed is not None and changed.version >= version else trade
        return trade_view(trade)

    async def by_key(self, teller: Teller, key: str) -> TradeView:
        trade = await self.engine.find_by_key(teller.terminal_id, key)
        if trade is None:
            raise ProblemError(TRADE_UNKNOWN, where="key")
        return trade_view(trade)

    async def receipt(self, teller: Teller, trade_no: str) -> ReceiptView:
        trade = await self._own(teller, trade_no)
        at = trade.closed_at or trade.updated_at
        return receipt_view(trade, teller.institution_name, f"{civil(at):%Y-%m-%d %H:%M:%S}")

    # Refunds.

    async def eligibility(self, teller: Teller, trade_no: str) -> RefundEligibility:
        """Whether the HIS would grant it now; asked again when it is wanted."""
        trade = await self._own(teller, trade_no)
        self._of_who_is_here(teller, trade)
        if trade.state is not TradeState.PAID:
            return RefundEligibility(eligible=False, code="not-paid", detail=f"the trade is {trade.state.value}")
        with answers():
            told = await self._his.refund_eligibility(trade.institution, trade_no)
        return RefundEligibility(eligible=told.eligible, code=told.code, detail="")

    async def refund(self, teller: Teller, trade_no: str, reason: str) -> TradeView:
        """Asked again, it is the refund that was asked for, whoever stands there now."""
        trade = await self._own(teller, trade_no)
        if trade.goal is not Goal.REFUND:
            self._of_who_is_here(teller, trade)
            await teller.noted("patient.refund-asked", trade.patient_id, {"trade": trade_no})
        return trade_view(await self.engine.refund(trade_no, f"terminal:{reason}"))

    def _of_who_is_here(self, teller: Teller, trade: Trade) -> None:
        """A slip that somebody has found gives nobody money: the patient must have shown who they are."""
        if not self._visitors.is_here(teller.terminal_id, trade.patient_id):
            raise ProblemError(VISITOR_UNKNOWN, where="trade_no")

    async def _own(self, teller: Teller, trade_no: str) -> Trade:
        """The trade, if it is one of the terminal's institution: what belongs to others is not there."""
        trade = await self.engine.find(trade_no)
        if trade is None or trade.institution != teller.institution:
            raise ProblemError(TRADE_UNKNOWN, where="trade_no")
        return trade


def _news(before: Trade, now: Trade) -> bool:
    return (now.state, now.goal, now.method) != (before.state, before.goal, before.method)


def _insurance_terms(teller: Teller, visitor: VisitorRecord, use_account: bool) -> dict[str, object]:
    """What the insurance channel reads (see channels/insurance_messages.py)."""
    kind, number = visitor.certificate
    return {
        "psn_no": visitor.psn_no,
        "insutype": visitor.insutype,
        "insuplc_admdvs": visitor.insuplc,
        "mdtrt_cert_type": kind,
        "mdtrt_cert_no": number,
        "use_account": use_account,
        "fixmedins_code": teller.institution,
        "fixmedins_name": teller.institution_name,
    }
