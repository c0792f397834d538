"""The loop of the kiosk: does what the flow says, one work at a time, and tells the flow what came of it.

A work that is a watch is done while everybody may be heard: the citizen, the reader, the clock, a wish to stop. Whoever speaks
first ends the wait, and the watch is abandoned.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Protocol

from protocols.clock import Clock
from protocols.driver.card_reader import NoReply, ReaderRefused
from protocols.driver.social_security import (
    AuthenticationFailed,
    CardRefused,
    NotSocialSecurityCard,
    PinLocked,
    PinWrong,
    Psam,
    SocialSecurityCard,
)
from protocols.link.base import CardPort, LinkClosed, LinkError, LinkTimeout
from protocols.wire.base import WireError
from protocols.wire.card_reader import Error
from reference_impl.kiosk.bays import CardBay
from reference_impl.kiosk.business.session import Session
from reference_impl.kiosk.business.works import WATCHES, BusinessWork
from reference_impl.kiosk.flow import Flow
from reference_impl.kiosk.state import WAITING, Phase, State
from reference_impl.kiosk.words import (
    Authenticate,
    Authenticated,
    CaptureCard,
    Captured,
    CloseEntry,
    CountTries,
    EntryClosed,
    EntryOpened,
    Event,
    Failed,
    HolderRead,
    IdentityRead,
    LookFailed,
    NoPinOnCard,
    OpenEntry,
    PinAccepted,
    PinRejected,
    Problem,
    ReadCard,
    ReaderReady,
    Recover,
    ReturnCard,
    Returned,
    Seen,
    Stop,
    Tick,
    TriesCounted,
    VerifyPin,
    Work,
)

__all__ = ["Citizen", "Front", "Kiosk", "View", "problem_of"]

LOOK_IN_BUSINESS_S = 0.5
LOOK_EVERY_S = {Phase.IDLE: 0.2, Phase.TAKE: 0.2, Phase.CONFIRM: 0.5, Phase.PIN: 0.5, Phase.HOLDER: 0.5}
"""How often the reader is asked where the card is, by phase; in other phases it is not."""

ASKS = frozenset({Phase.CONFIRM, Phase.PIN, Phase.HOLDER})
"""Phases in which the citizen may enter something."""

_PROBLEM_OF_READER: dict[Error, Problem] = {
    Error.TOO_LONG: Problem.WRONG_CARD,
    Error.TOO_SHORT: Problem.WRONG_CARD,
    Error.ABNORMAL_CARD: Problem.WRONG_CARD,
    Error.PULLED: Problem.CARD_GONE,
    Error.MOVED_BY_HAND: Problem.CARD_GONE,
    Error.SEQUENCE: Problem.CARD_GONE,
    Error.SHORT_CIRCUIT: Problem.MUTE_CARD,
    Error.UNSUPPORTED_CARD: Problem.MUTE_CARD,
    Error.PROTOCOL: Problem.MUTE_CARD,
    Error.NO_ANSWER: Problem.MUTE_CARD,
    Error.ACTIVATION: Problem.MUTE_CARD,
}


def problem_of(error: Exception) -> Problem:
    """What an error of the drivers means to the kiosk."""
    if isinstance(error, ReaderRefused):
        assert error.reply.error is not None, "a refusal carries its error"
        return _PROBLEM_OF_READER.get(error.reply.error, Problem.READER_FAULT)
    kinds: tuple[tuple[type[Exception], Problem], ...] = (
        (NoReply, Problem.READER_SILENT),
        (NotSocialSecurityCard, Problem.NOT_SOCIAL_SECURITY),
        (AuthenticationFailed, Problem.AUTHENTICATION),
        (PinLocked, Problem.PIN_LOCKED),
        (CardRefused, Problem.CARD_REFUSED),
        (LinkTimeout, Problem.MUTE_CARD),
        (LinkClosed, Problem.CARD_GONE),
        (WireError, Problem.MUTE_CARD),
    )
    return next((problem for kind, problem in kinds if isinstance(error, kind)), Problem.READER_FAULT)


class Citizen(Protocol):
    """Whoever answers. ``next`` gives the next event that their input means in this phase; it may be cancelled."""

    def next(self, phase: Phase) -> Coroutine[object, object, Event]: ...


class Front(Protocol):
    """What business needs besides the card: see ``front.py``. Both questions may be cancelled."""

    def perform(self, work: BusinessWork) -> Coroutine[object, object, Event]:
        """Never raises: a failure is an event too."""
        ...

    def answer(self, session: Session) -> Coroutine[object, object, Event]:
        """The next event that somebody's input means on this page."""
        ...

    def log_in(self) -> Coroutine[object, object, Event]:
        """Somebody without a card in the reader says who they are."""
        ...

    async def aclose(self) -> None: ...


