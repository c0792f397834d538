"""The bank's day bill: one line a movement, and a line of totals. The layout is this project's own (spec/services.md 9, U8).

UTF-8, lines end with LF, parts are divided by ``|``, amounts in fen::

    H|1|2026-11-22|H44190000001|1795369200
    D|pay|10000001/000001/000012|1250|083015|1122|898441900000001|H44190000001|261122000012|
    D|refund|10000001/000002/000019|1250|091502|1123|898441900000001|H44190000001|261123000044|10000001/000001/000012
    T|2|1|1250|1|1250

``H`` version, business day, institution (``*`` for all), when it was made (Unix time). ``D`` kind (``pay``, ``void``,
``refund``, ``reversal``), reference ``terminal/batch/trace``, amount, time and date of the bank, merchant, institution,
retrieval reference, and the reference of the original for all kinds but ``pay``. ``T`` lines, number and sum of what came in
(``pay``), number and sum of what went out (the others).

A payment that was reversed before its file was made stands in no file, nor does its reversal; one that was reversed later
stands in its own day's file, and the reversal in that of the day on which it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast, get_args

from protocols.wire.base import WireError

__all__ = ["MAX_BILL_BYTES", "Bill", "BillKind", "BillLine", "decode_bill", "encode_bill"]

BillKind = Literal["pay", "void", "refund", "reversal"]
_KINDS = get_args(BillKind)
MAX_BILL_BYTES = 256 << 20
_VERSION = "1"
_REFERENCE = re.compile(r"[0-9A-Za-z]{8}/[0-9]{6}/[0-9]{6}")
_PARTS = 10


@dataclass(frozen=True, slots=True)
class BillLine:
    """One movement. ``at`` is the bank's date and time, MMDDhhmmss."""

    kind: BillKind
    reference: str
    amount_fen: int
    at: str
    merchant: str
    institution: str
    retrieval: str
    original: str = ""


@dataclass(frozen=True, slots=True)
class Bill:
    """The file of one business ``day``; ``institution`` ``*`` when it is not of one alone; ``made_at`` Unix time."""

    day: str
    institution: str
    made_at: int
    lines: tuple[BillLine, ...]

    @property
    def paid_fen(self) -> int:
        return sum(line.amount_fen for line in self.lines if line.kind == "pay")

    @property
    def returned_fen(self) -> int:
        return sum(line.amount_fen for line in self.lines if line.kind != "pay")


def _totals(bill: Bill) -> str:
    paid = sum(line.kind == "pay" for line in bill.lines)
    count = len(bill.lines)
    return f"T|{count}|{paid}|{bill.paid_fen}|{count - paid}|{bill.returned_fen}"


def _detail(line: BillLine) -> str:
    parts: Iterable[object] = (
        line.kind,
        line.reference,
        line.amount_fen,
        line.at[4:],
        line.at[:4],
        line.merchant,
        line.institution,
        line.retrieval,
        line.original,
    )
    return "D|" + "|".join(str(part) for part in parts)


def encode_bill(bill: Bill) -> bytes:
    """The file."""
    rows = [f"H|{_VERSION}|{bill.day}|{bill.institution}|{bill.made_at}", *map(_detail, bill.lines), _totals(bill)]
    return "".join(f"{row}\n" for row in rows).encode()


def _whole(text: str, what: str, number: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 14):
        raise WireError(f"line {number}: {what} is no whole number")
    return int(text)


def _line(row: str, number: int) -> BillLine:
    parts = row.split("|")
    if len(parts) != _PARTS or parts[0] != "D":
        raise WireError(f"line {number}: a detail line has {_PARTS} parts and begins with D")
    _, kind, reference, amount, time, day, merchant, institution, retrieval, original = parts
    if kind not in _KINDS:
        raise WireError(f"line {number}: the kind is none of {', '.join(_KINDS)}")
    named = (reference,) if kind == "pay" and not original else (reference, original)
    if not all(_REFERENCE.fullmatch(each) for each in named):
        raise WireError(f"line {number}: a reference is terminal/batch/trace")
    if not (len(time) == 6 and len(day) == 4 and (time + day).isdecimal()):
        raise WireError(f"line {number}: the time is hhmmss and the date MMDD")
    fen = _whole(amount, "the amount", number)
    return BillLine(cast("BillKind", kind), reference, fen, day + time, merchant, institution, retrieval, original)


def decode_bill(data: bytes) -> Bill:
    """The bill in a file. Raises :class:`WireError` naming the line: also when the totals are not those of the lines, so
    half a file is never taken for a whole one."""
    if len(data) > MAX_BILL_BYTES:
        raise WireError(f"the file has more than {MAX_BILL_BYTES} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError("the file is not UTF-8", error.start) from None
    rows = text.split("\n")
    if len(rows) < 3 or rows[-1]:
        raise WireError("the file does not end with a whole line of totals", len(data))
    head = rows[0].split("|")
    if len(head) != 5 or head[0] != "H" or head[1] != _VERSION:
        raise WireError("line 1: not a header of version 1")
    lines = tuple(_line(row, number) for number, row in enumerate(rows[1:-2], 2))
    bill = Bill(head[2], head[3], _whole(head[4], "the time", 1), lines)
    if rows[-2] != _totals(bill):
        raise WireError(f"line {len(rows) - 1}: the totals are not those of the lines above")
    return bill
