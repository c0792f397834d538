"""One exchange of every operation on patients, slots and bookings, typed by hand. Locking a slot and confirming a registration are
as spec/services.md 2.3 prints them."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.wire.his.example import Example
from protocols.wire.his.operations import Operation

__all__ = ["VISIT_EXAMPLES"]

TRADE = "DG2026112200000001"

_O = Operation

VISIT_EXAMPLES: Mapping[Operation, Example] = {
    _O.FIND_PATIENT: Example(
        {"by": "card_no", "value": "A00000001"},
        {
            "patient_id": "P00000001",
            "name": "测试甲",
            "id_no": "44190019900101001X",
            "gender": "1",
            "birth": "1990-01-01",
            "created": False,
        },
    ),
    _O.CREATE_PATIENT: Example(
        {"id_no": "44190019900101001X", "name": "测试甲", "phone": "10000000001", "card_no": "A00000001"},
        {
            "patient_id": "P00000001",
            "name": "测试甲",
            "id_no": "44190019900101001X",
            "gender": "1",
            "birth": "1990-01-01",
            "created": True,
        },
    ),
    _O.LIST_DEPARTMENTS: Example(
        {}, {"departments": [{"department_id": "01", "name": "全科门诊", "location": "1楼101"}]}
    ),
    _O.LIST_DOCTORS: Example(
        {"department_id": "01"},
        {
            "doctors": [
                {
                    "doctor_id": "0101",
                    "department_id": "01",
                    "name": "演示医生0101",
                    "title": "主治医师",
                    "reg_level": "普通",
                }
            ]
        },
    ),
    _O.LIST_SCHEDULES: Example(
        {"department_id": "01", "date": "2026-11-22"},
        {
            "schedules": [
                {
                    "schedule_id": "00001-0101-20261122-1",
                    "department_id": "01",
                    "doctor_id": "0101",
                    "date": "2026-11-22",
                    "period": "morning",
                    "source": "common",
                    "state": "open",
                    "total": 24,
                    "left": 23,
                    "reg_fee_fen": 1250,
                    "treat_fee_fen": 1000,
                    "reg_level": "普通",
                }
            ]
        },
    ),
    _O.LIST_SLOTS: Example(
        {"department_id": "01", "date": "2026-11-22", "doctor_id": "0101", "period": "morning"},
        {
            "slots": [
                {
                    "slot_id": "00001-0101-20261122-1-03",
                    "schedule_id": "00001-0101-20261122-1",
                    "department_id": "01",
                    "doctor_id": "0101",
                    "date": "2026-11-22",
                    "period": "morning",
                    "starts": "09:30",
                    "ends": "10:00",
                    "source": "common",
                    "state": "open",
                    "total": 3,
                    "left": 2,
                    "reg_fee_fen": 1250,
                    "treat_fee_fen": 1000,
                }
            ]
        },
    ),
    _O.LOCK_SLOT: Example(
        {
            "slot_id": "00001-0101-20261122-1-03",
            "patient_id": "P0001",
            "channel": "KIOSK",
            "terminal_id": "KSK-0001",
        },
        {"lock_id": "L0001", "expires_at": "2026-11-22T08:45:00+08:00", "see_no": "12", "reg_fee_fen": 1250},
    ),
    _O.UNLOCK_SLOT: Example(
        {"slot_id": "00001-0101-20261122-1-03", "lock_id": "L0001"}, {"lock_id": "L0001", "state": "RELEASED"}
    ),
    _O.CONFIRM_REGISTRATION: Example(
        {
            "lock_id": "L0001",
            "trade_no": "DG2026112200000001",
            "pays": [{"kind": "02", "amount_fen": 1250, "channel_ref": "261122000012"}],
        },
        {"registration_id": "R0001", "reconciliation_no": "HIS20261122000001", "see_no": "12"},
    ),
    _O.LIST_BOOKINGS: Example(
        {"patient_id": "P00000001"},
        {
            "patient_id": "P00000001",
            "registrations": [
                {
                    "registration_id": "R0001",
                    "slot_id": "00001-0101-20261122-1-03",
                    "department_id": "01",
                    "department": "全科门诊",
                    "doctor_id": "0101",
                    "doctor": "演示医生0101",
                    "date": "2026-11-22",
                    "starts": "09:30",
                    "ends": "10:00",
                    "see_no": "12",
                    "state": "booked",
                    "due_fen": 0,
                    "lock_id": "",
                    "trade_no": TRADE,
                    "room": "1楼101",
                }
            ],
        },
    ),
    _O.CHECK_IN: Example(
        {"registration_id": "R0001", "terminal_id": "KSK-0001"},
        {
            "registration_id": "R0001",
            "see_no": "12",
            "room": "1楼101",
            "checked_in_at": "2026-11-22T09:10:00+08:00",
            "waiting": 2,
        },
    ),
    _O.CANCEL_BOOKING: Example(
        {"registration_id": "R0002", "reason": "patient"}, {"registration_id": "R0002", "state": "cancelled"}
    ),
}
