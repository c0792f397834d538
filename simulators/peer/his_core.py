"""The HIS itself: one request in neutral words, one answer; and the peer that puts a door in front of it.

A request is judged in a fixed order: its proof, its institution, its form, its key, and only then its business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from protocols.wire.his.fields import MOST_KEY_CHARACTERS, Told
from protocols.wire.his.operations import OPERATIONS, Operation
from protocols.wire.his.refusals import REFUSALS, Refused
from protocols.wire.his.report_messages import DayList, ListDay
from protocols.wire.http import HttpReply, HttpRequest
from simulators.peer import his_bookings as bookings
from simulators.peer import his_locking as locking
from simulators.peer import his_people as people
from simulators.peer import his_reports as reports
from simulators.peer import his_returns as returns
from simulators.peer import his_settling as settling
from simulators.peer import his_slots as slots
from simulators.peer.base import BookRow, Twist
from simulators.peer.his_doors import Door
from simulators.peer.his_gate import Gate, Proof
from simulators.peer.his_house import Asked, House

__all__ = ["HeldLock", "HisPeer"]

Handler = Callable[[House, Asked, Any], Told]
_O = Operation

HANDLERS: Mapping[Operation, Handler] = {
    _O.FIND_PATIENT: people.find_patient,
    _O.CREATE_PATIENT: people.create_patient,
    _O.LIST_DEPARTMENTS: slots.list_departments,
    _O.LIST_DOCTORS: slots.list_doctors,
    _O.LIST_SCHEDULES: slots.list_schedules,
    _O.LIST_SLOTS: slots.list_slots,
    _O.LOCK_SLOT: slots.lock_slot,
    _O.UNLOCK_SLOT: slots.unlock_slot,
    _O.CONFIRM_REGISTRATION: settling.confirm_registration,
    _O.LIST_BOOKINGS: bookings.list_bookings,
    _O.CHECK_IN: bookings.check_in,
    _O.CANCEL_BOOKING: bookings.cancel_booking,
    _O.LIST_BILLS: locking.list_bills,
    _O.LOCK_TRADE: locking.lock_trade,
    _O.SETTLE_TRADE: settling.settle_trade,
    _O.UNLOCK_TRADE: locking.unlock_trade,
    _O.CANCEL_TRADE: locking.cancel_trade,
    _O.TRADE_STATUS: reports.trade_status,
    _O.REFUND_ELIGIBILITY: returns.refund_eligibility,
    _O.REQUEST_REFUND: returns.request_refund,
    _O.REFUND_STATUS: returns.refund_status,
    _O.WITHDRAW_REFUND: returns.withdraw_refund,
    _O.REFUND_RETURNS: returns.refund_returns,
    _O.LIST_DAY: reports.list_day,
    _O.LIST_EBILLS: reports.list_ebills,
    _O.MARK_EBILL: reports.mark_ebill,
}
_OWN_NUMBERS = ("trade_no", "refund_no", "lock_id", "patient_id", "registration_id", "ebill_id")
MOST_VIOLATIONS = 10_000


@dataclass(frozen=True, slots=True)
class HeldLock:
    """Something that is kept for somebody just now. ``trade_no`` is empty for a slot that no trade has taken over;
    ``what`` names the bills or the lock of the slot; ``expires_at`` is when it lets go by itself."""

    trade_no: str
    what: str
    institution: str
    expires_at: float


class HisPeer:
    """A :class:`simulators.peer.base.Peer` over HTTP, whatever its door."""

    def __init__(self, house: House, gate: Gate, door: Door, violations: list[str]) -> None:
        self.house, self._gate, self._door = house, gate, door
        self._violations = violations
        self._seen = 0.0
        self._previous = ("", "")

    # The seam.

    def address(self, request: HttpRequest) -> str:
        return self._door.address(request)

    def handle(self, request: HttpRequest, now: float, twist: Twist = "") -> HttpReply:
        self._seen = max(self._seen, now)
        returns.complete_refunds(self.house, now)
        proof: Proof | None = None
        try:
            proof = self._door.proof(request)
            self._gate.check(proof, now)
            asked = self._asked(request, proof, now, twist)
            told = self._told(asked, twist)
        except Refused as refused:
            self._blame(request, refused)
            known = proof.nonce if proof is not None and proof.genuine else ""
            return self._door.refusal(request, refused, self._nonce(known, twist))
        if twist == "wrong-reference":
            told = self._of_another(told)
        return self._door.success(asked.operation, told, self._nonce(proof.nonce, twist))

    def spoil(self, reply: HttpReply) -> HttpReply:
        """The second half of the body is lost."""
        return HttpReply(reply.status, reply.headers, reply.body[: len(reply.body) // 2])

    def book(self) -> Iterable[BookRow]:
        records = self.house.records
        for move in records.moves:
            trade = records.trades[move.trade_no]
            fund, account, cash, _ = trade.split
            yield BookRow(
                book="his",
                reference=move.reference,
                kind=move.kind,
                amount_fen=trade.total_fen,
                at=move.at,
                day=move.day,
                institution=trade.institution,
                channel=trade.cash_kind,
                original=trade.trade_no if move.kind == "undo" else "",
                parts={"fund_fen": fund, "account_fen": account, "cash_fen": cash},
            )

    def violations(self) -> list[str]:
        found = list(self._violations)
        self._violations.clear()
        return found

    def locks(self, now: float) -> tuple[HeldLock, ...]:
        """What is kept for somebody at *now*, by trade number; slots that no trade has taken over come last."""
        return tuple(sorted(self._locks(now), key=lambda each: (not each.trade_no, each.trade_no, each.what)))

    def _locks(self, now: float) -> Iterator[HeldLock]:
        house = self.house
        for trade_no in house.records.held:
            trade = house.records.trades[trade_no]
            if house.trade_holds(trade, now):
                what = " ".join(trade.bill_ids) or trade.lock_id
                yield HeldLock(trade_no, what, trade.institution, trade.expires_at)
        for lock_id in house.records.free_locks:
            lock = house.records.locks[lock_id]
            if house.lock_lives(lock, now):
                yield HeldLock("", lock_id, lock.institution, lock.expires_at)

    def snapshot(self) -> Mapping[str, object]:
        """Locks are those that live at the time of the last request."""
        records, held = self.house.records, self.locks(self._seen)
        return {
            "temper": self.house.terms.temper,
            "at": self._seen,
            "trades": dict(sorted(Counter(each.standing for each in records.trades.values()).items())),
            "locks": {
                "trades": sum(bool(each.trade_no) for each in held),
                "slots": sum(not each.trade_no for each in held),
            },
            "locked_trades": [each.trade_no for each in held if each.trade_no],
            "bills": dict(sorted(Counter(each.state for each in records.bills.values()).items())),
            "bookings": dict(
                sorted(Counter("cancelled" if e.cancelled else "standing" for e in records.bookings.values()).items())
            ),
            "refunds": dict(sorted(Counter(each.standing for each in records.refunds.values()).items())),
            "ebills": len(records.ebills),
            "paid_fen": sum(row.amount_fen for row in self.book() if row.kind == "pay"),
            "returned_fen": sum(row.amount_fen for row in self.book() if row.kind == "undo"),
        }

    # One request.

    def _asked(self, request: HttpRequest, proof: Proof, now: float, twist: Twist) -> Asked:
        if twist == "sign-in-expired":
            raise Refused("credential-expired")
        institution = self.house.city.institution_by_code(proof.institution)
        if institution is None:
            raise Refused("unknown-institution", "institution")
        operation, message, key = self._door.asked(request)
        key = self._key(operation, key, request)
        mark = self.house.mark_of(operation, message)
        return Asked(operation, institution.code, institution.number, key, message, now, mark)

    def _key(self, operation: Operation, key: str, request: HttpRequest) -> str:
        """The key of an operation that has one; a realistic HIS does without, and takes note."""
        if not OPERATIONS[operation].keyed:
            return ""
        if len(key) > MOST_KEY_CHARACTERS or not all("!" <= each <= "~" for each in key):
            raise Refused("malformed", "Idempotency-Key")
        if not key:
            if not self.house.terms.lenient:
                raise Refused("key-missing")
            self.house.report(f"{self.address(request)}: key-missing")
        return key

    def _told(self, asked: Asked, twist: Twist) -> Told:
        if twist == "refuse":
            raise Refused("refused")
        if twist == "file-not-ready" and isinstance(asked.message, ListDay):
            return DayList(day=asked.message.day, state="IN_PROGRESS", page=asked.message.page)
        return HANDLERS[asked.operation](self.house, asked, asked.message)

    def _blame(self, request: HttpRequest, refused: Refused) -> None:
        used_for_another = refused.code == "nonce-used" and bool(refused.where)
        if REFUSALS[refused.code].client_at_fault or used_for_another:
            self.house.report(f"{self.address(request)}: {refused}")

    # A reply that belongs to another request.

    def _nonce(self, nonce: str, twist: Twist) -> str:
        if twist != "wrong-reference":
            self._previous = (nonce, self._previous[0])
            return nonce
        return self._previous[0] or "0" * 32

    @staticmethod
    def _of_another(told: Told) -> Told:
        other = {name: "OTHER-0001" for name in _OWN_NUMBERS if getattr(told, name, "")}
        return told.model_copy(update=other)
