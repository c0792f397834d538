"""What the tests of the backend's platform share."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog
from platform_bench import Bench, HandClock, bench_on
from postgres import database_url, empty_database_url, migrated, postgres_server  # noqa: F401

from reference_impl.backend.keys import Keys


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:  # noqa: F811
    """A backend with a city of two towns, on each database."""
    async with bench_on(database_url, HandClock(), Keys.made()) as opened:
        yield opened


@pytest.fixture(autouse=True)
def logs_put_back() -> Iterator[None]:
    """Whatever a test does to the logs ends with it."""
    root, names = logging.getLogger(), ("uvicorn", "uvicorn.error", "uvicorn.access")
    before = (list(root.handlers), root.level)
    propagate = {name: logging.getLogger(name).propagate for name in names}
    yield
    root.handlers, _ = before[0], root.setLevel(before[1])
    for name, value in propagate.items():
        logging.getLogger(name).propagate = value
    structlog.reset_defaults()
