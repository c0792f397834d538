"""The simulated network and the peers behind it: messages take time, get lost, come twice or late; peers die and return.

What strikes a message is in the story, by peer, address and count. The time that a message takes is drawn from the seed
and the message itself, so that taking one strike away leaves all other times as they were.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Generic, TypeVar, cast

from protocols.clock import Clock
from protocols.seeded import SeededChoice
from protocols.wire.http import HttpReply, HttpRequest
from reference_impl.backend.transport import NoAnswer, NotSent
from reference_impl.simulation.forgery import FORGEABLE, forged
from reference_impl.simulation.story import NETWORK_STRIKES, Crash, Story
from simulators.peer.base import Peer, PeerKind, PeerOptions
from simulators.peer.delivery import carry_out
from simulators.peer.faults import FaultSwitch, PeerFault

__all__ = ["Network", "SimulatedPeer"]

T = TypeVar("T")

FASTEST_S, SLOWEST_S = 0.002, 0.05
LATE_S = 95.0
"""Of a message that is slow: later than any client waits."""
AGAIN_S = 3.0
PEER_DELAY_S = 90.0

Hook = Callable[[str], None]


_PLAIN_START: tuple[float | None, ...] = (None,)
_STARTS: dict[str, tuple[float | None, ...]] = {
    "lose-request": (),
    "slow-request": (LATE_S,),
    "repeat-request": (None, AGAIN_S),
}
"""When copies of a struck request arrive; None: after the time that every message takes."""


class Reply(Generic[T]):
    """The way back of one request: the first answer counts, those that come later are nobody's."""

    def __init__(self, answer: asyncio.Future[T], back_s: float, fault: str) -> None:
        self._answer, self._back_s, self.fault = answer, back_s, fault

    def say(self, value: T | None) -> None:
        """*value* is on its way; None is no answer."""
        if value is not None and self.fault != "lose-reply":
            asyncio.get_running_loop().call_later(self._back_s, self._heard, value)

    def fail(self, error: BaseException) -> None:
        if not self._answer.done() and self.fault != "lose-reply":
            self._answer.set_exception(error)

    def expire(self, why: str) -> None:
        if not self._answer.done():
            self._answer.set_exception(NoAnswer(why))

    def _heard(self, value: T) -> None:
        if not self._answer.done():
            self._answer.set_result(value)


class SimulatedPeer:
    """One peer: its core, everything that it has journalled, and whether it runs."""

    def __init__(self, kind: PeerKind[Any, Any], options: PeerOptions, switch: FaultSwitch) -> None:
        self.kind, self.options, self.switch = kind, kind.own(options), switch
        self.events: list[Mapping[str, Any]] = []
        self.core: Peer[Any, Any] = kind.make(self.options, self.events.append, ())
        self.up = True
        self.asked = 0
        self.complaints: list[str] = []

    def die(self) -> None:
        self.complaints += self.core.violations()
        self.up = False

    def come_back(self) -> None:
        """A new core from the journal of the old one: what it had answered for, it still answers for."""
        past = list(self.events)
        self.core = self.kind.make(self.options, self.events.append, past)
        self.up = True

    def violations(self) -> list[str]:
        self.complaints += self.core.violations()
        return self.complaints


