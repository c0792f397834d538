"""What stands in all books once a play has ended, as the plain values that the oracles of money take."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, cast

from reference_impl.simulation.network import Network

__all__ = ["facts_of", "platform_facts"]


def facts_of(
    connection: sqlite3.Connection, network: Network, claims: Iterable[tuple[str, str, str]], now: float
) -> Mapping[str, Any]:
    """The note of ``conformance.oracles.money_facts.MoneyFacts``."""
    return {
        **platform_facts(connection),
        "books": list(_books(network)),
        "locks": list(_locks(network, now)),
        "claims": [{"terminal_id": t, "trade_no": n, "said": s} for t, n, s in claims],
        "violations": [f"{name}: {text}" for name, peer in network.peers.items() for text in peer.violations()],
        "differences": [],
    }


def platform_facts(connection: sqlite3.Connection) -> dict[str, Any]:
    """Trades, attempts, postings and alarms as they are in the database."""

    def rows(sql: str) -> list[dict[str, Any]]:
        cursor = connection.execute(sql)
        names = [each[0] for each in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return {
        "trades": rows(
            "SELECT trade_no, state, total_fen, coalesce(fund_fen, 0) AS fund_fen, coalesce(account_fen, 0) AS account_fen,"
            " coalesce(cash_fen, 0) AS cash_fen, institution, terminal_id, reason FROM trades"
        ),
        "attempts": rows(
            "SELECT attempt_id, trade_no, leg, act, channel, reference, amount_fen, state, original FROM attempts"
        ),
        "postings": rows("SELECT trade_no, account, amount_fen FROM postings"),
        "alarms": [row["code"] for row in rows("SELECT code FROM alarms")],
    }


def _books(network: Network) -> Iterable[dict[str, Any]]:
    for peer in network.peers.values():
        for row in peer.core.book():
            yield {
                "book": row.book,
                "reference": row.reference,
                "kind": row.kind,
                "amount_fen": row.amount_fen,
                "original": row.original,
            }


def _locks(network: Network, now: float) -> Iterable[dict[str, str]]:
    """Locks at the HIS and visits at the insurance that nobody closes any more."""
    his = cast("Any", network.peers["his"].core)
    for lock in his.locks(now):
        yield {"peer": "his", "what": lock.what, "trade_no": lock.trade_no}
    insurance = network.peers["insurance"].core.snapshot()
    for visit in cast("Any", insurance["open_visits"]):
        number = str(visit.get("ipt_otp_no", "")) if isinstance(visit, Mapping) else str(visit)
        yield {"peer": "insurance", "what": f"visit {number}", "trade_no": number[:-3]}
