"""Files, numbers and JSON of the insurance interface, in every form they come in and in forms that are none (spec/services.md 1.1, 1.9)."""

from __future__ import annotations

import json
import zipfile
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.wire.base import WireError
from protocols.wire.insurance import vectors
from protocols.wire.insurance.detail_files import (
    ResultRow,
    UploadRow,
    pack,
    read_results,
    read_uploads,
    unpack,
    write_results,
    write_uploads,
)
from protocols.wire.insurance.envelope import read_reply, read_request
from protocols.wire.insurance.fields import read, write
from protocols.wire.insurance.json_text import read_object
from protocols.wire.insurance.settlement_messages import SetlInfo, SettleOutput
from protocols.wire.insurance.trace import tree
from protocols.wire.insurance.visit_messages import FeeDetail

# The files of 3202.

ROWS = [
    UploadRow("44190026112200000001", "4419M0001", "44190000000000000001", 12560, 8295, 3000, "0"),
    UploadRow("44190026112200000002", "4419M0002", "44190000000000000002", 4800, 0, 4800, "0"),
    UploadRow("44190026112200000003", "4419M0002", "44190000000000000002", -4800, 0, -4800, "1"),
]


def test_3202_example() -> None:
    assert read_uploads(vectors.UPLOAD_3202) == ROWS
    assert write_uploads(ROWS) == vectors.UPLOAD_3202
    # The totals that 3201 sends for the same day, also from the specification.
    assert sum(row.medfee_fen for row in ROWS) == 12560
    assert sum(row.fund_fen for row in ROWS) == 8295
    assert sum(row.account_fen for row in ROWS) == 3000
    assert sum(-1 if row.refd_setl_flag == "1" else 1 for row in ROWS) == 1


def test_an_empty_value_is_the_word_null() -> None:
    row = ResultRow("p", "m", "s", "", "100003", "0", "", -5, 0, 1)
    assert write_results([row]) == b"p\tm\ts\tnull\t100003\t0\tnull\t-0.05\t0.00\t0.01\n"
    assert read_results(write_results([row])) == [row]


def test_the_zip_holds_one_file() -> None:
    packed = pack("a.txt", vectors.UPLOAD_3202)
    with zipfile.ZipFile(BytesIO(packed)) as archive:
        assert archive.namelist() == ["a.txt"]
        assert archive.read("a.txt") == vectors.UPLOAD_3202
    assert unpack(packed) == vectors.UPLOAD_3202
    assert packed == pack("a.txt", vectors.UPLOAD_3202)


def _zip(*names: str, size: int = 1) -> bytes:
    held = BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, b"\0" * size)
    return held.getvalue()


@pytest.mark.parametrize(
    "archive",
    [b"", b"PK", b"no zip at all", _zip(), _zip("a", "b"), _zip("bomb", size=65 << 20), _zip("a")[:-30]],
    ids=["empty", "short", "text", "no file", "two files", "bomb", "cut"],
)
def test_a_zip_that_is_none(archive: bytes) -> None:
    with pytest.raises(WireError):
        unpack(archive)


@pytest.mark.parametrize(
    "tsv",
    [
        b"a\tb\n",
        b"\xff\xfe\tb\tc\t1.00\t1.00\t1.00\t0\n",
        b"a\tb\tc\tone\t1.00\t1.00\t0\n",
        b"a\tb\tc\t1.001\t1.00\t1.00\t0\n",
        b"a\tb\tc\t1.00\t1.00\t1.00\t2\n",
        b"a\tb\tc\tnull\t1.00\t1.00\t0\n",
        b"a\tb\tc\t1e999999\t1.00\t1.00\t0\n",
        b"a\tb\tc\tNaN\t1.00\t1.00\t0\n",
        b"a" * 600 + b"\tb\tc\t1.00\t1.00\t1.00\t0\n",
    ],
)
def test_rows_that_are_none(tsv: bytes) -> None:
    with pytest.raises(WireError):
        read_uploads(tsv)


def test_a_value_with_a_tab_cannot_be_written() -> None:
    with pytest.raises(WireError):
        write_uploads([UploadRow("a\tb", "m", "p", 1, 1, 1)])


