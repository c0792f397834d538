"""The card's side of the vpcd protocol: a card object behind the virtual reader driver of pcscd.

Frames are a big-endian 16-bit length and a payload; a payload of one byte is a control (spec/cards.md 4). The driver
listens, the card connects. Two facts shape this file (measured on Debian's vpcd 3.3):

* The driver writes length and payload apart. Its second write waits for our acknowledgement, which the kernel delays
  by 40 ms unless TCP_QUICKACK is set again before every receive. TCP_NODELAY on this side changes nothing.
* A frame of length zero is never an answer: SCardTransmit then hangs for ever. See ``mute`` of :class:`VpcdCard`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Literal, NoReturn, Protocol

from protocols.clock import Clock
from protocols.link.base import LinkError, LinkUrl

__all__ = ["GET_ATR", "POWER_OFF", "POWER_ON", "RESET", "SCHEMES", "FrameSocket", "VpcdCard", "VpcdChip", "connect"]

SCHEMES = ("vpcd",)

POWER_OFF, POWER_ON, RESET, GET_ATR = b"\x00", b"\x01", b"\x02", b"\x04"
"""Controls. Only GET_ATR is answered."""

LARGEST_PAYLOAD_BYTES = 0xFFFF
RECEIVE_BYTES = 1 << 17
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.01, 0.25
JOIN_LIMIT_S = 5.0

MUTE_ATR = b"\x00"
"""Stands for "no answer to reset": the driver sees a card, pcscd refuses to connect it (8010000F). An empty answer, or
none, would be taken for an empty reader (measured)."""

SW_NO_DIAGNOSIS = bytes.fromhex("6F00")
SW_WRONG_LENGTH = bytes.fromhex("6700")


class VpcdChip(Protocol):
    """What answers behind the reader. All calls come from the one thread of its :class:`VpcdCard`.

    ``power_on`` and ``reset`` give the ATR, empty for a mute chip; ``transmit`` gives data and status word. Any
    exception means that the card died in the middle of a command: it is taken out of the reader.
    """

    def power_on(self) -> bytes: ...

    def reset(self) -> bytes: ...

    def power_off(self) -> None: ...

    def transmit(self, apdu: bytes) -> bytes: ...


class FrameSocket:
    """Whole frames over a blocking socket. ``quickack`` False shows what a card without the cure costs."""

    def __init__(self, sock: socket.socket, quickack: bool = True) -> None:
        self.sock = sock
        self._quickack = quickack
        self._rest = b""

    def receive(self) -> bytes | None:
        """The next payload; None at the end of the connection."""
        rest = self._rest
        while len(rest) < 2 or len(rest) < 2 + int.from_bytes(rest[:2], "big"):
            if self._quickack:
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            chunk = self.sock.recv(RECEIVE_BYTES)
            if not chunk:
                return None
            rest += chunk
        end = 2 + int.from_bytes(rest[:2], "big")
        self._rest = rest[end:]
        return rest[2:end]

    def send(self, payload: bytes) -> None:
        self.sock.sendall(len(payload).to_bytes(2, "big") + payload)


class VpcdCard:
    """Puts *chip* into a virtual reader, from a thread of its own.

    ``mute`` says what happens when the chip answers nothing, which the protocol cannot express: ``close`` takes the
    card out (the caller of SCardTransmit gets an empty answer, then "card removed"), ``6F00`` answers that status
    word. A chip without an ATR stays in the reader as a card that cannot be powered (:data:`MUTE_ATR`).

    ``on_event(kind, command, answer)`` hears ``connect``, ``atr``, ``on``, ``off``, ``reset``, ``apdu`` and
    ``disconnect``, in the card's thread; the presence poll (``atr``) comes every 0.4 s.

    While inserted, the card connects again whenever the driver goes away (a restarted daemon), for at most
    ``reconnect_s``. ``left`` says why the card is out when it was not :meth:`remove` or :meth:`stop`.
    """

    def __init__(
        self,
        chip: VpcdChip,
        *,
        name: str = "card",
        mute: Literal["close", "6F00"] = "close",
        quickack: bool = True,
        reconnect_s: float = 30.0,
        on_event: Callable[[str, bytes, bytes], None] | None = None,
    ) -> None:
        self.chip = chip
        self.name = name
        self.left = ""
        self._mute = mute
        self._quickack = quickack
        self._reconnect_s = reconnect_s
        self._on_event = on_event
        self._address = ("", 0)
        self._state = threading.Condition()
        self._inserted = False
        self._stopping = False
        self._sock: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._atr: bytes | None = None

    # What the bench calls, from any thread.

    def start(self, host: str, port: int, inserted: bool = True) -> None:
        """Begin to live, in the reader whose driver listens on *host*:*port*, or beside it (``inserted`` False)."""
        if self._thread is not None:
            raise LinkError(f"{self.name} is already started")
        self._address, self._inserted, self._stopping, self.left = (host, port), inserted, False, ""
        self._thread = threading.Thread(target=self._run, name=f"vpcd {self.name}", daemon=True)
        self._thread.start()

    @property
    def connected(self) -> bool:
        """True while the card is in the reader and the driver has its connection."""
        return self._sock is not None

    def wait_connected(self, limit_s: float, connected: bool = True) -> bool:
        """Wait until the card is connected (or is not). False when *limit_s* passed first."""
        with self._state:
            return self._state.wait_for(lambda: self.connected == connected, limit_s)

    def insert(self, chip: VpcdChip | None = None) -> None:
        """Put the card in; *chip* replaces the one from before.

        The driver looks for a removal every 0.4 s and misses a shorter one: wait until the reader has shown it empty
        (``pcsc.wait_card``) before the next insertion.
        """
        with self._state:
            if self.connected:
                raise LinkError(f"{self.name} is in the reader already: remove it first")
            if chip is not None:
                self.chip = chip
            self._inserted, self.left = True, ""
            self._state.notify_all()

    def remove(self) -> None:
        """Take the card out: its supply fails at once, also in the middle of a command."""
        self._cut(lambda: None)

    def stop(self) -> None:
        """Take the card out and end the thread. Raises LinkError when the chip's code does not return."""

        def end() -> None:
            self._stopping = True

        self._cut(end)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(JOIN_LIMIT_S)
            if thread.is_alive():
                raise LinkError(f"{self.name}: the card's code has not returned for {JOIN_LIMIT_S:g} s")
        self._thread = None

    def _cut(self, also: Callable[[], None]) -> None:
        with self._state:
            self._inserted = False
            also()
            if self._sock is not None:
                with contextlib.suppress(OSError):  # the driver may have been faster
                    self._sock.shutdown(socket.SHUT_RDWR)
            self._state.notify_all()
            if threading.current_thread() is not self._thread:
                self._state.wait_for(lambda: self._sock is None, JOIN_LIMIT_S)

    # The card's thread.

    def _run(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(lambda: self._inserted or self._stopping)
                if self._stopping:
                    return
            sock = self._dial()
            if sock is None:
                continue
            try:
                self._tell("connect")
                self._serve(FrameSocket(sock, self._quickack))
            except OSError:
                pass  # the driver or remove() cut the line
            except Exception as error:  # the chip died (a torn card, or a defect): kept in ``left``
                self._leave(f"{type(error).__name__}: {error}")
            finally:
                self._hang_up(sock)

    def _dial(self) -> socket.socket | None:
        pause_s, waited_s = FIRST_PAUSE_S, 0.0
        while True:
            try:
                sock = socket.create_connection(self._address, timeout=LONGEST_PAUSE_S)
                sock.settimeout(None)
            except OSError as error:
                why = error.strerror or str(error)
            else:
                with self._state:
                    if self._inserted:
                        self._sock = sock
                        self._state.notify_all()
                        return sock
                sock.close()
                return None
            with self._state:
                if self._state.wait_for(lambda: not self._inserted, pause_s):
                    return None
            waited_s += pause_s
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            if waited_s >= self._reconnect_s:
                host, port = self._address
                self._leave(f"no reader driver at {host}:{port} for {self._reconnect_s:g} s ({why})")
                return None

    def _hang_up(self, sock: socket.socket) -> None:
        sock.close()
        try:
            self.chip.power_off()
            self._tell("disconnect")
        except Exception as error:  # as in _run
            self._leave(f"{type(error).__name__}: {error}")
        finally:
            self._atr = None
            with self._state:
                self._sock = None
                self._state.notify_all()

    def _leave(self, why: str) -> None:
        with self._state:
            self._inserted = False
            self.left = why
            self._state.notify_all()

    def _tell(self, kind: str, command: bytes = b"", answer: bytes = b"") -> None:
        if self._on_event is not None:
            self._on_event(kind, command, answer)

    def _serve(self, line: FrameSocket) -> None:
        while (payload := line.receive()) is not None:
            if len(payload) == 1 and payload in (POWER_OFF, POWER_ON, RESET, GET_ATR):
                answer = self._control(payload)
                if payload != GET_ATR:
                    continue
                answer = answer or MUTE_ATR
            else:
                answer = self.chip.transmit(payload) if payload else SW_WRONG_LENGTH
                self._tell("apdu", payload, answer)
                if not answer and self._mute == "6F00":
                    answer = SW_NO_DIAGNOSIS
                if not answer:
                    self._leave("the chip is mute")
                    return
            if len(answer) > LARGEST_PAYLOAD_BYTES:
                self._leave(f"an answer of {len(answer)} bytes does not fit a frame")
                return
            line.send(answer)

    def _control(self, control: bytes) -> bytes:
        if control == POWER_OFF:
            self.chip.power_off()
            self._tell("off")
        elif control == POWER_ON:
            self._atr = self.chip.power_on()
            self._tell("on", b"", self._atr)
        elif control == RESET:
            self._atr = self.chip.reset()
            self._tell("reset", b"", self._atr)
        else:
            if self._atr is None:  # the driver asks before it has powered the card for the first time
                self._atr = self.chip.power_on()
                self.chip.power_off()
            self._tell("atr", b"", self._atr)
        return self._atr or b""


async def connect(url: LinkUrl, clock: Clock) -> NoReturn:
    """A vpcd link carries a card, not bytes: benches give it to a slot of class card."""
    raise LinkError(f"link {url}: vpcd:// is where a card is put in; use it on a slot of class card")
