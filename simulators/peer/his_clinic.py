"""What a clinic offers: departments, doctors, their sessions and slots, computed from the city and a seed. Nothing is stored.

A slot is half an hour of a doctor's session and takes a few patients; each of them has a visiting number of its own in the
session, so a slot can never be given to more patients than it has numbers. Every number leads back to what it names.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from protocols.wire.base import WireError
from protocols.wire.his.fields import unix_of_day

__all__ = ["Clinic", "DepartmentPlan", "DoctorPlan", "SessionPlan", "SlotPlan", "draw"]

SEGMENT_MIN = 30
Period = Literal["morning", "noon", "afternoon", "evening"]
Source = Literal["common", "family_doctor"]
PERIODS: dict[str, tuple[Period, int, int]] = {
    "1": ("morning", 8 * 60, 12 * 60),
    "2": ("noon", 12 * 60 + 30, 13 * 60 + 30),
    "3": ("afternoon", 14 * 60, 17 * 60 + 30),
    "4": ("evening", 18 * 60, 20 * 60),
}
"""By the digit that stands in numbers: name, and first and last minute of the day."""
_DEPARTMENTS = (
    ("01", "全科门诊"),
    ("02", "中医科"),
    ("03", "口腔科"),
    ("04", "妇幼保健科"),
    ("05", "康复理疗科"),
    ("09", "家庭医生工作室"),
)
_ALWAYS = frozenset({"01", "02", "09"})
_TITLES = (
    ("主任医师", "专家", 5_000),
    ("副主任医师", "专家", 3_000),
    ("主治医师", "普通", 1_250),
    ("医师", "普通", 1_250),
)
_REG_PART_FEN = 250
"""Of what is due at registration; the rest is for the treatment."""
_SLOT_ID = re.compile(r"([0-9]{5})-([0-9]{4})-([0-9]{8})-([1-4])-([0-9]{2})")


def draw(seed: int, *parts: object) -> bytes:
    """Thirty-two bytes that are always the same for the same parts."""
    return hashlib.sha256(f"his {seed} {' '.join(map(str, parts))}".encode()).digest()


@dataclass(frozen=True, slots=True)
class DepartmentPlan:
    department_id: str
    name: str
    location: str


@dataclass(frozen=True, slots=True)
class DoctorPlan:
    doctor_id: str
    department_id: str
    name: str
    title: str
    reg_level: str
    reg_fee_fen: int

    @property
    def treat_fee_fen(self) -> int:
        return self.reg_fee_fen - _REG_PART_FEN


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """``first_no`` is the first of its ``total`` visiting numbers; ``starts_at`` and ``ends_at`` are Unix times."""

    slot_id: str
    session: SessionPlan
    starts: str
    ends: str
    starts_at: float
    ends_at: float
    first_no: int

    @property
    def numbers(self) -> range:
        return range(self.first_no, self.first_no + self.session.each)


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """``each`` is how many patients one slot takes; ``held`` false: the doctor is away."""

    schedule_id: str
    clinic: int
    department: DepartmentPlan
    doctor: DoctorPlan
    day: str
    period: Period
    source: Source
    each: int
    held: bool

    @property
    def slots(self) -> tuple[SlotPlan, ...]:
        return tuple(self._slots())

    def _slots(self) -> Iterator[SlotPlan]:
        midnight = unix_of_day(self.day)
        _, first, last = PERIODS[self.schedule_id[-1]]
        for number, minute in enumerate(range(first, last, SEGMENT_MIN)):
            end = minute + SEGMENT_MIN
            yield SlotPlan(
                slot_id=f"{self.schedule_id}-{number:02d}",
                session=self,
                starts=f"{minute // 60:02d}:{minute % 60:02d}",
                ends=f"{end // 60:02d}:{end % 60:02d}",
                starts_at=midnight + 60 * minute,
                ends_at=midnight + 60 * end,
                first_no=1 + number * self.each,
            )


class Clinic:
    """All clinics of one seed, by their number in the city."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._sessions = lru_cache(maxsize=50_000)(self._made_sessions)

    def departments(self, clinic: int) -> tuple[DepartmentPlan, ...]:
        dice = draw(self._seed, "departments", clinic)
        return tuple(
            DepartmentPlan(number, name, f"{1 + order // 3}楼{1 + order // 3}0{1 + order % 3}")
            for order, (number, name) in enumerate(_DEPARTMENTS)
            if number in _ALWAYS or dice[order] % 2
        )

    def department(self, clinic: int, department_id: str) -> DepartmentPlan | None:
        return next((each for each in self.departments(clinic) if each.department_id == department_id), None)

    def doctors(self, clinic: int, department_id: str) -> tuple[DoctorPlan, ...]:
        """One to three; none where there is no such department."""
        if self.department(clinic, department_id) is None:
            return ()
        dice = draw(self._seed, "doctors", clinic, department_id)
        return tuple(self._doctor(department_id, order, dice) for order in range(1 + dice[0] % 3))

    @staticmethod
    def _doctor(department_id: str, order: int, dice: bytes) -> DoctorPlan:
        number = f"{department_id}{order + 1:02d}"
        title, level, fee_fen = _TITLES[dice[1 + order] % 4 if order else 2]
        return DoctorPlan(number, department_id, f"演示医生{number}", title, level, fee_fen)

    def doctor(self, clinic: int, doctor_id: str) -> DoctorPlan | None:
        found = self.doctors(clinic, doctor_id[:2])
        return next((each for each in found if each.doctor_id == doctor_id), None)

    def sessions(self, clinic: int, department_id: str, day: str) -> tuple[SessionPlan, ...]:
        """Of every doctor of the department on that day (``2026-11-22``), those that are off among them."""
        return self._sessions(clinic, department_id, day)

    def _made_sessions(self, clinic: int, department_id: str, day: str) -> tuple[SessionPlan, ...]:
        department = self.department(clinic, department_id)
        if department is None:
            return ()
        return tuple(
            self._session(clinic, department, doctor, day, period)
            for doctor in self.doctors(clinic, department_id)
            for period in self._periods(clinic, doctor, day)
        )

    def _periods(self, clinic: int, doctor: DoctorPlan, day: str) -> str:
        dice = draw(self._seed, "periods", clinic, doctor.doctor_id, day)
        return "13" + ("2" if dice[0] % 5 == 0 else "") + ("4" if dice[1] % 3 == 0 else "")

    def _session(
        self, clinic: int, department: DepartmentPlan, doctor: DoctorPlan, day: str, period: str
    ) -> SessionPlan:
        dice = draw(self._seed, "session", clinic, doctor.doctor_id, day, period)
        first = doctor.doctor_id.endswith("01")
        return SessionPlan(
            schedule_id=f"{clinic:05d}-{doctor.doctor_id}-{day.replace('-', '')}-{period}",
            clinic=clinic,
            department=department,
            doctor=doctor,
            day=day,
            period=PERIODS[period][0],
            source="family_doctor" if department.department_id == "09" else "common",
            each=2 + dice[0] % 3,
            held=first or dice[1] % 5 != 0,
        )

    def slot(self, slot_id: str) -> SlotPlan | None:
        """The slot with that number, of whatever clinic and day. None where there is none."""
        found = _SLOT_ID.fullmatch(slot_id)
        if found is None:
            return None
        clinic, doctor, digits = int(found[1]), found[2], found[3]
        day = f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
        try:
            unix_of_day(day)
        except WireError:
            return None
        for session in self.sessions(clinic, doctor[:2], day):
            if slot_id.startswith(session.schedule_id):
                return next((each for each in session.slots if each.slot_id == slot_id), None)
        return None
