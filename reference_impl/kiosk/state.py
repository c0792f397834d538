"""Where a kiosk is, what it knows, and the limits that it keeps: the values between two steps of the flow."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from protocols.driver.social_security import CardHolder, CardIdentity
from protocols.wire.card_reader import Media
from protocols.wire.platform.models import Credential
from reference_impl.kiosk.business.session import Session
from reference_impl.kiosk.words import Problem

__all__ = ["ABOUT_A_CARD", "AT_MOUTH", "WAITING", "Phase", "Policy", "State"]


class Phase(StrEnum):
    """Where a kiosk is. In a phase of :data:`WAITING` it waits for somebody; in any other one work is under way.

    ``business`` is both by turns: the session says whether it waits.
    """

    START = "start"
    OPEN = "open"
    IDLE = "idle"
    READ = "read"
    AUTHENTICATE = "authenticate"
    COUNT = "count"
    CONFIRM = "confirm"
    PIN = "pin"
    VERIFY = "verify"
    READ_HOLDER = "read_holder"
    HOLDER = "holder"
    ADMIT = "admit"
    BUSINESS = "business"
    RETURN = "return"
    TAKE = "take"
    CAPTURE = "capture"
    FAULT = "fault"
    CLOSE = "close"
    STOPPED = "stopped"


WAITING = frozenset({Phase.IDLE, Phase.CONFIRM, Phase.PIN, Phase.HOLDER, Phase.TAKE, Phase.FAULT})
"""Phases in which people, time, or a look at the reader decide what comes next."""

ABOUT_A_CARD = frozenset({Phase.READ, Phase.AUTHENTICATE, Phase.COUNT, Phase.VERIFY, Phase.READ_HOLDER})
"""Works on a card: whatever they fail with, the card goes back."""

ROUNDING_S = 0.001

AT_MOUTH = frozenset({Media.GATE, Media.LONG, Media.SHORT})


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits in seconds and what this kiosk has. ``motorised`` false: a reader in which the hand moves the
    card. ``settle_s``: how often the platform is asked about business that is not decided yet."""

    pin_s: float = 60.0
    confirm_s: float = 30.0
    holder_s: float = 60.0
    take_s: float = 30.0
    stop_take_s: float = 10.0
    fault_s: float = 5.0
    gate_s: float = 2.0
    return_tries: int = 3
    silent_s: float = 3.0
    psam: bool = True
    motorised: bool = True
    once: bool = False
    settle_s: float = 15.0


@dataclass(frozen=True, slots=True)
class State:
    """Everything the kiosk knows now. ``deadline`` is when :class:`Tick` is due; None: no limit.

    ``tries_left`` None: the card did not tell. ``confirmed``: the citizen agreed to use a try that may be the last.
    ``stuck``: a card may be inside that could not be returned. ``served`` counts citizens since the start.
    ``session`` is the business of the citizen who is being served, ``shown`` the credential of one who has no card in the
    reader; ``undecided`` how many of this kiosk's trades the platform has not decided yet.
    """

    phase: Phase = Phase.START
    deadline: float | None = None
    identity: CardIdentity | None = field(default=None, repr=False)
    holder: CardHolder | None = field(default=None, repr=False)
    tries_left: int | None = None
    confirmed: bool = False
    pin_wrong: bool = False
    pin_malformed: bool = False
    problem: Problem | None = None
    detail: str = ""
    attempts: int = 0
    silent_since: float | None = None
    gate_since: float | None = None
    reminded: bool = False
    stuck: bool = False
    stopping: bool = False
    served: int = 0
    session: Session | None = field(default=None, repr=False)
    shown: Credential | None = field(default=None, repr=False)
    undecided: int = 0

    def due(self, now: float) -> bool:
        """True when the deadline has come. Timers fire at their instant, give or take rounding."""
        return self.deadline is not None and now >= self.deadline - ROUNDING_S

    def silent(self, now: float) -> State:
        """The reader left a look unanswered."""
        return self if self.silent_since is not None else replace(self, silent_since=now)

    def silent_too_long(self, now: float, policy: Policy) -> bool:
        """A reader may leave looks unanswered while its motor runs, so one look that failed means nothing yet."""
        return self.silent_since is not None and now - self.silent_since >= policy.silent_s
