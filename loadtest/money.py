"""What stands in all books after a load, with what its kiosks told their citizens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loadtest.bench import PEERS
from loadtest.rows import VisitRow
from scenarios.books import money_note

__all__ = ["note_of_load"]


async def note_of_load(database: str, control: str, visits: Sequence[VisitRow]) -> dict[str, Any]:
    """The note of ``conformance.oracles.money_facts.MoneyFacts``; all peers stand behind the one control face *control*. A load that was
    cut off before any kiosk told anything has heard nobody. Raises :class:`scenarios.books.BooksUnreadable`."""
    claims = [
        {"terminal_id": each.terminal_id, "trade_no": each.outcome.trade_no, "said": each.outcome.said}
        for each in visits
        if each.outcome.trade_no and each.outcome.said
    ]
    return await money_note(database, dict.fromkeys(PEERS, control), claims, listened=bool(claims))
