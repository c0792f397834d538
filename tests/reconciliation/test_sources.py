"""Files out of a folder, and the daily list of the HIS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reference_impl.backend.reconciliation.frames import FileFault
from reference_impl.backend.reconciliation.his_files import HisListReader
from reference_impl.backend.reconciliation.model import Book, Scope
from reference_impl.backend.reconciliation.sources import FORMATS, FolderSource

from .books import DAY

CLINIC, OTHER = "H44190000001", "H44190000002"


def put(folder: Path, *names: str) -> FolderSource:
    (folder / "2026-11-22").mkdir(parents=True)
    for name in names:
        (folder / "2026-11-22" / name).write_bytes(b"x")
    return FolderSource(folder)


async def names(source: FolderSource, scope: Scope) -> list[str]:
    return [each.name.removeprefix("2026-11-22/") for each in await source.files(scope)]


async def test_each_scope_gets_its_files(tmp_path: Path) -> None:
    source = put(
        tmp_path,
        "channel.bank.all.bill",
        "channel.wechat.all.wechat",
        f"his.all.{CLINIC}.list",
        f"his.all.{OTHER}.list",
        "insurance.all.all.csv",
        ".channel.part",
    )
    every = ["channel.bank.all.bill", "channel.wechat.all.wechat", f"his.all.{CLINIC}.list", f"his.all.{OTHER}.list"]
    assert await names(source, Scope(DAY)) == [*every, "insurance.all.all.csv"]
    assert await names(source, Scope(DAY, channel="bank")) == [every[0], *every[2:], "insurance.all.all.csv"]
    assert await names(source, Scope(DAY, CLINIC, "wechat")) == [every[1], every[2], "insurance.all.all.csv"]
    assert await names(source, Scope(DAY.replace(day=23))) == []
    first = (await source.files(Scope(DAY)))[0]
    assert (first.book, first.channel, first.institution, first.data) == (Book.CHANNEL, "bank", "", b"x")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bank.txt", "a file is named book.channel.institution.format"),
        ("platform.all.all.csv", "a file is named"),
        ("channel.bank.all.xls", "a file is named"),
        ("his.all.all.bill", "bill is no format of the book his"),
        ("his.all.all.list", "a list of the HIS is of one institution"),
    ],
)
async def test_a_file_of_another_name_is_not_overlooked(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(FileFault, match=words) as caught:
        await put(tmp_path, name).files(Scope(DAY))
    assert caught.value.file == f"2026-11-22/{name}"


def test_every_format_has_a_reader_of_its_books() -> None:
    for books, maker in FORMATS.values():
        for book in books:
            assert maker(book, DAY, CLINIC).book is book


ROW = {
    "reference": "DG2026112200000001",
    "kind": "pay",
    "trade_no": "DG2026112200000001",
    "business": "charge",
    "patient_id": "P00000001",
    "amount_fen": 12560,
    "fund_fen": 8295,
    "account_fen": 3000,
    "cash_fen": 1265,
    "cash_kind": "02",
    "traded_at": "2026-11-22T08:30:15+08:00",
    "terminal_id": "KSK-00001",
    "reconciliation_no": "HIS20261122000001",
}
BACK = {**ROW, "reference": "DG2026112200000001006", "kind": "undo", "original": "DG2026112200000001"}


def page(
    *rows: dict[str, Any], number: int = 1, pages: int = 1, total: int | None = None, **fields: Any
) -> dict[str, Any]:
    count = len(rows) if total is None else total
    return {
        "day": "2026-11-22",
        "state": "READY",
        "page": number,
        "pages": pages,
        "rows_total": count,
        "rows": list(rows),
        **fields,
    }


def listed(*pages: dict[str, Any]) -> list[tuple[Any, ...]]:
    frame = HisListReader(DAY, CLINIC).read(json.dumps(pages).encode(), "his.json")
    return frame.select("reference", "kind", "original", "trade_no", "amount_fen", "channel", "at").rows()


PAY_ROW = (ROW["reference"], "pay", "", ROW["trade_no"], 12560, "bank", 1795307415)
BACK_ROW = (BACK["reference"], "undo", ROW["reference"], ROW["trade_no"], -12560, "bank", 1795307415)


def test_the_daily_list_of_the_his() -> None:
    assert listed(page(ROW, BACK)) == [PAY_ROW, BACK_ROW]
    assert listed(page(ROW, number=1, pages=2, total=2), page(BACK, number=2, pages=2, total=2)) == [PAY_ROW, BACK_ROW]
    assert listed({"day": "2026-11-22", "state": "NONE"}) == []
    (row,) = listed(page({**ROW, "cash_kind": ""}))
    assert row[5] == ""
    one_document = json.dumps(page(ROW)).encode()
    assert HisListReader(DAY, CLINIC).read(one_document, "his.json")["institution"].to_list() == [CLINIC]


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ([page(ROW, state="IN_PROGRESS")], "still making the list"),
        ([page(ROW, day="2026-11-23")], "of another day"),
        ([page(ROW, number=1, pages=2, total=2)], "a page is missing"),
        ([page(ROW, number=1, pages=2, total=2)] * 2, "a page is missing or there twice"),
        ([page(ROW, total=2)], "a page is missing"),
        ([page({**ROW, "amount_fen": -1})], "page 1: rows.0.amount_fen"),
        ([page({**ROW, "amount_fen": "1"})], "page 1: rows.0.amount_fen"),
        ([page({**ROW, "traded_at": "soon"})], "page 1: rows.0.traded_at"),
        ([], "empty"),
        ([3], "page 1"),
    ],
)
def test_a_list_that_is_none(pages: list[Any], words: str) -> None:
    with pytest.raises(FileFault, match=words):
        listed(*pages)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json(body: bytes) -> None:
    with pytest.raises(FileFault, match="no JSON"):
        HisListReader(DAY, CLINIC).read(body, "his.json")
