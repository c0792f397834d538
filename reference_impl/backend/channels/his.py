"""The channel to the HIS: lock and settlement of a trade, and the way back from both (spec/services.md 2.1, 2.2, 8).

A trade carries in ``terms`` either ``bill_ids`` (a list) or ``slot_lock`` with ``slot_id``, and ``med_type``. The lock is sent under the
trade's number, and so is the settlement; a refund has a number of its own. The lock brings what the insurance needs:
``feedetail`` in the shape of 2204 and ``diagnoses`` in that of the diseinfo of 2203, besides ``his_lock``; the settlement
``reconciliation_no`` and, of a registration, ``registration_id`` and ``see_no``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from pydantic import ValidationError

from protocols.wire.his.money_messages import (
    ACCOUNT_KIND,
    FUND_KIND,
    Insurance,
    LockTrade,
    Pay,
    PayKind,
    SettleTrade,
    Split,
    TradeCancelled,
    TradeLocked,
    TradeSettled,
    TradeStatus,
    UnlockTrade,
)
from protocols.wire.his.operations import Operation
from protocols.wire.his.registration_messages import ConfirmRegistration, RegistrationConfirmed
from protocols.wire.his.report_messages import AskRefund, AskStatus, Refund, RefundRequest, RefundWithdrawn
from reference_impl.backend.channels.his_client import Answer, HisClient
from reference_impl.backend.channels.his_rules import CONTRADICTION, INCOMPLETE, Finding, Found, HisRules, step_of
from reference_impl.backend.settlement.channel import ChannelRules, Heard, Opening, Outcome, Secrets
from reference_impl.backend.settlement.model import Attempt, Leg, Trade

__all__ = ["CASH_KIND", "HisChannel"]

CASH_KIND: Mapping[str, PayKind] = {"bank": "02", "wechat": "11", "alipay": "12", "unionpay_qr": "13"}
"""The payment kind (spec/services.md 2.2) of each channel that takes cash."""

_FINDINGS: Mapping[str, Finding] = {
    "DONE": Finding.SETTLED,
    "LOCKED": Finding.HELD,
    "CANCELLED": Finding.GONE,
    "EXPIRED": Finding.GONE,
    "REFUNDING": Finding.TAKEN_BACK,
    "REFUNDED": Finding.TAKEN_BACK,
}
_REFUND_FINDINGS: Mapping[str, Finding] = {
    "DONE": Finding.SETTLED,
    "PENDING": Finding.HELD,
    "WITHDRAWN": Finding.GONE,
}


class _Incomplete(ValueError):
    """The trade lacks what the HIS must be told; nothing is sent."""


class HisChannel:
    """A :class:`reference_impl.backend.settlement.channel.Channel`. ``client`` serves the domains as well."""

    name = "his"

    def __init__(self, client: HisClient) -> None:
        self.rules: ChannelRules = HisRules()
        self.client = client

    # The seam.

    def undo_of(self, attempt: Attempt) -> str:
        return "unlock" if attempt.operation == "lock" else "refund"

    def open(
        self, trade: Trade, operation: str, original: Attempt | None, seq: int, secrets: Secrets, now: float
    ) -> Opening:
        """Never raises. The settlement is known to both sides by the trade's own number, of which there is one."""
        reference = trade.trade_no if operation == "commit" else f"{trade.trade_no}{seq:03d}"
        return Opening(reference, operation)

    def engaged(self, trade: Trade) -> bool:
        return False

    def settled(self, attempt: Attempt) -> None:
        """Nothing waits for an attempt of another trade."""

    def resume(self, attempt: Attempt) -> None:
        """Nothing is held in memory for an open attempt."""

    async def perform(self, trade: Trade, attempt: Attempt, secrets: Secrets) -> Outcome:
        try:
            return await self._performed(trade, attempt)
        except ValidationError as error:
            names = sorted({str(each["loc"][0]) if each["loc"] else "trade" for each in error.errors()})
            return Outcome(Heard.UNSENT, INCOMPLETE, f"the HIS cannot be told this: {', '.join(names)}")
        except _Incomplete as error:
            return Outcome(Heard.UNSENT, INCOMPLETE, str(error))

    async def _performed(self, trade: Trade, attempt: Attempt) -> Outcome:
        match step_of(attempt.op)[0]:
            case "lock":
                return await self._lock(trade, attempt)
            case "commit" | "recommit":
                return await self._commit(trade, attempt)
            case "check":
                return await self._check(trade)
            case "fence" | "unlock":
                return await self._let_go(trade)
            case "refund" | "reapply":
                return await self._refund(trade, attempt)
            case "refund_query":
                return await self._refund_query(trade, attempt)
            case _:
                return await self._withdraw(trade, attempt)

    # The lock.

    async def _lock(self, trade: Trade, attempt: Attempt) -> Outcome:
        terms = trade.terms
        message = LockTrade(
            trade_no=trade.trade_no,
            patient_id=trade.patient_id,
            bill_ids=_bill_ids(terms),
            slot_lock=str(terms.get("slot_lock") or ""),
            med_type=str(terms.get("med_type") or ""),
            terminal_id=trade.terminal_id,
        )
        answer = await self.client.call(Operation.LOCK_TRADE, trade.institution, message, attempt.reference)
        if not answer.done:
            return _outcome(answer)
        locked = answer.of(TradeLocked)
        if locked.total_fen != trade.total_fen:
            return Outcome(
                Heard.REFUSED, "amount-changed", f"the bill is {locked.total_fen} fen now, {trade.total_fen} were shown"
            )
        if sum(each.amount_fen for each in locked.feedetail) != locked.total_fen:
            return Outcome(Heard.REFUSED, "fee-lines-differ", "the fee lines do not add up to the bill")
        return Outcome(
            Heard.DONE,
            facts={
                "feedetail": [_filled(each.model_dump()) for each in locked.feedetail],
                "diagnoses": [_filled(each.model_dump()) for each in locked.diagnoses],
                "his_lock": {"expires_at": locked.expires_at, "slot_lock": message.slot_lock},
            },
        )

    async def _let_go(self, trade: Trade) -> Outcome:
        """Release the lock, and fence the number. The code of the attempt stays that of what was refused first."""
        answer = await self.client.call(Operation.UNLOCK_TRADE, trade.institution, UnlockTrade(trade_no=trade.trade_no))
        if not answer.done:
            return _outcome(answer)
        return Outcome(Heard.DONE, facts={"his_let_go": answer.of(TradeCancelled).result})

    # The settlement.

    async def _commit(self, trade: Trade, attempt: Attempt) -> Outcome:
        split, insurance = _split(trade), _insurance(trade)
        slot_lock = str(trade.terms.get("slot_lock") or "")
        if slot_lock:
            operation, message = (
                Operation.CONFIRM_REGISTRATION,
                ConfirmRegistration(
                    lock_id=slot_lock,
                    trade_no=trade.trade_no,
                    pays=_pays(trade, split),
                    split=split,
                    insurance=insurance,
                    terminal_id=trade.terminal_id,
                ),
            )
        else:
            operation, message = (
                Operation.SETTLE_TRADE,
                SettleTrade(
                    trade_no=trade.trade_no,
                    pays=_pays(trade, split),
                    split=split,
                    insurance=insurance,
                    terminal_id=trade.terminal_id,
                ),
            )
        answer = await self.client.call(operation, trade.institution, message, attempt.reference)
        if not answer.done:
            return _outcome(answer)
        if slot_lock:
            registered = answer.of(RegistrationConfirmed)
            return Outcome(Heard.DONE, facts=_filled(registered.model_dump()))
        settled = answer.of(TradeSettled)
        return Outcome(Heard.DONE, facts={"reconciliation_no": settled.reconciliation_no})

    async def _check(self, trade: Trade) -> Outcome:
        """What became of the settlement."""
        answer = await self.client.call(Operation.TRADE_STATUS, trade.institution, AskStatus(trade_no=trade.trade_no))
        if answer.heard is Heard.REFUSED and answer.code == "notfound":
            return Found(Heard.DONE, finding=Finding.ABSENT)
        if not answer.done:
            return replace(_outcome(answer), code="")
        status = answer.of(TradeStatus)
        finding = _FINDINGS[status.state]
        if finding is Finding.SETTLED and status.amount_fen != trade.total_fen:
            return Found(Heard.DONE, CONTRADICTION, "the HIS has settled another amount", finding=Finding.OTHER)
        told = status.model_dump(include={"reconciliation_no", "registration_id", "see_no"})
        return Found(Heard.DONE, facts=_filled(told) if finding is Finding.SETTLED else {}, finding=finding)

    # The refund.

    async def _refund(self, trade: Trade, attempt: Attempt) -> Outcome:
        message = RefundRequest(
            refund_no=attempt.reference,
            trade_no=trade.trade_no,
            amount_fen=trade.total_fen,
            terminal_id=trade.terminal_id,
        )
        answer = await self.client.call(Operation.REQUEST_REFUND, trade.institution, message, attempt.reference)
        if not answer.done:
            return _outcome(answer)
        refund = answer.of(Refund)
        heard = {"DONE": Heard.DONE, "PENDING": Heard.BUSY}.get(refund.state, Heard.SILENCE)
        return Outcome(heard, facts=_refund_facts(refund))

    async def _refund_query(self, trade: Trade, attempt: Attempt) -> Outcome:
        answer = await self.client.call(
            Operation.REFUND_STATUS, trade.institution, AskRefund(refund_no=attempt.reference)
        )
        if answer.heard is Heard.REFUSED and answer.code == "notfound":
            return Found(Heard.DONE, finding=Finding.ABSENT)
        if not answer.done:
            return replace(_outcome(answer), code="")
        refund = answer.of(Refund)
        finding = _REFUND_FINDINGS[refund.state]
        if refund.trade_no != trade.trade_no or refund.amount_fen != trade.total_fen:
            return Found(Heard.DONE, CONTRADICTION, "the HIS speaks of another refund", finding=Finding.OTHER)
        return Found(Heard.DONE, facts=_refund_facts(refund), finding=finding)

    async def _withdraw(self, trade: Trade, attempt: Attempt) -> Outcome:
        """Take the application back, and fence its number. The code stays that of what was refused first."""
        answer = await self.client.call(
            Operation.WITHDRAW_REFUND, trade.institution, AskRefund(refund_no=attempt.reference)
        )
        if not answer.done:
            return _outcome(answer)
        return Outcome(Heard.DONE, facts={"his_let_go": answer.of(RefundWithdrawn).result})


