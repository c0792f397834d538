"""Brings one request to a peer as its fault switch wants: the same steps behind a socket and in a simulation."""

from __future__ import annotations

from typing import TypeVar

from protocols.clock import Clock
from simulators.peer.base import Peer
from simulators.peer.faults import FaultSwitch, Handling

__all__ = ["deliver"]

Q = TypeVar("Q")
A = TypeVar("A")


async def deliver(peer: Peer[Q, A], switch: FaultSwitch, request: Q, clock: Clock) -> tuple[A | None, Handling]:
    """The reply as it leaves the peer (None: none comes), and how the request was handled."""
    handling = switch.plan(peer.address(request))
    if handling.before_s:
        await clock.sleep_until(clock.now() + handling.before_s)
    reply: A | None = None
    for _ in range(handling.deliveries):
        reply = peer.handle(request, clock.now() + handling.skew_s, handling.twist)
    if handling.reply == "drop":
        return None, handling
    if handling.reply == "spoil" and reply is not None:
        reply = peer.spoil(reply)
    return reply, handling
