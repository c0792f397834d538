"""What commands may ask of an endurance run: the only module of this package that ``tui`` imports."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from scenarios.build import BenchError
from scenarios.endurance.model import PARTIES, EnduranceNews, EnduranceResult, EnduranceWish
from scenarios.endurance.run import run_endurance
from scenarios.postgres import PostgresError, PrivatePostgres, missing

__all__ = ["DATABASES", "PARTIES", "EnduranceNews", "EnduranceResult", "EnduranceWish", "endure", "findings_of"]

DATABASES = ("sqlite", "postgresql")
MoneyJudge = Callable[[Mapping[str, Any]], Sequence[str]]


def endure(
    wish: EnduranceWish, on_news: Callable[[EnduranceNews], None] = lambda news: None, *, keep: Path | None = None
) -> EnduranceResult:
    """Carry out *wish*, on a private PostgreSQL where its database is ``postgresql``. *keep*: an empty folder for databases, journals
    and logs; without it they are gone afterwards. Raises BenchError."""
    if wish.database == "postgresql" and missing():
        raise BenchError(f"PostgreSQL is not installed: apt-get install {' '.join(missing())}, or use sqlite")
    folder = nullcontext(str(keep)) if keep is not None else tempfile.TemporaryDirectory(prefix="onecard-endure-")
    with folder as name:
        try:
            return asyncio.run(_endure(wish, Path(name), on_news))
        except PostgresError as error:
            raise BenchError(str(error)) from error


async def _endure(wish: EnduranceWish, folder: Path, on_news: Callable[[EnduranceNews], None]) -> EnduranceResult:
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 before anything runs
    if wish.database != "postgresql":
        return await run_endurance(wish, folder, on_news)
    async with PrivatePostgres() as server:
        own = EnduranceWish(
            kills=wish.kills,
            database=await server.create("endurance"),
            kiosks=wish.kiosks,
            seed=wish.seed,
            pause_s=wish.pause_s,
            settle_limit_s=wish.settle_limit_s,
        )
        return await run_endurance(own, folder, on_news)


def findings_of(result: EnduranceResult, judge_money: MoneyJudge) -> list[str]:
    """Everything that is wrong with *result*: what was left open, what the oracles of money find, what needed a person, and a run in
    which nothing moved, which would prove nothing."""
    found = list(judge_money(result.note))
    if result.undecided or result.open_at_kiosks:
        found.append(
            f"undecided: {result.undecided} in the database, {result.open_at_kiosks} at kiosks, when time was up"
        )
    if not result.told.get("paid"):
        paid = sum(each["state"] == "paid" for each in result.note["trades"])
        heard = f"{paid} trades were paid, and no kiosk told a citizen so" if paid else "not one payment was made"
        found.append(f"vacuous: {heard}")
    if result.wish.kills and not result.midway:
        found.append("vacuous: nobody was served when processes were killed")
    manual = sum(each["state"] == "manual" for each in result.note["trades"])
    if manual:
        found.append(f"manual: {manual} trades wait for a person")
    return found + [f"device: {text}" for text in result.complaints]