# Numbers.


@pytest.mark.parametrize("value", ["125.60", 125.6, Decimal("125.60"), "125.6", Decimal("1.256e2")])
def test_an_amount_in_every_form_it_comes_in(value: Any) -> None:
    assert read(FeeDetail, _line(det_item_fee_sumamt=value)).det_item_fee_sumamt == 12560


@pytest.mark.parametrize(
    "value", ["125.601", 125.601, "1e2", " 1", "1 ", "", "NaN", True, [], {}, "9" * 17, 1e300, "٣", float("nan")]
)
def test_an_amount_that_is_none(value: Any) -> None:
    with pytest.raises(WireError, match="det_item_fee_sumamt"):
        read(FeeDetail, _line(det_item_fee_sumamt=value))


def test_quantities_and_prices_have_their_own_places() -> None:
    line = read(FeeDetail, _line(cnt="1.2345", pric="0.000001"))
    assert (line.cnt, line.pric) == (12_345, 1)
    written = write(line)
    assert (written["cnt"], written["pric"], written["det_item_fee_sumamt"]) == (1.2345, 0.000001, 1.0)
    texts = write(line, numbers="text")
    assert (texts["cnt"], texts["pric"], texts["det_item_fee_sumamt"]) == ("1.2345", "0.000001", "1.00")
    for wrong in ({"cnt": "1.23456"}, {"pric": 0.0000001}, {"cnt": 1e40}):
        with pytest.raises(WireError):
            read(FeeDetail, _line(**wrong))


@given(st.integers(-(10**13), 10**13))
def test_every_amount_survives_the_wire(fen: int) -> None:
    info = SetlInfo(
        mdtrt_id="M", psn_no="P", medfee_sumamt=fen, fund_pay_sumamt=0, psn_part_amt=0, acct_pay=0, psn_cash_pay=0
    )
    for numbers in ("number", "text"):
        body = json.dumps({"setlinfo": write(info, numbers=numbers)}).encode()  # type: ignore[arg-type]
        assert read(SettleOutput, read_object(body)).setlinfo.medfee_sumamt == fen


def _line(**changes: Any) -> dict[str, Any]:
    line: dict[str, Any] = {
        "feedetl_sn": "1",
        "mdtrt_id": "M",
        "psn_no": "P",
        "chrg_bchno": "B",
        "fee_ocur_time": "2026-11-22 08:00:00",
        "med_list_codg": "X",
        "det_item_fee_sumamt": 1,
        "cnt": 1,
        "pric": 1,
    }
    return {**line, **changes}


def test_lengths_are_kept_and_values_never_shown() -> None:
    long = "张" * 51
    with pytest.raises(WireError, match="med_list_codg") as caught:
        read(FeeDetail, _line(med_list_codg=long))
    assert "张" not in str(caught.value)
    with pytest.raises(WireError, match="feedetl_sn"):
        read(FeeDetail, _line(feedetl_sn="a\nb"))
    assert read(FeeDetail, _line(med_list_codg="x" * 50)).med_list_codg == "x" * 50


def test_null_is_absent_and_strange_fields_are_ignored() -> None:
    line = read(FeeDetail, _line(rxno=None, regional_field={"a": [1]}))
    assert line.rxno == ""
    with pytest.raises(WireError, match="psn_no"):
        read(FeeDetail, _line(psn_no=None))


# JSON.


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":"\xff"}',
        b'{"a":1e999999999999999999999}',
        b'{"a":1e-21}',
        b'{"a":' + b"1" * 5000 + b"}",
        b'{"a":' + b"0." + b"1" * 5000 + b"}",
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' + b"[" * 13 + b"]" * 13 + b"}",
        b"{'a':1}",
        b'\xef\xbb\xbf{"a":1}',
    ],
)
def test_json_that_is_none(body: bytes) -> None:
    with pytest.raises(WireError):
        read_object(body)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_readers(body: bytes) -> None:
    for reader in (read_request, read_reply):
        with pytest.raises(WireError):
            reader(body)
    assert tree(body, True).label.zh
