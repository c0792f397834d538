"""What the tests of the backend's platform share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from platform_bench import Bench, HandClock, bench_on
from postgres import database_url, postgres_server  # noqa: F401

from reference_impl.backend.keys import Keys


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:  # noqa: F811
    """A backend with a city of two towns, on each database."""
    async with bench_on(database_url, HandClock(), Keys.made()) as opened:
        yield opened
