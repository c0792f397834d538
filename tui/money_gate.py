"""The gate of the money simulation: the reference shows nothing on the first seeds, and every planted mistake is found."""

from __future__ import annotations

import os

from protocols.wire.base import Label
from tui.console import Console
from tui.gates import GateResult

__all__ = ["GATE_SEEDS", "money_gate"]

GATE_SEEDS = 200
SHOWN = 5


def money_gate(console: Console, seeds: int = GATE_SEEDS) -> GateResult:
    """Closed by a seed with a finding, by a mistake that nothing finds, and where nothing was struck at all."""
    from reference_impl.simulation.campaign import sweep
    from tui.commands.simulate import hunted_mutants
    from tui.progress import matrix_progress

    jobs = os.cpu_count() or 1
    wrong: list[str] = []
    strikes = 0
    with matrix_progress(console, Label("种子", "seeds"), 100) as progress:
        for done, tried in enumerate(sweep(1, seeds, jobs), 1):
            wrong += [f"{tried.seed}: {each.oracle}" for each in tried.findings[:1]]
            strikes += sum(tried.struck.values())
            progress(done, seeds, str(tried.seed))
    hunted = hunted_mutants(console, jobs)
    survivors = [each.mutant for each in hunted if not each.killed]
    zh = f"{seeds} 个种子共 {strikes} 次故障，{len(wrong)} 个有问题；{len(hunted)} 个植入的错误，{len(survivors)} 个未发现"
    en = f"{seeds} seeds with {strikes} faults, {len(wrong)} with findings; {len(hunted)} planted mistakes, {len(survivors)} not found"
    listed = ", ".join((*wrong[:SHOWN], *survivors[:SHOWN]))
    more = f": {listed}" if listed else ""
    good = not wrong and not survivors and strikes > seeds and bool(hunted)
    return GateResult("money", good, Label(zh + more, en + more))
