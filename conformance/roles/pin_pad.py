"""Stimulus side of the role ``device.pin_pad``: what a check can do to a PIN pad and to the finger on its keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from conformance.roles.card_reader import HandLike, HandUnable, NotHome, mark_step
from protocols.clock import Clock
from protocols.driver.line_port import CLOCK_GRAIN_S, MAX_ITEMS_AN_EXCHANGE, LinePort, NoReply
from protocols.link.base import Link, LinkClosed, LinkError
from protocols.link.tap import RecordedLink
from protocols.record import History
from protocols.wire.base import Control, Frame, Item, Label
from protocols.wire.pin_pad import Cipher, Error, Keypad, Op, PinFormat, PinPadDialect, Reply, Request, Setting

__all__ = ["TESTER", "PadTester"]

REPLY_S = 2.0
BLOCK_S = 0.1
"""How long a pad may take for a command, and for each block of eight bytes besides (spec/devices.md 1.4: 75 ms)."""


class PadTester:
    """Everything that a check of a PIN pad may use. One instance a check.

    Nothing is sent twice: an answer that is lost or broken is the check's business, and not mended behind its back.
    """

    HOME_TRIES = 3
    QUIET_S = 0.05
    POWER_OFF_S = 0.5
    POWER_RETURN_S = 15.0

    device_class = "pin_pad"

    def __init__(
        self,
        *,
        slot: str,
        dialect: PinPadDialect,
        open_line: Callable[[], Awaitable[Link]],
        hand: HandLike,
        history: History,
        clock: Clock,
        facts: Mapping[str, Any],
    ) -> None:
        self.slot, self.dialect, self.hand, self.history, self.clock = slot, dialect, hand, history, clock
        self.facts = facts
        self._open_line = open_line
        self._line: RecordedLink | None = None
        self._port: LinePort[PinPadDialect] | None = None

    # The line.

    @property
    def port(self) -> LinePort[PinPadDialect]:
        """The bare line, for checks that break the rules on purpose."""
        if self._port is None:
            raise LinkError("the line to the pad is not open")
        return self._port

    async def open(self) -> None:
        """Open the line, or open it anew."""
        await self.close()
        self._line = RecordedLink(await self._open_line(), self.history, self.slot, self.dialect.framing, self.clock)

        def note_limit(stage: str, waited_s: float) -> None:
            self._note_down()
            self.history.append(self.slot, "-", "limit", stage=stage, waited_s=round(waited_s, 6))

        self._port = LinePort(self._line, self.dialect, self.clock, note_limit)

    async def close(self) -> None:
        line, self._line, self._port = self._line, None, None
        if line is not None:
            try:
                await line.aclose()
            except LinkClosed:
                pass

    def step(self, name: str, **note: Any) -> Any:
        """Context manager: the records inside belong to the step *name*."""
        return mark_step(self.history, self.slot, name, note)

    def wrapped(self, request: Request) -> bytes:
        """The frame that says *request*."""
        return self.dialect.framing().wrap(self.dialect.encode_request(request))

    async def ask(self, request: Request, limit_s: float | None = None) -> Reply:
        """One command and the first frame that comes back; silence raises NoReply (and ends the stimulus)."""
        await self.port.send(self.wrapped(request))
        return await self.answer(limit_s or REPLY_S + BLOCK_S * -(-len(request.data) // 8))

    async def answer(self, limit_s: float = REPLY_S) -> Reply:
        """The next frame of the pad; keys and noise before it are passed over, and kept in the history."""
        until = self.clock.now() + limit_s
        for _ in range(MAX_ITEMS_AN_EXCHANGE):
            item = await self.port.next_item(max(until - self.clock.now(), 0.0))
            if isinstance(item, Frame):
                self._note_down()
                return self.dialect.decode_reply(item.text)[1]
        raise NoReply("reply", limit_s)

    async def listen(self, quiet_s: float) -> list[Item]:
        """Everything that still comes until the line has been quiet so long."""
        seen = await self.port.drain(quiet_s)
        self._note_down()
        return seen

    async def pause(self, seconds: float) -> None:
        await self.clock.sleep_until(self.clock.now() + seconds)

    # The hand.

    async def act(self, action: str) -> str:
        """Ask the hand for *action*. Raises :class:`HandUnable` when it cannot or will not."""
        prompt = f"{self.slot}.{action.replace(' ', '.')}"
        self.history.append(self.slot, "-", "prompt", prompt=prompt, action=action)
        status = await self.hand.act(action, prompt)
        self.history.append(self.slot, "-", "answer", prompt=prompt, status=status)
        if status in ("unsupported", "timeout"):
            raise HandUnable(action, status)
        return status

    async def heard(self, count: int, limit_s: float | None = None) -> list[int]:
        """Up to *count* key bytes: as many as come before the hand's patience, or *limit_s*, is over."""
        until = self.clock.now() + (self.hand.patience_s if limit_s is None else limit_s)
        keys: list[int] = []
        while len(keys) < count and (left_s := until - self.clock.now()) > CLOCK_GRAIN_S:
            for item in await self.listen(min(self.QUIET_S, left_s)):
                if isinstance(item, Control) and self.dialect.key_of(item.byte) is not None:
                    keys.append(item.byte)
                elif isinstance(item, Frame):
                    return keys  # the pad says something else: the entry is over
        return keys

    def _note_down(self) -> None:
        """What has come is in the history: a frame without its final 03 is whole only after a while."""
        if self._line is not None:
            self._line.flush()

    async def press(self, words: str) -> int | None:
        """One key; the byte that came of it, None when none did."""
        await self.act(f"press {words}")
        said = await self.heard(1, min(self.hand.patience_s, 1.0))
        return said[0] if said else None

    async def type_digits(self, digits: str) -> list[int]:
        """Digits one after the other; what came of them."""
        await self.act(f"type {digits}")
        return await self.heard(len(digits))

    # Bringing the pad to its start state, whatever the last check left.

    async def home(self) -> None:
        """Keypad closed, nothing removed, parameters of the golden dialogue. Raises :class:`NotHome`."""
        with self.step("home"):
            why = Label("密码键盘没有应答", "the PIN pad does not answer")
            for left in range(self.HOME_TRIES - 1, -1, -1):
                try:
                    if self._port is None:
                        await self.open()
                    if await self._go_home():
                        return
                    why = Label("密码键盘自检未通过", "the PIN pad does not get through its self-test")
                    if left == 1:
                        await self._restart()
                except NoReply:
                    await (self._restart() if left == 1 else self._try_hand("poweron"))
                    await self.close()
                except LinkClosed:
                    await self._try_hand("poweron")
                    await self.close()
            raise NotHome(why)

    async def _go_home(self) -> bool:
        await self.listen(self.QUIET_S)
        await self.ask(Request(Op.KEYPAD, keypad=Keypad.CLOSED))
        reply = await self.ask(Request(Op.RESET))
        cures = {
            Error.TEST_MASTER_LOST: ("refit",),
            Error.TEST_KEYS: ("release", "repair"),
            Error.TEST_BATTERY: ("battery-ok",),
        }
        if reply.error is not None:
            for action in cures.get(reply.error, ()):
                await self._try_hand(action)
            await self.ask(Request(Op.REARM))
            reply = await self.ask(Request(Op.RESET))
        if not reply.ok:
            return False
        for setting, value in (
            (Setting.LOAD_CIPHER, Cipher.TDES),
            (Setting.WORK_CIPHER, Cipher.TDES),
            (Setting.PIN_FORMAT, PinFormat.ISO_0),
            (Setting.KCV_ON, 1),
        ):
            await self.ask(Request(Op.SET, setting=setting, value=value))
        return True

    async def power_cycle(self) -> None:
        """The supply goes and comes back; wait until the pad answers again."""
        await self.act("poweroff")
        await self.pause(self.POWER_OFF_S)
        await self.act("poweron")
        until = self.clock.now() + self.POWER_RETURN_S
        while True:
            try:
                await self.ask(Request(Op.CONNECTIVITY), self.POWER_OFF_S)
                return
            except LinkClosed:
                await self.open()
            except NoReply:
                if self.clock.now() >= until:
                    raise

    async def _restart(self) -> None:
        """What no command moves, a fresh start may: one bad check must not hide all the others."""
        if self.hand.actions.issuperset(("poweroff", "poweron")):
            try:
                await self.power_cycle()
            except (HandUnable, LinkError):
                pass  # home() judges by what the pad says

    async def _try_hand(self, action: str) -> None:
        if action in self.hand.actions:
            try:
                await self.act(action)
            except HandUnable:
                pass  # home() judges by what the pad says, not by what the hand says

    # Preflight.

    async def first_word(self) -> str:
        """What the pad calls itself. Raises :class:`NoReply` when it does not answer in its dialect."""
        await self.listen(self.QUIET_S)
        reply = await self.ask(Request(Op.VERSION))
        return reply.data[:16].decode("ascii", "replace").strip()


TESTER = PadTester
