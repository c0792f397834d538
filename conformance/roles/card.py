"""Stimulus side of the role ``device.card``: what a check can do to a smart card, whatever brings us to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.roles.card_reader import HandLike, HandUnable, mark_step
from protocols.clock import Clock
from protocols.link.base import CardPort
from protocols.link.tap import RecordedCardPort
from protocols.record import History

__all__ = ["CardAnswer", "CardTester"]

MAX_GET_RESPONSE = 4
"""A card that answers 61xx for ever must not hold a check."""


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """Data and status word; ``sw`` is -1 when fewer than two bytes came."""

    data: bytes
    sw: int

    @staticmethod
    def parse(raw: bytes) -> CardAnswer:
        if len(raw) < 2:
            return CardAnswer(raw, -1)
        return CardAnswer(raw[:-2], int.from_bytes(raw[-2:]))

    @property
    def ok(self) -> bool:
        return self.sw == 0x9000


class CardTester:
    """Everything that a check of a card may use. One instance a check. Silence raises LinkTimeout."""

    def __init__(
        self,
        *,
        slot: str,
        port: CardPort,
        hand: HandLike,
        history: History,
        clock: Clock,
        facts: Mapping[str, Any],
    ) -> None:
        self.slot, self.hand, self.history, self.clock, self.facts = slot, hand, history, clock, facts
        self.port = RecordedCardPort(port, history, slot)

    def step(self, name: str, **note: Any) -> Any:
        """Context manager: the records inside belong to the step *name*."""
        return mark_step(self.history, self.slot, name, note)

    async def power_on(self, warm: bool = False) -> bytes:
        """Cold (or warm) reset; gives the ATR."""
        return await self.port.power_on(warm)

    async def send(self, apdu: bytes | str) -> CardAnswer:
        """One command, one answer, as T=0 shows it: 61xx and 6Cxx stay visible."""
        raw = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
        return CardAnswer.parse(await self.port.transmit(raw))

    async def ask(self, apdu: bytes | str) -> CardAnswer:
        """Like :meth:`send`, but follows 61xx with GET RESPONSE and repeats once with the length of 6Cxx."""
        raw = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
        answer = await self.send(raw)
        if answer.sw >> 8 == 0x6C:
            # A case-2 command carries Le last; a header alone gets one.
            base = raw[:4] if len(raw) <= 5 else raw
            answer = await self.send(base + bytes((answer.sw & 0xFF,)))
        data = answer.data
        for _ in range(MAX_GET_RESPONSE):
            if answer.sw >> 8 != 0x61:
                break
            answer = await self.send(bytes((raw[0] & 0x03, 0xC0, 0, 0, answer.sw & 0xFF)))
            data += answer.data
        return CardAnswer(data, answer.sw)

    async def act(self, action: str) -> str:
        """Ask the hand for *action* (``remove``, ``insert``, ``tear 2``). Raises :class:`HandUnable`."""
        prompt = f"{self.slot}.{action.replace(' ', '.')}"
        self.history.append(self.slot, "-", "prompt", prompt=prompt, action=action)
        status = await self.hand.act(action, prompt)
        self.history.append(self.slot, "-", "answer", prompt=prompt, status=status)
        if status in ("unsupported", "timeout"):
            raise HandUnable(action, status)
        return status

    async def pause(self, seconds: float) -> None:
        await self.clock.sleep_until(self.clock.now() + seconds)
