"""Sign-in, person, institution and entitlement: 9001, 9002, 1101, 1201, 2001. Source: spec/services.md 1.4, 1.5.

The fields of 2001 are this project's reading (confidence C there).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from protocols.wire.insurance.fields import (
    Day,
    Flag,
    Moment,
    Must3,
    Must6,
    Must30,
    Must50,
    Part,
    Tenth,
    Text3,
    Text6,
    Text20,
    Text30,
    Text32,
    Text50,
    Text200,
    Text500,
    Yuan,
)

__all__ = [
    "BaseInfo",
    "EntitlementData",
    "EntitlementInput",
    "EntitlementOutput",
    "IdentityInfo",
    "InstitutionInput",
    "InstitutionOutput",
    "InsuranceInfo",
    "MedinsInfo",
    "PersonData",
    "PersonInput",
    "PersonOutput",
    "SignIn",
    "SignInInput",
    "SignInOutput",
    "SignInResult",
    "SignOut",
    "SignOutInput",
    "SignOutOutput",
    "SignOutResult",
    "TreatmentInfo",
]


class SignIn(Part):
    opter_no: Must30
    mac: Text32
    ip: Text32


class SignInInput(Part):
    sign_in: Annotated[SignIn, Field(alias="signIn")]


class SignInResult(Part):
    sign_time: Moment
    sign_no: Must30


class SignInOutput(Part):
    signinoutb: SignInResult


class SignOut(Part):
    sign_no: Must30
    opter_no: Must30


class SignOutInput(Part):
    sign_out: Annotated[SignOut, Field(alias="signOut")]


class SignOutResult(Part):
    sign_time: Moment


class SignOutOutput(Part):
    signoutoutb: SignOutResult


class PersonData(Part):
    """``mdtrt_cert_type`` 01 token of the e-credential, 02 identity card, 03 social security card, which needs ``card_sn``."""

    mdtrt_cert_type: Must3
    mdtrt_cert_no: Must50
    card_sn: Text32 = ""
    begntime: Moment | None = None
    psn_cert_type: Text6 = ""
    certno: Text50 = ""
    psn_name: Text50 = ""


class PersonInput(Part):
    data: PersonData


class BaseInfo(Part):
    """``age`` in tenths of a year."""

    psn_no: Must30
    psn_cert_type: Text6 = ""
    certno: Text50 = ""
    psn_name: Text50 = ""
    gend: Text6 = ""
    naty: Text3 = ""
    brdy: Text20 = ""
    age: Tenth = 0
    exp_content: Text500 = ""


class InsuranceInfo(Part):
    """One kind of insurance of a person; ``balc`` is the balance of the account, in fen; ``insuplc_admdvs`` the place of
    insurance that every later message must name."""

    balc: Yuan = 0
    insutype: Must6
    psn_type: Text6 = ""
    psn_insu_stas: Text6 = ""
    psn_insu_date: Text20 = ""
    paus_insu_date: Text20 = ""
    cvlserv_flag: Text3 = ""
    insuplc_admdvs: Must6
    emp_name: Text200 = ""


class IdentityInfo(Part):
    psn_idet_type: Text6 = ""
    psn_type_lv: Text6 = ""
    memo: Text500 = ""
    begntime: Text20 = ""
    endtime: Text20 = ""


class PersonOutput(Part):
    baseinfo: BaseInfo
    insuinfo: tuple[InsuranceInfo, ...] = ()
    idetinfo: tuple[IdentityInfo, ...] = ()


class MedinsInfo(Part):
    fixmedins_type: Must6
    fixmedins_name: Text200 = ""
    fixmedins_code: Must30
    uscc: Text50 = ""
    hosp_lv: Text6 = ""


class InstitutionInput(Part):
    medinsinfo: MedinsInfo


class InstitutionOutput(Part):
    medinsinfo: MedinsInfo | None = None


class EntitlementData(Part):
    psn_no: Must30
    insutype: Must6
    fixmedins_code: Must30
    med_type: Must6
    begntime: Moment
    endtime: Moment | None = None
    dise_codg: Text30 = ""
    dise_name: Text500 = ""


class EntitlementInput(Part):
    data: EntitlementData


class TreatmentInfo(Part):
    """``trt_enjymnt_flag`` 1: the person is entitled; ``trt_chk_rslt`` says why not."""

    psn_no: Must30
    trt_chk_type: Text6 = ""
    fund_pay_type: Text6 = ""
    trt_enjymnt_flag: Flag
    begndate: Day
    enddate: Day | None = None
    trt_chk_rslt: Text200 = ""


class EntitlementOutput(Part):
    trtinfo: tuple[TreatmentInfo, ...] = ()
