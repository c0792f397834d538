"""What the platform holds of an institution's insured settlements of one day: the rows that go up with 3202, the sums of 3201.

The centre compares them with its own and gives all of its rows back, those that the platform does not know too. The day is that
of the centre's clock, which is in what it answered. Source: spec/services.md 1.9.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from protocols.wire.insurance.detail_files import UploadRow
from reference_impl.backend.channels.insurance_queries import OUTPATIENT, Sums
from reference_impl.backend.settlement.model import Act, Attempt, AttemptState, Leg, Trade

__all__ = ["HeldRow", "held_rows", "sums"]


@dataclass(frozen=True, slots=True)
class HeldRow:
    """``cash_fen`` is what the file does not say and the message asks for; negative in a reversal, as the others."""

    upload: UploadRow
    cash_fen: int
    insutype: str
    clr_type: str


def held_rows(trades: Iterable[Trade], institution: str, day: date) -> list[HeldRow]:
    """One row for each settlement of *day*, and one for each that was taken back on it."""
    text = f"{day:%Y-%m-%d}"
    return [
        row
        for trade in trades
        if trade.institution == institution and trade.insured
        for attempt in trade.attempts
        if attempt.leg is Leg.INSURANCE
        for row in _rows(trade, attempt, text)
    ]


def _rows(trade: Trade, attempt: Attempt, day: str) -> Iterator[HeldRow]:
    facts = attempt.facts
    if attempt.act is Act.UNDO:
        settled = trade.attempt(attempt.original).facts
        if attempt.state is AttemptState.SUCCESS and _on(facts, "reversal_time", day):
            yield _row(trade, settled, str(facts["reversal_setl_id"]), -1)
        return
    # What was taken back before anybody knew of it stands with both its rows, or, cancelled by 2601, with none.
    standing = attempt.state is AttemptState.SUCCESS or "reversal_setl_id" in facts
    if standing and _on(facts, "setl_time", day):
        yield _row(trade, facts, str(facts["setl_id"]), 1)
    if attempt.state is AttemptState.REVERSED and _on(facts, "reversal_time", day) and "medfee_fen" in facts:
        yield _row(trade, facts, str(facts["reversal_setl_id"]), -1)


def _on(facts: Mapping[str, Any], name: str, day: str) -> bool:
    return str(facts.get(name, "")).startswith(day)


def _row(trade: Trade, settled: Mapping[str, Any], setl_id: str, sign: int) -> HeldRow:
    upload = UploadRow(
        setl_id=setl_id,
        mdtrt_id=str(settled.get("mdtrt_id", "")),
        psn_no=str(trade.terms.get("psn_no", "")),
        medfee_fen=sign * settled["medfee_fen"],
        fund_fen=sign * settled["fund_fen"],
        account_fen=sign * settled["account_fen"],
        refd_setl_flag="0" if sign > 0 else "1",
    )
    insutype = str(trade.terms.get("insutype", ""))
    return HeldRow(upload, sign * settled["cash_fen"], insutype, str(settled.get("clr_type") or OUTPATIENT))


def sums(rows: Iterable[HeldRow]) -> Sums:
    """Refunds subtract from the sums and from the count."""
    total = fund = account = cash = count = 0
    for row in rows:
        total, fund = total + row.upload.medfee_fen, fund + row.upload.fund_fen
        account, cash = account + row.upload.account_fen, cash + row.cash_fen
        count += 1 if row.upload.refd_setl_flag == "0" else -1
    return Sums(total, fund, account, cash, count)