def _bill_ids(terms: Mapping[str, Any]) -> tuple[str, ...]:
    found = terms.get("bill_ids") or ()
    if not isinstance(found, list | tuple):
        raise _Incomplete("bill_ids is no list")
    return tuple(str(each) for each in cast("Sequence[Any]", found))


def _split(trade: Trade) -> Split:
    split = trade.split
    if split is None:
        raise _Incomplete("the trade has no split yet")
    return Split(
        fund_fen=split.fund_fen,
        account_fen=split.account_fen,
        cash_fen=split.cash_fen,
        reduction_fen=split.hospital_fen,
    )


def _insurance(trade: Trade) -> Insurance | None:
    settled = trade.last_done(Leg.INSURANCE)
    if settled is None:
        return None
    return Insurance(setl_id=str(settled.facts.get("setl_id", "")), mdtrt_id=str(settled.facts.get("mdtrt_id", "")))


def _pays(trade: Trade, split: Split) -> tuple[Pay, ...]:
    """Each part that somebody paid, under the number by which its channel has it."""
    settled, cash = trade.last_done(Leg.INSURANCE), trade.last_done(Leg.CASH)
    at_insurance = str(settled.facts.get("setl_id") or settled.reference) if settled is not None else ""
    parts: list[tuple[PayKind, int, str]] = [
        (FUND_KIND, split.fund_fen, at_insurance),
        (ACCOUNT_KIND, split.account_fen, at_insurance),
    ]
    if split.cash_fen:
        if cash is None or cash.channel not in CASH_KIND:
            raise _Incomplete("nobody knows how the cash part was paid")
        parts.append((CASH_KIND[cash.channel], split.cash_fen, cash.reference))
    return tuple(Pay(kind=kind, amount_fen=fen, channel_ref=number[:64]) for kind, fen, number in parts if fen)


def _refund_facts(refund: Refund) -> dict[str, Any]:
    return {"his_refund_id": refund.his_refund_id} if refund.his_refund_id else {}


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in ("", None)}


def _outcome(answer: Answer) -> Outcome:
    code = answer.code if answer.heard in (Heard.REFUSED, Heard.UNSENT) else ""
    return Outcome(answer.heard, code, answer.reason)
