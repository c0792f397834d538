"""The files of 3202: rows up, rows back, each a zip with one TSV in it. Source: spec/services.md 1.9.

UTF-8, TAB between values, no header line, the literal ``null`` for a value that is not there.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from protocols.wire.base import WireError
from protocols.wire.money import fen_of_yuan, yuan_text

__all__ = ["ResultRow", "UploadRow", "pack", "read_results", "read_uploads", "unpack", "write_results", "write_uploads"]

NULL = "null"
MOST_FILE_BYTES = 64 << 20
"""Unpacked: a million rows fit."""
_MOST_CELL = 500
_WHEN = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class UploadRow:
    """What the institution holds: one row a settlement, and a negative one with ``refd_setl_flag`` 1 for its reversal."""

    setl_id: str
    mdtrt_id: str
    psn_no: str
    medfee_fen: int
    fund_fen: int
    account_fen: int
    refd_setl_flag: str = "0"


@dataclass(frozen=True, slots=True)
class ResultRow:
    """What the centre found of one row. ``stmt_rslt`` 000000: equal; the amounts are the centre's where it has the row."""

    psn_no: str
    mdtrt_id: str
    setl_id: str
    msgid: str
    stmt_rslt: str
    refd_setl_flag: str
    memo: str
    medfee_fen: int
    fund_fen: int
    account_fen: int


def _cell(value: str) -> str:
    if "\t" in value or "\n" in value or "\r" in value:
        raise WireError("a value with a TAB or a line end cannot stand in this file")
    return value or NULL


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    return "".join("\t".join(_cell(each) for each in row) + "\n" for row in rows).encode()


def _cells(tsv: bytes, least: int, most: int) -> list[list[str]]:
    try:
        text = tsv.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError("the file is no UTF-8", error.start) from error
    found: list[list[str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.rstrip("\r"):
            continue
        cells = ["" if each == NULL else each for each in line.rstrip("\r").split("\t")]
        if not least <= len(cells) <= most:
            raise WireError(f"line {number} has {len(cells)} values, {least} are wanted")
        if any(len(each) > _MOST_CELL for each in cells):
            raise WireError(f"line {number} has a value that is too long")
        found.append(cells)
    return found


def _fen(text: str, number: int) -> int:
    try:
        return fen_of_yuan(text)
    except (WireError, ArithmeticError) as error:
        raise WireError(f"line {number} has an amount that is none") from error


def _flag(text: str, number: int) -> str:
    if text not in ("0", "1"):
        raise WireError(f"line {number}: refd_setl_flag is 0 or 1")
    return text


def write_uploads(rows: Iterable[UploadRow]) -> bytes:
    """The TSV that an institution sends up. Raises :class:`WireError` for a value that cannot stand in it."""
    return _lines(
        (
            each.setl_id,
            each.mdtrt_id,
            each.psn_no,
            yuan_text(each.medfee_fen),
            yuan_text(each.fund_fen),
            yuan_text(each.account_fen),
            each.refd_setl_flag,
        )
        for each in rows
    )


def read_uploads(tsv: bytes) -> list[UploadRow]:
    """The rows of :func:`write_uploads`; an eighth column (``exp_content``) is allowed. Raises :class:`WireError` with the line."""
    return [
        UploadRow(c[0], c[1], c[2], _fen(c[3], at), _fen(c[4], at), _fen(c[5], at), _flag(c[6], at))
        for at, c in enumerate(_cells(tsv, 7, 8), 1)
    ]


def write_results(rows: Iterable[ResultRow]) -> bytes:
    """The TSV that the centre gives back."""
    return _lines(
        (
            each.psn_no,
            each.mdtrt_id,
            each.setl_id,
            each.msgid,
            each.stmt_rslt,
            each.refd_setl_flag,
            each.memo,
            yuan_text(each.medfee_fen),
            yuan_text(each.fund_fen),
            yuan_text(each.account_fen),
        )
        for each in rows
    )


def read_results(tsv: bytes) -> list[ResultRow]:
    """The rows of :func:`write_results`. Raises :class:`WireError` with the line."""
    return [
        ResultRow(c[0], c[1], c[2], c[3], c[4], _flag(c[5], at), c[6], _fen(c[7], at), _fen(c[8], at), _fen(c[9], at))
        for at, c in enumerate(_cells(tsv, 10, 10), 1)
    ]


def pack(name: str, content: bytes) -> bytes:
    """A zip with the one file *name*; the same content always gives the same bytes."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(name, _WHEN)
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, content)
    return held.getvalue()


def unpack(archive: bytes) -> bytes:
    """The one file of a zip. Raises :class:`WireError` for anything else, and for one that unpacks beyond all bounds."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = opened.infolist()
            if len(entries) != 1:
                raise WireError(f"the zip holds {len(entries)} files, one is wanted")
            if entries[0].file_size > MOST_FILE_BYTES:
                raise WireError("the file in the zip is too large")
            with opened.open(entries[0]) as file:
                content = file.read(MOST_FILE_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise WireError("this is no zip that can be read") from error
    if len(content) > MOST_FILE_BYTES:
        raise WireError("the file in the zip is too large")
    return content
