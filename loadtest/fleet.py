"""The fleet: every kiosk of a city in one process, driven by an open schedule. It never waits for the platform before it sends
what is due; what it could not send in time, it records.

Knows neither sockets nor gevent: those come through :mod:`loadtest.exchange` and :mod:`loadtest.hub`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ValidationError

from loadtest.exchange import NoReply
from loadtest.guests import Guest
from loadtest.hub import Hub
from loadtest.kiosk import FleetKiosk, NotOnDutyError, problem_of
from loadtest.latency import CallRow
from loadtest.rows import VisitRow
from loadtest.schedule import Arrival, Beat, Stage, total_s
from loadtest.visit import WAITING_CALLS, Answer, Ask, Manners, Outcome, Visit
from protocols.wire.platform.models import Problem

__all__ = ["Fleet", "Terms"]

AT_ONCE = 16
"""So many kiosks enrol at a time: getting ready is not what is measured."""
START_TRIES = 5
BEFORE_FIRST_S = 1.0
LOOK_S = 0.05
ENROL_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Terms:
    """``exchange_s``: how long a reply is waited for; ``tail_s``: how long services under way may take after the last arrival."""

    exchange_s: float = 6.0
    tail_s: float = 90.0
    manners: Manners = field(default_factory=Manners)


@dataclass(slots=True)
class Fleet:
    """*guests* tells who an arrival is; *unix* the time of the calendar; *on_call* hears of every call that has ended.

    ``rows``, ``visits`` are what was measured; ``offered`` counts the arrivals of each stage, ``dropped`` those whose kiosk was
    still busy; ``in_flight`` calls now. Times are seconds from the beginning of the load.
    """

    kiosks: Mapping[int, FleetKiosk]
    stages: Sequence[Stage]
    guests: Callable[[Arrival], Guest]
    hub: Hub
    unix: Callable[[], float]
    terms: Terms = Terms()
    on_call: Callable[[CallRow], None] = lambda row: None
    rows: list[CallRow] = field(default_factory=list[CallRow])
    visits: list[VisitRow] = field(default_factory=list[VisitRow])
    offered: dict[str, int] = field(default_factory=dict[str, int])
    dropped: dict[str, int] = field(default_factory=dict[str, int])
    in_flight: int = 0
    serving: int = 0
    stopping: bool = False
    _zero: float = 0.0
    _until: float | None = None

    def stop(self, tail_s: float) -> None:
        """Nobody comes any more; what is under way gets *tail_s* to end."""
        self.stopping = True
        self._until = self.now() + tail_s

    # Getting ready.

    def prepare(self, codes: Mapping[str, str], on_ready: Callable[[int], None] = lambda count: None) -> None:
        """Enrol every kiosk with its one-time code and open its session. Raises NotOnDutyError, NoReply."""
        waiting = list(self.kiosks.values())
        ready = 0
        errors: list[Exception] = []
        workers = min(AT_ONCE, len(waiting))
        left = [workers]

        def work() -> None:
            nonlocal ready
            try:
                while waiting and not errors and not self.stopping:
                    self._ready(waiting.pop(), codes)
                    ready += 1
                    on_ready(ready)
            except (NotOnDutyError, NoReply) as error:
                errors.append(error)
            finally:
                left[0] -= 1

        for _ in range(workers):
            self.hub.spawn(work)
        while left[0]:
            self.hub.sleep_until(self.hub.now() + LOOK_S)
        if errors:
            raise errors[0]

    def _ready(self, kiosk: FleetKiosk, codes: Mapping[str, str]) -> None:
        name = kiosk.terminal.terminal_id
        if name not in codes:
            raise NotOnDutyError(f"{name}: the platform gave no enrolment code")
        kiosk.enrol(codes[name], ENROL_LIMIT_S)
        for _ in range(START_TRIES):
            if kiosk.open_session(self.unix(), ENROL_LIMIT_S):
                return
            self.hub.sleep_until(self.hub.now() + 1.0)
        raise NotOnDutyError(f"{name}: the platform takes no session, {START_TRIES} times")

    # The load.

    def run(self, arrivals: Iterable[Arrival], beats: Iterable[Beat]) -> None:
        """The whole load, until every service has ended or the tail is over."""
        self._zero = self.hub.now() + BEFORE_FIRST_S
        self.hub.spawn(lambda: self._beat(beats))
        for arrival in arrivals:
            self._sleep_until(arrival.at_s)
            if self.stopping or self.hub.failure is not None:
                break
            self._arrive(arrival)
        last_s = self.now()
        while (self.serving or self.in_flight) and self.hub.failure is None:
            if self.now() >= (self._until if self._until is not None else last_s + self.terms.tail_s):
                break
            self._sleep_until(self.now() + LOOK_S)
        self.stopping = True
        for kiosk in self.kiosks.values():
            kiosk.door.close()
        if self.hub.failure is not None:
            raise self.hub.failure

    def now(self) -> float:
        return self.hub.now() - self._zero

    def stage_at(self, t: float) -> str:
        """The stage that *t* belongs to; the rest of a stage is its own, what comes after the last belongs to the last."""
        ends = 0.0
        for stage in self.stages:
            ends += stage.for_s + stage.rest_s
            if t < ends:
                return stage.name
        return self.stages[-1].name

    def _sleep_until(self, t: float) -> None:
        self.hub.sleep_until(t + self._zero)

    def _arrive(self, arrival: Arrival) -> None:
        self.offered[arrival.stage] = self.offered.get(arrival.stage, 0) + 1
        kiosk = self.kiosks[arrival.kiosk]
        if kiosk.busy:
            self.dropped[arrival.stage] = self.dropped.get(arrival.stage, 0) + 1
            return
        kiosk.busy = True
        self.serving += 1
        self.hub.spawn(lambda: self._serve(arrival, kiosk))

    def _serve(self, arrival: Arrival, kiosk: FleetKiosk) -> None:
        guest = self.guests(arrival)
        visit = Visit(guest, kiosk.pad, kiosk.fresh_key, self.terms.manners, arrival.press_s)
        try:
            outcome = self._drive(arrival, kiosk, visit)
        finally:
            kiosk.busy = False
            self.serving -= 1
        self.visits.append(
            VisitRow(
                stage=arrival.stage,
                kiosk=kiosk.number,
                terminal_id=kiosk.terminal.terminal_id,
                at_s=arrival.at_s,
                ended_s=self.now(),
                payer=guest.payer,
                credential=guest.credential,
                press_s=arrival.press_s,
                outcome=outcome,
            )
        )

    def _drive(self, arrival: Arrival, kiosk: FleetKiosk, visit: Visit) -> Outcome:
        steps = visit.run()
        last_s = arrival.at_s
        try:
            ask = next(steps)
            while True:
                due_s = max(last_s + ask.after_s, ask.at_s if ask.at_s is not None else 0.0)
                answer = self._call(arrival.stage, kiosk, ask, due_s)
                last_s = answer.heard_s
                ask = steps.send(answer)
        except StopIteration as end:
            return end.value

    def _beat(self, beats: Iterable[Beat]) -> None:
        end_s = total_s(self.stages)
        for beat in beats:
            self._sleep_until(beat.at_s)
            if self.stopping or beat.at_s >= end_s:
                return
            kiosk = self.kiosks[beat.kiosk]
            self.hub.spawn(lambda beat=beat, kiosk=kiosk: self._send_beat(beat, kiosk))

    def _send_beat(self, beat: Beat, kiosk: FleetKiosk) -> None:
        ask = kiosk.beat(beat.seq, max(beat.at_s, 0.0), self.unix())
        self._call(self.stage_at(beat.at_s), kiosk, ask, beat.at_s)

    # One call.

    def _call(self, stage: str, kiosk: FleetKiosk, ask: Ask, due_s: float) -> Answer:
        """Make the request, wait until it is due, exchange, record. It is signed before the wait, with the time at which it
        will go: in the second of a barrier there is none to spare for that."""
        request = kiosk.request(ask, self.unix() + max(0.0, due_s - self.now()))
        if due_s > self.now():
            self._sleep_until(due_s)
        sent_s = self.now()
        self.in_flight += 1
        try:
            received = kiosk.door.exchange(request, self.terms.exchange_s + ask.wait_s)
        except NoReply as silence:
            given_up_s = self.now()
            self._record(CallRow(stage, ask.call, kiosk.number, due_s, sent_s, given_up_s, given_up_s, 0, str(silence)))
            return Answer(due_s, given_up_s)
        finally:
            self.in_flight -= 1
        done_s = self.now()
        heard_s = max(sent_s, done_s - received.late_s)
        value, problem = _read(ask, received.reply.status, received.reply.body)
        if value is None and problem is None:
            problem = problem_of(received.reply)
        code = problem.code if problem is not None else ""
        waits = ask.call in WAITING_CALLS
        status = received.reply.status
        self._record(CallRow(stage, ask.call, kiosk.number, due_s, sent_s, heard_s, done_s, status, code, waits))
        return Answer(due_s, heard_s, value, problem)

    def _record(self, row: CallRow) -> None:
        self.rows.append(row)
        self.on_call(row)


def _read(ask: Ask, status: int, body: bytes) -> tuple[BaseModel | None, Problem | None]:
    """The reply as what was asked for. One of the 200s that is something else is a defect of the platform."""
    if status >= 300:
        return None, None
    try:
        return ask.reads.model_validate_json(body), None
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the body"
        code = f"not-a-{ask.reads.__name__}"
        return None, Problem(code=code, title="回复不符合接口", detail=f"see {where}", status=status)
