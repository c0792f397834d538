"""A visit and its fee lines at the insurance centre: 2201 to 2205 (spec/services.md 1.4, 1.5, 1.7).

2202 for a number that is not known yet is answered and fenced: a 2201 that arrives later is refused, so no visit is left open by a
message that was overtaken. A cancelled visit takes its unsettled lines with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from protocols.wire.insurance.visit_messages import (
    ALL_UNSETTLED,
    CancelVisitInput,
    FeeDetail,
    FeeInput,
    FeeOutput,
    FeeResult,
    VisitInfoInput,
    VisitInput,
    VisitOutput,
    VisitResult,
    WithdrawInput,
)
from simulators.peer.insurance_centre import Centre, Decision, Message, Refused
from simulators.peer.insurance_policy import item_of, rounded, split_line
from simulators.peer.insurance_records import Line, Visit

__all__ = ["cancel", "diagnose", "register", "registered", "upload", "uploaded", "withdraw"]

REGISTRATION = "12"
"""The kind of care for which there is no diagnosis yet."""


def register(centre: Centre, message: Message) -> Decision:
    """2201."""
    data = cast("VisitInput", message.body).data
    resident = centre.resident(data.psn_no)
    if data.insutype != resident.insutype:
        raise Refused("not-insured", "insutype")
    if centre.holder(data.mdtrt_cert_type, data.mdtrt_cert_no) != resident:
        raise Refused("credential-mismatch", "mdtrt_cert_no")
    number = f"{message.institution} {data.ipt_otp_no}"
    if number in centre.records.fenced_numbers:
        raise Refused("message-fenced", "ipt_otp_no")
    if number in centre.records.visit_by_number:
        raise Refused("duplicate-visit", "ipt_otp_no")
    mdtrt_id = f"4419M{centre.records.peek('visit'):04d}"
    visit: dict[str, Any] = {
        "mdtrt_id": mdtrt_id,
        "institution": message.institution,
        "outpatient_no": data.ipt_otp_no,
        "psn_no": data.psn_no,
        "insutype": data.insutype,
        "msgid": message.request.msgid,
    }
    return Decision({"do": "register", "visit": visit}, _registered(centre, Visit(**visit)))


def _registered(centre: Centre, visit: Visit) -> dict[str, Any]:
    result = VisitResult(mdtrt_id=visit.mdtrt_id, psn_no=visit.psn_no, ipt_otp_no=visit.outpatient_no)
    return centre.written(VisitOutput(data=result))


def registered(centre: Centre, message: Message) -> dict[str, Any]:
    """What the same 2201 was answered before."""
    data = cast("VisitInput", message.body).data
    number = f"{message.institution} {data.ipt_otp_no}"
    return _registered(centre, centre.records.visits[centre.records.visit_by_number[number]])


def cancel(centre: Centre, message: Message) -> Decision:
    """2202: by mdtrt_id, or by ipt_otp_no alone for who never learned it."""
    data = cast("CancelVisitInput", message.body).data
    number = f"{message.institution} {data.ipt_otp_no}"
    mdtrt_id = centre.records.visit_by_number.get(number)
    if mdtrt_id is None:
        if data.mdtrt_id:
            raise Refused("no-such-visit")
        return Decision({"do": "fence-number", "number": number})
    if data.mdtrt_id and data.mdtrt_id != mdtrt_id:
        raise Refused("no-such-visit", "mdtrt_id")
    visit = centre.visit(message, mdtrt_id, data.psn_no)
    if visit.settled:
        raise Refused("visit-settled")
    return Decision({"do": "cancel", "mdtrt_id": mdtrt_id})


def diagnose(centre: Centre, message: Message) -> Decision:
    """2203 and 2203A."""
    body = cast("VisitInfoInput", message.body)
    visit = centre.visit(message, body.mdtrtinfo.mdtrt_id, body.mdtrtinfo.psn_no)
    if not body.diseinfo and body.mdtrtinfo.med_type != REGISTRATION:
        centre.object_to(message, "missing-diagnosis", "diseinfo")
    return Decision({"do": "diagnose", "mdtrt_id": visit.mdtrt_id, "med_type": body.mdtrtinfo.med_type})


def upload(centre: Centre, message: Message) -> Decision:
    """2204: all lines of a message or none."""
    details = cast("FeeInput", message.body).feedetail
    visit = centre.visit(message, details[0].mdtrt_id, details[0].psn_no)
    if not visit.diagnosed:
        raise Refused("missing-diagnosis", "2203")
    diseases = {line.batch: line.disease for line in visit.lines.values()}
    numbers = set(visit.lines)
    lines: list[Line] = []
    for each in details:
        _judge(centre, message, visit, each, diseases)
        if each.feedetl_sn in numbers:
            raise Refused("duplicate-line", "feedetl_sn")
        numbers.add(each.feedetl_sn)
        lines.append(_line(each))
    rows = [_row(line) for line in lines]
    return Decision({"do": "upload", "mdtrt_id": visit.mdtrt_id, "lines": rows}, _results(centre, lines))


def _judge(centre: Centre, message: Message, visit: Visit, line: FeeDetail, diseases: dict[str, str]) -> None:
    if line.mdtrt_id != visit.mdtrt_id or line.psn_no != visit.psn_no:
        raise Refused("malformed", "feedetail of several visits")
    if line.det_item_fee_sumamt < 0 or line.cnt <= 0 or line.pric < 0:
        raise Refused("negative-amount", "feedetail")
    if line.chrg_bchno in visit.settled:
        raise Refused("batch-settled", "chrg_bchno")
    if diseases.setdefault(line.chrg_bchno, line.dise_codg) != line.dise_codg:
        centre.object_to(message, "mixed-batch", "dise_codg")
    # A quantity in ten-thousandths times a price in millionths of a yuan, in fen; the last fen is a matter of rounding.
    if abs(rounded(line.cnt * line.pric, 10**8) - line.det_item_fee_sumamt) > 1:
        centre.object_to(message, "line-differs", "det_item_fee_sumamt")


def _line(detail: FeeDetail) -> Line:
    item = item_of(detail.med_list_codg)
    return Line(
        number=detail.feedetl_sn,
        batch=detail.chrg_bchno,
        disease=detail.dise_codg,
        quantity=detail.cnt,
        price=detail.pric,
        fee_fen=detail.det_item_fee_sumamt,
        level=item.level,
        own_share=item.own_share,
        ceiling=item.ceiling,
        split=split_line(item, detail.det_item_fee_sumamt, detail.cnt),
    )


def _row(line: Line) -> list[Any]:
    """As it stands in the journal."""
    split = line.split
    return [
        line.number,
        line.batch,
        line.disease,
        line.quantity,
        line.price,
        line.fee_fen,
        line.level,
        line.own_share,
        line.ceiling,
        [split.own_fen, split.over_fen, split.first_fen, split.scope_fen],
    ]


def _results(centre: Centre, lines: Sequence[Line]) -> dict[str, Any]:
    results = tuple(
        FeeResult(
            feedetl_sn=line.number,
            det_item_fee_sumamt=line.fee_fen,
            cnt=line.quantity,
            pric=line.price,
            pric_uplmt_amt=line.ceiling,
            selfpay_prop=line.own_share,
            fulamt_ownpay_amt=line.split.own_fen,
            overlmt_amt=line.split.over_fen,
            preselfpay_amt=line.split.first_fen,
            inscp_scp_amt=line.split.scope_fen,
            chrgitm_lv=line.level,
            lmt_used_flag="0",
        )
        for line in lines
    )
    return centre.written(FeeOutput(result=results))


def uploaded(centre: Centre, message: Message) -> dict[str, Any]:
    """What the same 2204 was answered before."""
    return _results(centre, [_line(each) for each in cast("FeeInput", message.body).feedetail])


def withdraw(centre: Centre, message: Message) -> Decision:
    """2205: the unsettled lines of a batch, or of all batches (``0000``). Nothing to withdraw is no error."""
    data = cast("WithdrawInput", message.body).data
    visit = centre.visit(message, data.mdtrt_id, data.psn_no)
    if data.chrg_bchno in visit.settled:
        raise Refused("batch-settled", "chrg_bchno")
    numbers = [
        line.number
        for line in visit.lines.values()
        if line.batch not in visit.settled and data.chrg_bchno in (line.batch, ALL_UNSETTLED)
    ]
    return Decision({"do": "withdraw", "mdtrt_id": visit.mdtrt_id, "numbers": numbers})
