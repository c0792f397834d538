"""History: the append-only, hash-chained log of everything that happened on a bench.

One record is one line of canonical JSON. Each line carries the SHA-256 of the line before it, so a changed, lost
or reordered line is found by reading the file alone. Verdicts are computed from these records and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TextIO

__all__ = ["GENESIS", "Direction", "History", "HistoryError", "Record", "canonical", "read_history"]

Direction = Literal["tx", "rx", "-"]
"""``tx``: from the harness to the thing under test; ``rx``: from it; ``-``: the harness speaks of itself."""

GENESIS = "0" * 64
MAX_LINE_BYTES = 1 << 20


class HistoryError(ValueError):
    """A history that cannot be trusted: says which file and line, and why."""

    def __init__(self, where: str, line: int, why: str) -> None:
        super().__init__(f"{where}:{line}: {why}")
        self.where, self.line, self.why = where, line, why


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: one text for one value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Record:
    """One line of history.

    ``t`` is bench time in seconds; ``data`` the bytes that crossed the link, already masked; ``note`` what the
    kind needs besides bytes. ``kind`` is one of: ``run``, ``preflight``, ``link``, ``frame``, ``control``, ``noise``,
    ``apdu``, ``atr``, ``power``, ``limit``, ``prompt``, ``answer``, ``fault``, ``check``, ``cut``, ``step``,
    ``violation``, ``snapshot``; in a flow also ``page``,
    ``http``, ``message``, ``leak``, ``search``, ``end``.
    """

    seq: int
    t: float
    slot: str
    direction: Direction
    kind: str
    data: bytes = b""
    note: Mapping[str, Any] = field(default_factory=dict[str, Any])
    prev: str = GENESIS

    def line(self) -> str:
        return canonical(
            {
                "seq": self.seq,
                "t": self.t,
                "slot": self.slot,
                "dir": self.direction,
                "kind": self.kind,
                "data": self.data.hex().upper(),
                "note": self.note,
                "prev": self.prev,
            }
        )

    def digest(self) -> str:
        return hashlib.sha256(self.line().encode()).hexdigest()

    @staticmethod
    def parse(text: str) -> Record:
        raw = json.loads(text)
        return Record(
            seq=raw["seq"],
            t=raw["t"],
            slot=raw["slot"],
            direction=raw["dir"],
            kind=raw["kind"],
            data=bytes.fromhex(raw["data"]),
            note=raw["note"],
            prev=raw["prev"],
        )


class History:
    """Append-only log. *now* is the bench clock; *sink* receives every line as it is made, so a killed run keeps
    what it had; *mask* replaces personal data before anything is stored (``wire/privacy.py``)."""

    def __init__(
        self,
        now: Callable[[], float],
        sink: TextIO | None = None,
        mask: Callable[[str, str, bytes], bytes] | None = None,
    ) -> None:
        self._now = now
        self._sink = sink
        self._mask = mask
        self._records: list[Record] = []
        self._head = GENESIS

    @property
    def records(self) -> Sequence[Record]:
        return self._records

    @property
    def head(self) -> str:
        """Digest of the last record; :data:`GENESIS` when empty."""
        return self._head

    def append(self, slot: str, direction: Direction, kind: str, data: bytes = b"", **note: Any) -> Record:
        """Add one record and return it. *data* is masked here, once, for every consumer."""
        if self._mask is not None and data:
            data = self._mask(slot, kind, data)
        record = Record(len(self._records), round(self._now(), 6), slot, direction, kind, data, note, self._head)
        self._head = record.digest()
        self._records.append(record)
        if self._sink is not None:
            self._sink.write(record.line() + "\n")
            self._sink.flush()
        return record

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)


def read_history(path: Path) -> list[Record]:
    """Read and check a history file: JSON, numbering, chain. Raises :class:`HistoryError` naming the line."""
    records: list[Record] = []
    prev = GENESIS
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, 1):
            if len(line) > MAX_LINE_BYTES or not line.endswith("\n"):
                raise HistoryError(str(path), number, "truncated or oversized line: the file was cut")
            text = line[:-1]
            try:
                record = Record.parse(text)
            except (ValueError, KeyError, TypeError) as error:
                raise HistoryError(str(path), number, f"not a record: {error}") from error
            if record.line() != text:
                raise HistoryError(str(path), number, "not in canonical form: the line was edited")
            if record.seq != number - 1 or record.prev != prev:
                raise HistoryError(str(path), number, "the chain is broken: a line before this one was changed or lost")
            prev = record.digest()
            records.append(record)
    return records
