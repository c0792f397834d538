"""The contact sockets of a card reader: the user's chip under the contacts (socket 0) and the SAMs behind the front.

Cold and warm reset, supply classes, short circuit, mute chips and T=0 exchange (spec/devices.md 4.1, 4.4).
"""

from __future__ import annotations

from collections.abc import Mapping

from protocols.wire.card_reader import Error, Media
from simulators.card.base import Card, PowerLost
from simulators.device.card_reader_mechanics import ReaderMechanics
from simulators.device.card_reader_rules import ReaderOptions, ReaderReadings

__all__ = ["ChipResult", "ChipSockets", "announced_protocol"]

ChipResult = tuple[Error | None, bytes]
"""An error and no bytes, or None and the ATR or the answer."""

USER = 0
AUTOMATIC = 2
MAX_CHAINED = 16
"""How many GET RESPONSE a resolving reader sends before it gives up on a chip that never ends."""


def announced_protocol(atr: bytes) -> int:
    """The first protocol that an ATR offers: 0 unless TD1 says otherwise (ISO 7816-3, spec/cards.md 3.1)."""
    if len(atr) < 2 or not atr[1] & 0x80:
        return 0
    at = 2 + bin(atr[1] >> 4 & 0x7).count("1")
    return atr[at] & 0x0F if at < len(atr) else 0


def tpdu(apdu: bytes) -> bytes:
    """T=0 carries a case 4 command as case 3: its Le goes to the GET RESPONSE that follows (spec/cards.md 3.2)."""
    return apdu[:-1] if len(apdu) > 5 and apdu[4] and len(apdu) == 6 + apdu[4] else apdu


class ChipSockets:
    """Power and exchange of every socket. ``selected`` is the SAM that commands without a socket number mean."""

    def __init__(
        self,
        options: ReaderOptions,
        readings: ReaderReadings,
        mechanics: ReaderMechanics,
        sam_cards: Mapping[int, Card],
    ) -> None:
        self.options, self.readings, self.mechanics = options, readings, mechanics
        self.sam_cards = dict(sam_cards)
        self.selected = 1
        self.powered: dict[int, Card] = {}
        self.protocols: dict[int, int] = {}
        self._pulled_in_exchange = False

    def fitted(self, socket: int) -> bool:
        return self.options.contact if socket == USER else 1 <= socket <= self.options.sam_sockets

    def select(self, socket: int) -> Error | None:
        if not self.fitted(socket):
            return Error.NOT_FITTED
        if socket != USER:
            self.selected = socket
        return None

    def chip(self, socket: int) -> Card | None:
        """The chip that the contacts of *socket* touch."""
        if socket != USER:
            return self.sam_cards.get(socket)
        card = self.mechanics.card
        return card.chip if card is not None and self.mechanics.media is Media.IC else None

    def reachable(self, socket: int) -> Error | None:
        """None when the contacts of *socket* touch something."""
        if not self.fitted(socket):
            return Error.NOT_FITTED
        if socket == USER and (self.mechanics.card is None or self.mechanics.media is not Media.IC):
            return self.readings.reset_elsewhere
        return None

    def power_on(self, socket: int, volts: int) -> ChipResult:
        """Cold reset at *volts*. The contacts are dead again after any failure."""
        self.power_off(socket)
        error = self.reachable(socket)
        if error is not None:
            return error, b""
        if socket == USER and self.mechanics.shorted():
            return Error.SHORT_CIRCUIT, b""
        chip = self.chip(socket)
        if chip is None or not self.answers_at(socket, volts):
            return Error.NO_ANSWER, b""
        self.powered[socket] = chip
        return self.judge_atr(socket, chip.power_on())

    def answers_at(self, socket: int, volts: int) -> bool:
        """True when the chip works at the supply class of *volts*; SAMs are chosen with their socket and always do."""
        card = self.mechanics.card
        return socket != USER or card is None or volts in card.classes

    def judge_atr(self, socket: int, atr: bytes) -> ChipResult:
        """Refuse what is no ATR: silence, a TS other than 3B and 3F, more than 33 bytes."""
        if not atr:
            self.power_off(socket)
            return Error.NO_ANSWER, b""
        if atr[0] not in (0x3B, 0x3F) or not 2 <= len(atr) <= 33:
            self.power_off(socket)
            return Error.ACTIVATION, b""
        self.protocols[socket] = announced_protocol(atr)
        return None, atr

    def warm_reset(self, socket: int) -> ChipResult:
        error = self.ready(socket)
        if error is not None:
            return error, b""
        if socket == USER and self.mechanics.shorted():
            self.power_off(socket)
            return Error.SHORT_CIRCUIT, b""
        return self.judge_atr(socket, self.powered[socket].reset())

    def power_off(self, socket: int) -> None:
        chip = self.powered.pop(socket, None)
        self.protocols.pop(socket, None)
        if chip is not None:
            chip.power_off()

    def power_off_all(self) -> None:
        for socket in list(self.powered):
            self.power_off(socket)

    def ready(self, socket: int) -> Error | None:
        """None when *socket* holds a chip that has given its ATR."""
        if not self.fitted(socket):
            return Error.NOT_FITTED
        if socket in self.powered:
            return None
        return self.readings.pulled_afterwards if socket == USER else Error.NOT_ACTIVATED

    def card_gone(self) -> None:
        """The user's card left the contacts by force."""
        self.power_off(USER)

    def exchange(self, socket: int, apdu: bytes, protocol: int = 0) -> ChipResult:
        """One command to the chip. *protocol* 0, 1, or 2 for what the ATR announced."""
        error = self.ready(socket)
        if error is not None:
            return error, b""
        if len(apdu) < 4:
            return Error.DATA, b""
        if socket == USER and self.mechanics.shorted():
            self.power_off(socket)
            return Error.SHORT_CIRCUIT, b""
        if protocol not in (AUTOMATIC, self.protocols.get(socket, 0)):
            return Error.PROTOCOL, b""
        answer = self.transmit(socket, apdu if self.protocols.get(socket) else tpdu(apdu))
        if len(answer) < 2:
            return Error.NO_ANSWER, b""
        return None, self.resolve(socket, apdu, answer) if self.readings.resolve_61_6c else answer

    def transmit(self, socket: int, command: bytes) -> bytes:
        """One exchange with the chip; empty when it keeps silent or loses its supply in the middle."""
        try:
            return self.powered[socket].transmit(command)
        except PowerLost:
            self.power_off(socket)
            return b""

    def resolve(self, socket: int, apdu: bytes, answer: bytes) -> bytes:
        """Fetch what 61xx and 6Cxx announce, as a reader does that hides T=0 from its host."""
        data = b""
        for _ in range(MAX_CHAINED):
            if answer[-2:-1] == b"\x6c" and len(answer) == 2 and len(apdu) == 5:
                answer = self.transmit(socket, apdu[:4] + answer[-1:])
            elif answer[-2:-1] == b"\x61":
                data += answer[:-2]
                answer = self.transmit(socket, b"\x00\xc0\x00\x00" + answer[-1:])
            else:
                break
            if len(answer) < 2:
                return b"\x6f\x00"
        return data + answer

    def snapshot(self) -> Mapping[str, object]:
        return {"selected_sam": self.selected, "chips_powered": sorted(self.powered), "protocols": dict(self.protocols)}
