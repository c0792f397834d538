"""The daily trade list of the HIS to the neutral form: the pages of one institution and day as JSON, one page or an array of
them. Source: spec/services.md 2.1 (operation 15), 2.2 (payment kinds).

Whoever the rows are about is in the file and not in what is kept of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from protocols.wire.base import Label, WireError
from protocols.wire.his.fields import read, unix_of_moment, write
from protocols.wire.his.report_messages import MOST_ROWS, DayList, DayRow
from reference_impl.backend.reconciliation.frames import BOOK_SCHEMA, FileFault, check_rows
from reference_impl.backend.reconciliation.model import Book
from reference_impl.backend.reconciliation.readers import MOST_BYTES

__all__ = ["HisListReader", "pages_of"]

CHANNEL_OF: Mapping[str, str] = {"02": "bank", "11": "wechat", "12": "alipay", "13": "unionpay_qr"}
"""The channel of each payment kind; the others take no cash from a kiosk."""


def pages_of(day: date, rows: Sequence[DayRow]) -> bytes:
    """The list of *day* as :class:`HisListReader` takes it, whatever the vendor that gave its *rows*."""
    pages = [rows[at : at + MOST_ROWS] for at in range(0, len(rows), MOST_ROWS)]
    state = "READY" if rows else "NONE"
    lists = [
        DayList(day=f"{day:%Y-%m-%d}", state=state, page=at, pages=len(pages), rows_total=len(rows), rows=tuple(page))
        for at, page in enumerate(pages or [()], 1)
    ]
    return json.dumps([write(each) for each in lists], ensure_ascii=False).encode()


class HisListReader:
    """The list of *institution* for *day*. A list that is in progress, or of which a page is missing, is none."""

    book = Book.HIS

    def __init__(self, day: date, institution: str) -> None:
        self._day, self._institution = day, institution

    def read(self, data: bytes, file: str) -> pl.DataFrame:
        pages = [self._page(value, number, file) for number, value in enumerate(_documents(data, file), 1)]
        self._complete(pages, file)
        rows = [self._row(row) for page in pages for row in page.rows]
        frame = pl.DataFrame(rows, schema=BOOK_SCHEMA, orient="row")
        check_rows(frame, self.book, file, 1)
        return frame

    def _page(self, value: Any, number: int, file: str) -> DayList:
        try:
            page = read(DayList, value)
        except WireError as error:
            text = Label(f"第{number}页不合规范：{error.why}", f"page {number}: {error.why}: fetch it again")
            raise FileFault(file, 0, text) from None
        if page.day != f"{self._day:%Y-%m-%d}":
            raise FileFault(file, 0, Label("清单日期不是所对账的日期", "the list is of another day"))
        if page.state == "IN_PROGRESS":
            raise FileFault(file, 0, Label("HIS清单尚未生成", "the HIS is still making the list: fetch it later"))
        return page

    @staticmethod
    def _complete(pages: list[DayList], file: str) -> None:
        """Every page once, and as many rows as each page says there are."""
        wanted = {page.pages for page in pages} | {page.rows_total for page in pages}
        if wanted <= {0}:
            return
        numbers = sorted(page.page for page in pages)
        rows = sum(len(page.rows) for page in pages)
        if any(numbers != list(range(1, page.pages + 1)) or rows != page.rows_total for page in pages):
            raise FileFault(file, 0, Label("缺页或重页", "a page is missing or there twice: fetch all pages again"))

    def _row(self, row: DayRow) -> tuple[object, ...]:
        back = row.kind == "undo"
        head = (row.reference, row.kind, row.original, "done", row.trade_no)
        fen = -row.amount_fen if back else row.amount_fen
        place = (self._institution, CHANNEL_OF.get(row.cash_kind, ""), self._day)
        return (*head, fen, None, *place, int(unix_of_moment(row.traded_at)))


def _documents(data: bytes, file: str) -> list[Any]:
    if len(data) > MOST_BYTES:
        raise FileFault(file, 0, Label(f"文件超过{MOST_BYTES}字节", f"the file has more than {MOST_BYTES} bytes"))
    try:
        document = json.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 0)
        raise FileFault(file, line, Label("不是可读的JSON", "this is no JSON that can be read")) from None
    pages = document if isinstance(document, list) else [document]
    if not pages:
        raise FileFault(file, 0, Label("空文件", "empty: a day without trades has a list that says so"))
    return pages
