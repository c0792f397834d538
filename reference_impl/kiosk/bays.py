"""Where a card stands in this kiosk: a motorised reader behind a line, or a PC/SC reader that a hand fills."""

from __future__ import annotations

import contextlib
from typing import Protocol

from protocols.clock import Clock
from protocols.driver.card_reader import CardReader, NoReply, ReaderPort, ReaderRefused
from protocols.driver.reader_card_port import ReaderSockets
from protocols.link.base import CardPort, LinkClosed, LinkError, open_link
from protocols.link.lane import BlockingLane
from protocols.link.pcsc import PcscCardPort, list_readers
from protocols.link.pcsc_session import card_present, choose_reader
from protocols.wire.card_reader import CardReaderDialect, Media, Op, Place, Request
from protocols.wire.crt310_tracks import Track, parse_tracks

__all__ = ["CardBay", "MotorBay", "NoBay", "SlotBay"]

CHIP_LIMIT_S = 5.0
LOOK_LIMIT_S = 2.0
MOVE_LIMIT_S = 15.0
PCSC_LIMIT_S = 5.0


class CardBay(Protocol):
    """The calls of the runtime. Each raises LinkError and its kinds; none waits without a limit."""

    motorised: bool

    @property
    def port(self) -> CardPort:
        """The citizen's card; only after :meth:`take_in`."""
        ...

    async def recover(self) -> Media:
        """A known state after a start or a fault. Says where a card is, and moves none."""
        ...

    async def open_entry(self) -> None: ...

    async def close_entry(self) -> None: ...

    async def look(self) -> Media: ...

    async def take_in(self) -> None:
        """Shut the entry and bring the card to the contacts."""
        ...

    async def give_back(self, forcibly: bool) -> Media:
        """Power the chip off and bring the card to the mouth. Says where it is then."""
        ...

    async def capture(self) -> None: ...

    async def aclose(self) -> None: ...


class MotorBay:
    """A motorised reader of any dialect behind the link *url*. The line is opened by :meth:`recover`."""

    motorised = True

    def __init__(self, url: str, dialect: CardReaderDialect, clock: Clock) -> None:
        self._url, self._dialect, self._clock = url, dialect, clock
        self._reader: CardReader | None = None
        self._sockets: ReaderSockets | None = None

    @property
    def port(self) -> CardPort:
        return self.sam(0)

    def sam(self, socket: int) -> CardPort:
        """The chip in SAM *socket*, 1 and up. Raises LinkClosed before the line is open."""
        if self._sockets is None:
            raise LinkClosed("the line to the reader is not open")
        return self._sockets.port(socket)

    async def recover(self) -> Media:
        try:
            return await self._recover(await self._open())
        except (NoReply, LinkClosed):
            await self.aclose()  # the cable may have been pulled: the next time opens the line anew
            raise

    async def _recover(self, reader: CardReader) -> Media:
        if self._sockets is not None:
            self._sockets.forget()
        await self._demand(reader, Request(Op.INITIALISE, place=Place.STAY), MOVE_LIMIT_S)
        stop_inside = Request(Op.ENTRY, place=Place.INSIDE)
        if self._dialect.supports(stop_inside):
            await self._demand(reader, stop_inside, LOOK_LIMIT_S)
        await self.close_entry()
        return await self.look()

    async def open_entry(self) -> None:
        await self._demand(self._open_reader(), Request(Op.ENTRY, enabled=True), LOOK_LIMIT_S)

    async def close_entry(self) -> None:
        await self._demand(self._open_reader(), Request(Op.ENTRY, enabled=False), LOOK_LIMIT_S)

    async def look(self) -> Media:
        reply = await self._open_reader().demand(Request(Op.STATUS), LOOK_LIMIT_S)
        return reply.media or Media.UNKNOWN

    async def take_in(self) -> None:
        await self.close_entry()
        await self._demand(self._open_reader(), Request(Op.MOVE, place=Place.IC), MOVE_LIMIT_S)

    async def give_back(self, forcibly: bool) -> Media:
        reader = self._open_reader()
        if forcibly:
            await self._restart(reader)
        else:
            with contextlib.suppress(LinkError):  # the motor releases the contacts anyway
                await self.port.power_off()
        media = await self.look()
        if media in (Media.NONE, Media.GATE):
            return media
        try:
            # Held at the mouth, not let go: only so the reader feels when it is taken.
            await self._demand(reader, Request(Op.MOVE, place=Place.GATE), MOVE_LIMIT_S)
        except ReaderRefused:
            media = await self.look()
            if media is Media.NONE:
                return media
            raise
        return await self.look()

    async def capture(self) -> None:
        await self._demand(self._open_reader(), Request(Op.MOVE, place=Place.CAPTURE), MOVE_LIMIT_S)
        media = await self.look()
        if media is not Media.NONE:
            raise LinkError(f"the captured card is still at {media}: empty the retain bin")

    async def track_2(self) -> str:
        """Track 2 of the card inside, without sentinels; empty where the dialect reads no tracks or the stripe none.

        Raises LinkError as the other calls, and WireError for an answer that is none.
        """
        read = Request(Op.TRACKS)
        if not self._dialect.supports(read):
            return ""
        tracks = parse_tracks((await self._open_reader().demand(read, MOVE_LIMIT_S)).data)
        second = tracks[1] if len(tracks) > 1 else Track()
        return second.data.decode("ascii", "replace") if second.readable and not second.error else ""

    async def aclose(self) -> None:
        reader, self._reader, self._sockets = self._reader, None, None
        if reader is not None:
            await reader.aclose()

    async def _open(self) -> CardReader:
        if self._reader is None:
            link = await open_link(self._url, self._clock)
            self._reader = CardReader(ReaderPort(link, self._dialect, self._clock))
            self._sockets = ReaderSockets(self._reader, CHIP_LIMIT_S)
        return self._reader

    def _open_reader(self) -> CardReader:
        if self._reader is None:
            raise LinkClosed("the line to the reader is not open")
        return self._reader

    async def _restart(self, reader: CardReader) -> None:
        """Initialise, where the dialect can with the card to the mouth. Whether it helped, the next look tells."""
        if self._sockets is not None:
            self._sockets.forget()
        to_mouth = Request(Op.INITIALISE, place=Place.GATE)
        place = Place.GATE if self._dialect.supports(to_mouth) else Place.STAY
        await self._demand(reader, Request(Op.INITIALISE, place=place), MOVE_LIMIT_S)

    @staticmethod
    async def _demand(reader: CardReader, request: Request, limit_s: float) -> None:
        await reader.demand(request, limit_s)


