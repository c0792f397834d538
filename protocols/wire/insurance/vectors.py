"""Known messages, proofs and files, typed from spec/services.md: 1.3 (TIF, CSB, msgid), 1.9 (3202), 1.10 (I1, I2)."""

from __future__ import annotations

__all__ = [
    "CSB_SECRET",
    "CSB_SIGNATURE",
    "CSB_TEXT",
    "I1_REPLY",
    "I1_REQUEST",
    "I2_INPUT",
    "MSGID",
    "TIF_NONCE_SENT",
    "TIF_SECRET",
    "TIF_SIGNATURE_SENT",
    "TIF_TIMESTAMP_SENT",
    "UPLOAD_3202",
]

TIF_SECRET = "TIF-TEST-SECRET"
TIF_TIMESTAMP_SENT = "1795305600"
TIF_NONCE_SENT = "8f3c1d2e4b5a6978"
TIF_SIGNATURE_SENT = "3afdcd0b0ed913969c08b8d953a8933d851731017a3c5fa5098624cfb6d740e1"

CSB_SECRET = "test-sk"
CSB_TEXT = "_api_access_key=test-ak&_api_name=fsi-test&_api_timestamp=1795305600000&_api_version=1.0.0"
CSB_SIGNATURE = "arwHzVCjIY+Ufh3DVcC2ULy32sY="

MSGID = "H44190000001202611220830150001"

I1_REQUEST = """
{"infno":"2207","msgid":"H44190000001202611220830150001","mdtrtarea_admvs":"441900","insuplc_admdvs":"441900",
 "recer_sys_code":"SIM","infver":"V1.0","opter_type":"2","opter":"KSK-0001","opter_name":"自助机0001",
 "inf_time":"2026-11-22 08:30:15","fixmedins_code":"H44190000001","fixmedins_name":"模拟社区卫生服务站","sign_no":"S20261122000001",
 "input":{"data":{"psn_no":"44190000000000000001","mdtrt_cert_type":"03","mdtrt_cert_no":"D00000001","med_type":"11",
  "medfee_sumamt":125.60,"psn_setlway":"01","mdtrt_id":"4419M0001","chrg_bchno":"B0001","acct_used_flag":"1","insutype":"310",
  "invono":"INV0001","fulamt_ownpay_amt":5.00,"overlmt_selfpay":0.00,"preselfpay_amt":2.10,"inscp_scp_amt":118.50}}}
""".strip().encode()

I1_REPLY = """
{"infcode":"0","inf_refmsgid":"441900202611220830160000000001","refmsg_time":"20261122083015900","respond_time":"20261122083016210",
 "err_msg":"","output":{"setlinfo":{"setl_id":"44190026112200000001","mdtrt_id":"4419M0001","psn_no":"44190000000000000001",
  "setl_time":"2026-11-22 08:30:16","medfee_sumamt":125.60,"fulamt_ownpay_amt":5.00,"overlmt_selfpay":0.00,"preselfpay_amt":2.10,
  "inscp_scp_amt":118.50,"pool_prop_selfpay":0.7000,"hifp_pay":82.95,"fund_pay_sumamt":82.95,"psn_part_amt":42.65,"acct_pay":30.00,
  "acct_mulaid_pay":0.00,"psn_cash_pay":12.65,"hosp_part_amt":0.00,"balc":170.00,
  "medins_setl_id":"H44190000001202611220830150001","clr_optins":"441900","clr_way":"1","clr_type":"11"},
 "setldetail":[{"fund_pay_type":"310100","fund_payamt":82.95,"fund_pay_type_name":"基本医疗统筹基金"}]}}
""".strip().encode()

I2_INPUT = '{"data":{"psn_no":"44190000000000000001","oinfno":"2207","omsgid":"H44190000001202611220830150001"}}'

UPLOAD_3202 = (
    b"44190026112200000001\t4419M0001\t44190000000000000001\t125.60\t82.95\t30.00\t0\n"
    b"44190026112200000002\t4419M0002\t44190000000000000002\t48.00\t0.00\t48.00\t0\n"
    b"44190026112200000003\t4419M0002\t44190000000000000002\t-48.00\t0.00\t-48.00\t1\n"
)
