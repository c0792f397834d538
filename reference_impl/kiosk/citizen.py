"""What the citizen enters: lines from a pipe (one for each question), or keys of a terminal.

A PIN is never echoed, stored or shown: it goes from here into one event, and the event into one command.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
import termios
import tty
from collections.abc import Callable

from reference_impl.kiosk.state import Phase
from reference_impl.kiosk.words import Confirmed, Declined, Event, Finished, PinEntered, PinMalformed

__all__ = ["KeyCitizen", "LineCitizen", "meaning_of"]

PIN_DIGITS = range(4, 13)
"""How many digits a PIN has (spec/devices.md 9, SI8)."""

YES = frozenset({"y", "yes", "是", "继续", "confirm"})
CANCEL = frozenset({"", "c", "cancel", "取消", "q"})
ENTER, ESCAPE, ERASE = ("\r", "\n"), "\x1b", ("\x7f", "\b")


def meaning_of(phase: Phase, text: str) -> Event | None:
    """What a whole entry means where the kiosk is: pure. None where nothing was asked.

    The last try needs a word, not just a digit: a PIN typed too early cannot agree to anything.
    """
    text = text.strip()
    if phase is Phase.CONFIRM:
        return Confirmed() if text.lower() in YES else Declined()
    if phase is Phase.PIN:
        if text.lower() in CANCEL:
            return Declined()
        if text.isascii() and text.isdecimal() and len(text) in PIN_DIGITS:
            return PinEntered(text)
        return PinMalformed()
    return Finished() if phase is Phase.HOLDER else None


async def _for_ever() -> Event:
    return await asyncio.get_running_loop().create_future()


class LineCitizen:
    """Lines of *stream*, one for each question; a line that comes before its question waits for it.

    At the end of the stream questions about the PIN are declined and the holder is shown until the limit.
    """

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._stream = stream

    @staticmethod
    async def of_standard_input() -> LineCitizen:
        """Standard input that is no terminal: a pipe, a file, or nothing."""
        stream = asyncio.StreamReader()
        mode = os.fstat(sys.stdin.fileno()).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            loop = asyncio.get_running_loop()
            await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), sys.stdin)
        else:
            if stat.S_ISREG(mode):
                stream.feed_data(sys.stdin.buffer.read())
            stream.feed_eof()
        return LineCitizen(stream)

    async def next(self, phase: Phase) -> Event:
        while True:
            line = await self._stream.readline()
            if not line:
                return await _for_ever() if phase is Phase.HOLDER else Declined()
            event = meaning_of(phase, line.decode(errors="replace"))
            if event is not None:
                return event


class KeyCitizen:
    """Keys of the terminal at *fd*. ``entered`` is how many digits of a PIN stand there, for the stars on the screen.

    Use it as a context manager: the terminal is put back as it was. ``on_key`` is called after each key.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._keys: asyncio.Queue[str] = asyncio.Queue()
        self._before: list[object] | None = None
        self.entered = 0
        self.on_key: Callable[[], None] = lambda: None

    def __enter__(self) -> KeyCitizen:
        self._before = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd)
        asyncio.get_running_loop().add_reader(self._fd, self._read)
        return self

    def __exit__(self, *exc: object) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        if self._before is not None:
            termios.tcsetattr(self._fd, termios.TCSAFLUSH, self._before)  # pyright: ignore[reportArgumentType]

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            for key in os.read(self._fd, 64).decode(errors="replace"):
                self.press(key)

    def press(self, key: str) -> None:
        """One key, as the terminal gives it."""
        self._keys.put_nowait(key)

    async def next(self, phase: Phase) -> Event:
        """What is entered from now on: keys from before the question do not count."""
        while not self._keys.empty():
            self._keys.get_nowait()
        typed, self.entered = "", 0
        try:
            while True:
                key = await self._keys.get()
                event = self._of_key(phase, key, typed)
                if event is not None:
                    return event
                typed = typed[:-1] if key in ERASE else typed + key if key.isascii() and key.isdecimal() else typed
                typed = typed[: PIN_DIGITS[-1]]
                self.entered = len(typed)
                self.on_key()
        finally:
            self.entered = 0

    @staticmethod
    def _of_key(phase: Phase, key: str, typed: str) -> Event | None:
        if phase is Phase.HOLDER:
            return Finished()
        if key == ESCAPE:
            return Declined()
        if phase is Phase.CONFIRM:
            return meaning_of(phase, key) if key in ("y", "Y", "n", "N") else None
        return meaning_of(phase, typed) if key in ENTER else None
