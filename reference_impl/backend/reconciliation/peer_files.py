"""Day files from the other systems themselves: the bank's bill, the bills of the QR families, the list of each HIS, and what the
insurance centre holds of each institution.

What somebody has put into the folder by hand comes first, and what it covers is not asked for. A file that cannot be had is a
fault of the whole: half a day's books are not compared. Sources: spec/services.md 1.9, 2.1 (operation 15), 4, 5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from protocols.clock import Clock
from protocols.wire.base import Label, WireError
from protocols.wire.http import HttpRequest
from protocols.wire.insurance.detail_files import ResultRow, write_results
from protocols.wire.qr.payment_codes import Family
from reference_impl.backend.channels.his_client import DayNotReady, HisClient, HisNotAnswered, RefusedByHis
from reference_impl.backend.channels.insurance_client import Party
from reference_impl.backend.channels.insurance_queries import (
    OUTPATIENT,
    FileNotReady,
    InsuranceQueries,
    NotAnswered,
    RefusedByCentre,
)
from reference_impl.backend.channels.qr_bills import NoBill, QrBills
from reference_impl.backend.reconciliation.channel_files import BankBillReader, InsuranceResultReader, QrBillReader
from reference_impl.backend.reconciliation.frames import BOOK_SCHEMA, FileFault
from reference_impl.backend.reconciliation.his_files import HisListReader, pages_of
from reference_impl.backend.reconciliation.insurance_rows import HeldRow, held_rows, sums
from reference_impl.backend.reconciliation.intake import DayFile
from reference_impl.backend.reconciliation.model import Book, Scope, State, Terms
from reference_impl.backend.reconciliation.platform_book import day_start, movements
from reference_impl.backend.reconciliation.readers import CsvReader
from reference_impl.backend.reconciliation.sources import Source
from reference_impl.backend.settlement.model import Trade
from reference_impl.backend.transport import HttpTransport, NoAnswer

__all__ = ["Doors", "PeerFiles", "TradesOf"]

AT_ONCE = 8
BILL_LIMIT_S = 60.0
RESULT_POLL_S, RESULT_POLLS = 5.0, 12
OPERATOR = "RECONCILIATION"
BANK = "bank"

TradesOf = Callable[[Scope], Awaitable[tuple[Sequence[Trade], Terms]]]
"""The trades that can have a movement on the day of a scope, and the terms under which it is compared."""

_LOG = structlog.get_logger("backend.reconciliation")
_Fetch = Callable[[], Awaitable[list[DayFile]]]


@dataclass(frozen=True, slots=True)
class Doors:
    """Where the other systems hand out their days. ``bank_files``: the name of the bank's files in ``files``."""

    his: HisClient
    insurance: InsuranceQueries
    qr: QrBills
    files: HttpTransport
    bank_files: str = "bank-files"


