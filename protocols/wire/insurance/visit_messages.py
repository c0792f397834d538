"""A visit and its fees: 2201 registration, 2202 its cancellation, 2203 diagnoses, 2204 fee lines, 2205 their withdrawal.

Source: spec/services.md 1.4, 1.5.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from protocols.wire.insurance.fields import (
    Moment,
    Must3,
    Must6,
    Must20,
    Must30,
    Must50,
    Must100,
    Part,
    Price,
    Quantity,
    Ratio,
    Serial2,
    Text3,
    Text6,
    Text30,
    Text50,
    Text100,
    Text150,
    Text500,
    Text1000,
    Yuan,
)

__all__ = [
    "ALL_UNSETTLED",
    "CancelVisitData",
    "CancelVisitInput",
    "Diagnosis",
    "FeeDetail",
    "FeeInput",
    "FeeOutput",
    "FeeResult",
    "VisitData",
    "VisitInfo",
    "VisitInfoInput",
    "VisitInput",
    "VisitOutput",
    "VisitResult",
    "WithdrawData",
    "WithdrawInput",
]

ALL_UNSETTLED = "0000"
"""The charge batch by which 2205 takes back every line that is not settled."""

MOST_LINES = 100


class VisitData(Part):
    """``ipt_otp_no`` is unique in the institution: it is by this number that a visit is found when the reply was lost."""

    psn_no: Must30
    insutype: Must6
    begntime: Moment
    mdtrt_cert_type: Must3
    mdtrt_cert_no: Must50
    ipt_otp_no: Must30
    atddr_no: Must30
    dr_name: Must50
    dept_code: Must30
    dept_name: Must100
    caty: Must6


class VisitInput(Part):
    data: VisitData


class VisitResult(Part):
    mdtrt_id: Must30
    psn_no: Must30
    ipt_otp_no: Must30


class VisitOutput(Part):
    data: VisitResult


class CancelVisitData(Part):
    """``mdtrt_id`` is left empty by who never learned it: the visit is then found by its ``ipt_otp_no``."""

    psn_no: Must30
    mdtrt_id: Text30 = ""
    ipt_otp_no: Must30


class CancelVisitInput(Part):
    data: CancelVisitData


class VisitInfo(Part):
    mdtrt_id: Must30
    psn_no: Must30
    med_type: Must6
    begntime: Moment
    main_cond_dscr: Text1000 = ""
    dise_codg: Text30 = ""
    dise_name: Text500 = ""
    birctrl_type: Text6 = ""
    birctrl_matn_date: Text30 = ""
    matn_type: Text6 = ""
    geso_val: Text3 = ""


class Diagnosis(Part):
    """``diag_type`` 1 is the western main diagnosis; ``diag_srt_no`` counts from 1; ``vali_flag`` 1 valid."""

    diag_type: Must3
    diag_srt_no: Serial2
    diag_code: Must20
    diag_name: Must100
    diag_dept: Text50 = ""
    dise_dor_no: Text30 = ""
    dise_dor_name: Text50 = ""
    diag_time: Moment | None = None
    vali_flag: Must3 = "1"


class VisitInfoInput(Part):
    mdtrtinfo: VisitInfo
    diseinfo: Annotated[tuple[Diagnosis, ...], Field(max_length=20)] = ()


class FeeDetail(Part):
    """One fee line. ``det_item_fee_sumamt`` is the amount; ``cnt`` times ``pric`` gives it, to the fen."""

    feedetl_sn: Must30
    mdtrt_id: Must30
    psn_no: Must30
    rxno: Text30 = ""
    chrg_bchno: Must30
    dise_codg: Text30 = ""
    rx_circ_flag: Text3 = ""
    fee_ocur_time: Moment
    med_list_codg: Must50
    medins_list_codg: Text150 = ""
    det_item_fee_sumamt: Yuan
    cnt: Quantity
    pric: Price
    bilg_dept_codg: Text30 = ""
    bilg_dept_name: Text100 = ""
    bilg_dr_codg: Text30 = ""
    bilg_dr_name: Text50 = ""
    hosp_appr_flag: Text3 = ""
    matn_fee_flag: Text6 = ""
    etip_flag: Text6 = ""
    dscg_tkdrug_flag: Text6 = ""
    tcmdrug_used_way: Text6 = ""


class FeeInput(Part):
    feedetail: Annotated[tuple[FeeDetail, ...], Field(min_length=1, max_length=MOST_LINES)]


class FeeResult(Part):
    """How the policy splits one line. ``pric_uplmt_amt`` is the ceiling of the price, 0 for none."""

    feedetl_sn: Must30
    det_item_fee_sumamt: Yuan
    cnt: Quantity
    pric: Price
    pric_uplmt_amt: Price = 0
    selfpay_prop: Ratio = 0
    fulamt_ownpay_amt: Yuan = 0
    overlmt_amt: Yuan = 0
    preselfpay_amt: Yuan = 0
    inscp_scp_amt: Yuan = 0
    chrgitm_lv: Text3 = ""
    med_chrgitm_type: Text6 = ""
    bas_medn_flag: Text3 = ""
    hi_nego_drug_flag: Text3 = ""
    chld_medc_flag: Text3 = ""
    lmt_used_flag: Text3 = ""
    drt_reim_flag: Text3 = ""
    memo: Text500 = ""


class FeeOutput(Part):
    result: tuple[FeeResult, ...]


class WithdrawData(Part):
    mdtrt_id: Must30
    chrg_bchno: Must30
    psn_no: Must30


class WithdrawInput(Part):
    data: WithdrawData
