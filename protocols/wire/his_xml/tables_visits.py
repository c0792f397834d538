"""Words and elements for patients, departments, slots and bookings."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.wire.his.operations import Operation
from protocols.wire.his_xml.codec import (
    Row,
    count,
    day,
    fen,
    flag,
    group,
    moment,
    rows,
    text,
    time,
    words,
)

__all__ = ["INSURANCE", "PAYS", "SPLIT", "VISITS"]

_BY = {"patient_id": "1", "id_no": "2", "card_no": "3"}
_PERIODS = {"morning": "AM", "noon": "NN", "afternoon": "PM", "evening": "EV"}
_SOURCES = {"common": "P", "family_doctor": "J"}
_OPENNESS = {"open": "Y", "closed": "N", "not_yet": "W"}
_BOOKING_STATES = {"booked": "A", "checked_in": "B", "expired": "C", "cancelled": "D"}
KINDS = {
    "01": "XJ",
    "02": "CARD",
    "06": "GZ",
    "07": "TC",
    "08": "JZK",
    "10": "SZ",
    "11": "WX",
    "12": "ALI",
    "13": "YSF",
    "14": "XY",
}

PAYS = rows(
    "pays", "PAYLIST", "PAY", words("kind", "MODE", KINDS), fen("amount_fen", "AMT"), text("channel_ref", "REFNO")
)
SPLIT = group(
    "split",
    "SHARE",
    fen("fund_fen", "TC"),
    fen("account_fen", "GZ"),
    fen("cash_fen", "XJ"),
    fen("reduction_fen", "JM"),
)
INSURANCE = group("insurance", "YB", text("setl_id", "YBJSH"), text("mdtrt_id", "YBJZH"))

_PATIENT: Row = (
    text("patient_id", "PATNO"),
    text("name", "PATNAME"),
    text("id_no", "IDCARD"),
    text("gender", "SEX"),
    day("birth", "BORN"),
    flag("created", "ISNEW"),
)
_DEPARTMENTS = rows(
    "departments", "DEPTS", "DEPT", text("department_id", "DEPTNO"), text("name", "DEPTNAME"), text("location", "PLACE")
)
_DOCTORS = rows(
    "doctors",
    "DOCTORS",
    "DOCTOR",
    text("doctor_id", "DOCNO"),
    text("department_id", "DEPTNO"),
    text("name", "DOCNAME"),
    text("title", "TITLE"),
    text("reg_level", "GRADE"),
)
_SESSION: Row = (
    text("schedule_id", "ROSTERNO"),
    text("department_id", "DEPTNO"),
    text("doctor_id", "DOCNO"),
    day("date", "DAY"),
    words("period", "SHIFT", _PERIODS),
    words("source", "POOL", _SOURCES),
    words("state", "OPENED", _OPENNESS),
    count("total", "ALLNUM"),
    count("left", "LEFTNUM"),
    fen("reg_fee_fen", "FEE"),
    fen("treat_fee_fen", "ZCFEE"),
)
_SLOT: Row = (text("slot_id", "QUOTANO"), time("starts", "FROM"), time("ends", "TO"), *_SESSION)
_BOOKING: Row = (
    text("registration_id", "BOOKNO"),
    text("slot_id", "QUOTANO"),
    text("department_id", "DEPTNO"),
    text("department", "DEPTNAME"),
    text("doctor_id", "DOCNO"),
    text("doctor", "DOCNAME"),
    day("date", "DAY"),
    time("starts", "FROM"),
    time("ends", "TO"),
    text("see_no", "QUEUENO"),
    words("state", "STATE", _BOOKING_STATES),
    fen("due_fen", "DUE"),
    text("lock_id", "HOLDNO"),
    text("trade_no", "ORDERNO"),
    text("room", "ROOM"),
)

_O = Operation

VISITS: Mapping[Operation, tuple[str, Row, Row]] = {
    _O.FIND_PATIENT: ("QRYPERSON", (words("by", "BYWHAT", _BY), text("value", "NUM")), _PATIENT),
    _O.CREATE_PATIENT: (
        "NEWPERSON",
        (text("id_no", "IDCARD"), text("name", "PATNAME"), text("phone", "MOBILE"), text("card_no", "SSCARD")),
        _PATIENT,
    ),
    _O.LIST_DEPARTMENTS: ("QRYDEPT", (), (_DEPARTMENTS,)),
    _O.LIST_DOCTORS: ("QRYDOCTOR", (text("department_id", "DEPTNO"),), (_DOCTORS,)),
    _O.LIST_SCHEDULES: (
        "QRYROSTER",
        (text("department_id", "DEPTNO"), day("date", "DAY"), text("doctor_id", "DOCNO")),
        (rows("schedules", "ROSTERS", "ROSTER", *_SESSION, text("reg_level", "GRADE")),),
    ),
    _O.LIST_SLOTS: (
        "QRYQUOTA",
        (
            text("department_id", "DEPTNO"),
            day("date", "DAY"),
            text("doctor_id", "DOCNO"),
            words("period", "SHIFT", _PERIODS),
            words("source", "POOL", _SOURCES),
        ),
        (rows("slots", "QUOTAS", "QUOTA", *_SLOT),),
    ),
    _O.LOCK_SLOT: (
        "HOLDQUOTA",
        (
            text("slot_id", "QUOTANO"),
            text("patient_id", "PATNO"),
            text("channel", "COMEFROM"),
            text("terminal_id", "DEVNO"),
        ),
        (
            text("lock_id", "HOLDNO"),
            moment("expires_at", "HOLDTO"),
            text("see_no", "QUEUENO"),
            fen("reg_fee_fen", "FEE"),
        ),
    ),
    _O.UNLOCK_SLOT: (
        "DROPQUOTA",
        (text("slot_id", "QUOTANO"), text("lock_id", "HOLDNO")),
        (text("lock_id", "HOLDNO"), words("state", "STATE", {"RELEASED": "1"})),
    ),
    _O.CONFIRM_REGISTRATION: (
        "SUREREG",
        (text("lock_id", "HOLDNO"), text("trade_no", "ORDERNO"), PAYS, SPLIT, INSURANCE, text("terminal_id", "DEVNO")),
        (text("registration_id", "BOOKNO"), text("reconciliation_no", "DZNO"), text("see_no", "QUEUENO")),
    ),
    _O.LIST_BOOKINGS: (
        "QRYBOOK",
        (text("patient_id", "PATNO"),),
        (text("patient_id", "PATNO"), rows("registrations", "BOOKS", "BOOK", *_BOOKING)),
    ),
    _O.CHECK_IN: (
        "TAKENUM",
        (text("registration_id", "BOOKNO"), text("terminal_id", "DEVNO")),
        (
            text("registration_id", "BOOKNO"),
            text("see_no", "QUEUENO"),
            text("room", "ROOM"),
            moment("checked_in_at", "TAKETIME"),
            count("waiting", "AHEAD"),
        ),
    ),
    _O.CANCEL_BOOKING: (
        "VOIDBOOK",
        (text("registration_id", "BOOKNO"), text("reason", "WHY")),
        (text("registration_id", "BOOKNO"), words("state", "STATE", {"cancelled": "D"})),
    ),
}
"""Word, elements of the request, elements of the reply."""
