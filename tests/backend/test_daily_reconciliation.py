"""The day's four books out of the connected systems themselves, by timer and on request. Peers on real sockets, time in hand."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from connected_bench import Business, business_on, card_of
from test_business_http import until

from protocols.clock import LoopClock, UnixClock, run_virtual
from protocols.wire.base import Label
from protocols.wire.platform.models import OpenTradeRequest, TradeView
from reference_impl.backend.reconciliation.daily import DailyRuns, first_day_of
from reference_impl.backend.reconciliation.frames import FileFault
from reference_impl.backend.reconciliation.intake import DayFile
from reference_impl.backend.reconciliation.model import Scope
from reference_impl.backend.reconciliation.opening import Reconciling, daily_runs, opened
from reference_impl.backend.reconciliation.records import Run
from reference_impl.backend.settings import DailyRun
from reference_impl.kiosk.platform_client import PlatformClient
from simulators.peer.qr_codes import payment_code

DAY = date(2026, 11, 22)
EIGHT = 1_795_305_600.0  # 2026-11-22 08:00 in China
NEXT_MORNING = EIGHT + 24 * 3600
BASE = "/v1/admin/reconciliation"


class MovedClock(UnixClock):
    """Goes as fast as any other, from where it was put."""

    def __init__(self, now: float) -> None:
        super().__init__()
        self.put(now)

    def put(self, now: float) -> None:
        self._start += now - self.now()


@asynccontextmanager
async def paid_day(folder: Path, **more: Any) -> AsyncIterator[tuple[Business, MovedClock, Reconciling]]:
    """A day on which three citizens paid, each in another way, and the last got it back; it is the next morning, eight o'clock."""
    clock = MovedClock(EIGHT)
    async with business_on(f"sqlite:///{folder}/backend.db", folder, clock=clock, **more) as bench:
        client = await bench.client()
        for number, method in enumerate(("wechat", "alipay", "unionpay_qr"), 1):
            trade = await pay(client, number, method)
        await until(client, await client.refund(trade.trade_no, "citizen"), "refunded")
        clock.put(NEXT_MORNING)
        bench.app.state.reconciling = made = await opened(bench.services)
        yield bench, clock, made


async def pay(client: PlatformClient, number: int, method: str) -> TradeView:
    """Resident *number* pays the first bill."""
    visitor = await client.identify(card_of(number))
    bill = (await client.bills(visitor.visitor_id)).bills[0]
    wanted = OpenTradeRequest(visitor_id=visitor.visitor_id, bill_ids=(bill.bill_id,))
    trade = await until(client, await client.open_trade(f"opened-{number:03d}", wanted), "awaiting")
    pressed = await client.pay(
        trade.trade_no, f"pressed-{number:03d}", method, auth_code=payment_code(method, number, 1)
    )
    return await until(client, pressed, "paid")


def timer(bench: Business, reconciling: Reconciling, clock: MovedClock, at: str = "08:00") -> DailyRuns:
    first = first_day_of(bench.services.store.engine)
    settings = DailyRun(at=at)
    return DailyRuns(reconciling.service, reconciling.source, first, bench.services.trail, clock, settings)


@pytest.mark.parametrize("his_vendor", ["json", "xml"])
async def test_the_four_books_of_a_day(tmp_path: Path, his_vendor: str) -> None:
    async with paid_day(tmp_path, his_vendor=his_vendor) as world:
        bench, clock, reconciling = world
        assert (await bench.admin.login()).status == 201
        await too_early(bench, timer(bench, reconciling, clock))
        assert await runs_of(reconciling) == []
        clock.put(NEXT_MORNING + 2.5 * 3600)
        async with daily_runs(bench.services, reconciling), asyncio.timeout(60):
            while all(each.state == "running" for each in await runs_of(reconciling)):  # noqa: ASYNC110 it tells nobody
                await asyncio.sleep(0.05)
        assert b"onecard_reconciliation_overdue" in bench.services.metrics.text()
        (run,) = await runs_of(reconciling)
        assert (run.state, run.started_by, run.scope) == ("valid", "system", Scope(DAY))
        agree(run)
        assert await timer(bench, reconciling, clock).catch_up()  # nothing is run twice
        assert len(await runs_of(reconciling)) == 1

        put(tmp_path / "day-files" / "2026-11-22" / "channel.alipay.all.csv")
        await bench.admin.login()  # the first one's time is over
        reply = await bench.admin.call("POST", f"{BASE}/runs", {"day": "2026-11-22"})
        assert reply.status == 201, reply.body
        page = (await bench.admin.call("GET", f"{BASE}/differences")).json
        assert [(each["code"], each["channel"]) for each in page["items"]] == [("PLATFORM_ONLY", "alipay")]
        assert list(bench.peers.violations()) == []


async def runs_of(reconciling: Reconciling) -> list[Run]:
    return await reconciling.service.repository.runs("2026-11-22", "2026-11-22")


