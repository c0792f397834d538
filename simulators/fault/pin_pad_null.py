"""PIN pads that are nothing at all: silent, echo, random, always-OK and unplugged. No check may pass on one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from protocols.seeded import SeededChoice
from protocols.wire.base import Frame, WireError
from protocols.wire.pin_pad import Key, Op, PinPadDialect, Reply, Request
from simulators.device.base import Device, Physical
from simulators.device.classes import device_classes
from simulators.device.pin_pad import DIALECTS
from simulators.fault.null_devices import MAX_BURST_BYTES, MAX_WAITING_BYTES

__all__ = ["NULLS", "NULL_PADS"]


class SilentPad:
    """Hears everything and says nothing. Base of the others, which say something useless."""

    unplugged: ClassVar[bool] = False

    def __init__(self, dialect: PinPadDialect, seed: int) -> None:
        self.dialect, self.seed = dialect, seed
        self._waiting = b""

    def receive(self, data: bytes, now: float) -> None:
        return

    def advance(self, now: float) -> None:
        return

    def deadline(self) -> float | None:
        return None

    def take(self) -> bytes:
        waiting, self._waiting = self._waiting, b""
        return waiting

    def apply(self, event: Physical, now: float) -> None:
        if event.action not in device_classes()["pin_pad"].hand:
            raise ValueError(f"a PIN pad knows no action {event.action!r}")

    def snapshot(self) -> Mapping[str, object]:
        return {"null": type(self).__name__}

    def violations(self) -> list[str]:
        return []

    def say(self, raw: bytes) -> None:
        """Put *raw* on its way, within a bound."""
        self._waiting = (self._waiting + raw)[-MAX_WAITING_BYTES:]


class UnpluggedPad(SilentPad):
    unplugged: ClassVar[bool] = True


class EchoPad(SilentPad):
    def receive(self, data: bytes, now: float) -> None:
        self.say(data)


class RandomPad(SilentPad):
    """Up to 32 seeded bytes for whatever it hears."""

    def __init__(self, dialect: PinPadDialect, seed: int) -> None:
        super().__init__(dialect, seed)
        self._choice = SeededChoice(seed, "random pad")

    def receive(self, data: bytes, now: float) -> None:
        self.say(self._choice.bytes(self._choice.below(MAX_BURST_BYTES + 1)))


class AlwaysOkPad(SilentPad):
    """Says yes to everything, with data of the right length, and masks every key."""

    def __init__(self, dialect: PinPadDialect, seed: int) -> None:
        super().__init__(dialect, seed)
        self._framing = dialect.framing()

    def receive(self, data: bytes, now: float) -> None:
        for item in self._framing.feed(data, now):
            if isinstance(item, Frame):
                self._frame(item.text)
            else:
                self.say(self._framing.wrap(self.dialect.encode_reply(None, Reply())))

    def _frame(self, text: bytes) -> None:
        try:
            request = self.dialect.decode_request(text)
        except WireError:
            return
        self.say(self._framing.wrap(self.dialect.encode_reply(None, self.plausible(request))))

    def apply(self, event: Physical, now: float) -> None:
        super().apply(event, now)
        if event.action == "type":
            self.say(bytes((self.dialect.byte_of(Key.MASKED),)) * len(event.argument))
        elif event.action == "press":
            known = {"enter": Key.ENTER, "cancel": Key.CANCEL, "clear": Key.CLEAR}
            self.say(bytes((self.dialect.byte_of(known.get(event.argument, Key.MASKED)),)))

    def plausible(self, request: Request) -> Reply:
        """Success in the form that the operation calls for."""
        size = {
            Op.LOAD_MASTER: 4,
            Op.LOAD_WORK: 4,
            Op.KCV: 4,
            Op.PIN_BLOCK: 8,
            Op.MAC: 8,
            Op.RANDOM: 16,
            Op.VERSION: 26,
        }
        if request.op in (Op.ENCRYPT, Op.DECRYPT):
            return Reply(data=bytes(len(request.data)))
        return Reply(data=bytes(size.get(request.op, 0)))


def _maker(kind: type[SilentPad]) -> Callable[..., Device]:
    """A builder with the keyword arguments of ``build_pin_pad``; all but *dialect* and *seed* mean nothing to it."""

    def make(*, dialect: str = "epp-b", seed: int = 0, **ignored: Any) -> Device:
        if dialect not in DIALECTS:
            raise ValueError(f"dialect {dialect!r} is unknown; PIN pads speak {', '.join(sorted(DIALECTS))}")
        return kind(DIALECTS[dialect], seed)

    return make


NULL_PADS: dict[str, Callable[..., Device]] = {
    "silent": _maker(SilentPad),
    "echo": _maker(EchoPad),
    "random": _maker(RandomPad),
    "always-ok": _maker(AlwaysOkPad),
    "unplugged": _maker(UnpluggedPad),
}

NULLS: dict[str, dict[str, Callable[..., Any]]] = {"pin_pad": dict(NULL_PADS)}
