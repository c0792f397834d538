"""The three peers on real sockets, reached as the backend reaches them, and killed in between."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from protocols.clock import UnixClock
from protocols.wire.credential import CredentialKind
from protocols.wire.http import HttpReply, HttpRequest
from protocols.wire.qr.payment_codes import Family
from reference_impl.backend.channels.credential_client import CredentialClient
from reference_impl.backend.channels.notify_client import Notice, NotifyClient, NotifyConfig, Recipient
from reference_impl.backend.channels.qr import qr_messages
from reference_impl.backend.channels.qr_calls import Call
from reference_impl.backend.settlement.channel import Heard
from simulators.peer.base import PeerOptions
from simulators.peer.credential_codes import credential_code
from simulators.peer.qr_codes import payment_code
from simulators.serve.peers import PeerHost

from .world import config

OPTIONS = {"qr": PeerOptions(), "credential": PeerOptions(), "notify": PeerOptions()}


class Client:
    def __init__(self, host: PeerHost, session: aiohttp.ClientSession) -> None:
        self._host, self._session = host, session

    async def exchange(self, peer: str, request: HttpRequest, limit_s: float) -> HttpReply:
        url = self._host.peers[peer].url + request.target
        async with self._session.request(request.method, url, data=request.body, headers=request.headers) as reply:
            return HttpReply(reply.status, dict(reply.headers), await reply.read())


def call(op: str, family: Family, now: float) -> Call:
    code = payment_code(family, 1, 1)
    return Call(op, "A1", "R1", 1250, 1250, "门诊缴费", "H44190000001", "KSK-00001", now, "n" * 32, code)


def journals_of(folder: Path) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.jsonl"))


async def test_paid_then_killed_then_asked(tmp_path: Path) -> None:
    clock = UnixClock()
    messages = qr_messages(config())
    async with aiohttp.ClientSession() as session:
        for op in ("pay", "query"):
            async with PeerHost(clock, tmp_path) as host:
                await host.add("qr", OPTIONS["qr"])
                client = Client(host, session)
                for each in messages:
                    asked = call(op, each.family, clock.now())
                    reply = await client.exchange("qr", each.request(asked), 5.0)
                    assert each.heard(asked, reply).heard is Heard.DONE
                assert len(list(host.peers["qr"].core.book())) == 3
                assert host.peers["qr"].core.violations() == []
    for family in Family:
        assert payment_code(family, 1, 1) not in journals_of(tmp_path)


async def test_who_it_is_and_a_notice_to_them(tmp_path: Path) -> None:
    clock = UnixClock()
    async with aiohttp.ClientSession() as session, PeerHost(clock, tmp_path) as host:
        for name in ("credential", "notify"):
            await host.add(name, OPTIONS[name])
        client = Client(host, session)
        for kind in CredentialKind:
            code = credential_code(kind, 1, int(clock.now()) // 60)
            found = await CredentialClient(client).decode(
                code, institution="H44190000001", terminal_id="KSK-00001", expected=kind
            )
            assert found.id_number == "44190019900101001X"
        message = Notice("m1", "DG1", "paid", {"kind": "bill", "total_fen": 1250}, clock.now())
        config = NotifyConfig("wx0000000000000001", "SIM-APP-SECRET", "SIM-SMS-KEY")
        notify = NotifyClient(config, client, clock)
        for recipient in (Recipient(openid="oSIM000000000001"), Recipient(phone="10000000001")):
            assert (await notify.deliver(message, recipient)).state == "delivered"
        reply = await client.exchange("notify", HttpRequest("GET", "/sink/messages?channel=sms"), 5.0)
        assert b"12.50" in reply.body
    journals = journals_of(tmp_path)
    assert journals
    for secret in ("测试甲", "44190019900101001X", "oSIM000000000001", "10000000001"):
        assert secret not in journals