class Network:
    """Carries messages between the backend and the peers, and between the kiosks and the backend."""

    def __init__(
        self, story: Story, clock: Clock, kinds: Mapping[str, PeerKind[Any, Any]], options: PeerOptions
    ) -> None:
        self._story, self._clock = story, clock
        self.peers = {
            name: SimulatedPeer(kind, options, FaultSwitch(_peer_faults(story, name))) for name, kind in kinds.items()
        }
        self._strikes = {
            (each.peer, each.address, each.nth): each.fault for each in story.strikes if each.fault in NETWORK_STRIKES
        }
        self._seen: Counter[tuple[str, str]] = Counter()
        self._peer_crashes = {(each.party, each.nth): each for each in story.crashes if each.event == "message"}
        self._under_way: set[asyncio.Task[Any]] = set()
        self._told: dict[tuple[str, str], Any] = {}
        self.messages = 0
        self.healed = False
        self.struck: Counter[str] = Counter()
        self.on_send: Callable[[], None] = lambda: None
        self.on_receive: Callable[[], None] = lambda: None
        self.trace: Callable[..., None] | None = None

    # The two transports of the backend.

    async def exchange(self, peer: str, request: Any, limit_s: float) -> Any:
        """A request of the backend to a peer: HttpRequest or frame in, HttpReply or frame out."""
        target = self.peers[peer.removesuffix("-files")]
        if peer.endswith("-files"):
            return await self._fetch(target, cast("HttpRequest", request))
        address = target.core.address(request)
        name = target.kind.name
        fault = self._fault(name, address)
        self.on_send()
        stale = self._told.get((name, address)) if fault == "stale-reply" else None

        def arrive(reply: Reply[Any]) -> None:
            if fault == "stale-reply":
                reply.say(stale)
            else:
                self._at_peer(target, address, request, reply)

        answer = await self._carry(name, address, fault, arrive, limit_s, target.up)
        self.on_receive()
        return answer

    def backend_began(self) -> None:
        """A new process remembers no reply, and the insurance envelope carries nothing of the request that it answers but times of
        another's clock: a stale reply from before its start is a genuine answer to whatever it asks. It is not sent."""
        self._told = {key: told for key, told in self._told.items() if key[0] != "insurance"}

    async def _fetch(self, target: SimulatedPeer, request: HttpRequest) -> HttpReply:
        await self._clock.sleep_until(self._clock.now() + SLOWEST_S)
        if not target.up:
            raise NotSent(f"{target.kind.name} is down")
        return cast("Any", target.core).handle_file(request, self._clock.now())

    def _at_peer(self, target: SimulatedPeer, address: str, request: Any, reply: Reply[Any]) -> None:
        if not target.up:
            return
        target.asked += 1
        crash = None if self.healed else self._peer_crashes.get((target.kind.name, target.asked))
        handling = target.switch.plan(address)

        def handle() -> None:
            told = carry_out(target.core, handling, request, self._clock.now())
            if crash is not None:
                self._kill_peer(target, crash)
            elif told is not None:
                # Signed under another number, it would be a genuine answer to whatever has that number later: no client sees through it.
                if handling.twist != "wrong-reference":
                    self._told[target.kind.name, address] = told
                forge = reply.fault == "forge-reply" and target.kind.name in FORGEABLE
                reply.say(forged(target.kind.name, address, told) if forge else told)

        if handling.before_s:
            asyncio.get_running_loop().call_later(handling.before_s, handle)
        else:
            handle()

    def _kill_peer(self, target: SimulatedPeer, crash: Crash) -> None:
        if not target.up:
            return
        target.die()
        self.struck[f"{target.kind.name} crash"] += 1
        self._note("crash", target.kind.name, f"down for {crash.down_s} s")
        asyncio.get_running_loop().call_later(crash.down_s, self._revive, target)

    def _revive(self, target: SimulatedPeer) -> None:
        if not target.up:
            target.come_back()
            self._note("back", target.kind.name, "")

    # Any message.

    async def call(self, name: str, to: str, work: Callable[[], Coroutine[Any, Any, T]], limit_s: float, up: bool) -> T:
        """A call of a kiosk to the backend. Raises NoAnswer and NotSent; what *work* raises comes through."""

        def arrive(reply: Reply[T]) -> None:
            task = asyncio.get_running_loop().create_task(work())
            self._under_way.add(task)
            task.add_done_callback(lambda done: self._done(done, reply))

        return await self._carry(to, name, self._fault(to, name), arrive, limit_s, up)

    def _done(self, task: asyncio.Task[T], reply: Reply[T]) -> None:
        self._under_way.discard(task)
        if task.cancelled():
            return  # whoever did it is dead
        error = task.exception()
        if error is None:
            reply.say(task.result())
        elif not isinstance(error, NoAnswer):
            reply.fail(error)

    async def _carry(
        self, peer: str, address: str, fault: str, arrive: Callable[[Reply[T]], None], limit_s: float, up: bool
    ) -> T:
        there_s, back_s = self._times(peer, address)
        self._note("send", peer, address, fault)
        if not up:
            await self._clock.sleep_until(self._clock.now() + there_s)
            raise NotSent(f"nobody answers at {peer}")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        reply = Reply(answer, LATE_S if fault == "slow-reply" else back_s, fault)
        for start_s in _STARTS.get(fault, _PLAIN_START):
            loop.call_later(there_s if start_s is None else start_s, arrive, reply)
        limit = loop.call_later(limit_s, reply.expire, f"no answer from {peer} within {limit_s:g} s")
        try:
            return await answer
        finally:
            limit.cancel()

    def _fault(self, peer: str, address: str) -> str:
        self._seen[peer, address] += 1
        self.messages += 1
        if self.healed:
            return ""
        fault = self._strikes.get((peer, address, self._seen[peer, address]), "")
        if fault:
            self.struck[f"{peer} {fault}"] += 1
        return fault

    def _times(self, peer: str, address: str) -> tuple[float, float]:
        choice = SeededChoice(self._story.seed, f"{peer} {address} {self._seen[peer, address]}")
        return choice.between(FASTEST_S, SLOWEST_S), choice.between(FASTEST_S, SLOWEST_S)

    def _note(self, what: str, who: str, detail: str, fault: str = "") -> None:
        if self.trace is not None:
            self.trace(what, who, detail, fault)

    def expire_sign_ins(self) -> None:
        """The bank takes no message any more before the next sign-in, which brings new working keys."""
        self.peers["bank"].switch.add(PeerFault("sign-in-expired", "0200/000000"))
        self._note("keys", "bank", "the sign-ins have expired")

    # The end.

    @property
    def asked(self) -> Mapping[str, int]:
        """How often each message was sent, by peer and address."""
        return {f"{peer} {address}": times for (peer, address), times in self._seen.items()}

    def heal(self) -> None:
        """From now on nothing is struck, and every peer runs."""
        self.healed = True
        for target in self.peers.values():
            for fault, times in target.switch.struck:
                self.struck[f"{target.kind.name} {fault.id}"] += times
            target.switch.clear()
            self._revive(target)

    async def aclose(self) -> None:
        """End what is still under way."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _peer_faults(story: Story, name: str) -> list[PeerFault]:
    return [
        PeerFault(cast("Any", each.fault), each.address, each.nth - 1, delay_s=PEER_DELAY_S)
        for each in story.strikes
        if each.peer == name and each.fault not in NETWORK_STRIKES
    ]
