"""The device's side of a PIN pad's line: one command after the other, each with one answer; keys between them.

Nothing acknowledges a frame in family B: a command is answered, and what is no command meets status 15 or silence
(spec/devices.md 1.2, open-readings.md). Nothing here knows a command.
"""

from __future__ import annotations

from collections import deque
from typing import Literal, Protocol

from protocols.wire.base import Control, Frame, Item, Noise, WireError
from protocols.wire.pin_pad import Error, Key, PinPadDialect, Reply, Request
from simulators.device.outbox import HostileOutbox, Outbox
from simulators.device.pin_pad_rules import After, Outcome, PinPadReadings, PinPadTiming

__all__ = ["Mode", "PadLine"]

Mode = Literal["strict", "realistic", "hostile"]

MAX_VIOLATIONS = 1000
MAX_WAITING = 4
ETX = 0x03


class Pad(Protocol):
    """What the line needs of the device behind it."""

    @property
    def trailer(self) -> bool: ...

    def begin(self, request: Request, now: float) -> Outcome: ...


class PadLine:
    """Turns of one line. ``advance`` and ``deadline`` as in :class:`simulators.device.base.Device`."""

    def __init__(
        self,
        pad: Pad,
        dialect: PinPadDialect,
        readings: PinPadReadings,
        timing: PinPadTiming,
        mode: Mode = "strict",
        seed: int = 0,
    ) -> None:
        self.pad, self.dialect, self.readings, self.timing, self.mode = pad, dialect, readings, timing, mode
        self.outbox = HostileOutbox(seed) if mode == "hostile" else Outbox()
        self.framing = dialect.framing()
        self.violations: list[str] = []
        self._waiting: deque[bytes] = deque()
        self._request: Request | None = None
        self._then: After | None = None
        self._due: float | None = None

    @property
    def busy(self) -> bool:
        return self._request is not None

    # What comes in.

    def receive(self, data: bytes, now: float) -> None:
        for item in self.framing.feed(data, now):
            self.item(item, now)

    def item(self, item: Item, now: float) -> None:
        if isinstance(item, Frame):
            self.on_frame(item.text, now)
        elif isinstance(item, Noise):
            self.on_noise(item, now)
        elif item != Control(ETX):
            self.violate("a byte outside of frames: only a pad sends keys")

    def on_frame(self, text: bytes, now: float) -> None:
        if not self.busy:
            self.execute(text, now)
            return
        self.violate("command while the last one is still running")
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(text)

    def on_noise(self, noise: Noise, now: float) -> None:
        # What it was is not said: it may have been a key that broke on the way.
        self.violate(f"{len(noise.raw)} bytes that are no frame ({noise.why})")
        if noise.why in ("checksum", "length") and self.readings.bad_frame == "15" and not self.busy:
            self.say(Reply(Error.PARAMETER), now)

    # A command's way.

    def execute(self, text: bytes, now: float) -> None:
        try:
            request = self.understand(text)
        except WireError as error:
            self.violate(f"a frame that is no command: {error}")
            self.say(Reply(Error.PARAMETER), now)
            return
        self._request = request
        self.proceed(After(self.timing.reply_s, lambda: self.pad.begin(request, now)), now)

    def understand(self, text: bytes) -> Request:
        return self.dialect.decode_request(text)

    def proceed(self, outcome: Outcome, now: float) -> None:
        """Wait for what takes time, answer what is ready."""
        while isinstance(outcome, After):
            if outcome.delay_s > 0:
                self._then, self._due = outcome, now + outcome.delay_s
                return
            outcome = outcome.then()
        self.finish(outcome, now)

    def finish(self, reply: Reply, now: float) -> None:
        request, self._request = self._request, None
        self._then = self._due = None
        self.answer(request, reply, now)
        if self._waiting and not self.busy:
            self.execute(self._waiting.popleft(), now)

    def answer(self, request: Request | None, reply: Reply, now: float) -> None:
        """The answer to *request*; None: one that nobody asked for."""
        self.say(reply, now)

    def fail(self, reply: Reply, now: float) -> None:
        """What is being computed ends at once with *reply*."""
        if self.busy:
            self.finish(reply, now)

    def say(self, reply: Reply, now: float) -> None:
        raw = self.framing.wrap(self.dialect.encode_reply(None, reply))
        self.outbox.emit(raw if self.pad.trailer else raw.removesuffix(bytes((ETX,))), now)

    def say_key(self, key: Key, now: float) -> None:
        self.outbox.emit(bytes((self.code_of(key),)), now)

    def code_of(self, key: Key) -> int:
        second = {Key.DOUBLE_ZERO: 0x7F, Key.BLANK: 0x07} if self.readings.second_codes else {}
        return second.get(key, self.dialect.byte_of(key))

    def violate(self, why: str) -> None:
        if len(self.violations) < MAX_VIOLATIONS:
            self.violations.append(why)

    # Time.

    def deadline(self) -> float | None:
        due = (self._due, self.framing.deadline(), self.outbox.deadline())
        return min((each for each in due if each is not None), default=None)

    def advance(self, now: float) -> None:
        self.outbox.advance(now)
        limit = self.framing.deadline()
        if limit is not None and now >= limit:
            for item in self.framing.expire(now):
                self.item(item, now)
        while self._due is not None and now >= self._due and self._then is not None:
            # From the due time on, so that late polling adds no delay.
            due, then = self._due, self._then
            self._then = self._due = None
            self.proceed(then.then(), due)

    def power_off(self) -> None:
        """Everything that was under way is gone, also the bytes that wait to be taken."""
        self._request = self._then = self._due = None
        self._waiting.clear()
        self.framing = self.dialect.framing()
        self.outbox.clear()
