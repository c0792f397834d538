"""Geometry of the report's inline pictures. Templates draw them; no markup here."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.model import Verdict
from conformance.result import BenchInventory, BenchSlot, KillMatrix, MutantRow, RunResult

__all__ = ["Bar", "BenchPicture", "KillPicture", "bench_picture", "counts_bar", "kill_pictures"]

BAR_WIDTH = 1000.0
SLOT_HEIGHT, SLOT_GAP = 84, 18
ROW_HEIGHT = 11
KILL_WIDTH, CELL_MOST, CELL_LEAST = 740, 11, 6
LINK_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the bar of counts."""

    verdict: Verdict
    waived: bool
    count: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """All verdicts of the run side by side."""

    segments: tuple[Segment, ...]
    total: int


def counts_bar(result: RunResult) -> Bar:
    """Widths in proportion to the counts; waived fails stand apart from the other fails."""
    counts = result.counts()
    rows = [
        (Verdict.PASS, False, counts[Verdict.PASS]),
        (Verdict.FAIL, False, counts[Verdict.FAIL] - result.waived),
        (Verdict.FAIL, True, result.waived),
        *((each, False, counts[each]) for each in (Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NEEDS_REVIEW)),
        *((each, False, counts[each]) for each in (Verdict.NOT_TESTED, Verdict.NOT_APPLICABLE)),
    ]
    total = sum(count for _, _, count in rows)
    segments: list[Segment] = []
    x = 0.0
    for verdict, waived, count in rows:
        if count:
            width = BAR_WIDTH * count / total
            segments.append(Segment(verdict, waived, count, round(x, 2), round(width, 2)))
            x += width
    return Bar(tuple(segments), total)


@dataclass(frozen=True, slots=True)
class PlacedSlot:
    """A slot with the height of its box's top edge; ``link_short`` fits the drawing."""

    slot: BenchSlot
    y: int
    link_short: str
    description_short: str


@dataclass(frozen=True, slots=True)
class BenchPicture:
    """The harness on the left, the slots on the right."""

    slots: tuple[PlacedSlot, ...]
    height: int
    slot_height: int = SLOT_HEIGHT

    @property
    def middle(self) -> int:
        return self.height // 2


def bench_picture(bench: BenchInventory) -> BenchPicture:
    """Slots below each other, the ones under test first."""
    ordered = sorted(bench.slots, key=lambda each: not each.under_test)
    placed = tuple(
        PlacedSlot(each, 10 + at * (SLOT_HEIGHT + SLOT_GAP), _short(each.link), _short(each.self_description))
        for at, each in enumerate(ordered)
    )
    return BenchPicture(placed, max(140, 20 + len(placed) * (SLOT_HEIGHT + SLOT_GAP) - SLOT_GAP))


def _short(text: str) -> str:
    return text if len(text) <= LINK_SHOWN else text[: LINK_SHOWN - 1] + "…"


@dataclass(frozen=True, slots=True)
class KillRow:
    """One mutant; the paths draw all its cells of one kind at once, which keeps the page small."""

    row: MutantRow
    killed: str
    passed: str
    other: str
    equivalent: bool

    @property
    def survived(self) -> bool:
        return not self.row.null and not self.row.killers and not self.equivalent


@dataclass(frozen=True, slots=True)
class KillPicture:
    """One device class: rows are mutants, columns are checks; ``cell`` is the width of a column in pixels."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[KillRow, ...]
    toothless: tuple[str, ...]
    cell: int
    row_height: int = ROW_HEIGHT

    @property
    def width(self) -> int:
        return len(self.columns) * self.cell

    @property
    def head(self) -> int:
        """Height of the slanted column names."""
        return 20 + round(3.4 * max((len(each) for each in self.columns), default=0))

    @property
    def height(self) -> int:
        return len(self.rows) * ROW_HEIGHT

    @property
    def killed(self) -> int:
        return sum(bool(each.row.killers) for each in self.rows if not each.row.null)

    @property
    def mutants(self) -> int:
        return sum(not each.row.null for each in self.rows)

    @property
    def survivors(self) -> tuple[str, ...]:
        """Mutants that no check fails and that nobody called equivalent."""
        return tuple(each.row.mutant for each in self.rows if each.survived)

    @property
    def null_passes(self) -> int:
        return sum(
            verdict is Verdict.PASS for each in self.rows if each.row.null for verdict in each.row.verdicts.values()
        )


def kill_pictures(matrix: KillMatrix) -> tuple[KillPicture, ...]:
    """One picture a device class (the first word of the check ids); empty when nothing was measured."""
    equivalents = {each.mutant for each in matrix.equivalents}
    groups: dict[str, list[MutantRow]] = {}
    for row in matrix.rows:
        name = min(row.verdicts, default="").partition(".")[0]
        groups.setdefault(name, []).append(row)
    return tuple(_picture(name, rows, equivalents) for name, rows in groups.items() if name)


def _picture(name: str, rows: list[MutantRow], equivalents: set[str]) -> KillPicture:
    columns = tuple(sorted({check for row in rows for check in row.verdicts}))
    teeth = {killer for row in rows if not row.null for killer in row.killers}
    cell = max(CELL_LEAST, min(CELL_MOST, KILL_WIDTH // len(columns)))
    ordered = sorted(rows, key=lambda each: each.null)
    drawn = tuple(_kill_row(row, columns, cell, row.mutant in equivalents) for row in ordered)
    return KillPicture(name, columns, drawn, tuple(each for each in columns if each not in teeth), cell)


def _kill_row(row: MutantRow, columns: tuple[str, ...], cell: int, equivalent: bool) -> KillRow:
    paths: dict[str, list[str]] = {"killed": [], "passed": [], "other": []}
    wide = cell - 1
    for at, check in enumerate(columns):
        verdict, x = row.verdicts.get(check), at * cell
        if verdict is Verdict.FAIL:
            paths["killed"].append(f"M{x} 1h{wide}v9h-{wide}z")
        elif verdict is Verdict.PASS:
            paths["passed"].append(f"M{x + cell // 2 - 1} 4h2v2h-2z")
        elif verdict is not None:
            paths["other"].append(f"M{x + 1} 5h{wide - 2}v1h-{wide - 2}z")
    return KillRow(row, "".join(paths["killed"]), "".join(paths["passed"]), "".join(paths["other"]), equivalent)
