"""The day bill and the business day."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocols.wire.bank.bill import Bill, BillLine, decode_bill, encode_bill
from protocols.wire.bank.days import CutOver
from protocols.wire.base import WireError

PAY = BillLine("pay", "10000001/000001/000012", 1250, "1122083015", "898441900000001", "H44190000001", "261122000012")
REFUND = BillLine(
    "refund",
    "10000001/000002/000019",
    250,
    "1122091502",
    "898441900000001",
    "H44190000001",
    "261123000044",
    "10000001/000001/000012",
)
BILL = Bill("2026-11-22", "H44190000001", 1795366800, (PAY, REFUND))
FILE = b"""H|1|2026-11-22|H44190000001|1795366800
D|pay|10000001/000001/000012|1250|083015|1122|898441900000001|H44190000001|261122000012|
D|refund|10000001/000002/000019|250|091502|1122|898441900000001|H44190000001|261123000044|10000001/000001/000012
T|2|1|1250|1|250
"""


def test_the_layout_both_ways() -> None:
    assert encode_bill(BILL) == FILE
    assert decode_bill(FILE) == BILL
    empty = replace(BILL, lines=())
    assert decode_bill(encode_bill(empty)) == empty


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (b"H|1", b"H|2", "line 1"),
        (b"|1795366800", b"|now", "line 1"),
        (b"|1250|083015", b"|1251|083015", "line 4"),
        (b"|1250|083015", b"|-1250|083015", "line 2"),
        (b"|pay|", b"|gift|", "line 2"),
        (b"10000001/000002/000019", b"10000001/19", "line 3"),
        (b"|091502|", b"|0915|", "line 3"),
        (b"T|2|1|1250|1|250\n", b"", "totals"),
        (b"T|2|1|1250|1|250\n", b"T|2|1|1250|1|250", "totals"),
        (b"|261122000012|", b"|261122000012", "line 2"),
        (b"H44190000001|261122", b"\xff\xfe|261122", "UTF-8"),
    ],
)
def test_a_damaged_file_is_not_a_bill(old: bytes, new: bytes, where: str) -> None:
    with pytest.raises(WireError, match=where):
        decode_bill(FILE.replace(old, new, 1))


@pytest.mark.parametrize("end", range(len(FILE)))
def test_half_a_file_is_never_taken_for_a_whole_one(end: int) -> None:
    with pytest.raises(WireError):
        decode_bill(FILE[:end])


def test_the_day_ends_at_the_cut_over() -> None:
    morning = 1_795_305_600.0  # 2026-11-22 08:00 in China
    cut_over = CutOver.of("23:00")
    assert cut_over.day(morning) == "2026-11-22"
    assert cut_over.day(morning + 15 * 3600 - 1) == "2026-11-22"
    assert cut_over.day(morning + 15 * 3600) == "2026-11-23"
    assert cut_over.end_of("2026-11-22") == morning + 15 * 3600
    assert cut_over.next("2026-12-31") == "2027-01-01"
    midnight = CutOver.of("24:00")
    assert midnight.day(morning + 16 * 3600 - 1) == "2026-11-22"
    assert midnight.day(morning + 16 * 3600) == "2026-11-23"
    assert midnight.end_of("2026-11-22") == morning + 16 * 3600


@pytest.mark.parametrize("text", ["23", "23:0", "25:00", "11:00", "ab:cd", "24:01"])
def test_no_cut_over(text: str) -> None:
    with pytest.raises(WireError):
        CutOver.of(text)


@pytest.mark.parametrize("day", ["", "2026-13-01", "20261122", "2026-1-1", "../etc/x", "2026-11-22T"])
def test_no_day(day: str) -> None:
    with pytest.raises(WireError):
        CutOver().end_of(day)
