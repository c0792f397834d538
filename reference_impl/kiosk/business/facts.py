"""What a harness may read of a session: stages, states, amounts, numbers of trades. Nobody can be recognised in it."""

from __future__ import annotations

from typing import Any

from reference_impl.kiosk.business.menu import Terms
from reference_impl.kiosk.business.options import options_of
from reference_impl.kiosk.business.session import Session

__all__ = ["facts_of_session"]


def facts_of_session(session: Session, terms: Terms) -> dict[str, Any]:
    """``stage``; ``options`` by id in their order; ``trade`` with number, state, total and split; ``told`` is what the
    citizen reads about their money; ``notice`` a stable code; ``presses`` how often pay was pressed."""
    facts: dict[str, Any] = {"stage": session.stage.value, "credential": session.kind}
    options = options_of(session, terms)
    if options:
        facts["options"] = [each.id for each in options]
    closed = [each.id for each in options if not each.open]
    if closed:
        facts["closed"] = closed
    paying = session.paying
    if paying.trade is not None:
        trade = paying.trade
        facts["trade"] = {"trade_no": trade.trade_no, "state": trade.state, "total_fen": trade.total_fen}
        if trade.split is not None:
            facts["trade"]["split"] = trade.split.model_dump()
        if trade.reason:
            facts["trade"]["reason"] = trade.reason
    if paying.method is not None:
        facts["method"] = paying.method.value
    if paying.pressed:
        facts["presses"] = paying.pressed
    if session.told is not None:
        facts["told"] = session.told.value
    if session.slip is not None:
        facts["slip"] = session.slip.value
    see_no = paying.receipt.see_no if paying.receipt is not None else ""
    if session.booking.check_in is not None:
        see_no = session.booking.check_in.see_no
    if see_no:
        facts["see_no"] = see_no
    if session.notice_code:
        facts["notice"] = session.notice_code
    if session.leaving is not None:
        facts["leaving"] = session.leaving.value
    return facts
