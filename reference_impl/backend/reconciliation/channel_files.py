"""Day files of the other systems, in their own formats, to the neutral form. Thin: the formats are those of ``protocols.wire``.

Bank: the day bill. QR: the bills of the three families. Insurance: the result file of 3202, as a zip or the TSV in it.
Sources: spec/services.md 1.9, 4, 5; U8 for the bank's layout.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime

import polars as pl

from protocols.clock import CHINA
from protocols.wire.bank.bill import Bill, BillLine, decode_bill
from protocols.wire.base import Label, WireError
from protocols.wire.insurance.codes import ROW_INSTITUTION_ONLY
from protocols.wire.insurance.detail_files import ResultRow, read_results, unpack
from protocols.wire.insurance.message_id import MessageId, parse_msgid
from protocols.wire.qr.bill import BillFile
from protocols.wire.qr.bill import BillLine as QrLine
from protocols.wire.qr.bill_alipay import parse_alipay_bill
from protocols.wire.qr.bill_unionpay import parse_unionpay_bill
from protocols.wire.qr.bill_wechat import parse_wechat_bill
from reference_impl.backend.reconciliation.frames import BOOK_SCHEMA, FileFault, check_rows
from reference_impl.backend.reconciliation.model import Book

__all__ = ["BankBillReader", "InsuranceResultReader", "QrBillReader"]

Row = tuple[object, ...]

_LINE = re.compile(r"(?:line|row) ([0-9]+)")
_ZIP = b"PK\x03\x04"


class BankBillReader:
    """The bank's bill of business day *day*. A reversal stands under the reference of what it reverses; a void that was
    reversed comes again as a payment that names it."""

    book = Book.CHANNEL

    def __init__(self, day: date) -> None:
        self._day = day

    def read(self, data: bytes, file: str) -> pl.DataFrame:
        with _told(file):
            bill = decode_bill(data)
        if bill.day != f"{self._day:%Y-%m-%d}":
            raise FileFault(file, 1, Label("账单日期不是所对账的日期", "the bill is of another day"))
        return _frame((self._row(bill, line) for line in bill.lines), self.book, file, 2)

    def _row(self, bill: Bill, line: BillLine) -> Row:
        kind = "undo" if line.kind != "pay" else "redo" if line.original else "pay"
        fen = -line.amount_fen if kind == "undo" else line.amount_fen
        head = (line.reference, kind, line.original, "done", "", fen, None)
        return (*head, line.institution, "bank", self._day, _bank_time(bill, line))


def _bank_time(bill: Bill, line: BillLine) -> int:
    """Unix seconds of MMDDhhmmss. The bill's day has the year, but a business day begins on the evening before it."""
    day = date.fromisoformat(bill.day)
    year = day.year - 1 if (day.month, line.at[:2]) == (1, "12") else day.year
    try:
        at = datetime.strptime(f"{year}{line.at}", "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
    except ValueError:
        return 0  # refused with its line by the check of rows
    return int(at.timestamp())


class QrBillReader:
    """The bill of *day* of one family (``wechat``, ``alipay``, ``unionpay_qr``). An order that was reversed after it was paid
    stands again under its own number; a refund that is accepted and not finished is undecided."""

    book = Book.CHANNEL

    def __init__(self, family: str, day: date, *, sequence_digits: int = 3) -> None:
        """*sequence_digits*: how many digits an order number has behind the number of its trade."""
        self._family, self._day, self._digits = family, day, sequence_digits

    def read(self, data: bytes, file: str) -> pl.DataFrame:
        parsers: dict[str, Callable[[bytes, str], BillFile]] = {
            "wechat": parse_wechat_bill,
            "alipay": parse_alipay_bill,
            "unionpay_qr": lambda body, _: parse_unionpay_bill(body),
        }
        with _told(file):
            bill = parsers[self._family](data, f"{self._day:%Y-%m-%d}")
        if bill.day != f"{self._day:%Y-%m-%d}":
            raise FileFault(file, 1, Label("账单日期不是所对账的日期", "the bill is of another day"))
        return _frame(map(self._row, bill.lines), self.book, file, 2)

    def _row(self, line: QrLine) -> Row:
        back = line.kind != "pay"
        at = datetime.strptime(line.at, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
        trade_no = line.order_no[: -self._digits] if len(line.order_no) > self._digits else ""
        return (
            line.reference,
            "undo" if back else "pay",
            line.original,
            "done" if line.done else "open",
            trade_no,
            -line.amount_fen if back else line.amount_fen,
            line.fee_fen,
            line.institution,
            self._family,
            self._day,
            int(at.timestamp()),
        )


class InsuranceResultReader:
    """The result file of 3202 for *day*: what the centre holds. Rows that only the institution has are not the centre's.

    What the insurance pays is the funds and the account. The file has no times: those in the message numbers are taken.
    """

    book = Book.INSURANCE

    def __init__(self, day: date) -> None:
        self._day = day

    def read(self, data: bytes, file: str) -> pl.DataFrame:
        with _told(file):
            rows = read_results(unpack(data) if data.startswith(_ZIP) else data)
        held = [(at, row) for at, row in enumerate(rows, 1) if row.stmt_rslt != ROW_INSTITUTION_ONLY]
        paid = {(row.mdtrt_id, _paid_fen(row)): row.msgid for _, row in held if row.refd_setl_flag == "0"}
        lines = [self._row(at, row, paid, file) for at, row in held]
        return _frame(lines, self.book, file, 1)

    def _row(self, number: int, row: ResultRow, paid: dict[tuple[str, int], str], file: str) -> Row:
        back = row.refd_setl_flag == "1"
        try:
            sender = parse_msgid(row.msgid)
        except WireError as error:
            raise FileFault(file, number, Label("msgid不合规范", error.why)) from None
        if _paid_fen(row) and (_paid_fen(row) < 0) is not back:
            raise FileFault(
                file, number, Label("金额符号与refd_setl_flag不符", "an amount is negative in a refund, and only there")
            )
        original = paid.get((row.mdtrt_id, -_paid_fen(row)), "") if back else ""
        head = (row.msgid, "undo" if back else "pay", original, "done", "", _paid_fen(row), None)
        return (*head, sender.owner, "", self._day, _sent_at(sender))


def _paid_fen(row: ResultRow) -> int:
    return row.fund_fen + row.account_fen


def _sent_at(sender: MessageId) -> int:
    return int(datetime.strptime(sender.stamp, "%Y%m%d%H%M%S").replace(tzinfo=CHINA).timestamp())


def _frame(rows: Iterable[Row], book: Book, file: str, first_line: int) -> pl.DataFrame:
    frame = pl.DataFrame(list(rows), schema=BOOK_SCHEMA, orient="row")
    check_rows(frame, book, file, first_line)
    return frame


@contextmanager
def _told(file: str) -> Iterator[None]:
    """What a format says of a file that is none of its own, with the file's name and the line."""
    try:
        yield
    except WireError as error:
        line = _LINE.search(error.why)
        text = Label(f"文件不符合格式：{error.why}", f"{error.why}: fetch the file again")
        raise FileFault(file, int(line[1]) if line else 0, text) from None
