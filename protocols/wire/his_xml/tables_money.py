"""Words and elements for bills, trades, refunds, the day's list and e-bills."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.wire.his.operations import Operation
from protocols.wire.his_xml.codec import (
    Row,
    count,
    day,
    fen,
    flag,
    moment,
    rows,
    stamp,
    text,
    texts,
    words,
    yuan_in_fen,
)
from protocols.wire.his_xml.tables_visits import INSURANCE, KINDS, PAYS, SPLIT

__all__ = ["MONEY"]

_BUSINESS = {"charge": "F", "register": "G"}
_TRADE_STATES = {"LOCKED": "1", "DONE": "2", "CANCELLED": "3", "EXPIRED": "4", "REFUNDING": "5", "REFUNDED": "6"}
_RESULTS = {"FENCED": "0", "RELEASED": "1", "UNDONE": "2"}
_REFUND_STATES = {"PENDING": "W", "DONE": "S", "WITHDRAWN": "X"}
_WITHDRAWALS = {"FENCED": "0", "WITHDRAWN": "1"}
_LIST_STATES = {"READY": "2", "IN_PROGRESS": "1", "NONE": "0"}
_MOVES = {"pay": "+", "undo": "-"}

_BILL: Row = (
    text("bill_id", "FEENO"),
    text("register_no", "VISITNO"),
    text("department_id", "DEPTNO"),
    text("department", "DEPTNAME"),
    text("doctor_id", "DOCNO"),
    text("doctor", "DOCNAME"),
    moment("billed_at", "FEETIME"),
    fen("total_fen", "FEEAMT"),
    text("fee_category", "FEEKIND"),
    text("med_type", "YLLB"),
    flag("pay_merge", "TOGETHER"),
    flag("held", "HELD"),
    rows(
        "items",
        "ITEMS",
        "ITEM",
        text("item_id", "ITEMNO"),
        text("name", "ITEMNAME"),
        text("kind", "ITEMKIND"),
        text("spec", "GG"),
        text("unit", "DW"),
        text("quantity", "SL"),
        fen("price_fen", "DJ"),
        fen("amount_fen", "JE"),
    ),
)
_DIAGNOSES = rows(
    "diagnoses",
    "DIAGS",
    "DIAG",
    text("diag_type", "KIND"),
    text("diag_srt_no", "SEQ"),
    text("diag_code", "CODE"),
    text("diag_name", "NAME"),
    text("diag_dept", "DEPTNAME"),
    text("dise_dor_no", "DOCNO"),
    text("dise_dor_name", "DOCNAME"),
    text("vali_flag", "VALID"),
)
_LINES = rows(
    "feedetail",
    "DETAILS",
    "DETAIL",
    text("feedetl_sn", "SN"),
    text("rxno", "FEENO"),
    stamp("fee_ocur_time", "FEETIME"),
    text("med_list_codg", "YBCODE"),
    text("medins_list_codg", "ITEMNO"),
    yuan_in_fen("det_item_fee_sumamt", "JE"),
    text("cnt", "SL"),
    yuan_in_fen("pric", "DJ"),
    text("bilg_dept_codg", "DEPTNO"),
    text("bilg_dept_name", "DEPTNAME"),
    text("bilg_dr_codg", "DOCNO"),
    text("bilg_dr_name", "DOCNAME"),
)
_CANCELLED: Row = (text("trade_no", "ORDERNO"), words("result", "RESULT", _RESULTS))
_PARTS: Row = (fen("fund_fen", "TC"), fen("account_fen", "GZ"), fen("cash_fen", "XJ"), fen("reduction_fen", "JM"))
_REFUND: Row = (
    text("refund_no", "BACKNO"),
    text("trade_no", "ORDERNO"),
    words("state", "STATE", _REFUND_STATES),
    fen("amount_fen", "AMT"),
    *_PARTS,
    text("his_refund_id", "HISBACKNO"),
    moment("refunded_at", "BACKTIME"),
    text("setl_id", "YBJSH"),
    text("mdtrt_id", "YBJZH"),
    text("si_refund_id", "YBBACKNO"),
    text("cash_refund_id", "PAYBACKNO"),
)
_DAY_ROW: Row = (
    text("reference", "REFNO"),
    words("kind", "SIGN", _MOVES),
    text("original", "OLDNO"),
    text("trade_no", "ORDERNO"),
    words("business", "YWLX", _BUSINESS),
    text("patient_id", "PATNO"),
    fen("amount_fen", "AMT"),
    *_PARTS,
    words("cash_kind", "MODE", KINDS),
    moment("traded_at", "ORDERTIME"),
    text("terminal_type", "DEVKIND"),
    text("terminal_id", "DEVNO"),
    text("reconciliation_no", "DZNO"),
)
_EBILL: Row = (
    text("ebill_id", "PJID"),
    text("code", "PJDM"),
    text("number", "PJHM"),
    text("check_code", "PJJYM"),
    fen("amount_fen", "AMT"),
    words("type", "PJLX", {"1": "B", "2": "R"}),
    moment("issued_at", "PJTIME"),
    text("trade_no", "ORDERNO"),
    text("qrcode", "PJQR"),
    text("url", "PJURL"),
    flag("printed", "PAPER"),
)
_ORDER: Row = (text("trade_no", "ORDERNO"),)
_BACK: Row = (text("refund_no", "BACKNO"),)

_O = Operation

MONEY: Mapping[Operation, tuple[str, Row, Row]] = {
    _O.LIST_BILLS: (
        "QRYFEE",
        (text("patient_id", "PATNO"),),
        (text("patient_id", "PATNO"), rows("bills", "FEES", "FEE", *_BILL)),
    ),
    _O.LOCK_TRADE: (
        "HOLDFEE",
        (
            text("trade_no", "ORDERNO"),
            text("patient_id", "PATNO"),
            texts("bill_ids", "FEES", "FEENO"),
            text("slot_lock", "HOLDNO"),
            text("med_type", "YLLB"),
            text("terminal_id", "DEVNO"),
        ),
        (
            text("trade_no", "ORDERNO"),
            words("business", "YWLX", _BUSINESS),
            fen("total_fen", "FEEAMT"),
            moment("expires_at", "HOLDTO"),
            _DIAGNOSES,
            _LINES,
        ),
    ),
    _O.SETTLE_TRADE: (
        "SUREFEE",
        (text("trade_no", "ORDERNO"), PAYS, SPLIT, INSURANCE, text("terminal_id", "DEVNO")),
        (text("trade_no", "ORDERNO"), text("reconciliation_no", "DZNO"), moment("settled_at", "ORDERTIME")),
    ),
    _O.UNLOCK_TRADE: ("DROPFEE", _ORDER, _CANCELLED),
    _O.CANCEL_TRADE: ("VOIDORDER", (*_ORDER, text("reason", "WHY")), _CANCELLED),
    _O.TRADE_STATUS: (
        "QRYORDER",
        _ORDER,
        (
            text("trade_no", "ORDERNO"),
            words("state", "STATE", _TRADE_STATES),
            words("business", "YWLX", _BUSINESS),
            text("reconciliation_no", "DZNO"),
            fen("amount_fen", "AMT"),
            moment("settled_at", "ORDERTIME"),
            text("registration_id", "BOOKNO"),
            text("see_no", "QUEUENO"),
        ),
    ),
    _O.REFUND_ELIGIBILITY: (
        "MAYBACK",
        _ORDER,
        (text("trade_no", "ORDERNO"), flag("eligible", "CANBACK"), text("code", "WHYNOT")),
    ),
    _O.REQUEST_REFUND: (
        "ASKBACK",
        (
            text("refund_no", "BACKNO"),
            text("trade_no", "ORDERNO"),
            fen("amount_fen", "AMT"),
            text("reason", "WHY"),
            text("terminal_id", "DEVNO"),
        ),
        _REFUND,
    ),
    _O.REFUND_STATUS: ("QRYBACK", _BACK, _REFUND),
    _O.WITHDRAW_REFUND: ("DROPBACK", _BACK, (text("refund_no", "BACKNO"), words("result", "RESULT", _WITHDRAWALS))),
    _O.REFUND_RETURNS: (
        "TELLBACK",
        (*_BACK, text("si_refund_id", "YBBACKNO"), text("cash_refund_id", "PAYBACKNO")),
        _REFUND,
    ),
    _O.LIST_DAY: (
        "QRYDAYBOOK",
        (day("day", "DAY"), count("page", "PAGENO"), count("page_size", "PAGESIZE")),
        (
            day("day", "DAY"),
            words("state", "STATE", _LIST_STATES),
            count("page", "PAGENO"),
            count("pages", "PAGEALL"),
            count("rows_total", "ROWALL"),
            rows("rows", "ORDERS", "ORDER", *_DAY_ROW),
        ),
    ),
    _O.LIST_EBILLS: (
        "QRYPJ",
        (text("patient_id", "PATNO"), text("trade_no", "ORDERNO")),
        (text("patient_id", "PATNO"), rows("ebills", "PJS", "PJ", *_EBILL)),
    ),
    _O.MARK_EBILL: (
        "MARKPJ",
        (text("ebill_id", "PJID"), flag("printed", "PAPER"), text("terminal_id", "DEVNO")),
        _EBILL,
    ),
}
"""Word, elements of the request, elements of the reply."""
