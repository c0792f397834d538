"""Double entry in fen, append-only: what an attempt that succeeded means for the books. Pure.

``clearing`` is what was taken for a bill that the institution has not got yet. It is zero for a trade that is paid, and for
one that is closed or refunded; the entries of every attempt add up to zero. Debits are positive.
"""

from __future__ import annotations

from collections.abc import Iterator

from reference_impl.backend.settlement.model import Act, Attempt, Leg, Split, Trade
from reference_impl.backend.settlement.tables import POSTINGS
from reference_impl.backend.storage.writes import Write

__all__ = ["CLEARING", "entries", "postings"]

CLEARING = "clearing"


def entries(trade: Trade, attempt: Attempt) -> list[tuple[str, int]]:
    """(account, fen) of *attempt*, which has succeeded. Lock and visit move nothing."""
    sign = 1 if attempt.act is Act.DO else -1
    return [(account, sign * fen) for account, fen in _debits_and_credits(trade, attempt) if fen]


def _debits_and_credits(trade: Trade, attempt: Attempt) -> Iterator[tuple[str, int]]:
    match attempt.leg:
        case Leg.INSURANCE:
            # As it was settled, which need not be as it was quoted: a difference is taken back, and booked both ways.
            settled = trade.attempt(attempt.original) if attempt.act is Act.UNDO else attempt
            told = settled.facts.get("split")  # not where a person decided: then it is what was agreed to
            split = Split(**told) if told is not None else trade.split
            assert split is not None, "insurance is not settled before the quote"
            yield "receivable:insurance:fund", split.fund_fen
            yield "receivable:insurance:account", split.account_fen
            yield "borne:institution", split.hospital_fen
            yield CLEARING, -(split.fund_fen + split.account_fen + split.hospital_fen)
        case Leg.CASH:
            yield f"receivable:{attempt.channel}", attempt.amount_fen
            yield CLEARING, -attempt.amount_fen
        case Leg.COMMIT:
            yield CLEARING, trade.total_fen
            yield f"payable:{trade.institution}", -trade.total_fen
        case _:
            return


def postings(trade: Trade, attempt: Attempt, now: float, day: str) -> list[Write]:
    """The rows of *attempt*. Their ids are made from its id, so the same success is never entered twice."""
    return [
        Write(POSTINGS, (f"{attempt.attempt_id}/{number}", trade.trade_no, attempt.attempt_id, account, fen, now, day))
        for number, (account, fen) in enumerate(entries(trade, attempt), 1)
    ]
