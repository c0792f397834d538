"""The journal of a peer on disk: one JSON object a line. What was journalled survives the death of the process."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["FileJournal", "JournalError", "read_events"]


class JournalError(ValueError):
    """A journal that cannot be used: names file and line, and what to do."""


def read_events(path: Path) -> list[dict[str, Any]]:
    """The events of *path*, oldest first; none when there is no file.

    A last line without its end was being written when the process died: nobody was answered for it, so it is cut off.
    Raises :class:`JournalError` for a line in the middle that is no JSON object.
    """
    if not path.exists():
        return []
    raw = path.read_bytes()
    whole = raw[: raw.rfind(b"\n") + 1]
    if len(whole) != len(raw):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    events: list[dict[str, Any]] = []
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            event = json.loads(line)
        except ValueError as error:
            raise JournalError(f"{path}:{number}: no JSON: move the file away to begin anew") from error
        if not isinstance(event, dict):
            raise JournalError(f"{path}:{number}: not an event: move the file away to begin anew")
        events.append(event)
    return events


class FileJournal:
    """Appends events to *path*. A line is handed to the operating system before the call returns, so it survives the
    process; ``sync`` has it on the disk too, for machines that may lose power."""

    def __init__(self, path: Path, sync: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._sync = sync

    def __call__(self, event: Mapping[str, Any]) -> None:
        line = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        written = os.write(self._fd, line)
        if written != len(line):
            raise OSError(f"only {written} of {len(line)} bytes of an event were taken: is the disk full?")
        if self._sync:
            os.fdatasync(self._fd)

    def close(self) -> None:
        os.close(self._fd)