async def too_early(bench: Business, runs: DailyRuns) -> None:
    """The channels make their bills until ten; which of them is heard first is chance."""
    assert not await runs.catch_up()
    assert runs.overdue == 1
    refused = await bench.admin.call("POST", f"{BASE}/runs", {"day": "2026-11-22"})
    assert (refused.status, refused.code) == (409, "bad-day-file")
    assert refused.json["where"].startswith("2026-11-22/channel.")


def agree(run: Run) -> None:
    """Three payments are one movement each, and each of the three parts of the refund is one."""
    assert (run.compared, run.found, run.pooled) == (6, 0, 0)
    rows: Counter[tuple[str, str]] = Counter()
    for each in json.loads(run.files):
        rows[each["book"], each["channel"]] += each["rows"]
    assert rows == {
        ("channel", "wechat"): 1,
        ("channel", "alipay"): 1,
        ("channel", "unionpay_qr"): 2,
        ("channel", "bank"): 0,
        ("his", ""): 4,
        ("insurance", ""): 4,
    }


def put(file: Path) -> None:
    """An empty bill that somebody puts into the folder: it takes the place of the one that the channel has."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("reference,kind,original,state,trade_no,amount_fen,fee_fen,institution,channel,day,at\n")


# The timer alone.


@dataclass
class Done:
    scope: Scope
    run_id: str = "R"
    compared: int = 0
    found: int = 0
    pooled: int = 0

    @property
    def run(self) -> Done:
        return self


class Books:
    """A service with its source and its trail: which days were run, and of which something is missing."""

    def __init__(self) -> None:
        self.repository = self
        self.done: list[Scope] = []
        self.missing: set[date] = set()

    async def runs(self, first_day: str, last_day: str, *states: object) -> list[Done]:
        return [Done(each) for each in self.done if first_day <= f"{each.day}" <= last_day]

    async def files(self, scope: Scope) -> list[DayFile]:
        if scope.day in self.missing:
            raise FileFault("x", 0, Label("缺", "missing"))
        return []

    async def run(self, scope: Scope, files: list[DayFile], user_id: str) -> Done:
        self.done.append(scope)
        return Done(scope)

    async def record(self, *_: object) -> None: ...

    def days(self) -> list[int]:
        return [each.day.day for each in self.done]


def timer_of(books: Any, clock: LoopClock, first: date | None = DAY, **settings: Any) -> DailyRuns:
    async def first_day() -> date | None:
        return first

    return DailyRuns(books, books, first_day, books, clock, DailyRun(**settings))


def test_each_day_is_run_on_the_next_morning_and_late_ones_are_tried_again() -> None:
    async def main() -> None:
        books, clock = Books(), LoopClock(EIGHT)
        books.missing.add(DAY + timedelta(days=1))
        keeping = asyncio.create_task(timer_of(books, clock).keep())
        await asyncio.sleep(26.4 * 3600)  # the 23rd, 10:24
        assert books.days() == []
        await asyncio.sleep(600)
        assert books.days() == [22]
        await asyncio.sleep(24 * 3600)
        assert books.days() == [22]  # the 23rd lacks something, and the 24th waits for it
        books.missing.clear()
        await asyncio.sleep(600)
        assert books.days() == [22, 23]
        await asyncio.sleep(48 * 3600)
        assert books.days() == [22, 23, 24, 25]
        keeping.cancel()
        await asyncio.wait({keeping})

    run_virtual(main())


def test_days_that_were_missed_are_made_up_for_in_order() -> None:
    async def main() -> None:
        books, clock = Books(), LoopClock(EIGHT + 10 * 86_400)
        books.done.append(Scope(date(2026, 11, 29)))
        books.done.append(Scope(date(2026, 11, 30), "H44190000001"))  # of one clinic: the others are still to be run
        runs = timer_of(books, clock, catch_up_days=4)
        assert await runs.catch_up()
        assert books.days() == [29, 30, 27, 28, 30]
        assert runs.overdue == 0

    run_virtual(main())


def test_before_the_first_trade_nothing_is_due() -> None:
    async def main() -> None:
        books, clock = Books(), LoopClock(EIGHT + 10 * 86_400)
        assert await timer_of(books, clock, first=None).catch_up()
        assert await timer_of(books, clock, first=date(2026, 12, 2)).catch_up()
        assert books.days() == []

    run_virtual(main())


def test_a_defect_of_a_run_does_not_end_the_timer() -> None:
    async def main() -> None:
        books, clock = Books(), LoopClock(EIGHT + 86_400 + 3 * 3600)

        async def broken(scope: Scope) -> list[DayFile]:
            raise ZeroDivisionError

        good, books.files = books.files, broken  # type: ignore[method-assign]
        keeping = asyncio.create_task(timer_of(books, clock).keep())
        await asyncio.sleep(60)
        assert not keeping.done()
        books.files = good  # type: ignore[method-assign]
        await asyncio.sleep(600)
        assert books.days() == [22]
        keeping.cancel()
        await asyncio.wait({keeping})

    run_virtual(main())
