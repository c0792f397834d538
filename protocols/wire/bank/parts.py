"""Fields that are made of parts, as typed values: 22, 48, 53, 54, 60, 61.

Source: spec/services.md 3.1 (22, 53, 60, 61), 3.2 (48 of 0500; types and network codes). Every ``of`` raises
:class:`WireError` naming the field; every ``text`` is what stands in the message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from protocols.wire.base import WireError

__all__ = ["Balance", "EntryMode", "Original", "SecurityControl", "Totals", "TypeAndBatch"]


def _need(condition: bool, field: int, why: str) -> None:
    if not condition:
        raise WireError(f"field {field}: {why}")


@dataclass(frozen=True, slots=True)
class EntryMode:
    """Field 22. ``how`` 01 manual, 02 stripe, 03 code, 05 chip, 07 contactless; ``with_pin`` by the third digit."""

    how: str
    with_pin: bool

    KNOWN: ClassVar[frozenset[str]] = frozenset({"01", "02", "03", "05", "07"})

    @staticmethod
    def of(text: str) -> EntryMode:
        _need(len(text) == 3 and text[:2] in EntryMode.KNOWN, 22, "no entry mode that is known")
        # One host leaves the third digit open (0) for codes, where no PIN is entered at the terminal.
        _need(text[2] in "12" or text == "030", 22, "its third digit is neither 1 (PIN) nor 2 (none)")
        return EntryMode(text[:2], text[2] == "1")

    @property
    def text(self) -> str:
        return self.how + ("1" if self.with_pin else "2")


@dataclass(frozen=True, slots=True)
class SecurityControl:
    """Field 53. ``pin_format`` 2: PIN with card number; ``key`` 6: double-length 3DES; ``track`` 1: track enciphered."""

    pin_format: str = "2"
    key: str = "6"
    track: str = "0"

    @staticmethod
    def of(text: str) -> SecurityControl:
        _need(len(text) == 16 and text[3:] == "0" * 13, 53, "needs three digits and thirteen zeros")
        return SecurityControl(text[0], text[1], text[2])

    @property
    def text(self) -> str:
        return f"{self.pin_format}{self.key}{self.track}".ljust(16, "0")


@dataclass(frozen=True, slots=True)
class TypeAndBatch:
    """Field 60. ``type`` 60.1 two digits; ``batch`` 60.2 six; ``network`` 60.3 three, absent in some replies;
    ``capability`` 60.4 (5 chip, 6 chip and contactless) and ``chip`` 60.5, one each or absent; ``rest`` what some hosts
    add."""

    type: str
    batch: str
    network: str = "000"
    capability: str = ""
    chip: str = ""
    rest: str = ""

    @staticmethod
    def of(text: str) -> TypeAndBatch:
        _need(len(text) == 8 or 11 <= len(text) <= 19, 60, "has 8 digits, or 11 to 19")
        return TypeAndBatch(text[:2], text[2:8], text[8:11], text[11:12], text[12:13], text[13:])

    @property
    def text(self) -> str:
        lengths = (len(self.type), len(self.batch), len(self.network))
        _need(lengths in ((2, 6, 3), (2, 6, 0)), 60, "parts of 2, 6 and 3 digits")
        return f"{self.type}{self.batch}{self.network}{self.capability}{self.chip}{self.rest}"


@dataclass(frozen=True, slots=True)
class Original:
    """Field 61: ``batch`` and ``trace`` of the original, six digits each, and its ``date`` MMDD where it is known."""

    batch: str
    trace: str
    date: str = ""

    @staticmethod
    def of(text: str) -> Original:
        _need(12 <= len(text) <= 29, 61, "has 12 digits, or 16 with a date")
        return Original(text[:6], text[6:12], text[12:16])

    @property
    def text(self) -> str:
        _need(
            len(self.batch) == 6 and len(self.trace) == 6 and len(self.date) in (0, 4), 61, "parts of 6, 6 and 4 digits"
        )
        return f"{self.batch}{self.trace}{self.date}"


@dataclass(frozen=True, slots=True)
class Totals:
    """Field 48 of 0500 and 0510, 62 digits: what came in (purchases) and what went out (voids and refunds), in fen and in
    number, for domestic cards, then the same 31 digits for foreign ones, which a kiosk never has.

    ``result`` 0 in the request; in the reply 1 equal, 2 not equal, 3 error (2 and 3 are assumptions, U7).
    """

    debit_fen: int = 0
    debit_count: int = 0
    credit_fen: int = 0
    credit_count: int = 0
    result: int = 0
    foreign_result: int = 0

    @staticmethod
    def of(text: str) -> Totals:
        _need(len(text) == 62, 48, "has 62 digits")
        _need(not text[31:61].strip("0"), 48, "totals of foreign cards, of which there are none")
        home = (int(text[:12]), int(text[12:15]), int(text[15:27]), int(text[27:30]), int(text[30]))
        _need(home[4] <= 3 and int(text[61]) <= 3, 48, "a result is 0 to 3")
        return Totals(*home, int(text[61]))

    @property
    def text(self) -> str:
        _need(max(self.debit_fen, self.credit_fen) < 10**12, 48, "a total has 12 digits at most")
        _need(max(self.debit_count, self.credit_count) < 1000, 48, "a count has 3 digits at most")
        _need(min(self.debit_fen, self.debit_count, self.credit_fen, self.credit_count) >= 0, 48, "nothing is negative")
        home = f"{self.debit_fen:012d}{self.debit_count:03d}{self.credit_fen:012d}{self.credit_count:03d}{self.result}"
        return f"{home}{'0' * 30}{self.foreign_result}"


@dataclass(frozen=True, slots=True)
class Balance:
    """Field 54: the available balance in fen; negative with the sign D."""

    fen: int

    @staticmethod
    def of(text: str) -> Balance:
        _need(len(text) == 20 and text[4:7] == "156" and text[7] in "CD" and text[8:].isdecimal(), 54, "no balance")
        return Balance(int(text[8:]) * (1 if text[7] == "C" else -1))

    @property
    def text(self) -> str:
        _need(abs(self.fen) < 10**12, 54, "a balance has 12 digits at most")
        return f"1002156{'C' if self.fen >= 0 else 'D'}{abs(self.fen):012d}"
