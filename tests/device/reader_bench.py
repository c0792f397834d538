"""A bench of raw frames for the card reader: bytes in, bytes out, hands in the room, time by hand."""

from __future__ import annotations

from simulators.card.body import CardBody
from simulators.device.base import Device, Physical

ATR_3_0 = bytes.fromhex("3B6D00000081534D438660441900000001")


class Chip:
    """A chip that counts: its answer to a command is the command's data part, repeated as asked, and 9000."""

    def __init__(self, atr: bytes = ATR_3_0, answers: dict[bytes, bytes] | None = None) -> None:
        self.atr, self.answers = atr, answers or {}
        self.powered = False
        self.seen: list[bytes] = []

    def power_on(self) -> bytes:
        self.powered = bool(self.atr)
        return self.atr

    def reset(self) -> bytes:
        return self.power_on()

    def power_off(self) -> None:
        self.powered = False

    def transmit(self, apdu: bytes) -> bytes:
        self.seen.append(apdu)
        if not self.powered:
            return b""
        return self.answers.get(apdu, b"\x90\x00")


class Bench:
    """Drives a device the way a link would; ``say`` gives everything the device sends until it is quiet."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.now = 0.0

    def wait(self, seconds: float) -> bytes:
        """Let time pass; what the device sends meanwhile."""
        end, out = self.now + seconds, self.device.take()
        while (due := self.device.deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.device.advance(self.now)
            out += self.device.take()
        self.now = end
        self.device.advance(end)
        return out + self.device.take()

    def send(self, hexed: str, seconds: float = 0.25) -> bytes:
        """Send bytes; what comes back within *seconds*. The default is below the resend time."""
        self.device.receive(bytes.fromhex(hexed), self.now)
        return self.wait(seconds)

    def act(self, action: str, card: CardBody | None = None) -> None:
        self.device.apply(Physical(action, card), self.now)

    def say(self, hexed: str, seconds: float = 3.0) -> str:
        """A whole CRT-591 exchange: the answer frame in hex, acknowledged; '' when there is none."""
        self.device.receive(bytes.fromhex(hexed), self.now)
        end, out = self.now + seconds, self.device.take()
        while len(out) <= 1 and (due := self.device.deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.device.advance(self.now)
            out += self.device.take()
        if len(out) <= 1:
            self.now = end
            return ""
        assert out[:1] == b"\x06", out.hex(" ")
        assert self.send("06", 0.0) == b""
        return out[1:].hex(" ").upper()

    def ask(self, hexed: str, seconds: float = 3.0) -> str:
        """A whole CRT-310 exchange: command, ACK, ENQ, answer frame in hex."""
        assert self.send(hexed, 0.05) == b"\x06"
        return self.send("05", seconds).hex(" ").upper()


def frame(text: str) -> str:
    """The CRT-591 frame around *text*: for parameters that the document does not print as a whole frame."""
    return _framed(b"\xf2\x00", bytes.fromhex(text))


def stx_frame(text: str) -> str:
    """The CRT-310 frame around *text*."""
    return _framed(b"\x02", bytes.fromhex(text))


def _framed(prefix: bytes, text: bytes) -> str:
    body = prefix + len(text).to_bytes(2, "big") + text + b"\x03"
    check = 0
    for byte in body:
        check ^= byte
    return (body + bytes((check,))).hex(" ").upper()
