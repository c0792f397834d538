"""The engine with its bank channel before the bank's peer; then the bank's own bills against the platform's own book. Whatever
failed on the way, two days later nothing differs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from bank.bank_bench import World

from protocols.clock import run_virtual
from protocols.wire.http import HttpRequest
from reference_impl.backend.reconciliation import polars_engine
from reference_impl.backend.reconciliation.channel_files import BankBillReader
from reference_impl.backend.reconciliation.details import pooled_frames, pooled_rows, rows_to_pool
from reference_impl.backend.reconciliation.findings import listed
from reference_impl.backend.reconciliation.frames import Books, empty, write_book
from reference_impl.backend.reconciliation.model import Book, Scope, Terms
from reference_impl.backend.reconciliation.platform_book import platform_rows
from reference_impl.backend.settlement.model import TradeState

DAYS = [date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 24)]
EVENING = 1_795_305_600.0 + 14.9 * 3600  # 22:54, six minutes before the bank's end of day


def days_compared(world: World, folder: Path) -> list[list[tuple[str, str]]]:
    """What each day's run finds, with its pool handed on to the next."""
    trades = [world.store.book.trade(row[0]) for row in world.connection.execute("SELECT trade_no FROM trades")]
    found: list[list[tuple[str, str]]] = []
    carried = {book: empty(book) for book in Book}
    for day in DAYS:
        terms = Terms(day)
        reply = world.bank.core.handle_file(HttpRequest("GET", f"/bills/{day}"), world.clock.now() + 7 * 86_400)
        assert reply.status == 200, reply.body
        own = {book: empty(book) for book in Book}
        platform = platform_rows([each for each in trades if each], Scope(day), terms, {})
        # The HIS of this bench keeps no book.
        own[Book.PLATFORM] = platform.with_columns(his_ref=pl.lit(""), his_fen=pl.lit(0, dtype=pl.Int64))
        own[Book.CHANNEL] = BankBillReader(day).read(reply.body, f"{day}.bill")
        books = Books.under(folder)
        for book in Book:
            write_book(pl.concat([own[book], carried[book]]), books.path(book))
        differences = listed(polars_engine.reconcile(books, terms))
        found.append([(each.code, each.underlying) for each in differences])
        carried = pooled_frames(pooled_rows(books, rows_to_pool(books, differences), str(day)))
    return found


def play(
    story: Callable[[World], Coroutine[object, object, None]], folder: Path, *faults: str, begins_at: float
) -> list:
    async def main() -> list[list[tuple[str, str]]]:
        world = World(*faults, begins_at=begins_at)
        await story(world)
        await world.end()
        return days_compared(world, folder)

    return run_virtual(main())


async def two_payments_and_a_refund(world: World) -> None:
    first = await world.pay(key="a")
    await world.pay(key="b", fen=700)
    if first.state is TradeState.PAID:
        await world.engine.refund(first.trade_no, "citizen")
        await world.until(first.trade_no, lambda trade: trade.state.final)


MORNING = 1_795_305_600.0


@pytest.mark.parametrize("begins_at", [MORNING, EVENING], ids=["morning", "evening"])
@pytest.mark.parametrize(
    "faults",
    [
        (),
        ("commit-then-drop-reply:0200/000000",),
        ("drop-request:0200/000000",),
        ("commit-then-drop-reply:0200/000000", "drop-request:0400,times=20"),
        ("commit-then-drop-reply:0200/200000",),
        ("commit-then-drop-reply:0220/200000",),
        ("drop-request:0220/200000",),
    ],
    ids=lambda each: "+".join(each) or "calm",
)
def test_two_days_later_nothing_differs(tmp_path: Path, faults: tuple[str, ...], begins_at: float) -> None:
    found = play(two_payments_and_a_refund, tmp_path, *faults, begins_at=begins_at)
    assert found[-1] == []
    assert {code for day in found for code, _ in day} <= {"CUTOVER", "PLATFORM_ONLY"}
