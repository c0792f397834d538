"""The client of the outbox: every fault ends in one message or in a clear word, and never in two messages."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from protocols.clock import LoopClock, run_virtual
from protocols.wire import notice
from protocols.wire.http import HttpReply, HttpRequest
from reference_impl.backend.channels.notify_client import Delivery, Notice, NotifyClient, NotifyConfig, Recipient
from reference_impl.backend.transport import NoAnswer
from simulators.peer.base import PeerOptions
from simulators.peer.delivery import deliver
from simulators.peer.faults import PEER_FAULTS, FaultSwitch, PeerFault

from .test_notify import MORNING, OPENID, PHONE, Bench

CONFIG = NotifyConfig("wx0000000000000001", "SIM-APP-SECRET", "SIM-SMS-KEY")
MESSAGE = Notice(
    "DG2026112200001000001:paid:7", "DG2026112200001000001", "paid", {"kind": "bill", "total_fen": 1250}, MORNING
)
BOTH = Recipient(OPENID, PHONE)


class Network:
    def __init__(self, bench: Bench, switch: FaultSwitch, clock: LoopClock) -> None:
        self.bench, self.switch, self.clock = bench, switch, clock
        self.sent: list[str] = []

    async def exchange(self, peer: str, request: HttpRequest, limit_s: float) -> HttpReply:
        assert peer == "notify"
        self.sent.append(request.path)
        try:
            async with asyncio.timeout(limit_s):
                reply, _ = await deliver(self.bench.peer, self.switch, request, self.clock)
        except TimeoutError:
            raise NoAnswer from None
        if reply is None:
            raise NoAnswer
        return reply


def delivered(
    *tries: Recipient,
    bench: Bench | None = None,
    faults: tuple[PeerFault, ...] = (),
    message: Notice = MESSAGE,
    config: Any = CONFIG,
) -> tuple[list[Delivery], Bench, Network]:
    bench = bench or Bench()

    async def main() -> tuple[list[Delivery], Network]:
        clock = LoopClock(MORNING)
        network = Network(bench, FaultSwitch(faults), clock)
        client = NotifyClient(config, network, clock)
        found = [await client.deliver(message, each) for each in tries]
        return found, network

    found, network = run_virtual(main())
    return found, bench, network


def test_by_wechat() -> None:
    (found,), bench, _ = delivered(BOTH)
    assert found == Delivery("delivered", "wechat")
    (arrived,) = bench.sink()
    assert arrived["channel"] == "wechat"
    assert arrived["values"] == {
        "thing2": "门诊缴费",
        "time3": "2026-11-22 08:00",
        "character_string9": "DG2026112200001000001",
        "amount": "12.50元",
    }
    assert bench.peer.violations() == []


def test_one_token_serves_many_messages() -> None:
    _, _, network = delivered(BOTH, BOTH, BOTH)
    assert network.sent.count(notice.TOKEN) == 1


def test_the_same_message_again_arrives_once() -> None:
    found, bench, _ = delivered(BOTH, BOTH)
    assert [each.state for each in found] == ["delivered", "delivered"]
    assert len(bench.sink()) == 1


def test_by_sms_who_has_no_wechat_or_does_not_follow() -> None:
    for recipient, settings in (
        (Recipient(phone=PHONE), {}),
        (BOTH, {"strangers_every": 1}),
        (replace(BOTH, openid="oX"), {}),
    ):
        (found,), bench, _ = delivered(recipient, bench=Bench(PeerOptions(settings=settings)))
        assert found == Delivery("delivered", "sms")
        assert [each["channel"] for each in bench.sink()] == ["sms"]


def test_nobody_can_be_reached() -> None:
    (found,), _, network = delivered(Recipient())
    assert (found.state, found.code) == ("rejected", "nobody")
    assert network.sent == []
    (found,), _, _ = delivered(Recipient(openid=OPENID), bench=Bench(PeerOptions(settings={"strangers_every": 1})))
    assert (found.state, found.code) == ("rejected", "43004")


def test_a_kind_without_template_is_rejected() -> None:
    (found,), _, network = delivered(BOTH, message=replace(MESSAGE, kind="birthday"))
    assert (found.state, found.code) == ("rejected", "no-template")
    assert network.sent == []


def test_wrong_keys_are_no_reason_to_forget_a_message() -> None:
    (found,), _, _ = delivered(BOTH, config=NotifyConfig("wx0000000000000001", "x", "x"))
    assert (found.state, found.code) == ("later", "no-token")
    (found,), _, _ = delivered(Recipient(phone=PHONE), config=NotifyConfig("wx", "x", "x"))
    assert (found.state, found.code) == ("later", "SIGNATURE_INVALID")


def test_a_quota_is_waited_for_and_no_sms_is_sent_instead() -> None:
    (found,), bench, _ = delivered(BOTH, bench=Bench(PeerOptions(settings={"quota": 0})))
    assert (found.state, found.code) == ("later", "45009")
    assert bench.sink() == []


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("fault", [each for each in PEER_FAULTS if each != "file-not-ready"])
@pytest.mark.parametrize("path", [notice.TOKEN, notice.SEND])
def test_wechat_with_every_fault_arrives_once(path: str, fault: Any, times: int) -> None:
    """However often the outbox tries, one message arrives; a fault never turns into a second one by SMS."""
    faults = (PeerFault(fault, path, times=times),)
    found, bench, _ = delivered(*[BOTH] * 5, faults=faults)
    assert found[-1] == Delivery("delivered", "wechat")
    assert all(each.state in ("delivered", "later") for each in found)
    assert [each["channel"] for each in bench.sink()] == ["wechat"]


@pytest.mark.parametrize("fault", [each for each in PEER_FAULTS if each != "file-not-ready"])
def test_sms_with_every_fault_arrives_once(fault: Any) -> None:
    found, bench, _ = delivered(*[Recipient(phone=PHONE)] * 4, faults=(PeerFault(fault, notice.SMS),))
    assert found[-1] == Delivery("delivered", "sms")
    assert len(bench.sink()) == 1


def test_a_hostile_platform_that_ends_tokens() -> None:
    """Another client takes a token between two messages: ours is dead, and a fresh one is taken at once."""
    bench = Bench(PeerOptions(temper="hostile"))

    async def main() -> None:
        clock = LoopClock(MORNING)
        client = NotifyClient(CONFIG, Network(bench, FaultSwitch(), clock), clock)
        assert (await client.deliver(MESSAGE, BOTH)).state == "delivered"
        await asyncio.sleep(1)
        bench.now = clock.now()
        bench.token()
        await asyncio.sleep(1)
        assert (await client.deliver(replace(MESSAGE, message_id="m2"), BOTH)).state == "delivered"

    run_virtual(main())
    assert len(bench.sink()) == 2


def test_http_errors_and_secrets() -> None:
    class Broken:
        async def exchange(self, peer: str, request: HttpRequest, limit_s: float) -> HttpReply:
            return HttpReply(503, {}, b"{}")

    async def main() -> None:
        client = NotifyClient(CONFIG, Broken(), LoopClock(MORNING))
        assert (await client.deliver(MESSAGE, BOTH)).state == "later"
        assert (await client.deliver(MESSAGE, Recipient(phone=PHONE))).state == "later"

    run_virtual(main())
    assert "SIM-APP-SECRET" not in repr(CONFIG)
    assert OPENID not in repr(BOTH)
    assert PHONE not in repr(BOTH)
