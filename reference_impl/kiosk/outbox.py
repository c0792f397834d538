"""The durable journal of open business: an append-only file that a loss of power at any instant leaves readable.

Every record is on the disk before the call returns, so what it announces may be sent afterwards. Reading tolerates a torn
tail, never a damaged middle. Compaction writes a new file beside it and renames it. One kiosk a file: it is locked.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from protocols.wire.platform.models import TradeView
from reference_impl.kiosk.business.journal import Entry, OpenBusiness, Record, encode_record, read_lines

__all__ = ["COMPACT_BYTES", "ENDS", "Outbox", "OutboxFailed"]

COMPACT_BYTES = 1 << 16
"""Above this the file is rewritten as soon as an entry closes."""

ENDS = frozenset({"paid", "closed", "refunded", "manual"})
"""States of a trade after which nothing is left for this kiosk to ask. ``manual``: a person decides, the platform has
raised the alarm."""

KEY_BYTES = 16


class OutboxFailed(Exception):
    """Nothing was noted, so nothing may be sent: disk full, read-only, broken, or the file belongs to another kiosk."""


class Outbox:
    """Open with :meth:`open`. *wall* is Unix time, *entropy* gives so many random bytes: keys are unique for ever, also
    after the file was lost. Every call that writes raises :class:`OutboxFailed`."""

    def __init__(
        self, path: Path, file: int, business: OpenBusiness, size: int, wall: Callable[[], float], entropy: Entropy
    ) -> None:
        self.path, self._file, self._business, self._size = path, file, business, size
        self._wall, self._entropy = wall, entropy
        self._broken = ""

    @staticmethod
    def open(path: Path, wall: Callable[[], float], entropy: Entropy = os.urandom) -> Outbox:
        """Read what is there, cut off a torn tail. Raises OutboxFailed, and JournalDamaged for a damaged middle."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OutboxFailed(f"outbox {path}: {error.strerror}; choose a file that this kiosk may write") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file).st_ino != path.stat().st_ino:
                raise BlockingIOError  # it was replaced while we waited for its lock: its owner runs
            records, good = read_lines(_read_all(file))
            os.ftruncate(file, good)
            os.fsync(file)
            _sync_directory(path.parent)
        except BlockingIOError as error:
            os.close(file)
            raise OutboxFailed(f"outbox {path} belongs to a kiosk that is running: give each its own") from error
        except OSError as error:
            os.close(file)
            raise OutboxFailed(f"outbox {path}: {error.strerror}; check the disk") from error
        except Exception:
            os.close(file)
            raise
        return Outbox(path, file, OpenBusiness(records), good, wall, entropy)

    def entries(self) -> tuple[Entry, ...]:
        """What is open, in the order in which it began."""
        return self._business.entries()

    def __len__(self) -> int:
        return len(self._business)

    # What is noted.

    def open_trade(self, kind: str) -> str:
        """A new key for a trade of *kind*, noted."""
        key = self._new_key()
        self._append(Record("open", self._now(), key=key, kind=kind))
        return key

    def number(self, key: str, trade_no: str) -> None:
        """The platform has opened *trade_no* under *key*."""
        entry = self._business.get(key)
        if entry is not None and entry.trade_no != trade_no:
            self._append(Record("trade", self._now(), key=key, trade_no=trade_no))

    def press(self, key: str, method: str) -> str:
        """A new key for one press of pay on the trade of *key*, noted."""
        pay_key = self._new_key()
        self._append(Record("pay", self._now(), key=key, pay_key=pay_key, method=method))
        return pay_key

    def refund(self, trade_no: str) -> str:
        """A refund of *trade_no* is about to be asked for; gives the key of its entry."""
        key = f"refund:{trade_no}"
        if self._business.get(key) is None:
            self._append(Record("refund", self._now(), trade_no=trade_no))
        return key

    def close(self, key: str, end: str) -> None:
        """There is nothing left to ask about *key*."""
        if self._business.get(key) is None:
            return
        self._append(Record("close", self._now(), key=key, end=end))
        if self._size > COMPACT_BYTES:
            self._compact()

    def heard(self, trade: TradeView) -> None:
        """The platform has said *trade*: entries that this decides are closed. A refund that was refused leaves its
        trade ``paid``, which decides it too once the refund has been asked for; the caller knows, see :meth:`close`."""
        for entry in self._business.of_trade(trade.trade_no):
            if trade.state in ENDS and not (entry.refund and trade.state == "paid"):
                self.close(entry.key, trade.state)

    def aclose(self) -> None:
        """Close the file; its lock goes with it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    # The file.

    def _now(self) -> int:
        return int(self._wall())

    def _new_key(self) -> str:
        return f"K{self._entropy(KEY_BYTES).hex()}"

    def _append(self, record: Record) -> None:
        if self._broken or self._file < 0:
            raise OutboxFailed(self._broken or "the outbox is closed")
        line = encode_record(record)
        try:
            written = os.pwrite(self._file, line, self._size)
            if written != len(line):
                raise OSError(0, "the disk took only a part of the record")
            os.fsync(self._file)
        except OSError as error:
            # What the disk holds now is unknown: a part of the line is cut off, and nothing more is promised.
            self._broken = f"outbox {self.path}: {error.strerror}; free or replace the disk and start the kiosk again"
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise OutboxFailed(self._broken) from error
        self._size += len(line)
        self._business.apply(record)

    def _compact(self) -> None:
        """A new file with what is open, in the place of the old one. A failure leaves the old one as it is."""
        beside = self.path.with_name(self.path.name + ".new")
        data = b"".join(encode_record(each) for each in self._business.compact())
        file = -1
        try:
            file = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.pwrite(file, data, 0) != len(data):
                raise OSError(0, "the disk took only a part of the file")
            os.fsync(file)
            beside.rename(self.path)
        except OSError:
            if file >= 0:
                os.close(file)
            return
        # From here on the new file is the journal, whatever else fails.
        os.close(self._file)
        self._file, self._size = file, len(data)
        try:
            _sync_directory(self.path.parent)
        except OSError as error:
            self._broken = f"outbox {self.path}: {error.strerror}; check the disk and start the kiosk again"


Entropy = Callable[[int], bytes]


def _read_all(file: int) -> bytes:
    parts: list[bytes] = []
    os.lseek(file, 0, os.SEEK_SET)
    while part := os.read(file, 1 << 16):
        parts.append(part)
    return b"".join(parts)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
