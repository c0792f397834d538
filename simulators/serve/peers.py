"""Peers that stand: each on a port of its own, with its journal, its fault switch, and one control face for all of them.

The control face is the harness's, never the client's: ``GET /peers``, ``GET /peers/NAME/book|snapshot|violations|faults``,
``POST /peers/NAME/faults`` (one fault as JSON), ``DELETE /peers/NAME/faults``.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from protocols.clock import Clock
from protocols.wire.base import discover
from protocols.wire.http import HttpReply, HttpRequest, json_reply
from simulators.peer.base import FilePeer, Peer, PeerKind, PeerOptions, forget_events
from simulators.peer.delivery import deliver
from simulators.peer.faults import FaultSwitch, Handling, PeerFault
from simulators.serve.frames import FrameServer
from simulators.serve.journal import FileJournal, read_events
from simulators.serve.server import AsgiServer, asgi

__all__ = ["Exchange", "PeerHost", "StandingPeer", "peer_kinds"]


def peer_kinds() -> dict[str, PeerKind[Any, Any]]:
    """Every peer there is, by name, found by looking at the package."""
    found: list[PeerKind[Any, Any]] = []
    for each in discover("simulators.peer", "PEER"):
        found += each if isinstance(each, tuple) else (each,)
    return {kind.name: kind for kind in found}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its reply, as they crossed the peer's socket. ``reply`` None: none was sent."""

    peer: str
    address: str
    request: HttpRequest | bytes
    reply: HttpReply | bytes | None
    handling: Handling
    started: float
    ended: float


@dataclass(slots=True)
class StandingPeer:
    """A peer that stands. ``url`` is where it is reached, ``files_url`` its second face if it has one."""

    kind: PeerKind[Any, Any]
    core: Peer[Any, Any]
    switch: FaultSwitch
    url: str
    files_url: str = ""


class PeerHost:
    """Brings peers up and down. Use it as a context manager; :meth:`add` a peer at any time.

    *folder*: where journals are kept, so that a peer that is killed comes back with its books; None: nothing is kept.
    *on_exchange* hears of every exchange; an error in it is a defect of the harness and breaks the exchange.
    """

    def __init__(
        self, clock: Clock, folder: Path | None = None, on_exchange: Callable[[Exchange], None] = lambda exchange: None
    ) -> None:
        self._clock, self._folder, self._on_exchange = clock, folder, on_exchange
        self.peers: dict[str, StandingPeer] = {}
        self._stack = AsyncExitStack()
        self._control: AsgiServer | None = None

    async def __aenter__(self) -> PeerHost:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def add(
        self, name: str, options: PeerOptions, *, port: int = 0, files_port: int = 0, faults: Iterable[PeerFault] = ()
    ) -> StandingPeer:
        """Stand the peer *name* on *port* (0: one that is free). Raises LinkError, JournalError, KeyError."""
        kind = peer_kinds()[name]
        events: list[dict[str, Any]] = []
        journal: Callable[[Mapping[str, Any]], None] = forget_events
        if self._folder is not None:
            path = self._folder / f"{name}.jsonl"
            events = await asyncio.to_thread(read_events, path)
            kept = FileJournal(path)
            self._stack.callback(kept.close)
            journal = kept
        core = kind.make(kind.own(options), journal, events)
        standing = StandingPeer(kind, core, FaultSwitch(faults, options.seed), "")
        if kind.transport == "http":
            server: AsgiServer | FrameServer = AsgiServer(asgi(self._http(standing)), port)
        else:
            server = FrameServer(self._frames(standing), port)
        await self._start(server)
        standing.url = server.url
        if kind.files:
            files = AsgiServer(asgi(self._files(standing)), files_port)
            await self._start(files)
            standing.files_url = files.url
        self.peers[name] = standing
        return standing

    async def control(self, port: int = 0) -> str:
        """Stand the control face; gives its URL."""
        if self._control is None:
            self._control = AsgiServer(asgi(self._controlled), port)
            await self._start(self._control)
        return self._control.url

    async def _start(self, server: AsgiServer | FrameServer) -> None:
        await server.start()
        self._stack.push_async_callback(server.stop)

    # Requests.

    def _http(self, standing: StandingPeer) -> Callable[[HttpRequest], Any]:
        async def handle(request: HttpRequest) -> HttpReply | None:
            return cast("HttpReply | None", await self._deliver(standing, request))

        return handle

    def _frames(self, standing: StandingPeer) -> Callable[[bytes], Any]:
        async def handle(frame: bytes) -> bytes | None:
            return cast("bytes | None", await self._deliver(standing, frame))

        return handle

    async def _deliver(self, standing: StandingPeer, request: HttpRequest | bytes) -> HttpReply | bytes | None:
        started = self._clock.now()
        address = standing.core.address(request)
        reply, handling = await deliver(standing.core, standing.switch, request, self._clock)
        exchange = Exchange(standing.kind.name, address, request, reply, handling, started, self._clock.now())
        self._on_exchange(exchange)
        return reply

    def _files(self, standing: StandingPeer) -> Callable[[HttpRequest], Any]:
        core = cast("FilePeer", standing.core)

        async def handle(request: HttpRequest) -> HttpReply | None:
            started = self._clock.now()
            handling = standing.switch.plan("file")
            reply: HttpReply | None = core.handle_file(request, started + handling.skew_s, handling.twist)
            if handling.reply == "drop":
                reply = None
            self._on_exchange(
                Exchange(standing.kind.name, "file", request, reply, handling, started, self._clock.now())
            )
            return reply

        return handle

    # The control face.

    async def _controlled(self, request: HttpRequest) -> HttpReply:
        parts = [each for each in request.path.split("/") if each]
        if parts == ["peers"] and request.method == "GET":
            return json_reply({name: {"url": each.url, "files": each.files_url} for name, each in self.peers.items()})
        if len(parts) != 3 or parts[0] != "peers" or parts[1] not in self.peers:
            return json_reply({"error": f"no {request.path}", "peers": sorted(self.peers)}, 404)
        standing, what = self.peers[parts[1]], parts[2]
        try:
            return self._control_one(standing, what, request)
        except (ValueError, TypeError) as error:
            return json_reply({"error": str(error)}, 400)

    def _control_one(self, standing: StandingPeer, what: str, request: HttpRequest) -> HttpReply:
        match request.method, what:
            case "GET", "book":
                return json_reply([dataclasses.asdict(row) for row in standing.core.book()])
            case "GET", "snapshot":
                return json_reply(dict(standing.core.snapshot()))
            case "GET", "violations":
                return json_reply(standing.core.violations())
            case "GET", "faults":
                return json_reply([{**dataclasses.asdict(f), "struck": n} for f, n in standing.switch.struck])
            case "POST", "faults":
                standing.switch.add(PeerFault(**json.loads(request.body)))
                return json_reply({"armed": len(standing.switch.struck)}, 201)
            case "DELETE", "faults":
                standing.switch.clear()
                return json_reply({"armed": 0})
            case _:
                return json_reply({"error": f"{request.method} {what} means nothing here"}, 405)
