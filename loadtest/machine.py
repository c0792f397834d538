"""Who used the processors during a load: each part of the bench with all that it started, and everybody else.

A load on a machine that is busy with other things measures those. So what others used is measured beside it, and a time that is
over its limit is then nobody's fault.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from protocols.clock import stopwatch_s

__all__ = ["OTHERS", "MachineWatch"]

OTHERS = "others"
PROC = Path("/proc")
_TICKS_S = os.sysconf("SC_CLK_TCK")
_BUSY = (0, 1, 2, 5, 6, 7)
"""Of the fields of ``cpu`` in /proc/stat: user, nice, system, irq, softirq, steal. Time that waits for the disk is idle."""


@dataclass(slots=True)
class _Use:
    seconds: float = 0.0
    parts: dict[str, float] = field(default_factory=dict[str, float])


class MachineWatch:
    """*parts*: the first process of each part by name. :meth:`look` once a second with the stage that goes on; :meth:`shares` says
    afterwards how much of one processor each part used in each stage, and others. Empty where there is no /proc."""

    def __init__(self, parts: Mapping[str, int], proc: Path = PROC) -> None:
        self._parts, self._proc = dict(parts), proc
        self._uses: dict[str, _Use] = {}
        self._last: tuple[float, str, dict[str, float]] | None = None

    def look(self, stage: str) -> None:
        """Note how the counters stand now, at the beginning or within *stage*."""
        try:
            now, counters = stopwatch_s(), self._counters()
        except (OSError, ValueError, IndexError):
            return
        if self._last is not None:
            before, during, old = self._last
            use = self._uses.setdefault(during, _Use())
            use.seconds += now - before
            for name, spent in counters.items():
                use.parts[name] = use.parts.get(name, 0.0) + max(spent - old.get(name, spent), 0.0)
        self._last = (now, stage, counters)

    def shares(self, stage: str) -> dict[str, float]:
        """Of one processor: 0.5 is half of one, 2 are two."""
        use = self._uses.get(stage)
        if use is None or not use.seconds:
            return {}
        shares = {name: round(spent / use.seconds, 3) for name, spent in use.parts.items()}
        busy = shares.pop("", 0.0)
        return {**shares, OTHERS: round(max(busy - sum(shares.values()), 0.0), 3)}

    def _counters(self) -> dict[str, float]:
        """CPU seconds so far of each part, and of the whole machine under the empty name."""
        parents: dict[int, int] = {}
        spent: dict[int, float] = {}
        for each in self._proc.iterdir():
            if not each.name.isdigit():
                continue
            try:
                fields = (each / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            number = int(each.name)
            parents[number] = int(fields[1])
            # Its own time, and that of children which have ended.
            spent[number] = sum(int(value) for value in fields[11:15]) / _TICKS_S
        counters = dict.fromkeys(self._parts, 0.0)
        for number, seconds in spent.items():
            part = self._part_of(number, parents)
            if part is not None:
                counters[part] += seconds
        first = (self._proc / "stat").read_text().splitlines()[0].split()[1:]
        counters[""] = sum(int(first[at]) for at in _BUSY) / _TICKS_S
        return counters

    def _part_of(self, number: int, parents: Mapping[int, int]) -> str | None:
        first = {pid: name for name, pid in self._parts.items()}
        while number > 0:
            if number in first:
                return first[number]
            number = parents.get(number, 0)
        return None
