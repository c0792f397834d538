"""Where the programs of a flow have their files while they run: key files among them, so that nothing stays."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["working_folder"]

PREFIX = "onecard-flow-"


@contextmanager
def working_folder() -> Iterator[Path]:
    """A folder that is gone afterwards; in memory where the machine has such a place. What a run left that was killed goes too:
    its programs ended with it, its files could not."""
    place = _place()
    _sweep(place)
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", dir=place) as name:
        yield Path(name)


def _place() -> Path:
    memory = Path("/dev/shm")  # noqa: S108 a folder of our own is made in it
    return memory if memory.is_dir() and os.access(memory, os.W_OK) else Path(tempfile.gettempdir())


def _sweep(place: Path) -> None:
    for each in place.glob(f"{PREFIX}*"):
        pid = each.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdecimal() and each.stat().st_uid == os.getuid() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(each, ignore_errors=True)
