"""The rules of the reference kiosk: a state and an event go in, the next state and what to do go out.

Pure: no input or output, time is an argument. Three promises hold in every path:

- **The card is never lost.** Once a card was seen, only its being seen gone or being captured leads back to idle;
  whatever fails, the kiosk goes on trying to return it, and says that it is stuck where it cannot.
- **The last PIN try is the citizen's decision.** A try that may be the last one is used only after a confirmation
  of its own, each time.
- **Nothing personal stays.** Identity, holder and session are forgotten as soon as the card is on its way back.

With a :class:`Business`, a citizen who is known is served before the card goes back, and before anybody is let in the
platform is asked about every trade that this kiosk has left open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from protocols.driver.social_security import CardIdentity
from protocols.wire.card_reader import Media
from reference_impl.kiosk.business.flow import Business
from reference_impl.kiosk.service import Service, trouble_of
from reference_impl.kiosk.state import ABOUT_A_CARD, AT_MOUTH, WAITING, Phase, Policy, State
from reference_impl.kiosk.words import (
    Authenticate,
    Authenticated,
    CaptureCard,
    Captured,
    CloseEntry,
    Confirmed,
    CountTries,
    CredentialShown,
    Declined,
    EntryClosed,
    EntryOpened,
    Event,
    Failed,
    Finished,
    HolderRead,
    IdentityRead,
    LookFailed,
    NoPinOnCard,
    OpenEntry,
    PinAccepted,
    PinEntered,
    PinMalformed,
    PinRejected,
    Problem,
    ReadCard,
    ReaderReady,
    ReadHolder,
    Recover,
    ReturnCard,
    Returned,
    Seen,
    Settle,
    Settled,
    Stop,
    Tick,
    TriesCounted,
    VerifyPin,
    Work,
)

__all__ = ["Flow", "Step"]


Step = tuple[State, Work | None]


class Flow:
    """The rules under a :class:`Policy`. :meth:`start` once, then :meth:`step` with every event.

    Without *business* the holder is shown and the card goes back.
    """

    def __init__(self, policy: Policy | None = None, business: Business | None = None) -> None:
        self.policy = policy or Policy()
        self._service = None if business is None else Service(business, self.policy, self._give_back)
        self._handlers: dict[Phase, Callable[[State, Event, float], Step]] = {
            Phase.START: self._started,
            Phase.OPEN: self._opened,
            Phase.IDLE: self._idle,
            Phase.CONFIRM: self._confirm,
            Phase.PIN: self._pin,
            Phase.HOLDER: self._holder,
            Phase.ADMIT: self._served,
            Phase.BUSINESS: self._served,
            Phase.RETURN: self._returned,
            Phase.TAKE: self._take,
            Phase.CAPTURE: self._captured,
            Phase.FAULT: self._fault,
            Phase.CLOSE: self._closed,
        }

    def start(self) -> Step:
        return State(), Recover()

    def step(self, state: State, event: Event, now: float) -> Step:
        """What *event* leads to. An event that means nothing in this phase changes nothing."""
        if state.phase is Phase.STOPPED:
            return state, None
        if isinstance(event, Stop):
            return self._stop(state, now)
        if state.phase in ABOUT_A_CARD:
            return self._card_work(state, event, now)
        return self._handlers[state.phase](state, event, now)

    # The reader.

    def _started(self, state: State, event: Event, now: float) -> Step:
        if isinstance(event, Failed):
            return self._out_of_service(state, event.problem, event.detail, now)
        if (trouble := trouble_of(event)) is not None:
            return self._out_of_service(state, *trouble, now)
        if isinstance(event, Settled):
            if state.stopping:
                return replace(state, phase=Phase.CLOSE), CloseEntry()
            return replace(state, phase=Phase.OPEN, undecided=event.still_open), OpenEntry()
        if not isinstance(event, ReaderReady):
            return state, None
        state = replace(state, problem=None, detail="", attempts=0, silent_since=None)
        if event.media is Media.NONE:
            return self._card_is_gone(replace(state, stuck=False))
        if self.policy.motorised or state.stopping:
            return self._give_back(replace(state, stuck=True), None)
        return self._read(state)

    def _opened(self, state: State, event: Event, now: float) -> Step:
        if isinstance(event, Failed):
            return self._out_of_service(state, event.problem, event.detail, now)
        if not isinstance(event, EntryOpened):
            return state, None
        if state.stopping:
            return replace(state, phase=Phase.CLOSE), CloseEntry()
        deadline = now + self.policy.settle_s if state.undecided else None
        return replace(state, phase=Phase.IDLE, deadline=deadline, silent_since=None, gate_since=None), None

    def _idle(self, state: State, event: Event, now: float) -> Step:
        if isinstance(event, LookFailed):
            return self._after_silence(state, now)
        if self._service is not None and isinstance(event, Tick) and state.due(now):
            return replace(state, phase=Phase.START, deadline=None), Settle()
        if self._service is not None and isinstance(event, CredentialShown):
            return replace(state, phase=Phase.ADMIT, deadline=None, shown=event.credential), CloseEntry()
        if not isinstance(event, Seen):
            return state, None
        state = replace(state, silent_since=None)
        media = event.media
        if media.in_reader:
            return self._read(state)
        if media is Media.GATE:
            # A card on its way in is at the mouth for a moment; one that stays there was accepted there.
            since = now if state.gate_since is None else state.gate_since
            if now - since >= self.policy.gate_s:
                return self._read(state)
            return replace(state, gate_since=since), None
        if media in (Media.LONG, Media.SHORT, Media.REAR):
            return self._give_back(state, Problem.WRONG_CARD)
        return replace(state, gate_since=None), None

    def _out_of_service(self, state: State, problem: Problem, detail: str, now: float) -> Step:
        """Say so, and try again after a while. A kiosk that is to stop stops."""
        phase = Phase.STOPPED if state.stopping else Phase.FAULT
        deadline = None if state.stopping else now + self.policy.fault_s
        return replace(state, phase=phase, deadline=deadline, problem=problem, detail=detail), None

    def _fault(self, state: State, event: Event, now: float) -> Step:
        if isinstance(event, Tick) and state.due(now):
            return replace(state, phase=Phase.START, deadline=None, attempts=0), Recover()
        return state, None

    def _closed(self, state: State, event: Event, now: float) -> Step:
        if isinstance(event, EntryClosed | Failed):
            return replace(state, phase=Phase.STOPPED, deadline=None), None
        return state, None

    # The card.

    def _read(self, state: State) -> Step:
        served = state.served + 1
        return State(phase=Phase.READ, stopping=state.stopping, served=served), ReadCard()

    def _card_work(self, state: State, event: Event, now: float) -> Step:
        """A result of a work on the card. One that belongs to another phase means nothing."""
        if isinstance(event, Failed):
            return self._give_back(state, event.problem, event.detail)
        following = self._following(state, event, now)
        if following is None:
            return state, None
        return self._give_back(state, Problem.STOPPING) if state.stopping else following

    def _following(self, state: State, event: Event, now: float) -> Step | None:
        phase = state.phase
        if phase is Phase.READ and isinstance(event, IdentityRead):
            return self._identified(state, event.identity)
        if phase is Phase.AUTHENTICATE and isinstance(event, Authenticated):
            return replace(state, phase=Phase.COUNT), CountTries()
        if phase is Phase.COUNT and isinstance(event, TriesCounted):
            return self._ask_pin(state, event.tries_left, now)
        if phase is Phase.COUNT and isinstance(event, NoPinOnCard):
            return replace(state, phase=Phase.READ_HOLDER), ReadHolder()
        if phase is Phase.VERIFY and isinstance(event, PinAccepted):
            return replace(state, phase=Phase.READ_HOLDER, pin_wrong=False), ReadHolder()
        if phase is Phase.VERIFY and isinstance(event, PinRejected):
            return self._ask_pin(replace(state, pin_wrong=True), event.tries_left, now)
        if phase is Phase.READ_HOLDER and isinstance(event, HolderRead):
            if self._service is not None and state.identity is not None:
                return self._service.begin(state, state.identity, event.holder)
            deadline = now + self.policy.holder_s
            return replace(state, phase=Phase.HOLDER, holder=event.holder, deadline=deadline, silent_since=None), None
        return None

    def _identified(self, state: State, identity: CardIdentity) -> Step:
        state = replace(state, identity=identity)
        if self.policy.psam:
            return replace(state, phase=Phase.AUTHENTICATE), Authenticate()
        if identity.needs_authentication:
            return self._give_back(state, Problem.NO_PSAM)
        return replace(state, phase=Phase.COUNT), CountTries()

    # The PIN.

    def _ask_pin(self, state: State, tries_left: int | None, now: float) -> Step:
        """PIN entry; before a try that may be the last one, the question whether to use it."""
        if tries_left == 0:
            return self._give_back(state, Problem.PIN_LOCKED)
        state = replace(state, tries_left=tries_left, confirmed=False, pin_malformed=False, silent_since=None)
        if tries_left is None or tries_left == 1:
            return replace(state, phase=Phase.CONFIRM, deadline=now + self.policy.confirm_s), None
        return replace(state, phase=Phase.PIN, deadline=now + self.policy.pin_s), None

    def _confirm(self, state: State, event: Event, now: float) -> Step:
        if isinstance(event, Confirmed):
            return replace(state, phase=Phase.PIN, confirmed=True, deadline=now + self.policy.pin_s), None
        return self._with_card_inside(state, event, now)

    def _pin(self, state: State, event: Event, now: float) -> Step:
        if isinstance(event, PinMalformed):
            return replace(state, pin_malformed=True, deadline=now + self.policy.pin_s), None
        if not isinstance(event, PinEntered):
            return self._with_card_inside(state, event, now)
        if not state.confirmed and (state.tries_left is None or state.tries_left <= 1):
            return self._ask_pin(state, state.tries_left, now)
        state = replace(state, phase=Phase.VERIFY, deadline=None, confirmed=False, pin_wrong=False, pin_malformed=False)
        return state, VerifyPin(event.pin)

    def _holder(self, state: State, event: Event, now: float) -> Step:
        if isinstance(event, Finished | Declined) or (isinstance(event, Tick) and state.due(now)):
            return self._give_back(state, None)
        return self._with_card_inside(state, event, now)

    def _with_card_inside(self, state: State, event: Event, now: float) -> Step:
        """What every phase does in which somebody is waited for while the card is inside."""
        if isinstance(event, Failed):
            return self._give_back(state, event.problem, event.detail)
        if isinstance(event, Declined):
            return self._give_back(state, Problem.CANCELLED)
        if isinstance(event, Tick) and state.due(now):
            return self._give_back(state, Problem.TIME_OUT)
        if isinstance(event, LookFailed):
            state = state.silent(now)
            if state.silent_too_long(now, self.policy):
                return self._give_back(state, Problem.READER_SILENT)
            return state, None
        if isinstance(event, Seen):
            if event.media.in_reader or event.media is Media.UNKNOWN:
                return replace(state, silent_since=None), None
            return self._give_back(state, Problem.CARD_GONE)
        return state, None

    def _served(self, state: State, event: Event, now: float) -> Step:
        """What business says; without any, there is nothing to keep the citizen for."""
        return self._give_back(state, None) if self._service is None else self._service.step(state, event, now)

    # The way back.

    def _give_back(self, state: State, problem: Problem | None, detail: str = "") -> Step:
        """Forget whose card it is, and bring it to the mouth. A card thought gone is looked for all the same."""
        state = State(
            phase=Phase.RETURN,
            problem=problem,
            detail=detail,
            stuck=True,
            stopping=state.stopping,
            served=state.served,
            undecided=state.undecided,
        )
        return state, ReturnCard()

    def _returned(self, state: State, event: Event, now: float) -> Step:
        if isinstance(event, Returned) and event.media is Media.NONE:
            return self._card_is_gone(state)
        if isinstance(event, Returned) and event.media in AT_MOUTH:
            if state.stopping and not self.policy.motorised:
                return self._card_is_gone(state)  # nothing holds it: the hand that put it in takes it
            limit_s = self.policy.stop_take_s if state.stopping else self.policy.take_s
            return replace(state, phase=Phase.TAKE, deadline=now + limit_s, stuck=False, silent_since=None), None
        if not isinstance(event, Returned | Failed):
            return state, None
        state = replace(state, attempts=state.attempts + 1)
        if state.attempts < self.policy.return_tries:
            return state, ReturnCard(forcibly=True)
        if isinstance(event, Failed):
            return self._out_of_service(state, event.problem, event.detail, now)
        return self._out_of_service(state, Problem.READER_FAULT, f"the card stays at {event.media}", now)

    def _take(self, state: State, event: Event, now: float) -> Step:
        if isinstance(event, LookFailed):
            return self._after_silence(state, now)
        if isinstance(event, Seen):
            state = replace(state, silent_since=None)
            if event.media is Media.NONE:
                return self._card_is_gone(state)
            if event.media.in_reader or event.media is Media.REAR:
                return self._give_back(state, state.problem)
            return state, None
        if isinstance(event, Tick) and state.due(now):
            if self.policy.motorised:
                return replace(state, phase=Phase.CAPTURE, deadline=None), CaptureCard()
            return replace(state, reminded=True, deadline=now + self.policy.take_s), None
        return state, None

    def _captured(self, state: State, event: Event, now: float) -> Step:
        if isinstance(event, Captured):
            return self._card_is_gone(state)
        if isinstance(event, Failed):
            # A full bin: the card stays where its owner can still take it.
            return replace(
                state, phase=Phase.TAKE, reminded=True, deadline=now + self.policy.take_s, silent_since=None
            ), None
        return state, None

    def _card_is_gone(self, state: State) -> Step:
        state = State(stopping=state.stopping, served=state.served)
        if state.stopping or (self.policy.once and state.served > 0):
            return replace(state, phase=Phase.CLOSE), CloseEntry()
        if self._service is not None:
            return state, Settle()
        return replace(state, phase=Phase.OPEN), OpenEntry()

    def _after_silence(self, state: State, now: float) -> Step:
        state = state.silent(now)
        if not state.silent_too_long(now, self.policy):
            return state, None
        state = replace(state, stuck=state.phase is Phase.TAKE)
        return self._out_of_service(state, Problem.READER_SILENT, "", now)

    # The end.

    def _stop(self, state: State, now: float) -> Step:
        """Wind up: the card goes back first. A second wish to stop does not wait for the hand that takes it."""
        again, state = state.stopping, replace(state, stopping=True)
        if state.phase is Phase.TAKE:
            if again or not self.policy.motorised:
                return replace(state, phase=Phase.CLOSE, deadline=None), CloseEntry()
            deadline = min(state.deadline or now, now + self.policy.stop_take_s)
            return replace(state, deadline=deadline), None
        if state.phase is Phase.IDLE:
            return replace(state, phase=Phase.CLOSE, deadline=None), CloseEntry()
        if state.phase is Phase.FAULT:
            if state.stuck:
                last_try = replace(state, phase=Phase.RETURN, deadline=None, attempts=self.policy.return_tries - 1)
                return last_try, ReturnCard(forcibly=True)
            return replace(state, phase=Phase.CLOSE, deadline=None), CloseEntry()
        if state.phase in WAITING:
            return self._give_back(state, Problem.STOPPING)
        if state.phase is Phase.BUSINESS:
            return self._served(state, Stop(), now)
        return state, None
