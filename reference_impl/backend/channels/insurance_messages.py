"""What the insurance is sent for a trade, made from what the database holds of it. Pure.

An insured trade carries in ``terms``: ``psn_no``, ``insutype``, ``insuplc_admdvs``, ``mdtrt_cert_type``, ``mdtrt_cert_no``,
``use_account`` (bool), ``med_type``, ``fixmedins_code``, ``fixmedins_name``. The attempt that locked the bill at the HIS carries in
``facts``: ``feedetail``, the lines in the shape of 2204, and ``diagnoses`` in the shape of the diseinfo of 2203. Visit, batch
and person of the lines are set here. One batch has one disease code: that of the main diagnosis.
Source: spec/services.md 1.4, 1.5, 2.2 (pre-settle).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from protocols.wire.base import WireError
from protocols.wire.insurance.fields import read
from protocols.wire.insurance.message_id import build_msgid
from protocols.wire.insurance.settlement_messages import (
    PreSettleData,
    PreSettleInput,
    SetlInfo,
    SettleData,
    SettleInput,
)
from protocols.wire.insurance.visit_messages import (
    Diagnosis,
    FeeDetail,
    FeeInput,
    VisitData,
    VisitInfo,
    VisitInfoInput,
    VisitInput,
)
from reference_impl.backend.channels.insurance_client import Party
from reference_impl.backend.settlement.model import Leg, Split, Trade

__all__ = [
    "LINES_A_MESSAGE",
    "Incomplete",
    "VisitPlan",
    "fee_messages",
    "party_of",
    "pre_settle_message",
    "settle_message",
    "split_of",
    "visit_info_message",
    "visit_message",
]

LINES_A_MESSAGE = 50
BY_ITEM = "01"
MAIN_DIAGNOSIS = "1"
GENERAL = "A01"
UNKNOWN_STAFF = "0"
_NEEDED = ("psn_no", "insutype", "insuplc_admdvs", "mdtrt_cert_type", "mdtrt_cert_no", "med_type", "fixmedins_code")
_KEPT = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")


class Incomplete(ValueError):
    """The trade lacks what the insurance must be told. ``code`` is stable; the text names what, without its value."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def party_of(trade: Trade) -> Party:
    """For whom a trade speaks. Raises :class:`Incomplete` where its terms lack something."""
    terms = trade.terms
    lacking = [name for name in _NEEDED if not isinstance(terms.get(name), str) or not terms[name]]
    if lacking:
        raise Incomplete("terms-incomplete", f"the trade's terms lack {', '.join(lacking)}")
    try:
        build_msgid(terms["fixmedins_code"], "20260101000000", 0)
    except WireError as error:
        raise Incomplete("terms-incomplete", f"fixmedins_code: {error.why}") from error
    return Party(
        institution=terms["fixmedins_code"],
        institution_name=str(terms.get("fixmedins_name") or terms["fixmedins_code"]),
        opter=trade.terminal_id[:30],
        insuplc=terms["insuplc_admdvs"],
    )


@dataclass(frozen=True, slots=True)
class VisitPlan:
    """The messages that open a visit, but for the number that the centre will give it."""

    trade: Trade
    number: str
    at: str
    lines: Sequence[Mapping[str, Any]]
    diagnoses: Sequence[Diagnosis]

    @staticmethod
    def of(trade: Trade, number: str, at: str) -> VisitPlan:
        """*number* is the outpatient number and the charge batch, *at* the civil time. Raises :class:`Incomplete` for fee lines
        or diagnoses that cannot be sent, before anything is."""
        lock = trade.last_done(Leg.LOCK)
        facts = lock.facts if lock is not None else {}
        lines = [dict(each) for each in _mappings(facts.get("feedetail"))]
        if not lines:
            raise Incomplete("fee-lines-missing", "the HIS gave no fee lines with its lock")
        plan = VisitPlan(trade, number, at, lines, _diagnoses(facts.get("diagnoses")))
        total_fen = sum(line.det_item_fee_sumamt for message in fee_messages(plan, "0") for line in message.feedetail)
        if total_fen != trade.total_fen:
            raise Incomplete(
                "fee-lines-differ", f"the fee lines add up to {total_fen} fen, the bill is {trade.total_fen}"
            )
        return plan

    @property
    def main(self) -> Diagnosis | None:
        mains = [each for each in self.diagnoses if each.diag_type == MAIN_DIAGNOSIS]
        return next(iter([*mains, *self.diagnoses]), None)


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list | tuple):
        for each in cast("Sequence[Any]", value):
            if isinstance(each, Mapping):
                yield cast("Mapping[str, Any]", each)


