"""The centre behind a real socket: found by its name, killed and back with its books."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp

from protocols.clock import UnixClock
from protocols.wire.http import HttpRequest
from simulators.peer.base import PeerOptions
from simulators.peer.insurance_core import InsurancePeer
from simulators.serve.peers import PeerHost, peer_kinds

from .clinic import Clinic, centre


async def _post(url: str, request: HttpRequest) -> tuple[int, dict[str, object]]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(url + request.target, data=request.body, headers=dict(request.headers)) as reply,
    ):
        return reply.status, json.loads(await reply.read())


async def test_a_sign_in_over_http_survives_the_process(tmp_path: Path) -> None:
    assert peer_kinds()["insurance"].transport == "http"
    clock = UnixClock()
    party = Clinic(centre()[0], now=clock.now())
    body = {"signIn": {"opter_no": party.opter, "mac": "m", "ip": "i"}}
    numbers = []
    for _ in range(2):
        async with PeerHost(clock, tmp_path) as host:
            standing = await host.add("insurance", PeerOptions())
            party.now = clock.now()
            request = party.request(party.envelope("9001", body, sign_no=None))
            status, reply = await _post(standing.url, request)
            assert (status, reply["infcode"]) == (200, "0")
            numbers.append(reply["output"]["signinoutb"]["sign_no"])  # type: ignore[index]
            assert (await _post(standing.url, request))[0] == 401
            assert isinstance(standing.core, InsurancePeer)
    assert numbers[0] == numbers[1]
