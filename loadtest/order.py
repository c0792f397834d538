"""What the generator is told to do: the load, where the platform is, and where its findings go. One JSON file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from loadtest.schedule import Stage
from loadtest.visit import Manners
from scenarios.load_model import LoadFile, StageSpec, Think
from scenarios.models import Strict

__all__ = ["ORDER_VARIABLE", "Order", "manners_of", "stage_of"]

ORDER_VARIABLE = "ONECARD_LOAD_ORDER"
"""The environment variable that names the file: Locust gives its own command line no room for it."""


class Order(Strict):
    """``codes``: one-time enrolment codes by terminal; ``folder``: where ``calls.jsonl``, ``visits.jsonl`` and
    ``generator.json`` are written; ``peer_seed`` that of the simulated services."""

    load: LoadFile
    url: str
    codes: Mapping[str, str]
    folder: Path
    run_id: str
    peer_seed: int = 1


def stage_of(spec: StageSpec) -> Stage:
    """The stage of the schedule that *spec* writes down."""
    return Stage(spec.stage, spec.shape, spec.for_s, spec.rate_per_s or 0.0, spec.count or 0, spec.rest_s)


def manners_of(think: Think) -> Manners:
    return Manners(bills_s=think.bills, open_s=think.open, pay_s=think.pay, receipt_s=think.receipt)
