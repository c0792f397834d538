"""One exchange of every operation on bills, trades, refunds, the day's list and e-bills, typed by hand. The status of a trade is as
spec/services.md 2.3 prints it, with the fields that this interface has besides; the amounts are those of 1.10."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.wire.his.example import Example
from protocols.wire.his.operations import Operation

__all__ = ["MONEY_EXAMPLES"]

TRADE = "DG2026112200000001"

_O = Operation

MONEY_EXAMPLES: Mapping[Operation, Example] = {
    _O.LIST_BILLS: Example(
        {"patient_id": "P00000001"},
        {
            "patient_id": "P00000001",
            "bills": [
                {
                    "bill_id": "B00001-00000001-0001",
                    "register_no": "M00001-00000001-0001",
                    "department_id": "01",
                    "department": "全科门诊",
                    "doctor_id": "0101",
                    "doctor": "演示医生0101",
                    "billed_at": "2026-11-22T08:10:00+08:00",
                    "total_fen": 12560,
                    "fee_category": "西药费",
                    "med_type": "11",
                    "pay_merge": True,
                    "held": False,
                    "items": [
                        {
                            "item_id": "A001",
                            "name": "阿莫西林胶囊",
                            "kind": "西药费",
                            "spec": "0.25g*24",
                            "unit": "盒",
                            "quantity": "4",
                            "price_fen": 2490,
                            "amount_fen": 9960,
                        },
                        {
                            "item_id": "B001",
                            "name": "血常规",
                            "kind": "检验费",
                            "spec": "",
                            "unit": "次",
                            "quantity": "1",
                            "price_fen": 2100,
                            "amount_fen": 2100,
                        },
                        {
                            "item_id": "C001",
                            "name": "一次性用品",
                            "kind": "材料费",
                            "spec": "",
                            "unit": "套",
                            "quantity": "1",
                            "price_fen": 500,
                            "amount_fen": 500,
                        },
                    ],
                }
            ],
        },
    ),
    _O.LOCK_TRADE: Example(
        {
            "trade_no": TRADE,
            "patient_id": "P00000001",
            "bill_ids": ["B00001-00000001-0001"],
            "med_type": "11",
            "terminal_id": "KSK-0001",
        },
        {
            "trade_no": TRADE,
            "business": "charge",
            "total_fen": 12560,
            "expires_at": "2026-11-22T08:45:00+08:00",
            "diagnoses": [
                {
                    "diag_type": "1",
                    "diag_srt_no": "1",
                    "diag_code": "J00.x00",
                    "diag_name": "急性鼻咽炎",
                    "diag_dept": "全科门诊",
                    "dise_dor_no": "0101",
                    "dise_dor_name": "演示医生0101",
                    "vali_flag": "1",
                }
            ],
            "feedetail": [
                {
                    "feedetl_sn": "B00001-00000001-0001-01",
                    "rxno": "B00001-00000001-0001",
                    "fee_ocur_time": "2026-11-22 08:10:00",
                    "med_list_codg": "XSIM000000000000A001",
                    "medins_list_codg": "A001",
                    "det_item_fee_sumamt": "99.60",
                    "cnt": "4",
                    "pric": "24.90",
                    "bilg_dept_codg": "01",
                    "bilg_dept_name": "全科门诊",
                    "bilg_dr_codg": "0101",
                    "bilg_dr_name": "演示医生0101",
                },
                {
                    "feedetl_sn": "B00001-00000001-0001-02",
                    "rxno": "B00001-00000001-0001",
                    "fee_ocur_time": "2026-11-22 08:10:00",
                    "med_list_codg": "XSIM000000000000B001",
                    "medins_list_codg": "B001",
                    "det_item_fee_sumamt": "21.00",
                    "cnt": "1",
                    "pric": "21.00",
                    "bilg_dept_codg": "01",
                    "bilg_dept_name": "全科门诊",
                    "bilg_dr_codg": "0101",
                    "bilg_dr_name": "演示医生0101",
                },
                {
                    "feedetl_sn": "B00001-00000001-0001-03",
                    "rxno": "B00001-00000001-0001",
                    "fee_ocur_time": "2026-11-22 08:10:00",
                    "med_list_codg": "XSIM000000000000C001",
                    "medins_list_codg": "C001",
                    "det_item_fee_sumamt": "5.00",
                    "cnt": "1",
                    "pric": "5.00",
                    "bilg_dept_codg": "01",
                    "bilg_dept_name": "全科门诊",
                    "bilg_dr_codg": "0101",
                    "bilg_dr_name": "演示医生0101",
                },
            ],
        },
    ),
    _O.SETTLE_TRADE: Example(
        {
            "trade_no": TRADE,
            "pays": [
                {"kind": "07", "amount_fen": 8295, "channel_ref": "44190026112200000001"},
                {"kind": "06", "amount_fen": 3000, "channel_ref": "44190026112200000001"},
                {"kind": "02", "amount_fen": 1265, "channel_ref": "10000001/000001/000012"},
            ],
            "split": {"fund_fen": 8295, "account_fen": 3000, "cash_fen": 1265},
            "insurance": {"setl_id": "44190026112200000001", "mdtrt_id": "4419M0001"},
            "terminal_id": "KSK-0001",
        },
        {
            "trade_no": TRADE,
            "reconciliation_no": "HIS20261122000002",
            "settled_at": "2026-11-22T08:31:02+08:00",
        },
    ),
    _O.UNLOCK_TRADE: Example({"trade_no": TRADE}, {"trade_no": TRADE, "result": "RELEASED"}),
    _O.CANCEL_TRADE: Example(
        {"trade_no": "DG2026112200000009", "reason": "asker"}, {"trade_no": "DG2026112200000009", "result": "FENCED"}
    ),
    _O.TRADE_STATUS: Example(
        {"trade_no": "DG2026112200000001"},
        {
            "trade_no": "DG2026112200000001",
            "state": "DONE",
            "business": "register",
            "reconciliation_no": "HIS20261122000001",
            "amount_fen": 1250,
            "settled_at": "2026-11-22T08:30:40+08:00",
            "registration_id": "R0001",
            "see_no": "12",
        },
    ),
    _O.REFUND_ELIGIBILITY: Example({"trade_no": TRADE}, {"trade_no": TRADE, "eligible": False, "code": "drug-issued"}),
    _O.REQUEST_REFUND: Example(
        {"refund_no": f"{TRADE}006", "trade_no": TRADE, "amount_fen": 12560, "reason": "patient"},
        {
            "refund_no": f"{TRADE}006",
            "trade_no": TRADE,
            "state": "PENDING",
            "amount_fen": 12560,
            "fund_fen": 8295,
            "account_fen": 3000,
            "cash_fen": 1265,
            "reduction_fen": 0,
            "his_refund_id": "",
            "setl_id": "44190026112200000001",
            "mdtrt_id": "4419M0001",
        },
    ),
    _O.REFUND_STATUS: Example(
        {"refund_no": f"{TRADE}006"},
        {
            "refund_no": f"{TRADE}006",
            "trade_no": TRADE,
            "state": "DONE",
            "amount_fen": 12560,
            "fund_fen": 8295,
            "account_fen": 3000,
            "cash_fen": 1265,
            "reduction_fen": 0,
            "his_refund_id": "RF20261122000001",
            "refunded_at": "2026-11-22T09:02:00+08:00",
            "setl_id": "44190026112200000001",
            "mdtrt_id": "4419M0001",
        },
    ),
    _O.WITHDRAW_REFUND: Example({"refund_no": f"{TRADE}007"}, {"refund_no": f"{TRADE}007", "result": "FENCED"}),
    _O.REFUND_RETURNS: Example(
        {
            "refund_no": f"{TRADE}006",
            "si_refund_id": "44190026112200000002",
            "cash_refund_id": "10000001/000001/000013",
        },
        {
            "refund_no": f"{TRADE}006",
            "trade_no": TRADE,
            "state": "DONE",
            "amount_fen": 12560,
            "fund_fen": 8295,
            "account_fen": 3000,
            "cash_fen": 1265,
            "reduction_fen": 0,
            "his_refund_id": "RF20261122000001",
            "refunded_at": "2026-11-22T09:02:00+08:00",
            "setl_id": "44190026112200000001",
            "mdtrt_id": "4419M0001",
            "si_refund_id": "44190026112200000002",
            "cash_refund_id": "10000001/000001/000013",
        },
    ),
    _O.LIST_DAY: Example(
        {"day": "2026-11-22", "page": 1, "page_size": 200},
        {
            "day": "2026-11-22",
            "state": "READY",
            "page": 1,
            "pages": 1,
            "rows_total": 1,
            "rows": [
                {
                    "reference": TRADE,
                    "kind": "pay",
                    "original": "",
                    "trade_no": TRADE,
                    "business": "charge",
                    "patient_id": "P00000001",
                    "amount_fen": 12560,
                    "fund_fen": 8295,
                    "account_fen": 3000,
                    "cash_fen": 1265,
                    "reduction_fen": 0,
                    "cash_kind": "02",
                    "traded_at": "2026-11-22T08:31:02+08:00",
                    "terminal_type": "3",
                    "terminal_id": "KSK-0001",
                    "reconciliation_no": "HIS20261122000002",
                }
            ],
        },
    ),
    _O.LIST_EBILLS: Example(
        {"patient_id": "P00000001", "trade_no": TRADE},
        {
            "patient_id": "P00000001",
            "ebills": [
                {
                    "ebill_id": "44060126-0000000001",
                    "code": "44060126",
                    "number": "0000000001",
                    "check_code": "7c1f0a",
                    "amount_fen": 12560,
                    "type": "1",
                    "issued_at": "2026-11-22T08:31:02+08:00",
                    "trade_no": TRADE,
                    "qrcode": "01,44060126,0000000001,12560,7c1f0a",
                    "url": "https://ebill.invalid/44060126/0000000001?c=7c1f0a",
                    "printed": False,
                }
            ],
        },
    ),
    _O.MARK_EBILL: Example(
        {"ebill_id": "44060126-0000000001", "printed": True, "terminal_id": "KSK-0001"},
        {
            "ebill_id": "44060126-0000000001",
            "code": "44060126",
            "number": "0000000001",
            "check_code": "7c1f0a",
            "amount_fen": 12560,
            "type": "1",
            "issued_at": "2026-11-22T08:31:02+08:00",
            "trade_no": TRADE,
            "qrcode": "01,44060126,0000000001,12560,7c1f0a",
            "url": "https://ebill.invalid/44060126/0000000001?c=7c1f0a",
            "printed": True,
        },
    ),
}
