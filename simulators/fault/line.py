"""Any device, with faults on its line and in its room, injected from a seed (spec/devices.md 10).

:class:`FaultyLine` stands between a :class:`simulators.device.base.Device` and its link. While no fault is live it hands
everything through untouched; while one is, it cuts both directions into frames and strikes at those that the
fault names. What a device says again (a resend) is another frame: a single lost answer is thus survived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from protocols.wire.base import Control, Flaw, Frame, Framing, Item
from simulators.device.base import Device, Physical
from simulators.fault.injection import Injected, InjectedFault, OnFault, ignore_event

__all__ = ["FaultyLine", "LineFault"]

LineFault = InjectedFault
"""A fault whose place is ``says``, ``hears`` or ``room``."""

_BETWEEN_BITS = bytes((0x00, 0x80, 0xC0, 0xE0, 0xF0, 0xF8, 0xFC, 0xFE))
"""What a receiver at another speed makes of a start bit and idle line. None of them opens a frame."""

_AT_THE_END = float("inf")
"""When a fault ends that lasts until the bench goes down."""

_AFTER_THE_COMMAND = ("pull", "power-loss")
"""These strike once the device has the command; the others must be there before it begins to move."""


@dataclass(slots=True)
class _Chunk:
    """Bytes for the link. ``alone``: in a write of their own."""

    due: float
    data: bytes
    alone: bool = False


@dataclass(slots=True)
class _Deed:
    """A physical event that is still to come."""

    due: float
    action: str
    fault: Injected
    undoes: bool


class FaultyLine:
    """A :class:`simulators.device.base.Device` that is *device* with *faults*.

    *framing* makes a framing decoder of the device's dialect; without one every piece of more than one byte counts as
    a frame. Faults count from :meth:`arm` on; with ``armed`` False somebody has to call it. The same seed, bytes and
    times give the same faults. *on_event* hears each arming, each strike and each undoing at its moment.
    """

    def __init__(
        self,
        device: Device,
        faults: Sequence[LineFault],
        seed: int,
        *,
        framing: Callable[[], Framing] | None = None,
        on_event: OnFault = ignore_event,
        armed: bool = True,
    ) -> None:
        for each in faults:
            if each.kind.place == "chip":
                raise ValueError(f"fault {each.key}: {each.id} strikes cards, not lines")
        self.device = device
        self.faults = tuple(Injected(each, seed, on_event) for each in faults)
        self._says = [each for each in self.faults if each.fault.kind.place == "says"]
        self._hears = [each for each in self.faults if each.fault.kind.place != "says"]
        self._out = framing() if framing else _Pieces()
        self._in = framing() if framing else _Pieces()
        self._queue: list[_Chunk] = []
        self._deeds: list[_Deed] = []
        self._last = b""
        self._before_last = b""
        self._now = 0.0
        if armed:
            self.arm(0.0)

    # The faults themselves.

    def arm(self, now: float) -> None:
        """Begin to count frames."""
        self._now = max(self._now, now)
        for each in self.faults:
            each.arm(self._now)

    def disarm(self, now: float) -> None:
        """Undo everything: what is physical is reverted, what is not strikes no more."""
        self._now = max(self._now, now)
        for deed in [each for each in self._deeds if each.undoes]:
            self._do(deed)
        self._deeds.clear()
        for each in self.faults:
            each.undo(self._now)

    # Device.

    def receive(self, data: bytes, now: float) -> None:
        self._now = max(self._now, now)
        if not self._cuts(self._hears, self._in):
            self.device.receive(data, now)
            return
        for item in self._in.feed(data, now):
            self._hear(item, now)

    def advance(self, now: float) -> None:
        self._now = max(self._now, now)
        for deed in [each for each in self._deeds if each.due <= now]:
            self._deeds.remove(deed)
            self._do(deed)
        for item in self._in.expire(now):
            self._hear(item, now)
        for item in self._out.expire(now):
            self._say_item(item)
        self.device.advance(now)

    def deadline(self) -> float | None:
        due = [self.device.deadline(), self._in.deadline(), self._out.deadline()]
        due += [self._queue[0].due if self._queue else None, *(each.due for each in self._deeds)]
        return min((each for each in due if each is not None and each != _AT_THE_END), default=None)

    def take(self) -> bytes:
        data = self.device.take()
        if not self._queue and not self._cuts(self._says, self._out):
            return data
        for item in self._out.feed(data, self._now) if data else ():
            self._say_item(item)
        if self._queue and self._queue[0].due <= self._now:
            return self._queue.pop(0).data
        return b""

    def apply(self, event: Physical, now: float) -> None:
        self._now = max(self._now, now)
        self.device.apply(event, now)
        if event.action == "poweroff":
            self._queue.clear()

    def snapshot(self) -> Mapping[str, object]:
        struck = {each.fault.key: each.fired for each in self.faults}
        return {**self.device.snapshot(), "injected": struck}

    def violations(self) -> list[str]:
        return self.device.violations()

    @staticmethod
    def _cuts(faults: Sequence[Injected], framing: Framing) -> bool:
        """True while frames matter: a fault is live, or half a frame is still held."""
        return framing.deadline() is not None or any(each.live for each in faults)

    # What the device hears.

    def _hear(self, item: Item, now: float) -> None:
        if not isinstance(item, Frame):
            self.device.receive(item.raw, now)
            return
        struck = _first(self._hears)
        if struck is None:
            self.device.receive(item.raw, now)
        elif struck.id == "drop-request":
            struck.fire(now, f"command of {len(item.raw)} bytes dropped")
            self._spent(struck)
        elif struck.id == "nak":
            struck.fire(now, f"command of {len(item.raw)} bytes refused")
            self._say(struck.fault.bytes_of("byte"))
            self._spent(struck)
        elif struck.id in _AFTER_THE_COMMAND:
            self.device.receive(item.raw, now)
            self._plan_deed(struck, now + struck.fault.number("wait_s"))
        else:
            self._plan_deed(struck, now)
            self.device.receive(item.raw, now)

    # What happens in the room.

    def _plan_deed(self, fault: Injected, due: float) -> None:
        deed = _Deed(due, fault.fault.kind.deed, fault, undoes=False)
        if due <= self._now:
            self._do(deed)
        else:
            self._deeds.append(deed)

    def _do(self, deed: _Deed) -> None:
        fault = deed.fault
        try:
            word, _, argument = deed.action.partition(" ")
            self.apply(Physical(word, argument=argument), self._now)
        except ValueError as error:
            fault.refuse(self._now, str(error))
            return
        if deed.undoes:
            if fault.fired >= fault.fault.times:
                fault.undo(self._now, deed.action)
            return
        fault.fire(self._now, deed.action)
        back = fault.fault.kind.back
        if not back:
            self._spent(fault)
            return
        lasts_s = fault.fault.number("for_s")
        self._deeds.append(_Deed(self._now + lasts_s if lasts_s else _AT_THE_END, back, fault, undoes=True))

    # What the device says.

    def _say_item(self, item: Item) -> None:
        if not isinstance(item, Frame):
            self._say(item.raw)
            return
        if item.raw != self._last:
            self._before_last, self._last = self._last, item.raw
        struck = _first([each for each in self._says if each.id != "stale-answer" or self._before_last])
        if struck is None:
            self._say(item.raw)
            return
        struck.fire(self._now, f"frame of {len(item.raw)} bytes")
        if struck.id == "split":
            self._split(item.raw, struck.fault)
        else:
            delay_s = struck.fault.number("delay_s") if struck.id == "late-answer" else 0.0
            for data in self._spoilt(item, struck):
                self._say(data, delay_s, alone=True)
        self._spent(struck)

    def _spoilt(self, frame: Frame, fault: Injected) -> tuple[bytes, ...]:
        """The writes that go out instead of *frame*."""
        raw, options = frame.raw, fault.fault
        match fault.id:
            case "no-answer":
                return ()
            case "flip-checksum":
                return (self._out.spoil(frame, "checksum"),)
            case "truncate":
                return (raw[: min(int(options.number("keep")) or len(raw) // 2, len(raw) - 1)],)
            case "glue":
                return (raw + raw,)
            case "noise-before":
                return (options.bytes_of("noise") + raw,)
            case "wrong-length":
                return (self._out.spoil(frame, "length", int(options.number("by"))),)
            case "stale-answer":
                return self._before_last, raw
            case "byte-inside":
                middle = len(raw) // 2
                return (raw[:middle] + options.bytes_of("byte") + raw[middle:],)
            case "baud-garbage":
                return (bytes(_BETWEEN_BITS[fault.garble(len(_BETWEEN_BITS))] for _ in raw),)
            case _:
                return (raw,)

    def _split(self, raw: bytes, fault: LineFault) -> None:
        count = min(int(fault.number("chunks")), len(raw))
        cuts = [len(raw) * n // count for n in range(count + 1)]
        for n in range(count):
            self._say(raw[cuts[n] : cuts[n + 1]], fault.number("gap_s") if n else 0.0, alone=True)

    def _say(self, data: bytes, delay_s: float = 0.0, *, alone: bool = False) -> None:
        """Behind everything that waits already: a line does not overtake itself."""
        due = max(self._now, self._queue[-1].due if self._queue else self._now) + delay_s
        if self._queue and not alone and self._queue[-1].due == due and not self._queue[-1].alone:
            self._queue[-1].data += data
        else:
            self._queue.append(_Chunk(due, data, alone))

    def _spent(self, fault: Injected) -> None:
        if fault.fired >= fault.fault.times:
            fault.undo(self._now)


def _first(faults: Sequence[Injected]) -> Injected | None:
    """The fault that has this frame: the first that wants it. Every one of them counts the frame."""
    struck: Injected | None = None
    for each in faults:
        if each.strikes(taken=struck is not None):
            struck = each
    return struck


class _Pieces:
    """Stands for a framing where none is known: a piece of more than one byte is a frame, nothing is ever held."""

    def feed(self, data: bytes, now: float) -> list[Item]:
        return [Frame(data, data) if len(data) > 1 else Control(data[0])] if data else []

    def deadline(self) -> float | None:
        return None

    def expire(self, now: float) -> list[Item]:
        return []

    def wrap(self, text: bytes) -> bytes:
        return text

    def spoil(self, frame: Frame, flaw: Flaw, by: int = 1) -> bytes:
        """Nothing is known of its parts: the last byte is what is wrong."""
        return frame.raw[:-1] + bytes((frame.raw[-1] ^ 0x01,))
