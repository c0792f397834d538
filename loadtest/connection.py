"""A kiosk's connections to the platform: raw sockets under gevent, kept open, with the kernel's receive stamps.

Only the generator's process imports this. Clocks in user space measure the generator as well as the server (measured-load 2,
trap 2): the kernel stamps every segment when it arrives, so the time between that and the moment at which a busy generator reads it is
known, and is never put down to the server.
"""

from __future__ import annotations

import contextlib
import struct

from gevent import socket

from loadtest.exchange import NoReply, Received
from loadtest.http_reply import MalformedReply, ReplyReader, request_bytes
from protocols.clock import UnixClock, stopwatch_s
from protocols.wire.http import HttpRequest

__all__ = ["Door"]

SO_TIMESTAMPNS = 35
"""Of asm-generic/socket.h; the ancillary message that brings the stamp has the same number."""
_STAMP = struct.Struct("@qq")
_ANCILLARY = socket.CMSG_SPACE(_STAMP.size)
READ_BYTES = 65_536
IDLE_S = 50.0
"""A connection that nobody has used for so long is given up, before the platform does it."""


class Door:
    """One kiosk's way to *host*:*port*. Every exchange has a connection to itself; connections are used again."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port, self._name = host, port, f"{host}:{port}"
        self._idle: list[tuple[float, socket.socket]] = []

    def exchange(self, request: HttpRequest, limit_s: float) -> Received:
        """Send *request* and read its reply. Raises :class:`NoReply`."""
        sent = request_bytes(request, self._name)
        until = stopwatch_s() + limit_s
        line: socket.socket | None = None
        try:
            line = self._line(limit_s)
            line.settimeout(max(until - stopwatch_s(), 0.001))
            line.sendall(sent)
            received, keep = self._read(line, until)
        except MalformedReply as error:
            self._drop(line)
            raise NoReply(f"malformed reply: {error}") from None
        except TimeoutError:
            self._drop(line)
            raise NoReply("no reply in time") from None
        except OSError as error:
            self._drop(line)
            raise NoReply(f"connection: {error.strerror or type(error).__name__}") from None
        except BaseException:
            self._drop(line)  # the greenlet is being ended: half an exchange is of no use to the next
            raise
        if keep:
            self._idle.append((stopwatch_s(), line))
        else:
            self._drop(line)
        return received

    def close(self) -> None:
        for _, line in self._idle:
            self._drop(line)
        self._idle.clear()

    def _line(self, limit_s: float) -> socket.socket:
        while self._idle:
            since, line = self._idle.pop()
            if stopwatch_s() - since < IDLE_S:
                return line
            self._drop(line)
        line = socket.create_connection((self._host, self._port), timeout=limit_s)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):  # without stamps the generator's own clock has to do
            line.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        return line

    def _read(self, line: socket.socket, until: float) -> tuple[Received, bool]:
        reader, began = ReplyReader(), stopwatch_s()
        while True:
            left_s = until - stopwatch_s()
            if left_s <= 0:
                raise TimeoutError
            line.settimeout(left_s)
            data, ancillary, _, _ = line.recvmsg(READ_BYTES, _ANCILLARY)
            if not data:
                raise OSError(0, "closed by the platform before a reply" if not reader.begun else "closed in a reply")
            reply = reader.feed(data)
            if reply is not None:
                return Received(reply, _late_s(ancillary, stopwatch_s() - began)), reader.keep_alive

    @staticmethod
    def _drop(line: socket.socket | None) -> None:
        if line is not None:
            line.close()


def _late_s(ancillary: list[tuple[int, int, bytes]], most_s: float) -> float:
    """How long ago the last segment arrived, by the kernel's stamp; 0 where there is none. Never more than *most_s*, so that a step
    of the host's clock cannot make a reply earlier than its request."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(data) >= _STAMP.size:
            seconds, nanoseconds = _STAMP.unpack_from(data)
            # A clock made now: one that was made at the start would have drifted from the kernel's.
            return min(max(UnixClock().now() - (seconds + nanoseconds / 1e9), 0.0), most_s)
    return 0.0
