"""Sign-in, persons, institutions, entitlement: 9001, 9002, 1101, 1201, 2001 at the insurance centre (spec/services.md 1.4, 1.5)."""

from __future__ import annotations

from datetime import date
from typing import cast

from protocols.clock import civil
from protocols.wire.insurance.message_id import civil_text, day_of
from protocols.wire.insurance.person_messages import (
    BaseInfo,
    EntitlementInput,
    EntitlementOutput,
    InstitutionInput,
    InstitutionOutput,
    InsuranceInfo,
    MedinsInfo,
    PersonInput,
    PersonOutput,
    SignInInput,
    SignInOutput,
    SignInResult,
    SignOutInput,
    SignOutOutput,
    SignOutResult,
    TreatmentInfo,
)
from simulators.peer.city import DIVISION, Resident
from simulators.peer.insurance_centre import Centre, Decision, Message, Refused

__all__ = ["entitlement", "institution", "person", "sign_in", "sign_out"]

CLINIC = "1"
GRADE_ONE = "03"


def sign_in(centre: Centre, message: Message) -> Decision:
    """9001: once per operator and day; a second one on the same day is given the same number."""
    body = cast("SignInInput", message.body).sign_in
    if body.opter_no != message.request.opter:
        raise Refused("malformed", "opter_no is not the opter of the envelope")
    today = day_of(message.at)
    held = centre.records.sign_ins.get(message.operator)
    if held is not None and held.live and held.day == today:
        return Decision(output=_signed(centre, message, held.sign_no))
    sign_no = f"S{today.replace('-', '')}{centre.records.peek(f'sign-in {today}'):06d}"
    change = {"do": "sign-in", "operator": message.operator, "day": today, "sign_no": sign_no}
    return Decision(change, _signed(centre, message, sign_no))


def _signed(centre: Centre, message: Message, sign_no: str) -> dict[str, object]:
    return centre.written(SignInOutput(signinoutb=SignInResult(sign_time=civil_text(message.at), sign_no=sign_no)))


def sign_out(centre: Centre, message: Message) -> Decision:
    """9002."""
    body = cast("SignOutInput", message.body).sign_out
    if body.opter_no != message.request.opter or body.sign_no != message.request.sign_no:
        raise Refused("malformed", "opter_no and sign_no are those of the envelope")
    output = centre.written(SignOutOutput(signoutoutb=SignOutResult(sign_time=civil_text(message.at))))
    return Decision({"do": "sign-out", "operator": message.operator}, output)


def person(centre: Centre, message: Message) -> Decision:
    """1101: who the holder of a credential is, and how they are insured."""
    data = cast("PersonInput", message.body).data
    if data.mdtrt_cert_type == "03" and not data.card_sn:
        centre.object_to(message, "missing-card-sn")
    found = centre.holder(data.mdtrt_cert_type, data.mdtrt_cert_no)
    if found is None:
        raise Refused("unknown-person")
    if data.certno and data.certno.upper() != found.person.id_number:
        raise Refused("credential-mismatch", "certno")
    if data.psn_name and data.psn_name != found.person.name:
        raise Refused("credential-mismatch", "psn_name")
    return Decision(output=centre.written(_person(centre, found, message.at)))


def _person(centre: Centre, found: Resident, at: float) -> PersonOutput:
    birth = found.person.birth
    born = date(int(birth[:4]), int(birth[4:6]), int(birth[6:]))
    return PersonOutput(
        baseinfo=BaseInfo(
            psn_no=found.psn_no,
            psn_cert_type="01",
            certno=found.person.id_number,
            psn_name=found.person.name,
            gend=found.person.sex,
            naty=found.person.nation,
            brdy=born.isoformat(),
            age=max(0, (civil(at).date() - born).days * 1000 // 36525),
        ),
        insuinfo=(
            InsuranceInfo(
                balc=centre.balance_fen(found),
                insutype=found.insutype,
                psn_type="11" if found.insutype == "310" else "14",
                psn_insu_stas="1",
                psn_insu_date="2010-01-01",
                cvlserv_flag="0",
                insuplc_admdvs=DIVISION,
                emp_name="模拟单位" if found.insutype == "310" else "",
            ),
        ),
    )


def institution(centre: Centre, message: Message) -> Decision:
    """1201: no output node where there is none."""
    wanted = cast("InstitutionInput", message.body).medinsinfo
    found = centre.city.institution_by_code(wanted.fixmedins_code)
    if found is None:
        return Decision(output=centre.written(InstitutionOutput()))
    row = MedinsInfo(
        fixmedins_type=CLINIC,
        fixmedins_name=found.name,
        fixmedins_code=found.code,
        uscc=f"12{DIVISION}SIM{found.number:07d}",
        hosp_lv=GRADE_ONE,
    )
    return Decision(output=centre.written(InstitutionOutput(medinsinfo=row)))


def entitlement(centre: Centre, message: Message) -> Decision:
    """2001: whether the person may be treated on that insurance, and why not."""
    data = cast("EntitlementInput", message.body).data
    found = centre.resident(data.psn_no)
    entitled = data.insutype == found.insutype
    row = TreatmentInfo(
        psn_no=found.psn_no,
        trt_chk_type="1",
        fund_pay_type="310100",
        trt_enjymnt_flag="1" if entitled else "0",
        begndate="2010-01-01",
        trt_chk_rslt="" if entitled else "险种与参保信息不符",
    )
    return Decision(output=centre.written(EntitlementOutput(trtinfo=(row,))))
