"""Moves that payment and refund share: the limit of a page, the trade of a session, looking at it again."""

from __future__ import annotations

from dataclasses import replace

from protocols.wire.platform.models import TradeView
from reference_impl.kiosk.business.menu import Terms
from reference_impl.kiosk.business.session import Session
from reference_impl.kiosk.business.works import FollowTrade

__all__ = ["FINAL", "follow", "known", "page_until", "with_trade"]

FINAL = frozenset({"paid", "closed", "refunded", "manual"})
"""States of a trade that are said: nothing follows unless somebody asks for it, or a person decides."""


def known(session: Session) -> TradeView:
    assert session.paying.trade is not None, "the trade was opened"
    return session.paying.trade


def cash_fen(trade: TradeView) -> int:
    """What the citizen pays themselves."""
    return trade.split.cash_fen if trade.split is not None else trade.total_fen


def with_trade(session: Session, trade: TradeView, **changes: object) -> Session:
    return replace(session, paying=replace(session.paying, trade=trade, **changes))  # type: ignore[arg-type]


def follow(session: Session, terms: Terms, *, slowly: bool = False) -> FollowTrade:
    """Look again; *slowly* where the answer may lead to sending something again."""
    return FollowTrade(session.paying.trade_no, terms.follow_s, terms.again_s if slowly else 0.0)


def page_until(session: Session, now: float, limit_s: float) -> float:
    """The page's own limit, but never beyond the visit, the slot's lock or the quote."""
    paying = session.paying
    limits = [now + limit_s, session.expires_at]
    if paying.purchase is not None and paying.purchase.until is not None:
        limits.append(paying.purchase.until)
    if paying.trade is not None and paying.trade.state == "awaiting":
        limits.append(paying.trade.deadline)
    return min(limits)
