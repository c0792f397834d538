"""What every virtual chip shares: power, command forms, GET RESPONSE, random numbers (ISO/IEC 7816-3 and -4).

The contact face speaks T=0: an answer to a command with data waits behind ``61xx``, a wrong Le gives ``6Cxx``
(spec/cards.md 3.2). The contactless face gives the data at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from simulators.card.base import PowerLost
from simulators.card.storage import Memory

__all__ = ["Apdu", "Chip", "CommandTable", "Direction", "StatusError", "contactless_atr"]

Direction = Literal["in", "out"]
"""``in``: the command brings data (its third length byte is Lc); ``out``: it asks for data (Le)."""

CommandTable = dict[tuple[int, int], tuple[Direction, str]]
"""(CLA, INS) to direction and the name of the method that answers."""

MAX_ANSWER = 256
GET_RESPONSE = (0x00, 0xC0)


class StatusError(Exception):
    """A command ends with this status word and no data; nothing that it wrote is kept."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"status word {sw:04X}")
        self.sw = sw


@dataclass(frozen=True, slots=True)
class Apdu:
    """A parsed command. ``p3`` the third length byte (0 where it was absent); ``data`` empty for ``out`` commands."""

    cla: int
    ins: int
    p1: int
    p2: int
    p3: int
    data: bytes = b""

    @property
    def header(self) -> bytes:
        """CLA INS P1 P2 Lc, as a MAC covers it."""
        return bytes((self.cla, self.ins, self.p1, self.p2, self.p3))

    @staticmethod
    def parse(raw: bytes) -> Apdu:
        """Raises :class:`StatusError` 6700 for lengths that are no short command; extended lengths among them."""
        if len(raw) < 4:
            raise StatusError(0x6700)
        p3 = raw[4] if len(raw) > 4 else 0
        # Behind the data one Le byte may follow: T=0 does not send it, other transports may.
        if len(raw) > 5 and len(raw) not in (5 + p3, 6 + p3):
            raise StatusError(0x6700)
        if len(raw) > 5 and p3 == 0:
            raise StatusError(0x6700)
        return Apdu(raw[0], raw[1], raw[2], raw[3], p3, raw[5 : 5 + p3])


class Chip:
    """A powered or unpowered chip. Subclasses give :attr:`COMMANDS`, the methods it names, and the answer to reset."""

    COMMANDS: ClassVar[CommandTable] = {}

    def __init__(self, memory: Memory, seed: int, *, contactless: bool = False) -> None:
        self.memory, self.contactless = memory, contactless
        self.powered = False
        self.waiting = b""
        self.exact_le = True
        self._seed, self._drawn = seed, 0
        self._forced: list[bytes] = []

    # Power.

    def answer_to_reset(self) -> bytes:
        """ATR of this face; empty for a mute chip."""
        return b""

    def forget(self) -> None:
        """Lose everything that lives in volatile memory."""
        self.waiting = b""
        self.memory.rollback()

    def power_on(self) -> bytes:
        self.forget()
        self.powered = True
        return self.answer_to_reset()

    def reset(self) -> bytes:
        return self.power_on()

    def power_off(self) -> None:
        self.forget()
        self.powered = False

    def tear_after(self, writes: int) -> None:
        """Let the supply fail in the *writes*-th memory write from now; ``transmit`` then raises PowerLost."""
        self.memory.tear_after(writes)

    # Random numbers.

    def force_random(self, values: Iterable[bytes]) -> None:
        """Give these random numbers first, one a draw: for published vectors."""
        self._forced.extend(values)

    def random(self, length: int) -> bytes:
        """*length* bytes, deterministic from the seed and from how many were drawn before."""
        if self._forced:
            return self._forced.pop(0)[:length].ljust(length, b"\0")
        self._drawn += 1
        return hashlib.sha256(f"card random {self._seed} {self._drawn}".encode()).digest()[:length]

    # Commands.

    def transmit(self, apdu: bytes) -> bytes:
        if not self.powered:
            return b""
        try:
            command = Apdu.parse(apdu)
            if (command.cla, command.ins) == GET_RESPONSE:
                return self.get_response(command)
            self.waiting = b""
            answer = self.execute(command)
            self.memory.commit()
        except StatusError as error:
            self.memory.rollback()
            return error.sw.to_bytes(2, "big")
        except PowerLost:
            self.power_off()
            raise
        return answer

    def execute(self, apdu: Apdu) -> bytes:
        """Look the command up, run it, and shape its answer for this face."""
        direction, method = self.find_command(apdu)
        if direction == "out" and apdu.data:
            raise StatusError(0x6700)
        if direction == "in" and len(apdu.data) != apdu.p3:
            raise StatusError(0x6700)
        self.exact_le = True
        data: bytes = getattr(self, method)(apdu)
        return self.deliver(data, apdu) if direction == "out" else self.announce(data)

    def find_command(self, apdu: Apdu) -> tuple[Direction, str]:
        """Raises 6E00 for a class that no command has, or that this command does not have; 6D00 for an unknown one."""
        found = self.COMMANDS.get((apdu.cla, apdu.ins))
        if found is not None:
            return found
        known_class = any(cla == apdu.cla for cla, _ in self.COMMANDS)
        known_ins = any(ins == apdu.ins for _, ins in self.COMMANDS)
        raise StatusError(0x6D00 if known_class and not known_ins else 0x6E00)

    def deliver(self, data: bytes, apdu: Apdu) -> bytes:
        """The answer to a command with Le. Raises 6Cxx where Le does not fit."""
        asked = apdu.p3 or MAX_ANSWER
        fits = asked == len(data) if self.exact_le and not self.contactless else asked >= len(data)
        if not fits:
            raise StatusError(0x6C00 | len(data) & 0xFF)
        return data + b"\x90\x00"

    def announce(self, data: bytes) -> bytes:
        """The answer to a command that brought data: 61xx on T=0, the data themselves on the contactless face."""
        if not data or self.contactless:
            return data + b"\x90\x00"
        self.waiting = data
        return bytes((0x61, len(data) & 0xFF))

    def get_response(self, apdu: Apdu) -> bytes:
        """Raises 6985 when nothing waits, 6Cxx for another length; the data are given once."""
        if apdu.p1 or apdu.p2:
            raise StatusError(0x6A86)
        if not self.waiting:
            raise StatusError(0x6985)
        if (apdu.p3 or MAX_ANSWER) != len(self.waiting):
            raise StatusError(0x6C00 | len(self.waiting) & 0xFF)
        data, self.waiting = self.waiting, b""
        return data + b"\x90\x00"


def contactless_atr(historical: bytes) -> bytes:
    """ATR that PC/SC makes of a contactless chip with these historical bytes (spec/cards.md 3.3)."""
    body = bytes((0x80 | len(historical), 0x80, 0x01)) + historical
    check = 0
    for byte in body:
        check ^= byte
    return b"\x3b" + body + bytes((check,))
