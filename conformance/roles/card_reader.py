"""Stimulus side of the role ``device.card_reader``: what a check can do to a reader and its citizen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from protocols.clock import Clock
from protocols.driver.card_reader import CardReader, NoReply, ReaderPort
from protocols.link.base import Link, LinkClosed, LinkError
from protocols.link.tap import RecordedLink
from protocols.record import History
from protocols.wire.base import Label
from protocols.wire.card_reader import CardReaderDialect, Error, Media, Op, Place, Reply, Request

__all__ = [
    "NO_CARD_SEEN",
    "NO_SIGN",
    "STILL_SEEN",
    "TESTER",
    "HandLike",
    "HandUnable",
    "NotHome",
    "ReaderTester",
    "clearing_initialise",
    "mark_step",
]


NO_CARD_SEEN, STILL_SEEN = "no card seen", "the card is still there"
NO_SIGN = (NO_CARD_SEEN, STILL_SEEN)
"""What is said of a hand that does not answer and left no sign on the device: hand or reader may have failed."""


class HandLike(Protocol):
    """What a tester asks of the hand (scenarios/hand.py): one action, under a stable prompt id."""

    actions: frozenset[str]
    patience_s: float
    """How long an action may take to show on the device."""

    async def act(self, action: str, prompt: str) -> str:
        """``done``, ``unanswered`` (a program need not answer), ``unsupported`` or ``timeout``."""
        ...


class HandUnable(Exception):
    """The hand cannot do, or did not do, what the check needs: the check is inconclusive, never failed."""

    def __init__(self, action: str, status: str) -> None:
        super().__init__(f"the hand answered {status!r} to {action!r}")
        self.action, self.status = action, status


class NotHome(Exception):
    """The reader could not be brought to its start state (empty, initialised, entry off)."""

    def __init__(self, why: Label) -> None:
        super().__init__(why.en)
        self.why = why


def clearing_initialise(dialect: CardReaderDialect) -> Request:
    """The initialise that brings a card left inside out to the citizen, in the words that *dialect* has for it."""
    to_gate = Request(Op.INITIALISE, place=Place.GATE)
    return to_gate if dialect.supports(to_gate) else Request(Op.INITIALISE, place=Place.EJECT)


@contextmanager
def mark_step(history: History, slot: str, name: str, note: Mapping[str, Any]) -> Iterator[None]:
    """Bracket the records of one step of a stimulus."""
    history.append(slot, "-", "step", name=name, phase="begin", **note)
    try:
        yield
    finally:
        history.append(slot, "-", "step", name=name, phase="end")


class ReaderTester:
    """Everything that a check of a card reader may use. One instance a check."""

    device_class = "card_reader"
    POLL_S = 0.01
    HOME_TRIES = 3
    POWER_OFF_S = 0.5
    POWER_RETURN_S = 15.0

    def __init__(
        self,
        *,
        slot: str,
        dialect: CardReaderDialect,
        open_line: Callable[[], Awaitable[Link]],
        hand: HandLike,
        history: History,
        clock: Clock,
        facts: Mapping[str, Any],
    ) -> None:
        self.slot, self.dialect, self.hand, self.history, self.clock = slot, dialect, hand, history, clock
        self.facts = facts
        self._open_line = open_line
        self._line: RecordedLink | None = None
        self._reader: CardReader | None = None

    # The line.

    @property
    def reader(self) -> CardReader:
        if self._reader is None:
            raise LinkError("the line to the reader is not open")
        return self._reader

    @property
    def port(self) -> ReaderPort:
        """The bare line, for checks that break the rules on purpose."""
        return self.reader.port

    async def open(self) -> None:
        """Open the line, or open it anew after a power cut."""
        await self.close()
        link = await self._open_line()
        self._line = RecordedLink(link, self.history, self.slot, self.dialect.framing, self.clock)

        def note_limit(stage: str, waited_s: float) -> None:
            if self._line is not None:
                self._line.flush()
            self.history.append(self.slot, "-", "limit", stage=stage, waited_s=round(waited_s, 6))

        self._reader = CardReader(ReaderPort(self._line, self.dialect, self.clock, note_limit))

    async def close(self) -> None:
        if self._reader is not None:
            await self._reader.aclose()
        self._reader = self._line = None

    def step(self, name: str, **note: Any) -> Any:
        """Context manager: the records inside belong to the step *name*."""
        return mark_step(self.history, self.slot, name, note)

    async def ask(self, request: Request, limit_s: float | None = None) -> Reply:
        """One whole exchange; a refusal is a normal reply, silence raises NoReply (and ends the stimulus)."""
        return await self.reader.request(request, limit_s)

    async def status(self) -> Reply:
        return await self.ask(Request(Op.STATUS))

    async def pause(self, seconds: float) -> None:
        await self.clock.sleep_until(self.clock.now() + seconds)

    # The hand.

    async def act(self, action: str) -> str:
        """Ask the hand for *action*. Raises :class:`HandUnable` when it cannot or will not."""
        prompt = f"{self.slot}.{action.replace(' ', '.')}"
        self.history.append(self.slot, "-", "prompt", prompt=prompt, action=action)
        status = await self.hand.act(action, prompt)
        self.history.append(self.slot, "-", "answer", prompt=prompt, status=status)
        if status in ("unsupported", "timeout"):
            raise HandUnable(action, status)
        return status

    async def see(self, wanted: Callable[[Reply], bool], limit_s: float | None = None) -> Reply:
        """Poll the status until it is *wanted* or the hand's patience is over; gives the last status either way."""
        until = self.clock.now() + (self.hand.patience_s if limit_s is None else limit_s)
        while True:
            try:
                reply = await self.status()
                if wanted(reply) or self.clock.now() >= until:
                    return reply
            except NoReply:  # a reader may ignore its line while a card moves (open-readings.md)
                if self.clock.now() >= until:
                    raise
            await self.pause(self.POLL_S)

    async def insert(self, card: str, *, expect: bool = True) -> Reply:
        """Open the entry, have *card* inserted and wait for the reader to show it.

        Raises :class:`HandUnable` when a hand that does not answer leaves no sign of a card: nobody can then say
        whether hand or reader failed. A hand that says ``done`` makes the missing card the reader's fault.
        """
        await self.ask(Request(Op.ENTRY, enabled=True))
        status = await self.act(f"insert {card}")
        reply = await self.see(lambda seen: not seen.ok or seen.media not in (None, Media.NONE))
        if expect and status != "done" and reply.ok and reply.media is Media.NONE:
            raise HandUnable(f"insert {card}", NO_CARD_SEEN)
        return reply

    async def take_card(self) -> Reply:
        """Have the card at the mouth taken, and wait for the reader to be empty."""
        await self.act("remove")
        return await self.see(lambda seen: seen.ok and seen.media is Media.NONE)

    # Bringing the reader to its start state, whatever the last check left.

    async def home(self) -> None:
        """Empty, initialised, entry off. Raises :class:`NotHome`."""
        with self.step("home"):
            why = Label("读卡器没有应答", "the reader does not answer")
            for left in range(self.HOME_TRIES - 1, -1, -1):
                try:
                    if self._reader is None:
                        await self.open()
                    if await self._go_home():
                        return
                    why = Label("读卡器无法回到空闲状态", "the reader cannot be emptied")
                    if left == 1:
                        await self._restart()
                except NoReply:
                    await (self._restart() if left == 1 else self._try_hand("poweron"))
                    await self.close()
                except LinkClosed:
                    await self._try_hand("poweron")
                    await self.close()
            raise NotHome(why)

    async def _go_home(self) -> bool:
        await self.port.drain(0.02)
        initialise = clearing_initialise(self.dialect)
        reply = await self.ask(initialise)
        if reply.error in (
            Error.JAM,
            Error.ABNORMAL_CARD,
            Error.CANNOT_EXECUTE,
            Error.PULLED,
            Error.TOO_LONG,
            Error.TOO_SHORT,
        ):
            await self._try_hand("clear-jam")
            await self._try_hand("remove")
            reply = await self.ask(initialise)
        if reply.error is Error.BIN_FULL:
            await self._try_hand("bin-empty")
            reply = await self.ask(initialise)
        seen = await self.status()
        if seen.ok and seen.media is not None and seen.media.in_reader:
            await self.ask(Request(Op.MOVE, place=Place.EJECT))
            seen = await self.status()
        if seen.ok and seen.media is not Media.NONE:
            await self._try_hand("remove")
            seen = await self.see(lambda each: each.ok and each.media is Media.NONE, 2.0)
        await self.ask(Request(Op.ENTRY, enabled=False))
        return reply.ok and seen.ok and seen.media is Media.NONE

    async def _restart(self) -> None:
        """Cut the power and wait until the reader is back, where the hand can do that.

        What no command moves, a fresh start may: one bad check must not hide all the others.
        """
        if not self.hand.actions.issuperset(("poweroff", "poweron")):
            return
        await self._try_hand("poweroff")
        await self.pause(self.POWER_OFF_S)
        await self._try_hand("poweron")
        until = self.clock.now() + self.POWER_RETURN_S
        while self.clock.now() < until:
            try:
                await self.open()
                await self.status()
                return
            except LinkError:
                await self.pause(self.POWER_OFF_S)

    # Preflight.

    async def first_word(self) -> str:
        """Initialise once: any answer that follows the dialect will do. Raises :class:`NoReply`, LinkError."""
        await self.port.drain(0.02)
        reply = await self.ask(clearing_initialise(self.dialect))
        return reply.data.decode("ascii", "replace").strip()

    async def _try_hand(self, action: str) -> None:
        if action.split()[0] in self.hand.actions:
            try:
                await self.act(action)
            except HandUnable:
                pass  # home() judges by what the reader says, not by what the hand says


TESTER = ReaderTester
