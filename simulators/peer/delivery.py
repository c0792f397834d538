"""Brings one request to a peer as its fault switch wants: the same steps behind a socket and in a simulation."""

from __future__ import annotations

from typing import TypeVar

from protocols.clock import Clock
from simulators.peer.base import Peer
from simulators.peer.faults import FaultSwitch, Handling

__all__ = ["carry_out", "deliver"]

Q = TypeVar("Q")
A = TypeVar("A")


async def deliver(peer: Peer[Q, A], switch: FaultSwitch, request: Q, clock: Clock) -> tuple[A | None, Handling]:
    """The reply as it leaves the peer (None: none comes), and how the request was handled."""
    handling = switch.plan(peer.address(request))
    if handling.before_s:
        await clock.sleep_until(clock.now() + handling.before_s)
    return carry_out(peer, handling, request, clock.now()), handling


def carry_out(peer: Peer[Q, A], handling: Handling, request: Q, now: float) -> A | None:
    """What leaves the peer after *request* was handled as planned; ``handling.before_s`` is over."""
    reply: A | None = None
    for _ in range(handling.deliveries):
        reply = peer.handle(request, now + handling.skew_s, handling.twist)
    if handling.reply == "drop":
        return None
    return peer.spoil(reply) if handling.reply == "spoil" and reply is not None else reply
