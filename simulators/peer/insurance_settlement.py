"""Money at the insurance centre: 2206, 2207, 2208, 2601, 5203 (spec/services.md 1.5, 1.7, 1.10).

A settlement moves money once: its msgid again gives the first answer, its batch again is refused. A correction of a message that
is not there is answered and fenced, so the late original is refused.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast

from protocols.wire.base import WireError
from protocols.wire.insurance.codes import CORRECTABLE
from protocols.wire.insurance.invariants import MIRRORED
from protocols.wire.insurance.message_id import civil_text, day_of, parse_msgid
from protocols.wire.insurance.settlement_messages import (
    CorrectInput,
    FundDetail,
    PreSettleData,
    PreSettleInput,
    QueriedSetlInfo,
    QueryInput,
    QueryOutput,
    RevokeInput,
    SetlInfo,
    SettleData,
    SettleInput,
    SettleOutput,
)
from simulators.peer.city import DIVISION
from simulators.peer.insurance_centre import Centre, Decision, Message, Refused
from simulators.peer.insurance_policy import Figures, calculate
from simulators.peer.insurance_records import Settlement, Visit

__all__ = ["correct", "pre_settle", "query", "revoke", "revoked", "settle", "settled"]

POOLED_FUND = "310100"
CLEARING_WAY = "1"
_CLEARING_TYPE = {"41": "41", "93": "41", "21": "21", "22": "21", "23": "21", "24": "21", "52": "21", "92": "21"}


def clearing_type(med_type: str) -> str:
    return _CLEARING_TYPE.get(med_type, "11")


def _figures(centre: Centre, message: Message, data: PreSettleData) -> tuple[Visit, Figures]:
    """Check what was asked and calculate it. Raises :class:`Refused` for every rule that is broken."""
    visit = centre.visit(message, data.mdtrt_id, data.psn_no)
    resident = centre.resident(data.psn_no)
    if data.insutype != visit.insutype:
        raise Refused("not-insured", "insutype")
    if centre.holder(data.mdtrt_cert_type, data.mdtrt_cert_no) != resident:
        raise Refused("credential-mismatch", "mdtrt_cert_no")
    if data.med_type != visit.med_type:
        raise Refused("malformed", "med_type is not that of 2203")
    if data.chrg_bchno in visit.settled:
        raise Refused("batch-settled", "chrg_bchno")
    lines = [line for line in visit.lines.values() if line.batch == data.chrg_bchno]
    if not lines:
        raise Refused("no-fee-lines", "chrg_bchno")
    if data.medfee_sumamt != sum(line.fee_fen for line in lines):
        raise Refused("amount-differs", "medfee_sumamt")
    year = f"{data.psn_no} {day_of(message.at)[:4]}"
    purse = centre.purse(resident, data.acct_used_flag == "1")
    figures = calculate(
        centre.policy, visit.insutype, (line.split for line in lines), centre.records.deducted.get(year, 0), purse
    )
    return visit, figures


def _info(figures: Figures, mdtrt_id: str, psn_no: str, balance_fen: int, clr_type: str) -> SetlInfo:
    return SetlInfo(
        mdtrt_id=mdtrt_id,
        psn_no=psn_no,
        medfee_sumamt=figures.total_fen,
        fulamt_ownpay_amt=figures.own_fen,
        overlmt_selfpay=figures.over_fen,
        preselfpay_amt=figures.first_fen,
        inscp_scp_amt=figures.scope_fen,
        act_pay_dedc=figures.deductible_fen,
        pool_prop_selfpay=figures.ratio,
        hifp_pay=figures.fund_fen,
        fund_pay_sumamt=figures.fund_fen,
        psn_part_amt=figures.person_fen,
        acct_pay=figures.account_fen,
        acct_mulaid_pay=figures.aid_fen,
        psn_cash_pay=figures.cash_fen,
        hosp_part_amt=figures.hospital_fen,
        balc=balance_fen,
        clr_optins=DIVISION,
        clr_way=CLEARING_WAY,
        clr_type=clr_type,
    )


def _detail(fund_fen: int, scope_fen: int) -> tuple[FundDetail, ...]:
    if not fund_fen:
        return ()
    return (
        FundDetail(
            fund_pay_type=POOLED_FUND,
            inscp_scp_amt=scope_fen,
            fund_payamt=fund_fen,
            fund_pay_type_name="基本医疗统筹基金",
        ),
    )


def pre_settle(centre: Centre, message: Message) -> Decision:
    """2206: a calculation."""
    data = cast("PreSettleInput", message.body).data
    visit, figures = _figures(centre, message, data)
    balance_fen = centre.balance_fen(centre.resident(data.psn_no)) - (figures.account_fen - figures.aid_fen)
    info = _info(figures, visit.mdtrt_id, data.psn_no, balance_fen, clearing_type(data.med_type))
    detail = _detail(figures.fund_fen, figures.scope_fen)
    return Decision(output=centre.written(SettleOutput(setlinfo=info, setldetail=detail)))


def settle(centre: Centre, message: Message) -> Decision:
    """2207."""
    data = cast("SettleInput", message.body).data
    visit, figures = _figures(centre, message, data)
    if _echo(data) != (figures.own_fen, figures.over_fen, figures.first_fen, figures.scope_fen):
        raise Refused("amount-differs", "the values of 2206")
    resident = centre.resident(data.psn_no)
    relative = centre.relative(resident) if figures.aid_fen else None
    settlement = Settlement(
        setl_id=_next_id(centre, message.at),
        msgid=message.request.msgid,
        mdtrt_id=visit.mdtrt_id,
        batch=data.chrg_bchno,
        institution=message.institution,
        psn_no=data.psn_no,
        relative=relative.psn_no if relative else "",
        insutype=visit.insutype,
        clr_type=clearing_type(data.med_type),
        at=message.at,
        balance_fen=centre.balance_fen(resident) - (figures.account_fen - figures.aid_fen),
        figures=figures,
    )
    return Decision({"do": "settle", "settlement": asdict(settlement)}, _settled(centre, settlement))


def _echo(data: SettleData) -> tuple[int, int, int, int]:
    return data.fulamt_ownpay_amt, data.overlmt_selfpay, data.preselfpay_amt, data.inscp_scp_amt


def _next_id(centre: Centre, at: float) -> str:
    day = day_of(at)
    return f"{DIVISION}{day[2:].replace('-', '')}{centre.records.peek(f'settlement {day}'):08d}"


def _info_of(settlement: Settlement) -> SetlInfo:
    info = _info(
        settlement.figures, settlement.mdtrt_id, settlement.psn_no, settlement.balance_fen, settlement.clr_type
    )
    return info.model_copy(
        update={
            "setl_id": settlement.setl_id,
            "medins_setl_id": settlement.msgid,
            "setl_time": civil_text(settlement.at),
        }
    )


def _settled(centre: Centre, settlement: Settlement) -> dict[str, Any]:
    detail = _detail(settlement.figures.fund_fen, settlement.figures.scope_fen)
    return centre.written(SettleOutput(setlinfo=_info_of(settlement), setldetail=detail))


def settled(centre: Centre, message: Message) -> dict[str, Any]:
    """What the same 2207 was answered before."""
    return _settled(centre, centre.records.settlements[centre.records.settlement_by_msgid[message.request.msgid]])


def _own(centre: Centre, message: Message, setl_id: str, mdtrt_id: str, psn_no: str) -> Settlement:
    found = centre.records.settlements.get(setl_id)
    if found is None:
        raise Refused("no-such-settlement")
    if found.institution != message.institution:
        raise Refused("foreign-institution", "setl_id")
    if (found.mdtrt_id, found.psn_no) != (mdtrt_id, psn_no):
        raise Refused("no-such-settlement", "mdtrt_id, psn_no")
    return found


def revoke(centre: Centre, message: Message) -> Decision:
    """2208: the same figures with the opposite sign, under a number of its own."""
    data = cast("RevokeInput", message.body).data
    settlement = _own(centre, message, data.setl_id, data.mdtrt_id, data.psn_no)
    if not settlement.valid:
        raise Refused("settlement-reversed")
    mirror_id = _next_id(centre, message.at)
    change = {"do": "revoke", "setl_id": settlement.setl_id, "mirror_id": mirror_id, "msgid": message.request.msgid}
    figures = settlement.figures
    balance_fen = centre.balance_fen(centre.resident(settlement.psn_no)) + figures.account_fen - figures.aid_fen
    return Decision(change, _mirror(centre, settlement, message, mirror_id, message.at, balance_fen))


def _mirror(
    centre: Centre, settlement: Settlement, message: Message, mirror_id: str, at: float, balance_fen: int
) -> dict[str, Any]:
    info = _info_of(settlement)
    update: dict[str, Any] = {name: -getattr(info, name) for name in MIRRORED}
    update |= {
        "setl_id": mirror_id,
        "medins_setl_id": message.request.msgid,
        "setl_time": civil_text(at),
        "balc": balance_fen,
    }
    detail = tuple(
        each.model_copy(update={"fund_payamt": -each.fund_payamt, "inscp_scp_amt": -each.inscp_scp_amt})
        for each in _detail(settlement.figures.fund_fen, settlement.figures.scope_fen)
    )
    return centre.written(SettleOutput(setlinfo=info.model_copy(update=update), setldetail=detail))


def revoked(centre: Centre, message: Message) -> dict[str, Any]:
    """What the same 2208 was answered before."""
    records = centre.records
    settlement = records.settlements[records.revocations[message.request.msgid]]
    move = records.moves[message.request.msgid]
    balance_fen = centre.balance_fen(centre.resident(settlement.psn_no))
    return _mirror(centre, settlement, message, move.setl_id, move.at, balance_fen)


def correct(centre: Centre, message: Message) -> Decision:
    """2601: once for each message, whatever of it has arrived."""
    data = cast("CorrectInput", message.body).data
    if data.oinfno not in CORRECTABLE:
        raise Refused("not-correctable", "oinfno")
    if _institution_of(data.omsgid) != message.institution:
        raise Refused("foreign-institution", "omsgid")
    if data.omsgid in centre.records.corrected:
        return Decision()
    change = {"do": "correct", "omsgid": data.omsgid, "infno": data.oinfno, "msgid": message.request.msgid}
    known = centre.records.messages.get(data.omsgid)
    if known is None:
        return Decision({**change, "arrived": False})
    if known[0] != data.oinfno:
        raise Refused("not-correctable", "omsgid was another transaction")
    if data.oinfno == "2208":
        return _correct_revocation(centre, data.omsgid, data.psn_no, {**change, "arrived": True})
    return _correct_settlement(centre, data.omsgid, data.psn_no, {**change, "arrived": True})


def _institution_of(msgid: str) -> str:
    try:
        return parse_msgid(msgid).owner
    except WireError as error:
        raise Refused("bad-msgid", "omsgid") from error


def _correct_settlement(centre: Centre, omsgid: str, psn_no: str, change: dict[str, Any]) -> Decision:
    settlement = centre.records.settlements[centre.records.settlement_by_msgid[omsgid]]
    if settlement.psn_no != psn_no:
        raise Refused("no-such-settlement", "psn_no")
    if not settlement.valid:
        return Decision()  # taken back by 2208 already: nothing is left to correct
    if centre.temper == "hostile" and _used_since(centre, settlement):
        raise Refused("settlement-used")
    return Decision(change)


def _used_since(centre: Centre, settlement: Settlement) -> bool:
    """A later settlement of the same person builds on its balance and deductible."""
    mine = (each for each in centre.records.settlements.values() if each.psn_no == settlement.psn_no and each.valid)
    return any(each.setl_id > settlement.setl_id for each in mine)


def _correct_revocation(centre: Centre, omsgid: str, psn_no: str, change: dict[str, Any]) -> Decision:
    """The settlement stands again, if its money is still to be had."""
    records = centre.records
    settlement = records.settlements[records.revocations[omsgid]]
    if settlement.psn_no != psn_no:
        raise Refused("no-such-settlement", "psn_no")
    visit = records.visits[settlement.mdtrt_id]
    if visit.void:
        raise Refused("visit-void")
    if settlement.batch in visit.settled:
        raise Refused("batch-settled")
    if not any(line.batch == settlement.batch for line in visit.lines.values()):
        raise Refused("no-fee-lines", "the lines were withdrawn since")
    figures = settlement.figures
    relative = centre.resident(settlement.relative) if settlement.relative else None
    short = centre.balance_fen(centre.resident(psn_no)) < figures.account_fen - figures.aid_fen
    if short or (relative is not None and centre.balance_fen(relative) < figures.aid_fen):
        raise Refused("balance")
    return Decision(change)


def query(centre: Centre, message: Message) -> Decision:
    """5203: the settlement that is named, or the newest of the visit. No ``setlinfo``: there is none."""
    data = cast("QueryInput", message.body).data
    visit = centre.records.visits.get(data.mdtrt_id)
    if visit is None:
        raise Refused("no-such-visit")
    if visit.institution != message.institution:
        raise Refused("foreign-institution", "mdtrt_id")
    if visit.psn_no != data.psn_no:
        raise Refused("no-such-visit", "psn_no")
    setl_id = data.setl_id or (visit.settlements[-1] if visit.settlements else "")
    settlement = centre.records.settlements.get(setl_id)
    if settlement is None or settlement.mdtrt_id != visit.mdtrt_id:
        return Decision(output=centre.written(QueryOutput()))
    info = QueriedSetlInfo.model_construct(
        **dict(_info_of(settlement)),
        refd_setl_flag="0" if settlement.valid else "1",
        refd_setl_id=settlement.mirror_id,
        insutype=settlement.insutype,
    )
    detail = _detail(settlement.figures.fund_fen, settlement.figures.scope_fen)
    return Decision(output=centre.written(QueryOutput(setlinfo=info, setldetail=detail)))
