"""From day files to the four books of a run: read, cut to the scope, complete, with the rows of the pool behind them.

Nothing is compared with a file that is not there: for every channel and institution in which the platform has money some
file must have been given, if only an empty one. Or else a missing file would look like a day of missing payments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from protocols.wire.base import Label
from reference_impl.backend.reconciliation.frames import Books, FileFault, empty, write_book
from reference_impl.backend.reconciliation.model import LEGS, Book, Scope
from reference_impl.backend.reconciliation.readers import BookReader

__all__ = ["DayFile", "FileNote", "Intake", "MissingFiles", "take_in"]


class MissingFiles(ValueError):
    """The platform has money where no file was given. ``missing``: (book, channel, institution)."""

    def __init__(self, missing: Sequence[tuple[Book, str, str]]) -> None:
        places = "; ".join(" ".join(part for part in each if part) for each in missing[:5])
        more = f" (+{len(missing) - 5})" if len(missing) > 5 else ""
        text = Label(
            f"缺少对账文件：{places}{more}；没有交易也应提供空文件",
            f"day files are missing: {places}{more}; fetch them, or give empty ones where nothing happened",
        )
        super().__init__(f"{text.zh} / {text.en}")
        self.missing, self.text = tuple(missing), text


@dataclass(frozen=True, slots=True)
class DayFile:
    """One file of one book. It stands for all of ``channel`` and ``institution``, or for everything where they are empty."""

    name: str
    data: bytes
    reader: BookReader
    channel: str = ""
    institution: str = ""

    @property
    def book(self) -> Book:
        return self.reader.book


@dataclass(frozen=True, slots=True)
class FileNote:
    """What is kept of a file that was taken: enough to know it again."""

    name: str
    book: str
    channel: str
    institution: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Intake:
    """``own``: rows of the day itself; behind them in each file stand those of the pool."""

    books: Books
    own: Mapping[Book, int]
    files: tuple[FileNote, ...]


def take_in(
    folder: Path, scope: Scope, platform: pl.DataFrame, files: Sequence[DayFile], carried: Mapping[Book, pl.DataFrame]
) -> Intake:
    """The books of a run in *folder*, which must be there. Blocks; run it in a thread.

    Raises :class:`FileFault` for a file that cannot be taken, :class:`MissingFiles` when one is not there.
    """
    frames, notes = {Book.PLATFORM: platform}, list[FileNote]()
    for book in LEGS:
        parts = [empty(book)]
        for file in (each for each in files if each.book is book):
            frame = _checked(file.reader.read(file.data, file.name), file)
            digest = hashlib.sha256(file.data).hexdigest()
            notes.append(FileNote(file.name, book.value, file.channel, file.institution, frame.height, digest))
            parts.append(frame)
        frames[book] = pl.concat(parts)
    _complete(platform, files)
    books = Books.under(folder)
    own: dict[Book, int] = {}
    for book in Book:
        frame = _cut(frames[book], book, scope, platform)
        own[book] = frame.height
        write_book(pl.concat([frame, carried[book]]), books.path(book))
    return Intake(books, own, tuple(notes))


def _checked(frame: pl.DataFrame, file: DayFile) -> pl.DataFrame:
    """A file of one channel or institution holds rows of it alone."""
    for name, wanted in (("channel", file.channel), ("institution", file.institution)):
        if wanted:
            foreign = frame.select(pl.arg_where(~pl.col(name).is_in([wanted, ""])).first()).item()
            if foreign is not None:
                text = Label(f"含{wanted}以外的{name}", f"a row of another {name} than {wanted}: give the right file")
                raise FileFault(file.name, 0, text)
    return frame


def _complete(platform: pl.DataFrame, files: Sequence[DayFile]) -> None:
    missing: list[tuple[Book, str, str]] = []
    for leg in LEGS:
        own = [each for each in files if each.book is leg]
        # HIS and insurance are asked institution by institution, whatever the citizen paid with.
        places = platform.filter(pl.col(f"{leg}_ref") != "", pl.col("state") != "failed")
        columns = ["channel", "institution"] if leg is Book.CHANNEL else ["institution"]
        for row in places.select(columns).unique().sort(columns).iter_rows(named=True):
            channel, institution = row.get("channel", ""), row["institution"]
            covered = any(
                (leg is not Book.CHANNEL or each.channel in ("", channel)) and each.institution in ("", institution)
                for each in own
            )
            if not covered:
                missing.append((leg, channel, institution))
    if missing:
        raise MissingFiles(missing)


def _cut(frame: pl.DataFrame, book: Book, scope: Scope, platform: pl.DataFrame) -> pl.DataFrame:
    """The rows of the scope. Where a book does not say the channel, those that the platform's rows of the scope name."""
    if scope.institution:
        frame = frame.filter(pl.col("institution") == scope.institution)
    if not scope.channel or book is Book.PLATFORM:
        return frame
    own = pl.col("channel") == scope.channel
    if book is not Book.CHANNEL:
        named = platform[f"{book}_ref"].unique().implode()
        own |= (pl.col("channel") == "") & pl.col("reference").is_in(named)
    return frame.filter(own)
