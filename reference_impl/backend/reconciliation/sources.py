"""Where the day files of a run come from.

:class:`FolderSource` takes what somebody has put into a folder: ``<folder>/<day>/<book>.<channel>.<institution>.<format>``,
with ``all`` for a channel or institution that is not one alone::

    2026-11-22/channel.bank.all.bill                 the bank's day bill
    2026-11-22/channel.wechat.all.wechat             and .alipay, .unionpay_qr: the bills of the QR families
    2026-11-22/insurance.all.H44190000001.3202       the result of 3202, a zip or the TSV in it
    2026-11-22/his.all.H44190000001.list             the pages of the daily trade list of the HIS
    2026-11-22/his.all.all.csv                       and .parquet: the neutral form, of any book
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Protocol

from protocols.wire.base import Label
from reference_impl.backend.reconciliation.channel_files import BankBillReader, InsuranceResultReader, QrBillReader
from reference_impl.backend.reconciliation.frames import FileFault
from reference_impl.backend.reconciliation.his_files import HisListReader
from reference_impl.backend.reconciliation.intake import DayFile
from reference_impl.backend.reconciliation.model import LEGS, Book, Scope
from reference_impl.backend.reconciliation.readers import MOST_BYTES, BookReader, CsvReader, ParquetReader

__all__ = ["FORMATS", "FolderSource", "Source"]


class Source(Protocol):
    """Gives all day files that it has for a scope."""

    async def files(self, scope: Scope) -> list[DayFile]:
        """Raises :class:`FileFault` for one that cannot be had as a whole."""
        ...


ReaderMaker = Callable[[Book, date, str], BookReader]

FORMATS: Mapping[str, tuple[frozenset[Book], ReaderMaker]] = {
    "csv": (frozenset(LEGS), lambda book, _, __: CsvReader(book)),
    "parquet": (frozenset(LEGS), lambda book, _, __: ParquetReader(book)),
    "bill": (frozenset({Book.CHANNEL}), lambda _, day, __: BankBillReader(day)),
    "wechat": (frozenset({Book.CHANNEL}), lambda _, day, __: QrBillReader("wechat", day)),
    "alipay": (frozenset({Book.CHANNEL}), lambda _, day, __: QrBillReader("alipay", day)),
    "unionpay_qr": (frozenset({Book.CHANNEL}), lambda _, day, __: QrBillReader("unionpay_qr", day)),
    "3202": (frozenset({Book.INSURANCE}), lambda _, day, __: InsuranceResultReader(day)),
    "list": (frozenset({Book.HIS}), lambda _, day, place: HisListReader(day, place)),
}
"""The last part of a file name: the books that come in this format, and the reader of a day's file."""

ALL = "all"


class FolderSource:
    """Files in *folder*. A day without a folder has no files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def files(self, scope: Scope) -> list[DayFile]:
        return await asyncio.to_thread(self._files, scope)

    def _files(self, scope: Scope) -> list[DayFile]:
        folder = self._folder / f"{scope.day:%Y-%m-%d}"
        if not folder.is_dir():
            return []
        found = [_named(path, scope.day) for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
        wanted = [each for each in found if _may_hold(each, scope)]
        return [DayFile(name, _bytes(path), reader, channel, place) for name, path, reader, channel, place in wanted]


_Named = tuple[str, Path, BookReader, str, str]


def _named(path: Path, day: date) -> _Named:
    parts = path.name.split(".")
    name = f"{day:%Y-%m-%d}/{path.name}"
    books = {each.value: each for each in LEGS}
    if len(parts) != 4 or parts[0] not in books or parts[3] not in FORMATS:
        text = Label(
            "文件名应为 账.渠道.机构.格式，如 channel.bank.all.bill",
            "a file is named book.channel.institution.format, such as channel.bank.all.bill",
        )
        raise FileFault(name, 0, text)
    book = books[parts[0]]
    known, maker = FORMATS[parts[3]]
    if book not in known:
        raise FileFault(name, 0, Label(f"{parts[3]}不是{book}的格式", f"{parts[3]} is no format of the book {book}"))
    channel, place = ("" if part == ALL else part for part in parts[1:3])
    if parts[3] == "list" and not place:
        raise FileFault(name, 0, Label("HIS清单应写明机构", "a list of the HIS is of one institution: name it"))
    return name, path, maker(book, day, place), channel, place


def _may_hold(named: _Named, scope: Scope) -> bool:
    """A file of another channel or institution alone is left where it is."""
    pairs = ((scope.channel, named[3]), (scope.institution, named[4]))
    return all(not wanted or not has or wanted == has for wanted, has in pairs)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise FileFault(
                path.name, 0, Label(f"文件超过{MOST_BYTES}字节", f"the file has more than {MOST_BYTES} bytes")
            )
        return path.read_bytes()
    except OSError as error:
        raise FileFault(path.name, 0, Label("文件无法读取", f"cannot be read: {error.strerror}")) from error
