"""The chips that a motorised card reader reaches: the citizen's card under its contacts, and the SAMs in its sockets.

:class:`ReaderSockets` gives each of them as a :class:`CardPort`, whatever the dialect. On a reader that chooses its SAM
socket by a command of its own (CRT-591 ``52 40``) the choice is made when it changes; on one whose SAM commands carry
the number (CRT-310 ``3D``) nothing is sent. The ports of one reader share one line: one call at a time.
"""

from __future__ import annotations

from typing import NoReturn

from protocols.driver.card_reader import CardReader, ReaderRefused
from protocols.link.base import LinkClosed, LinkTimeout
from protocols.wire.card_reader import ERROR_LABELS, Error, Op, Reply, Request

__all__ = ["USER_CARD", "ReaderCardPort", "ReaderSockets"]

USER_CARD = 0

SUPPLIES = ((5, True), (5, False), (3, True))
"""Supply and ATR rules in the order in which a card is tried: 5 V by EMV, 5 V by ISO/IEC 7816, 3 V."""
NEXT_SUPPLY = frozenset({Error.NOT_EMV, Error.ACTIVATION, Error.NO_ANSWER, Error.OTHER})
"""Refusals of a cold reset after which another supply may still do. OTHER is all that a CRT-310 can say."""
MUTE = frozenset({Error.NO_ANSWER, Error.OVERTIME, Error.ACTIVATION})
"""The chip keeps silent: a time-out of the card, not of the reader."""
GONE = frozenset(
    {
        Error.NOT_ACTIVATED,
        Error.CARD_COMMUNICATION,
        Error.PULLED,
        Error.MOVED_BY_HAND,
        Error.SEQUENCE,
        Error.CANNOT_EXECUTE,
    }
)
"""No chip is under the contacts any more, or none that still has its supply."""


class ReaderCardPort:
    """A :class:`CardPort` onto one socket. Get it from :meth:`ReaderSockets.port`.

    Besides LinkTimeout and LinkClosed of the contract: NoReply when the **reader** keeps silent, and ReaderRefused
    for an error that is neither a silent chip nor an absent one (short circuit, wrong protocol, not fitted).
    """

    def __init__(self, sockets: ReaderSockets, socket: int, limit_s: float) -> None:
        self._sockets, self._socket, self._limit_s = sockets, socket, limit_s
        self._protocol = 0

    async def power_on(self, warm: bool = False) -> bytes:
        """The ATR. A card that refuses one supply is tried with the next one of :data:`SUPPLIES`."""
        reply = await (self._ask(Request(Op.CHIP_WARM, socket=self._socket)) if warm else self._cold_reset())
        if reply.error is not None:
            self._refuse(Request(Op.CHIP_ON, socket=self._socket), reply, powering=True)
        self._protocol = reply.protocol or 0
        return reply.data

    async def power_off(self) -> None:
        """Take the supply away. Safe where there is none: a reader's refusal to do so again is not an error."""
        await self._ask(Request(Op.CHIP_OFF, socket=self._socket))

    async def transmit(self, apdu: bytes) -> bytes:
        request = Request(Op.CHIP_APDU, socket=self._socket, number=self._protocol, data=apdu)
        reply = await self._ask(request)
        if reply.error is not None:
            self._refuse(request, reply)
        return reply.data

    async def aclose(self) -> None:
        """Nothing of its own to close: the line belongs to the reader."""

    async def _cold_reset(self) -> Reply:
        reply = Reply(Error.NOT_FITTED)
        for volts, emv in SUPPLIES:
            request = Request(Op.CHIP_ON, socket=self._socket, volts=volts, emv=emv)
            if not self._sockets.reader.dialect.supports(request):
                continue
            reply = await self._ask(request)
            if reply.error not in NEXT_SUPPLY:
                break
        return reply

    async def _ask(self, request: Request) -> Reply:
        return await self._sockets.ask(request, self._limit_s)

    def _refuse(self, request: Request, reply: Reply, powering: bool = False) -> NoReturn:
        assert reply.error is not None
        why = f"{ERROR_LABELS[reply.error].en} ({reply.code or '-'})"
        if reply.error in MUTE or (powering and reply.error is Error.OTHER):
            raise LinkTimeout(f"the chip does not answer: {why}")
        if reply.error in GONE:
            raise LinkClosed(f"no powered chip under the contacts: {why}")
        raise ReaderRefused(request, reply)


class ReaderSockets:
    """The chips behind *reader*. ``limit_s`` is how long an answer of the reader may take, for each exchange."""

    def __init__(self, reader: CardReader, limit_s: float = 5.0) -> None:
        self.reader, self._limit_s = reader, limit_s
        self._selected: int | None = None

    def port(self, socket: int = USER_CARD) -> ReaderCardPort:
        """The chip in *socket*: 0 the citizen's card, 1 and up the SAMs."""
        return ReaderCardPort(self, socket, self._limit_s)

    def forget(self) -> None:
        """The reader may have lost the choice of the socket: it was reset, or the line was opened anew."""
        self._selected = None

    async def ask(self, request: Request, limit_s: float) -> Reply:
        """One exchange with the chip of ``request.socket``, after choosing its socket where the dialect wants that.

        Raises ReaderRefused when the reader has no such socket; NoReply and LinkClosed as the reader's driver.
        """
        choice = Request(Op.SOCKET, socket=request.socket)
        by_choice = request.socket != USER_CARD and self.reader.dialect.supports(choice)
        if by_choice and self._selected != request.socket:
            self._selected = None
            await self.reader.demand(choice, limit_s)
            self._selected = request.socket
        # A command to a chip changes it: a PIN try, a debit. It is never sent twice on suspicion.
        return await self.reader.request(request, limit_s, repeatable=request.op is not Op.CHIP_APDU)
