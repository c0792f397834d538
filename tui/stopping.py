"""Ctrl-C during a run: the first ends it after the check that is running, the second ends it at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tui.console import Console

__all__ = ["StopRequest", "stop_on_ctrl_c"]


class StopRequest:
    """``requested()`` turns true with the first Ctrl-C; the dossier is then written with status ``stopped``."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._count = 0

    def requested(self) -> bool:
        return self._count > 0

    def signalled(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
        if self._count > 1:
            raise KeyboardInterrupt
        self._console.say(
            self._console.text(
                "正在停止：当前检查结束后写出档案。再按一次 Ctrl-C 立即中断。",
                "stopping: the dossier is written after this check. Ctrl-C again interrupts at once.",
            )
        )

    def interrupt_if_requested(self) -> None:
        """For long work that cannot stop half-way: give up now. Raises KeyboardInterrupt."""
        if self._count:
            raise KeyboardInterrupt


@contextmanager
def stop_on_ctrl_c(console: Console) -> Iterator[StopRequest]:
    """SIGINT and SIGTERM ask the run to stop, as long as this context lasts."""
    request = StopRequest(console)
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, request.signalled) for number in numbers]
    try:
        yield request
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
