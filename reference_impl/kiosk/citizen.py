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
from typing import NoReturn

from reference_impl.kiosk.business.answers import LOGIN, WORD_OF, credential_of, meaning_of_entry, meaning_of_line
from reference_impl.kiosk.business.menu import SCANNED_CREDENTIALS, Terms
from reference_impl.kiosk.business.session import Session, Stage
from reference_impl.kiosk.business.words import Back, BusinessEvent, Cancel, TurnPage
from reference_impl.kiosk.state import Phase
from reference_impl.kiosk.words import Confirmed, CredentialShown, Declined, Event, Finished, PinEntered, PinMalformed

__all__ = ["KeyCitizen", "LineCitizen", "meaning_of"]

PIN_DIGITS = range(4, 13)
"""How many digits a PIN has (spec/devices.md 9, SI8)."""

YES = frozenset({"y", "yes", "是", "继续", "confirm"})
CANCEL = frozenset({"", "c", "cancel", "取消", "q"})
PAGES: dict[str, BusinessEvent] = {"+": TurnPage(1), "-": TurnPage(-1)}
KIND_OF_KEY = {str(number): kind for number, kind in enumerate(SCANNED_CREDENTIALS, 1)}
KNOWN_WORDS = frozenset({*WORD_OF.values(), LOGIN, "back", "cancel", "next", "prev", "detail", "confirm"})
MOST_TYPED = 64
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


async def _for_ever() -> NoReturn:
    await asyncio.get_running_loop().create_future()
    raise AssertionError("this future has no result")


class LineCitizen:
    """Lines of *stream*, one for each question; a line that comes before its question waits for it.

    At the end of the stream questions about the PIN are declined and every page stands until its limit. ``on_ignored``
    hears of lines that answered nothing: the word with which they began, if it is one of the kiosk's. Without *cards*
    only a log-in begins a visit, so lines that are left over from the one before do not wait for the next.
    """

    def __init__(self, stream: asyncio.StreamReader, terms: Terms | None = None, *, cards: bool = True) -> None:
        self._stream, self._terms, self._cards = stream, terms or Terms(), cards
        self._held = ""
        self.on_ignored: Callable[[str], None] = lambda word: None

    @staticmethod
    async def of_standard_input(terms: Terms | None = None, *, cards: bool = True) -> LineCitizen:
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
        return LineCitizen(stream, terms, cards=cards)

    async def next(self, phase: Phase) -> Event:
        while True:
            line = await self._line()
            if line is None:
                return await _for_ever() if phase is Phase.HOLDER else Declined()
            event = meaning_of(phase, line)
            if event is not None:
                return event

    async def answer(self, session: Session) -> BusinessEvent:
        """The line for this page. While something is under way only a wish to turn back is heard; what comes for a later
        page waits for it."""
        while (line := await self._line()) is not None:
            event = meaning_of_line(session, line, self._terms)
            if event is not None:
                return event
            if session.stage not in WORD_OF:
                self._held = line
                break
            self._ignore(line)
        return await _for_ever()

    async def log_in(self) -> CredentialShown:
        while (line := await self._line()) is not None:
            shown = credential_of(line)
            if shown is not None:
                return shown
            if self._cards:
                self._held = line  # it may be for the holder of the card that comes next
                break
            self._ignore(line)
        return await _for_ever()

    async def _line(self) -> str | None:
        """The next line that is not blank where business is done; None at the end of the stream."""
        if self._held:
            held, self._held = self._held, ""
            return held
        line = await self._stream.readline()
        return line.decode(errors="replace").rstrip("\r\n") if line else None

    def _ignore(self, line: str) -> None:
        word = line.strip().partition(" ")[0].lower()
        self.on_ignored(word if word in KNOWN_WORDS else "")


class KeyCitizen:
    """Keys of the terminal at *fd*. ``entered`` is how many digits of a PIN stand there, for the stars on the screen;
    ``typed`` what else stands there.

    Use it as a context manager: the terminal is put back as it was. ``on_key`` is called after each key.
    """

    def __init__(self, fd: int, terms: Terms | None = None) -> None:
        self._fd, self._terms = fd, terms or Terms()
        self._keys: asyncio.Queue[str] = asyncio.Queue()
        self._before: list[object] | None = None
        self.entered = 0
        self.typed = ""
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
        self._forget_keys()
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

    async def answer(self, session: Session) -> BusinessEvent:
        """A number and Enter; Esc goes back, and gives up where something is under way; + and - turn pages."""
        waits = session.stage in WORD_OF or session.stage is Stage.PIN
        self._forget_keys()
        while True:
            text = await self._text()
            if text is None:
                return Back() if waits else Cancel()
            if text in PAGES and waits:
                return PAGES[text]
            if session.stage in WORD_OF:
                return meaning_of_entry(session, text, self._terms)

    async def log_in(self) -> CredentialShown:
        """``1 CODE`` and Enter: the number of the kind of code, and the code."""
        self._forget_keys()
        while True:
            text = await self._text() or ""
            number, _, code = text.partition(" ")
            if number in KIND_OF_KEY and (shown := credential_of(f"{LOGIN} {KIND_OF_KEY[number]} {code}")) is not None:
                return shown

    def _forget_keys(self) -> None:
        while not self._keys.empty():
            self._keys.get_nowait()

    async def _text(self) -> str | None:
        """What is typed until Enter; None for Esc. A page is turned by its key alone."""
        self.typed = ""
        try:
            while True:
                key = await self._keys.get()
                if key == ESCAPE:
                    return None
                if key in ENTER:
                    return self.typed
                if key in PAGES and not self.typed:
                    return key
                self.typed = (
                    self.typed[:-1]
                    if key in ERASE
                    else (self.typed + key)[:MOST_TYPED]
                    if key.isprintable()
                    else self.typed
                )
                self.on_key()
        finally:
            self.typed = ""

    @staticmethod
    def _of_key(phase: Phase, key: str, typed: str) -> Event | None:
        if phase is Phase.HOLDER:
            return Finished()
        if key == ESCAPE:
            return Declined()
        if phase is Phase.CONFIRM:
            return meaning_of(phase, key) if key in ("y", "Y", "n", "N") else None
        return meaning_of(phase, typed) if key in ENTER else None
