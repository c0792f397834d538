"""The synthetic city that all peers share: residents, institutions and terminals, computed from a number.

Nothing is stored: 26 million holders are a function, and every number that a peer meets (citizen number, card number,
person number of the insurance, PAN, e-credential) leads back to the resident. Resident 1 is the holder of the examples in the
specification; ``extra`` people (files of scenarios/people) are known besides, under the number in their card number.

Sources: spec/cards.md 2.1 (PAN 6299990000000000012, Luhn), 7 (e-credential of 28 digits), spec/services.md 1.1 (institution
code of 12 characters, division 441900), 1.10 (psn_no, account of 200.00 before the settlement).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from simulators.card.bank_holder import PAN_PREFIX, luhn_digit, pan_of, track2_of
from simulators.card.people import DEFAULT_PERSON, Person, check_digit

__all__ = ["DIVISION", "City", "Institution", "Resident", "Terminal", "luhn_digit"]

DIVISION = "441900"
PSN_PREFIX = "4419"
MOST_RESIDENTS = 26_000_000
_FIRST_BIRTH = date(1940, 1, 1)
_ORDERS_A_DAY = 998
"""Orders 002 to 999 of a birthday; 001 is left to people in files."""
_SURNAMES = ("测试", "样例", "演示", "虚拟")
_GIVEN = ("甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸")


@dataclass(frozen=True, slots=True)
class Resident:
    """One synthetic person and all the numbers under which somebody knows them.

    ``insutype`` 310 employee (has an account) or 390 resident (has none); ``account_fen`` and ``bank_fen`` are the balances on
    the first day; ``bank_pin`` six digits; ``relative`` the number of a resident whose account this one may use (family
    mutual aid), 0 for nobody.
    """

    number: int
    person: Person
    insutype: str
    account_fen: int
    bank_fen: int
    bank_pin: str
    relative: int

    @property
    def psn_no(self) -> str:
        return f"{PSN_PREFIX}{self.number:016d}"

    @property
    def pan(self) -> str:
        return pan_of(self.number)

    @property
    def track2(self) -> str:
        """Track 2 equivalent without sentinels, ``D`` as separator (spec/cards.md 2.1)."""
        return track2_of(self.pan)

    @property
    def e_credential(self) -> str:
        return f"424{self.number:017d}00440000"

    @property
    def patient_id(self) -> str:
        """Under which the HIS knows them."""
        return f"P{self.number:08d}"

    @property
    def openid(self) -> str:
        return f"oSIM{self.number:012d}"

    @property
    def phone(self) -> str:
        """Of a range that no operator has given out."""
        return f"100{self.number % 100_000_000:08d}"


@dataclass(frozen=True, slots=True)
class Institution:
    """A clinic. ``code`` is fixmedins_code; ``town`` counts from 1."""

    number: int
    code: str
    name: str
    town: int


@dataclass(frozen=True, slots=True)
class Terminal:
    """A kiosk: its number in the platform, its bank terminal (field 41) and merchant (field 42)."""

    number: int
    terminal_id: str
    bank_terminal: str
    merchant: str
    institution: Institution


class City:
    """``towns``, ``clinics`` and ``kiosks`` are those of Dongguan unless told otherwise (spec/requirements.md, DG)."""

    def __init__(
        self, *, towns: int = 33, clinics: int = 389, kiosks: int = 550, seed: int = 1, extra: Iterable[Person] = ()
    ) -> None:
        if not (1 <= towns <= clinics <= 99_999 and 1 <= kiosks <= 99_999):
            raise ValueError(f"a city of {towns} towns, {clinics} clinics and {kiosks} kiosks cannot be")
        self.towns, self.clinics, self.kiosks, self.seed = towns, clinics, kiosks, seed
        named = [DEFAULT_PERSON, *extra]
        self._named = {int(each.card_number[1:]): each for each in named}
        self._number_of = {each.id_number: int(each.card_number[1:]) for each in named}

    # People.

    def resident(self, number: int) -> Resident | None:
        """Resident *number*, from 1. None where there is none."""
        if number < 1 or (number > MOST_RESIDENTS and number not in self._named):
            return None
        return _resident(self.seed, number, self._named.get(number))

    def by_id_number(self, id_number: str) -> Resident | None:
        """The holder of that citizen number, if its area, birthday and check character are those of a resident."""
        if id_number in self._number_of:
            return self.resident(self._number_of[id_number])
        text = id_number.upper()
        if len(text) != 18 or not text.startswith(DIVISION) or not text[:17].isdecimal():
            return None
        try:
            born = date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
        except ValueError:
            return None
        order = int(text[14:17])
        if order < 2 or check_digit(text[:17]) != text[17]:
            return None
        return self.resident((born - _FIRST_BIRTH).days * _ORDERS_A_DAY + order)

    def by_card_number(self, card_number: str) -> Resident | None:
        """The holder of that social security card (``A00000001``)."""
        return self._numbered_text(card_number[1:], 8) if card_number[:1] == "A" else None

    def by_psn_no(self, psn_no: str) -> Resident | None:
        return self._numbered_text(psn_no[4:], 16) if psn_no.startswith(PSN_PREFIX) else None

    def by_patient_id(self, patient_id: str) -> Resident | None:
        return self._numbered_text(patient_id[1:], 8) if patient_id[:1] == "P" else None

    def by_pan(self, pan: str) -> Resident | None:
        """The holder of that bank card; None for a wrong check digit too."""
        if len(pan) != 19 or not pan.isdecimal() or not pan.startswith(PAN_PREFIX) or luhn_digit(pan[:-1]) != pan[-1]:
            return None
        return self.resident(int(pan[6:18]))

    def by_e_credential(self, code: str) -> Resident | None:
        if len(code) != 28 or not code.isdecimal() or not (code.startswith("424") and code.endswith("0000")):
            return None
        return self.resident(int(code[3:20]))

    def _numbered_text(self, digits: str, length: int) -> Resident | None:
        if len(digits) != length or not (digits.isascii() and digits.isdecimal()):
            return None
        return self.resident(int(digits))

    # Places.

    def institution(self, number: int) -> Institution | None:
        """Clinic *number*, from 1; the towns take turns."""
        if not 1 <= number <= self.clinics:
            return None
        town = (number - 1) % self.towns + 1
        return Institution(number, f"H{DIVISION}{number:05d}", f"模拟社区卫生服务站{number:05d}", town)

    def institution_by_code(self, code: str) -> Institution | None:
        if len(code) != 12 or not code.startswith(f"H{DIVISION}") or not code[7:].isdecimal():
            return None
        return self.institution(int(code[7:]))

    def terminal(self, number: int) -> Terminal | None:
        """Kiosk *number*, from 1; the clinics take turns."""
        institution = self.institution((number - 1) % self.clinics + 1)
        if not 1 <= number <= self.kiosks or institution is None:
            return None
        merchant = f"898{DIVISION}{institution.number:06d}"
        return Terminal(number, f"KSK-{number:05d}", f"{10_000_000 + number:08d}", merchant, institution)

    def terminal_by_bank_id(self, bank_terminal: str) -> Terminal | None:
        """The kiosk whose field 41 is that."""
        if len(bank_terminal) != 8 or not bank_terminal.isdecimal():
            return None
        return self.terminal(int(bank_terminal) - 10_000_000)


@lru_cache(16_384)
def _resident(seed: int, number: int, named: Person | None) -> Resident:
    draw = hashlib.sha256(f"resident {seed} {number}".encode()).digest()
    first = number == 1
    employee = first or draw[0] % 4 != 0
    return Resident(
        number=number,
        person=named or _person(number, draw),
        insutype="310" if employee else "390",
        account_fen=(20_000 if first else 100 * (int.from_bytes(draw[1:3], "big") % 2_000)) if employee else 0,
        bank_fen=1_000_000 + 100 * int.from_bytes(draw[3:5], "big"),
        bank_pin="246813" if first else f"{int.from_bytes(draw[5:9], 'big') % 1_000_000:06d}",
        relative=number - 1 if number > 1 and draw[9] % 8 == 0 else 0,
    )


def _person(number: int, draw: bytes) -> Person:
    days, order = divmod(number - 2, _ORDERS_A_DAY)
    born = f"{_FIRST_BIRTH + timedelta(days=days):%Y%m%d}"
    first_17 = f"{DIVISION}{born}{order + 2:03d}"
    return Person(
        name=_SURNAMES[draw[10] % 4] + _GIVEN[draw[11] % 10] + _GIVEN[draw[12] % 10],
        id_number=first_17 + check_digit(first_17),
        sex="1" if order % 2 else "2",
        birth=born,
        card_number=f"A{number:08d}",
        pin=f"{int.from_bytes(draw[13:17], 'big') % 1_000_000:06d}",
        serial=f"{number:08X}",
    )
