"""Driver of the PSAM: the kiosk's own chip, which computes what proves card and kiosk to each other (cards.md 6)."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.driver.card_channel import CardChannel, CardRefused
from protocols.link.base import CardPort
from protocols.wire.apdu import Command
from protocols.wire.social_security import PSAM_AID, SSSE_NAME, Algorithm

__all__ = ["IRK", "RKSSSE", "Psam", "PsamKey"]

LEVEL_MISMATCH = 0x6A80


@dataclass(frozen=True, slots=True)
class PsamKey:
    """A key of the PSAM: its usage byte (levels of diversification and type) and its identifier."""

    usage: int
    key_id: int


IRK = PsamKey(0x67, 0x08)
"""Three levels, encipher: checks the card's internal authentication."""
RKSSSE = PsamKey(0x67, 0x2A)
"""Three levels, encipher: opens the holder's file of a 3.0 card."""


class Psam:
    """A PSAM in a reader's SAM socket. Calls raise CardRefused, LinkTimeout or LinkClosed."""

    def __init__(self, port: CardPort) -> None:
        self.channel = CardChannel(port)
        self.terminal = ""
        self._environment = b""

    async def open(self) -> str:
        """Reset, read the terminal number (12 digits) from the master file. Gives the terminal number."""
        await self.channel.port.power_on()
        self._environment = b""
        await self.channel.demand(Command(0x00, 0xA4, 0x00, 0x00, bytes.fromhex("3F00")))
        self.terminal = (await self.channel.demand(Command(0x00, 0xB0, 0x96, 0x00, le=6))).data.hex().upper()
        return self.terminal

    async def _enter(self, algorithm: Algorithm) -> None:
        """The application, from the environment of that cipher; the one for 16-byte blocks is ``sx2`` (cards.md 6)."""
        wanted = SSSE_NAME if algorithm is Algorithm.TDES else b"sx2" + SSSE_NAME[3:]
        if self._environment != wanted:
            await self.channel.demand(Command(0x00, 0xA4, 0x04, 0x00, wanted))
            await self.channel.demand(Command(0x00, 0xA4, 0x04, 0x00, PSAM_AID))
            self._environment = wanted

    async def challenge(self, length: int = 8) -> bytes:
        """Random bytes of the PSAM: a kiosk has no better source."""
        return (await self.channel.demand(Command(0x00, 0x84, le=length))).data

    async def authentication_data(
        self, key: PsamKey, algorithm: Algorithm, area: str, historical: bytes, factor: bytes, data: bytes
    ) -> bytes:
        """The 8 bytes that prove *key* for session factor *factor* and *data*, both 8 bytes.

        *area* is the six-digit issuing area, *historical* the card's 13 historical bytes.
        """
        block = 8 if algorithm is Algorithm.TDES else 16
        await self._enter(algorithm)
        await self._deliver(key, level_factors(area, historical), factor.ljust(block, b"\0"))
        answer = await self.channel.demand(Command(0x80, 0xFA, 0x00, 0x00, data.ljust(block, b"\0")))
        if block == 8:
            return answer.data[:8]
        return bytes(a ^ b for a, b in zip(answer.data[:8], answer.data[8:16], strict=False))

    async def _deliver(self, key: PsamKey, factors: tuple[bytes, ...], random: bytes) -> None:
        """DELIVERY SESSION KEY; on 6A80 the PSAM sits on a lower level: again with fewer factors (cards.md 6)."""
        for count in (3, 2, 1):
            command = Command(0xBF, 0xDE, key.usage, key.key_id, b"".join(factors[:count]) + random)
            answer = await self.channel.ask(command)
            if answer.ok:
                return
            if answer.sw != LEVEL_MISMATCH or count == 1:
                raise CardRefused(command.t0(), answer.sw)

    async def close(self) -> None:
        await self.channel.port.power_off()


def level_factors(area: str, historical: bytes) -> tuple[bytes, bytes, bytes]:
    """Diversification factors, level 3 first, as DELIVERY SESSION KEY takes them (cards.md 1.6, Unknown 6)."""
    second = area[:4].encode() + b"00sx" if area.startswith("33") else area.encode() + b"sx"
    return historical[5:13], second, area[:2].encode() + b"0000sh"
