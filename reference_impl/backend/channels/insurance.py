"""The channel to the medical insurance: visit, settlement, reversal, and the end of a visit (spec/services.md 1.4, 1.7).

Every number under which money may move, that of the settlement, of its correction and of its reversal, is fixed in :meth:`open` and so
is durable before anything is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from protocols.clock import Clock
from protocols.wire.base import WireError
from protocols.wire.insurance.message_id import civil_text
from protocols.wire.insurance.settlement_messages import (
    CorrectData,
    CorrectInput,
    QueriedSetlInfo,
    QueryData,
    QueryInput,
    QueryOutput,
    RevokeData,
    RevokeInput,
    SetlInfo,
    SettleOutput,
)
from protocols.wire.insurance.visit_messages import (
    ALL_UNSETTLED,
    CancelVisitData,
    CancelVisitInput,
    VisitOutput,
    WithdrawData,
    WithdrawInput,
)
from reference_impl.backend.channels.insurance_client import Answer, InsuranceClient, InsuranceSettings, Party
from reference_impl.backend.channels.insurance_messages import (
    Incomplete,
    VisitPlan,
    fee_messages,
    party_of,
    pre_settle_message,
    settle_message,
    split_of,
    visit_info_message,
    visit_message,
)
from reference_impl.backend.channels.insurance_rules import GONE, Finding, InsuranceRules, Queried, Step
from reference_impl.backend.settlement.channel import Heard, Opening, Outcome, Secrets
from reference_impl.backend.settlement.model import Attempt, Leg, Trade
from reference_impl.backend.transport import HttpTransport

__all__ = ["InsuranceChannel"]

_FIRST_OP = {"visit": "open", "settle": "settle", "revoke": "revoke", "close_visit": "close"}


class InsuranceChannel:
    """A :class:`reference_impl.backend.settlement.channel.Channel`. ``client`` also serves identity and reconciliation."""

    name = "insurance"

    def __init__(
        self,
        transport: HttpTransport,
        clock: Clock,
        settings: InsuranceSettings,
        random_bytes: Callable[[int], bytes],
        epoch: int,
    ) -> None:
        self.rules = InsuranceRules()
        self.client = InsuranceClient(transport, clock, settings, random_bytes, epoch)

    # The seam.

    def undo_of(self, attempt: Attempt) -> str:
        return "close_visit" if attempt.operation == "visit" else "revoke"

    def open(
        self, trade: Trade, operation: str, original: Attempt | None, seq: int, secrets: Secrets, now: float
    ) -> Opening:
        """Never raises: a trade that lacks something gets an attempt that says so, and sends nothing."""
        number = f"{trade.trade_no}{seq:03d}"[-30:]
        try:
            institution = party_of(trade).institution
        except Incomplete:
            return Opening(number, _FIRST_OP[operation])
        reference = self.client.numbers.next(institution, now)
        facts: dict[str, Any] = {}
        match operation:
            case "visit":
                facts = {"ipt_otp_no": number}
            case "settle":
                visit = trade.last_done(Leg.VISIT)
                facts = dict(visit.facts) if visit is not None else {}
                facts.pop("split", None)
                facts["correct_msgid"] = self.client.numbers.next(institution, now)
                facts["revoke_msgid"] = self.client.numbers.next(institution, now)
            case "revoke" if original is not None:
                facts = {name: original.facts[name] for name in ("mdtrt_id", "setl_id") if name in original.facts}
                facts["settle_msgid"] = original.reference
            case _ if original is not None:
                facts = {name: original.facts[name] for name in ("mdtrt_id", "ipt_otp_no") if name in original.facts}
        return Opening(reference, _FIRST_OP[operation], facts)

    def engaged(self, trade: Trade) -> bool:
        return False

    def settled(self, attempt: Attempt) -> None:
        """Nothing waits for an insurance attempt of another trade."""

    def resume(self, attempt: Attempt) -> None:
        """Nothing is held in memory for an open attempt."""

    async def perform(self, trade: Trade, attempt: Attempt, secrets: Secrets) -> Outcome:
        try:
            party = party_of(trade)
        except Incomplete as error:
            return Outcome(Heard.UNSENT, error.code, str(error))
        match Step.of(attempt.op).name:
            case "open":
                return await self._open_visit(trade, attempt, party)
            case "withdraw":
                # The code of the attempt stays that of what was refused first.
                return replace(await self._close_visit(trade, attempt, party), code="")
            case "close":
                return await self._close_visit(trade, attempt, party)
            case "settle":
                return await self._settle(trade, attempt, party)
            case "correct":
                return await self._correct(trade, attempt, party)
            case "revoke":
                return await self._revoke(trade, attempt, party)
            case _:
                return await self._look_up(trade, attempt, party)

    # The visit.

    async def _open_visit(self, trade: Trade, attempt: Attempt, party: Party) -> Outcome:
        number = attempt.facts["ipt_otp_no"]
        try:
            plan = VisitPlan.of(trade, number, civil_text(self.client.clock.now()))
        except Incomplete as error:
            return Outcome(Heard.UNSENT, error.code, str(error))
        answer = await self.client.call("2201", party, visit_message(plan), attempt.reference)
        if not answer.done:
            return _outcome(answer)
        visit = answer.of(VisitOutput).data
        if (visit.ipt_otp_no, visit.psn_no) != (number, trade.terms["psn_no"]):
            return Outcome(Heard.SILENCE, reason="2201: the reply belongs to another request")
        return await self._fill_visit(trade, plan, party, visit.mdtrt_id)

    async def _fill_visit(self, trade: Trade, plan: VisitPlan, party: Party, mdtrt_id: str) -> Outcome:
        """Diagnoses, fee lines and the quote; the visit is open already, so nothing that fails here is unsent."""
        facts: dict[str, Any] = {"mdtrt_id": mdtrt_id}
        messages = [("2203A", visit_info_message(plan, mdtrt_id))]
        messages += [("2204", each) for each in fee_messages(plan, mdtrt_id)]
        for infno, body in messages:
            answer = await self.client.call(infno, party, body)
            if not answer.done:
                return _outcome(answer, facts, sent=True)
        answer = await self.client.call("2206", party, pre_settle_message(trade, mdtrt_id, plan.number))
        if not answer.done:
            return _outcome(answer, facts, sent=True)
        info = answer.of(SettleOutput).setlinfo
        try:
            _belongs(info, mdtrt_id, trade)
            split = split_of(trade, info)
        except WireError as error:
            return Outcome(Heard.SILENCE, reason=f"2206: {error.why}", facts=facts)
        for name in ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt"):
            facts[name] = getattr(info, name)
        return Outcome(Heard.DONE, facts=facts, split=split)

    async def _close_visit(self, trade: Trade, attempt: Attempt, party: Party) -> Outcome:
        """Take the lines back and cancel the visit; by the outpatient number alone where the other was never heard."""
        psn_no, mdtrt_id = trade.terms["psn_no"], attempt.facts.get("mdtrt_id", "")
        if mdtrt_id:
            body = WithdrawInput(data=WithdrawData(mdtrt_id=mdtrt_id, chrg_bchno=ALL_UNSETTLED, psn_no=psn_no))
            answer = await self.client.call("2205", party, body)
            if not answer.done and not _gone(answer):
                return _outcome(answer)
        cancel = CancelVisitData(psn_no=psn_no, mdtrt_id=mdtrt_id, ipt_otp_no=attempt.facts["ipt_otp_no"])
        answer = await self.client.call("2202", party, CancelVisitInput(data=cancel))
        return Outcome(Heard.DONE) if answer.done or _gone(answer) else _outcome(answer)

    # The settlement.

    async def _settle(self, trade: Trade, attempt: Attempt, party: Party) -> Outcome:
        if "mdtrt_id" not in attempt.facts:
            return Outcome(Heard.UNSENT, "visit-missing", "there is no visit to settle")
        answer = await self.client.call("2207", party, settle_message(trade, attempt.facts), attempt.reference)
        if not answer.done:
            return _outcome(answer)
        info = answer.of(SettleOutput).setlinfo
        try:
            _belongs(info, attempt.facts["mdtrt_id"], trade)
            if info.medins_setl_id != attempt.reference:
                raise WireError("the reply belongs to another request")
            return Outcome(Heard.DONE, facts=_facts(info), split=split_of(trade, info))
        except WireError as error:
            return Outcome(Heard.SILENCE, reason=f"2207: {error.why}")

    async def _correct(self, trade: Trade, attempt: Attempt, party: Party) -> Outcome:
        data = CorrectData(psn_no=trade.terms["psn_no"], omsgid=attempt.reference, oinfno="2207")
        return _outcome(await self.client.call("2601", party, CorrectInput(data=data), attempt.facts["correct_msgid"]))

    async def _revoke(self, trade: Trade, attempt: Attempt, party: Party) -> Outcome:
        """2208, as an attempt of its own or to take back a settlement of which nobody was to know any more."""
        own = attempt.operation == "revoke"
        msgid = attempt.reference if own else attempt.facts["revoke_msgid"]
        mdtrt_id, setl_id = attempt.facts.get("mdtrt_id", ""), attempt.facts.get("setl_id", "")
        if not mdtrt_id or not setl_id:
            return Outcome(Heard.REFUSED, "no-such-settlement", "the number of the settlement is not known")
        data = RevokeData(setl_id=setl_id, mdtrt_id=mdtrt_id, psn_no=trade.terms["psn_no"])
        answer = await self.client.call("2208", party, RevokeInput(data=data), msgid)
        if not answer.done:
            return _outcome(answer)
        info = answer.of(SettleOutput).setlinfo
        if info.medins_setl_id != msgid or info.mdtrt_id != mdtrt_id:
            return Outcome(Heard.SILENCE, reason="2208: the reply belongs to another request")
        return Outcome(Heard.DONE, facts=_mirror_facts(info))

    async def _look_up(self, trade: Trade, attempt: Attempt, party: Party) -> Outcome:
        """5203: what became of the settlement that was sent under our number."""
        msgid = attempt.facts.get("settle_msgid") or attempt.reference
        data = QueryData(psn_no=trade.terms["psn_no"], mdtrt_id=attempt.facts["mdtrt_id"])
        answer = await self.client.call("5203", party, QueryInput(data=data))
        if not answer.done:
            return _outcome(answer)
        info = answer.of(QueryOutput).setlinfo
        if info is None:
            return Queried(Heard.DONE, finding=Finding.ABSENT)
        if info.medins_setl_id != msgid or info.mdtrt_id != attempt.facts["mdtrt_id"]:
            return Queried(Heard.DONE, reason="5203 speaks of another settlement", finding=Finding.OTHER)
        return self._found(trade, attempt, info)

    @staticmethod
    def _found(trade: Trade, attempt: Attempt, info: QueriedSetlInfo) -> Queried:
        undoing = attempt.operation == "revoke"
        if info.refd_setl_flag == "1":
            facts = {"reversal_setl_id": info.refd_setl_id} if info.refd_setl_id else {}
            return Queried(Heard.DONE, facts=facts if undoing else {**_facts(info), **facts}, finding=Finding.REVERSED)
        try:
            split = split_of(trade, info)
        except WireError as error:
            return Queried(Heard.DONE, reason=f"5203: {error.why}", finding=Finding.OTHER)
        if undoing:
            return Queried(Heard.DONE, finding=Finding.VALID)
        return Queried(Heard.DONE, facts=_facts(info), split=split, finding=Finding.VALID)


def _outcome(answer: Answer, facts: Mapping[str, Any] | None = None, sent: bool = False) -> Outcome:
    """*sent*: something went out before, so that "unsent" is no longer the whole truth."""
    heard = Heard.SILENCE if sent and answer.heard is Heard.UNSENT else answer.heard
    code = answer.code if heard in (Heard.REFUSED, Heard.UNSENT) else ""
    return Outcome(heard, code, answer.reason, dict(facts or {}))


def _gone(answer: Answer) -> bool:
    return answer.heard is Heard.REFUSED and answer.code in GONE


def _belongs(info: SetlInfo, mdtrt_id: str, trade: Trade) -> None:
    if (info.mdtrt_id, info.psn_no) != (mdtrt_id, trade.terms["psn_no"]):
        raise WireError("the reply belongs to another request")


def _facts(info: SetlInfo) -> dict[str, Any]:
    """What receipts and reconciliation need of a settlement; amounts in fen."""
    return {
        "setl_id": info.setl_id,
        "setl_time": info.setl_time or "",
        "medfee_fen": info.medfee_sumamt,
        "fund_fen": info.fund_pay_sumamt,
        "account_fen": info.acct_pay,
        "cash_fen": info.psn_cash_pay,
        "balance_fen": info.balc,
        "clr_type": info.clr_type,
    }


def _mirror_facts(info: SetlInfo) -> dict[str, Any]:
    return {
        "reversal_setl_id": info.setl_id,
        "reversal_time": info.setl_time or "",
        "balance_fen": info.balc,
    }
