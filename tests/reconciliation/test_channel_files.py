"""Files of the bank, the QR families and the insurance in their own formats, typed by hand or made by their own writers."""

from __future__ import annotations

from datetime import date

import pytest

from protocols.wire.bank.bill import Bill, encode_bill
from protocols.wire.bank.bill import BillLine as BankLine
from protocols.wire.insurance.detail_files import pack
from protocols.wire.qr.bill import BillLine
from protocols.wire.qr.bill_alipay import build_alipay_bill
from protocols.wire.qr.bill_unionpay import build_unionpay_bill
from protocols.wire.qr.bill_wechat import build_wechat_bill
from reference_impl.backend.reconciliation.channel_files import BankBillReader, InsuranceResultReader, QrBillReader
from reference_impl.backend.reconciliation.frames import BOOK_SCHEMA, FileFault

from .books import DAY

MORNING_0830 = 1_795_307_415  # 2026-11-22 08:30:15 in China
CLINIC = "H44190000001"


def test_the_banks_bill() -> None:
    """The layout of protocols.wire.bank.bill, typed by hand."""
    body = (
        "H|1|2026-11-22|*|1795369200\n"
        "D|pay|10000001/000001/000012|1250|083015|1122|898441900000001|H44190000001|261122000012|\n"
        "D|void|10000001/000001/000013|1250|083115|1122|898441900000001|H44190000001|261122000013|10000001/000001/000012\n"
        "D|reversal|10000001/000001/000009|700|083215|1122|898441900000001|H44190000001|261121000009|10000001/000001/000009\n"
        "D|pay|10000001/000001/000008|300|083315|1122|898441900000001|H44190000001|261121000008|10000001/000001/000008\n"
        "T|4|2|1550|2|1950\n"
    )
    frame = BankBillReader(DAY).read(body.encode(), "bank.txt")
    assert frame.schema == BOOK_SCHEMA
    shown = frame.select("reference", "kind", "original", "amount_fen", "at").rows()
    assert shown == [
        ("10000001/000001/000012", "pay", "", 1250, MORNING_0830),
        ("10000001/000001/000013", "undo", "10000001/000001/000012", -1250, MORNING_0830 + 60),
        ("10000001/000001/000009", "undo", "10000001/000001/000009", -700, MORNING_0830 + 120),
        ("10000001/000001/000008", "redo", "10000001/000001/000008", 300, MORNING_0830 + 180),
    ]
    assert frame.select("state", "channel", "institution", "trade_no", "fee_fen", "day").unique().rows() == [
        ("done", "bank", CLINIC, "", None, DAY)
    ]


def test_the_evening_before_new_year_is_of_the_old_year() -> None:
    line = BankLine("pay", "10000001/000001/000012", 1, "1231233000", "898441900000001", CLINIC, "1")
    body = encode_bill(Bill("2027-01-01", CLINIC, 1_798_800_000, (line,)))
    frame = BankBillReader(date(2027, 1, 1)).read(body, "bank.txt")
    assert frame["at"].to_list() == [1_798_731_000]  # 2026-12-31 23:30:00 in China


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        (b"", 0, "whole line of totals"),
        (b"H|1|2026-11-22|*|1\nT|1|0|0|0|0\n", 2, "the totals are not those"),
        (b"H|1|2026-11-22|*|1\nD|pay|x|1|083015|1122|m|i|r|\nT|1|1|1|0|0\n", 2, "a reference is terminal/batch/trace"),
        (
            b"H|1|2026-11-22|*|1\nD|pay|10000001/000001/000012|1|993015|1122|m|H1|r|\nT|1|1|1|0|0\n",
            2,
            "at: Unix seconds",
        ),
        (b"H|1|2026-11-23|*|1\nT|0|0|0|0|0\n", 1, "of another day"),
    ],
)
def test_a_bad_bill_of_the_bank(body: bytes, line: int, words: str) -> None:
    with pytest.raises(FileFault) as caught:
        BankBillReader(DAY).read(body, "bank.txt")
    assert caught.value.line == line
    assert words in caught.value.text.en


LINES = (
    BillLine("pay", "2026-11-22 08:30:15", "M1", "DG20261122000001003", "4200001", 1265, 8, institution=CLINIC),
    BillLine(
        "refund",
        "2026-11-22 08:31:15",
        "M1",
        "DG20261122000001003",
        "4200001",
        265,
        -2,
        refund_no="DG20261122000001004",
        refund_channel_no="5030001",
        institution=CLINIC,
    ),
    BillLine("pay", "2026-11-22 08:32:15", "M1", "DG20261122000002003", "4200002", 500, 3, institution=CLINIC),
    BillLine("cancel", "2026-11-22 08:33:15", "M1", "DG20261122000002003", "4200002", 500, -3, institution=CLINIC),
)


