"""Driver of the card reader class: one set of calls over every dialect (spec/devices.md 4).

:class:`ReaderPort` is the line: items with limits (line_port). :class:`CardReader` is the conversation: send, ACK, resend, ENQ,
answer, acknowledge. A conformance suite uses the same two, and the port alone where it must break the rules.
"""

from __future__ import annotations

import asyncio

from protocols.driver.line_port import DAMAGED, MAX_ITEMS_AN_EXCHANGE, LinePort, NoReply
from protocols.link.base import LinkClosed, LinkError
from protocols.wire.base import Control, Frame, WireError
from protocols.wire.card_reader import ERROR_LABELS, CardReaderDialect, Op, Place, Reply, Request

__all__ = ["ACK", "ENQ", "EOT", "NAK", "CardReader", "NoReply", "ReaderPort", "ReaderRefused"]

EOT, ENQ, ACK, NAK = 0x04, 0x05, 0x06, 0x15

ReaderPort = LinePort[CardReaderDialect]
"""The line to a reader."""


class ReaderRefused(LinkError):
    """The reader answered with an error; ``reply`` is its answer."""

    def __init__(self, request: Request, reply: Reply) -> None:
        assert reply.error is not None
        super().__init__(f"{request.op}: {ERROR_LABELS[reply.error].en} ({reply.code or '-'})")
        self.request, self.reply = request, reply


class CardReader:
    """A card reader, whatever its dialect. Every call ends: by answer, by :class:`NoReply`, or by LinkClosed. Calls that come
    while one is under way wait for their turn: the line carries one exchange at a time."""

    def __init__(self, port: ReaderPort) -> None:
        self.port = port
        self.dialect = port.dialect
        self._turn = asyncio.Lock()
        self._copies_about = False
        """A command was sent again into silence: the reader may have kept the copy, and answer it later."""

    async def request(self, request: Request, reply_limit_s: float | None = None, *, repeatable: bool = True) -> Reply:
        """One whole exchange. A refusal is a normal reply here: see :meth:`demand` for calls that must succeed."""
        text = self.dialect.encode_request(request)
        return await self.exchange(text, reply_limit_s, repeatable=repeatable)

    async def demand(self, request: Request, reply_limit_s: float | None = None) -> Reply:
        """Like :meth:`request`, but raises :class:`ReaderRefused` when the reader answers with an error."""
        reply = await self.request(request, reply_limit_s)
        if not reply.ok:
            raise ReaderRefused(request, reply)
        return reply

    async def exchange(self, text: bytes, reply_limit_s: float | None = None, *, repeatable: bool = True) -> Reply:
        """Send *text* and take part in the flow of the dialect until its answer is here.

        Frames have no number, so a command whose ACK was lost is executed once more when it is sent again
        (open-readings.md). One that must not be, such as a PIN try, is not *repeatable*: it is sent again after NAK only.
        """
        async with self._turn:
            return await self._exchange(text, reply_limit_s, repeatable)

    async def _exchange(self, text: bytes, reply_limit_s: float | None, repeatable: bool) -> Reply:
        rules, frame = self.dialect.rules, self.port.dialect.framing().wrap(text)
        limit_s = reply_limit_s or rules.timing.reply_s
        await self._deliver(frame, repeatable)
        await self._fetch()
        until = self.port.clock.now() + limit_s
        overtaken = False
        """The answer was another command's, so was the ACK before it: this command may wait for its ENQ, or be lost."""
        for _ in range(MAX_ITEMS_AN_EXCHANGE):
            left_s = max(until - self.port.clock.now(), 0.0)
            try:
                item = await self.port.next_item(min(left_s, rules.timing.ack_s) if overtaken else left_s)
            except NoReply:
                if not (overtaken and repeatable):
                    raise
                overtaken = repeatable = False  # lost: once more, and no third time
                await self._deliver(frame, True)
                await self._fetch()
                continue
            if isinstance(item, Frame):
                if rules.host_ack:
                    await self.port.send(bytes((ACK,)))
                if not self.dialect.answers(text, item.text):
                    overtaken = self._copies_about = rules.enq
                    continue  # a stale answer to an earlier command: acknowledged and dropped
                await self._forget_copies()
                return self._decoded(item)
            if isinstance(item, Control):
                overtaken = not await self._late_word(item, frame, overtaken) and overtaken
            elif item.why in DAMAGED and rules.host_ack:
                await self.port.send(bytes((NAK,)))
        raise NoReply("reply", limit_s)

    async def _fetch(self) -> None:
        """Ask for the answer, where the dialect wants that."""
        if self.dialect.rules.enq:
            await self.port.send(bytes((ENQ,)))

    async def _forget_copies(self) -> None:
        """Cancel copies that a reader with ENQ holds: it would take the next command's ENQ for theirs.

        Only once an answer is here, for EOT in a motion would cancel that (open-readings.md).
        """
        if self._copies_about and self.dialect.rules.enq:
            await self.port.send(bytes((EOT,)))
            await self.port.drain(self.dialect.rules.timing.ack_s)
        self._copies_about = False

    async def _late_word(self, item: Control, frame: bytes, overtaken: bool) -> bool:
        """A control byte after the ENQ. True when it was this command's ACK: the one before was an earlier command's."""
        if item.byte == ACK and self.dialect.rules.enq:
            self._copies_about = True
            await self._fetch()
            return True
        if item.byte == NAK and overtaken:
            await self.port.send(frame)
        return False

    def _decoded(self, frame: Frame) -> Reply:
        try:
            return self.dialect.decode_reply(frame.text)[1]
        except WireError as error:
            raise LinkError(f"the reader's answer does not follow its dialect: {error}") from error

    async def _deliver(self, frame: bytes, repeatable: bool) -> None:
        timing = self.dialect.rules.timing
        for attempt in range(timing.resends + 1):
            await self.port.send(frame)
            try:
                if await self._acknowledged(timing.ack_s):
                    return
            except NoReply:
                self._copies_about = True
                if not repeatable:
                    return  # it may have arrived: its answer will tell, or the limit for it
                if attempt == timing.resends:
                    raise
        raise NoReply("ack", timing.ack_s)

    async def _acknowledged(self, limit_s: float) -> bool:
        """True on ACK, False on NAK; everything else before them is left over from earlier and dropped."""
        until = self.port.clock.now() + limit_s
        for _ in range(MAX_ITEMS_AN_EXCHANGE):
            item = await self.port.next_item(max(until - self.port.clock.now(), 0.0), "ack")
            if isinstance(item, Control) and item.byte in (ACK, NAK):
                return item.byte == ACK
        raise NoReply("ack", limit_s)

    # The calls a kiosk makes.

    async def initialise(self, place: Place = Place.STAY) -> Reply:
        return await self.demand(Request(Op.INITIALISE, place=place))

    async def status(self) -> Reply:
        return await self.demand(Request(Op.STATUS))

    async def entry(self, enabled: bool) -> Reply:
        return await self.demand(Request(Op.ENTRY, enabled=enabled))

    async def move(self, place: Place) -> Reply:
        return await self.demand(Request(Op.MOVE, place=place))

    async def select_socket(self, number: int) -> Reply:
        return await self.demand(Request(Op.SOCKET, socket=number))

    async def aclose(self) -> None:
        try:
            await self.port.link.aclose()
        except LinkClosed:
            pass
