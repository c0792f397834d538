"""The bank's day bill as the answer to the one question that no message answers: was a refund carried out.

Source: spec/services.md 3.2 (a refund is not reversed: query or bill decides), 5 (cut-over). A refund near the cut-over, or one
that was delivered late, may stand in the next day's file, so both are looked at before it is said to be absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protocols.clock import Clock
from protocols.wire.bank.bill import BillLine, decode_bill
from protocols.wire.base import WireError
from protocols.wire.http import HttpRequest
from reference_impl.backend.banking.host import BankSettings
from reference_impl.backend.channels.bank_rules import BILL_ABSENT, BILL_DIFFERS
from reference_impl.backend.settlement.channel import Heard, Outcome
from reference_impl.backend.settlement.model import Attempt
from reference_impl.backend.transport import HttpTransport, NoAnswer

__all__ = ["BankBills"]

SLACK_S = 60.0


class BankBills:
    """Fetches bills over *files*. Stateless."""

    def __init__(self, settings: BankSettings, files: HttpTransport, clock: Clock) -> None:
        self._settings, self._files, self._clock = settings, files, clock

    def to_wait(self, attempt: Attempt) -> Mapping[str, Any]:
        """Facts of a refund of which nobody knows: the last business day in which it can be, and the wait for the first."""
        now = self._clock.now()
        until = self._settings.cut_over.day(now + self._settings.margin_s)
        return {"bill_until": until, "wait_s": max(0.0, self._due(self._first_day(attempt)) - now)}

    def _first_day(self, attempt: Attempt) -> str:
        return self._settings.cut_over.day(attempt.created_at - self._settings.margin_s)

    def _due(self, day: str) -> float:
        return self._settings.cut_over.end_of(day) + self._settings.file_delay_s + SLACK_S

    async def look_for(self, attempt: Attempt, institution: str) -> Outcome:
        """DONE: the refund stands in a bill. REFUSED ``absent``: it stands in none and all are there. BUSY: ``wait_s``."""
        cut_over, now = self._settings.cut_over, self._clock.now()
        # After a crash nobody noted when it was sent: not later than its row was touched.
        until = attempt.facts.get("bill_until") or cut_over.day(attempt.updated_at + self._settings.margin_s)
        day = self._first_day(attempt)
        while day <= until:
            if now < self._due(day):
                return Outcome(Heard.BUSY, facts={"bill_until": until, "wait_s": self._due(day) - now})
            lines = await self._lines(day, institution)
            if lines is None:
                facts = {"bill_until": until, "wait_s": self._settings.bill_poll_s}
                return Outcome(Heard.BUSY, reason=f"the bill of {day} cannot be had yet", facts=facts)
            for line in lines:
                if line.reference == attempt.reference:
                    return self._judged(attempt, line)
            day = cut_over.next(day)
        return Outcome(Heard.REFUSED, BILL_ABSENT, f"in no bill until {until}")

    @staticmethod
    def _judged(attempt: Attempt, line: BillLine) -> Outcome:
        if line.kind != "refund" or line.amount_fen != attempt.amount_fen:
            return Outcome(Heard.REFUSED, BILL_DIFFERS, f"the bill has a {line.kind} of {line.amount_fen} fen")
        return Outcome(Heard.DONE, facts={"retrieval": line.retrieval, "bank_date": line.at[:4]})

    async def _lines(self, day: str, institution: str) -> tuple[BillLine, ...] | None:
        """None: no bill, or half a bill."""
        request = HttpRequest("GET", f"/bills/{day}?institution={institution}")
        try:
            reply = await self._files.exchange(self._settings.files, request, self._settings.limit_s)
        except NoAnswer:
            return None
        if reply.status != 200:
            return None
        try:
            bill = decode_bill(reply.body)
        except WireError:
            return None
        return bill.lines if (bill.day, bill.institution) == (day, institution) else None
