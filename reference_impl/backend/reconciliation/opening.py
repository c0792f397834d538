"""The reconciliation of a running backend: made from its services, one for each application; and the timer that runs its days."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

import polars as pl
from fastapi import Depends, Request

from reference_impl.backend.channels.qr_bills import QrBills
from reference_impl.backend.connections import qr_config_of
from reference_impl.backend.reconciliation.daily import DailyRuns, first_day_of
from reference_impl.backend.reconciliation.model import Scope, Terms
from reference_impl.backend.reconciliation.peer_files import Doors, PeerFiles
from reference_impl.backend.reconciliation.platform_book import platform_rows, trades_of_day
from reference_impl.backend.reconciliation.repository import Repository
from reference_impl.backend.reconciliation.service import Notify, Reconciliation
from reference_impl.backend.reconciliation.sources import FolderSource, Source
from reference_impl.backend.services import Services, ServicesOf
from reference_impl.backend.settlement.model import Trade
from reference_impl.backend.storage.store import database_file, parsed_url

__all__ = ["Reconciling", "ReconcilingOf", "daily_runs", "opened"]


class Reconciling:
    """The service and the source of its day files. A process must have one only: its runs go one after another."""

    def __init__(self, service: Reconciliation, source: Source) -> None:
        self.service, self.source = service, source


async def opened(services: Services, source: Source | None = None, notify: Notify | None = None) -> Reconciling:
    """On the database of *services*; runs that an earlier process left unfinished are void.

    Files of runs are kept in ``reconciliation`` beside the database, if that is a file, or else beside the backend's keys;
    without *source* day files are looked for in ``day-files`` there, and the others come from the connected systems.
    """
    engine, settings = services.store.engine, services.settings
    url = parsed_url(settings.database.get_secret_value())
    home = (database_file(url) if url.get_backend_name() == "sqlite" else settings.keys_file).parent

    async def platform(scope: Scope, terms: Terms, fees_ppm: Mapping[str, int]) -> pl.DataFrame:
        return platform_rows(await trades_of_day(engine, scope.day, terms.pool_days), scope, terms, fees_ppm)

    repository = Repository(engine, services.store.commit)
    service = Reconciliation(repository, platform, services.clock, home / "reconciliation", notify=notify)
    await service.clear_interrupted()
    return Reconciling(service, source or _source(services, repository, FolderSource(home / "day-files")))


def _source(services: Services, repository: Repository, by_hand: Source) -> Source:
    """The connected systems behind what lies in the folder."""
    till = services.till
    if till is None:
        return by_hand
    engine = services.store.engine

    async def trades(scope: Scope) -> tuple[Sequence[Trade], Terms]:
        terms = (await repository.parameters()).terms(scope.day)
        return await trades_of_day(engine, scope.day, terms.pool_days), terms

    def places() -> dict[str, str]:
        known = services.directory.institutions
        codes = {each.institution for each in services.fleet.terminals.values()}
        return {code: known[code].name for code in codes if code in known}

    bills = QrBills(qr_config_of(till.credentials), till.http, services.clock, services.entropy)
    doors = Doors(till.business.his, till.business.insurance, bills, till.http)
    return PeerFiles(doors, by_hand, trades, places, services.clock)


@asynccontextmanager
async def daily_runs(services: Services, reconciling: Reconciling) -> AsyncIterator[None]:
    """Runs each day by itself while it is open. Nothing runs where no other system is connected: nobody pays there."""
    if services.till is None:
        yield
        return
    first = first_day_of(services.store.engine)
    settings = services.settings.reconciliation
    runs = DailyRuns(reconciling.service, reconciling.source, first, services.trail, services.clock, settings)
    services.metrics.gauge("reconciliation_overdue", "Days that should have been run by now", lambda: runs.overdue)
    keeping = asyncio.create_task(runs.keep(), name="daily reconciliation")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})


async def _of(request: Request, services: ServicesOf) -> Reconciling:
    state = request.app.state
    if not hasattr(state, "reconciling"):
        state.reconciling = await opened(services)
    return state.reconciling


ReconcilingOf = Annotated[Reconciling, Depends(_of)]
"""The type of a route's parameter that takes the reconciliation. Whoever starts the backend may have put another one into
``app.state.reconciling``."""
