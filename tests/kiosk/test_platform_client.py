"""The platform's client against a server that checks every proof and breaks exchanges in every way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from business_bench import CARD, HOLDER
from fake_platform import FakePlatform
from platform_server import CODE, PlatformServer

from protocols.clock import UnixClock
from protocols.seeded import SeededChoice
from protocols.wire.http import HttpReply
from protocols.wire.platform.models import Heartbeat, OpenTradeRequest, Problem
from reference_impl.kiosk.business.works import PinBlock
from reference_impl.kiosk.platform import PlatformRefused, PlatformSilent
from reference_impl.kiosk.platform_client import Limits, PlatformClient
from reference_impl.kiosk.platform_http import HttpExchange, origin_of
from reference_impl.kiosk.platform_session import problem_of

KEY = bytes(range(32))
LIMITS = Limits(exchange_s=0.5, call_s=4.0, look_s=4.0, first_wait_s=0.001, most_wait_s=0.01)
PIN = PinBlock(bytes.fromhex("0123456789ABCDEF"), "v1")
UNANSWERED = ("drop", "drop-before", "hang", "hang-after", "500", "503", "409", "rubbish", "half", "huge")


class SkewedClock(UnixClock):
    def __init__(self, skew_s: float = 0.0) -> None:
        super().__init__()
        self._start += skew_s


@asynccontextmanager
async def connected(
    skew_s: float = 0.0, limits: Limits = LIMITS, enrolled: bool = True
) -> AsyncIterator[tuple[PlatformClient, PlatformServer]]:
    clock = SkewedClock(skew_s)
    real = UnixClock()
    server = await PlatformServer(FakePlatform(real), real.now).start()
    choice = SeededChoice(7, "client")
    client = PlatformClient(HttpExchange(server.origin), "KSK-00001", KEY, clock, choice, limits, choice.bytes)
    try:
        if enrolled:
            await client.enrol(CODE)
        yield client, server
    finally:
        await client.aclose()
        await server.stop()
    assert server.complaints == []


async def a_trade(client: PlatformClient) -> str:
    visitor = await client.identify(HOLDER)
    request = OpenTradeRequest(visitor_id=visitor.visitor_id, bill_ids=("B0001",), insured=False)
    trade = await client.open_trade("K1", request)
    await client.trade(trade.trade_no)
    return trade.trade_no


async def test_every_operation_of_the_interface() -> None:
    async with connected() as (client, server):
        await client.session()
        visitor = await client.identify(HOLDER)
        assert (visitor.name, visitor.record) == ("测**", True)
        await client.create_record(visitor.visitor_id, "10000000001")
        assert len((await client.bills(visitor.visitor_id)).bills) == 4
        assert [each.department_id for each in (await client.departments()).departments] == ["D01", "D02"]
        assert (await client.doctors("D01")).doctors[0].doctor_id == "DR1"
        (slot, _) = (await client.slots("D01", "DR1", "2026-11-22")).slots
        lock = await client.lock_slot(slot.slot_id, visitor.visitor_id)
        assert (await client.appointments(visitor.visitor_id)).appointments == ()
        registration = await client.open_trade(
            "K0", OpenTradeRequest(visitor_id=visitor.visitor_id, lock_id=lock.lock_id)
        )
        assert (await client.cancel(registration.trade_no, "citizen")).state == "cancelling"
        number = await a_trade(client)
        assert (await client.trade_by_key("K1")).trade_no == number  # type: ignore[union-attr]
        assert await client.trade_by_key("K2") is None
        await client.pin_key()
        assert (await client.pay(number, "P1", "bank_card", card=CARD, pin=PIN)).state == "paying"
        assert (await client.trade(number, 0.2)).state == "paid"
        assert (await client.receipt(number)).total_fen == 12_560
        assert (await client.eligibility(number)).eligible
        assert (await client.refund(number, "citizen")).state == "refunding"
        beat = Heartbeat(seq=0, boot_id="b", sent_at=1.0, uptime_s=1.0, app_version="0.1.0")
        assert (await client.heartbeat(beat)).server_time > 0
        assert server.platform.violations == []
        assert [path for path in server.paths() if path.endswith("/sessions")] == ["POST /v1/terminal/sessions"]


async def test_nothing_personal_is_on_the_line_in_the_clear() -> None:
    async with connected() as (client, server):
        number = await a_trade(client)
        await client.pay(number, "P1", "bank_card", card=CARD, pin=PIN)
        line = b"".join(server.bodies) + repr(server.seen).encode()
        for secret in (HOLDER.id_number, HOLDER.card_number, HOLDER.name, CARD.pan, CARD.track2, "0123456789ABCDEF"):
            assert secret.encode() not in line


@pytest.mark.parametrize("broken", UNANSWERED)
async def test_a_press_is_sent_again_under_the_same_key_whatever_breaks(broken: str) -> None:
    async with connected() as (client, server):
        number = await a_trade(client)
        place = f"POST /v1/trades/{number}/pay"
        server.breaks[place] = [broken, broken]
        trade = await client.pay(number, "P1", "bank_card", card=CARD, pin=PIN)
        assert trade.state in ("paying", "paid")
        keys = [head["idempotency-key"] for method, path, head in server.seen if f"{method} {path}" == place]
        assert keys == ["P1"] * 3
        assert server.platform.trades[number].pay_keys == ["P1"]
        server.platform.settle_down()
        assert len(server.platform.debits) == 1


@pytest.mark.parametrize("broken", UNANSWERED)
async def test_a_call_that_is_never_answered_ends_and_says_so(broken: str) -> None:
    async with connected(limits=Limits(0.1, 0.4, 0.4, 0.01, 0.02)) as (client, server):
        number = await a_trade(client)
        server.breaks[f"POST /v1/trades/{number}/pay"] = [broken] * 200
        with pytest.raises(PlatformSilent, match=r"check|see"):
            await client.pay(number, "P1", "wechat", auth_code="134567890123456789")


async def test_a_refusal_is_said_with_its_code_and_not_sent_again() -> None:
    async with connected() as (client, server):
        number = await a_trade(client)
        with pytest.raises(PlatformRefused) as refused:
            await client.pay(number, "P1", "account")
        assert (refused.value.problem.code, refused.value.certain) == ("method-does-not-pay", True)
        assert server.paths().count(f"POST /v1/trades/{number}/pay") == 1


async def test_a_refusal_after_an_unanswered_copy_is_not_certain() -> None:
    async with connected() as (client, server):
        number = await a_trade(client)
        server.breaks[f"POST /v1/trades/{number}/pay"] = ["drop-before"]
        with pytest.raises(PlatformRefused) as refused:
            await client.pay(number, "P1", "account")
        assert not refused.value.certain


@pytest.mark.parametrize("code", ["session-invalid", "session-expired", "something-new"])
async def test_a_session_that_the_platform_forgot_is_opened_anew_and_the_part_sealed_anew(code: str) -> None:
    async with connected() as (client, server):
        number = await a_trade(client)
        server.breaks[f"POST /v1/trades/{number}/pay"] = [f"401:{code}"]
        await client.pay(number, "P1", "bank_card", card=CARD, pin=PIN)
        assert len(server.sessions) == 2
        assert server.platform.trades[number].pay_keys == ["P1"]


async def test_all_sessions_are_gone_after_a_restart_of_the_platform() -> None:
    async with connected() as (client, server):
        await client.departments()
        server.sessions.clear()
        assert len((await client.departments()).departments) == 2


async def test_a_session_is_renewed_before_it_ends() -> None:
    async with connected() as (client, server):
        server.session_s = 20.0  # less than is left over before a renewal
        await client.departments()
        await client.departments()
        assert len(server.sessions) == 2


@pytest.mark.parametrize("skew_s", [-86_400.0, 86_400.0, 400.0])
async def test_a_terminal_whose_clock_is_wrong_takes_the_platform_s_time(skew_s: float) -> None:
    async with connected(skew_s) as (client, server):
        visitor = await client.identify(HOLDER)
        mine = SkewedClock(skew_s).now()
        assert 590 < visitor.expires_at - mine < 610, "times come back in the terminal's own clock"
        assert len(server.sessions) == 1


async def test_a_clock_that_is_set_while_a_session_is_open_is_followed() -> None:
    async with connected() as (client, server):
        await client.departments()
        server.skew_s = 5_000.0
        assert len((await client.departments()).departments) == 2
        assert len(server.sessions) == 1


async def test_a_nonce_that_was_used_is_replaced() -> None:
    async with connected() as (client, server):
        await client.departments()
        server.breaks["GET /v1/departments"] = ["401:nonce-used"]
        await client.departments()
        assert len(server.sessions) == 1


@pytest.mark.parametrize("code", ["signature-wrong", "terminal-revoked"])
async def test_what_a_terminal_cannot_mend_is_said(code: str) -> None:
    async with connected() as (client, server):
        server.breaks["GET /v1/departments"] = [f"401:{code}"] * 9
        with pytest.raises(PlatformRefused, match=code):
            await client.departments()
        assert server.paths().count("GET /v1/departments") == 1


async def test_a_terminal_that_is_not_enrolled_gets_no_session() -> None:
    async with connected(enrolled=False) as (client, server):
        with pytest.raises(PlatformRefused, match="terminal-revoked"):
            await client.session()
        with pytest.raises(PlatformRefused, match="enrolment-refused"):
            await client.enrol("WRONG-CODE")
        await client.enrol(CODE)
        await client.session()
        assert len(server.sessions) == 1


async def test_nobody_listens() -> None:
    clock = UnixClock()
    client = PlatformClient(
        HttpExchange("http://127.0.0.1:1"),
        "KSK-00001",
        KEY,
        clock,
        SeededChoice(1, "c"),
        Limits(0.1, 0.2, 0.2, 0.01, 0.02),
    )
    with pytest.raises(PlatformSilent, match="does not accept the connection"):
        await client.departments()
    with pytest.raises(PlatformSilent, match="does not accept the connection"):
        await client.session()
    await client.aclose()


async def test_a_reply_that_is_none_of_the_interface_is_silence() -> None:
    async with connected(limits=Limits(0.3, 0.5, 0.5, 0.01, 0.02)) as (client, server):
        server.breaks["GET /v1/departments"] = ["rubbish"] * 100
        with pytest.raises(PlatformSilent, match="DepartmentList"):
            await client.departments()
        server.breaks["GET /v1/departments"] = ["redirect"]
        with pytest.raises(PlatformRefused, match="http-302"):
            await client.departments()


async def test_calls_at_the_same_time_share_one_session() -> None:
    import asyncio

    async with connected() as (client, server):
        await asyncio.gather(*(client.departments() for _ in range(8)))
        assert len(server.sessions) == 1
        assert len(server.nonces) == 8


async def test_ids_with_strange_characters_are_signed_as_they_are_sent() -> None:
    async with connected() as (client, server):
        await client.doctors("D01 一+%")
        await client.bills((await client.identify(HOLDER)).visitor_id)
        assert ("doctors", ("D01 一+%",)) in server.platform.calls


@pytest.mark.parametrize(
    ("reply", "code", "retry"),
    [
        (HttpReply(502, {}, b"<html>bad gateway"), "http-502", True),
        (HttpReply(404, {}, b""), "http-404", False),
        (HttpReply(429, {}, b"{}"), "http-429", True),
        (HttpReply(413, {}, b"\xff"), "http-413", False),
    ],
)
def test_an_error_without_a_document_gets_one_by_its_status(reply: HttpReply, code: str, retry: bool) -> None:
    problem = problem_of(reply)
    assert (problem.code, problem.retry) == (code, retry)


async def test_a_key_is_unknown_only_where_the_platform_itself_says_so() -> None:
    async with connected() as (client, server):
        server.breaks["GET /v1/trades"] = ["404"]
        assert await client.trade_by_key("K1") is None
        server.breaks["GET /v1/trades"] = ["bare-404"]
        with pytest.raises(PlatformRefused, match="http-404"):
            await client.trade_by_key("K1")


def test_a_platform_in_trouble_may_be_asked_again_whatever_it_says() -> None:
    said = Problem(code="internal", title="", detail="", status=500)
    assert problem_of(HttpReply(500, {}, said.model_dump_json().encode())).retry


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("https://platform.example/", "https://platform.example"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_a_platform_is_an_origin(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://x", "http://", "http://x/v1", "http://u@x", "http://x:99999", "http://x?a=1"]
)
def test_what_is_no_platform_is_refused_with_a_remedy(url: str) -> None:
    with pytest.raises(ValueError, match=r"http|Port"):
        origin_of(url)