class NoBay:
    """A kiosk without a place for a card: citizens show a code, or a harness says who they are."""

    motorised = False

    @property
    def port(self) -> CardPort:
        raise LinkClosed("this kiosk has no card reader")

    async def recover(self) -> Media:
        return Media.NONE

    async def open_entry(self) -> None:
        return None

    async def close_entry(self) -> None:
        return None

    async def look(self) -> Media:
        return Media.NONE

    async def take_in(self) -> None:
        raise LinkClosed("this kiosk has no card reader")

    async def give_back(self, forcibly: bool) -> Media:
        return Media.NONE

    async def capture(self) -> None:
        raise LinkClosed("this kiosk has no card reader")

    async def aclose(self) -> None:
        return None


class SlotBay:
    """A PC/SC reader without a motor: the hand puts the card in and takes it; nothing can be kept or captured.

    *name* is the reader's, whole or in part; *socket* the daemon's (default: the environment's).
    """

    motorised = False

    def __init__(self, name: str, socket: str | None = None) -> None:
        self._socket = socket
        self._name = name
        self._port = PcscCardPort(name, socket=socket, limit_s=PCSC_LIMIT_S)
        self._lane = BlockingLane(f"look at {name}")
        self._done_with = False
        """The card that is still there has been served: it waits for the hand."""

    @property
    def port(self) -> CardPort:
        return self._port

    async def recover(self) -> Media:
        if self._port.broken:
            await self._port.reopen()
        if self._lane.stuck:
            self._lane = BlockingLane(f"look at {self._name}")
        names = await self._lane.call(lambda: list_readers(self._socket), LOOK_LIMIT_S, "list of readers")
        self._name = choose_reader(self._name, names)
        return await self.look()

    async def open_entry(self) -> None:
        return None

    async def close_entry(self) -> None:
        return None

    async def look(self) -> Media:
        name = self._name
        if not await self._lane.call(lambda: card_present(name, self._socket), LOOK_LIMIT_S, name):
            self._done_with = False
            return Media.NONE
        return Media.GATE if self._done_with else Media.IC

    async def take_in(self) -> None:
        return None

    async def give_back(self, forcibly: bool) -> Media:
        with contextlib.suppress(LinkError):  # a card that was pulled out has no power to take away
            if forcibly or self._port.broken:
                await self._port.reopen()
            await self._port.power_off()
        self._done_with = True
        return await self.look()

    async def capture(self) -> None:
        raise LinkError("a reader without a motor cannot capture a card")

    async def aclose(self) -> None:
        await self._port.aclose()
        self._lane.close()
