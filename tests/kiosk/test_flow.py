"""The rules of the kiosk alone: a table of steps, and what must hold after any events in any order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.driver.social_security import CardHolder, CardIdentity
from protocols.wire.card_reader import Media
from protocols.wire.social_security import Algorithm
from reference_impl.kiosk.flow import Flow
from reference_impl.kiosk.state import WAITING, Phase, Policy, State
from reference_impl.kiosk.words import (
    Authenticate,
    Authenticated,
    CaptureCard,
    Captured,
    CloseEntry,
    Confirmed,
    CountTries,
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
    Stop,
    Tick,
    TriesCounted,
    VerifyPin,
)

HOLDER = CardHolder("44190019900101001X", "测试甲", "1", "01", "441900", "19900101")


def identity(version: str = "3.0") -> CardIdentity:
    return CardIdentity(
        version, "441900", "441900", "3", "", "20200101", "20300101", "A00000001", Algorithm.TDES, bytes(13), False
    )


def at(phase: Phase, **known: object) -> State:
    return replace(State(phase=phase, deadline=100.0 if phase in WAITING else None), **known)  # type: ignore[arg-type]


TABLE: list[tuple[State, Event, Phase, object]] = [
    (at(Phase.START), ReaderReady(Media.NONE), Phase.OPEN, OpenEntry()),
    (at(Phase.START), ReaderReady(Media.INSIDE), Phase.RETURN, ReturnCard()),
    (at(Phase.START), ReaderReady(Media.GATE), Phase.RETURN, ReturnCard()),
    (at(Phase.START), Failed(Problem.READER_SILENT), Phase.FAULT, None),
    (at(Phase.OPEN), EntryOpened(), Phase.IDLE, None),
    (at(Phase.OPEN), Failed(Problem.READER_FAULT), Phase.FAULT, None),
    (at(Phase.IDLE), Seen(Media.NONE), Phase.IDLE, None),
    (at(Phase.IDLE), Seen(Media.INSIDE), Phase.READ, ReadCard()),
    (at(Phase.IDLE), Seen(Media.IC), Phase.READ, ReadCard()),
    (at(Phase.IDLE), Seen(Media.GATE), Phase.IDLE, None),
    (at(Phase.IDLE, gate_since=7.0), Seen(Media.GATE), Phase.READ, ReadCard()),
    (at(Phase.IDLE), Seen(Media.LONG), Phase.RETURN, ReturnCard()),
    (at(Phase.IDLE), LookFailed(), Phase.IDLE, None),
    (at(Phase.IDLE, silent_since=7.0), LookFailed(), Phase.FAULT, None),
    (at(Phase.IDLE), Stop(), Phase.CLOSE, CloseEntry()),
    (at(Phase.READ), IdentityRead(identity()), Phase.AUTHENTICATE, Authenticate()),
    (at(Phase.READ), Failed(Problem.MUTE_CARD), Phase.RETURN, ReturnCard()),
    (at(Phase.READ), PinAccepted(), Phase.READ, None),
    (at(Phase.READ, stopping=True), IdentityRead(identity()), Phase.RETURN, ReturnCard()),
    (at(Phase.AUTHENTICATE), Authenticated(), Phase.COUNT, CountTries()),
    (at(Phase.AUTHENTICATE), Failed(Problem.AUTHENTICATION), Phase.RETURN, ReturnCard()),
    (at(Phase.COUNT), TriesCounted(6), Phase.PIN, None),
    (at(Phase.COUNT), TriesCounted(1), Phase.CONFIRM, None),
    (at(Phase.COUNT), TriesCounted(None), Phase.CONFIRM, None),
    (at(Phase.COUNT), TriesCounted(0), Phase.RETURN, ReturnCard()),
    (at(Phase.COUNT), NoPinOnCard(), Phase.READ_HOLDER, ReadHolder()),
    (at(Phase.CONFIRM, tries_left=1), Confirmed(), Phase.PIN, None),
    (at(Phase.CONFIRM), Declined(), Phase.RETURN, ReturnCard()),
    (at(Phase.CONFIRM), PinEntered("123456"), Phase.CONFIRM, None),
    (at(Phase.PIN, tries_left=6), PinEntered("123456"), Phase.VERIFY, VerifyPin("123456")),
    (at(Phase.PIN, tries_left=1), PinEntered("123456"), Phase.CONFIRM, None),
    (at(Phase.PIN), PinEntered("123456"), Phase.CONFIRM, None),
    (at(Phase.PIN, tries_left=1, confirmed=True), PinEntered("123456"), Phase.VERIFY, VerifyPin("123456")),
    (at(Phase.PIN), PinMalformed(), Phase.PIN, None),
    (at(Phase.PIN), Declined(), Phase.RETURN, ReturnCard()),
    (at(Phase.PIN), Seen(Media.IC), Phase.PIN, None),
    (at(Phase.PIN), Seen(Media.NONE), Phase.RETURN, ReturnCard()),
    (at(Phase.PIN, silent_since=7.0), LookFailed(), Phase.RETURN, ReturnCard()),
    (at(Phase.VERIFY), PinAccepted(), Phase.READ_HOLDER, ReadHolder()),
    (at(Phase.VERIFY), PinRejected(5), Phase.PIN, None),
    (at(Phase.VERIFY), PinRejected(1), Phase.CONFIRM, None),
    (at(Phase.VERIFY), PinRejected(0), Phase.RETURN, ReturnCard()),
    (at(Phase.READ_HOLDER), HolderRead(HOLDER), Phase.HOLDER, None),
    (at(Phase.HOLDER), Finished(), Phase.RETURN, ReturnCard()),
    (at(Phase.HOLDER), Stop(), Phase.RETURN, ReturnCard()),
    (at(Phase.RETURN), Returned(Media.GATE), Phase.TAKE, None),
    (at(Phase.RETURN), Returned(Media.NONE), Phase.OPEN, OpenEntry()),
    (at(Phase.RETURN), Returned(Media.INSIDE), Phase.RETURN, ReturnCard(forcibly=True)),
    (at(Phase.RETURN), Failed(Problem.READER_FAULT), Phase.RETURN, ReturnCard(forcibly=True)),
    (at(Phase.RETURN, attempts=2), Failed(Problem.READER_FAULT), Phase.FAULT, None),
    (at(Phase.RETURN, attempts=2, stopping=True), Failed(Problem.READER_FAULT), Phase.STOPPED, None),
    (at(Phase.TAKE), Seen(Media.GATE), Phase.TAKE, None),
    (at(Phase.TAKE), Seen(Media.NONE), Phase.OPEN, OpenEntry()),
    (at(Phase.TAKE), Seen(Media.INSIDE), Phase.RETURN, ReturnCard()),
    (at(Phase.TAKE, stopping=True), Seen(Media.NONE), Phase.CLOSE, CloseEntry()),
    (at(Phase.TAKE, stopping=True), Stop(), Phase.CLOSE, CloseEntry()),
    (at(Phase.CAPTURE), Captured(), Phase.OPEN, OpenEntry()),
    (at(Phase.CAPTURE), Failed(Problem.READER_FAULT), Phase.TAKE, None),
    (at(Phase.FAULT), Stop(), Phase.CLOSE, CloseEntry()),
    (at(Phase.FAULT, stuck=True), Stop(), Phase.RETURN, ReturnCard(forcibly=True)),
    (at(Phase.CLOSE), EntryClosed(), Phase.STOPPED, None),
    (at(Phase.CLOSE), Failed(Problem.READER_SILENT), Phase.STOPPED, None),
    (at(Phase.STOPPED), Seen(Media.INSIDE), Phase.STOPPED, None),
]


@pytest.mark.parametrize(("state", "event", "phase", "work"), TABLE)
def test_step(state: State, event: Event, phase: Phase, work: object) -> None:
    after, todo = Flow().step(state, event, 10.0)
    assert (after.phase, todo) == (phase, work)


@pytest.mark.parametrize(
    ("phase", "then"),
    [
        (Phase.CONFIRM, Phase.RETURN),
        (Phase.PIN, Phase.RETURN),
        (Phase.HOLDER, Phase.RETURN),
        (Phase.TAKE, Phase.CAPTURE),
        (Phase.FAULT, Phase.START),
    ],
)
def test_a_deadline_ends_a_wait_and_not_before(phase: Phase, then: Phase) -> None:
    assert Flow().step(at(phase), Tick(), 99.0)[0].phase is phase
    assert Flow().step(at(phase), Tick(), 100.0)[0].phase is then


def test_without_a_psam_only_a_card_that_needs_one_comes_back() -> None:
    flow = Flow(Policy(psam=False))
    assert flow.step(at(Phase.READ), IdentityRead(identity("2.0")), 0.0)[1] == CountTries()
    state, work = flow.step(at(Phase.READ), IdentityRead(identity("3.0")), 0.0)
    assert (state.problem, work) == (Problem.NO_PSAM, ReturnCard())


def test_a_reader_without_a_motor_reads_what_is_in_it_and_never_captures() -> None:
    flow = Flow(Policy(motorised=False))
    assert flow.step(at(Phase.START), ReaderReady(Media.IC), 0.0)[1] == ReadCard()
    state, work = flow.step(at(Phase.TAKE), Tick(), 100.0)
    assert (state.phase, state.reminded, work) == (Phase.TAKE, True, None)


def test_a_pin_and_a_holder_never_show_in_a_state_or_an_event() -> None:
    shown = f"{PinEntered('135792')} {VerifyPin('135792')} {HolderRead(HOLDER)} {at(Phase.HOLDER, holder=HOLDER)}"
    assert "135792" not in shown
    assert "测试甲" not in shown
    assert "44190019900101001X" not in shown


def test_whose_card_it_was_is_forgotten_when_it_goes_back() -> None:
    state = at(Phase.HOLDER, holder=HOLDER, identity=identity())
    after, _ = Flow().step(state, Finished(), 0.0)
    assert (after.holder, after.identity) == (None, None)


# Any events, in any order.

EVENTS = st.one_of(
    st.sampled_from(list(Media)).map(ReaderReady),
    st.sampled_from(list(Media)).map(Seen),
    st.sampled_from(list(Media)).map(Returned),
    st.sampled_from([EntryOpened(), EntryClosed(), LookFailed(), Authenticated(), NoPinOnCard(), PinMalformed()]),
    st.sampled_from([PinAccepted(), Confirmed(), Declined(), Finished(), Captured(), Tick(), PinEntered("123456")]),
    st.sampled_from(["1.0", "2.0", "3.0"]).map(lambda version: IdentityRead(identity(version))),
    st.one_of(st.none(), st.integers(0, 6)).map(TriesCounted),
    st.integers(0, 6).map(PinRejected),
    st.just(HolderRead(HOLDER)),
    st.sampled_from(list(Problem)).map(Failed),
    st.just(Stop()),
)


def anywhere(
    phase: Phase, tries_left: int | None, attempts: int, silent_since: float | None, stuck: bool, stopping: bool
) -> State:
    """A state that can be: who is waited for has a limit, and only where a card is inside somebody is known."""
    inside = phase in (Phase.AUTHENTICATE, Phase.COUNT, Phase.CONFIRM, Phase.PIN, Phase.VERIFY, Phase.HOLDER)
    return State(
        phase=phase,
        deadline=30.0 if phase in WAITING and phase is not Phase.IDLE else None,
        identity=identity() if inside else None,
        holder=HOLDER if phase is Phase.HOLDER else None,
        tries_left=tries_left if inside else None,
        attempts=attempts if phase is Phase.RETURN else 0,
        silent_since=silent_since,
        stuck=phase is Phase.RETURN or (stuck and phase in (Phase.START, Phase.FAULT)),
        stopping=stopping or phase in (Phase.CLOSE, Phase.STOPPED),
    )


ANYWHERE = st.builds(
    anywhere,
    phase=st.sampled_from(list(Phase)),
    tries_left=st.one_of(st.none(), st.integers(1, 6)),
    attempts=st.integers(0, 2),
    silent_since=st.sampled_from([None, 0.0]),
    stuck=st.booleans(),
    stopping=st.booleans(),
)
POLICIES = st.builds(Policy, psam=st.booleans(), motorised=st.booleans(), once=st.booleans())
FREE = (Phase.OPEN, Phase.IDLE, Phase.CLOSE, Phase.STOPPED)
"""Phases in which no card is inside, unless ``stuck`` says so."""
HELD = frozenset(Phase) - {*FREE, Phase.START, Phase.FAULT}


def says_gone(event: Event, policy: Policy, before: State) -> bool:
    """What may be taken as: the reader holds no card any more."""
    if isinstance(event, Seen | Returned):
        # A reader without a motor holds nothing: at the end the hand takes its card out of it.
        return event.media is Media.NONE or (not policy.motorised and before.stopping)
    at_mouth_for_good = isinstance(event, Stop) and before.phase is Phase.TAKE
    return isinstance(event, Captured) or at_mouth_for_good


@settings(max_examples=100, deadline=None)
@given(policy=POLICIES, state=ANYWHERE, script=st.lists(st.tuples(EVENTS, st.floats(0.0, 90.0)), max_size=20))
def test_a_card_is_never_lost_and_the_last_try_never_taken_unasked(
    policy: Policy, state: State, script: list[tuple[Event, float]]
) -> None:
    flow, now = Flow(policy), 0.0
    agreed = False
    for event, passed in script:
        before, now = state, now + passed
        state, work = flow.step(state, event, now)
        if before.phase in HELD and state.phase in FREE and not state.stuck:
            assert says_gone(event, policy, before), f"{before.phase} -> {state.phase} after {event}"
        if before.phase in HELD and state.phase in (Phase.START, Phase.FAULT):
            assert state.stuck or before.phase is Phase.TAKE
        agreed = isinstance(event, Confirmed) or (agreed and state.phase in (Phase.PIN, Phase.CONFIRM))
        if isinstance(work, VerifyPin) and (before.tries_left is None or before.tries_left <= 1):
            assert agreed, "a try that may be the last one was taken without asking"
        assert work is None or state.phase not in WAITING, "a kiosk that waits works on nothing"
        waits_for_ever = state.phase is Phase.IDLE
        assert state.phase not in WAITING or waits_for_ever or state.deadline is not None, "nothing ends this wait"
        if state.phase in FREE or state.phase in (Phase.RETURN, Phase.TAKE, Phase.FAULT):
            assert (state.holder, state.identity) == (None, None)


def cure(state: State, now: float) -> tuple[Event, float]:
    """What happens in a world in which everything works from now on, and the citizen takes the card."""
    works: dict[Phase, Event] = {
        Phase.START: ReaderReady(Media.NONE),
        Phase.OPEN: EntryOpened(),
        Phase.RETURN: Returned(Media.GATE),
        Phase.TAKE: Seen(Media.NONE),
        Phase.CAPTURE: Captured(),
        Phase.CLOSE: EntryClosed(),
    }
    if state.phase in works:
        return works[state.phase], now
    if state.phase in WAITING and state.deadline is not None:
        return Tick(), max(now, state.deadline)
    return Failed(Problem.MUTE_CARD), now


@settings(max_examples=100, deadline=None)
@given(policy=POLICIES, state=ANYWHERE, script=st.lists(st.tuples(EVENTS, st.floats(0.0, 90.0)), max_size=20))
def test_idle_is_always_within_reach(policy: Policy, state: State, script: list[tuple[Event, float]]) -> None:
    flow, now = Flow(policy), 0.0
    for event, passed in script:
        now += passed
        state, _ = flow.step(state, event, now)
    for _ in range(8):
        if state.phase in (Phase.IDLE, Phase.STOPPED):
            break
        event, now = cure(state, now)
        state, _ = flow.step(state, event, now)
    assert state.phase in (Phase.IDLE, Phase.STOPPED)
    assert state.phase is Phase.IDLE or state.stopping or policy.once


def test_start_recovers_first() -> None:
    assert Flow().start() == (State(), Recover())
    assert Flow().step(at(Phase.TAKE), Tick(), 200.0)[1] == CaptureCard()
