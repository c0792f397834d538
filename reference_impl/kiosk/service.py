"""How business sits in the kiosk's flow: it begins when somebody is known, and ends when its session does.

Pure. A card that leaves, a reader that falls silent and a kiosk that is to stop end the session; the session winds up in its
own way, and only then the card goes back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from protocols.driver.social_security import CardHolder, CardIdentity
from protocols.wire.card_reader import Media
from protocols.wire.platform.models import Credential
from reference_impl.kiosk.business.flow import Business
from reference_impl.kiosk.business.flow import Step as BusinessStep
from reference_impl.kiosk.business.session import Session, Stage
from reference_impl.kiosk.business.words import Broken, BusinessEvent, Refused, Unanswered
from reference_impl.kiosk.state import Phase, Policy, State
from reference_impl.kiosk.words import EntryClosed, Event, Failed, LookFailed, Problem, Seen, Stop, Tick, Work

__all__ = ["Service", "trouble_of"]

Step = tuple[State, Work | None]
GiveBack = Callable[[State, Problem | None, str], Step]


def trouble_of(event: Event) -> tuple[Problem, str] | None:
    """Why the platform could not be asked about what is open, and its detail; None for any other event."""
    match event:
        case Unanswered():
            return Problem.PLATFORM_SILENT, event.detail
        case Refused():
            return Problem.PLATFORM_REFUSED, event.code
        case Broken():
            return Problem.OUTBOX, event.detail or event.code
        case _:
            return None


class Service:
    """Phases ``admit`` and ``business``. *give_back* is the flow's way to end: forget, and bring the card to the mouth."""

    def __init__(self, business: Business, policy: Policy, give_back: GiveBack) -> None:
        self._business, self._policy, self._give_back = business, policy, give_back

    def begin(self, state: State, identity: CardIdentity, holder: CardHolder) -> Step:
        """The holder of the card inside is known."""
        try:
            shown = Credential(
                kind="social_security_card",
                id_number=holder.id_number,
                card_number=identity.card_number,
                card_sn=identity.identification_code,
                name=holder.name,
            )
        except ValueError:
            # A card may carry anything; what no platform could take is the card's fault, not the kiosk's end.
            return self._give_back(state, Problem.CARD_REFUSED, "the card's data do not have their form")
        return self._after(replace(state, holder=holder), self._business.begin(shown, by_card=True))

    def step(self, state: State, event: Event, now: float) -> Step:
        if state.phase is Phase.ADMIT:
            return self._admitted(state, event)
        session = state.session
        if session is None:
            return self._give_back(state, None, "")
        if isinstance(event, Seen | LookFailed):
            return self._looked(state, session, event, now)
        if isinstance(event, Stop):
            return self._leave(state, session, Problem.STOPPING, now)
        if isinstance(event, Failed):
            return self._leave(state, session, event.problem, now)
        if isinstance(event, Tick | BusinessEvent):
            try:
                following = self._business.step(session, event, now)
            except Exception as defect:  # a defect of ours must not keep the card; what is open is noted
                return self._give_back(state, Problem.KIOSK_FAULT, type(defect).__name__)
            return self._after(state, following)
        return state, None

    def _admitted(self, state: State, event: Event) -> Step:
        """Nobody else's card gets in while a citizen without one is served."""
        if isinstance(event, Failed):
            return self._give_back(state, event.problem, event.detail)
        if not isinstance(event, EntryClosed):
            return state, None
        if state.shown is None or state.stopping:
            return self._give_back(state, Problem.STOPPING if state.stopping else None, "")
        begun = self._business.begin(state.shown, by_card=False)
        return self._after(replace(state, shown=None, served=state.served + 1), begun)

    def _looked(self, state: State, session: Session, event: Seen | LookFailed, now: float) -> Step:
        """A card that leaves ends the session; without a card in the reader there is none to leave."""
        if not session.by_card:
            return state, None
        if isinstance(event, LookFailed):
            state = state.silent(now)
            if state.silent_too_long(now, self._policy):
                return self._leave(state, session, Problem.READER_SILENT, now)
            return state, None
        if event.media.in_reader or event.media is Media.UNKNOWN:
            return replace(state, silent_since=None), None
        return self._leave(state, session, Problem.CARD_GONE, now)

    def _leave(self, state: State, session: Session, problem: Problem, now: float) -> Step:
        """Wind up, once: a second reason adds nothing."""
        if session.leaving is not None:
            return state, None
        return self._after(state, self._business.leave(session, problem, now))

    def _after(self, state: State, step: BusinessStep) -> Step:
        session, work = step
        if session.stage is Stage.ENDED:
            return self._give_back(state, session.problem, session.detail)
        return replace(state, phase=Phase.BUSINESS, session=session, deadline=session.deadline), work