def _diagnoses(value: Any) -> tuple[Diagnosis, ...]:
    found: list[Diagnosis] = []
    for number, each in enumerate(_mappings(value), 1):
        try:
            found.append(
                read(Diagnosis, {"diag_type": MAIN_DIAGNOSIS, "diag_srt_no": number, "vali_flag": "1", **each})
            )
        except WireError as error:
            raise Incomplete("diagnosis-unusable", f"diagnosis {number}: {error.why}") from error
    return tuple(found)


def visit_message(plan: VisitPlan) -> VisitInput:
    """2201."""
    terms, line = plan.trade.terms, plan.lines[0]
    return VisitInput(
        data=VisitData(
            psn_no=terms["psn_no"],
            insutype=terms["insutype"],
            begntime=plan.at,
            mdtrt_cert_type=terms["mdtrt_cert_type"],
            mdtrt_cert_no=terms["mdtrt_cert_no"],
            ipt_otp_no=plan.number,
            atddr_no=str(line.get("bilg_dr_codg") or UNKNOWN_STAFF)[:30],
            dr_name=str(line.get("bilg_dr_name") or UNKNOWN_STAFF)[:50],
            dept_code=str(line.get("bilg_dept_codg") or UNKNOWN_STAFF)[:30],
            dept_name=str(line.get("bilg_dept_name") or UNKNOWN_STAFF)[:100],
            caty=GENERAL,
        )
    )


def visit_info_message(plan: VisitPlan, mdtrt_id: str) -> VisitInfoInput:
    """2203A."""
    main = plan.main
    return VisitInfoInput(
        mdtrtinfo=VisitInfo(
            mdtrt_id=mdtrt_id,
            psn_no=plan.trade.terms["psn_no"],
            med_type=plan.trade.terms["med_type"],
            begntime=plan.at,
            dise_codg=main.diag_code if main else "",
            dise_name=main.diag_name if main else "",
        ),
        diseinfo=tuple(plan.diagnoses),
    )


def fee_messages(plan: VisitPlan, mdtrt_id: str) -> list[FeeInput]:
    """2204, as many as the lines need. Raises :class:`Incomplete` for a line that is none."""
    main = plan.main
    fixed = {
        "mdtrt_id": mdtrt_id,
        "psn_no": plan.trade.terms["psn_no"],
        "chrg_bchno": plan.number,
        "dise_codg": main.diag_code if main else "",
    }
    lines: list[FeeDetail] = []
    for number, each in enumerate(plan.lines, 1):
        values = {"feedetl_sn": f"{number}", "fee_ocur_time": plan.at, **each, **fixed}
        try:
            lines.append(read(FeeDetail, values))
        except WireError as error:
            raise Incomplete("fee-lines-unusable", f"fee line {number}: {error.why}") from error
    starts = range(0, len(lines), LINES_A_MESSAGE)
    return [FeeInput(feedetail=tuple(lines[start : start + LINES_A_MESSAGE])) for start in starts]


def _common(trade: Trade, mdtrt_id: str, batch: str) -> dict[str, Any]:
    terms = trade.terms
    return {
        "psn_no": terms["psn_no"],
        "mdtrt_cert_type": terms["mdtrt_cert_type"],
        "mdtrt_cert_no": terms["mdtrt_cert_no"],
        "med_type": terms["med_type"],
        "medfee_sumamt": trade.total_fen,
        "psn_setlway": BY_ITEM,
        "mdtrt_id": mdtrt_id,
        "chrg_bchno": batch,
        "acct_used_flag": "1" if terms.get("use_account") else "0",
        "insutype": terms["insutype"],
    }


def pre_settle_message(trade: Trade, mdtrt_id: str, batch: str) -> PreSettleInput:
    """2206."""
    return PreSettleInput(data=PreSettleData(**_common(trade, mdtrt_id, batch)))


def settle_message(trade: Trade, visit: Mapping[str, Any]) -> SettleInput:
    """2207; *visit* is the facts of the visit, among them what 2206 gave back, in fen."""
    kept = {name: visit[name] for name in _KEPT}
    common = _common(trade, visit["mdtrt_id"], visit["ipt_otp_no"])
    return SettleInput(data=SettleData(**common, invono=trade.trade_no[-20:], **kept))


def split_of(trade: Trade, info: SetlInfo) -> Split:
    """Who pays what. Raises :class:`WireError` for parts that do not add up to the bill, or are negative."""
    split = Split(
        fund_fen=info.fund_pay_sumamt,
        account_fen=info.acct_pay,
        cash_fen=info.psn_cash_pay,
        mutual_aid_fen=info.acct_mulaid_pay,
        hospital_fen=info.hosp_part_amt,
    )
    parts = (split.fund_fen, split.account_fen, split.cash_fen, split.mutual_aid_fen, split.hospital_fen)
    if min(parts) < 0 or split.total_fen != trade.total_fen or info.medfee_sumamt != trade.total_fen:
        raise WireError("the parts of the settlement do not add up to the bill")
    return split
