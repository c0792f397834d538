"""What stands in all books after a load, as the plain values that oracles of money take.

Read where it stands: the platform's rows in its database, each peer's book on its control face, what kiosks said to their
citizens in the rows of the load. Nothing is asked of the platform itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import asyncpg

from loadtest.rows import VisitRow

__all__ = ["BOOKS", "BooksUnreadable", "money_note", "undecided"]

BOOKS = ("his", "insurance", "bank", "qr")
FINAL = ("paid", "closed", "refunded")
LIMIT_S = 30.0

_ROWS = {
    "trades": "SELECT trade_no, state, total_fen, coalesce(fund_fen, 0) AS fund_fen, coalesce(account_fen, 0) AS account_fen,"
    " coalesce(cash_fen, 0) AS cash_fen, institution, terminal_id, reason FROM trades",
    "attempts": "SELECT attempt_id, trade_no, leg, act, channel, reference, amount_fen, state, original FROM attempts",
    "postings": "SELECT trade_no, account, amount_fen FROM postings",
}
_UNDECIDED = (
    "SELECT (SELECT count(*) FROM trades WHERE NOT state = ANY($1))"
    " + (SELECT count(*) FROM attempts WHERE state IN ('pending', 'unknown'))"
)


class BooksUnreadable(Exception):
    """A book could not be read; the text says which."""


async def undecided(database: str) -> int:
    """How many trades and attempts are still under way. Raises :class:`BooksUnreadable`."""
    try:
        connection = await asyncpg.connect(database)
        try:
            return int(await connection.fetchval(_UNDECIDED, list(FINAL)))
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise BooksUnreadable(f"the platform's database: {type(error).__name__}") from error


async def money_note(database: str, control: str, visits: Sequence[VisitRow]) -> dict[str, Any]:
    """The note of ``conformance.oracles.money_facts.MoneyFacts``. Raises :class:`BooksUnreadable`."""
    note = await _platform(database)
    note["claims"] = [
        {"terminal_id": each.terminal_id, "trade_no": each.outcome.trade_no, "said": each.outcome.said}
        for each in visits
        if each.outcome.trade_no and each.outcome.said
    ]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LIMIT_S)) as session:

        async def ask(name: str, what: str) -> Any:
            try:
                async with session.get(f"{control}/peers/{name}/{what}") as reply:
                    reply.raise_for_status()
                    return await reply.json()
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                raise BooksUnreadable(f"peer {name}, {what}: {type(error).__name__}") from error

        note["books"] = [_row(each) for name in BOOKS for each in await ask(name, "book")]
        note["violations"] = [
            f"{name}: {text}" for name in (*BOOKS, "credential", "notify") for text in await ask(name, "violations")
        ]
        his, insurance = await ask("his", "snapshot"), await ask("insurance", "snapshot")
    note["locks"] = [
        *({"peer": "his", "what": f"bills of {number}", "trade_no": number} for number in his["locked_trades"]),
        *(_visit(each) for each in insurance["open_visits"]),
    ]
    note["differences"] = []
    return note


async def _platform(database: str) -> dict[str, Any]:
    try:
        connection = await asyncpg.connect(database)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                note: dict[str, Any] = {}
                for name, statement in _ROWS.items():
                    note[name] = [dict(each) for each in await connection.fetch(statement)]
                note["alarms"] = [each["code"] for each in await connection.fetch("SELECT code FROM alarms")]
                return note
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise BooksUnreadable(f"the platform's database: {type(error).__name__}") from error


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("book", "reference", "kind", "amount_fen", "original")}


def _visit(visit: Mapping[str, Any]) -> dict[str, str]:
    """An open visit of the insurance; its number is the trade's with three digits behind it."""
    number = str(visit["ipt_otp_no"])
    return {"peer": "insurance", "what": f"visit {number}", "trade_no": number[:-3]}