class View(Protocol):
    """Whatever shows the state. It is called after every step, and at least at every look at the reader."""

    def show(self, state: State, now: float) -> None: ...


class Kiosk:
    """One kiosk: a bay for the card, perhaps a PSAM, the rules, a citizen and a view; with *front* it does business.

    ``psam`` gives the port of the PSAM when it is wanted, None when there is none: then Policy.psam is False.
    """

    def __init__(
        self,
        bay: CardBay,
        flow: Flow,
        clock: Clock,
        citizen: Citizen,
        view: View,
        psam: Callable[[], CardPort] | None = None,
        front: Front | None = None,
    ) -> None:
        self._front = front
        self._bay, self._flow, self._clock = bay, flow, clock
        self._citizen, self._view, self._psam = citizen, view, psam
        self._card: SocialSecurityCard | None = None
        self._stops = 0
        self._stop_asked = asyncio.Event()
        self.state = State()

    def stop(self) -> None:
        """Wind up: the card goes back, then :meth:`run` ends. Asked twice, it does not wait for the hand."""
        self._stops += 1
        self._stop_asked.set()

    def show(self) -> None:
        """Show the state again, for instance after a key."""
        self._view.show(self.state, self._clock.now())

    async def run(self) -> State:
        """Serve until stopped (or for one card, see Policy.once). Gives the last state; ``stuck`` tells of a card
        that could not be returned."""
        try:
            self.state, work = self._flow.start()
            self.show()
            while self.state.phase is not Phase.STOPPED:
                if self._stops:
                    # Heard between two works: the one that is due is still done, the rules wind up after it.
                    self._stops -= 1
                    self.state, winding_up = self._flow.step(self.state, Stop(), self._clock.now())
                    work = winding_up if work is None or isinstance(work, WATCHES) else work
                    continue
                if work is None or isinstance(work, WATCHES):
                    event = await self._wait(work)
                else:
                    event = await self._perform(work)
                self.state, work = self._flow.step(self.state, event, self._clock.now())
                self.show()
            return self.state
        finally:
            if self._front is not None:
                await self._front.aclose()
            await self._bay.aclose()

    async def _wait(self, watch: BusinessWork | None = None) -> Event:
        """The first of: an entry, what is watched, a wish to stop, the deadline, a look that changes something."""
        assert self.state.phase in (*WAITING, Phase.BUSINESS), "a phase that does not wait has its work"
        self._stop_asked.clear()
        answers = [asyncio.create_task(each) for each in self._answers(watch)]
        waits: set[asyncio.Task[object]] = {asyncio.create_task(self._stop_asked.wait())}
        waits.update(answers)  # pyright: ignore[reportArgumentType]
        look_s = self._look_every_s()
        try:
            while True:
                now = self._clock.now()
                look_at = now + look_s if look_s is not None else None
                until = min((each for each in (look_at, self.state.deadline) if each is not None), default=now)
                await asyncio.wait(waits, timeout=max(until - now, 0.0), return_when=asyncio.FIRST_COMPLETED)
                for answer in answers:
                    if answer.done():
                        return answer.result()
                if self._stops:
                    self._stops -= 1
                    return Stop()
                if self.state.due(self._clock.now()):
                    return Tick()
                if look_at is not None and (seen := await self._look()) is not None:
                    return seen
                self.show()
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _answers(self, watch: BusinessWork | None) -> list[Coroutine[object, object, Event]]:
        """Who may speak now: the citizen first, then what is watched."""
        phase, session, front = self.state.phase, self.state.session, self._front
        answers: list[Coroutine[object, object, Event]] = []
        if phase in ASKS:
            answers.append(self._citizen.next(phase))
        if front is not None and phase is Phase.IDLE:
            answers.append(front.log_in())
        if front is not None and phase is Phase.BUSINESS and session is not None:
            answers.append(front.answer(session))
            if watch is not None:
                answers.append(front.perform(watch))
        return answers

    def _look_every_s(self) -> float | None:
        session = self.state.session
        if session is not None:
            return LOOK_IN_BUSINESS_S if session.by_card else None
        return LOOK_EVERY_S.get(self.state.phase)

    async def _look(self) -> Event | None:
        """Where the card is now; None where that would change nothing, so that an entry under way goes on."""
        try:
            event: Event = Seen(await self._bay.look())
        except LinkError:
            event = LookFailed()
        after, work = self._flow.step(self.state, event, self._clock.now())
        if work is None and after.phase is self.state.phase:
            self.state = after
            return None
        return event

    async def _perform(self, work: Work) -> Event:
        """Do *work*. Every error of the drivers becomes one event: nothing of it ends the kiosk."""
        if isinstance(work, BusinessWork):
            assert self._front is not None, "a flow without business asks for none"
            return await self._front.perform(work)
        try:
            return await self._do(work)
        except (LinkError, WireError) as error:
            problem = problem_of(error)
            if isinstance(work, Recover | OpenEntry | CloseEntry | ReturnCard | CaptureCard):
                silent = isinstance(error, NoReply | LinkClosed | LinkTimeout)
                problem = Problem.READER_SILENT if silent else Problem.READER_FAULT
            if isinstance(work, ReadCard) and problem is Problem.CARD_REFUSED:
                problem = Problem.NOT_SOCIAL_SECURITY  # it has no file that every social security card opens
            return Failed(problem, str(error))
        except Exception as error:  # a defect of ours, met with a strange card, must not keep the card
            return Failed(Problem.CARD_REFUSED, type(error).__name__)

    async def _do(self, work: Work) -> Event:
        bay = self._bay
        match work:
            case Recover():
                return ReaderReady(await bay.recover())
            case OpenEntry():
                await bay.open_entry()
                return EntryOpened()
            case CloseEntry():
                await bay.close_entry()
                return EntryClosed()
            case ReturnCard():
                self._card = None
                return Returned(await bay.give_back(work.forcibly))
            case CaptureCard():
                await bay.capture()
                return Captured()
            case ReadCard():
                await bay.take_in()
                self._card = SocialSecurityCard(bay.port)
                await self._card.open()
                return IdentityRead(await self._card.read_identity())
            case _:
                assert self._card is not None, "the flow reads a card before anything else is done with it"
                return await self._do_with_card(work, self._card)

    async def _do_with_card(self, work: Work, card: SocialSecurityCard) -> Event:
        match work:
            case Authenticate():
                return await self._authenticate(card)
            case CountTries():
                try:
                    tries_left = await card.pin_tries_left()
                except CardRefused:
                    return TriesCounted(None)
                return NoPinOnCard() if tries_left is None else TriesCounted(tries_left)
            case VerifyPin():
                return await self._verify(card, work.pin)
            case _:
                return HolderRead(await card.read_holder())

    async def _authenticate(self, card: SocialSecurityCard) -> Event:
        assert self._psam is not None, "a flow without a PSAM asks for no authentication"
        try:
            psam = Psam(self._psam())
            await psam.open()
        except NoReply:
            raise
        except (LinkError, WireError) as error:
            return Failed(Problem.NO_PSAM, str(error))
        try:
            await card.authenticate(psam)
        except CardRefused as error:
            return Failed(Problem.AUTHENTICATION, str(error))
        finally:
            with contextlib.suppress(LinkError):  # its power goes with the reader's in any case
                await psam.close()
        return Authenticated()

    @staticmethod
    async def _verify(card: SocialSecurityCard, pin: str) -> Event:
        try:
            await card.verify_pin(pin)
        except PinWrong as error:
            return PinRejected(error.tries_left)
        except PinLocked:
            return PinRejected(0)
        return PinAccepted()
