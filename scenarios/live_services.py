"""Peers and backend of a bench, brought up before its devices and taken down after them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import yaml

from protocols.clock import UnixClock
from scenarios.backend import BackendProcess, backend_peers, credentials, stand_backend
from scenarios.build import BenchError
from scenarios.http_relay import HttpRelay, Relayed
from scenarios.models import Bench
from simulators.peer.base import PeerOptions
from simulators.peer.city import City, Terminal
from simulators.serve.journal import JournalError
from simulators.serve.peers import Exchange, PeerHost

__all__ = ["LiveServices", "terminal_of"]

BACKEND_FOLDER, KIOSK_FOLDER = "backend", "kiosk"


def terminal_of(bench: Bench) -> Terminal:
    """The kiosk of the simulated city that stands on *bench*. Raises :class:`BenchError`."""
    number = bench.backend.terminal if bench.backend is not None else 1
    found = City().terminal(number)
    if found is None:
        raise BenchError(f"backend.terminal: the simulated city has no kiosk {number}; it has 1 to {City().kiosks}")
    return found


class LiveServices:
    """Use as ``async with``. *folder* gets the files of backend and kiosk; *on_exchange* hears what peers were asked,
    *on_http* what the kiosk asked the backend."""

    def __init__(
        self,
        bench: Bench,
        folder: Path,
        on_exchange: Callable[[Exchange], None] = lambda exchange: None,
        on_http: Callable[[Relayed], None] = lambda exchange: None,
    ) -> None:
        self._bench, self._folder = bench, folder
        self._on_exchange, self._on_http = on_exchange, on_http
        self._clock = UnixClock()
        self._stack = AsyncExitStack()
        self.host: PeerHost | None = None
        self.backend: BackendProcess | None = None
        self.filled_in: Mapping[str, str] = {}
        """What programs of the bench have filled in besides the places of slots."""

    async def __aenter__(self) -> LiveServices:
        try:
            await self._bring_up()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def _bring_up(self) -> None:
        self.host = host = await self._stack.enter_async_context(PeerHost(self._clock, None, self._on_exchange))
        for name, spec in self._bench.peers.items():
            options = PeerOptions(spec.temper, self._bench.seed, spec.settings)
            try:
                await host.add(name, options, faults=spec.armed())
            except (JournalError, ValueError) as error:
                raise BenchError(f"peer {name!r}: {error}") from error
        if self._bench.backend is not None:
            await self._stand_backend(host)

    async def _stand_backend(self, host: PeerHost) -> None:
        spec = self._bench.backend
        assert spec is not None
        terminal = terminal_of(self._bench)
        places = {name: each.url for name, each in host.peers.items()}
        if "his" not in places and "his_xml" in places:
            places["his"] = places["his_xml"]
        files = {name: each.files_url for name, each in host.peers.items() if each.files_url}
        his_vendor = "xml" if "his_xml" in host.peers else "json"
        given = self._credentials(credentials(his_vendor=his_vendor, limit_s=spec.peers_limit_s))
        self.backend, codes = await self._stack.enter_async_context(
            stand_backend(
                self._folder / BACKEND_FOLDER,
                backend_peers(places, files),
                [terminal],
                database="" if spec.database == "sqlite" else spec.database,
                his_vendor=his_vendor,
                settings={"credentials_file": str(given), **spec.settings},
            )
        )
        relay = HttpRelay(_address(self.backend.url), self._on_http, self._clock.now)
        await relay.start()
        self._stack.push_async_callback(relay.aclose)
        kiosk = self._folder / KIOSK_FOLDER
        kiosk.mkdir(parents=True, exist_ok=True)
        self.filled_in = {
            "backend": relay.url,
            "terminal": terminal.terminal_id,
            "enrol": codes[terminal.terminal_id],
            "folder": str(kiosk),
        }

    def _credentials(self, values: Mapping[str, Any]) -> Path:
        """A file of credentials for this bench, readable by nobody else; names of key files in it are beside it."""
        folder = self._folder / BACKEND_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "bench-credentials.yaml"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
            yaml.safe_dump(dict(values), stream)
        return file

    @property
    def peers(self) -> Mapping[str, str]:
        """Where the peers are, by name."""
        return {name: each.url for name, each in self.host.peers.items()} if self.host is not None else {}


def _address(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").rpartition(":")
    return host, int(port)
