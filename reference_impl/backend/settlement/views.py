"""What a terminal is told of a trade: nothing that is not durable, nothing personal. Pure."""

from __future__ import annotations

from protocols.wire.bank.codes import Action, response
from protocols.wire.platform.models import AttemptView, ReceiptView, SplitView, TradeView
from reference_impl.backend.settlement.model import Act, Attempt, AttemptState, Leg, Split, Trade, TradeState

__all__ = ["DECIDED", "action_of", "receipt_view", "trade_view"]

DECIDED = frozenset({TradeState.PAID, TradeState.CLOSED, TradeState.REFUNDED})

WRONG_PIN = "55"
_ACTIONS = {Action.SIGN_IN: "sign_in", Action.OPERATOR: "operator"}


def action_of(attempt: Attempt) -> str:
    """What the citizen can do about a cash attempt that came to nothing (spec/services.md 3.4, classes of codes)."""
    if attempt.leg is not Leg.CASH or attempt.act is Act.UNDO or attempt.state is not AttemptState.FAIL:
        return ""
    if attempt.channel != "bank":
        return "other_method"
    if attempt.code == WRONG_PIN:
        return "ask_pin_again"
    return _ACTIONS.get(response(attempt.code).action, "other_method")


def _split(split: Split | None) -> SplitView | None:
    if split is None:
        return None
    return SplitView(
        fund_fen=split.fund_fen,
        account_fen=split.account_fen,
        mutual_aid_fen=split.mutual_aid_fen,
        cash_fen=split.cash_fen,
        hospital_fen=split.hospital_fen,
    )


def trade_view(trade: Trade) -> TradeView:
    """*trade* must be what is durable."""
    return TradeView(
        trade_no=trade.trade_no,
        kind=trade.kind.value,
        state=trade.state.value,
        decided=trade.state in DECIDED,
        total_fen=trade.total_fen,
        split=_split(trade.split),
        method=trade.method,
        deadline=trade.deadline,
        reason=trade.reason,
        attempts=tuple(
            AttemptView(
                leg=each.leg.value,
                act=each.act.value,
                channel=each.channel,
                state=each.state.value,
                code=each.code,
                action=action_of(each),
            )
            for each in trade.attempts
        ),
    )


def receipt_view(trade: Trade, institution_name: str, at: str) -> ReceiptView:
    """What is printed of a trade that has ended or goes on without the citizen."""
    cash, commit = trade.last_done(Leg.CASH), trade.last_done(Leg.COMMIT)
    facts = dict(commit.facts) if commit else {}
    reference = str(cash.facts.get("reference") or cash.reference) if cash else ""
    return ReceiptView(
        trade_no=trade.trade_no,
        institution=institution_name,
        kind=trade.kind.value,
        state=trade.state.value,
        at=at,
        total_fen=trade.total_fen,
        split=_split(trade.split),
        method=trade.method,
        channel_reference=reference,
        reconciliation_no=str(facts.get("reconciliation_no", "")),
        see_no=str(facts.get("see_no", "")),
    )
