"""Cards behind pcscd: ``pcsc://NAME?socket=PATH&limit_s=5&exclusive=no`` (name and options may be left out).

Any exchange can hang for ever in PC/SC (a driver that waits for an empty answer never returns), so each one runs in
a thread of the port and has its own limit. A port whose exchange has passed the limit is *broken*: the thread cannot be
ended, the daemon may have to be restarted, and the port says so until it is opened again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NoReturn, TypeVar
from urllib.parse import parse_qsl, unquote

from protocols.clock import Clock
from protocols.link.base import LinkError, LinkTimeout, LinkUrl
from protocols.link.lane import BlockingLane
from protocols.link.pcsc_session import PcscSession, card_present, list_readers

__all__ = ["SCHEMES", "PcscCardPort", "connect", "list_readers", "open_card_port", "wait_card"]

SCHEMES = ("pcsc",)

T = TypeVar("T")

DEFAULT_LIMIT_S = 5.0
LOOK_PAUSE_S = 0.02


class _Bay:
    """One thread, and the session that only this thread may touch (``transmit_blocking`` takes its turn)."""

    def __init__(self, name: str) -> None:
        self.lane = BlockingLane(name)
        self.turn = threading.Lock()
        self.session: PcscSession | None = None

    def close(self) -> None:
        with self.turn:
            session, self.session = self.session, None
            if session is not None:
                session.close()


class PcscCardPort:
    """A card in the reader that *reader* names (whole, or a part that fits one; empty: the first reader).

    Implements ``CardPort``. Nothing is opened before the first :meth:`power_on`. ``socket`` is the daemon's
    (default: PCSCLITE_CSOCK_NAME, then the system's); ``limit_s`` is the limit of each call.
    """

    def __init__(
        self,
        reader: str = "",
        *,
        socket: str | None = None,
        limit_s: float = DEFAULT_LIMIT_S,
        exclusive: bool = False,
    ) -> None:
        self.reader = reader
        self.broken = ""
        self._socket, self._limit_s, self._exclusive = socket, limit_s, exclusive
        self._bay: _Bay | None = None

    async def power_on(self, warm: bool = False) -> bytes:
        """The ATR after a cold reset (the supply is taken away), or after a warm one.

        Raises LinkClosed without a card, LinkTimeout when the card gives no ATR, LinkError for anything else.
        """
        return await self._call(lambda session: session.power_on(warm), "power on")

    async def power_off(self) -> None:
        if self._bay is not None:
            await self._call(PcscSession.power_off, "power off")

    async def transmit(self, apdu: bytes) -> bytes:
        """One APDU; ``61xx`` and ``6Cxx`` come back as they are. The answer may be a single byte from a bad card."""
        return await self._call(lambda session: session.transmit(apdu), f"APDU {apdu[:5].hex().upper()}")

    def transmit_blocking(self, apdu: bytes) -> bytes:
        """Like :meth:`transmit`, in the calling thread and **without a limit**: for measuring round trips."""
        bay = self._bay
        if bay is None or bay.session is None:
            raise LinkError("power the card on before measuring")
        with bay.turn:
            return bay.session.transmit(apdu)

    async def reopen(self) -> None:
        """Forget a broken exchange: a new thread and a new context at the next :meth:`power_on`."""
        await self.aclose()
        self.broken = ""

    async def aclose(self) -> None:
        """Take the power away and let go of the reader. A thread that hangs in PC/SC is left behind, on its own."""
        bay, self._bay = self._bay, None
        if bay is None:
            return
        try:
            if not bay.lane.stuck:
                await bay.lane.call(bay.close, self._limit_s, "close")
        except LinkError:
            pass  # closing is best effort: the daemon may be gone
        finally:
            bay.lane.close()

    async def _call(self, work: Callable[[PcscSession], T], what: str) -> T:
        if self.broken:
            raise LinkError(f"{self.reader or 'this reader'} hangs since {self.broken}: restart pcscd, then reopen")
        if self._bay is None:
            self._bay = _Bay(f"pcsc {self.reader}")
        bay = self._bay

        def in_turn() -> T:
            with bay.turn:
                if bay.session is not None and bay.session.lost:
                    bay.session.close()
                    bay.session = None
                if bay.session is None:
                    bay.session = PcscSession(self.reader, self._socket, self._exclusive)
                    self.reader = bay.session.reader
                return work(bay.session)

        try:
            return await bay.lane.call(in_turn, self._limit_s, f"{self.reader}: {what}")
        except LinkTimeout:
            if bay.lane.stuck:
                self.broken = what
            raise


async def wait_card(
    reader: str, present: bool, clock: Clock, *, limit_s: float = 5.0, socket: str | None = None
) -> None:
    """Wait until the reader of that exact name shows a card, or shows none. Raises LinkTimeout after *limit_s*.

    The vpcd driver looks every 0.4 s: never judge the time that this takes.
    """
    until = clock.now() + limit_s
    lane = BlockingLane(f"look at {reader}")
    try:
        while await lane.call(lambda: card_present(reader, socket), limit_s, reader) != present:
            if clock.now() >= until:
                raise LinkTimeout(f"{reader} has {'no card' if present else 'still a card'} after {limit_s:g} s")
            await clock.sleep_until(clock.now() + LOOK_PAUSE_S)
    finally:
        lane.close()


def open_card_port(text: str) -> PcscCardPort:
    """The port that a ``pcsc://`` link of a bench file names. Raises LinkError for a wrong option."""
    # The name of a reader has spaces and capitals, so it is no host for a URL parser.
    scheme, _, rest = text.partition("://")
    if scheme != "pcsc":
        raise LinkError(f"link {text!r} is no card port: write pcsc://READER")
    name, _, query = rest.partition("?")
    options = dict(parse_qsl(query))
    known = ("socket", "limit_s", "exclusive")
    for key in options:
        if key not in known:
            raise LinkError(f"link {text!r}: unknown option {key!r}; known: {', '.join(known)}")
    try:
        limit_s = float(options.get("limit_s", DEFAULT_LIMIT_S))
    except ValueError as error:
        raise LinkError(f"link {text!r}: limit_s is no number of seconds") from error
    exclusive = options.get("exclusive", "no")
    if exclusive not in ("yes", "no"):
        raise LinkError(f"link {text!r}: exclusive={exclusive} is not one of yes, no")
    return PcscCardPort(
        unquote(name),
        socket=options.get("socket"),
        limit_s=limit_s,
        exclusive=exclusive == "yes",
    )


async def connect(url: LinkUrl, clock: Clock) -> NoReturn:
    """A pcsc link carries APDUs, not bytes: see :func:`open_card_port`."""
    raise LinkError(f"link {url}: pcsc:// is a card port; use it on a slot of class card")
