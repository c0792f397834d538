"""Run a flow from its file to its sealed and verified dossier."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.dossier.verification import Verification
from conformance.flow.dossier import EVIDENCE, begin_flow_dossier, seal_flow, verify_flow
from conformance.flow.judge import FlowVerdict
from protocols.record import Record
from scenarios.flow.model import Flow
from scenarios.flow.runner import FlowRunner

__all__ = ["FlowDone", "certify_flow"]


@dataclass(frozen=True, slots=True)
class FlowDone:
    """A finished flow: its verdict, where its dossier is, and what a fresh verification of it says."""

    verdict: FlowVerdict
    folder: Path
    verification: Verification

    @property
    def exit_code(self) -> int:
        """0 when the flow passed and its dossier verifies; 1 for a verdict of fail, 2 for everything else."""
        if not self.verification.ok:
            return 2
        return {"pass": 0, "fail": 1}.get(self.verdict.verdict, 2)


async def certify_flow(
    flow: Flow,
    folder: Path,
    *,
    hear: Callable[[Record], None] = lambda record: None,
    on_page: Callable[[Mapping[str, Any]], None] = lambda event: None,
) -> FlowDone:
    """Run *flow*; the dossier is in *folder*, also when the run is cancelled. Raises DossierError when *folder* is taken."""
    history = begin_flow_dossier(folder, flow.flow)
    runner = FlowRunner(flow, history, folder / EVIDENCE, hear)
    runner.on_page = on_page
    try:
        await runner.run()
    finally:
        verdict = seal_flow(folder)
    return FlowDone(verdict, folder, verify_flow(folder))
