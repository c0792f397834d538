"""What the insurance centre holds, changed by events and by nothing else.

An event is one message: when it came, the nonce it used, and what it did. Applying the events of an earlier centre in their
order gives that centre. Persons are in it as psn_no alone; no name, no identity or card number is ever part of an event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any, Literal, cast

from protocols.wire.insurance.message_id import day_of, second_stamp
from simulators.peer.insurance_policy import Figures, LineSplit

__all__ = ["Corrected", "Line", "Move", "Records", "Settlement", "SignedIn", "StoredFile", "Visit"]

NONCE_MARGIN_S = 600.0
"""A nonce is kept longer than its time is accepted, so that a clock that is put back opens no gap."""


@dataclass(frozen=True, slots=True)
class Line:
    """One fee line with its split. ``quantity`` in ten-thousandths, ``price`` and ``ceiling`` in millionths of a yuan."""

    number: str
    batch: str
    disease: str
    quantity: int
    price: int
    fee_fen: int
    level: str
    own_share: int
    ceiling: int
    split: LineSplit


@dataclass(slots=True)
class Visit:
    """``settled`` names the valid settlement of each charge batch."""

    mdtrt_id: str
    institution: str
    outpatient_no: str
    psn_no: str
    insutype: str
    msgid: str
    void: bool = False
    med_type: str = ""
    diagnosed: bool = False
    lines: dict[str, Line] = field(default_factory=dict[str, Line])
    settled: dict[str, str] = field(default_factory=dict[str, str])
    settlements: list[str] = field(default_factory=list[str])

    @property
    def open(self) -> bool:
        """Neither cancelled nor settled: something that somebody should still bring to an end."""
        return not self.void and not self.settled


@dataclass(slots=True)
class Settlement:
    """``relative`` is the psn_no whose account gave ``figures.aid_fen``; ``balance_fen`` the account after it;
    ``mirror_id`` and ``revoked_by`` name the reversal that stands, empty when none does."""

    setl_id: str
    msgid: str
    mdtrt_id: str
    batch: str
    institution: str
    psn_no: str
    relative: str
    insutype: str
    clr_type: str
    at: float
    balance_fen: int
    figures: Figures
    valid: bool = True
    mirror_id: str = ""
    revoked_by: str = ""


@dataclass(slots=True)
class Move:
    """One movement of money. ``kind`` pay or undo; ``original`` the msgid that an undo undoes; ``sign`` -1 for money back.
    ``listed``: it stands in reconciliation under ``setl_id``, which what a correction cancels or does does not."""

    kind: Literal["pay", "undo"]
    msgid: str
    original: str
    setl_id: str
    of: str
    at: float
    listed: bool = True


@dataclass(frozen=True, slots=True)
class SignedIn:
    sign_no: str
    day: str
    live: bool = True


@dataclass(frozen=True, slots=True)
class Corrected:
    """A message that was cancelled by 2601, before (``arrived`` false) or after it came."""

    by: str
    infno: str
    arrived: bool


@dataclass(frozen=True, slots=True)
class StoredFile:
    """``content`` in base64; ``ready_at`` from when it can be fetched."""

    institution: str
    filename: str
    content: str
    ready_at: float
    result: bool = False


Event = Mapping[str, Any]


class Records:
    """Every table of the centre. Compare two by :meth:`as_dict`."""

    def __init__(self) -> None:
        self.reference: tuple[str, int] = ("", 0)
        self.nonces: dict[str, tuple[int, str]] = {}
        self._nonce_order: deque[tuple[int, str]] = deque()
        self.messages: dict[str, tuple[str, str]] = {}
        self.sign_ins: dict[str, SignedIn] = {}
        self.visits: dict[str, Visit] = {}
        self.visit_by_number: dict[str, str] = {}
        self.fenced_numbers: set[str] = set()
        self.settlements: dict[str, Settlement] = {}
        self.settlement_by_msgid: dict[str, str] = {}
        self.revocations: dict[str, str] = {}
        self.moves: dict[str, Move] = {}
        """By the msgid that moved the money, in the order of the clock."""
        self.corrected: dict[str, Corrected] = {}
        self.spent: dict[str, int] = {}
        self.deducted: dict[str, int] = {}
        self.files: dict[str, StoredFile] = {}
        self.counters: dict[str, int] = {}
        self._changes: dict[str, Callable[[Event, float], None]] = {
            "sign-in": self._signed_in,
            "sign-out": self._signed_out,
            "register": self._registered,
            "cancel": self._cancelled,
            "fence-number": self._number_fenced,
            "diagnose": self._diagnosed,
            "upload": self._uploaded,
            "withdraw": self._withdrawn,
            "settle": self._settled,
            "revoke": self._revoked,
            "correct": self._corrected,
            "file": self._filed,
        }

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {name: _plain(value) for name, value in vars(self).items() if name != "_changes"}

    # Numbers that the centre gives out, each in the form of the specification's examples.

    def next_reference(self, at: float) -> tuple[str, int]:
        """Stamp and sequence of the next inf_refmsgid: never the same twice, even when the clock is put back."""
        stamp, last = second_stamp(at), self.reference
        return (last[0], last[1] + 1) if stamp <= last[0] else (stamp, 1)

    def peek(self, counter: str) -> int:
        """The next number of a counter; the event that takes it raises it."""
        return self.counters.get(counter, 0) + 1

    def _taken(self, counter: str) -> None:
        self.counters[counter] = self.counters.get(counter, 0) + 1

    # Events.

    def apply(self, event: Event) -> None:
        """Make of *event* what it says. Raises KeyError or TypeError for one that no centre has written."""
        at: float = event["at"]
        self.reference = self.next_reference(at)
        nonce, stamp, digest, window_s = event["nonce"]
        self._remember_nonce(nonce, stamp, digest, at, window_s)
        if "message" in event:
            msgid, infno, fingerprint = event["message"]
            self.messages[msgid] = (infno, fingerprint)
        if "do" in event:
            self._changes[event["do"]](event, at)

    def _remember_nonce(self, nonce: str, stamp: int, digest: str, at: float, window_s: float) -> None:
        self.nonces[nonce] = (stamp, digest)
        self._nonce_order.append((stamp, nonce))
        while self._nonce_order and self._nonce_order[0][0] + window_s + NONCE_MARGIN_S < at:
            self.nonces.pop(self._nonce_order.popleft()[1], None)

    def _signed_in(self, event: Event, at: float) -> None:
        self._taken(f"sign-in {event['day']}")
        self.sign_ins[event["operator"]] = SignedIn(event["sign_no"], event["day"])

    def _signed_out(self, event: Event, at: float) -> None:
        held = self.sign_ins.get(event["operator"])
        if held is not None:
            self.sign_ins[event["operator"]] = SignedIn(held.sign_no, held.day, live=False)

    def _registered(self, event: Event, at: float) -> None:
        self._taken("visit")
        visit = Visit(**event["visit"])
        self.visits[visit.mdtrt_id] = visit
        self.visit_by_number[f"{visit.institution} {visit.outpatient_no}"] = visit.mdtrt_id

    def _cancelled(self, event: Event, at: float) -> None:
        visit = self.visits[event["mdtrt_id"]]
        visit.void = True
        visit.lines.clear()

    def _number_fenced(self, event: Event, at: float) -> None:
        self.fenced_numbers.add(event["number"])

    def _diagnosed(self, event: Event, at: float) -> None:
        visit = self.visits[event["mdtrt_id"]]
        visit.diagnosed, visit.med_type = True, event["med_type"]

    def _uploaded(self, event: Event, at: float) -> None:
        visit = self.visits[event["mdtrt_id"]]
        for row in event["lines"]:
            line = Line(*row[:9], split=LineSplit(*row[9]))
            visit.lines[line.number] = line

    def _withdrawn(self, event: Event, at: float) -> None:
        visit = self.visits[event["mdtrt_id"]]
        for number in event["numbers"]:
            del visit.lines[number]

    def _settled(self, event: Event, at: float) -> None:
        values: dict[str, Any] = {**event["settlement"], "figures": Figures(**event["settlement"]["figures"])}
        settlement = Settlement(**values)
        self._taken(f"settlement {day_of(at)}")
        visit = self.visits[settlement.mdtrt_id]
        visit.settled[settlement.batch] = settlement.setl_id
        visit.settlements.append(settlement.setl_id)
        self.settlements[settlement.setl_id] = settlement
        self.settlement_by_msgid[settlement.msgid] = settlement.setl_id
        self._carry(settlement, 1)
        self._move(Move("pay", settlement.msgid, "", settlement.setl_id, settlement.setl_id, at))

    def _revoked(self, event: Event, at: float) -> None:
        settlement = self.settlements[event["setl_id"]]
        self._taken(f"settlement {day_of(at)}")
        settlement.mirror_id, settlement.revoked_by = event["mirror_id"], event["msgid"]
        self.revocations[event["msgid"]] = settlement.setl_id
        self._back(settlement)
        self._move(Move("undo", event["msgid"], settlement.msgid, settlement.mirror_id, settlement.setl_id, at))

    def _corrected(self, event: Event, at: float) -> None:
        """2601 cancels a settlement, or the reversal of one. Neither stands in reconciliation any more."""
        omsgid: str = event["omsgid"]
        self.corrected[omsgid] = Corrected(event["msgid"], event["infno"], event["arrived"])
        if not event["arrived"]:
            return
        self.moves[omsgid].listed = False
        if event["infno"] == "2207":
            settlement = self.settlements[self.settlement_by_msgid[omsgid]]
            self._back(settlement)
            self._move(Move("undo", event["msgid"], omsgid, "", settlement.setl_id, at, listed=False))
        else:
            settlement = self.settlements[self.revocations[omsgid]]
            settlement.valid, settlement.mirror_id, settlement.revoked_by = True, "", ""
            self.visits[settlement.mdtrt_id].settled[settlement.batch] = settlement.setl_id
            self._carry(settlement, 1)
            self._move(Move("pay", event["msgid"], "", "", settlement.setl_id, at, listed=False))

    def _filed(self, event: Event, at: float) -> None:
        self._taken("file")
        self.files[event["number"]] = StoredFile(**event["file"])

    def _back(self, settlement: Settlement) -> None:
        settlement.valid = False
        self.visits[settlement.mdtrt_id].settled.pop(settlement.batch, None)
        self._carry(settlement, -1)

    def _carry(self, settlement: Settlement, sign: int) -> None:
        figures = settlement.figures
        year = f"{settlement.psn_no} {day_of(settlement.at)[:4]}"
        self.deducted[year] = self.deducted.get(year, 0) + sign * figures.deductible_fen
        self._spend(settlement.psn_no, sign * (figures.account_fen - figures.aid_fen))
        self._spend(settlement.relative, sign * figures.aid_fen)

    def _move(self, move: Move) -> None:
        self.moves[move.msgid] = move

    def _spend(self, psn_no: str, fen: int) -> None:
        if fen:
            self.spent[psn_no] = self.spent.get(psn_no, 0) + fen


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in cast("dict[Any, Any]", value).items()}
    if isinstance(value, deque):
        return list(cast("deque[Any]", value))
    return sorted(cast("set[Any]", value)) if isinstance(value, set) else value
