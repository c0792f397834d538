"""What stands in all books once a play has ended, as the plain values that the oracles of money take."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from reference_impl.simulation.network import Network

__all__ = ["facts_of", "kept", "kept_for_trades", "platform_facts"]


def facts_of(
    connection: sqlite3.Connection,
    network: Network,
    claims: Iterable[tuple[str, str, str]],
    presses: Mapping[str, int],
    complaints: Iterable[str],
    locks: Iterable[Mapping[str, str]],
) -> Mapping[str, Any]:
    """The note of ``conformance.oracles.money_facts.MoneyFacts``. *locks* are :func:`kept_for_trades` and :func:`kept`."""
    return {
        **platform_facts(connection),
        "books": list(_books(network)),
        "locks": list(locks),
        "claims": [{"terminal_id": t, "trade_no": n, "said": s} for t, n, s in claims],
        "violations": [
            *(f"{name}: {text}" for name, peer in network.peers.items() for text in peer.violations()),
            *complaints,
        ],
        "presses": dict(presses),
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
        "postings": rows("SELECT trade_no, account, amount_fen, attempt_id FROM postings"),
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


def kept_for_trades(network: Network, now: float) -> list[dict[str, str]]:
    """Locks of trades at the HIS. Once every trade has ended there is none: they need not wait for their time to run out."""
    return [each for each in kept(network, now) if each["peer"] == "his" and each["trade_no"]]


def kept(network: Network, now: float) -> Iterator[dict[str, str]]:
    """Locks at the HIS and visits at the insurance that nobody closes any more."""
    his = cast("Any", network.peers["his"].core)
    for lock in his.locks(now):
        yield {"peer": "his", "what": lock.what, "trade_no": lock.trade_no}
    insurance = network.peers["insurance"].core.snapshot()
    for visit in cast("Any", insurance["open_visits"]):
        number = str(visit.get("ipt_otp_no", "")) if isinstance(visit, Mapping) else str(visit)
        yield {"peer": "insurance", "what": f"visit {number}", "trade_no": number[:-3]}
