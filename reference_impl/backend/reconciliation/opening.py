"""The reconciliation of a running backend: made from its services at the first question, one for each application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import polars as pl
from fastapi import Depends, Request

from reference_impl.backend.reconciliation.model import Scope, Terms
from reference_impl.backend.reconciliation.platform_book import platform_rows, trades_of_day
from reference_impl.backend.reconciliation.repository import Repository
from reference_impl.backend.reconciliation.service import Notify, Reconciliation
from reference_impl.backend.reconciliation.sources import FolderSource, Source
from reference_impl.backend.services import Services, ServicesOf
from reference_impl.backend.storage.store import database_file, parsed_url

__all__ = ["Reconciling", "ReconcilingOf", "opened"]


class Reconciling:
    """The service and the source of its day files."""

    def __init__(self, service: Reconciliation, source: Source) -> None:
        self.service, self.source = service, source


async def opened(services: Services, source: Source | None = None, notify: Notify | None = None) -> Reconciling:
    """On the database of *services*; runs that an earlier process left unfinished are void.

    Files of runs are kept in ``reconciliation`` beside the database, if that is a file, or else beside the backend's keys;
    without *source* day files are looked for in ``day-files`` there.
    """
    engine, settings = services.store.engine, services.settings
    url = parsed_url(settings.database.get_secret_value())
    home = (database_file(url) if url.get_backend_name() == "sqlite" else settings.keys_file).parent

    async def platform(scope: Scope, terms: Terms, fees_ppm: Mapping[str, int]) -> pl.DataFrame:
        return platform_rows(await trades_of_day(engine, scope.day, terms.pool_days), scope, terms, fees_ppm)

    repository = Repository(engine, services.store.commit)
    service = Reconciliation(repository, platform, services.clock, home / "reconciliation", notify=notify)
    await service.clear_interrupted()
    return Reconciling(service, source or FolderSource(home / "day-files"))


async def _of(request: Request, services: ServicesOf) -> Reconciling:
    state = request.app.state
    if not hasattr(state, "reconciling"):
        state.reconciling = await opened(services)
    return state.reconciling


ReconcilingOf = Annotated[Reconciling, Depends(_of)]
"""The type of a route's parameter that takes the reconciliation. Whoever starts the backend may have put another one into
``app.state.reconciling``."""
