"""TCP links on loopback: client, listener, and what happens when either end goes."""

from __future__ import annotations

import asyncio
import socket

import pytest

from protocols.clock import RealClock
from protocols.link.base import LinkClosed, LinkError, open_link
from protocols.link.inbox import INBOX_LIMIT_BYTES
from protocols.link.tcp import TcpListener, listen_tcp

LIMIT_S = 5.0


async def receive_exactly(link, count: int) -> bytes:
    got = b""
    async with asyncio.timeout(LIMIT_S):
        while len(got) < count:
            got += await link.receive()
    return got


async def until(condition) -> None:
    clock = RealClock()
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await clock.sleep_until(clock.now() + 0.002)


async def open_pair():
    listener = await listen_tcp()
    client = await open_link(listener.url, RealClock())
    await until(lambda: listener.wire is not None)
    return listener, client


async def test_bytes_cross_both_ways():
    listener, client = await open_pair()
    await client.send(b"ping\x00\xff")
    assert await receive_exactly(listener, 6) == b"ping\x00\xff"
    await listener.send(b"pong")
    assert await receive_exactly(client, 4) == b"pong"
    await client.aclose()
    await listener.aclose()


async def test_clients_come_and_go_and_the_device_stays():
    listener, client = await open_pair()
    await client.aclose()
    await until(lambda: listener.wire is None)
    await listener.send(b"into the void")
    assert listener.dropped_bytes == 13
    second = await open_link(listener.url, RealClock())
    await second.send(b"again")
    assert await receive_exactly(listener, 5) == b"again"
    await second.aclose()
    await listener.aclose()


async def test_a_second_client_is_turned_away_and_the_first_keeps_its_line():
    listener, client = await open_pair()
    second = await open_link(listener.url, RealClock())
    with pytest.raises(LinkClosed):
        async with asyncio.timeout(LIMIT_S):
            await second.receive()
    await listener.send(b"still here")
    assert await receive_exactly(client, 10) == b"still here"
    for link in (second, client, listener):
        await link.aclose()


async def test_the_device_goes_away():
    listener, client = await open_pair()
    await listener.send(b"bye")
    await listener.aclose()
    assert await receive_exactly(client, 3) == b"bye"
    with pytest.raises(LinkClosed):
        async with asyncio.timeout(LIMIT_S):
            await client.receive()
    with pytest.raises(LinkClosed):
        await client.send(b"x")
    await client.aclose()


async def test_a_cancelled_receive_loses_nothing():
    listener, client = await open_pair()
    got, cancelled = b"", 0
    for number in range(50):
        await listener.send(bytes((number,)))
        for _ in range(3):
            try:
                async with asyncio.timeout(0):
                    got += await client.receive()
            except TimeoutError:
                cancelled += 1
    assert cancelled > 0
    assert got + await receive_exactly(client, 50 - len(got)) == bytes(range(50))
    await client.aclose()
    await listener.aclose()


async def test_a_flood_is_bounded_and_complete():
    listener, client = await open_pair()
    flood = bytes(range(256)) * 4096 * 8
    sender = asyncio.create_task(client.send(flood))
    await until(lambda: len(listener.inbox._bytes) >= INBOX_LIMIT_BYTES)
    held = len(listener.inbox._bytes)
    assert held < INBOX_LIMIT_BYTES + (1 << 18)
    assert await receive_exactly(listener, len(flood)) == flood
    await sender
    await client.aclose()
    await listener.aclose()


async def test_the_client_waits_for_a_device_that_starts_late():
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    late = TcpListener()

    async def start_late() -> None:
        clock = RealClock()
        await clock.sleep_until(0.15)
        await late.start(port)

    starter = asyncio.create_task(start_late())
    client = await open_link(f"tcp://127.0.0.1:{port}?wait_s=5", RealClock())
    await starter
    await client.send(b"!")
    assert await receive_exactly(late, 1) == b"!"
    await client.aclose()
    await late.aclose()


async def test_nobody_there_says_what_to_do():
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    with pytest.raises(LinkError, match="start the device first"):
        await open_link(f"tcp://127.0.0.1:{port}?wait_s=0.1", RealClock())


async def test_a_port_in_use_is_named():
    listener = await listen_tcp()
    with pytest.raises(LinkError, match=f"port {listener.port} is in use"):
        await listen_tcp(listener.port)
    await listener.aclose()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tcp://127.0.0.1", "host and port"),
        ("tcp://127.0.0.1:70000", "Port out of range"),
        ("tcp://127.0.0.1:4001?wait=3", "unknown option 'wait'"),
        ("tcp://127.0.0.1:4001?wait_s=soon", "wait_s"),
        ("udp://127.0.0.1:4001", "unknown scheme 'udp'"),
    ],
)
async def test_each_wrong_link_says_what_is_wrong(text: str, why: str):
    with pytest.raises(LinkError, match=why):
        await open_link(text, RealClock())
