"""A reconciliation service on each database, whose platform book is in the test's hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest
from postgres import database_url, migrated, postgres_server  # noqa: F401

from reference_impl.backend.reconciliation.frames import schema_of
from reference_impl.backend.reconciliation.intake import DayFile
from reference_impl.backend.reconciliation.model import Book, Scope, Terms
from reference_impl.backend.reconciliation.repository import Repository
from reference_impl.backend.reconciliation.service import Reconciliation, RunReport
from reference_impl.backend.storage import open_store
from reference_impl.backend.storage.store import Store

from .books import Four, Row

TEN_NEXT_DAY = 1_795_305_600.0 + 26 * 3600
"""2026-11-23 10:00 in China: the bills of the 22nd can be had."""


class HandClock:
    kind = "virtual"

    def __init__(self) -> None:
        self.time = TEN_NEXT_DAY

    def now(self) -> float:
        return self.time

    async def sleep_until(self, t: float) -> None:
        self.time = max(self.time, t)


class Given:
    """A reader whose rows were typed in the test."""

    def __init__(self, book: Book, rows: list[Row]) -> None:
        self.book, self.rows = book, rows

    def read(self, data: bytes, file: str) -> pl.DataFrame:
        schema = schema_of(self.book)
        return pl.DataFrame({name: [row[name] for row in self.rows] for name in schema}, schema=schema)


@dataclass
class World:
    store: Store
    service: Reconciliation
    clock: HandClock
    folder: Path
    reports: list[RunReport]
    platform: dict[Scope, list[Row]] = field(default_factory=dict)

    async def run(self, four: Four, scope: Scope, user_id: str = "zhang") -> RunReport:
        """Run *scope* with these four books, one file a book."""
        self.platform[scope] = list(four.platform)
        files = [
            DayFile(f"{book}.test", str(rows).encode(), Given(book, list(rows)))
            for book, rows in ((book, getattr(four, book.value)) for book in Book if book is not Book.PLATFORM)
        ]
        return await self.service.run(scope, files, user_id)

    async def rows(self, scope: Scope, terms: Terms, fees_ppm: object) -> pl.DataFrame:
        rows = self.platform.get(scope, [])
        schema = schema_of(Book.PLATFORM)
        return pl.DataFrame({name: [row[name] for row in rows] for name in schema}, schema=schema)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:  # noqa: F811
    store = await open_store(database_url)
    clock, folder = HandClock(), tmp_path / "runs"
    reports: list[RunReport] = []

    async def notify(report: RunReport) -> None:
        reports.append(report)

    async def rows(scope: Scope, terms: Terms, fees_ppm: object) -> pl.DataFrame:
        return await made.rows(scope, terms, fees_ppm)

    service = Reconciliation(Repository(store.engine, store.commit), rows, clock, folder, notify=notify)
    made = World(store, service, clock, folder, reports)
    yield made
    await store.aclose()
