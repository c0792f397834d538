"""What the handlers of the HIS share: its tables and plans, one request, and the ways to look things up.

A handler decides, and what it decides becomes one event, which is journalled and applied before anybody is answered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from protocols.wire.his.fields import Ask
from protocols.wire.his.operations import Operation
from protocols.wire.his.refusals import Refused
from simulators.peer.base import Journal
from simulators.peer.city import City, Resident
from simulators.peer.his_bills import BillPlan, Bills
from simulators.peer.his_clinic import Clinic, SlotPlan, draw
from simulators.peer.his_records import Records
from simulators.peer.his_tables import Booking, SlotLock, Trade
from simulators.peer.his_terms import HisTerms

__all__ = ["Asked", "House"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request in neutral words, proven to come from ``institution``. ``at`` is the HIS's clock (Unix time); ``mark`` the
    keyed fingerprint of operation and content."""

    operation: Operation
    institution: str
    clinic: int
    key: str
    message: Ask
    at: float
    mark: str


@dataclass(slots=True)
class House:
    """``report`` takes what a client did against the interface and was let through."""

    terms: HisTerms
    city: City
    clinic: Clinic
    bills: Bills
    seed: int
    journal: Journal
    report: Callable[[str], None]
    records: Records = field(default_factory=Records)

    def emit(self, asked: Asked, event: Mapping[str, Any], made: str = "") -> None:
        """Journal and apply *event*; *made* is what a keyed request has made, so that it can be found by its key."""
        whole: dict[str, Any] = {"at": asked.at, **event}
        if asked.key:
            whole["key"] = [asked.institution, asked.key, asked.mark, made]
        self.write(whole)

    def write(self, event: Mapping[str, Any]) -> None:
        self.journal(event)
        self.records.apply(event)

    def mark_of(self, operation: Operation, message: BaseModel) -> str:
        """Keyed, because a name can be guessed from a plain fingerprint."""
        text = json.dumps([operation.value, message.model_dump(mode="json")], ensure_ascii=False, sort_keys=True)
        key = draw(self.seed, "key of marks")
        return hashlib.blake2s(text.encode("utf-8", "surrogatepass"), key=key, digest_size=16).hexdigest()

    def made_before(self, asked: Asked) -> str | None:
        """What the same request has made before. Raises :class:`Refused` for a key that was used for something else."""
        known = self.records.keys.get(f"{asked.institution} {asked.key}") if asked.key else None
        if known is None:
            return None
        if known[0] != asked.mark:
            raise Refused("key-reused", "Idempotency-Key")
        return known[1]

    # Looking things up. All raise Refused.

    def has_record(self, clinic: int, institution: str, resident: Resident) -> bool:
        """Whether the clinic knows that patient."""
        every = self.terms.first_visits
        if f"{institution} {resident.patient_id}" in self.records.patients or not every:
            return True
        return int.from_bytes(draw(self.seed, "record", clinic, resident.number)[:4], "big") % every != 0

    def patient(self, asked: Asked, patient_id: str) -> Resident:
        found = self.city.by_patient_id(patient_id)
        if found is None or not self.has_record(asked.clinic, asked.institution, found):
            raise Refused("patient-unknown", "patient_id")
        return found

    def slot(self, asked: Asked, slot_id: str) -> SlotPlan:
        found = self.clinic.slot(slot_id)
        if found is None:
            raise Refused("notfound", "slot_id")
        if found.session.clinic != asked.clinic:
            raise Refused("foreign-institution", "slot_id")
        return found

    def lock(self, asked: Asked, lock_id: str, where: str = "lock_id") -> SlotLock:
        found = self.records.locks.get(lock_id)
        if found is None:
            raise Refused("notfound", where)
        return self._own(asked, found, where)

    def booking(self, asked: Asked, booking_id: str) -> Booking:
        found = self.records.bookings.get(booking_id)
        if found is None:
            raise Refused("notfound", "registration_id")
        return self._own(asked, found, "registration_id")

    def trade(self, asked: Asked, trade_no: str) -> Trade | None:
        """None for a number that was never heard of."""
        found = self.records.trades.get(trade_no)
        return None if found is None else self._own(asked, found, "trade_no")

    @staticmethod
    def _own(asked: Asked, found: Any, where: str) -> Any:
        if found.institution != asked.institution:
            raise Refused("foreign-institution", where)
        return found

    def plan(self, bill_id: str) -> BillPlan:
        """Of a bill that was written."""
        found = self.bills.plan(bill_id)
        assert found is not None, "a bill that was written has a plan"
        return found

    def slot_of(self, slot_id: str) -> SlotPlan:
        """Of a slot that was given out."""
        found = self.clinic.slot(slot_id)
        assert found is not None, "a slot that was given out has a plan"
        return found

    # Whether something is held.

    def lock_lives(self, lock: SlotLock, at: float) -> bool:
        return lock.state == "live" and (not lock.expires_at or at < lock.expires_at)

    def trade_holds(self, trade: Trade, at: float) -> bool:
        """It is locked, not expired, and nobody else has been given what it had."""
        return trade.standing == "held" and at < trade.expires_at and self.still_has(trade)

    def still_has(self, trade: Trade) -> bool:
        """What it locked was not given to anybody else, expired or not."""
        records = self.records
        if trade.lock_id:
            lock = records.locks[trade.lock_id]
            return lock.state == "live" and lock.trade_no == trade.trade_no
        return all(
            records.bills[each].holder == trade.trade_no and records.bills[each].state == "unpaid"
            for each in trade.bill_ids
        )

    def free_numbers(self, slot: SlotPlan, at: float) -> list[int]:
        """Visiting numbers of *slot* that nobody holds."""
        held = self.records.slots.get(slot.slot_id, {})
        return [number for number in slot.numbers if number not in held or not self._alive(held[number], at)]

    def _alive(self, holder: str, at: float) -> bool:
        lock = self.records.locks.get(holder)
        return lock is None or self.lock_lives(lock, at)
