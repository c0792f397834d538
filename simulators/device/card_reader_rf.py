"""The contactless side of a card reader: activation, APDU exchange, and the storage cards S50 and S70.

A body's ``rf`` is a card of type A with ISO 14443-4; a body whose ``memory`` is ``S50`` or ``S70`` is a storage card
(spec/devices.md 4.1 row 60; spec/cards.md 3.3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Generic, TypeVar

from protocols.wire.card_reader import Error
from simulators.card.base import Card, PowerLost
from simulators.card.body import CardBody
from simulators.device.card_reader_chip import ChipResult
from simulators.device.card_reader_mechanics import ReaderMechanics
from simulators.device.card_reader_rules import ReaderOptions
from simulators.device.card_reader_storage import SLE_KINDS, MifareImage, SleImage, mifare_command

__all__ = ["MemoryCards", "RfField"]

ATQA = {"S50": b"\x00\x04", "S70": b"\x00\x02"}
SAK = {"S50": b"\x08", "S70": b"\x18"}
CPU_ATQA, CPU_SAK = b"\x00\x04", b"\x20"
ATS_HEAD = b"\x78\x80\x70\x02"
"""T0 and TA1..TC1 of an ATS: 256-byte frames, 106 kbit/s; the historical bytes follow."""


def uid_of(body: CardBody) -> bytes:
    """Four bytes that stay the same for a card of this name; 08 would mark a random one."""
    uid = hashlib.sha256(body.name.encode()).digest()[:4]
    return uid if uid[0] not in (0x08, 0x88) else b"\x11" + uid[1:]


def historical(atr: bytes) -> bytes:
    """Historical bytes of a ``3B 8n 80 01`` contactless ATR."""
    return atr[4 : 4 + (atr[1] & 0x0F)] if len(atr) > 4 else b""


MAX_REMEMBERED = 16
Image = TypeVar("Image")


class Contents(Generic[Image]):
    """What storage cards hold, by the card itself: the same body keeps its content, a new one is fresh.

    The last 16 cards are remembered; bodies are compared by identity and kept alive while they are.
    """

    def __init__(self) -> None:
        self._known: list[tuple[CardBody, Image]] = []

    def of(self, body: CardBody, fresh: Callable[[], Image]) -> Image:
        for known, image in self._known:
            if known is body:
                return image
        made = fresh()
        self._known = [*self._known[1 - MAX_REMEMBERED :], (body, made)]
        return made


class RfField:
    """The antenna."""

    def __init__(self, options: ReaderOptions, mechanics: ReaderMechanics) -> None:
        self.options, self.mechanics = options, mechanics
        self.card: Card | None = None
        self.storage: MifareImage | None = None
        self._contents = Contents[MifareImage]()

    @property
    def active(self) -> bool:
        return self.card is not None or self.storage is not None

    def body(self) -> CardBody | None:
        """The card before the antenna."""
        return self.mechanics.card if self.mechanics.media.in_reader else None

    def on(self) -> ChipResult:
        """Activate: type ``A``, ATQA, UID, SAK and ATS."""
        self.off()
        if not self.options.contactless:
            return Error.NOT_FITTED, b""
        body = self.body()
        if body is None:
            return Error.ACTIVATION, b""
        if body.memory in ATQA:
            self.storage = self.image(body)
            self.storage.open_sector = None
            return None, b"A" + ATQA[body.memory] + self.storage.uid + SAK[body.memory]
        if body.rf is None:
            return Error.NO_ANSWER, b""
        atr = body.rf.power_on()
        if not atr:
            return Error.NO_ANSWER, b""
        self.card = body.rf
        ats = ATS_HEAD + historical(atr)
        return None, b"A" + CPU_ATQA + uid_of(body) + CPU_SAK + bytes((len(ats) + 1,)) + ats

    def image(self, body: CardBody) -> MifareImage:
        return self._contents.of(body, lambda: MifareImage.fresh(uid_of(body), body.memory == "S70"))

    def off(self) -> None:
        if self.card is not None:
            self.card.power_off()
        self.card = self.storage = None

    def exchange(self, apdu: bytes) -> ChipResult:
        """One command to an activated CPU card. A case 4 command goes as it is: ISO 14443-4 carries it whole."""
        if self.card is None:
            return (Error.UNSUPPORTED_CARD if self.storage else Error.NOT_ACTIVATED), b""
        if len(apdu) < 4:
            return Error.DATA, b""
        try:
            answer = self.card.transmit(apdu)
        except PowerLost:
            answer = b""
        if len(answer) < 2:
            return Error.NO_ANSWER, b""
        return None, answer

    def storage_command(self, apdu: bytes) -> ChipResult:
        if self.storage is None:
            return (Error.UNSUPPORTED_CARD if self.card else Error.NOT_ACTIVATED), b""
        return None, mifare_command(self.storage, apdu)

    def direct_command(self, pm: int, data: bytes) -> ChipResult:
        """CRT-310 35: 30 seek, 31 number, 32/39 verify key A/B, 33 read, 34 write, 35 change key, 37 add, 38 subtract.

        Data: sector, then block where there is one, then key, 16 bytes or four bytes (low byte first).
        """
        if pm == 0x30:
            error, _ = self.on()
            return error, b""
        image = self.storage
        if image is None:
            return Error.NOT_ACTIVATED, b""
        if pm == 0x31:
            return None, image.uid
        if len(data) < 2:
            return Error.DATA, b""
        sector, block, rest = data[0], data[1], data[2:]
        if pm in (0x32, 0x39):
            answer = image.authenticate(sector, data[1:], key_b=pm == 0x39)
        elif pm == 0x33:
            answer = image.read(sector, block)
        elif pm == 0x34:
            answer = image.write(sector, block, rest)
        elif pm == 0x35:
            answer = image.change_key_a(sector, data[1:])
        else:
            amount = int.from_bytes(rest[:4], "little")
            answer = image.add(sector, block, amount if pm == 0x37 else -amount)
        return (None, answer[:-2]) if answer.endswith(b"\x90\x00") else (Error.CARD_COMMUNICATION, b"")


class MemoryCards:
    """SLE4442 and SLE4428 under the contacts: security state until the supply goes."""

    def __init__(self, mechanics: ReaderMechanics) -> None:
        self.mechanics = mechanics
        self.powered: SleImage | None = None
        self._contents = Contents[SleImage]()

    def power_on(self) -> ChipResult:
        body = self.mechanics.card
        if body is None:
            return Error.ACTIVATION, b""
        if self.mechanics.shorted():
            return Error.SHORT_CIRCUIT, b""
        if body.memory not in SLE_KINDS:
            return Error.NO_ANSWER if body.chip is None else Error.UNSUPPORTED_CARD, b""
        self.powered = self._contents.of(body, lambda: SleImage.fresh(body.memory))
        self.powered.verified = False
        return None, self.powered.kind.atr

    def power_off(self) -> None:
        if self.powered is not None:
            self.powered.verified = False
        self.powered = None
