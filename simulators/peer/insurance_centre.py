"""What the handlers of the insurance centre share: its records, the city, one message, a decision, and the word no.

A handler looks and decides; it changes nothing. What it decides comes back as one event, which is journalled and applied.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from protocols.wire.insurance.envelope import Request
from protocols.wire.insurance.fields import Part, write
from protocols.wire.insurance.refusals import reason_text
from simulators.peer.base import Temper
from simulators.peer.city import DIVISION, City, Resident
from simulators.peer.insurance_policy import Policy, Purse
from simulators.peer.insurance_records import Records, Visit

__all__ = ["OFFENCES", "Centre", "Decision", "Message", "Refused", "fingerprint"]

P = TypeVar("P", bound=Part)

OFFENCES = frozenset(
    {
        "malformed",
        "unknown-transaction",
        "too-large",
        "bad-msgid",
        "msgid-reused",
        "wrong-area",
        "foreign-institution",
        "unknown-institution",
        "missing-insuplc",
        "wrong-insuplc",
        "missing-sign-no",
        "missing-card-sn",
        "duplicate-visit",
        "missing-diagnosis",
        "duplicate-line",
        "line-differs",
        "negative-amount",
        "mixed-batch",
        "amount-differs",
        "not-correctable",
        "bad-file",
    }
)
"""Refusals for which the client is to blame. The others happen to a client that does everything right."""

TOLERATED = frozenset(
    {"bad-msgid", "missing-insuplc", "missing-card-sn", "missing-diagnosis", "line-differs", "mixed-batch"}
)
"""Offences that the field lives with: a realistic centre reports them and goes on."""


class Refused(Exception):
    """infcode -1. ``code`` is one of :data:`protocols.wire.insurance.refusals.REASONS`; ``detail`` names the place; ``change`` is
    what happens at the centre all the same."""

    def __init__(self, code: str, detail: str = "", change: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason_text(code, detail))
        self.code, self.detail, self.change = code, detail, change


@dataclass(frozen=True, slots=True)
class Message:
    """One request that was read. ``body`` is its input under the model of its transaction; ``at`` the centre's clock."""

    request: Request
    infno: str
    body: Part
    at: float

    @property
    def operator(self) -> str:
        """Under which a sign-in is kept."""
        return f"{self.request.fixmedins_code} {self.request.opter}"

    @property
    def institution(self) -> str:
        return self.request.fixmedins_code


@dataclass(frozen=True, slots=True)
class Decision:
    """``change`` is what the event does (None: nothing), ``output`` what is answered, ``octets`` a file instead of it."""

    change: Mapping[str, Any] | None = None
    output: Mapping[str, Any] | None = None
    octets: bytes | None = None


def fingerprint(value: Mapping[str, Any]) -> str:
    """Of an input, to tell a repetition from a second use of its number."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(slots=True)
class Centre:
    """The insurance centre of the city. ``complaints`` are offences that were tolerated."""

    city: City
    policy: Policy
    temper: Temper
    file_delay_s: float = 0.0
    records: Records = field(default_factory=Records)
    complaints: list[str] = field(default_factory=list[str])

    def object_to(self, message: Message, code: str, detail: str = "") -> None:
        """Refuse an offence; a realistic centre only takes note of the lighter ones."""
        if self.temper == "realistic" and code in TOLERATED:
            self.complaints.append(f"{message.infno}: {code}" + (f" ({detail})" if detail else ""))
            return
        raise Refused(code, detail)

    def written(self, part: Part) -> dict[str, Any]:
        """*part* on the wire; a hostile centre writes numbers as texts, which the interface allows."""
        return write(part, numbers="text" if self.temper == "hostile" else "number")

    # What several handlers look up.

    def resident(self, psn_no: str) -> Resident:
        """Raises :class:`Refused`."""
        found = self.city.by_psn_no(psn_no)
        if found is None:
            raise Refused("unknown-person")
        return found

    def visit(self, message: Message, mdtrt_id: str, psn_no: str) -> Visit:
        """The open visit with that number, of this institution and this person. Raises :class:`Refused`."""
        visit = self.records.visits.get(mdtrt_id)
        if visit is None:
            raise Refused("no-such-visit")
        if visit.institution != message.institution:
            raise Refused("foreign-institution", "mdtrt_id")
        if visit.psn_no != psn_no:
            raise Refused("no-such-visit", "psn_no")
        if visit.void:
            raise Refused("visit-void")
        return visit

    def holder(self, cert_type: str, cert_no: str) -> Resident | None:
        """Whose credential that is: a token or code of the e-credential, an identity card, a social security card."""
        match cert_type:
            case "01":
                return self.city.by_e_credential(cert_no) or self._by_token(cert_no)
            case "02":
                return self.city.by_id_number(cert_no)
            case "03" if len(cert_no) == 9 and cert_no[:1].isalpha():
                return self.city.by_card_number(f"A{cert_no[1:]}")
            case _:
                return None

    def _by_token(self, token: str) -> Resident | None:
        """ecToken: division, ``ec``, then the resident's number in 16 digits (spec/services.md 1.8: 32 or 38 characters)."""
        head = f"{DIVISION}ec"
        digits = token[len(head) : len(head) + 16]
        if not token.startswith(head) or len(token) not in (32, 38) or not (digits.isascii() and digits.isdecimal()):
            return None
        return self.city.resident(int(digits))

    def balance_fen(self, resident: Resident) -> int:
        """What the account of *resident* holds now; nothing for who is not an employee."""
        return resident.account_fen - self.records.spent.get(resident.psn_no, 0) if resident.insutype == "310" else 0

    def relative(self, resident: Resident) -> Resident | None:
        """Whose account *resident* may use besides their own."""
        found = self.city.resident(resident.relative) if resident.relative else None
        return found if found is not None and found.insutype == "310" else None

    def purse(self, resident: Resident, wanted: bool) -> Purse:
        """What a settlement may draw on."""
        if not wanted:
            return Purse()
        relative = self.relative(resident)
        return Purse(self.balance_fen(resident), self.balance_fen(relative) if relative else 0)
