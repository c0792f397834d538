"""What a bill is for: items, diagnosis, doctor, all computed from the clinic, the patient and the number of the bill.

The first bill of resident 1 is the worked settlement of spec/services.md 1.10 (125.60 yuan). Of any five bills the third is of a chronic
disease (med_type 14), the fourth may not be paid together with others, the fifth is chronic again: so whoever pays two of
the first can, and whoever tries with others is refused (2.2). Items carry the insurance's codes; which drugs and prices is this
project's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protocols.wire.money import yuan_text
from simulators.peer.his_clinic import Clinic, DepartmentPlan, DoctorPlan, draw

__all__ = ["BillPlan", "Bills", "ItemPlan", "diagnosis_values", "line_values"]

DRUG = "西药费"
_BILL_ID = re.compile(r"B([0-9]{5})-([0-9]{8})-([0-9]{4})")
_REGISTRATION = (
    ("REG01", "0SIM00000000000REG01", "挂号费"),
    ("EXM01", "0SIM00000000000EXM01", "诊查费"),
)


@dataclass(frozen=True, slots=True)
class ItemPlan:
    """``code`` is the clinic's own, ``insurance_code`` the med_list_codg; ``quantity`` whole units."""

    code: str
    insurance_code: str
    name: str
    kind: str
    spec: str
    unit: str
    price_fen: int
    quantity: int = 1

    @property
    def amount_fen(self) -> int:
        return self.price_fen * self.quantity


_CATALOGUE: tuple[ItemPlan, ...] = (
    ItemPlan("A001", "XSIM000000000000A001", "阿莫西林胶囊", DRUG, "0.25g*24", "盒", 2_490),
    ItemPlan("A002", "XSIM000000000000A002", "二甲双胍片", DRUG, "0.5g*30", "盒", 2_860),
    ItemPlan("B001", "XSIM000000000000B001", "血常规", "检验费", "", "次", 2_100),
    ItemPlan("B002", "XSIM000000000000B002", "腹部彩超", "检查费", "", "次", 6_800),
    ItemPlan("C001", "XSIM000000000000C001", "一次性用品", "材料费", "", "套", 500),
    ItemPlan("A003", "XSIM000000000000A003", "缬沙坦胶囊", DRUG, "80mg*14", "盒", 3_150),
    ItemPlan("A004", "XSIM000000000000A004", "布洛芬缓释胶囊", DRUG, "0.3g*20", "盒", 1_870),
    ItemPlan("T001", "XSIM000000000000T001", "针刺治疗", "治疗费", "", "次", 1_600),
)
_WORKED = ((0, 4), (2, 1), (4, 1))
"""Item and quantity of the worked settlement: 99.60, 21.00 and 5.00."""
_DIAGNOSES = (
    ("J00.x00", "急性鼻咽炎"),
    ("J06.900", "急性上呼吸道感染"),
    ("K29.700", "胃炎"),
    ("M54.500", "腰痛"),
    ("R51.x00", "头痛"),
)
_CHRONIC = (("I10.x00", "特发性高血压"), ("E11.900", "2型糖尿病"))


@dataclass(frozen=True, slots=True)
class BillPlan:
    """``clinic`` and ``resident`` are numbers of the city; ``index`` counts from 0."""

    bill_id: str
    clinic: int
    resident: int
    index: int
    register_no: str
    department: DepartmentPlan
    doctor: DoctorPlan
    med_type: str
    pay_merge: bool
    items: tuple[ItemPlan, ...]
    diagnosis: tuple[str, str]

    @property
    def total_fen(self) -> int:
        return sum(each.amount_fen for each in self.items)

    @property
    def drugs(self) -> bool:
        """There is medicine to be handed out."""
        return any(each.kind == DRUG for each in self.items)


