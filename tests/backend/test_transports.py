"""The shells to the other systems: a reply is a reply, silence is silence, and what was certainly not sent says so."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from protocols.wire.http import HttpRequest, json_request
from reference_impl.backend.frame_transport import StreamTransport
from reference_impl.backend.http_transport import CONNECTIONS_A_PEER, AiohttpTransport
from reference_impl.backend.transport import NoAnswer, NotSent

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[int]:
    """A peer in plain sockets; gives its port."""
    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
        listening.close()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def http_head(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    return head + await reader.readexactly(length)


@asynccontextmanager
async def http_to(port: int) -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport({"his": f"http://127.0.0.1:{port}/base/"})
    try:
        yield transport
    finally:
        await transport.aclose()


async def test_http_request_and_reply_arrive_as_they_are() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await http_head(reader))
        writer.write(
            b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\nConnection: close\r\nX-Code: 7\r\nSet-Cookie: a=b\r\n\r\nnope"
        )
        await writer.drain()
        writer.close()

    async with server(serve) as port, http_to(port) as transport:
        for _ in range(2):
            reply = await transport.exchange("his", json_request("POST", "/v1/trades?no=%E5%8F%B7&x=1", {"a": 1}), 5)
            assert (reply.status, reply.headers["x-code"], reply.body) == (500, "7", b"nope")
    assert heard[0].startswith(b"POST /base/v1/trades?no=%E5%8F%B7&x=1 HTTP/1.1\r\n")
    assert heard[0].endswith(b'\r\n\r\n{"a":1}')
    assert b"ookie" not in heard[1]


async def test_a_redirection_is_a_reply_and_is_not_followed() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await http_head(reader)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with server(serve) as port, http_to(port) as transport:
        assert (await transport.exchange("his", HttpRequest("GET", "/x"), 5)).status == 302


async def test_nobody_there_is_certainly_not_sent() -> None:
    async with http_to(closed_port()) as transport:
        with pytest.raises(NotSent, match="his"):
            await transport.exchange("his", HttpRequest("GET", "/x"), 5)
        with pytest.raises(NotSent, match=r"peers\.bank"):
            await transport.exchange("bank", HttpRequest("GET", "/x"), 5)


async def test_who_gets_no_connection_in_time_has_sent_nothing() -> None:
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await http_head(reader)
        asked += 1
        await reader.read()
        writer.close()

    async with server(serve) as port, http_to(port) as transport:
        others = [
            asyncio.create_task(transport.exchange("his", HttpRequest("GET", "/x"), 60))
            for _ in range(CONNECTIONS_A_PEER)
        ]
        async with asyncio.timeout(30):
            while asked < CONNECTIONS_A_PEER:  # noqa: ASYNC110 the server is another task's
                await asyncio.sleep(0.01)
        with pytest.raises(NotSent, match="ConnectionTimeoutError"):
            await transport.exchange("his", HttpRequest("POST", "/x", {}, b"{}"), 0.2)
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)
    assert asked == CONNECTIONS_A_PEER


@pytest.mark.parametrize("way", ["close", "half", "silence", "garbage", "reset"])
async def test_whatever_breaks_after_the_connection_is_no_answer(way: str) -> None:
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await http_head(reader)
        asked += 1
        if way == "half":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!")
            await writer.drain()
        elif way == "garbage":
            writer.write(b"what?\r\n\r\n")
            await writer.drain()
        elif way == "silence":
            await reader.read()
        elif way == "reset":
            writer.transport.abort()
            return
        writer.close()

    limit_s = 0.3 if way == "silence" else 30  # only silence is meant to run out; a loaded machine connects slowly
    async with server(serve) as port, http_to(port) as transport:
        for method in ("POST", "GET"):
            body = b"{}" if method == "POST" else b""
            with pytest.raises(NoAnswer) as caught:
                await transport.exchange("his", HttpRequest(method, "/x", {}, body), limit_s)
            assert not isinstance(caught.value, NotSent)
    assert asked == 2  # never repeated behind our back


async def test_a_kept_connection_that_breaks_is_no_answer_and_not_repeated() -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await http_head(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        asked.append(await http_head(reader))
        writer.transport.abort()

    async with server(serve) as port, http_to(port) as transport:
        assert (await transport.exchange("his", HttpRequest("POST", "/1", {}, b"{}"), 5)).body == b"ok"
        with pytest.raises(NoAnswer) as caught:
            await transport.exchange("his", HttpRequest("POST", "/2", {}, b"{}"), 5)
        assert not isinstance(caught.value, NotSent)
    assert len(asked) == 2


async def test_a_reply_that_never_ends_is_given_up() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await http_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
        except ConnectionError:
            pass

    async with server(serve) as port:
        transport = AiohttpTransport({"his": f"http://127.0.0.1:{port}"}, most_body=200_000)
        with pytest.raises(NoAnswer, match="ValueError"):
            await transport.exchange("his", HttpRequest("GET", "/x"), 5)
        await transport.aclose()


# Frames.


async def test_a_frame_goes_out_and_one_comes_in() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2), "big")
        frame = await reader.readexactly(length)
        reply = frame[::-1]
        for each in (b"\x00", bytes([len(reply)]), reply[:3], reply[3:] + b"more"):
            writer.write(each)
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    async with server(serve) as port:
        transport = StreamTransport({"bank": f"tcp://127.0.0.1:{port}"})
        assert await transport.exchange("bank", b"\x60\x00\x03\x00\x00", 5) == b"\x00\x00\x03\x00\x60"


async def test_frames_that_no_bank_takes_are_not_sent() -> None:
    transport = StreamTransport({"bank": f"tcp://127.0.0.1:{closed_port()}"})
    with pytest.raises(NotSent, match="ConnectionRefusedError"):
        await transport.exchange("bank", b"x", 5)
    with pytest.raises(NotSent, match="not connected"):
        await transport.exchange("other", b"x", 5)
    for frame in (b"", b"x" * 65_536):
        with pytest.raises(ValueError, match="65535"):
            await transport.exchange("bank", frame, 5)
    with pytest.raises(ValueError, match="tcp://host:port"):
        StreamTransport({"bank": "http://x"})


@pytest.mark.parametrize("reply", [b"", b"\x00", b"\x00\x00", b"\x00\x05abc", None])
async def test_frames_that_come_to_nothing_after_the_connection_are_no_answer(reply: bytes | None) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(3)
        if reply is None:
            await reader.read()
        else:
            writer.write(reply)
            await writer.drain()
        writer.close()

    async with server(serve) as port:
        transport = StreamTransport({"bank": f"tcp://127.0.0.1:{port}"})
        with pytest.raises(NoAnswer) as caught:
            await transport.exchange("bank", b"x", 0.3 if reply is None else 30)
        assert not isinstance(caught.value, NotSent)
