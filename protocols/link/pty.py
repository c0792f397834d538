"""A virtual serial port: the simulator holds the master, the program under test opens ``path`` like a real port.

What a Linux pty cannot do is worked around here (measured on Debian 12, spec/devices.md 11):

* It refuses parity. The C library then fails a ``tcsetattr`` that changed nothing else with EINVAL, so a second open
  with ``parity='E'`` fails. The master therefore puts the line back to 50 baud as soon as a client has set it: every
  later setting changes at least the speed, and succeeds.
* After the last client closes, the master reads EIO. One descriptor of the slave is kept open here, so clients may
  come and go.
* Line settings arrive as packet-mode notes; :attr:`PtyMaster.peer_line` tells the last ones that a client has made.
"""

from __future__ import annotations

import fcntl
import os
import struct
import termios
import tty
from dataclasses import dataclass

from protocols.clock import Clock
from protocols.link.base import LinkTimeout, LinkUrl
from protocols.link.fd_stream import FdStream

__all__ = ["SCHEMES", "LineSettings", "PtyMaster", "connect", "open_pty"]

SCHEMES = ("pty",)

REARM_BAUD = 50
"""The speed no client asks for. A client that does want 50 baud is not noticed."""

DROP_AFTER_S = 2.0
"""A line that nobody reads loses its bytes, as a UART does; until then a slow reader is waited for."""

TCGETS2 = 0x802C542A  # gives the speed as a number, also where no B constant exists
TERMIOS2 = struct.Struct("=4IB19s2I")
EXTPROC = 0o200000
TIOCPKT_DATA, TIOCPKT_IOCTL = 0x00, 0x40


@dataclass(frozen=True, slots=True)
class LineSettings:
    """What a client set its end to. ``baud`` in bits per second, ``stopbits`` 1 or 2. A pty hides parity and size."""

    baud: int
    stopbits: int


class PtyMaster:
    """The simulator's end of a virtual serial port. ``send`` drops what nobody reads; see :func:`open_pty`."""

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path: str = os.ttyname(self._slave)
        self.peer_line: LineSettings | None = None
        self.dropped_bytes = 0
        self._closed = False
        fcntl.ioctl(self._master, termios.TIOCPKT, struct.pack("i", 1))
        self._rearm()
        self._stream = FdStream(self._master, self.path, self._unpack)

    @property
    def url(self) -> str:
        """The link URL for the other end."""
        return f"serial://{self.path}"

    def _unpack(self, packet: bytes) -> bytes:
        if packet[0] == TIOCPKT_DATA:
            return packet[1:]
        if packet[0] & TIOCPKT_IOCTL:
            self._line_was_set()
        return b""

    def _line_was_set(self) -> None:
        raw = fcntl.ioctl(self._master, TCGETS2, bytes(TERMIOS2.size))
        _, _, cflag, lflag, _, _, _, baud = TERMIOS2.unpack(raw)
        if baud == REARM_BAUD and lflag & EXTPROC:
            return  # the note about our own setting
        self.peer_line = LineSettings(baud, 2 if cflag & termios.CSTOPB else 1)
        self._rearm()

    def _rearm(self) -> None:
        attributes = termios.tcgetattr(self._slave)
        attributes[3] |= EXTPROC  # without it no note about settings is sent
        attributes[4] = attributes[5] = termios.B50
        termios.tcsetattr(self._slave, termios.TCSANOW, attributes)

    async def receive(self) -> bytes:
        return await self._stream.receive()

    async def send(self, data: bytes) -> None:
        try:
            await self._stream.send(data, DROP_AFTER_S)
        except LinkTimeout:
            self.dropped_bytes += len(data)

    async def aclose(self) -> None:
        """Close both ends: clients see the cable pulled."""
        if not self._closed:
            self._closed = True
            self._stream.detach()
            os.close(self._master)
            os.close(self._slave)


def open_pty() -> PtyMaster:
    """A new virtual serial port on the running loop; its device name is in ``path``."""
    return PtyMaster()


async def connect(url: LinkUrl, clock: Clock) -> PtyMaster:
    """``pty://``: the simulator's end. The port's name cannot be chosen; read it from ``path``."""
    return open_pty()
