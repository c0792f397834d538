"""Channels whose peer answers at once and always agrees: what remains is the engine and its database. A benchmark only."""

from __future__ import annotations

from dataclasses import replace

from reference_impl.backend.settlement.channel import Channel, Heard, Opening, Outcome, Ruling, Secrets
from reference_impl.backend.settlement.model import Attempt, AttemptState, Split, Trade
from reference_impl.benchmark.textbook import ACCOUNT_SHARE, FUND_SHARE

__all__ = ["InstantChannel", "instant_channels"]


class InstantRules:
    def after(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        return Ruling(AttemptState.SUCCESS)

    def interrupted(self, attempt: Attempt) -> Ruling:
        return Ruling(AttemptState.UNKNOWN, attempt.operation)


class InstantChannel:
    """A :class:`~reference_impl.backend.settlement.channel.Channel`. The insurance pays its shares of every bill."""

    def __init__(self, name: str) -> None:
        self.name, self.rules = name, InstantRules()

    def undo_of(self, attempt: Attempt) -> str:
        return "undo"

    def open(
        self, trade: Trade, operation: str, original: Attempt | None, seq: int, secrets: Secrets, now: float
    ) -> Opening:
        return Opening(f"{trade.trade_no}{seq:03d}", operation)

    def engaged(self, trade: Trade) -> bool:
        return False

    def settled(self, attempt: Attempt) -> None:
        """Nothing is held."""

    def resume(self, attempt: Attempt) -> None:
        """Nothing was held."""

    async def perform(self, trade: Trade, attempt: Attempt, secrets: Secrets) -> Outcome:
        if self.name != "insurance":
            return Outcome(Heard.DONE)
        total = trade.total_fen
        fund, account = int(total * FUND_SHARE), int(total * ACCOUNT_SHARE)
        split = Split(fund_fen=fund, account_fen=account, cash_fen=total - fund - account)
        facts = {"split": {"fund_fen": fund, "account_fen": account, "cash_fen": split.cash_fen}}
        return replace(Outcome(Heard.DONE, split=split), facts=facts)


def instant_channels() -> dict[str, Channel]:
    """HIS, insurance and one way to pay."""
    return {name: InstantChannel(name) for name in ("his", "insurance", "wechat")}
