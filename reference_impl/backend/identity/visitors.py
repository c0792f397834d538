"""The citizens who are being served: known to this process for ten minutes, written nowhere.

What follows from a visit and must survive, a trade's terms, is written with the trade. A visitor is lost with the process; the terminal is
told so and asks the citizen to show their card again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from protocols.clock import Clock
from reference_impl.backend.problems import ProblemError, ProblemKind

__all__ = ["VISITOR_UNKNOWN", "VISIT_S", "VisitorRecord", "Visitors"]

VISIT_S = 600.0
MOST_VISITORS = 50_000

VISITOR_UNKNOWN = ProblemKind(
    "visitor-unknown", 404, "身份已失效，请重新刷卡", "The visit is over: have the citizen show the card or code again."
)


@dataclass(frozen=True, slots=True)
class VisitorRecord:
    """``certificate`` is mdtrt_cert_type and mdtrt_cert_no for the insurance; ``patient_id`` is empty before there is a record at
    the HIS. ``psn_no`` and ``insutype`` are empty for who is not insured."""

    visitor_id: str
    terminal_id: str
    institution: str
    kind: str
    name: str = field(repr=False)
    id_number: str = field(repr=False)
    card_number: str = field(repr=False)
    certificate: tuple[str, str] = field(repr=False)
    psn_no: str = field(repr=False)
    insutype: str
    insuplc: str
    account_fen: int
    patient_id: str
    expires_at: float


class Visitors:
    """*entropy* gives random bytes."""

    def __init__(self, clock: Clock, entropy: Callable[[int], bytes]) -> None:
        self._clock, self._entropy = clock, entropy
        self._known: OrderedDict[str, VisitorRecord] = OrderedDict()

    def new_id(self) -> str:
        return f"V{self._entropy(12).hex()}"

    def keep(self, visitor: VisitorRecord) -> VisitorRecord:
        self._known[visitor.visitor_id] = visitor
        self._forget()
        return visitor

    def at(self, terminal_id: str, visitor_id: str) -> VisitorRecord:
        """Raises :class:`ProblemError` for a visit that is over, or of another terminal."""
        visitor = self._known.get(visitor_id)
        if visitor is None or visitor.terminal_id != terminal_id or visitor.expires_at <= self._clock.now():
            raise ProblemError(VISITOR_UNKNOWN, where="visitor_id")
        return visitor

    def is_here(self, terminal_id: str, patient_id: str) -> bool:
        """True while that patient is being served at that terminal."""
        now = self._clock.now()
        return any(
            each.patient_id == patient_id and each.terminal_id == terminal_id and each.expires_at > now
            for each in self._known.values()
        )

    def _forget(self) -> None:
        now = self._clock.now()
        while self._known:
            first = next(iter(self._known.values()))
            if first.expires_at > now and len(self._known) <= MOST_VISITORS:
                return
            self._known.popitem(last=False)
