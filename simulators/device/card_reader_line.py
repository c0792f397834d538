"""The device's side of a card reader's line: who may speak when, in both dialects.

CRT-591: command, ACK, answer, the host's ACK; an answer is sent again on NAK or after 300 ms. CRT-310: command, ACK,
the host's ENQ within 2 s, then execution and answer. EOT cancels in both (spec/devices.md 4.1, 4.2). Which of the two
applies is in the dialect's ``rules``; nothing here knows a command.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal, Protocol

from protocols.wire.base import Control, Frame, Item, Noise, WireError
from protocols.wire.card_reader import CardReaderDialect, Error, Op, Reply, Request
from simulators.device.card_reader_rules import After, Outcome, ReaderReadings, ReaderTiming
from simulators.device.outbox import HostileOutbox, Outbox

__all__ = ["Mode", "ReaderLine", "State"]

Mode = Literal["strict", "realistic", "hostile"]

EOT, ENQ, ACK, NAK = 0x04, 0x05, 0x06, 0x15
MAX_VIOLATIONS = 1000


class State(Enum):
    """Whose turn it is."""

    IDLE = "idle"
    ACK_DUE = "ack due"
    WAIT_ENQ = "wait for ENQ"
    RUNNING = "running"
    WAIT_HOST_ACK = "wait for the host's ACK"


class Reader(Protocol):
    """What the line needs of the device behind it."""

    @property
    def moving(self) -> bool: ...

    def begin(self, request: Request) -> Outcome: ...

    def cancel(self) -> None: ...


class ReaderLine:
    """Turns of one line. ``advance`` and ``deadline`` as in :class:`simulators.device.base.Device`."""

    def __init__(
        self,
        reader: Reader,
        dialect: CardReaderDialect,
        readings: ReaderReadings,
        timing: ReaderTiming,
        mode: Mode = "strict",
        seed: int = 0,
    ) -> None:
        self.reader, self.dialect, self.readings, self.timing, self.mode = reader, dialect, readings, timing, mode
        self.rules = dialect.rules
        self.outbox = HostileOutbox(seed) if mode == "hostile" else Outbox()
        self.framing = dialect.framing()
        self.state = State.IDLE
        self.violations: list[str] = []
        self.answer = b""
        """The last answer as sent: for resends."""
        self._text = b""
        self._request = Request(Op.UNKNOWN)
        self._then: After | None = None
        self._due: float | None = None
        self._resends_left = 0
        self._muted = False
        self._queued: Frame | None = None

    # What comes in.

    def receive(self, data: bytes, now: float) -> None:
        for item in self.framing.feed(data, now):
            self.item(item, now)

    def item(self, item: Item, now: float) -> None:
        if isinstance(item, Frame):
            self.on_frame(item, now)
        elif isinstance(item, Control):
            self.on_control(item.byte, now)
        else:
            self.on_noise(item, now)

    def on_frame(self, frame: Frame, now: float) -> None:
        state = self.state
        if state is State.RUNNING or state is State.ACK_DUE or self.reader.moving:
            self.on_busy(frame, now)
            return
        if state is State.WAIT_HOST_ACK and not self.readings.command_as_ack:
            self.violate("command instead of the ACK for the last answer")
            self.send_control(NAK, now)
            return
        if state is State.WAIT_ENQ and frame.text != self._text:
            self.violate("new command instead of the ENQ for the last one")
        if self.outbox.refuses_once():
            self.send_control(NAK, now)
            return
        self.accept(frame.text, now)

    def on_busy(self, frame: Frame, now: float) -> None:
        """A command at the wrong moment (open-readings.md, command while the card moves)."""
        self.violate("command while the last one is still running")
        if self.readings.while_moving == "nak":
            self.send_control(NAK, now)
        elif self.readings.while_moving == "queued":
            self._queued = frame

    def on_noise(self, noise: Noise, now: float) -> None:
        self.violate(f"bytes that are no frame ({noise.why}): {noise.raw[:16].hex(' ')}")
        if self.state is State.RUNNING or self.reader.moving:
            return
        if noise.why in ("checksum", "trailer") or (noise.why == "truncated" and self.readings.truncated == "nak"):
            self.send_control(NAK, now)

    def on_control(self, byte: int, now: float) -> None:
        if byte == ACK:
            if self.state is State.WAIT_HOST_ACK:
                self.rest()
            elif self.rules.host_ack:
                self.violate("ACK for nothing")
        elif byte == NAK:
            self.on_nak(now)
        elif byte == EOT:
            self.on_eot(now)
        elif byte == ENQ:
            self.on_enq(now)

    def on_nak(self, now: float) -> None:
        """The host did not understand the answer: once more, a limited number of times."""
        if self.state is State.WAIT_HOST_ACK or (self.rules.enq and self.state is State.IDLE and self.answer):
            self.resend(now)
        else:
            self.violate("NAK for nothing")

    def on_eot(self, now: float) -> None:
        """The host cancels. A motion completes without an answer, or stops (open-readings.md)."""
        if self.state is State.RUNNING:
            self._muted = True
            if self.readings.eot_during_motion == "stops":
                self.reader.cancel()
                self.rest()
        else:
            self.rest()
        self._queued = None
        if self.rules.host_ack:
            self.send_control(EOT, now)

    def on_enq(self, now: float) -> None:
        if self.state is State.WAIT_ENQ:
            self.execute(now)
        elif self.state is State.IDLE:
            self.violate("ENQ without an acknowledged command, or after 2 s")

    # A command's way.

    def accept(self, text: bytes, now: float) -> None:
        """A good command: acknowledge it, now or a little later."""
        if self.readings.repeat == "recognised" and text == self._text and self.state is State.WAIT_HOST_ACK:
            self.send_control(ACK, now)
            self.resend(now)
            return
        try:
            self._request = self.understand(text)
        except WireError as error:
            self.violate(f"a frame that is no command: {error}")
            self.send_control(NAK, now)
            return
        self._text = text
        delay_s = self.timing.late_ack_s if self.outbox.acknowledges_late() else self.timing.ack_s
        if delay_s > 0:
            self.state, self._due = State.ACK_DUE, now + delay_s
        else:
            self.acknowledge(now)

    def understand(self, text: bytes) -> Request:
        return self.dialect.decode_request(text)

    def acknowledge(self, now: float) -> None:
        self.send_control(ACK, now)
        if self.rules.enq:
            self.state, self._due = State.WAIT_ENQ, now + self.timing.enq_s
        else:
            self.execute(now)

    def over_limit(self) -> bool:
        """More than the dialect's limit; which bytes it counts is open (open-readings.md)."""
        counted = self._text if self.readings.limit_counts == "text" else self._request.data
        return len(counted) > self.rules.data_limit

    def execute(self, now: float) -> None:
        self.state, self._due, self._muted = State.RUNNING, None, False
        if self.over_limit():
            self.violate(f"more than {self.rules.data_limit} bytes of data")
            if self.mode == "strict":
                self.proceed(Reply(Error.DATA), now)
                return
        self.proceed(self.reader.begin(self._request), now)

    def proceed(self, outcome: Outcome, now: float) -> None:
        """Wait for what takes time, answer what is ready."""
        while isinstance(outcome, After):
            if outcome.delay_s > 0:
                self._then, self._due = outcome, now + outcome.delay_s
                return
            outcome = outcome.then()
        self._then = None
        if self._muted:
            self.rest()
        else:
            self.reply(self._request, outcome, now)

    def reply(self, request: Request, reply: Reply, now: float) -> None:
        self.send_answer(self.frame(request, reply), now)

    def frame(self, request: Request, reply: Reply) -> bytes:
        """The answer's bytes. A reply that the dialect cannot carry is reported as a transmission failure."""
        try:
            return self.framing.wrap(self.dialect.encode_reply(request, reply))
        except WireError:
            return self.framing.wrap(self.dialect.encode_reply(request, Reply(Error.DATA)))

    def send_answer(self, raw: bytes, now: float) -> None:
        self.answer = raw
        self.outbox.emit(raw, now)
        self._resends_left = self.readings.resends
        if self.rules.host_ack:
            self.state, self._due = State.WAIT_HOST_ACK, now + self.rules.timing.ack_s
        else:
            self.rest()

    def resend(self, now: float) -> None:
        """The last answer again, while resends are left."""
        if self._resends_left <= 0:
            self.rest()
            return
        self._resends_left -= 1
        self.outbox.emit(self.answer, now)
        if self.rules.host_ack:
            self.state, self._due = State.WAIT_HOST_ACK, now + self.rules.timing.ack_s

    def send_control(self, byte: int, now: float) -> None:
        self.outbox.emit(bytes((byte,)), now)

    def rest(self) -> None:
        """Back to waiting for a command."""
        self.state, self._due, self._then = State.IDLE, None, None

    def violate(self, why: str) -> None:
        if len(self.violations) < MAX_VIOLATIONS:
            self.violations.append(why)

    # Time.

    def deadline(self) -> float | None:
        """The earliest of: the line's own timer, an unfinished frame, a chunk that waits. None when nothing is due."""
        due = self._due
        for other in (self.framing.deadline(), self.outbox.deadline()):
            if other is not None and (due is None or other < due):
                due = other
        return due

    def advance(self, now: float) -> None:
        self.outbox.advance(now)
        limit = self.framing.deadline()
        if limit is not None and now >= limit:
            for item in self.framing.expire(now):
                self.item(item, now)
        while self._due is not None and now >= self._due:
            due, self._due = self._due, None
            self.timer(due)
        if self._queued is not None and self.state is State.IDLE and not self.reader.moving:
            frame, self._queued = self._queued, None
            self.on_frame(frame, now)

    def timer(self, now: float) -> None:
        """The timer of the present state has run out. *now* is its due time, so that late polling adds no delay."""
        if self.state is State.ACK_DUE:
            self.acknowledge(now)
        elif self.state is State.RUNNING and self._then is not None:
            self.proceed(self._then.then(), now)
        elif self.state is State.WAIT_HOST_ACK:
            self.violate("no ACK for an answer")
            self.resend(now)
        elif self.state is State.WAIT_ENQ:
            self.violate("no ENQ within 2 s after the ACK")
            self.rest()

    def power_off(self) -> None:
        """Everything that was under way is gone, also the bytes that wait to be taken."""
        self.rest()
        self.framing = self.dialect.framing()
        self.outbox.clear()
        self.answer, self._text, self._queued = b"", b"", None
