"""After a loss of power, and now and then while something is undecided: ask the platform about every open key.

A trade on which nobody waits any more is turned back; one that is being paid, cancelled or refunded is left to the platform,
which ends it without us. An entry is closed only by what the platform has said.
"""

from __future__ import annotations

from protocols.wire.platform.models import TradeView
from reference_impl.kiosk.business.journal import Entry
from reference_impl.kiosk.outbox import ENDS, Outbox
from reference_impl.kiosk.platform import Platform, PlatformRefused

__all__ = ["settle"]

NOBODY_WAITS = "terminal-restarted"


async def settle(platform: Platform, outbox: Outbox) -> int:
    """How many entries the platform has not decided yet. Raises PlatformSilent and OutboxFailed, and PlatformRefused where
    this terminal gets no session; what was settled until then stays settled."""
    await platform.session()
    for entry in outbox.entries():
        try:
            trade = await _find(platform, entry)
        except PlatformRefused:
            continue  # asked and answered; it stays open for the next time
        if trade is None:
            outbox.close(entry.key, "unknown" if entry.trade_no else "never-opened")
            continue
        outbox.number(entry.key, trade.trade_no)
        if not entry.refund and trade.state in ("quoting", "awaiting"):
            trade = await _turn_back(platform, trade)
        if trade.state in ENDS:
            outbox.close(entry.key, trade.state)
    return len(outbox)


async def _find(platform: Platform, entry: Entry) -> TradeView | None:
    if not entry.trade_no:
        return await platform.trade_by_key(entry.key)
    try:
        return await platform.trade(entry.trade_no)
    except PlatformRefused as refusal:
        if refusal.absent:
            return None
        raise


async def _turn_back(platform: Platform, trade: TradeView) -> TradeView:
    try:
        return await platform.cancel(trade.trade_no, NOBODY_WAITS)
    except PlatformRefused:
        return await platform.trade(trade.trade_no)  # too late: what it is now tells
