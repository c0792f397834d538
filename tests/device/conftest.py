"""Fixtures of the card reader's tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from reader_bench import Bench

from simulators.device.card_reader import build_reader


@pytest.fixture
def bench() -> Callable[..., Bench]:
    def make(**options: Any) -> Bench:
        return Bench(build_reader(**options))

    return make


@pytest.fixture
def ready(bench: Callable[..., Bench]) -> Callable[..., Bench]:
    """A CRT-591 after initialise, entry on."""

    def make(**options: Any) -> Bench:
        made = bench(**options)
        assert made.say("F2 00 00 03 43 30 33 03 B2") != ""
        assert made.say("F2 00 00 03 43 33 30 03 B2").startswith("F2 00 00 06 50 33 30")
        return made

    return make
