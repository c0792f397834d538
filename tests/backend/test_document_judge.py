"""schemathesis, which we did not write, believes our OpenAPI document and holds us to it: every operation, with data that fits
the document and data that does not, in this process.

One reading of ours is stricter than JSON Schema's: an integer is written as one (5, not 5.0). So its 5.0 is sent as 5.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
import uvicorn
import uvloop
from connected_bench import connected
from platform_bench import Bench, HandClock, Kiosk, bench_on
from requests.auth import AuthBase
from schemathesis.engine import events, from_schema

from protocols.clock import UnixClock
from protocols.wire.http import HttpRequest
from protocols.wire.platform import authentication as wire
from reference_impl.backend.keys import Keys


class Served:
    """A backend that is served from a thread of its own."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder = url, folder
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.bench: Bench
        self.kiosk: Kiosk
        self.base = ""

    def _run(self) -> None:
        # The loop of the real process. asyncio's own leaves Nagle's algorithm on for a door like this: 40 ms a request.
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            async with (
                connected(self._folder) as settings,
                bench_on(self._url, HandClock(UnixClock().now()), Keys.made(), **settings) as self.bench,
            ):
                self.kiosk = await self.bench.kiosk()
                config = uvicorn.Config(self.bench.app, log_config=None, access_log=False, lifespan="off")
                self._server = uvicorn.Server(config)
                door = socket.create_server(("127.0.0.1", 0))
                self.base = f"http://127.0.0.1:{door.getsockname()[1]}"
                self._ready.set()
                await self._server.serve(sockets=[door])
        finally:
            self._ready.set()

    def __enter__(self) -> Served:
        self._thread.start()
        self._ready.wait(240)
        assert self.base
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.should_exit = True
        self._thread.join(60)


class Proved(AuthBase):
    """A terminal's requests are signed, those of users bear the administrator's token."""

    def __init__(self, served: Served) -> None:
        self._kiosk, self._token = served.kiosk, served.bench.admin.token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if request.path_url.startswith("/v1/admin/"):
            request.headers["Authorization"] = f"Bearer {self._token}"
            return request
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        plain = HttpRequest(request.method or "", request.path_url, {}, body)
        kiosk = self._kiosk
        signed = wire.signed(plain, kiosk.token, kiosk.key, kiosk.now, kiosk.draw.bytes(16).hex())
        request.headers.update(signed.headers)
        return request


def integers_written_as_such(_: object, value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, dict):
        return {name: integers_written_as_such(None, each) for name, each in value.items()}
    if isinstance(value, list):
        return [integers_written_as_such(None, each) for each in value]
    return value


@pytest.mark.filterwarnings("ignore")
def test_the_document_says_what_the_backend_does(database_url: str, tmp_path: Path) -> None:
    counted: Counter[str] = Counter()
    failures: list[str] = []
    with Served(database_url, tmp_path) as served:
        schema = schemathesis.openapi.from_dict(served.bench.app.openapi())
        schema.config.update(base_url=served.base)
        schema.config.generation.update(max_examples=2)
        # What a request may look like is no matter of the database: the second one sees the plain examples and some fuzzing.
        phases = ["examples", "coverage", "fuzzing"] if database_url.startswith("sqlite") else ["examples", "fuzzing"]
        schema.config.phases.update(phases=phases)
        schema.config.seed = 7
        schema.auth.set_from_requests(Proved(served))
        schema.hook("map_body")(integers_written_as_such)
        for event in from_schema(schema).execute():
            if isinstance(event, (events.NonFatalError, events.FatalError)):
                failures.append(repr(event))
            if not isinstance(event, events.ScenarioFinished):
                continue
            for checks in event.recorder.checks.values():
                for check in checks:
                    counted[check.name] += 1
                    if check.failure_info is not None:
                        failures.append(
                            f"{event.recorder.label}: {check.failure_info.failure}\n{check.failure_info.code_sample}"
                        )
    assert not failures, "\n\n".join(failures[:5])
    least = 500 if database_url.startswith("sqlite") else 30
    for name in (
        "not_a_server_error",
        "response_schema_conformance",
        "negative_data_rejection",
        "positive_data_acceptance",
    ):
        assert counted[name] > least, counted
    assert {"ignored_auth", "content_type_conformance", "status_code_conformance"} <= set(counted)
