"""One card behind a :class:`CardPort`, as a host wants it: whole answers, and refusals as typed errors."""

from __future__ import annotations

from protocols.link.base import CardPort, LinkError
from protocols.wire.apdu import Command, Response, command_name, decode_response, sw_label
from protocols.wire.base import Label, WireError

__all__ = ["CardChannel", "CardRefused", "PinLocked", "PinWrong"]

MAX_ROUNDS = 8
"""Rounds of GET RESPONSE for one answer: a card that announces data for ever must not hold a kiosk."""


class CardRefused(LinkError):
    """The card answered a status word other than 9000. ``label`` says which command and why, in both languages."""

    def __init__(self, command: bytes, sw: int) -> None:
        name, why = command_name(command), sw_label(sw)
        self.label = Label(f"{name.zh}：{why.zh}（{sw:04X}）", f"{name.en}: {why.en} ({sw:04X})")
        super().__init__(self.label.en)
        self.command, self.sw = command[:4], sw


class PinWrong(CardRefused):
    """The PIN was wrong; ``tries_left`` are left, at least one."""

    def __init__(self, command: bytes, sw: int, tries_left: int) -> None:
        super().__init__(command, sw)
        self.tries_left = tries_left


class PinLocked(CardRefused):
    """No PIN try is left: only a reset of the PIN at the counter helps."""


class CardChannel:
    """Commands to one card. ``ask`` follows 61xx and 6Cxx; ``demand`` also insists on 9000."""

    def __init__(self, port: CardPort) -> None:
        self.port = port

    async def ask(self, command: Command) -> Response:
        """The whole answer: repeated once with the length of 6Cxx, joined over GET RESPONSE after 61xx.

        Raises LinkError when the answer is no response APDU, or never ends.
        """
        raw = command.t0()
        response = await self._send(raw)
        if response.right_le is not None:
            response = await self._send(raw[:4] + bytes((response.right_le % 256,)))
        data = response.data
        for _ in range(MAX_ROUNDS):
            if response.more is None:
                return Response(data, response.sw)
            response = await self._send(bytes((command.cla & 0x03, 0xC0, 0x00, 0x00, response.more % 256)))
            data += response.data
        raise LinkError("the card announces more data without end: replace it")

    async def demand(self, command: Command) -> Response:
        """Like :meth:`ask`; raises :class:`CardRefused` unless the card says 9000."""
        response = await self.ask(command)
        if not response.ok:
            raise CardRefused(command.t0(), response.sw)
        return response

    async def _send(self, raw: bytes) -> Response:
        try:
            return decode_response(await self.port.transmit(raw))
        except WireError as error:
            raise LinkError(f"the card's answer is no response APDU: {error}") from error