class PeerFiles:
    """A :class:`~reference_impl.backend.reconciliation.sources.Source`. *places* gives the institutions (code to name) that are
    asked when a scope names none."""

    def __init__(
        self, doors: Doors, by_hand: Source, trades: TradesOf, places: Callable[[], Mapping[str, str]], clock: Clock
    ) -> None:
        self._doors, self._by_hand, self._trades, self._places, self._clock = doors, by_hand, trades, places, clock

    async def files(self, scope: Scope) -> list[DayFile]:
        """Raises :class:`FileFault` naming the file that cannot be had."""
        given = await self._by_hand.files(scope)
        trades, terms = await self._trades(scope)
        gate = asyncio.Semaphore(AT_ONCE)

        async def held(fetch: _Fetch) -> list[DayFile]:
            async with gate:
                return await fetch()

        wanted = [*self._channels(scope, given, trades, terms), *self._institutions(scope, given, trades)]
        tasks = [asyncio.create_task(held(each)) for each in wanted]
        try:
            made = await asyncio.gather(*tasks)
        except BaseException:
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        return [*given, *(file for files in made for file in files)]

    # Channels.

    def _channels(
        self, scope: Scope, given: Sequence[DayFile], trades: Sequence[Trade], terms: Terms
    ) -> Iterator[_Fetch]:
        by_hand = {each.channel for each in given if each.book is Book.CHANNEL}
        paid_by = _certainly_paid(trades, scope, terms)
        for name in (BANK, *Family):
            if scope.channel in ("", name) and not by_hand & {"", name}:
                if name == BANK:
                    yield partial(self._bank, scope)
                else:
                    yield partial(self._qr, scope, Family(name), name in paid_by)

    async def _bank(self, scope: Scope) -> list[DayFile]:
        place = scope.institution
        file = _name(scope, f"channel.bank.{place or 'all'}.bill")
        target = f"/bills/{scope.day:%Y-%m-%d}" + (f"?institution={place}" if place else "")
        try:
            reply = await self._doors.files.exchange(self._doors.bank_files, HttpRequest("GET", target), BILL_LIMIT_S)
        except NoAnswer as error:
            raise _silent(file, "银行", "the bank") from error
        if reply.status != 200:
            text = f"the bank has no bill of that day yet (HTTP {reply.status}): run it later"
            raise FileFault(file, 0, Label(f"银行账单尚不可取（HTTP {reply.status}）", text))
        return [DayFile(file, reply.body, BankBillReader(scope.day), BANK, place)]

    async def _qr(self, scope: Scope, family: Family, paid: bool) -> list[DayFile]:
        file = _name(scope, f"channel.{family}.all.{family}")
        try:
            body = await self._doors.qr.file(family, scope.day)
        except NoBill as error:
            if paid:  # a channel that has our money has a bill
                raise FileFault(file, 0, Label(f"渠道账单尚不可取（{error.code}）", str(error))) from error
            return [DayFile(file, (",".join(BOOK_SCHEMA) + "\n").encode(), CsvReader(Book.CHANNEL), family.value)]
        except NoAnswer as error:
            raise _silent(file, "渠道", "the channel") from error
        except WireError as error:
            raise FileFault(file, 0, Label(f"渠道账单不可信：{error.why}", f"{error.why}: fetch it again")) from error
        return [DayFile(file, body, QrBillReader(family.value, scope.day), family.value)]

    # Institutions.

    def _institutions(self, scope: Scope, given: Sequence[DayFile], trades: Sequence[Trade]) -> Iterator[_Fetch]:
        names = self._places()
        places = [scope.institution] if scope.institution else sorted({*names, *(each.institution for each in trades)})
        for place in places:
            if not _covered(given, Book.HIS, place):
                yield partial(self._his, scope, place)
            if not _covered(given, Book.INSURANCE, place):
                yield partial(self._insurance, scope, place, names.get(place, place), trades)

    async def _his(self, scope: Scope, place: str) -> list[DayFile]:
        file = _name(scope, f"his.all.{place}.list")
        try:
            rows = await self._doors.his.daily_trades(place, f"{scope.day:%Y-%m-%d}")
        except DayNotReady as error:
            raise FileFault(file, 0, Label("HIS清单尚未生成", str(error))) from error
        except RefusedByHis as error:
            raise FileFault(file, 0, Label(f"HIS拒绝（{error.code}）", f"refused by the HIS ({error.code})")) from error
        except HisNotAnswered as error:
            raise _silent(file, "HIS", "the HIS") from error
        return [DayFile(file, pages_of(scope.day, rows), HisListReader(scope.day, place), institution=place)]

    async def _insurance(self, scope: Scope, place: str, name: str, trades: Sequence[Trade]) -> list[DayFile]:
        file = _name(scope, f"insurance.all.{place}.3202")
        held = held_rows(trades, place, scope.day)
        party, day = Party(place, name, OPERATOR), f"{scope.day:%Y-%m-%d}"
        found: list[ResultRow] = []
        try:
            await self._declare(party, day, held)
            for clr_type in sorted({OUTPATIENT, *(each.clr_type for each in held)}):
                rows = [each for each in held if each.clr_type == clr_type]
                found += await self._details(party, day, rows, clr_type)
        except RefusedByCentre as error:
            told = Label(f"医保中心拒绝（{error.code}）", f"refused by the insurance centre ({error.code})")
            raise FileFault(file, 0, told) from error
        except NotAnswered as error:
            raise _silent(file, "医保中心", "the insurance centre") from error
        except FileNotReady as error:
            raise FileFault(file, 0, Label("医保对账结果尚未生成", str(error))) from error
        return [DayFile(file, write_results(found), InsuranceResultReader(scope.day), institution=place)]

    async def _declare(self, party: Party, day: str, held: Sequence[HeldRow]) -> None:
        """3201, for each kind of insurance. Unequal sums are said here; which rows they come from, the comparison finds."""
        for insutype, clr_type in sorted({(each.insutype, each.clr_type) for each in held}):
            rows = [each for each in held if (each.insutype, each.clr_type) == (insutype, clr_type)]
            told = await self._doors.insurance.totals(party, insutype, day, day, sums(rows), clr_type)
            if not told.equal:
                _LOG.warning("insurance totals differ", day=day, institution=party.institution, insutype=insutype)

    async def _details(self, party: Party, day: str, rows: Sequence[HeldRow], clr_type: str) -> list[ResultRow]:
        uploads = [each.upload for each in rows]
        try:
            return await self._doors.insurance.details(party, day, day, uploads, sums(rows).cash_fen, clr_type)
        except FileNotReady as error:
            file = error.file
        for _ in range(RESULT_POLLS - 1):
            await self._clock.sleep_until(self._clock.now() + RESULT_POLL_S)
            try:
                return await self._doors.insurance.download(party, file)
            except FileNotReady:
                continue
        return await self._doors.insurance.download(party, file)


def _certainly_paid(trades: Iterable[Trade], scope: Scope, terms: Terms) -> set[str]:
    """Channels in which something of the day was done that no clock can have put into another day."""
    first = day_start(scope.day) + terms.window_s
    last = first - 2 * terms.window_s + timedelta(days=1).total_seconds()
    return {
        each.channel
        for trade in trades
        for each in movements(trade, terms)
        if "channel" in each.legs and each.state is State.DONE and first <= each.at < last
    }


def _covered(given: Iterable[DayFile], book: Book, place: str) -> bool:
    return any(each.book is book and each.institution in ("", place) for each in given)


def _name(scope: Scope, name: str) -> str:
    return f"{scope.day:%Y-%m-%d}/{name}"


def _silent(file: str, who: str, whom: str) -> FileFault:
    return FileFault(file, 0, Label(f"{who}没有应答，请稍后再试", f"{whom} does not answer: run it again later"))
