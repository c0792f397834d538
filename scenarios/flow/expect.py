"""Whether what a kiosk shows is what a step expects. Pure: the runner waits by it, the judge judges by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scenarios.flow.model import Expect, QuoteExpect

__all__ = ["lacking", "page_of", "quote_parts", "quote_wrong"]

PARTS = ("fund_fen", "account_fen", "cash_fen")


def page_of(facts: Mapping[str, Any]) -> str:
    """The stage of the business, or the phase of a kiosk that does none now."""
    phase = str(facts.get("event", ""))
    return str(facts.get("stage", phase)) if phase == "business" else phase


def lacking(expect: Expect, facts: Mapping[str, Any]) -> list[str]:
    """What of *expect* the kiosk does not show, as short words; empty when all of it is there."""
    trade = facts.get("trade")
    trade = trade if isinstance(trade, Mapping) else {}
    shown: dict[str, object] = {
        "page": page_of(facts),
        "told": facts.get("told", ""),
        "trade": trade.get("state", ""),
        "slip": facts.get("slip", ""),
        "notice": facts.get("notice", ""),
    }
    wanted: dict[str, Sequence[str]] = {name: getattr(expect, name) for name in shown}
    found = [
        f"{name} {' | '.join(wanted[name])}"
        for name, value in shown.items()
        if wanted[name] and value not in wanted[name]
    ]
    if expect.presses is not None and facts.get("presses", 0) != expect.presses:
        found.append(f"presses {expect.presses}")
    if expect.quote is not None:
        found += quote_wrong(expect.quote, trade)
    return found


def quote_parts(trade: Mapping[str, Any]) -> dict[str, int] | None:
    """Total, fund, account and cash of a quoted trade, in fen; None before there is a quote."""
    split = trade.get("split")
    if not isinstance(split, Mapping):
        return None
    return {"total_fen": int(trade.get("total_fen", 0)), **{name: int(split.get(name, 0)) for name in PARTS}}


def quote_wrong(expect: QuoteExpect, trade: Mapping[str, Any]) -> list[str]:
    """What of the amounts is not as it has to be: fund, account and cash make up the total, whatever else is written."""
    parts = quote_parts(trade)
    if parts is None:
        return ["a quote"]
    found: list[str] = []
    if sum(parts[name] for name in PARTS) != parts["total_fen"]:
        found.append(f"fund + account + cash = {parts['total_fen']} fen")
    for name, value in parts.items():
        wanted = getattr(expect, name)
        if wanted is not None and wanted != value:
            found.append(f"{name} {wanted}")
    return found
