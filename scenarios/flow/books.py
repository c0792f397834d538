"""What stands in all books after a flow, read where it stands: the platform's rows in its database, each peer's own book.

The shape is the note of ``conformance.oracles.money_facts.MoneyFacts``; nothing is asked of the platform itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import asyncpg

from scenarios.build import BenchError
from simulators.serve.peers import PeerHost

__all__ = ["money_note", "platform_rows", "under_way"]

FINAL = frozenset({"paid", "closed", "refunded", "manual"})
OPEN = frozenset({"pending", "unknown"})
CLAIMS = {
    "paid": "paid",
    "not_paid": "not-paid",
    "given_back": "not-paid",
    "refunded": "refunded",
    "uncertain": "uncertain",
}
"""Words of the kiosk to those of the oracles."""

_STATEMENTS = {
    "trades": "SELECT trade_no, state, total_fen, coalesce(fund_fen, 0) AS fund_fen, coalesce(account_fen, 0) AS account_fen,"
    " coalesce(cash_fen, 0) AS cash_fen, institution, terminal_id, reason FROM trades ORDER BY trade_no",
    "attempts": "SELECT attempt_id, trade_no, leg, act, channel, reference, amount_fen, state, original FROM attempts"
    " ORDER BY attempt_id",
    "postings": "SELECT trade_no, account, amount_fen, attempt_id FROM postings ORDER BY trade_no, attempt_id, account, amount_fen",
    "alarms": "SELECT code FROM alarms",
}


async def platform_rows(database: str) -> dict[str, Any]:
    """Trades, attempts, postings and alarms. *database* is a ``postgresql://`` URL or the path of an SQLite file.

    Raises :class:`BenchError` for a database that cannot be read.
    """
    try:
        rows = await _postgres(database) if database.startswith("postgresql://") else _sqlite(Path(database))
    except (OSError, sqlite3.Error, asyncpg.PostgresError) as error:
        raise BenchError(f"backend: its database cannot be read: {type(error).__name__}") from error
    return {**rows, "alarms": [each["code"] for each in rows["alarms"]]}


def _sqlite(path: Path) -> dict[str, list[dict[str, Any]]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)) as connection:
        connection.row_factory = sqlite3.Row
        return {name: [dict(row) for row in connection.execute(sql)] for name, sql in _STATEMENTS.items()}


async def _postgres(url: str) -> dict[str, list[dict[str, Any]]]:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return {name: [dict(row) for row in await connection.fetch(sql)] for name, sql in _STATEMENTS.items()}
    finally:
        await connection.close()


def under_way(rows: Mapping[str, Any]) -> int:
    """How many trades and attempts are still under way."""
    trades = sum(each["state"] not in FINAL for each in rows["trades"])
    return trades + sum(each["state"] in OPEN for each in rows["attempts"])


async def money_note(
    database: str, host: PeerHost, claims: Iterable[tuple[str, str, str]], now: float, violations: Iterable[str]
) -> dict[str, Any]:
    """*claims* are terminal, trade number and what the kiosk told; *violations* what peers reported of the backend."""
    note = await platform_rows(database)
    note["books"] = [
        {
            "book": row.book,
            "reference": row.reference,
            "kind": row.kind,
            "amount_fen": row.amount_fen,
            "original": row.original,
        }
        for peer in host.peers.values()
        for row in peer.core.book()
    ]
    note["locks"] = list(_locks(host, now))
    note["claims"] = [
        {"terminal_id": terminal, "trade_no": number, "said": CLAIMS[said]}
        for terminal, number, said in claims
        if said in CLAIMS
    ]
    note["violations"] = list(violations)
    return note


def _locks(host: PeerHost, now: float) -> Iterable[dict[str, str]]:
    """Locks at the HIS, and visits at the insurance that nobody closes any more."""
    for name in ("his", "his_xml"):
        if name in host.peers:
            for lock in cast("Any", host.peers[name].core).locks(now):
                yield {"peer": "his", "what": lock.what, "trade_no": lock.trade_no}
    if "insurance" in host.peers:
        for visit in cast("Any", host.peers["insurance"].core.snapshot()["open_visits"]):
            number = str(visit.get("ipt_otp_no", "")) if isinstance(visit, Mapping) else str(visit)
            yield {"peer": "insurance", "what": f"visit {number}", "trade_no": number[:-3]}
