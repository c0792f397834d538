"""What the kiosk may say to a citizen about their money: never more than the platform has said durably."""

from __future__ import annotations

from enum import StrEnum

from protocols.wire.base import Label
from protocols.wire.platform.models import AttemptView, TradeView

__all__ = ["TOLD_LABELS", "Told", "cash_attempts", "last_cash", "told_of"]


class Told(StrEnum):
    """``attempt_failed``: this way to pay took nothing, another may be tried. ``abandoned``: pay was never pressed.
    ``refund_refused``: the payment stands. ``uncertain``: nobody at this kiosk knows yet; the platform goes on."""

    PAID = "paid"
    NOT_PAID = "not_paid"
    GIVEN_BACK = "given_back"
    ATTEMPT_FAILED = "attempt_failed"
    ABANDONED = "abandoned"
    REFUNDED = "refunded"
    REFUND_REFUSED = "refund_refused"
    UNCERTAIN = "uncertain"
    MANUAL = "manual"


TOLD_LABELS: dict[Told, Label] = {
    Told.PAID: Label("支付成功", "Paid"),
    Told.NOT_PAID: Label("未支付，没有扣款", "Not paid: nothing was taken"),
    Told.GIVEN_BACK: Label("未支付，已扣款项已全部退回", "Not paid: what was taken has been given back"),
    Told.ATTEMPT_FAILED: Label("本次支付未成功，未从该方式扣款", "This attempt failed and took nothing"),
    Told.ABANDONED: Label("您没有付款", "You have not paid"),
    Told.REFUNDED: Label("已退款", "Refunded"),
    Told.REFUND_REFUSED: Label("未能退费，原支付仍有效", "No refund: the payment stands"),
    Told.UNCERTAIN: Label("结果尚未确定，请保管好凭条", "The result is not certain yet: keep the slip"),
    Told.MANUAL: Label("需人工核对，请保管好凭条", "Staff will check: keep the slip"),
}

_FINAL: dict[str, Told] = {"paid": Told.PAID, "refunded": Told.REFUNDED, "manual": Told.MANUAL}
_MOVED = frozenset({"insurance", "cash"})


def cash_attempts(trade: TradeView) -> tuple[AttemptView, ...]:
    """The attempts to take the cash part, in order."""
    return tuple(each for each in trade.attempts if each.leg == "cash" and each.act == "do")


def last_cash(trade: TradeView) -> AttemptView | None:
    attempts = cash_attempts(trade)
    return attempts[-1] if attempts else None


def told_of(trade: TradeView) -> Told:
    """What *trade* allows to be said. Everything that is not decided is uncertain, but for a trade that awaits the
    citizen again: then no attempt is open, and the last one took nothing."""
    if trade.state == "closed":
        moved = any(each.leg in _MOVED and each.act == "do" and each.state == "success" for each in trade.attempts)
        return Told.GIVEN_BACK if moved else Told.NOT_PAID
    if trade.state == "awaiting":
        return Told.ATTEMPT_FAILED if cash_attempts(trade) else Told.ABANDONED
    return _FINAL.get(trade.state, Told.UNCERTAIN)
