"""A virtual serial port and the serial client on its two ends: real ptys, real time."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
import serial

from protocols.clock import RealClock
from protocols.link.base import LinkClosed, LinkError, LinkTimeout, open_link
from protocols.link.inbox import INBOX_LIMIT_BYTES
from protocols.link.pty import LineSettings, PtyMaster, open_pty

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


async def open_pair(options: str = ""):
    master = open_pty()
    client = await open_link(master.url + options, RealClock())
    return master, client


async def test_bytes_cross_both_ways_unchanged():
    master, client = await open_pair()
    everything = bytes(range(256))  # a line that is not raw eats 03, 04, 0D, 11, 13, 1A, 7F
    await client.send(everything)
    assert await receive_exactly(master, 256) == everything
    await master.send(everything)
    assert await receive_exactly(client, 256) == everything
    await client.aclose()
    await master.aclose()


async def test_clients_come_and_go_and_the_master_stays():
    master = open_pty()
    for number in range(3):
        client = await open_link(master.url, RealClock())
        await client.send(bytes((number,)))
        assert await receive_exactly(master, 1) == bytes((number,))
        await client.aclose()
    await master.aclose()


async def test_even_parity_can_be_opened_again_and_again():
    master = open_pty()
    for _ in range(4):
        client = await open_link(master.url + "?baud=9600&parity=E", RealClock())
        await until(lambda: master.peer_line is not None)
        assert master.peer_line == LineSettings(9600, 1)
        await client.aclose()
        master.peer_line = None
    await master.aclose()


async def test_a_foreign_client_may_change_settings_on_the_open_port():
    master = open_pty()
    with serial.Serial(master.path, 9600, parity="E", timeout=1) as port:
        await until(lambda: master.peer_line == LineSettings(9600, 1))
        port.timeout = 0.5  # on a bare pty this raises termios.error 22
        port.baudrate = 19200
        await until(lambda: master.peer_line == LineSettings(19200, 1))
    await master.aclose()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("?baud=9600&stopbits=1", LineSettings(9600, 1)),
        ("?baud=38400&stopbits=2", LineSettings(38400, 2)),
        ("?baud=250000", LineSettings(250000, 1)),  # no B constant exists for it
    ],
)
async def test_the_simulator_reads_the_peers_speed_and_stop_bits(options: str, line: LineSettings):
    master, client = await open_pair(options)
    await until(lambda: master.peer_line is not None)
    assert master.peer_line == line
    await client.aclose()
    await master.aclose()


async def test_pulling_the_cable_is_seen_by_the_client():
    master, client = await open_pair()
    await master.aclose()
    with pytest.raises(LinkClosed, match="went away"):
        async with asyncio.timeout(LIMIT_S):
            await client.receive()
    with pytest.raises(LinkClosed):
        await client.send(b"x")
    await client.aclose()


async def test_what_came_before_the_cable_was_pulled_is_not_lost():
    master, client = await open_pair()
    await master.send(b"last words")
    await until(lambda: bool(client._stream._inbox._bytes))
    await master.aclose()
    assert await receive_exactly(client, 10) == b"last words"
    with pytest.raises(LinkClosed):
        await client.receive()
    await client.aclose()


async def test_a_cancelled_receive_loses_nothing():
    master, client = await open_pair()
    got, cancelled = b"", 0
    for number in range(50):
        await master.send(bytes((number,)))
        for _ in range(3):
            try:
                async with asyncio.timeout(0):
                    got += await client.receive()
            except TimeoutError:
                cancelled += 1
    assert cancelled > 0
    assert got + await receive_exactly(client, 50 - len(got)) == bytes(range(50))
    await client.aclose()
    await master.aclose()


async def test_two_receivers_are_refused():
    master, client = await open_pair()
    first = asyncio.create_task(client.receive())
    await asyncio.sleep(0)
    with pytest.raises(LinkError, match="two tasks"):
        await client.receive()
    await master.send(b"!")
    assert await first == b"!"
    await client.aclose()
    await master.aclose()


async def test_a_babbling_client_is_bounded_and_nothing_is_lost():
    master, client = await open_pair()
    flood = os.urandom(1) * (4 * INBOX_LIMIT_BYTES)
    sender = asyncio.create_task(client.send(flood))
    await until(lambda: len(master._stream._inbox._bytes) >= INBOX_LIMIT_BYTES)
    assert len(master._stream._inbox._bytes) < 2 * INBOX_LIMIT_BYTES
    assert await receive_exactly(master, len(flood)) == flood
    await sender
    await client.aclose()
    await master.aclose()


async def test_a_line_that_nobody_reads_loses_bytes_and_counts_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("protocols.link.pty.DROP_AFTER_S", 0.01)
    master = open_pty()
    for _ in range(40):
        await master.send(bytes(4096))
    assert master.dropped_bytes > 0
    await master.aclose()


async def test_the_port_is_exclusive():
    master, client = await open_pair()
    with pytest.raises(LinkError, match=r"busy.*fuser"):
        await open_link(master.url, RealClock())
    await client.aclose()
    await master.aclose()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("serial:///dev/no-such-port", "no such device"),
        ("serial:///dev/null", "not a serial port"),
        ("serial://dev/ttyUSB0", "three slashes"),
        ("serial:///dev/ttyUSB0?baud=fast", "baud=fast"),
        ("serial:///dev/ttyUSB0?baud=0", "baud=0"),
        ("serial:///dev/ttyUSB0?parity=X", "parity=X is not one of N, E, O, M, S"),
        ("serial:///dev/ttyUSB0?stopbits=3", "stopbits=3"),
        ("serial:///dev/ttyUSB0?bauds=9600", "unknown option 'bauds'"),
        ("serial:///dev/ttyUSB0?modem_lines=yes", "modem_lines=yes"),
    ],
)
async def test_each_wrong_link_says_what_is_wrong(text: str, why: str):
    with pytest.raises(LinkError, match=why):
        await open_link(text, RealClock())


async def test_modem_lines_follow_the_bench_file():
    master, client = await open_pair()
    with pytest.raises(LinkError, match="modem_lines=real"):
        client.set_modem_line("dtr", True)
    await client.aclose()
    client = await open_link(master.url + "?modem_lines=pty-ignored", RealClock())
    client.set_modem_line("rts", True)
    assert client.modem_line("cts") is None
    await client.aclose()
    client = await open_link(master.url + "?modem_lines=real", RealClock())
    with pytest.raises(LinkError, match="a pty never has"):
        client.modem_line("cts")
    await client.aclose()
    await master.aclose()


async def test_after_close_each_call_says_so():
    master, client = await open_pair()
    await client.aclose()
    await client.aclose()
    with pytest.raises(LinkError, match="closed"):
        await client.receive()
    await master.aclose()
    await master.aclose()
    with pytest.raises(LinkClosed):
        await master.receive()
    with pytest.raises(LinkClosed):
        await master.send(b"x")


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_nothing_stays_open():
    before = open_descriptors()
    for _ in range(5):
        master, client = await open_pair()
        await client.aclose()
        await master.aclose()
    assert open_descriptors() == before


async def test_the_pty_scheme_gives_the_simulators_end():
    master = await open_link("pty://", RealClock())
    assert isinstance(master, PtyMaster)
    assert master.url == f"serial://{master.path}"
    await master.aclose()


async def test_a_stuck_line_ends_the_send(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("protocols.link.serial.WRITE_LIMIT_S", 0.01)
    master, client = await open_pair()
    master._stream._loop.remove_reader(master._master)  # the device stops reading
    with pytest.raises(LinkTimeout, match="took no bytes"):
        await client.send(bytes(1 << 20))
    await client.aclose()
    await master.aclose()
