"""Who comes to which kiosk, how they pay and what they show: drawn from the mix of a load file before anything is sent.

Nobody comes twice in a run, so that two kiosks never serve one citizen. Whether the insurance pays a bill in full is
computed with the rules of the simulated insurance; what the kiosk then does follows from the quote alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.seeded import SeededChoice
from simulators.peer.city import City, Resident, Terminal
from simulators.peer.credential_codes import MINUTE_S, credential_code
from simulators.peer.his_bills import Bills
from simulators.peer.his_clinic import Clinic
from simulators.peer.insurance_policy import Policy, Purse, calculate, item_of, split_line
from simulators.peer.qr_codes import payment_code

__all__ = ["FIRST_GUEST", "Guest", "Guests"]

FIRST_GUEST = 1_000
"""The residents before it are those of examples."""
STEP = 2
"""A resident may pay from the account of the one before (family mutual aid): were both to come at a time, the second's quote would
be out of date, and rightly refused."""
QUANTITY_ONE = 10_000
MOST_TRIES = 2_000


@dataclass(frozen=True, slots=True)
class Guest:
    """``payer``: insured, covered or self; ``method`` of the part that is left; ``credential``: what is shown."""

    resident: Resident
    payer: str
    method: str
    credential: str

    @property
    def insured(self) -> bool:
        return self.payer != "self"

    def shown(self, unix_s: float) -> dict[str, str]:
        """The plaintext of the sealed part of identification; a code is that of the minute."""
        person = self.resident.person
        match self.credential:
            case "e_credential":
                code = credential_code("e_credential", self.resident.number, int(unix_s // MINUTE_S))
                return {"kind": self.credential, "code": code}
            case "resident_id":
                return {"kind": self.credential, "id_number": person.id_number, "name": person.name}
            case _:
                return {
                    "kind": self.credential,
                    "id_number": person.id_number,
                    "card_number": person.card_number,
                    "card_sn": person.serial,
                    "name": person.name,
                }

    def auth_code(self, nonce: int) -> str:
        """The payment code that the citizen shows for the *nonce*-th time."""
        return payment_code(self.method, self.resident.number, nonce)


class Guests:
    """Draws one guest after the other, the same for one seed. *peer_seed* is that of the simulated HIS."""

    def __init__(self, city: City, mix: Mapping[str, Mapping[str, int]], seed: int, peer_seed: int = 1) -> None:
        self._city = city
        self._mix = {name: _cumulated(weights) for name, weights in mix.items()}
        self._choice = SeededChoice(seed, "guests")
        self._bills = Bills(Clinic(peer_seed), peer_seed)
        self._policy = Policy()
        self._next = FIRST_GUEST

    def next(self, terminal: Terminal) -> Guest:
        """Who comes to *terminal* now."""
        payer, method, credential = (self._draw(name) for name in ("payers", "methods", "credentials"))
        return Guest(self._resident(terminal, payer), payer, method, credential)

    def _draw(self, name: str) -> str:
        table = self._mix[name]
        at = self._choice.below(table[-1][0])
        return next(word for edge, word in table if at < edge)

    def _resident(self, terminal: Terminal, payer: str) -> Resident:
        """One who has not come yet. For ``covered``, one whose first bill there leaves nothing to pay, for ``insured`` one
        whose leaves something."""
        for _ in range(MOST_TRIES):
            resident = self._city.resident(self._next)
            self._next += STEP
            assert resident is not None, "a city has millions of residents"
            if payer == "self" or (self.left_to_pay_fen(resident, terminal) == 0) == (payer == "covered"):
                return resident
        raise ValueError(f"among {MOST_TRIES} residents there is none whose insurance leaves a bill as {payer!r} wants")

    def left_to_pay_fen(self, resident: Resident, terminal: Terminal) -> int:
        """What the insurance leaves of their first bill at the clinic of *terminal*."""
        plan = self._bills.plan(Bills.number(terminal.institution.number, resident.number, 0))
        assert plan is not None, "every number of a bill has its plan"
        lines = [
            split_line(item_of(each.insurance_code), each.amount_fen, each.quantity * QUANTITY_ONE)
            for each in plan.items
        ]
        return calculate(self._policy, resident.insutype, lines, 0, Purse(resident.account_fen)).cash_fen


def _cumulated(weights: Mapping[str, int]) -> list[tuple[int, str]]:
    table: list[tuple[int, str]] = []
    edge = 0
    for word, weight in sorted(weights.items()):
        if weight:
            edge += weight
            table.append((edge, word))
    return table
