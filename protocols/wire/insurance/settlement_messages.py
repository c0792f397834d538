"""Money: 2206 pre-settlement, 2207 settlement, 2208 its reversal, 2601 correction, 5203 the query.

Source: spec/services.md 1.4, 1.5, 1.7, 1.10. What 5203 answers where there is no settlement is not public: ``setlinfo`` is absent
then, and ``refd_setl_flag`` 1 marks one that was taken back, with the number of its negative row in ``refd_setl_id``.
"""

from __future__ import annotations

from protocols.wire.insurance.fields import (
    Flag,
    Moment,
    Must3,
    Must6,
    Must30,
    Must50,
    Part,
    Ratio,
    Text6,
    Text20,
    Text30,
    Text200,
    Text4000,
    Yuan,
)

__all__ = [
    "CorrectData",
    "CorrectInput",
    "FundDetail",
    "PreSettleData",
    "PreSettleInput",
    "QueriedSetlInfo",
    "QueryData",
    "QueryInput",
    "QueryOutput",
    "RevokeData",
    "RevokeInput",
    "SetlInfo",
    "SettleData",
    "SettleInput",
    "SettleOutput",
]


class PreSettleData(Part):
    psn_no: Must30
    mdtrt_cert_type: Must3
    mdtrt_cert_no: Must50
    med_type: Must6
    medfee_sumamt: Yuan
    psn_setlway: Must6
    mdtrt_id: Must30
    chrg_bchno: Must30
    acct_used_flag: Flag
    insutype: Must6


class PreSettleInput(Part):
    data: PreSettleData


class SettleData(PreSettleData):
    """The last four are those that 2206 gave back."""

    invono: Text20 = ""
    fulamt_ownpay_amt: Yuan
    overlmt_selfpay: Yuan
    preselfpay_amt: Yuan
    inscp_scp_amt: Yuan


class SettleInput(Part):
    data: SettleData


class SetlInfo(Part):
    """``setl_id`` is empty in 2206; ``medins_setl_id`` equals the sender's msgid; ``setl_time`` is the centre's and decides the
    day of reconciliation. Amounts in fen, ``pool_prop_selfpay`` in ten-thousandths."""

    setl_id: Text30 = ""
    mdtrt_id: Must30
    psn_no: Must30
    medins_setl_id: Text30 = ""
    setl_time: Moment | None = None
    medfee_sumamt: Yuan
    fulamt_ownpay_amt: Yuan = 0
    overlmt_selfpay: Yuan = 0
    preselfpay_amt: Yuan = 0
    inscp_scp_amt: Yuan = 0
    act_pay_dedc: Yuan = 0
    pool_prop_selfpay: Ratio = 0
    hifp_pay: Yuan = 0
    cvlserv_pay: Yuan = 0
    hifes_pay: Yuan = 0
    hifmi_pay: Yuan = 0
    hifob_pay: Yuan = 0
    maf_pay: Yuan = 0
    oth_pay: Yuan = 0
    fund_pay_sumamt: Yuan
    psn_part_amt: Yuan
    acct_pay: Yuan
    acct_mulaid_pay: Yuan = 0
    psn_cash_pay: Yuan
    hosp_part_amt: Yuan = 0
    balc: Yuan = 0
    clr_optins: Text6 = ""
    clr_way: Text6 = ""
    clr_type: Text6 = ""


class FundDetail(Part):
    fund_pay_type: Must6
    inscp_scp_amt: Yuan = 0
    crt_payb_lmt_amt: Yuan = 0
    fund_payamt: Yuan
    fund_pay_type_name: Text200 = ""
    setl_proc_info: Text4000 = ""


class SettleOutput(Part):
    setlinfo: SetlInfo
    setldetail: tuple[FundDetail, ...] = ()


class RevokeData(Part):
    setl_id: Must30
    mdtrt_id: Must30
    psn_no: Must30


class RevokeInput(Part):
    data: RevokeData


class CorrectData(Part):
    """``omsgid`` is the msgid that was sent, ``oinfno`` its transaction."""

    psn_no: Must30
    omsgid: Must30
    oinfno: Must6


class CorrectInput(Part):
    data: CorrectData


class QueryData(Part):
    """Without ``setl_id`` the newest settlement of the visit is meant: who lost a reply does not know it."""

    psn_no: Must30
    setl_id: Text30 = ""
    mdtrt_id: Must30


class QueryInput(Part):
    data: QueryData


class QueriedSetlInfo(SetlInfo):
    refd_setl_flag: Flag = "0"
    refd_setl_id: Text30 = ""
    insutype: Text6 = ""


class QueryOutput(Part):
    setlinfo: QueriedSetlInfo | None = None
    setldetail: tuple[FundDetail, ...] = ()
