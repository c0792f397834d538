"""Serial lines: ``serial:///dev/ttyUSB0?baud=9600&parity=N&bytesize=8&stopbits=1&modem_lines=none``.

pyserial opens and configures the port, once; the descriptor is then served by the event loop. Nothing is changed on
an open port, because a pty refuses that (see ``pty.py``). The port is opened for this process alone.
"""

from __future__ import annotations

import errno
import importlib
import termios
from dataclasses import dataclass
from typing import Any, Literal, cast

from protocols.clock import Clock
from protocols.link.base import LinkError, LinkUrl
from protocols.link.fd_stream import FdStream

__all__ = ["SCHEMES", "ModemLines", "SerialLink", "SerialSettings", "connect"]

SCHEMES = ("serial",)

ModemLines = Literal["none", "pty-ignored", "real"]
"""``none``: using one is an error; ``pty-ignored``: setting is accepted and does nothing, reading gives None;
``real``: DTR and RTS are set, CTS and DSR are read."""

WRITE_LIMIT_S = 10.0
STOPBITS = {"1": 1.0, "1.5": 1.5, "2": 2.0}
MODEM_LINES: dict[str, ModemLines] = {"none": "none", "pty-ignored": "pty-ignored", "real": "real"}


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """How a line is set. ``baud`` in bits per second; ``parity`` one of N E O M S."""

    baud: int = 9600
    parity: str = "N"
    bytesize: int = 8
    stopbits: float = 1.0
    modem_lines: ModemLines = "none"

    @staticmethod
    def parse(url: LinkUrl) -> SerialSettings:
        """The options of a link URL. Raises LinkError naming the option and what it may be."""
        known = ("baud", "parity", "bytesize", "stopbits", "modem_lines")
        for key in url.options:
            if key not in known:
                raise LinkError(f"link {url}: unknown option {key!r}; known: {', '.join(known)}")

        def one_of(key: str, default: str, allowed: tuple[str, ...]) -> str:
            value = url.options.get(key, default)
            if value not in allowed:
                raise LinkError(f"link {url}: {key}={value} is not one of {', '.join(allowed)}")
            return value

        baud = url.options.get("baud", "9600")
        if not baud.isascii() or not baud.isdigit() or not 0 < int(baud) <= 4_000_000:
            raise LinkError(f"link {url}: baud={baud} is no speed; write bits per second, such as 9600")
        return SerialSettings(
            int(baud),
            one_of("parity", "N", ("N", "E", "O", "M", "S")),
            int(one_of("bytesize", "8", ("5", "6", "7", "8"))),
            STOPBITS[one_of("stopbits", "1", tuple(STOPBITS))],
            MODEM_LINES[one_of("modem_lines", "none", tuple(MODEM_LINES))],
        )


class SerialLink:
    """An open serial port. Raises LinkClosed when the device goes away."""

    def __init__(self, port: Any, settings: SerialSettings) -> None:
        self._port = port
        self.path: str = port.port
        self.settings = settings
        self._stream: FdStream | None = FdStream(port.fileno(), self.path)

    def _open(self) -> FdStream:
        if self._stream is None:
            raise LinkError(f"{self.path} was closed")
        return self._stream

    async def receive(self) -> bytes:
        return await self._open().receive()

    async def send(self, data: bytes) -> None:
        await self._open().send(data, WRITE_LIMIT_S)

    def set_modem_line(self, line: Literal["dtr", "rts"], on: bool) -> None:
        """Set an output line. Raises LinkError where the settings say that there is none."""
        if self._has_modem_lines():
            self._modem(setattr, line, on)

    def modem_line(self, line: Literal["cts", "dsr", "ri", "cd"]) -> bool | None:
        """Read an input line; None where the far end is a pty, which has none."""
        return bool(self._modem(getattr, line)) if self._has_modem_lines() else None

    def _has_modem_lines(self) -> bool:
        self._open()
        if self.settings.modem_lines == "none":
            raise LinkError(f"{self.path}: the bench says that this line has no modem lines; write modem_lines=real")
        return self.settings.modem_lines == "real"

    def _modem(self, access: Any, *arguments: Any) -> Any:
        try:
            return access(self._port, *arguments)
        except OSError as error:
            raise LinkError(f"{self.path} has no modem lines ({error.strerror}); a pty never has") from error

    async def aclose(self) -> None:
        if self._stream is not None:
            self._stream.detach()
            self._stream = None
            self._port.close()


def _number_of(error: BaseException) -> int:
    """The errno of *error*: pyserial hides it in the exception that its own one came from."""
    cause: BaseException | None = error
    while cause is not None:
        number = cause.errno if isinstance(cause, OSError) else cause.args[0] if isinstance(cause, termios.error) else 0
        if number:
            return int(number)
        cause = cause.__context__
    return 0


def _explain(path: str, error: BaseException) -> LinkError:
    remedies = {
        errno.ENOENT: "no such device: check the cable and the name (ls /dev/ttyUSB* /dev/ttyS* /dev/pts)",
        errno.ENODEV: "the device is gone: check the cable",
        errno.ENXIO: "no device answers behind this name: check the cable and the driver",
        errno.EIO: "the other end of this line is closed: start the device first",
        errno.EACCES: "permission denied: add this user to the group of the device (usually dialout) and log in again",
        errno.EBUSY: "busy: another program has this port; stop it (fuser -v shows it)",
        errno.EAGAIN: "busy: another program has locked this port; stop it (fuser -v shows it)",
        errno.ENOTTY: "this is not a serial port",
        errno.EINVAL: "the port refuses these settings (a pty refuses parity): check baud, parity and stopbits",
    }
    reason = remedies.get(_number_of(error), str(error))
    return LinkError(f"serial port {path}: {reason}")


async def connect(url: LinkUrl, clock: Clock) -> SerialLink:
    """Open the port of *url*. Raises LinkError with the remedy: missing, busy, no permission, wrong option."""
    if not url.path or url.host:
        raise LinkError(f"link {url}: write the device with three slashes, such as serial:///dev/ttyUSB0?baud=9600")
    settings = SerialSettings.parse(url)
    # pyserial ships no types; its one use in the project is these lines.
    pyserial = cast("Any", importlib.import_module("serial"))
    try:
        port = pyserial.Serial(
            url.path,
            settings.baud,
            settings.bytesize,
            settings.parity,
            settings.stopbits,
            timeout=0,
            exclusive=True,
        )
    except (OSError, termios.error) as error:
        raise _explain(url.path, error) from error
    except ValueError as error:
        raise LinkError(f"serial port {url.path}: {error}") from error
    return SerialLink(port, settings)
