"""What a kiosk has left open, as records that survive a loss of power: pure, without the file.

One record a line: a checksum, a space, the record as JSON. A record holds keys, trade numbers, times and ways to pay:
never a name, a card number, a code or a PIN. The fold of all records is :class:`OpenBusiness`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

__all__ = ["Entry", "JournalDamaged", "OpenBusiness", "Record", "decode_line", "encode_record", "read_lines"]

Op = Literal["open", "trade", "pay", "refund", "close"]

VERSION = 1
MAX_LINE_BYTES = 1024
_CHECKSUM_CHARACTERS = 16
_SAFE = re.compile(r"[\w.:@/+-]{0,80}", re.ASCII)
_OPS = frozenset({"open", "trade", "pay", "refund", "close"})


class JournalDamaged(Exception):
    """A line in the middle of the journal is not what was written. *line* counts from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(
            f"line {line} of the outbox is damaged, and whole lines follow it: the disk changed what was written. "
            "Keep the file for the operator and start with a new one; the platform ends by itself what is open there."
        )
        self.line = line


@dataclass(frozen=True, slots=True)
class Record:
    """``op`` and what it is about. ``open``: a trade is about to be asked for under *key*; ``trade``: its number;
    ``pay``: a press is about to be sent under *pay_key*; ``refund``: a refund of *trade_no* is about to be asked for;
    ``close``: the platform has decided (*end*). *at* is Unix time."""

    op: Op
    at: int
    key: str = ""
    trade_no: str = ""
    pay_key: str = ""
    method: str = ""
    kind: str = ""
    end: str = ""


def encode_record(record: Record) -> bytes:
    """The line, with its end. Raises ValueError for a value that is none of the journal's: a last guard against anything
    personal in it."""
    values = {
        name: getattr(record, name)
        for name in ("key", "trade_no", "pay_key", "method", "kind", "end")
        if getattr(record, name)
    }
    for name, value in values.items():
        if _SAFE.fullmatch(value) is None:
            raise ValueError(f"{name} of a journal record has at most 80 characters of letters, digits and .:@/+-_")
    text = json.dumps({"v": VERSION, "op": record.op, "at": record.at, **values}, separators=(",", ":"))
    return f"{_checksum(text)} {text}\n".encode()


def decode_line(line: bytes) -> Record | None:
    """The record of a line without its end; None for anything that was not written whole."""
    if len(line) > MAX_LINE_BYTES:
        return None
    try:
        checksum, _, text = line.decode().partition(" ")
        if checksum != _checksum(text):
            return None
        values: Any = json.loads(text)
        if values.pop("v") != VERSION or values["op"] not in _OPS:
            return None
        return Record(**values)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def read_lines(data: bytes) -> tuple[tuple[Record, ...], int]:
    """The records of a file, and how many of its bytes they take. What comes after them is a torn tail: a write that power
    cut off. Raises :class:`JournalDamaged` where a whole line follows one that is not, for no loss of power does that."""
    records: list[Record] = []
    good = at = 0
    bad_line = 0
    for number, line in _split(data):
        at += len(line)
        record = decode_line(line[:-1]) if line.endswith(b"\n") else None
        if record is None:
            bad_line = bad_line or number
        elif bad_line:
            raise JournalDamaged(bad_line)
        else:
            records.append(record)
            good = at
    return tuple(records), good


def _split(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines with their ends. A torn tail may hold any byte: only the line end that we write ends a line."""
    parts = data.split(b"\n")
    yield from enumerate((each + b"\n" for each in parts[:-1]), 1)
    if parts[-1]:
        yield len(parts), parts[-1]


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_CHECKSUM_CHARACTERS]


@dataclass(frozen=True, slots=True)
class Entry:
    """One open matter: a trade under *key*, or a refund of *trade_no* (then *key* is ``refund:`` and the number)."""

    key: str
    kind: str
    at: int
    trade_no: str = ""
    pay_keys: tuple[str, ...] = ()
    method: str = ""

    @property
    def refund(self) -> bool:
        return self.kind == "refund"


class OpenBusiness:
    """The fold of a journal: what is open, in the order in which it began."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._entries: dict[str, Entry] = {}
        for record in records:
            self.apply(record)

    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def of_trade(self, trade_no: str) -> tuple[Entry, ...]:
        return tuple(each for each in self._entries.values() if trade_no and each.trade_no == trade_no)

    def get(self, key: str) -> Entry | None:
        return self._entries.get(key)

    def apply(self, record: Record) -> None:
        """What *record* changes. One about a key that is not open changes nothing."""
        if record.op == "open":
            self._entries.setdefault(record.key, Entry(record.key, record.kind, record.at))
        elif record.op == "refund":
            key = f"refund:{record.trade_no}"
            self._entries.setdefault(key, Entry(key, "refund", record.at, record.trade_no))
        elif record.op == "close":
            self._entries.pop(record.key, None)
        elif record.key in self._entries:
            entry = self._entries[record.key]
            if record.op == "trade":
                self._entries[record.key] = replace(entry, trade_no=record.trade_no)
            elif record.op == "pay":
                pay_keys = (*entry.pay_keys, record.pay_key)
                self._entries[record.key] = replace(entry, pay_keys=pay_keys, method=record.method)

    def compact(self) -> tuple[Record, ...]:
        """The fewest records whose fold is this."""
        return tuple(record for entry in self._entries.values() for record in _records_of(entry))


def _records_of(entry: Entry) -> Iterator[Record]:
    if entry.refund:
        yield Record("refund", entry.at, trade_no=entry.trade_no)
        return
    yield Record("open", entry.at, key=entry.key, kind=entry.kind)
    if entry.trade_no:
        yield Record("trade", entry.at, key=entry.key, trade_no=entry.trade_no)
    for pay_key in entry.pay_keys:
        yield Record("pay", entry.at, key=entry.key, pay_key=pay_key, method=entry.method)