class Bills:
    """All bills of one seed."""

    def __init__(self, clinic: Clinic, seed: int) -> None:
        self._clinic, self._seed = clinic, seed

    @staticmethod
    def number(clinic: int, resident: int, index: int) -> str:
        return f"B{clinic:05d}-{resident:08d}-{index + 1:04d}"

    def plan(self, bill_id: str) -> BillPlan | None:
        """What that bill is for, whether it was ever written or not. None for what is no number of a bill."""
        found = _BILL_ID.fullmatch(bill_id)
        if found is None or found[3] == "0000":
            return None
        clinic, resident, index = int(found[1]), int(found[2]), int(found[3]) - 1
        dice = draw(self._seed, "bill", bill_id)
        departments = [each for each in self._clinic.departments(clinic) if each.department_id != "09"]
        department = departments[dice[0] % len(departments)] if index else departments[0]
        doctors = self._clinic.doctors(clinic, department.department_id)
        chronic = index % 5 in (2, 4)
        known = _CHRONIC if chronic else _DIAGNOSES
        worked = resident == 1 and index == 0
        return BillPlan(
            bill_id=bill_id,
            clinic=clinic,
            resident=resident,
            index=index,
            register_no=f"M{bill_id[1:]}",
            department=department,
            doctor=doctors[dice[1] % len(doctors)] if index else doctors[0],
            med_type="14" if chronic else "11",
            pay_merge=index % 5 != 3,
            items=_worked_items() if worked else self._items(dice),
            diagnosis=known[0 if worked else dice[2] % len(known)],
        )

    @staticmethod
    def _items(dice: bytes) -> tuple[ItemPlan, ...]:
        first = dice[3] % len(_CATALOGUE)
        chosen = [_CATALOGUE[(first + 3 * step) % len(_CATALOGUE)] for step in range(1 + dice[4] % 4)]
        return tuple(_times(each, 1 + dice[5 + order] % 3) for order, each in enumerate(chosen))


def _worked_items() -> tuple[ItemPlan, ...]:
    return tuple(_times(_CATALOGUE[at], quantity) for at, quantity in _WORKED)


def _times(item: ItemPlan, quantity: int) -> ItemPlan:
    return ItemPlan(
        item.code, item.insurance_code, item.name, item.kind, item.spec, item.unit, item.price_fen, quantity
    )


def registration_items(doctor: DoctorPlan) -> tuple[ItemPlan, ...]:
    """What is due at registration."""
    parts = (doctor.reg_fee_fen - doctor.treat_fee_fen, doctor.treat_fee_fen)
    return tuple(
        ItemPlan(code, insurance_code, name, name, "", "次", fen)
        for (code, insurance_code, name), fen in zip(_REGISTRATION, parts, strict=True)
    )


def line_values(
    number: str, items: Sequence[ItemPlan], department: DepartmentPlan, doctor: DoctorPlan, at: str
) -> list[Mapping[str, str]]:
    """The lines of *number* in the shape of 2204 (spec/services.md 1.5); *at* is ``2026-11-22 08:10:00``."""
    return [
        {
            "feedetl_sn": f"{number}-{order:02d}",
            "rxno": number,
            "fee_ocur_time": at,
            "med_list_codg": item.insurance_code,
            "medins_list_codg": item.code,
            "det_item_fee_sumamt": yuan_text(item.amount_fen),
            "cnt": str(item.quantity),
            "pric": yuan_text(item.price_fen),
            "bilg_dept_codg": department.department_id,
            "bilg_dept_name": department.name,
            "bilg_dr_codg": doctor.doctor_id,
            "bilg_dr_name": doctor.name,
        }
        for order, item in enumerate(items, 1)
    ]


def diagnosis_values(bills: Sequence[BillPlan]) -> list[Mapping[str, str]]:
    """Each diagnosis once, the first as the main one, in the shape of diseinfo of 2203."""
    chosen: dict[str, BillPlan] = {}
    for each in bills:
        chosen.setdefault(each.diagnosis[0], each)
    return [
        {
            "diag_type": "1" if order == 1 else "2",
            "diag_srt_no": str(order),
            "diag_code": bill.diagnosis[0],
            "diag_name": bill.diagnosis[1],
            "diag_dept": bill.department.name,
            "dise_dor_no": bill.doctor.doctor_id,
            "dise_dor_name": bill.doctor.name,
            "vali_flag": "1",
        }
        for order, bill in enumerate(chosen.values(), 1)
    ]