@pytest.mark.parametrize(
    ("family", "body"),
    [
        ("wechat", build_wechat_bill("wx0000000000000001", "M1", LINES)),
        ("alipay", build_alipay_bill("M1", "2026-11-22", LINES)),
        ("unionpay_qr", build_unionpay_bill("M1", "2026-11-22", LINES)),
    ],
)
def test_bills_of_the_qr_families(family: str, body: bytes) -> None:
    frame = QrBillReader(family, DAY).read(body, "bill")
    assert frame.schema == BOOK_SCHEMA
    columns = ("reference", "kind", "original", "state", "trade_no", "amount_fen", "fee_fen", "at")
    assert frame.select(columns).rows() == [
        ("DG20261122000001003", "pay", "", "done", "DG20261122000001", 1265, 8, MORNING_0830),
        (
            "DG20261122000001004",
            "undo",
            "DG20261122000001003",
            "done",
            "DG20261122000001",
            -265,
            -2,
            MORNING_0830 + 60,
        ),
        ("DG20261122000002003", "pay", "", "done", "DG20261122000002", 500, 3, MORNING_0830 + 120),
        (
            "DG20261122000002003",
            "undo",
            "DG20261122000002003",
            "done",
            "DG20261122000002",
            -500,
            -3,
            MORNING_0830 + 180,
        ),
    ]
    assert frame.select("channel", "institution", "day").unique().rows() == [(family, CLINIC, DAY)]


def test_a_refund_that_is_not_finished_is_undecided() -> None:
    unfinished = BillLine("refund", "2026-11-22 08:31:15", "M1", "DG1003", "42", 5, refund_no="R1", done=False)
    body = build_wechat_bill("wx", "M1", [unfinished])
    assert QrBillReader("wechat", DAY).read(body, "bill")["state"].to_list() == ["open"]


def test_a_bill_of_another_family() -> None:
    body = build_wechat_bill("wx", "M1", LINES)
    with pytest.raises(FileFault, match="zip archive"):
        QrBillReader("alipay", DAY).read(body, "bill.zip")


RESULT = (
    # psn_no, mdtrt_id, setl_id, msgid, stmt_rslt, refd_setl_flag, memo, medfee, fund, account (spec/services.md 1.9)
    "44190000000000000001\t4419M0001\t44190026112200000001\tH44190000001202611220830150001\t000000\t0\tnull\t125.60\t82.95\t30.00\n"
    "44190000000000000002\t4419M0002\t44190026112200000002\tH44190000001202611220830150002\t000000\t0\tnull\t48.00\t0.00\t48.00\n"
    "44190000000000000002\t4419M0002\t44190026112200000003\tH44190000001202611220831150001\t100002\t1\tnull\t-48.00\t0.00\t-48.00\n"
    "44190000000000000003\t4419M0003\t44190026112200000004\tnull\t100003\t0\tnull\t10.00\t5.00\t0.00\n"
)


@pytest.mark.parametrize("packed", [False, True])
def test_the_result_of_3202(packed: bool) -> None:
    body = pack("result.txt", RESULT.encode()) if packed else RESULT.encode()
    frame = InsuranceResultReader(DAY).read(body, "result")
    columns = ("reference", "kind", "original", "amount_fen", "institution", "at")
    assert frame.select(columns).rows() == [
        ("H44190000001202611220830150001", "pay", "", 11295, CLINIC, MORNING_0830),
        ("H44190000001202611220830150002", "pay", "", 4800, CLINIC, MORNING_0830),
        (
            "H44190000001202611220831150001",
            "undo",
            "H44190000001202611220830150002",
            -4800,
            CLINIC,
            MORNING_0830 + 60,
        ),
    ]


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        (b"a\tb\n", 1, "line 1 has 2 values"),
        (RESULT.replace("48.00\n", "4.8.0\n", 1).encode(), 2, "line 2 has an amount"),
        (RESULT.replace("H44190000001202611220830150002", "X").encode(), 2, "a msgid is institution"),
        (
            RESULT.replace("\t0\tnull\t48.00\t0.00\t48.00", "\t0\tnull\t-48.00\t0.00\t-48.00").encode(),
            2,
            "negative in a refund",
        ),
        (b"PK\x03\x04nonsense", 0, "no zip"),
    ],
)
def test_a_bad_result_of_3202(body: bytes, line: int, words: str) -> None:
    with pytest.raises(FileFault) as caught:
        InsuranceResultReader(DAY).read(body, "result")
    assert caught.value.line == line
    assert words in caught.value.text.en
