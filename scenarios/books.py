"""What stands in all books after a real run, as the plain values that oracles of money take.

Read where it stands: the platform's rows in its database, each peer's book on its control face. Nothing is asked of the platform.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import asyncpg

from scenarios.build import BenchError

__all__ = ["BOOKS", "BooksUnreadable", "money_note", "undecided"]

BOOKS = ("his", "insurance", "bank", "qr")
FINAL = ("paid", "closed", "refunded")
LIMIT_S = 30.0

_ROWS = {
    "trades": "SELECT trade_no, state, total_fen, coalesce(fund_fen, 0) AS fund_fen, coalesce(account_fen, 0) AS account_fen,"
    " coalesce(cash_fen, 0) AS cash_fen, institution, terminal_id, reason FROM trades",
    "attempts": "SELECT attempt_id, trade_no, leg, act, channel, reference, amount_fen, state, original FROM attempts",
    "postings": "SELECT trade_no, account, amount_fen, attempt_id FROM postings",
    "alarms": "SELECT code FROM alarms",
}
_UNDECIDED = (
    "SELECT (SELECT count(*) FROM trades WHERE state NOT IN ('paid', 'closed', 'refunded'))"
    " + (SELECT count(*) FROM attempts WHERE state IN ('pending', 'unknown')) AS n"
)


class BooksUnreadable(BenchError):
    """A book could not be read; the text says which."""


async def undecided(database: str) -> int:
    """How many trades and attempts are still under way. Raises :class:`BooksUnreadable`."""
    rows = await _rows(database, {"n": _UNDECIDED})
    return int(rows["n"][0]["n"])


async def money_note(
    database: str,
    controls: Mapping[str, str],
    claims: Sequence[Mapping[str, str]],
    presses: Mapping[str, int] | None = None,
    *,
    listened: bool = True,
) -> dict[str, Any]:
    """The note of ``conformance.oracles.money_facts.MoneyFacts``. *controls*: the control face on which each peer is found;
    *claims*: what terminals told their citizens, where they were *listened* to; *presses*: how often these pressed pay on each trade,
    where somebody has counted. Raises :class:`BooksUnreadable`."""
    note = await _rows(database, _ROWS)
    note["alarms"] = [each["code"] for each in note["alarms"]]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LIMIT_S)) as session:

        async def ask(name: str, what: str) -> Any:
            try:
                async with session.get(f"{controls[name]}/peers/{name}/{what}") as reply:
                    reply.raise_for_status()
                    return await reply.json()
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                raise BooksUnreadable(f"peer {name}, {what}: {type(error).__name__}") from error

        note["books"] = [_row(each) for name in BOOKS for each in await ask(name, "book")]
        note["violations"] = [f"{name}: {text}" for name in controls for text in await ask(name, "violations")]
        his, insurance = await ask("his", "snapshot"), await ask("insurance", "snapshot")
    note["locks"] = [
        *({"peer": "his", "what": f"bills of {number}", "trade_no": number} for number in his["locked_trades"]),
        *(_visit(each) for each in insurance["open_visits"]),
    ]
    return {**note, "claims": [dict(each) for each in claims], "presses": presses, "listened": listened}


async def _rows(database: str, questions: Mapping[str, str]) -> dict[str, Any]:
    try:
        if database.startswith("sqlite:///"):
            return _sqlite_rows(database.removeprefix("sqlite:///"), questions)
        connection = await asyncpg.connect(database)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return {name: [dict(each) for each in await connection.fetch(sql)] for name, sql in questions.items()}
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError, sqlite3.Error) as error:
        raise BooksUnreadable(f"the platform's database: {type(error).__name__}") from error


def _sqlite_rows(path: str, questions: Mapping[str, str]) -> dict[str, Any]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        return {name: [dict(each) for each in connection.execute(sql)] for name, sql in questions.items()}
    finally:
        connection.close()


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("book", "reference", "kind", "amount_fen", "original")}


def _visit(visit: Mapping[str, Any]) -> dict[str, str]:
    """An open visit of the insurance; its number is the trade's with three digits behind it."""
    number = str(visit["ipt_otp_no"])
    return {"peer": "insurance", "what": f"visit {number}", "trade_no": number[:-3]}
