"""File system of a virtual card: MF, environments and applications, record, cyclic and transparent files.

Structure is fixed when the card is made; contents live in the card's memory cells, so that a torn command keeps the
old ones. Sources: spec/cards.md 1.2 to 1.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from simulators.card.storage import Memory

__all__ = ["FREE", "NEVER", "PIN_RIGHT", "DedicatedFile", "ElementaryFile", "FileTree", "Rule", "Structure"]

Structure = Literal["record", "cyclic", "transparent"]

Rule = tuple[frozenset[str], ...]
"""Alternatives, each a set of rights that are all needed: :data:`PIN_RIGHT`, or ``DF04.84`` for key 84 of DF04."""

PIN_RIGHT = "PIN"
FREE: Rule = (frozenset(),)
NEVER: Rule = ()


@dataclass(frozen=True, slots=True)
class ElementaryFile:
    """An EF. ``cell`` names its memory; ``size`` is the record length of a cyclic file or the length of a transparent
    one, in bytes; ``capacity`` how many records a cyclic file keeps, or a record file has."""

    fid: int
    cell: str
    structure: Structure = "record"
    read: Rule = FREE
    update: Rule = NEVER
    size: int = 0
    capacity: int = 0

    @property
    def sfi(self) -> int:
        """Short file identifier: the low five bits of the identifier (spec/cards.md 1.3)."""
        return self.fid & 0x1F

    def record_cell(self, number: int) -> str:
        return f"{self.cell}/{number}"

    def records(self, memory: Memory) -> list[bytes]:
        """Whole records by number, the first is number 1; the newest first in a cyclic file."""
        if self.structure != "cyclic":
            return [memory.read(self.record_cell(number)) for number in range(1, self.capacity + 1)]
        written = memory.read_number(f"{self.cell}/written")
        kept = range(written, max(0, written - self.capacity), -1)
        return [memory.read(self.record_cell(number % self.capacity)) for number in kept]

    def append(self, memory: Memory, record: bytes) -> None:
        """Put *record* into a cyclic file, in place of the oldest."""
        written = memory.read_number(f"{self.cell}/written") + 1
        memory.write(self.record_cell(written % self.capacity), record)
        memory.write_number(f"{self.cell}/written", written)

    def contents(self, memory: Memory) -> bytes:
        """Bytes of a transparent file."""
        return memory.read(self.cell)


@dataclass(frozen=True, slots=True)
class DedicatedFile:
    """A DF. ``label`` names it in cells and rights (``SSSE``, ``DF04``); ``fid`` None: selected by name only."""

    label: str
    name: bytes
    fid: int | None = None
    parent: str = ""
    files: Mapping[int, ElementaryFile] = field(default_factory=dict[int, ElementaryFile])

    def by_fid(self, fid: int) -> ElementaryFile | None:
        return self.files.get(fid)

    def by_sfi(self, sfi: int) -> ElementaryFile | None:
        return next((file for file in self.files.values() if file.sfi == sfi), None)


class FileTree:
    """All DFs of a card, MF first."""

    def __init__(self, dfs: Iterable[DedicatedFile]) -> None:
        self.dfs = tuple(dfs)

    @property
    def master(self) -> DedicatedFile:
        return self.dfs[0]

    def by_label(self, label: str) -> DedicatedFile:
        """Raises KeyError for a label that this card does not have."""
        for df in self.dfs:
            if df.label == label:
                return df
        raise KeyError(f"no DF {label!r}; this card has {', '.join(df.label for df in self.dfs)}")

    def by_fid(self, current: DedicatedFile, fid: int) -> DedicatedFile | None:
        """MF from anywhere; else a DF below the current one, or beside it."""
        if fid == self.master.fid:
            return self.master
        near = (current.label, current.parent) if current.parent else (current.label,)
        return next((df for df in self.dfs if df.fid == fid and df.parent in near), None)

    def by_name(self, prefix: bytes, after: DedicatedFile | None = None) -> DedicatedFile | None:
        """First DF whose name begins with *prefix*, or the first one behind *after*."""
        found = [df for df in self.dfs if df.name.startswith(prefix)]
        if after is not None:
            found = found[found.index(after) + 1 :] if after in found else []
        return found[0] if found else None
