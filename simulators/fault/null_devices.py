"""Devices that are nothing at all: no check may pass on one of them, whatever it asks.

Silent, echo, random, always-OK and unplugged readers; silent, echo, random and always-9000 cards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from protocols.seeded import SeededChoice
from protocols.wire.base import Control, Frame, WireError
from protocols.wire.card_reader import CardReaderDialect, Media, Op, Reply, Request
from simulators.card.base import Card
from simulators.device.base import Device, Physical
from simulators.device.card_reader import DIALECTS, hand_words

__all__ = ["NULLS", "NULL_CARDS", "NULL_DEVICES", "make_null_reader"]

ACK, ENQ, EOT = 0x06, 0x05, 0x04
PLAUSIBLE_ATR = bytes.fromhex("3B6D00000081534D438660441900000001")
MAX_WAITING_BYTES = 4096
MAX_BURST_BYTES = 32


class SilentReader:
    """Hears everything and says nothing. Base of the others, which say something useless."""

    unplugged: ClassVar[bool] = False
    """True: the line itself is not there; whoever serves this device should close its link."""

    def __init__(self, dialect: CardReaderDialect, seed: int) -> None:
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
        if event.action not in hand_words():
            raise ValueError(f"a card reader knows no action {event.action!r}")

    def snapshot(self) -> Mapping[str, object]:
        return {"null": type(self).__name__}

    def violations(self) -> list[str]:
        return []

    def say(self, raw: bytes) -> None:
        """Put *raw* on its way, within a bound."""
        self._waiting = (self._waiting + raw)[-MAX_WAITING_BYTES:]


class UnpluggedReader(SilentReader):
    unplugged: ClassVar[bool] = True


class EchoReader(SilentReader):
    def receive(self, data: bytes, now: float) -> None:
        self.say(data)


class RandomReader(SilentReader):
    """Up to 32 seeded bytes for whatever it hears."""

    def __init__(self, dialect: CardReaderDialect, seed: int) -> None:
        super().__init__(dialect, seed)
        self._choice = SeededChoice(seed, "random reader")

    def receive(self, data: bytes, now: float) -> None:
        self.say(self._choice.bytes(self._choice.below(MAX_BURST_BYTES + 1)))


class AlwaysOkReader(SilentReader):
    """Acknowledges everything and says yes to everything, with plausible data. Its card is always inside."""

    def __init__(self, dialect: CardReaderDialect, seed: int) -> None:
        super().__init__(dialect, seed)
        self._framing = dialect.framing()
        self._fetched = b""

    def receive(self, data: bytes, now: float) -> None:
        for item in self._framing.feed(data, now):
            if isinstance(item, Frame):
                self._frame(item.text)
            elif isinstance(item, Control):
                self._control(item.byte)
            else:
                self.say(bytes((ACK,)))

    def _frame(self, text: bytes) -> None:
        self.say(bytes((ACK,)))
        try:
            request = self.dialect.decode_request(text)
            answer = self._framing.wrap(self.dialect.encode_reply(request, self.plausible(request)))
        except WireError:
            return
        if self.dialect.rules.enq:
            self._fetched = answer
        else:
            self.say(answer)

    def _control(self, byte: int) -> None:
        if byte == ENQ:
            self.say(self._fetched)
        elif byte == EOT:
            self.say(bytes((EOT,)))

    def plausible(self, request: Request) -> Reply:
        """Success in the form that the operation calls for."""
        data = {
            Op.INITIALISE: b"CRT-591-M001",
            Op.CHIP_ON: PLAUSIBLE_ATR,
            Op.CHIP_WARM: PLAUSIBLE_ATR,
            Op.CHIP_APDU: b"\x90\x00",
            Op.RF_APDU: b"\x90\x00",
            Op.MEMORY: b"\x90\x00",
            Op.MIFARE: b"\x90\x00",
            Op.SENSORS: b"0" * 10,
            Op.SERIAL: b"0000000001",
            Op.COUNTER: b"000",
            Op.VERSION: b"V1.0",
        }.get(request.op, b"")
        return Reply(media=Media.INSIDE, stacker=0, bin_full=False, protocol=0, data=data)


class SilentCard:
    """No ATR, no answers."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def power_on(self) -> bytes:
        return b""

    def reset(self) -> bytes:
        return self.power_on()

    def power_off(self) -> None:
        return

    def transmit(self, apdu: bytes) -> bytes:
        return b""


class EchoCard(SilentCard):
    """Its ATR is good; its answer is the command."""

    def power_on(self) -> bytes:
        return PLAUSIBLE_ATR

    def transmit(self, apdu: bytes) -> bytes:
        return apdu


class RandomCard(SilentCard):
    """Random ATR and answers, 2 to 32 bytes."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._choice = SeededChoice(seed, "random card")

    def power_on(self) -> bytes:
        return b"\x3b" + self._choice.bytes(1 + self._choice.below(31))

    def transmit(self, apdu: bytes) -> bytes:
        return self._choice.bytes(2 + self._choice.below(31))


class AlwaysOkCard(SilentCard):
    """Every command ends with 9000 and does nothing."""

    def power_on(self) -> bytes:
        return b"\x3b\x00"

    def transmit(self, apdu: bytes) -> bytes:
        return b"\x90\x00"


def make_null_reader(kind: type[SilentReader]) -> Callable[..., Device]:
    """A builder with the keyword arguments of ``build_reader``; all but *dialect* and *seed* mean nothing to it."""

    def make(*, dialect: str = "crt591", seed: int = 0, **ignored: Any) -> Device:
        if dialect not in DIALECTS:
            raise ValueError(f"dialect {dialect!r} is unknown; card readers speak {', '.join(sorted(DIALECTS))}")
        return kind(DIALECTS[dialect], seed)

    return make


def make_null_card(kind: type[SilentCard]) -> Callable[..., Card]:
    """A builder with the keyword arguments of ``build_card``; all but *seed* mean nothing to it."""

    def make(*, seed: int = 0, **ignored: Any) -> Card:
        return kind(seed)

    return make


NULL_DEVICES: dict[str, Callable[..., Device]] = {
    "silent": make_null_reader(SilentReader),
    "echo": make_null_reader(EchoReader),
    "random": make_null_reader(RandomReader),
    "always-ok": make_null_reader(AlwaysOkReader),
    "unplugged": make_null_reader(UnpluggedReader),
}
"""Readers, by name."""

NULL_CARDS: dict[str, Callable[..., Card]] = {
    "silent": make_null_card(SilentCard),
    "echo": make_null_card(EchoCard),
    "random": make_null_card(RandomCard),
    "always-ok": make_null_card(AlwaysOkCard),
}
"""Cards, by name."""

NULLS: dict[str, dict[str, Callable[..., Any]]] = {"card_reader": dict(NULL_DEVICES), "card": dict(NULL_CARDS)}
"""Both, by device class."""
